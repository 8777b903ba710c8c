"""Flat tables as rows.

CSV, JSON Lines and Parquet give the same thing, a dictionary a row with its line and text.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.quarantine import Quarantined, shown, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.runs.files import RunFile

__all__ = ["Row", "Rows", "csv_records", "read_rows"]


class Row(NamedTuple):
    """One row: its line.

    Its number in Parquet, its cells by column, and its text as it was written.
    """

    line: int
    cells: dict[str, Any]
    text: str


class Rows(NamedTuple):
    """The rows of a flat table, and those that are none."""

    columns: tuple[str, ...]
    rows: list[Row]
    bad: list[Quarantined]


def read_rows(file: RunFile, data: bytes) -> Rows:
    """Read a flat table.

    Raises:
        RunsError: the header is unusable, a quote is never closed, or every row has values too
            many.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    return readers.get(file.kind, _read_lines)(file, data)


csv.field_size_limit(2**31 - 1)  # answers of models are long texts, and no fault


def _read_csv(file: RunFile, data: bytes) -> Rows:
    records = csv_records(file, data.decode("utf-8", "surrogateescape"))
    _, header, _ = next(records, (1, list[str](), ""))
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        msg = f"{file.name}:1: the header names {shown(twice[0])} twice; expected each column once."
        raise RunsError(msg)
    rows: list[Row] = []
    bad: list[Quarantined] = []
    longer = 0
    for line, cells, text in records:
        problem = _csv_problem(header, cells, text)
        longer += len(cells) > len(header)
        if problem:
            bad.append(Quarantined(file.name, line, problem[0], "", problem[1], text))
        else:
            filled = {name: cell or None for name, cell in zip(header, cells, strict=True)}
            rows.append(Row(line, filled, text))
    if longer and not rows:
        got = f"every row has more values than the header's {len(header)} columns"
        msg = f"{file.name}: {got}; name the extra column."
        raise RunsError(msg)
    return Rows(tuple(header), rows, bad)


def csv_records(file: RunFile, text: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield (line, cells, text) of each record that is not blank; a quoted cell may span lines."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    start = 0
    try:
        for cells in reader:
            if cells:
                yield start + 1, cells, "".join(lines[start : reader.line_num]).rstrip("\r\n")
            start = reader.line_num
    except csv.Error as error:
        due = "expected every quote that is opened in this row to be closed"
        msg = f"{file.name}:{start + 1}: {error}; {due}."
        raise RunsError(msg) from None


def _csv_problem(header: list[str], cells: list[str], text: str) -> tuple[str, str] | None:
    if len(cells) != len(header):
        return f"the row has {len(cells)} values", f"expected {len(header)} as in the header"
    if "\0" in text:
        return "the row has a NUL byte", "expected text"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"byte {len(text[: error.start].encode())} of the row is no UTF-8", "expected UTF-8"
    return None


def _read_lines(file: RunFile, data: bytes) -> Rows:
    rows: list[Row] = []
    bad: list[Quarantined] = []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        text = verbatim(line)
        try:
            rows.append(Row(number, read_object(line), text))
        except UnicodeDecodeError as error:
            field = f"byte {error.start} of the line is no UTF-8"
            bad.append(Quarantined(file.name, number, field, "", "expected UTF-8", text))
        except MalformedError as error:
            bad.append(
                Quarantined(
                    file.name,
                    number,
                    error.field,
                    error.value and shown(error.value),
                    error.expectation,
                    text,
                )
            )
    return Rows(tuple(dict.fromkeys(name for row in rows for name in row.cells)), rows, bad)


def _read_parquet(file: RunFile, data: bytes) -> Rows:
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        msg = f"{file.name} cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise RunsError(msg) from None
    rows = [Row(number, cells, "") for number, cells in enumerate(table.to_pylist(), start=1)]
    return Rows(tuple(table.column_names), rows, [])
