"""A contrast of two arms day after day: what is known at the end of each day, days being a source.

Arrays have days and units on their last two axes, any axes before them are a batch. A unit (a user,
a prompt) stays the same over the days; what it adds on another day is no new unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.stats import clusters
from rolloutlib.stats._numeric import or_one

if TYPE_CHECKING:
    from rolloutlib.stats._numeric import FloatArray

PRIOR_DF = 4.0  # how many days the assumed spread of days weighs as much as


class DayArm(NamedTuple):
    """One arm's samples by day and unit.

    Attributes:
        n: samples. (..., days, units)
        s: their sum.
        q: their sum of squares.
    """

    n: FloatArray
    s: FloatArray
    q: FloatArray

    def scaled(self, factor: float) -> DayArm:
        """Return the arm in another unit."""
        return DayArm(self.n, self.s * factor, self.q * factor**2)


class Looks(NamedTuple):
    """What is known at the end of each day, of that day and all before it. Each (..., days).

    Attributes:
        point: treatment − control, standardised to the same days; NaN before there is any.
        se: its standard error, days' own spread included; inf where it cannot be told.
        df: degrees of freedom; 0 where it cannot be told.
        fresh: whether the day added samples to the comparison.
        units: units with samples so far, in the arm that has fewer.
        between: variance of a single day's contrast beyond samples and units, as it seems by then.
        between_df: its degrees of freedom.
    """

    point: FloatArray
    se: FloatArray
    df: FloatArray
    fresh: FloatArray
    units: FloatArray
    between: FloatArray
    between_df: FloatArray

    def z(self, null: float = 0.0) -> FloatArray:
        """Return the normal score of "above the null" (…, days); NaN where nothing can be told."""
        usable = np.isfinite(self.se) & (self.se > 0) & (self.df > 0) & np.isfinite(self.point)
        se, df = np.where(usable, self.se, 1.0), np.where(usable, self.df, 1.0)
        t = (np.where(usable, self.point, 0.0) - null) / se
        below = special.ndtri(special.stdtr(df, -np.abs(t)))
        return np.where(usable, -np.sign(t) * np.maximum(below, -37.0), np.nan)


def daily_contrast(
    treatment: DayArm, control: DayArm | None, *, spread: float, alone: bool = False,
    earlier: tuple[FloatArray, FloatArray] | None = None,
) -> Looks:  # fmt: skip
    """Return treatment − control after each day, or the treatment's mean without a control.

    Days are strata with the weights n₁n₀/(n₁ + n₀): what an arm has more of on a day, and what
    both share on it, cancels. Units give the standard error (CR3 and Satterthwaite's freedom, as
    `clusters.cluster_contrast`), and days add their own spread: DerSimonian and Laird's (1986,
    Control Clin Trials 7:177) variance of the daily contrasts beyond what samples and units
    explain, shrunk to an assumed one that weighs `PRIOR_DF` days; where they show more than that,
    it is theirs, with their few degrees of freedom.

    Args:
        treatment: its samples by day and unit.
        control: likewise; entry g of both is the same unit; None for one arm's mean.
        spread: assumed standard deviation of an arm's days, in those of a single sample.
        alone: units are no clusters; a cell holds all samples of its day.
        earlier: `between` and `between_df` of days before these, so that what happens on these is
            not taken for how days differ; NaN where there are none, and the spread is assumed.
    """
    arms = [_DayMeans.of(arm) for arm in (treatment, control) if arm is not None]
    weight = arms[0].size if control is None else _harmonic(arms[0].size, arms[1].size)
    used = weight > 0
    level = sum((arm.mean for arm in arms), start=np.zeros(())) / 2 if control is not None else 0.0
    parts = [_Standardised.of(arm, weight, level) for arm in arms]
    total = or_one(np.cumsum(weight, axis=-1))
    sampling, df = _by_samples(parts, weight, total) if alone else _by_units(parts)
    daily = arms[0].mean - (arms[1].mean if control is not None else 0.0)
    point = np.cumsum(np.where(used, weight * daily, 0.0), axis=-1) / total
    begun = np.cumsum(weight, axis=-1) > 0
    days = _spread_of_days(parts, daily, weight, spread, alone=alone)
    if earlier is not None:
        days = _of_earlier(parts, spread, earlier)
    share = np.cumsum(weight**2, axis=-1) / total**2
    usable = begun & np.isfinite(sampling) & (df > 0)
    sampling, between = np.where(usable, sampling, 0.0), days.variance * share
    variance = sampling + between
    freedom = variance**2 / or_one(sampling**2 / or_one(df) + between**2 / or_one(days.df))
    usable &= variance > 0
    units = np.min([part.units for part in parts], axis=0)
    se = np.where(usable, np.sqrt(np.where(usable, variance, 1.0)), np.inf)
    return Looks(
        np.where(begun, point, np.nan), se,
        np.where(usable, freedom, 0.0), used.astype(np.float64), units, *days,
    )  # fmt: skip


class _DayMeans(NamedTuple):
    """An arm day by day: samples and mean of each day (..., days), and the arm itself."""

    size: FloatArray
    mean: FloatArray
    arm: DayArm

    @classmethod
    def of(cls, arm: DayArm) -> _DayMeans:
        size = arm.n.sum(axis=-1)
        return cls(size, arm.s.sum(axis=-1) / or_one(size), arm)


class _Standardised(NamedTuple):
    """An arm with its days weighed alike the other's, summed up to each day.

    Attributes:
        n, s: weights and sums of each unit. (..., days, units)
        shares: a day's samples by unit, as shares of the day. (..., days, units)
        size: samples of each day. (..., days)
        within, between: variances of single samples within units, and of units. (..., days)
        units: units so far. (..., days)
    """

    n: FloatArray
    s: FloatArray
    shares: FloatArray
    size: FloatArray
    within: FloatArray
    between: FloatArray
    units: FloatArray

    @classmethod
    def of(cls, day: _DayMeans, weight: FloatArray, level: FloatArray | float) -> _Standardised:
        factor = np.where(weight > 0, weight / or_one(day.size), 0.0)[..., None]
        moved = day.arm.s - day.arm.n * np.broadcast_to(level, day.size.shape)[..., None]
        weighed = np.cumsum(weight, axis=-1)
        sampled = np.cumsum(np.where(weight > 0, day.size, 0.0), axis=-1)
        size = (sampled / or_one(weighed))[..., None]  # weights add up to the arm's samples
        n = size * np.cumsum(factor * day.arm.n, axis=-2)
        s = size * np.cumsum(factor * moved, axis=-2)
        within, between = _components(day.arm)
        shares = day.arm.n / or_one(day.size)[..., None]
        return cls(n, s, shares, day.size, within, between, (n > 0).sum(axis=-1))


def _components(arm: DayArm) -> tuple[FloatArray, FloatArray]:
    """Return variances within and between units after each day (Searle et al. 1992, chapter 3)."""
    n, s, q = (np.cumsum(part, axis=-2) for part in arm)
    total: FloatArray = n.sum(axis=-1)
    units: FloatArray = (n > 0).sum(axis=-1).astype(np.float64)
    inside: FloatArray = np.maximum(q - s**2 / or_one(n), 0.0).sum(axis=-1)
    repeats = total - units
    whole = np.maximum(q.sum(axis=-1) - s.sum(axis=-1) ** 2 / or_one(total), 0.0)
    within: FloatArray = np.where(repeats > 0, inside / or_one(repeats), whole / or_one(total - 1))
    size: FloatArray = total - (n**2).sum(axis=-1) / or_one(total)
    between: FloatArray = (whole - inside - (units - 1) * within) / or_one(size)
    return within, np.where((units > 1) & (repeats > 0), np.maximum(between, 0.0), 0.0)


def _harmonic(treatment: FloatArray, control: FloatArray) -> FloatArray:
    return treatment * control / or_one(treatment + control)


def _by_units(parts: list[_Standardised]) -> tuple[FloatArray, FloatArray]:
    if len(parts) == 1:
        estimate = clusters.cluster_mean(parts[0].n, parts[0].s)
    else:
        estimate = clusters.cluster_contrast(parts[0].n, parts[0].s, parts[1].n, parts[1].s)
    return np.square(estimate.se), np.asarray(estimate.df)


def _by_samples(
    parts: list[_Standardised], weight: FloatArray, total: FloatArray
) -> tuple[FloatArray, FloatArray]:
    variance, freedom = np.zeros(()), np.zeros(())
    for part in parts:
        own = np.cumsum(weight**2 / or_one(part.size), axis=-1) / total**2 * part.within
        df = np.maximum(np.cumsum(part.size, axis=-1) - 1, 0.0)
        variance, freedom = variance + own, freedom + own**2 / or_one(df)
    return variance, np.where(freedom > 0, variance**2 / or_one(freedom), 0.0)


class _Days(NamedTuple):
    variance: FloatArray
    df: FloatArray


def _spread_of_days(
    parts: list[_Standardised], daily: FloatArray, weight: FloatArray, spread: float, *, alone: bool
) -> _Days:
    """Return the variance of a day's contrast that neither samples nor units explain."""
    days = weight.shape[-1]
    so_far = (weight > 0)[..., None, :] & np.tri(days, dtype=bool)  # (..., look, day)
    explained = sum((_expected(part, alone=alone) for part in parts), start=np.zeros(()))
    usable = so_far & (explained > 0)
    precision = np.where(usable, 1.0 / or_one(explained), 0.0)
    whole = or_one(precision.sum(axis=-1))
    value = daily[..., None, :]
    mean = (precision * value).sum(axis=-1) / whole
    q = (precision * (value - mean[..., None]) ** 2).sum(axis=-1)
    df = np.maximum(usable.sum(axis=-1) - 1.0, 0.0)
    slope = whole - (precision**2).sum(axis=-1) / whole
    excess = np.where(df > 0, np.maximum(q - df, 0.0) / or_one(slope), 0.0)
    shrunk = (PRIOR_DF * _assumed(parts, spread) + df * excess) / (PRIOR_DF + df)
    return _Days(np.maximum(shrunk, excess), np.where(excess > shrunk, df, PRIOR_DF + df))


def _assumed(parts: list[_Standardised], spread: float) -> FloatArray:
    """Return the assumed variance of a day's contrast, by a sample's variance if arms are alike.

    So that two arms without any variation, of which one is all good and one all bad, do differ.
    """
    single = sum((part.within + part.between for part in parts), start=np.zeros(()))
    if len(parts) > 1:
        means = [part.s.sum(axis=-1) / or_one(part.n.sum(axis=-1)) for part in parts]
        single = single + (means[0] - means[1]) ** 2 / 2
    return spread**2 * single


def _of_earlier(
    parts: list[_Standardised], spread: float, earlier: tuple[FloatArray, FloatArray]
) -> _Days:
    variance, df = earlier
    has_spread = np.isfinite(variance)
    assumed = _assumed(parts, spread)
    return _Days(np.where(has_spread, variance, assumed), np.where(has_spread, df, PRIOR_DF))


def _expected(part: _Standardised, *, alone: bool) -> FloatArray:
    """Return an arm's variance of each day's mean around the arm's, by look: (..., look, day)."""
    noise = part.within[..., :, None] / or_one(part.size)[..., None, :]
    if alone:
        return noise
    own = part.n / or_one(part.n.sum(axis=-1, keepdims=True))
    both = np.einsum("...kg,...dg->...kd", own, part.shares)  # no threads for small products
    apart = (own**2).sum(axis=-1)[..., :, None] - 2 * both
    apart = apart + (part.shares**2).sum(axis=-1)[..., None, :]
    return noise + part.between[..., :, None] * np.maximum(apart, 0.0)
