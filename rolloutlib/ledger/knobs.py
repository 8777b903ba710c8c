"""The log of knob changes: one line each, which the next decision's record and card repeat."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.errors import RolloutError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import moment
from rolloutlib.ledger.record_parts import KnobPart
from rolloutlib.phrase import Phrase, foreign, phrase
from rolloutlib.words.sentences import translate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rolloutlib.ledger.workbook import Workbook
    from rolloutlib.plan.model import Plan

__all__ = [
    "LOG", "KnobError", "KnobLine", "Turned", "encoded", "knob_text", "knobs_since", "net",
    "read_log",
]  # fmt: skip

LOG: Final = "params/knobs.jsonl"
_MAX_BYTES: Final = 4_000_000
Value = float | str | None


class KnobError(RolloutError):
    """A knob that may not be turned so, or whose files are not what they should be."""


class KnobLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One change.

    Attributes:
        number: of the line, from 1.
        key: its place in the session config; None for a value is: not in it.
        why: the risk that it answers, or words.
        review: sha256 of the review.json or watch.json that shows why.
        forced: why one more than may be turned at once.
        undoes: the number of the change that this one takes back.
    """

    number: int
    at: datetime
    knob: str
    key: str
    before: Value
    after: Value
    why: str
    by: str = ""
    review: str = ""
    forced: str = ""
    undoes: int | None = None


class Turned(NamedTuple):
    """What several changes of one knob come to."""

    key: str
    before: Value
    after: Value
    why: str


def read_log(root: Path) -> tuple[KnobLine, ...]:
    """Return the changes, the oldest first; none where there is no log.

    Raises:
        KnobError: a line is not what `rollout knobs` wrote.
        FileError: something else than a file stands there.
    """
    path = root / LOG
    if not os.path.lexists(path):
        return ()
    lines: list[KnobLine] = []
    for number, text in enumerate(bounded_bytes(path, _MAX_BYTES).splitlines(), 1):
        try:
            line = msgspec.json.decode(text, type=KnobLine)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KnobError(_damaged(number, foreign(str(error)))) from None
        if line.number != number or line.at.tzinfo is None:
            why = phrase("its number or its time is not the one due")
            raise KnobError(_damaged(number, why))
        lines.append(line)
    return tuple(lines)


def _damaged(number: int, why: Phrase) -> Phrase:
    return phrase("{log}, line {number}: {why}; restore it (git checkout {log})", log=LOG,
                  number=number, why=why)  # fmt: skip


def encoded(lines: Iterable[KnobLine]) -> bytes:
    """Return the log's bytes."""
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def net(lines: Iterable[KnobLine], *, since: datetime | None = None) -> dict[str, Turned]:
    """Return what the changes after a moment come to, by knob; what was undone is left out."""
    turns: dict[str, Turned] = {}
    for line in lines:
        if since is None or line.at > since:
            first = turns.get(line.knob)
            before = line.before if first is None else first.before
            turns[line.knob] = Turned(line.key, before, line.after, line.why)
    return {knob: turned for knob, turned in turns.items() if turned.before != turned.after}


def knob_text(value: Value) -> str:
    """Return a knob's value as people read it."""
    return "–" if value is None else value if isinstance(value, str) else f"{value:g}"


def knobs_since(book: Workbook, plan: Plan, seq: int) -> tuple[KnobPart, ...]:
    """Return the knobs that were turned since the promotion record before a place in the ledger.

    Args:
        book: the workbook.
        plan: says what a knob is where the session config does not tell.
        seq: of the place.

    Raises:
        KnobError: the log is damaged.
    """
    ats = [
        moment(node.predicate.prepared.at, "prepared.at")
        for node in book.read().nodes
        if node.predicate.kind == "promotion" and node.predicate.seq < seq
    ]
    parts: list[KnobPart] = []
    for name, turned in net(read_log(book.root), since=max(ats, default=None)).items():
        knob, risk = plan.knobs.known.get(name), plan.risks.get(turned.why)
        default = knob.default if knob else None
        before, after = (default if v is None else v for v in (turned.before, turned.after))
        why = f"{turned.why}: {translate(risk.risk)}" if risk else turned.why
        values = (None if value is None else knob_text(value) for value in (before, after))
        parts.append(KnobPart(turned.key, *values, why=why))
    return tuple(parts)
