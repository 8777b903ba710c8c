"""Means from moments: against SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t as student
from scipy.stats import ttest_1samp, ttest_ind

from rolloutlib.stats import inference, means

if TYPE_CHECKING:
    from numpy.typing import NDArray

RNG = np.random.default_rng(3)
X, Y = RNG.lognormal(7, 0.5, 40), RNG.lognormal(7.1, 0.8, 25)


def moments(values: NDArray[np.float64]) -> tuple[float, float, int]:
    """Return mean, sample variance and count."""
    return float(values.mean()), float(values.var(ddof=1)), len(values)


def test_welch_equals_scipy() -> None:
    """Bounds, t, df and p from moments equal SciPy's from the values."""
    difference = means.welch_inference(*moments(X), *moments(Y))
    theirs = ttest_ind(X, Y, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    bounds = inference.t_bounds(difference, confidence=0.975)
    assert bounds == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert inference.t_test(difference) == pytest.approx(
        (theirs.statistic, theirs.pvalue), rel=1e-9
    )
    assert difference.df == pytest.approx(theirs.df, rel=1e-9)
    less = ttest_ind(X - 100, Y, equal_var=False, alternative="less")
    tested = inference.t_test(difference, null=100, alternative="less")
    assert tested.p_value == pytest.approx(less.pvalue)


def test_one_mean_equals_scipy() -> None:
    """Student's bounds and test of one mean equal SciPy's."""
    mean, theirs = means.mean_inference(*moments(X)), ttest_1samp(X, 1000.0)
    interval = theirs.confidence_interval(0.9)
    assert inference.t_bounds(mean) == pytest.approx((interval.low, interval.high), rel=1e-9)
    tested = inference.t_test(mean, null=1000.0)
    assert tested == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


def test_too_little_is_infinite() -> None:
    """One value, and values without variation, bound nothing; the test has p = 1."""
    everything = (-np.inf, np.inf)
    for estimate in (
        means.mean_inference(5.0, float("nan"), 1),
        means.mean_inference(5.0, 0.0, 10),
        means.welch_inference(5.0, 1.0, 10, 4.0, float("nan"), 1),
        means.welch_inference(5.0, 0.0, 10, 4.0, 0.0, 10),
        means.welch_inference(np.nan, np.nan, 0, 4.0, 1.0, 9),
    ):
        assert inference.t_bounds(estimate) == everything
        assert inference.t_test(estimate, null=4.0).p_value == 1


def test_refuses_a_negative_variance() -> None:
    """A negative variance is refused with its value."""
    with pytest.raises(ValueError, match=r"var == -1\.0, must be 0 or more"):
        means.mean_inference(0.0, -1.0, 5)


def test_bounds_and_test_agree_on_arrays() -> None:
    """The null is below the lower bound exactly where the one-sided test rejects."""
    points = inference.ClusterInference(np.linspace(-1, 1, 41), 0.3, 7.0)  # pyright: ignore[reportArgumentType] -- arrays go too
    lower = np.asarray(inference.t_bounds(points).lower)
    p = np.asarray(inference.t_test(points, alternative="greater").p_value)
    assert ((lower > 0) == (p < 0.05)).all()
    assert 0 < (lower > 0).sum() < 41


@pytest.mark.parametrize("skewness", [0.15, 0.4, 0.9])
def test_a_skewed_side_is_where_halls_transformation_is_t(skewness: float) -> None:
    """The bound towards the skewness is the root of Hall's cubic; the other one is Student's."""
    mean, df = inference.ClusterInference(2.0, 0.5, 24.0), 24
    k, t = skewness - 6**0.5 / (df + 1), student.ppf(0.95, df)
    root = brentq(lambda x: x + k * x**2 / 3 + k**2 * x**3 / 27 + k / 6 + t, -1e3, 1e3)
    above, below = (means.skewed_t(mean, sign * skewness) for sign in (1, -1))
    plain = inference.t_bounds(mean)
    assert above == pytest.approx((plain.lower, 2 - 0.5 * root))
    assert below == pytest.approx((2 + 0.5 * root, plain.upper))


def test_skewness_by_chance_changes_nothing() -> None:
    """What normal data show, and an estimate without an error, keep Student's bounds."""
    for mean in (inference.ClusterInference(2.0, 0.5, 24.0), inference.ClusterInference(2, 0, 9)):
        assert means.skewed_t(mean, 0.09) == inference.t_bounds(mean)
    assert means.skewness_of(np.zeros(5)) == 0


def test_rare_catastrophes_pass_at_most_as_promised() -> None:
    """One user in 14 loses 7 points: at the limit, 100 users pass in 9 % by Student, not here."""
    rng = np.random.default_rng(8)
    change = 0.38 * rng.standard_normal((4000, 100)) - 7 * (rng.random((4000, 100)) < 0.07)
    mean = means.mean_inference(change.mean(-1), change.var(-1, ddof=1), np.full(4000, 100))
    skewness = means.skewness_of(change - change.mean(-1, keepdims=True))
    assert np.mean(np.greater(inference.t_bounds(mean).lower, -0.49)) > 0.07
    assert np.mean(np.greater(means.skewed_t(mean, skewness).lower, -0.49)) < 0.05
