"""Ratios of means and of rates: against root finding, SciPy's distributions, statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, poisson, t
from statsmodels.stats.rates import confint_poisson
from statsmodels.stats.rates import test_poisson_2indep as poisson_2indep

from rolloutlib import stats

EVERYTHING = (-np.inf, np.inf)


@pytest.mark.parametrize("cov", [-200.0, 0.0, 900.0])
def test_fieller_solves_its_equation(cov: float) -> None:
    """At the bounds (m1 - θ m0)/se(θ) is t's quantile, found independently by SciPy's brentq."""
    m1, m0, v1, v0, df = 3100.0, 3000.0, 40.0**2, 35.0**2, 17.0

    def beyond(ratio: float, quantile: float) -> float:
        return (m1 - ratio * m0) / np.sqrt(v1 - 2 * ratio * cov + ratio**2 * v0) - quantile

    expected = [
        brentq(beyond, 0.5, 2, args=(t.ppf(level, df),), xtol=1e-14) for level in (0.95, 0.05)
    ]
    assert stats.fieller(m1, m0, v1, v0, cov, df) == pytest.approx(expected, abs=1e-10)


def test_fieller_covers() -> None:
    """In 20,000 simulated latencies on/off the lower bound covers the true ratio in 95 % of cases."""
    rng = np.random.default_rng(5)
    on, off = rng.normal(3300, 700, (2, 20_000, 30))
    off = off * 3000 / 3300
    v1, v0 = on.var(axis=1, ddof=1) / 30, off.var(axis=1, ddof=1) / 30
    bounds = stats.fieller(on.mean(axis=1), off.mean(axis=1), v1, v0, 0.0, 58.0)
    assert np.mean(np.asarray(bounds.lower) <= 1.1) == pytest.approx(0.95, abs=0.006)
    assert np.mean(np.asarray(bounds.upper) >= 1.1) == pytest.approx(0.95, abs=0.006)


def test_fieller_is_unbounded_when_the_control_may_be_zero() -> None:
    """A control within t standard errors of 0, no variation and no freedom leave the ratio open."""
    assert stats.fieller(5.0, 1.0, 1.0, 1.0, 0.0, 20.0) == EVERYTHING
    assert stats.fieller(5.0, 1.0, 0.0, 0.0, 0.0, 20.0) == EVERYTHING
    assert stats.fieller(5.0, 4.0, 1.0, 1.0, 0.0, 0.0) == EVERYTHING
    assert stats.fieller(np.nan, 4.0, 1.0, 1.0, 0.0, 9.0) == EVERYTHING
    with pytest.raises(ValueError, match=r"confidence == 0.4, must be between 0.5 and 1"):
        stats.fieller(5.0, 4.0, 1.0, 1.0, 0.0, 9.0, confidence=0.4)


@given(st.integers(0, 300), st.floats(0.1, 1000))
def test_poisson_rate_equals_statsmodels(x: int, exposure: float) -> None:
    """Garwood's bounds equal statsmodels' exact ones, and at 0 the closed form."""
    bounds = stats.poisson_rate(x, exposure, confidence=0.975)
    theirs = confint_poisson(x, exposure, method="exact-c")
    assert bounds.upper == pytest.approx(theirs[1], rel=1e-9)
    assert bounds.lower == (pytest.approx(theirs[0], rel=1e-9) if x else 0.0)
    if x == 0:
        assert stats.poisson_rate(0, exposure).upper == pytest.approx(-np.log(0.05) / exposure)


def test_poisson_rate_covers_exactly() -> None:
    """Summed over all counts, each bound covers every rate at least as often as it says (SciPy's Poisson)."""
    x = np.arange(60)
    bounds = stats.poisson_rate(x, 1.0)
    for rate in (0.01, 0.5, 2.0, 7.3, 20.0):
        assert poisson.pmf(x, rate)[np.asarray(bounds.upper) >= rate].sum() >= 0.95 - 1e-9
        assert poisson.pmf(x, rate)[np.asarray(bounds.lower) <= rate].sum() >= 0.95 - 1e-9


def test_conditional_ratio_is_binomial() -> None:
    """At the bounds the binomial tail of x1 given the total is alpha (SciPy); the test is that tail."""
    x1, t1, x0, t0 = 11, 800.0, 21, 3011.0
    lower, upper = stats.poisson_rate_ratio(x1, t1, x0, t0)
    low, high = (ratio * t1 / (ratio * t1 + t0) for ratio in (lower, upper))
    assert binom.sf(x1 - 1, 32, low) == pytest.approx(0.05, abs=1e-9)
    assert binom.cdf(x1, 32, high) == pytest.approx(0.05, abs=1e-9)
    greater = stats.poisson_rate_ratio_test(x1, t1, x0, t0, null=lower, alternative="greater")
    assert greater == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("null", [0.7, 1.0, 1.5])
def test_score_and_exact_tests_equal_statsmodels(null: float) -> None:
    """The score z and the exact conditional p equal statsmodels' at nulls other than 1 too."""
    theirs = poisson_2indep(60, 514.775, 30, 543.087, value=null, method="score", compare="ratio")
    ours = stats.poisson_rate_ratio_score_test(60, 514.775, 30, 543.087, null=null)
    assert ours == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    exact = poisson_2indep(
        60, 514.775, 30, 543.087, value=null, method="exact-cond", compare="ratio"
    )
    assert stats.poisson_rate_ratio_test(60, 514.775, 30, 543.087, null=null) == pytest.approx(
        exact.pvalue, rel=1e-9
    )


@given(st.integers(0, 50), st.integers(0, 50))
def test_swapped_arms_invert_the_rate_ratio(x1: int, x0: int) -> None:
    """Swapping the arms turns the lower bound into one over the upper one."""
    lower = stats.poisson_rate_ratio(x1, 3.0, x0, 2.0).lower
    upper = stats.poisson_rate_ratio(x0, 2.0, x1, 3.0).upper
    assert lower == pytest.approx(1 / upper if upper < np.inf else 0.0, rel=1e-9)


def test_no_events() -> None:
    """Without events nothing is bounded and nothing rejected; without control events nothing bounds from above."""
    assert stats.poisson_rate_ratio(0, 5.0, 0, 5.0) == (0, np.inf)
    assert stats.poisson_rate_ratio(4, 5.0, 0, 5.0).upper == np.inf
    assert stats.poisson_rate_ratio_score_test(0, 5.0, 0, 5.0).p_value == 1
    assert stats.poisson_rate_ratio_test(0, 5.0, 0, 5.0) == 1
    with pytest.raises(ValueError, match="must be x >= 0 events over an exposure > 0"):
        stats.poisson_rate(1, 0.0)
