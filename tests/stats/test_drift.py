"""A step in a row of runs: against Student's test, least squares and rows without a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from rolloutlib.stats.drift import DRAWS, later_bounds, step_test, weighted_holm
from rolloutlib.stats.sequential import holm
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TINY = 1e-9  # sampling variance that never decides
RNG = np.random.default_rng(8)


@pytest.mark.parametrize("m", [5, 8, 20])
def test_one_split_of_equal_runs_is_students_test(m: int) -> None:
    """The step, and its p-value but for the error of the draws, are those of two groups' t."""
    values = RNG.normal(0, 1, m)
    both_steps = step_test(values, np.full(m, TINY), [3])
    step, side = min(zip(both_steps, ("less", "greater"), strict=True), key=lambda both: both[0].p)
    theirs = stats.ttest_ind(values[-3:], values[:-3], alternative=side)
    error = 4 * (theirs.pvalue * (1 - theirs.pvalue) / DRAWS) ** 0.5 + 1 / DRAWS
    assert step.p == pytest.approx(theirs.pvalue, abs=error)
    assert (step.before, step.after) == pytest.approx((values[:-3].mean(), values[-3:].mean()))


def test_unequal_runs_are_least_squares() -> None:
    """With known weights the later mean and its bounds are those of weighted least squares."""
    values, n = RNG.normal(0, 1, 9), RNG.integers(20, 400, 9).astype(float)
    sampling = 1e-6 / n  # the spread of the runs outweighs it: nearly equal weights
    lower, upper = later_bounds(values, sampling, 4, 0.95)
    late = np.arange(9) >= 5
    design = np.column_stack([~late, late]).astype(float)
    beta, squares, *_ = np.linalg.lstsq(design, values, rcond=None)
    reach = stats.t.ppf(0.95, 7) * np.sqrt(squares[0] / 7 / 4)
    assert (lower, upper) == pytest.approx((beta[1] - reach, beta[1] + reach), rel=1e-3)


def test_directions_mirror() -> None:
    """Turned upside down, a step down is a step up."""
    values, sampling = RNG.normal(0, 1, 10), np.full(10, 0.2)
    (down, up), (again, other) = (step_test(v, sampling, [3, 5]) for v in (values, -values))
    assert (down.late, up.late) == (other.late, again.late)
    assert down.p == pytest.approx(other.p, abs=0.03)


@pytest.mark.parametrize(
    "values", [np.zeros(10), np.full(10, 0.37), np.r_[np.zeros(7), np.full(3, 1e-3)]]
)
def test_no_spread_proves_nothing(values: Floats) -> None:
    """Runs that are alike by luck are no yardstick: the samples' own error stays."""
    assert min(step.p for step in step_test(values, np.full(10, 1e-4), [3, 5, 7])) > 0.3


def test_a_turn_is_found_wherever_it_is() -> None:
    """Of +5 then −5 points after 3, 5 or 7 of 10 runs the split that fits is told."""
    for late in (3, 5, 7):
        values = np.r_[np.full(10 - late, 0.05), np.full(late, -0.05)] + RNG.normal(0, 0.01, 10)
        down = step_test(values, np.full(10, 1e-4), [3, 5, 7])[0]
        assert (down.late, down.p < 0.01) == (late, True)


def test_equal_weights_are_holms() -> None:
    """Weighted adjustment with equal weights is Holm's; a heavier test is adjusted less."""
    p_values = RNG.uniform(0, 0.2, 12)
    assert weighted_holm(p_values.tolist(), [2.0] * 12) == pytest.approx(holm(p_values))
    heavy, light = weighted_holm([0.02, 0.02, 0.9], [2, 1, 1])[:2]
    assert (heavy, light) == pytest.approx((0.04, 0.04))
    assert weighted_holm([0.02, 0.9, 0.9], [2, 1, 1])[0] == pytest.approx(0.04)


WORLDS = {  # runs, samples a run, sd of runs in points, rate, users that all runs share
    "few small runs": (4, 30, 0.0, 0.9, 0),
    "noisy long runs": (6, 3000, 0.02, 0.9, 0),
    "noisy short runs": (10, 100, 0.02, 0.9, 0),
    "rare": (8, 200, 0.0, 0.998, 0),
    "shared users": (10, 300, 0.0, 0.9, 30),
    "many runs": (20, 300, 0.01, 0.9, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_runs_without_an_order_are_no_drift(name: str) -> None:
    """Exchangeable runs, however they differ, are called a step down at most 5 times of 100."""
    m, n, sd, rate, users = WORLDS[name]
    rng, most = np.random.default_rng(len(name)), 4000 if EXHAUSTIVE else 300
    splits = sorted({late for late in (3, m // 2, m - 3) if 1 < late < m})
    alarms = [step_test(*row(rng, m, n, sd, rate, users), splits)[0].p < 0.05 for _ in range(most)]
    assert np.mean(alarms) <= 0.05 + 2.5 * (0.05 * 0.95 / most) ** 0.5


def row(
    rng: np.random.Generator, m: int, n: int, sd: float, rate: float, users: int
) -> tuple[Floats, Floats]:
    """Draw differences of two arms' runs and their sampling variances."""
    means: list[Floats] = []
    people = rng.beta(rate * 4, (1 - rate) * 4, users) if users else np.array([rate])
    for _ in range(2):
        chances = np.clip(people + rng.normal(0, sd, m)[:, None], 0, 1)
        each = n // len(people)
        means.append(rng.binomial(each, chances).sum(axis=1) / (each * len(people)))
    sampling = sum((x.mean() + 1 / (m * n)) * (1 - x.mean()) / n for x in means)
    return means[1] - means[0], np.full(m, sampling + 1e-12)
