"""Files of known tools are recognised, read whole by the draft as it is, and reviewed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

import rolloutlib as rl
from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.presets import PRESETS
from rolloutlib.drafts.written import text_of
from rolloutlib.runs.reading import read_runs

if TYPE_CHECKING:
    from rolloutlib.runs.account import Runs

FILES = Path(__file__).parent / "files"
ROOT = FILES.parents[2]
# Folder → preset, paths in it, what each sample has, arms, kept rows.
CASES: dict[str, tuple[str, tuple[str, ...], set[str], tuple[str, str], int]] = {
    "ragas": ("ragas", ("v1.csv", "v2.csv"), {"prompt_id", "score:answer_relevancy"},
              ("control", "treatment"), 60),
    "mlflow": ("mlflow", ("baseline", "candidate"), {"prompt_id", "latency_ms", "tokens_out"},
               ("control", "treatment"), 60),
    "mlflow_traces": ("mlflow", ("baseline.jsonl", "candidate.jsonl"),
                      {"prompt_id", "status", "latency_ms", "score:relevance_to_query"},
                      ("control", "treatment"), 60),
    "helm": ("helm", ("mmlu_subject-anatomy_model-example_model-1",
                      "mmlu_subject-anatomy_model-example_model-2"),
             {"prompt_id", "status", "latency_ms", "tokens_in"}, ("control", "treatment"), 72),
    "alpaca_eval": ("alpaca_eval", ("annotations.json",), {"prompt_id", "category", "judge"},
                    ("control", "treatment"), 60),
    "mt_bench": ("mt_bench", ("gpt-4_single.jsonl",), {"prompt_id", "started_at", "judge", "turn"},
                 ("example-13b", "example-70b"), 120),
    "mt_bench_pair": ("mt_bench", ("gpt-4_pair.jsonl",), {"prompt_id", "started_at", "turn"},
                      ("gpt-3.5-turbo", "example-70b"), 120),
}  # fmt: skip


def read_as_drafted(folder: str, paths: tuple[str, ...], to: Path) -> tuple[str, Path, Runs]:
    """Draft a mapping for a copy of files, write it beside them, and read by it."""
    copy = Path(shutil.copytree(FILES / folder, to / folder))
    drafted = draft([copy / path for path in paths])
    (copy / "source.yaml").write_text(text_of(drafted.draft), encoding="utf-8")
    return drafted.draft.tool, copy, read_runs(copy)


@pytest.mark.slow
@pytest.mark.parametrize("folder", CASES)
def test_files_of_a_tool_review_as_drafted(folder: str, tmp_path: Path) -> None:
    """Without an edit every record is a sample with its fields, and the review judges them."""
    tool, paths, filled, (control, treatment), n_rows = CASES[folder]
    name, copy, runs = read_as_drafted(folder, paths, tmp_path)
    assert (name, runs.kept, runs.rows_quarantined, runs.read) == (tool, n_rows, 0, n_rows)
    assert {info.arm for info in runs.runs} == {control, treatment}
    rows: list[dict[str, Any]] = runs.relation.to_arrow_table().to_pylist()
    assert [name for name in filled if any(row[name] is None for row in rows)] == []
    assert any(row["score"] is not None or row["status"] is not None for row in rows)
    review = rl.review(stage=2, runs=str(copy), control=control, treatment=treatment)
    assert review.recommendation == "HOLD"  # no tool here tells issues, vetoes and errors
    points = {gate.metric: gate.evidence.point for gate in review.gates if gate.evidence.point}
    metric = "passed" if "passed" in points else "score"
    lead = lead_of(rows, metric, control, treatment)
    assert points[metric] == pytest.approx(lead, rel=0.25)  # which weighs repeats in another way


def lead_of(rows: list[dict[str, Any]], metric: str, control: str, treatment: str) -> float:
    """Return by how much the treatment is better, as the mean of its leads in each prompt."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        value = float(row["status"] == "passed") if metric == "passed" else row["score"]
        if value is not None:
            values.setdefault((row["arm"], row["prompt_id"]), []).append(value)
    prompts = {p for _, p in values if {(control, p), (treatment, p)} <= values.keys()}
    return float(np.mean([
        np.mean(values[treatment, p]) - np.mean(values[control, p]) for p in prompts
    ]))  # fmt: skip


def a_csv(path: Path, header: str, row: str) -> Path:
    """Write a table of 40 rows; of a row {i} is its number, {bit} 0 or 1, {part} from 0 to 0.9."""
    rows = (row.format(i=i, bit=i % 2, part=i % 10 / 10) for i in range(40))
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,question,answer,faithfulness,passed,latency_ms", "{i},q{i},a,{part},{bit},1{i}0"),
        ("timeStamp,elapsed,label,passed", "1796032818{i:03},4{i}0,ask{i},{bit}"),
        ("instruction,output_1,output_2,preference,passed", "q{i},a,b,1,{bit}"),
    ],
)
def test_a_table_that_only_resembles_a_tool_keeps_its_measurements(
    header: str, row: str, tmp_path: Path
) -> None:
    """A pass rate beside a tool's columns is read by its name; without it the tool is known."""
    made = draft([a_csv(tmp_path / "a.csv", header, row)]).draft
    assert (made.tool, made.mapping["columns"]["passed"]) == ("table", "passed")
    own = header.partition(",passed")[0]
    cells = ",".join(row.split(",")[: own.count(",") + 1])
    assert draft([a_csv(tmp_path / "b.csv", own, cells)]).draft.tool != "table"


def test_less_noise_is_better(tmp_path: Path) -> None:
    """The share of wrong claims of ragas runs from worst to best downwards."""
    row = "q{i},a,{part}"
    path = a_csv(tmp_path / "a.csv", "user_input,response,noise_sensitivity(mode=relevant)", row)
    score = draft([path]).draft.mapping["columns"]["score"]
    assert score == {"column": "noise_sensitivity(mode=relevant)", "scale": [1, 0]}


def test_what_only_some_scenarios_have_is_the_outcome(tmp_path: Path) -> None:
    """Of HELM the chain of thought's verdict comes before exact match, now a scorer."""
    records = [{
        "instance_id": f"id{i}", "train_trial_index": 0,
        "stats": [
            {"name": {"name": name, "split": "test"}, "count": 1, "mean": i % 2}
            for name in ("exact_match", "chain_of_thought_correctness")
        ],
    } for i in range(10)]  # fmt: skip
    path = tmp_path / "per_instance_stats.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    mapping = draft([path]).draft.mapping
    assert "chain_of_thought_correctness" in mapping["columns"]["passed"]
    assert [*mapping["scores"]] == ["exact_match"]


def test_each_preset_is_in_the_documents() -> None:
    """docs/presets.md tells of each tool, and the fixtures say whose shape they have."""
    page = (ROOT / "docs" / "presets.md").read_text("utf-8")
    assert [preset.title for preset in PRESETS if f"| {preset.title}" not in page] == []
    shapes = (FILES / "README.md").read_text("utf-8")
    folders = sorted(path.name for path in FILES.iterdir() if path.is_dir())
    assert [name for name in folders if f"`{name}`" not in shapes] == []


@pytest.mark.slow
def test_both_halves_of_a_judgment_are_one_piece_of_evidence(tmp_path: Path) -> None:
    """The bound of a preference is that of one number a prompt, by Student's t, not of two."""
    _, copy, _ = read_as_drafted("alpaca_eval", ("annotations.json",), tmp_path)
    review = rl.review(stage=2, runs=str(copy), control="control", treatment="treatment")
    gate = next(gate for gate in review.gates if gate.metric == "score")
    records = json.loads((copy / "annotations.json").read_text("utf-8"))
    wins = [10 * (r["preference"] - 1) for r in records if r["preference"] is not None]
    lead = np.array([2 * won - 10 for won in wins])
    step = stats.t.ppf(0.95, len(lead) - 1) * lead.std(ddof=1) / np.sqrt(len(lead))
    assert gate.evidence.point == pytest.approx(lead.mean())
    assert gate.evidence.lower == pytest.approx(lead.mean() - step, rel=0.05)


def test_a_judgment_that_is_lost_is_missing_in_both_arms(tmp_path: Path) -> None:
    """A preference that the judge did not give leaves two samples without a score, not none."""
    _, _, runs = read_as_drafted("alpaca_eval", ("annotations.json",), tmp_path)
    lost = runs.relation.filter("score IS NULL").project("arm, prompt_id").fetchall()
    assert sorted(arm for arm, _ in lost) == ["control", "treatment"]
    assert len({prompt for _, prompt in lost}) == 1


def test_two_games_that_disagree_are_a_tie(tmp_path: Path) -> None:
    """A model has won where it won in both orders, as the tool's own table counts it."""
    _, copy, runs = read_as_drafted("mt_bench_pair", ("gpt-4_pair.jsonl",), tmp_path)
    lines = [json.loads(line) for line in (copy / "gpt-4_pair.jsonl").read_text().splitlines()]
    scores: list[float | None] = []
    for line in lines:
        games = {line["g1_winner"], line["g2_winner"]}
        won = {"model_1": 10.0, "model_2": 0.0}.get(games.pop(), 5.0) if len(games) == 1 else 5.0
        scores.append(None if "error" in {line["g1_winner"], line["g2_winner"]} else won)
    rows = runs.relation.filter("arm = 'example-70b'").project("sample_id, score").fetchall()
    assert [score for _, score in sorted(rows, key=lambda row: int(row[0]))] == scores


def test_yes_to_something_bad_is_no_pass(tmp_path: Path) -> None:
    """The only scorer of yes and no of MLflow is left where its yes is bad."""
    rows = [
        {"trace_id": f"t{i}", "state": "OK", "execution_duration": 900 + i, "request": f"q{i}",
         "contains_pii/value": ("no", "yes")[i % 2]}
        for i in range(10)
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = draft([tmp_path / "a.jsonl"]).draft
    assert made.left["contains_pii/value"].code == "draft.less_is_better"
    assert made.mapping["columns"].keys().isdisjoint({"passed", "status", "score"})
