"""Who may sign: admit a key, revoke one, and record the change, which an owner of before signs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import UsageError
from rolloutlib.ledger.book import append
from rolloutlib.ledger.durable import overwrite
from rolloutlib.ledger.records import SIGNER, Change
from rolloutlib.ledger.signers import NAMESPACE, REVOKED_FILE, ROLES_FILE, SIGNERS_FILE, public_key
from rolloutlib.ledger.workbook import Workbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.ledger.chain import Node

_NAME: Final = re.compile(r"[^\x00-\x1f\"{}\[\]:,#\\]{1,80}")


def add_key(
    book: Workbook,
    who: str,
    *,
    name: str | None,
    roles: Sequence[str],
    key: Path,
    by: str,
    now: datetime,
) -> Node | None:
    """Admit a person's public key, valid from now on.

    Args:
        book: the workbook.
        who: the signer's address.
        name: printed name, for a person that roles.yaml does not have yet.
        roles: pm, qa, owner, engine; for a new person.
        key: the key file (its .pub half is read).
        by: who prepares the change.
        now: when the key begins to be valid.

    Returns:
        The keys record to sign, or None in an empty ledger, whose first record pins what the files
        then say.
    """
    book.read().refuse_damage()
    if not SIGNER.fullmatch(who):
        expected = "expected an address in small letters, such as pm_kim@ex.com"
        raise UsageError(f"{who!r} is no signer's name; {expected}")
    public = public_key(key)
    if book.signers.of(public):
        owner = book.signers.of(public)[0].who
        raise UsageError(f"{SIGNERS_FILE} has this key already, for {owner}; one key is one person")
    if public in book.signers.revoked:
        raise UsageError("this key was revoked; make a new one with ssh-keygen")
    if who not in book.roles.people:
        _add_person(book, who, name, roles)
    options = f'namespaces="{NAMESPACE}",valid-after="{now:%Y%m%d%H%M%SZ}"'
    _append_line(book, SIGNERS_FILE, f"{who} {options} {public}")
    return _record(book, Change("add", who, public), by, now)


def revoke_key(book: Workbook, who: str, *, by: str, now: datetime) -> Node | None:
    """Revoke every key of a person: only signatures that records witness by then keep counting."""
    book.read().refuse_damage()
    signers = book.signers
    keys = [line.key for line in signers.keys if line.who == who]
    keys = [key for key in keys if key not in signers.revoked]
    if not keys:
        raise UsageError(f"{SIGNERS_FILE} has no valid key of {who}")
    file = book.root / ROLES_FILE
    lines = file.read_text("utf-8").split("\n")
    kept = "\n".join(line for line in lines if not line.startswith(f"  {who}:"))
    overwrite(book.files, file, kept.encode())
    node: Node | None = None
    for key in keys:
        _append_line(book, REVOKED_FILE, key)
        node = _record(book, Change("revoke", who, key), by, now)
    return node


def accept(book: Workbook, *, by: str, now: datetime) -> Node | None:
    """Record what roles.yaml, allowed_signers and the plan's thresholds say after hand edits."""
    book.read().refuse_damage()
    return _record(book, Change("accept", "", ""), by, now)


def _add_person(book: Workbook, who: str, name: str | None, roles: Sequence[str]) -> None:
    if not name or not roles or not _NAME.fullmatch(name):
        raise UsageError(
            f"{who} is new: --name (plain text) and --role (pm, qa, owner or engine) are needed"
        )
    file = book.root / ROLES_FILE
    text = file.read_text("utf-8").rstrip("\n")
    if not re.search(r"^people:( \{\})?$", text, re.MULTILINE):
        how = f"add {who} by hand, then `rollout keys accept`"
        raise UsageError(f"{file}: expected a last section `people:`; {how}")
    text = re.sub(r"^people: \{\}$", "people:", text, flags=re.MULTILINE)
    person = f"{{name: {name}, roles: [{', '.join(roles)}]}}"
    overwrite(book.files, file, f"{text}\n  {who}: {person}\n".encode())


def _append_line(book: Workbook, name: str, line: str) -> None:
    file = book.root / name
    text = file.read_text("utf-8").rstrip("\n") if file.is_file() else ""
    overwrite(book.files, file, f"{text}\n{line}\n".lstrip("\n").encode())


def _record(book: Workbook, change: Change, by: str, now: datetime) -> Node | None:
    """Append the keys record under the files as they are now; an empty ledger needs none."""
    fresh = Workbook(book.root, book.files)
    if not fresh.read().nodes:
        return None

    return append(
        fresh, "keys", lambda slot: slot.draft("keys", "KEYS", by, change=change), {}, now=now
    )
