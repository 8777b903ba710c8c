"""Charts to explore with: what is counted in the engine is what the samples say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import rolloutlib
from rolloutlib.errors import UsageError
from rolloutlib.judge.sources import sample_frame

if TYPE_CHECKING:
    from rolloutlib.explore.review import Review

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def review() -> Review:
    """The shipped example."""
    return rolloutlib.review(
        stage=2, runs="data/examples/bfcl", control="gpt-4o-2024-05-13-FC",
        treatment="gpt-4o-2024-08-06-FC", looks="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def linked(review: Review) -> dict[str, Any]:
    """Its linked chart, held against Vega-Lite's schema."""
    return review.charts.linked("latency_ms", by="category").to_dict()


def rows_of(linked: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """Return the data set whose rows have a field."""
    return next(rows for rows in linked["datasets"].values() if field in rows[0])


def test_linked_counts_are_those_of_the_samples(review: Review, linked: dict[str, Any]) -> None:
    """Each arm's distribution within a segment is the share of samples at or below each step."""
    frame = sample_frame(review.judged.source).frame().collect("polars").to_native()
    for arm in (review.control, review.treatment):
        own = frame.filter((pl.col("arm") == arm) & (pl.col("category") == "rest"))
        latencies = own["latency_ms"].drop_nulls().to_numpy()
        steps = sorted(
            (row["x"], row["n"]) for row in rows_of(linked, "step")
            if (row["arm"], row["segment"]) == (arm, "rest")
        )  # fmt: skip
        edges, counts = np.array(steps).T
        below = (latencies[:, None] <= edges[:-1]).sum(axis=0)
        assert counts.sum() == len(latencies) == 70
        assert np.cumsum(counts)[:-1].tolist() == below.tolist()


def test_linked_data_are_bounded(linked: dict[str, Any]) -> None:
    """Steps are few whatever the samples are; both panels hear of one selection."""
    assert len({row["x"] for row in rows_of(linked, "step")}) <= 60
    assert len(rows_of(linked, "bounds")) == 12
    chosen = next(param for param in linked["params"] if param["name"].startswith("segment"))
    assert {"filter": {"param": chosen["name"]}} in linked["hconcat"][1]["transform"]


def test_a_segment_that_was_tested_has_the_bounds_of_the_review(linked: dict[str, Any]) -> None:
    """What the review tested is drawn with its bounds; the loss is the first row."""
    first = min(rows_of(linked, "bounds"), key=lambda row: row["row"])
    assert (first["segment"], first["text"], first["n"]) == ("rest", "−24.29 pp", "70 + 70")
    assert first["bounds"] != "not tested"


def test_what_samples_do_not_tell_is_a_sentence(review: Review) -> None:
    """An unknown column and a metric without values are refused by name."""
    with pytest.raises(UsageError, match="Did you mean 'category'"):
        review.charts.linked(by="catgory")
    with pytest.raises(UsageError, match="no sample tells score"):
        review.charts.linked("score")


def test_segments_that_were_not_tested_have_their_changes(review: Review) -> None:
    """Of a column that the review tests nothing by: counts of the engine, no bounds."""
    rows = rows_of(review.charts.linked("latency_ms", by="profile").to_dict(), "bounds")
    assert {row["low"] for row in rows} == {None}
