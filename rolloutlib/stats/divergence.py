"""Counts against a target: Kullback-Leibler divergence, G, chi-squared, and the sample-ratio check."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_between, check_confidence, fillings
from rolloutlib.stats._special import chi2_sf, log_factorial, x_log_y
from rolloutlib.stats.inference import TestResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import FloatArray

__all__ = [
    "exact_multinomial_test",
    "g_statistic",
    "goodness_of_fit",
    "kl_divergence",
    "kl_null_quantile",
    "sample_ratio_test",
    "simulated_multinomial_test",
]

_TIE = 1e-9  # statistics this close are the same outcome
_MOST_OUTCOMES = 50_000_000
_FEW_OUTCOMES = 2_000_000
_CHUNK = 200_000


def kl_divergence(counts: ArrayLike, target: ArrayLike) -> float:
    """Return KL(counts/n ‖ target) in nats (Kullback and Leibler 1951, Ann Math Stat 22:79).

    Args:
        counts: how many fell into each category; NaN without any.
        target: the declared shares, scaled to add up to 1. A category that the target excludes makes it inf.

    >>> round(kl_divergence([12, 10, 8], [3, 4, 3]), 6)
    0.02289
    """
    observed, shares = _checked(counts, target)
    n = observed.sum()
    return float(_kl(observed, shares)) if n > 0 else float("nan")


def g_statistic(counts: ArrayLike, target: ArrayLike) -> float:
    """Return G = 2n·KL, the likelihood-ratio statistic (Wilks 1935); 0 without counts."""
    observed, shares = _checked(counts, target)
    n = float(observed.sum())
    return 2.0 * n * float(_kl(observed, shares)) if n > 0 else 0.0


def goodness_of_fit(counts: ArrayLike, target: ArrayLike) -> TestResult:
    """Return Pearson's chi-squared against the target and its asymptotic p-value (1900, Phil Mag 50:157).

    Arguments as `kl_divergence`; NaN and p = 1 without counts, inf and 0 when an excluded category occurs.
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
    return TestResult(chi2, float(chi2_sf(df, chi2)) if df else 1.0)


def sample_ratio_test(counts: ArrayLike, target: ArrayLike) -> TestResult:
    """Test whether the arms' users match the planned allocation: `goodness_of_fit` over users.

    Fabijan et al. 2019, KDD. p < .0005 makes a comparison invalid.

    >>> f"{sample_ratio_test([821588, 815482], [1, 1]).p_value:.1e}"
    '1.8e-06'
    """
    return goodness_of_fit(counts, target)


def exact_multinomial_test(counts: ArrayLike, target: ArrayLike) -> TestResult:
    """Return G and P(G >= observed) over every outcome of the multinomial with that n.

    Args:
        counts: how many fell into each category.
        target: the declared shares, scaled to add up to 1.

    Raises:
        ValueError: more than 50 million outcomes; use `simulated_multinomial_test`.
    """
    observed, shares = _checked(counts, target)
    g = g_statistic(observed, shares)
    kept = shares > 0
    if np.any(observed[~kept] > 0):
        return TestResult(float("inf"), 0.0)
    observed, shares = observed[kept], shares[kept]
    n = int(observed.sum())
    if n == 0:
        return TestResult(g, 1.0)
    if _outcome_count(n, shares.size) > _MOST_OUTCOMES:
        message = f"{n} counts in {shares.size} categories have too many outcomes to list; simulate the p-value."
        raise ValueError(message)
    limit = (g - _TIE * (1.0 + g)) / (2.0 * n)
    p_value = sum(float(chance[kl >= limit].sum()) for kl, chance in _null(n, shares))
    return TestResult(g, min(1.0, p_value))


def simulated_multinomial_test(
    counts: ArrayLike, target: ArrayLike, *, rng: Generator, draws: int = 100_000
) -> TestResult:
    """Return G and its Monte Carlo p-value; the observed outcome counts as one draw, so p is never 0."""
    observed, shares = _checked(counts, target)
    g = g_statistic(observed, shares)
    n = int(observed.sum())
    if n == 0:
        return TestResult(g, 1.0)
    simulated = 2.0 * n * _kl(rng.multinomial(n, shares, size=draws).astype(np.float64), shares)
    reached = np.count_nonzero(simulated >= g - _TIE * (1.0 + g))
    return TestResult(g, float((reached + 1) / (draws + 1)))


def kl_null_quantile(
    n: int,
    target: ArrayLike,
    *,
    confidence: float = 0.95,
    rng: Generator | None = None,
    draws: int = 100_000,
) -> float:
    """Return the smallest KL that n samples drawn from the target itself stay within, with that confidence.

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
        message = f"{n} samples in {shares.size} categories have too many outcomes to list; give rng to simulate."
        raise ValueError(message)
    simulated = _kl(rng.multinomial(n, shares, size=draws).astype(np.float64), shares)
    return float(np.quantile(simulated, confidence, method="inverted_cdf"))


def _checked(counts: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    observed, shares = np.asarray(counts, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if observed.ndim != 1 or observed.shape != shares.shape or observed.size == 0:
        message = f"counts has shape {observed.shape}, target {shares.shape}, must be one row of the same length."
        raise ValueError(message)
    if not (np.all(observed >= 0) and np.all(shares >= 0) and 0 < shares.sum() < np.inf):
        message = f"counts == {observed}, target == {shares}, must be 0 or more, and the target not all 0."
        raise ValueError(message)
    return observed, shares / shares.sum()


def _kl(outcomes: FloatArray, shares: FloatArray) -> FloatArray:
    """Return KL of each row of counts, which all add up to the same n > 0."""
    p = outcomes / outcomes.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):  # an excluded category that occurs is infinitely far
        return np.maximum(np.sum(x_log_y(p, p) - x_log_y(p, shares), axis=-1), 0.0)


def _outcome_count(n: int, categories: int) -> int:
    return comb(n + categories - 1, categories - 1)


def _null(n: int, shares: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield KL and probability of every outcome of n samples from the target, in chunks."""
    for outcomes in _outcomes(n, shares.size):
        log_chance = np.sum(x_log_y(outcomes, shares) - log_factorial(outcomes), axis=-1)
        yield _kl(outcomes, shares), np.exp(log_chance + log_factorial(n))


def _outcomes(n: int, categories: int) -> Iterator[FloatArray]:
    """Yield every way to put n things into the categories, in chunks of rows."""
    if _outcome_count(n, categories) <= _CHUNK:
        yield fillings(n, [n] * categories)
        return
    for first in range(n + 1):
        rest = fillings(n - first, [n] * (categories - 1))
        yield np.column_stack([np.full(len(rest), float(first)), rest])
