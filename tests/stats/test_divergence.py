"""Counts against a target: against SciPy and the published null quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare, entropy

from rolloutlib.stats import divergence

TARGET = [3, 4, 3]
COUNTS = st.lists(st.integers(0, 60), min_size=3, max_size=3).filter(any)


@given(COUNTS)
def test_scipy_agrees(counts: list[int]) -> None:
    """KL and chi-squared equal SciPy's entropy and chisquare."""
    n, shares = sum(counts), np.array(TARGET) / 10
    assert divergence.kl_divergence(counts, TARGET) == pytest.approx(
        entropy(counts, shares), abs=1e-12
    )
    assert divergence.goodness_of_fit(counts, TARGET) == pytest.approx(
        tuple(chisquare(counts, n * shares)), abs=1e-10
    )


@pytest.mark.parametrize(("n", "quantile"), [(30, 0.098), (90, 0.034), (300, 0.010), (1000, 0.003)])
def test_null_quantiles(n: int, quantile: float) -> None:
    """The 95 % quantiles of KL under the target 3:4:3 are the published ones."""
    assert divergence.kl_null_quantile(n, TARGET) == pytest.approx(quantile, abs=0.0005)


def test_null_quantile_beyond_listing_is_simulated() -> None:
    """10,000 samples have too many outcomes.

    2n·KL is then near chi-squared's 95 % quantile (SciPy).
    """
    quantile = divergence.kl_null_quantile(10_000, TARGET, rng=np.random.default_rng(5))
    assert 2 * 10_000 * quantile == pytest.approx(chi2.ppf(0.95, 2), rel=0.03)
    with pytest.raises(ValueError, match="too many outcomes to list; give rng"):
        divergence.kl_null_quantile(10_000, TARGET)


def test_excluded_categories() -> None:
    """An excluded category is infinitely far when it occurs, and nothing when not."""
    assert divergence.kl_divergence([5, 5, 1], [1, 1, 0]) == np.inf
    assert divergence.goodness_of_fit([5, 5, 1], [1, 1, 0]) == (np.inf, 0)
    assert divergence.kl_divergence([5, 5, 0], [1, 1, 0]) == 0
    assert divergence.goodness_of_fit([5, 5, 0], [1, 1, 0]).p_value == 1
    assert divergence.goodness_of_fit([5], [1]).p_value == 1


def test_no_counts_say_nothing() -> None:
    """Without counts the test has p = 1 and KL is NaN."""
    none = [0, 0, 0]
    assert np.isnan(divergence.kl_divergence(none, TARGET))
    assert divergence.goodness_of_fit(none, TARGET).p_value == 1


def test_sample_ratio() -> None:
    """A split of 50.2 % in 1.6 million is a mismatch at .0005; in 10,000 users it is not."""
    assert divergence.goodness_of_fit([821_588, 815_482], [1, 1]).p_value < 0.0005
    assert divergence.goodness_of_fit([5_020, 4_980], [1, 1]).p_value > 0.5


@pytest.mark.parametrize(
    ("counts", "target"), [([1, 2], [1, 1, 1]), ([1, -1], [1, 1]), ([1, 1], [0, 0]), ([], [])]
)
def test_refuses(counts: list[int], target: list[int]) -> None:
    """Different lengths, negative counts, an empty target and no categories are refused."""
    with pytest.raises(ValueError, match="must be"):
        divergence.kl_divergence(counts, target)
