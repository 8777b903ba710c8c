"""Harm, errors, incidents and the command that answers them, on stages made of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rolloutlib.cli import _parser  # pyright: ignore[reportPrivateUsage] -- what really parses
from rolloutlib.judge.incidents import Incident
from rolloutlib.watch.alarms import added, alarms
from rolloutlib.watch.answer import rollback_arguments
from rolloutlib.watch.harm import harm_tests
from tests.watch.made import ARMS, PLAN, Stage, codes

NOON = datetime(2026, 10, 10, 12, tzinfo=UTC)

pytestmark = pytest.mark.slow  # a tenth of a second each


def rung(stage: Stage) -> list[tuple[str, str, str | None]]:
    """Return the alarms that a stage's last day rings."""
    return codes(stage.alarms())


@pytest.mark.parametrize(
    ("rates", "alarm"),
    [
        ({"passed": 0.7}, ("harm", "ROLLBACK", "passed")),
        ({"score": 7.0}, ("harm", "ROLLBACK", "score")),
        ({"vetoed": 0.2}, ("harm", "ROLLBACK", "vetoed")),
        ({"any_issue": 0.4}, ("harm", "ROLLBACK", "any_issue")),
        ({"latency_ms": 1750.0}, ("harm", "ROLLBACK", "latency_ms")),
        ({"error": 0.08}, ("surge", "ROLLBACK", "error")),
    ],
)
def test_what_got_worse_is_named(
    rates: dict[str, float], alarm: tuple[str, str, str | None]
) -> None:
    """Each metric that got worse rings its own alarm, and no other does."""
    stage = Stage().change(**rates)  # pyright: ignore[reportArgumentType] -- names of metrics
    assert set(rung(stage)) == {alarm}


def test_what_got_better_rings_nothing() -> None:
    """A candidate that is better everywhere is left alone."""
    stage = Stage().change(passed=0.99, score=9.0, vetoed=0.0, any_issue=0.02, latency_ms=900.0)
    assert rung(stage) == []


def test_slower_within_what_the_plan_lets_a_feature_cost() -> None:
    """The risk register allows 10 % more latency, so 7 % more is no harm."""
    assert rung(Stage(days=14).change(latency_ms=1400.0 * 1.07)) == []


def test_worse_within_the_tolerance_is_amber() -> None:
    """A score .08 lower is proven with many samples, but the plan tolerates .1."""
    stage = Stage(days=14, users=150, samples=20).change(score=7.92)
    (alarm,) = stage.alarms()
    assert (str(alarm.asks), alarm.why.code) == ("AMBER", "watch.harm_allowed")


def test_a_regression_that_begins_late_is_found() -> None:
    """After nine better days a loss is found from the last days, and dated so."""
    stage = Stage(days=14, users=80).change(passed=0.95).change(first=9, passed=0.78)
    (alarm,) = stage.alarms()
    assert alarm.why.facts["over"].code != "watch.since_first"  # type: ignore[union-attr]
    assert (alarm.since.date() - stage.dates[9]).days in {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("rates", "alarm"),
    [
        ({"passed": 0.0}, ("harm", "ROLLBACK", "passed")),
        ({"score": 0.0}, ("harm", "ROLLBACK", "score")),
        ({"latency_ms": 4200.0}, ("harm", "ROLLBACK", "latency_ms")),
        ({"vetoed": 0.6}, ("harm", "ROLLBACK", "vetoed")),
        ({"any_issue": 0.6}, ("harm", "ROLLBACK", "any_issue")),
        ({"error": 0.08}, ("surge", "ROLLBACK", "error")),
    ],
)
def test_what_collapses_is_told_on_the_same_day(
    rates: dict[str, float], alarm: tuple[str, str, str | None]
) -> None:
    """After seven healthy days a single bad one is enough."""
    stage = Stage(days=8, users=60, samples=4).change(first=7, **rates)  # pyright: ignore[reportArgumentType] -- names of metrics
    assert set(rung(stage)) == {alarm}
    assert stage.alarms()[0].since.date() == stage.dates[7]


def test_all_bad_beside_all_good_needs_no_variation() -> None:
    """Where nobody in either arm differs from anybody, the arms still differ from each other."""
    stage = Stage(days=3).change(passed=0.0).change(arm="control", passed=1.0)
    assert ("harm", "ROLLBACK", "passed") in rung(stage)


def test_the_error_is_divided_and_no_more_than_the_plans() -> None:
    """All tests and the surge together have the plan's 5 %, the first gate the most of it."""
    tests = harm_tests(PLAN, PLAN.profile("default"))
    assert sum(test.error for test in tests) == pytest.approx(0.04)
    assert max(tests, key=lambda test: test.error).metric == "passed"


@pytest.mark.parametrize("users", [1, 2, 4])
def test_few_users_prove_nothing(users: int) -> None:
    """Below the plan's five users an arm there is no look, whatever they say."""
    stage = Stage(users=users).change(passed=0.0, score=1.0, latency_ms=9000.0)
    assert "harm" not in {alarm.code for alarm in stage.alarms()}


def test_errors_of_both_arms_ask_for_no_rollback() -> None:
    """An outage that the control has as well is red: switching off would not end it."""
    stage = Stage().change(error=0.2).change(arm="control", error=0.2)
    assert ("surge", "RED", "error") in rung(stage)


def test_errors_that_rose_within_the_limit_are_amber() -> None:
    """Many samples prove a rise from none to .7 %, which the plan's 1 % allows."""
    stage = Stage(days=7, users=200, samples=20)
    stage.change(arm="control", error=0.0).change(error=0.007)
    assert rung(stage) == [("surge", "AMBER", "error")]


def test_one_user_whose_every_request_fails_is_no_surge() -> None:
    """A fortieth of all samples fail: that is told, but it may be that user's own trouble."""
    stage = Stage()
    stage.values["treatment"]["error"][:, 0] = 1.0
    (alarm,) = stage.alarms()
    assert (alarm.code, str(alarm.asks), alarm.why.code) == ("surge", "AMBER", "watch.errors_over")


def incident(**fields: object) -> Incident:
    """Return an incident of yesterday, with what is told of it."""
    usual = {"id": "inc-1", "opened": NOON - timedelta(days=1), "closed": None,
             "title": "search is down", "severity": "low"}  # fmt: skip
    return Incident(**(usual | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("log", "codes"),
    [
        ([{"blocking": True}], ["blocked"]),
        ([{"severity": "Critical"}], ["incident"]),
        ([{}], []),
        ([{}] * 3, ["incident"]),
        ([{"severity": "high", "closed": NOON - timedelta(hours=1)}], []),
        ([{"blocking": True, "severity": "high"}], ["blocked", "incident"]),
        ([{"opened": NOON + timedelta(hours=1), "severity": "high"}], []),
    ],
)
def test_the_breaker(log: list[dict[str, object]], codes: list[str]) -> None:
    """Open severe or blocking incidents, and more than the plan allows, ask for a rollback."""
    listed = [incident(**each) for each in log]
    rang = alarms(None, PLAN, arms=ARMS, stage=2, as_of=NOON, incidents=listed)
    asking = [alarm for alarm in rang if alarm.code != "no_data"]
    assert [alarm.code for alarm in asking] == codes
    assert {str(alarm.asks) for alarm in asking} <= {"ROLLBACK"}
    assert {alarm.trigger for alarm in asking} <= {"blocked"}


def test_the_answer_parses_and_names_the_feature_that_is_to_blame() -> None:
    """Slow answers turn off the search that the stage adds; a second alarm turns all off."""
    slow = Stage().change(latency_ms=1750.0).alarms()
    assert added(PLAN, 2) == ("A",)
    arguments = rollback_arguments(slow, reason="-x is slow", signal="×1.25")
    options = _parser().parse_args(arguments)
    assert (options.reason, options.signal, list(options.feature)) == ("-x is slow", "×1.25", ["A"])
    both = Stage().change(latency_ms=1750.0, passed=0.7).alarms()
    assert "--feature" not in rollback_arguments(both, reason="r", signal="s")
    assert rollback_arguments((), reason="r", signal="s") == []


def test_only_the_plan_lets_an_alarm_pull() -> None:
    """No alarm pulls as shipped; where the trigger says so, the alarms that ask do."""
    stage = Stage().change(passed=0.7)
    assert not any(alarm.pulls for alarm in stage.alarms())
    triggers = dict(PLAN.rollback.triggers)
    triggers["worse"] = triggers["worse"].model_copy(update={"pulls": True})
    rollback = PLAN.rollback.model_copy(update={"triggers": triggers})
    pulling = stage.alarms(PLAN.model_copy(update={"rollback": rollback}))
    assert [(alarm.trigger, alarm.pulls) for alarm in pulling] == [("worse", True)]
