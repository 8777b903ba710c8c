"""The daily harm test: fourteen looks at the pass rate, without harm and with a loss of 10 pp."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats import clusters, sequential

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS, DAILY = 14, 5  # looks of the harm test, and a user's samples a day


class Harm(NamedTuple):
    """Fourteen daily looks at the pass rate.

    Shares of repetitions with a rollback, and the median day with a loss.
    """

    world: str
    false_alarm: float
    error: float
    plain: float
    literal: float
    detected: float
    day: float


def harm(kind: str, users: int, icc: float, repetitions: int, seed: Sequence[int]) -> Harm:
    """Simulate persistent users, DAILY samples a day, without harm and with a loss of 10 pp."""
    rng = np.random.default_rng(seed)
    none, loss = (_looks(kind, users, icc, change, repetitions, rng) for change in (0.0, -0.1))
    rate, days = float(none[0].any(axis=1).mean()), loss[0].argmax(axis=1)[loss[0].any(axis=1)] + 1
    return Harm(
        f"{kind}: {users} users, correlation {icc:g}", rate,
        (rate * (1 - rate) / repetitions) ** 0.5,
        float(none[1].any(axis=1).mean()), float(none[2].any(axis=1).mean()),
        float(loss[0].any(axis=1).mean()),
        float(np.median(days)) if days.size else float("nan"),
    )  # fmt: skip


def _looks(
    kind: str, users: int, icc: float, change: float, repetitions: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rollbacks a day: by the boundary, by an uncorrected test, by "any day below −2 pp"."""
    rates = [_rates(rng, mean, icc, (repetitions, users)) for mean in (0.9 + change, 0.9)]
    if kind == "crossed":  # half of a user's bent shows in both arms
        rates[1] = np.clip((rates[0] - change + rates[1]) / 2, 0, 1)
    daily = [
        rng.binomial(DAILY, np.repeat(rate[None], DAYS, 0)).astype(np.float64) for rate in rates
    ]
    total = [np.cumsum(x, axis=0) for x in daily]
    n = np.arange(1, DAYS + 1)[:, None, None] * np.full((1, 1, users), float(DAILY))
    sizes = np.broadcast_to(n, total[0].shape)
    arms = sizes, total[0], sizes, total[1]
    if kind == "nested":
        arms = clusters.side_by_side(*arms)
    contrast = clusters.cluster_contrast(*arms)
    varies = np.asarray(contrast.se) > 0
    se = np.where(varies, contrast.se, 1.0)
    df = np.where(np.asarray(contrast.df) > 0, contrast.df, 1.0)
    z = special.ndtri(special.stdtr(df, np.where(varies, -np.asarray(contrast.point) / se, -9.0)))
    information = np.maximum.accumulate(1 / np.mean(se**2, axis=1))
    limits = sequential.lan_demets_boundaries(
        list(information / information[-1]), alpha=0.05, spending="pocock"
    )
    shares = [x.sum(axis=2) / (DAILY * users) for x in daily]
    p1, p0 = (x.sum(axis=2) / (n[..., 0] * users) for x in total)
    plain = (p0 - p1) / np.sqrt(
        np.maximum(p1 * (1 - p1) + p0 * (1 - p0), 1e-9) / (n[..., 0] * users)
    )
    literal = shares[0] - shares[1] < -0.02  # noqa: PLR2004
    return (z > limits[:, None]).T, (plain > special.ndtri(0.95)).T, literal.T


def _rates(rng: np.random.Generator, mean: float, icc: float, shape: tuple[int, int]) -> np.ndarray:
    return (
        rng.beta(mean * (1 / icc - 1), (1 - mean) * (1 / icc - 1), shape)
        if icc
        else np.full(shape, mean)
    )
