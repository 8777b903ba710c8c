"""Inference by resampling whole clusters: exact sign flips and the cluster bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_confidence, plain
from rolloutlib.stats.inference import Bounds, TestResult

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import Alternative, FloatArray

__all__ = ["cluster_bootstrap", "cluster_sign_flip", "sign_flip"]

_EXACT_UP_TO = 20  # 2^20 sign patterns take a second; more clusters are sampled
_CHUNK = 1 << 16
_TIE = 1e-9  # a flipped sum this close to the observed one, relatively, is the same sum


def sign_flip(
    values: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    rng: Generator | None = None,
    flips: int = 100_000,
) -> TestResult:
    """Test that independent values are symmetric around 0 by flipping signs.

    Fisher 1935, Design of Experiments, chapter 3. Exact over all 2^G patterns up to 20 values. Beyond,
    `flips` random ones, where the observed pattern counts as one so that p is never 0. With G values no
    one-sided p falls below 2^-G: five values are needed for .05.

    Args:
        values: one number per cluster or pair; zeros change nothing and are dropped.
        alternative: greater: the values lie above 0.
        rng: needed beyond 20 values.
        flips: random patterns.

    Raises:
        ValueError: a NaN value, or more than 20 values without a generator.

    >>> sign_flip([0.3, 0.1, 0.4, 0.2, 0.6], alternative="greater").p_value == 2**-5
    True
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    if not np.all(np.isfinite(values)):
        message = "values must be finite; drop or repair the others."
        raise ValueError(message)
    values = values[values != 0]
    if values.size == 0:
        return TestResult(float("nan"), 1.0)
    observed = float(values.sum())
    slack = _TIE * float(np.abs(values).sum())
    if values.size <= _EXACT_UP_TO:
        sums = _all_flips(values)
        return TestResult(observed, _share(sums, observed, slack, alternative, extra=0))
    if rng is None:
        message = (
            f"{values.size} values have too many sign patterns to list; give rng to sample them."
        )
        raise ValueError(message)
    sums = _some_flips(values, rng, flips)
    return TestResult(observed, _share(sums, observed, slack, alternative, extra=1))


def cluster_sign_flip(
    n1: ArrayLike,
    s1: ArrayLike,
    n0: ArrayLike,
    s0: ArrayLike,
    *,
    null: float = 0.0,
    alternative: Alternative = "two-sided",
    rng: Generator | None = None,
) -> TestResult:
    """Test mean1 - mean0 of crossed clusters by flipping each cluster's contribution under the null.

    A cluster contributes (s1 - m·n1)/N1 - (s0 - m·n0)/N0, with the treatment shifted by the null and m the
    mean of all samples; the contributions add up to the difference (Canay, Romano and Shaikh 2017,
    Econometrica 85). Exact when clusters have the same share of both arms, approximate otherwise.

    Args:
        n1: treatment samples per cluster; entry g of all four is the same cluster.
        s1: treatment sums per cluster.
        n0: control samples per cluster.
        s0: control sums per cluster.
        null: the difference under the null.
        alternative: greater: the treatment lies above the control by more than the null.
        rng: needed beyond 20 clusters.
    """
    n1, s1, n0, s0 = (np.asarray(value, dtype=np.float64) for value in (n1, s1, n0, s0))
    total1, total0 = n1.sum(), n0.sum()
    if not (total1 > 0 and total0 > 0):
        return TestResult(float("nan"), 1.0)
    shifted = s1 - null * n1
    mean = (shifted.sum() + s0.sum()) / (total1 + total0)
    return sign_flip(
        (shifted - mean * n1) / total1 - (s0 - mean * n0) / total0, alternative=alternative, rng=rng
    )


def cluster_bootstrap(
    n1: ArrayLike,
    s1: ArrayLike,
    n0: ArrayLike | None = None,
    s0: ArrayLike | None = None,
    *,
    rng: Generator,
    crossed: bool = False,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Bounds:
    """Return percentile bounds of a mean, or of mean1 - mean0, by drawing clusters with replacement.

    Works on per-cluster sums: the number of samples costs nothing (Davison and Hinkley 1997, section 3.8). A
    check on the t bounds rather than a replacement: below some 50 clusters the percentiles are too narrow.
    Infinite below two clusters an arm, and when the resamples do not vary.

    Args:
        n1: samples per cluster.
        s1: sums per cluster.
        n0: control samples per cluster, for a difference.
        s0: control sums per cluster.
        rng: generator of the resamples.
        crossed: entry g of all four arrays is one cluster and is drawn as a whole.
        confidence: of each bound separately.
        resamples: how many.
    """
    check_confidence(confidence)
    n1, s1 = np.asarray(n1, dtype=np.float64), np.asarray(s1, dtype=np.float64)
    if np.count_nonzero(n1) < 2 or (n0 is not None and np.count_nonzero(n0) < 2):  # noqa: PLR2004
        return Bounds(-np.inf, np.inf)
    drawn = _draws(n1.size, resamples, rng)
    values = _means(drawn, n1, s1)
    if n0 is not None and s0 is not None:
        n0, s0 = np.asarray(n0, dtype=np.float64), np.asarray(s0, dtype=np.float64)
        values = values - _means(drawn if crossed else _draws(n0.size, resamples, rng), n0, s0)
    values = values[np.isfinite(values)]
    if values.size == 0 or np.ptp(values) <= _TIE * np.max(np.abs(values)):
        return Bounds(-np.inf, np.inf)
    lower, upper = np.quantile(values, [1.0 - confidence, confidence])
    return Bounds(plain(lower), plain(upper))


def _all_flips(values: FloatArray) -> FloatArray:
    """Return the sums of all 2^G sign patterns, built by doubling."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _some_flips(values: FloatArray, rng: Generator, flips: int) -> FloatArray:
    rows = max(1, _CHUNK * 16 // values.size)
    chunks = [min(rows, flips - start) for start in range(0, flips, rows)]
    return np.concatenate(
        [(2.0 * rng.integers(0, 2, (size, values.size)) - 1.0) @ values for size in chunks]
    )


def _share(
    sums: FloatArray, observed: float, slack: float, alternative: Alternative, *, extra: int
) -> float:
    if alternative == "two-sided":
        extreme = np.abs(sums) >= abs(observed) - slack
    else:
        sign = 1.0 if alternative == "greater" else -1.0
        extreme = sign * sums >= sign * observed - slack
    return float((np.count_nonzero(extreme) + extra) / (sums.size + extra))


def _draws(clusters: int, resamples: int, rng: Generator) -> FloatArray:
    """Return how often each resample draws each cluster, as (resamples, clusters)."""
    return rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=resamples).astype(
        np.float64
    )


def _means(drawn: FloatArray, n: FloatArray, s: FloatArray) -> FloatArray:
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # a resample without samples is left out by the caller
        return (drawn @ s) / (drawn @ n)
