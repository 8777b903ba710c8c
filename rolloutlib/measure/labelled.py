"""What people said of some samples beside the judge, one by one: there are few of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from rolloutlib.measure.moments import collect, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.measure.counts import Count
    from rolloutlib.measure.design import Floats

    Ints = NDArray[np.int64]

__all__ = ["HUMAN", "Known", "Labels", "labels_among"]

OWN: Final = "\x00"  # begins the name of a unit that is one sample
HUMAN: Final = {"passed": "human_passed", "score": "human_score"}


@dataclass(frozen=True, slots=True)
class Labels:
    """Labelled samples, an entry a sample that has both the judge's and a person's value.

    Attributes:
        arm, cluster: which arm and unit each is of; a sample without a unit is one of its own.
        judge, human: both values by metric, NaN where either does not tell.
    """

    arm: NDArray[Any]
    cluster: NDArray[Any]
    judge: Mapping[str, Floats]
    human: Mapping[str, Floats]

    def of(self, arm: str, metric: str) -> Known:
        """Return an arm's samples of which both tell the metric."""
        labelled = (self.arm == arm) & ~np.isnan(self.judge[metric]) & ~np.isnan(self.human[metric])
        _, codes = np.unique(self.cluster[labelled], return_inverse=True)
        judge, human = self.judge[metric][labelled], self.human[metric][labelled]
        return Known(codes.astype(np.int64), judge, human)

    def joined(self, others: Sequence[Labels]) -> Labels:
        """Return these with those of other stages; units of one name are one unit."""
        every = (self, *others)
        arm = np.concatenate([part.arm for part in every])
        cluster = np.array([f"{OWN}{stage}{unit}" if unit.startswith(OWN) else unit
                            for stage, part in enumerate(every) for unit in part.cluster],
                           dtype=object)  # fmt: skip
        judge, human = ({metric: np.concatenate([getattr(part, name)[metric] for part in every])
                         for metric in HUMAN} for name in ("judge", "human"))  # fmt: skip
        return Labels(arm, cluster, judge, human)


@dataclass(frozen=True, slots=True)
class Known:
    """One arm's labelled samples of one metric: unit from 0, both values."""

    cluster: Ints
    judge: Floats
    human: Floats

    @property
    def units(self) -> int:
        """Different units."""
        return int(self.cluster.max(initial=-1)) + 1


def labels_among(
    frame: nw.LazyFrame[Any], counts: Mapping[str, Count], cluster: str | None
) -> Labels | None:
    """Collect what people said of samples; None, without a look, where nobody said anything.

    Args:
        frame: the table of samples of both arms, on any engine.
        counts: of each arm's samples, and of the labels that they carry.
        cluster: the column of the unit; None where samples have none.
    """
    return _scan(frame, cluster) if any(count.people for count in counts.values()) else None


def _scan(frame: nw.LazyFrame[Any], cluster: str | None) -> Labels:
    """Collect the labelled samples; those that look the same are counted together."""
    labelled = frame.filter(~nw.col("human_passed").is_null() | ~nw.col("human_score").is_null())
    unit = nw.lit(None, nw.String) if cluster is None else nw.col(cluster).cast(nw.String)
    names = ("passed", "human_passed", "score", "human_score")
    values = (nw.col(name).cast(nw.Float64).alias(f"v_{name}") for name in names)
    rows = labelled.select(nw.col("arm").cast(nw.String).alias("k_arm"), unit.alias("k_unit"),
                           *values)  # fmt: skip
    by = ("k_arm", "k_unit", *(f"v_{name}" for name in names))
    counted = collect(rows.group_by(*by).agg(nw.len().alias("n")))
    again = numbers(counted["n"]).astype(np.int64)
    arm, units = (np.repeat(np.array(counted[key].to_pylist(), dtype=object), again)
                  for key in ("k_arm", "k_unit"))  # fmt: skip
    own = np.array([unit is None for unit in units], dtype=np.bool_)
    units = np.array([f"{OWN}{place}" if alone else unit
                      for place, (unit, alone) in enumerate(zip(units, own, strict=True))],
                     dtype=object)  # fmt: skip
    columns = {name: np.repeat(numbers(counted[f"v_{name}"]), again) for name in names}
    by_values = (columns[name] for name in ("human_score", "human_passed", "score", "passed"))
    order = np.lexsort((*by_values, units.astype(str), arm.astype(str)))  # the arm counts most
    judge = {metric: columns[metric][order] for metric in HUMAN}
    human = {metric: columns[column][order] for metric, column in HUMAN.items()}
    return Labels(arm[order], units[order], judge, human)
