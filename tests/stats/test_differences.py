"""Two proportions, difference and ratio.

Against a brute-force likelihood, Pearson's chi-squared and statsmodels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binom, chi2_contingency, norm
from statsmodels.stats.proportion import confint_proportions_2indep

from rolloutlib.stats import differences, ratios

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = [
    (56, 70, 48, 80),
    (9, 10, 3, 10),
    (1, 29, 0, 30),
    (440, 500, 435, 500),
    (5, 5, 0, 9),
    (0, 10, 0, 20),
]
CLOSE = 1e-10
BRUTE = 1e-6  # the brute-force maximum of a likelihood is flat, hence less exact


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Return x1, n1, x0, n0."""
    n1, n0 = draw(st.integers(1, 120)), draw(st.integers(1, 120))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n0)), n0


def score(
    table: tuple[int, int, int, int], null: float, p1_of: Callable[[float, float], float]
) -> float:
    """Return the uncorrected z by maximising the likelihood under the null numerically."""
    x1, n1, x0, n0 = table

    def loss(p0: float) -> float:
        p1 = p1_of(p0, null)
        if not (0 <= p1 <= 1):
            return np.inf
        return -(binom.logpmf(x1, n1, p1) + binom.logpmf(x0, n0, p0))

    ratio = p1_of(0.0, null) == 0
    low = 0.0 if ratio else max(0.0, -null)
    high = min(1.0, 1 / null) if ratio else min(1.0, 1 - null)
    p0 = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    p1, weight = p1_of(p0, null), (null if ratio else 1.0)
    variance = p1 * (1 - p1) / n1 + weight**2 * p0 * (1 - p0) / n0
    return (x1 / n1 - p1_of(x0 / n0, null)) / np.sqrt(variance)


@pytest.mark.parametrize("table", TABLES[:4])
def test_difference_bounds_invert_the_brute_force_score(table: tuple[int, int, int, int]) -> None:
    """At the bounds, z by numerical maximum likelihood times sqrt((N-1)/N) is the quantile."""
    total = table[1] + table[3]
    factor = np.sqrt((total - 1) / total)
    bounds = differences.miettinen_nurminen_difference(*table)
    for bound, z in zip(bounds, (norm.ppf(0.95), norm.ppf(0.05)), strict=True):
        assert score(table, bound, lambda p0, d: p0 + d) * factor == pytest.approx(z, abs=BRUTE)


@pytest.mark.parametrize("table", TABLES[:4])
def test_ratio_bounds_invert_the_brute_force_score(table: tuple[int, int, int, int]) -> None:
    """The same for ratios; a bound at the edge of the range (no events) is left out."""
    total = table[1] + table[3]
    factor = np.sqrt((total - 1) / total)
    bounds = ratios.miettinen_nurminen_ratio(*table)
    for bound, z in zip(bounds, (norm.ppf(0.95), norm.ppf(0.05)), strict=True):
        if 0 < bound < np.inf:
            assert score(table, bound, lambda p0, r: p0 * r) * factor == pytest.approx(z, abs=BRUTE)


@pytest.mark.parametrize("table", TABLES[:4])
def test_no_difference_is_pearson(table: tuple[int, int, int, int]) -> None:
    """At a null of 0 (or a ratio of 1) the squared z is Pearson's chi-squared."""
    x1, n1, x0, n0 = table
    chi2 = chi2_contingency([[x1, n1 - x1], [x0, n0 - x0]], correction=False)
    total = n1 + n0
    expected = pytest.approx(chi2.statistic * (total - 1) / total, abs=CLOSE)
    difference = differences.miettinen_nurminen_difference_test
    assert difference(*table, null=0.0, alternative="two-sided").statistic ** 2 == expected
    ratio = ratios.miettinen_nurminen_ratio_test(*table, null=1.0, alternative="two-sided")
    assert ratio.statistic**2 == expected


@pytest.mark.parametrize("table", TABLES[:4])
def test_statsmodels_agrees(table: tuple[int, int, int, int]) -> None:
    """The score ratio equals statsmodels' (its score difference is wrong, so is not asked)."""
    if min(table) > 0:
        theirs = confint_proportions_2indep(
            *table, compare="ratio", method="score", correction=True
        )
        ours = ratios.miettinen_nurminen_ratio(*table, confidence=0.975)
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("null", [-0.05, 0.0, 0.1])
def test_variance_at_the_null_is_the_scores(null: float) -> None:
    """With 10 million samples z is the distance over the root of the variance."""
    p1, p0, n = 0.88, 0.9, 10**7
    z = differences.miettinen_nurminen_difference_test(
        p1 * n, n, p0 * n, n, null=null, alternative="less"
    ).statistic
    variance = differences.score_variance(p1, p0, null)
    assert z == pytest.approx((p1 - p0 - null) / np.sqrt(variance / n), rel=1e-6)
    z = ratios.miettinen_nurminen_ratio_test(
        p1 * n, n, p0 * n, n, null=1 + null, alternative="less"
    ).statistic
    variance = ratios.ratio_score_variance(p1, p0, 1 + null)
    assert z == pytest.approx((p1 - (1 + null) * p0) / np.sqrt(variance / n), rel=1e-6)


def test_exact_coverage_is_near_nominal() -> None:
    """Over all tables of 30 v 30, MN's lower 95 % bound covers between 92.5 and 98 %."""
    n = 30
    x1, x0 = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    lower = np.asarray(differences.miettinen_nurminen_difference(x1, n, x0, n).lower)
    for p1, p0 in [(0.9, 0.9), (0.88, 0.9), (0.5, 0.5), (0.7, 0.9), (0.97, 0.95)]:
        chance = np.outer(binom.pmf(np.arange(n + 1), n, p1), binom.pmf(np.arange(n + 1), n, p0))
        assert 0.925 < chance[lower <= p1 - p0].sum() < 0.98


@pytest.mark.slow
@settings(max_examples=40)  # root finding takes 10 ms an example
@given(tables())
def test_swapped_arms_mirror(table: tuple[int, int, int, int]) -> None:
    """Swapping the arms negates and swaps the difference's bounds and inverts the ratio's.

    The point is inside.
    """
    x1, n1, x0, n0 = table
    difference, ratio_of = (
        differences.miettinen_nurminen_difference,
        ratios.miettinen_nurminen_ratio,
    )
    ours, swapped = difference(x1, n1, x0, n0), difference(x0, n0, x1, n1)
    assert ours == pytest.approx((-swapped.upper, -swapped.lower), abs=1e-9)
    assert ours.lower - CLOSE <= x1 / n1 - x0 / n0 <= ours.upper + CLOSE
    ratio, inverse = ratio_of(x1, n1, x0, n0), ratio_of(x0, n0, x1, n1)
    assert ratio.lower == pytest.approx(1 / inverse.upper if inverse.upper else np.inf, rel=1e-9)


@settings(max_examples=40)  # root finding takes 10 ms an example
@given(tables(), st.floats(-0.9, 0.9))
def test_bound_and_test_agree(table: tuple[int, int, int, int], null: float) -> None:
    """A null below the lower bound is one that the one-sided test rejects, and no other."""
    lower = differences.miettinen_nurminen_difference(*table).lower
    p = differences.miettinen_nurminen_difference_test(
        *table, null=null, alternative="greater"
    ).p_value
    if abs(lower - null) > 1e-9:
        assert (null < lower) == (p < 0.05)


def test_degenerate_tables() -> None:
    """All passed, none passed and empty arms have bounds with width, or the whole range."""
    bound = differences.miettinen_nurminen_difference
    assert bound(0, 0, 3, 5) == (-1, 1)
    lower, upper = bound(20, 20, 20, 20)
    assert -0.2 < lower < 0 < upper < 0.2
    assert bound(10, 10, 0, 10).upper == pytest.approx(1.0)
    bound = ratios.miettinen_nurminen_ratio
    assert bound(0, 10, 0, 10) == (0, np.inf)
    assert bound(0, 0, 3, 5) == (0, np.inf)
    assert bound(0, 100, 20, 100).lower == 0 < bound(0, 100, 20, 100).upper < 0.2
    assert bound(20, 100, 0, 100).upper == np.inf
    told_nothing = differences.miettinen_nurminen_difference_test(
        0, 0, 3, 5, null=0.0, alternative="greater"
    )
    assert np.isnan(told_nothing.statistic)
    assert told_nothing.p_value == 1
    assert (
        ratios.miettinen_nurminen_ratio_test(0, 9, 0, 9, null=0.7, alternative="less").p_value == 1
    )


def test_effective_counts_need_not_be_whole() -> None:
    """Counts divided by a design effect go through, wider than whole ones.

    Below one sample nothing is known.
    """
    whole = differences.miettinen_nurminen_difference(90, 100, 85, 100)
    halved = differences.miettinen_nurminen_difference(90 / 2.5, 40, 85 / 2.5, 40)
    assert halved.lower < whole.lower < whole.upper < halved.upper
    assert differences.miettinen_nurminen_difference(0.3, 0.4, 0.2, 0.5) == pytest.approx((-1, 1))


def test_large_samples_keep_nine_digits() -> None:
    """With a million samples an arm the bound still solves z = quantile to 1e-9 (brentq)."""
    table = (900_000, 1_000_000, 899_000, 1_000_000)

    def uncovered(null: float) -> float:
        tested = differences.miettinen_nurminen_difference_test(
            *table, null=null, alternative="greater"
        )
        return tested.statistic - norm.ppf(0.95)

    root = brentq(uncovered, -0.01, 0.01, xtol=1e-14)
    assert differences.miettinen_nurminen_difference(*table).lower == pytest.approx(root, abs=1e-9)


def test_refuses_a_null_outside_of_the_range() -> None:
    """A null difference of 1 and a null ratio of 0 are refused with the value and the rule."""
    with pytest.raises(ValueError, match="null == 1, must be between -1 and 1"):
        differences.miettinen_nurminen_difference_test(1, 2, 1, 2, null=1, alternative="less")
    with pytest.raises(ValueError, match="null == 0, must be between 0 and inf"):
        ratios.miettinen_nurminen_ratio_test(1, 2, 1, 2, null=0, alternative="less")
    with pytest.raises(
        ValueError, match="alternative == 'bigger', must be one of less, greater, two-sided"
    ):
        ratios.miettinen_nurminen_ratio_test(1, 2, 1, 2, null=1, alternative="bigger")  # pyright: ignore[reportArgumentType] -- the error is the point
