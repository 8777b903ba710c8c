"""What so few users (prompts, samples, runs) cannot show: a trouble that none of them had.

No bound knows of it, since it left no trace. With a share q of all users in whom everything fails,
G users show none of it in (1 - q)^G of all studies: "0 of n" by whole users (Hanley & Lippman-Hand
1983, JAMA 249:1743), whatever the correlation of a user's samples.
"""

from __future__ import annotations

from math import ceil, log
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rolloutlib.measure.estimates import clears
from rolloutlib.measure.worst import ends
from rolloutlib.plan.metrics import is_binary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.design import Compared, Floats
    from rolloutlib.plan.model import Evidence, Gate, Plan, Profile
    from rolloutlib.plan.workbook import StageId

    Flags = NDArray[np.bool_]

__all__ = [
    "MISSED", "OUTAGE", "Unseen", "breaks", "due_runs", "due_units", "held_at", "missable",
    "outage_missed", "seen_units", "unseen", "worst_of",
]  # fmt: skip

MISSED: Final = 0.05  # of studies in which a trouble may not be seen
OUTAGE: Final = 1 / 3  # of runs that have an outage


class Unseen(NamedTuple):
    """A gate's value if the users that may all have been missed had the worst values.

    Attributes:
        share: of all users that are missed in 5 % of studies. (repetitions,)
        value: what the contrast would be. (repetitions,)
        base: what it would be without them: it lies between `base` and `base + slope`.
        slope: by how much it would change if all users were such.
    """

    share: Floats
    value: Floats
    base: Floats
    slope: Floats


def missable(units: Floats | float) -> Floats:
    """Return which share of all units may have a trouble that none of so many had."""
    return 1.0 - MISSED ** (1.0 / np.maximum(units, 1.0))


def due_units(share: float) -> int:
    """Return how many units show a trouble of that share of them, in all but 5 % of studies."""
    return ceil(log(MISSED) / log(1.0 - share) - 1e-9)


def due_runs() -> int:
    """Return how many runs show an outage of one run in three, likewise."""
    return due_units(OUTAGE)


def worst_of(gate: Gate, metric: str, cap_ms: float) -> float | None:
    """Return the worst value of a sample; None where a metric has none.

    Args:
        gate: its direction of harm.
        metric: its name in the moments.
        cap_ms: up to which latency a sample counts in a mean.
    """
    both = ends(metric, cap_ms)
    return None if both is None else both[gate.harm == "higher"]


def held_at(plan: Plan, gate: Gate, stage: StageId, limits: Profile, metric: str) -> float | None:
    """Return the worst value, were what nobody saw to hold a gate at a stage; None if not.

    For simulated worlds; arguments as `worst_of`.
    """
    if not plan.evidence.holds_unseen(gate, stage):
        return None
    from rolloutlib.measure.latency import latency_cap

    return worst_of(gate, metric, min(latency_cap(plan, limits), plan.evidence.timeout_cap_ms))


def seen_units(arms: Compared) -> Floats:
    """Return the treatment's users, prompts or single samples, (repetitions,)."""
    return arms.one.n.sum(axis=-1) if arms.unit == "sample" else arms.one.units


def unseen(gate: Gate, arms: Compared, worst: float, *, metric: str) -> Unseen:
    """Return a gate's value if what may have been missed in the treatment were at its worst.

    A share of one arm has exact bounds, which take in all that was seen: there the missed users
    count alone. Any other value is what was seen, and the missed users beside it.

    Args:
        gate: its contrast.
        arms: what was seen; users weighed alike where the gate is one of users.
        worst: value of a sample.
        metric: its name in the moments.
    """
    share = missable(seen_units(arms))
    treated, control = (arm.total.sum(axis=-1) / np.maximum(arm.n.sum(axis=-1), 1.0)
                        for arm in (arms.one, arms.zero))  # fmt: skip
    is_exact = gate.contrast == "treatment" and is_binary(metric)
    value = np.zeros_like(treated) if is_exact else treated
    scale = (
        np.where(control > 0, control, np.nan)
        if gate.contrast == "ratio"
        else np.ones_like(treated)
    )
    less = control if gate.contrast == "difference" else np.zeros_like(treated)
    base, slope = value / scale - less, (worst - value) / scale
    return Unseen(share, base + share * slope, base, slope)


def breaks(gate: Gate, arms: Compared, limit: float, worst: float | None, *, metric: str) -> Flags:
    """Return where what may have been missed would break a limit; nowhere without a worst value."""
    if worst is None:
        return np.zeros(len(arms.one.n), dtype=bool)
    worst_case = unseen(gate, arms, worst, metric=metric)
    return ~np.asarray(clears(worst_case.value, limit, gate.harm))


def outage_missed(rules: Evidence, gate: Gate, runs: int) -> bool:
    """Return whether a gate on errors is held because so few runs may all have been clean."""
    return rules.outages == "hold" and gate.metric == "error" and runs < due_runs()
