"""Copies are no evidence; what ties of coarse values explain is no copy."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolloutlib.runs import read_runs
from tests.runs.test_parts import named
from tests.runs.test_runs import check_account, run, sample, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.slow  # tables are read and reviewed, one after the other

Cells = dict[str, Any]


def answers(
    prompts: int, arm: str = "a", *, repeats: int = 1, step: float = 0.1, grain: float = 0.001,
    seed: int = 1, within: float = 0.15,
) -> list[Cells]:  # fmt: skip
    """Return rows whose latency and score depend on the prompt, rounded to a step and a grain."""
    draw, rows = random.Random(seed), list[Cells]()  # noqa: S311 -- a simulation
    for number in range(prompts):
        quality = draw.gauss(0, 1)
        for _ in range(repeats):
            latency = 1340 * 2.72 ** (0.15 * quality + within * draw.gauss(0, 1))
            score = min(10.0, max(0.0, 7.6 + 0.8 * quality + draw.gauss(0, 0.4)))
            rows.append({
                "arm": arm, "prompt_id": f"p{number}", "category": "ab"[number % 2],
                "status": "passed" if draw.random() < 0.9 else "failed",
                "score": round(round(score / grain) * grain, 6),
                "latency_ms": round(round(latency / step) * step, 6),
            })  # fmt: skip
    return rows


def without(rows: Sequence[Cells], *names: str) -> list[Cells]:
    """Return rows without some columns."""
    return [{name: cell for name, cell in row.items() if name not in names} for row in rows]


def put(folder: Path, name: str, rows: Sequence[Cells]) -> Path:
    """Write rows as a file of its kind."""
    path = folder / name
    if name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, list(rows[0]))
            out.writeheader()
            out.writerows(rows)
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return folder


def copies(folder: Path) -> dict[str, int]:
    """Read a folder, hold its account, and return its copies."""
    runs = read_runs(folder)
    check_account(runs)
    return dict(runs.copies)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_every_row_twice(tmp_path: Path, name: str) -> None:
    """Without any id: 201 rows an arm that stand twice are 201, in every format."""
    rows = without([*answers(201), *answers(201, "b", seed=2)], "prompt_id")
    assert copies(put(tmp_path, name, rows + rows)) == {"a": 201, "b": 201}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_only_one_arm_is_copied(tmp_path: Path, name: str) -> None:
    """The other arm keeps all of its rows."""
    rows = without(answers(100), "prompt_id")
    assert copies(put(tmp_path, name, answers(100, "b") + rows * 3)) == {"a": 200}


def test_answers_from_a_cache(tmp_path: Path) -> None:
    """40 prompts with 27 identical answers each are 40 samples."""
    rows = [row for row in answers(40) for _ in range(27)]
    assert copies(put(tmp_path, "t.csv", rows)) == {"a": 40 * 26}


def test_a_cache_that_tells_its_own_time(tmp_path: Path) -> None:
    """Answered in 2 ms, the repeats are told apart by their scores: 40 first ones, 40 cached."""
    rows = answers(40) + [{**row, "latency_ms": 2.0} for row in answers(40) for _ in range(26)]
    assert copies(put(tmp_path, "t.csv", rows)) == {"a": 40 * 25}


def test_an_export_that_holds_the_days_before(tmp_path: Path) -> None:
    """Each day's file repeats all earlier rows under its own run: a row counts where it began."""
    rows = without(answers(90), "prompt_id")
    days = [{**row, "started_at": f"2026-10-2{n // 30}T10:00:00Z"} for n, row in enumerate(rows)]
    for day in range(3):
        so_far = [{**row, "run_id": f"export-{day}"} for row in days[: 30 * (day + 1)]]
        put(tmp_path, f"{day}.csv", so_far)
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {("a", f"export-{day}"): 30 for day in range(3)}
    starts = {info.run_id: f"{info.started_at:%d}" for info in runs.runs}
    assert starts == {"export-0": "20", "export-1": "21", "export-2": "22"}
    assert runs.copies == {"a": 90}


def test_a_whole_run_under_another_id(tmp_path: Path) -> None:
    """The later of two flat runs with the same rows is no run."""
    rows = [{**row, "sample_id": f"s{n}"} for n, row in enumerate(answers(50))]
    runs = [{**row, "run_id": name} for name in ("r1", "r2") for row in rows]
    copied = read_runs(put(tmp_path, "t.parquet", runs))
    check_account(copied)
    assert (named(copied), copied.copies) == ({("a", "r1"): 50}, {"a": 50})


def test_envelopes_with_other_starts_that_repeat_their_samples(tmp_path: Path) -> None:
    """A cache behind two runs: the second's samples are the first's."""
    listed = [
        sample(n, status=row["status"], score=row["score"], latencyMs=row["latency_ms"])
        for n, row in enumerate(answers(60))
    ]
    first, second = run("r1", *listed), run("r2", *listed, startedAt="2026-03-03T10:00:00+09:00")
    runs = read_runs(write(tmp_path, first, second))
    check_account(runs)
    assert (named(runs), runs.copies) == ({("control", "r1"): 60}, {"control": 60})


def test_ids_that_restart_in_each_run_are_no_copies(tmp_path: Path) -> None:
    """Three runs number their samples and prompts alike; what was measured differs."""
    rows = [
        {**row, "run_id": f"r{seed}", "sample_id": f"s{n}"}
        for seed in range(3)
        for n, row in enumerate(answers(300, seed=seed))
    ]
    assert copies(put(tmp_path, "t.csv", rows)) == {}


@pytest.mark.parametrize("ids", [True, False], ids=["prompts", "no ids"])
@pytest.mark.parametrize("repeats", [1, 5])
@pytest.mark.parametrize("step", [1.0, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize("grain", [0.1, 1.0])
def test_ties_of_coarse_values_are_no_copies(
    tmp_path: Path, step: float, grain: float, repeats: int, *, ids: bool
) -> None:
    """Rounded latencies and scores tie by chance, often within a prompt: nothing is taken away."""
    for within in (0.15, 0.02):
        rows = answers(400, repeats=repeats, step=step, grain=grain, within=within)
        assert copies(put(tmp_path, "t.csv", rows if ids else without(rows, "prompt_id"))) == {}


@pytest.mark.parametrize("lacking", [("score", "latency_ms"), ("latency_ms",)])
def test_without_a_latency_nothing_is_a_copy(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    """Prompts with an outcome, or a score too: the same answer again looks the same."""
    rows = without(answers(100), *lacking)
    assert copies(put(tmp_path, "t.csv", rows * 2)) == {}


def ticks(row: Cells, _: int) -> Cells:
    """Return a row timed by a clock of 15.625 ms."""
    return {**row, "latency_ms": round(round(row["latency_ms"] / 15.625) * 15.625)}


def heaped(row: Cells, n: int) -> Cells:
    """Return a row of which every second is rounded to 100 ms."""
    return {**row, "latency_ms": round(row["latency_ms"], -2 if n % 2 else 0)}


def late(row: Cells, n: int) -> Cells:
    """Return a row of which every fifth ran into the time limit, at one of four."""
    if n % 5:
        return row
    limit = 10_000.0 * (1 + n // 5 % 4)
    return {**row, "status": "timeout", "score": None, "latency_ms": limit}


def refused(row: Cells, n: int) -> Cells:
    """Return a row of which every fourth was refused at once."""
    return row if n % 4 else {**row, "status": "failed", "score": 0.0, "latency_ms": 0.0}


def batched(row: Cells, n: int) -> Cells:
    """Return a row with the latency of its batch of twenty."""
    return {**row, "latency_ms": 1000.0 + 7.3 * (n // 20), "score": round(row["score"], 1)}


CHANGES = [ticks, heaped, late, refused, batched]


@pytest.mark.parametrize("ids", [True, False], ids=["prompts", "no ids"])
@pytest.mark.parametrize("change", CHANGES)
def test_values_that_many_rows_share_are_no_copies(
    tmp_path: Path, change: Callable[[Cells, int], Cells], *, ids: bool
) -> None:
    """Clocks that tick, rounding here and there, time limits, refusals and batches."""
    rows = [change(row, n) for n, row in enumerate(answers(400, repeats=3, grain=0.1))]
    assert copies(put(tmp_path, "t.csv", rows if ids else without(rows, "prompt_id"))) == {}


@pytest.mark.parametrize("change", [late, refused])
def test_a_pile_of_failures_keeps_its_share(
    tmp_path: Path, change: Callable[[Cells, int], Cells]
) -> None:
    """Where every row stands twice, alike failures are halved, not made one."""
    rows = without([change(row, n) for n, row in enumerate(answers(400))], "prompt_id")
    runs = read_runs(put(tmp_path, "t.csv", rows * 2))
    statuses = Counter(row["status"] for row in rows)
    assert Counter(runs.table["status"].to_pylist()) == statuses


def test_a_handful_of_equal_rows_is_left(tmp_path: Path) -> None:
    """Eight repeated rows are what chance may do; nine are not."""
    rows = without(answers(300), "prompt_id")
    assert copies(put(tmp_path, "t.csv", rows + rows[:8])) == {}
    assert copies(put(tmp_path, "t.csv", rows + rows[:9])) == {"a": 9}


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_duplicating_rows_never_adds_to_what_is_kept(tmp_path: Path, data: st.DataObject) -> None:
    """Any rows of either arm, up to four times, in the same file or another.

    With ids of samples never a row more; without, never more than eight of them twice or oftener,
    which chance may do. (A value that stands there more often than that may be a clock's or a
    cache's.)
    """
    numbered = data.draw(st.booleans())
    rows = [{**row, "run_id": "r"} for arm in "ab" for row in answers(60, arm, seed=ord(arm))]
    if numbered:
        rows = [{**row, "sample_id": f"s{n}"} for n, row in enumerate(rows)]
    drawn = data.draw(st.lists(st.sampled_from(rows), max_size=200))
    again = [row for place, row in enumerate(drawn) if drawn[:place].count(row) < 4]
    if data.draw(st.booleans()):
        put(tmp_path, "more.csv", again or rows[:1])
        put(tmp_path, "t.csv", rows)
    else:
        (tmp_path / "more.csv").unlink(missing_ok=True)
        put(tmp_path, "t.csv", rows + again)
    runs = read_runs(tmp_path)
    check_account(runs)
    columns = [runs.table[name].to_pylist() for name in ("arm", "prompt_id", "latency_ms")]
    counts = Counter(zip(*columns, strict=True))
    different = Counter(arm for arm, _, _ in counts)
    repeated = Counter(arm for (arm, _, _), count in counts.items() if count > 1)
    assert different == {"a": 60, "b": 60}
    assert {arm: count for arm, count in repeated.items() if count > 8 * (not numbered)} == {}
