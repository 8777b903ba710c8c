"""The flag file written where clients read it: through links, newer each time, never in halves."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from errno import EOPNOTSUPP
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from rolloutlib.flags.state import MAX_BYTES, SESSION, FlagsError, read_flags
from rolloutlib.ledger.durable import BusyError, Files, NotWrittenError, locked, overwrite, sweep
from rolloutlib.phrase import Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_MIN_MTIME_STEP_NS = (
    2_000_000  # clients compare times as floats, and a kernel's clock may stand still for a tick
)
_LOCK_SECONDS = 10.0


class StillOnError(NotWrittenError):
    """The kill switch could not write the flag file: flags are as they were."""

    exit_code = 3


class FlagFiles(Files):
    """The calls into the operating system, with a modification time that always rises.

    Clients ignore a file that is not newer than the one they know; a clock that was set back must
    not keep flags on. Who could read the old file can read the new one.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        """Take the clock: nanoseconds since 1970."""
        self.clock_ns = clock_ns

    def rename(self, source: Path, target: Path) -> None:
        """Replace a file by another in one step; the new one is newer, and as readable."""
        mode = 0o644
        with suppress(OSError):
            old = target.stat()
            if stat.S_ISREG(old.st_mode):
                with suppress(OSError):  # only root may give a file away
                    os.chown(source, old.st_uid, old.st_gid)
                same_owner = source.stat().st_uid == old.st_uid
                mode = old.st_mode & 0o777 | (0 if same_owner else 0o644)
        source.chmod(mode)
        newer_ns = self.newer(target)
        with suppress(OSError, OverflowError):  # a file system may end the calendar early
            os.utime(source, ns=(newer_ns, newer_ns))
        super().rename(source, target)

    def newer(self, target: Path) -> int:
        """Return a time, in nanoseconds, that is later than what a client saw at this path."""
        return max(self.clock_ns(), _seen_ns(target) + _MIN_MTIME_STEP_NS)


def _seen_ns(path: Path) -> int:
    """Return the file's time; of a missing one the latest that its neighbours speak for."""
    with suppress(OSError):
        return path.stat().st_mtime_ns
    times: list[int] = []
    for beside in (path.parent, path.parent / Path(SESSION).name):
        with suppress(OSError):
            times.append(beside.stat().st_mtime_ns)
    return max(times, default=0)


def where_clients_read(path: Path) -> Path:
    """Return the file behind a path and its links; its place where they lead to no file.

    A device, a folder or a pipe behind a link is none, and neither is a missing folder or a loop.
    """
    own = Path(os.path.realpath(path.parent)) / path.name
    behind = Path(os.path.realpath(path))
    try:
        return behind if stat.S_ISREG(behind.lstat().st_mode) else own
    except OSError:
        return behind if path.is_symlink() and behind.parent.is_dir() else own


@contextmanager
def flags_lock(path: Path, seconds: float, notes: list[Phrase]) -> Generator[None]:
    """Hold the lock of the folder in which clients read; go on without it when it is not free.

    Args:
        path: the flag file.
        seconds: how long to wait.
        notes: gets a sentence when the lock is not held.
    """
    folder = where_clients_read(path).parent
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder, seconds))
        except BusyError as error:
            notes.append(_unlocked(error.phrase))
        except OSError as error:
            notes.append(_unlocked(phrase("{path}: {why}", path=folder, why=error)))
        else:
            sweep(folder)
        yield


def _unlocked(why: Phrase) -> Phrase:
    return phrase("Not locked, so look again with `rollout flags show`: {why}", why=why)


def switch(files: FlagFiles, path: Path, data: bytes, *, before: str | None) -> None:
    """Put a flag document in the place of the one that a change was decided for, at once.

    Args:
        files: the calls into the operating system, and the clock.
        path: the flag file; it is written where its links lead.
        data: its new bytes.
        before: sha256 of the file that must be there; None replaces whatever is there.

    Raises:
        FlagsError: another file is there; nothing was changed.
        NotWrittenError: the system refused; the old flags are still in force.
        BusyError: another process holds the lock; nothing was changed.
    """
    target = where_clients_read(path)
    with locked(target.parent, _LOCK_SECONDS):
        sweep(target.parent)  # what a killed change left beside the flags
        if before is None:
            force(files, path, data)
        elif (current_digest := read_flags(path).digest) != before:
            raise FlagsError(
                "{path} has sha256 {there}…; expected sha256 {before}…, for which this change was "
                "decided; look at `rollout flags diff`, decide again",
                path=path, there=current_digest[:12], before=before[:12],
            )  # fmt: skip
        elif target.stat().st_nlink > 1:
            _in_place(files, target, data)
        else:
            overwrite(files, target, data)


def force(files: FlagFiles, path: Path, data: bytes) -> list[Phrase]:
    """Put a document where clients read it, whatever is there (the kill switch).

    A file with a second name, and one whose folder takes no new file, is written in place: a
    reader may see half of it for an instant, and keeps its values until it looks again.

    Returns:
        What was unusual, in sentences.

    Raises:
        NotWrittenError: neither way worked; what is there is named.
    """
    target, notes = where_clients_read(path), list[Phrase]()
    last_ns = _seen_ns(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _make_way(target, notes)
        _write(files, target, data, notes)
    except (OSError, NotWrittenError) as error:
        about = {"path": path, "target": target}
        raise NotWrittenError(
            "{path} could not be written ({why})" if target == path else
            "{path}, which leads to {target}, could not be written ({why})",
            why=error if isinstance(error, OSError) else error.why, **about,
        ) from None  # fmt: skip
    with suppress(OSError):
        if path.stat().st_mtime_ns <= last_ns:
            notes.append(
                phrase(
                    "Running clients will not look: the time of {path} cannot rise; restart them",
                    path=path,
                )
            )
    return notes


def _make_way(target: Path, notes: list[Phrase]) -> None:
    """Say what a path is that is no file; a folder is moved aside, the rest is replaced."""
    try:
        kind = stat.S_IFMT(target.lstat().st_mode)
    except FileNotFoundError:
        return
    if kind == stat.S_IFREG:
        return
    if kind == stat.S_IFDIR:
        aside = target.with_name(f"{target.name}.folder-{token_hex(4)}")
        target.rename(aside)
        notes.append(
            phrase("{path} was a folder, which is {aside} now", path=target, aside=aside.name)
        )
    elif kind == stat.S_IFLNK:
        text = phrase(
            "{path} was a link to no file ({target}); a file stands there now",
            path=target,
            target=target.readlink(),
        )
        notes.append(text)
    else:
        notes.append(
            phrase("{path} was a pipe, a socket or a device; a file stands there now", path=target)
        )


def _write(files: FlagFiles, target: Path, data: bytes, notes: list[Phrase]) -> None:
    shared = target.is_file() and target.stat().st_nlink > 1
    if not shared:
        try:
            overwrite(files, target, data)
        except NotWrittenError:
            if target.is_symlink() or not target.is_file():
                raise
        else:
            return
    try:
        _in_place(files, target, data)
    except _NotSyncedError as error:  # off for every reader, and that is what counts now
        notes.append(
            phrase(
                "{path} may be lost when the power fails now: {why}",
                path=target,
                why=phrase("{why}", why=error),
            )
        )


class _NotSyncedError(OSError):
    """The bytes are written, but the system does not promise that they are on the disk."""


def _in_place(files: FlagFiles, target: Path, data: bytes) -> None:
    """Write over a file's own bytes; its other names, and mounts of it alone, show them too."""
    newer_ns = files.newer(target)
    handle = os.open(target, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        if size < len(data):  # a full disk refuses here, before a byte has changed
            _reserve(handle, len(data))
        padded = data.ljust(min(size, MAX_BYTES))  # whole JSON at each moment: blanks, then cut off
        written = 0
        while written < len(padded):
            written += os.pwrite(handle, memoryview(padded)[written:], written)
        os.ftruncate(handle, len(data))
        with suppress(OSError, OverflowError):  # only the owner may; writing has set the time
            os.utime(handle, ns=(newer_ns, newer_ns))
        try:
            files.sync(handle)
        except OSError as error:
            raise _NotSyncedError(error.errno, error.strerror) from None
    finally:
        os.close(handle)


def _reserve(handle: int, size: int) -> None:
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno != EOPNOTSUPP:
            raise
