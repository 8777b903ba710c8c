"""Packed files (.gz, .zst) and Inspect's .eval, unpacked within the budget of a file.

A few kilobytes can unpack to a terabyte: bytes are counted while they come, and nothing is held
beyond the budget.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from rolloutlib.doors.refusal import DoorError
from rolloutlib.limits import FILE_BYTES, FILES
from rolloutlib.phrase import foreign, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PACKINGS", "archived", "unpacked"]

PACKINGS: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_PIECE = 1 << 20
_DAMAGES = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
_ZSTD_METHOD = 93  # of an entry of a .zip, which zipfile knows from Python 3.14 on
_HEADER, _SAMPLES = "header.json", "samples/"


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def unpacked(name: str, data: bytes, packing: str) -> bytes:
    """Unpack a file, whose parts may be joined files (as `cat a.gz b.gz` makes them).

    Args:
        name: the file's, for messages.
        data: its bytes.
        packing: how its name says that it is packed: a key of `PACKINGS`.

    Raises:
        DoorError: it is not packed so, it is damaged or cut off, or is larger than a file may be.
    """
    kind = PACKINGS[packing]
    buffer = io.BytesIO()
    try:
        for piece in _pieces(_stream(data, kind)):
            buffer.write(piece)
            _within(name, buffer.tell())
    except _DAMAGES as error:
        raise _damaged(name, kind, error) from None
    return buffer.getvalue()


def _stream(data: bytes, kind: str) -> _Stream:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=io.BytesIO(data))
    import pyarrow as pa

    return pa.CompressedInputStream(pa.BufferReader(data), "zstd")


def _pieces(stream: _Stream) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _within(name: str, size: int) -> None:
    if size > FILE_BYTES.value:
        raise DoorError(
            name, phrase("unpacks to more than {most:,} bytes", most=FILE_BYTES.value),
            phrase(
                "at most that (raise it with {variable}, see docs/limits.md)",
                variable=FILE_BYTES.variable,
            ),
        )  # fmt: skip


def _damaged(name: str, kind: str, error: Exception) -> DoorError:
    why = str(error).partition("\n")[0][:200].rstrip(".") or type(error).__name__
    return DoorError(
        name, phrase("cannot be unpacked as {kind} ({why})", kind=kind, why=foreign(why)),
        phrase("the whole file; copy it again, or take it out"),
    )  # fmt: skip


def archived(name: str, data: bytes) -> bytes:
    """Return Inspect's .eval (an archive of JSON files) as the one JSON document that it is.

    That is what `inspect log dump` prints: the keys of its header, and its samples.

    Raises:
        DoorError: it is no such archive, it is damaged, or larger than a file may be.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
        if len(entries) > FILES.value:
            got = phrase("holds {refusal}", refusal=FILES.refusal(len(entries)))
            raise DoorError(name, got, phrase("fewer"))
        names = [entry.filename for entry in entries]
        if _HEADER not in names:
            expected = phrase("a finished log (an interrupted one has none: inspect log recover)")
            raise DoorError(name, phrase("holds no {part}", part=_HEADER), expected)
        twice = next((part for part in names if names.count(part) > 1), "") if _twice(names) else ""
        if twice:
            got = phrase("holds {part!r} twice", part=twice)
            raise DoorError(name, got, phrase("each part of a log once"))
        return _joined(name, archive, data)
    except _DAMAGES as error:
        raise _damaged(name, "zip", error) from None


def _twice(names: list[str]) -> bool:
    return len(set(names)) < len(names)


def _joined(name: str, archive: zipfile.ZipFile, data: bytes) -> bytes:
    """Put the samples into the header's object, in the order of their names."""
    parts = [entry for entry in archive.infolist() if entry.filename.startswith(_SAMPLES)]
    parts = sorted(
        (entry for entry in parts if entry.filename.endswith(".json")),
        key=lambda entry: entry.filename,
    )
    buffer = io.BytesIO()
    header = _entry(name, archive.getinfo(_HEADER), archive, data, 0).rstrip()
    if not header.startswith(b"{") or not header.endswith(b"}"):
        got = phrase("holds a {part} that is no object", part=_HEADER)
        raise DoorError(name, got, phrase("a log of Inspect"))
    buffer.write(header[:-1] + (b"," if header[1:-1].strip() else b"") + b'"samples":[')
    for place, part in enumerate(parts):
        buffer.write(b",\n" if place else b"\n")
        buffer.write(_entry(name, part, archive, data, buffer.tell()))
    buffer.write(b"]}")
    return buffer.getvalue()


def _entry(
    name: str, info: zipfile.ZipInfo, archive: zipfile.ZipFile, data: bytes, before: int
) -> bytes:
    """Unpack one entry; `before` bytes are there already."""
    buffer = io.BytesIO()
    zstd = info.compress_type == _ZSTD_METHOD
    stream = _stream(_raw(info, data), "zstd") if zstd else archive.open(info)
    for piece in _pieces(stream):
        buffer.write(piece)
        _within(name, before + buffer.tell())
    if zstd and zlib.crc32(buffer.getbuffer()) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
    return buffer.getvalue()


def _raw(info: zipfile.ZipInfo, data: bytes) -> bytes:
    """Return an entry's bytes as they are packed: behind its local header and the names in it."""
    start = info.header_offset
    lengths = (int.from_bytes(data[start + at : start + at + 2], "little") for at in (26, 28))
    begin = start + 30 + sum(lengths)
    return data[begin : begin + info.compress_size]
