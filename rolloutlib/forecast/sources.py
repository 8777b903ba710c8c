"""What runs add to the variance, in every repetition of a simulation.

The same as `measure.components` says of a review's tables, from samples by run and unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.measure.design import Quadratic, Source
from rolloutlib.stats import clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SINGLE = 2  # fewer runs, or units, tell nothing of how they differ


class ByRun(NamedTuple):
    """One arm of one metric by run and unit; each array is (repetitions, runs, units).

    Attributes:
        n: samples.
        total: their sum.
        square: their sum of squares.
    """

    n: Floats
    total: Floats
    square: Floats


def run_sources(treated: ByRun, control: ByRun, *, shared: bool) -> tuple[Source, ...]:
    """Return what the runs of both arms add; nothing where there is one run.

    Args:
        treated: the treatment.
        control: the control; entry k of both is the same unit where they are shared.
        shared: whether both arms have the same units, whose runs match in order.
    """
    if treated.n.shape[1] < SINGLE and control.n.shape[1] < SINGLE:
        return ()
    parts = _Part.of(treated), _Part.of(control)
    apart = _apart(*parts)
    if not shared or treated.n.shape[1] != control.n.shape[1]:
        return (apart,)
    return (_sharper(apart, _matched(apart, *parts)),)


def beside(parts: Sequence[ByRun]) -> ByRun:
    """Put stages side by side: other runs, other units."""
    if len(parts) == 1:
        return parts[0]
    runs, units = (sum(part.n.shape[axis] for part in parts) for axis in (1, 2))
    whole = tuple(np.zeros((len(parts[0].n), runs, units)) for _ in ByRun._fields)
    run = unit = 0
    for part in parts:
        _, more, others = part.n.shape
        for place, values in zip(whole, part, strict=True):
            place[:, run : run + more, unit : unit + others] = values
        run, unit = run + more, unit + others
    return ByRun(*whole)


class _Part(NamedTuple):
    """One arm, ready for both ways to look at its runs."""

    n: Floats
    total: Floats
    weights: Floats
    deviations: Floats
    apart: Floats
    within: Floats
    between: Floats
    mean: Floats
    size: Floats
    df: Floats

    @classmethod
    def of(cls, arm: ByRun) -> _Part:
        n, total = arm.n.sum(axis=2), arm.total.sum(axis=2)
        whole = np.maximum(n.sum(axis=1, keepdims=True), 1.0)
        shares = n / whole
        left = np.maximum(1 - shares, 1e-12)
        weights = np.where(shares < 1, shares / np.sqrt(left), 0.0)
        mean = total / np.maximum(n, 1.0)
        deviations = weights * (mean - total.sum(axis=1, keepdims=True) / whole)
        units = arm.n.sum(axis=1)
        apart = arm.n / np.maximum(n, 1.0)[..., None] - (units / whole)[:, None, :]
        df = np.asarray(clusters.cluster_mean(n, total, kind="CR2").df, dtype=np.float64)
        spread = _components(units, arm.total.sum(axis=1), arm.square.sum(axis=1))
        return cls(n, total, weights, deviations, apart, *spread, units, df)


def _components(n: Floats, total: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """Return variance within and between units (Searle et al. 1992), and the units' means."""
    whole, units = n.sum(axis=1), (n > 0).sum(axis=1)
    mean = total / np.maximum(n, 1.0)
    inside = np.maximum(square - total * mean, 0.0).sum(axis=1)
    within = np.where(whole > units, inside / np.maximum(whole - units, 1.0), 0.0)
    centre = total.sum(axis=1, keepdims=True) / np.maximum(whole, 1.0)[:, None]
    spread = (n * (mean - centre) ** 2).sum(axis=1)
    size = whole - (n**2).sum(axis=1) / np.maximum(whole, 1.0)
    between = np.maximum((spread - (units - 1) * within) / np.where(size > 0, size, 1.0), 0.0)
    alone = units < SINGLE
    return np.where(alone, inside / np.maximum(whole - 1, 1.0), within), \
        np.where(alone, 0.0, between), mean  # fmt: skip


def _due(part: _Part) -> Floats:
    of_units = (part.weights**2 * (part.apart**2).sum(axis=2)).sum(axis=1)
    noise = part.within / np.maximum(part.n.sum(axis=1), 1.0)
    several = part.n.shape[1] >= SINGLE
    return (noise if several else 0.0 * noise) + part.between * of_units


def _apart(treated: _Part, control: _Part) -> Source:
    squares = [(part.deviations**2).sum(axis=1) for part in (treated, control)]
    nothing = np.zeros_like(squares[0])
    shares = [
        ((part.n / part.n.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
        for part in (treated, control)
    ]
    return Source(
        "run", (control.n.shape[1], treated.n.shape[1]), Quadratic(squares[0], squares[1], nothing),
        Quadratic(_due(treated), _due(control), nothing), treated.df, control.df,
        np.full_like(nothing, np.nan), (shares[0], shares[1]),
    )  # fmt: skip


def _matched(apart: Source, treated: _Part, control: _Part) -> Source:
    both = (treated.deviations * control.deviations).sum(axis=1)
    products = (treated.apart * control.apart).sum(axis=2)
    weighted = (treated.weights * control.weights * products).sum(axis=1)
    common = _covariance(treated, control) * weighted
    contrast = clusters.cluster_contrast(
        treated.n, treated.total, control.n, control.total, kind="CR2"
    )
    return apart._replace(
        seen=apart.seen._replace(both=both), due=apart.due._replace(both=common),
        df_both=np.asarray(contrast.df, dtype=np.float64),
    )  # fmt: skip


def _covariance(treated: _Part, control: _Part) -> Floats:
    """Return the covariance of the units' own means in both arms, within what is possible."""
    both = (treated.size > 0) & (control.size > 0)
    weight = np.where(
        both, treated.size * control.size / np.maximum(treated.size + control.size, 1.0), 0.0
    )
    whole = weight.sum(axis=1, keepdims=True)
    share = weight / np.where(whole > 0, whole, 1.0)
    a, b = (
        part.mean - (share * part.mean).sum(axis=1, keepdims=True) for part in (treated, control)
    )
    left = 1 - (share**2).sum(axis=1)
    covariance = (share * a * b).sum(axis=1) / np.where(left > 0, left, 1.0)
    edge = np.sqrt(treated.between * control.between)
    return np.clip(covariance, -edge, edge)


def _sharper(apart: Source, matched: Source) -> Source:
    """Return, repetition by repetition, what tells the component with less noise."""
    noise = [source.due.at(1.0) ** 2 / np.where(df > 0, df, np.nan) for source, df in
             ((apart, apart.df_one + apart.df_zero), (matched, matched.df_both))]  # fmt: skip
    takes = noise[1] < noise[0]
    return apart._replace(
        seen=apart.seen._replace(both=np.where(takes, matched.seen.both, 0.0)),
        due=apart.due._replace(both=np.where(takes, matched.due.both, 0.0)),
        df_both=np.where(takes, matched.df_both, np.nan),
    )  # fmt: skip
