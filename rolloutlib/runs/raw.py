"""Flat files as tables of the engine.

Parquet where it lies, texts where every reader agrees on them.

A CSV is well-formed when it is UTF-8 without NUL, with quotes only around whole cells, and as many
cells in each row as in the header; one of plain lines the engine reads itself, others Arrow.
Anything else is for the careful reader (`rows`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import csv
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from rolloutlib.runs.casts import DURATION, LINE
from rolloutlib.runs.column_spec import UNITS
from rolloutlib.runs.columns import LATER, SCHEMA
from rolloutlib.runs.csv_records import csv_records
from rolloutlib.runs.database import quoted
from rolloutlib.runs.parquet_cells import parquet_cells, taken
from rolloutlib.runs.part import RawTable
from rolloutlib.runs.rows import Row, ends_inside, named_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from rolloutlib.runs.files import RunFile

    Marks = NDArray[np.bool_]

__all__ = ["RAW_TEXTS", "is_text", "raw_csv", "raw_parquet", "registered", "types_of"]

RAW_TEXTS = "raw_texts"  # Arrow columns of the file that is read right now
_GLOB = "*?[{"  # in a path the engine would look for several files
_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


def raw_parquet(connection: duckdb.DuckDBPyConnection, file: RunFile) -> RawTable | None:
    """Open a Parquet file where it lies; None where it is none or has no rows."""
    try:
        opened = pq.ParquetFile(file.path)
    except (pa.ArrowException, OSError):
        return None
    schema = opened.schema_arrow
    names = {name.casefold() for name in (*schema.names, LINE)}  # the engine's names have no case
    if not opened.metadata.num_rows or len(names) <= len(schema.names):
        return None
    own = all(schema.field(field.name).type == field.type if field.name in schema.names
              else field.name in LATER for field in SCHEMA)  # fmt: skip
    read = f"read_parquet({quoted(file.path)}, file_row_number = true, hive_partitioning = false)"
    kinds = types_of(connection, f"(SELECT * EXCLUDE (file_row_number) FROM {read})")
    times = _durations(schema, kinds)
    cells = ", ".join(f"{times.get(name, _name(name))} AS {_name(name)}" for name in kinds)
    relation = f"(SELECT {cells}, file_row_number + 1 AS {LINE} FROM {read})"
    types = kinds | dict.fromkeys(times, DURATION)

    def rows_at(lines: Sequence[int]) -> Iterator[Row]:
        ends = np.cumsum(
            [opened.metadata.row_group(g).num_rows for g in range(opened.num_row_groups)]
        )
        groups = np.searchsorted(ends, np.asarray(lines) - 1, side="right")
        for group, pairs in groupby(zip(groups.tolist(), lines, strict=True), lambda pair: pair[0]):
            first = int(ends[group - 1]) if group else 0
            places = [line for _, line in pairs]
            cells = taken(opened.read_row_group(group), [line - 1 - first for line in places])
            for line, row in zip(places, parquet_cells(cells), strict=True):
                yield Row(line, row, "")

    return RawTable(file.name, relation, types, rows_at, texts=False, own=own)


def _durations(schema: pa.Schema, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the milliseconds of columns that know their unit, as SQL; the engine sees integers."""
    return {
        field.name: f"epoch({_name(field.name)}) * 1000"
        if kinds[field.name] == "INTERVAL"
        else f"{_name(field.name)}::DOUBLE * {UNITS[field.type.unit]!r}::DOUBLE"
        for field in schema
        if kinds[field.name] == "INTERVAL" or pa.types.is_duration(field.type)
    }


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def raw_csv(connection: duckdb.DuckDBPyConnection, file: RunFile, data: bytes) -> RawTable | None:
    """Open a well-formed CSV as columns of texts; None where the careful reader has to look."""
    if names := _plain_header(file, data):
        relation, types = _plain_csv(file, names), dict.fromkeys(names, "VARCHAR")
    else:
        table = _arrow_csv(data, file.delimiter)
        if table is None:
            return None
        names = table.column_names[:-1]
        relation, types = registered(connection, table), dict.fromkeys(names, "VARCHAR")

    def rows_at(lines: Sequence[int]) -> Iterator[Row]:
        places = set(lines)
        for line, cells, text, _ in csv_records(data.decode(), delimiter=file.delimiter):
            if line in places:
                yield Row(line, named_cells(names, cells), text)

    return RawTable(file.name, relation, types, rows_at, texts=True)


def registered(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> str:
    """Let the engine see a table of texts; return its name."""
    connection.register(RAW_TEXTS, table)
    return RAW_TEXTS


def _plain_header(file: RunFile, data: bytes) -> list[str]:
    """Return the columns of a CSV with a record a line, of which no quote stands beside a blank."""
    head = data[: data.find(b"\n")]
    odd = (b"\0", b'" ', b' "', b"\n\n", b"\n\r\n")
    if b'"' in head or any(mark in data for mark in odd) or set(_GLOB) & set(file.path):
        return []
    if not is_text(data) or (b'"' in data and _lines_in_cells(data)):
        return []
    names = next(csv.reader([head.decode().rstrip("\r")], delimiter=file.delimiter), [])
    alike = len({name.casefold() for name in (*names, LINE)}) <= len(names)
    if alike or len(names) == 1 or not all(names):
        return []
    return names if _cells_are_named(data, len(names), file.delimiter) else []


def _cells_are_named(data: bytes, cells: int, delimiter: str) -> bool:
    """Whether no line ends with a comma too many, which the engine would not mind."""
    last = delimiter.encode()
    if not any(last + end in data for end in (b"\n", b"\r")) and not data.endswith(last):
        return True
    text = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(text == _NEWLINE)
    commas = np.searchsorted(np.flatnonzero(text == ord(delimiter)), ends)
    return bool((np.diff(commas, prepend=0) == cells - 1).all())


def _lines_in_cells(data: bytes) -> bool:
    """Whether a line ends inside quotes."""
    return bool(ends_inside(data)[1].any())


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8 in which every line ends with LF or CRLF."""
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        return False
    return b"\r" not in data or data.count(b"\r") == data.count(b"\r\n")


def _plain_csv(file: RunFile, names: list[str]) -> str:
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    options = "auto_detect = false, header = true, quote = '\"', escape = '\"'"
    options += f", delim = {quoted(file.delimiter)}"
    strict = "nullstr = '', strict_mode = true, null_padding = false"
    read = f"read_csv({quoted(file.path)}, columns = {{{columns}}}, {options}, {strict})"
    return f"(SELECT *, row_number() OVER () + 1 AS {LINE} FROM {read})"


def _arrow_csv(data: bytes, delimiter: str) -> pa.Table | None:
    lines = _record_lines(data, ord(delimiter))
    if lines is None or len(lines) < 2:  # noqa: PLR2004 -- the header and a row
        return None
    if (columns := _header(data, delimiter)) is None:
        return None
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=b'"' in data
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
        ),
    )  # fmt: skip
    names = table.column_names
    if table.num_rows != len(lines) - 1 or len(set(names)) < len(names) or LINE in names:
        return None
    return table.append_column(LINE, pa.array(lines[1:]))


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return the engine's type of each column."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in described}


def _header(data: bytes, delimiter: str) -> list[str] | None:
    """Return the names of a CSV's columns; None where they are more than a line."""
    head = data[: 1 << 24].lstrip(b"\r\n")
    try:
        first = pa_csv.open_csv(
            pa.BufferReader(head[: head.find(b"\n") + 1] or head),
            read_options=pa_csv.ReadOptions(block_size=1 << 24),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter),
        )
    except pa.ArrowException:
        return None
    return first.schema.names


def _record_lines(data: bytes, between: int) -> NDArray[np.int64] | None:
    """Return the line on which each record that is not blank starts; None unless well-formed."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    if b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
        return None
    text = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", dtype=np.uint8)
    quotes = text == _QUOTE
    inside = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(np.bool_)
    if inside[-1] or not _quotes_whole_cells(text, quotes, inside, between):
        return None
    newlines = text == _NEWLINE
    ends = np.flatnonzero(newlines & ~inside)
    starts = np.concatenate([[0], ends[:-1] + 1])
    filled = ends - starts > (text[np.maximum(ends - 1, 0)] == _RETURN)
    commas = np.concatenate([[0], np.cumsum((text == between) & ~inside, dtype=np.int64)])
    cells = (commas[ends] - commas[starts])[filled]
    if not len(cells) or (cells != cells[0]).any() or not cells[0]:
        return None
    line_ends = np.flatnonzero(newlines)
    return 1 + np.searchsorted(line_ends, starts[filled], side="left")


def _quotes_whole_cells(
    text: NDArray[np.uint8], quotes: Marks, inside: Marks, between: int
) -> bool:
    """Whether each quote opens a cell at its start, closes it at its end, or is one of a pair."""
    if not quotes.any():
        return True
    before = np.concatenate([[_NEWLINE], text[:-1]])[quotes & inside]
    after = np.concatenate([text[1:], [_NEWLINE]])[quotes & ~inside]
    opens = np.isin(before, (between, _NEWLINE, _QUOTE)).all()
    return bool(opens and np.isin(after, (between, _NEWLINE, _RETURN, _QUOTE)).all())
