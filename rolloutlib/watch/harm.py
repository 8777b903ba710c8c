"""Harm: each monitored metric against the control, and against the plan's own level, every day.

"Any harm rolls back" asks many questions at once, so the plan's 5 % are divided beforehand, not
spent on each: a fifth is for errors (`surge`), of the rest half for the plan's first gate and half
for all other tests together (Bonferroni, weighted). Which tests there are follows from the plan
alone, never from what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.measure.moments import added
from rolloutlib.measure.profiles import strictest
from rolloutlib.plan.metrics import metric_record
from rolloutlib.reason import because, known
from rolloutlib.stats.daily import DayArm
from rolloutlib.watch.boundary import Calendar, crossing
from rolloutlib.watch.record import Alarm, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from rolloutlib.measure.daily import Days
    from rolloutlib.plan.gates import Profile
    from rolloutlib.plan.model import Gate, Plan
    from rolloutlib.reason import Reason
    from rolloutlib.watch.boundary import Crossing

__all__ = [
    "OF_ERRORS",
    "HarmTest",
    "arm_of",
    "calendar_of",
    "harm",
    "harm_tests",
    "judged",
    "over_days",
]

OF_ERRORS = 0.2  # of the whole error, for the surge of errors
OF_FIRST = 0.5  # of the rest, for the plan's first gate
MOST_UNITS = 5_000  # above, units are merged: fewer, larger clusters are as valid


@dataclass(frozen=True, slots=True)
class HarmTest:
    """One question that is asked every day.

    Attributes:
        metric: in the moments.
        against: the control, or the plan's own level for the treatment.
        harm: 1 where more is worse, −1 where less is.
        null: what is no harm yet: a difference of 0, a ratio, or a level.
        limit: how far the plan lets the contrast go: harm that is proven but not seen beyond it
            asks for no rollback; None: any proven harm does.
        error: the chance of ever crossing without harm.
    """

    metric: str
    against: str
    harm: int
    null: float
    limit: float | None
    error: float = 0.0

    @property
    def ratio(self) -> bool:
        """Whether the contrast is a ratio of means."""
        return self.against == "ratio"


def harm_tests(plan: Plan, limits: Profile) -> tuple[HarmTest, ...]:
    """Return the tests of a plan, the error divided among them."""
    tests = [test for metric in plan.monitoring.metrics for test in _tests(plan, metric, limits)]
    whole = (1 - plan.evidence.confidence) * (1 - OF_ERRORS)
    if len(tests) < 2:  # noqa: PLR2004 -- nothing to divide
        return tuple(replace(test, error=whole) for test in tests)
    first = next(iter(plan.gates.values())).metric
    lead = next((place for place, test in enumerate(tests) if test.metric == first), None)
    if lead is None:
        return tuple(replace(test, error=whole / len(tests)) for test in tests)
    rest = whole * (1 - OF_FIRST) / (len(tests) - 1)
    errors = (whole * OF_FIRST if place == lead else rest for place in range(len(tests)))
    return tuple(replace(test, error=error) for test, error in zip(tests, errors, strict=True))


def _tests(plan: Plan, metric: str, limits: Profile) -> Iterator[HarmTest]:
    """Yield what is asked of a metric: nothing of errors, which `surge` watches."""
    if metric == "error":
        return
    gates = [each for each in plan.gates.values() if each.metric == metric and not each.scorer]
    gate = next((each for each in gates if each.statistic == "mean"), None)
    if metric == "issue":
        for name in ("any_issue", *_named_issues(plan)):
            yield HarmTest(name, "control", 1, 0.0, None)
        return
    if gate is not None and gate.contrast == "treatment":
        yield HarmTest(metric, "level", _sign(gate), gate.plan_limit(limits), None)
        yield HarmTest(metric, "ratio", _sign(gate), _no_more_than(plan, metric), None)
    elif gate is not None:
        limit = _allowed(gate, limits) if gate.contrast == "difference" else None
        yield HarmTest(metric, "control", _sign(gate), 0.0, limit)
    elif light := plan.monitoring.traffic_lights.get(metric):
        yield HarmTest(metric, "control", 1 if light.better == "lower" else -1, 0.0, None)


def _sign(gate: Gate) -> int:
    return 1 if gate.harm == "higher" else -1


def _allowed(gate: Gate, limits: Profile) -> float:
    return gate.plan_limit(limits) + _sign(gate) * gate.tolerance


def _named_issues(plan: Plan) -> list[str]:
    """Return the issues that the plan names; which the data show most must not choose the tests."""
    gates = (f"issue:{gate.issue}" for gate in plan.gates.values() if gate.issue)
    lights = (name for name in plan.monitoring.traffic_lights if name.startswith("issue:"))
    return list(dict.fromkeys((*gates, *lights)))


def _no_more_than(plan: Plan, metric: str) -> float:
    """Return the ratio to the control that a risk of the plan still allows: a feature may cost."""
    ratios = (
        signal.above
        for _, signal in plan.signals()
        if signal.metric == metric and signal.contrast == "ratio"
    )
    return next((above for above in ratios if above is not None), 1.0)


# --- what the days say ----------------------------------------------------------------------------


def harm(days: Days, plan: Plan, *, arms: tuple[str, str]) -> tuple[Alarm, ...]:
    """Return an alarm for each test that crossed, since the first day on which it did.

    Args:
        days: of the stage.
        plan: whose metrics, limits and error count.
        arms: names of the control and the treatment.
    """
    if not days.dates:
        return ()
    calendar = calendar_of(days, plan)
    _, limits = strictest(plan, {run.profile or "default" for run in days.runs})
    alarms = (
        _alarm(test, days, plan, arms, calendar)
        for test in harm_tests(plan, limits) if test.metric in days.table.metrics
    )  # fmt: skip
    return tuple(alarm for alarm in alarms if alarm is not None)


def calendar_of(days: Days, plan: Plan) -> Calendar:
    """Return how a stage's days count."""
    watch = plan.monitoring
    return Calendar(
        watch.harm_test_days, len(days.dates) >= watch.window_days, watch.day_spread,
        plan.evidence.min_clusters, days.unit == "sample",
    )  # fmt: skip


def arm_of(days: Days, arm: str, metric: str) -> DayArm:
    """Return an arm's samples by day and unit; who names no unit is left out."""
    table = days.table.where(arm=arm)
    unit, cells = table.keys["cluster"], table.metrics[metric]
    named = np.ones(len(cells.n), dtype=bool)
    if days.unit != "sample":
        named = unit.codes != unit.code(None)
    width = min(len(unit.labels), MOST_UNITS) if days.unit != "sample" else 1
    place = (days.places(table) * width + unit.codes % width)[named]
    shape = (len(days.dates), width)
    parts = (cells.n, cells.total, cells.m2 + cells.n * cells.mean**2)
    n, s, q = (added(place, part[named], shape[0] * width).reshape(shape) for part in parts)
    return DayArm(n, s, q)


def judged(
    test: HarmTest, treatment: DayArm, control: DayArm, calendar: Calendar
) -> tuple[Crossing, ...]:
    """Judge a test's days: everything so far, the last days alone, and each day itself."""
    if test.against == "level":
        return crossing(treatment, None, calendar, harm=test.harm, null=test.null, error=test.error)
    scaled = control.scaled(test.null) if test.ratio else control
    null = 0.0 if test.ratio else test.null
    return crossing(treatment, scaled, calendar, harm=test.harm, null=null, error=test.error)


def _alarm(
    test: HarmTest, days: Days, plan: Plan, arms: tuple[str, str], calendar: Calendar
) -> Alarm | None:
    control, treatment = (arm_of(days, arm, test.metric) for arm in arms)
    crossings = judged(test, treatment, control, calendar)
    crossed = [
        (_allows(test, float(looks.point[day])), int(day), -which)
        for which, looks in enumerate(crossings) for day in np.flatnonzero(looks.beyond)
    ]  # fmt: skip
    if not crossed:
        return None
    allowed, day, which = min(crossed)  # what the plan does not allow first, then the earliest
    looks = crossings[-which]  # of one day the sharpest
    shown = _shown(test, looks, day, control)
    since = datetime.combine(days.dates[day], time(), days.zone)
    why = _why(test, shown, days.dates[day], plan, allowed=allowed, span=looks.span)
    asks = Outcome.AMBER if allowed else Outcome.ROLLBACK
    return Alarm("harm", asks, test.metric, None, pulls=False, since=since, features=(), why=why)


def over_days(span: int) -> Reason:
    """Return the words for the days that were looked at; 0 is all so far."""
    if span == 1:
        return because("watch.that_day")
    return because("watch.recent", days=span) if span else because("watch.since_first")


def _allows(test: HarmTest, point: float) -> bool:
    return test.limit is not None and test.harm * (point - test.limit) <= 0


def _shown(
    test: HarmTest, looks: Crossing, day: int, control: DayArm
) -> tuple[float, float | None]:
    """Return the contrast and its bound as people read them: ratios as ratios."""
    point, bound = float(looks.point[day]), float(looks.bound[day])
    if not test.ratio:
        return point, known(bound)
    first = max(day - looks.span + 1, 0) if looks.span else 0
    n, s = (part[first : day + 1].sum() for part in (control.n, control.s))
    level = s / n if n else np.nan
    return float(test.null + point / level), known(test.null + bound / level)


def _why(
    test: HarmTest, shown: tuple[float, float | None], day: date, plan: Plan, *,
    allowed: bool, span: int,
) -> Reason:  # fmt: skip
    name, _, tag = test.metric.partition(":")
    record = metric_record(name)
    point, bound = shown
    facts = {
        "metric": record.title, "tag": f" ({tag})" if tag else "",
        "best": bound, "measure": "ratio" if test.ratio else record.unit,
        "signed": test.against == "control", "day": day.isoformat(),
        "error": round(1 - plan.evidence.confidence, 9),
    }  # fmt: skip
    over = over_days(span)
    if test.against == "control" and allowed:
        return because("watch.harm_allowed", change=point, limit=test.limit, over=over, **facts)
    if test.against == "level":
        return because("watch.harm_level", value=point, limit=test.null, over=over, **facts)
    if test.ratio:
        return because("watch.harm_ratio", value=point, limit=test.null, over=over, **facts)
    return because("watch.harm", change=point, over=over, **facts)
