"""The ledger's folder, file by file: names, forms, and whether each record is what its name says.

Nothing here looks at a second record (chain.py does) or at a signature (judge.py does).
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes, file_sha256
from rolloutlib.ledger.deviations import check_deviations
from rolloutlib.ledger.documents import MAX_BYTES, decode, digest_of, moment
from rolloutlib.ledger.durable import TEMPORARY
from rolloutlib.ledger.findings import Finding, LedgerError, finding
from rolloutlib.ledger.records import RECORD_ID, SIGNER, Record, Signoff
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.ledger.records import Predicate

_RECORD: Final = re.compile(rf"(?P<id>{RECORD_ID.pattern})\.(?P<what>record|md)")
_SIGNOFF: Final = re.compile(
    rf"(?P<id>{RECORD_ID.pattern})\.(?P<who>{SIGNER.pattern})\.signoff(?P<sig>\.sig)?"
)
_OURS: Final = (".record", ".signoff", ".sig")
_KINDS: Final = {"rollback": "rollback", "keys": "keys", None: "promotion"}
_VERDICTS: Final = {
    "promotion": {"GO", "HOLD", "NO_GO"},
    "rollback": {"ROLLBACK"},
    "keys": {"KEYS"},
}


@dataclass(frozen=True, slots=True, eq=False)
class SignoffFile:
    """One person's signoff of one record, as found; `problem` says why it could not be read."""

    id: str
    who: str
    data: bytes
    signature: bytes | None
    signoff: Signoff | None = None
    problem: Finding | None = None

    @property
    def digest(self) -> str:
        """The sha256 that later records witness: of the signoff and its signature together."""
        return digest_of(self.data + (self.signature or b""))


class RecordFile(NamedTuple):
    """A record that is what its file's name says, with the bytes that count."""

    name: str
    data: bytes
    record: Record


class Contents(NamedTuple):
    """A ledger's folder as it was read.

    Attributes:
        signoffs: by the record's id.
        strays: findings of files that are no readable record.
        orphans: names that a crash can leave behind (temporary files, signatures and evidence that
            nothing commits).
    """

    records: list[RecordFile]
    signoffs: dict[str, list[SignoffFile]]
    strays: list[Finding]
    orphans: list[str]


class _Names(NamedTuple):
    """The folder's files by kind: signatures with their bytes, cards and evidence by id."""

    records: list[Path]
    signatures: dict[str, bytes]
    cards: set[str]
    evidence: set[str]


def read_folder(folder: Path, ledger: str) -> Contents:
    """Read a ledger's folder; a missing one is an empty ledger.

    Args:
        folder: docs/LEDGER.
        ledger: the ledger's name, to which every record must belong.
    """
    contents, names = Contents([], {}, [], []), _Names([], {}, set(), set())
    if os.path.lexists(folder) and not folder.is_dir():  # a link that leads nowhere, too
        contents.strays.append(finding("docs/LEDGER", "folder"))
    with os.scandir(folder) if folder.is_dir() else nullcontext(()) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            _sort(contents, names, folder, entry)
    for path in names.records:
        _read_record(contents, path, ledger)
    for name in names.signatures:
        if not name.endswith(".sig"):
            file = _signoff(name, names.signatures)
            contents.signoffs.setdefault(file.id, []).append(file)
    _without_record(contents, names)
    return contents


def _sort(contents: Contents, names: _Names, folder: Path, entry: os.DirEntry[str]) -> None:
    """Tell by its name what a file is."""
    record, signoff = _RECORD.fullmatch(entry.name), _SIGNOFF.fullmatch(entry.name)
    if entry.name.startswith(TEMPORARY):
        contents.orphans.append(entry.name)
    elif (record or signoff) and not entry.is_file(follow_symlinks=False):
        contents.strays.append(finding(entry.name, "link"))
    elif record and record["what"] == "md":
        names.cards.add(record["id"])
    elif record:
        names.records.append(folder / entry.name)
    elif signoff:
        try:
            data = bounded_bytes(folder / entry.name, MAX_BYTES, links=False)
            names.signatures[entry.name] = data
        except FileError as error:
            contents.strays.append(finding(entry.name, "unreadable", why=error.why))
    elif RECORD_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
        names.evidence.add(entry.name)
    elif _looks_ours(entry.name):
        contents.strays.append(finding(ascii(entry.name)[1:-1], "name"))


def _looks_ours(name: str) -> bool:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return plain.startswith("dec-") or plain.endswith(_OURS)


def _read_record(contents: Contents, path: Path, ledger: str) -> None:
    """Read a record; what is no record, or another ledger's, becomes a finding of its name."""
    try:
        data = bounded_bytes(path, MAX_BYTES + 1, links=False)
        record = decode(data, Record)
        check_form(path.stem, record, ledger)
    except LedgerError as error:
        contents.strays.append(Finding(path.stem, error.code, error.phrase))
    except FileError as error:
        contents.strays.append(finding(path.stem, "unreadable", why=error.why))
    else:
        contents.records.append(RecordFile(path.stem, data, record))


def _signoff(name: str, files: dict[str, bytes]) -> SignoffFile:
    match = _SIGNOFF.fullmatch(name)
    if match is None:
        raise LedgerError("name")
    file = SignoffFile(match["id"], match["who"], files[name], files.get(f"{name}.sig"))
    try:
        return replace(file, signoff=decode(file.data, Signoff))
    except LedgerError as error:
        of = phrase("the signoff of {who}: {error}", who=file.who, error=error)
        return replace(file, problem=Finding(file.id, f"signoff-{error.code}", of))


def _without_record(contents: Contents, names: _Names) -> None:
    """A crash leaves evidence and signatures without a record; a card or a signoff, only damage."""
    records = {path.stem for path in names.records}
    for name in names.signatures:
        if name.endswith(".sig") and name.removesuffix(".sig") not in names.signatures:
            contents.orphans.append(name)
    signed = {name.split(".", 1)[0] for name in names.signatures if name.endswith(".signoff")}
    contents.orphans.extend(names.evidence - records - signed - names.cards)
    for name in sorted((signed | names.cards) - records):
        contents.strays.append(finding(name, "deleted.record"))


# --- a record by itself ---------------------------------------------------------------------------


def check_form(name: str, record: Record, ledger: str) -> None:
    """Check that a record is what its name says, of this ledger, and complete by its own rules.

    Raises:
        LedgerError: the first rule that it breaks.
    """
    p = record.predicate
    if p.id != name:
        raise LedgerError("other-id", id=p.id, name=name)
    if p.ledger != ledger:
        raise LedgerError("other-ledger", got=p.ledger, expected=ledger)
    match, day = RECORD_ID.fullmatch(name), f"{moment(p.prepared.at, 'prepared.at'):%Y%m%d}"
    kind_fits = match is not None and (match[1], _KINDS[match[2]]) == (day, p.kind)
    if not kind_fits or p.verdict not in _VERDICTS[p.kind]:
        raise LedgerError("fields.id", kind=p.kind, verdict=p.verdict, day=day, name=name)
    subjects = [subject.name for subject in record.subject]
    if subjects != sorted(set(subjects)):
        raise LedgerError("fields.subjects")
    for subject in subjects:
        if not _inside(subject, name):
            raise LedgerError("fields.subject", subject=subject, name=name)
    check_waivers(p)


def subject_findings(folder: Path, name: str, record: Record) -> Iterator[Finding]:
    """Yield a finding for each file that a record rests on and that is not as it was."""
    for subject in record.subject:
        path = folder / subject.name
        plain = path.is_file() and path.resolve() == folder.resolve() / subject.name
        if path.is_symlink() or not plain:
            yield finding(name, "subject-missing", name=subject.name)
        elif file_sha256(path) != subject.digest.sha256:
            yield finding(name, "subject-changed", name=subject.name)


def _inside(subject: str, name: str) -> bool:
    folder, *rest = subject.split("/")
    return folder == name and bool(rest) and not {"", ".", ".."} & {*rest} and "\\" not in subject


def check_waivers(p: Predicate) -> None:
    """Check that a promotion's verdict is covered by what was found, or by waivers.

    A GO rests on gates and checks that all hold, are accepted as deviations, or are waived by name
    (`code`: uncommitted changes), and never on invalid data; any verdict against the recommendation
    needs a waiver (of what is in its way, or of `recommendation`).
    """
    if p.kind != "promotion":
        return
    waived = {waiver.gate for waiver in p.waivers if waiver.reason.strip()}
    check_deviations(p)
    holding = {gate.id for gate in p.gates if (gate.plan, gate.evidence) == ("pass", "pass")}
    holding |= {deviation.gate for deviation in p.accepted}
    refused = [gate.id for gate in p.gates if gate.id not in holding]
    refused += [check.id for check in p.checks if check.holds is not True]
    refused += ["code"] if p.pins and p.pins.dirty else []
    uncovered = [name for name in refused if name not in waived]
    if p.verdict == "GO" and (not p.gates or p.recommendation == "INVALID"):
        raise LedgerError("unwaived.invalid")
    if p.verdict == "GO" and uncovered:
        whys = (f". {check.id}: {check.why}" for check in p.checks if check.id in uncovered)
        raise LedgerError("unwaived", open=", ".join(uncovered), why="".join(whys))
    in_the_way = [name for name in refused if name != "code"]
    against = p.verdict != p.recommendation
    if against and not (waived & {*in_the_way, "recommendation"}):
        raise LedgerError("unwaived.against", verdict=p.verdict, recommendation=p.recommendation)
