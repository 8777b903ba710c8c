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
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError, did_you_mean
from rolloutlib.runs.casts import INTEGER, NUMBER, own_statuses
from rolloutlib.runs.columns import Sample
from rolloutlib.runs.envelopes import EXPECTED, FIRST_YEAR
from rolloutlib.runs.opening import field_of
from rolloutlib.runs.quarantine import Quarantined, shown, twin
from rolloutlib.runs.rows import Row, Rows, read_rows
from rolloutlib.runs.sources import TAGS, UNITS, WIRE, native_source, word

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = ["FlatRun", "FlatRuns", "RowMapping", "check_columns", "is_flat", "read_flat"]

_NUMBER, _INTEGER = re.compile(NUMBER), re.compile(INTEGER)
_ENVELOPE = re.compile(rb'"(result|runId|datasetMeta)"[ \t]*:')
_HEAD = 10_000  # bytes in which a run envelope shows one of its own keys
_ONE_A_RUN = dict.fromkeys(("arm", "profile", "seed"), "expected one in a run")


class FlatRun(NamedTuple):
    """The rows of one run of a flat table."""

    run_id: str
    arm: str
    seed: int | None
    profile: str | None
    line: int
    times: list[datetime | None]
    samples: list[Sample]


class FlatRuns(NamedTuple):
    """What one flat file gave, and the mapping by which it was read."""

    spec: SourceSpec
    runs: list[FlatRun]
    bad: list[Quarantined]
    read: int


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
    runs, refused = _grouped(file, [one for one in read if not isinstance(one, Quarantined)])
    return FlatRuns(spec, runs, bad + refused, len(rows.rows) + len(rows.bad))


def check_columns(file: RunFile, columns: Collection[str] | None, spec: SourceSpec) -> None:
    """Refuse a mapping to columns that the file lacks; a file without rows (None) has no say."""
    for name, column in spec.columns.mapped.items():
        if columns is not None and column.column not in columns:
            hint = did_you_mean(column.column, columns)
            got = f"source.yaml maps {name} to column {column.column!r}, which {file.name} lacks"
            msg = f"{got}; its columns are {', '.join(columns)}.{hint}"
            raise RunsError(msg)


class _RunCells(msgspec.Struct, rename="camel"):
    """What a row says about its run."""

    arm: str
    run_id: str | None = None
    started_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    profile: str | None = None


class _Mapped(NamedTuple):
    row: Row
    run: _RunCells
    sample: Sample


class RowMapping:
    """Turns rows into samples. Cells are only put into the engine's types and units.

    The rules are the engine's own.
    """

    def __init__(self, file: str, spec: SourceSpec, *, lists: bool) -> None:
        """Prepare the readers of a file's cells; `lists` says whether its issues are lists."""
        outcome = spec.columns.status or spec.columns.passed
        self.file = file
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

    def row(self, row: Row) -> _Mapped | Quarantined:
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
            return _Mapped(row, msgspec.convert(values, _RunCells), msgspec.convert(values, Sample))
        except msgspec.ValidationError as error:
            return self.refused(row, field_of(str(error)))

    def refused(self, row: Row, wire: str) -> Quarantined:
        """Say what was expected of a row's field, which messages name as the source does."""
        name = next((name for name, other in WIRE.items() if other == wire), wire)
        column = self.outcome if wire == "status" else self.readers.get(name, (name,))[0]
        due = f"expected {self.expected.get(wire, 'text')}"
        text = row.text or json.dumps(row.cells, ensure_ascii=False, default=str)
        value = shown(row.cells.get(column))
        return Quarantined(self.file, row.line, column, value, due, text, arm=self.arm(row))

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


def _grouped(file: RunFile, rows: list[_Mapped]) -> tuple[list[FlatRun], list[Quarantined]]:
    groups: dict[str, list[_Mapped]] = {}
    stem = file.name.rsplit(".", 1)[0]
    for one in rows:
        groups.setdefault(one.run.run_id or f"{stem}/{one.run.arm}", []).append(one)
    found = [_run(file, run_id, group) for run_id, group in groups.items()]
    bad = [one for _, refused in found for one in refused]
    return [run for run, _ in found if run], bad


def _run(
    file: RunFile, run_id: str, rows: list[_Mapped]
) -> tuple[FlatRun | None, list[Quarantined]]:
    for field, due in _ONE_A_RUN.items():
        values = {getattr(one.run, field) for one in rows} - {None}
        if len(values) > 1:
            text = "\n".join(one.row.text for one in rows)
            named = " and ".join(sorted(map(str, values)))
            arm = rows[0].run.arm if field != "arm" else None
            what = f"{field} of run {run_id}", shown(named), due
            return None, [Quarantined(file.name, rows[0].row.line, *what, text, len(rows), arm)]
    ids = Counter(str(one.sample.id) for one in rows)
    twins = [one for one in rows if ids[str(one.sample.id)] > 1]
    kept = [one for one in rows if ids[str(one.sample.id)] == 1]
    places: dict[str, list[int]] = {}
    for one in twins:
        places.setdefault(str(one.sample.id), []).append(one.row.line)
    bad = [
        twin(file.name, one.row.line, sample, places[sample], one.row.text, one.run.arm)
        for one in twins
        for sample in [str(one.sample.id)]
    ]
    if not kept:
        return None, bad
    first = kept[0]
    one_of = {
        field: next((v for one in kept if (v := getattr(one.run, field)) is not None), None)
        for field in _ONE_A_RUN
    }
    times = [one.run.started_at for one in kept]
    samples = [one.sample for one in kept]
    return FlatRun(
        run_id, first.run.arm, one_of["seed"], one_of["profile"], first.row.line, times, samples
    ), bad
