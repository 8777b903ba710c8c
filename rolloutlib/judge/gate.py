"""One gate, judged twice: the plan's literal rule on the last runs, the evidence on all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rolloutlib.judge.record import EvidenceVerdict, GateResult, PlanVerdict, Verdict
from rolloutlib.judge.verdicts import evidence_of, judge_evidence, judge_plan
from rolloutlib.measure.adjustment import adjust
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.needed import needed

if TYPE_CHECKING:
    from rolloutlib.measure.comparison import Comparison, Seen
    from rolloutlib.measure.design import Arms
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.plan.model import Gate, Profile, StageId

__all__ = ["gate_row", "judge_gate"]

ADJUSTABLE = ("score", "latency_ms")  # what a covariate is regressed out of
Levels = tuple[float | None, float | None]


def judge_gate(compared: Comparison, key: str, gate: Gate, stage: StageId) -> GateResult:
    """Judge one gate of the plan on both arms."""
    seen, limits = compared.gate(gate), compared.limits
    plan = judge_plan(
        gate, seen.planned.value, gate.plan_limit(limits),
        runs=seen.planned.runs, runs_wanted=compared.rules.runs_averaged,
    )  # fmt: skip
    evidence = _evidence(compared, gate, seen, gate.proof_limit(stage, limits))
    levels = (seen.control, seen.treatment)
    return gate_row(key, gate, stage, limits, levels, plan, evidence, subject=seen.subject)


def gate_row(
    key: str, gate: Gate, stage: StageId, limits: Profile, levels: Levels,
    plan: PlanVerdict, evidence: EvidenceVerdict, *, subject: str | None = None,
) -> GateResult:  # fmt: skip
    """Return a gate's row: what the plan says of it, both arms' own levels, both verdicts."""
    both = plan.clears is not None and evidence.point is not None
    return GateResult(
        id=key, title=gate.title, subject=subject, unit=gate.unit,
        limit=gate.plan_limit(limits), proof_limit=gate.proof_limit(stage, limits),
        control=levels[0], treatment=levels[1], plan=plan, evidence=evidence,
        disagrees=both and plan.clears != (evidence.verdict is Verdict.PASS),
        metric=gate.metric, contrast=gate.contrast, statistic=gate.statistic,
        quantile=gate.quantile, harm=gate.harm,
        evidence_unit="proportion" if gate.statistic == "quantile" else gate.unit,
        signed=gate.contrast == "difference",
    )  # fmt: skip


def _evidence(compared: Comparison, gate: Gate, seen: Seen, limit: float) -> EvidenceVerdict:
    arms, estimate = _estimated(compared, gate, seen)
    if compared.invalid is not None:
        return evidence_of(estimate, Verdict.INVALID, compared.invalid)
    missing = (compared.unusable or seen.gaps) if estimate else seen.absent
    judged = judge_evidence(gate, estimate, limit, missing=missing)
    if judged.verdict is not Verdict.INCONCLUSIVE or estimate is None or arms is None:
        return judged
    more = needed(
        gate, arms, estimate.design, metric=seen.metric or "", limit=limit,
        alternative=gate.design_alternative(compared.limits), rules=compared.rules,
    )  # fmt: skip
    return evidence_of(estimate, judged.verdict, judged.why, more)


def _estimated(compared: Comparison, gate: Gate, seen: Seen) -> tuple[Arms | None, Estimate | None]:
    """Estimate the gate's contrast; where asked for, with the covariate regressed out."""
    if seen.arms is None or seen.metric is None:
        return None, None
    plain = estimate_gate(gate, seen.arms, compared.rules, metric=seen.metric)
    if plain is None or not compared.adjusts or seen.metric not in ADJUSTABLE:
        return seen.arms, plain
    covariate = compared.arms(compared.measured.table, "covariate")
    arms, _ = adjust(seen.arms, covariate)
    estimate = estimate_gate(gate, arms, compared.rules, metric=seen.metric)
    if estimate is None:
        return arms, plain
    narrower = 1 - (estimate.upper - estimate.lower) / (plain.upper - plain.lower)
    effect = f"{narrower:.0%} narrower than [{plain.lower:.4g}, {plain.upper:.4g}]"
    method = f"{estimate.method}, CUPED (Deng et al. 2013): {effect}"
    return arms, replace(estimate, method=method)
