"""Quantiles of both arms against each other: what lies beyond each arm's own, and their ratio.

One scan counts latencies in steps (`histograms`), a second one the share of each unit's samples
that lies beyond its arm's quantile. The variance of that share is all that a quantile's bounds need
to know of units, runs and prompts: it says how many independent samples there are.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.measure.beyond import excess_of
from rolloutlib.measure.histograms import Histogram, merge_histograms
from rolloutlib.plan.metrics import BEYOND
from rolloutlib.stats import clusters, quantiles
from rolloutlib.stats.effective import effective_sample_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import narwhals as nw

    from rolloutlib.measure.design import Arms, Compared, Floats, Source, Sums
    from rolloutlib.plan.gates import Evidence

__all__ = ["Ratio", "beyond", "filled", "ratio_of_quantiles"]

# Of the correlation of both arms' shares: where a quantile lies in a gap, its bounds are too skewed
# for all of it (9–12 % of bounds then err instead of 5 %).
COUNTED = 0.5


class Ratio(NamedTuple):
    """The ratio of two quantiles with its bounds.

    `least` units in an arm bound it at all, of `units` that the smaller arm has.
    """

    point: float
    lower: float
    upper: float
    least: float
    units: float


def beyond(
    latency: Mapping[tuple[str, str], Histogram], arms: Iterable[str], levels: Iterable[float],
    value: nw.Expr, *, per_unit: int,
) -> dict[str, nw.Expr]:  # fmt: skip
    """Return for each quantile whether a sample lies beyond its own arm's, as expressions.

    Args:
        latency: histograms by (arm, run).
        arms: of the review.
        levels: quantiles.
        value: the latency of a sample.
        per_unit: steps of a unit that the histograms have.
    """
    import narwhals as nw

    whole = {arm: _merged(latency, arm) for arm in arms}
    step = (value * per_unit).round(0)
    metrics: dict[str, nw.Expr] = {}
    for q in levels:
        cuts = {arm: quantiles.cut_beyond(h.values, h.counts, q) for arm, h in whole.items() if h.n}
        lies_beyond: Any = nw.lit(None)
        for arm, cut in cuts.items():
            slower = (step > round(cut * per_unit)).cast(nw.Float64)
            lies_beyond = nw.when(nw.col("arm") == arm).then(slower).otherwise(lies_beyond)
        metrics[f"{BEYOND}{q:g}"] = lies_beyond.cast(nw.Float64)
    return metrics


def _merged(latency: Mapping[tuple[str, str], Histogram], arm: str) -> Histogram:
    return merge_histograms([part for (name, _), part in latency.items() if name == arm])


def ratio_of_quantiles(arms: Arms, both: Compared, q: float, rules: Evidence) -> Ratio:
    """Return the treatment's quantile over the control's, bounded.

    Args:
        arms: with the arms' values (`tails`).
        both: per unit how many samples lie beyond their arm's quantile.
        q: of the quantile.
        rules: confidence, and the least correlation within a unit.
    """
    confidence = rules.confidence
    if arms.tails is None:
        raise ValueError("a ratio of quantiles needs both arms' values")
    sizes = [_size(arm, k, both, rules, q) for k, arm in enumerate((both.one, both.zero))]
    sides: list[tuple[float, quantiles.Bounds]] = []
    for values, size in zip(reversed(arms.tails), sizes, strict=True):
        point = values.quantile(q)
        bounds = quantiles.quantile_bounds(
            values.values, values.counts, q, size, point=point, confidence=confidence
        )
        sides.append((point, bounds))
    ratio, bounds = quantiles.quantile_ratio(sides[0], sides[1], _correlation(both))
    units = [_units(arm, both) for arm in (both.one, both.zero)]
    each = [size / of if of else 0.0 for size, of in zip(sizes, units, strict=True)]
    fewest = quantiles.least_size(q, confidence)
    least = fewest / min(each) if min(each) else inf
    return Ratio(ratio, *bounds, least, min(units))


def _units(arm: Sums, both: Compared) -> float:
    """Return an arm's clusters, or its samples where each is one."""
    alone = both.unit == "sample" or arm.n.max(initial=0) <= 1
    return float(arm.n[0].sum() if alone else arm.units[0])


def _size(arm: Sums, place: int, both: Compared, rules: Evidence, q: float) -> float:
    """Return how many independent samples an arm's quantile rests on."""
    n, x = arm.n[0], np.rint(arm.total[0])
    total, units = float(n.sum()), int((n > 0).sum())
    size = total
    if both.unit != "sample" and n.max(initial=0) > 1:
        if units < 2:  # noqa: PLR2004 -- one unit is one sample
            return 0.0
        size = min(effective_sample_size(n, x, icc_floor=rules.icc_floor), total)
        t_of = special.stdtrit(np.array([total - 1, units - 1.0]), rules.confidence)
        size *= float(t_of[0] / t_of[1]) ** 2
    share = q * (1 - q)
    added = sum(float(_excess(source, both, place)[0]) for source in both.beyond)
    return 1 / (1 / size + added / share) if size else 0.0


def _excess(source: Source, both: Compared, place: int) -> Floats:
    """Return what runs or prompts add to the variance of one arm's share."""
    if place:  # the control's, as if it were the treatment
        variance, expected = (part._replace(one=part.zero, zero=part.one)
                     for part in (source.seen, source.due))  # fmt: skip
        freedom = {"df_one": source.df_zero, "df_zero": source.df_one}
        source = source._replace(seen=variance, due=expected, **freedom)
    return np.ravel(excess_of(source, both, "treatment", np.ones(1)).excess)


def _correlation(both: Compared) -> float:
    """Return how far both arms' shares vary together, as far as it counts."""
    if both.unit == "sample" or both.one.n.shape != both.zero.n.shape:
        return 0.0
    of_one, of_zero = (clusters.contributions(arm.n[0], arm.total[0], 0 * arm.n[0], 0 * arm.n[0])
                       for arm in (both.one, both.zero))  # fmt: skip
    spread = float(of_one @ of_one * (of_zero @ of_zero)) ** 0.5
    correlation = float(of_one @ of_zero) / spread if spread and np.isfinite(spread) else 0.0
    return correlation * COUNTED if correlation > 0 else correlation


def filled(values: Histogram, extra: float, value: float) -> Histogram:
    """Return an arm's values with so many more of one value."""
    if not extra:
        return values
    return merge_histograms([values, Histogram(np.array([value]), np.array([float(extra)]))])
