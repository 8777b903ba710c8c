"""Quantiles: against SciPy's quantile test, brute force and the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, quantile_test

from rolloutlib import stats


@pytest.mark.parametrize("n", [59, 100, 600])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.95])
def test_bounds_equal_scipy(n: int, q: float) -> None:
    """The order statistics are those of SciPy's one-sided quantile_test intervals."""
    values = np.random.default_rng(n).lognormal(7, 0.6, n)
    ours = stats.quantile_bounds(values, q)
    below: Any = quantile_test(values, q=1000, p=q, alternative="greater").confidence_interval(0.95)
    above: Any = quantile_test(values, q=1000, p=q, alternative="less").confidence_interval(0.95)
    assert ours == (below.low, above.high if np.isfinite(above.high) else np.inf)


@pytest.mark.parametrize("n", [59, 60, 93, 600, 1000])
def test_rank_is_the_smallest_that_suffices(n: int) -> None:
    """P(Binomial(n, q) <= r - 1) reaches 95 % at the rank and not below it (SciPy)."""
    rank = stats.quantile_upper_rank(n, 0.95)
    assert rank is not None
    assert binom.cdf(rank - 1, n, 0.95) >= 0.95 > binom.cdf(rank - 2, n, 0.95)


def test_rank_and_exceedances_say_the_same() -> None:
    """The p95 is proven below L by the rank just when Clopper and Pearson prove P(X > L) below .05."""
    n = 600
    rank = stats.quantile_upper_rank(n, 0.95)
    assert rank == 580
    assert (
        stats.clopper_pearson(n - rank, n).upper
        <= 0.05
        < stats.clopper_pearson(n - rank + 1, n).upper
    )
    assert stats.events_allowed(n, 0.05) == n - rank


def test_too_few_values_bound_nothing() -> None:
    """58 values cannot bound a p95 from above, 59 can; no values bound nothing."""
    assert stats.quantile_upper_rank(58, 0.95) is None
    assert stats.quantile_upper_rank(59, 0.95) == 59
    assert stats.quantile_bounds(np.arange(30.0), 0.95).upper == np.inf
    assert stats.quantile_bounds([], 0.5) == (-np.inf, np.inf)


def test_lower_rank_mirrors_the_upper_one() -> None:
    """The lower rank is the largest with P(Binomial(n, q) >= r) of at least 95 % (SciPy)."""
    rank = stats.quantile_lower_rank(200, 0.95)
    assert rank is not None
    assert binom.sf(rank - 1, 200, 0.95) >= 0.95 > binom.sf(rank, 200, 0.95)


def test_smallest_sample_by_brute_force() -> None:
    """quantile_n is the first n whose allowed exceedances reach k, found by counting up."""
    for k in range(4):
        first = next(n for n in range(1, 400) if binom.cdf(k, n, 0.05) <= 0.05)
        assert stats.quantile_n(0.95, exceedances=k) == first


def test_refuses_nan() -> None:
    """A NaN value would sort anywhere, so it is refused."""
    with pytest.raises(ValueError, match="values hold NaN"):
        stats.quantile_bounds([1.0, float("nan")], 0.5)
