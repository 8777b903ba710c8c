"""The plan's own words: point values averaged over the last runs of each arm, as by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, structs

from rolloutlib.measure.histograms import Histogram, merge_histograms
from rolloutlib.plan.metrics import METRICS
from rolloutlib.reason import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import Gate
    from rolloutlib.runs import RunInfo

__all__ = ["PlanValue", "RunRow", "last_runs", "plan_value", "run_rows"]

# Before all others: what has a time is the better "last run".
_NO_TIME = datetime.min.replace(tzinfo=UTC)


# A run's own headline numbers, in the order in which runs report them: field of `RunRow` → metric.
_METRICS = {metric.reported: name for name, metric in METRICS.items()}
HEADLINE = {
    field: _METRICS[field] for field in ("pass_rate", "avg_score", "avg_latency_ms", "vetoed")
}


class RunRow(Struct, frozen=True):
    """One run of the review with its own headline numbers (None where the run does not tell).

    Attributes:
        started_at: None when the source carries no time.
        replicate: the same for runs that repeat seed and prompts; they count as one run.
        averaged: whether it is among the last runs that the plan averages.
        last_at: start of its last sample, else its own start.
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
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlanValue:
    """A gate's point value by the plan's rule; `runs`: the smaller arm's distinct runs in it."""

    value: float | None
    runs: int


def run_rows(
    runs: Sequence[RunInfo], table: MomentTable, arms: Sequence[str], averaged: int
) -> tuple[RunRow, ...]:
    """List the runs of the arms by their start (then by name), each with its headline numbers.

    They are of the run's samples; a run without samples has only what it reports.
    """
    ordered = sorted(
        (run for run in runs if run.arm in arms),
        key=lambda run: (run.started_at or _NO_TIME, run.run_id),
    )
    parts = {arm: table.where(arm=arm) for arm in arms}
    means = {
        (arm, field): _by_run(part, metric)
        for arm, part in parts.items()
        for field, metric in HEADLINE.items()
    }
    rows: list[RunRow] = []
    for run in ordered:
        numbers = {field: means[run.arm, field].get(run.run_id) for field in HEADLINE}
        if run.n == 0 and run.reported is not None:
            numbers = dict(zip(HEADLINE, run.reported, strict=True))
        about = (run.run_id, run.arm, run.started_at, run.replicate, run.n)
        rows.append(RunRow(*about, **numbers, averaged=False, last_at=run.last_at))
    last = {(run.arm, run.run_id) for arm in arms for run in last_runs(rows, arm, averaged)}
    return tuple(structs.replace(row, averaged=(row.arm, row.run_id) in last) for row in rows)


def _by_run(arm: MomentTable, metric: str) -> dict[str | None, float]:
    """Return the metric's mean within each run whose samples tell it."""
    cells, names = arm.by("run_id", metric), arm.keys["run_id"].labels
    means = zip(names, cells.mean, cells.n, strict=True)
    return {name: float(mean) for name, mean, n in means if n}


def last_runs(runs: Sequence[RunRow], arm: str, most: int) -> tuple[RunRow, ...]:
    """Return an arm's last runs; of replicates (the same seed and prompts again) the latest."""
    latest: dict[str, RunRow] = {}
    for run in reversed(runs):
        if run.arm == arm:
            latest.setdefault(run.replicate, run)
    return tuple(reversed(list(latest.values())[:most]))


def plan_value(
    gate: Gate, metric: str, table: MomentTable, histograms: Mapping[tuple[str, str], Histogram], *,
    control: Sequence[RunRow], treatment: Sequence[RunRow],
) -> PlanValue:  # fmt: skip
    """Compute a gate's value as the plan says it: the mean of the last runs' values, arm by arm.

    A quantile is taken over the last runs together: an average of three 95th percentiles
    estimates none.

    Args:
        gate: its contrast and statistic.
        metric: the metric's name in the moments.
        table: the moments of both arms.
        histograms: of the gate's metric, by (arm, run); only a quantile gate uses them.
        control: the control's last runs, oldest first.
        treatment: the treatment's.
    """
    if gate.statistic == "quantile":
        value, counted = _quantile(gate, histograms, treatment)
        if not gate.is_quantile_ratio:
            return PlanValue(known(value), counted)
        before, others = _quantile(gate, histograms, control)
        ratio = _contrast("ratio", before, value)
        return PlanValue(known(ratio), min(counted, others))
    new, old = (_run_means(table, metric, runs) for runs in (treatment, control))
    counted = len(new) if gate.contrast == "treatment" else min(len(new), len(old))
    if not counted:
        return PlanValue(None, 0)
    before, after = (float(np.mean(means)) if means else nan for means in (old, new))
    return PlanValue(known(_contrast(gate.contrast, before, after)), counted)


def _quantile(
    gate: Gate, histograms: Mapping[tuple[str, str], Histogram], runs: Sequence[RunRow]
) -> tuple[float, int]:
    keys = [(run.arm, run.run_id) for run in runs]
    parts = [histograms[key] for key in keys if key in histograms]
    return merge_histograms(parts).quantile(gate.quantile or nan), len(parts)


def _run_means(table: MomentTable, metric: str, runs: Sequence[RunRow]) -> list[float]:
    """Return the runs' means of the metric: of their samples, else as the runs report them."""
    if not runs:
        return []
    means = _by_run(table.where(arm=runs[0].arm), metric)
    values = [means.get(run.run_id, _reported(run, metric)) for run in runs]
    return [value for value in values if value is not None]


def _reported(run: RunRow, metric: str) -> float | None:
    name = METRICS[metric].reported if metric in METRICS else None
    return None if run.n or name is None else getattr(run, name)


def _contrast(contrast: str, control: float, treatment: float) -> float:
    if contrast == "treatment":
        return treatment
    if contrast == "difference":
        return treatment - control
    return treatment / control if control else nan
