"""How much more data an inconclusive gate needs.

Sizes follow from the plan's design alternative and the observed variance, never from the observed
effect: planning on the observed effect is circular (Hoenig & Heisey 2001, Am. Stat. 55:19). The
chance of a pass is that of the method which judges the gate: with the variance that a score bound
takes from its limit, and Student's t for few clusters.
"""

from __future__ import annotations

from math import ceil, inf, isfinite, log
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np
from scipy import special

from rolloutlib.measure.beyond import between
from rolloutlib.measure.bounds import units_of, whole
from rolloutlib.measure.design import compared, read_design
from rolloutlib.measure.estimates import first
from rolloutlib.measure.methods import method_for
from rolloutlib.measure.whole_clusters import pattern_of_whole
from rolloutlib.plan.metrics import is_binary
from rolloutlib.stats import effective, proportions

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.measure.beyond import Between
    from rolloutlib.measure.design import Arms, Compared, Design, Unit
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.plan.model import Evidence, Gate

__all__ = ["Needed", "needed", "needed_for_quantiles", "total_for"]

NeededUnit = Literal["pairs", "samples", "prompts", "users", "clusters", "runs", "labels"]
UNITS: dict[Unit, NeededUnit] = {"sample": "samples", "prompt": "prompts", "user": "users",
                                  "cluster": "clusters"}  # fmt: skip
MOST_UNITS = 10**9  # no stage collects more
NORMAL_DF = 1e6


class Needed(msgspec.Struct, frozen=True):
    """What would settle an inconclusive gate with the plan's power if the alternative were true.

    Attributes:
        unit: what to collect more of.
        total: how many of them in all (in each arm, where the arms are independent).
        further: how many beyond what there is.
    """

    unit: NeededUnit
    total: int
    further: int


def needed(
    gate: Gate, arms: Arms, design: Design, *, metric: str, limit: float, alternative: float,
    rules: Evidence,
) -> Needed | None:  # fmt: skip
    """Return how many units in all, and how many more, prove the limit with the plan's power.

    Args:
        gate: its contrast and estimand.
        arms: the metric's moments per unit.
        design: the gate's own, as its estimate read it.
        metric: name of the metric in the moments.
        limit: what the stage's bound must clear.
        alternative: the true value that the gate is designed to recognise, in the limit's unit.
        rules: confidence, power, smallest number of clusters, floor of the intra-class correlation.

    Returns:
        None when nothing can be said: no variance is known, or there is enough already and only the
        effect is missing.
    """
    if gate.estimand == "per_user" and arms.unit == "user":
        arms = arms.per_user(binary=is_binary(metric))
    complete, _ = read_design(arms, gate.contrast)
    return further(
        gate, compared(complete, design.kind), metric=metric, limit=limit, alternative=alternative,
        rules=rules,
    )  # fmt: skip


def needed_for_quantiles(
    estimate: Estimate, *, limit: float, alternative: float, rules: Evidence
) -> Needed | None:
    """Return the same of the ratio of two quantiles, whose harm is to be higher.

    Its bound's distance, on the scale of logarithms, shrinks with the root of the units; below the
    least size there is no bound at all.

    Args:
        estimate: the ratio with its bounds, and the units that bound it at all.
        limit: what the bound must clear.
        alternative: the true ratio that the gate is designed to recognise.
        rules: confidence and power.
    """
    fewest, have = estimate.least or (inf, 0.0)
    if not isfinite(fewest) or not 0 < alternative < limit:
        return None
    total = fewest
    if isfinite(estimate.upper) and estimate.point > 0:
        width, room = log(estimate.upper / estimate.point), log(limit / alternative)
        z, more = special.ndtri(np.array([rules.confidence, rules.power]))
        total = max(total, have * (width / room * float((z + more) / z)) ** 2)
    if total > MOST_UNITS or ceil(total) <= have:
        return None
    return Needed(UNITS[estimate.design.unit], ceil(total), ceil(total) - int(have))


def further(
    gate: Gate, arms: Compared, *, metric: str, limit: float, alternative: float, rules: Evidence
) -> Needed | None:
    """Return the same from one repetition as the policy takes it; arguments as `needed`."""
    total = total_for(gate, arms, metric=metric, limit=limit, alternative=alternative, rules=rules)
    have = int(first(units_of(arms)))
    if (groups := _groups(gate, arms, metric, limit, alternative, rules)) is not None and (
        total is None or total / have > groups.total / (groups.total - groups.further)
    ):
        return groups
    if total is None:
        return None
    unit = "pairs" if arms.kind == "paired" else UNITS[arms.unit]
    if arms.kind == "one_arm" and not arms.repeats:
        unit = "samples"
    return Needed(unit, total, total - have) if total > have else None


def total_for(
    gate: Gate, arms: Compared, *, metric: str, limit: float, alternative: float, rules: Evidence
) -> int | None:
    """Return how many units prove the limit, whatever there is already; arguments as `needed`.

    None when no variance is known.
    """
    if gate.contrast == "ratio" and not arms.zero.total.sum():
        return None
    method = method_for(gate.contrast, arms, binary=is_binary(metric))
    more = between(arms, gate.contrast, limit)
    if method.pattern is None and more is None:
        total = _fewest_exact(arms, limit, alternative, rules)
    else:
        pattern = _pattern(gate, arms, metric, limit, alternative, rules)
        total = _first(
            lambda units: _power(pattern, units, rules.confidence, more) >= rules.power, 2
        )
    least = rules.min_clusters if arms.repeats else 1
    return None if total is None else max(total, least)


def _groups(
    gate: Gate, arms: Compared, metric: str, limit: float, alternative: float, rules: Evidence
) -> Needed | None:
    """Return how many runs (or prompts), each with as many samples as now, prove the limit."""
    more = between(arms, gate.contrast, limit)
    if more is None:
        return None
    pattern, have = _pattern(gate, arms, metric, limit, alternative, rules), first(units_of(arms))

    def enough(groups: int) -> bool:
        share = more.groups / groups
        error = more.error * share**2 * (more.groups - 1) / (groups - 1)
        fewer = more._replace(excess=more.excess * share, error=error)
        return _power(pattern, have / share, rules.confidence, fewer) >= rules.power

    total = _first(enough, more.groups + 1)
    units: dict[str, NeededUnit] = {"run": "runs", "prompt": "prompts"}
    return None if total is None else Needed(units[more.kind], total, total - more.groups)


def _pattern(
    gate: Gate, arms: Compared, metric: str, limit: float, alternative: float, rules: Evidence
) -> _Pattern:
    """Return the method's pattern; of an exact bound its variance at the alternative."""
    method = method_for(gate.contrast, arms, binary=is_binary(metric))
    if method.pattern is not None:
        pattern = method.pattern(arms, limit, alternative)
        if gate.contrast == "difference" and is_binary(metric):
            pattern = pattern_of_whole(pattern, arms, rules)
        return _Pattern(*map(first, pattern))
    size = first(arms.one.n.sum(axis=-1))
    if arms.repeats:
        counts = arms.one.n[0], whole(arms.one.total[0], arms.one.n[0])
        size = float(effective.effective_sample_size(*counts, icc_floor=0.0))
    variance = alternative * (1 - alternative) * first(units_of(arms)) / size
    null = limit * (1 - limit) / (alternative * (1 - alternative))
    return _Pattern(abs(limit - alternative), variance, null, np.inf, 0.0, 0.0)


class _Pattern(NamedTuple):
    """A pattern's numbers in one review, as `Pattern`."""

    distance: float
    variance: float
    null: float
    df: float
    inflation: float
    skewness: float


def _power(
    pattern: _Pattern, units: float, confidence: float, more: Between | None = None
) -> float:
    """Chance that the bound clears the limit.

    The estimate by its own variance, the bound by its own; `more` is what runs add to both.
    """
    if not (isfinite(pattern.variance) and pattern.variance > 0 and pattern.distance > 0):
        return 0.0
    df = min(max(pattern.df * units - 1, 1.0) if isfinite(pattern.df) else NORMAL_DF, NORMAL_DF)
    own = pattern.variance / units
    bound = own * pattern.null * (1 + pattern.inflation / units)
    if more is not None:
        own, bound, before = own + more.excess, bound + more.excess, bound
        df = min(max(bound**2 / (more.error + before**2 / df), 1.0), NORMAL_DF)
    wider = (bound / own) ** 0.5
    t = float(special.stdtrit(df, confidence)) * wider
    k = pattern.skewness / units**0.5
    t += k / 6 + k * t**2 / 3  # how Hall's transformation widens the bound, to first order
    shift = pattern.distance / own**0.5
    # A high mean comes with a high standard error: cov(mean, var) = μ₃/n.
    shift = t + (shift - t) / (1 + k * t / 2)
    if df >= NORMAL_DF:
        return float(special.ndtr(np.array(shift - t)))
    below = special.nctdtr(*(np.array(number) for number in (df, shift, t)))
    return 1 - float(below)


# --- exact bounds ---------------------------------------------------------------------------------


def _fewest_exact(arms: Compared, limit: float, alternative: float, rules: Evidence) -> int | None:
    """Units for Clopper and Pearson's, or Korn and Graubard's, bound.

    The chance is a sawtooth: each number of events has its own fewest units, so those are walked
    down. Events of clustered samples are taken as beta-binomial with the observed design effect;
    the bound's is at least the floor's.
    """
    repeats, (samples, units) = arms.repeats, (first(arms.one.n.sum()), first(arms.one.units))
    per_unit = samples / units if repeats else 1.0
    counts = arms.one.n[0], whole(arms.one.total[0], arms.one.n[0])
    effect, assumed = (
        (samples / effective.effective_sample_size(*counts, icc_floor=floor) if repeats else 1.0)
        for floor in (0.0, rules.icc_floor)
    )

    def fits(events: int, total: int) -> bool:
        """Whether so many events in so many units still prove the limit."""
        n = round(total * per_unit)
        tails = special.stdtrit(np.array([max(n - 1, 1), max(total - 1, 1)]), rules.confidence)
        effective = n / assumed * (float(tails[0] / tails[1]) ** 2 if repeats else 1.0)
        x = min(events / n, 1.0) * effective
        return proportions.clopper_pearson(x, effective, confidence=rules.confidence).upper < limit

    def chance(events: int, total: int) -> float:
        return _at_most(events, round(total * per_unit), alternative, max(effect, 1.0))

    def units_for(events: int) -> int | None:
        return _first(lambda total: fits(events, total), 1)

    def enough(events: int) -> bool:
        total = units_for(events)
        return total is None or chance(events, total) >= rules.power

    events = _first(enough, 0)
    return None if events is None else units_for(events)


def _at_most(events: int, n: int, share: float, effect: float) -> float:
    """P(X ≤ events) of n samples.

    Beta-binomial with that design effect (Skellam 1948, JRSS B 10:257).
    """
    if effect <= 1 or n <= 1:
        return float(proportions.binomial_cdf(events, n, share))
    size = max((n - 1) / (effect - 1) - 1, 1e-6)
    return proportions.beta_binomial_cdf(events, n, share * size, (1 - share) * size)


def _first(holds: Callable[[int], bool], low: int) -> int | None:
    """Return the smallest whole number from `low` on for which it holds, as for all larger ones.

    None without one.
    """
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
