"""Bounds of one proportion: Wilson, Clopper-Pearson, mid-p; and the exact binomial test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import (
    check_between,
    check_confidence,
    counts,
    last_true,
    or_one,
    plain,
)
from rolloutlib.stats._special import (
    beta_quantile,
    beta_sf,
    binomial_cdf,
    log_factorial,
    normal_quantile,
    x_log_y,
)
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import Alternative, FloatArray

__all__ = ["binomial_test", "clopper_pearson", "mid_p", "wilson"]


def wilson(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return Wilson's score bounds of a proportion (1927, JASA 22:209).

    Args:
        x: events.
        n: trials; without any the bounds are 0 and 1.
        confidence: of each bound separately.

    >>> wilson(81, 263, confidence=0.975)
    Bounds(lower=0.2553, upper=0.3662)
    """
    check_confidence(confidence)
    x, n = counts(x, n)
    z = normal_quantile(confidence)
    trials = or_one(n)
    centre = x + 0.5 * z**2
    spread = z * np.sqrt(x * (trials - x) / trials + 0.25 * z**2)
    lower = np.where(n == 0, 0.0, (centre - spread) / (trials + z**2))
    upper = np.where(n == 0, 1.0, (centre + spread) / (trials + z**2))
    return Bounds(plain(np.where(x == 0, 0.0, lower)), plain(np.where(x == n, 1.0, upper)))


def clopper_pearson(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return the exact bounds of a proportion (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        x: events; need not be whole (Korn and Graubard's effective counts).
        n: trials; without any the bounds are 0 and 1.
        confidence: of each bound separately; at 0 events the upper bound is 1 - (1 - confidence)^(1/n).

    >>> round(clopper_pearson(0, 299).upper, 5)  # 299 samples without an error prove 1 %
    0.00997
    """
    check_confidence(confidence)
    x, n = counts(x, n)
    failures = n - x
    lower = beta_quantile(np.where(x > 0, x, 1.0), failures + 1.0, 1.0 - confidence)
    upper = beta_quantile(x + 1.0, np.where(failures > 0, failures, 1.0), confidence)
    return Bounds(plain(np.where(x > 0, lower, 0.0)), plain(np.where(failures > 0, upper, 1.0)))


def mid_p(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return the mid-p bounds of a proportion (Newcombe 1998, Stat Med 17:857, method 6).

    The exact bound with half of the probability of the observed count: covers on average, not always.
    Arguments and degenerate cases are `clopper_pearson`'s.
    """
    check_confidence(confidence)
    x, n = counts(x, n)
    alpha = 1.0 - confidence

    def at_least(p: FloatArray) -> FloatArray:
        return 1.0 - 0.5 * (binomial_cdf(x, n, p) + binomial_cdf(x - 1.0, n, p))

    zero = np.zeros(np.broadcast(x, n).shape)
    lower = last_true(lambda p: at_least(p) < alpha, zero, 1.0)
    upper = last_true(lambda p: at_least(p) < confidence, zero, 1.0)
    return Bounds(plain(np.where(x == 0, 0.0, lower)), plain(np.where(x == n, 1.0, upper)))


def binomial_test(x: int, n: int, p: float, *, alternative: Alternative = "two-sided") -> float:
    """Return the exact binomial p-value of x events in n trials against the probability p.

    Two-sided: the total probability of all counts that are no likelier than x, as in R's binom.test.
    """
    counts(x, n)
    check_between("p", p, 0, 1)
    if alternative == "less":
        return float(binomial_cdf(x, n, p))
    if alternative == "greater":
        return float(beta_sf(n - x + 1.0, x, 1.0 - p)) if x > 0 else 1.0
    k = np.arange(n + 1)
    ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k)
    chance = np.exp(ways + x_log_y(k, p) + x_log_y(n - k, 1.0 - p))
    return min(1.0, float(chance[chance <= chance[x] * (1 + 1e-7)].sum()))
