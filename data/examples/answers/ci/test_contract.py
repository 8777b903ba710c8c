"""What the table promises to whoever reads it: the example's suite `contract`, run for real."""

from __future__ import annotations

import csv
from pathlib import Path

TABLE = Path(__file__).parents[1] / "samples.csv"


def rows() -> list[dict[str, str]]:
    """Read the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_outcomes_are_known() -> None:
    """An outcome is one of four words, so none is counted as something else."""
    assert {row["outcome"] for row in rows()} <= {"ok", "bad", "blocked", "crash"}


def test_who_answered_has_a_rating_and_a_time() -> None:
    """An answer has stars from 1 to 5 and took some seconds; a crash has neither."""
    for row in rows():
        answered = row["outcome"] != "crash"
        assert bool(row["rating"]) == bool(row["seconds"]) == answered
        assert not answered or (1 <= int(row["rating"]) <= 5 and float(row["seconds"]) > 0)


def test_each_variant_answers_each_question_once() -> None:
    """Both variants got the same questions, so that they make pairs."""
    asked = {name: [row["question_id"] for row in rows() if row["variant"] == name] for name in ("old", "new")}
    assert asked["old"] == asked["new"]
    assert len(set(asked["old"])) == len(asked["old"])
