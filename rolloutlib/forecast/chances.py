"""The chances of GO, HOLD and NO_GO before anything is measured, by simulation.

Every truth is judged on the same draws by the shipped policy, and so is the case that all gates but
one are clearly better: that one decides, so it is where a wrong GO is likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rolloutlib.forecast.worlds import Truth, compared, layout, simulate
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.estimates import clears, estimate_many, proves
from rolloutlib.measure.looks import look_at
from rolloutlib.measure.needed import Needed, further

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rolloutlib.forecast.worlds import Layout, World
    from rolloutlib.plan.model import Evidence, Gate, Plan, Profile, StageId

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


TRUTHS: Final = ("better", "design", "equal", "limit", "worse")
# The control arm that a stage is planned with; gates of the treatment alone need none.
CONTROL: Final = {"passed": 0.90, "score": 7.5, "issue": 0.15, "vetoed": 0.05}
# A clearly better candidate: differences, the top issue's ratio, values (latency: of the target).
BETTER: Final = {
    "passed": 0.03, "score": 0.3, "issue": 0.35, "vetoed": -0.03,
    "error": 0.001, "edited": 0.17, "latency_ms": 0.80, "slow": 0.01,
}  # fmt: skip
SCALES: Final = ("score", "latency_ms")  # the other metrics are proportions
LEAST: Final = 0.001  # a proportion is never closer to 0 or 1 in a simulated world
PILOTS: Final = 5  # simulated reviews from which the needed sizes are taken


class Judged(NamedTuple):
    """One gate in every repetition; each array is (repetitions,).

    Attributes:
        point: the estimate; NaN where there is none.
        lower, upper: its bounds; infinite where there are none.
        passed, failed: the evidence's verdict; inconclusive where neither.
        literal: whether the point alone clears the plan's limit: the plan's rule, when the last
            runs are all there is.
    """

    point: Floats
    lower: Floats
    upper: Floats
    passed: Flags
    failed: Flags
    literal: Flags


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
        truths: the true value of the contrast under each truth.
        provable: the limit that the bound clears with the plan's power when the design alternative
            is true.
        needed: users or pairs for the stage's limit, when there are too few; None when there are
            enough.
        chances: by truth.
    """

    id: str
    gate: Gate
    proof: float
    truths: Mapping[str, float]
    provable: float
    needed: Needed | None
    chances: Mapping[str, Chance]


@dataclass(frozen=True, slots=True)
class Decision:
    """How often a stage review says what, when every check holds.

    Attributes:
        truth: `better` and `equal` hold for every gate; `limit` and `worse` for one, the others are
            clearly better.
        gate: that one: of all gates the one which lets the most GO through.
        literal: how often the plan's literal rule says GO in the same worlds.
    """

    truth: str
    gate: str | None
    go: float
    hold: float
    no_go: float
    literal: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """A stage's chances; every proportion has a Monte Carlo error of at most 1/(2·√repetitions)."""

    stage: StageId
    study: Layout
    repetitions: int
    gates: tuple[GateForecast, ...]
    decisions: tuple[Decision, ...]


def forecast(  # noqa: PLR0913
    plan: Plan, stage: StageId, *, users: int, samples_per_user: int, correlation: float,
    paired: bool,
    rng: np.random.Generator, control: Mapping[str, float] | None = None, profile: str = "default",
    repetitions: int = 1000,
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
    """
    plan = _at_the_last_look(plan, stage)
    study = _study(users, samples_per_user, correlation, paired=paired)
    values = truths_of(plan, stage, plan.profile(profile), CONTROL | dict(control or {}))
    judged: dict[str, dict[str, list[Judged]]] = {
        truth: {key: [] for key in plan.gates} for truth in TRUTHS
    }
    pilot: tuple[World, ...] = ()
    for worlds in simulate(study, list(values.values()), rng, repetitions):
        pilot = pilot or worlds
        for truth, world in zip(values, worlds, strict=True):
            for key, gate in plan.gates.items():
                judged[truth][key].append(_judge(plan, stage, profile, gate, world, study))
    found = {
        truth: {key: _joined(parts) for key, parts in gates.items()}
        for truth, gates in judged.items()
    }
    base = dict(zip(values, pilot, strict=True))["design"]
    gates = tuple(_gate(plan, stage, profile, key, found, study, base) for key in plan.gates)
    decisions = (
        _decision("better", found),
        _decision("equal", found),
        _worst("limit", found),
        _worst("worse", found),
    )
    return Forecast(stage, study, repetitions, gates, decisions)


def _at_the_last_look(plan: Plan, stage: StageId) -> Plan:
    """Return the plan with the confidence that the stage's last look leaves."""
    looks = plan.stages[stage].looks
    last = look_at(looks, planned=looks, confidence=plan.evidence.confidence)
    evidence = plan.evidence.model_copy(update={"confidence": last.confidence})
    return plan.model_copy(update={"evidence": evidence})


def _study(users: int, samples: int, correlation: float, *, paired: bool) -> Layout:
    if samples == 1:
        return layout("paired", users) if paired else layout("independent", users // 2)
    return layout(
        "crossed" if paired else "nested", users if paired else users // 2, samples, icc=correlation
    )


def truths_of(
    plan: Plan, stage: StageId, profile: Profile, control: Mapping[str, float]
) -> dict[str, Truth]:
    """Return every truth.

    `worse` lies as far beyond each gate's limit as `better` lies before it.
    """
    worlds: dict[str, dict[str, float]] = {truth: {} for truth in TRUTHS}
    for gate in plan.gates.values():
        metric = world_metric(gate)
        base = control.get(metric, 0.0)
        for truth, value in _contrasts(gate, stage, profile).items():
            level = {"treatment": value, "difference": base + value, "ratio": base * value}[
                gate.contrast
            ]
            worlds[truth][metric] = level if metric in SCALES else min(max(level, LEAST), 1 - LEAST)
    return {truth: Truth(control, values) for truth, values in worlds.items()}


def _contrasts(gate: Gate, stage: StageId, profile: Profile) -> dict[str, float]:
    """The contrast's true value under each truth."""
    metric, proof, design = (
        world_metric(gate),
        gate.proof_limit(stage, profile),
        gate.design_alternative(profile),
    )
    better = BETTER[metric] * (profile.max_latency_ms if metric == "latency_ms" else 1.0)
    equal = {"treatment": design, "difference": 0.0, "ratio": 1.0}[gate.contrast]
    return {
        "better": better,
        "design": design,
        "equal": equal,
        "limit": proof,
        "worse": 2 * proof - better,
    }


def judge_many(
    gate: Gate, world: World, study: Layout, rules: Evidence, *, proof: float, literal: float
) -> Judged:
    """Judge one gate in every repetition of a world, as a review would.

    Args:
        gate: with the per-sample estimand.
        world: what was seen.
        study: how the arms compare.
        rules: confidence, smallest number of clusters, floor of the intra-class correlation.
        proof: what the stage's bound must clear.
        literal: the plan's own limit, in the same unit (a share for a quantile gate).
    """
    metric = world_metric(gate)
    arms = compared(world, study, metric, contrast=gate.contrast)
    point, lower, upper, capped = estimate_many(gate, arms, rules, metric=metric)
    usable = ~np.isnan(point) & ~capped
    kept, broken = (usable & proven for proven in proves(lower, upper, proof, gate.harm))
    cleared = np.asarray(clears(point, literal, gate.harm))
    return Judged(point, lower, upper, kept, broken, cleared)


def world_metric(gate: Gate) -> str:
    """Return the name of a gate's metric in a simulated world, which has one issue."""
    return metric_of(gate, "top").partition(":")[0]


def _judge(
    plan: Plan, stage: StageId, profile: str, gate: Gate, world: World, study: Layout
) -> Judged:
    own = plan.profile(profile)
    literal = 1 - gate.quantile if gate.quantile is not None else gate.plan_limit(own)
    proof = gate.proof_limit(stage, own)
    return judge_many(gate, world, study, plan.evidence, proof=proof, literal=literal)


def _joined(parts: list[Judged]) -> Judged:
    return type(parts[0])(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _gate(
    plan: Plan, stage: StageId, profile: str, key: str,
    found: Mapping[str, Mapping[str, Judged]], study: Layout,
    pilot: World,
) -> GateForecast:  # fmt: skip
    gate, own = plan.gates[key], plan.profile(profile)
    chances = {
        truth: Chance(
            *(float(np.mean(part)) for part in (of[key].passed, of[key].failed, of[key].literal))
        )
        for truth, of in found.items()
    }
    design = found["design"][key]
    power = plan.evidence.power
    bound, share = (design.lower, 1 - power) if gate.harm == "lower" else (design.upper, power)
    return GateForecast(
        key, gate, gate.proof_limit(stage, own), _contrasts(gate, stage, own),
        float(np.quantile(bound, share)),
        _needed(plan, stage, profile, gate, study, pilot), chances,
    )  # fmt: skip


def _needed(
    plan: Plan, stage: StageId, profile: str, gate: Gate, study: Layout, pilot: World
) -> Needed | None:
    """The median over simulated reviews of what each of them would ask for."""
    own, metric = plan.profile(profile), world_metric(gate)
    arms = compared(pilot, study, metric, contrast=gate.contrast)
    reviews = min(PILOTS, len(arms.one.n))
    sizes = [
        further(
            gate, arms.take(review), metric=metric, limit=gate.proof_limit(stage, own),
            alternative=gate.design_alternative(own), rules=plan.evidence,
        )
        for review in range(reviews)
    ]  # fmt: skip
    asked = sorted((size for size in sizes if size is not None), key=lambda size: size.total)
    return asked[len(asked) // 2] if 2 * len(asked) > PILOTS else None


def _decision(
    truth: str, found: Mapping[str, Mapping[str, Judged]], odd: str | None = None
) -> Decision:
    """Combine the gates.

    With `odd`, only that one is under the truth and the others are clearly better.
    """
    others = found["better" if odd else truth]
    gates = [found[truth][key] if key == odd else others[key] for key in others]
    literal: Flags = np.all([gate.literal for gate in gates], axis=0)
    no_go: Flags = np.any([gate.failed for gate in gates], axis=0)
    passed: Flags = np.all([gate.passed for gate in gates], axis=0)
    go = passed & literal & ~no_go
    shares = (go, ~go & ~no_go, no_go, literal)
    return Decision(truth, odd, *(float(np.mean(share)) for share in shares))


def _worst(truth: str, found: Mapping[str, Mapping[str, Judged]]) -> Decision:
    return max(
        (_decision(truth, found, key) for key in found[truth]), key=lambda decision: decision.go
    )
