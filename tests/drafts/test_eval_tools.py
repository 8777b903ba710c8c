"""Presets of eval tools: real-shaped files are drafted, read whole and reviewed without an edit."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import rolloutlib as rl
from rolloutlib.cli import main
from rolloutlib.drafts.drafting import draft
from rolloutlib.errors import RunsError
from tests.drafts.reading import read_as_drafted

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.drafts.record import Draft

FILES = Path(__file__).parent / "files"
ARMS = ("control", "treatment")
HOLD = 10


class Case(NamedTuple):
    """What the files of a tool hold, counted by hand.

    Attributes:
        tool: as the draft calls it.
        paths: below FILES; two of them are the control's and the treatment's.
        arms: as they are called.
        statuses: how many samples of each arm have which status: as many in one as in the other.
        prompts: how many there are in each arm, and the same in both.
        missing: fields that the tool does not write.
    """

    tool: str
    paths: tuple[str, ...]
    arms: tuple[str, str]
    statuses: dict[str, int]
    prompts: int
    missing: tuple[str, ...] = ()


BILLS = ("cost", "tokens_in", "tokens_out")
CASES = (
    # Numbers 0, 3, 5, 7 and 39, twice each: v1 is wrong in 0 and 3, v2 in 0 and 5; 39 broke.
    *(
        Case("promptfoo", paths, arms, {"passed": 4, "failed": 4, "error": 2}, 5)
        for paths, arms in (
            (("promptfoo/both.json",), ("v1", "v2")),
            (("promptfoo/both.jsonl",), ("v1", "v2")),
            (("promptfoo/v1", "promptfoo/v2"), ARMS),
        )
    ),
    # Numbers 0 to 7: v1 is wrong in 0 and 3, v2 in 0 and 5; 6 broke (lm-eval knows no errors).
    Case(
        "lm-eval", ("lm_eval/v1", "lm_eval/v2"), ARMS,
        {"passed": 5, "failed": 3}, 8, ("latency_ms", "score", *BILLS),
    ),
    Case(
        "inspect", ("inspect/v1.json", "inspect/v2.eval"), ARMS,
        {"passed": 10, "failed": 4, "error": 2}, 8, ("score", "cost"),
    ),
    Case(
        "openai-evals", ("openai_evals/v1", "openai_evals/v2"), ARMS,
        {"passed": 5, "failed": 2, "error": 1}, 8, ("latency_ms", "score", *BILLS),
    ),
    Case(
        "deepeval", ("deepeval/v1", "deepeval/v2"), ARMS,
        {"passed": 5, "failed": 2, "error": 1}, 8, ("score", "tokens_in", "tokens_out"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: "+".join(case.paths))
def test_what_a_tool_wrote_is_what_is_read(case: Case, tmp_path: Path) -> None:
    """The draft names the tool, and every sample has the outcome, arm and prompt that it has."""
    paths = copied(case.paths, tmp_path)
    drafted, rows = read_as_drafted(paths)
    assert drafted.draft.tool == case.tool
    for arm in case.arms:
        assert Counter(row["status"] for row in rows if row["arm"] == arm) == case.statuses
    prompts = [{row["prompt_id"] for row in rows if row["arm"] == arm} for arm in case.arms]
    assert prompts[0] == prompts[1]
    assert len(prompts[0]) == case.prompts
    for field in ("score", "latency_ms", *BILLS):
        filled = [row for row in rows if row[field] is not None]
        assert bool(filled) is (field not in case.missing), field


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: "+".join(case.paths))
def test_a_draft_is_reviewed_without_an_edit(case: Case, tmp_path: Path) -> None:
    """A review of the drafted source.yaml measures the pass rate of both arms."""
    drafted, _ = read_as_drafted(copied(case.paths, tmp_path))
    control, treatment = case.arms
    folder = str(drafted.peek.folder)
    review = rl.review(stage=2, runs=folder, control=control, treatment=treatment)
    assert review.recommendation == "HOLD"  # eight prompts prove nothing
    rate = next(gate for gate in review.gates if gate.metric == "passed")
    assert rate.evidence.point == 0  # both arms pass as often


def copied(paths: tuple[str, ...], folder: Path) -> list[Path]:
    """Copy files out of the repository and return where they are."""
    for path in paths:
        target = folder / Path(path).relative_to(Path(path).parts[0])
        copy = shutil.copytree if (FILES / path).is_dir() else shutil.copy2
        copy(FILES / path, target)
    return [folder / Path(path).relative_to(Path(path).parts[0]) for path in paths]


def changed(path: str, folder: Path, change: Callable[[Any], object], name: str = "") -> Path:
    """Write a .json file with a change of its tree, and return where it is."""
    tree = json.loads((FILES / path).read_text(encoding="utf-8"))
    change(tree)
    target = folder / (name or Path(path).name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    return target


def drafted_of(*paths: Path) -> Draft:
    """Return the draft of files."""
    return draft(paths).draft


def test_a_run_is_not_compared_with_its_copy(tmp_path: Path) -> None:
    """Two files of one run are refused by what the tool itself calls a run, under any name."""
    for path in ("promptfoo/v1/output.json", "inspect/v1.json"):
        files = [changed(path, tmp_path, lambda _: None, name) for name in ("a.json", "b.json")]
        with pytest.raises(RunsError, match=r"are one run .*nothing is compared with its copy"):
            drafted_of(*files)
    events = next((FILES / "openai_evals/v1").iterdir())
    files = [Path(shutil.copy2(events, tmp_path / name)) for name in ("a.jsonl", "b.jsonl")]
    with pytest.raises(RunsError, match="are one run"):
        drafted_of(*files)


def test_two_runs_of_one_task_are_no_more_evidence_than_one(tmp_path: Path) -> None:
    """A folder with an older run of a task beside the newer is refused, with both names."""
    model = tmp_path / "v1" / "model"
    shutil.copytree(FILES / "lm_eval/v1/model", model)
    shutil.copytree(FILES / "lm_eval/v2", tmp_path / "v2")
    newer = next(model.glob("samples_cities_writing_*"))
    shutil.copy2(newer, model / "samples_cities_writing_2026-10-29T08-00-00.000001.jsonl")
    with pytest.raises(RunsError, match=r"cities_writing in control has 2 runs \(.*-29T.*-30T"):
        drafted_of(tmp_path / "v1", tmp_path / "v2")


def test_a_retried_log_is_not_read_beside_the_first(tmp_path: Path) -> None:
    """Inspect's retry holds the samples of the log that it retries: both would count them twice."""
    changed("inspect/v1.json", tmp_path, lambda log: log["eval"].update(eval_id="a"), "v1/a.json")
    changed("inspect/v1.json", tmp_path, lambda log: log["eval"].update(eval_id="b"), "v1/b.json")
    other = Path(shutil.copy2(FILES / "inspect/v2.eval", tmp_path / "v2.eval"))
    with pytest.raises(RunsError, match="cities with mockllm/v1 in control has 2 logs"):
        drafted_of(tmp_path / "v1", other)


def test_an_output_that_counts_more_results_than_it_holds_is_refused(tmp_path: Path) -> None:
    """A promptfoo output that was cut short is told by its own counts."""
    path = changed(
        "promptfoo/both.json", tmp_path, lambda tree: tree["results"]["results"].pop(), "cut.json"
    )
    with pytest.raises(RunsError, match="counts 20 results and holds 19"):
        drafted_of(path)


def test_one_mapping_reads_one_kind_of_file(tmp_path: Path) -> None:
    """An output as .json beside one as .jsonl is refused with the way out."""
    shutil.copy2(FILES / "promptfoo/both.jsonl", tmp_path)
    shutil.copytree(FILES / "promptfoo/v1", tmp_path / "v1")
    with pytest.raises(RunsError, match=r"in several places; export them all in the same way"):
        drafted_of(tmp_path / "both.jsonl", tmp_path / "v1")


def test_what_one_file_alone_has_is_left(tmp_path: Path) -> None:
    """Costs of one arm alone are left; a score of one arm alone is missed by a comparison."""

    def without(*names: str) -> Callable[[dict[str, Any]], None]:
        def change(tree: dict[str, Any]) -> None:
            tree["evalId"] = "another"
            for result in tree["results"]["results"]:
                for name in names:
                    result.pop(name, None)

        return change

    first = changed("promptfoo/v1/output.json", tmp_path, lambda _: None, "v1.json")
    other = changed("promptfoo/v2/output.json", tmp_path, without("cost", "score"), "v2.json")
    made = drafted_of(first, other)
    assert {name: made.left[name].facts for name in ("cost", "score")} == {
        "cost": {"file": "v1.json"},
        "score": {"file": "v1.json"},
    }
    assert made.unread == {"score": "score"}


def test_a_log_that_did_not_end_is_told(tmp_path: Path) -> None:
    """A status other than success, and fewer samples than the log counts, stand in the draft."""
    path = changed("inspect/v1.json", tmp_path, lambda log: log.update(status="cancelled"))
    assert drafted_of(path).left["v1.json"].code == "draft.unended"
    path = changed("inspect/v1.json", tmp_path, lambda log: log["samples"].pop())
    assert drafted_of(path).left["v1.json"].facts == {"said": 16, "there": 15}


def test_documents_that_the_results_count_are_missed(tmp_path: Path) -> None:
    """Samples of lm-eval that were cut short are told by the results beside them."""
    model = tmp_path / "model"
    shutil.copytree(FILES / "lm_eval/v1/model", model)
    path = next(model.glob("samples_cities_writing_*"))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"doc_id": 3' not in line), encoding="utf-8")
    assert drafted_of(model).left[path.name].facts == {"said": 4, "there": 3}


@pytest.mark.slow
def test_evals_that_broke_or_did_not_end_are_compared_with_a_hold(tmp_path: Path) -> None:
    """What is missing in both arms is missed by no pair, so that the files themselves say it."""

    def broke(log: dict[str, Any]) -> None:
        log["eval"]["eval_id"], log["status"] = "another", "cancelled"
        for sample in log["samples"][1:]:
            sample["scores"], sample["error"] = {}, {"message": "down"}

    first = changed("inspect/v1.json", tmp_path, broke, "a.json")
    other = Path(shutil.copy2(FILES / "inspect/v2.eval", tmp_path / "b.eval"))
    assert main(["compare", str(first), str(other), "--out", str(tmp_path / "out")]) == HOLD
    review = json.loads((tmp_path / "out" / "review.json").read_text(encoding="utf-8"))
    codes = {why["code"] for why in review["reasons"]}
    assert {"pair.broken", "pair.unended"} <= codes


def test_older_promptfoo_without_reasons_has_no_errors(tmp_path: Path) -> None:
    """Providers as plain texts and results without failureReason are read, and it is said."""

    def older(tree: dict[str, Any]) -> None:
        for result in tree["results"]["results"]:
            result.pop("failureReason")
            result["provider"] = result["provider"]["id"]
            result["testCase"]["vars"] = result.pop("vars")

    made = drafted_of(changed("promptfoo/both.json", tmp_path, older))
    assert made.mapping["columns"]["arm"] == "provider"
    assert made.mapping["columns"]["passed"] == "success"
    assert made.mapping["columns"]["prompt_id"] == "testCase.vars"
    assert made.notes["columns.passed"].code == "draft.no_errors"


def test_prompts_of_one_provider_are_the_arms(tmp_path: Path) -> None:
    """Two prompts that are compared with one provider are two arms by their labels."""

    def prompts(tree: dict[str, Any]) -> None:
        for result in tree["results"]["results"]:
            result["prompt"]["label"] = f"prompt {result['provider']['label']}"
            result["provider"] = {"id": "one", "label": ""}

    made = drafted_of(changed("promptfoo/both.json", tmp_path, prompts))
    assert made.mapping["columns"]["arm"] == "prompt.label"


def test_configurations_that_are_called_alike_are_arms_by_their_column(tmp_path: Path) -> None:
    """One provider with two configurations and no labels is no single arm."""

    def alike(tree: dict[str, Any]) -> None:
        for result in tree["results"]["results"]:
            result["provider"] = {"id": "one", "label": ""}

    made = drafted_of(changed("promptfoo/both.json", tmp_path, alike))
    assert made.mapping["columns"]["arm"] == "promptIdx"


def test_samples_of_two_tasks_are_not_one_prompt(tmp_path: Path) -> None:
    """Inspect numbers the samples of each task anew, so that the task is part of the prompt."""
    changed("inspect/v1.json", tmp_path, lambda _: None, "a.json")
    changed(
        "inspect/v1.json", tmp_path, lambda log: log["eval"].update(eval_id="b", task="b"), "b.json"
    )
    made = drafted_of(tmp_path)
    assert made.mapping["columns"]["prompt_id"] == ["$.eval.task", "id"]


def test_a_broken_grader_and_a_cache_are_said(tmp_path: Path) -> None:
    """Where the grader broke there is no outcome, and answers of a cache are copies."""

    def broken(tree: dict[str, Any]) -> None:
        results = tree["results"]["results"]
        for result in results[:5]:
            result["response"]["cached"] = True
        graded = [result for result in results[5:] if result.get("gradingResult")]
        for place, result in enumerate(graded):
            metadata = {"graderError": place < 4}
            result["gradingResult"]["componentResults"][0]["metadata"] = metadata

    drafted, rows = read_as_drafted([changed("promptfoo/both.json", tmp_path, broken)])
    assert drafted.draft.notes["columns.cached"].facts == {"share": 0.25}
    assert Counter(row["status"] for row in rows)["error"] == 4 + 4
    assert len(rows) == 20 - 5


def test_one_of_several_metrics_is_the_outcome(tmp_path: Path) -> None:
    """The others are further scorers; what has another scale or none is left with the reason."""
    folder = tmp_path / "model"
    folder.mkdir()
    lines = (FILES / "lm_eval/v1/model").glob("samples_cities_writing_*")
    path = folder / next(lines).name
    written = (FILES / "lm_eval/v1/model" / path.name).read_text(encoding="utf-8")
    records = [json.loads(line) for line in written.splitlines()]
    for record in records:
        record |= {"metrics": ["bleu", "acc_norm", "acc", "parts"], "bleu": 31.5, "acc": 1.0,
                   "acc_norm": 0.0, "parts": {"a": 1}}  # fmt: skip
        for key in ("doc_hash", "filter"):
            record.pop(key)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    made = drafted_of(folder)
    assert made.mapping["columns"] == {"prompt_id": "doc", "passed": "acc"}
    assert made.mapping["scores"] == {"acc_norm": {"column": "acc_norm", "scale": [0, 1]}}
    assert {name: why.code for name, why in made.left.items() if name in {"bleu", "parts"}} == {
        "bleu": "draft.scale_open",
        "parts": "draft.no_numbers",
    }
    assert "where" not in made.mapping


def test_tasks_that_no_one_metric_judges_are_refused(tmp_path: Path) -> None:
    """Which file is judged by what is said: one mapping has one outcome."""
    for path in (FILES / "lm_eval/v1/model").glob("samples_*"):
        text = path.read_text(encoding="utf-8")
        if "writing" in path.name:
            text = text.replace("exact_match", "acc")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    with pytest.raises(RunsError, match=r"acc in samples_cities_writing.*share one from 0 to 1"):
        drafted_of(tmp_path)


def test_the_tokens_of_a_grader_are_no_answers(tmp_path: Path) -> None:
    """Where Inspect counted another model's tokens too, tokens are left, and it is said."""

    def graded(log: dict[str, Any]) -> None:
        for sample in log["samples"]:
            sample["model_usage"]["openai/grader"] = {"input_tokens": 900, "output_tokens": 9}

    made = drafted_of(changed("inspect/v1.json", tmp_path, graded))
    assert made.left["model_usage"].code == "draft.grader"
    assert "tokens_in" not in made.mapping["columns"]


def test_metrics_of_deepeval_may_be_called_anything(tmp_path: Path) -> None:
    """Names with brackets are picked whole, and what evaluate() returns is a run as well."""

    def renamed(tree: dict[str, Any]) -> None:
        cases = tree.pop("testCases")
        for case in cases:
            case["metricsData"][0]["name"] = "Correctness [GEval]"
            case["metrics_data"] = case.pop("metricsData")
        tree["test_results"] = cases

    source = next((FILES / "deepeval/v1").iterdir()).relative_to(FILES)
    made = drafted_of(changed(str(source), tmp_path, renamed, "run.json"))
    assert made.mapping["records"] == "test_results"
    column = made.mapping["scores"]["correctness_geval"]["column"]
    assert column == 'metrics_data[name="Correctness [GEval]"].score'
