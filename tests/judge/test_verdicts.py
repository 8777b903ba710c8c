"""Both verdicts of a gate: the plan's literal rule and what the bounds prove."""

from __future__ import annotations

from math import inf, nan

import pytest

from rolloutlib.judge.gate import gate_row
from rolloutlib.judge.record import PlanVerdict, Verdict
from rolloutlib.judge.verdicts import judge_evidence, judge_plan
from rolloutlib.measure.design import Design
from rolloutlib.measure.estimates import Estimate
from rolloutlib.phrase import Phrase
from rolloutlib.reason import Reason, because
from tests.tables import PLAN

PASS, INCONCLUSIVE, FAIL = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL
LOWER = PLAN.gates["pass_rate"]  # harm: lower
HIGHER = PLAN.gates["vetoed"]  # harm: higher
WHY = because("clusters.few")


def estimate(lower: float, upper: float, cap: Reason | None = None) -> Estimate:
    """Return an estimate with these bounds."""
    middle = (lower + upper) / 2
    return Estimate(
        middle,
        lower,
        upper,
        0.95,
        Phrase("by hand"),
        Design("paired", "prompt", 9, 9, 9),
        9,
        9,
        cap=cap,
    )


# Where harm is lower, the limit is −.02: the lower bound must lie above it; the upper bound below
# it is a breach.
EVIDENCE = [
    (-0.01, 0.03, PASS),
    (-0.0199, 0.03, PASS),
    (-0.02, 0.03, INCONCLUSIVE),
    (-0.05, 0.03, INCONCLUSIVE),
    (-0.05, -0.02, INCONCLUSIVE),
    (-0.05, -0.0201, FAIL),
    (-inf, inf, INCONCLUSIVE),
    (-inf, 0.03, INCONCLUSIVE),
    (-inf, -0.03, FAIL),
    (-0.01, inf, PASS),
    (nan, nan, INCONCLUSIVE),
    (nan, 0.03, INCONCLUSIVE),
    (-0.05, nan, INCONCLUSIVE),
]


@pytest.mark.parametrize(("lower", "upper", "verdict"), EVIDENCE)
def test_evidence(lower: float, upper: float, verdict: Verdict) -> None:
    """Only a bound that clears the limit passes, only the favourable bound beyond it fails.

    At the limit neither.
    """
    assert judge_evidence(LOWER, estimate(lower, upper), -0.02, missing=None).verdict is verdict


@pytest.mark.parametrize(("lower", "upper", "verdict"), EVIDENCE)
def test_evidence_where_harm_is_higher(lower: float, upper: float, verdict: Verdict) -> None:
    """The mirrored data give the same verdicts where more is worse."""
    assert judge_evidence(HIGHER, estimate(-upper, -lower), 0.02, missing=None).verdict is verdict


@pytest.mark.parametrize(("lower", "upper"), [(-0.01, 0.03), (-0.05, -0.03), (-inf, inf)])
def test_capped_or_unusable(lower: float, upper: float) -> None:
    """Too few clusters, or data with gaps, are inconclusive whatever the bounds say.

    The reason is given.
    """
    capped = judge_evidence(LOWER, estimate(lower, upper, cap=WHY), -0.02, missing=None)
    unusable = judge_evidence(LOWER, estimate(lower, upper), -0.02, missing=WHY)
    assert (capped.verdict, capped.why, unusable.verdict, unusable.why) == (
        INCONCLUSIVE,
        WHY,
        INCONCLUSIVE,
        WHY,
    )


def test_no_estimate() -> None:
    """Without data a gate is inconclusive and says what is missing."""
    evidence = judge_evidence(LOWER, None, -0.02, missing=WHY)
    assert (evidence.verdict, evidence.point, evidence.why) == (INCONCLUSIVE, None, WHY)
    assert judge_evidence(LOWER, None, -0.02, missing=None).verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "runs", "verdict", "clears"),
    [
        (-0.01, 3, PASS, True),
        (-0.02, 3, PASS, True),
        (-0.0201, 3, FAIL, False),
        (-0.01, 2, INCONCLUSIVE, True),
        (-0.03, 2, INCONCLUSIVE, False),
        (-0.01, 4, PASS, True),
        (None, 3, INCONCLUSIVE, None),
        (nan, 3, INCONCLUSIVE, None),
        (inf, 3, INCONCLUSIVE, None),
        (None, 0, INCONCLUSIVE, None),
    ],
)
def test_plan(value: float | None, runs: int, verdict: Verdict, clears: bool | None) -> None:  # noqa: FBT001
    """The plan compares the point value (at the limit: pass), and passes no two runs."""
    judged = judge_plan(LOWER, value, -0.02, runs=runs, runs_wanted=3)
    assert (judged.verdict, judged.clears, judged.runs) == (verdict, clears, runs)
    mirrored = judge_plan(HIGHER, None if value is None else -value, 0.02, runs=runs, runs_wanted=3)
    assert (mirrored.verdict, mirrored.clears) == (verdict, clears)


@pytest.mark.parametrize(
    ("clears", "bounds", "disagrees"),
    [
        (True, (-0.01, 0.03), False),
        (True, (-0.05, 0.03), True),
        (True, (-0.05, -0.03), True),
        (False, (-0.01, 0.03), True),
        (False, (-0.05, 0.03), False),
        (False, (-0.05, -0.03), False),
        (None, (-0.01, 0.03), False),
        (True, None, False),
    ],
)  # fmt: skip
def test_disagreement(
    clears: bool | None,  # noqa: FBT001
    bounds: tuple[float, float] | None,
    disagrees: bool,  # noqa: FBT001
) -> None:
    """Plan and evidence disagree when only the point, or only the bound, clears its limit."""
    plan = PlanVerdict(PASS, None if clears is None else 0.0, clears, 3, 3)
    evidence = judge_evidence(LOWER, estimate(*bounds) if bounds else None, -0.02, missing=None)
    default = PLAN.profile("default")
    result = gate_row("pass_rate", LOWER, 2, default, (None, None), plan, evidence)
    assert result.disagrees is disagrees
