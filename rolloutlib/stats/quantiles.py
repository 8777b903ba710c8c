"""Quantiles by order statistics: ranks which bound them, and the samples it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_between, check_confidence, plain
from rolloutlib.stats._special import binomial_cdf
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.power import events_n

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["quantile_bounds", "quantile_lower_rank", "quantile_n", "quantile_upper_rank"]


def quantile_upper_rank(n: int, q: float, *, confidence: float = 0.95) -> int | None:
    """Return the smallest rank r (from 1) whose order statistic bounds the q quantile from above.

    P(X(r) >= quantile) = P(Binomial(n, q) <= r - 1) (Wilks 1941, Ann Math Stat 12:91); ties only add to it.

    Returns:
        The rank, or None when even the largest value is not enough: n < 59 for the .95 quantile at 95 %.

    >>> quantile_upper_rank(600, 0.95), quantile_upper_rank(58, 0.95)
    (580, None)
    """
    _check(n, q, confidence)
    enough = np.flatnonzero(binomial_cdf(np.arange(n), n, q) >= confidence)
    return int(enough[0]) + 1 if enough.size else None


def quantile_lower_rank(n: int, q: float, *, confidence: float = 0.95) -> int | None:
    """Return the largest rank r (from 1) whose order statistic bounds the q quantile from below.

    P(X(r) <= quantile) = P(Binomial(n, q) >= r). None when even the smallest value is not enough.
    """
    mirrored = quantile_upper_rank(n, 1.0 - q, confidence=confidence)
    return None if mirrored is None else n + 1 - mirrored


def quantile_bounds(values: ArrayLike, q: float, *, confidence: float = 0.95) -> Bounds:
    """Return the order statistics that bound the q quantile; infinite where no value is extreme enough.

    Args:
        values: the sample, in any unit.
        q: the quantile, such as .95.
        confidence: of each bound separately, at least; the ranks are whole.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if np.any(np.isnan(ordered)):
        message = "values hold NaN, must all be numbers."
        raise ValueError(message)
    low = quantile_lower_rank(ordered.size, q, confidence=confidence)
    high = quantile_upper_rank(ordered.size, q, confidence=confidence)
    return Bounds(
        -np.inf if low is None else plain(ordered[low - 1]),
        np.inf if high is None else plain(ordered[high - 1]),
    )


def quantile_n(q: float, *, exceedances: int = 0, confidence: float = 0.95) -> int:
    """Return the samples needed to prove "the q quantile is at most L" with that many values above L.

    >>> [quantile_n(0.95, exceedances=k) for k in range(6)]
    [59, 93, 124, 153, 181, 208]
    """
    check_between("q", q, 0, 1)
    return events_n(1.0 - q, events=exceedances, confidence=confidence)


def _check(n: int, q: float, confidence: float) -> None:
    check_between("n", n, -1, np.inf)
    check_between("q", q, 0, 1)
    check_confidence(confidence)
