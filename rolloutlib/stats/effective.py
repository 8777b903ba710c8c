"""Bounds of proportions at the effective sample size, where clustered samples share their events.

A cluster-robust t bound takes its variance from the data. Few events by luck then also mean a small
variance: in simulations a "no more than" limit is cleared in up to 13 % of reviews with 5–10 users
an arm instead of 5 %. A score bound takes the variance that the limit itself implies, an exact one
the binomial's; clusters enter by the number of independent samples, or pairs, that would have the
variance which was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_between, counts, floats, or_one, plain
from rolloutlib.stats.clusters import cluster_contrast, cluster_mean
from rolloutlib.stats.differences import miettinen_nurminen_difference
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.pairs import tango
from rolloutlib.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rolloutlib.stats._numeric import FloatArray
    from rolloutlib.stats.inference import ClusterInference

_ROUNDING = 1e-12


_FEW = 5.0  # clusters with an event that show how alike samples are
_RARE = 3.0  # one cluster in so many, likewise
_PAID = 10  # fewer clusters pay for what they do not show by their few degrees of freedom


def korn_graubard(
    n: ArrayLike, x: ArrayLike, *, confidence: float = 0.95, icc_floor: float | None = 0.0
) -> Bounds:
    """Return Clopper and Pearson's bounds at the effective sample size.

    Korn and Graubard 1998, Survey Methodology 24:193. The effective size is Σn over the design
    effect, times (t of Σn - 1 df / t of G - 1 df)². Below two clusters, and without samples, the
    bounds are 0 and 1.

    Args:
        n: samples per cluster. (..., clusters)
        x: events per cluster.
        confidence: of each bound separately, above one half.
        icc_floor: the design effect is at least 1 + icc_floor·(Σn²/Σn - 1), so that clusters which
            happen to agree (no event at all, say) do not count as independent samples; None lets it
            fall below 1, as R's svyciprop does.

    >>> korn_graubard([20, 18, 25, 7, 30, 12], [17, 12, 24, 5, 22, 11], confidence=0.975)
    Bounds(lower=0.6387, upper=0.9266)
    """
    check_between("confidence", confidence, 0.5, 1)
    x, n = counts(x, n)
    n, x = np.broadcast_arrays(n, x)
    total, clusters = n.sum(axis=-1), (n > 0).sum(axis=-1)
    t_samples = special.stdtrit(or_one(total - 1.0), confidence)
    t_clusters = special.stdtrit(or_one(clusters - 1.0), confidence)
    size = np.asarray(effective_sample_size(n, x, icc_floor=icc_floor))
    effective = size * (t_samples / t_clusters) ** 2
    events = np.minimum(x.sum(axis=-1) / or_one(total) * effective, effective)
    lower, upper = clopper_pearson(events, effective, confidence=confidence)
    usable = clusters > 1
    return Bounds(plain(np.where(usable, lower, 0.0)), plain(np.where(usable, upper, 1.0)))


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
        check_between("icc_floor", icc_floor, np.nextafter(0.0, -1.0), 1)
        others = np.maximum(np.sum(n**2, axis=-1) / total - 1.0, 0.0)  # in a sample's own cluster
        effect = np.maximum(effect, 1.0 + icc_floor * others)
    return plain(total / effect)


def nested_score_difference(
    n1: ArrayLike, x1: ArrayLike, n0: ArrayLike, x0: ArrayLike, *, confidence: float = 0.95,
    icc_floor: float = 0.0,
) -> Bounds:  # fmt: skip
    """Return the score bounds of p1 - p0 where every cluster is in one arm.

    Miettinen and Nurminen's at counts over the design effect (Rao and Scott 1992, Biometrics
    48:577), which is CR3's variance over the binomial one, times (t/z)² for its degrees of freedom
    as Korn and Graubard (1998) do. It is at least 1: users who agree by luck are no more than
    independent samples. -1 and 1 when an arm has fewer than two clusters or no cluster deviates.

    Args:
        n1: treatment samples per cluster; entry g of all four is the same cluster (`side_by_side`).
            (..., clusters)
        x1: treatment events per cluster.
        n0: control samples per cluster.
        x0: control events per cluster.
        confidence: of each bound separately, above one half.
        icc_floor: the correlation that is assumed at least of an arm in which fewer than five
            clusters, or fewer than a third, have an event (or anything else): those do not show how
            alike a cluster's samples are. With fewer than ten clusters t is wide enough by itself:
            at the limit 2-6 % pass within correlation .2, and a floor would cost up to 60 points of
            power.
    """
    check_between("confidence", confidence, 0.5, 1)
    (p1, size1), (p0, size0) = _share(n1, x1), _share(n0, x0)
    binomial = p1 * (1 - p1) / or_one(size1) + p0 * (1 - p0) / or_one(size0)
    least = _assumed(n1, x1, icc_floor) + _assumed(n0, x0, icc_floor)
    variance, usable = _inflated(cluster_contrast(n1, x1, n0, x0), confidence, least)
    usable &= binomial > 0
    effect = np.maximum(np.where(usable, variance, 1.0) / np.where(usable, binomial, 1.0), 1.0)
    m1, m0 = size1 / effect, size0 / effect  # effective sizes
    bounds = miettinen_nurminen_difference(p1 * m1, m1, p0 * m0, m0, confidence=confidence)
    return _where_usable(bounds, usable)


def crossed_score_difference(
    n1: ArrayLike, x1: ArrayLike, n0: ArrayLike, x0: ArrayLike, *, confidence: float = 0.95,
    icc_floor: float = 0.0,
) -> Bounds:  # fmt: skip
    """Return the score bounds of p1 - p0 where clusters are in both arms.

    Tango's at the effective number of pairs. Sums per cluster do not tell which pairs differ, so
    their share follows from how much smaller the variance of the difference is than that of two
    separate groups of the same clusters; it is at least the difference itself. Arguments and
    degenerate cases as `nested_score_difference`.
    """
    check_between("confidence", confidence, 0.5, 1)
    difference = cluster_contrast(n1, x1, n0, x0)
    (p1, _), (p0, _) = _share(n1, x1), _share(n0, x0)
    apart = np.square(cluster_mean(n1, x1).se) + np.square(cluster_mean(n0, x0).se)
    varied = np.isfinite(apart) & (apart > 0) & np.isfinite(difference.se)
    left = np.where(varied, np.square(difference.se), 1.0) / np.where(varied, apart, 1.0)
    least = left * (_assumed(n1, x1, icc_floor) + _assumed(n0, x0, icc_floor))
    variance, usable = _inflated(difference, confidence, least)
    usable &= varied
    change = np.where(usable, difference.point, 0.0)
    differ = np.clip(left * (p1 * (1 - p1) + p0 * (1 - p0)) + change**2, np.abs(change), 1.0)
    differ *= 1 - _ROUNDING  # so that both parts add up to no more than all pairs
    usable &= differ > change**2
    pairs = np.where(usable, differ - change**2, 1.0) / np.where(usable, variance, 1.0)
    gained, lost = (np.maximum(pairs * (differ + s * change) / 2, 0.0) for s in (1, -1))
    return _where_usable(tango(gained, lost, pairs, confidence=confidence), usable)


def with_unseen_losses(
    bounds: Bounds, difference: ClusterInference, concentration: ArrayLike, *, icc: float,
    confidence: float = 0.95,
) -> Bounds:  # fmt: skip
    """Widen the bounds of p1 - p0 by what few clusters lose, or gain, as a whole and did not show.

    A variance that is read off few clusters misses the losses that none of them shows, and then
    both the point and the error are too good: of twenty documents that lose alike, 10 % of studies
    passed a limit instead of 5 %. A score test takes the variance that its null implies: if the
    truth lies x beyond the point, that much was not seen, and clusters of correlation icc differ in
    it by icc·x(1 - x). So x solves x² = e² + t²·icc·x(1 - x)·Σw², with e the distance without it;
    for e = 0 and icc = 1 that is Wilson's bound of "0 of G" (1927, JASA 22:209).

    Args:
        bounds: of the difference, each at the confidence. (...)
        difference: the clusters' own inference, whose degrees of freedom t has.
        concentration: Σw² of the clusters' shares of all samples; 1/G where they are alike.
        icc: how alike the samples of one cluster lose; 0 changes nothing.
        confidence: of each bound separately.
    """
    point, _, df = floats(*difference)
    t = special.stdtrit(np.where(df > 0, df, 1.0), confidence)
    a = np.where(df > 0, t**2, 0.0) * icc * np.asarray(concentration, dtype=np.float64)

    def farther(distance: FloatArray) -> FloatArray:
        root = np.sqrt(a**2 + 4.0 * (1.0 + a) * distance**2)
        return np.maximum((a + root) / (2.0 * (1.0 + a)), distance)

    lower, upper = floats(*bounds)
    ends = (point - farther(point - lower), point + farther(upper - point))
    lower, upper = (np.clip(end, -1.0, 1.0) for end in ends)
    return Bounds(plain(lower), plain(upper))


def _share(n: ArrayLike, x: ArrayLike) -> tuple[FloatArray, FloatArray]:
    size, events = (value.sum(axis=-1) for value in floats(n, x))
    return events / or_one(size), size


def _assumed(n: ArrayLike, x: ArrayLike, icc_floor: float) -> FloatArray:
    """Return the variance of an arm's share at the correlation that is assumed of it at least."""
    n, x = np.broadcast_arrays(*floats(n, x))
    p, size = _share(n, x)
    events, others = ((part > 0).sum(axis=-1) for part in (x, n - x))
    clusters = (n > 0).sum(axis=-1)
    few = (clusters >= _PAID) & (np.minimum(events, others) < np.maximum(_FEW, clusters / _RARE))
    neighbours = np.maximum(np.sum(n**2, axis=-1) / or_one(size) - 1.0, 0.0)
    return p * (1.0 - p) / or_one(size) * (1.0 + np.where(few, icc_floor, 0.0) * neighbours)


def _inflated(
    difference: ClusterInference, confidence: float, least: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the variance, at least so much, times (t/z)², and where it is known."""
    _, se, df = floats(*difference)
    usable = np.isfinite(se) & (se > 0) & (df > 0)
    wider = special.stdtrit(np.where(df > 0, df, 1.0), confidence) / special.ndtri(confidence)
    variance = np.maximum(np.square(np.where(usable, se, 1.0)), least) * wider**2
    return np.where(usable, variance, 1.0), usable


def _where_usable(bounds: Bounds, usable: NDArray[np.bool_]) -> Bounds:
    lower, upper = np.where(usable, bounds.lower, -1.0), np.where(usable, bounds.upper, 1.0)
    return Bounds(plain(lower), plain(upper))
