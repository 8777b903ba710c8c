"""How often a repeat recommends something else: against repeats that were really drawn."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rolloutlib.judge.flips import Flips, flips_of
from rolloutlib.judge.offline import compare_files
from rolloutlib.judge.pair_record import Meaning
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.runs import load_source
from rolloutlib.runs.places import two_places
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Recommendation

pytestmark = pytest.mark.slow  # each reads two files
SOURCE = """
title: Two runs of an eval
files: "*.csv"
arms: {control: a.csv, treatment: b.csv}
columns: {prompt_id: prompt, sample_id: prompt, passed: passed}
"""


def write(folder: Path, name: str, seed: int, *, worse: float, prompts: int) -> None:
    """Write one run: every fifth prompt is hard, and answers vary from run to run."""
    draw = random.Random(seed)  # noqa: S311 -- no secret
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["prompt", "passed"])
        for number in range(prompts):
            easy = random.Random(number).random() < 0.8  # noqa: S311 -- likewise
            passed = draw.random() < (0.95 if easy else 0.4) - worse
            table.writerow([f"q{number}", str(passed).lower()])


def compared(
    folder: Path, *, worse: float, seed: int, prompts: int = 300
) -> tuple[Flips, Recommendation]:
    """Compare two runs that were written to a folder."""
    for name, loss, own in (("a.csv", 0.0, seed), ("b.csv", worse, seed + 5_000)):
        write(folder, name, own, worse=loss, prompts=prompts)
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    plan, two = load_eval_plan(SHIPPED), two_places(folder / "a.csv", folder / "b.csv")
    pair = compare_files(plan, two, Meaning(load_source(folder / "source.yaml")), names=("a", "b"))
    assert pair.compared is not None
    flips = flips_of(pair.compared, pair.review.gates, plan.gates)
    assert flips is not None
    return flips, pair.review.recommendation


def test_a_clear_answer_does_not_flip_and_a_close_one_does(tmp_path: Path) -> None:
    """Twenty points worse says NO-GO again; five points worse, at the margin, may say anything."""
    clear, close = (compared(tmp_path, worse=worse, seed=1)[0] for worse in (0.3, 0.05))
    assert clear.rate < 0.02
    assert clear.shares["NO_GO"] > 0.98
    assert close.rate > 0.03
    assert close.unit == "prompt"
    assert sum(close.aa_shares.values()) == pytest.approx(1)
    assert compared(tmp_path, worse=0.05, seed=1)[0] == close  # draws are seeded


@pytest.mark.skipif(not EXHAUSTIVE, reason="two hundred comparisons")
def test_two_equal_runs_flip_as_often_as_fresh_runs_differ(tmp_path: Path) -> None:
    """The A/A rate of a comparison against how often fresh ones, drawn anew, really differ."""
    every = [compared(tmp_path, worse=0.0, seed=seed, prompts=150) for seed in range(200)]
    answers = [answer for _, answer in every]
    fresh = np.mean([a != b for i, a in enumerate(answers) for b in answers[i + 1 :]])
    rates = [flips.aa_rate for flips, _ in every]
    assert np.mean(rates) == pytest.approx(fresh, abs=0.06)
