"""People's labels beside a judge: a judge that favours the treatment makes no GO of a worse one."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from rolloutlib.judge.offline import Pair, compare_files
from rolloutlib.judge.pair_record import Meaning, PairReview
from rolloutlib.judge.record import Recommendation, Verdict, encode
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.runs import load_source
from rolloutlib.runs.places import two_places
from rolloutlib.show.labels import judge_errors
from rolloutlib.words.reasons import texts
from tests.sample_review import ATTACK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # each reads and judges two files

PROMPTS = 400
SOURCE = """
title: Two runs of an eval with a judge
files: "*.csv"
arms: {{control: a.csv, treatment: b.csv}}
columns:
  prompt_id: prompt
{columns}
"""
VERDICTS = "  passed: passed\n  human_passed: human\n"
SCORES = "  score: score\n  human_score: stars\n"


def arms(
    *, truth: tuple[float, float] = (0.9, 0.9), flatters: float = 0.0,
    labels: tuple[int, int] = (0, 0), failures: bool = False, prompts: int = PROMPTS,
) -> list[list[dict[str, Any]]]:  # fmt: skip
    """Return both arms' rows; the judge passes this share of what people fail in the treatment.

    Args:
        truth: the shares that people pass.
        flatters: the share of the treatment's failures that the judge passes.
        labels: how many samples people label.
        failures: whether they label what the judge failed before anything else.
        prompts: how many.
    """
    rng = np.random.default_rng(8)
    hard = rng.random(prompts)  # the same prompts are hard in both arms
    both: list[list[dict[str, Any]]] = []
    for arm, (p, many) in enumerate(zip(truth, labels, strict=True)):
        truly = (hard < p) ^ (rng.random(prompts) < 0.02)  # answers vary from run to run
        by_judge = truly | ((rng.random(prompts) < flatters) & (arm == 1))
        order = np.argsort(rng.random(prompts) + (by_judge if failures else 0))
        labelled = set(order[:many].tolist())
        score = np.where(truly, 8.0, 4.0) + rng.normal(0, 0.3, prompts)
        both.append([
            {
                "prompt": f"q{i}", "passed": str(bool(by_judge[i])).lower(),
                "human": str(bool(truly[i])).lower() if i in labelled else "",
                "score": round(float(score[i] + 2 * (by_judge[i] > truly[i])), 2),
                "stars": round(float(score[i]), 2) if i in labelled else "",
            }
            for i in range(prompts)
        ])  # fmt: skip
    return both


def compared(
    folder: Path, both: list[list[dict[str, Any]]], columns: str = VERDICTS, **rules: object
) -> Pair:
    """Compare both arms by the shipped plan, perhaps with other rules of evidence."""
    for name, rows in zip(("a.csv", "b.csv"), both, strict=True):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    (folder / "source.yaml").write_text(SOURCE.format(columns=columns), "utf-8")
    plan, two = load_eval_plan(SHIPPED), two_places(folder / "a.csv", folder / "b.csv")
    plan = plan.model_copy(update={"evidence": plan.evidence.model_copy(update=rules)})
    return compare_files(plan, two, Meaning(load_source(folder / "source.yaml")), names=("a", "b"))


WORSE: dict[str, Any] = {"truth": (0.92, 0.72), "flatters": 0.95}


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> PairReview:
    """Return a comparison of a worse candidate, whose judge flatters it, with labels."""
    return compared(tmp_path_factory.mktemp("looked"), arms(**WORSE, labels=(120, 120))).review


def test_a_flattering_judge_makes_a_go_only_as_long_as_nobody_looks(
    tmp_path: Path, looked: PairReview
) -> None:
    """Twenty points worse: GO by the judge, NO-GO with a hundred and twenty labels an arm."""
    alone = compared(tmp_path, arms(**WORSE)).review
    assert alone.recommendation is Recommendation.GO
    assert alone.labels == ()
    gate = looked.gates[0]
    assert looked.recommendation is Recommendation.NO_GO
    assert gate.labels is not None
    assert gate.labels.corrected
    assert gate.labels.judge == pytest.approx(alone.gates[0].evidence.point)
    assert gate.labels.people == gate.evidence.point
    assert gate.evidence.point == pytest.approx(-0.2, abs=0.06)
    assert "people's labels" in (gate.evidence.method or "")


def test_ten_labels_hold_what_they_cannot_correct_well(tmp_path: Path) -> None:
    """With ten labels an arm nothing is proven either way, so the judge's GO is gone."""
    review = compared(tmp_path, arms(**WORSE, labels=(10, 10))).review
    assert review.recommendation is not Recommendation.GO
    needed = review.gates[0].evidence.needed
    if review.gates[0].evidence.verdict is Verdict.INCONCLUSIVE:
        assert needed is not None
        assert needed.unit == "labels"
        assert needed.further > 100


def test_an_equal_candidate_is_a_go_with_enough_labels(tmp_path: Path) -> None:
    """Half of the samples labelled by people who agree with the judge: the GO stays."""
    review = compared(tmp_path, arms(labels=(200, 200))).review
    assert review.recommendation is Recommendation.GO
    assert [row.judge_only for row in review.labels] == [0, 0]
    assert "labels.copied" in {why.code for why in review.warnings}


def test_four_labels_that_contradict_the_judge_hold_its_go(tmp_path: Path) -> None:
    """Too few to correct, but each of them fails what the judge passed in the treatment."""
    both = arms(**WORSE)
    wrong = [row for row in both[1] if row["passed"] == "true" and row["score"] < 7.5][:4]
    for row in wrong:
        row["human"] = "false"
    review = compared(tmp_path, both).review
    gate = review.gates[0]
    assert review.recommendation is Recommendation.HOLD
    assert gate.evidence.why.code == "labels.contradict"
    assert gate.labels is not None
    assert not gate.labels.corrected
    assert gate.labels.why is not None
    assert gate.labels.why.code == "labels.few"
    assert "labels.judge_alone" in {why.code for why in review.warnings}


def test_labels_of_one_arm_alone_correct_nothing_and_are_told(tmp_path: Path) -> None:
    """Sixty labels of the treatment and none of the control: told, and no GO on a contradiction."""
    review = compared(tmp_path, arms(**WORSE, labels=(0, 60))).review
    gate = review.gates[0]
    assert gate.labels is not None
    assert (gate.labels.control, gate.labels.corrected) == (0, False)
    assert gate.evidence.why.code == "labels.contradict"
    assert "labels.judge_alone" in {why.code for why in review.warnings}
    calm = compared(tmp_path, arms(labels=(60, 0))).review
    assert calm.recommendation is Recommendation.GO
    assert "labels.judge_alone" in {why.code for why in calm.warnings}


def test_a_plan_may_only_tell_labels(tmp_path: Path) -> None:
    """`human_labels: tell` keeps the judge's own estimate and shows both."""
    review = compared(tmp_path, arms(**WORSE, labels=(60, 60)), human_labels="tell").review
    gate = review.gates[0]
    assert review.recommendation is Recommendation.GO
    assert gate.labels is not None
    assert gate.labels.people is not None
    assert gate.labels.people < -0.05
    assert gate.labels.contradict
    assert "labels.judge_alone" in {why.code for why in review.warnings}


def test_labelling_failures_first_is_told_and_moves_nothing(tmp_path: Path) -> None:
    """People look at what the judge failed: a warning, and the estimate is not theirs alone."""
    both = arms(truth=(0.8, 0.8), labels=(120, 120), failures=True)
    review = compared(tmp_path, both).review
    assert "labels.selected" in {why.code for why in review.warnings}
    assert [row.people for row in review.labels] == pytest.approx([0.8, 0.8], abs=0.05)


def test_a_row_without_its_label_is_a_copy_of_the_one_with_it(tmp_path: Path) -> None:
    """Labels joined to a file beside the file itself: every answer twice counts once, labelled."""
    both = [
        [{**row, "ms": round(900 + 1.1 * i, 1)} for i, row in enumerate(rows)]
        for rows in arms(labels=(150, 150), prompts=150)
    ]
    twice = [[*({**row, "human": ""} for row in rows), *rows] for rows in both]
    columns = "  passed: passed\n  human_passed: human\n  latency_ms: ms\n  score: score\n"
    review = compared(tmp_path, twice, columns).review
    assert [row.samples for row in review.labels] == [150, 150]
    assert [row.labelled for row in review.labels] == [150, 150]


def test_scores_are_corrected_as_well(tmp_path: Path) -> None:
    """A judge that gives the treatment's failures two points more than people do."""
    review = compared(tmp_path, arms(**WORSE, labels=(80, 80)), SCORES).review
    gate = next(gate for gate in review.gates if gate.metric == "score")
    assert gate.labels is not None
    assert gate.labels.corrected
    assert gate.labels.shift == pytest.approx(-0.4, abs=0.25)
    assert gate.evidence.point == pytest.approx(-0.8, abs=0.3)


def test_scores_corrected_by_selected_labels_hold(tmp_path: Path) -> None:
    """Labels of what the judge failed alone: the correction of a score is no proof of a GO."""
    fair = compared(tmp_path, arms(truth=(0.8, 0.8), labels=(120, 120)), SCORES).review
    chosen = arms(truth=(0.8, 0.8), labels=(120, 120), failures=True)
    review = compared(tmp_path, chosen, SCORES).review
    verdicts = [
        next(gate.evidence for gate in each.gates if gate.metric == "score")
        for each in (fair, review)
    ]
    assert verdicts[0].why.code != "labels.selected_score"
    assert verdicts[1].why.code == "labels.selected_score"
    assert verdicts[1].verdict is Verdict.INCONCLUSIVE
    assert review.recommendation is Recommendation.HOLD


def test_what_is_written_is_read_again(looked: PairReview) -> None:
    """review.json keeps both numbers and the confusion of either arm."""
    again = msgspec.json.decode(encode(looked), type=PairReview)
    assert again.labels == looked.labels
    assert again.gates[0].labels == looked.gates[0].labels


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_section_says_both_numbers(looked: PairReview, lang: str) -> None:
    """The table has both arms, the lines both estimates, and a hostile name stays text."""
    rows = tuple(replace(row, arm=ATTACK) for row in looked.labels)
    shown = judge_errors(replace(looked, labels=rows), lang)
    assert "<script" not in shown.html
    gate = looked.gates[0].labels
    assert gate is not None
    for value in (gate.judge, gate.people or 0.0):
        assert f"{100 * value:+.2f}".replace("-", "−") in shown.text
    assert str(looked.labels[1].judge_only) in shown.text
    assert all(texts(looked.warnings))


def test_a_review_without_labels_says_so(looked: PairReview) -> None:
    """No table of nothing: one sentence."""
    assert "Nobody labelled" in judge_errors(replace(looked, labels=()), "en").text
