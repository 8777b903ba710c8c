"""What one run owns: folders that the next run removes once it is dead, and a place to write to."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.text import plain
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rolloutlib.words.sentences import Sentence

__all__ = ["alone_in", "only_writer", "owned_folder", "refuse_inner", "socket_folder", "sweep"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PATIENCE: Final = 60.0  # seconds; whoever is waited for only renames a few files
_SOCKET_PATH: Final = 90  # bytes that every system allows in the name of a socket
WAIT_SECONDS: Final = 600.0  # for whoever writes a whole report
_GIT: Final = ".git"
# Where a workbook has its own records; what else is written there would pass for one.
_RECORDS: Final = (
    "keys", "params", "docs/LEDGER", "docs/RELEASE_NOTES", "docs/ROLLBACKS", "docs/RUN_LOGS",
    "reports/looks.jsonl", "data/incidents.jsonl",
)  # fmt: skip
_TOLD_BYTES: Final = 80  # of what a lock says of its holder


def refuse_inner(out: Path, option: str = "out", home: str = "reports") -> None:
    """Refuse to write among a workbook's own records, into a hidden folder of it, or into git's.

    Args:
        out: the folder, or file, that is to be written; links are followed.
        option: what names it.
        home: the folder of a workbook in which such output has its place.

    Raises:
        UsageError: it lies there; the message names the folder and what to write instead.
    """
    place = Path(os.path.realpath(out))
    # `Path.is_file` would stop at a folder that nobody may read.
    plans = {up: up / "params" / "plan.yaml" for up in (place, *place.parents)}
    root = next((up for up, plan in plans.items() if os.path.isfile(plan)), place)  # noqa: PTH113
    inner = place.relative_to(root)
    within = _record_with(inner)
    within = within or next((name for name in inner.parts if name.startswith(".")), "")
    within = within or next((name for name in place.parts if name == _GIT), "")
    if within:
        named = Path(home, place.name.lstrip(".") or "new")
        instead = Path(home, f"new{place.suffix}") if _record_with(named) else named
        raise UsageError(
            "{option} is {got!r}, which lies in {within}: what is kept there is no output; name "
            "another place, such as {instead}",
            option=option, got=str(out), within=within, instead=f"{home}/{instead.name}",
        )  # fmt: skip


def _record_with(inner: Path) -> str:
    """Return which of a workbook's own records a path below its root is, or lies in; else ""."""
    return next((name for name in _RECORDS if inner.is_relative_to(name)), "")


@contextmanager
def owned_folder(parent: Path, prefix: str, mode: int) -> Generator[Path]:
    """Make a folder for this run, remove what is still there of it at the end.

    Its lock ends with the process, however it ends, so that others see who is dead (`sweep`).

    Args:
        parent: where to make it.
        prefix: how its name begins.
        mode: its permissions, of which the umask takes away some.

    Raises:
        OSError: it cannot be made.
    """
    path, handle = _made(parent, prefix, mode)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


@contextmanager
def socket_folder(room: Path, prefix: str, longest: str) -> Generator[Path]:
    """Find a place for sockets: a private folder itself, or one in /tmp where its path is too long.

    Args:
        room: the private folder, below what TMPDIR names.
        prefix: how the name of another one begins.
        longest: the longest name of a socket in it.

    Raises:
        OSError: none can be made in /tmp.
    """
    path = str(room / longest)
    if path.isascii() and len(path) <= _SOCKET_PATH:  # ZeroMQ takes names for UTF-8
        yield room
        return
    short = Path("/tmp")  # noqa: S108 -- private, 0700
    sweep(short, prefix)
    with owned_folder(short, prefix, 0o700) as folder:
        yield folder


def sweep(parent: Path, prefix: str) -> None:
    """Remove this user's folders of dead runs; those of the living, and of others, stay."""
    with suppress(OSError), os.scandir(parent) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(prefix)]:
            with suppress(OSError):
                _remove_dead(parent / name)


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Be the only run that changes the entries of a folder; file systems without locks go on.

    Raises:
        TimeoutError: another run holds it for longer than a minute.
    """
    handle = os.open(folder, _FOLDER)
    try:
        _wait_for(handle, folder)
        yield
    finally:
        os.close(handle)


@contextmanager
def only_writer(place: Path, lock: Path, waiting: Callable[[Sentence], object]) -> Generator[None]:
    """Be the only run that writes a report to a place; another one is waited for.

    The lock ends with the process, however it ends; its file goes when the report is there.

    Args:
        place: where the report will be, for the sentence.
        lock: the file that is locked; it says who holds it, and since when.
        waiting: hears once who is waited for.

    Raises:
        RolloutError: the other run takes longer than `WAIT_SECONDS`.
    """
    handle = _lock_of(place, lock, waiting)
    if handle is None:  # file systems without locks, a lock of another user: parts still come whole
        yield
        return
    try:
        with suppress(OSError):
            os.truncate(handle, 0)
            os.write(handle, f"{os.getpid()} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}".encode())
        yield
    finally:
        with suppress(OSError):
            lock.unlink()  # while it is held: who waits for it looks whether it is still there
        os.close(handle)


def _lock_of(place: Path, lock: Path, waiting: Callable[[Sentence], object]) -> int | None:
    """Return the open and locked file, or None where nothing can be locked."""
    until, announced = time.monotonic() + WAIT_SECONDS, False
    while True:
        try:
            handle = os.open(lock, _LOCK, 0o644)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, handle):
                return handle
        except BlockingIOError:
            busy = {"place": plain(str(place)), "writer": _writer(handle)}
            if time.monotonic() > until:
                raise RolloutError(
                    "{place} is being written by {writer}, for more than {seconds:g} s; wait for "
                    "it or end it, then run the same command again", **busy, seconds=WAIT_SECONDS,
                ) from None  # fmt: skip
            if not announced:
                waiting(say("{place} is being written by {writer}; waiting for it", **busy))
            announced = True
            time.sleep(0.1)
        except OSError:
            os.close(handle)
            return None
        os.close(handle)


def _is_at(lock: Path, handle: int) -> bool:
    """Whether the file that was locked is still the one that others meet."""
    try:
        return os.path.samestat(os.lstat(lock), os.fstat(handle))
    except FileNotFoundError:
        return False


def _writer(handle: int) -> str:
    """Return who holds a lock, in its own words."""
    lock_text = os.pread(handle, _TOLD_BYTES, 0).decode("ascii", "replace")
    pid, _, since = lock_text.partition(" ")
    return f"process {pid} since {since} UTC" if pid.isdigit() else "another process"


def _made(parent: Path, prefix: str, mode: int) -> tuple[Path, int]:
    """Make and lock a folder; one that was swept before it was locked is made again."""
    while True:
        path = parent / f"{prefix}{token_hex(6)}"
        path.mkdir(mode)
        try:
            handle = os.open(path, _FOLDER)
        except FileNotFoundError:
            continue
        with suppress(OSError):  # no locks here: nobody will sweep, either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists():
            return path, handle
        os.close(handle)


def _remove_dead(path: Path) -> None:
    handle = os.open(path, _FOLDER)
    try:
        if os.fstat(handle).st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it lives
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(handle)


def _wait_for(handle: int, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                busy = "another program has locked it for a minute"
                raise TimeoutError(error.errno, busy, str(folder)) from None
            time.sleep(0.02)
        except OSError:
            return  # NFS and the like
        else:
            return
