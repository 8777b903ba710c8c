"""The same samples in other files: what the format and damaged rows cost a review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import data
from benchmarks.harness import Section, cells, measure, python, table

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.harness import Cost, Size

ROWS, USERS = 1_000_000, 10_000
KINDS = {
    "rows": "Parquet",
    "damaged": "Parquet, one row in a thousand damaged",
    "csv": "CSV",
    "jsonl": "JSON Lines",
}
TEXT = f"""\
{ROWS:,} rows of {USERS:,} users, reviewed as above. Parquet is scanned where it lies; texts are
cast once into a table in memory; of damaged rows the first thousand are told one by one."""


def measured(size: Size) -> Section:
    """Measure the review of each file."""
    lines = [
        (name, f"{path.stat().st_size / 1e6:,.0f} MB", *cells(_review(path, size.repeats)))
        for kind, name in KINDS.items()
        for path in [data.ready(kind, ROWS, USERS)]
    ]
    head = ("file", "size", "CPU", "wall", "peak memory")
    return Section("Formats", f"{TEXT}\n\n{table(head, lines)}")


def _review(path: Path, repeats: int) -> Cost:
    return measure(python("-m", "benchmarks.ways", "review", path), repeats=repeats)
