"""Rows that repeat others: a copy is no evidence, however often it stands there.

Rows of an arm are alike when they agree in every column but run (with its seed), file, date and
what people said of them; where samples have ids of their own, in these too. Alike rows are copies
where chance does not explain them:

* The latency tells rows apart. Without one, or where it is too coarse, nothing is called a copy:
  equal outcomes and equal scores are what the same answers give (a score is 1.0 for many of them).
* A *cell* is a latency with all other columns. Under chance its rows are Poisson, and the chance
  that it holds two or more is at most the square of the chance that it holds any:
  1 − e⁻ˡ(1 + l) ≤ (1 − e⁻ˡ)², as e⁻ˡ ≥ 1 − l. The cells beside it, a few steps of the latency away
  and equal in all other columns, tell that chance: whatever the columns have to do with each other,
  they have it there too. So the expected number E of repeated cells is at most the pairs of
  occupied cells within `_NEAR` steps, divided by `_NEAR`, here with three standard errors more.
* Rows are copies if as many cells as are repeated, G, have a chance below `_SURE`, by Chernoff's
  bound of a Poisson count with mean E: exp(G − E) (E / G)ᴳ. Nine repeated rows are the least.
* The latency is fine enough if its step (the gap that one in a hundred distinct values is nearer
  than) is a tenth of what rows of one prompt, user and sample differ by, or, where hardly any rows
  of one differ, a five-hundredth of its middle: whole milliseconds of seconds, not tens of them.
* A latency that many different rows have (an answer from a cache, a clock's zero) or that stands
  far more often than the others, and what a failed call took, tell none of them apart. The score
  may do so instead; else such rows count as often as they stand there, divided by how often others
  do, so that no pile of time-outs shrinks to one.
* Nor does a latency that rows with other outcomes share more often than they share near ones, and
  more than twice as often as it repeats: a batch's, or a rounded one among exact ones.

What it cannot tell: one row that is pasted very often looks like a cache's; rows of a batch with
the batch's latency, without ids or scores, look like copies; a few copies among many rows look like
chance. All are rows with nothing of their own: map `prompt_id` or `sample_id` in source.yaml.
Below, only what an id proves is exact (`settling`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (duckdb and numpy carry few types)
from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Marks = NDArray[np.bool_]
    Hashes = NDArray[np.uint64]

__all__ = ["ALIKE", "are_told_apart", "copies_in"]

_NEAR = 5  # steps to each side
_SURE = 1e-6
_LEAST_VALUES = 20  # different latencies below which their gaps say nothing
_LEAST_PAIRS = 20  # pairs of one prompt, user and sample that say how far they differ
_SPREAD = 10  # steps that they must differ by
_RELATIVE = 500  # steps in the middle latency where they cannot say
_COMMON = 5  # rows, and times the average, above which a value tells nothing apart
_SAMPLED = 100_000  # rows that are looked at first
_OTHERS = {"run_id", "started_at", "sample_id", "seed"}
_PEOPLE = ("human_passed", "human_score")  # what people say of an answer makes it no other one
ALIKE = ("own_id", *(name for name in SCHEMA.names if name not in (*_OTHERS, *_PEOPLE)))
_WHO = "prompt_id, user_id, own_id"
_TELLING = ("latency_ms", "score", "prompt_id", "user_id")
_FAILED = "coalesce(status IN ('error', 'timeout'), false)"


class _Cells(NamedTuple):
    """An arm's different rows: who they are of, all but the value, the value, how often."""

    who: Hashes
    rest: Hashes
    value: Numbers
    rows: NDArray[np.int64]


class _Fingerprint(NamedTuple):
    """What tells copies of an arm: the column, its common values, how often rows stand there."""

    column: str
    common: Numbers
    times: float


def copies_in(
    connection: duckdb.DuckDBPyConnection, samples: str, rows: int, extras: Iterable[str] = ()
) -> list[str]:
    """Return SQL of the rows to leave out, one statement an arm; none where chance explains all.

    Args:
        connection: the engine that holds or reaches the samples.
        samples: SQL of the samples, with `place` and `own_id` beside the columns of the one table.
        rows: how many there are.
        extras: further columns, which source.yaml names.
    """
    columns = (*ALIKE, *(f'"{name}"' for name in extras))
    parts = max(1, rows // _SAMPLED)
    some = f"""({samples}) WHERE latency_ms IS NOT NULL AND hash(latency_ms, score) % {parts} = 0"""
    statements: list[str] = []
    few = _repeated(connection, some, _TELLING)  # few columns are read before all are
    for arm in _repeated(connection, some, columns) if few else ():
        of_arm = f"SELECT * FROM ({samples}) WHERE arm = {quoted(arm)}"
        if fingerprint := _fingerprint(connection, of_arm, columns):
            statements.append(_rows_to_leave_out(of_arm, fingerprint, columns))
    return statements


def _repeated(
    connection: duckdb.DuckDBPyConnection, samples: str, columns: Iterable[str]
) -> list[str]:
    """Return the arms in which rows are alike in these columns."""
    query = f"""SELECT DISTINCT arm FROM (SELECT arm, hash({", ".join(columns)}) AS alike
        FROM {samples} GROUP BY ALL HAVING count(*) > 1) ORDER BY arm"""
    return [arm for (arm,) in connection.execute(query).fetchall()]


def are_told_apart(
    connection: duckdb.DuckDBPyConnection, samples: str, columns: Sequence[str]
) -> bool:
    """Whether the latency of an arm's rows is fine enough to tell them apart."""
    latency = _cells(connection, samples, "latency_ms", columns)
    step = _step(latency.value)
    return step is not None and _is_fine(latency, step)


def _fingerprint(
    connection: duckdb.DuckDBPyConnection, samples: str, columns: Sequence[str]
) -> _Fingerprint | None:
    latency = _cells(connection, samples, "latency_ms", columns)
    step = _step(latency.value)
    if step is None or not _is_fine(latency, step):
        return None
    score = _cells(connection, samples, "score", columns)
    for column, cells in (("latency_ms", latency), ("score", score)):
        if (width := _step(cells.value)) is None:
            continue
        common = _common(cells)
        telling = _only(cells, ~np.isin(cells.value, common))
        if len(telling.rows) and _is_beyond_chance(telling, width):
            return _Fingerprint(column, common, float(telling.rows.mean()))
    return None


def _cells(
    connection: duckdb.DuckDBPyConnection, samples: str, column: str, columns: Sequence[str]
) -> _Cells:
    rest = ", ".join(name for name in columns if name != column)
    query = f"""SELECT hash({_WHO}) AS who, hash({rest}) AS rest, {column} AS value,
        count(*) AS rows FROM ({samples}) WHERE {column} IS NOT NULL AND NOT {_FAILED}
        GROUP BY ALL"""
    table = connection.execute(query).to_arrow_table()
    cells = _Cells(*(table[name].to_numpy() for name in _Cells._fields))
    return _only(cells, np.lexsort((cells.value, cells.rest, cells.who)))


def _only(cells: _Cells, of: Marks | NDArray[np.int64]) -> _Cells:
    return _Cells(cells.who[of], cells.rest[of], cells.value[of], cells.rows[of])


def _step(values: Numbers) -> float | None:
    """Return the gap that one in a hundred of the different values is nearer than to the next."""
    gaps = np.diff(np.unique(values))
    gaps = gaps[gaps > 1e-9 * max(1.0, abs(float(values.max())))] if len(values) else gaps
    return float(np.quantile(gaps, 0.01)) if len(gaps) >= _LEAST_VALUES - 1 else None


def _is_fine(cells: _Cells, step: float) -> bool:
    """Whether rows of one prompt, user and sample differ by many steps, or would."""
    apart = np.abs(np.diff(cells.value))[cells.who[1:] == cells.who[:-1]]
    apart = apart[apart > 0]
    if len(apart) >= _LEAST_PAIRS:
        return bool(np.median(apart) >= _SPREAD * step)
    return step <= float(np.median(np.unique(cells.value))) / _RELATIVE


def _common(cells: _Cells) -> Numbers:
    """Return the values that many different rows have, or that stand there far more often."""
    values, place, different = np.unique(cells.value, return_inverse=True, return_counts=True)
    most = np.zeros(len(values))
    np.maximum.at(most, place, cells.rows)
    repeated = most[most > 1]
    usual = float(np.median(repeated)) if len(repeated) else 1.0
    many = different > max(_COMMON, _COMMON * different.mean())
    return values[many | (most > _COMMON * usual)]


def _is_beyond_chance(cells: _Cells, step: float) -> bool:
    """Whether more cells are repeated than chance and shared values explain."""
    repeated = int((cells.rows > 1).sum())
    expected = _upper(_near_pairs(cells.rest, cells.value, step)) / _NEAR
    if repeated <= expected:
        return False
    surprise = repeated - expected + repeated * log(expected / repeated)
    values, different = np.unique(cells.value, return_counts=True)
    shared = float((different * (different - 1.0)).sum()) / 2
    ahead = np.searchsorted(values, values + _NEAR * step * (1 + 1e-9), side="right")
    before = np.concatenate([[0], np.cumsum(different)])
    near = float((different * (before[ahead] - before[1:])).sum())
    return surprise < log(_SURE) and shared <= max(_upper(near) / _NEAR, 2 * repeated)


def _near_pairs(rest: Hashes, value: Numbers, step: float) -> int:
    """Count the pairs of cells that are alike but for a few steps of their value."""
    order = np.lexsort((value, rest))
    rest, value = rest[order], value[order]
    pairs, within = 0, _NEAR * step * (1 + 1e-9)
    for ahead in range(1, len(value)):
        near = (rest[ahead:] == rest[:-ahead]) & (value[ahead:] - value[:-ahead] <= within)
        if not near.any():
            break
        pairs += int(near.sum())
    return pairs


def _upper(count: float) -> float:
    return count + 3 * count**0.5 + 3


def _rows_to_leave_out(samples: str, fingerprint: _Fingerprint, columns: Sequence[str]) -> str:
    """Select all but the earliest of alike rows, labelled ones first; of common values a share."""
    listed = ", ".join(repr(float(value)) for value in fingerprint.common) or "NULL"
    column = fingerprint.column
    common = f"({_FAILED} OR {column} IS NULL OR coalesce({column} IN ({listed}), false))"
    alike = f"PARTITION BY {', '.join(columns)}"
    labels = ", ".join(f"{name} IS NULL" for name in _PEOPLE)  # who looked is not lost
    first = f"ORDER BY {labels}, started_at NULLS LAST, place, run_id, sample_id"
    share = f"greatest(1, floor(count(*) OVER ({alike}) / {fingerprint.times!r} + 0.5))"
    left = f"CASE WHEN {common} THEN {share} ELSE 1 END"
    return f"""SELECT place, arm, run_id, sample_id, true FROM ({samples})
        QUALIFY row_number() OVER ({alike} {first}) > {left}"""
