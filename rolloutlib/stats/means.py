"""Means from their moments: Student's, Welch's, and of positive values skewed to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import floats, or_one, plain
from rolloutlib.stats.inference import Bounds, ClusterInference, t_bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def mean_inference(mean: ArrayLike, var: ArrayLike, n: ArrayLike) -> ClusterInference:
    """Return a mean, its standard error sqrt(var/n) and n - 1 degrees of freedom.

    Infinite below n = 2 (Student 1908, Biometrika 6:1).

    Args:
        mean: in any unit; the mean of n within-pair differences gives the paired t.
        var: the sample variance, in that unit squared (with n - 1).
        n: independent values.
    """
    mean, var, n = floats(mean, var, n)
    enough = n > 1
    if np.any(enough & ~(var >= 0)):
        message = f"var == {var}, must be 0 or more."
        raise ValueError(message)
    se = np.sqrt(np.where(enough, var, np.inf) / or_one(n))
    return ClusterInference(plain(mean), plain(se), plain(np.where(enough, n - 1.0, 0.0)))


def welch_inference(
    mean1: ArrayLike, var1: ArrayLike, n1: ArrayLike,
    mean0: ArrayLike, var0: ArrayLike, n0: ArrayLike,
) -> ClusterInference:  # fmt: skip
    """Return mean1 - mean0 with Welch's error and freedom (1947, Biometrika 34:28).

    Infinite when an arm has fewer than two values.

    Args:
        mean1: mean of the treatment, in any unit.
        var1: its sample variance, in that unit squared (with n - 1).
        n1: its number of independent values.
        mean0: mean of the control.
        var0: its sample variance.
        n0: its number of values.
    """
    one, zero = mean_inference(mean1, var1, n1), mean_inference(mean0, var0, n0)
    v1, v0 = np.square(one.se), np.square(zero.se)
    known = np.isfinite(v1 + v0) & (v1 + v0 > 0)
    share = np.where(known, v1, 1.0) / np.where(known, v1 + v0, 1.0)
    freedom = 1.0 / (share**2 / or_one(one.df) + (1.0 - share) ** 2 / or_one(zero.df))
    point, df = np.subtract(one.point, zero.point), np.where(known, freedom, 0.0)
    return ClusterInference(plain(point), plain(np.sqrt(v1 + v0)), plain(df))


def skewed_mean(
    inference: ClusterInference, units: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return Student's lower bound of a positive mean, and an upper one corrected for skewness.

    A sample that missed the slow tail of latencies has a low mean and a small variance, so that
    Student's upper bound fails 9 % of the time at n = 30 where 5 % were promised. Hall's
    transformation of t (1992, JRSS B 54:221) takes that out, given the skewness; as its estimate is
    too noisy at such n, it is that of a lognormal distribution with the coefficient of variation c
    that was seen, 3c + c³. The lower bound, which skewness makes cautious, stays.

    Args:
        inference: the mean with its standard error and degrees of freedom.
        units: independent values behind it (clusters, where samples are clustered).
        confidence: of each bound separately.

    >>> skewed_mean(ClusterInference(point=1800.0, se=100.0, df=29.0), 30)
    Bounds(lower=1630.087, upper=1993.408)
    """
    bounds = t_bounds(inference, confidence=confidence)
    point, se, df = floats(*inference)
    known = np.isfinite(bounds.upper) & (point > 0)
    root = np.sqrt(or_one(units))
    variation = np.where(known, se, 0.1) * root / np.where(known, point, 1.0)
    skewness = (3.0 * variation + variation**3) / root
    t = special.stdtrit(np.where(df > 0, df, 1.0), confidence)
    lowest = 3.0 / skewness * (np.cbrt(1.0 - skewness * (t + skewness / 6.0)) - 1.0)
    upper = np.where(known, point - np.where(known, se, 0.0) * lowest, bounds.upper)
    return Bounds(bounds.lower, plain(upper))
