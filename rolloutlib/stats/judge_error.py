"""Means as people would give them, where people looked at some of what a judge judged.

Prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, Science 382:669):
the judge's mean over all samples, corrected by how far people differ from it over those that they
labelled. Power tuning (PPI++: Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453) lets the judge
count as much as it is worth. With the judge's mean over all samples, the labelled ones included,
the tuned weight is the slope of people's values on the judge's, so that the estimate is the
regression estimator of double sampling (Cochran 1977, Sampling Techniques, section 12.6). Of
verdicts that is post-stratification by the judge's verdict: the share of people's passes among what
the judge passed, and among what it failed, each weighed by how many the judge passed and failed.
Then labels need to be drawn at random only within what the judge passed and within what it failed,
and each share has exact bounds, so that labels which all agree never give a correction without an
error.

The parts are put together by variance recovery (Zou & Donner 2008, Stat. Med. 27:1693): residuals
and the judge's values are uncorrelated in the labelled samples, by least squares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.stats._numeric import check_between, floats, or_one, plain
from rolloutlib.stats.clusters import cluster_mean, contributions
from rolloutlib.stats.effective import effective_sample_size, korn_graubard
from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.means import skewed_t, skewness_of
from rolloutlib.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats._numeric import FloatArray

__all__ = [
    "Arm",
    "Corrected",
    "Labels",
    "Level",
    "contrast",
    "corrected_mean",
    "corrected_rate",
    "scaled",
]

SPAN = 10.0  # of scores
FEW = 5  # disagreements below which a spread of scores is not believed
TUNED = 10  # labelled clusters from which the judge's scores are weighed by their slope
_ROUNDING = 1e-9
_STEPS = 8  # of the search for a ratio's bounds


class Labels(NamedTuple):
    """Labels of what the judge said one thing about, per cluster.

    Attributes:
        n: labelled samples. (..., clusters)
        x: those of them that people passed.
    """

    n: ArrayLike
    x: ArrayLike


class Level(NamedTuple):
    """One arm's mean as people would give it; every array is (batch).

    Attributes:
        point: the corrected mean.
        slope: what a unit of the judge's mean counts in it: PPI++'s weight.
        below, above: how far the labels let it lie lower and higher, whatever the judge's mean is.
    """

    point: float
    slope: float
    below: float
    above: float


class Arm(NamedTuple):
    """One arm of a contrast.

    Attributes:
        level: the corrected mean.
        judged: the judge's mean over all samples.
        below, above: distances of the bounds of the judge's own mean.
    """

    level: Level
    judged: float
    below: float
    above: float


class Corrected(NamedTuple):
    """A contrast as people would give it.

    Attributes:
        point, bounds: of the contrast; bounds are one-sided.
        shift: by how much people move the judge's own contrast.
        moved: bounds of that, from the labels alone.
    """

    point: float
    bounds: Bounds
    shift: float
    moved: Bounds


def corrected_rate(
    share: ArrayLike, passed: Labels, failed: Labels, *, confidence: float = 0.95,
    icc_floor: float = 0.0,
) -> Level:  # fmt: skip
    """Return an arm's share of passes as people would give it.

    Where the judge passed (or failed) samples of which none is labelled, the point takes its word,
    and the bound that it may always be wrong.

    Args:
        share: of all samples that the judge passed. (batch)
        passed: labels of what it passed. (batch, clusters)
        failed: labels of what it failed.
        confidence: of each bound separately, above one half.
        icc_floor: as `korn_graubard` takes it.

    >>> passed, failed = Labels([1, 1, 1, 1], [1, 1, 1, 0]), Labels([1, 1], [0, 1])
    >>> corrected_rate(0.9, passed, failed).point  # .9·3/4 + .1·1/2
    0.725
    """
    check_between("confidence", confidence, 0.5, 1)
    weight = np.asarray(share, dtype=np.float64)
    right, wrong = (_share(labels, word, confidence, icc_floor)
                    for labels, word in ((passed, 1.0), (failed, 0.0)))  # fmt: skip
    point = weight * right[0] + (1.0 - weight) * wrong[0]
    below, above = (np.hypot(weight * right[side], (1.0 - weight) * wrong[side])
                    for side in (1, 2))  # fmt: skip
    return Level(*map(plain, (point, right[0] - wrong[0], below, above)))


def _share(
    labels: Labels, word: float, confidence: float, icc_floor: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return people's share of passes, and the distances of its exact bounds."""
    n, x = floats(*labels)
    total, events = n.sum(axis=-1), x.sum(axis=-1)
    point = np.where(total > 0, events / or_one(total), word)
    lower, upper = clopper_pearson(events, total, confidence=confidence)
    if n.max(initial=0.0) > 1:
        wide = korn_graubard(n, x, confidence=confidence, icc_floor=icc_floor)
        repeated = n.max(axis=-1, initial=0.0) > 1
        lower, upper = (np.where(repeated, end, single)
                        for end, single in zip(wide, (lower, upper), strict=True))  # fmt: skip
    none = total == 0
    lower, upper = np.where(none, 0.0, lower), np.where(none, 1.0, upper)
    return point, np.maximum(point - lower, 0.0), np.maximum(upper - point, 0.0)


def corrected_mean(
    mean: float, judge: ArrayLike, human: ArrayLike, cluster: ArrayLike, *,
    confidence: float = 0.95, span: float = SPAN,
) -> Level:  # fmt: skip
    """Return an arm's mean score as people would give it.

    The residuals' mean has Student's bounds over labelled clusters (CR3, Satterthwaite), widened
    for skewness. Below five labels that differ from the judge, their spread shows next to nothing:
    then as many as the exact bound allows may differ by the whole scale.

    Args:
        mean: of the judge's scores over all samples.
        judge: its score of each labelled sample. (labels,)
        human: people's.
        cluster: which cluster each is of, from 0.
        confidence: of each bound separately, above one half.
        span: length of the scale.
    """
    check_between("confidence", confidence, 0.5, 1)
    f, y = floats(judge, human)
    codes = np.asarray(cluster, dtype=np.int64)
    size = int(codes.max(initial=-1)) + 1
    if not len(f):
        return Level(mean, 1.0, span, span)
    n = np.bincount(codes, minlength=size).astype(np.float64)
    slope, tuned = _slope(f, y, int((n > 0).sum()))
    residual = np.bincount(codes, y - slope * f, size)
    difference = cluster_mean(n, residual, kind="CR3")
    difference = difference._replace(df=max(difference.df - tuned, 0.0))
    skewness = skewness_of(contributions(n, residual, 0 * n, 0 * n))
    lower, upper = skewed_t(difference, skewness, confidence=confidence)
    apart = (np.abs(y - f) > _ROUNDING).astype(np.float64)
    differ = floats(np.bincount(codes, apart, size))[0]
    below, above = difference.point - lower, upper - difference.point
    if differ.sum() < FEW:
        unseen = _unseen(n, differ, confidence) * span
        below, above = (max(end, unseen) if np.isfinite(end) else unseen for end in (below, above))
    return Level(difference.point + slope * mean, slope, min(below, span), min(above, span))


def _slope(f: FloatArray, y: FloatArray, clusters: int) -> tuple[float, int]:
    """Return people's slope on the judge within 0 and 1, and whether the labels chose it."""
    spread = float(np.sum(np.square(f - f.mean())))
    if clusters < TUNED or spread <= _ROUNDING:
        return 1.0, 0
    both = float(np.sum((f - f.mean()) * (y - y.mean())))
    return min(max(both / spread, 0.0), 1.0), 1


def _unseen(n: FloatArray, differ: FloatArray, confidence: float) -> float:
    """Return how large a share of samples may differ, by the exact bound."""
    size = effective_sample_size(n, np.minimum(differ, n), icc_floor=0.0)
    share = float(differ.sum() / n.sum())
    return clopper_pearson(min(share * size, size), size, confidence=confidence).upper


def contrast(
    kind: str, own: tuple[float, float, float], treated: Arm, control: Arm | None = None
) -> Corrected:
    """Return a contrast as people would give it.

    The judge's own contrast keeps the bounds of the method that fits its design, weighed by the
    slope; where the arms' slopes differ, their difference weighs one arm's own mean beside it.

    Args:
        kind: difference, ratio or treatment.
        own: point, lower and upper bound of the judge's own contrast. (batch)
        treated: the treatment.
        control: the control; None for the treatment alone.
    """
    point, lower, upper = floats(*own)
    ours = _Own(point, point - lower, upper - point)
    if kind == "treatment" or control is None:
        judged = scaled(ours.below, ours.above, treated.level.slope)
        return _moved(ours, treated.level.point, judged, (treated.level.below, treated.level.above))
    if kind == "ratio":
        return _ratio(ours, treated, control)
    apart = np.subtract(treated.level.point, control.level.point)
    judged = _judged(ours, treated, control, 1.0, 1.0)
    return _moved(ours, apart, judged, _labelled(treated, control, 1.0))


class _Own(NamedTuple):
    """The judge's own contrast, and how far its bounds lie from it."""

    point: FloatArray
    below: FloatArray
    above: FloatArray


def _ratio(own: _Own, treated: Arm, control: Arm) -> Corrected:
    """Find the ratios at which treatment - ratio x control equals its own error.

    Nothing bounds a ratio to a control whose own bound reaches 0.
    """
    base, slope = floats(control.level.point, control.level.slope)
    least = base - np.hypot(scaled(control.below, control.above, slope)[0], control.level.below)
    usable = (least > 0) & np.isfinite(own.point)
    mean = np.where(usable, base, 1.0)
    point = np.where(usable, treated.level.point / mean, np.nan)
    judged_ratio = np.where(usable, own.point, 1.0)
    apart = _Own(judged_ratio, own.below * control.judged, own.above * control.judged)
    ends, moved = [point, point], [point, point]
    for _ in range(_STEPS):
        for side, sign in ((0, -1.0), (1, 1.0)):
            of_labels = _labelled(treated, control, ends[side])[side]
            judged = _judged(apart, treated, control, judged_ratio, ends[side])[side]
            ends[side] = point + sign * np.hypot(judged, of_labels) / mean
            moved[side] = point + sign * of_labels / mean
    outer = [
        np.where(usable, end, sign * np.inf)
        for sign, end in ((-1.0, ends[0]), (1.0, ends[1]), (-1.0, moved[0]), (1.0, moved[1]))
    ]
    low, high = outer[2] - own.point, outer[3] - own.point
    bounds, shifts = Bounds(*map(plain, outer[:2])), Bounds(plain(low), plain(high))
    return Corrected(plain(point), bounds, plain(point - own.point), shifts)


def _judged(
    own: _Own, treated: Arm, control: Arm, ratio: ArrayLike, weight: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return how far the judge's own means move slope1·mean1 - weight·slope0·mean0.

    That is slope1·(mean1 - ratio·mean0) and a rest of one mean, or as much of the other one: the
    smaller of both, added up as if the two moved together.
    """
    second = np.multiply(weight, control.level.slope)
    most = [np.maximum(arm.below, arm.above) for arm in (treated, control)]
    positive = np.where(np.asarray(ratio) > 0, ratio, 1.0)
    rests = (np.abs(treated.level.slope * positive - second) * most[1],
             np.abs(treated.level.slope - second / positive) * most[0])  # fmt: skip
    slopes = (treated.level.slope, second / positive)
    parts = [scaled(own.below, own.above, slope) for slope in slopes]
    (down, up), (other_down, other_up) = parts
    return (np.minimum(down + rests[0], other_down + rests[1]),
            np.minimum(up + rests[0], other_up + rests[1]))  # fmt: skip


def scaled(below: ArrayLike, above: ArrayLike, slope: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return how far a multiple lies lower and higher: a negative one has its sides swapped."""
    down, up = (np.multiply(np.abs(slope), end) for end in (below, above))
    turned = np.asarray(slope) < 0
    return np.where(turned, up, down), np.where(turned, down, up)


def _labelled(treated: Arm, control: Arm, weight: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return how far the labels of both arms move it."""
    return (np.hypot(treated.level.below, np.multiply(weight, control.level.above)),
            np.hypot(treated.level.above, np.multiply(weight, control.level.below)))  # fmt: skip


def _moved(
    own: _Own, point: ArrayLike, judged: tuple[ArrayLike, ArrayLike],
    of_labels: tuple[ArrayLike, ArrayLike],
) -> Corrected:  # fmt: skip
    point = np.asarray(point, dtype=np.float64)
    shift = point - own.point
    down, up = (np.hypot(*parts) for parts in zip(judged, of_labels, strict=True))
    bounds = Bounds(plain(point - down), plain(point + up))
    moved = Bounds(plain(np.subtract(shift, of_labels[0])), plain(np.add(shift, of_labels[1])))
    return Corrected(plain(point), bounds, plain(shift), moved)
