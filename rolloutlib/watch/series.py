"""The plan's metrics day by day, each with its band, its light and what it means today."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from rolloutlib.measure.daily_bands import bands, range_of
from rolloutlib.plan.metrics import metric_record
from rolloutlib.reason import because, known
from rolloutlib.runs.spellings import folded
from rolloutlib.watch.lights import light_of, lit
from rolloutlib.watch.record import DailySeries, Point
from rolloutlib.watch.trend import trend

if TYPE_CHECKING:
    from rolloutlib.measure.daily import Days
    from rolloutlib.measure.daily_bands import DayBands
    from rolloutlib.plan.model import Plan
    from rolloutlib.reason import Reason

__all__ = ["metrics_of", "series"]

WRONG: Final = 0.05  # share of healthy days on which any series may be said to have moved


def metrics_of(days: Days, plan: Plan) -> tuple[str, ...]:
    """Return the metrics of the moments that the plan watches, those of its lights included.

    `issue` is the control's top issues of the window, so that what the treatment does to them does
    not choose them.
    """
    names: list[str] = []
    for name in (*plan.monitoring.metrics, *plan.monitoring.traffic_lights):
        kind, _, tag = name.partition(":")
        if kind != "issue":
            names.append(name)
        elif tag:
            names.append(f"issue:{_spelled(tag, days.tags)}")
        else:
            names += [f"issue:{top}" for top in days.tags[: days.ranked]] or ["any_issue"]
    return tuple(dict.fromkeys(name for name in names if name in days.table.metrics))


def series(days: Days, plan: Plan, arms: tuple[str, str]) -> tuple[DailySeries, ...]:
    """Return the plan's metrics by day; none without a day.

    Args:
        days: both arms, summed up by day.
        plan: what is watched, the lights, and the rules of evidence.
        arms: names of the control and the treatment.
    """
    if not days.dates:
        return ()
    names = metrics_of(days, plan)
    both = {
        name: (bands(days, arms[0], name, None), bands(days, arms[1], name, plan.evidence))
        for name in names
    }
    sampled = sum(bool((treatment.n > 0).any()) for _, treatment in both.values())
    confidence = 1 - WRONG / (2 * max(sampled, 1))  # Bonferroni over the series and their two sides
    top = f"issue:{days.tags[0]}" if days.ranked else None
    return tuple(
        _one(days, plan, name, *both[name], confidence=confidence, top=top) for name in names
    )


def _one(
    days: Days, plan: Plan, metric: str, control: DayBands, treatment: DayBands, *,
    confidence: float, top: str | None,
) -> DailySeries:  # fmt: skip
    points = tuple(_point(days, k, control, treatment) for k in range(len(days.dates)))
    latest = next((point for point in reversed(points) if point.n_treatment), None)
    measure = _measure(metric)
    light = light_of(plan, metric, None if top is None else top.partition(":")[2])
    shown = lit(light, latest, measure) if light else None
    moved = _moved(metric, treatment, latest, measure, confidence)
    says = moved if shown is None else because("watch.lit", light=shown.says, trend=moved)
    return DailySeries(
        metric, measure, points, shown.colour if shown else None,
        light.green if light else None, light.amber if light else None, says,
    )  # fmt: skip


def _point(days: Days, day: int, control: DayBands, treatment: DayBands) -> Point:
    return Point(
        days.dates[day], int(control.n[day]), int(treatment.n[day]),
        known(control.value[day]), known(treatment.value[day]),
        *(known(end[day]) if treatment.n[day] else None
          for end in (treatment.lower, treatment.upper)),
    )  # fmt: skip


def _moved(
    metric: str, treatment: DayBands, latest: Point | None, measure: str, confidence: float
) -> Reason:
    """Say what the latest day is beside the days before it."""
    if latest is None or latest.treatment is None:
        return because("watch.untold", field=metric_record(metric).field)
    moved = trend(treatment, confidence=confidence)
    low, high = range_of(metric)
    expected = [known(end) for end in moved.expected]
    lower, upper = (None if end is None else min(max(end, low), high) for end in expected)
    facts = {
        "value": latest.treatment, "lower": lower, "upper": upper, "measure": measure,
        "signed": False,
        "day": latest.day.isoformat(), "before": moved.before,
    }  # fmt: skip
    if moved.way == "short" or (moved.way == "steady" and not isfinite(moved.expected.upper)):
        return because("watch.first", **facts)
    if moved.way == "steady":
        return because("watch.steady", **facts)
    if moved.way == "fell":
        return because("watch.fell", run=moved.run, **facts)
    return because("watch.rose", run=moved.run, **facts)


def _measure(metric: str) -> str:
    record = metric_record(metric)
    return "count" if record.kind == "count" else record.unit


def _spelled(tag: str, tags: tuple[str, ...]) -> str:
    return next((spelling for spelling in tags if folded(spelling) == folded(tag)), tag)
