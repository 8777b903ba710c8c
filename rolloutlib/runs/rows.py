"""Flat tables as rows.

CSV, JSON Lines and Parquet give the same thing, a dictionary a row with its line and text.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.doors.records import NOTHING_THERE, Missing, records_at
from rolloutlib.errors import RunsError
from rolloutlib.phrase import Clause, Phrase, phrase, several
from rolloutlib.runs.csv_records import Record, csv_records
from rolloutlib.runs.located import MalformedError, line_of, read_object, read_value
from rolloutlib.runs.parquet import damaged
from rolloutlib.runs.parquet_cells import parquet_cells
from rolloutlib.runs.quarantine import UTF8, Quarantined, shown, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["Row", "Rows", "ends_inside", "lines_inside", "named_cells", "read_rows", "rows_in"]


class Row(NamedTuple):
    """One row.

    Attributes:
        line: on which it stands; its number in Parquet and in JSON.
        cells: by column.
        text: as it was written.
        root: what the whole file is, for paths that begin there.
        item: which one of several that stand on the line, such as 2 or 2.1.
    """

    line: int
    cells: dict[str, Any]
    text: str
    root: object = None
    item: str = ""

    @property
    def place(self) -> str:
        """What tells it apart from all other rows of its file."""
        return f"{self.line}.{self.item}" if self.item else str(self.line)


class Rows(NamedTuple):
    """The rows of a flat table, those that are none, and what lines inside of a row's cells say.

    Attributes:
        left: what `where` leaves out: (column, the word that stood there) → rows.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    bad: list[Quarantined]
    inside: dict[int, list[Row]]
    left: Mapping[tuple[str, str], int] = {}


def read_rows(file: RunFile, data: bytes, spec: SourceSpec | None = None) -> Rows:
    """Read a flat table.

    Raises:
        RunsError: the header is unusable, no row has its quotes closed, every row has values too
            many, or a .json file has no list where source.yaml says.
    """
    if file.kind == ".csv":
        return _read_csv(file, data, spec.escape if spec else None)
    if file.kind == ".json":
        return _read_json(file, data, (spec.records if spec else None) or ".")
    if file.kind == ".parquet":
        return _read_parquet(file, data)
    return _read_lines(file, data, spec.records if spec else None)


_UTF8 = phrase("expected UTF-8, or the file's encoding: in source.yaml")


def _read_csv(file: RunFile, data: bytes, escape: str | None) -> Rows:
    records = csv_records(data.decode("utf-8", "surrogateescape"), escape, file.delimiter)
    first = next(records, Record(1, [], ""))
    header = first.cells
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise RunsError(
            "{file}:1: the header names {column} twice; expected each column once.",
            file=file.name, column=shown(twice[0]),
        )  # fmt: skip
    rows = Rows(tuple(header), [], [], {})
    broken, longer = [first] if first.fault else list[Record](), 0
    for record in records:
        if broken and _is_rest_of(broken[-1], record, rows):
            rows.bad[-1] = replace(rows.bad[-1], text=f"{rows.bad[-1].text}\n{record.text}")
            continue
        longer += len(record.cells) > len(header)
        broken += [record] if record.fault else []
        _add_record(rows, record, file)
    if not rows.rows:
        _require_rows(file, broken, longer, len(header))
    return rows


def _is_rest_of(broken: Record, record: Record, rows: Rows) -> bool:
    """Whether a record is the rest of a text whose quotes are broken, which is no row of its own.

    So it is right below one, with too few cells.
    """
    is_short = not record.fault and len(record.cells) < len(rows.columns)
    return is_short and broken.line == rows.bad[-1].line


def _add_record(rows: Rows, record: Record, file: RunFile) -> None:
    """Add a record to the rows, or to the bad ones."""
    header, (line, cells, text, _) = list(rows.columns), record
    if problem := _csv_problem(header, record):
        rows.bad.append(Quarantined(file.name, line, problem[0], "", problem[1], text))
        return
    rows.rows.append(Row(line, named_cells(header, cells), text))
    if "\n" in text and (inside := _lines_inside(header, record, file.delimiter)):
        rows.inside[line] = inside


def _require_rows(file: RunFile, broken: Sequence[Record], longer: int, columns: int) -> None:
    """Say why no row can be read, if quotes or the number of cells are why."""
    if broken:
        place, (got, expectation) = f"{file.name}:{broken[0].line}", broken[0].fault or ("", "")
        raise RunsError("{place}: {got}; {due}.", place=place, got=got, due=expectation)
    if longer:
        raise RunsError(
            "{file}: every row has more values than the header's {n} columns; name the extra "
            "column, or say delimiter: in source.yaml.",
            file=file.name, n=columns,
        )  # fmt: skip


def named_cells(header: Sequence[str], cells: Sequence[str]) -> dict[str, str | None]:
    """Return a row's cells by column; an empty cell is None."""
    return {name: cell or None for name, cell in zip(header, cells, strict=True)}


def _lines_inside(header: list[str], record: Record, delimiter: str) -> list[Row]:
    """Return the lines inside of a record that have as many cells as a row."""
    lines = record.text.splitlines()[1:]
    numbered = ((record.line + place, line) for place, line in enumerate(lines, 1))
    return list(rows_in(header, numbered, delimiter))


def rows_in(
    header: Sequence[str], lines: Iterable[tuple[int, str]], delimiter: str = ","
) -> Iterator[Row]:
    """Yield the lines that have as many cells as the header names."""
    for number, line in lines:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        if len(cells) == len(header):
            yield Row(number, named_cells(header, cells), line)


def ends_inside(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where lines end, and whether each end is inside quotes."""
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    before = np.searchsorted(np.flatnonzero(text == ord('"')), ends)
    return ends, (before % 2).astype(np.bool_)


def lines_inside(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line of a CSV that begins inside of a cell's quotes."""
    if b'"' not in data:
        return
    ends, inside = ends_inside(data)
    for place in np.flatnonzero(inside).tolist():
        end = int(ends[place + 1]) if place + 1 < len(ends) else len(data)
        yield place + 2, data[int(ends[place]) + 1 : end].decode("utf-8", "replace").rstrip("\r")


def _csv_problem(header: list[str], record: Record) -> tuple[Phrase, Phrase] | None:
    _, cells, text, fault = record
    if fault:
        return fault
    if len(cells) != len(header):
        expectation = phrase("expected {n} as in the header", n=len(header))
        return phrase("the row has {n} values", n=len(cells)), expectation
    if "\0" in text:
        return phrase("the row has a NUL byte"), phrase("expected text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        at = len(text[: error.start].encode())
        return phrase("byte {at} of the row is no UTF-8", at=at), _UTF8
    return None


def _read_lines(file: RunFile, data: bytes, path: str | None) -> Rows:
    rows: list[Row] = []
    bad: list[Quarantined] = []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        text = verbatim(line)
        try:
            record = read_object(line)
        except UnicodeDecodeError as error:
            field = phrase("byte {at} of the line is no UTF-8", at=error.start)
            bad.append(Quarantined(file.name, number, field, "", UTF8, text))
        except MalformedError as error:
            what = error.field, error.value and shown(error.value), error.expectation
            bad.append(Quarantined(file.name, number, *what, text))
        else:
            for row in _rows_of_line(file, Row(number, record, text, record), path):
                (rows if isinstance(row, Row) else bad).append(row)  # pyright: ignore[reportArgumentType]
    return Rows(_columns(rows), rows, bad, {})


def _rows_of_line(file: RunFile, line: Row, path: str | None) -> Iterator[Row | Quarantined]:
    """Yield the records inside of a line, or the line where source.yaml names none."""
    if path is None or path == ".":
        yield line
        return
    records = records_at(line.cells, path)
    if not records:
        value = "" if records is None else shown(records)
        yield Quarantined(file.name, line.line, path, value, NOTHING_THERE, line.text)
        return
    for number, record in enumerate(records, start=1):
        if isinstance(record, dict):
            yield line._replace(cells=record, text="", item=str(number))
        else:
            what = _refused(record, phrase("{path} (item {n})", path=path, n=number))
            yield Quarantined(file.name, line.line, *what, line.text)


def _refused(record: object, place: Phrase) -> tuple[Clause, str, Phrase]:
    """Return what is wrong with a record that is none: where, what stands there, what is due."""
    if isinstance(record, Missing):
        return record.place, shown(record.found), NOTHING_THERE
    return place, shown(record), phrase("expected an object")


def _columns(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.cells))


def _read_parquet(file: RunFile, data: bytes) -> Rows:
    try:
        table = pq.read_table(pa.BufferReader(data))
        cells = parquet_cells(table)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(file, error) from None
    rows = [Row(number, row, "") for number, row in enumerate(cells, start=1)]
    return Rows(tuple(table.column_names), rows, [], {})


def _read_json(file: RunFile, data: bytes, path: str) -> Rows:
    """Read the list of records that a JSON file holds somewhere inside."""
    try:
        tree = read_value(data)
    except (UnicodeDecodeError, MalformedError) as error:
        line = line_of(verbatim(data), getattr(error, "position", 0))
        raise RunsError(
            "{place}: it is no JSON in which nothing is odd; {due}.",
            place=f"{file.name}:{line}", due=getattr(error, "expectation", UTF8),
        ) from None  # fmt: skip
    records = records_at(tree, path)
    if records is None:
        is_map = isinstance(tree, dict)
        raise RunsError(
            "{file} has no list at {path}; expected records in source.yaml to name a list "
            "(results.results, or . for the file); its keys are {keys}.",
            file=file.name, path=path,
            keys=several(tree, most=20) if is_map else phrase("none: it is a list"),
        )  # fmt: skip
    rows: list[Row] = []
    bad: list[Quarantined] = []
    for number, record in enumerate(records, start=1):
        if isinstance(record, dict):
            rows.append(Row(number, record, "", tree))
        else:
            text = json.dumps(record, ensure_ascii=False)
            what = _refused(record, phrase("record {n}", n=number))
            bad.append(Quarantined(file.name, number, *what, text))
    return Rows(_columns(rows), rows, bad, {})
