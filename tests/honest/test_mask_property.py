"""Rows that are blanked never make a GO of what was none: random worlds near their limits."""

from __future__ import annotations

import pytest

from tests.honest.chances import Trial, fooled, trials, wrong
from tests.often import EXHAUSTIVE

pytestmark = pytest.mark.slow  # reviews by the hundred


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """Return every world, and what was said of it before and after its damages."""
    return trials("mask", 1000, tmp_path_factory)


def test_no_gap_makes_a_go(tried: list[Trial]) -> None:
    """A world that is not GO stays so, whichever rows are blanked, in whichever arm."""
    assert wrong(tried) == []


def test_the_worlds_lie_near_the_limits(tried: list[Trial]) -> None:
    """A third or more are GO and a third or more are not; the naive judge agrees, undamaged."""
    going = sum(trial.go for trial in tried)
    assert len(tried) / 3 <= going <= 2 * len(tried) / 3
    assert sum(trial.go != trial.naive for trial in tried) <= len(tried) / (6 if EXHAUSTIVE else 4)


def test_a_judge_who_believes_all_is_fooled() -> None:
    """The property has teeth: means over what is there are fooled by one damage in twenty."""
    assert fooled("mask", 1000) >= 1 / 20


def test_order_is_no_evidence(tried: list[Trial]) -> None:
    """Without damage, a GO stays a GO in whatever order its rows come."""
    assert {trial.shuffled for trial in tried if trial.shuffled is not None} == {True}
