"""Rates of counts and the next day's mean, against statsmodels and simulated worlds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.rates import confint_poisson

from rolloutlib.stats.prediction import prediction_bounds
from rolloutlib.stats.rates import clustered_rate, garwood


@pytest.mark.parametrize(("events", "exposure"), [(0, 30), (1, 1), (7, 30), (212, 690.5)])
def test_garwood_is_the_exact_interval(events: int, exposure: float) -> None:
    """Two bounds at 95 % are the exact central 90 % interval of statsmodels."""
    low, high = confint_poisson(events, exposure, method="exact-c", alpha=0.1)
    bounds = garwood(events, exposure)
    assert bounds.lower == pytest.approx(float(low), abs=1e-12)
    assert bounds.upper == pytest.approx(float(high), rel=1e-9)


def test_no_samples_and_one_cluster_bound_nothing() -> None:
    """What nobody saw excludes nothing; one person's samples do not tell how people differ."""
    for bounds in (garwood(0, 0), clustered_rate([9], [0]), clustered_rate([0, 0], [0, 0])):
        assert tuple(bounds) == (0.0, np.inf)
    assert np.shape(garwood([0, 3], [30, 30]).lower) == (2,)


def test_single_samples_are_the_exact_interval() -> None:
    """With a sample a cluster and counts that vary as Poisson's or less, nothing is added."""
    counts = [1] * 8 + [0] * 32
    bounds, exact = clustered_rate([1] * 40, counts), garwood(8, 40)
    assert bounds.lower == pytest.approx(exact.lower)
    assert bounds.upper == pytest.approx(exact.upper)


@pytest.mark.parametrize(
    ("people", "each", "rate", "shape"),
    [(30, 4, 0.3, 2.0), (12, 10, 0.02, 1e6), (100, 7, 0.3, 4.0)],
)
def test_people_who_differ_are_covered(people: int, each: int, rate: float, shape: float) -> None:
    """Gamma rates of people: each bound misses the true rate in 5 % of worlds, and an error."""
    rng, worlds = np.random.default_rng(5), 4000
    own = rate * rng.gamma(shape, 1 / shape, (worlds, people))
    n = np.full((worlds, people), float(each))
    bounds = clustered_rate(n, rng.poisson(own * each), icc_floor=0.1)
    missed = np.mean(bounds.upper < rate), np.mean(bounds.lower > rate)
    assert max(missed) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / worlds)


def test_the_next_mean_is_a_prediction_of_weighted_means() -> None:
    """The same interval as of one more observation in a weighted regression on a constant."""
    means, n, following = [7.5, 7.4, 7.6, 7.45], [30, 20, 40, 10], 25
    weights: Any = np.array(n)  # which the library's annotations know as one number
    fit = sm.WLS(means, np.ones(4), weights=weights).fit()
    frame = fit.get_prediction(np.ones((1, 1)), weights=following).summary_frame(alpha=0.1)
    bounds = prediction_bounds(means, n, following)
    assert bounds.lower == pytest.approx(float(frame["obs_ci_lower"].iloc[0]))
    assert bounds.upper == pytest.approx(float(frame["obs_ci_upper"].iloc[0]))
    both = prediction_bounds(means, n, [following, 0])
    assert (np.ravel(both.lower)[0], np.ravel(both.upper)[1]) == (
        pytest.approx(bounds.lower),
        np.inf,
    )


def test_means_that_do_not_vary_are_no_certainty() -> None:
    """Two means, or equal ones whose values do not vary, let nothing be expected."""
    for means, n in (([], []), ([1.0, 2.0], [9, 9]), ([1.0] * 5, [9] * 5)):
        assert tuple(prediction_bounds(means, n, 9)) == (-np.inf, np.inf)
    wide = prediction_bounds([0.9] * 5, [100] * 5, 100, variance=0.09)
    assert wide.upper - wide.lower > 0.1


@pytest.mark.parametrize("spread", [0.0, 0.03])
def test_days_that_differ_are_predicted(spread: float) -> None:
    """However much days differ, the next one lies beyond a bound in 5 % of worlds at most."""
    rng, worlds, missed = np.random.default_rng(8), 3000, 0
    n = np.array([60.0, 300.0, 280.0, 310.0, 90.0, 300.0])
    p = np.clip(0.85 + spread * rng.standard_normal((worlds, 6)), 0.01, 0.99)
    means = rng.binomial(n.astype(int), p) / n
    for day in means:
        missed += day[-1] < prediction_bounds(day[:-1], n[:-1], n[-1], variance=0.1275).lower
    assert missed / worlds < 0.05 + 3 * np.sqrt(0.05 * 0.95 / worlds)
