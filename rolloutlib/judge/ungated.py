"""Further scorers of two files that no gate is about: named, and asked about where they fall.

Of a scorer more is better, as of the score; one of which less is better needs a gate that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.measure.design import metric_of
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.segments import holm_of
from rolloutlib.plan.offline import EvalGate
from rolloutlib.reason import because
from rolloutlib.runs.further import SCORER, is_scorer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.plan.offline import EvalPlan
    from rolloutlib.reason import Reason

__all__ = ["falling", "no_gate", "ungated_scorers"]


def ungated_scorers(plan: EvalPlan, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the further scorers among the columns that no gate of the plan is about."""
    judged = {gate.scorer for gate in plan.gates.values()}
    scorers = (name.removeprefix(SCORER) for name in columns if is_scorer(name))
    return tuple(name for name in scorers if name not in judged)


def no_gate(scorers: Sequence[str]) -> list[Reason]:
    """Name them."""
    return [because("pair.no_gate", scorers=tuple(scorers))] if scorers else []


def falling(compared: Comparison, scorers: Sequence[str]) -> list[Reason]:
    """Say which of these scorers fall, at the plan's confidence over all of them (Holm)."""
    estimates = [_estimate(compared, name) for name in scorers]
    adjusted = holm_of([_p_of(estimate) for estimate in estimates])
    return [
        because("pair.scorer_falls", scorer=name, change=estimate.point, measure="score",
                signed=True, p=p)
        for name, estimate, p in zip(scorers, estimates, adjusted, strict=True)
        if estimate is not None and p is not None and p < 1 - compared.rules.confidence
    ]  # fmt: skip


def _estimate(compared: Comparison, scorer: str) -> Estimate | None:
    """Estimate a scorer's change as the gate would that the plan lacks."""
    gate = EvalGate(title=scorer, metric="score", scorer=scorer, contrast="difference",
                    harm="lower", limit=0.0, alternative=1.0)  # fmt: skip
    data = compared.gate(gate)
    if data.arms is None:
        return None
    return estimate_gate(gate, data.arms, compared.rules, metric=metric_of(gate))


def _p_of(estimate: Estimate | None) -> float | None:
    """Return the chance of such a fall where nothing changed; None where no test is allowed."""
    return None if estimate is None or estimate.cap is not None else estimate.p_worse
