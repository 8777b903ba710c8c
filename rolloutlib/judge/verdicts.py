"""Estimate against limit: the plan's literal verdict and that of the evidence, side by side."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import EvidenceVerdict, PlanVerdict, Verdict
from rolloutlib.measure.estimates import clears, proves, within
from rolloutlib.reason import because, known, said

if TYPE_CHECKING:
    from rolloutlib.judge.record import GateResult
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.needed import Needed
    from rolloutlib.plan.model import Gate
    from rolloutlib.reason import Fact, Reason

__all__ = ["evidence_of", "judge_evidence", "judge_plan", "named", "of_share", "tolerated"]

SIDES: Final = {"lower": "≥", "higher": "≤"}  # of the limit, on which a value is to be


def judge_plan(
    gate: Gate, value: float | None, limit: float, *, runs: int, runs_wanted: int
) -> PlanVerdict:
    """Apply the plan's rule: the point value against the limit, no pass before enough runs."""
    if value is None or not isfinite(value):
        return PlanVerdict(Verdict.INCONCLUSIVE, None, None, runs, runs_wanted)
    ok = clears(value, limit, gate.harm)
    verdict = Verdict.PASS if ok else Verdict.FAIL
    if runs < runs_wanted:
        verdict = Verdict.INCONCLUSIVE
    return PlanVerdict(verdict, value, ok, runs, runs_wanted)


def tolerated(row: GateResult, worst: float | None) -> Reason | None:
    """Say that a value misses the plan's limit within the declared tolerance; None if not.

    The plan's own verdict stays as it is. The evidence has to pass, the runs have to be enough,
    and everything that is missing has to be within the tolerance too if all of it is bad.

    Args:
        row: the gate with both verdicts.
        worst: the plan's value with everything missing at its worst; None if nothing is missing.
    """
    plan, limit = row.plan, row.limit
    if row.tolerance is None or plan.value is None or plan.verdict is Verdict.PASS:
        return None
    if row.evidence.verdict is not Verdict.PASS or plan.runs < plan.runs_wanted:
        return None
    judged = plan.value if worst is None else worst
    if not within(judged, limit, row.tolerance, row.harm):
        return None
    facts: dict[str, Fact] = {
        "gate": named(row), "id": row.id, "value": plan.value, "side": SIDES[row.harm],
        "limit": limit, "tolerance": row.tolerance, "measure": row.unit, "signed": row.signed,
    }  # fmt: skip
    if worst is None:
        return because("gate.tolerated", **facts)
    return because("gate.tolerated_worst", **facts, worst=worst)


def named(gate: GateResult) -> str | Reason:
    """Return the gate's name, with what the data decided it to be about (the issue tag)."""
    if gate.subject is None:
        return gate.title
    return because("gate.subject", gate=gate.title, subject=gate.subject)


def of_share(gate: Gate | GateResult, limit: float) -> dict[str, Fact]:
    """Return the fact that says what a share is of: the plan's limit, which its samples exceed.

    Nothing where the evidence judges the number itself.
    """
    return {} if gate.evidence_unit == gate.unit else {"slower_than": limit}


def judge_evidence(
    gate: Gate, estimate: Estimate | None, limit: float, *, missing: Reason | None
) -> EvidenceVerdict:
    """Compare the one-sided bounds with the stage's limit.

    The bound towards harm must clear the limit to pass; the opposite bound beyond the limit proves
    the breach. An estimate that is capped (too few clusters) or has an infinite bound never passes.

    Args:
        gate: its direction of harm.
        estimate: point and bounds; None where there is none.
        limit: of this stage, in the estimate's unit.
        missing: why nothing can be proven whatever the bounds say, or None.
    """
    if estimate is None:
        return evidence_of(None, Verdict.INCONCLUSIVE, missing or because("evidence.none"))
    if (blocked := missing or estimate.cap) is not None:
        return evidence_of(estimate, Verdict.INCONCLUSIVE, blocked)
    cleared, broken = proves(estimate.lower, estimate.upper, limit, gate.harm)
    if cleared:
        return evidence_of(estimate, Verdict.PASS, because("bound.clears"))
    if broken:
        return evidence_of(estimate, Verdict.FAIL, because("bound.broken"))
    return evidence_of(estimate, Verdict.INCONCLUSIVE, because("bound.undecided"))


def evidence_of(
    estimate: Estimate | None, verdict: Verdict, why: Reason, needed: Needed | None = None
) -> EvidenceVerdict:
    """Write an estimate down with what it proves."""
    if estimate is None:
        return EvidenceVerdict(verdict=verdict, why=why)
    design = estimate.design
    paired, nested = design.kind == "paired", design.kind == "nested"
    counts = (design.clusters_control, design.clusters_treatment)
    clusters = sum(counts) if nested else max(counts)
    return EvidenceVerdict(
        verdict=verdict, why=why, needed=needed, point=known(estimate.point),
        lower=known(estimate.lower), upper=known(estimate.upper),
        confidence=estimate.confidence,
        method=str(estimate.method), method_parts=said(estimate.method),
        n_control=estimate.n_control, n_treatment=estimate.n_treatment,
        pairs=design.pairs if paired else None, clusters=None if paired else clusters or None,
        design=design.kind, unit=design.unit,
        clusters_control=counts[0], clusters_treatment=counts[1],
        p_worse=known(estimate.p_worse), p_better=known(estimate.p_better),
        varied=estimate.varied, widened=estimate.widened,
    )  # fmt: skip
