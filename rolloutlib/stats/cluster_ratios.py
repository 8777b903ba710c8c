"""Ratios of clustered means: linearised, tested in Fieller's form, and with Fieller's bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import plain
from rolloutlib.stats.clusters import (
    aligned_arms,
    contrast,
    contributions,
    side_by_side,
    small_sample_factor,
)
from rolloutlib.stats.inference import Bounds, ClusterInference
from rolloutlib.stats.ratios import fieller

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.clusters import Kind

__all__ = ["crossed_ratio_bounds", "nested_ratio_bounds", "ratio_contrast", "ratio_of_means"]


def ratio_of_means(
    n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike, *, crossed: bool, kind: Kind = "CR3"
) -> ClusterInference:
    """Return mean1/mean0 with the standard error of its linearisation (e1/N1 - ratio·e0/N0)/mean0.

    The ratio of means, not the mean of ratios (Cochran 1977, Sampling Techniques, chapter 6); CR1 is R
    survey's svyratio. NaN when the control's mean is 0; the standard error is infinite then, and when an
    arm has fewer than two clusters.

    Args:
        n1: treatment samples per cluster. (..., clusters)
        s1: treatment sums per cluster.
        n0: control samples per cluster; entry g is the same cluster when crossed.
        s0: control sums per cluster.
        crossed: whether the arms share their clusters (else every cluster is in one arm).
        kind: the variance estimator, as `cluster_mean`.
    """
    if not crossed:
        n1, s1, n0, s0 = side_by_side(n1, s1, n0, s0)
    one, zero = aligned_arms(n1, s1, n0, s0)
    usable = (zero.mean != 0) & ~np.isnan(zero.mean)
    base = np.where(usable, zero.mean, 1.0)
    ratio = one.mean / base
    linear = contrast([one, zero], [1.0 / base, -ratio / base], kind=kind)
    known = usable & np.isfinite(linear.se)
    point = np.where(usable, ratio, np.nan)
    se, df = np.where(known, linear.se, np.inf), np.where(known, linear.df, 0.0)
    return ClusterInference(plain(point), plain(se), plain(df))


def ratio_contrast(
    n1: ArrayLike,
    s1: ArrayLike,
    n0: ArrayLike,
    s0: ArrayLike,
    ratio0: ArrayLike,
    *,
    kind: Kind = "CR3",
) -> ClusterInference:
    """Return mean1 - ratio0·mean0, which is 0 when mean1/mean0 = ratio0: Fieller's form, without a log of 0.

    Its upper bound below 0 proves a ratio below ratio0. A treatment without any event is a valid case.

    Args:
        n1: treatment samples per cluster; entry g of all four is the same cluster (`side_by_side` aligns
            nested arms). (..., clusters)
        s1: treatment sums per cluster.
        n0: control samples per cluster.
        s0: control sums per cluster.
        ratio0: the ratio to test, such as .7 for "30 % fewer".
        kind: the variance estimator, as `cluster_mean`.
    """
    ratio0 = np.asarray(ratio0, dtype=np.float64)
    return contrast(aligned_arms(n1, s1, n0, s0), [1.0, -ratio0], kind=kind)


def crossed_ratio_bounds(
    n1: ArrayLike,
    s1: ArrayLike,
    n0: ArrayLike,
    s0: ArrayLike,
    *,
    confidence: float = 0.95,
    kind: Kind = "CR3",
) -> Bounds:
    """Return Fieller's bounds of mean1/mean0 where entry g of all four arrays is the same cluster.

    The degrees of freedom are those of the contrast at the observed ratio. Unbounded where `fieller` is,
    and when an arm does not vary at all (an arm without events, say): `ratio_contrast` still tests a given
    ratio then. Arguments as `crossed_difference`.
    """
    one, zero = aligned_arms(n1, s1, n0, s0)
    u1, u0 = contributions(one, kind), contributions(zero, kind)
    factor = small_sample_factor([one, zero], kind)
    var1, var0, cov = (factor * np.sum(a * b, axis=-1) for a, b in ((u1, u1), (u0, u0), (u1, u0)))
    linear = ratio_of_means(n1, s1, n0, s0, crossed=True, kind=kind)
    df = np.where((var1 > 0) & (var0 > 0), linear.df, 0.0)
    return fieller(one.mean, zero.mean, var1, var0, cov, df, confidence=confidence)


def nested_ratio_bounds(
    n1: ArrayLike,
    s1: ArrayLike,
    n0: ArrayLike,
    s0: ArrayLike,
    *,
    confidence: float = 0.95,
    kind: Kind = "CR3",
) -> Bounds:
    """Return Fieller's bounds of mean1/mean0 where every cluster is in one arm, as `crossed_ratio_bounds`."""
    aligned = side_by_side(n1, s1, n0, s0)
    return crossed_ratio_bounds(*aligned, confidence=confidence, kind=kind)
