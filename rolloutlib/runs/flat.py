"""Flat tables into runs.

Cells become the engine's types and units, and the engine's own rules judge them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.doors.paths import is_path, value_at
from rolloutlib.errors import RunsError
from rolloutlib.phrase import phrase, several
from rolloutlib.runs.cells import numeric_columns
from rolloutlib.runs.currencies import currencies_in_rows
from rolloutlib.runs.decimals import seen_in, settled
from rolloutlib.runs.files import head_of
from rolloutlib.runs.grouping import FlatRun, Mapped, grouped
from rolloutlib.runs.layouts import (
    IDS,
    check_columns,
    columns_of,
    empty_paths,
    empty_told,
    is_empty,
    layout_of,
    without,
)  # fmt: skip
from rolloutlib.runs.mappings import source_of
from rolloutlib.runs.native import native_source
from rolloutlib.runs.picked import cell_of
from rolloutlib.runs.quarantine import Quarantined, UnknownWord, shown
from rolloutlib.runs.row_mapping import RowMapping
from rolloutlib.runs.rows import Rows, lines_inside, read_rows, rows_in
from rolloutlib.runs.sources import TAGS
from rolloutlib.runs.unfolding import left_out, unfolded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from rolloutlib.reason import Reason
    from rolloutlib.runs.currencies import Billed
    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatRun", "FlatRuns", "is_flat", "needs_rows", "read_flat"]

_ENVELOPE = re.compile(rb'"(result|runId|datasetMeta)"[ \t]*:')


class FlatRuns(NamedTuple):
    """What one flat file gave, and the mapping by which it was read."""

    spec: SourceSpec
    runs: list[FlatRun]
    bad: list[Quarantined]
    read: int
    copies: Mapping[str, int]
    words: tuple[UnknownWord, ...]
    cached: Mapping[str, int]
    told: tuple[Reason, ...] = ()
    currencies: Collection[Billed] = ()
    invented: bool = False


def is_flat(file: RunFile, data: bytes, spec: SourceSpec | None) -> bool:
    """Whether a file is a table of samples.

    Source.yaml says so, or it has neither a result nor a run id of ours.
    """
    if file.kind == ".json":
        mapped = source_of(spec, file.name)
        if mapped and (mapped.records or not _ENVELOPE.search(head_of(data))):
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
    rows = unfolded(file, read_rows(file, data, spec), spec)
    if not rows.rows and not rows.bad:
        raise RunsError(
            "{file} has 0 rows; expected runs, or a table with a row a sample.", file=file.name
        )
    spec = spec or native_source(rows.columns, beside, file.name)
    if spec is None:
        raise _unmapped(file, rows)
    sides = [_of_side(file, rows, side.told_of(texts=texts), latest) for side in spec.sides]
    invented = bool(spec.wide) and "prompt_id" not in spec.mapped
    if invented:
        _name_prompts(file, sides)
    mapped = [row for side in sides for row in side.kept]
    groups = grouped(file.name, mapped, sides[0].spec.no_tags)
    bad = rows.bad + [row for side in sides for row in side.bad]
    reasons = [*left_out(file.name, rows), *(reason for side in sides for reason in side.told)]
    read = len(rows.rows) * len(sides) + len(rows.bad) + sum(row.rows - 1 for row in bad)
    words = Counter[tuple[str, str | None]]()
    for side in sides:
        words.update({word[:2]: word.rows for word in side.words})
    unknown = tuple(UnknownWord(*key, rows) for key, rows in words.items())
    account = read, groups.copies, unknown, groups.cached, tuple(reasons)
    return FlatRuns(
        sides[0].spec, groups.runs, bad + groups.bad, *account,
        currencies=currencies_in_rows(mapped, spec, file.name), invented=invented,
    )  # fmt: skip


class _Side(NamedTuple):
    """What the rows of a file say of one arm, or of all of them where each row is of one."""

    spec: SourceSpec
    kept: list[Mapped]
    bad: list[Quarantined]
    words: tuple[UnknownWord, ...]
    told: tuple[Reason, ...]


def _name_prompts(file: RunFile, sides: Sequence[_Side]) -> None:
    """Let each row be a prompt of its own: both arms stand in it, so they are a pair."""
    for side in sides:
        for mapped in side.kept:
            mapped.sample.prompt_id = f"{file.name}:{mapped.row.place}"


def _of_side(file: RunFile, rows: Rows, spec: SourceSpec, latest: datetime | None) -> _Side:
    check_columns(file, columns_of(rows), spec)
    start = spec.constants.started_at
    if start is not None and latest is not None and start > latest:
        raise RunsError(
            "{file} began at {start}, as constants or named in source.yaml say; expected a start "
            "that is not in the future.",
            file=file.name, start=start.isoformat(),
        )  # fmt: skip
    empty = empty_paths(file.name, rows, spec)
    reasons = empty_told(file.name, empty, spec)
    spec = without(spec, [*empty, *(name for name in IDS if is_empty(name, rows, spec))])
    spec = _with_decimal(file, rows, spec)
    mapping = RowMapping(file.name, spec, lists=_lists(rows, spec), latest=latest)
    read = [mapping.row(row) for row in rows.rows]
    if mapping.untimed and not any(isinstance(judged, Mapped) for judged in read):
        raise RunsError(
            "{file}: a time is {time}, without an offset; source.yaml needs a timezone, such as "
            "timezone: Asia/Seoul.",
            file=file.name, time=shown(mapping.untimed),
        )  # fmt: skip
    if rows.inside:
        arms = {judged.run.arm for judged in read if isinstance(judged, Mapped)}
        read = [mapping.unless_swallowing(judged, rows.inside, arms) for judged in read]
    mapped = [judged for judged in read if isinstance(judged, Mapped)]
    bad = [judged for judged in read if isinstance(judged, Quarantined)]
    return _Side(spec, mapped, bad, mapping.unknown, reasons)


def _unmapped(file: RunFile, rows: Rows) -> RunsError:
    """Say what is wrong with a table that no source.yaml maps."""
    if not rows.rows:
        why = rows.bad[0].said
        return RunsError("no row of {file} can be read; {why}", file=file.name, why=why)
    expectation = phrase(
        "say which are arm and status (or passed, or score) under columns: in a source.yaml"
    )
    return RunsError(
        "{file} has the columns {names}; {due}.",
        file=file.name, names=several(rows.columns, most=20) or phrase("none"),
        due=layout_of(rows.columns) or expectation,
    )  # fmt: skip


def needs_rows(file: RunFile, data: bytes, columns: Collection[str], spec: SourceSpec) -> bool:
    """Whether a table has to go row by row: cells inside of others, or rows inside of cells."""
    mapped = spec.columns.mapped | spec.beside
    if (
        spec.wide
        or spec.explode
        or spec.where
        or spec.columns.error
        or not all(c.is_plain for c in mapped.values())
    ):
        return True
    named = [*(column.column for column in mapped.values()), spec.currency or ""]
    if any(is_path(name) and name not in columns for name in named):
        return True
    if spec.escape is not None and spec.escape.encode() in data:
        return True
    mapping = RowMapping("", spec)
    lines = lines_inside(data) if file.kind == ".csv" else ()
    rows = rows_in([*columns], lines, file.delimiter)
    return any(isinstance(mapping.judged(row), Mapped) for row in rows)


def _with_decimal(file: RunFile, rows: Rows, spec: SourceSpec) -> SourceSpec:
    """Let the numbers of a table say which decimal mark they have, if nobody else does."""
    columns = () if spec.decimal or file.delimiter == "," else numeric_columns(spec)
    marks = seen_in(value_at(row.cells, column) for row in rows.rows for column in columns)
    return spec.model_copy(update={"decimal": settled(file.name, [marks])}) if columns else spec


def _lists(rows: Rows, spec: SourceSpec) -> set[str]:
    """Return the fields of tags whose cells are lists: there null means that nobody knows."""
    columns = {name: column for name, column in spec.columns.mapped.items() if name in TAGS}
    return {
        name
        for name, column in columns.items()
        if any(isinstance(cell_of(r.cells, name, column, r.root), list) for r in rows.rows)
    }
