"""What two engines must agree on: counts exactly, floats to 1e-9, whatever order groups come in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.runs import Runs

CLOSE = 1e-9
# What only the reader of run files tells; samples in Parquet come without it.
OF_THE_READER = (
    "inputs", "data_sha256", "source_title", "warnings", "set_aside", "quarantine",
)  # fmt: skip
OF_RUN_FILES = ("flags", "profiles", "strategies", "last", "copies", "simulated")


def not_read() -> Runs:
    """Fail where an engine reads by itself, and rows must not come here."""
    raise AssertionError("read here, but the engine reads these samples itself")


def same_review(a: Reviewed, b: Reviewed, but: tuple[str, ...] = OF_THE_READER) -> None:
    """Assert that two reviews agree in all but some fields of their records."""
    both = [msgspec.to_builtins(review.record) for review in (a, b)]
    for record in both:
        for name in but:
            record.pop(name)
        for arm in record["arms"] if but is OF_THE_READER else ():
            for name in OF_RUN_FILES:
                arm.pop(name)
    same_numbers(*both)


def real_evidence(shipped: Path, folder: Path) -> str:
    """Copy evidence as if somebody had measured it: samples in Parquet do not say otherwise."""
    shutil.copytree(shipped, folder)
    texts = {".xml", ".yaml", ".jsonl", ".md"}
    for file in (path for path in folder.rglob("*") if path.suffix in texts):
        text = file.read_text("utf-8").replace('name="simulated"', 'name="real"')
        text = text.replace("simulated: true", "simulated: false")
        file.write_text(text.replace('"simulated": true', '"simulated": false'), "utf-8")
    return str(folder)


def same_measured(a: Measured, b: Measured) -> None:
    """Assert that two engines measured the same."""
    for name in ("counts", "unit", "named", "tags", "ranked", "carried", "prompts"):
        assert getattr(a, name) == getattr(b, name)
    tables = [{"table": m.table, "by_run": m.by_run, **m.strata} for m in (a, b)]
    assert tables[0].keys() == tables[1].keys()
    for name, table in tables[0].items():
        _same_table(table, tables[1][name])
    for ours, theirs in ((a.latency, b.latency), (a.score, b.score)):
        assert ours.keys() == theirs.keys()
        for where, counted in ours.items():
            assert np.array_equal(counted.values, theirs[where].values)
            assert np.array_equal(counted.counts, theirs[where].counts)


def _same_table(a: MomentTable, b: MomentTable) -> None:
    assert {name: key.labels for name, key in a.keys.items()} == {
        name: key.labels for name, key in b.keys.items()
    }
    left, right = (np.lexsort([key.codes for key in t.keys.values()]) for t in (a, b))
    assert np.array_equal(a.rows[left], b.rows[right])
    assert a.metrics.keys() == b.metrics.keys()
    for metric, cells in a.metrics.items():
        others = b.metrics[metric]
        assert np.array_equal(cells.n[left], others.n[right])
        assert cells.mean[left] == pytest.approx(others.mean[right], rel=CLOSE, abs=1e-12)
        assert cells.m2[left] == pytest.approx(others.m2[right], rel=CLOSE, abs=1e-6)


def same_numbers(a: Any, b: Any, where: str = "") -> None:  # noqa: ANN401
    """Assert that two records are equal, their floats to 1e-9."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key, value in a.items():
            same_numbers(value, b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for place, (left, right) in enumerate(zip(a, b, strict=True)):
            same_numbers(left, right, f"{where}[{place}]")
    elif isinstance(a, float) and isinstance(b, float):
        assert a == pytest.approx(b, rel=CLOSE, abs=1e-12, nan_ok=True), where
    else:
        assert a == b, where
