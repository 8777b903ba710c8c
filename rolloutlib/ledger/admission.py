"""Which keys could sign a record: those that were admitted before it, or by a change that holds.

Records pin `params/allowed_signers` by its digest. What it said then is found by that digest and
by nothing else: the file mostly grows at its end, and of an edit elsewhere the record of the
change keeps what stood there before (git does, too). Else a key could approve its own admission.
"""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.signers import MOST_BYTES, SIGNERS_FILE, admitted_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.records import Role, Trust

_GIT_S: Final = 10.0
_OFFLINE: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}  # asks no server
BEFORE: Final = "allowed_signers.before"  # beside the record of a change, where it is no prefix


class Admissions:
    """The keys of earlier moments, by the digest of the file that admitted them.

    Args:
        root: the workbook's root.
        ledger: the ledger as it was read.
    """

    def __init__(self, root: Path, ledger: Ledger) -> None:
        """Look at nothing yet."""
        self.root, self.ledger = root, ledger
        self._texts: dict[str, bytes] = {}
        self._keys: dict[str, frozenset[tuple[str, str]] | None] = {}

    def text(self, digest: str) -> bytes | None:
        """Return the file of this digest; None where nothing has it any more."""
        if not self._texts:
            for data in self._files():
                self._texts |= {of: data[:size] for of, size in beginnings(data)}
        if digest not in self._texts:
            self._texts |= {digest_of(data): data for data in _in_git(self.root)}
        return self._texts.get(digest)

    def keys(self, trust: Trust) -> frozenset[tuple[str, str]] | None:
        """Return whose keys a trust admits, as signer and key; None where nobody can tell."""
        digest = trust.allowed_signers
        if digest not in self._keys:
            text = self.text(digest)
            self._keys[digest] = None if text is None else admitted_by(text)
        return self._keys[digest]

    def key_holders(self, trust: Trust) -> frozenset[str]:
        """Return who could sign a change of keys under a trust: with the role for it, and a key.

        Where nobody can tell whose keys there were, the role is enough.
        """
        roles = {*key_roles(trust)}
        able = {who for who, person in trust.people.items() if roles & {*person.roles}}
        keys = self.keys(trust)
        return frozenset(able if keys is None else able & {who for who, _ in keys})

    def refuse(self, node: Node, who: str, key: str, holds: Callable[[Node], bool]) -> None:
        """Refuse a key that could not sign a record: it came later, by no change that holds.

        A change of keys is signed with a key of before. Any other record may also be signed with
        one that a later change admitted: once that change is signed.

        Args:
            node: the record.
            who: its signer.
            key: with which it was signed.
            holds: whether a change of keys holds.
        """
        keys = self.keys(trust_before(self.ledger, node))
        if (who, key) in (keys or ()):
            return
        if node.predicate.kind == "keys":
            raise LedgerError("unadmitted.unknown" if keys is None else "unadmitted", who=who)
        changes = (other for other in self.ledger.nodes if other.predicate.kind == "keys")
        admitting = [n for n in changes if (who, key) in (self.keys(n.predicate.trust) or ())]
        if any(map(holds, admitting)):
            return
        if admitting:
            raise LedgerError("unadmitted.unsigned", who=who, id=admitting[0].id)
        raise LedgerError("unadmitted.unknown", who=who)

    def _files(self) -> Iterator[bytes]:
        names = (subject.name for node in self.ledger.nodes for subject in node.record.subject)
        copies = (self.ledger.folder / name for name in names if name.endswith(f"/{BEFORE}"))
        for path in (self.root / SIGNERS_FILE, *copies):
            try:
                yield bounded_bytes(path, MOST_BYTES)
            except FileError:
                continue


def key_roles(trust: Trust) -> tuple[Role, ...]:
    """Return the roles that must sign a change of keys; a record that names none asks an owner."""
    threshold = trust.thresholds.get("KEYS")
    return threshold.all if threshold else ("owner",)


def trust_before(ledger: Ledger, node: Node) -> Trust:
    """Return the trust under which a record was written: of a change of keys, that before it."""
    before = ledger.nodes[max(node.source, 0)] if ledger.nodes else node
    return (before if node.predicate.kind == "keys" else node).predicate.trust


def beginnings(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield digest and size of each beginning that ends with a line."""
    hasher, size = sha256(), 0
    yield hasher.hexdigest(), size
    for line in data.split(b"\n"):
        hasher.update(line)
        size += len(line)
        yield hasher.hexdigest(), size
        if size < len(data):
            hasher.update(b"\n")
            size += 1
            yield hasher.hexdigest(), size


def _in_git(root: Path) -> Iterator[bytes]:
    """Yield the file as git's history has it; nothing outside of a checkout."""
    form = ("--format=", "--raw", "--no-abbrev", "--no-show-signature", "-m", "-n500")
    listed = _git(root, "log", "--all", *form, "--", SIGNERS_FILE)
    for blob in dict.fromkeys(line.split()[3] for line in listed.decode().splitlines()):
        yield _git(root, "cat-file", "blob", blob)


def _git(root: Path, *arguments: str) -> bytes:
    try:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(  # noqa: S603 -- git alone, on names of ours
            command, capture_output=True, check=True, timeout=_GIT_S, env=os.environ | _OFFLINE
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
