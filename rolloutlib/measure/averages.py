"""The plan's own words: point values averaged over the last runs of each arm, as by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from rolloutlib.measure.moments import Histogram, merge_histograms
from rolloutlib.plan.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.moments import Cells, MomentTable
    from rolloutlib.plan.model import Gate
    from rolloutlib.runs import RunInfo

__all__ = ["PlanValue", "RunRow", "last_runs", "plan_value", "run_rows"]

# Before all others: what has a time is the better "last run".
_NO_TIME = datetime.min.replace(tzinfo=UTC)


class _Headline(NamedTuple):
    """A run's means, named as in `RunRow`; None where no sample tells."""

    pass_rate: float | None
    avg_score: float | None
    avg_latency_ms: float | None
    vetoed: float | None


REPORTED = {metric.reported: name for name, metric in METRICS.items() if metric.reported}
HEADLINE = [REPORTED[field] for field in _Headline._fields]
_UNKNOWN = _Headline(None, None, None, None)


class RunRow(msgspec.Struct, frozen=True):
    """One run of the review with its own headline numbers (None where the run does not tell).

    Attributes:
        started_at: None when the source carries no time.
        replicate: the same for runs that repeat seed and prompts; they count as one run.
        averaged: whether it is among the last runs that the plan averages.
    """

    run_id: str
    arm: str
    started_at: datetime | None
    replicate: str
    n: int
    pass_rate: float | None
    avg_score: float | None
    avg_latency_ms: float | None
    vetoed: float | None
    averaged: bool


@dataclass(frozen=True, slots=True)
class PlanValue:
    """A gate's point value by the plan's rule; `runs`: the smaller arm's distinct runs in it."""

    value: float | None
    runs: int


def run_rows(
    runs: Sequence[RunInfo], table: MomentTable, arms: Sequence[str], averaged: int
) -> tuple[RunRow, ...]:
    """List the runs of the arms by their start (then by name), each with its headline numbers."""
    mine = sorted(
        (run for run in runs if run.arm in arms),
        key=lambda run: (run.started_at or _NO_TIME, run.run_id),
    )
    means = {arm: _headline(table.where(arm=arm)) for arm in arms}
    rows = tuple(_row(run, means[run.arm].get(run.run_id, _UNKNOWN)) for run in mine)
    last = {(run.arm, run.run_id) for arm in arms for run in last_runs(rows, arm, averaged)}
    return tuple(
        msgspec.structs.replace(row, averaged=(row.arm, row.run_id) in last) for row in rows
    )


def _headline(arm: MomentTable) -> dict[str | None, _Headline]:
    """Return the headline means of every run of an arm."""
    columns = [_means(arm.by("run_id", metric)) for metric in HEADLINE]
    rows = zip(*columns, strict=True)
    return {
        run: _Headline(*means) for run, means in zip(arm.keys["run_id"].labels, rows, strict=True)
    }


def _means(cells: Cells) -> list[float | None]:
    return [float(mean) if n else None for mean, n in zip(cells.mean, cells.n, strict=True)]


def _row(run: RunInfo, means: _Headline) -> RunRow:
    """Take the numbers from the run's samples; a run without samples has only what it reports."""
    told = run.reported if run.n == 0 and run.reported is not None else means
    return RunRow(run.run_id, run.arm, run.started_at, run.replicate, run.n, *told, averaged=False)


def last_runs(runs: Sequence[RunRow], arm: str, most: int) -> tuple[RunRow, ...]:
    """Return an arm's last runs; of replicates (the same seed and prompts again are one run, not two) the latest."""
    latest: dict[str, RunRow] = {}
    for run in reversed(runs):
        if run.arm == arm:
            latest.setdefault(run.replicate, run)
    return tuple(reversed(list(latest.values())[:most]))


def plan_value(
    gate: Gate, metric: str, table: MomentTable, histograms: Mapping[tuple[str, str], Histogram], *,
    control: Sequence[RunRow], treatment: Sequence[RunRow],
) -> PlanValue:  # fmt: skip
    """Compute a gate's point value as the plan says it: the mean of the last runs' values, arm by arm.

    A quantile is taken over the last runs together: an average of three 95th percentiles estimates none.

    Args:
        gate: its contrast and statistic.
        metric: the metric's name in the moments.
        table: the moments of both arms.
        histograms: of the gate's metric, by (arm, run); only a quantile gate uses them.
        control: the control's last runs, oldest first.
        treatment: the treatment's.
    """
    if gate.statistic == "quantile":
        parts = [
            histograms[run.arm, run.run_id]
            for run in treatment
            if (run.arm, run.run_id) in histograms
        ]
        return PlanValue(_known(merge_histograms(parts).quantile(gate.quantile or nan)), len(parts))
    values = {
        arm: _run_means(table, metric, runs)
        for arm, runs in (("control", control), ("treatment", treatment))
    }
    counted = min(
        len(values[arm]) for arm in (values if gate.contrast != "treatment" else ("treatment",))
    )
    if not counted:
        return PlanValue(None, 0)
    means = {arm: float(np.mean(v)) if v else nan for arm, v in values.items()}
    return PlanValue(
        _known(_contrast(gate.contrast, means["control"], means["treatment"])), counted
    )


def _run_means(table: MomentTable, metric: str, runs: Sequence[RunRow]) -> list[float]:
    """Means of the metric within each run that knows it: of its samples, else as the run itself reports them."""
    if not runs:
        return []
    arm = table.where(arm=runs[0].arm)
    cells, key = arm.by("run_id", metric), arm.keys["run_id"]
    means = [
        float(cells.mean[place])
        if (place := key.code(run.run_id)) >= 0 and cells.n[place]
        else _reported(run, metric)
        for run in runs
    ]
    return [mean for mean in means if mean is not None]


def _reported(run: RunRow, metric: str) -> float | None:
    name = METRICS[metric].reported if metric in METRICS else None
    return None if run.n or name is None else getattr(run, name)


def _contrast(contrast: str, control: float, treatment: float) -> float:
    if contrast == "treatment":
        return treatment
    if contrast == "difference":
        return treatment - control
    return treatment / control if control else nan


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
