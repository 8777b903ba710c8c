"""One scan to additive moments.

Against plain Python over the rows, against NIST's figures, in any split.
"""

from __future__ import annotations

from math import fsum, isclose
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutlib.errors import RunsError
from rolloutlib.measure.expressions import metric_expressions
from rolloutlib.measure.histograms import Histogram, histogram, merge_histograms
from rolloutlib.measure.moments import Cells, MomentTable, scan
from rolloutlib.measure.tags import tag_counts, top_tags
from tests.tables import frame_of

if TYPE_CHECKING:
    from collections.abc import Sequence

CAP, SLOW, CAPPED = 30_000.0, 2_200.0, 2_500.0
BY = {"arm": "arm", "run_id": "run_id", "cluster": "user_id", "category": "category"}
STATUSES = ("passed", "failed", "vetoed", "error", "timeout")
TAGS = ("hallucination", "it's", "repetition")
Row = dict[str, Any]

sample_rows = st.fixed_dictionaries(
    {
        "arm": st.sampled_from(["control", "treatment"]),
        "run_id": st.sampled_from(["r1", "r2"]),
        "user_id": st.sampled_from([None, "u1", "u2"]),
        "category": st.sampled_from([None, "rest"]),
        "status": st.sampled_from(STATUSES),
        "score": st.none() | st.floats(0, 10),
        "latency_ms": st.none() | st.sampled_from([2_200.0, 2_200.5, 0.0]) | st.floats(0, 60_000),
        "issues": st.none() | st.lists(st.sampled_from(TAGS), max_size=3),
        "vetoed": st.none() | st.booleans(),
        "error": st.none() | st.booleans(),
        "edited": st.none() | st.booleans(),
        "suggested": st.none() | st.booleans(),
        "style_violations": st.none() | st.integers(0, 9),
        "covariate": st.none() | st.floats(0, 10),
        "cost": st.none() | st.floats(0, 10),
        "tokens_in": st.none() | st.integers(0, 10_000),
        "tokens_out": st.none() | st.integers(0, 10_000),
    }
).map(lambda row: row | {"passed": row["status"] == "passed"})


def value(row: Row, metric: str) -> float | None:
    """Return a sample's value of a metric, in the words of the specification."""
    if metric.startswith("issue:"):
        return None if row["issues"] is None else float(metric[6:] in row["issues"])
    if metric == "any_issue":
        return None if row["issues"] is None else float(len(row["issues"]) > 0)
    if metric in {"latency_ms", "slow"}:
        latency = (
            CAP if row["status"] == "timeout" and row["latency_ms"] is None else row["latency_ms"]
        )
        if latency is None:
            return None
        return min(latency, CAPPED) if metric == "latency_ms" else float(latency > SLOW)
    return None if row[metric] is None else float(row[metric])


def brute(rows: Sequence[Row], metric: str) -> tuple[int, float, float]:
    """Return count, mean and centred sum of squares by exact sums over the rows."""
    values = [x for row in rows if (x := value(row, metric)) is not None]
    mean = fsum(values) / len(values) if values else 0.0
    return len(values), mean, fsum((x - mean) ** 2 for x in values)


def scanned(rows: Sequence[Row], cap: float = CAPPED) -> MomentTable:
    """Scan rows as a review does."""
    metrics = metric_expressions(
        timeout_cap_ms=CAP, slow_above_ms=SLOW, latency_cap_ms=cap, tags=TAGS
    )
    return scan(frame_of(rows), metrics, by=BY)


def same(cells: Cells, place: int, expected: tuple[float, float, float]) -> None:
    """Compare moments, the sum of squares with the accuracy that its own size allows."""
    n, mean, m2 = expected
    assert cells.n[place] == n
    assert isclose(cells.mean[place], mean, rel_tol=1e-12, abs_tol=1e-9)
    assert isclose(cells.m2[place], m2, rel_tol=1e-9, abs_tol=1e-12 * max(1.0, n * mean**2))


@settings(max_examples=15)  # a scan takes a twentieth of a second
@given(st.lists(sample_rows, min_size=1, max_size=12))
def test_one_scan_equals_brute_force(rows: list[Row]) -> None:
    """Every metric in every group.

    Nulls, timeouts at their cap, exceedances and issues as plain Python counts them.
    """
    table = scanned(rows)
    groups = {(r["arm"], r["run_id"], r["user_id"], r["category"]) for r in rows}
    assert len(table.rows) == len(groups)
    for place in range(len(groups)):
        group = tuple(key.labels[key.codes[place]] for key in table.keys.values())
        of_group = [
            r for r in rows if (r["arm"], r["run_id"], r["user_id"], r["category"]) == group
        ]
        assert table.rows[place] == len(of_group)
        for metric, cells in table.metrics.items():
            same(cells, place, brute(of_group, metric))


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(sample_rows, min_size=2, max_size=12), st.data())
def test_scans_add_up_in_any_split(rows: list[Row], data: st.DataObject) -> None:
    """The moments of two parts, put together, are those of the whole, in total and by every key."""
    cut = data.draw(st.integers(1, len(rows) - 1))
    whole, parts = scanned(rows), scanned(rows[:cut]) + scanned(rows[cut:])
    for metric in whole.metrics:
        same(parts.all(metric), 0, brute(rows, metric))
        for key in BY:
            for place, label in enumerate(parts.keys[key].labels):
                of_group = [row for row in rows if row[BY[key]] == label]
                same(parts.by(key, metric), place, brute(of_group, metric))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_cells_add_up_in_any_split(values: list[tuple[int, float]], cut: int) -> None:
    """However values are dealt to groups and groups to parts.

    The pooled moments are those of all values.
    """
    codes = np.array([code for code, _ in values], dtype=np.int64)
    x = np.array([value for _, value in values])
    one_each = Cells(np.ones(len(x)), x, np.zeros(len(x)))
    parts = [one_each.take(np.arange(len(x)) < cut), one_each.take(np.arange(len(x)) >= cut)]
    grouped = [part.pooled(c, 4) for part, c in zip(parts, (codes[:cut], codes[cut:]), strict=True)]
    stacked = Cells(
        *(
            np.concatenate(columns)
            for columns in zip(*((g.n, g.mean, g.m2) for g in grouped), strict=True)
        )
    )
    whole = stacked.pooled(np.zeros(8, dtype=np.int64), 1)
    assert whole.n[0] == len(x)
    assert whole.mean[0] == pytest.approx(fsum(x) / len(x), abs=1e-9)
    assert whole.m2[0] == pytest.approx(fsum((x - fsum(x) / len(x)) ** 2), rel=1e-9, abs=1e-6)
    assert whole.total[0] == pytest.approx(fsum(x), abs=1e-7)


@settings(max_examples=8)
@given(st.lists(sample_rows, min_size=1, max_size=12))
def test_groups_are_picked_by_label(rows: list[Row]) -> None:
    """`where` keeps exactly the samples with the labels, a missing label included.

    An unknown one keeps nothing.
    """
    table = scanned(rows)
    of_group = [row for row in rows if row["arm"] == "treatment" and row["user_id"] is None]
    picked = table.where(arm="treatment", cluster=None)
    assert picked.rows.sum() == len(of_group)
    same(picked.all("score"), 0, brute(of_group, "score"))
    assert not table.where(arm="nobody").rows.size


# NIST Statistical Reference Datasets, univariate: NumAcc2–4 have mean and standard deviation by
# construction.
NUMACC = {"NumAcc2": (1.2, 1001), "NumAcc3": (1000000.2, 1001), "NumAcc4": (10000000.2, 1001)}


@pytest.mark.parametrize("name", NUMACC)
def test_no_cancellation(name: str) -> None:
    """NIST's NumAcc data keep their standard deviation 0.1.

    In one scan and merged from many clusters.
    """
    mean, n = NUMACC[name]
    values = [mean, *([round(mean - 0.1, 1), round(mean + 0.1, 1)] * (n // 2))]
    rows = [{"latency_ms": x, "user_id": f"u{i % 7}"} for i, x in enumerate(values)]
    whole = scanned(rows, 1e9).all("latency_ms")
    assert whole.n[0] == n
    assert whole.mean[0] == pytest.approx(mean, rel=1e-14)
    assert np.sqrt(whole.m2[0] / (n - 1)) == pytest.approx(0.1, rel=1e-6)


def test_what_nobody_tells_is_not_zero() -> None:
    """A metric that no sample knows has no count, so that no estimate can be made of it."""
    table = scanned([{}, {}])
    assert [table.all(metric).n[0] for metric in ("vetoed", "score", "edited", "issue:it's")] == [
        0,
        0,
        0,
        0,
    ]
    assert table.all("passed").n[0] == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["score", "latency_ms"])
def test_no_number_is_an_error(field: str, bad: float) -> None:
    """NaN or an infinite value is neither 0 nor missing: the scan stops with a sentence."""
    with pytest.raises(RunsError, match=f"{field} holds NaN or an infinite value"):
        scanned([{field: 1.0}, {field: bad}])


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_of_what_was_counted(values: list[float], q: float) -> None:
    """A histogram's quantile is numpy's linear one, exact to half a step."""
    steps, counts = np.unique(np.round(np.array(values) * 10), return_counts=True)
    counted = Histogram(steps / 10, counts.astype(np.float64))
    assert counted.n == len(values)
    assert counted.quantile(q) == pytest.approx(float(np.quantile(values, q)), abs=0.05 + 1e-9)


def test_quantile_on_the_steps_is_exact() -> None:
    """On values of a tenth, the 95th percentile is pandas' to the last digit.

    No noise is added to the values.
    """
    values = [round(0.1 * k, 1) for k in (3, 7, 7, 11, 20, 21, 37, 37, 37, 99)]
    counted = histogram(frame_of([{"score": x} for x in values]), nw.col("score"), per_unit=10)[
        "control", "r"
    ]
    assert list(counted.values) == sorted(set(values))
    assert counted.quantile(0.95) == pytest.approx(
        float(pd.Series(values).quantile(0.95)), abs=1e-12
    )


def test_histograms_by_arm_and_run_add_up() -> None:
    """Runs with the same id in both arms stay apart; merged, they are the histogram of all."""
    rows: list[Row] = [
        {"arm": arm, "run_id": run, "latency_ms": x}
        for arm in ("control", "treatment") for run in ("a", "b") for x in (1.0, 2.0)
    ]  # fmt: skip
    rows += [{"arm": "control", "run_id": "a", "latency_ms": None}]
    parts = histogram(frame_of(rows), nw.col("latency_ms"), per_unit=10)
    assert parts.keys() == {
        ("control", "a"),
        ("control", "b"),
        ("treatment", "a"),
        ("treatment", "b"),
    }
    assert all(list(part.counts) == [1.0, 1.0] for part in parts.values())
    merged = merge_histograms(list(parts.values()))
    assert dict(zip(merged.values, merged.counts, strict=True)) == {1.0: 4.0, 2.0: 4.0}


def test_no_data_no_quantile() -> None:
    """Without values there is no quantile, and merging nothing gives nothing."""
    empty = merge_histograms([])
    assert empty.n == 0
    assert np.isnan(empty.quantile(0.95))
    assert np.isnan(Histogram(np.empty(0), np.empty(0)).quantile(0.5))


def test_top_issues() -> None:
    """The control arm's tags by the samples that carry them.

    A tag twice in one sample counts once, ties go by name.
    """
    issues = [["b", "b", "b"], ["c"], ["a"], ["c"], [], None]
    rows = [{"issues": tags} for tags in issues] + [{"arm": "treatment", "issues": ["z"]}] * 5
    assert top_tags(tag_counts(frame_of(rows)), arm="control", most=3) == ("c", "a", "b")
    assert top_tags(tag_counts(frame_of(rows)), arm="control", most=1) == ("c",)
    assert top_tags(tag_counts(frame_of([{"issues": []}, {}])), arm="control", most=3) == ()
