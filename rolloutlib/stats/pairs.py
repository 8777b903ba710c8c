"""Pairs: the same prompt under both arms, each passed or not.

Of n pairs, b only the treatment passed and c only the control. The difference is (b - c)/n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_confidence, counts, or_one, plain, score_limits, z_of
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.proportions import binomial_cdf

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import Alternative, FloatArray


def tango(b: ArrayLike, c: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return the score bounds of the paired difference (b - c)/n (Tango 1998, Stat Med 17:891).

    Valid without discordant pairs; without pairs the bounds are -1 and 1.

    Args:
        b: pairs that only the treatment passed; arrays broadcast.
        c: pairs that only the control passed.
        n: all pairs.
        confidence: of each bound separately.

    >>> tango(1, 7, 21, confidence=0.975)
    Bounds(lower=-0.517, upper=-0.026)
    """
    check_confidence(confidence)
    z = special.ndtri(confidence)
    b, c, n = _pairs(b, c, n)
    lower, upper = score_limits(lambda delta: _score(b, c, n, delta), z, -np.ones_like(n), 1.0)
    return Bounds(plain(np.where(n == 0, -1.0, lower)), plain(np.where(n == 0, 1.0, upper)))


def tango_variance(differ: ArrayLike, change: ArrayLike, null: float) -> float:
    """Return a pair's variance that Tango's score uses at a null difference.

    Args:
        differ: the true share of pairs in which the arms differ.
        change: the true difference.
        null: the difference under the null.

    >>> round(tango_variance(0.1, 0.0, 0.0), 6)  # at the truth itself: differ - change²
    0.1
    """
    differ, change = np.asarray(differ, dtype=np.float64), np.asarray(change, dtype=np.float64)
    size = np.ones_like(differ)
    variance = _variance((differ + change) / 2, (differ - change) / 2, size, np.asarray(null))
    return plain(variance)


def mcnemar_exact(b: ArrayLike, c: ArrayLike, *, alternative: Alternative = "two-sided") -> float:
    """Return the exact p-value of b against c discordant pairs (binomial with 1/2).

    greater: the treatment passes more often. 1 without discordant pairs.
    """
    b, c = np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64)
    less, greater = binomial_cdf(b, b + c, 0.5), binomial_cdf(c, b + c, 0.5)
    both = np.minimum(2.0 * np.minimum(less, greater), 1.0)
    return plain({"less": less, "greater": greater, "two-sided": both}[alternative])


def _pairs(b: ArrayLike, c: ArrayLike, n: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    b, _ = counts(b, n)
    c, n = counts(c, np.asarray(n, dtype=np.float64))
    counts(b + c, n)
    b, c, n = np.broadcast_arrays(b, c, n)
    return b, c, n


def _score(b: FloatArray, c: FloatArray, n: FloatArray, delta: FloatArray) -> FloatArray:
    """Return z of (b - c)/n = delta."""
    n = or_one(n)
    return z_of(b - c - n * delta, _variance(b, c, n, delta), n)


def _variance(b: FloatArray, c: FloatArray, n: FloatArray, delta: FloatArray) -> FloatArray:
    """Return the variance of b - c with the likeliest share of control-only pairs under delta."""
    half = 0.5 * ((2.0 * n - b + c) * delta - b - c)
    square = half**2 + 2.0 * n * c * delta * (1.0 - delta)
    share = np.sqrt(np.maximum(square, 0.0)) - half  # rounding can take a 0 below 0
    return np.maximum(n * (share / n + delta * (1.0 - delta)), 0.0)
