"""People's labels, read: rows, stored days and another engine have the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from rolloutlib.measure.corrected import people_of
from rolloutlib.measure.counts import Count
from rolloutlib.measure.days import load
from rolloutlib.measure.labelled import Labels, labels_among
from rolloutlib.measure.scan import measure
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.runs import read_runs
from rolloutlib.runs.samples import from_runs
from tests.measure.store_runs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ARMS = ("control", "treatment")
MADE: dict[str, Any] = {
    "timeout_cap_ms": 600_000.0,
    "slow_above_ms": 2_000.0,
    "latency_cap_ms": 6_000.0,
}
SOURCE = """
title: Days of two arms
files: "*.csv"
columns: {arm: arm, run_id: run, started_at: at, sample_id: id, user_id: user, passed: passed,
  score: score, latency_ms: ms, human_passed: human, human_score: stars}
"""


def write(folder: Path) -> Path:
    """Write three days of two arms, a tenth of whose samples people labelled."""
    rng, lines = np.random.default_rng(3), ["arm,run,at,id,user,passed,score,ms,human,stars"]
    for arm in ARMS:
        for i in range(240):
            day, passed = 20 + i % 3, rng.random() < 0.8
            human = ("true" if rng.random() < 0.9 else "false") if i % 10 == 0 else ""
            stars = f"{rng.uniform(2, 9):.1f}" if i % 15 == 0 else ""
            about = f"{arm},{arm}-{i % 3},2026-10-{day}T10:00:00Z,{arm}{i},u{i % 40}"
            score = f"{rng.uniform(1, 10):.2f}"
            lines.append(f"{about},{str(passed).lower()},{score},1500,{human},{stars}")
    folder.mkdir()
    (folder / "runs.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    return folder


def same(first: Labels | None, second: Labels | None) -> None:
    """Assert that two readers found the same labels, in the same order."""
    assert first is not None
    assert second is not None
    assert (first.arm == second.arm).all()
    assert (first.cluster == second.cluster).all()
    for own, theirs in ((first.judge, second.judge), (first.human, second.human)):
        for metric, values in own.items():
            np.testing.assert_array_equal(values, theirs[metric])


@pytest.mark.slow
def test_stored_days_have_the_labels_of_their_rows(tmp_path: Path) -> None:
    """A store's sums hold none, so the labelled rows are read: 24 + 24 verdicts, 16 + 16 scores."""
    runs = write(tmp_path / "runs")
    samples = from_runs(read_runs(runs))
    rows = measure(samples, ARMS, **MADE)
    labels = rows.labels
    assert labels is not None
    assert [len(labels.of(arm, "passed").judge) for arm in ARMS] == [24, 24]
    assert [len(labels.of(arm, "score").judge) for arm in ARMS] == [16, 16]
    plan = load_plan(ROOT / "params" / "plan.yaml")
    ingest(runs, tmp_path / "store", plan)
    manifest = load(tmp_path / "store")
    assert manifest is not None
    stored = read_store(tmp_path / "store", manifest)
    caps: dict[str, Any] = {"slow_above_ms": stored.places[0].day.slow_above_ms[0],
            "latency_cap_ms": stored.places[0].day.latency_cap_ms[0],
            "timeout_cap_ms": stored.places[0].day.timeout_cap_ms}  # fmt: skip
    same(stored.measure(ARMS, **caps).labels, labels)
    whole = samples.frame().collect("polars").to_native()  # type: ignore[union-attr]
    other = labels_among(nw.from_native(whole.lazy()), rows.counts, "user_id")
    same(other, labels)


def test_nobody_is_asked_where_nobody_labelled() -> None:
    """Counts without a label need no look at the rows."""
    frame = nw.from_native(pl.LazyFrame({"arm": ["control"]}))  # has no column of people
    assert labels_among(frame, {"control": Count(1, 0, 0, 0, 0)}, None) is None


def test_samples_without_a_unit_are_units_of_their_own() -> None:
    """Two equal rows without a prompt are two labels, not one; those of one prompt are one unit."""
    rows = pl.LazyFrame({
        "arm": ["control"] * 4, "prompt_id": [None, None, "a", "a"],
        "passed": [True] * 4, "human_passed": [True, True, False, None],
        "score": [None] * 4, "human_score": [None] * 4,
    }, schema_overrides={"score": pl.Float64, "human_score": pl.Float64})  # fmt: skip
    counts = {"control": Count(4, 0, 0, 2, 1, people=3)}
    labels = labels_among(nw.from_native(rows), counts, "prompt_id")
    assert labels is not None
    labelled = labels.of("control", "passed")
    assert (len(labelled.judge), labelled.units) == (3, 3)
    assert labels.of("control", "score").units == 0
    joined = labels.joined([labels]).of("control", "passed")
    assert (len(joined.judge), joined.units) == (6, 5)


def test_a_further_scorers_gate_is_not_corrected_by_stars() -> None:
    """People's score is beside the main one: a gate of another scorer keeps its own numbers."""
    gate = load_eval_plan(SHIPPED).gates["avg_score"].model_copy(update={"scorer": "faithful"})
    nothing: Any = None
    assert people_of(gate, nothing, nothing, nothing, ARMS, nothing) is None
