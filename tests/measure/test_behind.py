"""The samples behind a number, against a count by hand: who, in which order, and how many."""

from __future__ import annotations

from statistics import mean
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest

from rolloutlib.measure.behind import Asked, Outcome, groups, side_by_side, singles
from rolloutlib.measure.texts import with_texts
from tests.tables import frame_of

PAIR = ("control", "treatment")
PASSED = Asked("passed", "lower", 30_000.0)


def many(seed: int, rows: int = 400) -> list[dict[str, Any]]:
    """Return samples of both arms: prompts repeat, some are in one arm, some tell nothing."""
    rng = np.random.default_rng(seed)
    return [
        {
            "arm": str(rng.choice(PAIR)), "run_id": f"r{rng.integers(3)}", "sample_id": f"{k:03}",
            "prompt_id": None if rng.uniform() < 0.05 else f"p{rng.integers(120):03}",
            "passed": None if rng.uniform() < 0.05 else bool(rng.uniform() < 0.7),
            "score": float(rng.integers(10)), "user_id": f"u{rng.integers(9)}",
        }
        for k in range(rows)
    ]  # fmt: skip


def by_hand(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, list[float]]]:
    """Return each group's values by arm."""
    groups_by_key: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row[key] is not None and row["passed"] is not None:
            groups_by_key.setdefault(row[key], {arm: [] for arm in PAIR})[row["arm"]].append(
                row["passed"]
            )
    return groups_by_key


def test_prompts_side_by_side_are_those_that_counting_finds() -> None:
    """Means, counts, outcomes and order are those of plain Python, repeated prompts included."""
    rows = many(1)
    values = by_hand(rows, "prompt_id")
    both = {p: v for p, v in values.items() if v["control"] and v["treatment"]}
    change = {p: mean(v["treatment"]) - mean(v["control"]) for p, v in both.items()}
    lost = sorted((p for p in change if change[p] < -1e-9), key=lambda p: (change[p], p))
    behind = side_by_side(frame_of(rows), PAIR, PASSED, outcome="worse", n=1_000)
    assert behind.total == len(lost) == behind.counts["worse"]
    table = behind.rows.to_pylist()
    assert [round(row["change"], 9) for row in table] == [round(change[p], 9) for p in lost]
    assert sorted(row["prompt_id"] for row in table) == sorted(lost)
    assert behind.counts["one arm"] == len(values) - len(both)
    assert behind.counts["all"] == len(both)
    passed = sum(all(v["control"]) and all(v["treatment"]) for v in both.values())
    assert behind.counts["both passed"] == passed
    for row in table:
        assert row["n_control"] == len(both[row["prompt_id"]]["control"])
        assert row["control"] == pytest.approx(mean(both[row["prompt_id"]]["control"]))


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["worse", "same"])
def test_a_bound_takes_the_first_rows_and_tells_all(outcome: Outcome) -> None:
    """Fewer rows are the first of more, in the same order, and the count stays."""
    frame = frame_of(many(2))
    whole = side_by_side(frame, PAIR, PASSED, outcome=outcome, n=1_000)
    few = side_by_side(frame, PAIR, PASSED, outcome=outcome, n=3)
    assert few.rows.to_pylist() == whole.rows.to_pylist()[:3]
    assert few.total == whole.total == whole.rows.num_rows


def test_the_example_shows_the_change() -> None:
    """Of a prompt that fell, the control's example passed and the treatment's failed."""
    rows = [
        {"arm": arm, "prompt_id": "p", "run_id": run, "sample_id": run, "passed": passed,
         "category": "law"}
        for arm, run, passed in (
            ("control", "a", False), ("control", "b", True), ("control", "c", True),
            ("treatment", "a", True), ("treatment", "b", False), ("treatment", "c", False),
        )
    ]  # fmt: skip
    row = side_by_side(frame_of(rows), PAIR, PASSED, outcome="worse").rows.to_pylist()[0]
    assert (row["control_run_id"], row["treatment_run_id"]) == ("b", "b")
    assert row["change"] == pytest.approx(-1 / 3)
    assert row["category"] == "law"


def test_a_latency_gets_worse_upwards_and_a_timeout_counts() -> None:
    """The largest slow-down comes first; a timeout without a latency has the plan's cap."""
    rows = [
        {"arm": arm, "prompt_id": prompt, "latency_ms": latency, "status": status}
        for arm, prompt, latency, status in (
            ("control", "a", 100.0, "passed"), ("treatment", "a", 900.0, "passed"),
            ("control", "b", 100.0, "passed"), ("treatment", "b", None, "timeout"),
            ("control", "c", 900.0, "passed"), ("treatment", "c", 100.0, "passed"),
        )
    ]  # fmt: skip
    slower = side_by_side(
        frame_of(rows), PAIR, Asked("latency_ms", "higher", 30_000.0), outcome="worse"
    )
    assert slower.rows.column("prompt_id").to_pylist() == ["b", "a"]
    assert slower.rows.column("treatment").to_pylist() == [30_000.0, 900.0]


def test_groups_come_by_what_they_cost() -> None:
    """Loss times samples orders users; one whom the control lacks is held against its mean."""
    rows = many(3)
    values = by_hand(rows, "user_id")
    costed = groups(frame_of(rows), PAIR, PASSED, "user_id").rows.to_pylist()
    costs = {
        u: (mean(v["control"]) - mean(v["treatment"])) * len(v["treatment"])
        for u, v in values.items()
    }
    assert [row["user_id"] for row in costed] == sorted(costs, key=lambda u: (-costs[u], u))
    alone = [
        {"arm": "control", "user_id": "a"}, {"arm": "treatment", "user_id": "b", "passed": False},
    ]  # fmt: skip
    row = groups(frame_of(alone), PAIR, PASSED, "user_id").rows.to_pylist()[0]
    assert (row["user_id"], row["control"], row["cost"]) == ("b", None, 1.0)


def test_single_samples_come_in_a_stable_order() -> None:
    """The largest first, equal ones by arm, run and id, whatever order the rows lie in."""
    rows = [{**row, "latency_ms": float(row["score"] or 0)} for row in many(4, 60)]
    order = nw.col("latency_ms")
    first = singles(frame_of(rows), PAIR, order=order, n=20)
    reversed_ = singles(frame_of(rows[::-1]), PAIR, order=order, n=20)
    assert first.rows.to_pylist() == reversed_.rows.to_pylist()
    assert first.total == 60
    latencies = first.rows.column("latency_ms").to_pylist()
    assert latencies == sorted(latencies, reverse=True)


def test_texts_stand_beside_their_own_samples() -> None:
    """Ids repeat between runs and arms; each row gets the text of its own sample."""
    rows = [
        {"arm": arm, "run_id": run, "sample_id": "1", "prompt_id": f"p{run}",
         "passed": arm == "control"}
        for arm in PAIR
        for run in ("a", "b")
    ]  # fmt: skip
    behind = side_by_side(frame_of(rows), PAIR, PASSED, outcome="worse")
    texts = pa.table({
        "arm": [row["arm"] for row in rows], "run_id": [row["run_id"] for row in rows],
        "sample_id": ["1"] * 4, "prompt_text": [f"ask {row['run_id']}" for row in rows],
        "answer_text": [f"{row['arm']} {row['run_id']}" for row in rows],
    })  # fmt: skip
    frame = nw.from_native(texts).lazy("polars")
    shown = with_texts(behind.rows, frame, ("prompt_text", "answer_text"), PAIR).to_pylist()
    assert [(row["prompt_text"], row["control_answer"], row["treatment_answer"]) for row in shown] \
        == [(f"ask {run}", f"control {run}", f"treatment {run}") for run in ("a", "b")]  # fmt: skip
