"""The worst case: both arms with every missing value at its worst, by bounds and by the plan.

Every missing value of the treatment is bad and every one of the control good, which is as far as
the truth can be (the bounds of Manski 1990, Am. Econ. Rev. 80:319). A gate is then estimated again
by its own method.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.measure.averages import PlanValue, RunRow, plan_value
from rolloutlib.measure.completeness import Account, due_values
from rolloutlib.measure.design import told_by
from rolloutlib.measure.histograms import Histogram, merge_histograms
from rolloutlib.measure.moments import Cells, added
from rolloutlib.measure.prompts import due_samples
from rolloutlib.measure.tails import filled
from rolloutlib.plan.metrics import metric_record
from rolloutlib.runs.ranges import ON_SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.design import Arms, Floats
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.gates import Gate

__all__ = ["ends", "worst", "worst_planned"]


def worst(account: Account, gate: Gate, arms: Arms, metric: str) -> Arms | None:
    """Return a gate's arms with every missing value at its worst; None if none is missing.

    A metric without a worst value has no worst case either.
    """
    ends = _ends(metric, account)
    if ends is None:
        return None
    good, bad = ends if gate.harm == "higher" else ends[::-1]
    extra = [_extra(account, metric, arm) for arm in account.pair]
    if not any(part.any() for part in extra):
        return None
    control, treatment = extra
    return replace(
        arms, control=_filled(arms.control, control, good),
        treatment=_filled(arms.treatment, treatment, bad), tails=_at_worst(arms, extra, account),
    )  # fmt: skip


def _at_worst(
    arms: Arms, extra: Sequence[Floats], account: Account
) -> tuple[Histogram, Histogram] | None:
    """Return both arms' values with the control's missing ones at 0, the treatment's timed out."""
    if arms.tails is None:
        return None
    control, treatment = (float(part.sum()) for part in extra)
    slowest = account.rules.timeout_cap_ms
    return filled(arms.tails[0], control, 0.0), filled(arms.tails[1], treatment, slowest)


def worst_planned(
    account: Account,
    gate: Gate,
    metric: str,
    control: Sequence[RunRow],
    treatment: Sequence[RunRow],
) -> PlanValue | None:
    """Return a gate's value by the plan's rule at its worst; None if nothing is missing.

    Nobody knows of which run absent samples are, so all of them are of the shortest one.

    Args:
        account: what is missing.
        gate: its contrast, statistic and direction of harm.
        metric: its name in the moments.
        control: the control's last runs.
        treatment: the treatment's.
    """
    of_samples = told_by(metric)
    ends = _ends(of_samples, account)
    if ends is None:
        return None
    values = ends if gate.harm == "higher" else ends[::-1]
    extra = [_extra_runs(account, of_samples, runs) for runs in (control, treatment)]
    if not any(part.any() for part in extra):
        return None
    table, cells = account.measured.by_run, account.measured.by_run.metrics[of_samples]
    for part, value in zip(extra, values, strict=True):
        cells = _filled(cells, part, value)
    filled = replace(table, metrics={**table.metrics, of_samples: cells})
    latency = account.measured.latency
    if gate.statistic == "quantile":
        latency = _slower(latency, table, extra[1], account.rules.timeout_cap_ms)
        latency = _slower(latency, table, extra[0], 0.0) if gate.is_quantile_ratio else latency
    return plan_value(gate, metric, filled, latency, control=control, treatment=treatment)


def _extra_runs(account: Account, metric: str, runs: Sequence[RunRow]) -> Floats:
    """Return the values that each run lacks, in the groups of `by_run`."""
    table = account.measured.by_run
    arm, run = table.keys["arm"], table.keys["run_id"]
    extra = np.zeros(len(table.rows))
    places = [
        np.flatnonzero((arm.codes == arm.code(r.arm)) & (run.codes == run.code(r.run_id)))
        for r in runs
    ]
    groups = np.concatenate([*places, np.empty(0, np.int64)]).astype(np.int64)
    if not len(groups):
        return extra
    expected, values = due_values(table, metric, account.rules), table.metrics[metric].n
    extra[groups] = np.maximum(expected - values, 0)[groups]
    lack, scale = account.lacking[runs[0].arm], expected[groups].sum() / table.rows[groups].sum()
    beyond = ceil((lack.unreadable + lack.absent) * scale - 1e-9)
    extra[groups[np.argmin(values[groups])]] += beyond
    return extra


def _extra(account: Account, metric: str, arm: str) -> Floats:
    """Return the values that each cluster of an arm lacks."""
    table, key = account.measured.table, account.measured.table.keys["cluster"]
    of_arm = table.where(arm=arm)
    codes, size = of_arm.keys["cluster"].codes, len(key.labels)
    expected = added(codes, due_values(of_arm, metric, account.rules), size)
    values = of_arm.by("cluster", metric).n
    rows, lack = added(codes, of_arm.rows, size), account.lacking[arm]
    if account.by_prompt is None:
        beyond = (lack.unreadable + lack.absent) * expected / max(rows.sum(), 1)
        beyond = np.ceil(beyond - 1e-9) if account.measured.unit == "sample" else beyond
    else:
        beyond = _absent(account, arm, rows) * (expected.sum() / max(rows.sum(), 1))
    return np.maximum(expected - values, 0) + beyond


def _absent(account: Account, arm: str, rows: Floats) -> Floats:
    """Return the samples that an arm lacks of each prompt."""
    other = account.pair[arm == account.pair[0]]
    table = account.measured.table.where(arm=other)
    scale = (account.by_prompt or 1.0) ** (1 if arm == account.pair[1] else -1)
    theirs = added(table.keys["cluster"].codes, table.rows, len(rows))
    return np.maximum(due_samples(theirs, scale) - rows, 0)


def _ends(metric: str, account: Account) -> tuple[float, float] | None:
    return ends(metric, min(account.rules.timeout_cap_ms, account.measured.latency_cap_ms))


def ends(metric: str, cap_ms: float) -> tuple[float, float] | None:
    """Return the lowest and the highest value that a sample of a metric can have."""
    if metric == "latency_ms":
        return 0.0, cap_ms
    if metric.partition(":")[0] == "score":
        return ON_SCALE
    return (0.0, 1.0) if metric_record(metric).kind == "binary" else None


def _slower(
    latency: Mapping[tuple[str, str], Histogram], table: MomentTable, extra: Floats, cap_ms: float
) -> dict[tuple[str, str], Histogram]:
    """Return the runs' latencies with so many more of one value."""
    slower = dict(latency)
    arm, run = table.keys["arm"], table.keys["run_id"]
    for place in range(len(extra)):
        if not extra[place]:
            continue
        name = (str(arm.labels[int(arm.codes[place])]), str(run.labels[int(run.codes[place])]))
        late = Histogram(np.array([cap_ms]), extra[[place]])
        slower[name] = merge_histograms([*([slower[name]] if name in slower else []), late])
    return slower


def _filled(cells: Cells, extra: Floats, value: float) -> Cells:
    """Add `extra` samples of one value to each group (Chan's rule)."""
    n = cells.n + extra
    share = np.divide(extra, n, out=np.zeros_like(n), where=n > 0)
    shift = value - cells.mean
    return Cells(n, cells.mean + shift * share, cells.m2 + cells.n * share * shift**2)
