"""Rollouts day by day: people who stay, join and leave, days with a mood of their own, both arms.

Nothing of the policy is used here. Arrays are (repetitions, days, units); entry g of both arms is
the same unit where people are in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Arm", "Both", "DailyWorld", "draw"]

BINARY = {
    "passed": 0.90,
    "vetoed": 0.03,
    "any_issue": 0.15,
    "issue:hallucination": 0.06,
    "error": 0.002,
}
SCORE, SCORE_SD = 8.0, 1.3
WEEKDAYS = 5
PASS_SD = 0.3  # of a sample, at a pass rate of .9
LATENCY_MS, LATENCY_CV = 1400.0, 0.45


class Arm(NamedTuple):
    """Samples, sums and sums of squares, each (repetitions, days, units)."""

    n: Floats
    s: Floats
    q: Floats


class Both(NamedTuple):
    """One metric in both arms."""

    treatment: Arm
    control: Arm


@dataclass(frozen=True)
class DailyWorld:
    """A kind of rollout.

    Attributes:
        users: of each arm; where people are in both, in all.
        crossed: people are in both arms.
        icc: how alike a user's samples are.
        day_sd: standard deviation of what both arms share of a day, in a sample's own (.02 / .3
            is 2 pp of a pass rate of .9); of rates it moves the odds.
        arm_sd: of what an arm has of a day for itself.
        samples: of a user a day, Poisson.
        weekend: share of the usual samples on days 6 and 7.
        stay: chance that a user is there on a day; below 1 they come and go.
        growth: users of the first day as a share of all; the others join evenly.
        ratio: users of the control for each of the treatment.
        one_day: whether everybody is seen on one day only.
        heavy: Pareto tail of latencies (index 2.2) instead of lognormal ones.
        rates: other base rates.
        changes: effect on the treatment by metric: added to a rate or a score, a factor of
            latencies and errors.
        starts: first day (0 …) on which the effect is there.
    """

    name: str
    users: int = 100
    crossed: bool = False
    icc: float = 0.1
    day_sd: float = 0.0
    arm_sd: float = 0.0
    samples: float = 5.0
    weekend: float = 1.0
    stay: float = 1.0
    growth: float = 1.0
    ratio: float = 1.0
    one_day: bool = False
    heavy: bool = False
    rates: dict[str, float] = field(default_factory=dict[str, float])
    changes: dict[str, float] = field(default_factory=dict[str, float])
    starts: int = 0
    days: int = 14


def draw(
    world: DailyWorld, metrics: tuple[str, ...], repetitions: int, rng: np.random.Generator
) -> dict[str, Both]:
    """Draw rollouts; the metrics share who came when, and nothing else."""
    sizes = _sizes(world, repetitions, rng)
    return {metric: Both(*_arms(world, metric, sizes, rng)) for metric in metrics}


def _sizes(world: DailyWorld, repetitions: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Samples of both arms, the treatment's first."""
    controls = max(round(world.users * world.ratio), 1)
    units = world.users if world.crossed else world.users + controls
    shape = (repetitions, world.days, units)
    present = rng.random(shape) < world.stay
    if world.growth < 1:
        joins = np.maximum(rng.random((repetitions, 1, units)) - world.growth, 0) / (
            1 - world.growth
        )
        present &= np.arange(world.days)[:, None] >= joins * world.days
    if world.one_day:
        present &= np.arange(world.days)[:, None] == np.arange(units) % world.days
    pace = (
        np.where(np.arange(world.days) % 7 >= WEEKDAYS, world.weekend, 1.0)[:, None] * world.samples
    )
    counts = [np.where(present, rng.poisson(pace, shape), 0).astype(float) for _ in range(2)]
    if world.crossed:
        return counts[0], counts[1]
    treated = np.arange(units) < world.users
    return np.where(treated, counts[0], 0.0), np.where(treated, 0.0, counts[0])


def _arms(
    world: DailyWorld, metric: str, sizes: tuple[Floats, Floats], rng: np.random.Generator
) -> tuple[Arm, Arm]:
    repetitions, days, units = sizes[0].shape
    bent = rng.standard_normal((repetitions, 1, units))
    shared = world.day_sd * rng.standard_normal((repetitions, days, 1))
    active = (np.arange(days) >= world.starts)[:, None]
    arms: list[Arm] = []
    for treatment, n in zip((True, False), sizes, strict=True):
        mood = shared + world.arm_sd * rng.standard_normal((repetitions, days, 1))
        own = 0.8 * bent + 0.6 * rng.standard_normal(bent.shape) if world.crossed else bent
        change = world.changes.get(metric) if treatment else None
        arms.append(_values(world, metric, n, (own, mood), (change, active), rng))
    return arms[0], arms[1]


def _values(
    world: DailyWorld, metric: str, n: Floats, moods: tuple[Floats, Floats],
    change: tuple[float | None, Floats], rng: np.random.Generator,
) -> Arm:  # fmt: skip
    (own, mood), (effect, active) = moods, change
    if metric in BINARY:
        rate = world.rates.get(metric, BINARY[metric])
        if effect is not None:
            rate = (
                rate * np.where(active, effect, 1.0)
                if metric == "error"
                else rate + effect * active
            )
        events = rng.binomial(n.astype(int), _rates(rate, own, mood, world.icc)).astype(float)
        return Arm(n, events, events)
    if metric == "score":
        centre = SCORE + SCORE_SD * (np.sqrt(world.icc) * own + mood) + (effect or 0.0) * active
        return _measured(n, centre, SCORE_SD * np.sqrt(1 - world.icc), rng)
    factor = np.where(active, effect or 1.0, 1.0)
    return _latencies(world, n, factor * (1 + LATENCY_CV * (np.sqrt(world.icc) * own + mood)), rng)


def _rates(rate: Floats | float, own: Floats, mood: Floats, icc: float) -> Floats:
    """Beta-distributed rates of users by their quantiles, whose odds a day moves."""
    from scipy import special

    if icc:
        spread = 1 / icc - 1
        quantile = np.clip(special.ndtr(own), 1e-9, 1 - 1e-9)
        if np.ndim(rate):
            kinds = np.unique(rate)
            table = {k: special.betaincinv(k * spread, (1 - k) * spread, quantile) for k in kinds}
            base = sum(np.where(rate == k, table[k], 0.0) for k in kinds)
        else:
            base = special.betaincinv(rate * spread, (1 - rate) * spread, quantile)
    else:
        base = np.broadcast_to(rate, own.shape)
    inside = np.clip(base, 1e-12, 1 - 1e-12)
    return special.expit(special.logit(inside) + mood / PASS_SD)


def _measured(n: Floats, centre: Floats, sd: float, rng: np.random.Generator) -> Arm:
    """Normal values: their mean and their sum of squares are drawn, not each of them."""
    size = np.maximum(n, 1)
    mean = centre + sd * rng.standard_normal(n.shape) / np.sqrt(size)
    inside = sd**2 * rng.chisquare(np.maximum(n - 1, 1e-9))
    s = n * mean
    return Arm(n, s, n * mean**2 + np.where(n > 1, inside, 0.0))


def _latencies(world: DailyWorld, n: Floats, level: Floats, rng: np.random.Generator) -> Arm:
    """Sums of skewed values, sample by sample, up to the most that a user has; capped at 6,000."""
    s, q = np.zeros(n.shape), np.zeros(n.shape)
    sigma = np.sqrt(np.log1p(LATENCY_CV**2 * (1 - world.icc)))
    level = np.maximum(level, 0.1)
    for k in range(int(n.max())):
        if world.heavy:
            noise = (rng.pareto(2.2, n.shape) + 1) * (1.2 / 2.2)
        else:
            noise = np.exp(sigma * rng.standard_normal(n.shape) - sigma**2 / 2)
        value = np.where(n > k, np.minimum(LATENCY_MS * level * noise, 6000.0), 0.0)
        s, q = s + value, q + value**2
    return Arm(n, s, q)
