"""Ratios of clustered means.

Against the delta method by finite differences, root finding and simulation.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t

from rolloutlib.stats import clusters, inference

N1, S1 = [20, 18, 25, 7, 30, 12], [6, 2, 9, 1, 8, 3]
N0, S0 = [19, 20, 21, 10, 28, 12], [9, 6, 11, 3, 12, 8]
EVERYTHING = (-np.inf, np.inf)


def test_linearised_ratio_is_the_delta_method() -> None:
    """The CR1 error is the ratio's gradient (finite differences) times the covariance."""
    linearised = clusters.cluster_ratio(N1, S1, N0, S0, kind="CR1")
    totals = np.array([np.sum(S1), np.sum(N1), np.sum(S0), np.sum(N0)], dtype=float)
    cells = np.array([S1, N1, S0, N0], dtype=float)

    def ratio(sums: np.ndarray) -> float:
        return sums[0] / sums[1] / (sums[2] / sums[3])

    gradient = [(ratio(totals + step) - ratio(totals - step)) / 2e-4 for step in 1e-4 * np.eye(4)]
    contributions = np.array(gradient) @ (cells - cells.mean(axis=1, keepdims=True))
    assert linearised.point == pytest.approx(ratio(totals))
    assert linearised.se == pytest.approx(np.sqrt(6 / 5 * np.sum(contributions**2)), rel=1e-6)


@pytest.mark.parametrize("crossed", [True, False])
def test_bounds_invert_the_contrast(*, crossed: bool) -> None:
    """At a bound the contrast mean1 - ratio·mean0 is t standard errors from 0 (SciPy's root)."""
    arms = (N1, S1, N0, S0) if crossed else clusters.side_by_side(N1, S1, N0, S0)
    df = clusters.cluster_ratio(*arms).df

    def beyond(ratio: float, quantile: float) -> float:
        contrast = clusters.cluster_contrast(*arms, ratio)
        return contrast.point / contrast.se - quantile

    expected = [brentq(beyond, 0.01, 3, args=(t.ppf(level, df),)) for level in (0.95, 0.05)]
    assert clusters.cluster_ratio_bounds(*arms) == pytest.approx(expected, abs=1e-9)


def test_no_events() -> None:
    """Without treatment events the bounds are open, yet the contrast proves a reduction.

    Without control, nothing.
    """
    none, many = [0] * 6, [5, 4, 7, 3, 9, 4]
    assert clusters.cluster_ratio_bounds(N1, none, N0, many) == EVERYTHING
    proof = inference.t_bounds(clusters.cluster_contrast(N1, none, N0, many, 0.7))
    assert proof.upper < 0
    assert clusters.cluster_ratio_bounds(N1, many, N0, none) == EVERYTHING
    linearised = clusters.cluster_ratio(N1, many, N0, none)
    assert np.isnan(linearised.point)
    assert linearised.se == np.inf
    assert clusters.cluster_ratio_bounds(*clusters.side_by_side([9], [4], N0, S0)) == EVERYTHING


def test_simulated_size() -> None:
    """In 2,000 simulated comparisons of 40 users, ratio .7 is rejected in about 5 % at ratio .7."""
    rng = np.random.default_rng(4)
    n = rng.integers(10, 31, (2000, 40))
    rate = rng.beta(2, 8, (2000, 40))
    s1, s0 = rng.binomial(n, 0.7 * rate), rng.binomial(n, rate)
    bounds = clusters.cluster_ratio_bounds(n, s1, n, s0)
    assert np.mean(np.asarray(bounds.upper) >= 0.7) == pytest.approx(0.95, abs=0.015)
    tested = inference.t_test(clusters.cluster_contrast(n, s1, n, s0, 0.7), alternative="less")
    assert np.mean(np.asarray(tested.p_value) < 0.05) == pytest.approx(0.05, abs=0.015)
