"""Times of a flat table as SQL, and which of them only the careful reader may judge."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from rolloutlib.runs.ranges import FIRST_YEAR
from rolloutlib.runs.stamps import PER_SECOND

__all__ = ["FIRST", "stamp_cast", "time_cast", "until"]

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_OFFSET = r"(Z|\+(0[0-9]|1[0-3])(:[0-5][0-9])?|\+14(:00)?|-(0[0-9]|1[01])(:[0-5][0-9])?|-12(:00)?)"
_FIRST_SECOND, _LAST_SECOND = 946_900_000, 4_102_444_800  # early in 2000, the end of 2099
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


def stamp_cast(cell: str, kind: str, unit: str) -> tuple[str, str] | None:
    """Return a number of units from 1970 on as SQL, as `stamps.read_stamp` reads it.

    Args:
        cell: SQL of the cell.
        kind: the engine's type of it.
        unit: s, ms, us or ns.

    Returns:
        None where only the careful reader knows the type; text that is no number it knows, too.
    """
    whole = f"TRY_CAST({cell} AS BIGINT)"
    if kind not in {"VARCHAR", "INTEGER", "UINTEGER", "BIGINT", "UBIGINT"}:
        return None
    per_second = PER_SECOND[unit]
    micros = (
        f"{whole} // {per_second // 1_000_000}" if per_second > 1_000_000  # noqa: PLR2004 -- ns
        else f"{whole} * {1_000_000 // per_second}"
    )  # fmt: skip
    inside = f"{whole} BETWEEN {_FIRST_SECOND * per_second} AND {_LAST_SECOND * per_second}"
    value = f"CASE WHEN {inside} THEN make_timestamp({micros})::TIMESTAMPTZ END"
    digits = f"regexp_full_match({cell}, '[0-9]+') AND " if kind == "VARCHAR" else ""
    return value, f"{digits}{inside}"


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
