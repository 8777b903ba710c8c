"""Korn and Graubard: against its parts, coverage in simulation, and the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, t

from rolloutlib.stats import clusters, effective, proportions

N, X = [20, 18, 25, 7, 30, 12], [17, 12, 24, 5, 22, 11]


def test_is_the_beta_interval_of_the_effective_size() -> None:
    """Written out with SciPy's t and beta.

    Σn over the design effect, times the squared ratio of t quantiles.
    """
    share = np.sum(X) / np.sum(N)
    error = clusters.cluster_mean(N, X, kind="CR1").se
    size = share * (1 - share) / error**2 * (t.ppf(0.95, 111) / t.ppf(0.95, 5)) ** 2
    events = size * share
    lower = beta.ppf(0.05, events, size - events + 1)
    upper = beta.ppf(0.95, events + 1, size - events)
    assert effective.korn_graubard(N, X, icc_floor=None) == pytest.approx((lower, upper), abs=1e-10)


def test_single_samples_are_nearly_clopper_pearson() -> None:
    """With one sample a cluster the effective size is n - 1 (the variance divides by n - 1)."""
    x = np.array([1] * 9 + [0] * 41)
    assert effective.effective_sample_size(np.ones(50), x) == pytest.approx(49)
    expected = proportions.clopper_pearson(9 / 50 * 49, 49)
    assert effective.korn_graubard(np.ones(50), x) == pytest.approx(expected, abs=1e-12)


def test_clusters_that_happen_to_agree_do_not_count_double() -> None:
    """A design effect below 1 counts as 1, and with a floor as 1 + icc·(size - 1).

    None lets it fall.
    """
    n, even = [10] * 8, [3, 3, 3, 3, 3, 3, 3, 4]
    assert effective.effective_sample_size(n, even, icc_floor=None) > 80
    assert effective.effective_sample_size(n, even) == 80
    assert effective.effective_sample_size(n, even, icc_floor=0.05) == pytest.approx(
        80 / (1 + 0.05 * 9)
    )


def test_no_events_use_the_floor() -> None:
    """0 events in 40 users of 10.

    The upper bound is exact for 400/1.45 samples, with the users' t quantile.
    """
    size = 400 / 1.45 * (t.ppf(0.95, 399) / t.ppf(0.95, 39)) ** 2
    bounds = effective.korn_graubard([10] * 40, [0] * 40, icc_floor=0.05)
    assert bounds == pytest.approx((0, 1 - 0.05 ** (1 / size)), abs=1e-12)
    assert effective.korn_graubard([10] * 40, [10] * 40, icc_floor=0.05).lower == pytest.approx(
        1 - bounds.upper
    )


def test_one_cluster_knows_nothing() -> None:
    """One user, however many samples, and no samples at all leave 0 to 1."""
    assert effective.korn_graubard([500], [0]) == (0, 1)
    assert effective.korn_graubard([500, 0], [3, 0]) == (0, 1)
    assert effective.korn_graubard([0, 0], [0, 0]) == (0, 1)


def test_simulated_coverage() -> None:
    """At 1 % errors, 60 uneven users and correlation .05 the upper bound covers in 95 %."""
    rng = np.random.default_rng(9)
    n = rng.integers(5, 31, (2000, 60))
    x = rng.binomial(n, rng.beta(0.01 * 19, 0.99 * 19, n.shape))
    upper = np.asarray(effective.korn_graubard(n, x, icc_floor=0.05).upper)
    assert np.mean(upper >= 0.01) >= 0.94
    alone = np.asarray(proportions.clopper_pearson(x.sum(axis=1), n.sum(axis=1)).upper)
    assert np.mean(alone >= 0.01) < 0.93
