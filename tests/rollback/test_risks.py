"""The risk register on reviews of the story.

The regression sets off what it should, the good stage nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.judge.review import review_stage
from rolloutlib.judge.risks import RiskState, judge_risks
from rolloutlib.plan.params import review_params
from rolloutlib.words.reasons import sentence
from tests.tables import PLAN

if TYPE_CHECKING:
    from rolloutlib.judge.record import Review

STORY = Path(__file__).parents[2] / "data" / "examples" / "story"


@cache
def _review(folder: str) -> Review:
    return review_stage(review_params({"stage": 2, "runs": str(STORY / folder)}))


def _states(folder: str, *reported: str) -> dict[str, RiskState]:
    return {one.id: one for one in judge_risks(PLAN, _review(folder), reported=reported)}


def test_the_regression_sets_off_latency_and_pass_rate() -> None:
    """Its truth (README of the story).

    Latency × 1.2 against 1.10, pass rate − 8 pp against − 5 pp.
    """
    found = _states("stage-2-regression")
    assert [name for name, one in found.items() if one.state == "fires"] == [
        "slow_search",
        "too_strict",
    ]
    assert sentence(found["slow_search"].seen) == "latency_ms: ×1.22, fires above ×1.10"
    change = found["slow_search"].change
    assert change is not None
    assert sentence(change) == "`feature.searchLite`: true → false (`rollout rollback --feature A`)"


def test_the_good_stage_is_quiet() -> None:
    """Measured signals are quiet; signals in words stay open, because only people can say."""
    states = {name: one.state for name, one in _states("stage-2").items()}
    assert states == {
        "slow_search": "quiet",
        "over_tuning": "open",
        "over_formal": "open",
        "too_strict": "quiet",
        "over_tagging": "open",
    }


def test_what_people_report_fires_with_its_step() -> None:
    """A reported signal asks for one step of the plan's size."""
    one = _states("stage-2", "over_formal")["over_formal"]
    assert one.state == "fires"
    assert one.change is not None
    assert sentence(one.change) == "one step of −0.05 (Style guard)"


def test_two_changes_at_a_time() -> None:
    """Of five risks that fire the first two get their change now."""
    found = _states("stage-2-regression", "over_tuning", "over_formal", "over_tagging").values()
    assert [one.state for one in found] == ["fires"] * 5
    assert [one.change is not None for one in found] == [True, True, False, False, False]


def test_an_unknown_risk_is_named() -> None:
    """A misspelt risk is a usage error with what was meant."""
    with pytest.raises(
        UsageError, match=r"'over_formall' is no risk of the plan; .* Did you mean 'over_formal'"
    ):
        judge_risks(PLAN, _review("stage-2"), reported=["over_formall"])
