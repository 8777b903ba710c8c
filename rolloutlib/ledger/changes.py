"""A change of keys in the files under params/: what it writes, and how an interrupted one is ended.

A keys record is the commit point: it pins the files as the change leaves them, and only then are
they written. A process that dies in between leaves files that are behind the ledger by exactly that
change, which the record describes; so the next command makes it again and compares digests.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.ledger.documents import moment
from rolloutlib.ledger.durable import overwrite
from rolloutlib.ledger.findings import without
from rolloutlib.ledger.roles_text import UnclearError, with_person, without_person
from rolloutlib.ledger.signers import (
    NAMESPACE,
    REVOKED_FILE,
    ROLES_FILE,
    SIGNERS_FILE,
    Roles,
    SignerKey,
    Signers,
    load_roles,
    load_signers,
    trust,
)
from rolloutlib.phrase import both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.records import Change, Person, Trust
    from rolloutlib.ledger.workbook import Workbook

_BOM: Final = "\ufeff"
_TEMPORARY: Final = ".tmp-keys-"  # beside the file; of this name, so that the next one removes it


class Edit(NamedTuple):
    """What a change makes of the files.

    Attributes:
        files: new bytes of each file that changes, by its path in the workbook.
        trust: what the files then say.
    """

    files: Mapping[str, bytes]
    trust: Trust


def edit(book: Workbook, change: Change, person: Person | None, at: datetime) -> Edit:
    """Return what a change makes of the files; what they say already is not written again.

    Args:
        book: the workbook, whose files are not touched.
        change: add or revoke.
        person: who the principal is after the change; None leaves nobody of this name.
        at: from when an added key is valid.

    Raises:
        UsageError: the files cannot be edited so that they say this and nothing else; the message
            names the file and what to write by hand.
    """
    files = dict(_edited(book, change, person, at))
    roles, signers, trusted = _read_again(book, files)
    if (roles, signers.keys, signers.revoked) != _meant(book, change, person, at):
        raise UsageError(
            "{files} would say more than this change; nothing was written: edit by hand, then "
            "`rollout keys accept`",
            files=both([*files]),
        )
    return Edit(files, trusted)


def write(book: Workbook, change: Edit) -> None:
    """Put the new files in the place of the old ones, each at once; where a link leads, there."""
    for name, data in change.files.items():
        path = (book.root / name).resolve()
        overwrite(book.files, path, data, _beside(path))
    book.reload()


def behind(book: Workbook, ledger: Ledger) -> tuple[Node, Edit] | None:
    """Return the keys record that the files are behind of, and what is left to write.

    None where the files say what the record pins, or differ by anything else than its change.
    """
    heads = [ledger.find(head.sha256) for head in ledger.heads]
    sources = {node.index if node.predicate.kind == "keys" else node.source for node in heads}
    source = ledger.nodes[min(sources)] if len(sources) == 1 and min(sources) >= 0 else None
    change = source.predicate.change if source else None
    if source is None or change is None or change.action == "accept":
        return None
    pinned = source.predicate.trust
    if pinned == book.trust:
        return None
    at = moment(source.predicate.prepared.at, "prepared.at")
    with suppress(RolloutError):
        left = edit(book, change, pinned.people.get(change.principal), at)
        return (source, left) if left.files and left.trust == pinned else None
    return None


def finish(book: Workbook, ledger: Ledger) -> None:
    """End a change of keys that was interrupted, and remove what it left beside the files."""
    for name in (ROLES_FILE, SIGNERS_FILE, REVOKED_FILE):
        path = (book.root / name).resolve()
        _beside(path).unlink(missing_ok=True)
    if left := behind(book, ledger):
        write(book, left[1])


def _beside(path: Path) -> Path:
    return path.parent / f"{_TEMPORARY}{path.name}"


def _edited(
    book: Workbook, change: Change, person: Person | None, at: datetime
) -> Mapping[str, bytes]:
    """Return the files that change, in the order in which they are written."""
    files: dict[str, bytes] = {}
    if change.action == "revoke" and change.key not in book.signers.revoked:
        files[REVOKED_FILE] = _with_line(book.root / REVOKED_FILE, change.key)
    if (change.principal in book.roles.people) != (person is not None):
        files[ROLES_FILE] = _with_or_without(book, change, person)
    if change.action == "add" and not book.signers.of(change.key):
        files[SIGNERS_FILE] = _with_line(book.root / SIGNERS_FILE, signer_line(change, at))
    return files


def signer_line(change: Change, at: datetime) -> str:
    """Return the line of allowed_signers that admits a key from a moment on."""
    options = f'namespaces="{NAMESPACE}",valid-after="{at:%Y%m%d%H%M%SZ}"'
    return f"{change.principal} {options} {change.key}"


def _with_or_without(book: Workbook, change: Change, person: Person | None) -> bytes:
    path, who = book.root / ROLES_FILE, change.principal
    text = path.read_bytes().decode()
    mark = _BOM if text.startswith(_BOM) else ""
    plain = text.removeprefix(mark)
    try:
        if person is None:
            return f"{mark}{without_person(plain, who)}".encode()
        return f"{mark}{with_person(plain, who, person.name, person.roles)}".encode()
    except UnclearError as error:
        about = {"file": ROLES_FILE, "error": error, "who": who, "action": change.action}
        raise UsageError(
            "{file}: {error}; nothing was written: take out {who} by hand, then run "
            "`rollout keys {action}` again" if person is None else
            "{file}: {error}; nothing was written: put in {who} by hand, then run "
            "`rollout keys {action}` again", **about,
        ) from None  # fmt: skip


def _with_line(path: Path, line: str) -> bytes:
    """Return a file's bytes with one more line; those that are there stay as they are."""
    data = path.read_bytes() if path.is_file() else b""
    ended = data if not data or data.endswith(b"\n") else data + b"\n"
    return ended + f"{line}\n".encode()


def _read_again(book: Workbook, files: Mapping[str, bytes]) -> tuple[Roles, Signers, Trust]:
    """Read the new files as every later command will."""
    with TemporaryDirectory(prefix="rollout-") as scratch:
        root = Path(scratch)
        (root / ROLES_FILE).parent.mkdir()
        for name in (ROLES_FILE, SIGNERS_FILE, REVOKED_FILE):
            path = book.root / name
            data = files.get(name, path.read_bytes() if path.is_file() else None)
            if data is not None:
                (root / name).write_bytes(data)
        try:
            roles, signers = load_roles(root), load_signers(root)
        except RolloutError as error:
            raise UsageError(
                "{said} (as it would be after this change); nothing was written",
                said=without(error.phrase, f"{root}/"),
            ) from None
        return roles, signers, trust(root, book.plan, roles)


def _meant(
    book: Workbook, change: Change, person: Person | None, at: datetime
) -> tuple[Roles, tuple[SignerKey, ...], frozenset[str]]:
    """Return what the files must say after a change: what they say now, and the change."""
    who, people = change.principal, dict(book.roles.people)
    if person is None:
        people.pop(who, None)
    elif who not in people:
        people |= Roles.people_of({who: person})
    keys, revoked = book.signers.keys, book.signers.revoked
    if change.action == "add" and not book.signers.of(change.key):
        keys = (*keys, SignerKey(who, change.key, at, None))
    if change.action == "revoke":
        revoked |= {change.key}
    return book.roles.model_copy(update={"people": people}), keys, revoked
