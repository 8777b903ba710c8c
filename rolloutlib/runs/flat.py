"""Flat tables into runs.

Cells become the engine's types and units, and the engine's own rules judge them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError
from rolloutlib.runs.casts import own_statuses
from rolloutlib.runs.cells import cell_reader, expected_of, numeric_columns, value_at
from rolloutlib.runs.columns import Sample
from rolloutlib.runs.decimals import hint, seen_in, settled
from rolloutlib.runs.envelopes import EXPECTED
from rolloutlib.runs.files import head_of
from rolloutlib.runs.further import is_scorer
from rolloutlib.runs.grouping import FlatRun, Mapped, RunCells, grouped
from rolloutlib.runs.laid import Beside
from rolloutlib.runs.layouts import IDS, check_columns, columns_of, is_empty, layout_of, without
from rolloutlib.runs.names import name_of_row
from rolloutlib.runs.native import native_source
from rolloutlib.runs.opening import field_of
from rolloutlib.runs.quarantine import Quarantined, UnknownWord, shown
from rolloutlib.runs.ranges import NO_OFFSET
from rolloutlib.runs.rows import Row, Rows, lines_inside, read_rows, rows_in
from rolloutlib.runs.sources import TAGS, WIRE, source_of
from rolloutlib.runs.spellings import status_of, truths, word
from rolloutlib.runs.templates import NO_MEASUREMENT, names_provider, template_in
from rolloutlib.text import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatRun", "FlatRuns", "RowMapping", "is_flat", "needs_rows"]
__all__ += ["read_flat"]

_ENVELOPE = re.compile(rb'"(result|runId|datasetMeta)"[ \t]*:')
_JUDGED = {
    "score",
    "latency_ms",
    "covariate",
    "started_at",
    "cost",
    "tokens_in",
    "tokens_out",
    "cached",
    "human_passed",
    "human_score",
}  # what is due depends on the cell


class FlatRuns(NamedTuple):
    """What one flat file gave, and the mapping by which it was read."""

    spec: SourceSpec
    runs: list[FlatRun]
    bad: list[Quarantined]
    read: int
    copies: Mapping[str, int]
    words: tuple[UnknownWord, ...]
    cached: Mapping[str, int]


def is_flat(file: RunFile, data: bytes, spec: SourceSpec | None) -> bool:
    """Whether a file is a table of samples.

    Source.yaml says so, or it has neither a result nor a run id of ours.
    """
    if file.kind == ".json":
        mapped = source_of(spec, file.name)
        if mapped and mapped.records:
            return True
        return data.lstrip()[:1] == b"[" and not _ENVELOPE.search(head_of(data))
    if source_of(spec, file.name):
        return True
    if file.kind == ".parquet":
        return "result" not in _parquet_columns(data)
    return file.kind == ".csv" or (file.kind == ".jsonl" and not _ENVELOPE.search(head_of(data)))


def _parquet_columns(data: bytes) -> list[str]:
    try:
        return pq.read_schema(pa.BufferReader(data)).names
    except (pa.ArrowException, OSError):
        return []


def read_flat(
    file: RunFile, data: bytes, spec: SourceSpec | None, latest: datetime | None = None, *,
    texts: bool = False,
) -> FlatRuns:  # fmt: skip
    """Read a flat table into runs: by its run column, or one run an arm.

    Args:
        file: the table.
        data: its bytes.
        spec: what source.yaml says.
        latest: the last moment at which a run can have begun.
        texts: whether to keep the texts of prompts and answers.

    Raises:
        RunsError: a mapped column is missing, the table has no rows, or no row can be read since
            times have no offset and no time zone.
    """
    beside, spec = spec, source_of(spec, file.name)
    rows = read_rows(file, data, spec)
    if not rows.rows and not rows.bad:
        raise RunsError(f"{file.name} has 0 rows; expected runs, or a table with a row a sample.")
    spec = spec or native_source(rows.columns, beside, file.name)
    if spec is None:
        if not rows.rows:
            raise RunsError(f"no row of {file.name} can be read; {rows.bad[0].message}")
        named = listed(rows.columns, most=20) or "none"
        expected = (
            layout_of(rows.columns) or "write a source.yaml that says which are arm and status"
        )
        msg = f"{file.name} has the columns {named}; {expected}."
        raise RunsError(msg)
    check_columns(file, columns_of(rows, spec), spec)
    spec = without(spec.told_of(texts=texts), [n for n in IDS if is_empty(n, rows, spec)])
    spec = _with_decimal(file, rows, spec)
    mapping = RowMapping(file.name, spec, lists=_lists(rows, spec), latest=latest)
    read = [mapping.row(row) for row in rows.rows]
    if mapping.untimed and not any(isinstance(one, Mapped) for one in read):
        expected = "source.yaml needs a timezone, such as timezone: Asia/Seoul"
        got = f"a time is {shown(mapping.untimed)}, without an offset"
        raise RunsError(f"{file.name}: {got}; {expected}.")
    if rows.inside:
        arms = {one.run.arm for one in read if isinstance(one, Mapped)}
        read = [mapping.unless_swallowing(one, rows.inside, arms) for one in read]
    bad = rows.bad + [one for one in read if isinstance(one, Quarantined)]
    rows_kept = [one for one in read if not isinstance(one, Quarantined)]
    found = grouped(file.name, rows_kept, spec.no_tags)
    rows_read = len(rows.rows) + len(rows.bad) + sum(one.rows - 1 for one in bad)
    account = rows_read, found.copies, mapping.unknown, found.cached
    return FlatRuns(spec, found.runs, bad + found.bad, *account)


def needs_rows(file: RunFile, data: bytes, columns: Collection[str], spec: SourceSpec) -> bool:
    """Whether a table has to go row by row: cells inside of others, or rows inside of cells."""
    mapped = spec.columns.mapped | spec.beside
    names = {column.column for column in mapped.values()} - {*columns}
    if any(name.partition(".")[0] in columns for name in names):
        return True
    if spec.escape is not None and spec.escape.encode() in data:
        return True
    mapping = RowMapping("", spec)
    lines = lines_inside(data) if file.kind == ".csv" else ()
    rows = rows_in([*columns], lines, file.delimiter)
    return any(isinstance(mapping.judged(row), Mapped) for row in rows)


class _Unjudged(Sample, rename="camel", gc=False):
    """A sample of a source that names no outcome."""

    status: Literal["passed"] | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


class RowMapping:
    """Turns rows into samples. Cells are only put into the engine's types and units.

    The rules are the engine's own.
    """

    def __init__(
        self, file: str, spec: SourceSpec, *, lists: Collection[str] = (),
        latest: datetime | None = None,
    ) -> None:  # fmt: skip
        """Prepare the readers of a file's cells.

        Args:
            file: its name in messages.
            spec: which column is which.
            lists: the tags whose cells are lists.
            latest: the last moment at which a run can have begun.
        """
        self.file, self.spec, self.latest, self.untimed = file, spec, latest, ""
        self.words: Counter[tuple[str, str | None]] = Counter()
        self.outcome = spec.outcome.column if spec.outcome else ""
        self.kind = Sample if spec.outcome else _Unjudged
        self.statuses = spec.statuses or own_statuses(spec)
        self.spelled = truths(self.statuses)
        mapped = spec.columns.mapped.items()
        self.readers = {
            name: (column.column, cell_reader(name, column, spec, latest))
            for name, column in mapped
            if name not in {"status", "passed"}
        }
        self.beside = Beside(spec)
        self.start: dict[str, object] = {
            WIRE[name]: value
            for name, value in spec.constants
            if value is not None and name in WIRE
        }
        words = {"issues", "suggested_tags"} & spec.columns.mapped.keys() - {*lists}
        self.start |= {WIRE[name]: () for name in words}
        self.expected = {**EXPECTED, "status": f"one of {', '.join(self.statuses)}"}
        self.expected |= dict.fromkeys(spec.segments, "text, a number, or true or false")

    def unless_swallowing(
        self, one: Mapped | Quarantined, inside: Mapping[int, Sequence[Row]], arms: set[str]
    ) -> Mapped | Quarantined:
        """Refuse a row of whose lines some are rows of these arms: a quote was not closed."""
        if isinstance(one, Quarantined):
            return one
        judged = [self.judged(line) for line in inside.get(one.row.line, ())]
        lost = [line for line in judged if isinstance(line, Mapped) and line.run.arm in arms]
        if not lost:
            return one
        got = f"a quoted cell swallows {len(lost):,} rows, from line {lost[0].row.line} on"
        what = got, "", "expected the quote to be closed in its own row", one.row.text
        return Quarantined(self.file, one.row.line, *what, 1 + len(lost), one.run.arm)

    def row(self, row: Row) -> Mapped | Quarantined:
        """Turn a row into a sample, or say what is wrong with it."""
        judged = self.judged(row)
        return judged if isinstance(judged, Mapped) else self.refused(row, judged)

    def judged(self, row: Row) -> Mapped | str:
        """Turn a row into a sample, or return the field that is none."""
        if (provider := self.template(row)) is not None:
            return provider
        values = {"id": str(row.line), **self.start}
        if self.outcome:
            cell = value_at(row.cells, self.outcome)
            values["status"] = status_of(cell, self.statuses, self.spelled)
        for name, (column, read) in self.readers.items():
            cell = value_at(row.cells, column)
            if cell is not None and (value := read(cell)) is not None:
                values[WIRE[name]] = value
        if wrong := self.beside.lay(row.cells, values):
            return wrong
        try:
            run, sample = msgspec.convert(values, RunCells), msgspec.convert(values, self.kind)
            if not run.run_id:
                written = value_at(row.cells, self.readers.get("started_at", ("",))[0])
                run.run_id = name_of_row(self.spec, run.started_at, written)
            return Mapped(row, run, sample)
        except msgspec.ValidationError as error:
            return field_of(str(error))

    def refused(self, row: Row, wire: str) -> Quarantined:
        """Say what was expected of a row's field, which messages name as the source does."""
        if wire in row.cells and wire == self.template(row):
            what = wire, shown(template_in(row.cells[wire])), NO_MEASUREMENT
            return Quarantined(self.file, row.line, *what, self.text(row), arm=self.arm(row))
        name = next((name for name, other in WIRE.items() if other == wire), wire)
        column = self.outcome if wire == "status" else self.readers.get(name, (name,))[0]
        column = self.spec.beside[name].column if name in self.spec.beside else column
        cell = value_at(row.cells, column)
        expected = self.expected.get(
            wire, "text, a number, or true or false" if wire in self.spec.segments else "text"
        )
        if name in _JUDGED or is_scorer(name):
            mapped = (self.spec.columns.mapped | self.spec.scorers)[name]
            expected = expected_of(name, mapped, self.spec, cell, self.latest)
            expected += "" if self.spec.decimal else hint(cell)
            self.untimed = self.untimed or (str(cell) if expected.startswith(NO_OFFSET) else "")
        if wire == "status" and cell is not None:
            self.words[word(cell), self.arm(row)] += 1
        what = column, shown(cell), f"expected {expected}", self.text(row)
        return Quarantined(self.file, row.line, *what, arm=self.arm(row))

    def text(self, row: Row) -> str:
        """Return a row as it was written, or else its cells."""
        return row.text or json.dumps(row.cells, ensure_ascii=False, default=str)

    def template(self, row: Row) -> str | None:
        """Return the column by which a row says that nothing was measured, mapped or not."""
        told = (key for key, cell in row.cells.items() if cell and names_provider(key))
        return next((key for key in told if template_in(row.cells[key])), None)

    @property
    def unknown(self) -> tuple[UnknownWord, ...]:
        """The words for outcomes that nobody knows, in the rows that were refused for them."""
        return tuple(UnknownWord(*key, rows) for key, rows in self.words.items())

    def arm(self, row: Row) -> str | None:
        """Return the row's arm where it can be read."""
        arm = self.start.get("arm")
        if "arm" in self.readers:
            column, read = self.readers["arm"]
            cell = value_at(row.cells, column)
            arm = arm if cell is None else read(cell)
        return arm if isinstance(arm, str) else None


def _with_decimal(file: RunFile, rows: Rows, spec: SourceSpec) -> SourceSpec:
    """Let the numbers of a table say which decimal mark they have, if nobody else does."""
    columns = () if spec.decimal or file.delimiter == "," else numeric_columns(spec)
    seen = seen_in(value_at(row.cells, column) for row in rows.rows for column in columns)
    return spec.model_copy(update={"decimal": settled(file.name, [seen])}) if columns else spec


def _lists(rows: Rows, spec: SourceSpec) -> set[str]:
    """Return the fields of tags whose cells are lists: there null means that nobody knows."""
    columns = {n: c.column for n, c in spec.columns.mapped.items() if n in TAGS}
    return {
        name
        for name, column in columns.items()
        if any(isinstance(value_at(row.cells, column), list) for row in rows.rows)
    }
