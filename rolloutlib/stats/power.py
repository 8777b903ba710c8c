"""How many samples, pairs or clusters settle a gate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_between, check_confidence, last_true
from rolloutlib.stats._special import binomial_cdf, noncentral_t_cdf, normal_quantile, t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "design_effect",
    "events_allowed",
    "events_n",
    "non_inferiority_n",
    "paired_non_inferiority_n",
    "proportions_n",
    "t_test_n",
    "variance_n",
]

_MOST = 10**12  # no plan asks for more samples


def t_test_n(
    *, delta: float, sd: float, power: float = 0.8, alpha: float = 0.05, sided: int = 2
) -> float:
    """Return the values an arm of a two-sample t test needs, unrounded (non-central t, as R's power.t.test).

    Like R, the chance of a rejection in the wrong direction does not count as power.

    Args:
        delta: the true difference, not 0, in the unit of the values.
        sd: the standard deviation in both arms, above 0.
        power: the chance of a rejection.
        alpha: the type I error.
        sided: 1 or 2.

    >>> round(t_test_n(delta=1, sd=1, power=0.9), 4)
    22.0211
    """
    _check(power, alpha)
    check_between("sd", sd, 0, np.inf)
    effect = _nonzero("delta", delta) / sd

    def missed(n: float) -> float:
        df = 2.0 * (n - 1.0)
        return float(
            noncentral_t_cdf(df, effect * math.sqrt(n / 2.0), t_quantile(df, 1.0 - alpha / sided))
        )

    return _crossing(lambda n: missed(n) > 1.0 - power, 1.0 + 1e-6)


def proportions_n(
    *, p1: float, p0: float, power: float = 0.8, alpha: float = 0.05, sided: int = 2
) -> float:
    """Return the samples an arm needs to tell p1 from p0, unrounded (Fleiss 1981, as R's power.prop.test).

    Args:
        p1: the true proportion of the treatment.
        p0: the true proportion of the control, not p1.
        power: the chance of a rejection.
        alpha: the type I error.
        sided: 1 or 2.

    >>> round(proportions_n(p1=0.75, p0=0.5, power=0.9), 2)
    76.71
    """
    _check(power, alpha)
    for name, p in (("p1", p1), ("p0", p0)):
        check_between(name, p, 0, 1)
    z_alpha, z_power = float(normal_quantile(1.0 - alpha / sided)), float(normal_quantile(power))
    pooled = (p1 + p0) * (1.0 - (p1 + p0) / 2.0)
    apart = p1 * (1.0 - p1) + p0 * (1.0 - p0)
    return (
        (z_alpha * math.sqrt(pooled) + z_power * math.sqrt(apart)) / _nonzero("p1 - p0", p1 - p0)
    ) ** 2


def variance_n(*, variance: float, distance: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return the samples until a one-sided bound clears a limit: (z_alpha + z_power)²·variance/distance².

    Args:
        variance: of one sample's (or pair's, or cluster's) contribution; for unpaired arms, of both added.
        distance: from the true value to the limit, not 0.
        power: the chance of clearing it; .5 for "if the estimate stays as it is".
        alpha: 1 - the bound's confidence.
    """
    _check(power, alpha)
    check_between("variance", variance, -math.ulp(0.0), np.inf)
    z = float(normal_quantile(1.0 - alpha) + normal_quantile(power))
    return max(2, math.ceil(z**2 * variance / _nonzero("distance", distance) ** 2 - 1e-9))


def non_inferiority_n(
    *,
    variance1: float,
    variance0: float,
    margin: float,
    delta: float = 0.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Return the samples an arm needs to prove mean1 - mean0 > -margin without pairs.

    Args:
        variance1: of one sample of the treatment; p(1 - p) for a proportion.
        variance0: of one sample of the control.
        margin: the tolerated loss, 0 or more.
        delta: the true difference, above -margin.
        power: the chance of the proof.
        alpha: 1 - the bound's confidence.

    >>> non_inferiority_n(variance1=0.09, variance0=0.09, margin=0.02)
    2783
    """
    check_between("margin + delta", margin + delta, 0, np.inf)
    return variance_n(
        variance=variance1 + variance0, distance=margin + delta, power=power, alpha=alpha
    )


def paired_non_inferiority_n(
    *,
    discordance: float,
    margin: float,
    delta: float = 0.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Return the pairs needed to prove p1 - p0 > -margin (variance of a pair: discordance - delta²).

    Args:
        discordance: the share of pairs where the arms differ.
        margin: the tolerated loss, 0 or more.
        delta: the true difference, above -margin and within the discordance.
        power: the chance of the proof.
        alpha: 1 - the bound's confidence.

    >>> paired_non_inferiority_n(discordance=0.10, margin=0.02)
    1546
    """
    check_between("discordance", discordance, 0, 1)
    check_between("margin + delta", margin + delta, 0, np.inf)
    return variance_n(
        variance=discordance - delta**2, distance=margin + delta, power=power, alpha=alpha
    )


def events_n(limit: float, *, events: int = 0, confidence: float = 0.95) -> int:
    """Return the fewest samples which prove the limit with that many events (Clopper and Pearson's bound).

    >>> [events_n(0.01, events=k) for k in range(4)]
    [299, 473, 628, 773]
    """
    check_between("limit", limit, 0, 1)
    check_between("events", events, -1, np.inf)
    check_confidence(confidence)
    return _fewest(lambda n: float(binomial_cdf(events, n, limit)) <= 1.0 - confidence, events + 1)


def events_allowed(n: int, limit: float, *, confidence: float = 0.95) -> int:
    """Return the most events in n samples that still prove the limit, -1 when none do.

    >>> events_allowed(100, 0.30), events_allowed(298, 0.01)
    (22, -1)
    """
    check_between("limit", limit, 0, 1)
    check_confidence(confidence)
    within = binomial_cdf(np.arange(n + 1), n, limit) <= 1.0 - confidence
    return int(np.count_nonzero(within)) - 1


def design_effect(cluster_size: float, icc: float, *, cv: float = 0.0) -> float:
    """Return by how much clusters multiply the samples needed: 1 + ((1 + cv²)·size - 1)·icc.

    Args:
        cluster_size: mean samples a cluster.
        icc: intra-class correlation, 0 to 1.
        cv: the cluster sizes' standard deviation over their mean (Eldridge et al. 2006, IJE 35:1292).
    """
    return 1.0 + ((1.0 + cv**2) * cluster_size - 1.0) * icc


def _check(power: float, alpha: float) -> None:
    check_between("power", power, 0, 1)
    check_between("alpha", alpha, 0, 1)


def _nonzero(name: str, value: float) -> float:
    if not abs(value) > 0:
        message = f"{name} == {value}, must not be 0: no number of samples can tell."
        raise ValueError(message)
    return abs(value)


def _crossing(missing: Callable[[float], bool], low: float) -> float:
    """Return where `missing` turns false."""
    high = 2.0 * low
    while missing(high) and high < _MOST:
        low, high = high, 2.0 * high
    return float(last_true(lambda n: np.asarray(missing(float(n))), low, high))


def _fewest(enough: Callable[[int], bool], low: int) -> int:
    """Return the smallest whole number that is enough, when every larger one is."""
    high = low
    while not enough(high) and high < _MOST:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
