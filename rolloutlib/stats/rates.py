"""Rates of events, of which a sample may have many: exact bounds, and those of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_between, check_confidence, floats, or_one, plain
from rolloutlib.stats.clusters import cluster_mean
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def garwood(events: ArrayLike, exposure: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Return the exact bounds of a Poisson rate (Garwood 1936, Biometrika 28:437).

    Args:
        events: 0 or more; need not be whole (effective counts).
        exposure: in which they were seen, such as samples; without any the bounds are 0 and inf.
        confidence: of each bound separately; at 0 events the upper one is
            -log(1 - confidence)/exposure.

    >>> garwood(0, 30).upper.__round__(5)  # three in thirty are excluded
    0.09986
    """
    check_confidence(confidence)
    x, size = floats(events, exposure)
    least = np.where(x > 0, special.gammaincinv(np.where(x > 0, x, 1.0), 1.0 - confidence), 0.0)
    most = special.gammaincinv(x + 1.0, confidence)
    lower = np.where(size > 0, least / or_one(size), 0.0)
    return Bounds(plain(lower), plain(np.where(size > 0, most / or_one(size), np.inf)))


def clustered_rate(
    n: ArrayLike, x: ArrayLike, *, confidence: float = 0.95, icc_floor: float = 0.0
) -> Bounds:
    """Return Garwood's bounds at the effective exposure of clustered samples.

    As Korn and Graubard (1998, Survey Methodology 24:193) do for proportions: Σn over the design
    effect, times (t of Σn - 1 df / t of G - 1 df)². The design effect is the linearised variance
    of Σx/Σn over the Poisson one, and at least 1 + icc_floor·(Σn²/Σn - 1). Below two clusters, and
    without samples, the bounds are 0 and inf.

    Args:
        n: samples per cluster. (..., clusters)
        x: events per cluster.
        confidence: of each bound separately, above one half.
        icc_floor: the correlation that is assumed of a cluster's samples at least.
    """
    check_between("confidence", confidence, 0.5, 1)
    n, x = np.broadcast_arrays(*floats(n, x))
    total, groups = n.sum(axis=-1), (n > 0).sum(axis=-1)
    size = or_one(total)
    rate = x.sum(axis=-1) / size
    variance = np.square(cluster_mean(n, x, kind="CR1").se)
    usable = np.isfinite(variance) & (rate > 0)
    effect = np.where(usable, variance, 0.0) * size / np.where(usable, rate, 1.0)
    neighbours = np.maximum(np.sum(n**2, axis=-1) / size - 1.0, 0.0)
    effect = np.maximum(effect, 1.0 + icc_floor * neighbours)
    t_samples = special.stdtrit(or_one(total - 1.0), confidence)
    t_clusters = special.stdtrit(or_one(groups - 1.0), confidence)
    exposure = size / effect * (t_samples / t_clusters) ** 2
    lower, upper = garwood(rate * exposure, exposure, confidence=confidence)
    enough = groups > 1
    return Bounds(plain(np.where(enough, lower, 0.0)), plain(np.where(enough, upper, np.inf)))
