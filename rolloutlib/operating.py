"""The shipped policy over many repetitions at once: estimate_gate and judge_evidence on arrays, for planning and calibration.

The methods are those of rolloutlib.estimates, design by design; tests/test_operating.py compares the two repetition by
repetition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib import stats
from rolloutlib.estimates import MIN_DF, is_binary
from rolloutlib.worlds import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.plan import Evidence, Gate
    from rolloutlib.worlds import Kind, Layout, World

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["Judged", "judge_many", "world_metric"]


class Judged(NamedTuple):
    """One gate in every repetition; each array is (repetitions,).

    Attributes:
        point: the estimate; NaN where there is none.
        lower, upper: its bounds; infinite where there are none.
        passed, failed: the evidence's verdict; inconclusive where neither.
        literal: whether the point alone clears the plan's limit, which is the plan's rule when all of it is the last runs.
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


def judge_many(gate: Gate, world: World, study: Layout, rules: Evidence, *, proof: float, literal: float) -> Judged:
    """Judge one gate in every repetition of a world.

    Args:
        gate: per-sample estimand.
        proof: what the stage's bound must clear.
        literal: the plan's own limit, in the same unit (a share for a quantile gate).
    """
    metric = world_metric(gate)
    one = world.treatment[metric]
    binary = is_binary(metric) or metric == "issue"
    if gate.contrast == "treatment":
        found = _alone(one, study, binary=binary, rules=rules)
    else:
        contrast = _difference if gate.contrast == "difference" else _ratio
        found = contrast(one, world.control[metric], study.kind, binary, rules)
    sign = 1.0 if gate.harm == "lower" else -1.0
    worst, best = (found.lower, found.upper) if gate.harm == "lower" else (found.upper, found.lower)
    usable = ~np.isnan(found.point) & ~np.asarray(found.capped)
    passed = usable & np.isfinite(worst) & (sign * (worst - proof) > 0)
    failed = usable & np.isfinite(best) & (sign * (best - proof) < 0) & ~passed
    return Judged(found.point, found.lower, found.upper, passed, failed, sign * (found.point - literal) >= 0)


def _pooled(arm: Sums) -> tuple[Floats, Floats]:
    return np.rint(arm.total.sum(axis=-1)), arm.n.sum(axis=-1)


def _by_t(found: stats.ClusterInference, rules: Evidence, capped: Flags | bool = False) -> _Found:  # noqa: FBT001, FBT002
    bounds = stats.t_bounds(found, confidence=rules.confidence)
    return _Found(*(np.asarray(part, np.float64) for part in (found.point, *bounds)), capped)


def _few(arms: tuple[Sums, ...], df: Floats | float, rules: Evidence) -> Flags:
    """Say where estimates.py caps the verdict: too few clusters in an arm, or degrees of freedom."""
    clusters = np.min([(arm.n > 0).sum(axis=-1) for arm in arms], axis=0)
    return (clusters < rules.min_clusters) | (np.asarray(df) < MIN_DF)


# --- treatment − control ------------------------------------------------------------------------------------------------


def _difference(one: Sums, zero: Sums, kind: Kind, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001 -- one signature
    if kind in {"nested", "crossed"}:
        return _clustered_difference(one, zero, kind, binary, rules)
    if kind == "paired":
        return _paired(one, zero, binary, rules)
    if binary:
        (x1, n1), (x0, n0) = _pooled(one), _pooled(zero)
        bounds = stats.miettinen_nurminen_difference(x1, n1, x0, n0, confidence=rules.confidence)
        return _Found(x1 / n1 - x0 / n0, *map(np.asarray, bounds), capped=False)
    return _by_t(stats.welch_inference(*_mean(one), *_mean(zero)), rules)


def _paired(one: Sums, zero: Sums, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001
    both = (one.n > 0) & (zero.n > 0)
    n, difference = both.sum(axis=-1).astype(np.float64), np.where(both, one.total - zero.total, 0.0)
    if not binary:
        return _by_t(stats.mean_inference(*_mean(Sums(both.astype(np.float64), difference))), rules)
    gained, lost = (difference > 0).sum(axis=-1), (difference < 0).sum(axis=-1)
    bounds = stats.tango(gained, lost, n, confidence=rules.confidence)
    return _Found((gained - lost) / n, *map(np.asarray, bounds), capped=False)


def _clustered_difference(one: Sums, zero: Sums, kind: Kind, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001
    compare = stats.nested_difference if kind == "nested" else stats.crossed_difference
    found = compare(*one, *zero, kind="CR3")
    robust = _by_t(found, rules, _few((one, zero), found.df, rules))
    if not binary:
        return robust
    (x1, n1), (x0, n0) = _pooled(one), _pooled(zero)
    d1, d0 = _deff(one, rules), _deff(zero, rules)
    score = stats.miettinen_nurminen_difference(x1 / d1, n1 / d1, x0 / d0, n0 / d0, confidence=rules.confidence)
    still = np.asarray(found.se) == 0
    lower, upper = np.where(still, score.lower, robust.lower), np.where(still, score.upper, robust.upper)
    return _Found(robust.point, lower, upper, robust.capped & ~still)


def _deff(arm: Sums, rules: Evidence) -> Floats:
    return 1 + (np.sum(arm.n**2, axis=-1) / arm.n.sum(axis=-1) - 1) * rules.icc_floor


# --- treatment / control ------------------------------------------------------------------------------------------------


def _ratio(one: Sums, zero: Sums, kind: Kind, binary: bool, rules: Evidence) -> _Found:  # noqa: FBT001
    (x1, n1), (x0, n0) = _pooled(one), _pooled(zero)
    point = np.where(x0 > 0, (x1 / n1) / np.where(x0 > 0, x0 / n0, 1.0), np.nan)
    if kind in {"nested", "crossed", "paired"}:
        nested = kind == "nested"
        bounds = (stats.nested_ratio_bounds if nested else stats.crossed_ratio_bounds)(
            *one, *zero, confidence=rules.confidence
        )
        apart = (stats.nested_difference if nested else stats.crossed_difference)(*one, *zero, kind="CR3")
        return _Found(point, *map(np.asarray, bounds), capped=_few((one, zero), apart.df, rules))
    if not binary:
        raise NotImplementedError("no gate of the plan compares independent means by their ratio")
    bounds = stats.miettinen_nurminen_ratio(x1, n1, x0, n0, confidence=rules.confidence)
    return _Found(point, *map(np.asarray, bounds), capped=False)


# --- the treatment alone ------------------------------------------------------------------------------------------------


def _alone(arm: Sums, study: Layout, *, binary: bool, rules: Evidence) -> _Found:
    repeats = study.kind in {"nested", "crossed"}
    if not binary:
        if not repeats:
            return _by_t(stats.mean_inference(*_mean(arm)), rules)
        found = stats.cluster_mean(*arm, kind="CR3")
        return _by_t(found, rules, _few((arm,), found.df, rules))
    x, n = _pooled(arm)
    if not repeats:
        return _Found(x / n, *map(np.asarray, stats.clopper_pearson(x, n, confidence=rules.confidence)), capped=False)
    bounds = stats.korn_graubard(*arm, confidence=rules.confidence, icc_floor=rules.icc_floor)
    clusters = (arm.n > 0).sum(axis=-1)
    return _Found(x / n, *map(np.asarray, bounds), capped=_few((arm,), clusters - 1.0, rules))


def _mean(arm: Sums) -> tuple[Floats, Floats, Floats]:
    """Mean, sample variance and count over units that have one sample or none."""
    n = arm.n.sum(axis=-1)
    mean = arm.total.sum(axis=-1) / n
    square = np.sum(np.where(arm.n > 0, arm.total - mean[:, None], 0.0) ** 2, axis=-1)
    return mean, square / np.maximum(n - 1, 1), n
