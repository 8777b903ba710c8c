"""The ledger: append to it, sign in it.

Nothing is overwritten, damage is refused, what a crash left is healed.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.beside import read_beside, take_away
from rolloutlib.ledger.cards import card_findings, render
from rolloutlib.ledger.chain import examine
from rolloutlib.ledger.changes import finish
from rolloutlib.ledger.documents import decode, encode, instant, moment
from rolloutlib.ledger.drafting import Slot, drafted, next_slot, record_in, unwitnessed
from rolloutlib.ledger.durable import NotWrittenError, create, locked, overwrite
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.folder import SignoffFile
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.key_file import public_key
from rolloutlib.ledger.records import Decision, FlagsThen, Joined, Kind, Predicate, Signoff
from rolloutlib.ledger.signing import sign
from rolloutlib.ledger.undoing import holding, lacks, undone, way_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.ledger.beside import Beside, BesideFile
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.workbook import Workbook

MEANINGS: Final = {
    "pm": "responsibility", "qa": "review", "owner": "approval", "engine": "responsibility",
}  # fmt: skip


def append(
    book: Workbook,
    kind: Kind,
    draft: Callable[[Slot], Predicate],
    evidence: Mapping[str, bytes],
    *,
    now: datetime,
    name: str = "",
) -> Node:
    """Append a record: it is there in whole or not at all.

    Order: (1) lock, heal and scan, join what waits beside the ledger, (2) draft and examine, (3)
    evidence, (4) the record, which commits, (5) the cards.

    Args:
        book: the workbook.
        kind: promotion, rollback or keys (part of the id).
        draft: makes the record for the place that it gets.
        evidence: files to keep beside the record, by name; they become its subjects.
        now: the record's time.
        name: the id that it should get, where that is free and of its kind and day.

    Raises:
        LedgerError: the ledger is damaged, or the record would not hold in it (a clock that stands
            before its last record, keys that changed without a record).
        NotWrittenError: the system refused a write; nothing is acknowledged.
    """
    with writing(book, now) as ledger:  # (1)
        return append_within(book, ledger, kind, draft, evidence, now=now, name=name)


def settle(book: Workbook, now: datetime) -> None:
    """Heal what a crash left, so that what is read from here on is of one moment.

    Raises:
        LedgerError: the ledger is damaged.
    """
    with writing(book, now):
        pass


@contextmanager
def writing(book: Workbook, now: datetime) -> Generator[Ledger]:
    """Hold the lock; heal what a crash left, join what waits; give the ledger, which is whole.

    Raises:
        LedgerError: the ledger is damaged and takes nothing.
    """
    with _locked(book):
        yield _joined(book, _undamaged(book), now)


@contextmanager
def _locked(book: Workbook) -> Generator[None]:
    """Hold the lock of the ledger's folder, which is made; what is none takes nothing."""
    if os.path.lexists(book.folder) and not book.folder.is_dir():
        book.read().refuse_damage()
    book.folder.mkdir(parents=True, exist_ok=True)
    with locked(book.folder):
        yield


def append_within(
    book: Workbook,
    ledger: Ledger,
    kind: Kind,
    draft: Callable[[Slot], Predicate],
    evidence: Mapping[str, bytes],
    *,
    now: datetime,
    name: str = "",
) -> Node:
    """Append as `append` does, to the ledger that `writing` gives, under its lock."""
    slot = next_slot(book, ledger, kind, now, name)
    same = drafted(ledger, slot, draft, evidence, now)
    return same or _commit(book, ledger, draft, evidence, slot)


def join(book: Workbook, *, now: datetime, forced: bool = False) -> tuple[str, ...]:
    """Append what is recorded beside the ledger; return the ids of the records.

    Args:
        book: the workbook.
        now: when it is joined.
        forced: even where the ledger lost the decision that it stood on.
    """
    with _locked(book):
        ledger = _undamaged(book)
        ids_before = {node.id for node in ledger.nodes}
        ledger = _joined(book, ledger, now, forced=forced)
    return tuple(node.id for node in ledger.nodes if node.id not in ids_before)


def _commit(
    book: Workbook,
    ledger: Ledger,
    draft: Callable[[Slot], Predicate],
    evidence: Mapping[str, bytes],
    slot: Slot,
) -> Node:
    data = record_in(slot, draft, evidence)
    examine(ledger, data)  # (2)
    for name, content in sorted(evidence.items()):  # (3)
        path = book.folder / slot.id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        create(book.files, path, content)
    create(book.files, book.folder / f"{slot.id}.record", data)  # (4)
    ledger = book.read()
    _draw(book, ledger, {slot.id, *slot.witnesses})  # (5)
    return ledger.find(slot.id)


def _joined(book: Workbook, ledger: Ledger, now: datetime, *, forced: bool = False) -> Ledger:
    """Append each rollback that is recorded beside the ledger, once; return the ledger with them.

    A crash between the record and the removal of its file is found by the record's digests.
    """
    for file in read_beside(book.root):
        for damage in file.damage():
            raise LedgerError("damaged", where=damage.where, first=damage.phrase)
        if file.said is None:
            continue
        node = holding(ledger, file)
        if node is None:
            if not forced and (lost := lacks(ledger, file.said.way, waits=True)):
                raise LedgerError("lost.beside", id=file.said.id, decision=lost)
            node = _join(book, ledger, file, file.said, now)
            ledger = book.read()
        _draw(book, ledger, {node.id, *node.predicate.witnesses})
        take_away(book.files, file, node.id, instant(now))
    return ledger


def _join(book: Workbook, ledger: Ledger, file: BesideFile, content: Beside, now: datetime) -> Node:
    """Append a rollback with its own time and id, where nothing in the ledger is later."""
    slot = next_slot(book, ledger, "rollback", moment(content.at, "at"), content.id)
    after = content.way.after or FlagsThen(0, 0, "", ())
    what = undone(ledger, Judge(book, ledger, now), content.way.before or None, after)
    way = way_of(content.way, what, Joined(instant(now), content.why, file.digest))

    def draft(slot: Slot) -> Predicate:
        return slot.draft(
            "rollback", "ROLLBACK", content.by, lang=content.lang, note=content.note,
            builds_on=what.green, rollback=way,
        )  # fmt: skip

    evidence = {"beside.record": file.data, "flags.json": content.flags.encode()}
    return _commit(book, ledger, draft, evidence, slot)


def sign_record(
    book: Workbook,
    name: str,
    *,
    role: str,
    key: Path,
    who: str | None,
    now: datetime,
    decision: Decision | None = None,
    meaning: str | None = None,
) -> Signoff:
    """Sign a record as one person in one role.

    What `verify` would refuse is refused before a byte is written.

    Args:
        book: the workbook.
        name: the record's id.
        role: the role of this signature; one person signs a record once.
        key: private key file, or a public one whose private half the agent holds.
        who: the signer; by default whom allowed_signers names for this key.
        now: the time of the signature.
        decision: by default the record's verdict; another one is a dissent and does not count
            towards it.
        meaning: review, approval or responsibility; by default the role's.
    """
    public = public_key(key)
    with writing(book, now) as ledger:
        who = who or next((line.who for line in book.signers.of(public)), None)
        if who is None:
            raise LedgerError("unknown-key.sign", key=key)
        node, judge = ledger.find(name), Judge(book, ledger, now)
        if any(file.who == who for file in node.signoffs):
            raise LedgerError("same-person", who=who, id=name)
        person = judge.rules(node).people.get(who)
        data = encode({
            "schema": "rolloutlib/signoff@1", "decision": decision or node.predicate.verdict,
            "meaning": meaning or MEANINGS.get(role), "name": person.name if person else who,
            "record": node.head, "role": role, "seenHead": ledger.heads,
            "signedAt": instant(now), "signer": who,
        })  # fmt: skip
        signoff = _checked(judge, node, data, public)
        file = SignoffFile(node.id, who, data, sign(data, key), signoff)
        _commit_signoff(book, judge, node, file)
    return signoff


def _checked(judge: Judge, node: Node, data: bytes, public: str) -> Signoff:
    """Return a signoff that may be signed: in its one form, by this role, at this time."""
    signoff = decode(data, Signoff)
    judge.check_role(node, signoff, public)
    judge.check_times(node, signoff)
    return signoff


def _commit_signoff(book: Workbook, judge: Judge, node: Node, file: SignoffFile) -> None:
    """Write a signoff that `verify` would take, of a key that is not known to come too late.

    Its signature goes first, so that the signoff commits.
    """
    keys: dict[str, str] = {}
    for each in (*node.signoffs, file):
        judge.check(node, each, keys)
    judge.refuse_unadmitted(node, file.who, next(reversed(keys)))
    path = book.folder / f"{node.id}.{file.who}.signoff"
    create(book.files, path.with_name(f"{path.name}.sig"), file.signature or b"")
    create(book.files, path, file.data)
    _draw(book, book.read(), {node.id})


def write_cards(book: Workbook) -> tuple[str, ...]:
    """Draw again every card that is not what its record says; return their ids."""
    with locked(book.folder):
        ledger = book.read()
        stale = [node.id for node in ledger.nodes if [*card_findings(book.folder, node)]]
        _draw(book, ledger, stale)
    return tuple(stale)


def _undamaged(book: Workbook) -> Ledger:
    """Refuse to build on damage, then heal what a crash left.

    In this order: what looks left over may belong to a record that somebody has to restore. A
    change of keys that cannot be ended now keeps nothing out that does not stand on it.
    """
    book.reload()
    ledger = book.read()
    ledger.refuse_damage()
    for name in ledger.orphans:
        path = book.folder / name
        is_folder = path.is_dir() and not path.is_symlink()
        shutil.rmtree(path) if is_folder else path.unlink(missing_ok=True)
    ledger = book.read() if ledger.orphans else ledger
    ledger.refuse_damage()
    with suppress(NotWrittenError):
        finish(book, ledger)
    _draw(book, ledger, _undrawn(book, ledger))
    return ledger


def _undrawn(book: Workbook, ledger: Ledger) -> Collection[str]:
    """Return the records whose cards a crash may have left undrawn, and did.

    They are drawn before another record commits: from then on nobody would look for them.
    """
    heads = [ledger.find(head.sha256) for head in ledger.heads]
    names = {node.id for node in heads} | {*unwitnessed(ledger)}
    names |= {name for node in heads for name in node.predicate.witnesses}
    return [name for name in names if [*card_findings(book.folder, ledger.find(name))]]


def _draw(book: Workbook, ledger: Ledger, names: Collection[str]) -> None:
    """Draw these records' cards, and those that a crash left out."""
    for node in ledger.nodes:
        path = book.folder / f"{node.id}.md"
        if node.id in names or not path.is_file():
            overwrite(book.files, path, render(node))
