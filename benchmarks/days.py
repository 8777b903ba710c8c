"""Stored days against raw rows: a review of the last three of thirty days."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import data
from benchmarks.harness import Goal, Section, cells, measure, python, table

if TYPE_CHECKING:
    from benchmarks.harness import Cost, Size

DAYS, LAST, USERS = 30, 3, 10_000
TEXT = f"""\
{DAYS} days of {USERS:,} users with {data.ROWS_A_USER_AND_DAY} samples each a day, \
{DAYS * USERS * data.ROWS_A_USER_AND_DAY:,} rows, one run an arm
and day. `rollout ingest` stores days and their sums once; a review of the store then reads sums.
Both reviews of three days read the same samples, which is checked. "Added" is the CPU beyond
that of a review of 1,700 rows, which is mostly imports."""


def measured(size: Size) -> Section:
    """Measure the ingest, and reviews of raw files and of the store."""
    raw, last = data.ready("days", DAYS, USERS), data.ready("last_days", LAST, DAYS, USERS)
    small = data.ready("rows", 1_700, USERS)
    rollout = str(Path(sys.executable).with_name("rollout"))
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store"
        costs = {
            "`rollout ingest` of all days, once": measure(
                [rollout, "ingest", str(raw), "--into", store], repeats=1
            ),
            "review of the last three days, stored": _review(store, LAST, repeats=size.repeats),
            "review of all 30 days, stored": _review(store, repeats=size.repeats),
            "review of the last three days, a raw file": _review(last, repeats=size.repeats),
            "review of all 30 days, the raw file": _review(raw, repeats=size.repeats),
            "review of 1,700 rows": _review(small, repeats=size.repeats),
        }
    _, stored, all_stored, raw_last, raw_all, least = costs.values()
    if stored.printed != raw_last.printed or all_stored.printed != raw_all.printed:
        raise SystemExit("a review of the store and one of the raw rows read different samples")
    lines = [
        (name, *cells(cost), f"{cost.cpu - least.cpu:.2f} s" if cost is not least else "–")
        for name, cost in costs.items()
    ]
    ratio = (stored.cpu - least.cpu) / (raw_all.cpu - least.cpu)
    goal = Goal("CPU added: last three of 30 stored days, against the raw scan", ratio, 0.1)
    body = table(("process", "CPU", "wall", "peak memory", "CPU added"), lines)
    return Section("Stored days", f"{TEXT}\n\n{body}", (goal,))


def _review(path: object, *days: int, repeats: int) -> Cost:
    return measure(python("-m", "benchmarks.ways", "review", path, *days), repeats=repeats)
