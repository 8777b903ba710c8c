"""Review → review.json (schema rolloutlib/review@1): stable fields for programs, null for what there is not."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import yaml

from rolloutlib.runs import write_quarantine
from rolloutlib.show.tables import texts

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.review import Review
    from rolloutlib.judge.verdicts import GateResult
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.plan.params import ReviewParams

__all__ = ["review_json", "save", "save_invalid"]

SCHEMA: Final = "rolloutlib/review@1"


def save(review: Review, folder: Path, params: ReviewParams) -> None:
    """Write review.json, params.yaml, which runs the same review (and the same look) again, and quarantine/."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(review_json(review), folder)
    used = params.model_copy(update={"looks": None, "look": review.look.number})
    plain = used.model_dump(mode="json", exclude_none=True)
    (folder / "params.yaml").write_text(
        yaml.safe_dump(plain, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    write_quarantine(review.refused, review.inputs, folder)


def save_invalid(params: ReviewParams, folder: Path, reason: str) -> None:
    """Write the review.json of data that are no evidence at all, so that whoever waits for one is told why."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"stage": params.stage, "control": params.control, "treatment": params.treatment}
    nothing: dict[str, Any] = {key: [] for key in ("gates", "segments", "checks", "inputs")}
    _write_json(
        {"schema": SCHEMA, **named, "recommendation": "INVALID", "reasons": [reason], **nothing},
        folder,
    )


def _write_json(told: dict[str, Any], folder: Path) -> None:
    text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "review.json").write_text(text + "\n", encoding="utf-8")


def review_json(review: Review) -> dict[str, Any]:
    """Return the review as plain data; infinite bounds are null too, and sentences are English."""
    look = review.look
    return {
        "schema": SCHEMA, "stage": review.stage, "control": review.control, "treatment": review.treatment,
        "recommendation": review.recommendation.value, "reasons": texts(review.reasons),
        "gates": [_gate(gate) for gate in review.gates],
        "segments": [
            {"by": s.by, "value": s.value, "gate": s.gate, **_arms(s), **_bounds(s.estimate),
             "p_holm": _number(s.p_holm), "loss": s.loss}
            for s in review.segments
        ],
        "checks": [
            {"id": c.id, "title": c.title, "holds": c.holds, "why": c.why.text(), "evidence": [*c.evidence],
             "sha256": [*c.sha256]}
            for c in review.checks
        ],
        "inputs": [
            {"name": i.name, "sha256": i.sha256, "read": i.read, "kept": i.kept, "quarantined": i.quarantined}
            for i in review.inputs
        ],
        "issues": [
            {"tag": i.tag, "rank": i.rank, **_arms(i), **_bounds(i.estimate), "p_holm": _number(i.p_holm)}
            for i in review.issues
        ],
        "quarantine": [{"expectation": q.expectation, "rows": q.rows, "example": q.example} for q in review.quarantine],
        "arms": [
            {"arm": a.arm, "runs": a.runs, "samples": a.samples, "users": a.users, "prompts": a.prompts}
            for a in review.arms
        ],
        "warnings": texts(review.warnings), "changes": texts(review.changes), "set_aside": texts(review.set_aside),
        "design": review.design.text(), "profile": review.profile,
        "as_of": review.as_of.isoformat() if review.as_of else None,
        "look": {"number": look.number, "planned": look.planned, "confidence": look.confidence, "spent": look.spent},
    }  # fmt: skip


def _gate(gate: GateResult) -> dict[str, Any]:
    plan = gate.plan
    return {
        "id": gate.id, "title": gate.gate.title, "subject": gate.subject, "unit": gate.gate.unit,
        "limit": _number(gate.limit), "proof_limit": _number(gate.proof_limit),
        **_arms(gate),
        "plan": {"verdict": plan.verdict.value, "value": _number(plan.value), "clears": plan.clears, "runs": plan.runs,
                 "runs_wanted": plan.runs_wanted},
        "evidence": _evidence(gate), "disagrees": gate.disagrees,
    }  # fmt: skip


def _evidence(gate: GateResult) -> dict[str, Any]:
    estimate, needed = gate.evidence.estimate, gate.evidence.needed
    design = estimate.design if estimate else None
    clusters = 0
    if design and design.kind != "paired":
        both = (design.clusters_control, design.clusters_treatment)
        clusters = sum(both) if design.kind == "nested" else max(both)
    return {
        "verdict": gate.evidence.verdict.value, **_bounds(estimate),
        "confidence": estimate.confidence if estimate else None, "method": estimate.method if estimate else None,
        "n_control": estimate.n_control if estimate else None,
        "n_treatment": estimate.n_treatment if estimate else None,
        "pairs": design.pairs if design and design.kind == "paired" else None, "clusters": clusters or None,
        "needed": {"unit": needed.unit, "total": needed.total, "further": needed.further} if needed else None,
        "why": gate.evidence.why.text(), "design": design.kind if design else None,
        "unit": design.unit if design else None,
    }  # fmt: skip


def _arms(found: GateResult | Segment | IssueRate) -> dict[str, float | None]:
    return {"control": _number(found.control), "treatment": _number(found.treatment)}


def _bounds(estimate: Estimate | None) -> dict[str, float | None]:
    point, lower, upper = (
        (estimate.point, estimate.lower, estimate.upper) if estimate else (None, None, None)
    )
    return {"point": _number(point), "lower": _number(lower), "upper": _number(upper)}


def _number(value: float | None) -> float | None:
    """Return a plain float; what JSON cannot say (no bound, not a number) is null."""
    return float(value) if value is not None and isfinite(value) else None
