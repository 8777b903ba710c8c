"""Bounds of a quantile, and of the ratio of two, from counted values: no density is estimated.

A quantile's bounds are order statistics (Woodruff 1952, JASA 47:635; of clusters by the variance of
the share beyond it: Francisco & Fuller 1991, Ann. Stat. 19:454), exact ones at the effective sample
size. Those of a ratio follow from them on the logarithmic scale by variance recovery, with the
correlation of both arms' shares (Donner & Zou 2012, Stat. Methods Med. Res. 21:347).
"""

from __future__ import annotations

from math import ceil, exp, floor, inf, log, nan
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_between
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.stats._numeric import FloatArray

__all__ = ["cut_beyond", "least_size", "quantile_bounds", "quantile_ratio", "ranks"]

_ROUNDING = 1e-9
_STEPS = 80  # halvings, until a rank is known to the last bit


def least_size(q: float, confidence: float = 0.95) -> float:
    """Return how many independent samples bound a quantile on its farther side at all.

    >>> least_size(0.95)
    58.4
    """
    return round(log(1 - confidence) / log(max(q, 1 - q)), 1)


def ranks(size: float, q: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ranks of the order statistics that bound a quantile of `size` samples.

    The k-th smallest is below the quantile with the probability that at least k of them are, the
    binomial's, continued to broken sizes by the incomplete beta function. Below 1 there is no lower
    bound, and above `size` (infinite) no upper one.

    Args:
        size: independent samples, or as many as would have the variance that was seen.
        q: of the quantile, between 0 and 1.
        confidence: of each bound separately, above one half.
    """
    check_between("confidence", confidence, 0.5, 1)
    check_between("q", q, 0, 1)
    if size <= 0:
        return 0.0, inf
    upper = inf if q**size > 1 - confidence else _rank(size, q, 1 - confidence)
    return _rank(size, q, confidence), upper


def _rank(size: float, q: float, p: float) -> float:
    """Return the real k at which P(at least k of `size` are below the quantile) is p."""
    low, high = 0.0, float(size)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = float(special.betainc(middle, size - middle + 1, q)) > p
        low, high = (middle, high) if above else (low, middle)
    return high


def quantile_bounds(
    values: FloatArray, counts: FloatArray, q: float, size: float, *, point: float,
    confidence: float = 0.95,
) -> Bounds:  # fmt: skip
    """Return the bounds of a quantile of counted values.

    A bound that falls on the point itself, as it does in a heap of equal values, lies half way to
    the next value: what was rounded is known to its step, and no bound has no width. 0 (of values
    that are none below) and infinite where no order statistic bounds it.

    Args:
        values: different values, ascending and not negative. (K,)
        counts: how often each is there. (K,)
        q: of the quantile.
        size: as `ranks` takes it.
        point: the quantile that was seen.
        confidence: of each bound separately.
    """
    ends, total = np.cumsum(counts), float(np.sum(counts))
    low, high = ranks(size, q, confidence)
    lower, upper = 0.0, inf
    if low >= 1:
        place = max(floor(low / size * total + _ROUNDING), 1)
        lower = _below(values, float(values[np.searchsorted(ends, place)]), point)
    if high <= size:
        place = min(ceil(high / size * total - _ROUNDING), int(total))
        upper = _above(values, float(values[np.searchsorted(ends, place)]), point)
    return Bounds(lower, upper)


def _below(values: FloatArray, bound: float, point: float) -> float:
    if bound < point:
        return bound
    less = values[values < point]
    return (point + float(less[-1])) / 2 if len(less) else 0.0


def _above(values: FloatArray, bound: float, point: float) -> float:
    """Return a bound above the point; above the highest value lies as much as below it."""
    if bound > point:
        return bound
    more, less = values[values > point], values[values < point]
    if len(more):
        return (point + float(more[0])) / 2
    return point + (point - float(less[-1])) / 2 if len(less) else inf


def quantile_ratio(
    treated: tuple[float, Bounds], control: tuple[float, Bounds], correlation: float = 0.0
) -> tuple[float, Bounds]:
    """Return the ratio of two quantiles with its bounds, each at the confidence of what goes in.

    Args:
        treated: the treatment's quantile, in any unit, and its bounds.
        control: the control's, likewise.
        correlation: of both arms' shares beyond their quantiles.

    Returns:
        NaN with bounds 0 and infinite where the control's quantile is 0.

    >>> quantile_ratio((110.0, Bounds(104.0, 121.0)), (100.0, Bounds(93.0, 108.0)))
    (1.1, Bounds(lower=1.0001, upper=1.24))
    """
    (point1, bounds1), (point0, bounds0) = treated, control
    if point0 <= 0 or point1 < 0:
        return nan, Bounds(0.0, inf)
    if point1 == 0:
        return 0.0, Bounds(0.0, bounds1.upper / bounds0.lower if bounds0.lower else inf)
    ratio = point1 / point0
    wider = _recovered(_log(bounds1.upper / point1), -_log(bounds0.lower / point0), correlation)
    closer = _recovered(-_log(bounds1.lower / point1), _log(bounds0.upper / point0), correlation)
    return ratio, Bounds(ratio * exp(-closer), ratio * exp(wider) if wider < inf else inf)


def _log(ratio: float) -> float:
    return log(ratio) if 0 < ratio < inf else (inf if ratio else -inf)


def _recovered(treated: float, control: float, correlation: float) -> float:
    if inf in (treated, control):
        return inf
    return max(treated**2 + control**2 - 2 * correlation * treated * control, 0.0) ** 0.5


def cut_beyond(values: NDArray[np.float64], counts: FloatArray, q: float) -> float:
    """Return the value beyond which a share nearest to 1 - q lies: what its variance is told by.

    Of a heap of equal values at the quantile all count as beyond it, or none, whichever is nearer;
    one of both is between 0 and 1 unless all values are equal.
    """
    total = float(np.sum(counts))
    beyond = 1 - np.cumsum(counts) / total
    usable = np.flatnonzero(beyond > _ROUNDING)
    if not len(usable):
        return float(values[-1]) - 1.0
    return float(values[usable[np.argmin(np.abs(beyond[usable] - (1 - q)))]])
