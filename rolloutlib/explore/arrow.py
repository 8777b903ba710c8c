"""Records → Arrow → frames: five kinds of columns, the same types whether there are rows or not."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

__all__ = ["Kind", "array_of", "kind_of", "pandas_of", "tidy"]

Kind = Literal["text", "whole", "number", "flag", "moment"]
TYPES: Final[dict[Kind, Any]] = {
    "text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "flag": pa.bool_(),
    "moment": pa.timestamp("us", "UTC"),
}  # fmt: skip
_KINDS: Final[dict[Any, Kind]] = {type_: kind for kind, type_ in TYPES.items()}
BETWEEN: Final = ", "  # what several texts become one by


def array_of(values: Sequence[object], kind: Kind) -> pa.Array:
    """Return values as an Arrow array of a kind; None is null."""
    convert = _CONVERT[kind]
    cells = [None if value is None else convert(value) for value in values]
    return pa.array(cells, TYPES[kind])


def kind_of(type_: pa.DataType) -> Kind:
    """Return the kind of a tidy table's column."""
    return _KINDS[type_]


def tidy(table: pa.Table) -> pa.Table:
    """Narrow an Arrow table to the five kinds: lists become one text, times are in UTC."""
    return pa.table(
        [_narrowed(table.column(name)) for name in table.column_names], names=table.column_names
    )


def pandas_of(table: pa.Table) -> pd.DataFrame:
    """Return a tidy table as a data frame; beside nulls, too, each kind stays what it is."""
    import pandas as pd

    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(),
             pa.string(): pd.StringDtype("pyarrow", na_value=float("nan"))}  # fmt: skip
    return cast("pd.DataFrame", table.to_pandas(types_mapper=types.get))


def _narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    type_ = column.type
    if type_ in _KINDS:
        return column
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        texts = column.cast(pa.list_(pa.string()))
        return pc.binary_join(texts, BETWEEN)
    target = next((to for is_, to in _NARROWS if is_(type_)), pa.string())
    if target == TYPES["moment"] and type_.tz is None:
        column = pc.assume_timezone(column, "UTC")
    return column.cast(target, safe=target != TYPES["moment"])  # nanoseconds are cut


_NARROWS: Final = (
    (pa.types.is_integer, TYPES["whole"]),
    (pa.types.is_floating, TYPES["number"]),
    (pa.types.is_decimal, TYPES["number"]),
    (pa.types.is_timestamp, TYPES["moment"]),
)


def _text(value: object) -> str:
    """Return a value as text; what is no Unicode (half a pair, in a file's name) is escaped."""
    if isinstance(value, tuple | list):
        return BETWEEN.join(_text(part) for part in cast("Sequence[object]", value))
    text = str(value.value if isinstance(value, Enum) else value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _moment(value: object) -> datetime:
    """Return a moment in UTC; one without a zone is in UTC already."""
    moment = cast("datetime", value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_CONVERT: Final[dict[Kind, Callable[[Any], object]]] = {
    "text": _text, "whole": int, "number": float, "flag": bool, "moment": _moment,
}  # fmt: skip
