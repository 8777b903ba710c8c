"""Ratios: of two proportions (score), of two means (Fieller), of two Poisson rates (exact and score)."""

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
from rolloutlib.stats._special import (
    gamma_quantile,
    gamma_upper_quantile,
    normal_quantile,
    t_quantile,
)
from rolloutlib.stats.inference import Bounds, TestResult, normal_p_value
from rolloutlib.stats.proportions import binomial_test, clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import Alternative, FloatArray

__all__ = [
    "fieller",
    "koopman_ratio",
    "miettinen_nurminen_ratio",
    "miettinen_nurminen_ratio_test",
    "poisson_rate",
    "poisson_rate_ratio",
    "poisson_rate_ratio_score_test",
    "poisson_rate_ratio_test",
]

_TINY = np.finfo(np.float64).tiny  # effective counts that add up to one or less tell nothing
_LOG_RATIO_EDGE = 80.0  # e^80 is farther than any two counts can lie apart


def koopman_ratio(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1/p0 (Koopman 1984, Biometrics 40:513).

    The lower bound is 0 without treatment events, the upper one inf without control events; 0 and inf when an
    arm has no trials.

    Args:
        x1: events of the treatment; arrays broadcast.
        n1: trials of the treatment.
        x0: events of the control.
        n0: trials of the control.
        confidence: of each bound separately.

    >>> koopman_ratio(36, 40, 16, 80, confidence=0.975)
    Bounds(lower=2.9396, upper=7.1522)
    """
    return _ratio_bounds(*_arms(x1, n1, x0, n0), confidence, corrected=False)


def miettinen_nurminen_ratio(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1/p0 with N/(N - 1) (Miettinen and Nurminen 1985, Stat Med 4:213).

    Arguments and degenerate cases are `koopman_ratio`'s.
    """
    return _ratio_bounds(*_arms(x1, n1, x0, n0), confidence, corrected=True)


def miettinen_nurminen_ratio_test(
    x1: ArrayLike,
    n1: ArrayLike,
    x0: ArrayLike,
    n0: ArrayLike,
    *,
    null: float,
    alternative: Alternative,
) -> TestResult:
    """Test p1/p0 against the null by Miettinen and Nurminen's z; NaN and p = 1 without events or trials."""
    check_between("null", null, 0, np.inf)
    x1, n1, x0, n0 = _arms(x1, n1, x0, n0)
    told = (n1 > 0) & (n0 > 0) & (x1 + x0 > 0)
    z = np.where(
        told, _score(x1, n1, x0, n0, np.asarray(null, dtype=np.float64), corrected=True), np.nan
    )
    return TestResult(plain(z), normal_p_value(z, alternative))


def fieller(
    point1: ArrayLike,
    point0: ArrayLike,
    var1: ArrayLike,
    var0: ArrayLike,
    cov: ArrayLike,
    df: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Bounds:
    """Return the bounds of point1/point0: where (point1 - θ·point0)/se(θ) is Student's t.

    Fieller 1954, JRSS B 16:175. Unbounded (-inf and inf) when point0 is within t standard errors of 0 (then
    the set of θ that the data allow has no ends, or lies outside of an interval), when neither point
    varies, and without degrees of freedom.

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
    m1, m0, v1, v0, covariance, df = (
        np.asarray(value, dtype=np.float64) for value in (point1, point0, var1, var0, cov, df)
    )
    t2 = np.square(t_quantile(np.where(df > 0, df, 1.0), confidence))
    with np.errstate(
        divide="ignore", invalid="ignore", over="ignore"
    ):  # what is not usable is replaced below
        square, middle, level = m0**2 - t2 * v0, m1 * m0 - t2 * covariance, m1**2 - t2 * v1
        root = np.sqrt(np.maximum(middle**2 - square * level, 0.0))
        lower, upper = (middle - root) / square, (middle + root) / square
    usable = (df > 0) & (square > 0) & (v1 + v0 > 0) & np.isfinite(v1 + v0 + m1)
    return Bounds(plain(np.where(usable, lower, -np.inf)), plain(np.where(usable, upper, np.inf)))


def poisson_rate(x: ArrayLike, exposure: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return the exact bounds of a Poisson rate (Garwood 1936, Biometrika 28:437).

    Args:
        x: events; at 0 the upper bound is -log(1 - confidence)/exposure.
        exposure: what the rate is per (samples, hours), above 0.
        confidence: of each bound separately.
    """
    check_confidence(confidence)
    x, exposure = _rate(x, exposure)
    lower = gamma_quantile(np.where(x > 0, x, 1.0), 1.0 - confidence) / exposure
    upper = gamma_upper_quantile(x + 1.0, 1.0 - confidence) / exposure
    return Bounds(plain(np.where(x > 0, lower, 0.0)), plain(upper))


def poisson_rate_ratio(
    x1: ArrayLike,
    exposure1: ArrayLike,
    x0: ArrayLike,
    exposure0: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Bounds:
    """Return the exact conditional bounds of rate1/rate0 (Przyborowski and Wilenski 1940, Biometrika 31:313).

    Given x1 + x0, x1 is binomial. Without control events the upper bound is inf, without any event both
    are open.

    Args:
        x1: events of the treatment; arrays broadcast.
        exposure1: its exposure (samples, hours), above 0.
        x0: events of the control.
        exposure0: its exposure.
        confidence: of each bound separately.
    """
    x1, exposure1 = _rate(x1, exposure1)
    x0, exposure0 = _rate(x0, exposure0)
    share = clopper_pearson(x1, x1 + x0, confidence=confidence)
    with np.errstate(divide="ignore"):
        lower, upper = (
            np.asarray(bound) / (1.0 - np.asarray(bound)) * exposure0 / exposure1 for bound in share
        )
    return Bounds(plain(lower), plain(upper))


def poisson_rate_ratio_test(
    x1: int,
    exposure1: float,
    x0: int,
    exposure0: float,
    *,
    null: float = 1.0,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the exact conditional p-value of rate1/rate0 against the null ratio, as R's poisson.test."""
    check_between("null", null, 0, np.inf)
    _rate([x1, x0], [exposure1, exposure0])
    expected = null * exposure1
    return binomial_test(x1, x1 + x0, expected / (expected + exposure0), alternative=alternative)


def poisson_rate_ratio_score_test(
    x1: ArrayLike,
    exposure1: ArrayLike,
    x0: ArrayLike,
    exposure0: ArrayLike,
    *,
    null: float = 1.0,
    alternative: Alternative = "two-sided",
) -> TestResult:
    """Test rate1/rate0 against the null ratio with the score z.

    Gu, Ng, Tang and Schucany 2008, Biom J 50:283. NaN and p = 1 without events. Arguments as
    `poisson_rate_ratio`.
    """
    check_between("null", null, 0, np.inf)
    x1, exposure1 = _rate(x1, exposure1)
    x0, exposure0 = _rate(x0, exposure0)
    expected = null * exposure1 / exposure0
    total = x1 + x0
    z = np.where(total > 0, (x1 - x0 * expected) / np.sqrt(or_one(total) * expected), np.nan)
    return TestResult(plain(z), normal_p_value(z, alternative))


def _arms(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    x1, n1, x0, n0 = np.broadcast_arrays(*counts(x1, n1), *counts(x0, n0))
    return x1, n1, x0, n0


def _rate(x: ArrayLike, exposure: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, exposure = np.asarray(x, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if not (np.all(x >= 0) and np.all(exposure > 0)):
        message = f"x == {x}, exposure == {exposure}, must be x >= 0 events over an exposure > 0."
        raise ValueError(message)
    return x, exposure


def _ratio_bounds(
    x1: FloatArray,
    n1: FloatArray,
    x0: FloatArray,
    n0: FloatArray,
    confidence: float,
    *,
    corrected: bool,
) -> Bounds:
    check_confidence(confidence)
    z = normal_quantile(confidence)
    edge = np.full(x1.shape, _LOG_RATIO_EDGE)

    def score(log_ratio: FloatArray) -> FloatArray:
        return _score(x1, n1, x0, n0, np.exp(log_ratio), corrected=corrected)

    lower = np.exp(last_true(lambda log_ratio: score(log_ratio) > z, -edge, edge, steps=62))
    upper = np.exp(last_true(lambda log_ratio: score(log_ratio) > -z, -edge, edge, steps=62))
    empty = (n1 == 0) | (n0 == 0)
    lower = np.where(empty | (x1 == 0), 0.0, lower)
    return Bounds(plain(lower), plain(np.where(empty | (x0 == 0), np.inf, upper)))


def _score(
    x1: FloatArray,
    n1: FloatArray,
    x0: FloatArray,
    n0: FloatArray,
    ratio: FloatArray,
    *,
    corrected: bool,
) -> FloatArray:
    """Return z of p1/p0 = ratio with the likeliest p0 under it (the paper's quadratic)."""
    n1, n0 = or_one(n1), or_one(n0)
    total = n1 + n0
    linear = ratio * (n1 + x0) + x1 + n0
    events = x1 + x0
    p0 = (
        2.0 * events / (linear + np.sqrt(np.maximum(linear**2 - 4.0 * ratio * total * events, 0.0)))
    )
    p1 = np.minimum(ratio * p0, 1.0)
    variance = p1 * (1.0 - p1) / n1 + ratio**2 * p0 * np.maximum(1.0 - p0, 0.0) / n0
    if corrected:
        variance = variance * total / np.maximum(total - 1.0, _TINY)
    return z_of(x1 / n1 - ratio * x0 / n0, variance, np.maximum(ratio, 1.0))
