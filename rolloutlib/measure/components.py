"""Runs as sources of variance: how much their means differ beyond what their samples explain.

A user who is in every run adds nothing to how runs differ, one who is in a single run does. What is
due follows from the variances within and between units and from which units the runs share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rolloutlib.measure.design import Quadratic, Source
from rolloutlib.stats import clusters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.design import Floats, Unit
    from rolloutlib.measure.moments import Cells, MomentTable
    from rolloutlib.measure.scan import Measured

__all__ = ["Overlap", "RunSources", "Spread", "overlap_of", "spread_of", "total_of"]

MOST_RUNS = 400  # above, what runs share is not looked at: so many means tell enough
Named = tuple[str, str]  # arm and run_id


@dataclass(frozen=True, slots=True)
class Overlap:
    """Which units the runs share.

    Attributes:
        runs: of both arms.
        n: samples of each. (runs,)
        shared: Σ over units of the product of two runs' samples. (runs, runs)
    """

    runs: tuple[Named, ...]
    n: Floats
    shared: Floats


def overlap_of(table: MomentTable) -> Overlap | None:
    """Reduce counts by arm, run_id and cluster to what runs share; None for very many runs."""
    from scipy.sparse import csr_array

    arm, run, unit = (table.keys[name] for name in ("arm", "run_id", "cluster"))
    n, width = table.rows, len(run.labels)
    pairs, place = np.unique(arm.codes * width + run.codes, return_inverse=True)
    if len(pairs) > MOST_RUNS:
        return None
    shape = (len(pairs), len(unit.labels))
    counts: Any = csr_array((n, (place, unit.codes)), shape=shape)  # scipy has no types
    names = tuple((str(arm.labels[int(pair) // width]), str(run.labels[int(pair) % width]))
                  for pair in pairs)  # fmt: skip
    sizes = np.bincount(place, n, len(pairs)).astype(np.float64, copy=False)
    return Overlap(names, sizes, np.asarray((counts @ counts.T).toarray(), dtype=np.float64))


@dataclass(frozen=True, slots=True)
class RunSources:
    """What the runs of both arms add to any metric's variance.

    Attributes:
        measured: moments by unit and by run, and which units runs share.
        pair: names of the control and the treatment.
        replicates: run → what is the same for runs that repeat seed and prompts: those are one.
    """

    measured: Measured
    pair: tuple[str, str]
    replicates: Mapping[Named, str]
    _made: dict[str, tuple[Source, ...]] = field(default_factory=dict[str, tuple[Source, ...]])

    @classmethod
    def of(cls, measured: Measured, pair: tuple[str, str], rows: Sequence[RunRow]) -> RunSources:
        """Return those of a review."""
        return cls(measured, pair, {(row.arm, row.run_id): row.replicate for row in rows})

    def within(self, measured: Measured) -> RunSources:
        """Return those of a part of the samples."""
        return RunSources(measured, self.pair, self.replicates)

    def of_metric(self, metric: str) -> tuple[Source, ...]:
        """Return what runs add to a metric; nothing where no arm has two runs."""
        if metric not in self._made:
            tables = (self.measured.by_run, self.measured.table)
            is_measured = all(metric in table.metrics for table in tables)
            self._made[metric] = self._sources(metric) if is_measured else ()
        return self._made[metric]

    def _sources(self, metric: str) -> tuple[Source, ...]:
        control, treated = (self._runs(arm, metric) for arm in self.pair)
        if len(treated.members) < 2 and len(control.members) < 2:  # noqa: PLR2004 -- one mean tells nothing
            return ()
        table, unit = self.measured.table, self.measured.unit
        cells = (table.where(arm=arm).by("cluster", metric) for arm in self.pair)
        units = spread_of(next(cells), next(cells), unit)
        placed = self._placed(control, treated)
        apart = _apart(control, treated, units, placed)
        matched = _matched(control, treated, units, placed) if placed is not None else None
        return (apart if matched is None else _sharper(apart, matched),)

    def _runs(self, arm: str, metric: str) -> _Runs:
        """Return an arm's runs with samples of a metric, those that repeat another added to it."""
        of_arm = self.measured.by_run.where(arm=arm)
        run = of_arm.keys["run_id"]
        names = [str(run.labels[int(code)]) for code in run.codes]
        same = np.array([self.replicates.get((arm, name), name) for name in names], dtype=str)
        labels, place = np.unique(same, return_inverse=True)
        cells = of_arm.metrics[metric].pooled(place, len(labels))
        sampled = np.flatnonzero(cells.n > 0)
        members = [[(arm, names[i]) for i in np.flatnonzero(place == k)] for k in sampled]
        return _Runs(cells.take(sampled), members)

    def _placed(self, control: _Runs, treated: _Runs) -> _Placed | None:
        """Return how runs' shares of the units differ from their arm's, control first."""
        if (overlap := self.measured.overlap) is None:
            return None
        place = {name: k for k, name in enumerate(overlap.runs)}
        picked: Floats = np.zeros((len(control.members) + len(treated.members), len(place)))
        for row, names in enumerate([*control.members, *treated.members]):
            picked[row, [place[name] for name in names]] = 1.0
        shared: Floats = picked @ overlap.shared @ picked.T
        n: Floats = picked @ overlap.n
        is_control = np.arange(len(n)) < len(control.members)
        same = is_control[:, None] == is_control
        sizes = np.array([n[~is_control].sum(), n[is_control].sum()])[is_control.astype(np.intp)]
        apart: Floats = np.diag(1 / n) - same / sizes[:, None]
        norm = np.sqrt(np.diag(shared))
        return _Placed(
            apart @ shared @ apart.T, shared / np.outer(norm, norm), len(control.members)
        )


class _Runs(NamedTuple):
    """An arm's runs: their moments, and the run_ids that each of them has."""

    cells: Cells
    members: list[list[Named]]

    @property
    def shares(self) -> Floats:
        """Each run's share of the arm's samples."""
        return self.cells.n / max(self.cells.n.sum(), 1.0)

    @property
    def several(self) -> bool:
        return len(self.members) > 1

    @property
    def weights(self) -> Floats:
        """What a run's deviation counts in the variance of the arm's mean (CR2)."""
        return self.shares / np.sqrt(1 - self.shares) if self.several else 0.0 * self.shares

    @property
    def deviations(self) -> Floats:
        """Each run's part of the error of the arm's mean."""
        return self.weights * (self.cells.mean - self.shares @ self.cells.mean)

    @property
    def df(self) -> float:
        mean = clusters.cluster_mean(self.cells.n, self.cells.total, kind="CR2")
        return float(mean.df) if self.several else 0.0


class _Placed(NamedTuple):
    """What runs share, the control's first.

    Attributes:
        apart: Σ over units of how far a run's share of the unit is from its arm's, times another
            run's.
        alike: how alike the units of two runs are, 0–1.
        controls: runs of the control.
    """

    apart: Floats
    alike: Floats
    controls: int


class Spread(NamedTuple):
    """Variances of single values.

    Attributes:
        within_one, within_zero: within units, in the treatment and in the control.
        between: between units in the treatment, in the control, and in common.
    """

    within_one: float
    within_zero: float
    between: tuple[float, float, float]


def spread_of(control: Cells, treated: Cells, unit: Unit) -> Spread:
    """Estimate both components by the method of moments (Searle et al. 1992, chapter 3)."""
    if unit == "sample":
        return Spread(total_of(treated), total_of(control), (0.0, 0.0, 0.0))
    within_one, between_one = _components(treated)
    within_zero, between_zero = _components(control)
    both = (treated.n > 0) & (control.n > 0)
    shared = 0.0
    if both.sum() > 1:
        weight = treated.n[both] * control.n[both] / (treated.n[both] + control.n[both])
        pair = np.cov(treated.mean[both], control.mean[both], aweights=weight)
        edge = np.sqrt(between_one * between_zero)
        shared = float(np.clip(pair[0, 1], -edge, edge))
    return Spread(within_one, within_zero, (between_one, between_zero, shared))


def total_of(cells: Cells) -> float:
    """Return the variance of all values of an arm together."""
    n = cells.n.sum()
    mean = cells.total.sum() / max(n, 1.0)
    square = (cells.m2 + cells.n * (cells.mean - mean) ** 2).sum()
    return float(square / (n - 1)) if n > 1 else 0.0


def _components(cells: Cells) -> tuple[float, float]:
    """Return the variances within and between an arm's units; all of it between single samples."""
    n, units = cells.n.sum(), (cells.n > 0).sum()
    if units < 2:  # noqa: PLR2004 -- a single unit
        return total_of(cells), 0.0
    within = float(cells.m2.sum() / (n - units)) if n > units else 0.0
    mean = cells.total.sum() / n
    square = float(cells.n @ (cells.mean - mean) ** 2)
    size = n - float(cells.n @ cells.n) / n
    return within, max((square - (units - 1) * within) / size, 0.0)


def _apart(control: _Runs, treated: _Runs, units: Spread, placed: _Placed | None) -> Source:
    """Return what runs show where each arm's vary for themselves."""
    variances = [float(arm.deviations @ arm.deviations) for arm in (treated, control)]
    expected = _expected(control, treated, units, placed)
    nothing = np.zeros(1)
    return Source(
        "run", (len(control.members), len(treated.members)),
        Quadratic(np.array([variances[0]]), np.array([variances[1]]), nothing),
        Quadratic(np.array([expected[0]]), np.array([expected[1]]), nothing),
        np.array([treated.df]), np.array([control.df]), np.array([np.nan]),
        _squares(control, treated),
    )  # fmt: skip


def _expected(
    control: _Runs, treated: _Runs, units: Spread, placed: _Placed | None
) -> tuple[float, float]:
    """Return the variance of both arms' means that runs would show if they added none."""
    of_units = [0.0, 0.0]
    if placed is not None:
        own = np.diag(placed.apart)
        parts = own[placed.controls :], own[: placed.controls]
        of_units = [
            float(arm.weights**2 @ part)
            for arm, part in zip((treated, control), parts, strict=True)
        ]
    within = ((units.within_one, treated), (units.within_zero, control))
    noise = [of_arm / arm.cells.n.sum() if arm.several else 0.0 for of_arm, arm in within]
    return (noise[0] + units.between[0] * of_units[0], noise[1] + units.between[1] * of_units[1])


def _matched(control: _Runs, treated: _Runs, units: Spread, placed: _Placed) -> Source | None:
    """Return what pairs of runs show that have most units in common; None if they do not pair."""
    from scipy.optimize import linear_sum_assignment

    if len(control.members) != len(treated.members):
        return None
    _, order = linear_sum_assignment(-placed.alike[placed.controls :, : placed.controls])
    control = _Runs(control.cells.take(order), [control.members[k] for k in order])
    apart = _apart(control, treated, units, _reordered(placed, order))
    both = float(treated.deviations @ control.deviations)
    products = np.diag(placed.apart[placed.controls :][:, order])
    common = units.between[2] * float((treated.weights * control.weights) @ products)
    quad = (part for arm in (treated, control) for part in (arm.cells.n, arm.cells.total))
    contrast = clusters.cluster_contrast(*quad, kind="CR2")
    return apart._replace(
        seen=apart.seen._replace(both=np.array([both])),
        due=apart.due._replace(both=np.array([common])), df_both=np.array([float(contrast.df)]),
    )  # fmt: skip


def _reordered(placed: _Placed, order: NDArray[np.intp]) -> _Placed:
    places = np.concatenate([order, np.arange(placed.controls, len(placed.apart))])
    return placed._replace(apart=placed.apart[np.ix_(places, places)])


def _sharper(apart: Source, matched: Source) -> Source:
    """Return what tells the component with less noise, whatever the runs' means happen to be."""
    noise = [source.due.at(1.0) ** 2 / df for source, df in
             ((apart, apart.df_one + apart.df_zero), (matched, matched.df_both))]  # fmt: skip
    return matched if noise[1] < noise[0] else apart


def _squares(control: _Runs, treated: _Runs) -> tuple[Floats, Floats]:
    return np.array([treated.shares @ treated.shares]), np.array([control.shares @ control.shares])
