"""Rows of an Arrow table as Python's values; no value is too odd for one."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["plain_rows"]

_NO_VALUE = (ValueError, OverflowError, pa.ArrowException)


def plain_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return a table's rows; a cell that Python has no value for stands as what it holds."""
    try:
        return table.to_pylist() if table.num_columns else [{}] * table.num_rows
    except _NO_VALUE:
        columns = [[_plain(cell) for cell in column] for column in table.columns]
        return [
            dict(zip(table.column_names, cells, strict=True))
            for cells in zip(*columns, strict=True)
        ]


def _plain(cell: pa.Scalar) -> Any:  # noqa: ANN401 -- of any type
    try:
        return cell.as_py()
    except _NO_VALUE:  # a time beyond the calendar, or bytes that are no text
        if pa.types.is_date32(cell.type):
            return f"{cell.cast(pa.int32()).as_py()} days from 1970 on"
        if pa.types.is_date64(cell.type) or pa.types.is_timestamp(cell.type):
            unit = getattr(cell.type, "unit", "ms")
            return f"{cell.cast(pa.int64()).as_py()} {unit} from 1970 on"
        return str(cell.type).encode()  # which no field takes
