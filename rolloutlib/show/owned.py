"""Folders that one run owns: locked while it lives, removed by the next run once it is dead."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["alone_in", "owned_folder", "sweep"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATIENCE: Final = 60.0  # seconds; whoever is waited for only renames a few files


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
