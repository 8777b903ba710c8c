"""Counts against a target: against SciPy, brute-force enumeration and the published null quantiles."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare, entropy, multinomial, power_divergence

from rolloutlib import stats

TARGET = [3, 4, 3]
COUNTS = st.lists(st.integers(0, 60), min_size=3, max_size=3).filter(any)


@given(COUNTS)
def test_scipy_agrees(counts: list[int]) -> None:
    """KL, G and chi-squared equal SciPy's entropy, power_divergence and chisquare."""
    n, shares = sum(counts), np.array(TARGET) / 10
    assert stats.kl_divergence(counts, TARGET) == pytest.approx(entropy(counts, shares), abs=1e-12)
    g = power_divergence(counts, n * shares, lambda_="log-likelihood")
    assert stats.g_statistic(counts, TARGET) == pytest.approx(g.statistic, abs=1e-9)
    assert stats.goodness_of_fit(counts, TARGET) == pytest.approx(
        tuple(chisquare(counts, n * shares)), abs=1e-10
    )


@pytest.mark.parametrize("counts", [[5, 1, 2], [0, 0, 7], [2, 3, 2], [1, 1, 1, 6]])
def test_exact_p_by_brute_force(counts: list[int]) -> None:
    """The exact p-value is the multinomial probability of all outcomes with G at least as large (SciPy)."""
    n, target = sum(counts), [0.3, 0.4, 0.3] if len(counts) == 3 else [0.1, 0.2, 0.3, 0.4]
    limit = stats.g_statistic(counts, target) - 1e-9
    outcomes = [list(o) for o in product(range(n + 1), repeat=len(counts)) if sum(o) == n]
    expected = sum(
        multinomial.pmf(o, n, target) for o in outcomes if stats.g_statistic(o, target) >= limit
    )
    assert stats.exact_multinomial_test(counts, target).p_value == pytest.approx(expected, abs=1e-9)


def test_many_outcomes_go_in_chunks() -> None:
    """1,000 samples (501,501 outcomes) have an exact p near the simulated and the asymptotic one."""
    counts = [320, 390, 290]
    exact = stats.exact_multinomial_test(counts, TARGET)
    simulated = stats.simulated_multinomial_test(counts, TARGET, rng=np.random.default_rng(1))
    assert exact.statistic == simulated.statistic
    assert exact.p_value == pytest.approx(simulated.p_value, abs=0.005)
    assert exact.p_value == pytest.approx(stats.goodness_of_fit(counts, TARGET).p_value, abs=0.01)
    with pytest.raises(ValueError, match="too many outcomes to list; simulate"):
        stats.exact_multinomial_test([50_000] * 4, [1, 1, 1, 1])


@pytest.mark.parametrize(("n", "quantile"), [(30, 0.098), (90, 0.034), (300, 0.010), (1000, 0.003)])
def test_null_quantiles(n: int, quantile: float) -> None:
    """The 95 % quantiles of KL under the target 3:4:3 are the ones that the rollout's statistics state."""
    assert stats.kl_null_quantile(n, TARGET) == pytest.approx(quantile, abs=0.0005)


def test_null_quantile_beyond_listing_is_simulated() -> None:
    """10,000 samples have too many outcomes: 2n·KL is then near chi-squared's 95 % quantile (SciPy)."""
    found = stats.kl_null_quantile(10_000, TARGET, rng=np.random.default_rng(5))
    assert 2 * 10_000 * found == pytest.approx(chi2.ppf(0.95, 2), rel=0.03)
    with pytest.raises(ValueError, match="too many outcomes to list; give rng"):
        stats.kl_null_quantile(10_000, TARGET)


def test_excluded_categories() -> None:
    """A category that the target excludes is infinitely far when it occurs, and nothing when it does not."""
    assert stats.kl_divergence([5, 5, 1], [1, 1, 0]) == np.inf
    assert stats.goodness_of_fit([5, 5, 1], [1, 1, 0]) == (np.inf, 0)
    assert stats.exact_multinomial_test([5, 5, 1], [1, 1, 0]) == (np.inf, 0)
    assert stats.kl_divergence([5, 5, 0], [1, 1, 0]) == 0
    assert stats.goodness_of_fit([5, 5, 0], [1, 1, 0]).p_value == 1
    assert stats.goodness_of_fit([5], [1]).p_value == 1


def test_no_counts_say_nothing() -> None:
    """Without counts every test has p = 1 and KL is NaN."""
    none = [0, 0, 0]
    assert np.isnan(stats.kl_divergence(none, TARGET))
    assert stats.goodness_of_fit(none, TARGET).p_value == 1
    assert stats.exact_multinomial_test(none, TARGET).p_value == 1
    assert stats.simulated_multinomial_test(none, TARGET, rng=np.random.default_rng(1)).p_value == 1


def test_sample_ratio() -> None:
    """A split of 50.2 % in 1.6 million is a mismatch at .0005; the same split in 10,000 users is not."""
    assert stats.sample_ratio_test([821_588, 815_482], [1, 1]).p_value < 0.0005
    assert stats.sample_ratio_test([5_020, 4_980], [1, 1]).p_value > 0.5


@pytest.mark.parametrize(
    ("counts", "target"), [([1, 2], [1, 1, 1]), ([1, -1], [1, 1]), ([1, 1], [0, 0]), ([], [])]
)
def test_refuses(counts: list[int], target: list[int]) -> None:
    """Different lengths, negative counts, an empty target and no categories are refused."""
    with pytest.raises(ValueError, match="must be"):
        stats.kl_divergence(counts, target)
