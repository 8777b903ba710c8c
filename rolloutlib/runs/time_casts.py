"""Times of a flat table as SQL, and which of them only the careful reader may judge."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from rolloutlib.runs.ranges import FIRST_YEAR

__all__ = ["FIRST", "time_cast", "until"]

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_OFFSET = r"(Z|\+(0[0-9]|1[0-3])(:[0-5][0-9])?|\+14(:00)?|-(0[0-9]|1[01])(:[0-5][0-9])?|-12(:00)?)"
FIRST: Final = f"TIMESTAMPTZ '{FIRST_YEAR}-01-03 00:00:00+00'"  # in every time zone of that year


def until(latest: datetime | None, vouched: str, started_at: str) -> str:
    """Return a rule that holds only for what did not begin in the future."""
    if latest is None:
        return vouched
    moment = f"TIMESTAMPTZ '{latest.astimezone(UTC).isoformat()}'"
    return f"{vouched} AND coalesce({started_at} <= {moment}, true)"


def time_cast(cell: str, kind: str, timezone: str | None) -> tuple[str, str] | None:
    """Return a time as SQL: its moment, and when the careful reader would say the same.

    Args:
        cell: SQL of the cell.
        kind: the engine's type of it.
        timezone: of times that tell none.

    Returns:
        None where only the careful reader knows the type, or when the zone's clocks change.
    """
    shift = _fixed_offset(timezone) if timezone else None
    local = f"({{}} - to_seconds({shift}))::TIMESTAMPTZ"
    if kind == "TIMESTAMP WITH TIME ZONE":
        value, vouched = cell, "true"
    elif kind in {"TIMESTAMP", "TIMESTAMP_NS", "DATE"} and shift is not None:
        value, vouched = local.format(f"{cell}::TIMESTAMP"), "true"
    elif kind == "VARCHAR":
        value, vouched = (
            f"TRY_CAST({cell} AS TIMESTAMPTZ)",
            f"regexp_full_match({cell}, '{_DATE}{_CLOCK}{_OFFSET}')",
        )
        if shift is not None:
            offset = f"regexp_matches({cell}, '{_CLOCK}{_OFFSET}$')"
            written = local.format(f"TRY_CAST({cell} AS TIMESTAMP)")
            value = f"CASE WHEN {offset} THEN {value} ELSE {written} END"
            vouched = f"regexp_full_match({cell}, '{_DATE}({_CLOCK}{_OFFSET}?)?')"
    else:
        return None
    return value, f"{vouched} AND {value} > {FIRST}"


@cache
def _fixed_offset(timezone: str) -> int | None:
    """Return the seconds that a zone is ahead of UTC, or None where they ever changed."""
    zone = ZoneInfo(timezone)
    months = (
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(FIRST_YEAR, 2040)
        for month in range(1, 13)
    )
    offsets = {moment.astimezone(zone).utcoffset() for moment in months}
    only = offsets.pop()
    return int(only.total_seconds()) if only is not None and not offsets else None
