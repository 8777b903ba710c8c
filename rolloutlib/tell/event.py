"""What people are told of: one thing that happened, in sentences that any language can say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.reason import Reason
    from rolloutlib.words.sentences import Sentence

__all__ = ["Event", "Kind"]

Kind = Literal["review", "watch", "decide", "rollback", "test"]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: the command that it came of.
        outcome: what programs branch on: GO, HOLD, NO_GO, INVALID, FAILED; CALM, AMBER, RED,
            NO_DATA, ROLLBACK; OFF, UNRECORDED, STILL_ON.
        exit_code: what the command ends with.
        headline: the one sentence that everybody reads.
        lines: what more there is to say, the weightiest first.
        stage: of the rollout; None where it is not known.
        report: the page to open, if there is one.
        at: when it happened.
    """

    kind: Kind
    outcome: str
    exit_code: int
    headline: Sentence
    lines: tuple[Sentence | Reason, ...] = ()
    stage: int | None = None
    report: Path | None = None
    at: datetime = field(default_factory=_now)
