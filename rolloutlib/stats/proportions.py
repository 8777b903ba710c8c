"""One proportion: Clopper and Pearson's bounds, and the chance of events that clusters share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_confidence, counts, log_factorial, plain
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import FloatArray


def clopper_pearson(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return the exact bounds of a proportion (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        x: events; need not be whole (Korn and Graubard's effective counts).
        n: trials; without any the bounds are 0 and 1.
        confidence: of each bound separately; at 0 events the upper one is
            1 - (1 - confidence)^(1/n).

    >>> round(clopper_pearson(0, 299).upper, 5)  # 299 samples without an error prove 1 %
    0.00997
    """
    check_confidence(confidence)
    x, n = counts(x, n)
    failures = n - x
    lower = special.betaincinv(np.where(x > 0, x, 1.0), failures + 1.0, 1.0 - confidence)
    upper = special.betaincinv(x + 1.0, np.where(failures > 0, failures, 1.0), confidence)
    return Bounds(plain(np.where(x > 0, lower, 0.0)), plain(np.where(failures > 0, upper, 1.0)))


def binomial_cdf(x: ArrayLike, n: ArrayLike, p: float) -> FloatArray:
    """Return P(X <= x) for X ~ Binomial(n, p); 0 below 0 and 1 from n on."""
    x, n = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    inside = special.betaincc(np.maximum(x, 0.0) + 1.0, np.maximum(n - x, 0.5), p)
    return np.where(x < 0, 0.0, np.where(x >= n, 1.0, inside))


def beta_binomial_cdf(x: int, n: int, a: float, b: float) -> float:
    """Return P(X <= x) for n trials whose probability is drawn from Beta(a, b).

    Skellam 1948, JRSS B 10:257.

    >>> beta_binomial_cdf(1, 4, 1.0, 1.0)
    0.4
    """
    k = np.arange(min(x, n) + 1.0)
    ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k)
    return float(np.exp(ways + special.betaln(k + a, n - k + b) - special.betaln(a, b)).sum())
