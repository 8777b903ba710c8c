"""Limits of daily looks, spent by the calendar, and daily contrasts with days as a source."""

from __future__ import annotations

import numpy as np
import pytest

from rolloutlib.stats import clusters, sequential
from rolloutlib.stats.calendar import calendar_limits
from rolloutlib.stats.daily import DayArm, daily_contrast

DAYS = np.arange(1, 15) / 14


def test_limits_are_those_of_the_spending_function_where_information_is_time() -> None:
    """With information that grows with the days both algorithms give the same limits."""
    usual = sequential.lan_demets_boundaries(DAYS.tolist(), alpha=0.02, spending="pocock")
    limits = calendar_limits(np.stack([DAYS, 70 * DAYS]), DAYS, alpha=[0.02, 0.02])
    np.testing.assert_allclose(limits, [usual, usual], atol=2e-4)


@pytest.mark.parametrize("icc", [0.0, 0.2])
def test_paths_cross_in_as_many_cases_as_are_spent(icc: float) -> None:
    """Brownian paths, also where persistent users let information grow ever slower."""
    n = 5 * np.arange(1, 15)
    information = n / (1 + (n - 1) * icc)
    limits = calendar_limits(information, DAYS, alpha=0.05)
    steps = np.diff(information, prepend=0.0)
    paths = np.random.default_rng(1).standard_normal((40_000, 14)) * np.sqrt(steps)
    crossed = (np.cumsum(paths, axis=1) / np.sqrt(information) > limits).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.008)


def test_a_day_without_a_look_leaves_its_error_to_the_next() -> None:
    """No information is no look; less than before is one, with the limit of hardly any more."""
    gap = calendar_limits([1.0, 0.0, 3.0, 2.9], [0.25, 0.5, 0.75, 1.0], alpha=0.05)
    assert np.isinf(gap[1])
    whole = calendar_limits([1.0, 2.0, 3.0, 2.9], [0.25, 0.5, 0.75, 1.0], alpha=0.05)
    assert gap[2] < whole[2]
    assert np.isfinite(gap[3])


def test_spending_by_the_calendar_is_exact_for_counts() -> None:
    """Binomial limits of days whose sizes nobody planned reject in at most alpha at the limit."""
    sizes, elapsed = [40, 300, 350, 900], [0.25, 0.5, 0.75, 1.0]
    limits = sequential.binomial_spending_limits(sizes, p0=0.01, elapsed=elapsed)
    events = np.cumsum(
        np.random.default_rng(3).binomial(np.diff([0, *sizes]), 0.01, (100_000, 4)), axis=1
    )
    assert 0.02 < np.mean((events >= limits).any(axis=1)) <= 0.051
    assert sequential.binomial_spending_limits([400_000], p0=0.01)[0] == 4105  # scipy's binom.isf


def arms(days: int, users: int, rng: np.random.Generator) -> tuple[DayArm, DayArm]:
    """Draw both arms, users nested: the first half is treated."""
    treated = np.arange(users) < users // 2
    made: list[DayArm] = []
    for in_arm in (treated, ~treated):
        n = np.where(in_arm, rng.integers(1, 9, (days, users)), 0).astype(float)
        s = rng.binomial(n.astype(int), 0.8).astype(float)
        made.append(DayArm(n, s, s))
    return made[0], made[1]


def test_the_first_day_is_the_clustered_contrast() -> None:
    """Without a spread of days and with one of them, units alone decide: CR3 of that day."""
    treated, control = arms(1, 40, np.random.default_rng(5))
    looks = daily_contrast(treated, control, spread=0.0)
    contrast = clusters.cluster_contrast(treated.n[0], treated.s[0], control.n[0], control.s[0])
    assert (looks.point[0], looks.se[0], looks.df[0]) == pytest.approx(tuple(contrast), rel=1e-9)


def test_the_spread_of_days_is_dersimonian_and_lairds() -> None:
    """Single samples of ten days: the estimate by its textbook sums, shrunk to the assumed one."""
    rng = np.random.default_rng(7)
    n = np.full((10, 1), 50.0)
    means = [0.5 + 0.1 * rng.standard_normal(10) for _ in range(2)]
    treated, control = (DayArm(n, n * m[:, None], n * (m[:, None] ** 2 + 0.25)) for m in means)
    looks = daily_contrast(treated, control, spread=0.1, alone=True)
    values = [np.concatenate([[m + 0.5] * 25 + [m - 0.5] * 25 for m in mean]) for mean in means]
    variances = [value.var(ddof=1) for value in values]
    weight = np.full(10, 1 / (sum(variances) / 50))
    apart = means[0] - means[1]
    q = float((weight * (apart - apart.mean()) ** 2).sum())
    between = max(q - 9, 0) / (weight.sum() - (weight**2).sum() / weight.sum())
    alike = sum(variances) + apart.mean() ** 2 / 2  # as if both arms were one
    shrunk = (4 * 0.1**2 * alike + 9 * between) / 13
    assert looks.se[-1] ** 2 == pytest.approx(sum(variances) / 500 + shrunk / 10, rel=1e-9)


def test_what_both_arms_share_of_a_day_cancels() -> None:
    """A day on which everything is higher moves no contrast, however unlike the arms' sizes."""
    rng = np.random.default_rng(9)
    treated, control = arms(6, 30, rng)
    treated = DayArm(treated.n * np.array([1, 1, 1, 5, 5, 5])[:, None], treated.s, treated.q)
    lift = np.array([0, 2, 0, 0, 3, 1.0])[:, None]
    lifted = [DayArm(arm.n, arm.s + lift * arm.n, arm.q) for arm in (treated, control)]
    np.testing.assert_allclose(
        daily_contrast(*lifted, spread=0.1).point,
        daily_contrast(treated, control, spread=0.1).point,
    )


def test_nothing_to_tell_is_no_look() -> None:
    """A day without one arm, and an arm of one unit, have neither error nor freedom."""
    treated, control = arms(3, 8, np.random.default_rng(11))
    absent = DayArm(*(part * np.array([[0], [1], [1]]) for part in control))
    looks = daily_contrast(treated, absent, spread=0.1)
    assert np.isnan(looks.point[0])
    assert np.isinf(looks.se[0])
    assert looks.fresh.tolist() == [0, 1, 1]
    single = DayArm(*(part * (np.arange(8) == 0) for part in treated))
    assert np.isnan(daily_contrast(single, control, spread=0.1).z()).all()
