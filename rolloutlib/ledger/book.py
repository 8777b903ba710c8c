"""The ledger: append to it, sign in it. Nothing is overwritten, damage is refused, what a crash left is healed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.ledger.chain import Ledger, Node, SignoffFile, examine
from rolloutlib.ledger.durable import create, locked
from rolloutlib.ledger.durable import replace as overwrite
from rolloutlib.ledger.records import (
    Digests,
    Head,
    LedgerError,
    Predicate,
    Record,
    Signoff,
    Subject,
    Trust,
    digest_of,
    document,
    instant,
    parse_signoff,
)
from rolloutlib.ledger.signing import public_key, sign
from rolloutlib.ledger.verification import (
    FOLDER,
    Judge,
    Line,
    SignatureState,
    Verification,
    Workbook,
    card_findings,
    ledger_head,
    render,
    sign_off_status,
    verify_ledger,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from rolloutlib.ledger.records import Verdict

__all__ = [
    "FOLDER",
    "Line",
    "SignatureState",
    "Slot",
    "Verification",
    "Workbook",
    "append",
    "ledger_head",
    "sign_off_status",
    "sign_record",
    "verify_ledger",
    "write_cards",
]

MEANINGS: Final = {
    "pm": "responsibility",
    "qa": "review",
    "owner": "approval",
    "engine": "responsibility",
}


class Slot(NamedTuple):
    """The place that an append gives a record; `signed` the witnessed signatures by record and signer."""

    id: str
    seq: int
    prev: tuple[Head, ...]
    at: str
    ledger: str
    trust: Trust
    witnesses: dict[str, dict[str, str]]
    builds_on: Head | None


def append(
    book: Workbook,
    kind: str,
    draft: Callable[[Slot], Predicate],
    evidence: Mapping[str, bytes],
    *,
    now: datetime,
) -> Node:
    """Append a record: lock, heal, scan, evidence, record, card. The record is there in whole or not at all.

    Args:
        book: the workbook.
        kind: promotion, rollback or keys (part of the id).
        draft: makes the record for the place that it gets.
        evidence: files to keep beside the record, by name; they become its subjects.
        now: the record's time.

    Raises:
        LedgerError: the ledger is damaged, or the record would not hold in it (a clock that stands before its last
            record, keys that changed without a record).
        NotWrittenError: the system refused a write; nothing is acknowledged.
    """
    book.folder.mkdir(parents=True, exist_ok=True)
    with locked(book.folder):
        ledger = _undamaged(book)
        slot = _slot(book, ledger, kind, now)
        names = {f"{slot.id}/{name}": data for name, data in sorted(evidence.items())}
        subjects = tuple(Subject(name, Digests(digest_of(data))) for name, data in names.items())
        record = Record(subjects, draft(slot))
        data = document(record)
        examine(ledger, record, data)
        for name, content in names.items():
            (book.folder / name).parent.mkdir(parents=True, exist_ok=True)
            create(book.files, book.folder / name, content)
        create(book.files, book.folder / f"{slot.id}.record", data)
        # A crash may have left the last append's cards half drawn: those that its own witnesses changed.
        before = {
            name
            for head in slot.prev
            for name in ledger.find(head.sha256).record.predicate.witnesses
        }
        return _draw(book, {slot.id, *slot.witnesses, *before}).find(slot.id)


def sign_record(
    book: Workbook,
    name: str,
    *,
    role: str,
    key: Path,
    who: str | None,
    now: datetime,
    decision: Verdict | None = None,
    meaning: str | None = None,
) -> Signoff:
    """Sign a record as one person in one role: what `verify` would refuse is refused before a byte is written.

    Args:
        book: the workbook.
        name: the record's id.
        role: the role of this signature; one person signs a record once.
        key: private key file, or a public one whose private half the agent holds.
        who: the signer; by default whom allowed_signers names for this key.
        now: the time of the signature.
        decision: by default the record's verdict; another one is a dissent and does not count towards it.
        meaning: review, approval or responsibility; by default the role's.
    """
    public = public_key(key)
    who = who or next((line.who for line in book.signers.of(public)), None)
    if who is None:
        raise LedgerError(
            "unknown-key",
            f"params/allowed_signers has no line with {key}.pub; `rollout keys add` admits a key",
        )
    with locked(book.folder):
        ledger = _undamaged(book)
        node = ledger.find(name)
        judge = Judge(book, ledger, now)
        made = _signoff(judge, node, role, who, decision, meaning)
        data = document(made)
        if any(file.who == who for file in node.signoffs):
            raise LedgerError(
                "same-person", f"{who} has signed {name} already; one person signs a record once"
            )
        judge.check_role(node, made, public)
        judge.check_times(node, made)
        file = SignoffFile(node.id, who, data, sign(data, key), parse_signoff(data))
        keys: dict[str, str] = {}
        for other in node.signoffs:
            judge.check(node, other, keys)
        judge.check(node, file, keys)
        create(book.files, book.folder / f"{name}.{who}.signoff.sig", file.signature or b"")
        create(book.files, book.folder / f"{name}.{who}.signoff", data)
        _draw(book, {name})
    return made


def write_cards(book: Workbook) -> tuple[str, ...]:
    """Draw again every card that is not what its record says; return their ids."""
    with locked(book.folder):
        stale = [node.id for node in book.read().nodes if list(card_findings(book.folder, node))]
        _draw(book, stale)
    return tuple(stale)


def _signoff(
    judge: Judge, node: Node, role: str, who: str, decision: Verdict | None, meaning: str | None
) -> Signoff:
    person = judge.rules(node).people.get(who)
    values = {
        "schema": "rolloutlib/signoff@1",
        "decision": decision or node.record.predicate.verdict,
        "meaning": meaning or MEANINGS.get(role),
        "name": person.name if person else who,
        "record": node.head,
        "role": role,
        "seenHead": judge.ledger.heads,
        "signedAt": instant(judge.now),
        "signer": who,
    }
    return parse_signoff(document(values))


def _undamaged(book: Workbook) -> Ledger:
    """Heal what a crash left, then read the ledger and refuse to build on damage."""
    ledger = book.read()
    for name in ledger.orphans:
        path = book.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    ledger = book.read() if ledger.orphans else ledger
    if ledger.damage:
        first = ledger.damage[0]
        raise LedgerError(
            "damaged",
            f"the ledger is damaged and takes no records: {first.where}: {first.sentence} (`rollout verify` shows all)",
        )
    return ledger


def _slot(book: Workbook, ledger: Ledger, kind: str, now: datetime) -> Slot:
    heads = [ledger.find(head.sha256) for head in ledger.heads]
    told = {
        (name, who)
        for node in ledger.nodes
        for name, signed in node.record.predicate.witnesses.items()
        for who in signed
    }
    witnesses: dict[str, dict[str, str]] = {}
    for node in ledger.nodes:
        if new := {
            file.who: file.digest
            for file in node.signoffs
            if file.signature and (node.id, file.who) not in told
        }:
            witnesses[node.id] = new
    seq = 1 + max((node.record.predicate.seq for node in heads), default=0)
    green = Judge(book, ledger, now).green()
    return Slot(
        _next_id(ledger, kind, now),
        seq,
        ledger.heads,
        instant(now),
        book.roles.ledger,
        book.trust,
        witnesses,
        green,
    )


def _next_id(ledger: Ledger, kind: str, now: datetime) -> str:
    stem = f"dec-{now.astimezone(UTC):%Y%m%d}-{'' if kind == 'promotion' else f'{kind}-'}"
    used = [int(node.id[-3:]) for node in ledger.nodes if node.id[:-3] == stem]
    return f"{stem}{max(used, default=0) + 1:03d}"


def _draw(book: Workbook, names: Collection[str]) -> Ledger:
    """Draw the cards of these records, and those that a crash left without one; return the ledger as it is now."""
    ledger = book.read()
    for node in ledger.nodes:
        path = book.folder / f"{node.id}.md"
        if node.id in names or not path.is_file():
            overwrite(book.files, path, render(node))
    return ledger
