"""Flat tables into runs.

Cells become the engine's types and units, and the engine's own rules judge them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import json
import math
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError, did_you_mean
from rolloutlib.runs.casts import INTEGER, NUMBER, own_statuses
from rolloutlib.runs.columns import Sample
from rolloutlib.runs.envelopes import EXPECTED, FIRST_YEAR
from rolloutlib.runs.grouping import FlatRun, Mapped, RunCells, grouped
from rolloutlib.runs.names import name_of_row
from rolloutlib.runs.opening import field_of
from rolloutlib.runs.quarantine import Quarantined, UnknownWord, shown
from rolloutlib.runs.rows import Row, Rows, read_rows
from rolloutlib.runs.sources import TAGS, UNITS, WIRE, native_source, word

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = ["FlatRun", "FlatRuns", "RowMapping", "check_columns", "is_flat", "read_flat"]

_NUMBER, _INTEGER = re.compile(NUMBER), re.compile(INTEGER)
_ENVELOPE = re.compile(rb'"(result|runId|datasetMeta)"[ \t]*:')
_HEAD = 10_000  # bytes in which a run envelope shows one of its own keys


class FlatRuns(NamedTuple):
    """What one flat file gave, and the mapping by which it was read."""

    spec: SourceSpec
    runs: list[FlatRun]
    bad: list[Quarantined]
    read: int
    copies: Mapping[str, int]
    words: tuple[UnknownWord, ...]


def is_flat(file: RunFile, data: bytes, spec: SourceSpec | None) -> bool:
    """Whether a file is a table of samples.

    Source.yaml says so, or it has neither a result nor a run id of ours.
    """
    if spec and fnmatch(file.name, spec.files):
        return file.kind != ".json"
    if file.kind == ".parquet":
        return "result" not in _parquet_columns(data)
    return file.kind == ".csv" or (file.kind == ".jsonl" and not _ENVELOPE.search(data, 0, _HEAD))


def _parquet_columns(data: bytes) -> list[str]:
    try:
        return pq.read_schema(pa.BufferReader(data)).names
    except (pa.ArrowException, OSError):
        return []


def read_flat(file: RunFile, data: bytes, spec: SourceSpec | None) -> FlatRuns:
    """Read a flat table into runs: by its run column, or one run an arm.

    Raises:
        RunsError: a mapped column is missing, the table has no rows, or a time has no offset and no
            time zone.
    """
    rows = read_rows(file, data)
    if not rows.rows and not rows.bad:
        raise RunsError(f"{file.name} has 0 rows; expected runs, or a table with a row a sample.")
    spec = spec or native_source(rows.columns)
    if spec is None:
        named = ", ".join(rows.columns)
        due = "write a source.yaml that says which are arm and status"
        msg = f"{file.name} has the columns {named}; {due}."
        raise RunsError(msg)
    check_columns(file, rows.columns if rows.rows else None, spec)
    tags = spec.columns.issues
    mapping = RowMapping(file.name, spec, lists=bool(tags) and _lists(rows, tags.column))
    read = [mapping.row(row) for row in rows.rows]
    bad = rows.bad + [one for one in read if isinstance(one, Quarantined)]
    found = grouped(file.name, [one for one in read if not isinstance(one, Quarantined)])
    rows_read = len(rows.rows) + len(rows.bad)
    return FlatRuns(spec, found.runs, bad + found.bad, rows_read, found.copies, mapping.unknown)


def check_columns(file: RunFile, columns: Collection[str] | None, spec: SourceSpec) -> None:
    """Refuse a mapping to columns that the file lacks; a file without rows (None) has no say."""
    for name, column in spec.columns.mapped.items():
        if columns is not None and column.column not in columns:
            hint = did_you_mean(column.column, columns)
            got = f"source.yaml maps {name} to column {column.column!r}, which {file.name} lacks"
            msg = f"{got}; its columns are {', '.join(columns)}.{hint}"
            raise RunsError(msg)


class RowMapping:
    """Turns rows into samples. Cells are only put into the engine's types and units.

    The rules are the engine's own.
    """

    def __init__(self, file: str, spec: SourceSpec, *, lists: bool) -> None:
        """Prepare the readers of a file's cells; `lists` says whether its issues are lists."""
        outcome = spec.columns.status or spec.columns.passed
        self.file, self.spec = file, spec
        self.words: Counter[tuple[str, str | None]] = Counter()
        self.outcome = outcome.column if outcome else ""
        self.statuses = spec.statuses or own_statuses(spec)
        mapped = {
            name: column
            for name, column in spec.columns.mapped.items()
            if name not in {"status", "passed"}
        }
        self.readers = {
            name: (column.column, _reader(name, column, spec)) for name, column in mapped.items()
        }
        self.start = {
            WIRE[name]: value
            for name, value in spec.constants
            if value is not None and name in WIRE
        }
        if spec.columns.issues and not lists:
            self.start["issues"] = ()
        self.expected = {**EXPECTED, "status": f"one of {', '.join(self.statuses)}"}
        self.expected |= {
            WIRE[name]: _due(name, column)
            for name, column in mapped.items()
            if name in {"score", "latency_ms"}
        }

    def row(self, row: Row) -> Mapped | Quarantined:
        """Turn a row into a sample, or say what is wrong with it."""
        values = {
            "id": str(row.line),
            **self.start,
            "status": self.statuses.get(word(row.cells.get(self.outcome))),
        }
        for name, (column, read) in self.readers.items():
            cell = row.cells.get(column)
            if cell is not None:
                values[WIRE[name]] = read(cell)
        try:
            run, sample = msgspec.convert(values, RunCells), msgspec.convert(values, Sample)
            if not run.run_id:
                written = row.cells.get(self.readers.get("started_at", ("",))[0])
                run.run_id = name_of_row(self.spec, run.started_at, written)
            return Mapped(row, run, sample)
        except msgspec.ValidationError as error:
            return self.refused(row, field_of(str(error)))

    def refused(self, row: Row, wire: str) -> Quarantined:
        """Say what was expected of a row's field, which messages name as the source does."""
        name = next((name for name, other in WIRE.items() if other == wire), wire)
        column = self.outcome if wire == "status" else self.readers.get(name, (name,))[0]
        due = f"expected {self.expected.get(wire, 'text')}"
        text = row.text or json.dumps(row.cells, ensure_ascii=False, default=str)
        value = shown(row.cells.get(column))
        if wire == "status" and row.cells.get(column) is not None:
            self.words[word(row.cells[column]), self.arm(row)] += 1
        return Quarantined(self.file, row.line, column, value, due, text, arm=self.arm(row))

    @property
    def unknown(self) -> tuple[UnknownWord, ...]:
        """The words for outcomes that nobody knows, in the rows that were refused for them."""
        return tuple(UnknownWord(*key, rows) for key, rows in self.words.items())

    def arm(self, row: Row) -> str | None:
        """Return the row's arm where it can be read."""
        column, read = self.readers.get("arm", ("", _text))
        cell = row.cells.get(column)
        arm = self.start.get("arm") if cell is None else read(cell)
        return arm if isinstance(arm, str) else None


def _lists(rows: Rows, column: str) -> bool:
    return any(isinstance(row.cells.get(column), list) for row in rows.rows)


def _due(name: str, column: ColumnSpec) -> str:
    low, high = column.scale
    return (
        f"a number from {low:g} to {high:g}"
        if name == "score"
        else f"a number of {column.unit}, 0 or more"
    )


def _reader(name: str, column: ColumnSpec, spec: SourceSpec) -> Callable[[Any], Any]:
    """What puts one cell into the engine's type.

    What cannot be put stays as it is and fails the engine's rule.
    """
    if name == "score":
        low, high = column.scale
        return lambda cell: _number(cell, lambda value: 10 * (value - low) / (high - low))
    if name == "latency_ms":
        return lambda cell: _number(cell, lambda value: value * UNITS[column.unit])
    if name == "covariate":
        return lambda cell: _number(cell, float)
    if name in TAGS:
        return lambda cell: _tags(cell, column.separator)
    if name == "started_at":
        return lambda cell: _time(cell, spec.timezone)
    return _count if name in {"seed", "style_violations"} else _text


def _number(cell: object, scaled: Callable[[float], float]) -> object:
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        cell = float(cell)
    if (
        isinstance(cell, bool | str)
        or not isinstance(cell, int | float | Decimal)
        or not math.isfinite(cell)
    ):
        return str(cell)
    return scaled(float(cell))


def _count(cell: object) -> object:
    return int(cell) if isinstance(cell, str) and _INTEGER.fullmatch(cell) else cell


def _text(cell: object) -> object:
    return str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell


def _tags(cell: object, separator: str | None) -> object:
    if isinstance(cell, str):
        return [word.strip() for word in cell.split(separator)] if separator else [cell]
    return cell


def _time(cell: object, timezone: str | None) -> object:
    try:
        time = datetime.fromisoformat(str(cell))
    except ValueError:
        return str(cell)
    if time.tzinfo is None:
        if timezone is None:
            due = "source.yaml needs a timezone, such as timezone: Asia/Seoul"
            msg = f"a time is {shown(str(cell))}, without an offset; {due}."
            raise RunsError(msg)
        time = time.replace(tzinfo=ZoneInfo(timezone))
    return time.astimezone(UTC) if time.year >= FIRST_YEAR else "too early"
