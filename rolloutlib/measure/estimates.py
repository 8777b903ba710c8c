"""Moments → Estimate: which method for which design, with the method's name beside every bound.

The design is read off the data, metric by metric: one sample a unit in both arms are pairs, units in both arms with
more samples are crossed clusters, units that repeat within one arm are nested clusters, anything else is independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from rolloutlib.measure.moments import Cells
from rolloutlib.plan.metrics import metric_record
from rolloutlib.reason import Reason, because
from rolloutlib.stats import (
    clusters,
    differences,
    effective,
    inference,
    means,
    pairs,
    proportions,
    ratios,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rolloutlib.plan.model import Evidence, Gate

__all__ = ["Arms", "Design", "Estimate", "Unit", "estimate_gate", "metric_of", "read_design"]

Unit = Literal["sample", "prompt", "user"]
PAIRED_SHARE = 0.9  # of the samples must have their partner before the others are left out of a paired comparison
MIN_DF = 4.0  # below, t bounds are not trusted (Satterthwaite: Bell & McCaffrey 2002; Pustejovsky & Tipton 2018)


@dataclass(frozen=True, slots=True)
class Design:
    """How the two arms compare for one metric.

    Attributes:
        kind: `one_arm`, `independent` samples, `paired` (one sample a unit in each arm), `nested` clusters (a cluster
            is in one arm) or `crossed` clusters (in both).
        unit: what a cluster or pair is.
        clusters_control, clusters_treatment: units with data in each arm; 0 where samples carry no unit.
        pairs: units with data in both arms.
        dropped: samples of a paired design whose partner is missing.
    """

    kind: Literal["one_arm", "independent", "paired", "nested", "crossed"]
    unit: Unit
    clusters_control: int
    clusters_treatment: int
    pairs: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with one-sided bounds, each at `confidence`.

    Attributes:
        point: in the gate's unit (a share of samples for a quantile gate).
        lower, upper: may be infinite: the data exclude nothing on that side.
        se, df: standard error and degrees of freedom where the method has them.
        method: the method's name and source, for people.
        p_worse, p_better: one-sided p-values against "no change", towards harm and away from it; None for one arm.
        cap: why the verdict cannot be more than inconclusive; None when it can.
    """

    point: float
    lower: float
    upper: float
    confidence: float
    method: str
    design: Design
    n_control: int
    n_treatment: int
    se: float | None = None
    df: float | None = None
    p_worse: float | None = None
    p_better: float | None = None
    cap: Reason | None = None


@dataclass(frozen=True, slots=True)
class Arms:
    """One metric's moments per unit in both arms, aligned: entry k of both belongs to the same unit."""

    control: Cells
    treatment: Cells
    unit: Unit

    @property
    def per_user(self) -> Arms:
        """The same with every unit counted once, at its mean: the per-user estimand."""
        return Arms(_once(self.control), _once(self.treatment), self.unit)


def _once(cells: Cells) -> Cells:
    return Cells((cells.n > 0).astype(np.float64), cells.mean, np.zeros_like(cells.n))


class _Inference(NamedTuple):
    """What a method says: `less` and `greater` are p-values of contrast < no change and contrast > no change."""

    point: float
    bounds: inference.Bounds
    method: str
    se: float | None = None
    df: float | None = None
    less: float | None = None
    greater: float | None = None


class _Counts(NamedTuple):
    """Events and samples of both arms, in the order of the formulas."""

    x1: float
    n1: float
    x0: float
    n0: float


def metric_of(gate: Gate, subject: str | None = None) -> str:
    """Return the name of the metric in the moments: exceedances for a quantile gate, `issue:<tag>` for an issue."""
    if gate.statistic == "quantile":
        return "slow"
    return f"issue:{subject}" if gate.metric == "issue" else gate.metric


def is_binary(metric: str) -> bool:
    """Return whether a sample's value of the metric is 0 or 1."""
    return metric_record(metric).kind == "binary"


def estimate_gate(gate: Gate, arms: Arms, rules: Evidence, *, metric: str) -> Estimate | None:
    """Estimate a gate's contrast with bounds, by the method that fits the design.

    Args:
        gate: its contrast, estimand and direction of harm.
        arms: the metric's moments per unit.
        rules: confidence, smallest number of clusters, floor of the intra-class correlation.
        metric: name of the metric in the moments (decides whether it is binary).

    Returns:
        None when an arm that the contrast needs has no value, a ratio's control has no event, or a mean of users is
        due where samples name no user.
    """
    if gate.estimand == "per_user" and arms.unit != "user":
        return None
    arms = arms.per_user if gate.estimand == "per_user" else arms
    n_control, n_treatment = float(arms.control.n.sum()), float(arms.treatment.n.sum())
    if not n_treatment or (gate.contrast != "treatment" and not n_control):
        return None
    if gate.contrast == "ratio" and not arms.control.total.sum():
        return None
    arms, design = read_design(arms, gate.contrast)
    binary = is_binary(metric) and gate.estimand == "per_sample"
    found = _METHODS[gate.contrast](arms, design, binary, rules)
    worse, better = (
        (found.less, found.greater) if gate.harm == "lower" else (found.greater, found.less)
    )
    if gate.contrast == "treatment":
        worse = better = None  # there is no control to compare "no change" with
    return Estimate(
        found.point, found.bounds.lower, found.bounds.upper, rules.confidence, found.method, design,
        int(arms.control.n.sum()), int(arms.treatment.n.sum()),
        found.se, found.df, worse, better, _cap(arms, design, found, rules),
    )  # fmt: skip


def read_design(arms: Arms, contrast: str) -> tuple[Arms, Design]:
    """Read the design off the unit counts; a paired comparison keeps complete pairs only."""
    n0, n1 = arms.control.n, arms.treatment.n
    both, known = (n0 > 0) & (n1 > 0), arms.unit != "sample"
    counts = (int((n0 > 0).sum()), int((n1 > 0).sum()), int(both.sum())) if known else (0, 0, 0)
    if contrast == "treatment":
        return arms, Design("one_arm", arms.unit, *counts)
    if not known:
        return arms, Design("independent", arms.unit, *counts)
    single = max(n0.max(initial=0), n1.max(initial=0)) <= 1
    if not both.any():
        return arms, Design("independent" if single else "nested", arms.unit, *counts)
    dropped = int(n0.sum() + n1.sum() - n0[both].sum() - n1[both].sum())
    if single and dropped <= (1 - PAIRED_SHARE) * (n0.sum() + n1.sum()):
        kept = replace(arms, control=arms.control.take(both), treatment=arms.treatment.take(both))
        return kept, Design("paired", arms.unit, *counts, dropped)
    return arms, Design("crossed", arms.unit, *counts)


def _cap(arms: Arms, design: Design, found: _Inference, rules: Evidence) -> Reason | None:
    """Say why a verdict is capped at inconclusive: too few clusters or degrees of freedom.

    Exact and score bounds of single samples hold for any n; a sample without a unit is a cluster of its own.
    """
    if found.df is None and design.kind not in {"nested", "crossed"}:
        return None
    needed = (arms.treatment,) if design.kind == "one_arm" else (arms.control, arms.treatment)
    smaller = min(
        int((cells.n if design.unit == "sample" else cells.n > 0).sum()) for cells in needed
    )
    if smaller < rules.min_clusters:
        return because("clusters.few", clusters=smaller, unit=design.unit, least=rules.min_clusters)
    if found.df is not None and found.df < MIN_DF:
        return because("clusters.heavy", unit=design.unit, df=found.df, least=MIN_DF)
    return None


# --- treatment − control ---------------------------------------------------------------------------------------------


def _difference(arms: Arms, design: Design, binary: bool, rules: Evidence) -> _Inference:  # noqa: FBT001
    if design.kind in {"nested", "crossed"}:
        return _clustered_difference(arms, design, binary, rules)
    if design.kind == "paired":
        return _paired_binary(arms, rules) if binary else _paired_mean(arms, rules)
    return _independent_binary(arms, rules) if binary else _independent_mean(arms, rules)


def _independent_binary(arms: Arms, rules: Evidence) -> _Inference:
    return _score_difference(_counts(arms), rules, "Miettinen–Nurminen score (1985)")


def _score_difference(counts: _Counts, rules: Evidence, method: str) -> _Inference:
    test = differences.miettinen_nurminen_difference_test
    p = _tails(lambda alternative: test(*counts, null=0.0, alternative=alternative).p_value)
    bounds = differences.miettinen_nurminen_difference(*counts, confidence=rules.confidence)
    return _Inference(counts.x1 / counts.n1 - counts.x0 / counts.n0, bounds, method, None, None, *p)


def _independent_mean(arms: Arms, rules: Evidence) -> _Inference:
    return _by_t(
        "Welch t (1947)", means.welch_inference(*_mean(arms.treatment), *_mean(arms.control)), rules
    )


def _paired_binary(arms: Arms, rules: Evidence) -> _Inference:
    gained = int((arms.treatment.total > arms.control.total).sum())
    lost = int((arms.treatment.total < arms.control.total).sum())
    n = len(arms.control.n)
    bounds = pairs.tango(gained, lost, n, confidence=rules.confidence)
    p = _tails(lambda alternative: pairs.mcnemar_exact(gained, lost, alternative=alternative))
    return _Inference((gained - lost) / n, bounds, "Tango score for pairs (1998)", None, None, *p)


def _paired_mean(arms: Arms, rules: Evidence) -> _Inference:
    difference = arms.treatment.mean - arms.control.mean
    var = np.var(difference, ddof=1) if len(difference) > 1 else np.nan
    found = means.mean_inference(np.mean(difference), var, len(difference))
    return _by_t("paired t (Student 1908)", found, rules)


def _clustered_difference(arms: Arms, design: Design, binary: bool, rules: Evidence) -> _Inference:  # noqa: FBT001
    found = clusters.cluster_contrast(*_clusters(arms), kind="CR3")
    if binary and (not found.se or _one_sided(arms)):
        return _effective_difference(arms, rules)
    robust = _by_t(
        f"CR3, Satterthwaite t, {design.kind} {design.unit}s (Bell & McCaffrey 2002)", found, rules
    )
    return _clustered_score(robust, arms, design, rules) if binary else robust


def _clustered_score(robust: _Inference, arms: Arms, design: Design, rules: Evidence) -> _Inference:
    """Score bounds, because the variance that few events show is too small (docs/calibration.md)."""
    nested = design.kind == "nested"
    score = effective.nested_score_difference if nested else effective.crossed_score_difference
    name = "Miettinen–Nurminen score (1985)" if nested else "Tango score for pairs (1998)"
    return robust._replace(
        bounds=score(*_clusters(arms), confidence=rules.confidence),
        method=f"{name} at the effective sample size of {design.kind} {design.unit}s (Rao & Scott 1992, CR3)",
    )


def _effective_difference(arms: Arms, rules: Evidence) -> _Inference:
    """Score bounds at the effective sample sizes: that no cluster varies is no proof of a standard error of 0."""
    return _score_difference(
        _effective_counts(arms, rules), rules, _at_effective_size("Miettinen–Nurminen score", rules)
    )


# --- treatment / control ---------------------------------------------------------------------------------------------


def _ratio(arms: Arms, design: Design, binary: bool, rules: Evidence) -> _Inference:  # noqa: FBT001
    if design.kind == "independent":
        return (
            _independent_rate_ratio(arms, rules) if binary else _independent_mean_ratio(arms, rules)
        )
    if binary and _one_sided(arms):
        return _effective_rate_ratio(arms, rules)
    return _clustered_ratio(arms, design, rules)


def _independent_rate_ratio(arms: Arms, rules: Evidence) -> _Inference:
    return _score_ratio(_counts(arms), rules, "Miettinen–Nurminen score for a ratio (1985)")


def _effective_rate_ratio(arms: Arms, rules: Evidence) -> _Inference:
    """Score bounds at the effective sample sizes: an arm without events has no variance for Fieller's form."""
    method = _at_effective_size("Miettinen–Nurminen score for a ratio", rules)
    return _score_ratio(_effective_counts(arms, rules), rules, method)


def _score_ratio(counts: _Counts, rules: Evidence, method: str) -> _Inference:
    test = ratios.miettinen_nurminen_ratio_test
    p = _tails(lambda alternative: test(*counts, null=1.0, alternative=alternative).p_value)
    bounds = ratios.miettinen_nurminen_ratio(*counts, confidence=rules.confidence)
    return _Inference(
        (counts.x1 / counts.n1) / (counts.x0 / counts.n0), bounds, method, None, None, *p
    )


def _independent_mean_ratio(arms: Arms, rules: Evidence) -> _Inference:
    (m1, v1, n1), (m0, v0, n0) = _mean(arms.treatment), _mean(arms.control)
    apart = means.welch_inference(m1, v1, n1, m0, v0, n0)
    bounds = ratios.fieller(m1, m0, v1 / n1, v0 / n0, 0.0, apart.df, confidence=rules.confidence)
    return _by_t("Fieller (1954)", apart, rules)._replace(point=m1 / m0, bounds=bounds, se=None)


def _clustered_ratio(arms: Arms, design: Design, rules: Evidence) -> _Inference:
    sums = _clusters(arms)
    bounds = clusters.cluster_ratio_bounds(*sums, confidence=rules.confidence)
    apart = clusters.cluster_contrast(*sums, kind="CR3")
    n1, s1, n0, s0 = (float(part.sum()) for part in sums)
    name = f"Fieller, {design.kind} {design.unit}s (1954), CR3"
    return _by_t(name, apart, rules)._replace(point=(s1 / n1) / (s0 / n0), bounds=bounds, se=None)


# --- the treatment alone ---------------------------------------------------------------------------------------------


def _alone(arms: Arms, design: Design, binary: bool, rules: Evidence) -> _Inference:  # noqa: FBT001
    cells = arms.treatment.take(arms.treatment.n > 0)
    repeats = design.unit != "sample" and cells.n.max() > 1
    if binary:
        return _rate(cells, rules, repeats=repeats)
    if repeats:
        found, units = clusters.cluster_mean(cells.n, cells.total, kind="CR3"), float(len(cells.n))
        method = f"CR3, Satterthwaite t, {design.unit}s (Bell & McCaffrey 2002)"
    else:
        found, units = means.mean_inference(*_mean(cells)), float(cells.n.sum())
        method = "t bound of a mean (Student 1908)"
    bounds = means.skewed_mean(found, units, confidence=rules.confidence)
    method = f"{method}, corrected for skewness (Hall 1992)"
    return _by_t(method, found, rules)._replace(bounds=bounds)


def _rate(cells: Cells, rules: Evidence, *, repeats: bool) -> _Inference:
    x, n = float(cells.total.sum()), float(cells.n.sum())
    if not repeats:
        return _Inference(
            x / n,
            proportions.clopper_pearson(round(x), n, confidence=rules.confidence),
            "Clopper–Pearson (1934)",
        )
    bounds = effective.korn_graubard(
        cells.n, np.round(cells.total), confidence=rules.confidence, icc_floor=rules.icc_floor
    )
    return _Inference(
        x / n,
        bounds,
        f"Korn–Graubard (1998), ICC ≥ {rules.icc_floor:g}",
        None,
        float(len(cells.n) - 1),
    )


_METHODS: dict[str, Callable[[Arms, Design, bool, Evidence], _Inference]] = {
    "difference": _difference,
    "ratio": _ratio,
    "treatment": _alone,
}


# --- small parts -----------------------------------------------------------------------------------------------------


def _counts(arms: Arms) -> _Counts:
    """Events are rounded: they are means times counts."""
    (x1, n1), (x0, n0) = (
        (round(float(cells.total.sum())), float(cells.n.sum()))
        for cells in (arms.treatment, arms.control)
    )
    return _Counts(x1, n1, x0, n0)


def _clusters(arms: Arms) -> tuple[NDArray[np.float64], ...]:
    """Counts and sums of every cluster that is in an arm."""
    seen = (arms.treatment.n > 0) | (arms.control.n > 0)
    one, zero = arms.treatment.take(seen), arms.control.take(seen)
    return one.n, one.total, zero.n, zero.total


def _mean(cells: Cells) -> tuple[float, float, float]:
    """Mean, sample variance (∞ below two values) and count over all units."""
    whole = cells.pooled(np.zeros(len(cells.n), dtype=np.int64), 1)
    n = float(whole.n[0])
    return float(whole.mean[0]), float(whole.m2[0]) / (n - 1) if n > 1 else inf, n


def _one_sided(arms: Arms) -> bool:
    """Return whether an arm has no event, or nothing else: its clusters then show no variance at all."""
    x1, n1, x0, n0 = _counts(arms)
    return x1 in {0, n1} or x0 in {0, n0}


def _effective_counts(arms: Arms, rules: Evidence) -> _Counts:
    """Counts over the design effect of each arm (Korn & Graubard 1998)."""
    x1, n1, x0, n0 = _counts(arms)
    one, zero = (_effective(cells, rules) for cells in (arms.treatment, arms.control))
    return _Counts(x1 / n1 * one, one, x0 / n0 * zero, zero)


def _at_effective_size(method: str, rules: Evidence) -> str:
    return f"{method} at the effective sample size (ICC ≥ {rules.icc_floor:g})"


def _effective(cells: Cells, rules: Evidence) -> float:
    cells = cells.take(cells.n > 0)
    return effective.effective_sample_size(
        cells.n, np.round(cells.total), icc_floor=rules.icc_floor
    )


def _tails(p_value: Callable[[Literal["less", "greater"]], float]) -> tuple[float, float]:
    return float(p_value("less")), float(p_value("greater"))


def _by_t(method: str, found: inference.ClusterInference, rules: Evidence) -> _Inference:
    """Bounds and the two one-sided tests of "no change" from a standard error and its degrees of freedom."""
    p = _tails(lambda alternative: inference.t_test(found, alternative=alternative).p_value)
    bounds = inference.t_bounds(found, confidence=rules.confidence)
    return _Inference(float(found.point), bounds, method, float(found.se), float(found.df), *p)
