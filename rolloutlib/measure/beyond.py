"""Bounds with what runs and prompts add to the variance that the method itself sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from rolloutlib.measure.design import SourceKind
from rolloutlib.phrase import phrase
from rolloutlib.stats.components import (
    Component,
    component,
    excess_p,
    quantile,
    recovered,
    rescaled_p,
)
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from rolloutlib.measure.bounds import Inference, Side
    from rolloutlib.measure.design import Compared, Floats, Source
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Evidence

__all__ = ["Added", "Between", "Varied", "between", "excess_of", "recover", "title", "varied"]

NAMES = {"run": phrase("variance between runs"), "prompt": phrase("variance between prompts")}
RANGES = {"difference": (-1.0, 1.0), "treatment": (0.0, 1.0), "ratio": (0.0, np.inf)}


class Varied(msgspec.Struct, frozen=True, kw_only=True):
    """How much a source of variance beside the units shows, for one gate.

    Attributes:
        source: what a group is.
        control, treatment: groups with samples in each arm.
        sd: standard deviation between groups of one arm beyond chance, in the metric's unit.
        p: test that the groups add nothing (χ²).
        adds: whether the bounds are wider for it.
    """

    source: SourceKind
    control: int
    treatment: int
    sd: float
    p: float
    adds: bool


class Added(NamedTuple):
    """An inference with its sources.

    Attributes:
        inference: with its bounds and tests.
        wider: by how much farther from the point the lower and the upper bound went; 0 is nothing.
    """

    inference: Inference
    wider: tuple[Floats, Floats]


def recover(
    inference: Inference, arms: Compared, contrast: str, rules: Evidence, *, binary: bool
) -> Added:
    """Add the sources' variance to both bounds and to both tests.

    Args:
        inference: of the method that fits the design.
        arms: what it was made from.
        contrast: difference, ratio or treatment.
        rules: their confidence is the bounds'.
        binary: whether a sample's value is 0 or 1, so that bounds have a range.
    """
    point = np.asarray(inference.point, dtype=np.float64)
    if not arms.beyond:
        return Added(inference, (np.zeros_like(point), np.zeros_like(point)))
    low, high = RANGES[contrast] if binary or contrast == "ratio" else (-np.inf, np.inf)
    sides = [_side(inference, arms, contrast, sign, rules.confidence) for sign in (-1.0, 1.0)]
    ends = (np.where(side.wider > 0, np.clip(side.end, low, high), side.end) for side in sides)
    bounds = Bounds(*ends)  # pyright: ignore[reportArgumentType]

    def p(side: Side) -> Floats:
        at_bound = sides[side == "less"]  # the test against a fall is that of the upper bound
        return rescaled_p(inference.p(side), inference.df, at_bound.ratio, at_bound.df)

    wider = (sides[0].wider, sides[1].wider)
    return Added(inference._replace(bounds=bounds, p=p), wider)


class _Side(NamedTuple):
    """A bound after the sources: where it ends and how it came there.

    Attributes:
        wider: by how much farther from the point it lies; 0 is nothing.
        ratio: the standard error before over that after.
        df: its degrees of freedom.
    """

    end: Floats
    wider: Floats
    ratio: Floats
    df: Floats


def _side(
    inference: Inference, arms: Compared, contrast: str, sign: float, confidence: float
) -> _Side:
    point = np.asarray(inference.point, dtype=np.float64)
    end = np.asarray(inference.bounds[int(sign > 0)], dtype=np.float64)
    usable = np.isfinite(end) & np.isfinite(point)
    distance = np.where(usable, np.maximum(sign * (end - point), 0.0), np.inf)
    parts = [
        excess_of(source, arms, contrast, np.where(usable, end, 1.0)) for source in arms.beyond
    ]
    df = np.broadcast_to(np.asarray(inference.df, dtype=np.float64), point.shape)
    farther, after = recovered(distance, df, parts, confidence=confidence)
    grown = usable & (farther > distance)
    apart = np.where(distance > 0, distance, 1.0)
    wider = np.where(grown & (distance > 0), np.where(grown, farther, 0.0) / apart - 1, 0.0)
    ratio = quantile(after, confidence) / quantile(df, confidence) / (1 + wider)
    new_end = np.where(grown, point + sign * np.where(grown, farther, 0.0), end)
    return _Side(new_end, wider, ratio, after)


def excess_of(source: Source, arms: Compared, contrast: str, ratio: Floats) -> Component:
    """Return what a source adds to a contrast; a ratio's at that ratio, over the control's mean."""
    variance, expected, df, freedom = _at(source, _weight(contrast, ratio))
    part = component(variance, expected, df, freedom)
    if contrast != "ratio":
        return part
    mean = arms.zero.total.sum(axis=-1) / np.maximum(arms.zero.n.sum(axis=-1), 1.0)
    square = np.square(np.where(mean != 0, mean, np.inf))
    return Component(part.excess / square, part.error / square**2)


class Between(NamedTuple):
    """What the source that adds most adds to treatment − weight·control, in one repetition.

    Attributes:
        kind: what a group is.
        groups: of the arm with fewer.
        excess, error: as `Component`.
    """

    kind: SourceKind
    groups: int
    excess: float
    error: float


def between(arms: Compared, contrast: str, limit: float) -> Between | None:
    """Return what most widens one repetition's bounds, at a ratio's limit; None if nothing does."""
    adding: list[Between] = []
    for source in arms.beyond:
        part = component(*_at(source, _weight(contrast, np.array([limit]))))
        groups = [n for n in source.groups[contrast == "treatment" :] if n > 1]
        excess, error = float(part.excess.flat[0]), float(part.error.flat[0])
        if groups and excess:
            adding.append(Between(source.kind, min(groups), excess, error))
    return max(adding, key=lambda part: part.excess, default=None)


def _weight(contrast: str, ratio: Floats) -> Floats:
    """Return what the control's mean counts in a contrast."""
    return ratio if contrast == "ratio" else np.array([float(contrast == "difference")])


def _at(source: Source, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the variance seen and due at a weight, and both kinds of degrees of freedom."""
    variance, expected = source.seen.at(weight), source.due.at(weight)
    two = np.asarray(weight) != 0
    apart = source.df_one + np.where(two, source.df_zero, 0.0)
    treated, control = source.seen.one, np.square(weight) * source.seen.zero
    error = sum(np.square(part) / np.where(df > 0, df, np.inf)
                for part, df in ((treated, source.df_one), (control, source.df_zero)))  # fmt: skip
    both = np.square(treated + control)
    welch = np.where(error > 0, both / np.where(error > 0, error, 1.0), apart)
    matched = two & np.isfinite(source.df_both)
    return (
        variance, expected, np.where(matched, source.df_both, apart),
        np.where(matched, source.df_both, welch),
    )  # fmt: skip


def varied(arms: Compared, contrast: str, point: Floats) -> tuple[Varied, ...]:
    """Say what each source shows in one repetition."""
    rows: list[Varied] = []
    for source in arms.beyond:
        weight = _weight(contrast, np.where(np.isfinite(point), point, 1.0))
        variance, expected, df, freedom = _at(source, weight)
        squares = source.shares[0] + np.square(weight) * source.shares[1]
        sd = np.sqrt(np.maximum(variance - expected, 0.0) / squares)
        adds = component(variance, expected, df, freedom).excess > 0
        control, treatment = source.groups
        p = np.asarray(excess_p(variance, expected, df))
        rows.append(Varied(
            source=source.kind, control=control, treatment=treatment,
            sd=float(sd.flat[0]), p=float(p.flat[0]), adds=bool(adds.flat[0]),
        ))  # fmt: skip
    return tuple(rows)


def title(method: Phrase, shown: tuple[Varied, ...]) -> Phrase:
    """Return a method's name with what was added to its bounds."""
    names = tuple(NAMES[row.source] for row in shown if row.adds)
    if not names:
        return method
    return phrase(
        "{method}, {sources} added (MOVER, Zou & Donner 2008)", method=method, sources=names
    )
