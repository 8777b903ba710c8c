"""A second source of variance beside the clusters (runs, prompts), estimated from few of its kind.

What a contrast's variance lacks is how much its means by run differ beyond what samples explain:
the components of two-way clustering (Cameron, Gelbach & Miller 2011, J. Bus. Econ. Stat. 29:238),
by the method of moments. Bounds take it by variance recovery: the square of a bound's distance
from the point is t² times the variance that the bound stands for (Zou & Donner 2008, Stat. Med.
27:1693).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import FloatArray, floats, or_one, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

_MANY = 1e6  # degrees of freedom that are as good as a known variance


class Component(NamedTuple):
    """What a source adds to a contrast's variance.

    Attributes:
        excess: the variance to add, in the contrast's unit squared; 0 where none is seen.
        error: the squared variance of its groups' means over its degrees of freedom, which is half
            of the variance that `excess` has itself.
    """

    excess: FloatArray
    error: FloatArray


def threshold(df: ArrayLike) -> FloatArray:
    """Return how many times its expectation the variance of means must be to count as a component.

    With none, means of few runs differ by up to twice what samples explain, and to count all of it
    costs power for nothing. Chosen so that a bound errs in at most 6 % (nominal 5 %) whatever the
    component is (docs/statistics.md has the table).

    >>> threshold([2, 4, 14, 1000]).round(2).tolist()
    [1.2, 1.4, 1.2, 1.1]
    """
    df = np.maximum(np.asarray(df, dtype=np.float64), 1.0)
    return np.minimum(1.0 + df / 10, 1.1 + 1.4 / df)


def component(
    variance: ArrayLike, expected: ArrayLike, df: ArrayLike, freedom: ArrayLike
) -> Component:
    """Return what is beyond the variance that is due.

    Args:
        variance: variance of the contrast that the means of its groups show.
        expected: what it would be if the groups added none.
        df: groups less means that they were compared with.
        freedom: degrees of freedom of `variance`, fewer where the arms' groups vary unlike.
    """
    variance, expected, df, freedom = floats(variance, expected, df, freedom)
    usable = (df > 0) & np.isfinite(variance) & np.isfinite(expected)
    excess = np.where(usable, np.maximum(variance - threshold(df) * expected, 0.0), 0.0)
    return Component(excess, np.where(excess > 0, np.square(variance) / or_one(freedom), 0.0))


def recovered(
    distance: ArrayLike, df: ArrayLike, components: Sequence[Component], *, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Return how far a bound lies from its point with the components, and its degrees of freedom.

    Args:
        distance: of the bound from the point, 0 or more; infinite stays so.
        df: degrees of freedom that the bound's quantile has; NaN for a normal one.
        components: what to add, in the same unit.
        confidence: of the bound.
    """
    distance, df = floats(distance, df)
    before, t_before = _freedom(df), quantile(df, confidence)
    usable = np.isfinite(distance)
    own = np.square(np.where(usable, distance, 0.0) / t_before)
    excess = sum((part.excess for part in components), start=np.zeros(()))
    error = sum((part.error for part in components), start=np.zeros(())) + own**2 / before
    adds = usable & (excess > 0)
    after = np.where(adds, np.square(own + excess) / or_one(error), before)
    after = np.clip(after, 1.0, _MANY)
    wider = special.stdtrit(after, confidence) * np.sqrt(own + excess)
    return np.where(adds, np.maximum(wider, distance), distance), np.where(adds, after, df)


def quantile(df: ArrayLike, confidence: float) -> FloatArray:
    """Return Student's quantile, the normal one where there are no degrees of freedom (NaN)."""
    return np.asarray(special.stdtrit(_freedom(df), confidence), dtype=np.float64)


def _freedom(df: ArrayLike) -> FloatArray:
    df = np.asarray(df, dtype=np.float64)
    return np.where(np.isfinite(df) & (df > 0), np.minimum(df, _MANY), _MANY)


def rescaled_p(p: ArrayLike, df: ArrayLike, ratio: ArrayLike, after: ArrayLike) -> FloatArray:
    """Return a one-sided p-value after the standard error grew.

    Args:
        p: before, of a statistic with `df` degrees of freedom (NaN for a normal one).
        df: before.
        ratio: the standard error before over that after, at most 1.
        after: degrees of freedom after.
    """
    p, df, ratio, after = floats(p, df, ratio, after)
    with np.errstate(invalid="ignore"):
        statistic = special.stdtrit(_freedom(df), p) * ratio
    changed = (ratio < 1) & np.isfinite(statistic)
    return np.where(changed, special.stdtr(_freedom(after), np.where(changed, statistic, 0.0)), p)


def excess_p(variance: ArrayLike, expected: ArrayLike, df: ArrayLike) -> float:
    """Return the p-value of "the groups add nothing": df·seen/due against χ² (Cochran 1954).

    1 without degrees of freedom, and where nothing varies.
    """
    variance, expected, df = floats(variance, expected, df)
    usable = (df > 0) & (expected > 0)
    statistic = np.where(usable, df, 1.0) * np.where(usable, variance / or_one(expected), 0.0)
    return plain(np.where(usable, special.chdtrc(np.where(usable, df, 1.0), statistic), 1.0))
