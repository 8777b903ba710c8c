"""The policy: which method fits which design, and all that a method says, over many repetitions.

A review is one repetition, a forecast thousands. A method owns its point, its bounds and p-values,
its name, and the pattern by which its bound narrows as units come in, from which `needed` reads how
many it takes. Arrays have repetitions first; a pattern's entries likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.measure import method_names as names
from rolloutlib.measure.bounds import (
    Inference,
    Pattern,
    binomial,
    by_t,
    clustered,
    clustered_pattern,
    cr2_variance,
    events,
    floor_of_scores,
    inflation,
    instead,
    levels,
    lognormal_skewness,
    moments,
    no_test,
    one_sided,
    quotient,
    ratio_level,
    score_difference,
    score_ratio,
    skewed,
    tango_null,
    units_of,
    whole,
    widened,
    within,
)  # fmt: skip
from rolloutlib.measure.design import Sums
from rolloutlib.measure.whole_clusters import widened_by_whole
from rolloutlib.phrase import phrase
from rolloutlib.stats import clusters, differences, effective, means, pairs, proportions, ratios

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.measure.bounds import Side
    from rolloutlib.measure.design import Compared, Floats
    from rolloutlib.measure.method_names import Name
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Evidence


class Method(NamedTuple):
    """A method of the policy.

    Attributes:
        name: with its source, for people.
        infer: bounds and tests from both arms.
        pattern: from both arms, the limit and the alternative; None for exact bounds, whose sizes
            are searched for.
        fallback: the name where an arm shows no variance.
    """

    name: Name
    infer: Callable[[Compared, Evidence], Inference]
    pattern: Callable[[Compared, float, float], Pattern] | None
    fallback: Name | None = None

    def title(self, arms: Compared, rules: Evidence, *, fell: bool) -> Phrase:
        """Return the name for people."""
        name = self.fallback if fell and self.fallback else self.name
        return name(arms, rules)


def method_for(contrast: str, arms: Compared, *, binary: bool) -> Method:
    """Return the method that fits a contrast and a design.

    Args:
        contrast: difference, ratio or treatment.
        arms: how they compare.
        binary: whether a sample's value is 0 or 1.
    """
    if contrast == "treatment":
        if binary:
            return KORN_GRAUBARD if arms.repeats else CLOPPER_PEARSON
        return CLUSTERED_MEAN if arms.repeats else ONE_MEAN
    if contrast == "ratio":
        if arms.kind == "independent":
            return SCORE_RATIO if binary else FIELLER
        return CLUSTERED_RATE_RATIO if binary else CLUSTERED_RATIO
    if not binary:
        return {"independent": WELCH, "paired": PAIRED_T}.get(arms.kind, CLUSTERED_DIFFERENCE)
    return {
        "independent": SCORE_DIFFERENCE, "paired": PAIRED_SCORE, "nested": NESTED_SCORE,
        "crossed": CROSSED_SCORE,
    }[arms.kind]  # fmt: skip


# --- treatment − control --------------------------------------------------------------------------


def _independent_rates(arms: Compared, rules: Evidence) -> Inference:
    return score_difference((*events(arms.one), *events(arms.zero)), rules)


def _independent_rates_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    p1, p0 = levels(arms, alternative)
    variance = binomial(p1, p0)
    null = np.asarray(differences.score_variance(p1, p0, limit)) / variance
    return Pattern(abs(alternative - limit), variance, null)


def _welch(arms: Compared, rules: Evidence) -> Inference:
    return by_t(means.welch_inference(*moments(arms.one), *moments(arms.zero)), rules)


def _welch_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    variance = moments(arms.one)[1] + moments(arms.zero)[1]
    return Pattern(abs(alternative - limit), variance, df=2.0)


def _paired_score(arms: Compared, rules: Evidence) -> Inference:
    change = arms.one.total - arms.zero.total
    gained, lost, n = (change > 0).sum(axis=-1), (change < 0).sum(axis=-1), arms.one.n.sum(axis=-1)
    bounds = pairs.tango(gained, lost, n, confidence=rules.confidence)

    def p(side: Side) -> Floats:
        return np.asarray(pairs.mcnemar_exact(gained, lost, alternative=side))

    return Inference((gained - lost) / n, bounds, p)


def _paired_score_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    differ = (arms.one.total != arms.zero.total).sum(axis=-1) / arms.one.n.sum(axis=-1)
    null = tango_null(differ, alternative, limit)
    return Pattern(abs(alternative - limit), np.maximum(differ - alternative**2, 0.0), null)


def _paired_t(arms: Compared, rules: Evidence) -> Inference:
    within = Sums(arms.one.n, arms.one.total - arms.zero.total)
    return widened(means.mean_inference(*moments(within)), arms, rules)


def _paired_t_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    within = Sums(arms.one.n, arms.one.total - arms.zero.total)
    return Pattern(abs(alternative - limit), moments(within)[1], df=1.0)


def _clustered_difference(arms: Compared, rules: Evidence) -> Inference:
    return widened(clusters.cluster_contrast(*clustered(arms)), arms, rules)


def _clustered_difference_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    return clustered_pattern(arms, abs(alternative - limit), 1.0)


def _clustered_rates(arms: Compared, rules: Evidence) -> Inference:
    """Score bounds, as the variance that few events show is too small; tests are the clusters'."""
    robust, nested = _clustered_difference(arms, rules), arms.kind == "nested"
    score = effective.nested_score_difference if nested else effective.crossed_score_difference
    rare = {"confidence": rules.confidence, "icc_floor": floor_of_scores(rules)}
    usual = robust._replace(bounds=score(*clustered(arms), **rare))
    usual = usual._replace(bounds=widened_by_whole(usual, robust, arms, rules))
    flat = one_sided(arms) | (np.asarray(robust.se) == 0)
    return instead(usual, flat, score_difference, arms, rules)


def _nested_rates_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    p1, p0 = levels(arms, alternative)
    null = np.asarray(differences.score_variance(p1, p0, limit)) / binomial(p1, p0)
    return clustered_pattern(arms, abs(alternative - limit), 1.0)._replace(null=null)


def _crossed_rates_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    pattern = clustered_pattern(arms, abs(alternative - limit), 1.0)
    apart = cr2_variance(arms.one) + cr2_variance(arms.zero)
    left = np.where(
        apart > 0, pattern.variance / units_of(arms) / np.where(apart > 0, apart, 1.0), 1.0
    )
    differ = np.minimum(left * binomial(*levels(arms, alternative)) + alternative**2, 1.0)
    return pattern._replace(null=tango_null(differ, alternative, limit))


# --- treatment / control --------------------------------------------------------------------------


def _rate_ratio(arms: Compared, rules: Evidence) -> Inference:
    return score_ratio((*events(arms.one), *events(arms.zero)), rules)


def _rate_ratio_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    level = ratio_level(arms, alternative)
    p1, p0 = within(alternative * level), within(level)
    variance = p1 * (1 - p1) + limit**2 * p0 * (1 - p0)
    null = np.asarray(ratios.ratio_score_variance(p1, p0, limit)) / variance
    return Pattern(abs(alternative - limit) * level, variance, null)


def _mean_ratio(arms: Compared, rules: Evidence) -> Inference:
    (m1, v1, n1), (m0, v0, n0) = moments(arms.one), moments(arms.zero)
    apart = means.welch_inference(m1, v1, n1, m0, v0, n0)
    bounds = ratios.fieller(m1, m0, v1 / n1, v0 / n0, 0.0, apart.df, confidence=rules.confidence)
    return by_t(apart, rules)._replace(point=quotient(m1, m0), bounds=bounds, se=np.nan)


def _mean_ratio_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    distance = abs(alternative - limit) * ratio_level(arms, alternative)
    return Pattern(distance, moments(arms.one)[1] + limit**2 * moments(arms.zero)[1], df=2.0)


def _clustered_ratio(arms: Compared, rules: Evidence) -> Inference:
    quad = clustered(arms)
    bounds = clusters.cluster_ratio_bounds(*quad, confidence=rules.confidence)
    n1, s1, n0, s0 = (part.sum(axis=-1) for part in quad)
    apart = by_t(clusters.cluster_contrast(*quad), rules)
    return apart._replace(point=quotient(s1 / n1, s0 / n0), bounds=bounds, se=np.nan)


def _clustered_ratio_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    return clustered_pattern(arms, abs(alternative - limit) * ratio_level(arms, alternative), limit)


def _clustered_rate_ratio(arms: Compared, rules: Evidence) -> Inference:
    return instead(_clustered_ratio(arms, rules), one_sided(arms), score_ratio, arms, rules)


def _clustered_rate_ratio_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    """Proportions: the treatment's variance is that at the alternative's own level."""
    level, events = ratio_level(arms, alternative), arms.one.total.sum(axis=-1)
    expected = alternative * level * arms.one.n.sum(axis=-1)
    rescaled = np.where(events > 0, expected / np.where(events > 0, events, 1.0), 1.0)
    return clustered_pattern(arms, abs(alternative - limit) * level, limit, rescaled)


# --- the treatment alone --------------------------------------------------------------------------


def _one_mean(arms: Compared, rules: Evidence) -> Inference:
    return skewed(means.mean_inference(*moments(arms.one)), arms.one.n.sum(axis=-1), rules)


def _one_mean_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    variance = moments(arms.one)[1]
    skewness = lognormal_skewness(variance, alternative)
    return Pattern(abs(limit - alternative), variance, df=1.0, skewness=skewness)


def _clustered_mean(arms: Compared, rules: Evidence) -> Inference:
    n, total, _ = arms.one
    skewness = means.skewness_of(clusters.contributions(n, total, 0 * n, 0 * n))
    return skewed(clusters.cluster_mean(n, total, kind="CR3"), arms.one.units, rules, skewness)


def _clustered_mean_pattern(arms: Compared, limit: float, alternative: float) -> Pattern:
    units = arms.one.units
    fair = clusters.cluster_mean(arms.one.n, arms.one.total, kind="CR2")
    wide = clusters.cluster_mean(arms.one.n, arms.one.total, kind="CR3")
    variance = np.square(fair.se) * units
    return Pattern(
        abs(limit - alternative), variance, df=fair.df / units,
        inflation=inflation(wide, fair, units),
        skewness=lognormal_skewness(variance, alternative),
    )  # fmt: skip


def _clopper_pearson(arms: Compared, rules: Evidence) -> Inference:
    x, n = events(arms.one)
    bounds = proportions.clopper_pearson(x, n, confidence=rules.confidence)
    return Inference(x / n, bounds, no_test)


def _korn_graubard(arms: Compared, rules: Evidence) -> Inference:
    x, n = events(arms.one)
    bounds = effective.korn_graubard(
        arms.one.n,
        whole(arms.one.total, arms.one.n),
        confidence=rules.confidence,
        icc_floor=rules.icc_floor,
    )
    return Inference(x / n, bounds, no_test, df=arms.one.units - 1.0)


# --- the table -----------------------------------------------------------------------------------

SCORE_DIFFERENCE = Method(names.fixed(names.SCORE), _independent_rates, _independent_rates_pattern)
WELCH = Method(names.fixed(phrase("Welch t (1947)")), _welch, _welch_pattern)
PAIRED_SCORE = Method(names.fixed(names.TANGO), _paired_score, _paired_score_pattern)
PAIRED_T = Method(names.PAIRED, _paired_t, _paired_t_pattern)
CLUSTERED_DIFFERENCE = Method(
    names.wider(names.clustered_t), _clustered_difference, _clustered_difference_pattern
)
NESTED_SCORE = Method(names.RAO_SCOTT, _clustered_rates, _nested_rates_pattern, names.AT_FLOOR)
CROSSED_SCORE = Method(
    names.RAO_SCOTT_PAIRS, _clustered_rates, _crossed_rates_pattern, names.AT_FLOOR
)
SCORE_RATIO = Method(names.fixed(names.RATIO_SCORE), _rate_ratio, _rate_ratio_pattern)
FIELLER = Method(names.fixed(phrase("Fieller (1954)")), _mean_ratio, _mean_ratio_pattern)
CLUSTERED_RATIO = Method(names.clustered_fieller, _clustered_ratio, _clustered_ratio_pattern)
CLUSTERED_RATE_RATIO = CLUSTERED_RATIO._replace(
    infer=_clustered_rate_ratio,
    pattern=_clustered_rate_ratio_pattern,
    fallback=names.RATIO_AT_FLOOR,
)
ONE_MEAN = Method(names.STUDENT, _one_mean, _one_mean_pattern)
CLUSTERED_MEAN = Method(names.moved(names.clustered_t), _clustered_mean, _clustered_mean_pattern)
CLOPPER_PEARSON = Method(names.fixed(phrase("Clopper–Pearson (1934)")), _clopper_pearson, None)
KORN_GRAUBARD = Method(names.korn_graubard, _korn_graubard, None)
