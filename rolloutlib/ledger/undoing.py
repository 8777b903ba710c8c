"""What a rollback undoes, by the ledger: the GO that had put the flags in force, if one had."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET, structs

from rolloutlib.ledger.chain import undone_by
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.records import RECORD_ID, Joined
from rolloutlib.phrase import Clause, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.ledger.beside import BesideFile
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.judge import Judge
    from rolloutlib.ledger.records import FlagsThen, Head, WayBack

_FIRST_SWITCH = 2  # the generation after a workbook's first flags


class Undone(NamedTuple):
    """What is rolled back, and the GO that stands without it; None where there is none."""

    rolls_back: Head | None
    green: Head | None


def undone(ledger: Ledger, judge: Judge, before: FlagsThen | None, after: FlagsThen) -> Undone:
    """Return what a rollback undoes.

    Args:
        ledger: the ledger that is to hold the record.
        judge: says which decisions hold.
        before: the flags that were in force; None where nobody can tell.
        after: the safe flags.
    """
    head = _rolled_back(ledger, judge, before, after)
    if head is None:
        return Undone(None, None)
    others = (node.head for node in _standing(ledger, judge) if node.digest != head.sha256)
    return Undone(head, next(others, None))


def _standing(ledger: Ledger, judge: Judge) -> Iterator[Node]:
    """Yield the decisions that hold and that nothing took back, the newest first."""
    taken_back = undone_by(ledger.nodes)
    for node in reversed(ledger.nodes):
        go = node.predicate.verdict == "GO" and node.digest not in taken_back
        if go and judge.line(node, files=True).ok:
            yield node


def _rolled_back(
    ledger: Ledger, judge: Judge, before: FlagsThen | None, after: FlagsThen
) -> Head | None:
    if before and (node := _by_decision(ledger, before.decision)):
        way = node.predicate.rollback
        return way.rolls_back if way else node.head if node.predicate.verdict == "GO" else None
    if before and not before.decision:
        return None
    # Nobody can tell, or only the safe flags are left: the newest GO that entered their stage.
    fits = (n.head for n in _standing(ledger, judge) if after.stage in {0, _entered(n)})
    return next(fits, None)


def _entered(node: Node) -> int | None:
    return node.predicate.stage.to if node.predicate.stage else None


def _by_decision(ledger: Ledger, decision: str) -> Node | None:
    """Return the record that flags name: a rollback that was joined may have got another id."""
    for node in ledger.nodes:
        way = node.predicate.rollback
        if way and way.joined and way.after and way.after.decision == decision:
            return node
    return ledger.by_name.get(decision)


def lacks(ledger: Ledger, way: WayBack, *, waits: bool = False) -> Clause:
    """Return what the ledger must have lost: the decision by which flags were on; "" if none.

    A ledger that was deleted looks like a new one. The flags tell: they name the decision that they
    stand on, and count every switch since the first. Where nobody could read them, a rollback that
    `waits` beside an empty ledger is no proof that the ledger is new.
    """
    before, after = way.before or None, way.after or None
    if after is None:
        return ""
    decision = before.decision if before else ""
    match = RECORD_ID.fullmatch(decision)
    if match and match[2] != "rollback":
        return "" if _by_decision(ledger, decision) else decision
    unknown = before is None or bool(decision)
    many = waits or after.generation > _FIRST_SWITCH or not ledger.folder.is_dir()
    if unknown and not ledger.nodes and many:
        return phrase("what led to generation {n} of the flags", n=after.generation)
    return ""


def refuse_lost(ledger: Ledger, way: WayBack) -> None:
    """Raise LedgerError where the ledger lost what the flags stood on."""
    if decision := lacks(ledger, way):
        raise LedgerError("lost", decision=decision)


def holding(ledger: Ledger, file: BesideFile) -> Node | None:
    """Return the record that a file beside the ledger was joined as, or that tells of its event."""
    for node in ledger.nodes:
        digests = {subject.digest.sha256 for subject in node.record.subject}
        if node.predicate.kind == "rollback" and digests & {file.digest, file.flags_digest}:
            return node
    return None


def way_of(way: WayBack, what: Undone, joined: Joined | None = None) -> WayBack:
    """Return what a rollback's record says once it is known what it undoes."""
    return structs.replace(
        way,
        rolls_back=what.rolls_back,
        kind="undoes" if what.rolls_back else "nothing-promoted",
        restored_from=what.green.id if what.green else "–",
        joined=joined or UNSET,
    )
