"""The risk register on reviews of the story, and on samples that show one risk each.

The regression sets off what it should, the good stage nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.judge.readings import Reading, Signals
from rolloutlib.judge.register import register_findings
from rolloutlib.judge.review import review_stage
from rolloutlib.judge.risks import RiskState, judge_risks, readings_of
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import sentence
from tests.tables import PLAN

if TYPE_CHECKING:
    from rolloutlib.judge.record import Review

STORY = Path(__file__).parents[2] / "data" / "examples" / "story"


@cache
def _review(folder: str) -> Review:
    return review_stage(review_params({"stage": 2, "runs": str(STORY / folder), "looks": ""}))


def _states(folder: str, *reported: str) -> dict[str, RiskState]:
    signals = readings_of(_review(folder).risks)
    return {state.id: state for state in judge_risks(PLAN, signals, reported=reported)}


def test_the_regression_sets_off_latency_and_pass_rate() -> None:
    """Its truth (README of the story): latency × 1.2 against 1.10, pass rate − 8 pp against − 5 pp.

    Both are sure, since the bounds are beyond the limits too, and the review's first lines say so.
    """
    states, review = _states("stage-2-regression"), _review("stage-2-regression")
    assert [(name, state.sure) for name, state in states.items() if state.state == "fires"] == [
        ("slow_search", True),
        ("too_strict", True),
    ]
    shown = "Average latency: ×1.22 [×1.22 to ×1.23], fires above ×1.10"
    assert sentence(states["slow_search"].seen) == shown
    assert [*map(sentence, states["slow_search"].changes)] == [
        "`feature.searchLite`: true → false (`rollout rollback --feature A`)"
    ]
    assert any(shown in sentence(warning) for warning in review.warnings)


def test_veto_reasons_that_rose_stand_beside_the_pass_rate() -> None:
    """The regression's vetoes are for latency and score; no profile of the plan relaxes both."""
    risk = _states("stage-2-regression")["too_strict"]
    (signal,) = risk.signals
    assert signal.reading is not None
    rose = {
        reason.facts["reason"] for reason in signal.reading.told if reason.code == "risk.veto_rose"
    }
    assert rose == {"min_score", "max_latency"}
    assert [change.code for change in risk.changes] == ["risk.no_profile"]


def test_the_good_stage_is_quiet() -> None:
    """What data show is quiet; what only people can say is listed, and stays open by itself."""
    risks = _states("stage-2")
    states = {name: state.state for name, state in risks.items()}
    assert states == {
        "slow_search": "quiet",
        "over_tuning": "quiet",
        "over_formal": "quiet",
        "too_strict": "quiet",
        "over_tagging": "quiet",
    }
    signals = {state.name: state.state for risk in risks.values() for state in risk.signals}
    assert signals["reported"] == "open"


def test_what_people_report_fires_with_its_command() -> None:
    """A reported signal asks for one step of the plan's size, as a command."""
    risk = _states("stage-2", "over_formal")["over_formal"]
    assert risk.state == "fires"
    assert [*map(sentence, risk.changes)] == [
        "Style strictness: `rollout knobs set styleStrictness -0.05 --because over_formal`"
    ]


def test_the_difficulty_becomes_small_and_the_mode_exploit() -> None:
    """The plan's two answers to over-tuning are two commands."""
    risk = _states("stage-2", "over_tuning")["over_tuning"]
    assert [*map(sentence, risk.changes)] == [
        "`feature.mode`: explore → exploit (`rollout rollback --feature F`)",
        "Step of the difficulty: `rollout knobs set difficultyStep 0.05 --because over_tuning`",
    ]


def test_two_knobs_at_a_time() -> None:
    """A third knob waits; flags do not count, since turning off is always right."""
    states = _states("stage-2-regression", "over_tuning", "over_formal", "over_tagging")
    assert [state.state for state in states.values()] == ["fires"] * 5
    assert [name for name, state in states.items() if state.waits] == ["over_tagging"]


def test_an_unknown_risk_is_named() -> None:
    """A misspelt risk is a usage error with what was meant."""
    with pytest.raises(
        UsageError, match=r"'over_formall' is no risk of the plan; .* Did you mean 'over_formal'"
    ):
        _states("stage-2", "over_formall")


def _decided(decides: str) -> list[tuple[str, str]]:
    """Return what the regression's findings do, where a slow search decides something."""
    risks = dict(PLAN.risks)
    risks["slow_search"] = risks["slow_search"].model_copy(update={"decides": decides})
    plan = PLAN.model_copy(update={"risks": risks})
    states = judge_risks(plan, readings_of(_review("stage-2-regression").risks))
    return [(str(f.why.facts["id"]), f.effect) for f in register_findings(states)]


def test_what_the_plan_lets_a_risk_decide() -> None:
    """Tell is a warning, hold keeps a GO away, and a sure rollback is a NO_GO."""
    assert _decided("tell") == []
    assert _decided("hold") == [("slow_search", "hold")]
    assert _decided("rollback") == [("slow_search", "no_go")]


def _state(risk: str, signal: str, **fields: float) -> tuple[str, bool]:
    """Return what one reading makes of a risk."""
    reading = Reading(measure="nats" if "chance" in fields else "proportion", **fields)  # pyright: ignore[reportArgumentType]
    states = {s.id: s for s in judge_risks(PLAN, Signals({(risk, signal): reading}))}
    return states[risk].state, states[risk].sure


def test_how_sure_a_signal_is() -> None:
    """Beyond the limit it fires, surely if the bound is too; within it is quiet only if that is."""
    latency = ("slow_search", "latency")
    assert _state(*latency, value=1.2, lower=1.15, upper=1.25) == ("fires", True)
    assert _state(*latency, value=1.2, lower=0.9, upper=1.5) == ("fires", False)
    assert _state(*latency, value=1.0, lower=0.9, upper=1.09) == ("quiet", False)
    assert _state(*latency, value=1.0, lower=0.7, upper=1.4) == ("open", False)
    assert _state("too_strict", "pass_rate", value=-0.06, upper=-0.055) == ("fires", True)
    assert _state("over_tagging", "tags", value=0.001, lower=1e-5, upper=0.01) == ("fires", True)
    assert _state("over_tagging", "tags", value=0.0, lower=0.0, upper=0.3) == ("open", False)
    assert _state("over_tuning", "mix", value=0.05, chance=0.01) == ("fires", True)
    assert _state("over_tuning", "mix", value=0.05, chance=0.09) == ("open", False)


def test_milder_profiles_only() -> None:
    """From strict the plan relaxes to default, or fast where samples are quick; never sideways."""
    reading = Reading(value=-0.1, lower=-0.2, upper=-0.06, signed=True)

    def offered(profile: str, latency: float) -> object:
        signals = Signals({("too_strict", "pass_rate"): reading}, profile, latency)
        (change,) = {s.id: s for s in judge_risks(PLAN, signals)}["too_strict"].changes
        return change.facts.get("profiles", ())

    assert offered("strict", 1900.0) == ("default",)
    assert offered("strict", 1700.0) == ("default", "fast")
    assert offered("default", 1700.0) == ("fast",)
    assert offered("default", 1900.0) == ()
    assert offered("fast", 1700.0) == ("default",)
