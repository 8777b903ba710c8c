"""A Parquet file by its metadata and page headers: whether it is one, and how much it would be.

Asked before a file is read. A few kilobytes can announce a million columns or unpack to a terabyte.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import FileError, RunsError
from rolloutlib.files import opened
from rolloutlib.limits import (
    COLUMNS,
    DOCUMENT_BYTES,
    PAGE_BYTES,
    PARQUET_BYTES,
    PATIENT_ROWS,
    ROW_GROUPS,
)
from rolloutlib.phrase import foreign, phrase
from rolloutlib.runs.pages import Damage, metadata_of, pages_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.limits import Limit
    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.pages import Group

__all__ = ["check_parquet", "check_patient", "damaged"]

_KIND = re.compile(r"[\w ]*(?:Error|Exception|exception): |\(line \d+\)")  # names inside of readers
_MAGIC, _SEALED = b"PAR1", b"PARE"
_FRAME = 12  # bytes of the magic at both ends and of the metadata's length
_GROUPED = 4  # columns and their groups: a list is three of them


def check_parquet(file: RunFile, still: Callable[[], None]) -> int:
    """Return the rows that a Parquet file announces.

    Args:
        file: the file.
        still: called between its groups of rows; raises where time is up.

    Raises:
        RunsError: it is none, it is damaged, or it would be larger than a budget.
    """
    try:
        with opened(file.path, 2**62, links=False) as stream:
            handle = stream.fileno()
            footer = _footer(file, handle)
            facts = metadata_of(footer, lambda size: _within(file, COLUMNS, size, _GROUPED))
            pq.read_metadata(pa.BufferReader(_framed(footer)))  # whether Arrow agrees
            for limit, got in (
                (COLUMNS, facts.columns),
                (ROW_GROUPS, len(facts.groups)),
                (PARQUET_BYTES, sum(max(0, group.unpacked) for group in facts.groups)),
            ):
                _within(file, limit, got)
            for group in facts.groups:
                still()
                _check_pages(file, handle, group)
            return facts.rows
    except FileError as error:
        raise RunsError("{path} {why}.", path=file.name, why=error.why) from None
    except (Damage, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(file, error) from None


def check_patient(file: RunFile, rows: int) -> None:
    """Refuse a table that would have to go row by row and is too long for that.

    Raises:
        RunsError: it has more rows than may be.
    """
    if rows > PATIENT_ROWS.value:
        raise RunsError(
            "{file} has to be read row by row, and has {refusal}.",
            file=file.name, refusal=PATIENT_ROWS.refusal(rows),
        )  # fmt: skip


def damaged(file: RunFile, error: Exception) -> RunsError:
    """Say that a file cannot be read as Parquet, and what to do."""
    first = _KIND.sub("", str(error).partition("\n")[0])[:300].rstrip(".")
    return RunsError(
        "{file} cannot be read as Parquet: {why}; expected a whole Parquet file; write it again "
        "from its source, or take it out.",
        file=file.name, why=error.why if isinstance(error, Damage) else foreign(first),
    )  # fmt: skip


def _footer(file: RunFile, handle: int) -> bytes:
    """Return the bytes of a file's metadata."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, 8, max(0, size - 8))
    if size < _FRAME or tail[4:] != _MAGIC or os.pread(handle, 4, 0) != _MAGIC:
        if tail[4:] == _SEALED:
            raise Damage(phrase("it is encrypted"))
        raise Damage(
            phrase("it does not begin and end with PAR1, so it is another format or cut off")
        )
    length = int.from_bytes(tail[:4], "little")
    if length > size - _FRAME:
        raise Damage(
            phrase(
                "it has {size:,} bytes, and {length:,} bytes of metadata", size=size, length=length
            )
        )
    _within(file, DOCUMENT_BYTES, length)
    return os.pread(handle, length, size - 8 - length)


def _framed(footer: bytes) -> bytes:
    """Return metadata as a file without rows has them."""
    return _MAGIC + footer + len(footer).to_bytes(4, "little") + _MAGIC


def _within(file: RunFile, limit: Limit, got: int, times: int = 1) -> None:
    if got > times * limit.value:
        refusal = limit.refusal(got)
        if limit is DOCUMENT_BYTES:
            raise RunsError("{file} has metadata of {refusal}.", file=file.name, refusal=refusal)
        raise RunsError("{file} has {refusal}.", file=file.name, refusal=refusal)


def _check_pages(file: RunFile, handle: int, group: Group) -> None:
    for chunk in group.chunks:
        for page in pages_of(handle, chunk):
            if page.unpacked > PAGE_BYTES.value:
                raise RunsError(
                    "{file}: the page at byte {at:,} has {refusal}.",
                    file=file.name, at=page.at, refusal=PAGE_BYTES.refusal(page.unpacked),
                )  # fmt: skip
