"""Tables of counts: against SciPy and permutation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association

from rolloutlib.stats import contingency

VETOES = [[30, 12, 8], [22, 25, 13], [5, 9, 26]]


def test_chi2_equals_scipy() -> None:
    """Statistic, p, degrees of freedom and Cramér's V equal SciPy's.

    Empty rows and columns change nothing.
    """
    theirs = chi2_contingency(VETOES, correction=False)
    for table in (VETOES, [*[[*row, 0] for row in VETOES], [0] * 4]):
        ours = contingency.contingency_chi2(table)
        assert ours[:3] == pytest.approx((theirs.statistic, theirs.pvalue, theirs.dof))
        assert ours.cramers_v == pytest.approx(association(VETOES, method="cramer"))
        assert ours.smallest_expected == pytest.approx(theirs.expected_freq.min())


def test_users_are_permuted_whole() -> None:
    """Two users with 50 vetoes each prove nothing about profiles.

    Twenty users who all differ do.
    """
    rng = np.random.default_rng(2)
    two = contingency.contingency_cluster_permutation(
        [[50, 0], [0, 50]], ["default", "strict"], rng=rng, draws=200
    )
    assert two.p_value == 1
    many = [[4, 1]] * 10 + [[1, 4]] * 10
    labels = ["default"] * 10 + ["strict"] * 10
    assert (
        contingency.contingency_cluster_permutation(many, labels, rng=rng, draws=999).p_value < 0.01
    )


def test_one_row_is_independent() -> None:
    """A table with one row, one column or no counts has nothing to test."""
    for table in ([[3, 4]], [[3], [4]], [[0, 0], [0, 0]], [[3, 4], [0, 0]]):
        assert np.isnan(contingency.contingency_chi2(table).statistic)
        assert contingency.contingency_chi2(table).p_value == 1
    alone = contingency.contingency_cluster_permutation(
        [[3, 4]], ["default"], rng=np.random.default_rng(1)
    )
    assert alone.p_value == 1


def test_refuses() -> None:
    """Negative counts and a flat list are refused."""
    with pytest.raises(ValueError, match="must be rows by columns"):
        contingency.contingency_chi2([[1, -1], [2, 2]])
    with pytest.raises(ValueError, match="must be rows by columns"):
        contingency.contingency_chi2([1, 2, 3])
