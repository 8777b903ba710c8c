"""Times as programs count them: from 1970 on, and from one moment to another."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from rolloutlib.phrase import Phrase
from rolloutlib.runs.ranges import FIRST_YEAR, NO_OFFSET, NO_TIME, TOO_EARLY, in_time, read_time
from rolloutlib.runs.spellings import NUMBER

__all__ = ["PER_SECOND", "Span", "count_of", "milliseconds", "read_stamp", "unit_of"]

PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = 250_000_000_000  # seconds: within the calendar
_NUMBER = re.compile(NUMBER)
_DATE_DIGITS: Final = 8  # 20261130 is a date


class Span(NamedTuple):
    """What stands at a start and at an end."""

    start: object
    end: object

    def __str__(self) -> str:
        """Say both, for a message."""
        return f"{self.end} since {self.start}"


def count_of(cell: object) -> Decimal | None:
    """Return the number that a cell counts, exactly; None where it is no number.

    >>> count_of("1700000000123456789")
    Decimal('1700000000123456789')
    """
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        return None
    text = str(cell)
    return Decimal(text) if _NUMBER.fullmatch(text) and len(text) < 40 else None  # noqa: PLR2004 -- as long as an integer may be


def read_stamp(cell: object, unit: str, latest: datetime | None = None) -> datetime | Phrase | None:
    """Return the moment that is so many units from 1970 on, in UTC, cut to microseconds.

    Returns:
        What is expected instead, if it lies beyond what a start can be; None where it is no number.

    >>> read_stamp(1_700_000_000_123, "ms")
    datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=datetime.timezone.utc)
    """
    count = count_of(cell)
    if count is None:
        return None
    seconds = count / PER_SECOND[unit]
    if seconds < 0:
        return TOO_EARLY
    if seconds >= _LAST:
        return NO_TIME
    moment = _EPOCH + timedelta(microseconds=int(seconds * 1_000_000 // 1))
    return TOO_EARLY if moment.year < FIRST_YEAR else in_time(moment, latest)


def unit_of(cell: object, latest: datetime | None = None) -> str:
    """Return the unit in which a plain number is a time from 2000 on; empty where it is none."""
    count = count_of(cell)
    if count is None or (len(str(cell)) <= _DATE_DIGITS):
        return ""
    now = latest or datetime.now(UTC)
    units = (unit for unit in PER_SECOND if isinstance(read_stamp(cell, unit, now), datetime))
    return next(units, "")


def milliseconds(span: Span, factor: float, timezone: str | None) -> float | None:
    """Return the time from a start to an end, in milliseconds; None where they tell none.

    Args:
        span: two numbers of a unit, or two times; both have an offset, or neither has.
        factor: milliseconds of that unit.
        timezone: of times that are written without an offset.

    >>> milliseconds(Span("1700000000000000000", "1700000000250000001"), 1e-6, None)
    250.000001
    """
    start, end = map(count_of, span)
    if start is not None and end is not None:
        return float((end - start) * Decimal(str(factor)))
    first, last = (read_time(str(cell), timezone=timezone) for cell in span)
    if timezone is None and first == last == NO_OFFSET:
        first, last = (read_time(str(cell), timezone="UTC") for cell in span)
    if isinstance(first, Phrase) or isinstance(last, Phrase):
        return None
    return (last - first) / timedelta(milliseconds=1)
