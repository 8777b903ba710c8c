"""Counts of a metric in steps: exact quantiles and curves to draw, additive like the moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from rolloutlib.measure.moments import added, collect, key_of, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import narwhals as nw
    from numpy.typing import NDArray

    from rolloutlib.measure.moments import Key

    Floats = NDArray[np.float64]

__all__ = ["Capped", "Histogram", "capped", "histogram", "histograms_of", "merge_histograms"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of a metric in steps: `values` (K,) ascending with `counts` (K,).

    Additive like the moments.
    """

    values: Floats
    counts: Floats

    @property
    def n(self) -> int:
        """Number of known values."""
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """Return the q-quantile, linear between order statistics (Hyndman & Fan 1996, type 7).

        NaN without data.
        """
        if not self.n:
            return float("nan")
        place = q * (self.n - 1)
        ends = np.cumsum(self.counts)
        low, high = (
            self.values[np.searchsorted(ends, rank, side="right")]
            for rank in (np.floor(place), np.ceil(place))
        )
        return float(low + (high - low) * (place - np.floor(place)))


class Capped(Struct, frozen=True):
    """What capping left out of a mean of latencies.

    Attributes:
        at_ms: what a slower sample counts.
        control, treatment: samples that were slower, of so many with a latency (`_n`).
        control_uncapped, treatment_uncapped: the arms' means in ms without a cap, to a twentieth of
            a millisecond; None of an arm without latencies.
    """

    at_ms: float
    control: int
    treatment: int
    control_n: int
    treatment_n: int
    control_uncapped: float | None
    treatment_uncapped: float | None


def capped(control: Histogram, treatment: Histogram, at_ms: float) -> Capped:
    """Return what a cap leaves out of both arms' latencies."""
    slower = [int(arm.counts[arm.values > at_ms].sum()) for arm in (control, treatment)]
    return Capped(
        at_ms, slower[0], slower[1], control.n, treatment.n,
        control_uncapped=_mean(control), treatment_uncapped=_mean(treatment),
    )  # fmt: skip


def _mean(histogram: Histogram) -> float | None:
    n = histogram.n
    return float(histogram.values @ histogram.counts) / n if n else None


def histogram(
    frame: nw.LazyFrame[Any], value: nw.Expr, *, per_unit: int
) -> dict[tuple[str, str], Histogram]:
    """Count a metric in steps of 1 / `per_unit`, by (arm, run).

    Quantiles are exact to half a step, and curves can be drawn.
    """
    import narwhals as nw

    steps = frame.select("arm", "run_id", (value * per_unit).round(0).alias("step"))
    grouped = steps.drop_nulls("step").group_by("arm", "run_id", "step")
    counted = collect(grouped.agg(nw.len().alias("n")))
    arm, run = key_of(counted["arm"]), key_of(counted["run_id"])
    values, counts = numbers(counted["step"]) / per_unit, numbers(counted["n"])
    return histograms_of(arm, run, values, counts)


def histograms_of(
    arm: Key, run: Key, values: Floats, counts: Floats
) -> dict[tuple[str, str], Histogram]:
    """Sort counted values (K,) into one histogram for each (arm, run)."""
    place = arm.codes * len(run.labels) + run.codes
    order = np.lexsort((values, place))
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    parts = [rows for rows in np.split(order, starts[1:]) if len(rows)]
    names = [(str(arm.labels[arm.codes[r[0]]]), str(run.labels[run.codes[r[0]]])) for r in parts]
    return {
        name: Histogram(values[rows], counts[rows]) for name, rows in zip(names, parts, strict=True)
    }


def merge_histograms(parts: Sequence[Histogram]) -> Histogram:
    """Add histograms up."""
    if not parts:
        return Histogram(np.empty(0), np.empty(0))
    values, places = np.unique(np.concatenate([part.values for part in parts]), return_inverse=True)
    return Histogram(
        values, added(places, np.concatenate([part.counts for part in parts]), len(values))
    )
