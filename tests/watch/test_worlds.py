"""Alarms in simulated rollouts whose generator shares no code with the policy."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.watch import HARM, HEALTHY, line, watched
from benchmarks.worlds.daily import DailyWorld, draw
from tests.often import EXHAUSTIVE
from tests.watch.made import PLAN

pytestmark = pytest.mark.slow  # hundreds of rollouts
ALLOWED, ERRORS = 0.05, 2  # false alarms, and Monte Carlo errors beside it
QUICK = [DailyWorld("days differ by 2 pp in each arm, 30 users", users=30, arm_sd=0.067)]


@pytest.mark.parametrize("world", HEALTHY if EXHAUSTIVE else QUICK, ids=lambda world: world.name)
def test_healthy_rollouts_ring_no_more_than_promised(world: DailyWorld) -> None:
    """Of rollouts without harm at most 5 % ring any alarm in two weeks, and two standard errors."""
    count = 500 if EXHAUSTIVE else 40
    error = np.sqrt(ALLOWED * (1 - ALLOWED) / count)
    assert watched(PLAN, world, count, seed=11).share <= ALLOWED + ERRORS * error


def test_a_loss_of_ten_points_is_found_within_four_days() -> None:
    """With 100 users an arm half of the rollouts that lose 10 points ring by the fourth day."""
    (world,) = (each for each in HARM if each.name == "pass rate −10 pp, 100 users an arm")
    rang = watched(PLAN, world, 60, seed=12, metrics=("passed",))
    assert np.median(rang.first) <= 4
    assert line(rang).startswith("| pass rate −10 pp, 100 users an arm | ")


def test_the_generator_draws_what_it_says() -> None:
    """Rates, their correlation within users, changes and weekends are as the world has them."""
    world = DailyWorld("x", users=200, icc=0.2, weekend=0.5, changes={"passed": -0.1}, days=7)
    both = draw(world, ("passed",), 20, np.random.default_rng(1))["passed"]
    treated, control = (arm.s.sum() / arm.n.sum() for arm in both)
    assert (treated, control) == pytest.approx((0.8, 0.9), abs=0.006)
    n, s = (part.sum(axis=1) for part in (both.control.n, both.control.s))
    rate = np.where(n > 0, s / np.maximum(n, 1), np.nan)
    between = np.nanvar(rate) - 0.09 * (1 - 0.2) / n[n > 0].mean()
    assert between / 0.09 == pytest.approx(0.2, abs=0.03)
    days = both.control.n.sum(axis=(0, 2))
    assert days[5:].mean() / days[:5].mean() == pytest.approx(0.5, abs=0.03)
