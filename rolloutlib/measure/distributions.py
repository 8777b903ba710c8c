"""The whole of a metric, arm by arm: for curves, medians and tails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.scan import Measured

__all__ = ["Distribution", "distributions"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One arm's empirical distribution function of a metric.

    Attributes:
        metric: `latency_ms` or `score`, both in steps of 0.1.
        mean: of the samples themselves, as gates have it; a latency's of the steps, uncapped.
        median, p95: of the steps.
        values: (K,) ascending, in the metric's unit.
        share: (K,) share of samples at or below each value, ending at 1.
    """

    metric: str
    arm: str
    n: int
    mean: float
    median: float
    p95: float
    values: NDArray[np.float64]
    share: NDArray[np.float64]


def distributions(measured: Measured) -> tuple[Distribution, ...]:
    """Return the distributions of latency and score, each arm's that knows the metric."""
    curves: list[Distribution] = []
    for metric in ("latency_ms", "score"):
        for arm in measured.counts:
            steps = measured.merged(metric, arm)
            if not steps.n:
                continue
            mean = float(steps.values @ steps.counts) / steps.n
            if metric == "score":  # steps are rounded; moments of a latency are capped
                mean = float(measured.table.where(arm=arm).all(metric).mean[0])
            median, p95 = steps.quantile(0.5), steps.quantile(0.95)
            share = np.cumsum(steps.counts) / steps.n
            row = Distribution(metric, arm, steps.n, mean, median, p95, steps.values, share)
            curves.append(row)
    return tuple(curves)
