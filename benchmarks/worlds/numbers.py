"""Scores and latencies: bounded, whole, with rare catastrophes; lognormal, heavy, with timeouts.

A score is drawn as it is counted (yes-or-no points), so its mean is exact. The scale of a latency
is solved for on one large fixed draw, so that the mean of what is gated (capped where a cap is
named) is what was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.worlds.people import Arm, Seen
from benchmarks.worlds.rates import Rates, rates

if TYPE_CHECKING:
    from benchmarks.worlds.people import Floats, People

Shape = Literal["normal", "points", "ceiling", "two levels", "catastrophe"]
Load = Literal["lognormal", "timeouts", "slow users", "pareto", "cache"]
TOP = 10.0
LOST = 7.0  # points that a catastrophe costs
TIMEOUT = 30_000.0
LOG_SD = 0.5  # of a lognormal latency: skewness 1.75
# Lowest score, highest score, and yes-or-no points between them.
LEVELS = {"points": (0.0, TOP, 10), "ceiling": (0.0, TOP, 40), "two levels": (3.0, 9.0, 1)}


@dataclass(frozen=True, slots=True)
class Scores:
    """How scores are distributed.

    Attributes:
        shape: what they look like.
        icc: correlation of two samples of one unit.
        run_sd: of a run's own mean, in points.
        share: of units with a catastrophe in the treatment (7 points lost in all their samples).
    """

    shape: Shape = "normal"
    icc: float = 0.05
    run_sd: float = 0.0
    share: float = 0.0


def scores(
    study: People, how: Scores, control: float, treatment: float, rng: np.random.Generator,
    repetitions: int,
) -> Seen:  # fmt: skip
    """Draw a score from 0 to 10 in both arms; arguments as `rates`."""
    if how.shape not in LEVELS:
        return _normal(study, how, (control, treatment), rng, repetitions)
    low, high, points = LEVELS[how.shape]
    width = high - low
    of_points = how.icc / (points * (1 - how.icc) + how.icc)
    vary = Rates(icc=of_points, run_sd=how.run_sd / width)
    p0, p1 = ((mean - low) / width for mean in (control, treatment))
    counted = rates(study, vary, p0, p1, rng, repetitions, points=points)
    return Seen.of(_scored(arm, low, width, points) for arm in (counted.control, counted.treatment))


def _scored(arm: Arm, low: float, width: float, points: int) -> Arm:
    """Turn points into scores; within a cell they vary as so many points do."""
    n = np.maximum(arm.n, 1.0)
    share = arm.total / (n * points)
    total = low * arm.n + arm.total * width / points
    inside = width**2 * share * (1 - share) / points
    return Arm(arm.n, total, total**2 / n + np.maximum(arm.n - 1, 0.0) * inside)


def _normal(
    study: People, how: Scores, means: tuple[float, float], rng: np.random.Generator, times: int
) -> Seen:
    """Draw sums of a cell's normal samples at once, partners with the same luck where paired."""
    sd = 1.2
    between, within = sd * how.icc**0.5, sd * (1 - how.icc) ** 0.5
    size = [study.sizes(arm).astype(np.float64) for arm in (0, 1)]
    if study.kind == "independent":  # each sample is a unit of its own
        size = [_singles(sizes) for sizes in size]
    person = [rng.standard_normal((times, 1, s.shape[1])) for s in size]
    luck = [rng.standard_normal((times, *s.shape)) for s in size]
    if study.shared:
        person[1] = np.where(rng.random(person[1].shape) < study.bond, person[0], person[1])
        luck[1] = study.pairing * luck[0] + (1 - study.pairing**2) ** 0.5 * luck[1]
    arms: list[Arm] = []
    for arm, mean in enumerate(means):
        n, run = size[arm], how.run_sd * rng.standard_normal((times, study.runs, 1))
        value = mean + between * person[arm] + run
        if arm and how.share:
            value = value + LOST * (how.share - (rng.random(person[arm].shape) < how.share))
        total = n * value + within * np.sqrt(n) * luck[arm]
        inside = within**2 * rng.chisquare(np.maximum(n - 1, 1e-9), total.shape)
        square = np.where(n > 0, total**2 / np.maximum(n, 1), 0.0) + np.where(n > 1, inside, 0.0)
        arms.append(Arm(np.broadcast_to(n, total.shape), total, square))
    return Seen.of(arms)


def _singles(sizes: Floats) -> Floats:
    """Give every sample a place of its own: counts by run become a table of 0 and 1."""
    counts = sizes[:, 0].astype(np.int64)
    run = np.repeat(np.arange(len(counts)), counts)
    return (run[None, :] == np.arange(len(counts))[:, None]).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Latencies:
    """How latencies are distributed.

    Attributes:
        load: lognormal; the same with timeouts at 30 s, with slow users (3 times slower), with a
            Pareto tail, or a cache that answers half of the calls ten times faster.
        icc: correlation of two samples of one unit, of the logarithms.
        share: of timeouts, or of slow users; the Pareto tail's exponent.
        run_sd: relative, of a run's load.
        cap: what is gated is the mean of min(latency, cap); 0 for no cap but the timeout's.
    """

    load: Load = "lognormal"
    icc: float = 0.05
    share: float = 0.0
    run_sd: float = 0.0
    cap: float = 0.0


def latencies(
    study: People, how: Latencies, mean: float, rng: np.random.Generator, repetitions: int
) -> Seen:
    """Draw the treatment's latencies; the control is the treatment (its gate needs none)."""
    scale = _scale(how, mean)
    sizes = study.sizes(1)
    n = _singles(sizes.astype(np.float64)) if study.kind == "independent" else sizes
    per = int(n.max())
    person = rng.standard_normal((repetitions, 1, n.shape[1], 1))
    slow = rng.random((repetitions, 1, n.shape[1], 1))
    run = rng.standard_normal((repetitions, study.runs, 1, 1))
    total, square = (np.zeros((repetitions, *n.shape)) for _ in range(2))
    for k in range(per):  # a sample of every cell at a time
        sampled = n > k
        value = _values(how, rng, person[..., 0], slow[..., 0], run[..., 0], total.shape)
        latency = np.where(sampled, _capped(value * scale, how), 0.0)
        total += latency
        square += latency**2
    arm = Arm(np.broadcast_to(n.astype(np.float64), total.shape), total, square)
    return Seen(arm, arm)


def _values(
    how: Latencies, rng: np.random.Generator, person: Floats, slow: Floats, run: Floats,
    shape: tuple[int, ...],
) -> Floats:  # fmt: skip
    z = how.icc**0.5 * person + (1 - how.icc) ** 0.5 * rng.standard_normal(shape)
    load = np.exp(how.run_sd * run - how.run_sd**2 / 2)
    if how.load == "pareto":
        return load * rng.pareto(how.share, shape) + load
    value = np.exp(LOG_SD * z) * load
    if how.load == "slow users":
        value = np.where(slow < how.share, 3 * value, value)
    if how.load == "cache":
        value = np.where(rng.random(shape) < 0.5, value / 10, value)  # noqa: PLR2004 -- half
    if how.load == "timeouts":
        value = np.where(rng.random(shape) < how.share, np.inf, value)
    return value


def _capped(value: Floats, how: Latencies) -> Floats:
    return np.minimum(value, min(how.cap or TIMEOUT, TIMEOUT))


@cache
def _scale(how: Latencies, mean: float) -> float:
    """Return by what latencies are multiplied so that the capped mean is that mean."""
    rng = np.random.default_rng(7)
    shape = (1_000_000,)
    person, slow, run = rng.standard_normal(shape), rng.random(shape), rng.standard_normal(shape)
    value = _values(how, rng, person, slow, run, shape)
    low, high = mean / 100, mean * 100
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _capped(value * middle, how).mean() < mean else (low, middle)
    return float(low)
