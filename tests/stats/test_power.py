"""Sample sizes: against statsmodels, counting up, and simulated power; Holm against statsmodels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower

from rolloutlib import stats

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("effect", "power"), [(1.0, 0.9), (0.5, 0.8), (0.1, 0.8), (3.0, 0.95)])
def test_t_test_n_equals_statsmodels(effect: float, power: float) -> None:
    """One- and two-sided sizes equal statsmodels' (which counts the wrong direction, negligible here)."""
    for sided, word in ((1, "larger"), (2, "two-sided")):
        theirs = TTestIndPower().solve_power(effect, power=power, alpha=0.05, alternative=word)
        assert stats.t_test_n(delta=effect, sd=1, power=power, sided=sided) == pytest.approx(
            theirs, rel=1e-5
        )


def test_proportions_n_has_its_power() -> None:
    """With the size for .8 v .9, 20,000 simulated tests without continuity correction reach 80 % within 1.5 points."""
    n = int(np.ceil(stats.proportions_n(p1=0.9, p0=0.8)))
    rng = np.random.default_rng(1)
    x1, x0 = rng.binomial(n, 0.9, 20_000), rng.binomial(n, 0.8, 20_000)
    p = stats.farrington_manning_difference_test(
        x1, n, x0, n, null=0.0, alternative="two-sided"
    ).p_value
    assert np.mean(np.asarray(p) < 0.05) == pytest.approx(0.8, abs=0.015)


def test_non_inferiority_sizes_of_the_plan() -> None:
    """Proving -2pp takes 2,783 samples an arm at .9, or 773 / 1,546 pairs at 5 / 10 % discordance."""
    assert stats.non_inferiority_n(variance1=0.09, variance0=0.09, margin=0.02) == 2783
    assert stats.paired_non_inferiority_n(discordance=0.05, margin=0.02) == 773
    assert stats.paired_non_inferiority_n(discordance=0.10, margin=0.02) == 1546


def test_paired_size_has_its_power() -> None:
    """With 773 pairs and no difference, Tango's lower bound clears -2pp in 80 % of 5,000 simulations."""
    rng = np.random.default_rng(2)
    b, c, _ = rng.multinomial(773, [0.025, 0.025, 0.95], 5000).T
    lower = np.asarray(stats.tango(b, c, 773).lower)
    assert np.mean(lower > -0.02) == pytest.approx(0.8, abs=0.03)


def test_variance_n_inverts_the_normal_bound() -> None:
    """N samples put the limit z_alpha + z_power standard errors away, n - 1 do not (SciPy's quantiles)."""
    n = stats.variance_n(variance=4.0, distance=0.3, power=0.9)
    needed = norm.ppf(0.95) + norm.ppf(0.9)
    assert 0.3 / np.sqrt(4.0 / n) >= needed > 0.3 / np.sqrt(4.0 / (n - 1))
    assert stats.variance_n(variance=0.0, distance=0.3) == 2


@given(st.floats(0.005, 0.6), st.integers(0, 6), st.floats(0.6, 0.99))
def test_events_n_is_the_first_that_proves(limit: float, events: int, confidence: float) -> None:
    """N samples prove the limit with that many events, n - 1 do not; events_allowed is its inverse."""
    n = stats.events_n(limit, events=events, confidence=confidence)
    assert binom.cdf(events, n, limit) <= 1 - confidence + 1e-12
    assert n == events + 1 or binom.cdf(events, n - 1, limit) > 1 - confidence - 1e-12
    assert stats.events_allowed(n, limit, confidence=confidence) >= events
    assert stats.events_allowed(n - 1, limit, confidence=confidence) < events


def test_manual_edits_of_the_plan() -> None:
    """Of 100 suggestions at most 22 edits prove 30 %; 298 samples cannot prove 1 % even without an error."""
    assert stats.events_allowed(100, 0.30) == 22
    assert stats.events_allowed(298, 0.01) == -1


def test_design_effect_is_the_ratio_of_variances() -> None:
    """For equal clusters of 20 with correlation .2 it is the simulated variance over the independent one."""
    rng = np.random.default_rng(3)
    rate = rng.beta(0.9 * 4, 0.1 * 4, (4000, 100))
    share = rng.binomial(20, rate).mean(axis=1) / 20
    assert share.var() / (0.09 / 2000) == pytest.approx(stats.design_effect(20, 0.2), rel=0.08)


@settings(max_examples=8)  # statsmodels takes 50 ms a call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    """Adjusted p-values equal statsmodels', in the given order."""
    assert stats.holm(p_values) == pytest.approx(
        multipletests(p_values, method="holm")[1], abs=1e-12
    )


def test_holm_of_nothing_and_of_nan() -> None:
    """No tests give no p-values; NaN is refused, because a test that cannot be judged has p = 1."""
    assert stats.holm([]).size == 0
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        stats.holm([0.1, float("nan")])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: stats.t_test_n(delta=0, sd=1), "delta == 0, must not be 0"),
        (lambda: stats.proportions_n(p1=0.5, p0=0.5), "p1 - p0 == 0"),
        (lambda: stats.variance_n(variance=1, distance=1, power=1), "power == 1"),
        (
            lambda: stats.non_inferiority_n(variance1=1, variance0=1, margin=0.02, delta=-0.02),
            "margin",
        ),
        (lambda: stats.events_n(0.0), "limit == 0"),
    ],
)
def test_refuses(call: Callable[[], object], says: str) -> None:
    """No effect, certain power and a limit of 0 have no sample size."""
    with pytest.raises(ValueError, match=says):
        call()
