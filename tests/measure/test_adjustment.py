"""Regression adjustment.

Unbiased, narrower by 1 − ρ², and without effect where there is nothing to gain.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from rolloutlib.errors import UsageError
from rolloutlib.measure.adjustment import adjust, check, slope
from rolloutlib.measure.design import Arms
from rolloutlib.measure.moments import Cells, Key, MomentTable

PAIR = ("a", "b")


def _arm(values: np.ndarray) -> Cells:
    return Cells(np.ones(len(values)), values, np.zeros(len(values)))


def _side_by_side(treatment: np.ndarray, control: np.ndarray) -> Arms:
    """Lay two arms of different units next to each other, as the moments of nested units are."""
    nothing = [Cells(np.zeros(n), np.zeros(n), np.zeros(n)) for n in (len(treatment), len(control))]
    treated, untreated = _arm(treatment), _arm(control)
    return Arms(_joined(untreated, nothing[0]), _joined(nothing[1], treated), "user")


def _joined(a: Cells, b: Cells) -> Cells:
    return Cells(
        *(np.concatenate([getattr(a, part), getattr(b, part)]) for part in ("n", "mean", "m2"))
    )


def _world(
    rng: np.random.Generator, *, users: int = 200, rho: float = 0.8, effect: float = 0.3
) -> tuple[Arms, Arms]:
    x = rng.normal(5, 2, (2, users))
    y = 7 + rho * (x - 5) / 2 + np.sqrt(1 - rho**2) * rng.normal(size=(2, users))
    return _side_by_side(y[0] + effect, y[1]), _side_by_side(x[0], x[1])


def test_slope_is_the_least_squares_slope_within_arms() -> None:
    """With one arm the slope is SciPy's."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=50)
    y = 2 * x + rng.normal(size=50)
    empty = Cells(np.zeros(50), np.zeros(50), np.zeros(50))
    arms = [Arms(empty, _arm(values), "user") for values in (y, x)]
    assert slope(arms[0], arms[1]) == pytest.approx(linregress(x, y).slope, rel=1e-12)


def test_adjusted_effect_is_unbiased_and_narrower() -> None:
    """Over 300 worlds the adjusted difference is right and its variance falls by ρ²."""
    rng = np.random.default_rng(2)
    plain, adjusted = np.empty(300), np.empty(300)
    for k in range(300):
        metric, covariate = _world(rng)
        shifted, _ = adjust(metric, covariate)
        plain[k], adjusted[k] = (
            (arms.treatment.total.sum() - arms.control.total.sum()) / 200
            for arms in (metric, shifted)
        )
    assert adjusted.mean() == pytest.approx(0.3, abs=4 * adjusted.std() / np.sqrt(300))
    assert adjusted.var() / plain.var() == pytest.approx(1 - 0.8**2, abs=0.1)


def test_constant_covariate_changes_nothing() -> None:
    """A covariate that does not vary has slope 0 and leaves every value as it is."""
    metric, _ = _world(np.random.default_rng(3))
    flat = _side_by_side(np.full(200, 4.0), np.full(200, 4.0))
    shifted, theta = adjust(metric, flat)
    assert theta == 0
    assert np.array_equal(shifted.treatment.mean, metric.treatment.mean)


def test_unknown_covariates_keep_their_values() -> None:
    """Units without a covariate are neither shifted nor used for the slope."""
    metric, covariate = _world(np.random.default_rng(4))
    covered = np.arange(400) % 2 == 0
    both = (covariate.control, covariate.treatment)
    blank = [
        Cells(np.where(covered, cells.n, 0.0), np.where(covered, cells.mean, 0.0), cells.m2)
        for cells in both
    ]
    shifted, _ = adjust(metric, Arms(blank[0], blank[1], "user"))
    assert np.array_equal(shifted.control.mean[~covered], metric.control.mean[~covered])
    assert not np.array_equal(shifted.control.mean[covered], metric.control.mean[covered])


def test_pairs_with_a_shared_covariate_are_unchanged() -> None:
    """Where a pair shares the covariate, every within-pair difference stays as it is."""
    rng = np.random.default_rng(5)
    x = _arm(rng.normal(size=60))
    metric = Arms(_arm(rng.normal(size=60)), _arm(rng.normal(size=60)), "prompt")
    shifted, theta = adjust(metric, Arms(x, x, "prompt"))
    assert theta != 0
    gaps = [arms.treatment.mean - arms.control.mean for arms in (metric, shifted)]
    np.testing.assert_allclose(gaps[1], gaps[0], atol=1e-12)


def _covariates(control: list[float | None], treatment: list[float | None]) -> MomentTable:
    """Return the moments of users of two arms, a sample each; None where none is known."""
    values = [*control, *treatment]
    names = tuple(f"u{k}" for k in range(len(values)))
    arm = np.repeat([0, 1], [len(control), len(treatment)])
    keys = {"arm": Key(arm, PAIR), "cluster": Key(np.arange(len(values)), names)}
    n = np.array([value is not None for value in values], dtype=np.float64)
    cells = Cells(n, np.array([value or 0.0 for value in values]), np.zeros(len(values)))
    return MomentTable(keys, np.ones(len(values)), {"covariate": cells})


def test_a_covariate_that_one_arm_lacks_is_refused() -> None:
    """Ten of thirty users without history in one arm only is no chance; in both it is fine."""
    full: list[float | None] = [1.0] * 30
    lost: list[float | None] = [*[None] * 10, *[1.0] * 20]
    with pytest.raises(UsageError, match="0 of 30 units of arm a and 10 of 30 of arm b"):
        check(_covariates(full, lost), PAIR)
    check(_covariates(lost, lost), PAIR)
    check(_covariates(full, full), PAIR)


def test_a_covariate_that_nobody_has_is_refused() -> None:
    """Nothing to adjust by is said, not passed over."""
    with pytest.raises(UsageError, match="no sample carries a covariate"):
        check(_covariates([None] * 3, [None] * 3), PAIR)
