"""Measured = decided: what the runs of an arm tell of themselves, against the plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from rolloutlib.measure.configuration import steered, summary, unplanned
from rolloutlib.measure.counts import Count
from rolloutlib.runs import RunInfo
from tests.tables import PLAN

if TYPE_CHECKING:
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

START = datetime(2026, 10, 5, 1, tzinfo=UTC)


class _Runs:
    """What is asked of runs: themselves, and their copies."""

    def __init__(self, *runs: RunInfo) -> None:
        self.runs, self.copies = runs, {"treatment": 7}


def run(arm: str, number: int, **more: Any) -> RunInfo:  # noqa: ANN401
    """Return a run that tells everything the way stage 2 has it."""
    flags = PLAN.flags_of_arms(2)[arm]
    flag_values = tuple(
        sorted((key.removeprefix("feature."), value) for key, value in flags.items())
    )
    about: dict[str, Any] = {
        "run_id": str(number), "arm": arm, "started_at": START + timedelta(days=number), "stage": 2,
        "profile": "default", "seed": number, "replicate": str(number), "n": 10, "reported": None,
        "file": "", "line": 1, "flags": flag_values, "strategy_hash": "abc",
    }  # fmt: skip
    return RunInfo(**(about | more))


def told(*runs: RunInfo, stage: StageId = 2, users: int = 5) -> list[Reason]:
    """Return what is said of the runs of both arms."""
    read = cast("Runs", _Runs(*runs))
    count = Count(30, 30, users, 30, 30)
    summaries = [summary(arm, read, count) for arm in ("control", "treatment")]
    return unplanned(PLAN, stage, read, summaries)


def both(**more: Any) -> list[RunInfo]:  # noqa: ANN401
    """Return three runs an arm, of which the treatment's second is otherwise."""
    runs = [run(arm, k) for arm in ("control", "treatment") for k in range(3)]
    runs[4] = run("treatment", 1, **more)
    return runs


def test_runs_as_planned_say_nothing() -> None:
    """Flags, profile, strategy and seeds are those of the stage."""
    assert told(*both()) == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"profile": "fast"}, "config.profiles_mixed"),
        ({"strategy_hash": "def"}, "config.hashes_mixed"),
        ({"strategy_hash": None}, "config.hashes_mixed"),
        ({"seed": None}, "config.seeds_mixed"),
        ({"flags": None}, "config.flags_untold"),
        ({"flags": (("searchLite", False),)}, "config.flags_mixed"),
    ],
)
def test_one_run_that_differs_is_named(more: dict[str, Any], code: str) -> None:
    """Runs of one arm that differ are not one candidate, whichever way they differ."""
    assert code in [reason.code for reason in told(*both(**more))]


def test_flags_have_to_be_the_stages() -> None:
    """A run of stage 2 measured nothing of stage 1, and the sentence says which flag."""
    reasons = told(*both(), stage=1)
    assert [reason.code for reason in reasons] == ["config.flags_differ"] * 2
    assert reasons[1].facts["flags"] == ("searchLite = true",)
    assert reasons[1].facts["planned"] == ("searchLite = false",)


def test_a_flag_that_the_stage_changes_has_to_be_told() -> None:
    """Who tells other flags but not the one that is rolled out may have measured anything."""
    silent = [run(arm, k, flags=(("styleGuard", True),)) for arm in ("control", "treatment")
              for k in (1, 2)]  # fmt: skip
    reasons = told(*silent)
    assert [reason.code for reason in reasons] == ["config.flags_differ"] * 2
    assert reasons[1].facts["flags"] == ("searchLite = –",)


def test_a_flag_that_the_plan_does_not_know_is_named() -> None:
    """Where only one arm has it, the plan's features are not all that differs."""
    runs = both()
    turbo = [
        run(info.arm, k, flags=(*(info.flags or ()), ("turbo", info.arm == "treatment")))
        for k, info in enumerate(runs)
    ]
    reasons = told(*turbo)
    assert [reason.code for reason in reasons] == ["config.flags_unknown"]
    assert reasons[0].facts["flags"] == ("turbo = false | true",)
    alike = [run(info.arm, k, flags=(*(info.flags or ()), ("turbo", True)))
             for k, info in enumerate(runs)]  # fmt: skip
    assert told(*alike) == []


def test_flags_that_nobody_tells_are_not_held_against_runs() -> None:
    """Two files of an eval tool know no flags; the report says so."""
    assert (
        told(*(run(arm, k, flags=None) for arm in ("control", "treatment") for k in (1, 2))) == []
    )


@pytest.mark.parametrize(("users", "over"), [(100, False), (101, True)])
def test_the_cap_is_watched(users: int, over: bool) -> None:  # noqa: FBT001
    """As many as the stage is for may take part, and not one more."""
    codes = [reason.code for reason in told(*both(), users=users)]
    assert codes == (["stage.over_cap"] if over else [])


def test_each_arm_says_what_it_ran() -> None:
    """Flags, profiles, strategies, first and last start, and copies are in the summary."""
    runs = both(last_at=START + timedelta(days=9), simulated=True)
    arm = summary("treatment", cast("Runs", _Runs(*runs)), Count(30, 0, 0, 30, 30))
    assert (arm.runs, arm.users, arm.prompts, arm.copies, arm.simulated) == (3, None, 30, 7, True)
    assert (arm.first, arm.last) == (START, START + timedelta(days=9))
    assert (arm.profiles, arm.strategies) == (("default",), ("abc",))
    assert arm.flags is not None
    assert arm.flags["searchLite"] is True


def test_a_mix_is_steered_only_where_its_flag_differs() -> None:
    """Feature D changes the mix of difficulty; where both arms have it, mixes are alike."""
    read = cast("Runs", _Runs(*both()))
    summaries = [summary(arm, read, Count(1, 0, 0, 0, 0)) for arm in ("control", "treatment")]
    assert steered(PLAN, summaries) == set()
    first = PLAN.flags_of_arms(1)
    runs = [
        run(arm, 1, flags=tuple((k.removeprefix("feature."), v) for k, v in first[arm].items()))
        for arm in first
    ]
    early = cast("Runs", _Runs(*runs))
    summaries = [summary(arm, early, Count(1, 0, 0, 0, 0)) for arm in first]
    assert steered(PLAN, summaries) == {"difficulty"}


@pytest.mark.parametrize("stage", [0, 1, 2, 3, 4])
def test_the_arms_differ_at_every_stage(stage: StageId) -> None:
    """Every stage changes a flag for somebody, and that is what its arms compare."""
    flags = PLAN.flags_of_arms(stage)
    assert flags["control"] != flags["treatment"]
