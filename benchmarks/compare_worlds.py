"""How often `rollout compare` errs: worlds of two eval files, judged by the shipped gates.

    python -m benchmarks.compare_worlds        prints the table of docs/compare.md

Worlds are plain NumPy that shares no code with the policy. A world draws both files many times:
prompts differ in difficulty, the same prompts are in both files, and the treatment is as much worse
as the world says. The gates' own methods judge all draws at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.measure.design import Compared, Sums
from rolloutlib.measure.estimates import estimate_many, proves
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.stats import judge_error
from rolloutlib.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.design import Kind, Unit
    from rolloutlib.plan.offline import EvalPlan

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

REPETITIONS = 1500
CONTROL = 0.85  # of the control's answers pass
MEAN_MS, ERRORS = 1500.0, 0.005


@dataclass(frozen=True)
class World:
    """Two files of the same prompts.

    Attributes:
        title: for the table.
        wrong: whether a GO is wrong.
        prompts, answers: how many prompts, and answers to each in either file.
        loss: by how much fewer of the treatment's answers pass.
        alike: how alike answers to one prompt are, 0-1 (of two files as of one).
        documents: prompts of one document, which lose together; 1 is none.
        named: whether the files name the document.
        slower: the ratio of mean latencies; tail: standard deviation of their logarithm.
        errors: by how much more calls of the treatment fail.
        noise: share of verdicts that the judge turns round.
        labels: samples of each file that people labelled.
    """

    title: str
    wrong: bool
    prompts: int = 200
    answers: int = 1
    loss: float = 0.0
    alike: float = 0.7
    documents: int = 1
    named: bool = False
    slower: float = 1.0
    tail: float = 0.5
    errors: float = 0.0
    noise: float = 0.0
    labels: int = 0
    gates: tuple[str, ...] = field(default=("pass_rate", "errors", "avg_latency"))


WORLDS = (
    World("equal", wrong=False),
    World("equal, more prompts", wrong=False, prompts=400),
    World("equal, answers of one prompt half as alike", wrong=False, alike=0.35),
    World("equal, 3 answers a prompt", wrong=False, answers=3, alike=0.35),
    World("pass rate at the margin", wrong=True, loss=0.07),
    World("pass rate at the margin, few prompts", wrong=True, prompts=50, loss=0.07),
    World("pass rate at the margin, 3 answers a prompt", wrong=True, answers=3, loss=0.07,
          alike=0.35),
    World("pass rate at twice the margin", wrong=True, loss=0.14),
    World("documents of 10 prompts lose alike, and are named", wrong=True, prompts=400, loss=0.07,
          documents=10, named=True),
    World("documents of 10 prompts lose alike, and nobody says so", wrong=True, prompts=400,
          loss=0.07, documents=10),
    World("latency at the margin", wrong=True, slower=1.2),
    World("latency at the margin, heavy tail", wrong=True, slower=1.2, tail=1.2),
    World("equal, heavy tail", wrong=False, tail=1.2),
    World("errors at the margin", wrong=True, errors=0.04),
    World("errors at twice the margin", wrong=True, errors=0.08),
    World("the judge turns 10 % of verdicts round, people see the margin", wrong=True, loss=0.07,
          noise=0.1, gates=("pass_rate",)),
    World("the same, 100 labels a file", wrong=True, loss=0.07, noise=0.1, labels=100,
          gates=("pass_rate",)),
    World("equal, the judge turns 10 % round, 400 labels a file", wrong=False, prompts=1000,
          noise=0.1, labels=400, gates=("pass_rate",)),
    *(World(f"{prompts // 10} documents of 10 prompts lose alike, and are named", wrong=True,
            prompts=prompts, loss=0.07, documents=10, named=True)
      for prompts in (100, 200, 300, 800)),
    *(World(f"equal, {prompts // 10} named documents of 10 prompts", wrong=False, prompts=prompts,
            documents=10, named=True)
      for prompts in (100, 200, 300, 400, 800)),
)  # fmt: skip


class Drawn(NamedTuple):
    """What files hold: of each metric both arms, (2, repetitions, prompts, answers).

    `truly` is what people would say where the judge's verdict is `passed`.
    """

    passed: Flags
    truly: Flags
    error: Flags
    latency: Floats


def draw(world: World, repetitions: int, rng: np.random.Generator) -> Drawn:
    """Draw both files many times."""
    shape = (2, repetitions, world.prompts, world.answers)
    truly = _passes(world, shape, rng)
    verdict = truly ^ (rng.random(shape) < world.noise)
    share = np.array([ERRORS, ERRORS + world.errors]).reshape(2, 1, 1, 1)
    mean = np.array([MEAN_MS, MEAN_MS * world.slower]).reshape(2, 1, 1, 1)
    hard = rng.normal(0, 0.3, (1, repetitions, world.prompts, 1))
    own = rng.normal(0, world.tail, shape)
    latency = mean * np.exp(hard + own - (0.3**2 + world.tail**2) / 2)
    return Drawn(verdict, truly, rng.random(shape) < share, latency)


def _passes(world: World, shape: tuple[int, ...], rng: np.random.Generator) -> Flags:
    """Draw what passes: a prompt is decided once, or each of its answers by itself.

    The treatment's loss falls on prompts, or on documents as a whole, that the control passes.
    """
    _, repetitions, prompts, _ = shape
    decided = rng.random((1, repetitions, prompts, 1)) < CONTROL
    again = rng.random(shape) < CONTROL
    passes = np.where(rng.random(shape) < world.alike, decided, again)
    groups = prompts // world.documents
    hit = rng.random((repetitions, groups)) < world.loss / CONTROL
    if world.documents > 1:  # as many fall in all, document by document with their own share
        share = _shares_lost(world.loss / CONTROL, hit.shape, rng)
        hit = rng.random((repetitions, groups, world.documents)) < share[..., None]
    lost = hit.reshape(repetitions, prompts, 1)
    if world.answers > 1:
        lost = rng.random((repetitions, prompts, world.answers)) < world.loss / CONTROL
    passes[1] &= ~lost
    return passes


def _shares_lost(mean: float, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw which share of each document falls: of most of them nothing, of some nearly all."""
    return rng.beta(0.7 * mean, 0.7 * (1 - mean), shape) if mean else np.zeros(shape)


def judged(world: World, plan: EvalPlan, repetitions: int, seed: int = 0) -> tuple[float, float]:
    """Return how often a world's files get a GO and a NO-GO."""
    drawn = draw(world, repetitions, np.random.default_rng([seed, WORLDS.index(world)]))
    values = {"pass_rate": drawn.passed, "errors": drawn.error, "avg_latency": drawn.latency}
    go, no_go = np.ones(repetitions, dtype=bool), np.zeros(repetitions, dtype=bool)
    for name in world.gates:
        gate = plan.gates[name]
        arms = _arms(world, values[name].astype(np.float64))
        estimates = estimate_many(gate, arms, plan.evidence, metric=gate.metric)
        ends = estimates.lower, estimates.upper
        if name == "pass_rate" and world.labels:
            ends = _corrected(world, drawn, (estimates.point, *ends), seed)
        holds, breached = proves(*ends, float(gate.limit), gate.harm)  # type: ignore[arg-type]
        go &= holds & ~estimates.capped
        no_go |= breached & ~estimates.capped
    return float(go.mean()), float(no_go.mean())


def _arms(world: World, values: Floats) -> Compared:
    """Sum a metric up per prompt, or per document where the files name it."""
    grouped = world.documents > 1 and world.named
    each = world.documents if grouped else 1
    units = world.prompts // each
    shaped = values.reshape(2, values.shape[1], units, each * world.answers)
    n = np.full(shaped.shape[1:3], float(each * world.answers))
    total, within = shaped.sum(axis=-1), shaped.var(axis=-1) * n
    control, treatment = (Sums(n, total[arm], within[arm]) for arm in (0, 1))
    kind: Kind = "crossed" if each * world.answers > 1 else "paired"
    unit: Unit = "cluster" if grouped else "prompt"
    return Compared(treatment, control, kind, unit)


def _corrected(
    world: World, drawn: Drawn, own: tuple[Floats, Floats, Floats], seed: int
) -> tuple[Floats, Floats]:
    """Correct every draw's difference by the labels of some of its samples."""
    rng = np.random.default_rng([seed, 1])
    arms: list[judge_error.Arm] = []
    for arm in (1, 0):
        verdict, truly = (part[arm, :, :, 0] for part in (drawn.passed, drawn.truly))
        looked = np.argsort(rng.random(verdict.shape), axis=1)[:, : world.labels]
        f, y = (np.take_along_axis(part, looked, 1).astype(np.float64) for part in (verdict, truly))
        share = verdict.mean(axis=1)
        lower, upper = clopper_pearson(verdict.sum(axis=1), world.prompts)
        level = judge_error.corrected_rate(
            share, judge_error.Labels(f, f * y), judge_error.Labels(1 - f, (1 - f) * y)
        )
        arms.append(judge_error.Arm(level, share, share - lower, upper - share))  # type: ignore[arg-type]
    contrast = judge_error.contrast("difference", own, *arms)  # type: ignore[arg-type]
    return np.asarray(contrast.bounds.lower), np.asarray(contrast.bounds.upper)


def table(repetitions: int = REPETITIONS) -> str:
    """Return the table of docs/compare.md."""
    plan = load_eval_plan(SHIPPED)
    lines = ["| two files | prompts | a GO is | GO | NO_GO |", "|---|--:|---|--:|--:|"]
    for world in WORLDS:
        go, no_go = judged(world, plan, repetitions)
        truth = "wrong" if world.wrong else "right"
        lines.append(f"| {world.title} | {world.prompts:,} | {truth} | {go:.1%} | {no_go:.1%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
