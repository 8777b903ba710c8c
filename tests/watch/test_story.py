"""The story, day by day: quiet while it is healthy, an alarm soon after the planted regression."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.plan.params import daily_params
from rolloutlib.watch.record import Outcome
from rolloutlib.watch.watch import watch_stage
from rolloutlib.words.reasons import sentence
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from rolloutlib.watch.record import Watch

pytestmark = pytest.mark.slow  # each day reads its runs

STORY = Path(__file__).resolve().parents[2] / "data" / "examples" / "story"
HEALTHY = {
    "stage-0": (date(2026, 10, 5), 3), "stage-1": (date(2026, 10, 12), 3),
    "stage-2": (date(2026, 10, 21), 3), "stage-3": (date(2026, 10, 26), 3),
    "stage-4": (date(2026, 11, 2), 5),
}  # fmt: skip
FEED = date(2026, 10, 19)  # the first day of the daily feed, which breaks on its ninth
BROKEN = date(2026, 10, 16)  # the first day of the regression


def watched(folder: str, day: date, **more: object) -> Watch:
    """Watch a stage of the story at the end of a day."""
    values = {"stage": int(folder.split("-")[1]), "runs": str(STORY / folder), "as_of": day}
    return watch_stage(daily_params(values | {"incidents": "no such log"} | more))


def days_of(folder: str) -> list[date]:
    """Return the days of a healthy stage: all of them where time is no matter, else the last."""
    first, count = HEALTHY[folder]
    days = [first + timedelta(days=k) for k in range(count)]
    return days if EXHAUSTIVE else days[-1:]


@pytest.mark.parametrize("folder", HEALTHY if EXHAUSTIVE else ("stage-0", "stage-2"))
def test_no_alarm_in_the_healthy_weeks(folder: str) -> None:
    """On no day of a healthy stage anything rings, and nothing is refused."""
    for day in days_of(folder):
        watch = watched(folder, day)
        assert [(alarm.code, sentence(alarm.why)) for alarm in watch.alarms] == []
        assert watch.outcome not in {Outcome.ROLLBACK, Outcome.NO_DATA}
        assert watch.counts


def test_the_planted_regression_is_found_within_its_three_days() -> None:
    """By the third day the pass rate's alarm asks for a rollback of A, since when it broke."""
    watch = watched("stage-2-regression", BROKEN + timedelta(days=2))
    harm = [alarm for alarm in watch.alarms if alarm.code == "harm"]
    assert watch.outcome is Outcome.ROLLBACK
    assert "passed" in {alarm.metric for alarm in harm}
    assert all(alarm.since.astimezone(watch.as_of.tzinfo).date() >= BROKEN for alarm in harm)


def test_a_break_in_the_middle_is_found_within_three_days() -> None:
    """Eight healthy days do not outweigh what broke on the ninth: it rings on the eleventh."""
    days = [FEED + timedelta(days=k) for k in (range(14) if EXHAUSTIVE else (7, 10))]
    rung = {day: watched("stage-2-daily", day) for day in days}
    for day, watch in rung.items():
        rolls_back = watch.outcome is Outcome.ROLLBACK
        assert rolls_back == (day >= FEED + timedelta(days=10)), day
        assert bool(watch.alarms) == rolls_back
    assert {alarm.since.date() for alarm in rung[days[-1]].alarms} >= {FEED + timedelta(days=10)}


def test_the_day_after_the_last_run_is_no_silence() -> None:
    """A feed that stopped is told: with later days the same runs ring."""
    watch = watched("stage-2", date(2026, 10, 26))
    assert watch.alarms
    assert watch.outcome not in {Outcome.CALM, Outcome.NO_DATA}


def test_other_flags_than_the_stage_has_are_no_data_of_it() -> None:
    """Runs of another stage's configuration do not count, whatever their numbers say."""
    watch = watched("stage-2", date(2026, 10, 23), control="treatment", treatment="control")
    assert not watch.counts
    assert watch.outcome in {Outcome.NO_DATA, Outcome.ROLLBACK}
    assert watch.reasons


def test_runs_that_are_refused_as_a_whole_are_no_data(tmp_path: Path) -> None:
    """The page says why, and incidents are told all the same."""
    (tmp_path / "runs.jsonl").write_text("{}\n")
    watch = watched("stage-2", date(2026, 10, 23), runs=str(tmp_path))
    assert watch.outcome is Outcome.NO_DATA
    assert "source.refused" in {why.code for why in watch.reasons}
    assert not watch.counts


def test_a_damaged_log_of_incidents_silences_nothing(tmp_path: Path) -> None:
    """It is the reason for amber, and the data are watched as ever."""
    log = tmp_path / "incidents.jsonl"
    log.write_text("{broken\n")
    watch = watched("stage-2", date(2026, 10, 23), incidents=str(log))
    assert "watch.incidents_unread" in {why.code for why in watch.reasons}
    assert watch.outcome is not Outcome.CALM
    assert watch.series
