"""Worlds that are judged many at once are judged as the same samples in a file are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.policy import compared
from benchmarks.worlds.people import People
from benchmarks.worlds.rates import Rates, rates
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.estimates import estimate_many
from rolloutlib.plan.params import review_params
from tests.tables import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.worlds.people import Seen

pytestmark = pytest.mark.slow

STUDIES = {
    "crossed": People("crossed", 12, 24, 4),
    "nested": People("nested", 12, 24, 4),
    "crossed, in one run each": People("crossed", 24, 8, 4, once=True),
}


def written(drawn: Seen, k: int, kind: str, folder: Path) -> Path:
    """Write one repetition down, a row a sample."""
    lines = ["arm,runId,startedAt,id,userId,status"]
    for arm, part in (("control", drawn.control), ("treatment", drawn.treatment)):
        for run, unit in np.argwhere(part.n[k] > 0):
            user = f"{arm}{unit}" if kind == "nested" else f"u{unit}"
            for i in range(int(part.n[k][run, unit])):
                status = "passed" if i < part.total[k][run, unit] else "failed"
                day = f"2026-10-0{run + 1}T09:00:00Z"
                lines.append(f"{arm},{arm}-{run},{day},{run}-{unit}-{i},{user},{status}")
    path = folder / "runs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("study", STUDIES)
def test_a_batch_is_the_review_of_its_file(study: str, tmp_path: Path) -> None:
    """Point and bounds of the pass rate, with what differing runs add to them."""
    people = STUDIES[study]
    drawn = rates(people, Rates(run_sd=0.06), 0.9, 0.88, np.random.default_rng(3), 2)
    gate = PLAN.gates["pass_rate"]
    many = estimate_many(gate, compared(drawn, people.kind, contrast=gate.contrast), PLAN.evidence,
                         metric="passed")  # fmt: skip
    for k in range(2):
        path = written(drawn, k, people.kind, tmp_path)
        review = review_stage(review_params({"stage": 2, "runs": str(path), "looks": ""}))
        evidence = next(each.evidence for each in review.gates if each.id == "pass_rate")
        assert evidence.point == pytest.approx(many.point[k])
        assert evidence.lower == pytest.approx(many.lower[k], abs=2e-4)
        assert evidence.upper == pytest.approx(many.upper[k], abs=2e-4)
        assert evidence.varied[0].source == "run"
