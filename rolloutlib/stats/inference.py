"""What an estimator returns; Student's bound and test from a point, its error and freedom."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_confidence, floats, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rolloutlib.stats._numeric import Alternative, FloatArray


class Bounds(NamedTuple):
    """A lower and an upper bound, each one-sided at the confidence that was asked for.

    Together two bounds at .975 are a two-sided 95 % interval. Arrays in give arrays out.

    Attributes:
        lower: the lower bound; the end of the parameter's range, or -inf, when nothing bounds it.
        upper: the upper bound, likewise.
    """

    lower: float
    upper: float


class TestResult(NamedTuple):
    """A test.

    Attributes:
        statistic: the statistic; NaN without information.
        p_value: the p-value for the stated alternative; 1 without information.
    """

    __test__ = False  # so that pytest does not collect it

    statistic: float
    p_value: float


class ClusterInference(NamedTuple):
    """A point with the standard error and the degrees of freedom that a t bound needs.

    Attributes:
        point: the estimate, in the units of what was averaged; NaN without data.
        se: its standard error; inf when it cannot be told (under two clusters an arm), 0 without
            variation.
        df: degrees of freedom; 0 when the standard error cannot be told.
    """

    point: float
    se: float
    df: float


def t_bounds(inference: ClusterInference, *, confidence: float = 0.95) -> Bounds:
    """Return point -/+ t(confidence, df) · se.

    Infinite when the standard error cannot be told or is 0: no variation seen is not no variation.

    >>> t_bounds(ClusterInference(point=0.8, se=0.05, df=4.16))
    Bounds(lower=0.694, upper=0.906)
    >>> t_bounds(ClusterInference(point=1.0, se=0.0, df=9.0))
    Bounds(lower=-inf, upper=inf)
    """
    check_confidence(confidence)
    point, se, df, usable = _split(inference)
    margin = np.where(usable, special.stdtrit(df, confidence) * se, np.inf)
    point = np.where(usable, point, 0.0)
    return Bounds(plain(point - margin), plain(point + margin))


def t_test(
    inference: ClusterInference, *, null: float = 0.0, alternative: Alternative = "two-sided"
) -> TestResult:
    """Test the point against the null with Student's t.

    NaN and p = 1 where `t_bounds` would be infinite.
    """
    point, se, df, usable = _split(inference)
    t = np.where(usable, (point - null) / se, np.nan)
    p = _p_value(special.stdtr(df, t), special.stdtr(df, -t), alternative)
    return TestResult(plain(t), plain(p))


def normal_p_value(z: ArrayLike, alternative: Alternative) -> float:
    """Return the p-value of a standard normal statistic, 1 where it is NaN."""
    z = np.asarray(z, dtype=np.float64)
    return plain(_p_value(special.ndtr(z), special.ndtr(-z), alternative))


def _split(
    inference: ClusterInference,
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return point, se and df (1 where unknown), and where the standard error is usable."""
    point, se, df = floats(*inference)
    usable = np.isfinite(se) & (se > 0) & (df > 0)
    return point, np.where(usable, se, 1.0), np.where(usable, df, 1.0), usable


def _p_value(below: FloatArray, above: FloatArray, alternative: Alternative) -> FloatArray:
    sides = {"less": below, "greater": above, "two-sided": 2.0 * np.minimum(below, above)}
    if alternative not in sides:
        message = f"alternative == {alternative!r}, must be one of {', '.join(sides)}."
        raise ValueError(message)
    return np.where(np.isnan(below), 1.0, sides[alternative])
