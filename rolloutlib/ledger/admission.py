"""Which keys could sign a record: those that were admitted before it, or by a change that holds.

Records pin `params/allowed_signers` by its digest. What it said then is found by that digest and
by nothing else: the file mostly grows at its end, and of an edit elsewhere the record of the
change keeps what stood there before (git does, too). Squashed or shallow histories have it nowhere,
so new signatures are refused only where it is known, and those that are there are never.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.signers import MOST_BYTES, SIGNERS_FILE, key_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import IO

    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.records import Role, Trust

_GIT_S: Final = 5.0  # of each of its two commands
_OFFLINE: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}  # asks no server
_EMPTY: Final = digest_of(b"")
BEFORE: Final = "allowed_signers.before"  # beside the record of a change, where it is no prefix


class _Text:
    """An allowed_signers, and where each key of it stands."""

    def __init__(self, data: bytes) -> None:
        """Look at no line yet."""
        self.data = data

    @cached_property
    def ends(self) -> dict[tuple[str, str], int]:
        """The byte at which the first line of each signer and key ends."""
        return key_ends(self.data)


class _Beginning(NamedTuple):
    """So many first bytes of a text: a slice of each would be megabytes of the same."""

    text: _Text
    size: int


_IN_GIT: Final[dict[Path, dict[str, _Beginning]]] = {}  # by root: it is asked once a process


class Admissions:
    """The keys of earlier moments, by the digest of the file that admitted them.

    Args:
        root: the workbook's root.
        ledger: the ledger as it was read.
    """

    def __init__(self, root: Path, ledger: Ledger) -> None:
        """Look at nothing yet."""
        self.root, self.ledger = root, ledger
        self._found: dict[str, _Beginning] = {}
        self._sources = [self._in_files, self._in_git]

    def text(self, digest: str) -> bytes | None:
        """Return the file of this digest; None where nothing has it any more."""
        beginning = self._beginning(digest)
        return beginning and beginning.text.data[: beginning.size]

    def admits(self, trust: Trust, who: str, key: str) -> bool | None:
        """Return whether a trust admits somebody's key; None where nobody can tell."""
        beginning = self._beginning(trust.allowed_signers)
        if beginning is None:
            return None
        end = beginning.text.ends.get((who, key))
        return end is not None and end <= beginning.size

    def came_late(self, node: Node, who: str, key: str) -> bool:
        """Return whether a change of keys is known to be what admits a key, or one after it is.

        Of two branches that it joins, either may have admitted the key.
        """
        if node.predicate.kind != "keys" or not node.before:
            return False
        nodes = self.ledger.nodes
        source = nodes[max(node.source, 0)]
        others = node.before & ~self.ledger.up_to(source)
        earlier = (source, *(other for other in nodes if others >> other.index & 1))
        return all(self.admits(n.predicate.trust, who, key) is False for n in earlier)

    def refuse(self, node: Node, who: str, key: str, holds: Callable[[Node], bool]) -> None:
        """Refuse to sign with a key that is known to have come later, by no change that holds.

        A change of keys is signed with a key of before. Any other record may also be signed with
        one that a later change admitted: once that change is signed.

        Args:
            node: the record.
            who: its signer.
            key: with which it is to be signed.
            holds: whether a change of keys holds.
        """
        if self.came_late(node, who, key):
            raise LedgerError("unadmitted", who=who)
        admits_it = self.admits(node.predicate.trust, who, key)
        if node.predicate.kind == "keys" or admits_it is not False:
            return
        changes = [other for other in self.ledger.nodes if other.predicate.kind == "keys"]
        answers = [self.admits(other.predicate.trust, who, key) for other in changes]
        admitting = [other for other, admits in zip(changes, answers, strict=True) if admits]
        if None in answers or any(map(holds, admitting)):
            return
        if admitting:
            raise LedgerError("unadmitted.unsigned", who=who, id=admitting[0].id)
        raise LedgerError("unadmitted.unrecorded", who=who)

    def _beginning(self, digest: str) -> _Beginning | None:
        while digest not in self._found and self._sources:
            digests = {
                digest,
                *(node.predicate.trust.allowed_signers for node in self.ledger.nodes),
            }
            self._found |= self._sources.pop(0)(digests - self._found.keys())
        return self._found.get(digest)

    def _in_files(self, digests: set[str]) -> dict[str, _Beginning]:
        return _search(self._files(), digests)

    def _in_git(self, digests: set[str]) -> dict[str, _Beginning]:
        if self.root not in _IN_GIT:
            _IN_GIT[self.root] = _search(_blobs(self.root), digests)
        return _IN_GIT[self.root]

    def _files(self) -> Iterator[bytes]:
        names = (subject.name for node in self.ledger.nodes for subject in node.record.subject)
        copies = (self.ledger.folder / name for name in names if name.endswith(f"/{BEFORE}"))
        for path in (self.root / SIGNERS_FILE, *copies):
            try:
                yield bounded_bytes(path, MOST_BYTES)
            except FileError:
                continue


def key_holders(trust: Trust) -> frozenset[str]:
    """Return who could sign a change of keys under a trust: with the role for it.

    Nobody, where there was no key at all.
    """
    if trust.allowed_signers == _EMPTY:
        return frozenset()
    roles = {*key_roles(trust)}
    return frozenset(who for who, person in trust.people.items() if roles & {*person.roles})


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


def _search(texts: Iterable[bytes], digests: set[str]) -> dict[str, _Beginning]:
    """Return those digests that are of a beginning of one of the texts."""
    matches: dict[str, _Beginning] = {}
    for data in texts:
        text = _Text(data)
        matches |= {of: _Beginning(text, size) for of, size in beginnings(data) if of in digests}
        if digests <= matches.keys():
            break
    return matches


def _blobs(root: Path) -> Iterator[bytes]:
    """Yield the file as git's history has it, one at a time; nothing outside of a checkout."""
    form = ("--format=", "--raw", "--no-abbrev", "--no-show-signature", "--diff-merges=separate")
    settings = ("-c", "log.showRoot=true", "-c", "log.showSignature=false")
    listed = ("log", "--all", *form, "-n500", "--", SIGNERS_FILE)
    with TemporaryFile() as output:
        _git(root, (*settings, *listed), b"", output)
        output.seek(0)
        raw = (line.split() for line in output.read().splitlines())
        names = dict.fromkeys(parts[3] for parts in raw if len(parts) > 3)  # noqa: PLR2004
    if not names:
        return
    with TemporaryFile() as output:
        _git(root, ("cat-file", "--batch"), b"\n".join(names) + b"\n", output)
        output.seek(0)
        while header := output.readline().split():
            if header[1:2] == [b"blob"]:
                yield output.read(int(header[2]))
                output.read(1)


def _git(root: Path, arguments: Iterable[str], question: bytes, output: IO[bytes]) -> None:
    """Write what git answers, as far as it does."""
    command = ["git", "-C", str(root), *arguments]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(  # noqa: S603 -- git alone, on names of ours
            command, input=question, stdout=output, stderr=subprocess.DEVNULL, check=False,
            timeout=_GIT_S, env=os.environ | _OFFLINE,
        )  # fmt: skip
