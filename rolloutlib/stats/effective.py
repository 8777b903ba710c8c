"""Score bounds at the effective sample size: events of clustered samples, where t bounds are too tight.

A cluster-robust t bound takes its variance from the data. Few events by luck then also mean a small variance: in
simulations a "no more than" limit is cleared in up to 13 % of reviews with 5–10 users an arm instead of 5 %. A score
bound takes the variance that the limit itself implies; clusters enter by the number of independent samples, or pairs,
that would have the variance which was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_between, or_one, plain
from rolloutlib.stats._special import log_beta, log_factorial, normal_quantile, t_quantile
from rolloutlib.stats.clusters import cluster_mean, crossed_difference, nested_difference
from rolloutlib.stats.differences import miettinen_nurminen_difference
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.pairs import tango

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rolloutlib.stats.inference import ClusterInference, FloatArray

__all__ = ["beta_binomial_cdf", "crossed_score_difference", "nested_score_difference"]


def nested_score_difference(
    n1: ArrayLike, x1: ArrayLike, n0: ArrayLike, x0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1 - p0 where every cluster is in one arm.

    Miettinen and Nurminen's at counts over the design effect (Rao and Scott 1992, Biometrics 48:577), which is CR3's
    variance over the binomial one, times (t/z)² for its degrees of freedom as Korn and Graubard (1998) do. It is at
    least 1: users who agree by luck are no more than independent samples. -1 and 1 when an arm has fewer than two
    clusters or no cluster deviates.

    Args:
        n1: treatment samples per cluster. (..., clusters)
        x1: treatment events per cluster.
        n0: control samples per cluster; the arms may have different numbers of clusters.
        x0: control events per cluster.
        confidence: of each bound separately, above one half.
    """
    check_between("confidence", confidence, 0.5, 1)
    found = nested_difference(n1, x1, n0, x0, kind="CR3")
    (p1, size1), (p0, size0) = _share(n1, x1), _share(n0, x0)
    binomial = p1 * (1 - p1) / or_one(size1) + p0 * (1 - p0) / or_one(size0)
    variance, told = _inflated(found, confidence)
    told &= binomial > 0
    effect = np.maximum(np.where(told, variance, 1.0) / np.where(told, binomial, 1.0), 1.0)
    one, zero = size1 / effect, size0 / effect
    bounds = miettinen_nurminen_difference(p1 * one, one, p0 * zero, zero, confidence=confidence)
    return _told(bounds, told)


def crossed_score_difference(
    n1: ArrayLike, x1: ArrayLike, n0: ArrayLike, x0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1 - p0 where entry g of all four arrays is the same cluster.

    Tango's at the effective number of pairs. Sums per cluster do not tell which pairs differ, so their share follows
    from how much smaller the variance of the difference is than that of two separate groups of the same clusters; it
    is at least the difference itself. Arguments and degenerate cases as `nested_score_difference`.
    """
    check_between("confidence", confidence, 0.5, 1)
    found = crossed_difference(n1, x1, n0, x0, kind="CR3")
    (p1, _), (p0, _) = _share(n1, x1), _share(n0, x0)
    apart = np.square(cluster_mean(n1, x1).se) + np.square(cluster_mean(n0, x0).se)
    variance, told = _inflated(found, confidence)
    told &= np.isfinite(apart) & (apart > 0)
    left = np.where(told, np.square(found.se), 1.0) / np.where(told, apart, 1.0)
    change = np.where(told, found.point, 0.0)
    differ = np.clip(left * (p1 * (1 - p1) + p0 * (1 - p0)) + change**2, np.abs(change), 1.0)
    told &= differ > change**2
    pairs = np.where(told, differ - change**2, 1.0) / np.where(told, variance, 1.0)
    bounds = tango(
        pairs * (differ + change) / 2, pairs * (differ - change) / 2, pairs, confidence=confidence
    )
    return _told(bounds, told)


def beta_binomial_cdf(x: int, n: int, a: float, b: float) -> float:
    """Return P(X <= x) for n trials whose probability is drawn from Beta(a, b) (Skellam 1948, JRSS B 10:257).

    >>> beta_binomial_cdf(1, 4, 1.0, 1.0)
    0.4
    """
    k = np.arange(min(x, n) + 1.0)
    ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k)
    return float(np.exp(ways + log_beta(k + a, n - k + b) - log_beta(a, b)).sum())


def _share(n: ArrayLike, x: ArrayLike) -> tuple[FloatArray, FloatArray]:
    size = np.asarray(n, dtype=np.float64).sum(axis=-1)
    return np.asarray(x, dtype=np.float64).sum(axis=-1) / or_one(size), size


def _inflated(found: ClusterInference, confidence: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the variance times (t/z)², and where it is known."""
    se, df = np.asarray(found.se, dtype=np.float64), np.asarray(found.df, dtype=np.float64)
    told = np.isfinite(se) & (se > 0) & (df > 0)
    wider = t_quantile(np.where(df > 0, df, 1.0), confidence) / normal_quantile(confidence)
    return np.where(told, np.square(np.where(told, se, 1.0) * wider), 1.0), told


def _told(bounds: Bounds, told: NDArray[np.bool_]) -> Bounds:
    return Bounds(
        plain(np.where(told, bounds.lower, -1.0)), plain(np.where(told, bounds.upper, 1.0))
    )
