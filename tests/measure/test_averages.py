"""The plan's own words: the last three runs of each arm, averaged as a meeting would by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

from rolloutlib.measure.averages import RunRow, last_runs, plan_value, run_rows
from rolloutlib.measure.expressions import latency_expression, metric_expressions
from rolloutlib.measure.histograms import histogram
from rolloutlib.measure.moments import scan
from rolloutlib.runs import Reported, RunInfo
from tests.tables import PLAN, frame_of

if TYPE_CHECKING:
    from rolloutlib.plan.model import Gate

RowsOfRuns: TypeAlias = "dict[tuple[str, str, int | None], list[dict[str, Any]]]"
DAY = datetime(2026, 11, 1, tzinfo=UTC)
ARMS = ("control", "treatment")
PASS, LATENCY, P95, ISSUE = (
    PLAN.gates[key] for key in ("pass_rate", "avg_latency", "p95_latency", "top_issue")
)


def info(
    run_id: str,
    arm: str,
    day: int | None,
    replicate: str = "",
    *,
    n: int = 1,
    reported: Reported | None = None,
) -> RunInfo:
    """Return a run that started on a day."""
    started = None if day is None else DAY + timedelta(days=day)
    return RunInfo(
        run_id,
        arm,
        started,
        2,
        None,
        None,
        replicate or f"{arm}/{run_id}",
        n,
        reported,
        "f.json",
        1,
    )


def reviewed(
    runs: RowsOfRuns, gate: Gate, metric: str, *, replicates: dict[str, str] | None = None,
    only_reported: tuple[RunInfo, ...] = (),
) -> tuple[tuple[float | None, int], tuple[RunRow, ...]]:  # fmt: skip
    """Return a gate's plan value over the last three runs, and the runs."""
    frame = frame_of(
        [{"run_id": run, "arm": arm, **row} for (run, arm, _), rows in runs.items() for row in rows]
    )
    metrics = metric_expressions(
        timeout_cap_ms=30_000, slow_above_ms=2_200, latency_cap_ms=6_000, tags=("x",)
    )
    table = scan(frame, metrics, by={"arm": "arm", "run_id": "run_id", "cluster": "arm"})
    infos = [
        info(run, arm, day, (replicates or {}).get(run, ""), n=len(rows))
        for (run, arm, day), rows in runs.items()
    ]
    rows = run_rows([*infos, *only_reported], table, ARMS, 3)
    control, treatment = (last_runs(rows, arm, 3) for arm in ARMS)
    counted = histogram(frame, latency_expression(30_000), per_unit=10)
    planned = plan_value(gate, metric, table, counted, control=control, treatment=treatment)
    return (planned.value, planned.runs), rows


def passes(share: int) -> list[dict[str, Any]]:
    """Return ten samples of which so many passed."""
    return [{"passed": i < share} for i in range(10)]


def test_last_three_of_each_arm() -> None:
    """The value is the mean of the last three runs' values in each arm.

    Earlier runs do not count.
    """
    runs: RowsOfRuns = {
        (f"c{i}", "control", i): passes(share) for i, share in enumerate([0, 5, 6, 10])
    }
    runs |= {(f"t{i}", "treatment", i): passes(share) for i, share in enumerate([0, 0, 9, 9, 6])}
    (value, count), rows = reviewed(runs, PASS, "passed")
    assert value == pytest.approx((0.9 + 0.9 + 0.6) / 3 - (0.5 + 0.6 + 1.0) / 3)
    assert count == 3
    assert [row.run_id for row in rows if row.averaged] == ["c1", "c2", "t2", "c3", "t3", "t4"]


def test_runs_count_alike_whatever_their_size() -> None:
    """The plan averages runs, not samples: a small run weighs as much as a large one."""
    runs: RowsOfRuns = {
        ("c", "control", 0): passes(5),
        ("a", "treatment", 0): passes(10) * 9,
        ("b", "treatment", 1): passes(0),
    }
    (value, count), _ = reviewed(runs, PASS, "passed")
    assert value == pytest.approx(0.5 - 0.5)
    assert count == 1


def test_the_same_run_id_in_both_arms() -> None:
    """Runs of both arms may share their ids and stay apart."""
    runs: RowsOfRuns = {("r", "control", 0): passes(4), ("r", "treatment", 0): passes(9)}
    (value, _), rows = reviewed(runs, PASS, "passed")
    assert value == pytest.approx(0.5)
    assert [(row.arm, row.pass_rate) for row in rows] == [
        ("control", pytest.approx(0.4)),
        ("treatment", pytest.approx(0.9)),
    ]


def test_replicates_count_once() -> None:
    """The same seed and prompts again are one run, at its latest time.

    The last three are then three different ones.
    """
    runs: RowsOfRuns = {("c", "control", 0): passes(5)}
    runs |= {(f"t{i}", "treatment", i): passes(i) for i in range(6)}
    (value, count), rows = reviewed(
        runs, PASS, "passed", replicates={"t1": "same", "t4": "same", "t5": "same"}
    )
    assert [row.run_id for row in rows if row.averaged and row.arm == "treatment"] == [
        "t2",
        "t3",
        "t5",
    ]
    assert value == pytest.approx((0.2 + 0.3 + 0.5) / 3 - 0.5)
    assert count == 1


def test_runs_without_a_time_come_first() -> None:
    """A run that carries no time is older than any that does; among equals the name decides."""
    runs: RowsOfRuns = {
        (name, "treatment", day): passes(5)
        for name, day in (("z", None), ("b", 0), ("a", 0), ("c", 5))
    }
    _, rows = reviewed(runs | {("c", "control", 0): passes(5)}, PASS, "passed")
    assert [row.run_id for row in rows if row.arm == "treatment"] == ["z", "a", "b", "c"]
    assert [row.run_id for row in rows if row.arm == "treatment" and row.averaged] == [
        "a",
        "b",
        "c",
    ]


def test_quantile_over_the_runs_together() -> None:
    """The 95th percentile is taken over the last runs' samples together, as numpy does.

    Three averaged would differ.
    """
    rng = np.random.default_rng(3)
    samples = [np.round(rng.gamma(2, scale, 40), 1) for scale in (300, 500, 2000)]
    runs: RowsOfRuns = {
        (f"t{i}", "treatment", i): [{"latency_ms": x} for x in part]
        for i, part in enumerate(samples)
    }
    (value, count), _ = reviewed(runs, P95, "slow")
    together = float(np.quantile(np.concatenate(samples), 0.95))
    assert value == pytest.approx(together, abs=1e-9)
    assert abs(together - np.mean([np.quantile(part, 0.95) for part in samples])) > 100
    assert count == 3


def test_the_treatment_alone() -> None:
    """A gate on the treatment needs no control."""
    (value, count), _ = reviewed(
        {("t", "treatment", 0): [{"latency_ms": 100.0}, {"latency_ms": 300.0}]},
        LATENCY,
        "latency_ms",
    )
    assert (value, count) == (pytest.approx(200.0), 1)


def test_runs_that_do_not_tell() -> None:
    """A run that does not know the metric is not averaged as 0, and is not counted."""
    runs: RowsOfRuns = {("c", "control", 0): [{"latency_ms": 1.0}]}
    runs |= {
        ("a", "treatment", 0): [{"latency_ms": 100.0}],
        ("b", "treatment", 1): [{"latency_ms": None}],
    }
    assert reviewed(runs, LATENCY, "latency_ms")[0] == (pytest.approx(100.0), 1)
    nothing: RowsOfRuns = {
        ("c", "control", 0): passes(5),
        ("b", "treatment", 1): [{"latency_ms": None}],
    }
    assert reviewed(nothing, LATENCY, "latency_ms")[0] == (None, 0)


def test_a_ratio_to_nothing() -> None:
    """A ratio to a control without the issue has no value, rather than an infinite one."""
    runs: RowsOfRuns = {
        ("c", "control", 0): [{"issues": []}],
        ("t", "treatment", 0): [{"issues": ["x"]}],
    }
    assert reviewed(runs, ISSUE, "issue:x")[0] == (None, 1)


def test_runs_that_only_report() -> None:
    """A run without samples counts with the numbers that it reports itself."""
    reported = info("t1", "treatment", 1, n=0, reported=Reported(0.5, 8.0, 900.0, 0.1))
    runs: RowsOfRuns = {("c", "control", 0): passes(5), ("t0", "treatment", 0): passes(9)}
    (value, count), rows = reviewed(runs, PASS, "passed", only_reported=(reported,))
    assert value == pytest.approx((0.9 + 0.5) / 2 - 0.5)
    assert count == 1
    assert rows[-1].avg_score == 8.0
    assert reviewed(runs, ISSUE, "issue:x", only_reported=(reported,))[0] == (None, 0)


def test_headline_numbers() -> None:
    """A run's own numbers are plain means of its samples; what they do not tell is None.

    A latency counts up to the cap, as in the gate.
    """
    rows = [
        {"passed": True, "latency_ms": 100.0, "score": 7.0},
        {"passed": False, "status": "timeout", "latency_ms": None},
    ]
    _, rows_of_runs = reviewed({("t", "treatment", 0): rows}, PASS, "passed")
    assert rows_of_runs[0] == RunRow(
        "t",
        "treatment",
        DAY,
        "treatment/t",
        2,
        0.5,
        7.0,
        (100.0 + 6_000.0) / 2,
        None,
        averaged=True,
    )
