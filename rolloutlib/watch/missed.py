"""Which days a late watch makes up for: a machine that was off, a job that did not run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

__all__ = ["MOST", "missed_days"]

MOST: Final = 31  # days that are made up for at once; a rollout has no longer stage


def missed_days(done: Iterable[date], today: date) -> tuple[date, ...]:
    """Return the days to be watched now: those after the last one that was, and today.

    Today is always one of them, also where it was watched before: a job that runs twice looks at
    the same day twice, and says the same. Without any day before, it is today alone; records of
    days to come (a clock that ran ahead) count for nothing.

    >>> from datetime import date
    >>> [day.day for day in missed_days([date(2026, 11, 27)], date(2026, 11, 30))]
    [28, 29, 30]

    Args:
        done: the days that have a record, in any order.
        today: the day of the schedule's own clock.

    Returns:
        Oldest first, the newest `MOST` of them.
    """
    last = max((day for day in done if day < today), default=today - timedelta(days=1))
    first = max(last + timedelta(days=1), today - timedelta(days=MOST - 1))
    return tuple(first + timedelta(days=n) for n in range((today - first).days + 1))
