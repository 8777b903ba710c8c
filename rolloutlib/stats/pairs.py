"""Pairs: the same prompt under both arms, each passed or not.

The table of pairs: a both passed, b treatment only, c control only, d neither. The difference is (b - c)/n.
"""

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
    z_of,
)
from rolloutlib.stats._special import chi2_sf, normal_quantile
from rolloutlib.stats.inference import Bounds, TestResult, normal_p_value
from rolloutlib.stats.proportions import binomial_test, wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import Alternative, FloatArray

__all__ = ["mcnemar_exact", "mcnemar_test", "newcombe_paired", "tango", "tango_test"]


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
    z = normal_quantile(confidence)
    b, c, n = _pairs(b, c, n)
    lower = last_true(lambda delta: _score(b, c, n, delta) > z, -np.ones_like(n), 1.0)
    upper = last_true(lambda delta: _score(b, c, n, delta) > -z, -np.ones_like(n), 1.0)
    return Bounds(plain(np.where(n == 0, -1.0, lower)), plain(np.where(n == 0, 1.0, upper)))


def tango_test(
    b: ArrayLike, c: ArrayLike, n: ArrayLike, *, null: float, alternative: Alternative
) -> TestResult:
    """Test (b - c)/n against the null by Tango's z, which is McNemar's at 0; NaN and p = 1 without pairs."""
    check_between("null", null, -1, 1)
    b, c, n = _pairs(b, c, n)
    z = np.where(n == 0, np.nan, _score(b, c, n, np.asarray(null, dtype=np.float64)))
    return TestResult(plain(z), normal_p_value(z, alternative))


def newcombe_paired(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the hybrid bounds of the paired difference (Newcombe 1998, Stat Med 17:2635, method 10).

    Two Wilson intervals joined with the pairs' correlation, which is shrunk when positive.

    Args:
        a: pairs that both arms passed.
        b: pairs that only the treatment passed.
        c: pairs that only the control passed.
        d: pairs that neither passed; without any pair the bounds are -1 and 1.
        confidence: of each bound separately.
    """
    a, b, c, d = (np.asarray(cell, dtype=np.float64) for cell in (a, b, c, d))
    n = a + b + c + d
    one, zero = wilson(a + b, n, confidence=confidence), wilson(a + c, n, confidence=confidence)
    pairs = or_one(n)
    p1, p0, phi = (a + b) / pairs, (a + c) / pairs, _shrunk_phi(a, b, c, d)
    below, above = (p1 - one.lower, zero.upper - p0), (one.upper - p1, p0 - zero.lower)
    lower = (
        p1
        - p0
        - np.sqrt(np.maximum(below[0] ** 2 - 2 * phi * below[0] * below[1] + below[1] ** 2, 0.0))
    )
    upper = (
        p1
        - p0
        + np.sqrt(np.maximum(above[0] ** 2 - 2 * phi * above[0] * above[1] + above[1] ** 2, 0.0))
    )
    return Bounds(plain(np.where(n == 0, -1.0, lower)), plain(np.where(n == 0, 1.0, upper)))


def mcnemar_test(b: ArrayLike, c: ArrayLike) -> TestResult:
    """Return McNemar's chi-squared (b - c)²/(b + c) without continuity correction and its two-sided p-value.

    NaN and p = 1 without discordant pairs (McNemar 1947, Psychometrika 12:153).
    """
    b, c = np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64)
    discordant = b + c
    chi2 = np.where(discordant > 0, (b - c) ** 2 / or_one(discordant), np.nan)
    return TestResult(plain(chi2), plain(np.where(discordant > 0, chi2_sf(1.0, chi2), 1.0)))


def mcnemar_exact(b: int, c: int, *, alternative: Alternative = "two-sided") -> float:
    """Return the exact p-value of b against c discordant pairs; greater: the treatment passes more often."""
    return binomial_test(b, b + c, 0.5, alternative=alternative)


def _pairs(b: ArrayLike, c: ArrayLike, n: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    b, _ = counts(b, n)
    c, n = counts(c, np.asarray(n, dtype=np.float64))
    counts(b + c, n)
    b, c, n = np.broadcast_arrays(b, c, n)
    return b, c, n


def _score(b: FloatArray, c: FloatArray, n: FloatArray, delta: FloatArray) -> FloatArray:
    """Return z of (b - c)/n = delta with the likeliest share of control-only pairs under it."""
    n = or_one(n)
    half = 0.5 * ((2.0 * n - b + c) * delta - b - c)
    share = np.sqrt(half**2 + 2.0 * n * c * delta * (1.0 - delta)) - half
    variance = n * (share / n + delta * (1.0 - delta))
    return z_of(b - c - n * delta, np.maximum(variance, 0.0), n)


def _shrunk_phi(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> FloatArray:
    product = (a + b) * (c + d) * (a + c) * (b + d)
    covariance = a * d - b * c
    shrunk = np.where(
        covariance > 0, np.maximum(covariance - 0.5 * (a + b + c + d), 0.0), covariance
    )
    return np.where(product > 0, shrunk / np.sqrt(np.where(product > 0, product, 1.0)), 0.0)
