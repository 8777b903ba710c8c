"""Cells of Parquet as Python knows them: durations know their unit, and no value is too odd."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rolloutlib.runs.cells import Milliseconds
from rolloutlib.runs.column_spec import UNITS
from rolloutlib.runs.plain_rows import plain_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parquet_cells", "taken"]


def parquet_cells(table: pa.Table) -> list[dict[str, Any]]:
    """Return a table's rows; a duration is a number of milliseconds that knows its unit."""
    if not any(map(_is_time, table.schema)):
        return plain_rows(table)
    times = {
        field.name: _milliseconds(table[field.name]) for field in table.schema if _is_time(field)
    }
    rest = plain_rows(table.drop_columns(list(times)))
    return [{**row, **{n: cells[i] for n, cells in times.items()}} for i, row in enumerate(rest)]


def taken(table: pa.Table, places: Sequence[int]) -> pa.Table:
    """Return rows of a table, which may have types that Arrow cannot take rows of."""
    try:
        return table.take(places)
    except pa.ArrowNotImplementedError:
        return pa.concat_tables([table.slice(place, 1) for place in places])


def _is_time(field: pa.Field) -> bool:
    """Whether it is a duration, or twelve bytes: the interval of Parquet itself."""
    return pa.types.is_duration(field.type) or field.type == pa.binary(12)


def _milliseconds(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_duration(column.type):
        unit = UNITS[column.type.unit]
        cells = column.cast(pa.int64()).to_pylist()
        return [None if cell is None else Milliseconds(float(cell) * unit) for cell in cells]
    parts = [cell and struct.unpack("<3I", cell) for cell in column.to_pylist()]
    return [p and Milliseconds(((30 * p[0] + p[1]) * 86_400_000 + p[2]) / 1e3 * 1e3) for p in parts]
