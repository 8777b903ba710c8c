"""A scorer that no gate is about: asked about where it falls, never a silent GO."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import pytest

from rolloutlib.judge.offline import compare_files
from rolloutlib.judge.pair_record import Meaning
from rolloutlib.judge.record import Recommendation
from rolloutlib.plan.offline import SHIPPED, EvalPlan, load_eval_plan
from rolloutlib.runs import load_source
from rolloutlib.runs.places import two_places
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.pair_record import PairReview

pytestmark = pytest.mark.slow  # each reads two files
SOURCE = """
title: Two runs of an eval
files: "*.csv"
arms: {control: a.csv, treatment: b.csv}
columns: {prompt_id: prompt, sample_id: prompt, passed: passed, latency_ms: ms}
scores:
  faithful: {column: faithful, scale: [0, 10]}
  concise: {column: concise, scale: [0, 10]}
"""
PLAN = load_eval_plan(SHIPPED)


def compared(folder: Path, falls: float, plan: EvalPlan = PLAN) -> PairReview:
    """Compare two runs that pass alike; one scorer of the second is lower by so much."""
    for name, fall, seed in (("a.csv", 0.0, 1), ("b.csv", falls, 2)):
        draw = random.Random(seed)  # noqa: S311 -- no secret
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["prompt", "passed", "ms", "faithful", "concise"])
            for n in range(300):
                passed = n % 10 > 0 or draw.random() < 0.5
                levels = (draw.gauss(7.0, 0.6) - less for less in (fall, 0.0))
                scores = [round(min(10.0, max(0.0, level)), 2) for level in levels]
                ms = round(900 * draw.lognormvariate(0, 0.2), 1)
                table.writerow([f"q{n}", str(passed).lower(), ms, *scores])
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    two, meaning = two_places(folder / "a.csv", folder / "b.csv"), folder / "source.yaml"
    return compare_files(plan, two, Meaning(load_source(meaning)), names=("a", "b")).review


def test_a_scorer_that_falls_is_asked_about(tmp_path: Path) -> None:
    """All gates pass, and the first reason names the scorer, how far it fell, and what answers."""
    review = compared(tmp_path, 0.5)
    assert {gate.evidence.verdict.value for gate in review.gates} == {"pass"}
    assert review.recommendation is Recommendation.HOLD
    assert [why.code for why in review.reasons] == ["pair.scorer_falls"]
    for lang in ("en", "ko"):
        text = sentence(review.reasons[0], lang)
        assert "faithful" in text
        assert "{" not in text
        assert "concise" not in text


def test_scorers_that_stay_or_rise_are_named_beside_a_go(tmp_path: Path) -> None:
    """Nobody is asked about chance, nor about what got better."""
    for falls in (0.0, -0.8):
        review = compared(tmp_path, falls)
        assert review.recommendation is Recommendation.GO
        assert "pair.no_gate" in {why.code for why in review.warnings}


def test_a_gate_or_the_plan_answers_for_it(tmp_path: Path) -> None:
    """Where the plan tells such falls only, it is a GO that says so; a gate judges it itself."""
    tells = PLAN.model_copy(update={"decides": PLAN.decides.model_copy(update={"scorers": "tell"})})
    review = compared(tmp_path, 0.5, tells)
    assert review.recommendation is Recommendation.GO
    assert "pair.scorer_falls" in {why.code for why in review.reasons}
    values = PLAN.gates["avg_score"].model_dump() | {"scorer": "faithful", "limit": -1.0}
    gate = type(PLAN.gates["avg_score"]).model_validate(values)
    judged = PLAN.model_copy(update={"gates": {**PLAN.gates, "faithful": gate}})
    review = compared(tmp_path, 0.5, judged)
    assert review.recommendation is Recommendation.GO
    assert "pair.scorer_falls" not in {why.code for why in review.reasons}
