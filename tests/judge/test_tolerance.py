"""The plan read strictly and tolerantly: a small miss goes and says so, a larger holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from rolloutlib.errors import PlanError
from rolloutlib.judge.gate import gate_row
from rolloutlib.judge.recommendation import changes, reasons, recommend
from rolloutlib.judge.record import CheckResult, GateResult, PlanVerdict, Recommendation, Verdict
from rolloutlib.judge.verdicts import evidence_of, judge_plan, tolerated
from rolloutlib.measure.design import Design
from rolloutlib.measure.estimates import Estimate, clears, within
from rolloutlib.phrase import Phrase
from rolloutlib.plan.model import load_plan
from rolloutlib.reason import because
from rolloutlib.words.reasons import sentence, texts
from tests.judge.test_review import gate, good, review, write
from tests.tables import PLAN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Reason

GO, HOLD, NO_GO = Recommendation.GO, Recommendation.HOLD, Recommendation.NO_GO
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
ESTIMATE = Estimate(
    -0.03, -0.08, 0.02, 0.95, Phrase("by hand"), Design("paired", "prompt", 9, 9, 9), 9, 9
)
CHECKS = [CheckResult("suites", "Suites", True, because("evidence.none"))]  # noqa: FBT003


def row(
    value: float | None, *, name: str = "avg_score", evidence: Verdict = PASS, runs: int = 3,
    worst: float | None = None, stage: StageId = 3,
) -> GateResult:  # fmt: skip
    """Return a gate of the shipped plan with this value, as `judge_gate` makes it."""
    rule, limits = PLAN.gates[name], PLAN.profile("default")
    plan = judge_plan(rule, value, rule.plan_limit(limits), runs=runs, runs_wanted=3)
    if worst is not None and plan.verdict is PASS and not clears(worst, 0.0, rule.harm):
        plan = replace(plan, verdict=INCONCLUSIVE, why=because("evidence.none"))
    judged = evidence_of(ESTIMATE, evidence, because("bound.clears"))
    made = gate_row(name, rule, stage, limits, (None, None), plan, judged)
    return replace(made, tolerated=tolerated(made, worst))


def said(made: GateResult, checks: list[CheckResult] | None = None) -> tuple[Reason, ...]:
    """Return the reasons of a review of one gate, told as it is recommended."""
    checks = CHECKS if checks is None else checks
    return reasons([made], checks, go=recommend([made], checks) is GO)


@pytest.mark.parametrize("stage", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    ("value", "verdict", "recommended"),
    [(0.0, PASS, GO), (-0.03, FAIL, GO), (-0.0999, FAIL, GO), (-0.1, FAIL, HOLD),
     (-0.2, FAIL, HOLD), (7.9 - 8.0, FAIL, HOLD)],
)  # fmt: skip
def test_a_small_miss_goes_at_every_stage(
    stage: StageId, value: float, verdict: Verdict, recommended: Recommendation
) -> None:
    """The tolerance is of the plan's limit, whatever the stage proves; a miss as large holds."""
    made = row(value, stage=stage)
    assert made.plan.verdict is verdict
    assert recommend([made], CHECKS) is recommended
    assert (made.tolerated is not None) == (verdict is FAIL and recommended is GO)


def test_the_sentence_is_the_first_reason() -> None:
    """A GO within tolerance says so first, in the gate's unit; nothing has to change for it."""
    first, last = said(row(-0.03))
    assert sentence(first) == (
        "Average score: −0.03 misses the plan's ≥ 0.00 by less than the declared 0.10; the "
        "evidence passes: within tolerance."
    )
    assert last.code == "all.tolerated"
    assert changes([row(-0.03)], CHECKS) == ()
    shares = sentence(said(row(0.015, name="vetoed"))[0])
    assert "+1.50 pp misses the plan's ≤ 0.00 pp by less than the declared 2.00 pp" in shares


def test_what_holds_or_breaks_beside_it_comes_first() -> None:
    """With a check that fails, what is tolerated is told after what decides."""
    failed = [CheckResult("suites", "Suites", False, because("evidence.none"))]  # noqa: FBT003
    assert recommend([row(-0.03)], failed) is NO_GO
    assert [why.code for why in said(row(-0.03), failed)] == ["check.failed", "gate.tolerated"]


@pytest.mark.parametrize("evidence", [FAIL, INCONCLUSIVE, Verdict.INVALID])
def test_nothing_is_tolerated_that_is_not_proven(evidence: Verdict) -> None:
    """Where the evidence does not pass, the miss stays what it was."""
    assert row(-0.03, evidence=evidence).tolerated is None


def test_few_runs_and_no_value_hold() -> None:
    """Two runs of three, or no value at all, are no small miss."""
    for made in (row(-0.03, runs=2), row(0.01, runs=2), row(None)):
        assert made.tolerated is None
        assert recommend([made], CHECKS) is HOLD


@pytest.mark.parametrize(
    ("value", "worst", "recommended"),
    [(-0.03, -0.05, GO), (-0.03, -0.12, HOLD), (0.01, -0.05, GO), (0.01, -0.12, HOLD),
     (0.05, 0.01, GO)],
)  # fmt: skip
def test_what_is_missing_has_to_be_within_the_tolerance_too(
    value: float, worst: float, recommended: Recommendation
) -> None:
    """A better value never holds where a worse one with the same gaps goes."""
    made = row(value, worst=worst)
    assert recommend([made], CHECKS) is recommended
    assert (f"{worst:.2f}".replace("-", "−") in " ".join(texts(said(made)))) == (
        recommended is GO and worst < 0
    )


def test_strict_reads_as_before() -> None:
    """A gate without the key, and one that says strict, hold at any miss."""
    strict = {**PLAN.gates, "avg_score": PLAN.gates["avg_score"].model_copy(
        update={"reading": "strict"})}  # fmt: skip
    rule, limits = strict["avg_score"], PLAN.profile("default")
    plan = PlanVerdict(FAIL, -0.001, clears=False, runs=3, runs_wanted=3)
    evidence = evidence_of(ESTIMATE, PASS, because("bound.clears"))
    made = gate_row("avg_score", rule, 3, limits, (None, None), plan, evidence)
    assert tolerated(made, None) is None
    assert recommend([made], CHECKS) is HOLD
    assert PLAN.gates["pass_rate"].reading == "strict"


def test_tolerant_without_a_tolerance_is_refused(tmp_path: Path) -> None:
    """It would read as strict; the sentence says so."""
    text = (ROOT / "params" / "plan.yaml").read_text("utf-8")
    file = tmp_path / "plan.yaml"
    file.write_text(text.replace("    limit: -0.02\n", "    limit: -0.02\n    reading: tolerant\n"))
    with pytest.raises(PlanError, match="tolerant without a tolerance equals strict"):
        load_plan(file)


def test_within_is_told_from_both_limits() -> None:
    """In both directions of harm, of arrays and of NaN; nearer than a rounding is equal."""
    values = np.array([0.0, -1e-12, -0.05, -0.1 + 1e-12, -0.1, -0.3, 0.2, np.nan])
    expected = [False, False, True, False, False, False, False, False]
    assert within(values, 0.0, 0.1, "lower").tolist() == expected
    assert within(-values, 0.0, 0.1, "higher").tolist() == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shift", "recommended"), [(0.0, GO), (-0.05, GO), (-0.15, HOLD)]
)  # fmt: skip
def test_a_whole_review(tmp_path: Path, shift: float, recommended: Recommendation) -> None:
    """Equal scores but for .05 go with their sentence; .15 lower hold, whatever else is good."""
    runs = good()
    level = {
        arm: np.mean([s["score"] for r in runs if r["arm"] == arm for s in r["result"]["samples"]])
        for arm in ("control", "treatment")
    }
    for each in runs:
        if each["arm"] == "treatment":
            samples = each["result"]["samples"]
            for sample in samples:
                sample["score"] += float(level["control"] - level["treatment"]) + shift + 0.001
            each["result"]["metrics"]["avgScore"] = float(np.mean([s["score"] for s in samples]))
    reviewed = review(write(tmp_path / "runs", runs))
    score = gate(reviewed, "avg_score")
    assert (score.evidence.verdict, reviewed.recommendation) == (PASS, recommended)
    assert (score.plan.verdict is FAIL) == (shift < 0)
    assert (reviewed.reasons[0].code == "gate.tolerated") == (shift == -0.05)
