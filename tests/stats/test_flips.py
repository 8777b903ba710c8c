"""How often verdicts flip: closed forms, and what a repeat keeps of the design."""

from __future__ import annotations

import numpy as np
import pytest

from rolloutlib.stats.flips import drawn, flip, pooled, repeats_for, taken

ONE = np.array([True, True, True, False, False, True])
ZERO = np.array([True, True, False, True, False, True])


def test_a_repeat_keeps_the_sizes_of_the_arms() -> None:
    """Three shared units, one of either arm alone, one of nobody: every repeat has 4 and 4."""
    draws = drawn(ONE, ZERO, 50, np.random.default_rng(0))
    values = np.arange(1.0, 7.0)
    one, zero = taken(draws, np.where(ONE, values, 0), np.where(ZERO, 10 * values, 0))
    assert (np.sum(one > 0, axis=1) == 4).all()
    assert (np.sum(zero > 0, axis=1) == 4).all()
    shared = (one > 0) & (zero > 0)
    assert (zero[shared] == 10 * one[shared]).all()  # a pair stays a pair
    assert set(one[(one > 0) & ~shared]) == {3.0}
    assert set(zero[(zero > 0) & ~shared]) == {40.0}


def test_of_one_pool_either_arm_gets_either_value() -> None:
    """Shared units exchange their arms as a whole; a unit of one arm is drawn for the other too."""
    draws = pooled(ONE, ZERO, 400, np.random.default_rng(0))
    values = np.arange(1.0, 7.0)
    one, zero = taken(draws, np.where(ONE, values, 0), np.where(ZERO, 10 * values, 0))
    shared = (one > 0) & (zero > 0)
    ratio = zero[shared] / one[shared]
    assert set(np.round(ratio, 9)) == {10.0, 0.1}
    assert np.mean(ratio > 1) == pytest.approx(0.5, abs=0.05)
    assert set(one[(one > 0) & ~shared]) == {3.0, 40.0}


def test_the_rate_of_pairs_that_differ() -> None:
    """All pairs of ten verdicts, counted by hand, and a coin's rate of one half."""
    verdicts = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
    differ = [a != b for i, a in enumerate(verdicts) for b in verdicts[i + 1 :]]
    assert flip(verdicts).rate == pytest.approx(np.mean(differ))
    coin = flip(np.random.default_rng(0).integers(0, 2, 100_000))
    assert coin.rate == pytest.approx(0.5, abs=0.01)


def test_its_error_is_that_of_chance() -> None:
    """The rate of 200 repeats varies over 2,000 seeds by as much as it says."""
    rng = np.random.default_rng(1)
    every = [flip(rng.choice(3, 200, p=(0.1, 0.6, 0.3))) for _ in range(2_000)]
    spread = np.std([one.rate for one in every])
    assert np.mean([one.error for one in every]) == pytest.approx(spread, rel=0.1)


def test_too_many_units_are_not_drawn() -> None:
    """A million users would take minutes; few prompts have all repeats."""
    assert repeats_for(1_000_000) == 0
    assert repeats_for(10) == 400
