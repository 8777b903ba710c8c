"""Repeated looks: the same data are the same look, retrying spends what is left.

The error holds over all looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import norm

from rolloutlib.errors import RunsError
from rolloutlib.measure.looks import Series, look_at, number_of, record

if TYPE_CHECKING:
    from pathlib import Path

SERIES = Series(2, "data/runs", "control", "treatment")
OTHER = Series(3, "data/runs", "control", "treatment")


def test_a_review_of_the_same_data_is_the_same_look(tmp_path: Path) -> None:
    """Looks are counted by distinct data, within their series only."""
    file = tmp_path / "reports" / "looks.jsonl"
    assert number_of(file, SERIES, "a") == 1
    for data in ("a", "b", "a"):
        record(file, SERIES, data)
    record(file, OTHER, "c")
    assert [number_of(file, SERIES, data) for data in ("a", "b", "new")] == [1, 2, 3]
    assert number_of(file, OTHER, "new") == 2


def test_one_planned_look_has_the_whole_error_and_a_second_has_none() -> None:
    """The single look keeps the stage's confidence; beyond the plan nothing is left."""
    assert look_at(1, planned=1, confidence=0.95).confidence == 0.95
    assert look_at(2, planned=1, confidence=0.95).confidence is None
    assert look_at(4, planned=3, confidence=0.95).spent == pytest.approx(0.05)


@pytest.mark.parametrize("planned", [2, 3, 5])
def test_error_over_all_planned_looks_is_the_stages(planned: int) -> None:
    """100,000 null paths cross the looks' limits with 5 % (± 4 Monte Carlo errors)."""
    rng = np.random.default_rng(planned)
    paths = np.cumsum(rng.normal(size=(100_000, planned)), axis=1) / np.sqrt(
        np.arange(1, planned + 1)
    )
    looks = [look_at(k, planned=planned, confidence=0.95) for k in range(1, planned + 1)]
    limits = norm.ppf(np.array([look.confidence or 1.0 for look in looks]))
    crossed = (paths > limits).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 100_000) ** 0.5)


def test_spent_error_rises_to_the_stages() -> None:
    """Each look has spent more than the one before, the last all of it."""
    spent = [look_at(k, planned=4, confidence=0.95).spent for k in range(1, 5)]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(0.05)


def test_a_damaged_file_of_looks_is_an_error(tmp_path: Path) -> None:
    """A line that cannot be read is named: forgetting a look would spend its error twice."""
    file = tmp_path / "looks.jsonl"
    record(file, SERIES, "a")
    file.write_text(file.read_text() + '{"series": {"stage"', encoding="utf-8")
    with pytest.raises(RunsError, match=r"looks\.jsonl:2: .* restore the file"):
        number_of(file, SERIES, "b")
