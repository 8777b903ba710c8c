"""The clock of a feed: runs without a time, at one moment, or that step back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from rolloutlib.reason import because
from rolloutlib.watch.record import Alarm, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rolloutlib.measure.daily import Days
    from rolloutlib.reason import Reason
    from rolloutlib.runs import RunInfo

__all__ = ["feed_alarm", "odd_starts"]

FEWEST: Final = 3  # runs that tell no order yet
BACKWARDS: Final = timedelta(hours=12)
AT_ONCE: Final = 6  # runs of one arm that started at the same moment
ORDERED: Final = 0.8  # of the pairs of numbered runs that follow each other in time


def feed_alarm(code: str, asks: Outcome, metric: str | None, since: datetime, why: Reason) -> Alarm:
    """Return an alarm of the feed: it turns no feature off, and no program pulls the switch."""
    return Alarm(code, asks, metric, None, pulls=False, since=since, features=(), why=why)


def odd_starts(days: Days, arms: tuple[str, str], as_of: datetime) -> Iterator[Alarm]:
    """Yield alarms of starts that no clock would give."""
    if days.undated:
        why = because("watch.undated", samples=days.undated)
        yield feed_alarm("clock", Outcome.AMBER, None, as_of, why)
    for arm in arms:
        runs = [run for run in days.runs if run.arm == arm and run.started_at is not None]
        for odd in (_at_once, _backwards):
            if (fault := odd(runs)) is not None:
                since, why = fault
                yield feed_alarm("clock", Outcome.AMBER, None, since, why)


def _at_once(runs: Sequence[RunInfo]) -> tuple[datetime, Reason] | None:
    """Return the moment at which too many runs of an arm are said to have started."""
    starts = [run.started_at for run in runs if run.started_at is not None]
    for moment in dict.fromkeys(starts):
        if (count := starts.count(moment)) >= AT_ONCE and count > len(starts) / 2:
            at = moment.isoformat(" ", "minutes")
            return moment, because("watch.at_once", arm=runs[0].arm, count=count, at=at)
    return None


def _backwards(runs: Sequence[RunInfo]) -> tuple[datetime, Reason] | None:
    """Return where numbered runs, which follow each other otherwise, step back in time."""
    numbered = sorted((each for each in map(_numbered, runs) if each is not None), key=_number)
    if len(numbered) < len(runs) or len(runs) <= FEWEST:
        return None
    if len({stem for stem, _, _ in numbered}) > 1:
        return None
    steps = [(earlier, later) for (_, _, earlier), (_, _, later) in pairwise(numbered)]
    back = [later for earlier, later in steps if _start(later) < _start(earlier) - BACKWARDS]
    if not back or len(back) > (1 - ORDERED) * len(steps):
        return None
    run = back[0]
    why = because("watch.backwards", arm=run.arm, run=run.run_id, at=str(run.started_at))
    return _start(run), why


def _start(run: RunInfo) -> datetime:
    """Return the start of a run that tells it."""
    return run.started_at or datetime.min.replace(tzinfo=UTC)


def _numbered(run: RunInfo) -> tuple[str, int, RunInfo] | None:
    stem = run.run_id.rstrip("0123456789")
    digits = run.run_id[len(stem) :]
    return (stem, int(digits), run) if digits and len(digits) < 19 else None  # noqa: PLR2004


def _number(each: tuple[str, int, RunInfo]) -> int:
    return each[1]
