"""Tables whose rows are no samples (both arms in one row, one metric a row), and empty columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rolloutlib.doors.paths import is_path
from rolloutlib.errors import RunsError, did_you_mean
from rolloutlib.phrase import Clause, both, phrase, several
from rolloutlib.reason import Reason, because
from rolloutlib.runs.failures import ABSENT
from rolloutlib.runs.picked import cell_of
from rolloutlib.runs.source_columns import UNITS_OF_ITEMS
from rolloutlib.runs.wrapping import NO_COLUMN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rolloutlib.runs.column_spec import ColumnSpec
    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.rows import Rows
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["IDS", "check_columns", "check_layout", "columns_of", "empty_paths", "empty_told"]
__all__ += ["is_empty", "lacking_column", "layout_of", "without"]

IDS: Final = ("run_id", "sample_id")  # without which rows are told apart by day and line

_SIDES: Final = (
    ("1", "2"), ("a", "b"), ("left", "right"), ("control", "treatment"), ("base", "test"),
    ("baseline", "candidate"), ("old", "new"), ("before", "after"), ("chosen", "rejected"),
)  # fmt: skip
_WINNERS: Final = {"preference", "winner", "verdict", "choice", "label", "better", "annotator"}
_METRIC_NAMES: Final = ("metric_name", "metric", "metricname")
_METRIC_VALUES: Final = ("metric_value", "value", "metricvalue")


def layout_of(columns: Collection[str]) -> Clause:
    """Say what is wrong with a layout whose rows are no samples of one arm; nothing otherwise.

    >>> str(layout_of(["instruction", "output_1", "generator_1", "output_2", "generator_2"]))[:52]
    'both arms stand in one row (output_1 beside output_2'
    >>> str(layout_of(["metric_name", "timestamp", "metric_value"]))[:24]
    'each row is one metric ('
    >>> layout_of(["arm", "status", "score"])
    ''
    """
    named = {column.casefold(): column for column in columns}
    name, value = (
        next((n for n in some if n in named), "") for some in (_METRIC_NAMES, _METRIC_VALUES)
    )
    if name and value:
        return phrase(
            "each row is one metric ({name} and {value}), not one sample; expected a row a sample, "
            "with its arm and its metrics in columns: pivot the table first, or keep one metric's "
            "rows (where: {key} in source.yaml)",
            name=named[name], value=named[value], key=f"{{{named[name]}: …}}",
        )  # fmt: skip
    pairs = [(named[first], named[other]) for first, other in _pairs(named)]
    if len(pairs) > 1 or (pairs and _WINNERS & named.keys()):
        first, other = pairs[0]
        sides = f"{{control: {{score: {first}}}, treatment: {{score: {other}}}}}"
        return phrase(
            "both arms stand in one row ({one} beside {other}), and a preference is no outcome of "
            "either; expected a row a sample and arm, or the columns of each arm: wide: {sides} in "
            "source.yaml",
            one=first, other=other, sides=sides,
        )  # fmt: skip
    return ""


def _pairs(named: Collection[str]) -> list[tuple[str, str]]:
    """Return the columns that are there once for each of two sides."""
    pairs: list[tuple[str, str]] = []
    for left, right in _SIDES:
        for name in named:
            stem = name.removesuffix(left)
            apart = stem.endswith(("_", "-", ".", " ")) or (not stem and len(left) > 1)
            if stem != name and apart and stem + right in named:
                pairs.append((name, stem + right))
    return pairs


def check_layout(file: str, columns: Collection[str], spec: SourceSpec) -> None:
    """Refuse a mapping that reads every metric's values as one.

    Raises:
        RunsError: the table has a metric a row, and its values are mapped.
    """
    mapped = {column.column.casefold() for column in spec.columns.mapped.values()}
    names = [column for column in columns if column.casefold() in _METRIC_NAMES]
    is_chosen = bool(names) and len(spec.where.get(names[0], ())) == 1  # whose rows alone are read
    if names and not is_chosen and mapped & {*_METRIC_VALUES} and names[0].casefold() not in mapped:
        raise RunsError("{file}: {why}.", file=file, why=layout_of(columns))


def without(spec: SourceSpec, empty: Iterable[str]) -> SourceSpec:
    """Return a mapping without some of its columns, which no row of a file fills."""
    gone = dict.fromkeys(name for name in empty if name in spec.columns.mapped)
    columns = spec.columns.model_copy(update=gone)
    return spec.model_copy(update={"columns": columns})


def is_empty(name: str, rows: Rows, spec: SourceSpec) -> bool:
    """Whether a column is mapped and no row has a value there."""
    column = spec.columns.mapped.get(name)
    cells = (cell_of(row.cells, name, column, row.root) for row in rows.rows) if column else ()
    return column is not None and all(cell is None or cell == "" for cell in cells)


def check_columns(file: RunFile, columns: Collection[str] | None, spec: SourceSpec) -> None:
    """Refuse a mapping to columns that the file lacks; a file without rows (None) has no say.

    What a path leads to is known when all rows are there; in a CSV it leads into a column.
    """
    check_layout(file.name, columns or (), spec)
    mapped = (spec.columns.mapped | spec.beside).items()
    named = {name: (*column.paths, *filter(None, [column.since])) for name, column in mapped}
    if spec.currency not in {None, NO_COLUMN} and "cost" in named:
        named["currency"] = (str(spec.currency),)
    for name, paths in named.items():
        for path in paths if columns is not None else ():
            nested = is_path(path) and (file.kind != ".csv" or _first(path, columns or ()))
            if not nested and path not in (columns or ()):
                raise lacking_column(name, path, file.name, columns or ())


def lacking_column(name: str, column: str, file: str, columns: Collection[str]) -> RunsError:
    """Say that a column is mapped which a file lacks, and which it has."""
    return RunsError(
        "source.yaml maps {name} to column {column!r}, which {file} lacks; its columns are "
        "{columns}.{hint}",
        name=name, column=column, file=file, columns=several(columns, most=20),
        hint=did_you_mean(column, columns),
    )  # fmt: skip


def _first(path: str, columns: Collection[str]) -> bool:
    """Whether a path leads into a column, which may hold JSON."""
    return any(path.startswith((f"{column}.", f"{column}[")) for column in columns)


def columns_of(rows: Rows) -> Collection[str] | None:
    """Return the columns that a mapping may name; None where no row says any."""
    return rows.columns if rows.rows else None


def empty_paths(file: str, rows: Rows, spec: SourceSpec) -> tuple[str, ...]:
    """Return the fields whose path no record fills; of a column that is there, empty is empty.

    Raises:
        RunsError: it is the arm or the outcome, without which no row says anything, or what would
            say which items of `explode` are of one unit.
    """
    paths = {
        name: column
        for name, column in (spec.columns.mapped | spec.beside).items()
        if any(is_path(path) and path not in rows.columns for path in column.paths)
        and not (name == "error" and _absent_is_told(column, rows))
    }
    empty = [
        name for name, column in paths.items()
        if rows.rows and all(
            cell_of(row.cells, name, column, row.root) is None for row in rows.rows
        )
    ]  # fmt: skip
    for name in empty:
        if name in {"arm", "passed", "status"}:
            raise RunsError(
                "no record of {file} has {column}; correct columns.{name} in source.yaml.",
                file=file, column=paths[name].column, name=name,
            )  # fmt: skip
    if spec.explode and rows.rows:
        _check_units(file, rows, spec)
    return tuple(empty)


def _check_units(file: str, rows: Rows, spec: SourceSpec) -> None:
    """Refuse items of which nobody can say whose they are: they would be evidence of their own."""
    units = [name for name in UNITS_OF_ITEMS if name in spec.mapped]
    if units and all(is_empty(name, rows, spec) for name in units):
        raise RunsError(
            "no row of {file} has {columns}, which explode needs; correct columns.{name} in "
            "source.yaml, so that items of one record are one.",
            file=file, columns=both([spec.mapped[name].column for name in units]), name=units[0],
        )  # fmt: skip


def _absent_is_told(column: ColumnSpec, rows: Rows) -> bool:
    """Whether source.yaml says what it means that nothing stands at a path, and it may be there."""
    first = re.split(r"[.\[]", column.column, maxsplit=1)[0]
    return ABSENT in column.values and first in rows.columns


def empty_told(file: str, empty: Iterable[str], spec: SourceSpec) -> tuple[Reason, ...]:
    """Tell the fields whose path no record fills."""
    every = spec.columns.mapped | spec.beside
    names = tuple(f"{name} ({every[name].column})" for name in empty)
    return (because("source.empty", file=file, names=names),) if names else ()
