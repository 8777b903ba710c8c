"""Proportions: beta-binomial users, answers that share their luck, run effects, prompts, teams.

Every step keeps the mean exactly: an effect moves a proportion p to p·m/p₀ below its mean p₀ and to
1 − (1 − p)(1 − m)/(1 − p₀) above it, where m is drawn from a beta distribution with mean p₀.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.worlds.people import Arm, Seen, kept

if TYPE_CHECKING:
    from benchmarks.worlds.people import Floats, People


@dataclass(frozen=True, slots=True)
class Rates:
    """What varies beside chance.

    Attributes:
        icc: intra-class correlation of two samples of one unit.
        run_sd: standard deviation of a run's own rate, each arm's runs for themselves.
        shared_sd: the same, of days that both arms share.
        prompts, prompt_sd: how many prompts the users answer, and how the effect of the treatment
            varies by prompt.
        teams, team_sd: units in one team, and how the effect varies by team.
        bad_users: share of the units that hold all events; 0 for none. Where so few could not have
            as many, all samples of somewhat more units have one.
        outage: share of the runs that hold all events; 0 for none.
    """

    icc: float = 0.05
    run_sd: float = 0.0
    shared_sd: float = 0.0
    prompts: int = 0
    prompt_sd: float = 0.0
    teams: int = 0
    team_sd: float = 0.0
    bad_users: float = 0.0
    outage: float = 0.0


def rates(
    study: People, vary: Rates, control: float, treatment: float, rng: np.random.Generator,
    repetitions: int, *, points: int = 1,
) -> Seen:  # fmt: skip
    """Draw one proportion in both arms.

    Args:
        study: who is observed.
        vary: what varies beside chance.
        control: the true proportion.
        treatment: likewise.
        rng: seeded.
        repetitions: how often the study is repeated.
        points: yes-or-no points that each sample consists of; their sum is its value.
    """
    size = tuple(study.sizes(arm) for arm in (0, 1))
    bents = _bents(study, vary, (control, treatment), rng, repetitions)
    day = _effect(rng, 0.5, vary.shared_sd, (repetitions, study.runs, 1))
    p: list[Floats] = []
    for arm, mean in enumerate((control, treatment)):
        run = _effect(rng, mean, vary.run_sd, (repetitions, study.runs, 1))
        rate = _moved(bents[arm][:, None, :], mean, run)
        rate = _moved(rate, 0.5, day) if vary.shared_sd else rate
        p.append(_outages(rate, vary.outage, rng) if vary.outage else rate)
    if vary.team_sd:
        p[1] = _by_team(p[1], treatment, vary, rng)
    n: list[Floats] = [
        np.broadcast_to(s, rate.shape).astype(np.float64) for s, rate in zip(size, p, strict=True)
    ]
    if vary.prompts:
        return _by_prompt(study, vary, (control, treatment), p, n, rng)
    together = study.pairing if study.shared else 0.0
    x0, x1 = _events(n[0] * points, p[0], n[1] * points, p[1], together, rng)
    if not study.missing:
        return Seen(Arm(n[0], x0), Arm(n[1], x1))
    return Seen.of(_lossy(study, x, count, rng) for x, count in ((x0, n[0]), (x1, n[1])))


def _lossy(study: People, events: Floats, n: Floats, rng: np.random.Generator) -> Arm:
    left = kept(rng, events, study.missing)
    return Arm(left + kept(rng, n - events, study.missing), left)


def beta(rng: np.random.Generator, mean: float, icc: float, shape: tuple[int, ...]) -> Floats:
    """Draw proportions with that mean, whose binomial samples have that correlation."""
    if not icc or not 0 < mean < 1:
        return np.full(shape, mean)
    weight = 1 / icc - 1
    return rng.beta(mean * weight, (1 - mean) * weight, shape)


def _bents(
    study: People, vary: Rates, means: tuple[float, float], rng: np.random.Generator, times: int
) -> tuple[Floats, Floats]:
    """Return each unit's own proportion in both arms; where units are shared, most keep theirs."""
    widths = [study.sizes(arm).shape[1] for arm in (0, 1)]
    if vary.bad_users:
        return tuple(_bad(rng, mean, vary.bad_users, (times, width))
                     for mean, width in zip(means, widths, strict=True))  # type: ignore[return-value]  # fmt: skip
    control = beta(rng, means[0], vary.icc, (times, widths[0]))
    treatment = beta(rng, means[1], vary.icc, (times, widths[1]))
    if study.shared:
        same = rng.random((times, widths[1])) < study.bond
        treatment = np.where(same, _moved(control, means[0], means[1]), treatment)
    return control, treatment


def _bad(rng: np.random.Generator, mean: float, share: float, shape: tuple[int, ...]) -> Floats:
    """Give all events to a share of the units, and to no fewer than have them all the time."""
    share = max(share, mean)
    return np.where(rng.random(shape) < share, mean / share, 0.0)


def _effect(rng: np.random.Generator, mean: float, sd: float, shape: tuple[int, ...]) -> Floats:
    spread = sd**2 / (mean * (1 - mean)) if sd else 0.0
    return beta(rng, mean, min(spread, 0.99), shape)


def _moved(p: Floats, mean: float, to: Floats | float) -> Floats:
    """Move proportions of that mean so that their mean is `to`, within 0 and 1."""
    down, up = p * np.minimum(to / mean, 1.0), (1 - p) * np.minimum((1 - to) / (1 - mean), 1.0)
    return np.where(np.less(to, mean), down, 1 - up)


def _outages(p: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Give all events to some runs, drawn anew each time."""
    hit = rng.random((*p.shape[:2], 1)) < share
    return np.where(hit, np.minimum(p / share, 1.0), 0.0)


def _by_team(p: Floats, mean: float, vary: Rates, rng: np.random.Generator) -> Floats:
    teams = -(-p.shape[-1] // vary.teams)
    effect = _effect(rng, mean, vary.team_sd, (len(p), 1, teams))
    return _moved(p, mean, np.repeat(effect, vary.teams, axis=-1)[..., : p.shape[-1]])


def _by_prompt(
    study: People, vary: Rates, means: tuple[float, float], p: list[Floats], n: list[Floats],
    rng: np.random.Generator,
) -> Seen:  # fmt: skip
    """Deal a unit's samples out over the prompts, each with an effect of its own."""
    times = len(p[0])
    effect = _effect(rng, means[1], vary.prompt_sd, (times, 1, vary.prompts))
    arms: list[tuple[Floats, Floats]] = []
    for arm in (0, 1):
        units = p[arm].shape[-1]
        each = (n[arm][..., None] / vary.prompts).astype(np.float64)
        whole = np.floor(each)
        turn = (np.arange(vary.prompts)[None, :] + np.arange(units)[:, None]) % vary.prompts
        count = whole + (turn[None, None] < (n[arm][..., None] - whole * vary.prompts))
        rate = np.broadcast_to(p[arm][..., None], count.shape)
        if arm:
            rate = _moved(rate, means[1], effect[:, :, None, :])
        arms.append((count, rate))
    (n0, p0), (n1, p1) = arms
    x0, x1 = _events(n0, p0, n1, p1, study.pairing if study.shared else 0.0, rng)
    prompts = [Arm(*(np.moveaxis(part.sum(axis=1), 2, 1) for part in arm))
               for arm in ((n0, x0), (n1, x1))]  # fmt: skip
    return Seen(Arm(n[0], x0.sum(axis=3)), Arm(n[1], x1.sum(axis=3)), (prompts[0], prompts[1]))


def _events(
    n0: Floats, p0: Floats, n1: Floats, p1: Floats, together: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw both arms' events: some samples share their luck with the partner, the others do not."""
    if not together:
        return _drawn(rng, n0, p0), _drawn(rng, n1, p1)
    same = np.minimum(n0, n1)
    both = _drawn(rng, same, np.full_like(same, together)) if together < 1 else same
    low, high = np.minimum(p0, p1), np.maximum(p0, p1)
    least = _drawn(rng, both, low)
    more = (high - low) / np.maximum(1 - low, 1e-12)
    most = least + _drawn(rng, both - least, more)
    down = p0 <= p1
    x0 = np.where(down, least, most) + _drawn(rng, n0 - both, p0)
    x1 = np.where(down, most, least) + _drawn(rng, n1 - both, p1)
    return x0, x1


def _drawn(rng: np.random.Generator, n: Floats, p: Floats) -> Floats:
    shape = np.broadcast_shapes(n.shape, p.shape)
    count = np.broadcast_to(n, shape).astype(np.int64)
    return rng.binomial(count, np.clip(p, 0.0, 1.0)).astype(np.float64)
