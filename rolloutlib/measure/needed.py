"""How much more data an inconclusive gate needs.

Sizes follow from the plan's design alternative and the observed variance, never from the observed effect: planning on
the observed effect is circular (Hoenig & Heisey 2001, Am. Stat. 55:19). The chance of a pass is that of the method
which judges the gate: with the variance that a score bound takes from its limit, and Student's t for few clusters.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np
from scipy import special

from rolloutlib.measure.estimates import is_binary
from rolloutlib.stats import clusters, differences, effective, pairs, proportions, ratios

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.measure.estimates import Arms, Estimate
    from rolloutlib.measure.moments import Cells
    from rolloutlib.plan.model import Evidence, Gate

__all__ = ["Needed", "needed", "total_for"]

UNITS = {"sample": "samples", "prompt": "prompts", "user": "users"}
EXPECTED = 1e7  # units at which a score's variance under its limit is read off: any large number
MOST_UNITS = 10**9  # no stage collects more
NORMAL_DF = 1e6


class Needed(msgspec.Struct, frozen=True):
    """What would settle an inconclusive gate with the plan's power if the alternative were true.

    Attributes:
        unit: what to collect more of.
        total: how many of them in all (in each arm, where the arms are independent).
        further: how many beyond what there is.
    """

    unit: Literal["pairs", "samples", "prompts", "users"]
    total: int
    further: int


class _Pattern(NamedTuple):
    """How a bound narrows with its units.

    Attributes:
        distance: from the design alternative to the limit, in the contrast's unit.
        variance: of one unit's contribution when the alternative is true.
        null: the variance that the bound uses, over that; above or below 1 for score bounds.
        df: degrees of freedom a unit, inf for normal bounds.
        inflation: the bound's variance is 1 + inflation/units times too large (CR3).
        skewness: of one unit, which widens the bound of a positive mean.
    """

    distance: float
    variance: float
    null: float = 1.0
    df: float = inf
    inflation: float = 0.0
    skewness: float = 0.0


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
        estimate: the gate's own, for its design.
        metric: name of the metric in the moments.
        limit: what the stage's bound must clear.
        alternative: the true value that the gate is designed to recognise, in the limit's unit.
        rules: confidence, power, smallest number of clusters, floor of the intra-class correlation.

    Returns:
        None when nothing can be said: no variance is known, or there is enough already and only the effect is missing.
    """
    total = total_for(
        gate, arms, estimate, metric=metric, limit=limit, alternative=alternative, rules=rules
    )
    if total is None:
        return None
    kind, repeats = estimate.design.kind, _repeats(arms)
    have = _have(arms, kind, clustered=repeats)
    unit = (
        "pairs"
        if kind == "paired"
        else UNITS[estimate.design.unit]
        if repeats or kind != "one_arm"
        else "samples"
    )
    return Needed(unit, total, total - have) if total > have else None  # type: ignore[arg-type]  # literals of Needed.unit


def total_for(
    gate: Gate,
    arms: Arms,
    estimate: Estimate,
    *,
    metric: str,
    limit: float,
    alternative: float,
    rules: Evidence,
) -> int | None:
    """Return how many units prove the limit, whatever there is already; None when no variance is known. As `needed`."""
    arms = arms.per_user if gate.estimand == "per_user" and arms.unit == "user" else arms
    kind, binary = estimate.design.kind, is_binary(metric) and gate.estimand == "per_sample"
    if gate.contrast == "treatment" and binary:
        total = _fewest_exact(arms, limit, alternative, rules)
    else:
        pattern = _pattern(gate, arms, kind, binary, limit, alternative)
        total = _first(lambda units: _power(pattern, units, rules.confidence) >= rules.power, 2)
    return None if total is None else max(total, rules.min_clusters if _repeats(arms) else 1)


def _repeats(arms: Arms) -> bool:
    return (
        arms.unit != "sample"
        and max(arms.control.n.max(initial=0), arms.treatment.n.max(initial=0)) > 1
    )


def _have(arms: Arms, kind: str, *, clustered: bool) -> int:
    """Units that there are, in the smaller arm; samples where they stand for themselves."""
    one, zero = arms.treatment.n, arms.control.n
    if kind == "one_arm":
        return int((one > 0).sum() if clustered else one.sum())
    if kind == "crossed":
        return int(((one > 0) | (zero > 0)).sum())
    if kind == "paired":
        return int(((one > 0) & (zero > 0)).sum())
    return int(min((one > 0).sum(), (zero > 0).sum()) if clustered else min(one.sum(), zero.sum()))


def _pattern(
    gate: Gate,
    arms: Arms,
    kind: str,
    binary: bool,  # noqa: FBT001
    limit: float,
    alternative: float,
) -> _Pattern:
    if gate.contrast == "treatment":
        return _one_mean(arms, limit, alternative)
    if gate.contrast == "ratio":
        return _ratio(arms, kind, binary, limit, alternative)
    return (_rates if binary else _means)(arms, kind, limit, alternative)


def _power(pattern: _Pattern, units: float, confidence: float) -> float:
    """Chance that the bound clears the limit: the estimate by its own variance, the bound by its own."""
    if not (isfinite(pattern.variance) and pattern.variance > 0 and pattern.distance > 0):
        return 0.0
    df = min(max(pattern.df * units - 1, 1.0) if isfinite(pattern.df) else NORMAL_DF, NORMAL_DF)
    t = (
        float(special.stdtrit(df, confidence))
        * (pattern.null * (1 + pattern.inflation / units)) ** 0.5
    )
    k = pattern.skewness / units**0.5
    t += k / 6 + k * t**2 / 3  # how Hall's transformation widens the bound, to first order
    shift = pattern.distance / (pattern.variance / units) ** 0.5
    shift = t + (shift - t) / (
        1 + k * t / 2
    )  # a high mean comes with a high standard error: cov(mean, var) = μ₃/n
    if df >= NORMAL_DF:
        return float(special.ndtr(shift - t))
    return float(1 - special.nctdtr(df, shift, t))


# --- patterns ---------------------------------------------------------------------------------------------------------


def _one_mean(arms: Arms, limit: float, alternative: float) -> _Pattern:
    cells = arms.treatment.take(arms.treatment.n > 0)
    if _repeats(arms):
        found, units = clusters.cluster_mean(cells.n, cells.total, kind="CR2"), len(cells.n)
        df, variance = found.df / units, found.se**2 * units
        inflation = _inflation(
            clusters.cluster_mean(cells.n, cells.total, kind="CR3").se, found.se, units
        )
    else:
        df, inflation, (found, variance) = 1.0, 0.0, _mean_variance(cells)
    c = variance**0.5 / abs(alternative) if alternative else 0.0
    return _Pattern(
        abs(limit - alternative), variance, df=df, inflation=inflation, skewness=3 * c + c**3
    )


def _means(arms: Arms, kind: str, limit: float, alternative: float) -> _Pattern:
    distance = abs(alternative - limit)
    if kind == "paired":
        return _Pattern(
            distance, float(np.var(arms.treatment.mean - arms.control.mean, ddof=1)), df=1.0
        )
    if kind == "independent":
        return _Pattern(
            distance, _mean_variance(arms.treatment)[1] + _mean_variance(arms.control)[1], df=2.0
        )
    return _clustered(arms, kind, distance, 1.0)


def _rates(arms: Arms, kind: str, limit: float, alternative: float) -> _Pattern:
    """Proportions: their level is observed, their difference is the alternative."""
    distance = abs(alternative - limit)
    n1, n0 = arms.treatment.n.sum(), arms.control.n.sum()
    level = float(
        (arms.treatment.total.sum() + arms.control.total.sum() - alternative * n1) / (n1 + n0)
    )
    p0, p1 = _within(level), _within(level + alternative)
    binomial = p1 * (1 - p1) + p0 * (1 - p0)
    if kind == "paired":
        differ = float((arms.treatment.total != arms.control.total).mean())
        return _Pattern(
            distance, max(differ - alternative**2, 0.0), _tango_null(differ, alternative, limit)
        )
    if kind == "independent":
        return _Pattern(distance, binomial, _score_null(p1, p0, limit))
    found = _clustered(arms, kind, distance, 1.0)
    if kind == "nested":
        return found._replace(null=_score_null(p1, p0, limit))
    apart = sum(
        clusters.cluster_mean(cells.n, cells.total, kind="CR2").se ** 2
        for cells in (arms.treatment, arms.control)
    )
    left = found.variance / _have(arms, kind, clustered=True) / apart if apart else 1.0
    return found._replace(
        null=_tango_null(min(left * binomial + alternative**2, 1.0), alternative, limit)
    )


def _ratio(arms: Arms, kind: str, binary: bool, limit: float, alternative: float) -> _Pattern:  # noqa: FBT001
    """The contrast treatment - limit·control, which is 0 at the limit; proportions at the alternative's own level."""
    one, zero = arms.treatment, arms.control
    n1, n0 = float(one.n.sum()), float(zero.n.sum())
    level = float((one.total.sum() + zero.total.sum()) / (n0 + alternative * n1))
    distance = abs(alternative - limit) * level
    if kind == "independent" and binary:
        p0, p1 = _within(level), _within(alternative * level)
        variance = p1 * (1 - p1) + limit**2 * p0 * (1 - p0)
        return _Pattern(distance, variance, ratios.ratio_score_variance(p1, p0, limit) / variance)
    if kind == "independent":
        return _Pattern(
            distance, _mean_variance(one)[1] + limit**2 * _mean_variance(zero)[1], df=2.0
        )
    rescaled = alternative * level * n1 / one.total.sum() if binary and one.total.sum() else 1.0
    return _clustered(arms, kind, distance, limit, rescaled=float(rescaled))


def _clustered(
    arms: Arms, kind: str, distance: float, weight: float, *, rescaled: float = 1.0
) -> _Pattern:
    """The variance of treatment - weight·control over clusters, unbiased (CR2), and how CR3 exceeds it.

    `rescaled` is by how much the treatment's variance changes when the alternative rather than the data is true.
    """
    quad = arms.treatment.n, arms.treatment.total, arms.control.n, arms.control.total
    units = _have(arms, kind, clustered=True)
    found, wide = (clusters.cluster_contrast(*quad, weight, kind=which) for which in ("CR2", "CR3"))
    one, zero = (clusters.cluster_mean(*arm, kind="CR2").se ** 2 for arm in (quad[:2], quad[2:]))
    shared = (one + weight**2 * zero - found.se**2) / 2  # weight times the covariance
    variance = rescaled * one + weight**2 * zero - 2 * rescaled**0.5 * shared
    return _Pattern(
        distance,
        max(variance, 0.0) * units,
        df=found.df / units,
        inflation=_inflation(wide.se, found.se, units),
    )


def _inflation(wide: float, fair: float, units: int) -> float:
    return ((wide / fair) ** 2 - 1) * units if fair and isfinite(fair) else 0.0


def _score_null(p1: float, p0: float, limit: float) -> float:
    """Variance of p1 - p0 under the limit (Farrington & Manning 1990) over that under the truth."""
    return differences.score_variance(p1, p0, limit) / (p1 * (1 - p1) + p0 * (1 - p0))


def _tango_null(differ: float, alternative: float, limit: float) -> float:
    """The same for pairs of which the share `differ` is discordant."""
    differ = max(differ, abs(alternative), 1 / EXPECTED)
    return pairs.tango_variance(differ, alternative, limit) / (differ - alternative**2)


def _mean_variance(cells: Cells) -> tuple[float, float]:
    whole = cells.pooled(np.zeros(len(cells.n), dtype=np.int64), 1)
    return float(whole.mean[0]), float(whole.m2[0] / max(whole.n[0] - 1, 1))


def _within(share: float) -> float:
    return min(max(share, 1e-6), 1 - 1e-6)


# --- exact bounds -----------------------------------------------------------------------------------------------------


def _fewest_exact(arms: Arms, limit: float, alternative: float, rules: Evidence) -> int | None:
    """Units for Clopper and Pearson's, or Korn and Graubard's, bound.

    The chance is a sawtooth: each number of events has its own fewest units, so those are walked down. Events of
    clustered samples are taken as beta-binomial with the observed design effect; the bound's is at least the floor's.
    """
    cells = arms.treatment.take(arms.treatment.n > 0)
    samples, units, repeats = float(cells.n.sum()), len(cells.n), _repeats(arms)
    per_unit = samples / units if repeats else 1.0
    counts = cells.n, np.round(cells.total)
    seen, used = (
        (samples / effective.effective_sample_size(*counts, icc_floor=floor) if repeats else 1.0)
        for floor in (0.0, rules.icc_floor)
    )

    def fits(events: int, total: int) -> bool:
        """Whether so many events in so many units still prove the limit."""
        n = round(total * per_unit)
        tails = special.stdtrit(np.array([max(n - 1, 1), max(total - 1, 1)]), rules.confidence)
        effective = n / used * (float(tails[0] / tails[1]) ** 2 if repeats else 1.0)
        x = min(events / n, 1.0) * effective
        return proportions.clopper_pearson(x, effective, confidence=rules.confidence).upper < limit

    def chance(events: int, total: int) -> float:
        return _at_most(events, round(total * per_unit), alternative, max(seen, 1.0))

    def units_for(events: int) -> int | None:
        return _first(lambda total: fits(events, total), 1)

    def enough(events: int) -> bool:
        total = units_for(events)
        return total is None or chance(events, total) >= rules.power

    events = _first(enough, 0)
    return None if events is None else units_for(events)


def _at_most(events: int, n: int, share: float, effect: float) -> float:
    """P(X ≤ events) of n samples; beta-binomial with that design effect (Skellam 1948, JRSS B 10:257)."""
    if effect <= 1 or n <= 1:
        return float(proportions.binomial_cdf(events, n, share))
    size = max((n - 1) / (effect - 1) - 1, 1e-6)
    return proportions.beta_binomial_cdf(events, n, share * size, (1 - share) * size)


def _first(holds: Callable[[int], bool], low: int) -> int | None:
    """Return the smallest whole number from `low` on for which it holds, as for all larger ones; None without one."""
    step = 1
    while not holds(low + step - 1):
        step *= 2
        if step > MOST_UNITS:
            return None
    below, high = low + step // 2 - 1, low + step - 1
    while high - below > 1:
        middle = (below + high) // 2
        below, high = (below, middle) if holds(middle) else (middle, high)
    return high
