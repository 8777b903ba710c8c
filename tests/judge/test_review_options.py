"""A review's options change what they say they change.

Adjustment narrows bounds, a second look has nothing left.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from rolloutlib.errors import UsageError
from rolloutlib.judge.counting import counted
from rolloutlib.judge.record import GateResult, Recommendation, Reviewed, Verdict
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.looks import Look
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import review_params
from rolloutlib.reason import because
from rolloutlib.runs import read_runs
from rolloutlib.show.report import summary_text

pytestmark = pytest.mark.slow  # whole reviews

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """\
columns: {arm: arm, status: status, score: score, covariate: before}
statuses: {ok: passed, bad: failed}
"""
MORE = "arm: arm, sample_id: id, run_id: run, started_at: at"


def _write(folder: Path, *, seed: int = 1, covariate: bool = True) -> Path:
    """Write independent samples whose score follows what was known before, at correlation .9."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    with (folder / "samples.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["arm", "status", "score", *(["before"] if covariate else [])])
        for arm in ("control", "treatment"):
            for before in rng.normal(size=300):
                score = 6 + 0.9 * before + 0.436 * rng.normal()
                cells = [arm, "ok" if rng.random() < 0.9 else "bad", f"{np.clip(score, 0, 10):.6f}"]
                rows.writerow([*cells, *([f"{before:.6f}"] if covariate else [])])
    text = SOURCE if covariate else SOURCE.replace(", covariate: before", "")
    (folder / "source.yaml").write_text(text, encoding="utf-8")
    return folder


def _score(folder: Path, **options: object) -> GateResult:
    review = review_stage(review_params({"stage": 2, "runs": str(folder), **options}))
    return next(gate for gate in review.gates if gate.id == "avg_score")


def test_adjustment_narrows_the_bounds_of_the_score(tmp_path: Path) -> None:
    """At correlation .9 the bounds shrink to √(1 − .81) = .44 of their width.

    The method says so.
    """
    plain, adjusted = (
        _score(_write(tmp_path / "runs"), adjust=adjust).evidence for adjust in (False, True)
    )
    widths = [(evidence.upper or 0) - (evidence.lower or 0) for evidence in (adjusted, plain)]
    assert widths[0] / widths[1] == pytest.approx(0.436, abs=0.06)
    assert "CUPED" in (adjusted.method or "")
    assert "narrower than [" in (adjusted.method or "")


def test_adjustment_needs_a_covariate(tmp_path: Path) -> None:
    """Asking for an adjustment that the data cannot give is one clear sentence."""
    with pytest.raises(UsageError, match="no sample carries a covariate"):
        _score(_write(tmp_path / "runs", covariate=False), adjust=True)


def test_retrying_with_new_data_cannot_pass_a_gate(tmp_path: Path) -> None:
    """The same data again are the same look.

    New data after the last planned look are never a pass.
    """
    looks, runs = str(tmp_path / "looks.jsonl"), tmp_path / "runs"
    first = [_score(_write(runs), looks=looks).evidence.verdict for _ in range(2)]
    assert first == [Verdict.PASS, Verdict.PASS]
    retried = _score(_write(runs, seed=2), looks=looks)
    assert retried.evidence.verdict is Verdict.INCONCLUSIVE
    assert retried.evidence.why == because("look.spent", number=2, planned=1)
    elsewhere = _score(_write(runs, seed=2), looks=str(tmp_path / "other.jsonl"))
    assert elsewhere.evidence.why == because("bound.undecided")


def _review(folder: Path, **options: object) -> Reviewed:
    return review_stage(review_params({"stage": 2, "runs": str(folder), **options}))


def test_mending_a_mapping_is_free(tmp_path: Path) -> None:
    """A review whose every gate the data block spends nothing; the page says so.

    Data that cannot be compared at all neither. Then the mended one is the first look, and passes.
    """
    looks, runs = tmp_path / "looks.jsonl", _write(tmp_path / "runs")
    mended = (runs / "source.yaml").read_text("utf-8")
    (runs / "source.yaml").write_text(mended.replace(", bad: failed", ""), encoding="utf-8")
    blocked = _review(runs, looks=str(looks))
    assert {gate.evidence.verdict for gate in blocked.gates} == {Verdict.INCONCLUSIVE}
    assert any(gate.evidence.point is not None for gate in blocked.gates)
    (runs / "source.yaml").write_text(mended, encoding="utf-8")
    swapped = _review(runs, looks=str(looks), control="treatment", treatment="control")
    assert swapped.recommendation is Recommendation.INVALID
    for review in (blocked, swapped):
        assert (review.look.number, review.look.counting) == (1, "free")
        assert "Look: 1 of 1; not counted" in summary_text(review)
    assert not looks.exists()
    counted = _review(runs, looks=str(looks))
    assert (counted.look.number, counted.look.counting) == (1, "counted")
    assert Verdict.PASS in {gate.evidence.verdict for gate in counted.gates}
    assert len(looks.read_bytes().splitlines()) == 1


def test_blocked_data_after_the_last_look_are_free_too(tmp_path: Path) -> None:
    """Beyond the plan as before it: what the data block spends nothing and says what blocks."""
    looks, runs = tmp_path / "looks.jsonl", _write(tmp_path / "runs")
    _review(runs, looks=str(looks))
    _write(runs, seed=2)
    mended = (runs / "source.yaml").read_text("utf-8")
    (runs / "source.yaml").write_text(mended.replace(", bad: failed", ""), encoding="utf-8")
    blocked = _review(runs, looks=str(looks))
    assert (blocked.look.number, blocked.look.counting) == (2, "free")
    assert "look.spent" not in {gate.evidence.why.code for gate in blocked.gates}
    assert len(looks.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("change", ["a row less", "an earlier moment", "shuffled", "in Korean"])
def test_what_makes_data_new(tmp_path: Path, change: str) -> None:
    """A row less and an earlier moment are other data, and so another look.

    The order of rows and the language are not.
    """
    looks, runs = str(tmp_path / "looks.jsonl"), _write(tmp_path / "runs")
    source, file = runs / "source.yaml", runs / "samples.csv"
    source.write_text(SOURCE.replace("arm: arm", MORE), encoding="utf-8")
    head, *rows = file.read_text("utf-8").splitlines()
    head = f"{head},id,run,at"
    days = [f"{row},{n},{n % 3}{row[:2]},2026-11-0{1 + n % 3}T09:00Z" for n, row in enumerate(rows)]
    file.write_text("\n".join([head, *days]) + "\n", encoding="utf-8")
    assert _review(runs, looks=looks).look.number == 1
    options: dict[str, object] = {}
    if change == "an earlier moment":
        options = {"as_of": "2026-11-02T12:00:00Z"}
    elif change == "in Korean":
        options = {"lang": "ko"}
    else:
        lines = days[1:] if change == "a row less" else days[::-1]
        file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    number = _review(runs, looks=looks, **options).look.number
    assert number == (2 if change in {"a row less", "an earlier moment"} else 1)


def test_a_replay_is_the_look_that_it_repeats(tmp_path: Path) -> None:
    """Whatever was counted since, it has the record's number, and it spends nothing."""
    looks, runs = tmp_path / "looks.jsonl", _write(tmp_path / "runs")
    params = review_params({"stage": 2, "runs": str(runs), "looks": str(looks)})
    first = review_stage(params).look
    _write(runs, seed=2)
    second = review_stage(params).look
    before = looks.read_bytes()
    for seed, look in ((2, second), (1, first), (3, Look(7, 1, None, 0.05, "free"))):
        _write(runs, seed=seed)
        assert review_stage(params, replayed=look).look.number == look.number
        assert review_stage(params, replayed=look).look.counting == look.counting
    assert looks.read_bytes() == before


def test_a_number_that_a_parameter_knows_is_not_forgotten(tmp_path: Path) -> None:
    """`look` in a review's params.yaml tells of looks that no file here saw; never of fewer."""
    looks, runs = tmp_path / "looks.jsonl", _write(tmp_path / "runs")
    assert _review(runs, looks=str(looks), look=2).look.number == 2
    _write(runs, seed=2)
    assert _review(runs, looks=str(looks), look=1).look.number == 3


def test_an_overtaken_review_is_judged_again(tmp_path: Path) -> None:
    """Another review takes the number while this one judges: it is judged once more, as the next.

    What it says is what the second look has left.
    """
    looks, runs = tmp_path / "looks.jsonl", _write(tmp_path / "runs")
    plan, params = (
        load_plan(ROOT / "params" / "plan.yaml"),
        review_params({"stage": 2, "runs": str(runs), "looks": str(looks)}),
    )
    review, numbers = _review(runs, looks=""), list[int]()

    def judge(look: Look) -> Reviewed:
        if not numbers:
            _review(_write(tmp_path / "other", seed=2), looks=str(looks))
        numbers.append(look.number)
        return replace(review, look=look)

    result = counted(plan, params, read_runs(runs), "digest", judge)
    assert (numbers, result.look.number, result.look.confidence) == ([1, 2], 2, None)
    assert len(looks.read_bytes().splitlines()) == 2


def test_runs_that_tell_what_ran_are_the_candidate(tmp_path: Path) -> None:
    """Envelopes tell flags and strategy: another strategy is another candidate, mixed in it is not.

    The story's first stage, run by run.
    """
    looks, runs = tmp_path / "looks.jsonl", tmp_path / "runs"
    story = sorted((ROOT / "data" / "examples" / "story" / "stage-0").glob("*.json"))
    runs.mkdir()

    def number(files: list[Path], strategy: str | None = None) -> int:
        for file in files:
            text = file.read_text("utf-8")
            envelope = json.loads(text)
            if strategy and envelope["arm"] == "treatment":
                envelope["datasetMeta"]["strategyHash"] = strategy
            (runs / file.name).write_text(json.dumps(envelope), encoding="utf-8")
        params = review_params({"stage": 0, "runs": str(runs), "looks": str(looks)})
        return review_stage(params).look.number

    assert number(story[:2]) == 1
    assert number(story[2:4]) == 2
    assert number(story[4:], "another") == 3  # the old runs are still there
    (entry, *_) = looks.read_text("utf-8").splitlines()
    (ran,) = json.loads(entry)["series"]["treatment"]["ran"]
    assert set(ran) == {"flags", "strategy"}
    assert number(story, "new") == 1
