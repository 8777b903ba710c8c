"""The place that a record gets in the ledger, and the bytes that a draft becomes there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rolloutlib.ledger.chain import trust_after
from rolloutlib.ledger.documents import digest_of, encode, instant, moment
from rolloutlib.ledger.durable import next_id
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.records import (
    Decision,
    Digests,
    Head,
    Kind,
    Predicate,
    Prepared,
    Record,
    Subject,
    Trust,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.workbook import Workbook

_SAME_COMMAND: Final = timedelta(minutes=10)  # so long a command may be given again


class Slot(NamedTuple):
    """The place that an append gives a record; `witnesses` are signatures by record and signer."""

    id: str
    seq: int
    prev: tuple[Head, ...]
    at: str
    ledger: str
    trust: Trust
    witnesses: dict[str, dict[str, str]]
    builds_on: Head | None

    def draft(self, kind: Kind, verdict: Decision, by: str, **fields: Any) -> Predicate:  # noqa: ANN401
        """Return a record's predicate in this place, with what else it says, by field."""
        place: dict[str, Any] = {"lang": "en"} | self._asdict() | fields
        prepared = Prepared(by, place.pop("at"))
        return Predicate(kind=kind, verdict=verdict, prepared=prepared, **place)


def next_slot(book: Workbook, ledger: Ledger, kind: Kind, now: datetime, name: str = "") -> Slot:
    """Return the next place.

    A rollback is never kept out: neither by a change of keys without a record (the trust of before
    holds on), nor by a record that is a moment later than its own clock.
    """
    heads = [ledger.find(head.sha256).predicate for head in ledger.heads]
    at, trust = instant(now), None
    if kind == "rollback":
        at = max(at, *(head.prepared.at for head in heads), "")
        trust = trust_after(ledger)
    names = [node.id for node in ledger.nodes]
    fresh = next_id(kind, moment(at, "at"), names)
    chosen = name if name not in names and _day(name) == _day(fresh) else fresh
    return Slot(
        chosen, 1 + max((head.seq for head in heads), default=0), ledger.heads, at,
        book.roles.ledger, trust or book.trust, unwitnessed(ledger),
        Judge(book, ledger, now).green(),
    )  # fmt: skip


def _day(name: str) -> str:
    """Return an id without its number: its day and kind."""
    return name.rpartition("-")[0]


def record_in(
    slot: Slot, draft: Callable[[Slot], Predicate], evidence: Mapping[str, bytes]
) -> bytes:
    """Return the bytes of a record in a place."""
    subjects = tuple(
        Subject(f"{slot.id}/{name}", Digests(digest_of(data)))
        for name, data in sorted(evidence.items())
    )
    return encode(Record(subjects, draft(slot)))


def drafted(
    ledger: Ledger,
    slot: Slot,
    draft: Callable[[Slot], Predicate],
    evidence: Mapping[str, bytes],
    now: datetime,
) -> Node | None:
    """Return the record that a command wrote before it was killed, where this is that command.

    It is the head, nobody has signed it, it is some minutes old at most, and drafted in its place
    this record would be the same to the last byte. A second one would stay unsigned for ever.
    """
    node = ledger.find(ledger.heads[0].sha256) if len(ledger.heads) == 1 else None
    if node is None or node.signoffs:
        return None
    p = node.predicate
    if now - moment(p.prepared.at, "prepared.at") > _SAME_COMMAND:
        return None
    earlier_slot = slot._replace(
        id=p.id, seq=p.seq, prev=p.prev, at=p.prepared.at, witnesses=p.witnesses,
        builds_on=p.builds_on,
    )  # fmt: skip
    return node if digest_of(record_in(earlier_slot, draft, evidence)) == node.digest else None


def unwitnessed(ledger: Ledger) -> dict[str, dict[str, str]]:
    """Return the signatures that no record witnesses yet, by record and signer."""
    witnessed = {
        (name, who)
        for node in ledger.nodes
        for name, signed in node.predicate.witnesses.items()
        for who in signed
    }
    fresh: dict[str, dict[str, str]] = {}
    for node in ledger.nodes:
        for file in node.signoffs:
            if file.signature and (node.id, file.who) not in witnessed:
                fresh.setdefault(node.id, {})[file.who] = file.digest
    return fresh
