"""Days written by hand: counts by arm, day and person, without any file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.measure.daily import Days
from rolloutlib.measure.moments import Cells, Key, MomentTable
from rolloutlib.measure.shares import Shares
from rolloutlib.plan.metrics import METRICS, metric_record
from tests.tables import PLAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rolloutlib.measure.design import Unit

    Floats = NDArray[np.float64]

__all__ = ["ARMS", "FIRST", "days"]

ARMS = ("control", "treatment")
FIRST = date(2026, 10, 5)


def days(
    n: Floats, values: Mapping[str, Floats], *, unit: Unit = "user",
    tags: tuple[str, ...] = ("hallucination",), ranked: int = 1,
) -> Days:  # fmt: skip
    """Return days of samples.

    Args:
        n: samples, (arms, days, people).
        values: of each metric the sum over those samples, likewise; others are not told. A value
            varies within a person as a share or a Poisson count does.
        unit: what a person is.
        tags: issue tags of the data; the first `ranked` are the control's.
        ranked: likewise.
    """
    arms, dates, people = n.shape
    arm, day, who = (part.ravel() for part in np.indices(n.shape))
    filled = n.ravel() > 0
    labels = tuple(str(FIRST + timedelta(k)) for k in range(dates))
    keys = {
        "arm": Key(arm[filled], ARMS[:arms]), "day": Key(day[filled], labels),
        "run_id": Key((arm * dates + day)[filled], tuple(f"r{k}" for k in range(arms * dates))),
        "cluster": Key(who[filled], tuple(f"u{k}" for k in range(people))),
    }  # fmt: skip
    size = n.ravel()[filled]
    metrics: dict[str, Cells] = {}
    for name in (*(m for m in METRICS if m != "issue"), *(f"issue:{tag}" for tag in tags)):
        if name not in values:
            metrics[name] = Cells(0 * size, 0 * size, 0 * size)
            continue
        total = values[name].ravel()[filled]
        mean = total / size
        binary = metric_record(name).kind == "binary"
        metrics[name] = Cells(size, mean, size * mean * (1 - mean) if binary else size * abs(mean))
    table = MomentTable(keys, size, metrics)
    dated = tuple(FIRST + timedelta(k) for k in range(dates)) if filled.any() else ()
    none = Shares(MomentTable({}, size, {}), MomentTable({}, size, {}), None)
    return Days(dated, PLAN.monitoring.clock, unit, 1.0, table, tags, ranked, (), none)
