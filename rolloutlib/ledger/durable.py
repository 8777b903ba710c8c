"""Files that are whole or not there: the few calls that the ledger's promises rest on."""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import EIO
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RolloutError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from rolloutlib.phrase import Phrase, Value

TEMPORARY: Final = ".tmp-"
LOCK_SECONDS: Final = 60.0  # many writers in a row, each with its signatures to check


class NotWrittenError(RolloutError):
    """The system refused a write: nothing was acknowledged; `why` is its own word for it."""

    def __init__(self, message: object = "", /, **values: object) -> None:
        """Take the sentence; its value `why`, where it has one, is the reason alone."""
        super().__init__(message, **values)
        self.why: Value = self.phrase.values.get("why", self.phrase)


class BusyError(RolloutError):
    """Another process holds a folder's lock for longer than anybody should wait."""


class Files:
    """The calls into the operating system; a test's subclass makes any of them fail."""

    def open(self, path: Path) -> int:
        """Create a file that must not be there, following no link."""
        new = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        return os.open(path, new | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)

    def write(self, handle: int, data: memoryview) -> int:
        """Write some of the bytes; return how many."""
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        """Wait until the bytes are on the disk."""
        os.fsync(handle)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, never one that is taken."""
        os.link(source, target, follow_symlinks=False)

    def rename(self, source: Path, target: Path) -> None:
        """Replace a file by another in one step."""
        source.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()

    def sync_folder(self, folder: Path) -> None:
        """Wait until the folder's names are on the disk."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(folder: Path, seconds: float = LOCK_SECONDS) -> Generator[None]:
    """Hold the folder's lock; it ends with the process, so no crash leaves it behind.

    Args:
        folder: whose lock it is.
        seconds: how long to wait for whoever holds it.

    Raises:
        BusyError: it was not free in time; the message names who holds it.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + seconds
        while not _taken(handle):
            if time.monotonic() >= deadline:
                raise BusyError(
                    "{folder} is locked by {holder}, for more than {seconds:g} s; wait for it or "
                    "end it, then run the command again",
                    folder=folder, holder=_holder(handle), seconds=seconds,
                )  # fmt: skip
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> Phrase:
    """Return who holds the lock of an open folder, as far as the system tells."""
    inode = os.fstat(handle).st_ino
    with suppress(OSError):
        lock_line = re.search(
            rf"^\d+: FLOCK .* (\d+) \w+:\w+:{inode} ", _text("/proc/locks"), re.MULTILINE
        )
        if lock_line:
            name = _text(f"/proc/{lock_line[1]}/comm").strip()
            return phrase("process {number} ({name})", number=lock_line[1], name=name)
    return phrase("another process")


def _text(path: str) -> str:
    return Path(path).read_text("utf-8", "replace")


def next_id(kind: str, now: datetime, names: Iterable[str]) -> str:
    """Return the id after those among `names` (of files or records) that are of this kind and day.

    >>> next_id("rollback", datetime(2026, 11, 22, tzinfo=UTC), ["dec-20261122-rollback-004"])
    'dec-20261122-rollback-005'
    >>> next_id("keys", datetime(2026, 11, 22, tzinfo=UTC), ["dec-20261122-keys-999.record"])
    'dec-20261122-keys-1000'
    """
    prefix = f"dec-{now.astimezone(UTC):%Y%m%d}-" + ("" if kind == "promotion" else f"{kind}-")
    used = [re.fullmatch(rf"{prefix}(\d{{3,6}})(\.record)?", name) for name in names]
    return f"{prefix}{max((int(match[1]) for match in used if match), default=0) + 1:03d}"


def create(files: Files, path: Path, data: bytes) -> None:
    """Write a new file durably: temporary file, fsync, link (commits), unlink, fsync of folder.

    Raises:
        NotWrittenError: the system refused, or the name is taken; the file is then not there, or
            was there before.
    """
    with _sentence(path), _temporary(files, path, data) as temporary:
        files.link(temporary, path)
        files.unlink(temporary)
        files.sync_folder(path.parent)


def overwrite(files: Files, path: Path, data: bytes, beside: Path | None = None) -> None:
    """Write a file durably over an old one: a reader sees the old bytes or the new ones.

    `beside` names the temporary file where the caller removes what an earlier process left of it.
    """
    with _sentence(path), _temporary(files, path, data, beside) as temporary:
        files.rename(temporary, path)
        files.sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove the temporary files of runs that were killed: nobody holds them any more."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(handle)


@contextmanager
def _temporary(
    files: Files, path: Path, data: bytes, beside: Path | None = None
) -> Generator[Path]:
    temporary = beside or path.parent / f"{TEMPORARY}{token_hex(8)}"
    try:
        handle = files.open(temporary)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # until it ends: else nobody needs the file any more
            rest = memoryview(data)
            while rest:
                if not (written := files.write(handle, rest)):
                    raise OSError(EIO, os.strerror(EIO))
                rest = rest[written:]
            files.sync(handle)
            yield temporary
        finally:
            os.close(handle)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _sentence(path: Path) -> Generator[None]:
    try:
        yield
    except FileExistsError:
        raise NotWrittenError(
            "{name} is there already and is never overwritten; nothing was written", name=path.name
        ) from None
    except OSError as error:
        raise NotWrittenError(
            "{path} could not be written ({why}); nothing is acknowledged; see `rollout verify`",
            path=path, why=error,
        ) from None  # fmt: skip
