"""Stored days: a review of a store is that of its runs, whatever came late, twice or was killed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.judge.review import review_stage
from rolloutlib.measure import stored as reading
from rolloutlib.measure.days import load, load_day
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import review_params
from tests.measure import store_runs

pytestmark = pytest.mark.slow  # half a minute of stores

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "data" / "examples"
PLAN = load_plan(ROOT / "params" / "plan.yaml")
BFCL = ("gpt-4o-2024-05-13-FC", "gpt-4o-2024-08-06-FC")


def same(a: Any, b: Any, where: str = "") -> None:  # noqa: ANN401
    """Compare two builtin trees: numbers to 1e-9, everything else exactly."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key, value in a.items():
            same(value, b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for place, (item, counterpart) in enumerate(zip(a, b, strict=True)):
            same(item, counterpart, f"{where}[{place}]")
    elif isinstance(a, float) and isinstance(b, float):
        assert math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12), (where, a, b)
    else:
        assert a == b, where


def review(runs: Path, **how: Any) -> tuple[dict[str, Any], list[Any]]:  # noqa: ANN401
    """Return a review as plain values but for the digest of the data, and its distributions."""
    reviewed = review_stage(review_params({"stage": 2, "runs": str(runs)} | how))
    record = msgspec.to_builtins(reviewed.record)
    del record["data_sha256"]
    curves = [(d.metric, d.arm, d.n, d.mean, d.p95, d.values.tolist(), d.share.tolist())
              for d in reviewed.distributions]  # fmt: skip
    return record, curves


@pytest.mark.parametrize(
    ("runs", "how"),
    [
        ("story/stage-2", {}),
        ("story/stage-2", {"as_of": "2026-11-12T00:00+09:00"}),
        ("story/stage-3", {"stage": 3}),
        ("bfcl", {"control": BFCL[0], "treatment": BFCL[1]}),
        ("ragtruth", {"control": "llama-2-7b-chat", "treatment": "llama-2-70b-chat"}),
    ],
)
def test_a_store_gives_the_review_of_its_runs(
    runs: str, how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts, sentences, numbers and curves are equal, by users and by prompts; no row read."""
    ingest(EXAMPLES / runs, tmp_path / "store", PLAN)
    how = how | {"evidence": str(EXAMPLES / runs / "evidence")}
    raw = review(EXAMPLES / runs, **how)
    monkeypatch.setattr(reading, "measure", pytest.fail)
    same(raw, review(tmp_path / "store", **how))


def test_rows_where_sums_do_not_do(tmp_path: Path) -> None:
    """A latency limit that the sums were not made with takes the rows, with the same result."""
    how = {"evidence": str(EXAMPLES / "story" / "stage-2" / "evidence")}
    plan = (ROOT / "params" / "plan.yaml").read_text(encoding="utf-8")
    other = tmp_path / "plan.yaml"
    other.write_text(plan.replace("max_latency_ms: 2000", "max_latency_ms: 2100"), encoding="utf-8")
    ingest(EXAMPLES / "story" / "stage-2", tmp_path / "store", PLAN)
    how["plan"] = str(other)
    raw = review(EXAMPLES / "story" / "stage-2", **how)
    same(raw, review(tmp_path / "store", **how))
    again = ingest(EXAMPLES / "story" / "stage-2", tmp_path / "store", load_plan(other))
    assert (again.inputs, len(again.days)) == ((), 3)  # sums are made again from the stored rows
    same(raw, review(tmp_path / "store", **how))


def test_stored_days_say_that_nobody_measured_them(tmp_path: Path) -> None:
    """`simulated` of source.yaml is kept with the run, and goes when source.yaml takes it back."""
    runs, store = tmp_path / "runs", tmp_path / "store"
    runs.mkdir()
    (runs / "t.csv").write_text("arm,pass\nold,true\nnew,false\n", encoding="utf-8")
    for simulated in (True, False):
        spec = f"columns: {{arm: arm, passed: pass}}\nsimulated: {str(simulated).lower()}\n"
        (runs / "source.yaml").write_text(spec, encoding="utf-8")
        ingest(runs, store, PLAN)
        manifest = load(store)
        assert manifest is not None
        arms = read_store(store, manifest).runs.runs
        assert [info.simulated for info in arms] == [simulated] * 2


def test_days_late_and_repeated(tmp_path: Path) -> None:
    """In two goes, in another order and twice: the same days, byte for byte, and the same rows."""
    in_order, reversed_, both = (tmp_path / name for name in ("one", "two", "both"))
    first, second = store_runs.files(tmp_path / "runs")
    ingest(first, in_order, PLAN)
    assert ingest(first, in_order, PLAN).known == 1
    ingest(second, in_order, PLAN)
    ingest(second, reversed_, PLAN)
    ingest(first, reversed_, PLAN)
    ingest(tmp_path / "runs", both, PLAN)
    assert store_runs.content(in_order) == store_runs.content(reversed_) == store_runs.content(both)
    assert not [*in_order.glob(".new*")]


def test_a_run_that_comes_again_replaces_its_rows(tmp_path: Path) -> None:
    """A corrected run leaves its old day and lies in its new one; nothing of it stands twice."""
    first, _ = store_runs.files(tmp_path / "runs")
    store = tmp_path / "store"
    ingest(first, store, PLAN)
    run = json.loads(first.read_text(encoding="utf-8").splitlines()[0])
    run["startedAt"] = "2026-08-24T00:00:00Z"
    late = tmp_path / "late.jsonl"
    late.write_text(json.dumps(run) + "\n", encoding="utf-8")
    assert ingest(late, store, PLAN).replaced == 1
    manifest = load(store)
    assert manifest
    days = [load_day(store, date, version) for date, version in manifest.days.items()]
    where = [day.date for day in days for r in day.runs if r.info.run_id == run["runId"]]
    assert where == ["2026-08-24"]
    stored = read_store(store, manifest)
    assert stored.runs.relation.count("*").fetchall() == [(stored.runs.kept,)]


def test_the_last_days(tmp_path: Path) -> None:
    """--days counts days of the store, by as_of; where there is no store it is refused."""
    ingest(store_runs.files(tmp_path / "runs")[0].parent, tmp_path / "store", PLAN)
    store = load(tmp_path / "store")
    assert store
    dates = [*store.days]
    last = read_store(tmp_path / "store", store, days=1)
    assert {f"{r.started_at:%Y-%m-%d}" for r in last.runs.runs if r.started_at} == {dates[-1]}
    assert last.digest() != read_store(tmp_path / "store", store).digest()
    with pytest.raises(UsageError, match="is no store; make one: rollout ingest"):
        review(tmp_path / "runs", days=1)


def test_refused_rows_are_kept_and_counted(tmp_path: Path) -> None:
    """Read = kept + quarantined, and a review of the store tells of them as one of runs."""
    runs = store_runs.files(tmp_path / "runs")[0].parent
    (runs / "bad.jsonl").write_text('{"runId": "x"}\n', encoding="utf-8")
    ingested = ingest(runs, tmp_path / "store", PLAN)
    read, accepted, refused, _ = ingested.account
    assert (read, refused) == (accepted + refused, 1)
    assert len([*(tmp_path / "store" / "quarantine").iterdir()]) == 1
    same(review(runs), review(tmp_path / "store"))


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    """Changed sums, rows or manifests are told, never read."""
    ingest(store_runs.files(tmp_path / "runs")[0].parent, tmp_path / "store", PLAN)
    for name in ("moments.arrow", "day.json"):
        path = next((tmp_path / "store").glob(f"date=*/*/{name}"))
        data = path.read_bytes()
        path.write_bytes(data[:-1] + b"?")
        with pytest.raises(RunsError, match="is not what the store wrote"):
            review(tmp_path / "store")
        path.write_bytes(data)


def test_a_folder_of_others_is_no_store(tmp_path: Path) -> None:
    """An ingest never writes among files that are not a store's."""
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is no store"):
        ingest(EXAMPLES / "ragtruth", tmp_path, PLAN)


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Killed at steps and at random, and run again, it is a store that was never killed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.measure.store_runs", str(tmp_path)], cwd=ROOT,
        env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= store_runs.KILLS
