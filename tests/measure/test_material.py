"""Did both arms run the same thing: prompts, mixes, and how many were sent where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rolloutlib.measure.design import Arms, read_design
from rolloutlib.measure.material import replayed, sample_ratio, unlike, user_ratio
from rolloutlib.measure.scan import measure
from rolloutlib.plan.model import Allocation
from rolloutlib.runs.samples import Samples
from tests.tables import RULES, frame_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.measure.design import Design
    from rolloutlib.measure.scan import Measured

PAIR = ("control", "treatment")
CANARY = Allocation(control=9, treatment=1)


def measured_of(table: Sequence[dict[str, Any]]) -> tuple[Measured, Design]:
    """Measure rows as a review does, and read how the arms compare."""
    measured = measure(
        Samples(frame_of(table)),
        PAIR,
        timeout_cap_ms=30_000,
        slow_above_ms=2_200,
        latency_cap_ms=6_000,
    )
    cells = [measured.table.where(arm=arm).by("cluster", "passed") for arm in PAIR]
    return measured, read_design(Arms(cells[0], cells[1], measured.unit), "difference")[1]


def prompts(arm: str, numbers: range, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return a sample a prompt."""
    return [{"arm": arm, "run_id": arm, "prompt_id": f"p{k}", **more} for k in numbers]


def users(arm: str, numbers: range, each: int = 3) -> list[dict[str, Any]]:
    """Return some samples a user."""
    return [{"arm": arm, "run_id": arm, "user_id": f"u{k}"} for k in numbers for _ in range(each)]


def codes(table: Sequence[dict[str, Any]], steered: tuple[str, ...] = ()) -> list[str]:
    """Return the codes of what is unlike."""
    measured, design = measured_of(table)
    return [reason.code for reason in unlike(measured, design, RULES, PAIR, steered)]


@pytest.mark.parametrize(("shared", "unlike"), [(100, False), (95, False), (94, True), (0, True)])
def test_prompts_have_to_be_shared(shared: int, unlike: bool) -> None:  # noqa: FBT001
    """Below the plan's share of all prompts the arms ran different material."""
    table = prompts("control", range(100)) + prompts("treatment", range(shared))
    if not shared:
        table += prompts("treatment", range(100, 200))
    assert (codes(table) == ["material.overlap"]) is unlike


def test_the_overlap_says_how_many_have_no_partner() -> None:
    """30 of 170 prompts are in both, 140 in one arm."""
    measured, design = measured_of(
        prompts("control", range(100)) + prompts("treatment", range(70, 170))
    )
    facts = unlike(measured, design, RULES, PAIR, ())[0].facts
    assert (facts["shared"], facts["union"], facts["alone"]) == (30, 170, 140)


def test_users_of_a_split_bring_their_own_prompts() -> None:
    """Nobody expects two users to ask the same."""
    own = [{**row, "prompt_id": f"{row['arm']}{k}"} for k, row in enumerate(
        users("control", range(20)) + users("treatment", range(20, 40)))]  # fmt: skip
    assert codes(own) == []
    assert not replayed(*measured_of(own))


def mixed(easy: int, of: int = 400) -> list[dict[str, Any]]:
    """Return samples without ids: half of the control is easy, so many of the treatment."""
    half = [{"arm": "control", "run_id": "c", "difficulty": "easy" if k % 2 else "hard"}
            for k in range(of)]  # fmt: skip
    return half + [{"arm": "treatment", "run_id": "t", "difficulty": "easy" if k < easy else "hard"}
                   for k in range(of)]  # fmt: skip


def test_a_mix_that_differs_beyond_chance_is_told() -> None:
    """50 % against 80 % easy is other material; 50 % against 53 % is chance."""
    assert codes(mixed(320)) == ["material.mix"]
    assert codes(mixed(212)) == []


def test_a_steered_mix_may_differ() -> None:
    """A feature that changes the mix on purpose is what is measured."""
    assert codes(mixed(320), steered=("difficulty",)) == []


@pytest.mark.slow  # forty measurements
def test_chance_is_that_of_clusters() -> None:
    """Users who ask all of one kind make mixes that differ by chance, far more than samples do."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(40):
        kinds = rng.random(60) < 0.5
        table = [
            {"arm": PAIR[k % 2], "run_id": "r" + str(k % 2), "user_id": f"u{k}",
             "category": "ab"[int(kinds[k])]}
            for k in range(60)
            for _ in range(30)
        ]  # fmt: skip
        alarms += codes(table) != []
    assert alarms <= 1


@pytest.mark.parametrize(
    ("control", "treatment", "allocation", "invalid"),
    [(500, 500, None, False), (900, 100, None, True), (900, 100, CANARY, False),
     (500, 500, CANARY, True)],
)  # fmt: skip
def test_users_are_split_as_planned(
    control: int,
    treatment: int,
    allocation: Allocation | None,
    invalid: bool,  # noqa: FBT001
) -> None:
    """The plan's weights are what the counts are tested against; without any, one to one."""
    table = users("control", range(control), 1) + users(
        "treatment", range(control, control + treatment), 1
    )
    _, design = measured_of(table)
    reason = user_ratio(design, RULES, allocation)
    assert (reason is not None) is invalid
    if reason is not None and allocation is None:
        assert (reason.facts["planned_control"], reason.facts["treatment"]) == (500, treatment)


def test_samples_without_ids_are_split_as_planned_too() -> None:
    """Refused rows were sent to their arm as well, so that losing them is no other split."""
    table = [{"arm": "control", "run_id": "c"}] * 500 + [{"arm": "treatment", "run_id": "t"}] * 380
    measured, _ = measured_of(table)
    runs: Any = SimpleNamespace(unreadable={})
    refused: Any = SimpleNamespace(unreadable={"treatment": 110})
    assert sample_ratio(measured, runs, PAIR, RULES, None) is not None
    assert sample_ratio(measured, refused, PAIR, RULES, None) is None
    assert sample_ratio(measured, runs, PAIR, RULES, Allocation(control=5, treatment=3.8)) is None


def test_a_replay_has_no_split() -> None:
    """Users in both arms were not allocated, so that their number proves nothing."""
    _, design = measured_of(users("control", range(40)) + users("treatment", range(25)))
    assert user_ratio(design, RULES, None) is None
