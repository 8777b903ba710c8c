"""How often verdicts flip: closed forms, and what a repeat keeps of the design."""

from __future__ import annotations

import numpy as np
import pytest

from rolloutlib.stats.flips import drawn, flip, pooled, repeats_for, taken

TREATED = np.array([True, True, True, False, False, True])
CONTROL = np.array([True, True, False, True, False, True])


def test_a_repeat_keeps_the_sizes_of_the_arms() -> None:
    """Three shared units, one of either arm alone, one of nobody: every repeat has 4 and 4."""
    draws = drawn(TREATED, CONTROL, 50, np.random.default_rng(0))
    values = np.arange(1.0, 7.0)
    treated, control = taken(draws, np.where(TREATED, values, 0), np.where(CONTROL, 10 * values, 0))
    assert (np.sum(treated > 0, axis=1) == 4).all()
    assert (np.sum(control > 0, axis=1) == 4).all()
    shared = (treated > 0) & (control > 0)
    assert (control[shared] == 10 * treated[shared]).all()  # a pair stays a pair
    assert set(treated[(treated > 0) & ~shared]) == {3.0}
    assert set(control[(control > 0) & ~shared]) == {40.0}


def test_of_one_pool_either_arm_gets_either_value() -> None:
    """Shared units exchange their arms as a whole; a unit of one arm is drawn for the other too."""
    draws = pooled(TREATED, CONTROL, 400, np.random.default_rng(0))
    values = np.arange(1.0, 7.0)
    treated, control = taken(draws, np.where(TREATED, values, 0), np.where(CONTROL, 10 * values, 0))
    shared = (treated > 0) & (control > 0)
    ratio = control[shared] / treated[shared]
    assert set(np.round(ratio, 9)) == {10.0, 0.1}
    assert np.mean(ratio > 1) == pytest.approx(0.5, abs=0.05)
    assert set(treated[(treated > 0) & ~shared]) == {3.0, 40.0}


def test_the_rate_of_pairs_that_differ() -> None:
    """All pairs of ten verdicts, counted by hand, and a coin's rate of one half."""
    verdicts = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
    differ = [a != b for i, a in enumerate(verdicts) for b in verdicts[i + 1 :]]
    assert flip(verdicts).rate == pytest.approx(np.mean(differ))
    coin = flip(np.random.default_rng(0).integers(0, 2, 100_000))
    assert coin.rate == pytest.approx(0.5, abs=0.01)


def test_its_error_is_that_of_chance() -> None:
    """Over 1,000 seeds the interval of 200 repeats holds the true rate in 95 of 100."""
    rng, share = np.random.default_rng(1), np.array([0.1, 0.6, 0.3])
    true = 1 - np.sum(share**2)
    every = [flip(rng.choice(3, 200, p=share)) for _ in range(1_000)]
    coverage = np.mean([interval.lower <= true <= interval.upper for interval in every])
    assert coverage == pytest.approx(0.95, abs=0.02)


def test_repeats_that_all_agree_leave_something_open() -> None:
    """None of 300 differs: by the exact bound fewer than 1.3 %, not none."""
    same = np.full(300, 2)
    alone, pairs = flip(same, own=2), flip(same)
    assert (alone.rate, alone.lower, pairs.rate, pairs.lower) == (0, 0, 0, 0)
    assert alone.upper == pytest.approx(1 - 0.025 ** (1 / 300))
    assert pairs.upper == pytest.approx(2 * alone.upper * (1 - alone.upper))


def test_too_many_units_are_not_drawn() -> None:
    """A million users would take minutes; few prompts have all repeats."""
    assert repeats_for(1_000_000) == 0
    assert repeats_for(10) == 400
