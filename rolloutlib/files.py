"""Bytes in: the one way to open a file that somebody else may have put there.

Opening never waits (a named pipe without a writer), never reads a device, and never reads more than
its budget. What is returned is what was there at one time: a file that changes while it is read is
refused.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO

from rolloutlib.errors import FileError
from rolloutlib.limits import DOCUMENT_BYTES, Limit
from rolloutlib.phrase import Clause, phrase

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "bounded_bytes",
    "bounded_text",
    "file_sha256",
    "is_there",
    "kind_of",
    "opened",
    "shown_path",
]

_PIECE = 1 << 20
_ANY_SIZE = 2**62  # bytes
_KINDS = (
    (stat.S_ISDIR, phrase("a folder")),
    (stat.S_ISFIFO, phrase("a named pipe")),
    (stat.S_ISSOCK, phrase("a socket")),
    (stat.S_ISCHR, phrase("a device")),
    (stat.S_ISBLK, phrase("a device")),
    (stat.S_ISLNK, phrase("a link")),
)


def bounded_bytes(
    path: str | os.PathLike[str], most: Limit | int = DOCUMENT_BYTES, *, links: bool = True
) -> bytes:
    """Read a regular file whole, in bounded time and memory.

    The digest of what is returned is the digest of what was there: parse these bytes, and do not
    open the file again.

    Args:
        path: the file.
        most: a budget of `rolloutlib.limits`, or a number of bytes.
        links: whether the file may be a link to another one (its folders always may be).

    Raises:
        FileError: it is missing (`error.missing`), no regular file, a link where none may be, too
            large, cannot be opened, or changed while it was read. `error.why` is the sentence
            without the path, for callers with an error of their own.
    """
    with opened(path, most, links=links) as stream:
        return stream.read()


def bounded_text(path: str | os.PathLike[str], most: Limit | int = DOCUMENT_BYTES) -> str:
    """Read a regular UTF-8 file, with or without a byte-order mark, as `bounded_bytes` does.

    Raises:
        FileError: as `bounded_bytes`, or it is no UTF-8.
    """
    data = bounded_bytes(path, most)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = phrase(
            "is no UTF-8: byte {at} is 0x{value:02x}; save it as UTF-8",
            at=error.start, value=data[error.start],
        )  # fmt: skip
        raise FileError.at(shown_path(path), why) from None


def file_sha256(path: str | os.PathLike[str], *, links: bool = True) -> str:
    """Return the sha256 of a regular file of any size, read piece by piece.

    Raises:
        FileError: as `bounded_bytes`.
    """
    digest = sha256()
    with opened(path, _ANY_SIZE, links=links) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def opened(
    path: str | os.PathLike[str], most: Limit | int = DOCUMENT_BYTES, *, links: bool = True
) -> Generator[BinaryIO]:
    """Open a regular file within its budget; at the end, look whether it is still as it was.

    Raises:
        FileError: as `bounded_bytes`.
    """
    shown = shown_path(path)
    try:
        handle = _handle(path, links=links)
    except OSError as error:
        raise _not_opened(shown, error, links=links) from None
    except ValueError:  # a NUL in the name
        why = phrase("is no name that a file can have")
        raise FileError.at(shown, why, missing=True) from None
    with os.fdopen(handle, "rb", buffering=0) as raw:
        before = os.fstat(raw.fileno())
        _within(shown, before.st_size, most)
        yield _Counted(raw, shown, most)  # pyright: ignore[reportReturnType] -- read() is all of it
        after = os.fstat(raw.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        why = phrase("changed while it was read; wait for its writer, and read it again")
        raise FileError.at(shown, why)


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to something; a name that no file can have leads to nothing."""
    try:
        os.stat(path)  # noqa: PTH116 -- as above
    except (OSError, ValueError):
        return False
    return True


def kind_of(path: str | os.PathLike[str], *, links: bool = False) -> Clause:
    """Return what a path is, for a sentence: "a named pipe", "a link"; empty for a regular file.

    With `links`, what the link leads to.

    Raises:
        OSError: there is nothing, or it cannot be asked.
    """
    return _kind(os.stat(path, follow_symlinks=links).st_mode)  # noqa: PTH116 -- as above


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path as one line that can be printed.

    Bytes that are no UTF-8 and control characters are escaped.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= 300 else f"{safe[:140]}…{safe[-140:]}"  # noqa: PLR2004 -- one name


class _Counted:
    """A stream that gives no more than its budget, whatever size the file claimed to have."""

    def __init__(self, raw: BinaryIO, shown: str, most: Limit | int) -> None:
        self._raw, self._told, self._most, self._read = raw, shown, most, 0

    def fileno(self) -> int:
        return self._raw.fileno()

    def read(self, size: int = -1) -> bytes:
        pieces: list[bytes] = []
        while size:
            piece = self._raw.read(_PIECE if size < 0 else min(size, _PIECE))
            if not piece:
                break
            self._read += len(piece)
            _within(self._told, self._read, self._most)
            pieces.append(piece)
            size = size if size < 0 else size - len(piece)
        return b"".join(pieces)


def _handle(path: str | os.PathLike[str], *, links: bool) -> int:
    """Ask what it is before it is opened, and again afterwards: somebody may have swapped it."""
    _regular(os.stat(path, follow_symlinks=links))  # noqa: PTH116 -- names that are bytes, too
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    handle = os.open(path, flags if links else flags | os.O_NOFOLLOW)
    try:
        _regular(os.fstat(handle))
    except OSError:
        os.close(handle)
        raise
    return handle


class _IrregularError(OSError):
    """What is there is no file to read."""


def _regular(status: os.stat_result) -> None:
    if kind := _kind(status.st_mode):
        raise _IrregularError(errno.EINVAL, kind)


def _kind(mode: int) -> Clause:
    if stat.S_ISREG(mode):
        return ""
    return next((name for is_kind, name in _KINDS if is_kind(mode)), phrase("no file"))


def _within(shown: str, size: int, most: Limit | int) -> None:
    limit = most if isinstance(most, int) else most.value
    if size <= limit:
        return
    why = (
        phrase("has {size:,} bytes; expected at most {most:,}", size=size, most=limit)
        if isinstance(most, int) else phrase("has {refusal}", refusal=most.refusal(size))
    )  # fmt: skip
    raise FileError.at(shown, why)


def _not_opened(shown: str, error: OSError, *, links: bool) -> FileError:
    if isinstance(error, _IrregularError):
        why = phrase("is {kind}; expected a regular file", kind=error.strerror)
        return FileError.at(shown, why)
    if error.errno == errno.ELOOP:
        expected = phrase("a link that ends at a file" if links else "a plain file, not a link")
        why = phrase("is a link, or one of a ring of links; expected {due}", due=expected)
        return FileError.at(shown, why)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return FileError.at(shown, phrase("does not exist; expected a file"), missing=True)
    return FileError.at(shown, phrase("cannot be read ({why})", why=error))
