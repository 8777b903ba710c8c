"""Resampling: against SciPy's permutation test, the t bounds, and the clock."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import permutation_test

from rolloutlib import stats

VALUES = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.3, 2.0]
EVERYTHING = (-np.inf, np.inf)


@pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
def test_sign_flip_equals_scipy(alternative: stats.Alternative) -> None:
    """All 1,024 sign patterns give the p-value of SciPy's exact paired permutation test."""
    theirs = permutation_test(
        (VALUES,), np.sum, permutation_type="samples", alternative=alternative, n_resamples=9_999
    )
    ours = stats.sign_flip(VALUES, alternative=alternative)
    assert ours == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-12)


def test_sampled_flips_approach_the_exact_ones() -> None:
    """With 24 values, random patterns give the t test's p within simulation error, and never 0."""
    values = np.random.default_rng(1).normal(0.4, 1, 24)
    moments = stats.moments_of(values)
    t = stats.one_mean_t_test(moments.mean, moments.var, moments.n, alternative="greater")
    sampled = stats.sign_flip(values, alternative="greater", rng=np.random.default_rng(2))
    assert sampled.p_value == pytest.approx(t.p_value, abs=0.01)
    assert (
        stats.sign_flip(
            np.ones(24), alternative="greater", rng=np.random.default_rng(2), flips=999
        ).p_value
        == 0.001
    )


def test_few_values_prove_nothing() -> None:
    """Four equal signs reach 1/16 at best, five 1/32; nothing at all has p = 1; zeros say nothing."""
    assert stats.sign_flip([1, 2, 3, 4], alternative="greater").p_value == 1 / 16
    assert stats.sign_flip([1, 2, 3, 4, 5, 0, 0], alternative="greater").p_value == 1 / 32
    assert stats.sign_flip([]).p_value == stats.sign_flip([0, 0]).p_value == 1


def test_cluster_sign_flip_of_equal_users_is_the_paired_one() -> None:
    """When every user has 10 samples in each arm, it is the sign flip of the users' differences less the null."""
    n, s1, s0 = [10] * 8, [9, 8, 10, 7, 9, 10, 9, 8], [8, 8, 7, 7, 6, 9, 9, 5]
    ours = stats.cluster_sign_flip(n, s1, n, s0, null=-0.02, alternative="greater")
    pairs = stats.sign_flip((np.subtract(s1, s0) / 10 + 0.02) / 8, alternative="greater")
    assert ours == pytest.approx(pairs, abs=1e-12)
    assert stats.cluster_sign_flip([0, 0], [0, 0], n[:2], s0[:2]).p_value == 1


def test_cluster_sign_flip_has_its_size() -> None:
    """Over 400 simulated replays of 8 users without an effect it rejects at 5 % in at most 8 %."""
    rng = np.random.default_rng(6)
    n = rng.integers(5, 21, (400, 8))
    rate = rng.beta(9, 1, n.shape)
    s1, s0 = rng.binomial(n, rate), rng.binomial(n, rate)
    p = [
        stats.cluster_sign_flip(n[k], s1[k], n[k], s0[k], alternative="greater").p_value
        for k in range(400)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.08


def test_bootstrap_is_near_the_t_bounds() -> None:
    """With 200 users the percentile bounds of a mean and of both designs' differences lie near CR2's t bounds."""
    rng = np.random.default_rng(8)
    n = rng.integers(10, 31, (2, 200))
    s = rng.binomial(n, rng.beta(9, 1, 200))
    for bootstrapped, exact in (
        (stats.cluster_bootstrap(n[0], s[0], rng=rng), stats.cluster_mean(n[0], s[0], kind="CR2")),
        (
            stats.cluster_bootstrap(n[0], s[0], n[1], s[1], rng=rng, crossed=True),
            stats.crossed_difference(n[0], s[0], n[1], s[1], kind="CR2"),
        ),
        (
            stats.cluster_bootstrap(n[0], s[0], n[1], s[1], rng=rng),
            stats.nested_difference(n[0], s[0], n[1], s[1], kind="CR2"),
        ),
    ):
        assert bootstrapped == pytest.approx(stats.t_bounds(exact), abs=0.15 * exact.se + 0.0005)


def test_bootstrap_of_too_little_is_infinite() -> None:
    """One cluster and clusters without variation are not resampled to certainty."""
    rng = np.random.default_rng(0)
    assert stats.cluster_bootstrap([50], [40], rng=rng) == EVERYTHING
    assert stats.cluster_bootstrap([5, 5, 5], [5, 5, 5], rng=rng) == EVERYTHING
    assert stats.cluster_bootstrap([], [], rng=rng) == EVERYTHING
    assert stats.cluster_bootstrap([5, 9, 4], [2, 7, 4], [3], [1], rng=rng) == EVERYTHING


def test_bootstrap_works_on_sums() -> None:
    """10,000 resamples of 500 clusters (200,000 samples) take at most 2 s of processor time."""
    rng = np.random.default_rng(0)
    n = np.full(500, 400)
    s = rng.binomial(n, 0.9)
    started = time.process_time()
    stats.cluster_bootstrap(n, s, rng=rng)
    assert time.process_time() - started < 2


def test_refuses_unlisted_patterns_without_a_generator() -> None:
    """More than 20 values need a generator, and NaN is refused."""
    with pytest.raises(ValueError, match="21 values have too many sign patterns to list; give rng"):
        stats.sign_flip(np.ones(21))
    with pytest.raises(ValueError, match="must be finite"):
        stats.sign_flip([1.0, float("nan")])
