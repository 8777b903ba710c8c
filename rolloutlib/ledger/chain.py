"""The chain: every record stands after those that it follows, under the trust that they left.

Order of checks for a record, after its form (folder.py): (1) what it follows is there and
unchanged, (2) its number and time, (3) its trust, (4) what it witnesses, (5) what it builds on,
(6) that its parts fit its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec import UNSET

from rolloutlib.ledger.documents import decode, digest_of
from rolloutlib.ledger.findings import Finding, LedgerError, finding
from rolloutlib.ledger.folder import SignoffFile, check_form, read_folder
from rolloutlib.ledger.records import Head, Record
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from rolloutlib.ledger.records import Predicate, Trust


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One record in its place.

    Attributes:
        before: bit i is set when this record follows record i, directly or not.
        source: index of the keys record under whose trust this one stands; −1 for the ledger's
            first record.
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
    def predicate(self) -> Predicate:
        """What the record says."""
        return self.record.predicate

    @property
    def head(self) -> Head:
        """The record by name and digest."""
        return Head(self.id, self.digest)


@dataclass(slots=True)
class Ledger:
    """All records in an order in which each stands after those it follows, and what does not hold.

    Attributes:
        strays: findings that belong to no readable record.
        orphans: names that a crash can leave behind.
        by_name: the nodes by id and by digest.
    """

    folder: Path
    strays: list[Finding]
    orphans: list[str]
    nodes: list[Node] = field(default_factory=list[Node])
    by_name: dict[str, Node] = field(default_factory=dict[str, "Node"])

    @property
    def heads(self) -> tuple[Head, ...]:
        """The records that none follows; two or more are an open fork."""
        followed = {head.sha256 for node in self.nodes for head in node.predicate.prev}
        heads = (node.head for node in self.nodes if node.digest not in followed)
        return tuple(sorted(heads, key=lambda head: head.id))

    @property
    def damage(self) -> tuple[Finding, ...]:
        """Everything that an append refuses to build on."""
        return (*self.strays, *(problem for node in self.nodes for problem in node.findings))

    def refuse_damage(self) -> None:
        """Raise LedgerError where something does not hold."""
        if self.damage:
            where, _, first = self.damage[0]
            raise LedgerError("damaged", where=where, first=first)

    def find(self, name: str) -> Node:
        """Return a record by id, or by digest; raise LedgerError where there is none."""
        if name in self.by_name:
            return self.by_name[name]
        newest = phrase("the ledger is empty")
        if self.nodes:
            newest = phrase("the newest is {id}", id=self.nodes[-1].id)
        raise LedgerError("no-record", folder=self.folder, name=name, newest=newest)

    def up_to(self, node: Node) -> int:
        """Return the bits of a record and of all that it follows."""
        return node.before | 1 << node.index

    def earlier(self, node: Node, name: str) -> Node | None:
        """Return a record, by id or digest, that a record follows, directly or not."""
        other = self.by_name.get(name)
        return other if other and node.before >> other.index & 1 else None


def read_ledger(folder: Path, ledger: str) -> Ledger:
    """Read a ledger's folder and check the chain; signatures are not looked at.

    Args:
        folder: docs/LEDGER; a missing folder is an empty ledger.
        ledger: the ledger's name, as params/roles.yaml says.
    """
    contents = read_folder(folder, ledger)
    chain = Ledger(folder, contents.strays, contents.orphans)
    names = {file.name for file in contents.records}
    for file in sorted(contents.records, key=lambda file: (file.record.predicate.seq, file.name)):
        signoffs = tuple(contents.signoffs.get(file.name, ()))
        node = Node(len(chain.nodes), file.name, digest_of(file.data), file.record, signoffs)
        node = _placed(chain, node, names)
        chain.nodes.append(node)
        chain.by_name |= {node.id: node, node.digest: node}
    return chain


def examine(ledger: Ledger, data: bytes) -> Node:
    """Check a record as if it were the ledger's next one.

    Raises:
        LedgerError: `read_ledger` would find something.
    """
    record = decode(data, Record)
    p = record.predicate
    check_form(p.id, record, p.ledger)
    node = Node(len(ledger.nodes), p.id, digest_of(data), record, ())
    node = _placed(ledger, node, {other.id for other in ledger.nodes})
    if node.findings:
        refusal = LedgerError("not-written", id=p.id, why=node.findings[0].phrase)
        refusal.code = node.findings[0].code
        raise refusal
    return node


def _placed(ledger: Ledger, node: Node, names: Collection[str]) -> Node:
    """Give a record its place after those that it follows, with what does not hold there."""
    followed = [head.sha256 for head in node.predicate.prev]
    parents = [ledger.by_name[digest] for digest in followed if digest in ledger.by_name]
    before = 0
    for parent in parents:
        before |= ledger.up_to(parent)
    sources = _sources(ledger, parents)
    placed = replace(node, before=before, source=sources[0] if sources else -1)
    problems = (
        *_lost(placed, parents, names),  # (1)
        *_order(ledger, placed, parents),  # (2)
        *_trust(ledger, placed, sources, parents),  # (3)
        *_witnesses(ledger, placed),  # (4)
        *_built_on(ledger, placed),  # (5)
        *_parts(placed),  # (6)
    )
    return replace(placed, findings=problems)


def _sources(ledger: Ledger, parents: list[Node]) -> list[int]:
    """Return the keys records (or −1, the beginning) whose trust holds after the parents."""
    candidates = {
        parent.index if parent.predicate.kind == "keys" else parent.source for parent in parents
    }

    def replaced(source: int) -> bool:
        return any(_follows(ledger, other, source) for other in candidates - {source})

    return sorted(source for source in candidates if not replaced(source))


def _follows(ledger: Ledger, later: int, earlier: int) -> bool:
    return earlier < 0 <= later or (later >= 0 and bool(ledger.nodes[later].before >> earlier & 1))


def _lost(node: Node, parents: list[Node], names: Collection[str]) -> Iterator[Finding]:
    parent_digests = {parent.digest for parent in parents}
    for head in node.predicate.prev:
        if head.sha256 not in parent_digests:
            yield finding(node.id, "edited" if head.id in names else "deleted", id=head.id)


def _order(ledger: Ledger, node: Node, parents: list[Node]) -> Iterator[Finding]:
    p = node.predicate
    if not p.prev and ledger.nodes:
        yield finding(node.id, "second-root")
    expected = 1 + max((parent.predicate.seq for parent in parents), default=0)
    if p.seq != expected and len(parents) == len(p.prev):
        yield finding(node.id, "sequence", seq=p.seq, expected=expected)
    ids = [head.id for head in p.prev]
    if ids != sorted(set(ids)):
        yield finding(node.id, "sequence.order")
    for parent in parents:
        if any(other.before >> parent.index & 1 for other in parents):
            yield finding(node.id, "sequence.ancestor", id=parent.id)
        if p.prepared.at < parent.predicate.prepared.at:
            yield finding(node.id, "time", at=p.prepared.at, id=parent.id)


def _trust(
    ledger: Ledger, node: Node, sources: list[int], parents: list[Node]
) -> Iterator[Finding]:
    if not parents or node.predicate.kind == "keys":
        return
    if len(sources) > 1:
        ids = " and ".join(ledger.nodes[source].id for source in sources if source >= 0)
        yield finding(node.id, "trust.join", ids=ids)
    elif node.predicate.trust != ledger.nodes[max(sources[0], 0)].predicate.trust:
        yield finding(node.id, "trust")


def _witnesses(ledger: Ledger, node: Node) -> Iterator[Finding]:
    for name, digests in node.predicate.witnesses.items():
        other = ledger.earlier(node, name)
        signatures = {file.who: file.digest for file in other.signoffs} if other else {}
        for who, digest in digests.items():
            if signatures.get(who) != digest:
                code = "witness.other" if who in signatures else "witness"
                yield finding(node.id, code, who=who, id=name)


def _built_on(ledger: Ledger, node: Node) -> Iterator[Finding]:
    p = node.predicate
    for head in filter(None, (p.builds_on, p.rollback and p.rollback.rolls_back)):
        other = ledger.earlier(node, head.sha256)
        if other is None or (other.id, other.predicate.verdict) != (head.id, "GO"):
            yield finding(node.id, "builds-on", id=head.id)


def _parts(node: Node) -> Iterator[Finding]:
    p, way = node.predicate, node.predicate.rollback
    fits = (way is not None, p.change is not None) == (p.kind == "rollback", p.kind == "keys")
    if way is not None:
        undoes = way.kind is UNSET or way.kind == "undoes"
        fits &= undoes == (way.rolls_back is not None)
        digests = {subject.digest.sha256 for subject in node.record.subject}
        fits &= way.joined is UNSET or way.joined.sha256 in digests
    if not fits:
        yield finding(node.id, "fields.kind", kind=p.kind)


# --- what later records stand on ------------------------------------------------------------------


def undone_by(nodes: Iterable[Node]) -> dict[str, Node]:
    """Return the rollback record of every decision that one rolled back, by its digest."""
    ways = ((node, node.predicate.rollback) for node in nodes)
    return {way.rolls_back.sha256: node for node, way in ways if way and way.rolls_back}


def trust_after(ledger: Ledger) -> Trust | None:
    """Return whose signatures count in the next record: None in an empty ledger, or at a fork."""
    parents = [ledger.by_name[head.sha256] for head in ledger.heads]
    sources = _sources(ledger, parents)
    return ledger.nodes[max(sources[0], 0)].predicate.trust if len(sources) == 1 else None
