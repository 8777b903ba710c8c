"""One metric of one arm, day by day: its values, and what each day's own samples leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.measure.bounds import whole
from rolloutlib.measure.design import Compared, Sums, is_binary
from rolloutlib.measure.methods import method_for
from rolloutlib.plan.metrics import metric_record
from rolloutlib.stats import rates

if TYPE_CHECKING:
    from rolloutlib.measure.daily import Days
    from rolloutlib.measure.design import Floats
    from rolloutlib.plan.gates import Evidence

__all__ = ["COUNTS", "DayBands", "bands", "count_bounds", "day_sums_of"]

COUNTS = "Garwood (1936) at the effective sample size"


class DayBands(NamedTuple):
    """A metric by day; every array is (days,), in the order of `Days.dates`.

    Attributes:
        n: samples that know the metric.
        value: their mean; NaN on a day without them.
        lower, upper: one-sided bounds of it, each at the rules' confidence; infinite: no bound.
        within: variance of a single sample, pooled over the days; NaN where it is not known.
        method: the bounds' name and source.
    """

    n: Floats
    value: Floats
    lower: Floats
    upper: Floats
    within: float
    method: str


def day_sums_of(days: Days, arm: str, metric: str) -> Sums:
    """Return an arm's sums by day and cluster, (days, clusters)."""
    part = days.table.where(arm=arm)
    day, cluster = part.keys["day"], part.keys["cluster"]
    place = {date.isoformat(): k for k, date in enumerate(days.dates)}
    at = np.array([place[label or ""] for label in day.labels], dtype=np.int64)
    size = max(len(cluster.labels), 1)
    codes = at[day.codes] * size + cluster.codes if len(at) else day.codes
    cells = part.metrics[metric].pooled(codes, len(days.dates) * size)
    shape = (len(days.dates), size)
    return Sums(cells.n.reshape(shape), cells.total.reshape(shape), cells.m2.reshape(shape))


def bands(days: Days, arm: str, metric: str, rules: Evidence) -> DayBands:
    """Return a metric's value and bounds on each day, by the method that fits one arm.

    The bounds are those that a gate on this arm alone would have: exact ones of shares, at the
    effective sample size where people have several samples; a day's own samples, and not by how
    much days differ.

    Args:
        days: the days of a stage.
        arm: the arm's name.
        metric: its name in the moments.
        rules: confidence, and the correlation that is assumed of rare events at least.
    """
    sums = day_sums_of(days, arm, metric)
    n = sums.n.sum(axis=-1)
    told = n > 0
    value = np.divide(sums.total.sum(axis=-1), n, out=np.full(len(n), np.nan), where=told)
    lower, upper = np.full(len(n), -np.inf), np.full(len(n), np.inf)
    method = ""
    if told.any():
        within = np.broadcast_to(sums.within, sums.n.shape)[told]
        there = Sums(sums.n[told], sums.total[told], within)
        lower[told], upper[told], method = _bounds(there, days, metric, rules)
    return DayBands(n, value, lower, upper, _single(sums, metric), method)


def _bounds(sums: Sums, days: Days, metric: str, rules: Evidence) -> tuple[Floats, Floats, str]:
    if metric_record(metric).kind == "count":
        return *count_bounds(sums, days, rules), COUNTS
    arms = Compared(sums, sums, "one_arm", days.unit)
    method = method_for("treatment", arms, binary=is_binary(metric))
    lower, upper = method.infer(arms, rules).bounds
    return np.asarray(lower), np.asarray(upper), method.title(arms, rules, fell=False)


def count_bounds(sums: Sums, days: Days, rules: Evidence) -> tuple[Floats, Floats]:
    """Return bounds of a count a sample; single samples may still vary more than Poisson's."""
    if days.unit != "sample":
        found = rates.clustered_rate(
            sums.n, sums.total, confidence=rules.confidence, icc_floor=rules.icc_floor
        )
        return np.asarray(found.lower), np.asarray(found.upper)
    n, events = sums.n.sum(axis=-1), sums.total.sum(axis=-1)
    spread = np.sum(sums.within, axis=-1) / np.maximum(n - 1, 1.0)
    rate = events / n
    effect = np.maximum(np.divide(spread, rate, out=np.ones_like(n), where=rate > 0), 1.0)
    found = rates.garwood(events / effect, n / effect, confidence=rules.confidence)
    return np.asarray(found.lower), np.asarray(found.upper)


def _single(sums: Sums, metric: str) -> float:
    """Return the variance of a single sample; a share of 0 or 1 is not known to have none."""
    n, total = float(sums.n.sum()), float(sums.total.sum())
    if not n:
        return float("nan")
    if is_binary(metric):
        rate = (float(whole(np.array([total]), np.array([n]))[0]) + 1) / (n + 2)
        return rate * (1 - rate)
    mean = sums.total.sum(axis=-1) / np.maximum(sums.n.sum(axis=-1), 1.0)
    unit = sums.total / np.maximum(sums.n, 1.0)
    square = np.sum(sums.within + sums.n * (unit - mean[..., None]) ** 2)
    freedom = n - int((sums.n.sum(axis=-1) > 0).sum())
    return float(square) / freedom if freedom > 0 else float("nan")
