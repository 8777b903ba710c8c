"""What every method of the policy is made of: its answer, and arithmetic over many repetitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from rolloutlib.measure.design import Sums
from rolloutlib.stats import clusters, differences, effective, means, pairs, ratios
from rolloutlib.stats.inference import Bounds, t_bounds, t_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rolloutlib.measure.design import Compared, Floats
    from rolloutlib.plan.model import Evidence
    from rolloutlib.stats.inference import ClusterInference

    Flags = NDArray[np.bool_]
    Number = Floats | float
    Side = Literal["less", "greater"]


RARE = 1.5  # times the floor of exact bounds is that of score bounds
NOISE = 1e-9  # of a count: what is left of one that was a mean times a size


class Inference(NamedTuple):
    """What a method says; every array is (repetitions,).

    Attributes:
        bounds: one-sided, each at the rules' confidence.
        p: p-values of "contrast < no change" (less) and "contrast > no change" (greater).
        se, df: NaN where the method has none.
        fell: where an arm shows no variance, so that the fallback's bounds stand.
    """

    point: Floats
    bounds: Bounds
    p: Callable[[Side], Floats]
    se: Number = np.nan
    df: Number = np.nan
    fell: Flags | bool = False


class Pattern(NamedTuple):
    """How a bound narrows with its units, were the design alternative true.

    Attributes:
        distance: from the alternative to the limit, in the contrast's unit.
        variance: of one unit's contribution.
        null: the variance that the bound uses, over that; above or below 1 for score bounds.
        df: degrees of freedom a unit, inf for normal bounds.
        inflation: the bound's variance is 1 + inflation/units times too large (CR3).
        skewness: of one unit, which widens the bound of a positive mean.
    """

    distance: Number
    variance: Number
    null: Number = 1.0
    df: Number = np.inf
    inflation: Number = 0.0
    skewness: Number = 0.0


def units_of(arms: Compared) -> Floats:
    """Return the independent things that a bound rests on, in the smaller arm; (repetitions,)."""
    treated, control = arms.one, arms.zero
    if arms.kind == "one_arm":
        return treated.units if arms.repeats else treated.n.sum(axis=-1)
    if arms.kind == "crossed":
        return ((treated.n > 0) | (control.n > 0)).sum(axis=-1).astype(np.float64)
    if arms.kind == "independent":
        return np.minimum(treated.n.sum(axis=-1), control.n.sum(axis=-1))
    return np.minimum(treated.units, control.units)


def no_test(side: Side) -> Floats:  # noqa: ARG001 -- of one arm: there is no control to compare with
    """Return no p-value."""
    return np.array([np.nan])


def whole(total: Floats, n: Floats) -> Floats:
    """Return counts without the rounding of a mean times a count; a user's share may be broken."""
    nearest = np.rint(total)
    near = np.abs(total - nearest) < NOISE * np.maximum(nearest, 1.0)
    return np.minimum(np.where(near, nearest, total), n)


def events(arm: Sums) -> tuple[Floats, Floats]:
    """Return events and samples."""
    n = arm.n.sum(axis=-1)
    return whole(arm.total.sum(axis=-1), n), n


def clustered(arms: Compared) -> tuple[Floats, Floats, Floats, Floats]:
    """Return counts and sums as the cluster-robust estimators take them."""
    return arms.one.n, arms.one.total, arms.zero.n, arms.zero.total


def moments(arm: Sums) -> tuple[Floats, Floats, Floats]:
    """Return mean, sample variance (infinite below two values) and count over all units."""
    n = arm.n.sum(axis=-1)
    mean = arm.total.sum(axis=-1) / np.maximum(n, 1.0)
    unit_mean = arm.total / np.maximum(arm.n, 1.0)
    square = (arm.within + arm.n * (unit_mean - mean[..., None]) ** 2).sum(axis=-1)
    return mean, np.where(n > 1, square / np.maximum(n - 1, 1.0), np.inf), n


def quotient(treated: Floats, control: Floats) -> Floats:
    """Return the ratio, NaN where the control has none."""
    return np.where(control != 0, treated / np.where(control != 0, control, 1.0), np.nan)


def by_t(contrast: ClusterInference, rules: Evidence) -> Inference:
    """Return Student's bounds and tests of a point with its standard error."""

    def p(side: Side) -> Floats:
        return np.asarray(t_test(contrast, alternative=side).p_value)

    bounds = t_bounds(contrast, confidence=rules.confidence)
    return Inference(np.asarray(contrast.point), bounds, p, contrast.se, contrast.df)


def widened(contrast: ClusterInference, arms: Compared, rules: Evidence) -> Inference:
    """Return Student's bounds and tests, widened where a few units lie far off on one side."""
    skewness = means.skewness_of(clusters.contributions(*clustered(arms)))
    bounds = means.skewed_t(contrast, skewness, confidence=rules.confidence)
    return by_t(contrast, rules)._replace(bounds=bounds)


def skewed(
    mean: ClusterInference, units: Floats, rules: Evidence, skewness: Number = 0.0
) -> Inference:
    """Return the bounds of a positive mean that is skewed to the right, as much as `skewness`."""
    bounds = means.skewed_mean(mean, units, skewness, confidence=rules.confidence)
    return by_t(mean, rules)._replace(bounds=bounds, p=no_test)


def score_difference(counts: tuple[Floats, ...], rules: Evidence) -> Inference:
    """Return the score's bounds and tests of a difference from x1, n1, x0 and n0."""
    x1, n1, x0, n0 = counts
    bounds = differences.miettinen_nurminen_difference(*counts, confidence=rules.confidence)
    test = differences.miettinen_nurminen_difference_test

    def p(side: Side) -> Floats:
        return np.asarray(test(*counts, null=0.0, alternative=side).p_value)

    return Inference(x1 / n1 - x0 / n0, bounds, p)


def score_ratio(counts: tuple[Floats, ...], rules: Evidence) -> Inference:
    """Return the score's bounds and tests of a ratio from x1, n1, x0 and n0."""
    x1, n1, x0, n0 = counts
    bounds = ratios.miettinen_nurminen_ratio(*counts, confidence=rules.confidence)
    test = ratios.miettinen_nurminen_ratio_test

    def p(side: Side) -> Floats:
        return np.asarray(test(*counts, null=1.0, alternative=side).p_value)

    return Inference(quotient(x1 / n1, x0 / n0), bounds, p)


def one_sided(arms: Compared) -> Flags:
    """Return where an arm has no event, or nothing else: its clusters show no variance at all."""
    (x1, n1), (x0, n0) = events(arms.one), events(arms.zero)
    return (x1 == 0) | (x1 == n1) | (x0 == 0) | (x0 == n0)


def instead(
    usual: Inference, flat: Flags, score: Callable[[tuple[Floats, ...], Evidence], Inference],
    arms: Compared, rules: Evidence,
) -> Inference:  # fmt: skip
    """Put score bounds at the effective sample sizes where an arm shows no variance.

    That no cluster varies is no proof of a standard error of 0.
    """
    if not flat.any():
        return usual
    rows = (Sums(arm.n[flat], arm.total[flat]) for arm in (arms.one, arms.zero))
    other = score(tuple(part for arm in rows for part in effective_events(arm, rules)), rules)

    def p(side: Side) -> Floats:
        return _put(usual.p(side), flat, other.p(side))

    bounds = (_put(old, flat, new) for old, new in zip(usual.bounds, other.bounds, strict=True))
    se, df = (_put(value, flat, np.nan) for value in (usual.se, usual.df))
    return Inference(usual.point, Bounds(*bounds), p, se, df, flat)  # type: ignore[arg-type]


def _put(old: Number, where: Flags, new: Number) -> Floats:
    value = np.array(np.broadcast_to(old, where.shape), dtype=np.float64)
    value[where] = new
    return value


def floor_of_scores(rules: Evidence) -> float:
    """Return the correlation that score bounds assume at least of arms that show none.

    More than exact bounds, which are cautious by themselves: with .10 a share of vetoes of which
    users have correlation .2 passed at its limit in 6–8 % of worlds with 10–30 users.
    """
    return min(RARE * rules.icc_floor, 0.99)


def effective_events(arm: Sums, rules: Evidence) -> tuple[Floats, Floats]:
    """Return counts over the arm's design effect (Korn & Graubard 1998), for a score."""
    x, n = events(arm)
    counts = whole(arm.total, arm.n)
    size = np.asarray(
        effective.effective_sample_size(arm.n, counts, icc_floor=floor_of_scores(rules))
    )
    return x / n * size, size


def levels(arms: Compared, alternative: float) -> tuple[Floats, Floats]:
    """Return both proportions: their level is observed, their difference is the alternative."""
    n1, n0 = arms.one.n.sum(axis=-1), arms.zero.n.sum(axis=-1)
    events = arms.one.total.sum(axis=-1) + arms.zero.total.sum(axis=-1)
    level = (events - alternative * n1) / (n1 + n0)
    return within(level + alternative), within(level)


def ratio_level(arms: Compared, alternative: float) -> Floats:
    """Return the control's level, were the ratio the alternative."""
    events = arms.one.total.sum(axis=-1) + arms.zero.total.sum(axis=-1)
    return events / (arms.zero.n.sum(axis=-1) + alternative * arms.one.n.sum(axis=-1))


def within(share: Floats) -> Floats:
    """Keep proportions off 0 and 1, where nothing varies."""
    return np.clip(share, 1e-6, 1 - 1e-6)


def binomial(p1: Floats, p0: Floats) -> Floats:
    """Return the variance of one sample an arm."""
    return p1 * (1 - p1) + p0 * (1 - p0)


def tango_null(differ: Floats, alternative: float, limit: float) -> Floats:
    """Return Tango's variance under the limit over that under the truth."""
    differ = np.maximum(np.maximum(differ, abs(alternative)), 1e-7)
    variance = np.asarray(pairs.tango_variance(differ, alternative, limit))
    return variance / (differ - alternative**2)


def lognormal_skewness(variance: Floats, mean: float) -> Floats:
    """Return the skewness of a lognormal value with that mean and variance."""
    c = variance**0.5 / abs(mean) if mean else np.zeros_like(variance)
    return 3 * c + c**3


def cr2_variance(arm: Sums) -> Floats:
    """Return the unbiased variance of an arm's mean."""
    return np.square(clusters.cluster_mean(arm.n, arm.total, kind="CR2").se)


def clustered_pattern(
    arms: Compared, distance: Number, weight: float, rescaled: Number = 1.0
) -> Pattern:
    """Return how treatment − weight·control narrows: unbiased (CR2), and how CR3 exceeds it.

    `rescaled` is by how much the treatment's variance changes when the alternative is true.
    """
    quad, units = clustered(arms), units_of(arms)
    fair, wide = (clusters.cluster_contrast(*quad, weight, kind=kind) for kind in ("CR2", "CR3"))
    treated, control = cr2_variance(arms.one), cr2_variance(arms.zero)
    with np.errstate(invalid="ignore"):  # a single unit has no variance, and so no pattern
        apart = treated + weight**2 * control
        shared = (apart - np.square(fair.se)) / 2  # weight times the covariance
    variance = rescaled * treated + weight**2 * control - 2 * np.sqrt(rescaled) * shared
    return Pattern(
        distance, np.maximum(variance, 0.0) * units, df=fair.df / units,
        inflation=inflation(wide, fair, units),
    )  # fmt: skip


def inflation(wide: ClusterInference, fair: ClusterInference, units: Floats) -> Floats:
    """Return by how much CR3 exceeds the unbiased variance, times the units."""
    usable = np.isfinite(fair.se) & (np.asarray(fair.se) > 0)
    excess = np.square(np.where(usable, wide.se, 1.0) / np.where(usable, fair.se, 1.0)) - 1
    return np.where(usable, excess * units, 0.0)
