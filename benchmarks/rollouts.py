"""Whole rollouts, stage 0 to 3, simulated: which candidate climbs the plan's ladder, how far.

Every stage has the people, samples, runs and looks that the plan plans; a HOLD is looked at again
with more runs as long as looks are left, a NO_GO ends. The shipped policy judges what
benchmarks/worlds draws; gates are drawn independently of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.policy import compared, judge, metric_name
from benchmarks.worlds.joined import both_stages
from benchmarks.worlds.numbers import Latencies, Scores, latencies, scores
from benchmarks.worlds.people import Arm, People, Seen
from benchmarks.worlds.rates import Rates, rates
from rolloutlib.forecast.ladder import steps_of
from rolloutlib.measure.estimates import clears, within
from rolloutlib.measure.looks import look_at
from rolloutlib.measure.unseen import held_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rolloutlib.plan.model import Gate, Plan
    from rolloutlib.plan.workbook import StageId

    Flags = NDArray[np.bool_]

SEED: Final = 20261130
PORTION: Final = 125  # rollouts drawn together, so that memory stays small
CONTROL: Final = {"pass_rate": 0.90, "avg_score": 7.5, "top_issue": 0.15, "vetoed": 0.05}
ICC: Final = 0.05
LAST: Final = 3  # stage that a climb ends with
# A candidate's contrasts: differences, the top issue's ratio, values; latency as a share of the
# target.
CLEARLY: Final = {
    "pass_rate": 0.03, "avg_score": 0.3, "top_issue": 0.35, "avg_latency": 0.8,
    "p95_latency": 0.01, "vetoed": -0.03, "error_rate": 0.001, "manual_edit_rate": 0.17,
}  # fmt: skip
EQUAL: Final = CLEARLY | {
    "pass_rate": 0.0, "avg_score": 0.0, "vetoed": 0.0, "top_issue": 0.33, "p95_latency": 0.02,
    "manual_edit_rate": 0.20,
}  # fmt: skip
DESIGN: Final = EQUAL | {"top_issue": 0.50, "avg_latency": 0.9, "error_rate": 0.002}


class Step(NamedTuple):
    """What is planned for a stage, until its last look.

    Attributes:
        users: people in all.
        samples: of each, in each arm.
        runs: of each arm.
        looks: how often it may be reviewed; each sees as many further runs.
        joins: whether each look sees as many further people; otherwise the same people answer in
            further runs (a stage with a cap).
    """

    users: int
    samples: int
    runs: int
    looks: int
    joins: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """What is simulated.

    Attributes:
        steps: stages 0, 1, 2, ….
        carries: of each stage, whether the evidence of the stage before is judged with it.
        run_sd: of the runs' own pass rate; other metrics in proportion.
        tolerant: whether the plan's rule lets a declared tolerance through.
    """

    steps: tuple[Step, ...]
    carries: tuple[bool, ...]
    run_sd: float = 0.0
    tolerant: bool = True


def planned(
    plan: Plan, *, run_sd: float = 0.0, same: bool = False, looks: int | None = None
) -> Ladder:
    """Return the ladder of the plan.

    Args:
        plan: with its stages.
        run_sd: as `Ladder`.
        same: whether flags stay as they are through all stages, so that all evidence is carried.
        looks: of the last stage, where not as planned.
    """
    stages = [step for step in steps_of(plan) if step.stage <= LAST]
    if looks is not None:
        stages[-1] = stages[-1]._replace(looks=looks)
    steps = tuple(
        Step(step.users, step.samples, step.runs, step.looks,
             joins=plan.stages[step.stage].cap is None and step.looks > 1)
        for step in stages
    )  # fmt: skip
    carries = tuple(step.carries or (same and step.stage > 0) for step in stages)
    return Ladder(steps, carries, run_sd)


def drawn(
    ladder: Ladder, number: int, plan: Plan, key: str, value: float, rng: np.random.Generator,
    repetitions: int,
) -> Seen:  # fmt: skip
    """Draw one gate's metric at one stage, the candidate's contrast being truly that."""
    step = ladder.steps[number]
    if not step.joins:
        study = People("crossed", step.users, step.samples, step.runs)
        return _metric(study, ladder.run_sd, plan, key, value, rng, repetitions)
    study = People("crossed", step.users // step.looks, step.samples, step.runs // step.looks)
    parts = (_metric(study, ladder.run_sd, plan, key, value, rng, repetitions)
             for _ in range(step.looks))  # fmt: skip
    return reduce(both_stages, parts)


def _metric(
    study: People, sd: float, plan: Plan, key: str, value: float, rng: np.random.Generator,
    repetitions: int,
) -> Seen:  # fmt: skip
    gate, base = plan.gates[key], CONTROL.get(key, 0.0)
    if key == "avg_latency":
        target = plan.profile("default").max_latency_ms
        return latencies(study, Latencies(icc=ICC, run_sd=2.5 * sd, cap=3 * target),
                         value * target, rng, repetitions)  # fmt: skip
    if key == "avg_score":
        return scores(study, Scores(icc=ICC, run_sd=5 * sd), base, base + value, rng, repetitions)
    level = {"treatment": value, "difference": base + value, "ratio": base * value}[gate.contrast]
    scaled = sd * (level * (1 - level) / (0.9 * 0.1)) ** 0.5
    return rates(study, Rates(icc=ICC, run_sd=scaled), base or level, level, rng, repetitions)


def climb(ladder: Ladder, plan: Plan, observed: Sequence[Mapping[str, Seen]]) -> NDArray[np.int64]:
    """Return how many stages each rollout climbs, (repetitions,).

    Args:
        ladder: the stages.
        plan: gates and rules.
        observed: by stage and gate, all that the last planned look would see.
    """
    times = len(next(iter(observed[0].values())).treatment.n)
    climbed, going = np.zeros(times, dtype=np.int64), np.arange(times)
    before: dict[str, list[Seen]] = {}
    for number, step in enumerate(ladder.steps):
        if not ladder.carries[number]:
            before = {}
        waiting, ended = going, np.full(times, 0)
        for look in range(1, step.looks + 1):
            if not len(waiting):
                break
            until = step.runs * look // step.looks
            go, no_go = _reviewed(
                ladder, plan, number, look, until, observed[number], before, waiting
            )
            climbed[waiting[go]] += 1
            ended[waiting[go]] = until
            waiting = waiting[~go & ~no_go]
        going = np.flatnonzero(climbed > number)
        for key, both in observed[number].items():
            before.setdefault(key, []).append(_until(both, ended))
    return climbed


def _reviewed(
    ladder: Ladder, plan: Plan, number: int, look: int, until: int, observed: Mapping[str, Seen],
    before: Mapping[str, Sequence[Seen]], rows: NDArray[np.int64],
) -> tuple[Flags, Flags]:  # fmt: skip
    """Review these rollouts at one look: who gets a GO, who a NO_GO."""
    step = ladder.steps[number]
    left = look_at(look, planned=step.looks, confidence=plan.evidence.confidence)
    rules = plan.evidence.model_copy(update={"confidence": left.confidence})
    stage: StageId = (0, 1, 2, 3, 4)[number]
    go, no_go = np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for key, gate in plan.gates.items():
        own = _rows(observed[key], rows, until)
        all_of_it = (*(_rows(earlier, rows, None) for earlier in before.get(key, ())), own)
        arms = compared(reduce(both_stages, all_of_it), "crossed", contrast=gate.contrast)
        limits = plan.profile("default")
        limit = gate.proof_limit(stage, limits)
        worst = held_at(plan, gate, stage, limits, metric_name(gate))
        verdicts = judge(gate, arms, rules, limit, worst)
        if len(all_of_it) > 1:  # what the stage itself proves broken does not pass by the sum
            alone = judge(gate, compared(own, "crossed", contrast=gate.contrast), rules, limit)
            verdicts = verdicts._replace(passed=verdicts.passed & ~alone.failed)
        value = _literal(gate, own, plan.evidence.runs_averaged)
        go &= verdicts.passed & _read(ladder, plan, gate, value)
        no_go |= verdicts.failed
    enough = until >= plan.evidence.runs_averaged
    return go & ~no_go & enough, no_go


def _rows(observed: Seen, rows: NDArray[np.int64], until: int | None) -> Seen:
    return Seen.of(arm.take(rows, slice(until)) for arm in (observed.control, observed.treatment))


def _until(observed: Seen, ended: NDArray[np.int64]) -> Seen:
    """Keep the runs that were there when the stage ended."""
    ran = np.arange(observed.treatment.n.shape[1])[None, :, None] < ended[:, None, None]
    return Seen.of(
        Arm(arm.n * ran, arm.total * ran, None if arm.square is None else arm.square * ran)
        for arm in (observed.control, observed.treatment)
    )


def _literal(gate: Gate, own: Seen, last: int) -> NDArray[np.float64]:
    """Return the plan's own value: the mean of the last runs' means."""
    levels: list[NDArray[np.float64]] = []
    for arm in (own.control, own.treatment):
        n, total = arm.n[:, -last:].sum(axis=2), arm.total[:, -last:].sum(axis=2)
        levels.append((total / np.maximum(n, 1)).mean(axis=1))
    control, treatment = levels
    if gate.contrast == "difference":
        return treatment - control
    return treatment / np.maximum(control, 1e-9) if gate.contrast == "ratio" else treatment


def _read(ladder: Ladder, plan: Plan, gate: Gate, value: NDArray[np.float64]) -> Flags:
    """Return where the plan's rule passes; a tolerant reading lets a declared tolerance through."""
    limits = plan.profile("default")
    limit = 1 - gate.quantile if gate.quantile is not None else gate.plan_limit(limits)
    strictly = np.asarray(clears(value, limit, gate.harm))
    if gate.reading == "strict" or not ladder.tolerant:
        return strictly
    return strictly | np.asarray(within(value, limit, gate.tolerance, gate.harm))


def candidates(plan: Plan) -> dict[str, dict[str, float]]:
    """Return who tries to climb: clearly better, equal, as designed, one gate at its limit.

    The limit is the plan's own, that of stage 3; all other gates are clearly better.
    """
    limits = plan.profile("default")
    contrasts = {"better": CLEARLY, "equal": EQUAL, "design": DESIGN}
    for key, gate in plan.gates.items():
        limit = gate.proof_limit(3, limits)
        if key == "avg_latency":
            limit /= limits.max_latency_ms
        contrasts[f"limit:{key}"] = CLEARLY | {key: limit}
    return contrasts


def portion(ladder: Ladder, plan: Plan, number: int, size: int) -> dict[str, NDArray[np.int64]]:
    """Draw a portion of rollouts and let every candidate climb; draws are shared by contrast."""
    who = candidates(plan)
    cache: dict[tuple[int, str, float], Seen] = {}

    def of(stage: int, key: str, value: float) -> Seen:
        place = (stage, key, value)
        if place not in cache:
            rng = np.random.default_rng((SEED, number, stage, list(plan.gates).index(key),
                                         round(1e6 * (value + 10))))  # fmt: skip
            cache[place] = drawn(ladder, stage, plan, key, value, rng, size)
        return cache[place]

    return {
        name: climb(ladder, plan, [{key: of(stage, key, values[key]) for key in plan.gates}
                                   for stage in range(len(ladder.steps))])
        for name, values in who.items()
    }  # fmt: skip
