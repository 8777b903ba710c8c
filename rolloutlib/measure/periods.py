"""Comparability in time: did both arms run at the same time?"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.reason import Reason

    Floats = NDArray[np.float64]

__all__ = ["met"]

HOUR: Final = 3600.0
PIECES: Final = 48  # at most, into which a long run is cut
LEAST, HALF, MOST = 0.10, 0.50, 0.75  # shares of samples with a counterpart of the other arm


def met(
    rows: Sequence[RunRow], pair: tuple[str, str], hours: float
) -> tuple[Reason | None, Reason | None]:
    """Say whether the arms ran at other times: why no gate may pass, and what to know.

    Each sample looks for one of the other arm at most `hours` away, each for one only. Without
    them, or where one arm had ended before the other began and most have none, whatever changed
    in between counts as an effect.

    Args:
        rows: the runs of both arms; those without a start say nothing.
        pair: names of the control and the treatment.
        hours: how far apart two samples may be that were measured at the same time.
    """
    control, treatment = ([r for r in rows if r.arm == arm and r.started_at] for arm in pair)
    if not control or not treatment:
        return None, None
    (at, mass), (at_new, mass_new) = _spread(control), _spread(treatment)
    share = _counterparts(at, mass, at_new, mass_new, hours)
    apart = at[-1] < at_new[0] or at_new[-1] < at[0]
    ends = {
        f"{arm}_{end}": f"{moment:%Y-%m-%d %H:%M}"
        for arm, runs in (("control", control), ("treatment", treatment))
        for end, moment in zip(("first", "last"), _window(runs), strict=True)
    }
    if share < LEAST or (apart and share < HALF):
        return because("time.apart", share=share, hours=hours, **ends), None
    if share < HALF or (apart and share < MOST):
        return None, because("time.partly", share=share, hours=hours, **ends)
    return None, None


def _window(runs: Sequence[RunRow]) -> tuple[datetime, datetime]:
    """Return when the first run started and the last sample did."""
    starts = [run.started_at for run in runs if run.started_at]
    return min(starts), max([*starts, *(run.last_at for run in runs if run.last_at)])


def _spread(runs: Sequence[RunRow]) -> tuple[Floats, Floats]:
    """Return when an arm's samples started, in hours, and the share of them, by time."""
    at: list[Floats] = []
    mass: list[Floats] = []
    for run in runs:
        if run.started_at is None:
            continue
        first = run.started_at.timestamp() / HOUR
        last = max(first, run.last_at.timestamp() / HOUR if run.last_at else first)
        pieces = 1 + min(PIECES, ceil(last - first))
        at.append(np.linspace(first, last, pieces))
        mass.append(np.full(pieces, max(run.n, 1) / pieces))
    times, weights = np.concatenate(at), np.concatenate(mass)
    order = np.argsort(times, kind="stable")
    return times[order], weights[order] / weights.sum()


def _counterparts(at: Floats, mass: Floats, other: Floats, weight: Floats, hours: float) -> float:
    """Return the largest share that can be matched; the earliest that fits is the best match."""
    left, right = mass.copy(), weight.copy()
    i = k = 0
    matched = 0.0
    while i < len(at) and k < len(other):
        if at[i] < other[k] - hours:
            i += 1
        elif other[k] < at[i] - hours:
            k += 1
        else:
            both = min(left[i], right[k])
            matched += both
            left[i], right[k] = left[i] - both, right[k] - both
            i, k = i + (left[i] <= 0), k + (right[k] <= 0)
    return min(1.0, float(matched))
