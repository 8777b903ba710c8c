"""Flat tables into runs.

Cells become the engine's types and units, and the engine's own rules judge them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError, did_you_mean
from rolloutlib.runs.casts import own_statuses
from rolloutlib.runs.cells import cell_reader, expected_of, value_at
from rolloutlib.runs.columns import Sample
from rolloutlib.runs.envelopes import EXPECTED
from rolloutlib.runs.layouts import check_layout, layout_of
from rolloutlib.runs.opening import field_of
from rolloutlib.runs.quarantine import Quarantined, shown, twin
from rolloutlib.runs.rows import Row, Rows, lines_inside, read_rows, rows_in
from rolloutlib.runs.sources import TAGS, WIRE, native_source, source_of
from rolloutlib.runs.spellings import status_of, truths

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatRun", "FlatRuns", "RowMapping", "check_columns", "is_flat", "needs_rows"]
__all__ += ["read_flat"]

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
    if file.kind == ".json":
        mapped = source_of(spec, file.name)
        if mapped and mapped.records:
            return True
        return data.lstrip()[:1] == b"[" and not _ENVELOPE.search(data, 0, _HEAD)
    if source_of(spec, file.name):
        return True
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
    spec = source_of(spec, file.name)
    rows = read_rows(file, data, spec)
    if not rows.rows and not rows.bad:
        raise RunsError(f"{file.name} has 0 rows; expected runs, or a table with a row a sample.")
    spec = spec or native_source(rows.columns)
    if spec is None:
        named = ", ".join(rows.columns)
        due = layout_of(rows.columns) or "write a source.yaml that says which are arm and status"
        msg = f"{file.name} has the columns {named}; {due}."
        raise RunsError(msg)
    check_columns(file, _columns_of(rows, spec), spec)
    mapping = RowMapping(file.name, spec, lists=_lists(rows, spec))
    read = [mapping.row(row) for row in rows.rows]
    if rows.inside:
        arms = {one.run.arm for one in read if isinstance(one, _Mapped)}
        read = [mapping.unless_swallowing(one, rows.inside, arms) for one in read]
    bad = rows.bad + [one for one in read if isinstance(one, Quarantined)]
    runs, refused = _grouped(file, [one for one in read if not isinstance(one, Quarantined)])
    lost = sum(one.rows - 1 for one in bad)
    return FlatRuns(spec, runs, bad + refused, len(rows.rows) + len(rows.bad) + lost)


def check_columns(file: RunFile, columns: Collection[str] | None, spec: SourceSpec) -> None:
    """Refuse a mapping to columns that the file lacks; a file without rows (None) has no say."""
    check_layout(file.name, columns or (), spec)
    for name, column in spec.columns.mapped.items():
        if columns is not None and column.column not in columns:
            hint = did_you_mean(column.column, columns)
            got = f"source.yaml maps {name} to column {column.column!r}, which {file.name} lacks"
            msg = f"{got}; its columns are {', '.join(columns)}.{hint}"
            raise RunsError(msg)


def needs_rows(file: RunFile, data: bytes, columns: Collection[str], spec: SourceSpec) -> bool:
    """Whether a table has to go row by row: cells inside of others, or rows inside of cells."""
    names = {column.column for column in spec.columns.mapped.values()} - {*columns}
    if any(name.partition(".")[0] in columns for name in names):
        return True
    if spec.escape is not None and spec.escape.encode() in data:
        return True
    mapping = RowMapping("", spec)
    rows = rows_in([*columns], lines_inside(data)) if file.kind == ".csv" else ()
    return any(isinstance(mapping.judged(row), _Mapped) for row in rows)


class _RunCells(msgspec.Struct, rename="camel"):
    """What a row says about its run."""

    arm: str
    run_id: str | None = None
    started_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    profile: str | None = None


class _Unjudged(Sample, rename="camel", gc=False):
    """A sample of a source that names no outcome."""

    status: Literal["passed"] | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


class _Mapped(NamedTuple):
    row: Row
    run: _RunCells
    sample: Sample


class RowMapping:
    """Turns rows into samples. Cells are only put into the engine's types and units.

    The rules are the engine's own.
    """

    def __init__(self, file: str, spec: SourceSpec, *, lists: Collection[str] = ()) -> None:
        """Prepare the readers of a file's cells; `lists` names the tags whose cells are lists."""
        self.file, self.spec = file, spec
        self.outcome = spec.outcome.column if spec.outcome else ""
        self.kind = Sample if spec.outcome else _Unjudged
        self.statuses = spec.statuses or own_statuses(spec)
        self.spelled = truths(self.statuses)
        mapped = spec.columns.mapped.items()
        self.readers = {
            name: (column.column, cell_reader(name, column, spec))
            for name, column in mapped
            if name not in {"status", "passed"}
        }
        self.start: dict[str, object] = {
            WIRE[name]: value
            for name, value in spec.constants
            if value is not None and name in WIRE
        }
        words = {"issues", "suggested_tags"} & spec.columns.mapped.keys() - {*lists}
        self.start |= {WIRE[name]: () for name in words}
        self.expected = {**EXPECTED, "status": f"one of {', '.join(self.statuses)}"}

    def unless_swallowing(
        self, one: _Mapped | Quarantined, inside: Mapping[int, Sequence[Row]], arms: set[str]
    ) -> _Mapped | Quarantined:
        """Refuse a row of whose lines some are rows of these arms: a quote was not closed."""
        if isinstance(one, Quarantined):
            return one
        judged = [self.judged(line) for line in inside.get(one.row.line, ())]
        lost = [line for line in judged if isinstance(line, _Mapped) and line.run.arm in arms]
        if not lost:
            return one
        got = f"a quoted cell swallows {len(lost):,} rows, from line {lost[0].row.line} on"
        due = "expected the quote to be closed in its own row"
        return Quarantined(self.file, one.row.line, got, "", due, one.row.text, 1 + len(lost))

    def row(self, row: Row) -> _Mapped | Quarantined:
        """Turn a row into a sample, or say what is wrong with it."""
        judged = self.judged(row)
        return judged if isinstance(judged, _Mapped) else self.refused(row, judged)

    def judged(self, row: Row) -> _Mapped | str:
        """Turn a row into a sample, or return the field that is none."""
        values = {"id": str(row.line), **self.start}
        if self.outcome:
            cell = value_at(row.cells, self.outcome)
            values["status"] = status_of(cell, self.statuses, self.spelled)
        for name, (column, read) in self.readers.items():
            cell = value_at(row.cells, column)
            if cell is not None and (value := read(cell)) is not None:
                values[WIRE[name]] = value
        try:
            return _Mapped(
                row, msgspec.convert(values, _RunCells), msgspec.convert(values, self.kind)
            )
        except msgspec.ValidationError as error:
            return field_of(str(error))

    def refused(self, row: Row, wire: str) -> Quarantined:
        """Say what was expected of a row's field, which messages name as the source does."""
        name = next((name for name, other in WIRE.items() if other == wire), wire)
        column = self.outcome if wire == "status" else self.readers.get(name, (name,))[0]
        cell = value_at(row.cells, column)
        due = self.expected.get(wire, "text")
        if name in {"score", "latency_ms"}:
            due = expected_of(name, self.spec.columns.mapped[name], cell)
        text = row.text or json.dumps(row.cells, ensure_ascii=False, default=str)
        return Quarantined(self.file, row.line, column, shown(cell), f"expected {due}", text)


def _lists(rows: Rows, spec: SourceSpec) -> set[str]:
    """Return the fields of tags whose cells are lists: there null means that nobody knows."""
    columns = {n: c.column for n, c in spec.columns.mapped.items() if n in TAGS}
    return {
        name
        for name, column in columns.items()
        if any(isinstance(value_at(row.cells, column), list) for row in rows.rows)
    }


def _columns_of(rows: Rows, spec: SourceSpec) -> Collection[str] | None:
    """Return the columns that a mapping may name, those inside of records too."""
    if not rows.rows:
        return None
    inner = {column.column for column in spec.columns.mapped.values()} - {*rows.columns}
    told = [
        name for name in inner if any(value_at(row.cells, name) is not None for row in rows.rows)
    ]
    return [*rows.columns, *told]


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
