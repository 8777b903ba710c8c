"""One gate in every repetition of a world, judged as a review judges it: by evidence and plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.errors import UsageError
from rolloutlib.forecast.worlds import compared
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.estimates import clears, estimate_many, proves, within
from rolloutlib.measure.unseen import breaks
from rolloutlib.plan.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rolloutlib.forecast.sources import ByRun
    from rolloutlib.forecast.worlds import Layout, World
    from rolloutlib.measure.design import Compared
    from rolloutlib.plan.model import Evidence, Gate, Plan, Profile

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


class Judged(NamedTuple):
    """One gate in every repetition; each array is (repetitions,).

    Attributes:
        point: the estimate; NaN where there is none.
        lower, upper: its bounds; infinite where there are none.
        passed, failed: the evidence's verdict; inconclusive where neither.
        literal: whether the value of the last runs clears the plan's limit: the plan's rule.
        read: the same, or it misses by less than the tolerance that the gate declares, where it is
            read tolerantly.
    """

    point: Floats
    lower: Floats
    upper: Floats
    passed: Flags
    failed: Flags
    literal: Flags
    read: Flags


def simulated(plan: Plan, control: Mapping[str, float]) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan with the gates that a world can show, and the titles of the others.

    Args:
        plan: all gates.
        control: the metrics of which the control's true value is known.

    Raises:
        UsageError: it can show none.
    """
    shown = {key: gate for key, gate in plan.gates.items() if is_drawn(gate, control)}
    if not shown:
        titles = ", ".join(gate.title for gate in plan.gates.values())
        raise UsageError("none of the plan's gates can be simulated: {titles}.", titles=titles)
    left = tuple(gate.title for key, gate in plan.gates.items() if key not in shown)
    return plan.model_copy(update={"gates": shown}), left


def is_drawn(gate: Gate, control: Mapping[str, float]) -> bool:
    """Whether a gate's metric is drawn, and in both arms where it compares them."""
    if gate.scorer or gate.is_quantile_ratio or not METRICS[gate.metric].drawn:
        return False
    return gate.contrast == "treatment" or gate.metric in control


def judge_many(
    gate: Gate, world: World, study: Layout, rules: Evidence, *, proof: float, literal: float,
    worst: float | None = None,
) -> Judged:  # fmt: skip
    """Judge one gate in every repetition of a world, as a review would.

    Args:
        gate: with the per-sample estimand.
        world: what was seen.
        study: how the arms compare.
        rules: confidence, smallest number of clusters, floor of the intra-class correlation.
        proof: what the stage's bound must clear.
        literal: the plan's own limit, in the same unit (a share for a quantile gate).
        worst: value of a sample, where what nobody saw holds the gate (`unseen.held_at`).
    """
    metric = world_metric(gate)
    arms = compared(world, study, metric, contrast=gate.contrast)
    return judge_arms(gate, arms, rules, proof=proof, literal=literal, worst=worst,
                      value=last_runs(gate, world, study, rules.runs_averaged))  # fmt: skip


def judge_arms(
    gate: Gate, arms: Compared, rules: Evidence, *, proof: float, literal: float,
    value: Floats | None = None, worst: float | None = None,
) -> Judged:  # fmt: skip
    """Judge one gate in every repetition; `value` is the plan's own, else the estimate."""
    point, lower, upper, capped = estimate_many(gate, arms, rules, metric=world_metric(gate))
    usable = ~np.isnan(point) & ~capped
    cleared, broken = (usable & proven for proven in proves(lower, upper, proof, gate.harm))
    cleared &= ~breaks(gate, arms, proof, worst, metric=world_metric(gate))
    value = point if value is None else value
    meets_plan = np.asarray(clears(value, literal, gate.harm))
    return Judged(point, lower, upper, cleared, broken, meets_plan,
                  meets_plan | tolerated(gate, value, literal))  # fmt: skip


def tolerated(gate: Gate, value: Floats, limit: float) -> Flags:
    """Return where a value misses the plan's limit by less than what a tolerant gate declares."""
    if gate.reading == "strict":
        return np.zeros(np.shape(value), dtype=bool)
    return np.asarray(within(value, limit, gate.tolerance, gate.harm))


def last_runs(gate: Gate, world: World, study: Layout, most: int) -> Floats | None:
    """Return the plan's value: the mean of the last runs' means; None in a study of one run."""
    if study.runs == 1:
        return None
    metric = world_metric(gate)
    treated = _mean_of_runs(world.by_run[metric, 1], most)
    if gate.contrast == "treatment":
        return treated
    control = _mean_of_runs(world.by_run[metric, 0], most)
    if gate.contrast == "difference":
        return treated - control
    return np.where(control > 0, treated / np.where(control > 0, control, 1.0), np.nan)


def _mean_of_runs(arm: ByRun, most: int) -> Floats:
    n, total = (part[:, -most:].sum(axis=2) for part in (arm.n, arm.total))
    return np.asarray((total / np.maximum(n, 1.0)).mean(axis=1))


def world_metric(gate: Gate) -> str:
    """Return the name of a gate's metric in a simulated world, which has one issue."""
    return metric_of(gate, "top").partition(":")[0]


def literal_limit(gate: Gate, limits: Profile) -> float:
    """Return the plan's own limit in the evidence's unit."""
    return 1 - gate.quantile if gate.quantile is not None else gate.plan_limit(limits)
