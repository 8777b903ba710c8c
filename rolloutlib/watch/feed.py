"""The feed itself: days without data, an arm that stopped, a metric that vanished, an odd clock.

A watch that sees nothing must say so: each of these is an alarm of its own. What is usual is read
off the stage's own days; weekdays on which the plan expects no data are no gaps.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from rolloutlib.measure.moments import added
from rolloutlib.plan.metrics import metric_record
from rolloutlib.reason import because
from rolloutlib.watch.clock import feed_alarm, odd_starts
from rolloutlib.watch.record import Alarm, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rolloutlib.measure.daily import Days
    from rolloutlib.plan.model import Plan

    Floats = NDArray[np.float64]

__all__ = ["feed", "no_feed"]

USUAL_DAYS: Final = 3  # so many earlier days tell what is usual
COLLAPSE: Final = 0.1  # of the usual samples of a day
EXPECTED: Final = 20.0  # values that should have been there before their absence says anything
DAY: Final = timedelta(days=1)
GAP: Final = timedelta(hours=30)  # between two runs of a daily feed, an hour of delay and more
SLACK: Final = 1.25  # times the usual gap between runs
NEARLY: Final = timedelta(minutes=1)  # a day is over then
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def no_feed(as_of: datetime) -> tuple[Alarm, ...]:
    """Return the alarm of a watch that has no data at all."""
    return (feed_alarm("no_data", Outcome.RED, None, as_of, because("watch.nothing")),)


def feed(days: Days, plan: Plan, *, arms: tuple[str, str], as_of: datetime) -> tuple[Alarm, ...]:
    """Return what is wrong with the feed at a moment.

    Args:
        days: of the stage.
        plan: which weekdays have data, and which metrics are watched.
        arms: names of the control and the treatment.
        as_of: the moment.
    """
    if not days.dates:
        return no_feed(as_of)
    view = _View(days, plan, arms, as_of)
    return (
        *_stopped(view), *_gaps(view), *_thin(view), *_vanished(view, plan), *_frozen(view),
        *odd_starts(days, arms, as_of),
    )  # fmt: skip


class _View:
    """Samples by arm and day, and which days should have some."""

    def __init__(self, days: Days, plan: Plan, arms: tuple[str, str], as_of: datetime) -> None:
        self.days, self.arms, self.as_of = days, arms, as_of
        self.expected = set(plan.monitoring.data_days)
        self.rows = {arm: self.by_day(arm, None) for arm in arms}
        self.any = sum(self.rows.values(), start=np.zeros(len(days.dates)))

    def by_day(self, arm: str, metric: str | None) -> Floats:
        """Return an arm's samples of each day, or those that know a metric."""
        table = self.days.table.where(arm=arm)
        n = table.rows if metric is None else table.metrics[metric].n
        return added(self.days.places(table), n, len(self.days.dates))

    def due(self, day: date) -> bool:
        """Return whether the plan expects data on a day."""
        return WEEKDAYS[day.weekday()] in self.expected

    def over(self, day: date) -> bool:
        """Return whether a day is over at the moment that is looked at."""
        return self.as_of + NEARLY >= self.start(day + DAY)

    def start(self, day: date) -> datetime:
        """Return the moment at which a day begins."""
        return datetime.combine(day, time(), self.days.zone)

    def missed(self, rows: Floats) -> list[date]:
        """Return the expected days without data after the last one with some."""
        last = int(np.flatnonzero(rows)[-1]) if rows.any() else -1
        return [day for day in self.days.dates[last + 1 :] if self.due(day)]

    def cadence(self, rows: Floats) -> int:
        """Return how many expected days usually lie from one day with data to the next; 1 daily."""
        filled = np.flatnonzero(rows)
        apart = [
            sum(map(self.due, self.days.dates[a + 1 : b + 1])) for a, b in pairwise(filled.tolist())
        ]
        apart = [steps for steps in apart if steps]
        if len(apart) < USUAL_DAYS - 1 or float(np.median(apart)) <= 1:
            return 1
        return max(apart)


# --- what is not there ----------------------------------------------------------------------------


def _stopped(view: _View) -> Iterator[Alarm]:
    """Yield the alarm of a feed, or of one arm, that has ended."""
    if (alarm := _ended(view)) is not None:
        yield alarm
        return
    for arm in view.arms:
        rows = view.rows[arm]
        other = next(name for name in view.arms if name != arm)
        if not rows.any():
            why = because("watch.arm_never", arm=arm, other=other)
            yield feed_alarm("stopped", Outcome.RED, None, view.start(view.days.dates[0]), why)
            continue
        last = int(np.flatnonzero(rows)[-1])
        ahead = np.flatnonzero(view.rows[other][last + 1 :]) + last + 1
        alone = [view.days.dates[k] for k in ahead.tolist() if view.over(view.days.dates[k])]
        if len(alone) >= view.cadence(rows):
            why = because(
                "watch.arm_stopped", arm=arm, other=other, last=view.days.dates[last].isoformat(),
                days=len(alone),
            )  # fmt: skip
            yield feed_alarm("stopped", Outcome.RED, None, view.start(alone[0]), why)


def _ended(view: _View) -> Alarm | None:
    """Return the alarm where the last data are older than is usual."""
    missed, cadence = view.missed(view.any), view.cadence(view.any)
    whole = [day for day in missed if view.over(day)]
    starts = [run.last_at or run.started_at for run in view.days.runs]
    moments = [moment for moment in starts if moment is not None and moment <= view.as_of]
    if not missed or not moments:
        return None
    silent = view.as_of - max(moments) > _usual_gap(view, cadence)
    if len(whole) < cadence and not (silent and len(missed) >= cadence):
        return None
    last = max(moments).astimezone(view.days.zone)
    why = because(
        "watch.stopped", last=last.isoformat(" ", "minutes"),
        now=view.as_of.astimezone(view.days.zone).isoformat(" ", "minutes"), days=len(missed),
    )  # fmt: skip
    return feed_alarm("stopped", Outcome.RED, None, view.start(missed[0]), why)


def _usual_gap(view: _View, cadence: int) -> timedelta:
    """Return after which silence between runs something is wrong, on days that have data."""
    starts = sorted({run.started_at for run in view.days.runs if run.started_at is not None})
    gaps = [b - a for a, b in pairwise(starts) if b - a <= 2 * DAY]
    if cadence > 1 or len(gaps) < USUAL_DAYS:
        return max(GAP, cadence * DAY * SLACK)
    return min(max(gaps) * SLACK, GAP)


def _gaps(view: _View) -> Iterator[Alarm]:
    """Yield the alarm of expected days without data, after which data came again."""
    filled = np.flatnonzero(view.any)
    if view.cadence(view.any) > 1:
        return
    inside = range(int(filled[0]), int(filled[-1])) if filled.size else ()
    gaps = [view.days.dates[k] for k in inside if not view.any[k] and view.due(view.days.dates[k])]
    if gaps:
        why = because("watch.gaps", days=tuple(map(str, gaps)), count=len(gaps))
        yield feed_alarm("no_data", Outcome.AMBER, None, view.start(gaps[0]), why)


def _thin(view: _View) -> Iterator[Alarm]:
    """Yield the alarm of the newest whole day on which an arm has a tenth of what is usual."""
    for arm in view.arms:
        rows = view.rows[arm]
        filled = [k for k in np.flatnonzero(rows).tolist() if view.over(view.days.dates[k])]
        if len(filled) <= USUAL_DAYS:
            continue
        *before, day = filled
        usual = float(np.median(rows[before]))
        if rows[day] <= COLLAPSE * usual:
            why = because(
                "watch.thin", arm=arm, day=view.days.dates[day].isoformat(), count=int(rows[day]),
                usual=round(usual),
            )  # fmt: skip
            yield feed_alarm("thin", Outcome.AMBER, None, view.start(view.days.dates[day]), why)


def _vanished(view: _View, plan: Plan) -> Iterator[Alarm]:
    """Yield an alarm for each watched metric that an arm told before and tells no more."""
    gates = (gate.metric for gate in plan.gates.values() if not gate.scorer)
    watched = [*plan.monitoring.metrics, *gates]
    names = dict.fromkeys("any_issue" if name == "issue" else name for name in watched)
    for metric in names:
        if metric not in view.days.table.metrics:
            continue
        for arm in view.arms:
            if (alarm := _missing(view, arm, metric)) is not None:
                yield alarm
                break


def _missing(view: _View, arm: str, metric: str) -> Alarm | None:
    """Return the alarm where the newest day tells less than half of what it would have told."""
    rows, reported = view.rows[arm], view.by_day(arm, metric)
    filled = np.flatnonzero(rows)
    if filled.size < 2:  # noqa: PLR2004 -- nothing to compare with
        return None
    day, before = filled[-1], filled[:-1]
    if reported.any() and not reported[filled[-2:]].any():  # since earlier than the newest day
        before = filled[: int(np.flatnonzero(reported[filled])[-1]) + 1]
        day = filled[before.size]
    share = reported[before].sum() / rows[before].sum()
    expected = share * rows[filled[filled >= day]].sum()
    received = reported[filled[filled >= day]].sum()
    if expected < EXPECTED or received >= expected / 2:
        return None
    title = metric_record(metric).title
    why = because(
        "watch.vanished", title=title, arm=arm, day=view.days.dates[int(day)].isoformat(),
        told=int(received), due=round(float(expected)),
    )  # fmt: skip
    return feed_alarm("vanished", Outcome.RED, metric, view.start(view.days.dates[int(day)]), why)


# --- what cannot be -------------------------------------------------------------------------------


def _frozen(view: _View) -> Iterator[Alarm]:
    """Yield the alarm of a day whose values are those of an earlier day, number by number."""
    for arm in view.arms:
        first: dict[object, date] = {}
        for day in view.days.dates:
            print_ = _fingerprint(view.days, arm, day)
            if print_ is not None and (same := first.setdefault(print_, day)) != day:
                why = because("watch.frozen", arm=arm, day=day.isoformat(), other=same.isoformat())
                yield feed_alarm("frozen", Outcome.RED, None, view.start(day), why)
                break


def _fingerprint(days: Days, arm: str, day: date) -> object:
    """Return what a day's latencies (or scores) were, unit by unit; None for too few to tell."""
    table = days.table.where(arm=arm, day=day.isoformat())
    for metric in ("latency_ms", "score"):
        if metric not in table.metrics:
            continue
        cells = table.metrics[metric]
        varies = float(cells.m2.sum()) > 0 or np.unique(cells.mean[cells.n > 0]).size > 1
        if cells.n.sum() >= EXPECTED and varies:
            parts = (cells.n, np.round(cells.mean, 6), np.round(cells.m2, 3))
            rows = np.stack(parts, axis=1)[cells.n > 0]
            return rows[np.lexsort(rows.T)].tobytes()
        if cells.n.sum():
            return None
    return None
