"""Ratios: of two independent proportions (score) and of two means (Fieller)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import (
    TINY,
    check_between,
    check_confidence,
    counts,
    floats,
    or_one,
    plain,
    score_limits,
    z_of,
)
from rolloutlib.stats.inference import Bounds, TestResult, normal_p_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import Alternative, FloatArray

_LOG_RATIO_EDGE = 80.0  # e^80 is farther than any two counts can lie apart


class _Arms(NamedTuple):
    x1: FloatArray
    n1: FloatArray
    x0: FloatArray
    n0: FloatArray


def miettinen_nurminen_ratio(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1/p0 (1985, Stat Med 4:213, with N/(N - 1)).

    The lower bound is 0 without treatment events, the upper one inf without control events; 0 and
    inf when an arm has no trials.

    Args:
        x1: events of the treatment; need not be whole; arrays broadcast.
        n1: trials of the treatment.
        x0: events of the control.
        n0: trials of the control.
        confidence: of each bound separately.

    >>> miettinen_nurminen_ratio(36, 40, 16, 80, confidence=0.975)
    Bounds(lower=2.9346, upper=7.1663)
    """
    check_confidence(confidence)
    arms, z = _arms(x1, n1, x0, n0), special.ndtri(confidence)
    edge = np.full(arms.x1.shape, _LOG_RATIO_EDGE)
    lower, upper = score_limits(
        lambda log_ratio: _score(arms, np.exp(log_ratio)), z, -edge, edge, steps=62
    )
    empty = (arms.n1 == 0) | (arms.n0 == 0)
    return Bounds(
        plain(np.where(empty | (arms.x1 == 0), 0.0, np.exp(lower))),
        plain(np.where(empty | (arms.x0 == 0), np.inf, np.exp(upper))),
    )


def miettinen_nurminen_ratio_test(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, null: float,
    alternative: Alternative,
) -> TestResult:  # fmt: skip
    """Test p1/p0 against the null by the score's z; NaN and p = 1 without events or trials."""
    check_between("null", null, 0, np.inf)
    arms = _arms(x1, n1, x0, n0)
    usable = (arms.n1 > 0) & (arms.n0 > 0) & (arms.x1 + arms.x0 > 0)
    z = np.where(usable, _score(arms, np.asarray(null, dtype=np.float64)), np.nan)
    return TestResult(plain(z), normal_p_value(z, alternative))


def ratio_score_variance(p1: ArrayLike, p0: ArrayLike, null: float) -> float:
    """Return the variance of p1 - null·p0, times the samples an arm, that the score uses there.

    With arms of equal size, whose true proportions are p1 and p0.

    >>> round(ratio_score_variance(0.07, 0.1, 0.7), 6)  # at the truth itself
    0.1092
    """
    p1, p0 = np.asarray(p1, dtype=np.float64), np.asarray(p0, dtype=np.float64)
    size = np.ones(np.broadcast(p1, p0).shape)
    return plain(_variance(_Arms(p1, size, p0, size), np.asarray(null, dtype=np.float64)))


def fieller(
    point1: ArrayLike, point0: ArrayLike, var1: ArrayLike, var0: ArrayLike, cov: ArrayLike,
    df: ArrayLike, *, confidence: float = 0.95,
) -> Bounds:  # fmt: skip
    """Return the bounds of point1/point0: where (point1 - θ·point0)/se(θ) is Student's t.

    Fieller 1954, JRSS B 16:175. Unbounded (-inf and inf) when point0 is within t standard errors of
    0 (then the set of θ that the data allow has no ends, or lies outside of an interval), when
    neither point varies, and without degrees of freedom.

    Args:
        point1: estimate of the treatment, in any unit; arrays broadcast.
        point0: estimate of the control, in the same unit.
        var1: the squared standard error of point1.
        var0: the squared standard error of point0.
        cov: their covariance; 0 for independent arms.
        df: degrees of freedom of the standard errors.
        confidence: of each bound separately, at least one half.

    >>> fieller(3100.0, 3000.0, 40.0**2, 40.0**2, 0.0, 60.0)
    Bounds(lower=1.0018, upper=1.0659)
    """
    check_between("confidence", confidence, np.nextafter(0.5, 0.0), 1)
    m1, m0, v1, v0, covariance, df = floats(point1, point0, var1, var0, cov, df)
    t2 = np.square(special.stdtrit(np.where(df > 0, df, 1.0), confidence))
    # What is not usable is replaced below.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        square, middle, level = m0**2 - t2 * v0, m1 * m0 - t2 * covariance, m1**2 - t2 * v1
        root = np.sqrt(np.maximum(middle**2 - square * level, 0.0))
        lower, upper = (middle - root) / square, (middle + root) / square
    usable = (df > 0) & (square > 0) & (v1 + v0 > 0) & np.isfinite(v1 + v0 + m1)
    return Bounds(plain(np.where(usable, lower, -np.inf)), plain(np.where(usable, upper, np.inf)))


def _arms(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> _Arms:
    return _Arms(*np.broadcast_arrays(*counts(x1, n1), *counts(x0, n0)))


def _score(arms: _Arms, ratio: FloatArray) -> FloatArray:
    """Return z of p1/p0 = ratio."""
    n1, n0 = or_one(arms.n1), or_one(arms.n0)
    variance = _variance(arms, ratio) * (n1 + n0) / np.maximum(n1 + n0 - 1.0, TINY)
    return z_of(arms.x1 / n1 - ratio * arms.x0 / n0, variance, np.maximum(ratio, 1.0))


def _variance(arms: _Arms, ratio: FloatArray) -> FloatArray:
    """Return the variance of p1 - ratio·p0 with the likeliest p0 under it (a quadratic)."""
    n1, n0, events = or_one(arms.n1), or_one(arms.n0), arms.x1 + arms.x0
    linear = ratio * (n1 + arms.x0) + arms.x1 + n0
    root = np.sqrt(np.maximum(linear**2 - 4.0 * ratio * (n1 + n0) * events, 0.0))
    p0 = 2.0 * events / (linear + root)
    p1 = np.minimum(ratio * p0, 1.0)
    return p1 * (1.0 - p1) / n1 + ratio**2 * p0 * np.maximum(1.0 - p0, 0.0) / n0
