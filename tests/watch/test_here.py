"""You are here: the plan's week of a day, and whether the stage is behind it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.plan.model import Week, load_plan
from rolloutlib.watch.here import here, start_of
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from rolloutlib.plan.workbook import StageId

PLAN = load_plan(Path(__file__).resolve().parents[2] / "params" / "plan.yaml")
START = date(2026, 10, 5)


@pytest.mark.parametrize(
    ("day", "stage", "week", "late", "code"),
    [
        (0, 0, "W1", False, "watch.here"),
        (6, 0, "W1", False, "watch.here"),
        (7, 0, "W2", True, "watch.late"),
        (7, 1, "W2", False, "watch.here"),
        (13, 2, "W2", False, "watch.here"),
        (14, 1, "W3", True, "watch.late"),
        (14, 3, "W3", False, "watch.early"),
        (34, 4, "W5", False, "watch.here"),
        (35, 4, None, False, "watch.over"),
        (35, 3, None, True, "watch.over_late"),
    ],
)
def test_a_day_has_its_week(
    day: int, stage: StageId, week: str | None, late: bool, code: str  # noqa: FBT001 -- a column of the table
) -> None:  # fmt: skip
    """Weeks have seven days from the first one; a stage before the week's first is late."""
    place = here(PLAN, stage, START, START + timedelta(days=day))
    assert (place.week, place.late, place.says.code) == (week, late, code)
    assert f"day {day + 1} since 2026-10-05" in sentence(place.says)


@pytest.mark.parametrize("start", [None, START + timedelta(days=1)])
def test_an_unknown_start_is_said(start: date | None) -> None:
    """Without a first day, or before it, no week is claimed."""
    place = here(PLAN, 2, start, START)
    assert (place.week, place.late, place.says.code) == (None, False, "watch.no_start")


def test_another_schedule_is_another_place() -> None:
    """The weeks are the plan's: stages that move to another week change what is late."""
    weeks = {"A": Week(stages=(0, 1, 2), note="x"), "B": Week(stages=(4,), note="y")}
    plan = PLAN.model_copy(update={"schedule": weeks})
    place = here(plan, 3, START, START + timedelta(days=8))
    assert (place.week, place.late) == ("B", True)
    assert place.weeks == (("A", (0, 1, 2), "x"), ("B", (4,), "y"))


@pytest.mark.parametrize(("day", "planned"), [(0, "2"), (8, "1"), (15, "1"), (30, "1")])
def test_a_week_without_a_stage_goes_on(day: int, planned: str) -> None:
    """A pause in the schedule is the stage of the week before; before any, the one in force."""
    pause = Week(stages=(), note="x")
    weeks = {"A": pause, "B": Week(stages=(1,), note="x"), "C": pause}
    plan = PLAN.model_copy(update={"schedule": weeks})
    why = here(plan, 2, START, START + timedelta(days=day)).says
    assert why.facts["planned"] == (planned,)


def test_a_rollout_without_records_is_taken_to_be_in_time() -> None:
    """Where nothing tells the first day, the stage's first data are of the week that names it."""
    assert [start_of(PLAN, stage, START) for stage in (0, 2, 4)] == [
        START, START - timedelta(weeks=1), START - timedelta(weeks=4),
    ]  # fmt: skip
    assert start_of(PLAN, 2, None) is None
