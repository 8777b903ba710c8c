"""Independence in a table of counts: chi-squared, Cramér's V, Monte Carlo, permuted clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.stats._special import chi2_sf
from rolloutlib.stats.inference import TestResult

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import FloatArray

__all__ = [
    "Independence",
    "contingency_chi2",
    "contingency_cluster_permutation",
    "contingency_monte_carlo",
    "table_of",
]

_TIE = 1e-9


class Independence(NamedTuple):
    """A chi-squared test of independence.

    Attributes:
        statistic: Pearson's chi-squared; NaN when the table has under two rows or columns with counts.
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

    >>> contingency_chi2([[30, 12, 8], [22, 25, 13], [5, 9, 26]]).statistic.__round__(4)
    37.2138
    """
    observed = table_of(table)
    n, (rows, columns) = float(observed.sum()), observed.shape
    if min(rows, columns) < 2:  # noqa: PLR2004
        return Independence(float("nan"), 1.0, 0, float("nan"), float("nan"))
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / n
    chi2, df = float(_chi2(observed, expected)), (rows - 1) * (columns - 1)
    strength = float(np.sqrt(chi2 / (n * (min(rows, columns) - 1))))
    return Independence(chi2, float(chi2_sf(df, chi2)), df, strength, float(expected.min()))


def contingency_monte_carlo(table: ArrayLike, *, rng: Generator, draws: int = 20_000) -> TestResult:
    """Return chi-squared and its p-value over random tables with the same margins.

    For expected counts below 5, where the asymptotic p-value is doubtful. The observed table counts as one
    draw, so that p is never 0 (Hope 1968, JRSS B 30:582).
    """
    observed = table_of(table)
    chi2 = contingency_chi2(observed).statistic
    if np.isnan(chi2):
        return TestResult(chi2, 1.0)
    rows, columns = observed.sum(axis=1), observed.sum(axis=0)
    simulated = _chi2(
        _random_tables(rows, columns, rng, draws), np.outer(rows, columns) / observed.sum()
    )
    return TestResult(chi2, _p_value(simulated, chi2))


def contingency_cluster_permutation(
    counts: ArrayLike, labels: ArrayLike, *, rng: Generator, draws: int = 10_000
) -> TestResult:
    """Return chi-squared of label by category and its p-value when whole clusters swap labels.

    Samples of one user are not independent, so users are permuted rather than samples.

    Args:
        counts: counts of each category in each cluster. (clusters, categories)
        labels: the label of each cluster, such as its profile. (clusters,)
        rng: generator of the permutations.
        draws: how many; the observed labels count as one.
    """
    values = np.asarray(counts, dtype=np.float64)
    names, index = np.unique(np.asarray(labels), return_inverse=True)
    member = np.eye(names.size)[index]
    chi2 = contingency_chi2(member.T @ values).statistic
    if np.isnan(chi2):
        return TestResult(chi2, 1.0)
    order = rng.permuted(np.tile(np.arange(index.size), (draws, 1)), axis=1)
    simulated = np.array([contingency_chi2(member[row].T @ values).statistic for row in order])
    return TestResult(chi2, _p_value(simulated, chi2))


def table_of(table: ArrayLike) -> FloatArray:
    """Return counts without empty rows and columns; ValueError unless a matrix of 0 or more."""
    observed = np.asarray(table, dtype=np.float64)
    if observed.ndim != 2 or not np.all((observed >= 0) & np.isfinite(observed)):  # noqa: PLR2004
        message = f"table == {table}, must be rows by columns of counts, 0 or more."
        raise ValueError(message)
    return observed[np.ix_(observed.sum(axis=1) > 0, observed.sum(axis=0) > 0)]


def _chi2(observed: FloatArray, expected: FloatArray) -> FloatArray:
    return np.sum((observed - expected) ** 2 / expected, axis=(-2, -1))


def _p_value(simulated: FloatArray, observed: float) -> float:
    reached = np.count_nonzero(simulated >= observed * (1.0 - _TIE))
    return float((reached + 1) / (simulated.size + 1))


def _random_tables(rows: FloatArray, columns: FloatArray, rng: Generator, draws: int) -> FloatArray:
    """Return random tables with these margins, cell by cell (hypergeometric), as (draws, rows, columns)."""
    tables = np.zeros((draws, rows.size, columns.size))
    left = np.tile(columns.astype(np.int64), (draws, 1))
    for i, row in enumerate(rows):
        missing = np.full(draws, int(row))
        for j in range(columns.size):
            others = left[:, j + 1 :].sum(axis=1)
            tables[:, i, j] = cell = rng.hypergeometric(left[:, j], others, missing)
            missing -= cell
            left[:, j] -= cell
    return tables
