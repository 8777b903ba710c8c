"""What presets of eval tools make of metrics of which less is better, of filters and odd types."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.cli import main
from rolloutlib.errors import RunsError
from tests.drafts.reading import read_as_drafted
from tests.drafts.test_eval_tools import FILES, changed, drafted_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NO_GO = 20
MODEL = FILES / "lm_eval/v1/model"
TIME = "2026-10-30T10-12-48.134718"


def sampled(folder: Path, task: str, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the samples of lm-eval's one task with a change of each record, as another task's."""
    folder.mkdir(parents=True, exist_ok=True)
    written = (MODEL / f"samples_cities_writing_{TIME}.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in written.splitlines()]
    for record in records:
        change(record)
    target = folder / f"samples_{task}_{TIME}.jsonl"
    target.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return target


def stereotyped(record: dict[str, Any]) -> None:
    """Judge as crows_pairs does: 1 is a stereotype."""
    record["metrics"], record["pct_stereotype"] = ["pct_stereotype"], record.pop("exact_match")


def results(folder: Path, **fields: object) -> None:
    """Write the results beside the samples."""
    (folder / f"results_{TIME}.json").write_text(json.dumps(fields), encoding="utf-8")


def test_a_metric_of_which_less_is_better_is_no_pass(tmp_path: Path) -> None:
    """The share of stereotypes is a score from 1, the worst, to 0, as the results beside say."""
    path = sampled(tmp_path / "v1", "crows", stereotyped)
    results(path.parent, higher_is_better={"crows": {"pct_stereotype": False}})
    drafted, rows = read_as_drafted([path.parent])
    mapped = {"column": "pct_stereotype", "scale": [1, 0]}
    assert drafted.draft.mapping["columns"]["score"] == mapped
    assert "passed" not in drafted.draft.mapping["columns"]
    assert drafted.draft.notes["columns.score"].code == "draft.reversed"
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    bad = {line["doc_hash"] for line in lines if line["pct_stereotype"] == 1}
    assert 0 < len(bad) < len(rows)
    assert {row["prompt_id"] for row in rows if row["score"] == 0} == bad


@pytest.mark.slow
def test_more_stereotypes_are_no_go(tmp_path: Path) -> None:
    """A candidate of 80 % where the control has 50 % is no better for it."""
    for arm, fifths in (("v1", (0, 1, 0, 1)), ("v2", (1, 1, 1, 1, 0))):
        path = sampled(tmp_path / arm, "crows", stereotyped)
        record = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
        every = [
            record | {"doc_id": i, "doc_hash": str(i), "pct_stereotype": fifths[i % len(fifths)]}
            for i in range(200)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in every), encoding="utf-8")
        results(path.parent, higher_is_better={"crows": {"pct_stereotype": False}})
    out = tmp_path / "out"
    folders = [str(tmp_path / arm) for arm in ("v1", "v2")]
    assert main(["compare", *folders, "--out", str(out)]) == NO_GO
    review = json.loads((out / "review.json").read_text(encoding="utf-8"))
    assert review["recommendation"] == "NO_GO"


def test_a_metric_whose_direction_nobody_tells_is_left(tmp_path: Path) -> None:
    """Without results a name of which less is better judges nothing, and the way out is said."""
    folder = sampled(tmp_path, "crows", stereotyped).parent
    with pytest.raises(RunsError, match=r"no metric judges.*results_TIME\.json beside them"):
        drafted_of(folder)


def test_each_task_keeps_one_filter_of_its_own(tmp_path: Path) -> None:
    """A task with two filters beside one with a third is read with one of each."""
    shutil.copy2(MODEL / f"samples_cities_geography_{TIME}.jsonl", tmp_path)
    sampled(tmp_path, "open", lambda record: record.update(filter="remove_whitespace"))
    drafted, rows = read_as_drafted([tmp_path])
    assert drafted.draft.mapping["where"] == {"filter": ["remove_whitespace", "strict-match"]}
    assert drafted.draft.notes["where"].code == "draft.filters"
    assert {row["category"] for row in rows} == {"cities_geography", "open"}


def test_filters_that_no_choice_keeps_apart_are_refused(tmp_path: Path) -> None:
    """Where one task has both of the filters that two others need, the draft says which."""
    shutil.copy2(MODEL / f"samples_cities_geography_{TIME}.jsonl", tmp_path)
    sampled(tmp_path, "one", lambda record: record.update(filter="strict-match"))
    sampled(tmp_path, "two", lambda record: record.update(filter="first-word"))
    with pytest.raises(RunsError, match=r"different ways \(cities_geography: .*first-word"):
        drafted_of(tmp_path)


def test_the_gold_label_of_older_samples_is_no_metric(tmp_path: Path) -> None:
    """Lines that list no metrics have those of known names; a target of 0 and 1 is none."""

    def older(record: dict[str, Any]) -> None:
        del record["metrics"]
        record["target"], record["acc"] = record["doc_id"] % 2, record.pop("exact_match")

    made = drafted_of(sampled(tmp_path / "v1", "older", older).parent)
    assert made.mapping["columns"]["passed"] == "acc"
    assert "scores" not in made.mapping


@pytest.mark.parametrize("name", ["Toxicity", "Carelessness", "Hallucination"])
def test_deepeval_says_by_its_thresholds_which_way_a_metric_runs(name: str, tmp_path: Path) -> None:
    """What passes below its threshold is better when it is less, whatever it is called."""

    def toxic(tree: dict[str, Any]) -> None:
        for place, case in enumerate(tree["testCases"]):
            metric = {"name": name, "score": place / 10, "threshold": 0.35, "success": place < 4}
            case["metricsData"] = [metric if name != "Hallucination" else
                                   {"name": name, "score": place / 10}]  # fmt: skip

    source = next((FILES / "deepeval/v1").iterdir()).relative_to(FILES)
    made = drafted_of(changed(str(source), tmp_path, toxic, "run.json"))
    assert made.mapping["columns"]["score"]["scale"] == [1, 0]
    assert made.notes["columns.score"].code == "draft.reversed"


def test_conversations_are_known_by_what_was_said_first(tmp_path: Path) -> None:
    """The scenario, else the first turn is the prompt; a row's number is none."""

    def talks(tree: dict[str, Any]) -> None:
        tree["conversationalTestCases"] = tree.pop("testCases")
        for case in tree["conversationalTestCases"]:
            case["turns"] = [{"role": "user", "content": case.pop("input")}]

    def silent(tree: dict[str, Any]) -> None:
        talks(tree)
        for case in tree["conversationalTestCases"]:
            del case["turns"]

    source = str(next((FILES / "deepeval/v1").iterdir()).relative_to(FILES))
    drafted, rows = read_as_drafted([changed(source, tmp_path, talks, "talks.json")])
    assert drafted.draft.mapping["columns"]["prompt_id"] == "turns.0.content"
    assert len({row["prompt_id"] for row in rows}) == len(rows) == 8
    made = drafted_of(changed(source, tmp_path, silent, "silent.json"))
    assert "prompt_id" not in made.mapping["columns"]
    assert made.left["name"].code == "draft.case_number"


def test_tests_without_variables_are_known_by_their_texts(tmp_path: Path) -> None:
    """One test without variables makes the prompt's text the id, or its number, with a note."""

    def bare(tree: dict[str, Any]) -> None:
        for result in tree["results"]["results"]:
            result["prompt"]["raw"] = f"test {result['testIdx']}"
            if result["testIdx"] == 0:
                result["vars"] = result["testCase"]["vars"] = {}

    def textless(tree: dict[str, Any]) -> None:
        bare(tree)
        for result in tree["results"]["results"]:
            result["prompt"]["raw"] = f"{result['provider']['id']} {result['testIdx']}"

    made = drafted_of(changed("promptfoo/both.json", tmp_path, bare, "a/bare.json"))
    assert made.mapping["columns"]["prompt_id"] == "prompt.raw"
    made = drafted_of(changed("promptfoo/both.json", tmp_path, textless, "b/textless.json"))
    assert made.mapping["columns"]["prompt_id"] == "testIdx"
    assert made.notes["columns.prompt_id"].code == "draft.test_number"


def test_values_of_another_type_break_no_draft(tmp_path: Path) -> None:
    """A count as text, a reason and names as lists, and a result without its provider."""
    folder = sampled(tmp_path / "v1", "odd", lambda _: None).parent
    results(folder, **{"n-samples": {"odd": {"effective": "4"}}})
    assert drafted_of(folder).tool == "lm-eval"

    def odd(tree: dict[str, Any]) -> None:
        tree["results"]["results"][1].pop("provider")
        tree["results"]["results"][2]["failureReason"] = [0]

    made = drafted_of(changed("promptfoo/both.json", tmp_path, odd, "odd.json"))
    assert made.mapping["columns"]["passed"] == "success"

    def listed(log: dict[str, Any]) -> None:
        log["eval"]["task"] = ["cities"]
        log["results"]["headline"] = {"score": ["match"]}

    assert drafted_of(changed("inspect/v1.json", tmp_path, listed)).tool == "inspect"


def test_a_scorer_of_harm_is_no_pass(tmp_path: Path) -> None:
    """No log of Inspect says which way a scorer runs, so that one called toxicity is left."""

    def toxic(log: dict[str, Any]) -> None:
        for sample in log["samples"]:
            sample["scores"] = {"toxicity": {"value": sample["epoch"] % 2}}

    made = drafted_of(changed("inspect/v1.json", tmp_path, toxic))
    assert made.left["scores.toxicity.value"].code == "draft.less_is_better"
    assert not made.mapping["columns"].keys() & {"passed", "status", "score"}
