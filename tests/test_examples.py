"""The shipped examples.

The simulator writes the story again, the real records say what their READMEs say.
"""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from rolloutlib.judge.record import Recommendation, Verdict
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
from rolloutlib.runs import read_runs

pytestmark = pytest.mark.slow  # writes the whole story again

EXAMPLES = Path(__file__).resolve().parents[1] / "data" / "examples"
STORY = EXAMPLES / "story"
STAGES = ("stage-0", "stage-1", "stage-2-regression", "stage-2", "stage-3", "stage-4")
FEED = "stage-2-daily"  # watched day by day, not reviewed
ROUNDING = 5.1e-7  # the engine's numbers have 6 digits

CONTRACT = {
    "run": {"runId", "startedAt", "stage", "arm", "flags", "session", "datasetMeta", "result"},
    "session": {"guardianProfileId", "seed"},
    "datasetMeta": {
        *(
            "version",
            "createdAt",
            "strategyHash",
            "featureFlags",
            "guardianProfileId",
            "ledgerId",
            "compatVersion",
        )
    },
    "result": {
        *(
            "metrics",
            "issuesTop3",
            "samples",
            "links",
            "suggestedTags",
            "difficultyReport",
            "styleViolations",
        )
    },
    "sample": {
        *(
            "id",
            "status",
            "score",
            "latencyMs",
            "issues",
            "promptId",
            "userId",
            "sessionId",
            "category",
            "difficulty",
        ),
        *("vetoReason", "styleViolations", "suggestedTags", "confirmedTags", "error"),
    },
}  # engine contract, without providerNote, which marks a template


def runs(stage: str) -> list[dict[str, Any]]:
    """Read a stage's envelopes, whatever their layout."""
    folder = STORY / stage
    if (folder / "runs.parquet").exists():
        return pq.read_table(folder / "runs.parquet").to_pylist()
    lines = [
        line
        for file in sorted(folder.glob("*.json*"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return [json.loads(line) for line in lines]


def samples(stage: str) -> list[dict[str, Any]]:
    """Return a stage's samples without the fields that they lack."""
    return [
        {k: v for k, v in sample.items() if v is not None}
        for run in runs(stage)
        for sample in run["result"]["samples"]
    ]


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the whole story again, as its README says."""
    out = tmp_path_factory.mktemp("story")
    subprocess.run([sys.executable, STORY / "simulate.py", "--out", out], check=True)
    return out


def test_story_is_written_again_to_the_same_bytes(again: Path) -> None:
    """Every shipped file of the story, runs and evidence, is what the simulator writes."""
    written = {file.relative_to(again) for file in again.rglob("*") if file.is_file()}
    shipped = {
        f.relative_to(STORY)
        for stage in (*STAGES, FEED)
        for f in (STORY / stage).rglob("*")
        if f.is_file()
    }
    assert written == shipped
    assert [name for name in sorted(written) if not same(again / name, STORY / name)] == []


def test_the_answers_are_written_again_to_the_same_bytes(tmp_path: Path) -> None:
    """The table, the suites' results and the documents are what their simulator writes."""
    answers = EXAMPLES / "answers"
    subprocess.run([sys.executable, answers / "simulate.py", "--out", tmp_path], check=True)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(written) == 15
    assert [name for name in written if not same(tmp_path / name, answers / name)] == []


def same(first: Path, second: Path) -> bool:
    """Compare bytes; Parquet names its writer's version.

    So of another PyArrow an equal table will do.
    """
    if (
        first.suffix != ".parquet"
        or pq.read_metadata(first).created_by == pq.read_metadata(second).created_by
    ):
        return first.read_bytes() == second.read_bytes()
    return pq.read_table(first).equals(pq.read_table(second))


def test_another_seed_tells_another_story(tmp_path: Path) -> None:
    """The seed decides what is drawn, so that the test above compares something."""
    command = [
        sys.executable,
        STORY / "simulate.py",
        "--stage",
        "stage-0",
        "--seed",
        "13",
        "--out",
        tmp_path,
    ]
    subprocess.run(command, check=True)
    name = "stage-0/2026-10-05_run-001.json"
    assert (tmp_path / name).read_bytes() != (STORY / name).read_bytes()


@pytest.mark.parametrize("stage", [*STAGES, FEED])
def test_reported_numbers_are_those_of_the_samples(stage: str) -> None:
    """A run's metrics, top issues and style counts agree with its samples.

    Recomputed with NumPy.
    """
    for run in runs(stage):
        result, rows = run["result"], run["result"]["samples"]
        scores = [s["score"] for s in rows if s.get("score") is not None]
        latencies = [s["latencyMs"] for s in rows if s.get("latencyMs") is not None]
        expected = {
            "passRate": np.mean([s["status"] == "passed" for s in rows]),
            "avgScore": np.mean(scores),
            "avgLatency": np.mean(latencies),
            "vetoedPct": np.mean([s["status"] == "vetoed" for s in rows]),
        }
        assert result["metrics"] == pytest.approx(expected, abs=ROUNDING)
        violations = [s.get("styleViolations") or 0 for s in rows]
        counts = Counter(tag for s in rows for tag in s["issues"])
        assert [counts[tag] for tag in result["issuesTop3"]] == [
            n for _, n in counts.most_common(3)
        ]
        assert sum(rule["count"] for rule in result["styleViolations"]) == sum(violations)


def test_story_has_every_field_of_the_contract() -> None:
    """Each field that the engine may write occurs.

    None that would mark a run as no measurement.
    """
    every = [run for stage in STAGES for run in runs(stage)]
    results = [run["result"] for run in every]
    fields_of = {
        "run": set[str]().union(*every),
        "session": set[str]().union(*(run["session"] for run in every)),
        "datasetMeta": set[str]().union(*(run["datasetMeta"] for run in every)),
        "result": set[str]().union(*results),
        "sample": set[str]().union(*(sample for stage in STAGES for sample in samples(stage))),
    }
    assert fields_of["datasetMeta"] == CONTRACT["datasetMeta"] | {"simulated"}
    assert {name: fields - {"simulated"} for name, fields in fields_of.items()} == CONTRACT
    assert {len(run["flags"]) for run in every} == {6}
    assert all(run["datasetMeta"]["simulated"] is True for run in every)


@pytest.mark.parametrize("stage", [*STAGES, FEED])
def test_statuses_exclude_each_other(stage: str) -> None:
    """Only a vetoed sample has a reason, only a failing one a message.

    A failing one has no score.
    """
    for sample in samples(stage):
        status = sample["status"]
        assert ("vetoReason" in sample) == (status == "vetoed")
        assert ("error" in sample) == ("score" not in sample) == (status in {"error", "timeout"})
        assert status != "passed" or sample["score"] >= 7.0
        assert not {"too_easy", "too_hard"} <= set(sample.get("suggestedTags", ()))
        assert len(sample.get("suggestedTags", ())) <= 2


@pytest.mark.parametrize("stage", [*STAGES, FEED])
def test_arms_are_a_replay(stage: str) -> None:
    """Both arms hold the same prompts of the same users on the same days, each once.

    Under the same seeds.
    """
    prompts: dict[str, list[tuple[str, str, str, int]]] = {"control": [], "treatment": []}
    for run in runs(stage):
        key = (run["startedAt"][:10], run["session"]["seed"])
        prompts[run["arm"]] += [
            (s["promptId"], s["userId"], *key) for s in run["result"]["samples"]
        ]
    assert prompts["control"] == prompts["treatment"]
    assert len({prompt for prompt, *_ in prompts["control"]}) == len(prompts["control"])


def pass_rate(stage: str, arm: str) -> float:
    """Return the share of passed samples in an arm."""
    status = [
        s["status"] for run in runs(stage) if run["arm"] == arm for s in run["result"]["samples"]
    ]
    return status.count("passed") / len(status)


@pytest.mark.parametrize("stage", STAGES)
def test_evidence_fails_only_for_the_regression(stage: str) -> None:
    """JUnit files name the failing suites.

    No incident touches the 48 hours before the last run.
    """
    folder = STORY / stage / "evidence"
    files = folder.glob("junit/TEST-*.xml")
    suites = {file.stem: ET.parse(file).getroot() for file in files}  # noqa: S314
    failed = {name for name, suite in suites.items() if suite.find("testcase/failure") is not None}
    assert len(suites) == 10
    assert failed == (
        {"TEST-feature-A", "TEST-regression"} if stage == "stage-2-regression" else set()
    )
    assert all(
        int(s.attrib["failures"]) == len(s.findall("testcase/failure")) for s in suites.values()
    )
    last = max(datetime.fromisoformat(run["startedAt"]) for run in runs(stage))
    incidents = [
        json.loads(line)
        for line in (folder / "incidents.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    ends = [datetime.fromisoformat(i["resolvedAt"]) for i in incidents if "resolvedAt" in i]
    assert max(ends) < last - timedelta(hours=48)
    assert (pass_rate(stage, "treatment") < pass_rate(stage, "control")) == (
        stage == "stage-2-regression"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_reviews_end_as_the_readme_says(stage: str) -> None:
    """Every stage is a GO by plan and evidence, but the regression.

    Whose pass rate and top issue are proven worse.
    """
    number = int(stage.split("-")[1])
    review = review_stage(review_params({"stage": number, "runs": str(STORY / stage)}))
    failed = {gate.id for gate in review.gates if gate.evidence.verdict is Verdict.FAIL}
    if stage == "stage-2-regression":
        assert review.recommendation is Recommendation.NO_GO
        assert {"pass_rate", "top_issue"} <= failed
    else:
        assert (review.recommendation, failed) == (Recommendation.GO, set())


def columns(name: str, arm: str) -> dict[str, Any]:
    """Return one arm of a real example as NumPy arrays by column, ordered by prompt."""
    table = pq.read_table(EXAMPLES / name / "samples.parquet")
    chosen = table.filter(pc.field("arm") == arm).sort_by("prompt_id")
    return {column: chosen[column].to_numpy(zero_copy_only=False) for column in chosen.column_names}


def test_bfcl_says_what_its_readme_says() -> None:
    """The pair with the hidden regression.

    Against the numbers checked by hand on the public files.
    """
    control, treatment = (
        columns("bfcl", "gpt-4o-2024-05-13-FC"),
        columns("bfcl", "gpt-4o-2024-08-06-FC"),
    )
    before, after = control["pass"].astype(bool), treatment["pass"].astype(bool)
    assert (control["prompt_id"] == treatment["prompt_id"]).all()
    assert (round(before.mean(), 4), round(after.mean(), 4)) == (0.8412, 0.8559)
    assert ((after & ~before).sum(), (before & ~after).sum()) == (82, 57)
    rest = control["category"] == "rest"
    assert (rest.sum(), round(before[rest].mean(), 3), round(after[rest].mean(), 3)) == (
        70,
        0.829,
        0.586,
    )
    assert [round(np.quantile(arm["latency_ms"], 0.95)) for arm in (control, treatment)] == [
        3775,
        3780,
    ]


@pytest.mark.parametrize(
    ("name", "arm", "rate"),
    [
        ("bfcl", "gpt-4o-2024-05-13", 0.7900),
        ("bfcl", "gpt-4o-2024-08-06", 0.2582),
        ("bfcl", "gpt-3.5-turbo-0125-FC", 0.7459),
        ("bfcl", "gpt-4o-mini-2024-07-18-FC", 0.8265),
        ("ragtruth", "llama-2-7b-chat", 0.4843),
        ("ragtruth", "llama-2-70b-chat", 0.6764),
    ],
)
def test_pass_rates_are_the_published_ones(name: str, arm: str, rate: float) -> None:
    """The other arms that the READMEs name, against the hand-checked pass rates."""
    assert round(columns(name, arm)["pass"].astype(bool).mean(), 4) == rate


@pytest.mark.parametrize(
    ("control", "treatment", "rates"),
    [
        ("reka-core-20240501", "Qwen1.5-72B-Chat-greedy", (0.7473, 0.7395)),
        ("gpt-3.5-turbo-0125", "Phi-3-mini-128k-instruct", (0.6121, 0.5377)),
    ],
)
def test_wildbench_pairs(control: str, treatment: str, rates: tuple[float, float]) -> None:
    """On the 1,021 tasks that both arms answered, against the hand-checked pass rates."""
    first, second = columns("wildbench", control), columns("wildbench", treatment)
    _, i, j = np.intersect1d(first["prompt_id"], second["prompt_id"], return_indices=True)
    shares = (first["pass"][i].astype(bool).mean(), second["pass"][j].astype(bool).mean())
    assert (i.size, *np.round(shares, 4)) == (1021, *rates)


def test_llmperf_errors_have_no_invented_latency() -> None:
    """Of 179 failed requests 130 got no answer and keep a null latency; all others have one."""
    table = pq.read_table(EXAMPLES / "llmperf" / "samples.parquet")
    error, unknown = (
        table["error"].to_numpy(zero_copy_only=False),
        np.array(table["latency_ms"].is_null()),
    )
    assert (error.sum(), unknown.sum(), (unknown & ~error).sum()) == (179, 130, 0)


@pytest.mark.parametrize(
    ("name", "rows", "arms"),
    [("bfcl", 10_200, 6), ("wildbench", 4_090, 4), ("ragtruth", 2_967, 3), ("llmperf", 745, 5)],
)
def test_source_yaml_reads_every_row(name: str, rows: int, arms: int) -> None:
    """Each real example is read whole through its source.yaml, one run an arm.

    With nothing set apart.
    """
    read = read_runs(EXAMPLES / name)
    assert (read.read, read.kept, read.rows_quarantined, len(read.runs)) == (rows, rows, 0, arms)
    assert read.source is not None
    assert read.source.licence


def test_examples_are_small() -> None:
    """Everything shipped as an example stays below 6 MB."""
    assert sum(file.stat().st_size for file in EXAMPLES.rglob("*") if file.is_file()) < 6_000_000
