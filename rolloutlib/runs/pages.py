"""A Parquet file by its metadata and the headers of its pages, before anything is unpacked.

Both are in Thrift's compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), their fields in
parquet.thrift (https://github.com/apache/parquet-format). They are read here, in Python: one
flipped bit in them ends the whole process in readers that trust them.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.phrase import Clause, phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Chunk", "Damage", "Group", "Metadata", "Page", "metadata_of", "pages_of"]

_WINDOW = 1 << 14  # bytes in which a page's header ends, unless it holds long statistics
_MOST = 1 << 24
_DEPTH = 16  # metadata nest eleven structs and lists
_BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 3, 7, 8, 9, 10, 12  # kinds of values
_TRUTHS = {1: True, 2: False}
_INTEGERS = (4, 5, 6)
_NO_METADATA = phrase("its metadata are not those of Parquet")


class Damage(Exception):  # noqa: N818 -- what a file has, not what went wrong here
    """Bytes that are no page or no metadata of Parquet.

    Attributes:
        why: what is wrong, as a clause.
    """

    def __init__(self, why: Clause = "") -> None:
        """Keep what is wrong."""
        super().__init__(str(why))
        self.why = why


class _ShortError(Damage):
    """The value goes on beyond the bytes that were read of it."""


class Chunk(NamedTuple):
    """A column of a group of rows: where its pages begin, and their bytes in the file."""

    start: int
    length: int


class Group(NamedTuple):
    """A group of rows, with its bytes once unpacked."""

    rows: int
    unpacked: int
    chunks: list[Chunk]


class Metadata(NamedTuple):
    """What the end of a file says of it."""

    rows: int
    columns: int
    groups: list[Group]


class Page(NamedTuple):
    """One page.

    Attributes:
        at: where its header begins in the file.
        unpacked: its bytes once unpacked, as it says itself.
        stored: its bytes in the file, without the header.
    """

    at: int
    unpacked: int
    stored: int


def metadata_of(footer: bytes, check_schema: Callable[[int], None]) -> Metadata:
    """Read the metadata of a file.

    Args:
        footer: their bytes.
        check_schema: called with how many columns and groups of columns they announce, before any
            of them is read.

    Raises:
        Damage: they are none, or what a reader needs of them is missing.
    """
    try:
        check_schema(_schema_size(footer))
        fields = _struct(footer, 0, 0)[0]
        schema, rows, groups = fields[2], fields[3], fields[4]
        leaves = sum(not element.get(5) for element in schema[1:])
        read = [_group(group) for group in groups]
    except (KeyError, TypeError, AttributeError, IndexError, _ShortError):
        raise Damage(_NO_METADATA) from None
    if any(len(group.chunks) != leaves for group in read):
        raise Damage(phrase("its metadata announce other columns than its groups of rows have"))
    if min((group.rows for group in read), default=0) < 0 or sum(g.rows for g in read) != rows:
        raise Damage(
            phrase(
                "its metadata announce {rows:,} rows, and other numbers in groups of rows",
                rows=rows,
            )
        )
    return Metadata(rows, leaves, read)


def _group(fields: dict[int, Any]) -> Group:
    chunks: list[Chunk] = []
    for column in fields[1]:
        of = column[3]  # in the same file: another file's name would stand in field 1
        if 1 in column or not {1, 2, 3, 4, 5} <= of.keys():
            raise Damage(phrase("a column of it lies in another file, or is not described"))
        first, dictionary = of[9], of.get(11)
        chunks.append(Chunk(min(first, dictionary) if dictionary else first, of[7]))
    return Group(fields[3], fields[2], chunks)


def _schema_size(footer: bytes) -> int:
    """Return the size of the list of columns, which stands after the version."""
    if _at(footer, 0) != 0x15:  # noqa: PLR2004 -- field 1, an integer
        raise Damage(_NO_METADATA)
    place = _varint(footer, 1)[1]
    if _at(footer, place) != 0x19:  # noqa: PLR2004 -- field 2, a list
        raise Damage(_NO_METADATA)
    return _list_head(footer, place + 1)[0]


def pages_of(handle: int, chunk: Chunk) -> Iterator[Page]:
    """Yield the pages of a column chunk and check those that carry a checksum.

    Args:
        handle: the open file.
        chunk: where they are.

    Raises:
        Damage: a header cannot be read, a page ends outside of its chunk, or its bytes are not
            those that its checksum was made of.
    """
    at, end = chunk.start, chunk.start + chunk.length
    if at < 0 or chunk.length < 0 or end > os.fstat(handle).st_size:
        raise Damage(phrase("a column of it ends outside of the file"))
    while at < end:
        fields, header = _header(handle, at, end)
        unpacked, stored, checksum = fields.get(2, -1), fields.get(3, -1), fields.get(4)
        if unpacked < 0 or stored < 0 or at + header + stored > end:
            why = phrase("the page at byte {at:,} does not fit into its column", at=at)
            raise Damage(why)
        if (
            checksum is not None
            and zlib.crc32(os.pread(handle, stored, at + header)) != checksum % 2**32
        ):
            why = phrase("the page at byte {at:,} does not match its checksum", at=at)
            raise Damage(why)
        yield Page(at, unpacked, stored)
        at += header + stored


def _header(handle: int, at: int, end: int) -> tuple[dict[int, Any], int]:
    """Return a page header's fields, and its bytes."""
    window = _WINDOW
    while True:
        data = os.pread(handle, min(window, end - at), at)
        try:
            fields, size = _struct(data, 0, 0)
        except _ShortError:
            if window >= min(end - at, _MOST):
                break
            window *= 16
        except Damage:
            break
        else:
            if any(type(fields.get(field, 0)) is not int for field in (2, 3, 4)):
                break
            return fields, size
    raise Damage(phrase("there is no page at byte {at:,}", at=at))


def _at(data: bytes, place: int) -> int:
    if place >= len(data):
        raise _ShortError
    return data[place]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = _at(data, place)
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 -- the last byte has no high bit
            return number, place
        if shift > 63:  # noqa: PLR2004 -- an integer has 64 bits
            raise Damage(phrase("an integer of its metadata does not end"))


def _integer(data: bytes, place: int) -> tuple[int, int]:
    number, place = _varint(data, place)
    return (number >> 1) ^ -(number & 1), place


def _list_head(data: bytes, place: int) -> tuple[int, int, int]:
    """Return a list's size, the kind of its elements, and where they begin."""
    head = _at(data, place)
    size, place = head >> 4, place + 1
    if size == 15:  # noqa: PLR2004 -- longer lists write their size after the kind
        size, place = _varint(data, place)
    return size, head & 15, place


def _struct(data: bytes, place: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return a struct's values by field, and where it ends."""
    values: dict[int, Any] = {}
    field = 0
    while byte := _at(data, place):
        if byte >> 4:
            field, place = field + (byte >> 4), place + 1
        else:
            field, place = _integer(data, place + 1)
        kind = byte & 15
        if kind in _TRUTHS:
            values[field] = _TRUTHS[kind]
        else:
            values[field], place = _value(data, place, kind, depth + 1)
    return values, place + 1


def _value(data: bytes, place: int, kind: int, depth: int) -> tuple[Any, int]:
    """Return a value and where it ends."""
    if depth > _DEPTH:
        raise Damage(phrase("its metadata are nested deeper than those of Parquet"))
    if kind in _INTEGERS:
        return _integer(data, place)
    if kind in _TRUTHS or kind == _BYTE:  # truths inside of a list have a byte each
        return _at(data, place), place + 1
    if kind not in _VALUES:
        raise Damage(phrase("a value of its metadata is of no known kind"))
    return _VALUES[kind](data, place, depth)


def _text(data: bytes, place: int, _depth: int) -> tuple[bytes, int]:
    size, place = _varint(data, place)
    if place + size > len(data):
        raise _ShortError
    return data[place : place + size], place + size


def _double(_data: bytes, place: int, _depth: int) -> tuple[None, int]:
    return None, place + 8


def _list(data: bytes, place: int, depth: int) -> tuple[list[Any], int]:
    size, kind, place = _list_head(data, place)
    if size > len(data) - place:  # each element has a byte
        raise _ShortError
    items: list[Any] = []
    for _ in range(size):
        value, place = _value(data, place, kind, depth + 1)
        items.append(value)
    return items, place


_VALUES = {_DOUBLE: _double, _BINARY: _text, _LIST: _list, _SET: _list, _STRUCT: _struct}
