"""Means, differences and ratios of clustered samples: a cluster (a user, a prompt) is one thing.

Inputs are per-cluster counts n and sums s on the last axis; any leading axes are a batch. Two arms
stand side by side: entry g of every array is the same cluster, with n = 0 in an arm where it has no
sample. Crossed clusters have samples in both arms; nested arms (a user is in one arm) are the case
where every cluster has n = 0 in the other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from rolloutlib.stats._numeric import floats, or_one, plain
from rolloutlib.stats.inference import Bounds, ClusterInference
from rolloutlib.stats.ratios import fieller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import FloatArray

Kind: TypeAlias = Literal["CR0", "CR1", "CR2", "CR3"]

_POWER: dict[str, float] = {"CR0": 0.0, "CR1": 0.0, "CR2": 0.5, "CR3": 1.0}
_ROUNDING = 1e-12  # a cluster's deviation below this share of its sum is rounding, not variation


class _ArmSums(NamedTuple):
    """One arm of a clustered comparison, ready for any contrast.

    Attributes:
        mean: Σs/Σn; NaN without samples. (batch)
        clusters: clusters with samples. (batch)
        n: samples per cluster. (batch, clusters)
        leverage: n over Σn. (batch, clusters)
        deviation: (s - mean·n)/Σn, a cluster's contribution to the mean's error. (batch, clusters)
    """

    mean: FloatArray
    clusters: FloatArray
    n: FloatArray
    leverage: FloatArray
    deviation: FloatArray


def cluster_mean(n: ArrayLike, s: ArrayLike, *, kind: Kind = "CR3") -> ClusterInference:
    """Return the mean Σs/Σn with its cluster-robust error and Bell and McCaffrey's freedom.

    CR0 is Liang and Zeger's (1986, Biometrika 73:13), CR1 = CR0·sqrt(G/(G - 1)), CR2 and CR3 divide
    a cluster's deviation by sqrt(1 - h) and 1 - h with h = n/Σn (Bell and McCaffrey 2002, Survey
    Methodology 28:169). Standard error inf and 0 degrees of freedom below two clusters; 0 when no
    cluster deviates.

    Args:
        n: samples per cluster. (..., clusters)
        s: sums per cluster, in any unit. (..., clusters)
        kind: the variance estimator. The degrees of freedom are Satterthwaite's for every kind.

    Raises:
        ValueError: a negative or NaN count, or a NaN sum.

    >>> cluster_mean([20, 18, 25, 7, 30, 12], [17, 12, 24, 5, 22, 11], kind="CR2")
    ClusterInference(point=0.8125, se=0.0538, df=4.16)
    """
    return _contrast([_arm_sums(n, s)], [1.0], kind=kind)


def cluster_contrast(
    n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike, weight: ArrayLike = 1.0, *,
    kind: Kind = "CR3",
) -> ClusterInference:  # fmt: skip
    """Return mean1 - weight·mean0 where entry g of all four arrays is the same cluster.

    A cluster contributes its two deviations together (u = e1/N1 - weight·e0/N0), so what its arms
    share cancels. Infinite when an arm has fewer than two clusters with samples. With a weight it
    is Fieller's form of "the ratio is weight", without a log of 0: an upper bound below 0 proves a
    ratio below it, also where the treatment has no event.

    Args:
        n1: treatment samples per cluster. (..., clusters)
        s1: treatment sums per cluster.
        n0: control samples per cluster.
        s0: control sums per cluster.
        weight: 1 for the difference, .7 for "30 % fewer".
        kind: the variance estimator, as `cluster_mean`; CR1's factor counts the clusters of both
            arms together.
    """
    weight = np.asarray(weight, dtype=np.float64)
    return _contrast(_aligned(n1, s1, n0, s0), [1.0, -weight], kind=kind)


def contributions(n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike) -> FloatArray:
    """Return what each cluster adds to the error of mean1 - mean0, (..., clusters).

    Arguments as `cluster_contrast`.
    """
    treated, control = _aligned(n1, s1, n0, s0)
    return treated.deviation - control.deviation


def cluster_ratio(
    n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike, *, kind: Kind = "CR3"
) -> ClusterInference:
    """Return mean1/mean0 with the standard error of (e1/N1 - ratio·e0/N0)/mean0.

    The ratio of means, not the mean of ratios (Cochran 1977, Sampling Techniques, chapter 6); CR1
    is R survey's svyratio. NaN when the control's mean is 0; the standard error is infinite then,
    and when an arm has fewer than two clusters. Arguments as `cluster_contrast`.
    """
    return _linearised(*_aligned(n1, s1, n0, s0), kind)


def cluster_ratio_bounds(
    n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike, *, confidence: float = 0.95,
    kind: Kind = "CR3",
) -> Bounds:  # fmt: skip
    """Return Fieller's bounds of mean1/mean0, whose freedom is the contrast's at the ratio seen.

    Unbounded where `fieller` is, and when an arm does not vary at all (an arm without events, say):
    `cluster_contrast` still tests a given ratio then. Arguments as `cluster_contrast`.
    """
    treated, control = _aligned(n1, s1, n0, s0)
    u1, u0 = _contributions(treated, kind), _contributions(control, kind)
    factor = _small_sample_factor([treated, control], kind)
    var1, var0, cov = (factor * np.sum(a * b, axis=-1) for a, b in ((u1, u1), (u0, u0), (u1, u0)))
    df = np.where((var1 > 0) & (var0 > 0), _linearised(treated, control, kind).df, 0.0)
    return fieller(treated.mean, control.mean, var1, var0, cov, df, confidence=confidence)


def side_by_side(
    n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return nested arms as aligned ones: each cluster gets an empty entry in the other arm."""
    treated, control = floats(n1, s1), floats(n0, s0)
    n1, s1 = (_padded(value, 0, control[0].shape[-1]) for value in treated)
    n0, s0 = (_padded(value, treated[0].shape[-1], 0) for value in control)
    return n1, s1, n0, s0


def _padded(value: FloatArray, before: int, after: int) -> FloatArray:
    return np.pad(value, [(0, 0)] * (value.ndim - 1) + [(before, after)])


def _aligned(
    n1: ArrayLike, s1: ArrayLike, n0: ArrayLike, s0: ArrayLike
) -> tuple[_ArmSums, _ArmSums]:
    """Return both arms, their batches broadcast; ValueError if the clusters differ in number."""
    sizes = [np.shape(value)[-1:] for value in (n1, s1, n0, s0)]
    if len(set(sizes)) > 1:
        message = (
            f"n1, s1, n0, s0 have last axes {sizes}, must be the same clusters; "
            "`side_by_side` aligns nested arms."
        )
        raise ValueError(message)
    n1, s1, n0, s0 = np.broadcast_arrays(n1, s1, n0, s0)
    return _arm_sums(n1, s1), _arm_sums(n0, s0)


def _arm_sums(n: ArrayLike, s: ArrayLike) -> _ArmSums:
    """Return an arm's mean, leverages and deviations; errors as `cluster_mean`."""
    n, s = np.broadcast_arrays(*floats(n, s))
    if not (np.all(n >= 0) and np.all(np.isfinite(s)) and np.all(np.isfinite(n))):
        message = "n and s must be finite, and n 0 or more; drop or repair the other clusters."
        raise ValueError(message)
    total = n.sum(axis=-1)
    size = or_one(total)
    mean = s.sum(axis=-1) / size
    deviation = s - mean[..., None] * n
    deviation = np.where(np.abs(deviation) <= _ROUNDING * np.abs(s), 0.0, deviation)
    mean = np.where(total > 0, mean, np.nan)
    return _ArmSums(mean, (n > 0).sum(axis=-1), n, n / size[..., None], deviation / size[..., None])


def _linearised(treated: _ArmSums, control: _ArmSums, kind: Kind) -> ClusterInference:
    usable = (control.mean != 0) & ~np.isnan(control.mean)
    base = np.where(usable, control.mean, 1.0)
    ratio = treated.mean / base
    linear = _contrast([treated, control], [1.0 / base, -ratio / base], kind=kind)
    has_error = usable & np.isfinite(linear.se)
    se, df = np.where(has_error, linear.se, np.inf), np.where(has_error, linear.df, 0.0)
    return ClusterInference(plain(np.where(usable, ratio, np.nan)), plain(se), plain(df))


def _contrast(
    arms: Sequence[_ArmSums], weights: Sequence[ArrayLike], *, kind: Kind
) -> ClusterInference:
    """Return Σ weight·mean over aligned arms with its cluster-robust standard error and freedom."""
    if kind not in _POWER:
        message = f"kind == {kind!r}, must be one of {', '.join(_POWER)}."
        raise ValueError(message)
    scale = [np.asarray(weight, dtype=np.float64)[..., None] for weight in weights]
    u = sum(
        (w * _contributions(arm, kind) for w, arm in zip(scale, arms, strict=True)),
        start=np.zeros(()),
    )
    variance = np.sum(u**2, axis=-1) * _small_sample_factor(arms, kind)
    enough = np.all([arm.clusters > 1 for arm in arms], axis=0)
    point = sum(
        (w[..., 0] * arm.mean for w, arm in zip(scale, arms, strict=True)), start=np.zeros(())
    )
    se = np.sqrt(np.where(enough, variance, np.inf))
    return ClusterInference(
        plain(point), plain(se), plain(np.where(enough, _satterthwaite(arms, scale), 0.0))
    )


def _contributions(arm: _ArmSums, kind: Kind) -> FloatArray:
    """Return each cluster's share of the mean's error, inflated for leverage by the kind."""
    left = np.maximum(1.0 - arm.leverage, np.finfo(np.float64).tiny)
    return arm.deviation / left ** _POWER[kind] if _POWER[kind] else arm.deviation


def _small_sample_factor(arms: Sequence[_ArmSums], kind: Kind) -> FloatArray:
    """Return CR1's G/(G - 1) over the clusters with samples in any arm; 1 for the others."""
    if kind != "CR1":
        return np.asarray(1.0)
    clusters = np.any([arm.n > 0 for arm in arms], axis=0).sum(axis=-1)
    return clusters / or_one(clusters - 1.0)


def _satterthwaite(arms: Sequence[_ArmSums], scale: Sequence[FloatArray]) -> FloatArray:
    """Return (tr W)²/tr W² for W = Σ over arms of diag(w²n) - (wn)(wn)'/N, without forming W.

    The working model has independent samples of one variance (Bell and McCaffrey 2002).
    """
    diagonals: list[FloatArray] = []
    vectors: list[FloatArray] = []
    for arm, weight in zip(arms, scale, strict=True):
        total = or_one(arm.n.sum(axis=-1, keepdims=True))
        w = weight / (total * np.sqrt(np.maximum(1.0 - arm.leverage, np.finfo(np.float64).eps)))
        diagonals.append(w**2 * arm.n)
        vectors.append(w * arm.n / np.sqrt(total))
    trace = sum(np.sum(d - v**2, axis=-1) for d, v in zip(diagonals, vectors, strict=True))
    square = sum(
        np.sum(da * db - da * vb**2 - db * va**2, axis=-1) + np.sum(va * vb, axis=-1) ** 2
        for da, va in zip(diagonals, vectors, strict=True)
        for db, vb in zip(diagonals, vectors, strict=True)
    )
    return np.where(square > 0, trace**2 / np.where(square > 0, square, 1.0), 0.0)
