"""Counts against a target: Kullback-Leibler divergence, its null, and chi-squared."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import (
    check_between,
    check_confidence,
    fillings,
    floats,
    log_factorial,
)
from rolloutlib.stats.inference import TestResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import FloatArray

_FEW_OUTCOMES = 2_000_000
_CHUNK = 200_000
_EXACT = 300  # samples of few categories up to which chance is listed, not approximated


def kl_divergence(counts: ArrayLike, target: ArrayLike) -> float:
    """Return KL(counts/n ‖ target) in nats (Kullback and Leibler 1951, Ann Math Stat 22:79).

    Args:
        counts: how many fell into each category; NaN without any.
        target: the declared shares, scaled to add up to 1. A category that it excludes makes it
            inf.

    >>> round(kl_divergence([12, 10, 8], [3, 4, 3]), 6)
    0.02289
    """
    observed, shares = _checked(counts, target)
    n = observed.sum()
    return float(_kl(observed, shares)) if n > 0 else float("nan")


def goodness_of_fit(counts: ArrayLike, target: ArrayLike) -> TestResult:
    """Return Pearson's chi-squared against the target and its asymptotic p-value.

    1900, Phil Mag 50:157. Over the users of two arms it is the check of the sample ratio (Fabijan
    et al. 2019, KDD): p < .0005 makes a comparison invalid. Arguments as `kl_divergence`; NaN and
    p = 1 without counts, inf and 0 when an excluded category occurs.

    >>> f"{goodness_of_fit([821588, 815482], [1, 1]).p_value:.1e}"
    '1.8e-06'
    """
    observed, shares = _checked(counts, target)
    expected = observed.sum() * shares
    if not observed.sum() > 0:
        return TestResult(float("nan"), 1.0)
    possible = expected > 0
    if np.any(observed[~possible] > 0):
        return TestResult(float("inf"), 0.0)
    chi2 = float(np.sum((observed[possible] - expected[possible]) ** 2 / expected[possible]))
    df = int(possible.sum()) - 1
    return TestResult(chi2, float(special.chdtrc(*floats(df, chi2))) if df else 1.0)


def kl_null_quantile(
    n: int,
    target: ArrayLike,
    *,
    confidence: float = 0.95,
    rng: Generator | None = None,
    draws: int = 100_000,
) -> float:
    """Return the smallest KL that n samples drawn from the target itself stay within.

    Exact up to two million outcomes (1,000 samples in 3 categories), simulated beyond.

    Args:
        n: samples, 1 or more.
        target: the declared shares, scaled to add up to 1.
        confidence: how often samples of the target stay within.
        rng: needed beyond two million outcomes.
        draws: simulated samples then.

    >>> [round(kl_null_quantile(n, [3, 4, 3]), 3) for n in (30, 90, 300)]
    [0.098, 0.034, 0.01]
    """
    check_confidence(confidence)
    check_between("n", n, 0, np.inf)
    _, shares = _checked(np.zeros(np.size(target)), target)
    shares = shares[shares > 0]
    if _outcome_count(n, shares.size) <= _FEW_OUTCOMES:
        kl, chance = (np.concatenate(part) for part in zip(*_null(n, shares), strict=True))
        order = np.argsort(kl)
        reached = np.searchsorted(np.cumsum(chance[order]), confidence)
        return float(kl[order][min(reached, kl.size - 1)])
    if rng is None:
        message = (
            f"{n} samples in {shares.size} categories have too many outcomes to list; "
            "give rng to simulate."
        )
        raise ValueError(message)
    simulated = _kl(rng.multinomial(n, shares, size=draws).astype(np.float64), shares)
    return float(np.quantile(simulated, confidence, method="inverted_cdf"))


class Chance(NamedTuple):
    """What chance alone makes of a divergence.

    Attributes:
        within: the KL that samples of the target itself stay within, at the confidence asked for.
        p_value: how often they diverge as much as was seen, or more.
    """

    within: float
    p_value: float


def kl_chance(kl: float, n: int, target: ArrayLike, *, confidence: float = 0.95) -> Chance:
    """Hold a divergence of n single samples against what chance alone makes.

    `within` is exact up to 300 samples; beyond it, and for the p-value, 2·n·KL is chi-squared with
    one degree of freedom less than categories (Wilks 1938, Ann Math Stat 9:60).

    Args:
        kl: what was seen; inf where a category occurs that the target excludes.
        n: samples, 1 or more.
        target: the declared shares, scaled to add up to 1.
        confidence: of `within`.

    >>> kl_chance(0.02289, 30, [3, 4, 3])
    Chance(within=0.098, p_value=0.503)
    """
    check_confidence(confidence)
    _, shares = _checked(np.zeros(np.size(target)), target)
    df = int((shares > 0).sum()) - 1
    if df == 0:
        return Chance(0.0, 0.0 if kl > 0 else 1.0)
    wilks = float(special.chdtri(*floats(df, 1 - confidence))) / (2 * n)
    within = kl_null_quantile(n, target, confidence=confidence) if n <= _EXACT else wilks
    return Chance(within, float(special.chdtrc(*floats(df, 2 * n * kl))))


def design_effect(counts: ArrayLike) -> float:
    """Return by how much clusters vary the shares of a mix beyond single samples.

    The mean generalised design effect (Rao & Scott 1981, JASA 76:221, first-order correction): n
    samples in clusters tell of a mix as much as n / effect single ones.

    Args:
        counts: (clusters, categories); clusters without any count do not matter.

    Returns:
        1 where every cluster has one sample; NaN with fewer than two clusters or one category.

    >>> round(design_effect([[2, 0], [0, 2], [2, 0], [0, 2]]), 3)  # pairs that are alike: 2 · 4/3
    2.667
    """
    (table,) = floats(counts)
    table = table[table.sum(axis=1) > 0]
    sizes, shares = table.sum(axis=1), table.sum(axis=0) / max(table.sum(), 1.0)
    varies = (shares > 0) & (shares < 1)
    groups, categories = len(table), int((shares > 0).sum())
    if groups < 2 or categories < 2:  # noqa: PLR2004 -- what varies is at least two
        return float("nan")
    if sizes.max() <= 1:
        return 1.0
    p = shares[varies]
    residual = table[:, varies] - sizes[:, None] * p
    variance = groups / (groups - 1) * np.square(residual).sum(axis=0) / sizes.sum() ** 2
    effects = variance / (p * (1 - p) / sizes.sum())
    return float(np.sum((1 - p) * effects) / (categories - 1))


def _checked(counts: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    observed, shares = floats(counts, target)
    if observed.ndim != 1 or observed.shape != shares.shape or observed.size == 0:
        message = (
            f"counts has shape {observed.shape}, target {shares.shape}, "
            "must be one row of the same length."
        )
        raise ValueError(message)
    if not (np.all(observed >= 0) and np.all(shares >= 0) and 0 < shares.sum() < np.inf):
        message = (
            f"counts == {observed}, target == {shares}, "
            "must be 0 or more, and the target not all 0."
        )
        raise ValueError(message)
    return observed, shares / shares.sum()


def _kl(outcomes: FloatArray, shares: FloatArray) -> FloatArray:
    """Return KL of each row of counts, which all add up to the same n > 0."""
    p = outcomes / outcomes.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):  # an excluded category that occurs is infinitely far
        return np.maximum(np.sum(special.rel_entr(p, shares), axis=-1), 0.0)


def _outcome_count(n: int, categories: int) -> int:
    return comb(n + categories - 1, categories - 1)


def _null(n: int, shares: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield KL and probability of every outcome of n samples from the target, in chunks."""
    for outcomes in _outcomes(n, shares.size):
        log_chance = np.sum(special.xlogy(outcomes, shares) - log_factorial(outcomes), axis=-1)
        yield _kl(outcomes, shares), np.exp(log_chance + log_factorial(n))


def _outcomes(n: int, categories: int) -> Iterator[FloatArray]:
    """Yield every way to put n things into the categories, in chunks of rows."""
    if _outcome_count(n, categories) <= _CHUNK:
        yield fillings(n, [n] * categories)
        return
    for first in range(n + 1):
        rest = fillings(n - first, [n] * (categories - 1))
        yield np.column_stack([np.full(len(rest), float(first)), rest])
