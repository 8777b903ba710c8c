"""Errors that surge: exact binomial limits against the plan's own, day by day and in all so far.

A user whose every request fails is one event, not twenty, so counts are taken at their effective
size (Korn & Graubard 1998, the plan's floor of the correlation). Two fifths of the error are for
the limit of the plan: all days so far (spent by the calendar), and each day alone, on which an
outage is not diluted. The rest is for a rise over the control, which shows sooner where errors are
rare, and for a day on which more people than before have an error at all.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.measure.profiles import strictest
from rolloutlib.reason import because
from rolloutlib.stats.effective import effective_sample_size
from rolloutlib.stats.sequential import binomial_spending_limits
from rolloutlib.watch.boundary import PLANNED, crossing, shares
from rolloutlib.watch.harm import OF_ERRORS, arm_of, calendar_of, over_days
from rolloutlib.watch.record import Alarm, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.daily import Days
    from rolloutlib.plan.model import Plan
    from rolloutlib.reason import Reason
    from rolloutlib.stats.daily import DayArm
    from rolloutlib.watch.boundary import Calendar, Crossing

__all__ = ["Surges", "people", "risen", "surge", "surges"]

OF_LIMIT, OF_RISE = 0.4, 0.3  # of the error: the plan's limit, a rise over the control; people
FEWEST = 3  # errors that are told though they prove nothing
OF_DAYS = 0.5  # of that, for each day alone
SERIOUS = (Outcome.ROLLBACK, Outcome.RED, Outcome.AMBER)


class Surges(NamedTuple):
    """Whether a day crossed: all days so far, and the day alone. Each (days,)."""

    whole: NDArray[np.bool_]
    alone: NDArray[np.bool_]


def surge(days: Days, plan: Plan, *, arms: tuple[str, str]) -> tuple[Alarm, ...]:
    """Return the alarm of errors beyond the plan's limit, since the first day that crossed.

    Errors that surge in the control as well, and are no more in the treatment, ask for attention,
    not for a rollback, which would not end them. So do errors that rose within the plan's limit.
    """
    limit = error_limit(days, plan) if days.dates else None
    if limit is None or "error" not in days.table.metrics:
        return ()
    control, treatment = (arm_of(days, arm, "error") for arm in arms)
    calendar, error = calendar_of(days, plan), (1 - plan.evidence.confidence) * OF_ERRORS
    rules = {"limit": limit, "error": error, "icc_floor": plan.evidence.icc_floor}
    rises = risen(treatment, control, calendar, error=error)
    crowds = [people(pair, calendar, limit=limit, error=error) for pair in (
        (treatment, control), (control, treatment))]  # fmt: skip
    also = surges(control, calendar, **rules)
    shared = (also.whole | also.alone).any() and not any(rise.beyond.any() for rise in rises)
    surging = surges(treatment, calendar, **rules)
    spans = [
        *(_Span(0, day, bool(shared), rose=False) for day in _days(surging.whole)),
        *(_Span(day, day, bool(shared), rose=False) for day in _days(surging.alone)),
        *(_Span(max(day - rise.span + 1, 0) if rise.span else 0, day, shared=False, rose=True)
          for rise in rises for day in _days(rise.beyond)),
        *(_Span(day, day, bool(crowds[1][day]), rose=True) for day in _days(crowds[0])),
        *_unproven(treatment, limit),
    ]  # fmt: skip
    if not spans:
        return ()
    candidates = [(_asked(span, treatment, limit), span) for span in spans]
    asks, span = min(candidates, key=_first_sharpest)
    since = datetime.combine(days.dates[span.last], time(), days.zone)
    why = _why(span, asks, treatment, control, limit, error, days)
    return (Alarm("surge", asks, "error", None, pulls=False, since=since, features=(), why=why),)


def _first_sharpest(candidate: tuple[Outcome, _Span]) -> tuple[int, int, int]:
    """Order by what is asked, then by the day, then by the fewest days that show it."""
    asks, span = candidate
    return SERIOUS.index(asks), span.last, span.last - span.first


def _unproven(treatment: DayArm, limit: float) -> list[_Span]:
    """Return all days where their share is beyond the limit: one person's trouble, or everybody's.

    Nobody can tell yet, and nothing of the promised error is spent.
    """
    last = len(treatment.n) - 1
    share = _share(treatment, 0, last) or 0.0
    beyond = share > limit and treatment.s.sum() >= FEWEST
    return [_Span(0, last, shared=False, rose=False, proven=False)] if beyond else []


class _Span(NamedTuple):
    """Days on which errors were too many, and of whom.

    Attributes:
        shared: the control has them as well.
        rose: they are more than before, or than the control's; else more than the plan's limit.
        proven: whether it is more than chance.
    """

    first: int
    last: int
    shared: bool
    rose: bool
    proven: bool = True


def _days(crossed: NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(crossed).tolist()


def _asked(span: _Span, treatment: DayArm, limit: float) -> Outcome:
    if not span.proven:
        return Outcome.AMBER
    if span.rose and (_share(treatment, span.first, span.last) or 0.0) <= limit:
        return Outcome.AMBER
    return Outcome.RED if span.shared else Outcome.ROLLBACK


def _why(
    span: _Span, asks: Outcome, treatment: DayArm, control: DayArm, limit: float, error: float,
    days: Days,
) -> Reason:  # fmt: skip
    over = over_days(span.last - span.first + 1 if span.first else 0)
    facts = {
        "value": _share(treatment, span.first, span.last), "measure": "proportion",
        "signed": False, "limit": limit, "day": days.dates[span.last].isoformat(),
        "error": round(error, 9), "over": over,
        "control": because(
            "watch.control_errors", value=_share(control, span.first, span.last),
            measure="proportion", signed=False,
        ),
    }  # fmt: skip
    if not span.proven:
        worst = treatment.s.sum(axis=0).max()
        return because("watch.errors_over", most=int(worst), count=int(treatment.s.sum()), **facts)
    if asks == Outcome.AMBER:
        return because("watch.errors_rose", **facts)
    return because("watch.surge_both", **facts) if span.shared else because("watch.surge", **facts)


def risen(
    treatment: DayArm, control: DayArm, calendar: Calendar, *, error: float
) -> tuple[Crossing, ...]:
    """Judge whether errors rose over the control's, as any other metric."""
    share = error * OF_RISE
    return crossing(treatment, control, calendar, harm=1, null=0.0, error=share)


def people(
    arms: tuple[DayArm, DayArm], calendar: Calendar, *, limit: float, error: float
) -> NDArray[np.bool_]:
    """Return on which days unusually many people of the first arm had an error, (days,).

    Days whose errors are within the limit are none: how often people meet one differs by day.
    Against the people of both arms on all days before: the beta-binomial chance of so many after
    what was seen (a uniform prior). People whose calls fail every day are in what was seen.
    """
    people_by_day, affected = (
        [np.asarray((part > 0).sum(axis=-1), dtype=np.float64) for part in parts]
        for parts in ([arm.n for arm in arms], [arm.s for arm in arms])
    )
    earlier, events = (np.cumsum(sum(both)) - sum(both) for both in (people_by_day, affected))
    chance = np.array(
        [
            _so_many(*counts)
            for counts in zip(affected[0], people_by_day[0], events, earlier, strict=True)
        ]
    )
    share = error * (1 - OF_LIMIT - OF_RISE) * shares(len(earlier), calendar, calendar.planned)
    n, x = (np.asarray(part.sum(axis=-1), dtype=np.float64) for part in (arms[0].n, arms[0].s))
    many = (affected[0] > 1) & (x > limit * n)
    return (earlier > 0) & many & (chance <= share) & (not calendar.alone)


def _so_many(affected: float, people: float, events: float, earlier: float) -> float:
    """Return the chance of at least so many of those who are there, after what was seen."""
    k = np.arange(affected, people + 1)
    before, after = events + 1, earlier - events + 1
    ways = special.gammaln(people + 1) - special.gammaln(k + 1) - special.gammaln(people - k + 1)
    log = ways + special.betaln(k + before, people - k + after) - special.betaln(before, after)
    return float(np.exp(log).sum())


def error_limit(days: Days, plan: Plan) -> float | None:
    """Return the plan's limit for errors; None where it has none."""
    _, limits = strictest(plan, {run.profile or "default" for run in days.runs})
    gates = (
        gate for gate in plan.gates.values()
        if gate.metric == "error" and gate.contrast == "treatment"
    )  # fmt: skip
    gate = next(gates, None)
    return None if gate is None else gate.plan_limit(limits)


def surges(
    arm: DayArm, calendar: Calendar, *, limit: float, error: float, icc_floor: float
) -> Surges:
    """Return the days on which an arm's errors crossed.

    Args:
        arm: errors by day and unit, one rollout. (days, units)
        calendar: how days count.
        limit: the share of errors that is allowed.
        error: the chance of ever crossing, at the limit, any of a surge's limits.
        icc_floor: how alike a unit's samples are at least.
    """
    days, error = len(arm.n), error * OF_LIMIT
    planned = 0 if calendar.cut else calendar.planned
    share = shares(days, calendar, calendar.planned)
    n, events = _effective(np.cumsum(arm.n, axis=0), np.cumsum(arm.s, axis=0), calendar, icc_floor)
    whole = _tail(n, events, limit) <= error * (1 - OF_DAYS) * share
    early = int(min(planned, days))
    if early:
        alpha = error * (1 - OF_DAYS) * PLANNED
        whole[:early] = _spent(n[:early], events[:early], calendar.planned, limit, alpha)
    n, events = _effective(arm.n, arm.s, calendar, icc_floor)
    return Surges(whole, (_tail(n, events, limit) <= error * OF_DAYS * share) & (events > 0))


def _effective(
    n: NDArray[np.float64], events: NDArray[np.float64], calendar: Calendar, icc_floor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return samples and events by day, at the size that units leave of them."""
    total, x = n.sum(axis=-1), np.minimum(events, n).sum(axis=-1)
    if calendar.alone:
        return total, x
    size = np.asarray(effective_sample_size(n, np.minimum(events, n), icc_floor=icc_floor))
    return np.minimum(size, total), x * np.minimum(size, total) / np.maximum(total, 1.0)


def _tail(n: NDArray[np.float64], events: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Return the chance of at least so many events at the limit; 1 without any."""
    positive = events > 0
    x = np.where(positive, events, 1.0)
    chance = special.betainc(x, np.maximum(n - x, 0.0) + 1.0, limit)
    return np.where(positive, chance, 1.0)


def _spent(
    n: NDArray[np.float64], events: NDArray[np.float64], planned: int, limit: float, alpha: float
) -> NDArray[np.bool_]:
    """Hold whole effective counts of the planned days against the exact limits."""
    sizes = np.maximum.accumulate(np.floor(n + 1e-9)).astype(np.int64)
    grown = np.flatnonzero(np.diff(sizes, prepend=0) > 0)
    crossed = np.zeros(len(n), dtype=bool)
    if not grown.size:
        return crossed
    elapsed = [(int(place) + 1) / planned for place in grown]
    limits = binomial_spending_limits(
        sizes[grown].tolist(), p0=limit, alpha=alpha, spending="pocock", elapsed=elapsed
    )
    crossed[grown] = np.floor(events[grown] + 1e-9) >= np.array(limits)
    return crossed


def _share(arm: DayArm, first: int, last: int) -> float | None:
    n, events = (float(part[first : last + 1].sum()) for part in (arm.n, arm.s))
    return events / n if n else None
