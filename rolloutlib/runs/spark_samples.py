"""Segments, scorers and texts of samples that lie on Spark, by the rules of `further`."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (Spark is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from rolloutlib.runs.columns import TEXTS
from rolloutlib.runs.database import quoted
from rolloutlib.runs.further import is_scorer
from rolloutlib.runs.layouts import lacking_column
from rolloutlib.runs.native import further_of, own_scorers
from rolloutlib.runs.samples import Samples
from rolloutlib.runs.spellings import Nothing

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs.column_spec import ColumnSpec
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["samples_on_spark"]


def samples_on_spark(table: Any, path: Path, spec: SourceSpec | None) -> Samples:  # noqa: ANN401
    """Take a table on Spark as samples, with what source.yaml names beside the fields.

    Raises:
        RunsError: it is none, or lacks a column that source.yaml names.
    """
    names = tuple(table.columns)
    further = own_scorers(names, path.name) | further_of(names, spec, path.name)
    kinds: dict[str, str] = dict(table.dtypes)
    for name, column in further.items():
        if column.column not in kinds:
            raise lacking_column(name, column.column, path.name, kinds)
    labels = {name: (_score if is_scorer(name) else _label)(column, kinds[column.column])
              for name, column in further.items()}  # fmt: skip
    others = [f"`{name}`" for name in table.columns if name not in labels]
    wider = table.selectExpr(*others, *(f"{sql} AS `{name}`" for name, sql in labels.items()))
    return Samples.from_frame(
        nw.from_native(wider), where=str(path), checked=True,
        extras=[name for name in labels if name not in TEXTS],
        texts=[name for name in TEXTS if name in labels],
    )  # fmt: skip


def _score(column: ColumnSpec, kind: str) -> str:
    """Return a scorer's number as SQL, on the scale from 0 to 10."""
    text, (low, high) = _label(column, kind), column.scale
    return f"10D * (cast({text} AS double) - {low!r}D) / {high - low!r}D"


def _label(column: ColumnSpec, kind: str) -> str:
    """Return a cell as SQL: as it is written, whole numbers without a fraction, nothing as null."""
    cell = f"`{column.column.replace('`', '``')}`"
    text, nothing = f"cast({cell} AS string)", Nothing(column.none)
    if kind in {"double", "float"}:
        whole = f"abs({cell}) < 1e15 AND {cell} = floor({cell})"
        number = f"cast(cast({cell} AS bigint) AS string)"
        text = f"CASE WHEN isnan({cell}) THEN NULL WHEN {whole} THEN {number} ELSE {text} END"
    gone = [f"lower(trim({text})) IN ({', '.join(map(quoted, sorted({'', *nothing.words})))})"]
    if nothing.numbers:
        numbers = ", ".join(f"cast('{number!r}' AS double)" for number in sorted(nothing.numbers))
        gone.append(f"try_cast({text} AS double) IN ({numbers})")
    none = " OR ".join(gone) if column.none else f"{text} = ''"
    return f"CASE WHEN {none} THEN NULL ELSE {text} END"
