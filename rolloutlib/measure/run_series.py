"""One arm's runs in a row, with what each measured of one metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.moments import MomentTable

    Floats = NDArray[np.float64]

__all__ = ["Series", "StageRuns", "joined", "series"]


class StageRuns(NamedTuple):
    """The runs of one stage: by their start, and their moments by arm and run."""

    stage: int
    rows: Sequence[RunRow]
    by_run: MomentTable


class Series(NamedTuple):
    """An arm's runs with values of a metric, replicates together: (m,) each, oldest first."""

    names: tuple[tuple[str, ...], ...]
    starts: tuple[datetime | None, ...]
    stages: tuple[int, ...]
    n: Floats
    total: Floats
    within: Floats

    def blocks(self, size: int) -> Series:
        """Put neighbours together until there are so many."""
        if size == len(self.n):
            return self
        parts: list[list[int]] = [
            part.tolist() for part in np.array_split(np.arange(len(self.n)), size)
        ]
        n, total = (np.array([x[part].sum() for part in parts]) for x in (self.n, self.total))
        mean = np.repeat(total / n, [len(part) for part in parts])
        spread = self.within + self.n * (self.total / self.n - mean) ** 2
        names = tuple(tuple(name for k in part for name in self.names[k]) for part in parts)
        starts = tuple(self.starts[part[0]] for part in parts)
        stages = tuple(self.stages[part[0]] for part in parts)
        within = np.array([spread[part].sum() for part in parts])
        return Series(names, starts, stages, n, total, within)

    @property
    def told(self) -> bool:
        """Whether every run tells when it started."""
        return None not in self.starts

    def variance(self, *, binary: bool) -> Floats:
        """Return the sampling variance of each run's mean, with the spread of all runs, (m,)."""
        n = self.n.sum()
        if binary:  # one more of each: a rate of 0 is not known to be 0
            rate = (self.total.sum() + 1) / (n + 2)
            return rate * (1 - rate) / self.n
        within = self.within.sum() / max(n - len(self.n), 1)
        return (within or float(np.var(self.total / self.n)) or 1.0) / self.n


def joined(stages: Sequence[StageRuns], arm: str, metric: str) -> Series:
    """Line an arm's runs of all stages up, the first stage first."""
    parts = [series(of, arm, metric) for of in stages]
    return Series(
        tuple(name for part in parts for name in part.names),
        tuple(start for part in parts for start in part.starts),
        tuple(stage for part in parts for stage in part.stages),
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.total for part in parts]),
        np.concatenate([part.within for part in parts]),
    )


def series(of: StageRuns, arm: str, metric: str) -> Series:
    """Line an arm's runs up that know the metric; replicates are one run, at their latest."""
    part, rows = of.by_run.where(arm=arm), [row for row in of.rows if row.arm == arm]
    cells, names = part.by("run_id", metric), part.keys["run_id"].labels
    place = {name: k for k, name in enumerate(names) if cells.n[k]}
    groups: dict[str, list[RunRow]] = {}
    for row in rows:
        if row.run_id in place:
            groups.setdefault(row.replicate, []).append(row)
    listed = sorted(groups.values(), key=lambda group: rows.index(group[-1]))
    codes = np.full(len(names), len(listed), dtype=np.int64)
    for k, group in enumerate(listed):
        codes[[place[row.run_id] for row in group]] = k
    pooled = cells.pooled(codes, len(listed) + 1).take(np.arange(len(listed)))
    starts = tuple(group[-1].started_at for group in listed)
    ids = tuple(tuple(row.run_id for row in group) for group in listed)
    return Series(ids, starts, (of.stage,) * len(ids), pooled.n, pooled.total, pooled.m2)
