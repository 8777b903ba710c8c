"""Independence in a table of counts: chi-squared, Cramér's V, and permuted clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import floats
from rolloutlib.stats.inference import TestResult

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

_TIE = 1e-9
_MATRIX = 2  # axes


class Independence(NamedTuple):
    """A chi-squared test of independence.

    Attributes:
        statistic: Pearson's chi-squared; NaN when the table has under two rows or columns with
            counts.
        p_value: asymptotic; 1 then. Doubtful when an expected count is below 5.
        df: (rows - 1)(columns - 1).
        cramers_v: strength, 0 (none) to 1.
        smallest_expected: the smallest expected count.
    """

    statistic: float
    p_value: float
    df: int
    cramers_v: float
    smallest_expected: float


def contingency_chi2(table: ArrayLike) -> Independence:
    """Return Pearson's chi-squared of independence, uncorrected, and Cramér's V (1946).

    Args:
        table: counts, rows by columns; rows and columns without counts are left out.

    Raises:
        ValueError: not a matrix, or a count below 0.

    >>> contingency_chi2([[30, 12, 8], [22, 25, 13], [5, 9, 26]]).statistic.__round__(4)
    37.2138
    """
    observed = np.asarray(table, dtype=np.float64)
    if observed.ndim != _MATRIX or not np.all((observed >= 0) & np.isfinite(observed)):
        message = f"table == {table}, must be rows by columns of counts, 0 or more."
        raise ValueError(message)
    observed = observed[np.ix_(observed.sum(axis=1) > 0, observed.sum(axis=0) > 0)]
    n, (rows, columns) = float(observed.sum()), observed.shape
    if min(rows, columns) <= 1:
        return Independence(float("nan"), 1.0, 0, float("nan"), float("nan"))
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / n
    chi2, df = float(np.sum((observed - expected) ** 2 / expected)), (rows - 1) * (columns - 1)
    strength = float(np.sqrt(chi2 / (n * (min(rows, columns) - 1))))
    p_value = float(special.chdtrc(*floats(df, chi2)))
    return Independence(chi2, p_value, df, strength, float(expected.min()))


def contingency_cluster_permutation(
    counts: ArrayLike, labels: ArrayLike, *, rng: Generator, draws: int = 10_000
) -> TestResult:
    """Return chi-squared of label by category and its p-value when whole clusters swap labels.

    Samples of one user are not independent, so users are permuted rather than samples. The observed
    labels count as one draw, so that p is never 0 (Hope 1968, JRSS B 30:582).

    Args:
        counts: counts of each category in each cluster. (clusters, categories)
        labels: the label of each cluster, such as its profile. (clusters,)
        rng: generator of the permutations.
        draws: how many.
    """
    values = np.asarray(counts, dtype=np.float64)
    names, index = np.unique(np.asarray(labels), return_inverse=True)
    member = np.eye(names.size)[index]
    chi2 = contingency_chi2(member.T @ values).statistic
    if np.isnan(chi2):
        return TestResult(chi2, 1.0)
    order = rng.permuted(np.tile(np.arange(index.size), (draws, 1)), axis=1)
    simulated = np.array([contingency_chi2(member[row].T @ values).statistic for row in order])
    reached = np.count_nonzero(simulated >= chi2 * (1.0 - _TIE))
    return TestResult(chi2, float((reached + 1) / (draws + 1)))
