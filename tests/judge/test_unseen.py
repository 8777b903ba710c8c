"""A pass that rests on nobody having met a trouble stays open, where the plan says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rolloutlib.judge import review as judge_review
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import sentence
from tests.tables import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import EvidenceVerdict
    from rolloutlib.plan.model import Plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 100 users in both arms and four runs, equal in everything, without an error."""
    lines = ["arm,runId,id,userId,status"]
    for arm in ("control", "treatment"):
        for user in range(100):
            for i in range(24):
                status = "failed" if (user * 7 + i) % 50 == 0 else "passed"
                lines.append(f"{arm},{arm}-{i % 4},{user}-{i},u{user},{status}")
    path = tmp_path_factory.mktemp("unseen") / "runs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def gates(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan, stage: int
) -> dict[str, EvidenceVerdict]:
    """Review the runs under a plan."""

    def tried(path: Path) -> Plan:
        del path
        return plan

    monkeypatch.setattr(judge_review, "load_plan", tried)
    reviewed = review_stage(review_params({"stage": stage, "runs": str(folder), "looks": ""}))
    return {gate.id: gate.evidence for gate in reviewed.gates}


def test_too_few_users_for_the_limit_of_stage_3(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 users may all miss what 3 % have, which would cost 2.9 points: the limit is 2."""
    rate = gates(folder, monkeypatch, PLAN, 3)["pass_rate"]
    assert (rate.verdict.value, rate.why.code) == ("inconclusive", "evidence.unseen")
    assert (rate.lower or 0) > -0.02
    why = sentence(rate.why, "en")
    assert "100 users can all miss a trouble that 3.0% of all users have" in why
    assert "at its worst that makes it −2.89 pp. 146 users would show it." in why
    assert rate.needed is not None
    assert (rate.needed.unit, rate.needed.total, rate.needed.further) == ("users", 146, 46)
    rules = PLAN.evidence.model_copy(update={"unseen": {}})
    tells = gates(folder, monkeypatch, PLAN.model_copy(update={"evidence": rules}), 3)["pass_rate"]
    assert tells.verdict.value == "pass"


def test_a_gate_says_for_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a gate says of a stage goes before what the plan says of all."""
    own = PLAN.gates["pass_rate"].model_copy(update={"unseen": {3: "tell"}})
    plan = PLAN.model_copy(update={"gates": PLAN.gates | {"pass_rate": own}})
    assert gates(folder, monkeypatch, plan, 3)["pass_rate"].verdict.value == "pass"


def test_errors_of_few_users_and_few_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage 2 wants 3 %, which 100 users show; of runs there are four, and eight are due."""
    assert gates(folder, monkeypatch, PLAN, 2)["error_rate"].verdict.value == "pass"
    rules = PLAN.evidence.model_copy(update={"outages": "hold"})
    errors = gates(folder, monkeypatch, PLAN.model_copy(update={"evidence": rules}), 2)[
        "error_rate"
    ]
    assert (errors.verdict.value, errors.why.code) == ("inconclusive", "evidence.outage")
    assert sentence(errors.why, "en").endswith(
        "missed by 4 runs in 20% of reviews; 8 runs show it."
    )
