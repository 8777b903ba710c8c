"""Who may sign: admit a key, revoke one, and record the change, which an owner of before signs.

The record commits a change and the files follow (changes.py), all under the ledger's lock. Each
command may be given again: what is done already is not done twice, what was interrupted is ended.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.ledger.book import append_within, writing
from rolloutlib.ledger.chain import examine
from rolloutlib.ledger.changes import Edit, edit, write
from rolloutlib.ledger.drafting import next_slot, record_in
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.key_file import public_key
from rolloutlib.ledger.records import SIGNER, Change, Person
from rolloutlib.ledger.signable import refuse_unsignable, what_stood_before
from rolloutlib.ledger.signers import REVOKED_FILE, ROLES_FILE, SIGNERS_FILE
from rolloutlib.phrase import Phrase, both, phrase

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Predicate, Role, Trust
    from rolloutlib.ledger.workbook import Workbook

_NAME: Final = re.compile(r"[^\x00-\x1f\"{}\[\]:,#\\]{1,80}")


def add_key(
    book: Workbook,
    who: str,
    *,
    name: str | None,
    roles: Sequence[Role],
    key: Path,
    by: str,
    now: datetime,
) -> Node | None:
    """Admit a person's public key, valid from now on.

    Order: (1) is it the person's already, or somebody else's, or revoked, (2) who is the person,
    (3) the record, then the files.

    Args:
        book: the workbook.
        who: the signer's address.
        name: printed name, for a person that roles.yaml does not have yet.
        roles: pm, qa, owner, engine; for a new person.
        key: the key file (its .pub half is read).
        by: who prepares the change.
        now: when the key begins to be valid.

    Returns:
        The keys record to sign; None in an empty ledger, whose first record pins what the files
        then say, and where a record other than of this change pins it already.

    Raises:
        UsageError: the address, the key, the name or the roles are not such that the files could
            take them, or nobody could sign the record; nothing was written.
        LedgerError: the ledger is damaged, or the key cannot be read.
        NotWrittenError: the system refused a write; the same command ends what it began.
    """
    if not SIGNER.fullmatch(who):
        raise UsageError(
            "{who!r} is no signer's name; expected an address in small letters, such as "
            "pm_kim@ex.com", who=who,
        )  # fmt: skip
    change = Change("add", who, public_key(key))
    with writing(book, now) as ledger:
        admitted = _admitted(book, change, now)  # (1)
        person = _person(book, who, name, roles)  # (2)
        if admitted and (made := _recorded(ledger, change) or _pinned(ledger, book.trust)):
            return made if made.predicate.change == change else None
        return _make(book, ledger, change, person, _Act(by, now))  # (3)


def revoke_key(
    book: Workbook, who: str, *, by: str, now: datetime, key: Path | None = None
) -> Node | None:
    """Revoke keys of a person: only signatures that records witness by then keep counting.

    Every key takes a record of its own, one after the other; a command that is interrupted among
    them is ended by the same one.

    Args:
        book: the workbook.
        who: the signer's address.
        by: who prepares the change.
        now: the record's time.
        key: revoke this key only; by default every key. With the last one the person leaves
            roles.yaml.

    Returns:
        The last keys record; None in an empty ledger.

    Raises:
        UsageError: allowed_signers has no such key, or nobody could sign the record; nothing was
            written.
        LedgerError: the ledger is damaged.
        NotWrittenError: the system refused a write; the same command ends what it began.
    """
    only = public_key(key) if key else None
    with writing(book, now) as ledger:
        own = [*dict.fromkeys(line.key for line in book.signers.keys if line.who == who)]
        named_keys = [public for public in own if only in {None, public}]
        if not named_keys:
            raise UsageError(_no_key(book, who, key))
        node = None
        left = [public for public in named_keys if public not in book.signers.revoked]
        valid = [public for public in own if public not in book.signers.revoked]
        if not left and not valid and who in book.roles.people:  # revoked by hand, or by half
            left = named_keys[-1:]
        lost = tuple(left)
        for public in left:
            valid = [other for other in valid if other != public]
            person = _known(book, who) if valid else None
            change = Change("revoke", who, public)
            node = _make(book, book.read(), change, person, _Act(by, now, lost))
        done = (_recorded(ledger, Change("revoke", who, public)) for public in reversed(named_keys))
        return node or next(filter(None, done), None)


def accept(book: Workbook, *, by: str, now: datetime) -> Node | None:
    """Record what roles.yaml, allowed_signers and the plan's thresholds say after hand edits.

    Returns:
        The keys record to sign, or the record that says all this already; None in an empty ledger.

    Raises:
        UsageError: nobody could sign the record; nothing was written.
        LedgerError: the ledger is damaged, or nobody can tell which keys could sign before.
    """
    with writing(book, now) as ledger:
        if not ledger.nodes:
            return None
        if (pinned := _pinned(ledger, book.trust)) is not None:
            return pinned
        change = Change("accept", "", "")
        return _append(book, ledger, change, Edit({}, book.trust), _Act(by, now))


def public_keys(book: Workbook, name: str) -> list[str]:
    """Return the public keys, type and base64, that a signer's address or a KEY.pub names.

    Raises:
        UsageError: allowed_signers admits no key of this signer, or each is revoked.
        LedgerError: the file holds no public key.
    """
    if not SIGNER.fullmatch(name):
        return [public_key(Path(name))]
    own = [line.key for line in book.signers.keys if line.who == name]
    valid = [*dict.fromkeys(key for key in own if key not in book.signers.revoked)]
    if not valid:
        raise UsageError(_no_key(book, name, None))
    return valid


class _Act(NamedTuple):
    """Who prepares a change of keys, when, and the keys that the whole command takes away."""

    by: str
    now: datetime
    lost: Collection[str] = ()


def _make(
    book: Workbook, ledger: Ledger, change: Change, person: Person | None, act: _Act
) -> Node | None:
    """Record a change, then write it into the files; an empty ledger needs no record."""
    made = edit(book, change, person, act.now)
    node = _append(book, ledger, change, made, act) if ledger.nodes else None
    write(book, made)
    return node


def _append(book: Workbook, ledger: Ledger, change: Change, made: Edit, act: _Act) -> Node:
    """Append the keys record that pins the files as the change leaves them.

    Refused is one that nobody could ever sign: nothing that stands on it would hold.
    """

    def draft(slot: Slot) -> Predicate:
        return slot._replace(trust=made.trust).draft("keys", "KEYS", act.by, change=change)

    slot = next_slot(book, ledger, "keys", act.now)
    node, judge = examine(ledger, record_in(slot, draft, {})), Judge(book, ledger, act.now)
    refuse_unsignable(judge, node, act.lost)
    beside = what_stood_before(judge, node, made.files.get(SIGNERS_FILE))
    return append_within(book, ledger, "keys", draft, beside, now=act.now)


def _recorded(ledger: Ledger, change: Change) -> Node | None:
    """Return the newest record of exactly this change."""
    nodes = reversed(ledger.nodes)
    return next((node for node in nodes if node.predicate.change == change), None)


def _pinned(ledger: Ledger, trust: Trust) -> Node | None:
    """Return the ledger's head where it pins what the files say; of a fork, none does."""
    if len(ledger.heads) != 1:
        return None
    head = ledger.find(ledger.heads[0].sha256)
    return head if head.predicate.trust == trust else None


# --- who is whom ----------------------------------------------------------------------------------


def _admitted(book: Workbook, change: Change, now: datetime) -> bool:
    """Tell whether the key is this person's already; refuse one that cannot be admitted."""
    lines = book.signers.of(change.key)
    for line in lines:
        if line.who != change.principal:
            raise UsageError(
                "{where}: this key is there already, for {who}; one key is one person "
                "(`ssh-keygen` makes another)", where=line.where, who=line.who,
            )  # fmt: skip
    if change.key in book.signers.revoked:
        raise UsageError(
            "{file}: this key was revoked; make a new one with ssh-keygen", file=REVOKED_FILE
        )
    if lines and not any(line.valid(now) for line in lines):
        raise UsageError(
            "{where}: this key is there already, but is not valid now; edit the line, then "
            "`rollout keys accept`", where=lines[-1].where,
        )  # fmt: skip
    return bool(lines)


def _person(book: Workbook, who: str, name: str | None, roles: Sequence[Role]) -> Person:
    """Return the person as the files will say; refuse to change one that is there."""
    person = book.roles.people.get(who)
    if person is None:
        if not name or not _NAME.fullmatch(name) or not name.isprintable() or not name.strip():
            raise UsageError(
                '{who} is new: expected --name (plain text of at most 80 characters without '
                '" \\ : , # and brackets), got {name!r}', who=who, name=name,
            )  # fmt: skip
        if not roles:
            raise UsageError(
                "{who} is new: expected --role pm, qa, owner or engine, got none", who=who
            )
        return Person(name, tuple(dict.fromkeys(roles)))
    if (name and name != person.name) or (roles and {*roles} != {*person.roles}):
        raise UsageError(
            "{file}: {who} is {name!r} with the role {roles}; `keys add` changes no person: edit "
            "the file, then `rollout keys accept`",
            file=ROLES_FILE, who=who, name=person.name, roles=both(person.roles),
        )  # fmt: skip
    return Person(person.name, person.roles)


def _known(book: Workbook, who: str) -> Person | None:
    person = book.roles.people.get(who)
    return Person(person.name, person.roles) if person else None


def _no_key(book: Workbook, who: str, key: Path | None) -> Phrase:
    names = sorted({line.who for line in book.signers.keys})
    what = phrase("no key of {who}", who=who)
    if key and who in names:
        what = phrase("no line of {who} with {key}", who=who, key=key)
    holders = phrase("it is empty")
    if names:
        holders = phrase("it has keys of {names}", names=", ".join(names))
    return phrase("{file} has {what}; {known}.{hint}", file=SIGNERS_FILE, what=what, known=holders,
                  hint=did_you_mean(who, names))  # fmt: skip
