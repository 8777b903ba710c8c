"""The difference of two independent proportions p1 - p0: Miettinen and Nurminen's score."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import (
    TINY,
    check_between,
    check_confidence,
    counts,
    or_one,
    plain,
    score_limits,
    z_of,
)
from rolloutlib.stats.inference import Bounds, TestResult, normal_p_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import Alternative, FloatArray


class _Arms(NamedTuple):
    x1: FloatArray
    n1: FloatArray
    x0: FloatArray
    n0: FloatArray


def miettinen_nurminen_difference(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1 - p0 (1985, Stat Med 4:213, with N/(N - 1)).

    Valid at 0/n and n/n. An arm without trials leaves -1 and 1.

    Args:
        x1: events of the treatment; need not be whole; arrays broadcast.
        n1: trials of the treatment.
        x0: events of the control.
        n0: trials of the control.
        confidence: of each bound separately.

    >>> miettinen_nurminen_difference(56, 70, 48, 80, confidence=0.975)
    Bounds(lower=0.0528, upper=0.3382)
    """
    check_confidence(confidence)
    arms, z = _arms(x1, n1, x0, n0), special.ndtri(confidence)
    empty = (arms.n1 == 0) | (arms.n0 == 0)
    lower, upper = score_limits(lambda delta: _score(arms, delta), z, -np.ones_like(arms.x1), 1.0)
    return Bounds(plain(np.where(empty, -1.0, lower)), plain(np.where(empty, 1.0, upper)))


def miettinen_nurminen_difference_test(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, null: float,
    alternative: Alternative,
) -> TestResult:  # fmt: skip
    """Test p1 - p0 against the null by the score's z; NaN and p = 1 without trials."""
    check_between("null", null, -1, 1)
    z = _score(_arms(x1, n1, x0, n0), np.asarray(null, dtype=np.float64))
    return TestResult(plain(z), normal_p_value(z, alternative))


def score_variance(p1: ArrayLike, p0: ArrayLike, null: float) -> float:
    """Return the variance, times the samples an arm, that the score uses at a null difference.

    With arms of equal size (Farrington and Manning 1990, Stat Med 9:1447).

    Args:
        p1: the true proportion of the treatment.
        p0: the true proportion of the control.
        null: the difference under the null.

    >>> round(score_variance(0.9, 0.9, 0.0), 6)  # at the truth itself: p1(1 - p1) + p0(1 - p0)
    0.18
    """
    p1, p0 = np.asarray(p1, dtype=np.float64), np.asarray(p0, dtype=np.float64)
    size = np.ones(np.broadcast(p1, p0).shape)
    return plain(_variance(_Arms(p1, size, p0, size), np.asarray(null, dtype=np.float64)))


def _arms(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> _Arms:
    return _Arms(*np.broadcast_arrays(*counts(x1, n1), *counts(x0, n0)))


def _score(arms: _Arms, delta: FloatArray) -> FloatArray:
    """Return z of p1 - p0 = delta; 0 where the data equal it exactly, NaN where an arm is empty."""
    n1, n0 = or_one(arms.n1), or_one(arms.n0)
    variance = _variance(arms, delta) * (n1 + n0) / np.maximum(n1 + n0 - 1.0, TINY)
    z = z_of(arms.x1 / n1 - arms.x0 / n0 - delta, variance)
    return np.where((arms.n1 == 0) | (arms.n0 == 0), np.nan, z)


def _variance(arms: _Arms, delta: FloatArray) -> FloatArray:
    """Return the variance of the difference with the likeliest proportions under delta."""
    p0 = _control_under_null(arms, delta)
    p1 = np.clip(p0 + delta, 0.0, 1.0)
    return p1 * (1.0 - p1) / or_one(arms.n1) + p0 * (1.0 - p0) / or_one(arms.n0)


def _control_under_null(arms: _Arms, delta: FloatArray) -> FloatArray:
    """Return the likeliest p0 given p1 - p0 = delta: the middle root of the paper's cubic."""
    total, events = or_one(arms.n1 + arms.n0), arms.x1 + arms.x0
    l2 = ((arms.n1 + 2.0 * arms.n0) * delta - total - events) / (3.0 * total)
    l1 = ((arms.n0 * delta - total - 2.0 * arms.x0) * delta + events) / (3.0 * total)
    l0 = arms.x0 * delta * (1.0 - delta) / total
    q = l2**3 - 1.5 * l1 * l2 + 0.5 * l0
    p = np.copysign(np.sqrt(np.maximum(l2**2 - l1, 0.0)), q)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(p == 0, 0.0, q / p**3)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3.0
    least, most = np.maximum(0.0, -delta), np.minimum(1.0, 1.0 - delta)
    return np.clip(2.0 * p * np.cos(angle) - l2, least, most)
