"""How the tests of honest evidence review what they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rolloutlib.errors import NoEvidenceError, RunsError
from rolloutlib.judge.record import Reviewed, encode
from rolloutlib.judge.review import invalid_review, review_stage
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from rolloutlib.judge.record import GateResult, Review

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "data" / "examples" / "story"


def review(runs: Path, stage: int = 3, **more: Any) -> Review:  # noqa: ANN401
    """Review runs with the evidence of the story's stage; data that are refused are INVALID."""
    evidence = STORY / f"stage-{stage}" / "evidence"
    values = {"stage": stage, "runs": str(runs), "evidence": str(evidence), "looks": ""}
    params = review_params(values | more)
    try:
        return review_stage(params)
    except (NoEvidenceError, RunsError) as error:
        return invalid_review(params, str(error))


def gate(reviewed: Review, name: str) -> GateResult:
    """Return a gate of a review."""
    return next(gate for gate in reviewed.gates if gate.id == name)


def said(reviewed: Review) -> str:
    """Return all that a review says: reasons, warnings, what was set aside."""
    spoken = (*reviewed.reasons, *reviewed.warnings, *reviewed.set_aside)
    return "\n".join(sentence(reason) for reason in spoken)


def written(reviewed: Review) -> str:
    """Return review.json."""
    record = reviewed.record if isinstance(reviewed, Reviewed) else reviewed
    return encode(record).decode()


def plan_with(folder: Path, *, stage: int, **more: Any) -> str:  # noqa: ANN401
    """Write the plan with more said of a stage; return its path."""
    plan: dict[str, Any] = yaml.safe_load((ROOT / "params" / "plan.yaml").read_text("utf-8"))
    plan["stages"][stage] |= more
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    return str(path)
