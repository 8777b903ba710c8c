"""One metric of one arm, day by day: its values, and what each day's own samples leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.measure.bounds import whole
from rolloutlib.measure.design import Compared, Sums
from rolloutlib.measure.methods import method_for
from rolloutlib.plan.metrics import is_binary, metric_record
from rolloutlib.stats import rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rolloutlib.measure.daily import Days
    from rolloutlib.measure.design import Floats
    from rolloutlib.measure.moments import Cells
    from rolloutlib.plan.gates import Evidence

__all__ = ["DayBands", "bands", "count_bounds", "day_sums_of", "range_of"]

DENSE = 1_000_000  # cells of days and people that are held at once


class DayBands(NamedTuple):
    """A metric by day; every array is (days,), in the order of `Days.dates`.

    Attributes:
        n: samples that know the metric.
        value: their mean; NaN on a day without them.
        lower, upper: one-sided bounds of it, each at the rules' confidence; infinite: no bound.
        within: variance of a single sample, pooled over the days; NaN where it is not known.
    """

    n: Floats
    value: Floats
    lower: Floats
    upper: Floats
    within: float


def day_sums_of(days: Days, arm: str, metric: str) -> Sums:
    """Return an arm's sums by day and cluster, (days, clusters)."""
    part = days.table.where(arm=arm)
    cluster, at = part.keys["cluster"], days.places(part)
    size = max(len(cluster.labels), 1)
    cells = part.metrics[metric].pooled(at * size + cluster.codes, len(days.dates) * size)
    shape = (len(days.dates), size)
    return Sums(cells.n.reshape(shape), cells.total.reshape(shape), cells.m2.reshape(shape))


def bands(days: Days, arm: str, metric: str, rules: Evidence | None) -> DayBands:
    """Return a metric's value and bounds on each day, by the method that fits one arm.

    The bounds are those that a gate on this arm alone would have: exact ones of shares, at the
    effective sample size where people have several samples; a day's own samples, and not by how
    much days differ. They end where the metric does.

    Args:
        days: the days of a stage.
        arm: the arm's name.
        metric: its name in the moments.
        rules: confidence, and the correlation that is assumed of rare events at least; None where
            no bounds are asked for.
    """
    part = days.table.where(arm=arm)
    at = days.places(part)
    cells = part.metrics[metric].pooled(at, len(days.dates))
    sampled = cells.n > 0
    lower, upper = np.full(len(sampled), -np.inf), np.full(len(sampled), np.inf)
    if rules is not None and sampled.any():
        for rows, sums in _parts(days, arm, metric, sampled):
            lower[rows], upper[rows] = _bounds(sums, days, metric, rules)
    low, high = range_of(metric)
    ends = [np.where(np.isfinite(end), np.clip(end, low, high), end) for end in (lower, upper)]
    value = np.where(sampled, cells.mean, np.nan)
    return DayBands(cells.n, value, ends[0], ends[1], _single(cells, metric))


def _parts(
    days: Days, arm: str, metric: str, sampled: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], Sums]]:
    """Yield the days that have values, all at once or, of very many people, one after the other."""
    sampled_days = np.flatnonzero(sampled)
    part = days.table.where(arm=arm)
    cluster = part.keys["cluster"]
    if len(days.dates) * len(cluster.labels) <= DENSE:
        sums = day_sums_of(days, arm, metric)
        within = np.broadcast_to(sums.within, sums.n.shape)[sampled]
        yield sampled_days, Sums(sums.n[sampled], sums.total[sampled], within)
        return
    at, cells = days.places(part), part.metrics[metric]
    for day in sampled_days:
        of_day = at == day
        used, codes = np.unique(cluster.codes[of_day], return_inverse=True)
        units = cells.take(of_day).pooled(codes, len(used))
        yield np.array([day]), Sums(units.n[None], units.total[None], units.m2[None])


def range_of(metric: str) -> tuple[float, float]:
    """Return the least and the largest mean that a metric can have."""
    record = metric_record(metric)
    if record.kind == "binary":
        return 0.0, 1.0
    return {"score": (0.0, 10.0), "covariate": (-np.inf, np.inf)}.get(record.name, (0.0, np.inf))


def _bounds(sums: Sums, days: Days, metric: str, rules: Evidence) -> tuple[Floats, Floats]:
    if metric_record(metric).kind == "count":
        return count_bounds(sums, days, rules)
    arms = Compared(sums, sums, "one_arm", days.unit)
    method = method_for("treatment", arms, binary=is_binary(metric))
    lower, upper = method.infer(arms, rules).bounds
    return np.asarray(lower), np.asarray(upper)


def count_bounds(sums: Sums, days: Days, rules: Evidence) -> tuple[Floats, Floats]:
    """Return bounds of a count a sample; single samples may still vary more than Poisson's."""
    if days.unit != "sample":
        bounds = rates.clustered_rate(
            sums.n, sums.total, confidence=rules.confidence, icc_floor=rules.icc_floor
        )
        return np.asarray(bounds.lower), np.asarray(bounds.upper)
    n, events = sums.n.sum(axis=-1), sums.total.sum(axis=-1)
    spread = np.sum(sums.within, axis=-1) / np.maximum(n - 1, 1.0)
    rate = events / n
    effect = np.maximum(np.divide(spread, rate, out=np.ones_like(n), where=rate > 0), 1.0)
    bounds = rates.garwood(events / effect, n / effect, confidence=rules.confidence)
    return np.asarray(bounds.lower), np.asarray(bounds.upper)


def _single(cells: Cells, metric: str) -> float:
    """Return the variance of a single sample; a share of 0 or 1 is not known to have none."""
    n, total = float(cells.n.sum()), float(cells.total.sum())
    if not n:
        return float("nan")
    if is_binary(metric):
        rate = (float(whole(np.array([total]), np.array([n]))[0]) + 1) / (n + 2)
        return rate * (1 - rate)
    freedom = n - int((cells.n > 0).sum())
    return float(cells.m2.sum()) / freedom if freedom > 0 else float("nan")
