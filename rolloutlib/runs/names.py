"""What names a run where its rows name none: the day on which they started, or the whole arm.

A run is (arm, name), so both arms may use the same names, and a file is only a part of one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from rolloutlib.runs.database import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.runs.sources import SourceSpec

__all__ = ["ALL", "UNDATED", "name_cast", "name_of_row"]

ALL: Final = "all"  # of a source that has neither runs nor times
UNDATED: Final = "undated"  # of rows without a start, where others have one


def name_of_row(spec: SourceSpec, started_at: datetime | None, written: object) -> str:
    """Return the run of a row that names none.

    Args:
        spec: whose time zone, if it has one, says where days begin.
        started_at: in UTC.
        written: its cell; without a time zone the date is the one that is written.
    """
    column = spec.columns.started_at
    if column is None and spec.constants.started_at is None:
        return ALL
    if started_at is None:
        return UNDATED
    if spec.timezone:
        return f"{started_at.astimezone(ZoneInfo(spec.timezone)):%Y-%m-%d}"
    counted = column is None or column.says("unit")
    dated = isinstance(written, str) and not counted
    text = str(written).strip('"')  # JSON in the cell of a CSV
    moment = datetime.fromisoformat(text) if dated else started_at
    return f"{moment:%Y-%m-%d}"


def name_cast(spec: SourceSpec, types: Mapping[str, str], started_at: str) -> str:
    """Return the same as SQL; `started_at` is the SQL of the row's start, in UTC."""
    column, start = spec.columns.started_at, spec.constants.started_at
    if column is None:
        return quoted(ALL if start is None else name_of_row(spec, start.astimezone(UTC), None))
    cell = '"' + column.column.replace('"', '""') + '"'
    if spec.timezone:
        day = f"timezone({quoted(spec.timezone)}, {started_at})::DATE::VARCHAR"
    elif types[column.column] == "VARCHAR" and not column.says("unit"):
        day = f"left({cell}, 10)"
    else:
        day = f"({started_at})::DATE::VARCHAR"
    return f"coalesce(CASE WHEN {cell} IS NOT NULL THEN {day} END, {quoted(UNDATED)})"
