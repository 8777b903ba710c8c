"""Means and moments: against SciPy, NIST's certified values, and merging in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from rolloutlib import stats

RNG = np.random.default_rng(3)
X, Y = RNG.lognormal(7, 0.5, 40), RNG.lognormal(7.1, 0.8, 25)
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def test_welch_equals_scipy() -> None:
    """Bounds, t, df and p from moments equal SciPy's from the values."""
    x, y = stats.moments_of(X), stats.moments_of(Y)
    arguments = (x.mean, x.var, x.n, y.mean, y.var, y.n)
    theirs = ttest_ind(X, Y, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert stats.welch(*arguments, confidence=0.975) == pytest.approx(
        (interval.low, interval.high), rel=1e-9
    )
    assert stats.welch_test(*arguments) == pytest.approx(
        (theirs.statistic, theirs.pvalue), rel=1e-9
    )
    assert stats.welch_inference(*arguments).df == pytest.approx(theirs.df, rel=1e-9)
    less = ttest_ind(X - 100, Y, equal_var=False, alternative="less")
    assert stats.welch_test(*arguments, null=100, alternative="less").p_value == pytest.approx(
        less.pvalue
    )


def test_one_mean_equals_scipy() -> None:
    """Student's bounds and test of one mean, and of pairs, equal SciPy's."""
    moments = stats.moments_of(X)
    theirs = ttest_1samp(X, 1000.0)
    interval = theirs.confidence_interval(0.9)
    for bound, test in (
        (stats.one_mean_t, stats.one_mean_t_test),
        (stats.paired_t, stats.paired_t_test),
    ):
        arguments = (moments.mean, moments.var, moments.n)
        assert bound(*arguments) == pytest.approx((interval.low, interval.high), rel=1e-9)
        assert test(*arguments, null=1000.0) == pytest.approx(
            (theirs.statistic, theirs.pvalue), rel=1e-9
        )


@pytest.mark.parametrize(
    ("base", "step", "mean"),
    [(1.2, 0.1, 1.2), (1_000_000.2, 0.1, 1_000_000.2), (10_000_000.2, 0.1, 10_000_000.2)],
)
@pytest.mark.parametrize("parts", [1, 2, 10, 143])
def test_nist_numacc(base: float, step: float, mean: float, parts: int) -> None:
    """NIST NumAcc2, 3 and 4 (sd exactly .1): a one-pass Σx² - (Σx)²/n gives 0 on the last; merged parts do not."""
    values = np.array([base, *[base - step, base + step] * 500])
    merged = stats.merge_moments(stats.moments_of(part) for part in np.array_split(values, parts))
    assert merged.n == 1001
    assert merged.mean == pytest.approx(mean, rel=1e-14)
    assert np.sqrt(merged.var) == pytest.approx(0.1, rel=1e-7)


@given(VALUES, VALUES, VALUES)
def test_moments_add(x: list[float], y: list[float], z: list[float]) -> None:
    """Merging is joining, in any order and grouping, up to rounding."""
    a, b, c = (stats.moments_of(values) for values in (x, y, z))
    together = stats.moments_of(x + y + z)
    scale = max(np.ptp([*x, *y, *z]), 1e-3)
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert merged.n == together.n
        assert merged.mean == pytest.approx(together.mean, rel=1e-12, abs=1e-12 * scale)
        assert merged.m2 == pytest.approx(together.m2, rel=1e-9, abs=1e-9 * scale**2)


def test_nothing_is_neutral() -> None:
    """The moments of no values change nothing, and none merged are none."""
    some = stats.moments_of([1.0, 4.0])
    none = stats.moments_of([])
    assert none.merge(some) == some == some.merge(none)
    assert stats.merge_moments([]) == none == none.merge(none)
    assert np.isnan(stats.moments_of([2.0]).var)


def test_too_little_is_infinite() -> None:
    """One value, and values without variation, bound nothing; the test has p = 1."""
    everything = (-np.inf, np.inf)
    assert stats.one_mean_t(5.0, float("nan"), 1) == everything
    assert stats.one_mean_t(5.0, 0.0, 10) == everything
    assert stats.welch(5.0, 1.0, 10, 4.0, float("nan"), 1) == everything
    assert stats.welch(5.0, 0.0, 10, 4.0, 0.0, 10) == everything
    assert stats.welch(np.nan, np.nan, 0, 4.0, 1.0, 9) == everything
    assert stats.one_mean_t_test(5.0, 0.0, 10, null=4.0).p_value == 1


def test_refuses_what_is_not_finite() -> None:
    """NaN values and a negative variance are refused with how many, or which."""
    with pytest.raises(ValueError, match="values hold 1 that are NaN or infinite"):
        stats.moments_of([1.0, float("nan")])
    with pytest.raises(ValueError, match=r"var == -1\.0, must be 0 or more"):
        stats.one_mean_t(0.0, -1.0, 5)


def test_bounds_and_test_agree_on_arrays() -> None:
    """Over an array of effects the null is below the lower bound exactly where the one-sided test rejects."""
    found = stats.ClusterInference(np.linspace(-1, 1, 41), 0.3, 7.0)  # pyright: ignore[reportArgumentType] -- arrays go too
    lower = np.asarray(stats.t_bounds(found).lower)
    p = np.asarray(stats.t_test(found, alternative="greater").p_value)
    assert ((lower > 0) == (p < 0.05)).all()
    assert 0 < (lower > 0).sum() < 41
