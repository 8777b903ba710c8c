"""The policy on arrays is the shipped policy: compared repetition by repetition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rolloutlib.forecast.operating import arms_of, judge_many, world_metric
from rolloutlib.forecast.worlds import Truth, layout, simulate
from rolloutlib.judge.record import Verdict
from rolloutlib.judge.verdicts import judge_evidence
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.plan.model import load_plan

PLAN = load_plan(Path(__file__).resolve().parents[2] / "params" / "plan.yaml")
PROFILE = PLAN.profile("default")
VALUES = {
    "passed": 0.9, "score": 7.5, "issue": 0.1, "vetoed": 0.03, "error": 0.004, "edited": 0.25,
    "latency_ms": 1850.0, "slow": 0.03,
}  # fmt: skip
TRUTH = Truth(VALUES, VALUES | {"passed": 0.88, "issue": 0.07, "vetoed": 0.06})
REPETITIONS = 25
ROUNDING = 1e-9  # sums of the same numbers in another order

STUDIES = {
    "independent": layout("independent", 120, ratio=0.5),
    "independent, some missing": layout("independent", 60, missing=0.1),
    "paired": layout("paired", 90),
    "paired, partners missing": layout("paired", 200, missing=0.03),
    "nested": layout("nested", 12, 15, icc=0.1, spread=0.5, ratio=2),
    "nested, hardly any events": layout("nested", 6, 5, icc=0.1),
    "crossed": layout("crossed", 10, 20, icc=0.05),
    "crossed, some missing": layout("crossed", 9, 10, icc=0.2, spread=0.6, missing=0.15),
    "crossed, too few": layout("crossed", 4, 20, icc=0.05),
}


@pytest.mark.parametrize("gate", PLAN.gates)
@pytest.mark.parametrize("study", STUDIES)
def test_policy_on_arrays_is_the_shipped_policy(study: str, gate: str) -> None:
    """Point, bounds and verdict of every repetition equal estimate_gate's and judge_evidence's."""
    where, rule, stage = STUDIES[study], PLAN.gates[gate], 1
    metric, proof = world_metric(rule), rule.proof_limit(stage, PROFILE)
    ((world,),) = simulate(where, [TRUTH], np.random.default_rng(5), REPETITIONS)
    found = judge_many(rule, world, where, PLAN.evidence, proof=proof, literal=0.0)
    name = "issue:tag" if metric == "issue" else metric
    for k in range(REPETITIONS):
        estimate = estimate_gate(rule, arms_of(world, where, metric, k), PLAN.evidence, metric=name)
        verdict = judge_evidence(rule, estimate, proof, missing=None).verdict
        assert (verdict is Verdict.PASS, verdict is Verdict.FAIL) == (
            found.passed[k],
            found.failed[k],
        )
        if estimate is None:
            assert np.isnan(found.point[k])
            continue
        expected = (estimate.point, estimate.lower, estimate.upper)
        assert (found.point[k], found.lower[k], found.upper[k]) == pytest.approx(
            expected, abs=ROUNDING, rel=ROUNDING
        )
