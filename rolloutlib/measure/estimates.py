"""Moments → Estimate: a gate's contrast with bounds, by the method that fits its design.

`estimate_gate` is a review's; `estimate_many` says the same of many repetitions at once, for
forecasts and calibration. Both are one call of one method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from rolloutlib.measure.beyond import Varied, recover, title, varied
from rolloutlib.measure.design import compared, per_user, read_design
from rolloutlib.measure.method_names import ORDER_STATISTICS
from rolloutlib.measure.methods import method_for
from rolloutlib.measure.tails import ratio_of_quantiles
from rolloutlib.measure.unvaried import bounded, method_of
from rolloutlib.plan.metrics import is_binary
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.bounds import Inference
    from rolloutlib.measure.design import Arms, Compared, Design, Floats
    from rolloutlib.measure.methods import Method
    from rolloutlib.measure.moments import Cells
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Evidence, Gate

    Flags = NDArray[np.bool_]

# Below, t bounds are not trusted (Satterthwaite: Bell & McCaffrey 2002; Pustejovsky & Tipton 2018).
MIN_DF = 4.0
ROUNDING = 1e-9  # relative; of differences of proportions and scores absolute


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with one-sided bounds, each at `confidence`.

    Attributes:
        point: in the gate's unit (a share of samples for a quantile gate).
        lower, upper: may be infinite: the data exclude nothing on that side.
        se, df: standard error and degrees of freedom where the method has them.
        method: the method's name and source, for people.
        p_worse, p_better: one-sided p-values against "no change", towards harm and away from it;
            None for one arm.
        cap: why the verdict cannot be more than inconclusive; None when it can.
        varied: what runs and prompts show beyond the units.
        widened: by how much farther from the point the bound towards harm is for them.
        least: units of an arm that bound a ratio of quantiles at all, and how many there are; None
            of all else, and where more units alone do not help.
    """

    point: float
    lower: float
    upper: float
    confidence: float
    method: Phrase
    design: Design
    n_control: int
    n_treatment: int
    se: float | None = None
    df: float | None = None
    p_worse: float | None = None
    p_better: float | None = None
    cap: Reason | None = None
    varied: tuple[Varied, ...] = ()
    widened: float = 0.0
    least: tuple[float, float] | None = None


class Estimates(NamedTuple):
    """One gate in every repetition; each array is (repetitions,).

    Attributes:
        point: the estimate; NaN where there is none.
        lower, upper: its bounds; infinite where there are none.
        capped: where the verdict cannot be more than inconclusive.
    """

    point: Floats
    lower: Floats
    upper: Floats
    capped: Flags


def estimate_gate(gate: Gate, arms: Arms, rules: Evidence, *, metric: str) -> Estimate | None:
    """Estimate a gate's contrast with bounds, by the method that fits the design.

    Args:
        gate: its contrast, estimand and direction of harm.
        arms: the metric's moments per unit.
        rules: confidence, smallest number of clusters, floor of the intra-class correlation.
        metric: name of the metric in the moments (decides whether it is binary).

    Returns:
        None when an arm that the contrast needs has no value, a ratio's control has no event, or a
        mean of users is due where samples name no user.
    """
    if gate.estimand == "per_user" and arms.unit != "user":
        return None
    if gate.estimand == "per_user":
        arms = arms.per_user(binary=is_binary(metric))
    n_control, n_treatment = float(arms.control.n.sum()), float(arms.treatment.n.sum())
    if not n_treatment or (gate.contrast != "treatment" and not n_control):
        return None
    if gate.contrast == "ratio" and not arms.control.total.sum():
        return None
    if gate.is_quantile_ratio:
        return _of_quantiles(gate, arms, rules)
    arms, design = read_design(arms, gate.contrast)
    both = compared(arms, design.kind)
    binary = is_binary(metric)
    method = method_for(gate.contrast, both, binary=binary)
    inferred = _inferred(method, both, gate, rules, metric)
    inference, wider = recover(inferred, both, gate.contrast, rules, binary=binary)
    shown = varied(both, gate.contrast, np.asarray(inference.point))
    less, greater = (known(inference.p(side)) for side in ("less", "greater"))
    worse, better = (less, greater) if gate.harm == "lower" else (greater, less)
    se, df = known(inference.se), known(inference.df)
    return Estimate(
        first(inference.point), first(inference.bounds.lower), first(inference.bounds.upper),
        rules.confidence,
        title(_name(method, both, inferred, rules, metric), shown), design,
        _counted(gate, arms.control), _counted(gate, arms.treatment),
        se, df, worse, better, _cap(both, df, rules),
        shown, first(wider[0 if gate.harm == "lower" else 1]),
    )  # fmt: skip


def _inferred(
    method: Method, arms: Compared, gate: Gate, rules: Evidence, metric: str
) -> Inference:
    """Return what a method says; of means also where nothing varies."""
    usual = method.infer(arms, rules)
    if is_binary(metric):
        return usual
    return bounded(usual, arms, gate.contrast, rules, metric=metric)


def _name(
    method: Method, arms: Compared, inferred: Inference, rules: Evidence, metric: str
) -> Phrase:
    fell = bool(np.all(inferred.fell))
    if fell and not is_binary(metric):
        return method_of(arms, rules, metric=metric)
    return method.title(arms, rules, fell=fell)


def _of_quantiles(gate: Gate, arms: Arms, rules: Evidence) -> Estimate | None:
    """Estimate the ratio of both arms' quantiles; every sample counts, with or without a pair."""
    design = read_design(arms, gate.contrast)[1]
    both = compared(arms, design.kind)
    ratio = ratio_of_quantiles(arms, both, gate.quantile or 0.5, rules)
    if np.isnan(ratio.point):
        return None
    shown = varied(both, gate.contrast, np.ones(1))
    return Estimate(
        ratio.point, ratio.lower, ratio.upper, rules.confidence,
        title(ORDER_STATISTICS, shown), design,
        _counted(gate, arms.control), _counted(gate, arms.treatment),
        cap=_cap(both, None, rules),
        least=None if any(row.adds for row in shown) else (ratio.least, ratio.units),
    )  # fmt: skip


def _counted(gate: Gate, cells: Cells) -> int:
    """Return how many values an arm's mean is of: samples, or users."""
    return int((cells.n > 0).sum() if gate.estimand == "per_user" else cells.n.sum())


def estimate_many(gate: Gate, arms: Compared, rules: Evidence, *, metric: str) -> Estimates:
    """Estimate a gate's contrast in every repetition; arguments as `estimate_gate`."""
    binary = is_binary(metric)
    if gate.estimand == "per_user":
        arms = per_user(arms, binary=binary)
    method = method_for(gate.contrast, arms, binary=binary)
    inferred = _inferred(method, arms, gate, rules, metric)
    inference, _ = recover(inferred, arms, gate.contrast, rules, binary=binary)
    point = np.asarray(inference.point)
    lower, upper = (np.asarray(bound) for bound in inference.bounds)
    return Estimates(
        point, lower, upper, np.broadcast_to(capped(arms, inference, rules), point.shape)
    )


@overload
def clears(value: float, limit: float, harm: str) -> bool: ...
@overload
def clears(value: Floats, limit: float, harm: str) -> Flags: ...
def clears(value: float | Floats, limit: float, harm: str) -> bool | Flags:
    """Return whether a value is on the harmless side of a limit (at the limit counts).

    Equal counts in another order differ by a rounding, so what is nearer than that is equal.
    """
    rounding = ROUNDING * max(1.0, abs(limit))
    return value >= limit - rounding if harm == "lower" else value <= limit + rounding


def within(value: float | Floats, limit: float, tolerance: float, harm: str) -> NDArray[np.bool_]:
    """Return whether a value misses a limit, and by less than a tolerance.

    A miss as large as the tolerance, or nearer to it than a rounding, is not within.
    """
    rounding = ROUNDING * max(1.0, abs(limit))
    miss = np.subtract(limit, value) if harm == "lower" else np.subtract(value, limit)
    return (miss > rounding) & (miss < tolerance - rounding)


def proves(
    lower: float | Floats, upper: float | Floats, limit: float, harm: str
) -> tuple[Flags, Flags]:
    """Return whether the bounds prove the limit kept, and whether they prove it broken.

    The bound towards harm must lie beyond the limit; the opposite bound short of it proves the
    breach. An infinite bound proves nothing. Arrays give arrays.
    """
    worst, best, sign = (lower, upper, 1.0) if harm == "lower" else (upper, lower, -1.0)
    holds = np.isfinite(worst) & (sign * np.subtract(worst, limit) > 0)
    broken = np.isfinite(best) & (sign * np.subtract(best, limit) < 0) & ~holds
    return holds, broken


def first(value: Floats | float) -> float:
    """Return the one number of an array of one repetition."""
    return float(np.ravel(value)[0])


def known(value: Floats | float) -> float | None:
    """Return the one number, None where it is NaN: the method has none."""
    number = first(value)
    return None if np.isnan(number) else number


def capped(arms: Compared, inference: Inference, rules: Evidence) -> Flags:
    """Return where the verdict is capped at inconclusive, as `_cap` says of one repetition."""
    df = np.asarray(inference.df, dtype=np.float64)
    rests_on_clusters = ~np.isnan(df) | (arms.kind in {"nested", "crossed"})
    return rests_on_clusters & ((_clusters(arms) < rules.min_clusters) | (df < MIN_DF))


def _cap(arms: Compared, df: float | None, rules: Evidence) -> Reason | None:
    """Say why a verdict is capped at inconclusive: too few clusters or degrees of freedom.

    Exact and score bounds of single samples hold for any n.
    """
    if df is None and arms.kind not in {"nested", "crossed"}:
        return None
    smaller = int(first(_clusters(arms)))
    if smaller < rules.min_clusters:
        return because("clusters.few", clusters=smaller, unit=arms.unit, least=rules.min_clusters)
    if df is not None and df < MIN_DF:
        return because("clusters.heavy", unit=arms.unit, df=df, least=MIN_DF)
    return None


def _clusters(arms: Compared) -> Floats:
    """Return the clusters of the smaller arm; a sample without a unit is a cluster of its own."""
    needed = (arms.one,) if arms.kind == "one_arm" else (arms.one, arms.zero)
    single = arms.unit == "sample"
    counts = [arm.n.sum(axis=-1) if single else arm.units for arm in needed]
    return np.min(counts, axis=0)
