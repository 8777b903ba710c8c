"""What N can prove: how much more data an inconclusive gate needs, and what a stage can show in advance.

Sizes follow from the plan's design alternative and the observed variance, never from the observed effect: planning on
the observed effect is circular (Hoenig & Heisey 2001, Am. Stat. 55:19).
"""

from __future__ import annotations

from math import ceil, isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np

from rolloutlib import stats
from rolloutlib.estimates import is_binary, read_design
from rolloutlib.gates import Needed

if TYPE_CHECKING:
    from rolloutlib.estimates import Arms, Estimate, Unit
    from rolloutlib.moments import Cells
    from rolloutlib.plan import Evidence, Gate

__all__ = ["needed"]

MOST_EVENTS = 300  # beyond, the normal approximation is as good
UNITS: dict[Unit, Literal["samples", "prompts", "users"]] = {"sample": "samples", "prompt": "prompts", "user": "users"}


def needed(
    gate: Gate,
    arms: Arms,
    estimate: Estimate,
    *,
    metric: str,
    limit: float,
    alternative: float,
    rules: Evidence,
) -> Needed | None:
    """Return how many units in all, and how many more, prove the limit with the plan's power at the alternative.

    Args:
        gate: its contrast and estimand.
        arms: the metric's moments per unit.
        estimate: what the gate's method said of them.
        metric: name of the metric in the moments.
        limit: what the stage's bound must clear.
        alternative: the true value that the gate is designed to recognise, in the limit's unit.
        rules: confidence of the bound, power, floor of the intra-class correlation.

    Returns:
        None when nothing can be said: no variance is known, or there is enough already and only the effect is missing.
    """
    arms, _ = read_design(arms.per_user if gate.estimand == "per_user" else arms, gate.contrast)
    if gate.contrast == "treatment" and is_binary(metric) and gate.estimand == "per_sample":
        total, have = _rare(arms, limit, alternative, rules)
    else:
        total, have = _by_variance(gate, arms, estimate, limit, alternative, rules)
    if total is None or total <= have:
        return None
    return Needed("pairs" if estimate.design.kind == "paired" else UNITS[estimate.design.unit], total, total - have)


def _by_variance(
    gate: Gate, arms: Arms, estimate: Estimate, limit: float, alternative: float, rules: Evidence
) -> tuple[int | None, int]:
    """Units for a bound with standard error √(variance / units): z for score bounds, t with units − 1 for t bounds."""
    weight = limit if gate.contrast == "ratio" else 1.0
    variance, have = _unit_variance(arms, estimate, weight)
    scale = arms.control.total.sum() / arms.control.n.sum() if gate.contrast == "ratio" else 1.0
    distance = abs(alternative - limit) * float(scale)
    if not (isfinite(variance) and variance > 0 and distance > 0):
        return None, have
    units = stats.variance_n(variance=variance, distance=distance, power=rules.power, alpha=1 - rules.confidence)
    for _ in range(4 if estimate.df is not None else 0):  # converges: the quantiles depend weakly on the freedom
        quantiles = sum(float(stats.t_quantile(units - 1, tail)) for tail in (rules.confidence, rules.power))
        units = max(2, ceil(quantiles**2 * variance / distance**2))
    return units, have


def _unit_variance(arms: Arms, estimate: Estimate, weight: float) -> tuple[float, int]:
    """Variance of one unit's contribution to treatment − weight · control, and how many units there are (an arm)."""
    kind, one, zero = estimate.design.kind, arms.treatment, arms.control
    if kind == "one_arm":
        have = one.n > 0
        repeats = estimate.design.unit != "sample" and one.n.max() > 1
        units = int(have.sum()) if repeats else int(one.n.sum())
        return (estimate.se or np.nan) ** 2 * units, units
    if kind == "independent":
        return _variance(one) + weight**2 * _variance(zero), int(min(one.n.sum(), zero.n.sum()))
    found = stats.ratio_contrast(one.n, one.total, zero.n, zero.total, weight)
    units = (
        min(int((one.n > 0).sum()), int((zero.n > 0).sum()))
        if kind == "nested"
        else int(((one.n > 0) | (zero.n > 0)).sum())
    )
    return float(found.se) ** 2 * units, units


def _variance(cells: Cells) -> float:
    whole = cells.pooled(np.zeros(len(cells.n), dtype=np.int64), 1)
    return float(whole.m2[0] / max(whole.n[0] - 1, 1))


def _rare(arms: Arms, limit: float, alternative: float, rules: Evidence) -> tuple[int | None, int]:
    """Units for Clopper and Pearson's bound: the fewest samples that allow enough events, times the design effect."""
    cells = arms.treatment
    samples, units = float(cells.n.sum()), int((cells.n > 0).sum())
    repeats = arms.unit != "sample" and cells.n.max(initial=0) > 1
    per_unit = samples / units if repeats else 1.0
    floor, x = rules.icc_floor, np.round(cells.total)
    effective = stats.effective_sample_size(cells.n, x, icc_floor=floor) if repeats else samples
    enough = _fewest_samples(limit, alternative, rules)
    return ceil(enough * (samples / effective) / per_unit), units if repeats else int(samples)


def _fewest_samples(limit: float, alternative: float, rules: Evidence) -> int:
    """Fewest n for which the events that n allows happen with the plan's power at the alternative.

    Walks the acceptance numbers k = 0, 1, …: each has its own smallest n (a sawtooth, so bisection over n would err).
    """
    for events in range(MOST_EVENTS):
        n = stats.events_n(limit, events=events, confidence=rules.confidence)
        if float(stats.binomial_cdf(events, n, alternative)) >= rules.power:
            return n
    distance = limit - alternative
    return stats.variance_n(
        variance=limit * (1 - limit), distance=distance, power=rules.power, alpha=1 - rules.confidence
    )
