"""What a risk asks beside the gates: mixes, veto reasons and suggested tags, counted in one go.

Counts stand in the same tables as moments, by arm, run and cluster, so that those of days add up.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from rolloutlib.measure.counts import CLUSTERS
from rolloutlib.measure.moments import Cells, MomentTable, added, collect, key_of, numbers, scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.design import Unit
    from rolloutlib.runs.samples import Samples

__all__ = ["BETWEEN", "COUNTED", "Shares", "cells_of_share", "counted", "shares_of", "tags_of"]

BETWEEN: Final = "\x1f"  # stands between the tags of one sample
SUGGESTED: Final = "suggested_tags"
COUNTED: Final = ("mix.arrow", "vetoes.arrow", "suggested.arrow")  # a stored day's, in this order


@dataclass(frozen=True, slots=True)
class Shares:
    """Counts of samples; their tables have no metrics, only `rows`.

    Attributes:
        mix: by arm, run_id, cluster, profile and difficulty: all samples.
        vetoes: by arm, run_id, cluster, profile and reason: the vetoed ones.
        tags: by arm, run_id and tags (sorted, joined by `BETWEEN`): those that tell which tags were
            suggested, "" where none was; None where no sample can.
    """

    mix: MomentTable
    vetoes: MomentTable
    tags: MomentTable | None


def shares_of(samples: Samples, arms: Sequence[str], *, unit: Unit) -> Shares:
    """Count both arms' samples where they lie.

    Args:
        samples: of any engine.
        arms: whose samples count.
        unit: what a cluster is.
    """
    return counted(samples.frame().filter(nw.col("arm").is_in(arms)), CLUSTERS[unit])


def counted(frame: nw.LazyFrame[Any], cluster: str) -> Shares:
    """Count samples on their own engine; `cluster` is the column of clusters."""
    by = {"arm": "arm", "run_id": "run_id", "cluster": cluster, "profile": "profile"}
    vetoed = frame.filter(nw.col("vetoed"))
    return Shares(
        scan(frame, {}, by=by | {"difficulty": "difficulty"}),
        scan(vetoed, {}, by=by | {"reason": "veto_reason"}),
        _tags(frame),
    )


def _tags(frame: nw.LazyFrame[Any]) -> MomentTable | None:
    """Count sets of suggested tags; lists are counted as they are, then joined: there are few."""
    import pyarrow as pa

    if SUGGESTED not in frame.collect_schema():
        return None
    keys = ("arm", "run_id", SUGGESTED)
    tagged = frame.select(*keys).drop_nulls(SUGGESTED).group_by(*keys).agg(nw.len().alias("rows"))
    sums = collect(tagged)
    if not len(sums):
        return None
    sets = [BETWEEN.join(sorted(set(tags))) for tags in sums[SUGGESTED].to_pylist()]
    joined = key_of(pa.chunked_array([pa.array(sets, pa.string())]))
    coded = {name: key_of(sums[name]) for name in keys[:2]}
    return MomentTable(coded | {"tags": joined}, numbers(sums["rows"]), {})


def tags_of(table: MomentTable, arm: str) -> dict[tuple[str, ...], int]:
    """Return how many samples of an arm were suggested each set of tags."""
    of_arm = table.where(arm=arm)
    key = of_arm.keys["tags"]
    rows = added(key.codes, of_arm.rows, len(key.labels))
    return {
        tuple((label or "").split(BETWEEN)) if label else (): round(float(count))
        for label, count in zip(key.labels, rows, strict=True)
        if count
    }


def cells_of_share(
    whole: MomentTable, part: MomentTable, where: Mapping[str, str | None], arm: str,
    clusters: Sequence[str | None],
) -> Cells:  # fmt: skip
    """Return the share that a part of an arm's samples has, cluster by cluster.

    Args:
        whole: all samples; `part` is of them.
        part: those that count as 1.
        where: labels that both must carry, as far as their table has the key.
        arm: the arm's name.
        clusters: the clusters in the order of the cells.
    """
    place = {label: code for code, label in enumerate(clusters)}
    n, x = (_by_cluster(table, where, arm, place) for table in (whole, part))
    mean = np.divide(x, n, out=np.zeros(len(place)), where=n > 0)
    return Cells(n, mean, n * mean * (1 - mean))


def _by_cluster(
    table: MomentTable, where: Mapping[str, str | None], arm: str, place: Mapping[str | None, int]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    labels = {name: label for name, label in where.items() if name in table.keys}
    chosen = table.where(arm=arm, **labels)
    return added(chosen.keys["cluster"].placed(place), chosen.rows, len(place))
