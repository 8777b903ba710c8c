"""The ledger's folder, read and checked without any key: names, forms, and that every record follows from the others.

Order of checks for a record: its file's name and kind, its form (records.py), that it is what its name says, of this
ledger, and complete by its own rules; then its place: what it follows is there and unchanged, its number, its time, its
trust, what it witnesses, and what it builds on.
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.ledger.durable import TEMPORARY
from rolloutlib.ledger.records import (
    RECORD_ID,
    SIGNER,
    Head,
    LedgerError,
    Record,
    Signoff,
    digest_of,
    moment,
    parse_record,
    parse_signoff,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Finding", "Ledger", "Node", "SignoffFile", "examine", "read_ledger", "waived_sentence"]

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


class Finding(NamedTuple):
    """Something that does not hold: where (a record's id, or a file), which class, and a sentence."""

    where: str
    code: str
    sentence: str


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


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One record in its place.

    Attributes:
        before: bit i is set when this record follows record i, directly or not.
        source: index of the keys record under whose trust this one stands; −1 for the ledger's first record.
        signoffs: by signer's name.
    """

    index: int
    id: str
    digest: str
    record: Record
    signoffs: tuple[SignoffFile, ...]
    before: int = 0
    source: int = -1
    findings: tuple[Finding, ...] = ()

    @property
    def head(self) -> Head:
        """The record by name and digest."""
        return Head(self.id, self.digest)


@dataclass(slots=True)
class Ledger:
    """All records in an order in which each stands after those it follows, and what does not hold.

    Attributes:
        strays: findings that belong to no readable record.
        orphans: names that a crash can leave behind (temporary files, signatures and evidence that nothing commits).
        by_name: the nodes by id and by digest.
    """

    folder: Path
    nodes: list[Node] = field(default_factory=list[Node])
    strays: list[Finding] = field(default_factory=list[Finding])
    orphans: list[str] = field(default_factory=list[str])
    by_name: dict[str, Node] = field(default_factory=dict[str, "Node"])

    @property
    def heads(self) -> tuple[Head, ...]:
        """The records that none follows; two or more are an open fork."""
        followed = {head.sha256 for node in self.nodes for head in node.record.predicate.prev}
        return tuple(
            sorted(
                (node.head for node in self.nodes if node.digest not in followed),
                key=lambda head: head.id,
            )
        )

    @property
    def damage(self) -> tuple[Finding, ...]:
        """Everything that an append refuses to build on."""
        return (*self.strays, *(finding for node in self.nodes for finding in node.findings))

    def find(self, name: str) -> Node:
        """Return a record by id, or by digest; raise LedgerError where there is none."""
        if name in self.by_name:
            return self.by_name[name]
        last = f"; the newest is {self.nodes[-1].id}" if self.nodes else "; the ledger is empty"
        raise LedgerError("no-record", f"{self.folder} has no readable record {name}{last}")

    def up_to(self, node: Node) -> int:
        """Return the bits of a record and of all that it follows."""
        return node.before | 1 << node.index


def read_ledger(folder: Path, ledger: str) -> Ledger:
    """Read a ledger's folder and check the chain; signatures are not looked at.

    Args:
        folder: docs/LEDGER; a missing folder is an empty ledger.
        ledger: the ledger's name, as params/roles.yaml says.
    """
    found = Ledger(folder)
    names = _names(found)
    records = [parsed for path in names.records if (parsed := _record(found, path, ledger))]
    signoffs: dict[str, list[SignoffFile]] = {}
    for file in (
        _signoff(name, names.signatures) for name in names.signatures if not name.endswith(".sig")
    ):
        signoffs.setdefault(file.id, []).append(file)
    known = {name for name, _, _ in records}
    _orphans(found, names)
    for name, data, record in sorted(records, key=lambda entry: (entry[2].predicate.seq, entry[0])):
        node = Node(len(found.nodes), name, digest_of(data), record, tuple(signoffs.get(name, ())))
        node = _placed(found, node, known)
        found.nodes.append(node)
        found.by_name |= {node.id: node, node.digest: node}
    return found


def examine(ledger: Ledger, record: Record, data: bytes) -> Node:
    """Check a record as if it were the ledger's next; raise LedgerError where `read_ledger` would find something."""
    p = record.predicate
    _is_itself(p.id, parse_record(data), p.ledger)
    node = _placed(
        ledger,
        Node(len(ledger.nodes), p.id, digest_of(data), record, ()),
        {known.id for known in ledger.nodes},
    )
    if node.findings:
        raise LedgerError(
            node.findings[0].code, f"{p.id} was not written: {node.findings[0].sentence}"
        )
    return node


# --- names and forms ------------------------------------------------------------------------------------------------


class _Names(NamedTuple):
    """The folder's files by what they are."""

    records: list[Path]
    signatures: dict[str, bytes]
    cards: set[str]
    evidence: set[str]


def _names(found: Ledger) -> _Names:
    """Sort the folder's files: records, signoffs and signatures (by name), ids that have a card, ids with evidence."""
    names = _Names([], {}, set(), set())
    with os.scandir(found.folder) if found.folder.is_dir() else nullcontext(()) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            _sort(found, names, entry)
    return names


def _sort(found: Ledger, names: _Names, entry: os.DirEntry[str]) -> None:
    record, signoff = _RECORD.fullmatch(entry.name), _SIGNOFF.fullmatch(entry.name)
    if entry.name.startswith(TEMPORARY):
        found.orphans.append(entry.name)
    elif (record or signoff) and not entry.is_file(follow_symlinks=False):
        found.strays.append(
            Finding(
                entry.name, "link", "it is a link or no file; the ledger holds plain files only"
            )
        )
    elif record and record["what"] == "md":
        names.cards.add(record["id"])
    elif record:
        names.records.append(found.folder / entry.name)
    elif signoff:
        names.signatures[entry.name] = (found.folder / entry.name).read_bytes()
    elif RECORD_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
        names.evidence.add(entry.name)
    elif _looks_ours(entry.name):
        sentence = "it is no name of this ledger, though it looks like one; remove or rename it"
        found.strays.append(Finding(ascii(entry.name)[1:-1], "name", sentence))


def _looks_ours(name: str) -> bool:
    same = unicodedata.normalize("NFKC", name).casefold()
    return same.startswith("dec-") or same.endswith(_OURS)


def _record(found: Ledger, path: Path, ledger: str) -> tuple[str, bytes, Record] | None:
    """Parse a record; what is no record, or another's, becomes a finding of its name."""
    data = path.read_bytes()
    try:
        record = parse_record(data)
        _is_itself(path.stem, record, ledger)
    except LedgerError as error:
        found.strays.append(Finding(path.stem, error.code, str(error)))
        return None
    return path.stem, data, record


def _is_itself(name: str, record: Record, ledger: str) -> None:
    p = record.predicate
    if p.id != name:
        raise LedgerError(
            "other-id", f"it is a copy of {p.id} under another name; each record has its own id"
        )
    if p.ledger != ledger:
        raise LedgerError(
            "other-ledger", f"it belongs to the ledger {p.ledger!r}, not to {ledger!r}"
        )
    match = RECORD_ID.fullmatch(name)
    day = f"{moment(p.prepared.at, 'prepared.at'):%Y%m%d}"
    if (
        match is None
        or match[1] != day
        or _KINDS[match[2]] != p.kind
        or p.verdict not in _VERDICTS[p.kind]
    ):
        raise LedgerError(
            "fields",
            f"a {p.kind} with verdict {p.verdict} of {day} does not belong under the id {name}",
        )
    if [s.name for s in record.subject] != sorted({s.name for s in record.subject}):
        raise LedgerError("fields", "its subjects are not sorted by name, each once")
    if bad := next((s.name for s in record.subject if not _inside(s.name, name)), None):
        raise LedgerError("fields", f"its subject {bad!r} lies outside of the folder {name}/")
    if sentence := waived_sentence(record):
        raise LedgerError("unwaived", sentence)


def _inside(subject: str, name: str) -> bool:
    return (
        subject.startswith(f"{name}/")
        and not {"", ".", ".."} & set(subject.split("/"))
        and "\\" not in subject
    )


def waived_sentence(record: Record) -> str:
    """Return why a promotion's verdict lacks a waiver; empty where it holds.

    A GO rests on gates and checks that all hold or are waived by name (`code`: uncommitted changes), and never on
    invalid data; any verdict against the recommendation needs a waiver (of what is in its way, or of `recommendation`).
    """
    p = record.predicate
    if p.kind != "promotion":
        return ""
    waived = {waiver.gate for waiver in p.waivers if waiver.reason.strip()}
    refused = [gate.id for gate in p.gates if (gate.plan, gate.evidence) != ("pass", "pass")]
    refused += [check.id for check in p.checks if check.holds is not True]
    refused += ["code"] if p.pins and p.pins.dirty else []
    if p.verdict == "GO" and (not p.gates or p.recommendation == "INVALID"):
        return (
            "GO cannot rest on data that are no evidence, with any waiver; review valid runs first"
        )
    if p.verdict == "GO" and (open_ := [name for name in refused if name not in waived]):
        return f"GO is refused: {', '.join(open_)} neither holds nor is waived with a reason"
    if p.verdict != p.recommendation and not waived:
        return f"the verdict {p.verdict} is against the recommendation {p.recommendation} and no waiver says why"
    return ""


def _signoff(name: str, files: dict[str, bytes]) -> SignoffFile:
    match = _SIGNOFF.fullmatch(name)
    if match is None:
        raise LedgerError("name", f"{name} is no signoff's name")
    file = SignoffFile(match["id"], match["who"], files[name], files.get(f"{name}.sig"))
    try:
        return replace(file, signoff=parse_signoff(file.data))
    except LedgerError as error:
        return replace(
            file,
            problem=Finding(
                file.id, f"signoff-{error.code}", f"the signoff of {file.who}: {error}"
            ),
        )


def _orphans(found: Ledger, names: _Names) -> None:
    """What belongs to no record: a crash leaves evidence and signatures behind, only damage leaves the others."""
    there, signed = {path.stem for path in names.records}, set(names.signatures)
    found.orphans += [
        name for name in signed if name.endswith(".sig") and name.removesuffix(".sig") not in signed
    ]
    found.orphans += names.evidence - there
    owned = {name.split(".", 1)[0] for name in signed if name.endswith(".signoff")} | names.cards
    for name in sorted(owned - there):
        sentence = "there is a card or a signoff but no record: the record was deleted (restore it from git)"
        found.strays.append(Finding(name, "deleted", sentence))


# --- the chain ------------------------------------------------------------------------------------------------------


def _placed(found: Ledger, node: Node, known: set[str]) -> Node:
    """Give a record its place after those it follows, with what does not hold there."""
    parents = [
        found.by_name[head.sha256]
        for head in node.record.predicate.prev
        if head.sha256 in found.by_name
    ]
    before = 0
    for parent in parents:
        before |= found.up_to(parent)
    sources = _sources(found, parents)
    placed = replace(node, before=before, source=sources[0] if sources else -1)
    problems = [
        Finding(node.id, code, text)
        for code, text in _problems(found, placed, parents, known, sources)
    ]
    return replace(placed, findings=tuple(problems))


def _sources(found: Ledger, parents: list[Node]) -> list[int]:
    """Return the keys records (or −1, the beginning) whose trust holds after the parents: the latest."""
    told = {
        parent.index if parent.record.predicate.kind == "keys" else parent.source
        for parent in parents
    }
    return sorted(
        one
        for one in told
        if not any(_follows(found, other, one) for other in told if other != one)
    )


def _follows(found: Ledger, later: int, earlier: int) -> bool:
    return earlier < 0 <= later or (later >= 0 and bool(found.nodes[later].before >> earlier & 1))


def _problems(
    found: Ledger, node: Node, parents: list[Node], known: set[str], sources: list[int]
) -> Iterator[tuple[str, str]]:
    p = node.record.predicate
    for head in p.prev:
        if head.sha256 not in {parent.digest for parent in parents}:
            yield _lost(head, known, "it follows")
    yield from _order(found, node, parents)
    yield from _trusted(found, node, sources, parents)
    yield from _witnessed(found, node)
    for head in filter(None, (p.builds_on, p.rollback.rolls_back if p.rollback else None)):
        other = _before(found, node, head.sha256)
        if other is None or (other.id, other.record.predicate.verdict) != (head.id, "GO"):
            yield (
                "builds-on",
                f"it builds on, or rolls back, {head.id}, which is no GO record before it",
            )
    if (p.kind == "rollback") != (p.rollback is not None) or (p.kind == "keys") != (
        p.change is not None
    ):
        yield "fields", f"what it says does not fit a record of kind {p.kind}"


def _before(found: Ledger, node: Node, name: str) -> Node | None:
    other = found.by_name.get(name)
    return other if other and node.before >> other.index & 1 else None


def _lost(head: Head, known: set[str], why: str) -> tuple[str, str]:
    if head.id in known:
        return (
            "edited",
            f"{why} {head.id} with other bytes: {head.id} was edited afterwards (restore it from git)",
        )
    return (
        "deleted",
        f"{why} {head.id}, which is not there: it was deleted or cannot be read (restore it from git)",
    )


def _order(found: Ledger, node: Node, parents: list[Node]) -> Iterator[tuple[str, str]]:
    p = node.record.predicate
    if not p.prev and found.nodes:
        yield (
            "second-root",
            "it begins a second ledger: it follows no record, but another record is the first",
        )
    due = 1 + max((parent.record.predicate.seq for parent in parents), default=0)
    if p.seq != due and len(parents) == len(p.prev):
        yield "sequence", f"it is number {p.seq}; after what it follows it must be {due}"
    if [head.id for head in p.prev] != sorted({head.id for head in p.prev}):
        yield "sequence", "the records that it follows are not sorted by name, each once"
    for parent in parents:
        if any(other.before >> parent.index & 1 for other in parents):
            yield "sequence", f"it follows {parent.id}, and also a record that follows {parent.id}"
        if p.prepared.at < parent.record.predicate.prepared.at:
            yield ("time", f"it is dated {p.prepared.at}, before {parent.id}, which it follows")


def _trusted(
    found: Ledger, node: Node, sources: list[int], parents: list[Node]
) -> Iterator[tuple[str, str]]:
    p = node.record.predicate
    if not parents or p.kind == "keys":
        return
    if len(sources) > 1:
        names = " and ".join(found.nodes[one].id for one in sources if one >= 0)
        yield (
            "trust",
            f"it joins two changes of keys ({names}); only a keys record can join them (rollout keys accept)",
        )
    elif p.trust != found.nodes[max(sources[0], 0)].record.predicate.trust:
        yield (
            "trust",
            "its keys, roles or thresholds are not those of the records before it, and no keys record changed them",
        )


def _witnessed(found: Ledger, node: Node) -> Iterator[tuple[str, str]]:
    for name, digests in node.record.predicate.witnesses.items():
        other = _before(found, node, name)
        there = {file.who: file.digest for file in other.signoffs} if other else {}
        for who, digest in digests.items():
            if who not in there:
                yield (
                    "witness",
                    f"{who} had signed {name} when this was drafted; that signoff was deleted (restore it from git)",
                )
            elif there[who] != digest:
                yield (
                    "witness",
                    f"the signoff of {who} on {name} is not the one that was there when this was drafted",
                )
