"""Moments that add up, and bounds and tests of means from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.stats._numeric import or_one, plain
from rolloutlib.stats.inference import Bounds, ClusterInference, TestResult, t_bounds, t_test

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import Alternative

__all__ = [
    "Moments",
    "mean_inference",
    "merge_moments",
    "moments_of",
    "one_mean_t",
    "one_mean_t_test",
    "paired_t",
    "paired_t_test",
    "welch",
    "welch_inference",
    "welch_test",
]


class Moments(NamedTuple):
    """A sample as three numbers that add up without rows.

    Attributes:
        n: how many values.
        mean: their mean; 0 for none.
        m2: the sum of squared deviations from that mean.
    """

    n: float
    mean: float
    m2: float

    @property
    def var(self) -> float:
        """The sample variance m2/(n - 1), NaN below two values."""
        return self.m2 / (self.n - 1) if self.n > 1 else float("nan")

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both samples together (Chan, Golub and LeVeque 1983, Am Stat 37:242).

        >>> moments_of([1.0, 2.0]).merge(moments_of([6.0]))
        Moments(n=3.0, mean=3.0, m2=14.0)
        """
        n = self.n + other.n
        if n == 0:
            return self
        step = other.mean - self.mean
        return Moments(
            n, self.mean + step * other.n / n, self.m2 + other.m2 + step**2 * self.n * other.n / n
        )


def moments_of(values: ArrayLike) -> Moments:
    """Return the moments of values by two passes, the second corrected for the mean's rounding.

    Never Σx² - (Σx)²/n, which loses every digit of NIST's NumAcc4.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    if not np.all(np.isfinite(values)):
        message = f"values hold {np.sum(~np.isfinite(values))} that are NaN or infinite, must all be finite."
        raise ValueError(message)
    if values.size == 0:
        return Moments(0.0, 0.0, 0.0)
    deviations = values - values[0]
    shift = deviations.mean()
    deviations -= shift
    m2 = np.sum(deviations**2) - np.sum(deviations) ** 2 / values.size
    return Moments(float(values.size), float(values[0] + shift), float(m2))


def merge_moments(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together, in any order and grouping up to rounding."""
    total = Moments(0.0, 0.0, 0.0)
    for part in parts:
        total = total.merge(part)
    return total


def mean_inference(mean: ArrayLike, var: ArrayLike, n: ArrayLike) -> ClusterInference:
    """Return a mean, its standard error sqrt(var/n) and n - 1 degrees of freedom; infinite below n = 2."""
    mean, var, n = (np.asarray(value, dtype=np.float64) for value in (mean, var, n))
    enough = n > 1
    se = np.sqrt(np.where(enough, _variance(var, enough), np.inf) / or_one(n))
    return ClusterInference(plain(mean), plain(se), plain(np.where(enough, n - 1.0, 0.0)))


def welch_inference(
    mean1: ArrayLike,
    var1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    var0: ArrayLike,
    n0: ArrayLike,
) -> ClusterInference:
    """Return mean1 - mean0 with Welch's standard error and degrees of freedom (1947, Biometrika 34:28).

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
    point = np.asarray(one.point) - np.asarray(zero.point)
    return ClusterInference(
        plain(point), plain(np.sqrt(v1 + v0)), plain(np.where(known, freedom, 0.0))
    )


def welch(
    mean1: ArrayLike,
    var1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    var0: ArrayLike,
    n0: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Bounds:
    """Return Welch's bounds of mean1 - mean0; arguments as `welch_inference`, infinite as `t_bounds`."""
    return t_bounds(welch_inference(mean1, var1, n1, mean0, var0, n0), confidence=confidence)


def welch_test(
    mean1: ArrayLike,
    var1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    var0: ArrayLike,
    n0: ArrayLike,
    *,
    null: float = 0.0,
    alternative: Alternative = "two-sided",
) -> TestResult:
    """Test mean1 - mean0 against the null with Welch's t; arguments as `welch_inference`."""
    return t_test(
        welch_inference(mean1, var1, n1, mean0, var0, n0), null=null, alternative=alternative
    )


def one_mean_t(
    mean: ArrayLike, var: ArrayLike, n: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return Student's bounds of a mean (1908, Biometrika 6:1); infinite below n = 2 and at variance 0.

    Args:
        mean: the mean, in any unit.
        var: the sample variance, in that unit squared (with n - 1).
        n: independent values.
        confidence: of each bound separately.
    """
    return t_bounds(mean_inference(mean, var, n), confidence=confidence)


def one_mean_t_test(
    mean: ArrayLike,
    var: ArrayLike,
    n: ArrayLike,
    *,
    null: float = 0.0,
    alternative: Alternative = "two-sided",
) -> TestResult:
    """Test a mean against the null with Student's t; NaN and p = 1 where `one_mean_t` is infinite."""
    return t_test(mean_inference(mean, var, n), null=null, alternative=alternative)


def paired_t(mean: ArrayLike, var: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return Student's bounds of the mean of n within-pair differences (treatment - control)."""
    return one_mean_t(mean, var, n, confidence=confidence)


def paired_t_test(
    mean: ArrayLike,
    var: ArrayLike,
    n: ArrayLike,
    *,
    null: float = 0.0,
    alternative: Alternative = "two-sided",
) -> TestResult:
    """Test the mean of n within-pair differences (treatment - control) against the null with Student's t."""
    return one_mean_t_test(mean, var, n, null=null, alternative=alternative)


def _variance(var: ArrayLike, needed: ArrayLike) -> ArrayLike:
    """Return the variances; ValueError if one that is needed is negative or NaN."""
    if np.any(np.asarray(needed) & ~(np.asarray(var) >= 0)):
        message = f"var == {var}, must be 0 or more."
        raise ValueError(message)
    return var
