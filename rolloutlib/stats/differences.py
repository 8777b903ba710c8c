"""The difference of two independent proportions p1 - p0: score bounds and tests, and Newcombe's hybrid."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
from rolloutlib.stats._special import normal_quantile
from rolloutlib.stats.inference import Bounds, TestResult, normal_p_value
from rolloutlib.stats.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import Alternative, FloatArray

__all__ = [
    "farrington_manning_difference",
    "farrington_manning_difference_test",
    "miettinen_nurminen_difference",
    "miettinen_nurminen_difference_test",
    "newcombe_difference",
]


_TINY = np.finfo(np.float64).tiny  # effective counts that add up to one or less tell nothing


class _Arms(NamedTuple):
    x1: FloatArray
    n1: FloatArray
    x0: FloatArray
    n0: FloatArray


def miettinen_nurminen_difference(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1 - p0 (Miettinen and Nurminen 1985, Stat Med 4:213, with N/(N - 1)).

    Valid at 0/n and n/n. An arm without trials leaves -1 and 1.

    Args:
        x1: events of the treatment; arrays broadcast.
        n1: trials of the treatment.
        x0: events of the control.
        n0: trials of the control.
        confidence: of each bound separately.

    >>> miettinen_nurminen_difference(56, 70, 48, 80, confidence=0.975)
    Bounds(lower=0.0528, upper=0.3382)
    """
    return _score_bounds(_arms(x1, n1, x0, n0), confidence, corrected=True)


def farrington_manning_difference(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the score bounds of p1 - p0 without N/(N - 1).

    Mee 1984, Biometrics 40:1175; Farrington and Manning 1990, Stat Med 9:1447. Arguments and degenerate
    cases are `miettinen_nurminen_difference`'s.
    """
    return _score_bounds(_arms(x1, n1, x0, n0), confidence, corrected=False)


def miettinen_nurminen_difference_test(
    x1: ArrayLike,
    n1: ArrayLike,
    x0: ArrayLike,
    n0: ArrayLike,
    *,
    null: float,
    alternative: Alternative,
) -> TestResult:
    """Test p1 - p0 against the null by Miettinen and Nurminen's z; NaN and p = 1 without trials."""
    z = _score(_arms(x1, n1, x0, n0), _null(null), corrected=True)
    return TestResult(plain(z), normal_p_value(z, alternative))


def farrington_manning_difference_test(
    x1: ArrayLike,
    n1: ArrayLike,
    x0: ArrayLike,
    n0: ArrayLike,
    *,
    null: float,
    alternative: Alternative,
) -> TestResult:
    """Test p1 - p0 against the null by Farrington and Manning's z; NaN and p = 1 without trials."""
    z = _score(_arms(x1, n1, x0, n0), _null(null), corrected=False)
    return TestResult(plain(z), normal_p_value(z, alternative))


def newcombe_difference(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, confidence: float = 0.95
) -> Bounds:
    """Return the hybrid of two Wilson intervals (Newcombe 1998, Stat Med 17:873, method 10).

    Arguments and degenerate cases are `miettinen_nurminen_difference`'s.
    """
    one, zero = wilson(x1, n1, confidence=confidence), wilson(x0, n0, confidence=confidence)
    arms = _arms(x1, n1, x0, n0)
    p1, p0 = arms.x1 / or_one(arms.n1), arms.x0 / or_one(arms.n0)
    empty = (arms.n1 == 0) | (arms.n0 == 0)
    lower = p1 - p0 - np.hypot(p1 - one.lower, zero.upper - p0)
    upper = p1 - p0 + np.hypot(one.upper - p1, p0 - zero.lower)
    return Bounds(plain(np.where(empty, -1.0, lower)), plain(np.where(empty, 1.0, upper)))


def _arms(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> _Arms:
    return _Arms(*np.broadcast_arrays(*counts(x1, n1), *counts(x0, n0)))


def _null(null: float) -> FloatArray:
    check_between("null", null, -1, 1)
    return np.asarray(null, dtype=np.float64)


def _score_bounds(arms: _Arms, confidence: float, *, corrected: bool) -> Bounds:
    check_confidence(confidence)
    z = normal_quantile(confidence)
    empty = (arms.n1 == 0) | (arms.n0 == 0)
    lower = last_true(
        lambda delta: _score(arms, delta, corrected=corrected) > z, -np.ones_like(arms.x1), 1.0
    )
    upper = last_true(
        lambda delta: _score(arms, delta, corrected=corrected) > -z, -np.ones_like(arms.x1), 1.0
    )
    return Bounds(plain(np.where(empty, -1.0, lower)), plain(np.where(empty, 1.0, upper)))


def _score(arms: _Arms, delta: FloatArray, *, corrected: bool) -> FloatArray:
    """Return z of p1 - p0 = delta; 0 where the data equal the null exactly, NaN where an arm is empty."""
    n1, n0 = or_one(arms.n1), or_one(arms.n0)
    p0 = _control_under_null(arms, delta)
    p1 = np.clip(p0 + delta, 0.0, 1.0)
    variance = p1 * (1.0 - p1) / n1 + p0 * (1.0 - p0) / n0
    if corrected:
        variance = variance * (n1 + n0) / np.maximum(n1 + n0 - 1.0, _TINY)
    z = z_of(arms.x1 / n1 - arms.x0 / n0 - delta, variance)
    return np.where((arms.n1 == 0) | (arms.n0 == 0), np.nan, z)


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
    return np.clip(
        2.0 * p * np.cos(angle) - l2, np.maximum(0.0, -delta), np.minimum(1.0, 1.0 - delta)
    )
