"""Simulated worlds meet the shipped policy: the reviews' own estimates, many at once."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from rolloutlib.forecast.sources import ByRun, run_sources
from rolloutlib.measure.by_prompt import PromptSources
from rolloutlib.measure.design import Compared, Quadratic, Source, Sums, metric_of
from rolloutlib.measure.estimates import estimate_many, proves
from rolloutlib.measure.moments import Cells, Key, MomentTable
from rolloutlib.measure.unseen import breaks
from rolloutlib.stats.clusters import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.worlds.people import Arm, Kind, Seen
    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.model import Evidence, Gate

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]

PAIR = ("control", "treatment")
UNIT: dict[str, Unit] = {"independent": "sample", "paired": "prompt"}


class Verdicts(NamedTuple):
    """One gate in every repetition: what the evidence says, and the point; (repetitions,)."""

    passed: Flags
    failed: Flags
    point: NDArray[np.float64]


def metric_name(gate: Gate) -> str:
    """Return the name of a gate's metric in the moments; there is one issue."""
    return metric_of(gate, "top")


def compared(observed: Seen, kind: Kind, *, contrast: str) -> Compared:
    """Return what was seen as the policy takes it: runs added up, units side by side."""
    treatment, control = _sums(observed.treatment), _sums(observed.control)
    unit, beyond = UNIT.get(kind, "user"), _sources(observed, kind, contrast=contrast)
    if contrast == "treatment":
        return Compared(treatment, treatment, "one_arm", unit, beyond)
    if kind == "nested":
        n1, s1, n0, s0 = side_by_side(treatment.n, treatment.total, control.n, control.total)
        treatment, control = Sums(n1, s1), Sums(n0, s0)
    return Compared(treatment, control, kind, unit, beyond)


def _sources(observed: Seen, kind: Kind, *, contrast: str) -> tuple[Source, ...]:
    """Return what runs add to the variance, as a review's tables would tell."""
    treatment, control = (
        ByRun(*(np.asarray(part, np.float64) for part in (arm.n, arm.total, arm.squares)))
        for arm in (observed.treatment, observed.control)
    )
    if contrast == "treatment":
        return run_sources(treatment, treatment, shared=False)
    of_runs = run_sources(treatment, control, shared=kind in {"crossed", "paired"})
    return of_runs if observed.prompts is None else (*of_runs, *_of_prompts(observed.prompts))


def _of_prompts(arms: tuple[Arm, Arm]) -> tuple[Source, ...]:
    """Return what prompts add, repetition by repetition as a review measures it."""
    sources = [
        PromptSources(cast("Measured", SimpleNamespace(answers=_answers(arms, k))), PAIR)
        .of_metric("passed")
        for k in range(len(arms[0].n))
    ]  # fmt: skip
    return tuple(_stacked(each) for each in zip(*sources, strict=True))


def _answers(arms: tuple[Arm, Arm], repetition: int) -> MomentTable:
    """Return one repetition's moments by arm, prompt and user."""
    n, total = (np.stack([getattr(arm, name)[repetition] for arm in arms])
                for name in ("n", "total"))  # fmt: skip
    arm, prompt, user = np.nonzero(n > 0)
    n, total = n[arm, prompt, user], total[arm, prompt, user]
    mean = total / n
    sizes = arms[0].n.shape[1:]
    keys = {"arm": Key(arm, PAIR), "prompt": Key(prompt, tuple(map(str, range(sizes[0])))),
            "cluster": Key(user, tuple(map(str, range(sizes[1]))))}  # fmt: skip
    return MomentTable(keys, n, {"passed": Cells(n, mean, n * mean * (1 - mean))})


def _stacked(sources: Sequence[Source]) -> Source:
    """Put repetitions of one source together."""

    def whole(of: Callable[[Source], Floats]) -> Floats:
        return np.concatenate([of(source) for source in sources])

    spread, expected = (
        Quadratic(*(whole(partial(_part, name, place)) for place in range(3)))
        for name in ("seen", "due")
    )
    freedom = (whole(attrgetter(name)) for name in ("df_one", "df_zero", "df_both"))
    shares = (whole(lambda source: source.shares[0]), whole(lambda source: source.shares[1]))
    return Source(sources[0].kind, sources[0].groups, spread, expected, *freedom, shares=shares)


def _part(name: str, place: int, source: Source) -> Floats:
    return getattr(source, name)[place]


def _sums(arm: Arm) -> Sums:
    return Sums(arm.n.sum(axis=1), arm.total.sum(axis=1))


def judge(
    gate: Gate, arms: Compared, rules: Evidence, limit: float, worst: float | None = None
) -> Verdicts:
    """Say where the evidence proves the limit kept, and where broken.

    Args:
        gate: of the plan.
        arms: what was seen.
        rules: of evidence.
        limit: of the stage.
        worst: value of a sample, where what nobody saw holds the gate (`unseen.held_at`).
    """
    estimates = estimate_many(gate, arms, rules, metric=metric_name(gate))
    usable = ~np.isnan(estimates.point) & ~estimates.capped
    ends = estimates.lower, estimates.upper
    holds, breached = (usable & each for each in proves(*ends, limit, gate.harm))
    holds &= ~breaks(gate, arms, limit, worst, metric=metric_name(gate))
    return Verdicts(holds, breached, estimates.point)
