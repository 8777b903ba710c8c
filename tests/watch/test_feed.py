"""Alarms of the feed itself: nothing that goes missing is silent, and no wolf is cried."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.watch.alarms import alarms
from tests.watch.made import ARMS, FIRST, PLAN, SEOUL, Stage, codes

if TYPE_CHECKING:
    from rolloutlib.plan.model import Plan

pytestmark = pytest.mark.slow  # a tenth of a second each


def plan_with(**monitoring: object) -> Plan:
    """Return the shipped plan with other values of its monitoring."""
    watch = PLAN.monitoring.model_copy(update=monitoring)
    return PLAN.model_copy(update={"monitoring": watch})


def test_a_healthy_feed_is_quiet() -> None:
    """Seven like days ring no alarm, at the end of any of them."""
    assert codes(Stage().alarms()) == []
    assert codes(Stage(days=1).alarms()) == []


def test_a_feed_that_stopped_is_told_on_the_same_day() -> None:
    """Without data on the last day its end tells so, and so does an evening after 30 hours."""
    stage = Stage().without(6)
    assert codes(stage.alarms()) == [("stopped", "RED", None)]
    assert stage.alarms(hour=17)[0].since == datetime.combine(FIRST + timedelta(6), time(), SEOUL)
    assert codes(stage.alarms(hour=9)) == []  # the day's run may still come


def test_weekends_without_data_are_no_gap_where_the_plan_says_so() -> None:
    """Saturday and Sunday are missing: an alarm only where data are expected on them."""
    stage = Stage(days=8).without(5, 6)
    assert codes(stage.alarms()) == [("no_data", "AMBER", None)]
    weekdays = plan_with(data_days=("mon", "tue", "wed", "thu", "fri"))
    assert codes(stage.alarms(weekdays)) == []
    assert codes(Stage().without(5, 6).alarms(weekdays)) == []
    assert codes(Stage(days=8).without(5, 6, 7).alarms(weekdays)) == [("stopped", "RED", None)]


def test_one_arm_stops() -> None:
    """An arm without data on a day that the other has is told, whichever it is."""
    for arm in ARMS:
        (alarm,) = Stage().without(6, arms=[arm]).alarms()
        assert (alarm.code, alarm.why.code, alarm.why.facts["arm"]) == (
            "stopped", "watch.arm_stopped", arm,
        )  # fmt: skip
    (never,) = Stage().without(*range(7), arms=["treatment"]).alarms()
    assert never.why.code == "watch.arm_never"


def test_a_feed_of_every_third_day_is_no_daily_one() -> None:
    """What is usual is read off the days: every third day has data, and the next is not due yet."""
    off = [day for day in range(15) if day % 3]
    stage = Stage(days=15).without(*off)
    assert codes(stage.alarms()) == []
    assert codes(Stage(days=16).without(*off, 15).alarms()) == [("stopped", "RED", None)]


def test_a_day_with_a_tenth_of_the_samples() -> None:
    """A volume that collapses is told with both numbers; a third of it is a weekend."""
    stage = Stage()
    stage.there["treatment"][6, 3:] = False
    assert codes(stage.alarms()) == [("thin", "AMBER", None)]
    stage.there["treatment"][6, :14] = True
    assert codes(stage.alarms()) == []


@pytest.mark.parametrize("days", [(6,), (4, 5, 6)])
def test_a_metric_that_vanished(days: tuple[int, ...]) -> None:
    """A metric that an arm told before and tells no more is named, since the first such day."""
    (alarm,) = Stage().unknown("score", *days).alarms()
    assert (alarm.code, alarm.metric) == ("vanished", "score")
    assert alarm.since.astimezone(SEOUL).date() == FIRST + timedelta(days[0])


def test_a_frozen_feed() -> None:
    """A day whose latencies are those of another, user by user, repeats it."""
    stage = Stage()
    stage.values["treatment"]["latency_ms"][6] = stage.values["treatment"]["latency_ms"][4]
    assert codes(stage.alarms()) == [("frozen", "RED", None)]


def test_clocks_that_jump() -> None:
    """Runs at one moment, numbered backwards or without a start are told."""
    at_once = Stage()
    at_once.start = lambda _, __: at_once.at_ten("", 0)
    assert [alarm.why.code for alarm in at_once.alarms() if alarm.code == "clock"] == [
        "watch.at_once"
    ] * 2
    back = Stage()
    back.start = lambda arm, day: back.at_ten(arm, day) - timedelta(days=4 * (day == 5))
    assert "watch.backwards" in [alarm.why.code for alarm in back.alarms()]
    undated = Stage()
    undated.undated = 40
    assert [alarm.why.code for alarm in undated.alarms()] == ["watch.undated"]


def test_no_data_at_all_is_an_alarm() -> None:
    """A watch that sees nothing says so, with no days as with none that count."""
    as_of = datetime.combine(FIRST, time(12), SEOUL)
    empty = replace(Stage().days(), dates=(), runs=())
    for days in (None, empty):
        raised = alarms(days, PLAN, arms=ARMS, stage=2, as_of=as_of)
        assert codes(raised) == [("no_data", "RED", None)]
