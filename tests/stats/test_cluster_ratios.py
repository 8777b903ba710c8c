"""Ratios of clustered means: against the delta method by finite differences, root finding and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t

from rolloutlib import stats

N1, S1 = [20, 18, 25, 7, 30, 12], [6, 2, 9, 1, 8, 3]
N0, S0 = [19, 20, 21, 10, 28, 12], [9, 6, 11, 3, 12, 8]
EVERYTHING = (-np.inf, np.inf)


def test_linearised_ratio_is_the_delta_method() -> None:
    """The CR1 error is the gradient of the ratio (finite differences) times the clusters' covariance."""
    found = stats.ratio_of_means(N1, S1, N0, S0, crossed=True, kind="CR1")
    totals = np.array([np.sum(S1), np.sum(N1), np.sum(S0), np.sum(N0)], dtype=float)
    cells = np.array([S1, N1, S0, N0], dtype=float)

    def ratio(sums: np.ndarray) -> float:
        return sums[0] / sums[1] / (sums[2] / sums[3])

    gradient = [(ratio(totals + step) - ratio(totals - step)) / 2e-4 for step in 1e-4 * np.eye(4)]
    contributions = np.array(gradient) @ (cells - cells.mean(axis=1, keepdims=True))
    assert found.point == pytest.approx(ratio(totals))
    assert found.se == pytest.approx(np.sqrt(6 / 5 * np.sum(contributions**2)), rel=1e-6)


@pytest.mark.parametrize("crossed", [True, False])
def test_bounds_invert_the_contrast(*, crossed: bool) -> None:
    """At a bound the contrast mean1 - ratio·mean0 is t standard errors from 0 (SciPy's root)."""
    arms = (N1, S1, N0, S0) if crossed else stats.side_by_side(N1, S1, N0, S0)
    df = stats.ratio_of_means(N1, S1, N0, S0, crossed=crossed).df

    def beyond(ratio: float, quantile: float) -> float:
        found = stats.ratio_contrast(*arms, ratio)
        return found.point / found.se - quantile

    expected = [brentq(beyond, 0.01, 3, args=(t.ppf(level, df),)) for level in (0.95, 0.05)]
    bounds = stats.crossed_ratio_bounds if crossed else stats.nested_ratio_bounds
    assert bounds(N1, S1, N0, S0) == pytest.approx(expected, abs=1e-9)


def test_a_ratio_of_one_is_the_difference() -> None:
    """The contrast at ratio 1 is the crossed difference itself."""
    assert stats.ratio_contrast(N1, S1, N0, S0, 1.0) == stats.crossed_difference(N1, S1, N0, S0)


def test_no_events() -> None:
    """Without treatment events the bounds are open, yet the contrast proves a reduction; without control, nothing."""
    none, many = [0] * 6, [5, 4, 7, 3, 9, 4]
    assert stats.crossed_ratio_bounds(N1, none, N0, many) == EVERYTHING
    proof = stats.t_bounds(stats.ratio_contrast(N1, none, N0, many, 0.7))
    assert proof.upper < 0
    assert stats.crossed_ratio_bounds(N1, many, N0, none) == EVERYTHING
    found = stats.ratio_of_means(N1, many, N0, none, crossed=True)
    assert np.isnan(found.point)
    assert found.se == np.inf
    assert stats.nested_ratio_bounds([9], [4], N0, S0) == EVERYTHING


def test_simulated_size() -> None:
    """In 2,000 simulated comparisons of 40 users in both arms, ratio .7 is rejected in about 5 % at ratio .7."""
    rng = np.random.default_rng(4)
    n = rng.integers(10, 31, (2000, 40))
    rate = rng.beta(2, 8, (2000, 40))
    s1, s0 = rng.binomial(n, 0.7 * rate), rng.binomial(n, rate)
    bounds = stats.crossed_ratio_bounds(n, s1, n, s0)
    assert np.mean(np.asarray(bounds.upper) >= 0.7) == pytest.approx(0.95, abs=0.015)
    tested = stats.t_test(stats.ratio_contrast(n, s1, n, s0, 0.7), alternative="less")
    assert np.mean(np.asarray(tested.p_value) < 0.05) == pytest.approx(0.05, abs=0.015)
