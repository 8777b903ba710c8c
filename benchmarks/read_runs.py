"""Reading run files: rolloutlib against msgspec alone, on the same files.

Usage: python -m benchmarks.read_runs WAY FOLDER    (WAY: bare, msgspec, envelope, rolloutlib)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks import data
from benchmarks.harness import Section, cells, measure, python, table

if TYPE_CHECKING:
    from benchmarks.harness import Size

FILES, SAMPLES = 10_000, 30
NAMES = {
    "bare": "imports alone",
    "msgspec": "msgspec alone, structs of these fields",
    "envelope": "msgspec alone, our struct of a run",
    "rolloutlib": "`read_runs`: checked, as columns",
}


class Sample(msgspec.Struct, rename="camel"):
    """A sample, as these files have it."""

    id: str
    status: str
    score: float | None = None
    latency_ms: float | None = None
    issues: list[str] | None = None
    prompt_id: str | None = None
    user_id: str | None = None
    category: str | None = None
    difficulty: str | None = None


class Result(msgspec.Struct):
    """What a run gave."""

    metrics: dict[str, float]
    samples: list[Sample]


class Run(msgspec.Struct, rename="camel"):
    """What somebody would write who only wants the data: the fields of these files, no rules."""

    run_id: str
    started_at: str
    stage: int
    arm: str
    flags: dict[str, bool | str]
    session: dict[str, str | int]
    dataset_meta: dict[str, Any]
    result: Result


def read(way: str, folder: Path) -> int:
    """Read a folder's runs and return how many there are."""
    from rolloutlib.runs import read_runs
    from rolloutlib.runs.envelopes import Envelope

    if way == "bare":
        return 0
    if way == "rolloutlib":
        return len(read_runs(folder).runs)
    decoder = msgspec.json.Decoder[Any](Run if way == "msgspec" else Envelope)
    return len([decoder.decode(path.read_bytes()) for path in sorted(folder.iterdir())])


def measured(size: Size) -> Section:
    """Measure each way to read the files."""
    folder = data.ready("envelopes", FILES, SAMPLES)
    costs = {
        way: measure(python("-m", "benchmarks.read_runs", way, folder), repeats=size.repeats)
        for way in NAMES
    }
    start, floor = costs["bare"].cpu, costs["msgspec"].cpu
    lines = [
        (NAMES[way], *cells(cost), f"{(cost.cpu - start) / (floor - start):.2f} ×")
        for way, cost in costs.items()
    ]
    body = (
        f"{FILES:,} JSON files, one run each, {SAMPLES} samples a run. msgspec alone decodes and\n"
        "keeps objects; `read_runs` checks every run against the rules of evidence and keeps\n"
        "columns. The last column leaves out what the imports cost.\n\n"
        + table(("way", "CPU", "wall", "peak memory", "CPU, × msgspec"), lines)
    )
    return Section("Run files", body)


if __name__ == "__main__":
    print(read(sys.argv[1], Path(sys.argv[2])))
