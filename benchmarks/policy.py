"""Simulated worlds meet the shipped policy: the reviews' own estimates, many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.forecast.sources import ByRun, run_sources
from rolloutlib.measure.design import Compared, Sums, metric_of
from rolloutlib.measure.estimates import estimate_many, proves
from rolloutlib.stats.clusters import side_by_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.worlds.people import Arm, Kind, Seen
    from rolloutlib.measure.design import Source, Unit
    from rolloutlib.plan.model import Evidence, Gate

    Flags = NDArray[np.bool_]

UNIT: dict[str, Unit] = {"independent": "sample", "paired": "prompt"}


class Verdicts(NamedTuple):
    """One gate in every repetition: what the evidence says, and the point; (repetitions,)."""

    passed: Flags
    failed: Flags
    point: NDArray[np.float64]


def metric_name(gate: Gate) -> str:
    """Return the name of a gate's metric in the moments; there is one issue."""
    return metric_of(gate, "top")


def compared(seen: Seen, kind: Kind, *, contrast: str) -> Compared:
    """Return what was seen as the policy takes it: runs added up, units side by side."""
    one, zero = _sums(seen.treatment), _sums(seen.control)
    unit, beyond = UNIT.get(kind, "user"), _sources(seen, kind, contrast=contrast)
    if contrast == "treatment":
        return Compared(one, one, "one_arm", unit, beyond)
    if kind == "nested":
        n1, s1, n0, s0 = side_by_side(one.n, one.total, zero.n, zero.total)
        one, zero = Sums(n1, s1), Sums(n0, s0)
    return Compared(one, zero, kind, unit, beyond)


def _sources(seen: Seen, kind: Kind, *, contrast: str) -> tuple[Source, ...]:
    """Return what runs add to the variance, as a review's tables would tell."""
    one, zero = (
        ByRun(*(np.asarray(part, np.float64) for part in (arm.n, arm.total, arm.squares)))
        for arm in (seen.treatment, seen.control)
    )
    if contrast == "treatment":
        return run_sources(one, one, shared=False)
    return run_sources(one, zero, shared=kind in {"crossed", "paired"})


def _sums(arm: Arm) -> Sums:
    return Sums(arm.n.sum(axis=1), arm.total.sum(axis=1))


def judge(gate: Gate, arms: Compared, rules: Evidence, limit: float) -> Verdicts:
    """Say where the evidence proves the limit kept, and where broken."""
    found = estimate_many(gate, arms, rules, metric=metric_name(gate))
    usable = ~np.isnan(found.point) & ~found.capped
    kept, broken = (usable & each for each in proves(found.lower, found.upper, limit, gate.harm))
    return Verdicts(kept, broken, found.point)
