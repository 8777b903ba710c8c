"""What a value can be at all: what lies beyond is a fault of whoever wrote it, and costs its row.

The ranges are wide enough for everything that was ever measured, and narrow enough that sums of
squares stay numbers: the square of one value of 1e308 already is none.
"""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from rolloutlib.phrase import Phrase, phrase

__all__ = [
    "AT_MOST", "COUNTED", "COUNTS", "FIRST_YEAR", "MOST_COST", "MOST_COVARIATE", "MOST_LATENCY_MS",
    "MOST_TOKENS", "NO_OFFSET", "NO_TIME", "ON_SCALE", "RANGES", "TOO_EARLY", "in_time",
    "latest_start", "number_from", "read_time", "within",
]  # fmt: skip

MOST_LATENCY_MS: Final = 30 * 86_400_000.0
MOST_COVARIATE: Final = 1e15  # on either side of 0
MOST_COST: Final = 1e12  # of whatever currency
MOST_TOKENS: Final = 10**12
ON_SCALE: Final = (0.0, 10.0)  # of every score
RANGES: Final = {
    "score": ON_SCALE, "latency_ms": (0.0, MOST_LATENCY_MS),
    "covariate": (-MOST_COVARIATE, MOST_COVARIATE), "cost": (0.0, MOST_COST),
    "human_score": ON_SCALE,
}  # fmt: skip
COUNTED: Final = {  # whole numbers from 0 on: the most, and the SQL type
    "style_violations": (2**31 - 1, "INTEGER"), "tokens_in": (MOST_TOKENS, "BIGINT"),
    "tokens_out": (MOST_TOKENS, "BIGINT"),
}  # fmt: skip
COUNTS: Final = {"INTEGER": (0, 2**31 - 1), "BIGINT": (-(2**63), 2**63 - 1)}  # by SQL type


@lru_cache(maxsize=256)
def number_from(low: float, high: float) -> Phrase:
    """Return what is expected of a number in a range.

    >>> str(number_from(0, 1e12))
    'a number from 0 to 1e+12'
    """
    return phrase("a number from {low} to {high}", low=f"{low:g}", high=f"{high:g}")


AT_MOST: Final = {
    **dict.fromkeys(
        ("latencyMs", "avgLatency"),
        phrase("at most {most} ms (30 days)", most=f"{MOST_LATENCY_MS:,.0f}"),
    ),
    "covariate": number_from(-MOST_COVARIATE, MOST_COVARIATE),
    "cost": number_from(0, MOST_COST),
    **dict.fromkeys(
        ("tokensIn", "tokensOut"), phrase("a count from 0 to {most:,}", most=MOST_TOKENS)
    ),
}  # by the engine's name: what is expected of a number that is too large

FIRST_YEAR: Final = 2000  # a clock that shows an earlier year was not set
_RELEASED: Final = datetime(2026, 11, 29, tzinfo=UTC)  # a clock that shows less is not set either
_CLOCK_SKEW: Final = timedelta(minutes=10)  # by which the clock that wrote a run may be ahead
_WESTERNMOST, _EASTERNMOST = timedelta(hours=-12), timedelta(hours=14)
NO_OFFSET: Final = phrase("an offset, such as +09:00 or Z")
NO_TIME: Final = phrase("an ISO 8601 time with offset")
TOO_EARLY: Final = phrase("a year from {year}: the clock was not set", year=FIRST_YEAR)
_TOO_LATE: Final = phrase("a start that is not in the future")


def within(number: str, low: float, high: float) -> str:
    """Return SQL: a number lies in a range, and is none of those that are no number.

    A range alone would not do: the engine takes a column's range from Parquet's statistics, which
    leave NaN out, and does not look at the values any more.
    """
    return f"{number} BETWEEN {low!r} AND {high!r} AND isfinite({number})"


def latest_start(as_of: datetime | None, now: datetime | None = None) -> datetime:
    """Return the last moment at which a run can have begun: none began in the future.

    Args:
        as_of: the moment of the review, with its offset; one that is later than the clock says
            moves the future behind itself.
        now: by default the clock's.
    """
    clock = now or max(datetime.now(UTC), _RELEASED)
    return max(clock, as_of or clock) + _CLOCK_SKEW


def read_time(
    written: str, *, timezone: str | None = None, latest: datetime | None = None
) -> datetime | Phrase:
    """Read an ISO 8601 time.

    Args:
        written: the time, with its offset.
        timezone: of a time that tells none. A time that its clocks showed twice is the first one.
        latest: the last moment that it can be.

    Returns:
        The moment in UTC, or what is expected instead.

    >>> read_time("2026-10-20T10:00:00+09:00")
    datetime.datetime(2026, 10, 20, 1, 0, tzinfo=datetime.timezone.utc)
    >>> str(read_time("2026-03-29T02:30", timezone="Europe/Berlin"))
    'a time that the clocks of Europe/Berlin showed, which skipped this one'
    """
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        return NO_TIME
    if written[11:13] == "24":  # the midnight that only newer versions of Python read
        return NO_TIME
    if time.year < FIRST_YEAR:
        return TOO_EARLY if time.tzinfo or timezone else NO_OFFSET
    if time.year == MAXYEAR:  # its moment in UTC may lie beyond the calendar
        return _TOO_LATE
    moment = _moment(time, timezone)
    return in_time(moment, latest) if isinstance(moment, datetime) else moment


def in_time(moment: datetime, latest: datetime | None) -> datetime | Phrase:
    """Return a moment, or what is expected instead of one that is later than the last."""
    return _TOO_LATE if latest is not None and moment > latest else moment


def _moment(time: datetime, timezone: str | None) -> datetime | Phrase:
    """Return a time in UTC; without an offset it is one of the zone's clocks."""
    if time.tzinfo is not None:
        offset = time.utcoffset() or timedelta(0)
        is_real = _WESTERNMOST <= offset <= _EASTERNMOST
        return time.astimezone(UTC) if is_real else phrase("an offset from -12:00 to +14:00")
    if timezone is None:
        return NO_OFFSET
    zone = ZoneInfo(timezone)
    moment = time.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != time:
        return phrase(
            "a time that the clocks of {timezone} showed, which skipped this one", timezone=timezone
        )
    return moment
