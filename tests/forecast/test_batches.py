"""Forecasts judge by the reviews' own policy.

A batch of repetitions equals its reviews one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rolloutlib.forecast.judged import judge_many, world_metric
from rolloutlib.forecast.worlds import Truth, compared, layout, simulate
from rolloutlib.judge.record import Verdict
from rolloutlib.judge.verdicts import judge_evidence
from rolloutlib.measure.design import Arms
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.moments import Cells
from tests.tables import PLAN

if TYPE_CHECKING:
    from rolloutlib.measure.design import Compared, Floats, Sums

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


def review(many: Compared, k: int) -> Arms:
    """Return one repetition as a review has it: moments per unit, both arms aligned."""
    treated, control = _cells(many.one, k), _cells(many.zero, k)
    if many.kind == "independent":  # the batch pools them, a review aligns their units
        sizes = len(treated.n), len(control.n)
        treated, control = _padded(treated, 0, sizes[1]), _padded(control, sizes[0], 0)
    return Arms(control, treated, many.unit)


def _cells(sums: Sums, k: int) -> Cells:
    n, total = sums.n[k], sums.total[k]
    return Cells(n, np.divide(total, n, out=np.zeros_like(n), where=n > 0), np.zeros_like(n))


def _padded(cells: Cells, before: int, after: int) -> Cells:
    def pad(part: Floats) -> Floats:
        return np.pad(part, (before, after))

    return Cells(pad(cells.n), pad(cells.mean), pad(cells.m2))


@pytest.mark.parametrize("gate", PLAN.gates)
@pytest.mark.parametrize("study", STUDIES)
def test_a_batch_is_its_reviews_one_by_one(study: str, gate: str) -> None:
    """Point, bounds and verdict of every repetition equal the review's of that repetition alone."""
    where, rule, stage = STUDIES[study], PLAN.gates[gate], 1
    metric, proof = world_metric(rule), rule.proof_limit(stage, PROFILE)
    ((world,),) = simulate(where, [TRUTH], np.random.default_rng(5), REPETITIONS)
    judged = judge_many(rule, world, where, PLAN.evidence, proof=proof, literal=0.0)
    many = compared(world, where, metric, contrast=rule.contrast)
    for k in range(REPETITIONS):
        estimate = estimate_gate(rule, review(many, k), PLAN.evidence, metric=metric)
        verdict = judge_evidence(rule, estimate, proof, missing=None).verdict
        expected = (verdict is Verdict.PASS, verdict is Verdict.FAIL)
        assert expected == (judged.passed[k], judged.failed[k])
        if estimate is None:
            assert np.isnan(judged.point[k])
            continue
        assert (judged.point[k], judged.lower[k], judged.upper[k]) == pytest.approx(
            (estimate.point, estimate.lower, estimate.upper), abs=ROUNDING, rel=ROUNDING
        )
