"""The whole ladder in advance: how many candidates of a kind climb from stage 0 to 3.

Every stage is simulated as the plan plans it, all of it seen at its last look; the evidence of the
stage before is judged with it where the candidate is the same. `make ladder` says the same by other
generators, look by look.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rolloutlib.forecast.chances import PLAINLY, at_the_last_look, combined, study_of, truths_of
from rolloutlib.forecast.judged import judge_arms, last_runs, literal_limit, simulated, world_metric
from rolloutlib.forecast.worlds import CHUNK, compared, simulate, sources_of
from rolloutlib.measure.design import Compared, Sums
from rolloutlib.measure.unseen import held_at
from rolloutlib.plan.workbook import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.forecast.judged import Judged
    from rolloutlib.forecast.worlds import Layout, World
    from rolloutlib.plan.model import Gate, Plan
    from rolloutlib.plan.workbook import StageId

    Flags = NDArray[np.bool_]
    Simulated = tuple[World, Layout]

TOP: Final = 3  # the stage whose GO ends a climb: everybody has it by default
PORTION: Final = 50  # rollouts drawn together, so that memory stays small
SHOWN: Final = tuple(truth for truth in PLAINLY if truth != "equal")

USERS, SAMPLES, RUNS = 100, 20, 3  # of a stage that plans none


class Step(NamedTuple):
    """What a stage plans to see until its last look.

    Attributes:
        users: people in all.
        samples: of each, in each arm.
        runs: of each arm.
        looks: how often it may be reviewed.
        carries: whether the evidence of the stage before is judged with its own: where both stages
            change the same flags, the candidate is the same.
    """

    stage: StageId
    users: int
    samples: int
    runs: int
    looks: int
    carries: bool


def steps_of(plan: Plan) -> tuple[Step, ...]:
    """Return the plan's stages as they are planned."""
    return tuple(_step(plan, stage) for stage in STAGES)


def _step(plan: Plan, number: StageId) -> Step:
    stage = plan.stages[number]
    planned = stage.planned
    users, samples, runs = (
        (planned.users, planned.samples, planned.runs)
        if planned
        else (stage.cap or USERS, SAMPLES, RUNS)
    )
    same = number > 0 and plan.flags_of_arms(STAGES[number - 1]) == plan.flags_of_arms(number)
    return Step(number, users, samples, runs, stage.looks, carries=same)


@dataclass(frozen=True, slots=True)
class Climb:
    """How many of the rollouts of one kind of candidate have got a GO at stages 0, 0–1, ….

    `gate`: of a candidate at a limit that one, the one of all gates which lets the most climb.
    """

    truth: str
    gate: str | None
    stages: tuple[float, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class LadderForecast:
    """The whole ladder: its stages, and who climbs them."""

    steps: tuple[Step, ...]
    rollouts: int
    run_sd: float
    paired: bool
    climbs: tuple[Climb, ...]


class Rollouts(NamedTuple):
    """What is simulated; arguments of a forecast that all stages have in common.

    Attributes:
        correlation: intra-class correlation of two samples of one user.
        paired: whether every prompt is answered under both arms (a replay).
        run_sd: standard deviation of a run's own pass rate; other metrics vary with it.
        profile: guardian profile, whose latency target counts.
        repetitions: rollouts.
    """

    correlation: float = 0.05
    paired: bool = True
    run_sd: float = 0.0
    profile: str = "default"
    repetitions: int = 200


def climb(
    plan: Plan, what: Rollouts, control: Mapping[str, float], rng: np.random.Generator
) -> LadderForecast:
    """Simulate rollouts from stage 0 on, the truth being the same at every stage.

    Args:
        plan: stages, gates, limits and rules.
        what: is simulated.
        control: true values of the control arm.
        rng: seeded generator.
    """
    plan, _ = simulated(plan, control)
    steps = tuple(step for step in steps_of(plan) if step.stage <= TOP)
    parts: list[dict[tuple[str, str | None], list[Flags]]] = []
    portion = max(1, min(PORTION, CHUNK // max(2 * step.users * step.samples for step in steps)))
    for start in range(0, what.repetitions, portion):
        size = min(portion, what.repetitions - start)
        parts.append(_portion(plan, what, control, rng, steps, size))
    whole = {
        who: tuple(float(np.mean(np.concatenate([part[who][k] for part in parts])))
                   for k in range(len(steps)))
        for who in parts[0]
    }  # fmt: skip
    plainly = [Climb(truth, None, whole[truth, None]) for truth in SHOWN]
    limits = [Climb(truth, gate, chances, plan.gates[gate].title)
              for (truth, gate), chances in whole.items() if gate]  # fmt: skip
    worst = max(limits, key=lambda chances: chances.stages[::-1])
    return LadderForecast(steps, what.repetitions, what.run_sd, what.paired, (*plainly, worst))


def _portion(
    plan: Plan, what: Rollouts, control: Mapping[str, float], rng: np.random.Generator,
    steps: Sequence[Step], size: int,
) -> dict[tuple[str, str | None], list[Flags]]:  # fmt: skip
    """Return, for every kind of candidate and stage, which rollouts have climbed it."""
    limits = plan.profile(what.profile)
    truths = truths_of(plan, TOP, limits, control)
    who: list[tuple[str, str | None]] = [*((truth, None) for truth in SHOWN),
                                         *(("limit", gate) for gate in plan.gates)]  # fmt: skip
    up = {each: np.ones(size, dtype=bool) for each in who}
    climbed: dict[tuple[str, str | None], list[Flags]] = {each: [] for each in who}
    before: dict[str, list[Simulated]] = {}
    for step in steps:
        study = study_of(step.users, step.samples, what.correlation, paired=what.paired)
        study = replace(study, runs=step.runs, run_sd=what.run_sd)
        names = (*SHOWN, "limit")
        (worlds,) = simulate(study, [truths[name] for name in names], rng, size)
        if not step.carries:
            before = {}
        for name, world in zip(names, worlds, strict=True):
            before.setdefault(name, []).append((world, study))
        judged = {name: _judged(plan, step, what.profile, before[name]) for name in names}
        for each in who:
            truth, odd = each
            up[each] = up[each] & combined(truth, judged, odd)[0]
            climbed[each].append(up[each])
    return climbed


def _judged(plan: Plan, step: Step, profile: str, stages: Sequence[Simulated]) -> dict[str, Judged]:
    """Judge every gate at a stage: the evidence of all that is carried, the plan's rule on its own.

    The last of what is seen is the stage's own.
    """
    rules, limits = at_the_last_look(plan, step.stage).evidence, plan.profile(profile)
    world, study = stages[-1]
    judged: dict[str, Judged] = {}
    for key, gate in plan.gates.items():
        proof, literal = gate.proof_limit(step.stage, limits), literal_limit(gate, limits)
        value = last_runs(gate, world, study, rules.runs_averaged)
        worst = held_at(plan, gate, step.stage, limits, world_metric(gate))
        whole = judge_arms(gate, _together(gate, stages), rules, proof=proof, literal=literal,
                           value=value, worst=worst)  # fmt: skip
        if len(stages) > 1:  # what the stage itself proves broken does not pass by what is carried
            own = judge_arms(
                gate, _together(gate, stages[-1:]), rules, proof=proof, literal=literal
            )
            whole = whole._replace(passed=whole.passed & ~own.failed)
        judged[key] = whole
    return judged


def _together(gate: Gate, stages: Sequence[Simulated]) -> Compared:
    """Add stages up: other people, side by side."""
    metric = world_metric(gate)
    parts = [compared(world, study, metric, contrast=gate.contrast) for world, study in stages]
    if len(parts) == 1:
        return parts[0]
    treated, control = (
        Sums(*(np.concatenate([getattr(arm, name) for arm in arms], axis=-1)
               for name in ("n", "total")))
        for arms in ([part.one for part in parts], [part.zero for part in parts])
    )  # fmt: skip
    beyond = sources_of(stages, metric, contrast=gate.contrast)
    return parts[-1]._replace(one=treated, zero=control, beyond=beyond)
