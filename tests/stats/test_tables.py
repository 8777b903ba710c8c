"""Tables of counts: against SciPy, enumeration, R's published examples and permutation."""

from __future__ import annotations

from itertools import product
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import MonteCarloMethod, chi2_contingency, fisher_exact
from scipy.stats.contingency import association

from rolloutlib import stats

VETOES = [[30, 12, 8], [22, 25, 13], [5, 9, 26]]


def test_chi2_equals_scipy() -> None:
    """Statistic, p, degrees of freedom and Cramér's V equal SciPy's; empty rows and columns change nothing."""
    theirs = chi2_contingency(VETOES, correction=False)
    for table in (VETOES, [*[[*row, 0] for row in VETOES], [0] * 4]):
        ours = stats.contingency_chi2(table)
        assert ours[:3] == pytest.approx((theirs.statistic, theirs.pvalue, theirs.dof))
        assert ours.cramers_v == pytest.approx(association(VETOES, method="cramer"))
        assert ours.smallest_expected == pytest.approx(theirs.expected_freq.min())


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
@settings(max_examples=50)
def test_two_by_two_is_fisher(cells: list[int]) -> None:
    """On 2 by 2 tables the exact p equals SciPy's fisher_exact."""
    table = np.reshape(cells, (2, 2))
    assert stats.fisher_freeman_halton(table) == pytest.approx(fisher_exact(table).pvalue, abs=1e-9)


@pytest.mark.parametrize(
    "table",
    [[[3, 0, 1], [0, 2, 2]], [[2, 1, 0], [0, 2, 1], [1, 0, 2]], [[1, 0, 0, 3], [0, 2, 2, 0]]],
)
def test_exact_p_by_enumeration(table: list[list[int]]) -> None:
    """The exact p is the share of all fillings with the same margins that are no likelier, counted one by one."""
    observed = np.array(table)
    rows, columns = observed.sum(axis=1), observed.sum(axis=0)
    weights = []
    for cells in product(range(int(observed.sum()) + 1), repeat=observed[:-1, :-1].size):
        filled = np.zeros_like(observed)
        filled[:-1, :-1] = np.reshape(cells, observed[:-1, :-1].shape)
        filled[:-1, -1] = rows[:-1] - filled[:-1, :-1].sum(axis=1)
        filled[-1] = columns - filled[:-1].sum(axis=0)
        if filled.min() >= 0:
            weights.append(1 / prod(factorial(int(x)) for x in filled.ravel()))
    limit = 1 / prod(factorial(int(x)) for x in observed.ravel()) * (1 + 1e-9)
    expected = sum(w for w in weights if w <= limit) / sum(weights)
    assert stats.fisher_freeman_halton(table) == pytest.approx(expected, abs=1e-9)


def test_exact_p_of_many_cells() -> None:
    """The 5 by 7 table of R's ?fisher.test (MP6) has p = .03929; transposed and reordered tables have the same p."""
    mp6 = np.array(
        [
            [1, 2, 2, 1, 1, 0, 1],
            [2, 0, 0, 2, 3, 0, 0],
            [0, 1, 1, 1, 2, 7, 3],
            [1, 1, 2, 0, 0, 0, 1],
            [0, 1, 1, 1, 1, 0, 0],
        ]
    )
    assert stats.fisher_freeman_halton(mp6) == pytest.approx(0.03929, abs=5e-6)
    small = np.array([[1, 3, 10, 6], [2, 3, 10, 7]])
    assert stats.fisher_freeman_halton(small[::-1, ::-1].T) == pytest.approx(
        stats.fisher_freeman_halton(small)
    )


def test_monte_carlo_approaches_the_exact_p() -> None:
    """Random tables keep both margins, and their p is near SciPy's own Monte Carlo p of chi-squared."""
    table = [[1, 3, 10, 6], [2, 3, 10, 7], [1, 6, 14, 12], [0, 1, 9, 11]]
    ours = stats.contingency_monte_carlo(table, rng=np.random.default_rng(1))
    theirs = chi2_contingency(
        table,
        correction=False,
        method=MonteCarloMethod(n_resamples=20_000, rng=np.random.default_rng(2)),
    )
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.012)
    assert (
        stats.contingency_monte_carlo(VETOES, rng=np.random.default_rng(1), draws=999).p_value
        == 0.001
    )


def test_users_are_permuted_whole() -> None:
    """Two users with 50 vetoes each prove nothing about profiles; twenty users who all differ do."""
    rng = np.random.default_rng(2)
    two = stats.contingency_cluster_permutation(
        [[50, 0], [0, 50]], ["default", "strict"], rng=rng, draws=200
    )
    assert two.p_value == 1
    many = [[4, 1]] * 10 + [[1, 4]] * 10
    labels = ["default"] * 10 + ["strict"] * 10
    assert stats.contingency_cluster_permutation(many, labels, rng=rng, draws=999).p_value < 0.01


def test_one_row_is_independent() -> None:
    """A table with one row, one column or no counts has nothing to test."""
    for table in ([[3, 4]], [[3], [4]], [[0, 0], [0, 0]], [[3, 4], [0, 0]]):
        assert np.isnan(stats.contingency_chi2(table).statistic)
        assert stats.contingency_chi2(table).p_value == 1
        assert stats.fisher_freeman_halton(table) == 1
        assert stats.contingency_monte_carlo(table, rng=np.random.default_rng(1)).p_value == 1
    alone = stats.contingency_cluster_permutation(
        [[3, 4]], ["default"], rng=np.random.default_rng(1)
    )
    assert alone.p_value == 1


def test_refuses() -> None:
    """Negative counts, a flat list and a table too large to list are refused."""
    with pytest.raises(ValueError, match="must be rows by columns"):
        stats.contingency_chi2([[1, -1], [2, 2]])
    with pytest.raises(ValueError, match="must be rows by columns"):
        stats.fisher_freeman_halton([1, 2, 3])
    with pytest.raises(ValueError, match="simulate the p-value"):
        stats.fisher_freeman_halton(np.full((6, 6), 60))
