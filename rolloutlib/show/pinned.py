"""Which decisions of the ledger stand on which review, and who signed them, as the files claim.

Nothing is judged here: `rollout verify` says whether records and signatures hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import MAX_BYTES
from rolloutlib.ledger.records import RECORD_ID
from rolloutlib.ledger.seal import REVIEW, WATCH
from rolloutlib.ledger.workbook import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Decision", "decisions"]

Kind = TypeVar("Kind", bound=msgspec.Struct)


class Decision(msgspec.Struct, frozen=True):
    """A record of the ledger.

    Attributes:
        card: the file that people read, from the workbook's root; empty where there is none.
        at: when it was prepared, as it says.
        seq: its number in the ledger.
        reviews: digests of the reviews and watches that it pins.
        signed: roles that signed for what was decided.
        lang: of its card.
    """

    id: str
    verdict: str
    card: str
    at: str
    seq: int
    stage: int | None
    lang: str
    reviews: tuple[str, ...]
    signed: tuple[str, ...]


class _Digest(msgspec.Struct):
    sha256: str = ""


class _Subject(msgspec.Struct):
    name: str = ""
    digest: _Digest = msgspec.field(default_factory=_Digest)


class _Prepared(msgspec.Struct):
    at: str = ""


class _Move(msgspec.Struct):
    from_: int | None = msgspec.field(name="from", default=None)


class _Predicate(msgspec.Struct):
    verdict: str = ""
    seq: int = 0
    lang: str = "en"
    prepared: _Prepared = msgspec.field(default_factory=_Prepared)
    stage: _Move | None = None


class _Record(msgspec.Struct):
    predicate: _Predicate = msgspec.field(default_factory=_Predicate)
    subject: tuple[_Subject, ...] = ()


class _Signoff(msgspec.Struct):
    decision: str = ""
    role: str = ""


def decisions(root: Path) -> tuple[Decision, ...]:
    """Return the decisions of a workbook's ledger, oldest first; changes of keys are none."""
    folder = root / FOLDER
    names = sorted(path.stem for path in folder.glob("dec-*.record"))
    pinned = [
        decision
        for name in names
        if (parts := RECORD_ID.fullmatch(name)) and parts[2] != "keys"
        if (decision := _decision(folder, name)) is not None
    ]
    return tuple(sorted(pinned, key=lambda decision: (decision.seq, decision.id)))


def _decision(folder: Path, name: str) -> Decision | None:
    try:
        record = _read(folder / f"{name}.record", _Record)
    except (FileError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    predicate = record.predicate
    pinned = tuple(
        subject.digest.sha256
        for subject in record.subject
        if subject.name.rpartition("/")[2] in {REVIEW, WATCH}
    )
    card = f"{FOLDER}/{name}.md" if (folder / f"{name}.md").is_file() else ""
    return Decision(
        name, predicate.verdict, card, predicate.prepared.at, predicate.seq,
        predicate.stage.from_ if predicate.stage else None, predicate.lang, pinned,
        _signed(folder, name, predicate),
    )  # fmt: skip


def _signed(folder: Path, name: str, predicate: _Predicate) -> tuple[str, ...]:
    roles: list[str] = []
    for path in sorted(folder.glob(f"{name}.*.signoff")):
        if not path.with_name(f"{path.name}.sig").is_file():
            continue
        try:
            signoff = _read(path, _Signoff)
        except (FileError, msgspec.DecodeError, UnicodeDecodeError):
            continue
        if signoff.decision == predicate.verdict:
            roles.append(signoff.role)
    return tuple(dict.fromkeys(roles))


def _read(path: Path, kind: type[Kind]) -> Kind:
    return msgspec.json.decode(bounded_bytes(path, MAX_BYTES), type=kind)
