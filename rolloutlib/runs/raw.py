"""Flat files as tables of the engine: Parquet where it lies, CSV through Arrow when it is well-formed.

A CSV is well-formed where every reader agrees on it: UTF-8, no NUL, quotes only around whole cells,
and as many cells in each row as in the header. Anything else is for the careful reader (`rows`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from rolloutlib.runs.casts import LINE
from rolloutlib.runs.columnar import RawTable
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import quoted
from rolloutlib.runs.rows import Row, csv_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from numpy.typing import NDArray

    from rolloutlib.runs.files import RunFile

    Marks = NDArray[np.bool_]

__all__ = ["raw_csv", "raw_parquet"]

_COMMA, _QUOTE, _NEWLINE, _RETURN = b',"\n\r'


def raw_parquet(connection: duckdb.DuckDBPyConnection, file: RunFile) -> RawTable | None:
    """Open a Parquet file where it lies; None where it is none or has no rows."""
    try:
        opened = pq.ParquetFile(file.path)
    except (pa.ArrowException, OSError):
        return None
    schema = opened.schema_arrow
    if not opened.metadata.num_rows or len(set(schema.names)) < len(schema.names):
        return None
    own = all(name in schema.names and schema.field(name).type == SCHEMA.field(name).type
              for name in SCHEMA.names)  # fmt: skip
    read = f"read_parquet({quoted(file.path)}, file_row_number = true, hive_partitioning = false)"
    relation = f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS {LINE} FROM {read})"
    types = _types(connection, relation)

    def rows_at(lines: Sequence[int]) -> Iterator[Row]:
        ends = np.cumsum(
            [opened.metadata.row_group(g).num_rows for g in range(opened.num_row_groups)]
        )
        groups = np.searchsorted(ends, np.asarray(lines) - 1, side="right")
        for group, found in groupby(zip(groups.tolist(), lines, strict=True), lambda pair: pair[0]):
            first = int(ends[group - 1]) if group else 0
            places = [line for _, line in found]
            cells = opened.read_row_group(group).take([line - 1 - first for line in places])
            for line, row in zip(places, cells.to_pylist(), strict=True):
                yield Row(line, row, "")

    return RawTable(file.name, relation, types, rows_at, texts=False, own=own)


def raw_csv(connection: duckdb.DuckDBPyConnection, file: RunFile, data: bytes) -> RawTable | None:
    """Open a well-formed CSV as columns of texts; None where the careful reader has to look."""
    lines = _record_lines(data)
    if lines is None or len(lines) < 2:  # noqa: PLR2004 -- the header and a row
        return None
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        parse_options=pa_csv.ParseOptions(newlines_in_values=b'"' in data),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(_header(data), pa.string()),
            null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
        ),
    )  # fmt: skip
    names = table.column_names
    if table.num_rows != len(lines) - 1 or len(set(names)) < len(names) or LINE in names:
        return None
    name = f"raw_{abs(hash(file.name))}"
    connection.register(name, table.append_column(LINE, pa.array(lines[1:])))

    def rows_at(wanted: Sequence[int]) -> Iterator[Row]:
        places = set(wanted)
        for line, cells, text in csv_records(file, data.decode()):
            if line in places:
                yield Row(line, dict(zip(names, (c or None for c in cells), strict=True)), text)

    return RawTable(file.name, name, dict.fromkeys(names, "VARCHAR"), rows_at, texts=True)


def _types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in described}


def _header(data: bytes) -> list[str]:
    first = pa_csv.open_csv(
        pa.BufferReader(data[: data.find(b"\n") + 1] or data),
        read_options=pa_csv.ReadOptions(block_size=1 << 24),
    )
    return first.schema.names


def _record_lines(data: bytes) -> NDArray[np.int64] | None:
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
    if inside[-1] or not _quotes_whole_cells(text, quotes, inside):
        return None
    newlines = text == _NEWLINE
    ends = np.flatnonzero(newlines & ~inside)
    starts = np.concatenate([[0], ends[:-1] + 1])
    filled = ends - starts > (text[np.maximum(ends - 1, 0)] == _RETURN)
    commas = np.concatenate([[0], np.cumsum((text == _COMMA) & ~inside, dtype=np.int64)])
    cells = (commas[ends] - commas[starts])[filled]
    if not len(cells) or (cells != cells[0]).any() or not cells[0]:
        return None
    line_ends = np.flatnonzero(newlines)
    return 1 + np.searchsorted(line_ends, starts[filled], side="left")


def _quotes_whole_cells(text: NDArray[np.uint8], quotes: Marks, inside: Marks) -> bool:
    """Whether each quote opens a cell at its start, closes it at its end, or is one of a pair."""
    if not quotes.any():
        return True
    before = np.concatenate([[_NEWLINE], text[:-1]])[quotes & inside]
    after = np.concatenate([text[1:], [_NEWLINE]])[quotes & ~inside]
    opens = np.isin(before, (_COMMA, _NEWLINE, _QUOTE)).all()
    return bool(opens and np.isin(after, (_COMMA, _NEWLINE, _RETURN, _QUOTE)).all())
