"""Samples written by hand: dictionaries → the one table, behind the same engine as in a review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa

from rolloutlib.measure.design import Arms, Unit
from rolloutlib.measure.moments import Cells
from rolloutlib.plan.model import load_plan
from rolloutlib.runs.columns import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

ROOT = Path(__file__).resolve().parents[1]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
RULES = PLAN.evidence


def frame_of(rows: Sequence[dict[str, Any]]) -> nw.LazyFrame[Any]:
    """Return samples as a lazy frame.

    What a row does not say is null (it passed, in run r of the control).
    """
    full = [
        {"run_id": "r", "arm": "control", "sample_id": str(i), "status": "passed", "passed": True}
        | row
        for i, row in enumerate(rows)
    ]
    table = pa.Table.from_pylist(full, SCHEMA)
    connection = duckdb.connect(":memory:")
    connection.register("samples", table)
    return nw.from_native(connection.table("samples"))


def cells(n: ArrayLike, total: ArrayLike, m2: ArrayLike | None = None) -> Cells:
    """Return moments per unit from counts and sums; of 0/1 values unless m2 says otherwise."""
    n, total = np.asarray(n, dtype=np.float64), np.asarray(total, dtype=np.float64)
    mean = np.divide(total, n, out=np.zeros_like(n), where=n > 0)
    return Cells(n, mean, n * mean * (1 - mean) if m2 is None else np.asarray(m2, dtype=np.float64))


def singles(values: ArrayLike) -> Cells:
    """Return one unit a value; NaN for a unit without a sample."""
    values = np.asarray(values, dtype=np.float64)
    is_known = ~np.isnan(values)
    return Cells(
        is_known.astype(np.float64), np.where(is_known, values, 0.0), np.zeros(len(values))
    )


def pooled(values: ArrayLike) -> Cells:
    """Return all values as the one group that samples without a unit are in."""
    values = np.asarray(values, dtype=np.float64)
    return Cells(
        np.array([len(values)], float),
        np.array([values.mean()]),
        np.array([np.sum((values - values.mean()) ** 2)]),
    )


def arms(control: Cells, treatment: Cells, unit: Unit = "user") -> Arms:
    """Return both arms; entry k of both is the same unit."""
    return Arms(control, treatment, unit)


def nested(control: Cells, treatment: Cells, unit: Unit = "user") -> Arms:
    """Return arms whose units are all in one arm."""
    empty = [np.zeros(len(part.n)) for part in (control, treatment)]
    first = Cells(
        *(np.concatenate([part, empty[1]]) for part in (control.n, control.mean, control.m2))
    )
    second = Cells(
        *(np.concatenate([empty[0], part]) for part in (treatment.n, treatment.mean, treatment.m2))
    )
    return Arms(first, second, unit)
