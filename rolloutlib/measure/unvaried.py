"""Bounds where nothing varies: that no unit differs from another is no proof that none can.

Every answer has the full score, or each prompt costs as much in both arms: an estimated standard
error is 0 then, and says nothing. What the data do exclude is that many units differ: of n that
agree, at most a share 1 - (1 - confidence)^(1/n) of all others does not (Clopper and Pearson 1934
at 0 of n; "rule of three", Hanley and Lippman-Hand 1983, JAMA 249:1743). The bound is where that
share lies as far off as a value can: at the other end of a score's scale, else at
`evidence.cap_factor` times the mean.

Only what can be alike by nature has such bounds: scores at an end of their scale, prices, tokens.
A latency or a middling score that is the same in every answer was not measured, and stays open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.measure.bounds import clustered, moments, quotient, units_of
from rolloutlib.measure.design import TOGETHER
from rolloutlib.measure.method_names import ONE_UNIT, UNITS
from rolloutlib.phrase import phrase
from rolloutlib.plan.metrics import metric_record
from rolloutlib.stats._numeric import plain
from rolloutlib.stats.clusters import cluster_contrast
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from rolloutlib.measure.bounds import Flags, Inference, Side
    from rolloutlib.measure.design import Compared, Floats, Sums
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Evidence

__all__ = ["bounded", "method_of"]

_ALIKE = frozenset({"cost", "tokens_in", "tokens_out"})
_SCALE = 10.0  # the highest score
_ROUNDING = 1e-9  # of a mean: a smaller standard error is rounding


class _Arm(NamedTuple):
    """One arm of whose units none differs.

    Attributes:
        mean: of its samples. (repetitions,)
        highest: the value that a unit can have.
        share: the largest share of units that may be otherwise.
    """

    mean: Floats
    highest: Floats
    share: Floats

    @property
    def least(self) -> Floats:
        """The mean, were the others 0."""
        return (1 - self.share) * self.mean

    @property
    def most(self) -> Floats:
        """The mean, were the others as high as they can be."""
        return self.least + self.share * self.highest


def bounded(
    usual: Inference, arms: Compared, contrast: str, rules: Evidence, *, metric: str
) -> Inference:
    """Return what a method says, with bounds that do not rest on a standard error of 0.

    Args:
        usual: what the method says of means; that of rates has bounds of its own.
        arms: what it was asked about.
        contrast: difference, ratio or treatment.
        rules: the confidence of each bound, and `cap_factor`.
        metric: whose values these are.
    """
    flat = _flat(arms, contrast) & _may_be_alike(arms, contrast, metric)
    if not flat.any():
        return usual
    lower, upper = _bounds(arms, contrast, rules, metric)
    bounds = Bounds(
        plain(np.where(flat, lower, usual.bounds.lower)),
        plain(np.where(flat, upper, usual.bounds.upper)),
    )
    se = np.where(flat, np.nan, usual.se)
    df = np.where(flat, units_of(arms) - 1.0, usual.df)  # too few are still too few

    def p(side: Side) -> Floats:
        if contrast == "treatment":
            return usual.p(side)
        return np.where(flat, _p_value(arms, side, rules, metric), usual.p(side))

    return usual._replace(bounds=bounds, p=p, se=se, df=df, fell=flat)


def method_of(arms: Compared, rules: Evidence, *, metric: str) -> Phrase:
    """Return the method's name, for people."""
    far = phrase("up to ×{factor:g}", factor=rules.cap_factor)
    if _has_scale(metric):
        far = phrase("to the end of the scale")
    return phrase(
        "no {unit} differs: exact share of {units} that may, {far} (Clopper–Pearson 1934)",
        unit=ONE_UNIT[arms.unit], units=UNITS[arms.unit], far=far,
    )  # fmt: skip


def _flat(arms: Compared, contrast: str) -> Flags:
    """Return where no unit differs from another in what the contrast asks."""
    if contrast == "treatment":
        return _is_constant(arms.one)
    if arms.kind not in TOGETHER:
        return _is_constant(arms.one) & _is_constant(arms.zero)
    treated, control = (moments(arm)[0] for arm in (arms.one, arms.zero))
    weight = np.nan_to_num(quotient(treated, control)) if contrast == "ratio" else 1.0
    apart = cluster_contrast(*clustered(arms), weight)
    return np.asarray(apart.se) <= _rounding_of(np.maximum(np.abs(treated), np.abs(control)))


def _may_be_alike(arms: Compared, contrast: str, metric: str) -> Flags:
    """Return where values can be the same in every answer by their nature."""
    if not _has_scale(metric):
        return np.full(arms.one.n.shape[:1], metric in _ALIKE)
    needed = (arms.one,) if contrast == "treatment" else (arms.one, arms.zero)
    means = np.array([moments(arm)[0] for arm in needed])
    ends = np.isclose(means, 0.0, atol=_ROUNDING) | np.isclose(means, _SCALE, rtol=_ROUNDING)
    return np.asarray(ends.all(axis=0))


def _is_constant(arm: Sums) -> Flags:
    mean, variance, n = moments(arm)
    return (n > 1) & (np.sqrt(variance) <= _rounding_of(mean))


def _rounding_of(mean: Floats) -> Floats:
    return _ROUNDING * np.maximum(np.abs(mean), _ROUNDING)


def _bounds(arms: Compared, contrast: str, rules: Evidence, metric: str) -> tuple[Floats, Floats]:
    if contrast == "treatment":
        alone = _arm(arms.one, _units(arms, arms.one), 1 - rules.confidence, rules, metric)
        return alone.least, alone.most
    together = arms.kind in TOGETHER
    error = (1 - rules.confidence) / (1 if together else 2)  # apart, either arm may be wrong
    treated, control = (
        _arm(arm, _weighing(arms) if together else _units(arms, arm), error, rules, metric)
        for arm in (arms.one, arms.zero)
    )
    if contrast == "ratio":
        return quotient(treated.least, control.most), quotient(treated.most, control.least)
    if together:  # no unit is at both ends
        change = (1 - treated.share) * (treated.mean - control.mean)
        return change - control.share * control.highest, change + treated.share * treated.highest
    return treated.least - control.most, treated.most - control.least


def _p_value(arms: Compared, side: Side, rules: Evidence, metric: str) -> Floats:
    """Return the smallest error at which the bounds exclude that nothing changed, or less than it.

    So many of all units as would make up for what was seen are otherwise, and none was met. Of arms
    that are apart the smaller one counts, twice: at least as much as either's own bound allows.
    """
    treated, control = moments(arms.one)[0], moments(arms.zero)[0]
    higher, lower = (treated, control) if side == "greater" else (control, treated)
    change, other = higher - lower, lower
    together = arms.kind in TOGETHER
    units = _weighing(arms) if together else np.minimum(
        _units(arms, arms.one), _units(arms, arms.zero)
    )  # fmt: skip
    gone = np.maximum(change, 0.0)
    far = gone + _highest(other, rules, metric)
    share = gone / np.where(far > 0, far, 1.0)
    return np.minimum((1 if together else 2) * (1 - share) ** units, 1.0)


def _highest(mean: Floats, rules: Evidence, metric: str) -> Floats:
    """Return the value that a unit can have at most."""
    return np.full_like(mean, _SCALE) if _has_scale(metric) else rules.cap_factor * mean


def _arm(arm: Sums, units: Floats, error: float, rules: Evidence, metric: str) -> _Arm:
    mean = moments(arm)[0]
    share = np.asarray(clopper_pearson(0.0 * units, units, confidence=1 - error).upper)
    return _Arm(mean, _highest(mean, rules, metric), share)


def _has_scale(metric: str) -> bool:
    return metric_record(metric).unit == "score"


def _units(arms: Compared, arm: Sums) -> Floats:
    """Return an arm's independent things: samples, or clusters by their weight."""
    if arms.kind == "independent" or not arms.repeats:
        return arm.n.sum(axis=-1)
    return _alike(arm.n)


def _weighing(arms: Compared) -> Floats:
    """Return how many equal units both arms are: by samples, or by values if fewer make those."""
    values = np.abs(arms.one.total) + np.abs(arms.zero.total)
    by_value = np.where(values.any(axis=-1), _alike(values), np.inf)
    return np.minimum(_alike(arms.one.n + arms.zero.n), by_value)


def _alike(weight: Floats) -> Floats:
    """Return how many equal units weigh as much (Kish 1965): a heavy one is not many."""
    square = np.square(weight).sum(axis=-1)
    return np.square(weight.sum(axis=-1)) / np.where(square > 0, square, 1.0)
