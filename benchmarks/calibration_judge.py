"""How a world of the calibration is judged, under one truth: by the functions that reviews use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.policy import Verdicts, compared, judge, metric_name
from benchmarks.worlds.joined import tags, with_covariate
from benchmarks.worlds.people import Arm, Seen
from benchmarks.worlds.rates import Rates
from rolloutlib.measure.adjustment import adjust
from rolloutlib.measure.design import Arms
from rolloutlib.measure.design import compared as as_compared
from rolloutlib.measure.estimates import estimate_gate, proves
from rolloutlib.measure.looks import look_at
from rolloutlib.measure.moments import Cells
from rolloutlib.measure.subject import CLEAR, SHARE
from rolloutlib.measure.unseen import breaks, held_at
from rolloutlib.plan.metrics import is_binary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from benchmarks.calibration_worlds import World
    from rolloutlib.plan.model import Evidence, Gate, Plan

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Rng = np.random.Generator

LOOKS = 3
LISTED = 3  # tags of the control that are ranked
PORTION = 4_000_000  # values drawn at a time, so that memory stays small


def judged(world: World, plan: Plan, truth: float, rng: Rng, repetitions: int) -> Verdicts:
    """Simulate a world whose contrast is truly that, and judge it.

    Args:
        world: what is drawn.
        plan: gates and rules.
        truth: of the gate's contrast, in its own unit.
        rng: seeded.
        repetitions: how many.
    """
    cells = max(world.study.sizes(1).size, 1) * (40 if world.how == "tags" else 1)
    if world.gate == "avg_latency" and world.study.kind == "independent":
        cells *= world.study.units
    portion = max(PORTION // cells, 20)
    parts = [
        _HOW[world.how](world, plan, truth, rng, min(portion, repetitions - start))
        for start in range(0, repetitions, portion)
    ]
    return Verdicts(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def level_of(world: World, gate: Gate, truth: float) -> float:
    """Return the treatment's level when the gate's contrast is truly that."""
    levels = {"treatment": truth, "difference": world.control + truth,
              "ratio": world.control * truth}  # fmt: skip
    return levels[gate.contrast]


def _seen(world: World, gate: Gate, truth: float, rng: Rng, repetitions: int) -> Seen:
    level = level_of(world, gate, truth)
    return world.draw(level if gate.contrast == "treatment" else world.control, level, rng,
                      repetitions)  # fmt: skip


def _plain(world: World, plan: Plan, truth: float, rng: Rng, repetitions: int) -> Verdicts:
    gate = plan.gates[world.gate]
    observed = _seen(world, gate, truth, rng, repetitions)
    arms = compared(observed, world.study.kind, contrast=gate.contrast)
    return judge(gate, arms, plan.evidence, _proof(world, plan), _worst(world, plan))


def _proof(world: World, plan: Plan) -> float:
    return plan.gates[world.gate].proof_limit(world.stage, plan.profile("default"))


def _worst(world: World, plan: Plan) -> float | None:
    """Return the worst value of a sample, where what nobody saw holds the gate at the stage."""
    gate = plan.gates[world.gate]
    return held_at(plan, gate, world.stage, plan.profile("default"), metric_name(gate))


def _looks(world: World, plan: Plan, truth: float, rng: Rng, repetitions: int) -> Verdicts:
    """Review a third of the runs, two thirds, all of them, until a look passes or fails."""
    gate, runs = plan.gates[world.gate], world.study.runs
    observed = _seen(world, gate, truth, rng, repetitions)
    passed, failed = (np.zeros(repetitions, dtype=bool) for _ in range(2))
    point = np.full(repetitions, np.nan)
    for number in range(1, LOOKS + 1):
        until = runs * number // LOOKS
        part = Seen.of(arm.take(slice(None), slice(until))
                       for arm in (observed.control, observed.treatment))  # fmt: skip
        look = look_at(number, planned=LOOKS, confidence=plan.evidence.confidence)
        rules = plan.evidence.model_copy(update={"confidence": look.confidence})
        arms = compared(part, world.study.kind, contrast=gate.contrast)
        verdicts = judge(gate, arms, rules, _proof(world, plan), _worst(world, plan))
        going = ~passed & ~failed
        passed, failed = passed | (going & verdicts.passed), failed | (going & verdicts.failed)
        point = np.where(going, verdicts.point, point)
    return Verdicts(passed, failed, point)


def _tags(world: World, plan: Plan, truth: float, rng: Rng, repetitions: int) -> Verdicts:
    """Let the control choose the tag as `measure.subject` does, and test the reduction of it.

    A tag that leads clearly is tested on all; else the first fifth of the control's units chooses
    and leaves the test, where units are in both arms from both.
    """
    gate, study = plan.gates[world.gate], world.study
    many = int(world.name.split()[0])
    equal = "unequal" not in world.name
    levels = tuple([0.05] * many if equal else np.linspace(0.08, 0.02, many))
    drawn = tags(study, Rates(), levels, truth, rng, repetitions)
    by_unit = np.stack([tag.control.total.sum(axis=1) for tag in drawn])
    whole = np.stack([tag.treatment.total.sum(axis=(1, 2)) for tag in drawn])
    clear, top = _clearly_first(by_unit)
    fifth = max(1, int(SHARE * by_unit.shape[-1]))
    rank = by_unit[..., :fifth].sum(axis=-1) + (whole + by_unit.sum(axis=-1)) / 1e9
    chosen, row = np.where(clear, top, rank.argmax(axis=0)), np.arange(repetitions)
    tested = clear[:, None, None] | (np.arange(by_unit.shape[-1]) >= fifth)[None, None, :]
    arms: list[Arm] = []
    for arm in (0, 1):
        arm_by_tag = [(tag.control, tag.treatment)[arm] for tag in drawn]
        n = np.stack([each.n for each in arm_by_tag])[chosen, row]
        total = np.stack([each.total for each in arm_by_tag])[chosen, row]
        left = tested if arm == 0 or study.shared else np.ones_like(tested)
        arms.append(Arm(n * left, total * left))
    both = compared(Seen.of(arms), study.kind, contrast=gate.contrast)
    return judge(gate, both, plan.evidence, _proof(world, plan), _worst(world, plan))


def _clearly_first(by_unit: Floats) -> tuple[Flags, NDArray[np.int64]]:
    """Return whether the first tag leads the next two clearly, and which it is.

    Args:
        by_unit: the control's counts by tag, repetition and unit.
    """
    order = np.argsort(-by_unit.sum(axis=-1), axis=0, kind="stable")[:LISTED]
    first, *others = np.take_along_axis(by_unit, order[..., None], axis=0)
    clear = np.ones(first.shape[0], dtype=bool)
    for other in others:
        lead = first - other
        clear &= lead.sum(axis=-1) > CLEAR * np.square(lead).sum(axis=-1) ** 0.5
    return clear, order[0]


def _per_user(world: World, plan: Plan, truth: float, rng: Rng, repetitions: int) -> Verdicts:
    gate = plan.gates[world.gate].model_copy(update={"estimand": "per_user"})
    observed = _seen(world, gate, truth, rng, repetitions)
    arms = compared(observed, world.study.kind, contrast=gate.contrast)

    def cells(n: np.ndarray, total: np.ndarray) -> Cells:
        mean = total / np.maximum(n, 1)
        return Cells(n, mean, n * mean * (1 - mean))

    each = (
        Arms(cells(arms.zero.n[k] * (gate.contrast != "treatment"), arms.zero.total[k]),
             cells(arms.one.n[k], arms.one.total[k]), "user")
        for k in range(repetitions)
    )  # fmt: skip
    return _one_by_one(gate, each, plan.evidence, _proof(world, plan), _worst(world, plan))


def _adjusted(world: World, plan: Plan, truth: float, rng: Rng, repetitions: int) -> Verdicts:
    """Regress out what the units showed before, as `--adjust` does."""
    gate, study = plan.gates[world.gate], world.study
    means = (world.control or truth, level_of(world, gate, truth))
    rho, sd = float(world.name.split()[-1]), 0.5 if world.gate == "avg_score" else 800.0
    drawn = with_covariate(study.units, study.samples, means, sd, rho, shared=study.shared,
                           rng=rng, repetitions=repetitions)  # fmt: skip

    def arms(k: int) -> Arms:
        nested = study.kind == "nested"
        unit = "prompt" if study.kind == "paired" else "user"
        y = _cells(drawn.n[k], drawn.control[k], drawn.treatment[k], nested=nested)
        if gate.contrast == "treatment":  # one arm is not adjusted
            return Arms(*y, unit)
        x = _cells(drawn.n[k], drawn.before_control[k], drawn.before_treatment[k], nested=nested)
        return adjust(Arms(*y, unit), Arms(*x, unit))[0]

    each = (arms(k) for k in range(repetitions))
    return _one_by_one(gate, each, plan.evidence, _proof(world, plan), _worst(world, plan))


def _cells(
    n: np.ndarray, control: np.ndarray, treatment: np.ndarray, *, nested: bool
) -> tuple[Cells, Cells]:
    """Return the arms' moments side by side; users nested in an arm have an empty place beside."""
    none = np.zeros_like(n)
    if not nested:
        return Cells(n, control, none), Cells(n, treatment, none)
    pad = np.concatenate([none, none])
    n0, n1 = np.concatenate([n, none]), np.concatenate([none, n])
    x0, x1 = np.concatenate([control, none]), np.concatenate([none, treatment])
    return Cells(n0, x0, pad), Cells(n1, x1, pad)


def _one_by_one(
    gate: Gate, each: Iterable[Arms], rules: Evidence, limit: float, worst: float | None
) -> Verdicts:
    """Judge repetitions as single reviews."""
    rows: list[tuple[bool, bool, float]] = []
    binary = is_binary(metric_name(gate))
    for arms in each:
        estimate = estimate_gate(gate, arms, rules, metric=metric_name(gate))
        if estimate is None or estimate.cap is not None:
            rows.append((False, False, np.nan))
            continue
        holds, breached = proves(estimate.lower, estimate.upper, limit, gate.harm)
        alike = arms.per_user(binary=binary) if gate.estimand == "per_user" else arms
        both = as_compared(alike, estimate.design.kind)
        holds &= ~breaks(gate, both, limit, worst, metric=metric_name(gate))[0]
        rows.append((bool(holds), bool(breached), estimate.point))
    passed, failed, point = zip(*rows, strict=True)
    return Verdicts(np.array(passed), np.array(failed), np.array(point))


_HOW = {"plain": _plain, "looks": _looks, "tags": _tags, "per user": _per_user,
        "adjusted": _adjusted}  # fmt: skip
