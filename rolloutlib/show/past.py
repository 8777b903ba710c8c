"""One earlier report as the index and the trend need it: what it says, and whether it is as sealed.

What a report says is read from its sealed record alone, and of that only what is shown.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes, file_sha256
from rolloutlib.ledger.seal import (
    NOTEBOOK,
    PAGE,
    QUARANTINE,
    REVIEW,
    SEAL,
    WATCH,
    WATCH_NOTEBOOK,
    WATCH_PAGE,
    disagreeing,
    needed,
    parts_in,
)
from rolloutlib.measure.looks import Look
from rolloutlib.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "COMPARE",
    "INDEX",
    "NAMELESS",
    "REVIEWED",
    "WATCHED",
    "Moved",
    "Past",
    "PastGate",
    "past_at",
    "past_of",
]

INDEX: Final = "index.html"  # of a folder of reports
REVIEWED, WATCHED, COMPARE = "review", "watch", "compare"
_KINDS: Final = {
    "rolloutlib/review@2": REVIEWED, "rolloutlib/watch@1": WATCHED,
    "rolloutlib/comparison@1": COMPARE,
}  # fmt: skip
_WORDS: Final = {
    REVIEWED: ("GO", "HOLD", "NO_GO", "INVALID"), COMPARE: ("GO", "HOLD", "NO_GO", "INVALID"),
    WATCHED: ("CALM", "AMBER", "RED", "NO_DATA", "ROLLBACK"),
}  # fmt: skip
NAMELESS: Final = "?"  # in place of a part: the folder's own name is no text


class PastEvidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gate's estimate then, with its bounds; None beside a point is no bound."""

    verdict: str
    point: float | None = None
    lower: float | None = None
    upper: float | None = None


class PastGate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One gate then, as `judge.record.GateResult` has it."""

    id: str
    title: str
    unit: str
    evidence_unit: str
    signed: bool
    harm: str
    limit: float
    proof_limit: float
    evidence: PastEvidence
    subject: str | None = None


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A flag that is not the same in both arms, with its feature's letter and title."""

    feature: str
    flag: str
    before: bool | str | int | float | None
    after: bool | str | int | float | None
    title: str = ""


class _Decided(msgspec.Struct):
    candidate: tuple[Moved, ...] = ()


class Past(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An earlier report.

    Attributes:
        where: its folder, from the folder of reports.
        kind: review, watch or compare; empty where no record tells.
        word: recommendation or outcome; empty where the report is not as sealed.
        wrong: parts that are not as sealed: then nothing else is told.
        page: what people open.
        sha256: of its record, by which the ledger pins it.
        first: the weightiest reason.
        until: the moment of the newest run, or up to which it watched.
        made: when it was reviewed, as its notebook says; without one, as its seal's file does.
        dated: whether the notebook says that.
        users: distinct people of the treatment.
    """

    where: str
    kind: str = ""
    word: str = ""
    wrong: tuple[str, ...] = ()
    page: str = ""
    sha256: str = ""
    data_sha256: str = ""
    stage: int = -1
    stage_name: str = ""
    control: str = ""
    treatment: str = ""
    first: Reason | None = None
    until: datetime | None = None
    made: datetime | None = None
    dated: bool = False
    look: Look = Look(0, 0, None, 0.0)
    users: int | None = None
    moved: tuple[Moved, ...] = ()
    gates: tuple[PastGate, ...] = ()


class _Arm(msgspec.Struct):
    arm: str = ""
    users: int | None = None
    flags: dict[str, bool | str | int | float | None] | None = None


class _Run(msgspec.Struct):
    started_at: datetime | None = None
    last_at: datetime | None = None


class _Record(msgspec.Struct, kw_only=True):
    """All that is read of review.json or watch.json."""

    schema: str = ""
    stage: int = -1
    stage_name: str = ""
    control: str = ""
    treatment: str = ""
    recommendation: str = ""
    outcome: str = ""
    reasons: tuple[Reason, ...] = ()
    gates: tuple[PastGate, ...] = ()
    arms: tuple[_Arm, ...] = ()
    runs: tuple[_Run, ...] | dict[str, int] = ()
    look: Look = Look(0, 0, None, 0.0)
    features: dict[str, str] = {}
    as_of: datetime | None = None
    data_sha256: str = ""
    people: int | None = None
    decided: _Decided | None = None


class _Papermill(msgspec.Struct):
    end_time: str = ""


class _Metadata(msgspec.Struct):
    papermill: _Papermill = msgspec.field(default_factory=_Papermill)


class _Notebook(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def past_at(folder: Path, where: str) -> Past:
    """Read a report and hold its parts against its seal.

    Args:
        folder: of the report.
        where: what it is called.
    """
    try:
        written = folder.joinpath(SEAL).stat().st_mtime
    except OSError:
        return Past(where=where, wrong=(SEAL,))
    parts, hashed, unread = _parts(folder)
    if unread:
        return Past(where=where, wrong=unread)
    name = REVIEW if REVIEW in parts else WATCH
    try:
        record = msgspec.json.decode(parts.get(name, b""), type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Past(where=where, wrong=(name,))
    kind, word = _kind_and_word(record)
    if not word or (kind == WATCHED) != (name == WATCH):
        return Past(where=where, wrong=(name,))
    must = needed(record.schema, word)
    if wrong := dict.fromkeys(part for part, _ in disagreeing(parts, must, hashed)):
        return Past(where=where, kind=kind, wrong=tuple(wrong))
    notebook = parts.get(NOTEBOOK) or parts.get(WATCH_NOTEBOOK) or b""
    return _told(record, where, sha256(parts[name]).hexdigest(), _ended(notebook), written)


def _kind_and_word(record: _Record) -> tuple[str, str]:
    """Return a record's kind and the word that this kind says; no word that it cannot say."""
    kind = _KINDS.get(record.schema, "")
    word = record.outcome if kind == WATCHED else record.recommendation
    return kind, word if word in _WORDS.get(kind, ()) else ""


def past_of(record: bytes, where: str) -> Past:
    """Return what a review's record says, for who has just made it.

    Raises:
        msgspec.DecodeError: it is no record.
    """
    fields = msgspec.json.decode(record, type=_Record)
    return _told(fields, where, sha256(record).hexdigest(), None, None)


def _parts(folder: Path) -> tuple[dict[str, bytes], dict[str, str], tuple[str, ...]]:
    """Return a report's parts, the digests of the rows that were refused, and what is unread."""
    parts: dict[str, bytes] = {}
    hashed: dict[str, str] = {}
    unread: list[str] = []
    for name in parts_in(folder):
        try:
            if name.startswith(QUARANTINE) and name.endswith(".jsonl"):
                hashed[name] = file_sha256(folder / name)
            else:
                parts[name] = bounded_bytes(folder / name)
        except FileError:
            unread.append(name)
    return parts, hashed, tuple(unread)


def _told(
    record: _Record, where: str, digest: str, ended: datetime | None, written: float | None
) -> Past:
    kind, word = _kind_and_word(record)
    filed = None if written is None else datetime.fromtimestamp(written, UTC)
    treatment = next((arm for arm in record.arms if arm.arm == record.treatment), None)
    until = record.as_of if kind == WATCHED else _end(record)
    return Past(
        where=where, kind=kind, word=word,
        page=WATCH_PAGE if kind == WATCHED else PAGE, sha256=digest,
        data_sha256=record.data_sha256, stage=record.stage, stage_name=record.stage_name,
        control=record.control, treatment=record.treatment, first=next(iter(record.reasons), None),
        until=until, made=ended or filed, dated=ended is not None, look=record.look,
        users=treatment.users if treatment else record.people, moved=_moved(record),
        gates=record.gates,
    )  # fmt: skip


def _moved(record: _Record) -> tuple[Moved, ...]:
    """Return the flags that are judged; of older records those that differ between the arms."""
    if record.decided is not None:
        return record.decided.candidate
    flags = {arm.arm: arm.flags or {} for arm in record.arms}
    before, after = flags.get(record.control, {}), flags.get(record.treatment, {})
    return tuple(
        Moved(record.features.get(name, ""), name, before.get(name), value)
        for name, value in after.items()
        if name in record.features and before.get(name) != value
    )


def _end(record: _Record) -> datetime | None:
    """Return when the newest run was."""
    runs: Iterable[_Run] = record.runs if isinstance(record.runs, tuple) else ()
    times = [at for run in runs if (at := run.last_at or run.started_at) is not None]
    return max((at if at.tzinfo else at.replace(tzinfo=UTC) for at in times), default=None)


def _ended(notebook: bytes) -> datetime | None:
    """Return when a notebook had run."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        end_time = msgspec.json.decode(notebook, type=_Notebook).metadata.papermill.end_time
        ended = datetime.fromisoformat(end_time)
        return ended if ended.tzinfo else ended.replace(tzinfo=UTC)
    return None
