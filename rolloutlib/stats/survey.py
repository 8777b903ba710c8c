"""Exact-type bounds of a proportion in clustered samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_between, check_confidence, counts, or_one, plain
from rolloutlib.stats._special import t_quantile
from rolloutlib.stats.clusters import cluster_mean
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import FloatArray

__all__ = ["effective_sample_size", "korn_graubard"]


def korn_graubard(
    n: ArrayLike, x: ArrayLike, *, confidence: float = 0.95, icc_floor: float | None = 0.0
) -> Bounds:
    """Return Clopper and Pearson's bounds at the effective sample size.

    Korn and Graubard 1998, Survey Methodology 24:193. The effective size is Σn over the design effect, times
    (t of Σn - 1 df / t of G - 1 df)². Below two clusters, and without samples, the bounds are 0 and 1.

    Args:
        n: samples per cluster. (..., clusters)
        x: events per cluster.
        confidence: of each bound separately, above one half.
        icc_floor: the design effect is at least 1 + icc_floor·(Σn²/Σn - 1), so that clusters which happen
            to agree (no event at all, say) do not count as independent samples; None lets it fall below 1,
            as R's svyciprop does.

    >>> korn_graubard([20, 18, 25, 7, 30, 12], [17, 12, 24, 5, 22, 11], confidence=0.975)
    Bounds(lower=0.6387, upper=0.9266)
    """
    check_confidence(confidence)
    check_between("confidence", confidence, 0.5, 1)
    x, n = counts(x, n)
    n, x = np.broadcast_arrays(n, x)
    total, clusters = n.sum(axis=-1), (n > 0).sum(axis=-1)
    t_samples = t_quantile(or_one(total - 1.0), confidence)
    t_clusters = t_quantile(or_one(clusters - 1.0), confidence)
    effective = (
        np.asarray(effective_sample_size(n, x, icc_floor=icc_floor)) * (t_samples / t_clusters) ** 2
    )
    share = x.sum(axis=-1) / or_one(total)
    bounds = clopper_pearson(
        np.minimum(share * effective, effective), effective, confidence=confidence
    )
    told = clusters > 1
    return Bounds(
        plain(np.where(told, bounds.lower, 0.0)), plain(np.where(told, bounds.upper, 1.0))
    )


def effective_sample_size(n: ArrayLike, x: ArrayLike, *, icc_floor: float | None = 0.0) -> float:
    """Return Σn over the design effect: the linearised variance of Σx/Σn against p(1 - p)/Σn.

    Arguments as `korn_graubard`. Where no cluster deviates the design effect is the floor.
    """
    x, n = counts(x, n)
    n, x = np.broadcast_arrays(n, x)
    total = or_one(n.sum(axis=-1))
    share = x.sum(axis=-1) / total
    variance = np.square(cluster_mean(n, x, kind="CR1").se)
    usable = np.isfinite(variance) & (variance > 0) & (share > 0) & (share < 1)
    effect = np.where(usable, variance, 0.0) * total / np.where(usable, share * (1.0 - share), 1.0)
    effect = np.where(usable, effect, 1.0)
    if icc_floor is not None:
        effect = np.maximum(effect, _floor(n, total, icc_floor))
    return plain(total / effect)


def _floor(n: FloatArray, total: FloatArray, icc: float) -> FloatArray:
    check_between("icc_floor", icc, np.nextafter(0.0, -1.0), 1)
    return 1.0 + icc * np.maximum(np.sum(n**2, axis=-1) / total - 1.0, 0.0)
