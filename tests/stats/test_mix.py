"""Mixes against their target: chance by scipy's G test, design effects of clusters by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rolloutlib.stats.divergence import design_effect, kl_chance, kl_divergence

TARGET = np.array([0.3, 0.4, 0.3])


def test_the_p_value_is_that_of_the_g_test() -> None:
    """Scipy's power_divergence (log-likelihood) is another implementation of 2·n·KL."""
    counts = np.array([420, 380, 290])
    n = int(counts.sum())
    chance = kl_chance(kl_divergence(counts, TARGET), n, TARGET)
    oracle = stats.power_divergence(counts, n * TARGET, lambda_="log-likelihood")
    assert chance.p_value == pytest.approx(oracle.pvalue)
    assert chance.within == pytest.approx(stats.chi2.ppf(0.95, 2) / (2 * n))


def test_exact_and_approximate_chance_meet() -> None:
    """At 300 samples the listed null and the chi-squared one differ by less than a hundredth."""
    exact, approximate = (kl_chance(0.0, n, TARGET).within * n for n in (300, 301))
    assert exact == pytest.approx(approximate, rel=0.01)


def test_clusters_that_are_alike_count_once() -> None:
    """G clusters of m equal samples tell as much as G samples: m, times G/(G − 1) for the mean."""
    alike = np.repeat(np.eye(3), 20, axis=0) * 7
    assert design_effect(alike) == pytest.approx(7 * 60 / 59)
    assert design_effect(np.eye(3)) == 1.0
    assert np.isnan(design_effect([[3, 4, 3]]))
