"""Rows that nobody can tell from copies: like another one in everything, with nothing of their own.

What stands twice under an id, `settling` sees, and by its latency, `copies`. Of users, prompts and
clusters there are no more if their rows stand twice, so that no bound gets narrower. What is left
are rows of which each counts as a unit of its own: twice the same table would be twice the
evidence. How many there are is told; measuring decides what they may prove.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (duckdb carries few types)
from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.runs.copies import ALIKE, are_told_apart
from rolloutlib.runs.database import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import duckdb

__all__ = ["nameless_in", "nameless_pairs"]

_NOTHING_OWN = "coalesce(own_id, prompt_id, user_id, cluster) IS NULL"
# Failed calls that tell no latency are alike wherever the others have one.
_UNTIMED = "latency_ms IS NULL AND NOT coalesce(status IN ('error', 'timeout'), false)"


def nameless_in(
    connection: duckdb.DuckDBPyConnection, samples: str, extras: Iterable[str] = ()
) -> list[tuple[int, str, int]]:
    """Count the rows that nobody can tell from copies: (place of the first of them, arm, rows).

    Of rows that are alike all but one are counted.

    Args:
        connection: the engine that holds or reaches the samples.
        samples: SQL of the samples, with `place` and `own_id` beside the columns of the one table.
        extras: further columns, which source.yaml names.
    """
    columns = (*ALIKE, *(f'"{name}"' for name in extras))
    alike = f"""SELECT arm, min(place) AS place, bool_and({_UNTIMED}) AS untimed,
        count(*) - 1 AS more FROM ({samples}) WHERE {_NOTHING_OWN}
        GROUP BY arm, hash({", ".join(columns)}, started_at)"""
    untimed = "coalesce(sum(more) FILTER (untimed), 0)::BIGINT"
    query = f"""SELECT arm, place, sum(more)::BIGINT, {untimed}
        FROM ({alike}) GROUP BY arm, place HAVING sum(more) > 0 ORDER BY arm, place"""
    counts: list[tuple[int, str, int]] = []
    timed: dict[str, bool] = {}
    for arm, place, rows, rows_untimed in connection.execute(query).fetchall():
        if arm not in timed:
            of_arm = f"SELECT * FROM ({samples}) WHERE arm = {quoted(arm)}"
            timed[arm] = are_told_apart(connection, of_arm, columns)
        counts.append((place, arm, rows_untimed if timed[arm] else rows))
    return [count for count in counts if count[-1]]


def nameless_pairs(
    connection: duckdb.DuckDBPyConnection, samples: str, invented: Collection[int],
    extras: Iterable[str] = (),
) -> list[tuple[int, str, int]]:  # fmt: skip
    """Count, as `nameless_in` does, the lines of both arms that are like another line in both.

    A line that tells no prompt is a prompt of its own, so the same table twice would have twice as
    many.

    Args:
        connection: the engine that holds or reaches the samples.
        samples: SQL of the samples.
        invented: the places whose prompts are such lines.
        extras: further columns, which source.yaml names.
    """
    if not invented:
        return []
    columns = [name for name in ALIKE if name not in {"prompt_id", "own_id"}]
    columns += [f'"{name}"' for name in extras]
    content = f"hash({', '.join(columns)}, started_at)"
    lines = f"""SELECT min(place) AS place, list(arm ORDER BY arm) AS arms,
        list({content} ORDER BY arm) AS alike FROM ({samples})
        WHERE own_id IS NULL AND place IN ({", ".join(map(str, sorted(invented)))})
        GROUP BY prompt_id"""
    repeated = f"""SELECT min(place) AS place, unnest(arms) AS arm, count(*) - 1 AS more
        FROM ({lines}) GROUP BY arms, alike"""
    query = f"""SELECT place, arm, sum(more)::BIGINT FROM ({repeated})
        GROUP BY place, arm HAVING sum(more) > 0 ORDER BY arm, place"""
    return connection.execute(query).fetchall()
