"""Curves of latency and score: their numbers are those of the tables."""

from __future__ import annotations

from typing import Any

import pytest

from rolloutlib.measure.distributions import distributions
from rolloutlib.measure.scan import measure
from rolloutlib.runs.samples import Samples
from tests.tables import frame_of


def test_a_mean_is_that_of_the_samples_and_not_of_steps() -> None:
    """Curves go in steps of a tenth; the mean beside them is the gate's own, from the moments."""
    scores = [8.06, 8.07, 8.06, 8.07, 8.11]
    rows: list[dict[str, Any]] = [
        {"arm": arm, "run_id": arm, "prompt_id": f"p{k}", "score": score}
        for arm in ("a", "b") for k, score in enumerate(scores)
    ]  # fmt: skip
    measured = measure(
        Samples(frame_of(rows)),
        ("a", "b"),
        timeout_cap_ms=30_000,
        slow_above_ms=2_200,
        latency_cap_ms=6_000,
    )
    for curve in distributions(measured):
        assert curve.mean == pytest.approx(sum(scores) / len(scores), abs=1e-9)
        assert {*curve.values} == {8.1}
