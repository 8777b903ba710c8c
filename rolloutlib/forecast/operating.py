"""The shipped policy over many repetitions at once, for planning and calibration: estimate_gate, judge_evidence.

The methods are those of rolloutlib.measure.estimates, design by design; tests/test_operating.py compares the two repetition by
repetition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.forecast.worlds import Sums
from rolloutlib.measure.estimates import MIN_DF, Arms, is_binary
from rolloutlib.measure.moments import Cells
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

    from rolloutlib.forecast.worlds import Kind, Layout, World
    from rolloutlib.plan.model import Evidence, Gate

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["Judged", "arms_of", "judge_many", "world_metric"]


class Judged(NamedTuple):
    """One gate in every repetition; each array is (repetitions,).

    Attributes:
        point: the estimate; NaN where there is none.
        lower, upper: its bounds; infinite where there are none.
        passed, failed: the evidence's verdict; inconclusive where neither.
        literal: whether the point alone clears the plan's limit: the plan's rule, when the last runs are all there is.
    """

    point: Floats
    lower: Floats
    upper: Floats
    passed: Flags
    failed: Flags
    literal: Flags


class _Found(NamedTuple):
    point: Floats
    lower: Floats
    upper: Floats
    capped: Flags | bool


def world_metric(gate: Gate) -> str:
    """Return the name of a gate's metric in a simulated world."""
    return "slow" if gate.statistic == "quantile" else gate.metric


def arms_of(world: World, study: Layout, metric: str, k: int) -> Arms:
    """Return one repetition as a review sees it; separate arms get empty places, so that units are aligned."""
    one = world.treatment[metric]
    zero = world.control.get(metric, Sums(np.zeros_like(one.n), np.zeros_like(one.total)))
    aligned = study.shared or metric not in world.control
    places = (0, 0) if aligned else (zero.n.shape[1], one.n.shape[1])
    unit = {"independent": "sample", "paired": "prompt"}.get(study.kind, "user")
    return Arms(_cells(zero, k, (0, places[1])), _cells(one, k, (places[0], 0)), unit)  # type: ignore[arg-type]  # units


def _cells(arm: Sums, k: int, empty: tuple[int, int]) -> Cells:
    n, total = (np.pad(part[k], empty) for part in arm)
    return Cells(n, np.divide(total, n, out=np.zeros_like(n), where=n > 0), np.zeros_like(n))


def judge_many(
    gate: Gate, world: World, study: Layout, rules: Evidence, *, proof: float, literal: float
) -> Judged:
    """Judge one gate in every repetition of a world.

    Args:
        gate: with the per-sample estimand.
        world: what was seen.
        study: how the arms compare.
        rules: confidence, smallest number of clusters, floor of the intra-class correlation.
        proof: what the stage's bound must clear.
        literal: the plan's own limit, in the same unit (a share for a quantile gate).
    """
    metric = world_metric(gate)
    one = world.treatment[metric]
    binary = is_binary(metric) or metric == "issue"
    if gate.contrast == "treatment":
        found = _alone(one, study, binary=binary, rules=rules)
    else:
        arms = one, world.control[metric]
        if study.kind == "nested":
            n1, s1, n0, s0 = clusters.side_by_side(*arms[0], *arms[1])
            arms = Sums(n1, s1), Sums(n0, s0)
        contrast = _difference if gate.contrast == "difference" else _ratio
        found = contrast(
            *(_complete(*arms) if study.kind == "paired" else arms), study.kind, binary, rules
        )
    sign = 1.0 if gate.harm == "lower" else -1.0
    worst, best = (found.lower, found.upper) if gate.harm == "lower" else (found.upper, found.lower)
    usable = ~np.isnan(found.point) & ~np.asarray(found.capped)
    passed = usable & np.isfinite(worst) & (sign * (worst - proof) > 0)
    failed = usable & np.isfinite(best) & (sign * (best - proof) < 0) & ~passed
    return Judged(
        found.point, found.lower, found.upper, passed, failed, sign * (found.point - literal) >= 0
    )


def _pooled(arm: Sums) -> tuple[Floats, Floats]:
    return np.rint(arm.total.sum(axis=-1)), arm.n.sum(axis=-1)


def _by_t(found: inference.ClusterInference, rules: Evidence, capped: Flags) -> _Found:
    bounds = inference.t_bounds(found, confidence=rules.confidence)
    point, lower, upper = (np.asarray(part, np.float64) for part in (found.point, *bounds))
    return _Found(point, lower, upper, capped)


def _few(arms: tuple[Sums, ...], df: Floats | float, rules: Evidence) -> Flags:
    """Say where estimates.py caps the verdict: too few clusters in an arm, or degrees of freedom."""
    clusters = np.min([(arm.n > 0).sum(axis=-1) for arm in arms], axis=0)
    return (clusters < rules.min_clusters) | (np.asarray(df) < MIN_DF)


# --- treatment − control ----------------------------------------------------------------------------------------------


def _difference(one: Sums, zero: Sums, kind: Kind, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001
    if kind in {"nested", "crossed"}:
        return _clustered_difference(one, zero, kind, binary, rules)
    if kind == "paired":
        return _paired(one, zero, binary, rules)
    if binary:
        (x1, n1), (x0, n0) = _pooled(one), _pooled(zero)
        bounds = differences.miettinen_nurminen_difference(
            x1, n1, x0, n0, confidence=rules.confidence
        )
        return _Found(x1 / n1 - x0 / n0, *map(np.asarray, bounds), capped=False)
    found = means.welch_inference(*_mean(one), *_mean(zero))
    return _by_t(found, rules, _few((one, zero), found.df, rules))


def _complete(one: Sums, zero: Sums) -> tuple[Sums, Sums]:
    """Leave out samples whose partner is missing."""
    both = ((one.n > 0) & (zero.n > 0)).astype(np.float64)
    return Sums(both, one.total * both), Sums(both, zero.total * both)


def _paired(one: Sums, zero: Sums, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001
    n, difference = one.n.sum(axis=-1), one.total - zero.total
    if not binary:
        within = Sums(one.n, difference)
        found = means.mean_inference(*_mean(within))
        return _by_t(found, rules, _few((within,), found.df, rules))
    gained, lost = (difference > 0).sum(axis=-1), (difference < 0).sum(axis=-1)
    bounds = pairs.tango(gained, lost, n, confidence=rules.confidence)
    return _Found((gained - lost) / n, *map(np.asarray, bounds), capped=False)


def _clustered_difference(
    one: Sums,
    zero: Sums,
    kind: Kind,
    binary: bool,  # noqa: FBT001
    rules: Evidence,
) -> _Found:
    found = clusters.cluster_contrast(*one, *zero, kind="CR3")
    robust = _by_t(found, rules, _few((one, zero), found.df, rules))
    if not binary:
        return robust
    score = (
        effective.nested_score_difference
        if kind == "nested"
        else effective.crossed_score_difference
    )
    usual = score(*one, *zero, confidence=rules.confidence)
    flat = _one_sided(one, zero) | (np.asarray(found.se) == 0)
    lower, upper = _instead(
        usual, flat, differences.miettinen_nurminen_difference, one, zero, rules
    )
    few = np.where(flat, _few((one, zero), np.inf, rules), robust.capped)
    return _Found(robust.point, lower, upper, few)


def _instead(
    usual: inference.Bounds,
    flat: Flags,
    score: Callable[..., inference.Bounds],
    one: Sums,
    zero: Sums,
    rules: Evidence,
) -> tuple[Floats, Floats]:
    """Replace bounds where an arm shows no variance by score bounds at the effective sample sizes."""
    lower, upper = (np.array(bound, dtype=np.float64) for bound in usual)
    if flat.any():
        few, other = (Sums(arm.n[flat], arm.total[flat]) for arm in (one, zero))
        lower[flat], upper[flat] = score(
            *_effective(few, other, rules), confidence=rules.confidence
        )
    return lower, upper


def _one_sided(one: Sums, zero: Sums) -> Flags:
    """An arm has no event, or nothing else."""
    (x1, n1), (x0, n0) = _pooled(one), _pooled(zero)
    return (x1 == 0) | (x1 == n1) | (x0 == 0) | (x0 == n0)


def _effective(one: Sums, zero: Sums, rules: Evidence) -> tuple[Floats, ...]:
    """Counts over the design effect of each arm: x1, n1, x0, n0."""
    sizes = [
        np.asarray(effective.effective_sample_size(*arm, icc_floor=rules.icc_floor))
        for arm in (one, zero)
    ]
    return tuple(
        part
        for arm, n in zip((one, zero), sizes, strict=True)
        for part in (np.divide(*_pooled(arm)) * n, n)
    )


# --- treatment / control ----------------------------------------------------------------------------------------------


def _ratio(one: Sums, zero: Sums, kind: Kind, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001
    (x1, n1), (x0, n0) = _pooled(one), _pooled(zero)
    point = np.where(x0 > 0, (x1 / n1) / np.where(x0 > 0, x0 / n0, 1.0), np.nan)
    if kind in {"nested", "crossed", "paired"}:
        return _clustered_ratio(one, zero, kind, point, rules)
    if not binary:
        raise ValueError(
            "a ratio of independent means is no gate of the plan; simulate pairs or clusters"
        )
    bounds = ratios.miettinen_nurminen_ratio(x1, n1, x0, n0, confidence=rules.confidence)
    return _Found(point, *map(np.asarray, bounds), capped=False)


def _clustered_ratio(one: Sums, zero: Sums, kind: Kind, point: Floats, rules: Evidence) -> _Found:
    usual = clusters.cluster_ratio_bounds(*one, *zero, confidence=rules.confidence)
    df = clusters.cluster_contrast(*one, *zero, kind="CR3").df
    flat = _one_sided(one, zero)
    lower, upper = _instead(usual, flat, ratios.miettinen_nurminen_ratio, one, zero, rules)
    exempt = np.False_ if kind == "paired" else _few((one, zero), np.inf, rules)
    return _Found(point, lower, upper, np.where(flat, exempt, _few((one, zero), df, rules)))


# --- the treatment alone ----------------------------------------------------------------------------------------------


def _alone(arm: Sums, study: Layout, *, binary: bool, rules: Evidence) -> _Found:
    repeats = study.kind in {"nested", "crossed"}
    if not binary:
        if not repeats:
            return _skewed(means.mean_inference(*_mean(arm)), arm, rules)
        found = clusters.cluster_mean(*arm, kind="CR3")
        return _skewed(found, arm, rules)
    x, n = _pooled(arm)
    if not repeats:
        return _Found(
            x / n,
            *map(np.asarray, proportions.clopper_pearson(x, n, confidence=rules.confidence)),
            capped=False,
        )
    bounds = effective.korn_graubard(*arm, confidence=rules.confidence, icc_floor=rules.icc_floor)
    seen = (arm.n > 0).sum(axis=-1)
    return _Found(x / n, *map(np.asarray, bounds), capped=_few((arm,), seen - 1.0, rules))


def _skewed(found: inference.ClusterInference, arm: Sums, rules: Evidence) -> _Found:
    bounds = means.skewed_mean(found, (arm.n > 0).sum(axis=-1), confidence=rules.confidence)
    return _Found(
        np.asarray(found.point), *map(np.asarray, bounds), capped=_few((arm,), found.df, rules)
    )


def _mean(arm: Sums) -> tuple[Floats, Floats, Floats]:
    """Mean, sample variance and count over units that have one sample or none."""
    n = arm.n.sum(axis=-1)
    mean = arm.total.sum(axis=-1) / n
    square = np.sum(np.where(arm.n > 0, arm.total - mean[:, None], 0.0) ** 2, axis=-1)
    return mean, square / np.maximum(n - 1, 1), n
