"""The exact test of independence in a table of any size."""

from __future__ import annotations

from math import comb, prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.stats._numeric import fillings
from rolloutlib.stats._special import log_factorial
from rolloutlib.stats.contingency import table_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import FloatArray

__all__ = ["fisher_freeman_halton"]

_TIE = 1e-7  # tables this close in log probability are equally likely, as in R's fisher.test
_GRID = 1e9  # paths whose log factorials agree to 1e-9 are one path
_CHUNK = 1_000_000
_MOST_STEPS = 500_000_000


class _Paths(NamedTuple):
    """All ways to fill the columns so far, those alike counted together.

    Attributes:
        left: what each row still needs. (paths, rows)
        cost: the sum of log(x!) over the cells filled. (paths,)
        ways: how many fillings are alike. (paths,)
    """

    left: FloatArray
    cost: FloatArray
    ways: FloatArray


def fisher_freeman_halton(table: ArrayLike) -> float:
    """Return the chance of all tables with these margins that are no likelier than the observed one.

    Exact (Freeman and Halton 1951, Biometrika 38:141), column by column over what the rows still need, as the
    network algorithm (Mehta and Patel 1983, JASA 78:427), but with the last two columns joined by sorting.

    Args:
        table: counts, rows by columns; rows and columns without counts are left out.

    Returns:
        The p-value; 1 for a table with under two rows or columns.

    Raises:
        ValueError: the table is too large to list; `contingency_monte_carlo` simulates it.

    >>> round(fisher_freeman_halton([[1, 3, 10, 6], [2, 3, 10, 7], [1, 6, 14, 12], [0, 1, 9, 11]]), 4)
    0.7827
    """
    observed = table_of(table)
    if min(observed.shape, default=0) < 2:  # noqa: PLR2004
        return 1.0
    if observed.shape[0] > observed.shape[1]:
        observed = observed.T
    rows, columns = np.sort(observed.sum(axis=1)), np.sort(observed.sum(axis=0))
    paths = _Paths(rows[None, :], np.zeros(1), np.ones(1))
    for column in columns[:-2]:
        _refuse_too_many(paths, int(column), rows)
        paths = _fill(paths, fillings(int(column), rows))
    _refuse_too_many(paths, int(columns[-2]), rows)
    log_all = (
        np.sum(log_factorial(rows)) + np.sum(log_factorial(columns)) - log_factorial(observed.sum())
    )
    limit = float(np.sum(log_factorial(observed))) - _TIE
    return min(1.0, _close(paths, int(columns[-2]), limit, float(log_all)))


def _refuse_too_many(paths: _Paths, column: int, rows: FloatArray) -> None:
    ways = min(comb(column + rows.size - 1, rows.size - 1), prod(int(row) + 1 for row in rows))
    if ways * paths.cost.size > _MOST_STEPS:
        message = "the table has too many counts and cells for the exact test; simulate the p-value instead."
        raise ValueError(message)


def _fill(paths: _Paths, columns: FloatArray) -> _Paths:
    """Return the paths after one more column, which has these possible fillings."""
    cost = np.sum(log_factorial(columns), axis=1)
    step = max(1, _CHUNK // len(columns))
    parts: list[_Paths] = []
    for start in range(0, paths.cost.size, step):
        some = _Paths(*(values[start : start + step] for values in paths))
        left = some.left[:, None, :] - columns
        path, column = np.nonzero(np.all(left >= 0, axis=2))
        parts.append(
            _merged(_Paths(left[path, column], some.cost[path] + cost[column], some.ways[path]))
        )
    return _merged(_Paths(*(np.concatenate(values) for values in zip(*parts, strict=True))))


def _merged(paths: _Paths) -> _Paths:
    """Return the paths with those that need the same, in any order of rows, and cost the same as one."""
    paths = paths._replace(left=np.sort(paths.left, axis=1))
    keys = np.column_stack([paths.left, np.round(paths.cost * _GRID)])
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    first = np.flatnonzero(np.append(True, np.any(keys[1:] != keys[:-1], axis=1)))
    ways = np.add.reduceat(paths.ways[order], first)
    return _Paths(paths.left[order][first], paths.cost[order][first], ways)


def _close(paths: _Paths, column: int, limit: float, log_all: float) -> float:
    """Return the chance of all tables whose cost reaches the limit, over all last two columns."""
    starts = np.flatnonzero(np.append(True, np.any(paths.left[1:] != paths.left[:-1], axis=1)))
    total = 0.0
    for start, stop in zip(starts, [*starts[1:], len(paths.left)], strict=True):
        left = paths.left[start]
        last_but_one = fillings(column, left)
        cost = np.sort(
            np.sum(log_factorial(last_but_one) + log_factorial(left - last_but_one), axis=1)
        )[::-1]
        chance = np.append(0.0, np.cumsum(np.exp(log_all - cost)))
        enough = np.searchsorted(-cost, paths.cost[start:stop] - limit, side="right")
        total += float(
            np.sum(paths.ways[start:stop] * np.exp(-paths.cost[start:stop]) * chance[enough])
        )
    return total
