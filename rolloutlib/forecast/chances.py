"""The chances of GO, HOLD and NO_GO before anything is measured, by simulation.

Every truth is judged on the same draws by the shipped policy, and so is the case that all gates but
one are clearly better: that one decides, so it is where a wrong GO is likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rolloutlib.forecast.judged import (
    Judged,
    is_drawn,
    judge_many,
    literal_limit,
    simulated,
    world_metric,
)
from rolloutlib.forecast.worlds import Truth, compared, layout, simulate
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.looks import look_at
from rolloutlib.measure.needed import UNITS, Needed, further
from rolloutlib.measure.unseen import breaks, due_units, held_at, seen_units, unseen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rolloutlib.forecast.worlds import Layout, World
    from rolloutlib.measure.design import Compared
    from rolloutlib.plan.model import Gate, Plan, Profile
    from rolloutlib.plan.workbook import StageId

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

TRUTHS: Final = ("better", "good", "design", "equal", "limit", "worse")
# The control arm that a stage is planned with; gates of the treatment alone need none.
CONTROL: Final = {"passed": 0.90, "score": 7.5, "issue": 0.15, "vetoed": 0.05}
# A clearly better candidate: differences, the top issue's ratio, values (latency: of the target).
BETTER: Final = {
    "passed": 0.03, "score": 0.3, "issue": 0.35, "vetoed": -0.03,
    "error": 0.001, "edited": 0.17, "latency_ms": 0.80, "slow": 0.01,
}  # fmt: skip
# One that is as good as the control and does what the plan asks for: no difference in what is
# compared, fewer issues, fast, few errors; the rest as the plan designs it.
GOOD: Final = {"issue": 0.33, "error": 0.001, "latency_ms": 0.80}
SCALES: Final = ("score", "latency_ms")  # the other metrics are proportions
LEAST: Final = 0.001  # a proportion is never closer to 0 or 1 in a simulated world
PILOTS: Final = 5  # simulated reviews from which the needed sizes are taken


# Truths that hold for every gate at once.
PLAINLY: Final = ("better", "good", "design", "equal")


@dataclass(frozen=True, slots=True)
class Chance:
    """How often a gate passes, fails, and how often its point alone clears the plan's limit."""

    passed: float
    failed: float
    literal: float


@dataclass(frozen=True, slots=True)
class GateForecast:
    """One gate of the stage.

    Attributes:
        proof: what the stage's bound must clear.
        provable: the limit that the bound clears with the plan's power when the design alternative
            is true.
        needed: users or pairs for the stage's limit, when there are too few; None when there are
            enough.
        chances: by truth.
    """

    id: str
    gate: Gate
    proof: float
    provable: float
    needed: Needed | None
    chances: Mapping[str, Chance]


@dataclass(frozen=True, slots=True)
class Decision:
    """How often a stage review says what, when every check holds.

    Attributes:
        truth: `better`, `good`, `design` and `equal` hold for every gate; `limit` and `worse` for
            one, the others are clearly better.
        gate: that one: of all gates the one which lets the most GO through.
        literal: how often the plan's rule, read strictly, says GO in the same worlds.
    """

    truth: str
    gate: str | None
    go: float
    hold: float
    no_go: float
    literal: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """A stage's chances; every proportion has a Monte Carlo error of at most 1/(2·√repetitions).

    `left` are the titles of gates that cannot be simulated.
    """

    stage: StageId
    study: Layout
    repetitions: int
    gates: tuple[GateForecast, ...]
    decisions: tuple[Decision, ...]
    left: tuple[str, ...] = ()


class Setting(NamedTuple):
    """What every gate of a forecast has in common."""

    plan: Plan
    stage: StageId
    limits: Profile
    study: Layout


def forecast(  # noqa: PLR0913 -- a study has that many sides
    plan: Plan, stage: StageId, *, users: int, samples_per_user: int, correlation: float,
    paired: bool, rng: np.random.Generator, control: Mapping[str, float] | None = None,
    profile: str = "default", repetitions: int = 1000, runs: int = 1, run_sd: float = 0.0,
) -> Forecast:  # fmt: skip
    """Simulate a stage's reviews under every truth.

    Args:
        plan: gates, limits and rules.
        stage: whose proof limits apply.
        users: in all; unpaired, each arm gets half of them.
        samples_per_user: in each arm that the user is in.
        correlation: intra-class correlation of two samples of one user.
        paired: whether every prompt is answered under both arms (a replay).
        rng: seeded generator.
        control: true values of the control arm, where they differ from CONTROL.
        profile: guardian profile, whose latency target counts.
        repetitions: simulated reviews.
        runs: of each arm.
        run_sd: standard deviation of a run's own pass rate; other metrics vary with it.
    """
    levels = CONTROL | dict(control or {})
    plan, left = simulated(at_the_last_look(plan, stage), levels)
    limits = plan.profile(profile)
    study = study_of(users, samples_per_user, correlation, paired=paired)
    study = replace(study, runs=min(runs, samples_per_user if samples_per_user > 1 else runs),
                    run_sd=run_sd)  # fmt: skip
    setting = Setting(plan, stage, limits, study)
    truths = truths_of(plan, stage, limits, levels)
    parts = {truth: {key: list[Judged]() for key in plan.gates} for truth in truths}
    pilots: dict[str, World] = {}
    for portion in simulate(study, list(truths.values()), rng, repetitions):
        worlds = dict(zip(truths, portion, strict=True))
        pilots = pilots or worlds
        for truth, world in worlds.items():
            for key, gate in plan.gates.items():
                parts[truth][key].append(judge_gate(setting, gate, world))
    judged = {
        truth: {key: _joined(portions) for key, portions in gates.items()}
        for truth, gates in parts.items()
    }
    gates = tuple(_gate(setting, key, judged, pilots["design"]) for key in plan.gates)
    plainly = tuple(decision(truth, judged) for truth in PLAINLY)
    worst = tuple(_worst(truth, judged) for truth in ("limit", "worse"))
    return Forecast(stage, study, repetitions, gates, plainly + worst, left)


def at_the_last_look(plan: Plan, stage: StageId) -> Plan:
    """Return the plan with the confidence that the stage's last look leaves."""
    looks = plan.stages[stage].looks
    last = look_at(looks, planned=looks, confidence=plan.evidence.confidence)
    evidence = plan.evidence.model_copy(update={"confidence": last.confidence})
    return plan.model_copy(update={"evidence": evidence})


def study_of(users: int, samples: int, correlation: float, *, paired: bool) -> Layout:
    """Return the layout of a stage: pairs or users in both arms, or half of them in each."""
    if samples == 1:
        return layout("paired", users) if paired else layout("independent", users // 2)
    kind, units = ("crossed", users) if paired else ("nested", users // 2)
    return layout(kind, units, samples, icc=correlation)


def truths_of(
    plan: Plan, stage: StageId, profile: Profile, control: Mapping[str, float]
) -> dict[str, Truth]:
    """Return every truth.

    `worse` lies as far beyond each gate's limit as `better` lies before it.
    """
    worlds: dict[str, dict[str, float]] = {truth: {} for truth in TRUTHS}
    for gate in (each for each in plan.gates.values() if is_drawn(each, control)):
        metric = world_metric(gate)
        base = control.get(metric, 0.0)
        for truth, value in _contrasts(gate, stage, profile).items():
            levels = {"treatment": value, "difference": base + value, "ratio": base * value}
            level = levels[gate.contrast]
            worlds[truth][metric] = level if metric in SCALES else min(max(level, LEAST), 1 - LEAST)
    cap = latency_cap(plan, profile)
    return {truth: Truth(control, values, cap) for truth, values in worlds.items()}


def _contrasts(gate: Gate, stage: StageId, profile: Profile) -> dict[str, float]:
    """Return the contrast's true value under each truth."""
    metric, proof = world_metric(gate), gate.proof_limit(stage, profile)
    design = gate.design_alternative(profile)
    better = BETTER[metric] * (profile.max_latency_ms if metric == "latency_ms" else 1.0)
    equal = {"treatment": design, "difference": 0.0, "ratio": 1.0}[gate.contrast]
    scale = profile.max_latency_ms if metric == "latency_ms" else 1.0
    good = GOOD[metric] * scale if metric in GOOD else equal
    return dict(zip(TRUTHS, (better, good, design, equal, proof, 2 * proof - better), strict=True))


def judge_gate(setting: Setting, gate: Gate, world: World) -> Judged:
    """Judge one gate of the plan at the stage in every repetition."""
    plan, stage, limits, study = setting
    proof, literal = gate.proof_limit(stage, limits), literal_limit(gate, limits)
    worst = held_at(plan, gate, stage, limits, world_metric(gate))
    return judge_many(gate, world, study, plan.evidence, proof=proof, literal=literal, worst=worst)


def _joined(parts: list[Judged]) -> Judged:
    return Judged(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _gate(
    setting: Setting, key: str, judged: Mapping[str, Mapping[str, Judged]], pilot: World
) -> GateForecast:
    plan, stage, limits, _ = setting
    gate, power = plan.gates[key], plan.evidence.power
    chances = {truth: _chance(gates[key]) for truth, gates in judged.items()}
    design = judged["design"][key]
    bound, share = (design.lower, 1 - power) if gate.harm == "lower" else (design.upper, power)
    provable = float(np.quantile(bound, share, method="inverted_cdf"))  # bounds may be infinite
    needed = _needed(setting, gate, pilot)
    return GateForecast(key, gate, gate.proof_limit(stage, limits), provable, needed, chances)


def _chance(judged: Judged) -> Chance:
    shares = (float(np.mean(part)) for part in (judged.passed, judged.failed, judged.literal))
    return Chance(*shares)


def _needed(setting: Setting, gate: Gate, pilot: World) -> Needed | None:
    """Return the median over simulated reviews of what each of them would ask for.

    Where more are due to show what so many may all have missed, they are needed.
    """
    plan, stage, limits, study = setting
    metric = world_metric(gate)
    arms = compared(pilot, study, metric, contrast=gate.contrast)
    unmissed = _due(setting, gate, arms)
    sizes = [
        further(
            gate, arms.take(review), metric=metric, limit=gate.proof_limit(stage, limits),
            alternative=gate.design_alternative(limits), rules=plan.evidence,
        )
        for review in range(min(PILOTS, len(arms.one.n)))
    ]  # fmt: skip
    needs = sorted((size for size in sizes if size is not None), key=lambda size: size.total)
    usual = needs[len(needs) // 2 : len(needs) // 2 + 1] if 2 * len(needs) > PILOTS else []
    return max([*usual, *([unmissed] if unmissed else [])], key=lambda s: s.total, default=None)


def _due(setting: Setting, gate: Gate, arms: Compared) -> Needed | None:
    """Return how many show what these may all have missed; None where nothing holds, or enough."""
    plan, stage, limits, _ = setting
    metric, limit = world_metric(gate), gate.proof_limit(stage, limits)
    worst = held_at(plan, gate, stage, limits, metric)
    if worst is None or not breaks(gate, arms, limit, worst, metric=metric).any():
        return None
    bound, units = unseen(gate, arms, worst, metric=metric), int(np.min(seen_units(arms)))
    room = float(np.median((limit - bound.base) / bound.slope))
    enough = due_units(room) if room > 0 else units
    return Needed(UNITS[arms.unit], enough, enough - units) if enough > units else None


def decision(
    truth: str, judged: Mapping[str, Mapping[str, Judged]], odd: str | None = None
) -> Decision:
    """Combine the gates.

    With `odd`, only that one is under the truth and the others are clearly better.
    """
    go, no_go, literal = combined(truth, judged, odd)
    shares = (go, ~go & ~no_go, no_go, literal)
    return Decision(truth, odd, *(float(np.mean(share)) for share in shares))


def combined(
    truth: str, judged: Mapping[str, Mapping[str, Judged]], odd: str | None = None
) -> tuple[Flags, Flags, Flags]:
    """Return which repetitions end in GO, which in NO_GO, and where the strict rule says GO."""
    others = judged["better" if odd else truth]
    gates = [judged[truth][key] if key == odd else others[key] for key in others]
    read: Flags = np.all([gate.read for gate in gates], axis=0)
    literal: Flags = np.all([gate.literal for gate in gates], axis=0)
    no_go: Flags = np.any([gate.failed for gate in gates], axis=0)
    passed: Flags = np.all([gate.passed for gate in gates], axis=0)
    return passed & read & ~no_go, no_go, literal


def _worst(truth: str, judged: Mapping[str, Mapping[str, Judged]]) -> Decision:
    return max((decision(truth, judged, key) for key in judged[truth]), key=lambda case: case.go)
