"""What today means beside the days before: within chance, or a run of days beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.prediction import prediction_bounds

if TYPE_CHECKING:
    from rolloutlib.measure.daily_bands import DayBands
    from rolloutlib.measure.design import Floats

__all__ = ["LEAST_DAYS", "Trend", "trend"]

LEAST_DAYS: Final = 3  # days before a run of days, whose spread says how much days differ


class Trend(NamedTuple):
    """The latest days beside those before them.

    Attributes:
        way: `fell` or `rose` where the last `run` days are all beyond what the days before let
            expect, on the same side; `steady` where the latest is within; `short` where there are
            too few days to say.
        run: how many of the latest days are beyond; 0 where none is.
        before: days that they are compared with.
        expected: what those let expect of the latest day; infinite where they do not say.
    """

    way: str
    run: int
    before: int
    expected: Bounds


def trend(daily: DayBands, *, confidence: float) -> Trend:
    """Compare the latest days with those before them.

    A run is as long as all its days lie beyond the bounds of a prediction from the days before the
    whole run, so that a slow fall does not become what is expected. Days count by their samples,
    and differ from each other as much as they did (`stats.prediction`).

    Args:
        daily: the days' values; those without samples are left out.
        confidence: of each side.
    """
    filled = np.flatnonzero(daily.n > 0)
    value, n = daily.value[filled], daily.n[filled]
    best: Trend | None = None
    for run in range(1, len(filled) - LEAST_DAYS + 1):
        beyond = _beyond(value, n, run, daily.within, confidence)
        if best is None and run == 1:
            best = Trend("steady", 0, len(filled) - 1, beyond[0])
        if side := beyond[1]:
            best = Trend("fell" if side < 0 else "rose", run, len(filled) - run, beyond[0])
    return best or Trend("short", 0, max(len(filled) - 1, 0), Bounds(-np.inf, np.inf))


def _beyond(
    value: Floats, n: Floats, run: int, within: float, confidence: float
) -> tuple[Bounds, int]:
    """Return what is expected of the latest day, and on which side all days of a run lie."""
    variance = within if np.isfinite(within) else 0.0
    lower, upper = prediction_bounds(
        value[:-run], n[:-run], n[-run:], variance=variance, confidence=confidence
    )
    sides = (value[-run:] > upper).astype(int) - (value[-run:] < lower).astype(int)
    latest = Bounds(float(np.ravel(lower)[-1]), float(np.ravel(upper)[-1]))
    return latest, int(sides[0]) if np.all(sides == sides[0]) else 0
