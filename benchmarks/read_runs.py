"""Reading run files: rolloutlib against msgspec alone, on the same freshly written files.

Usage: python -m benchmarks.read_runs [--files 10000] [--samples 30] [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from random import Random
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

import msgspec

from rolloutlib.runs import read_runs
from rolloutlib.runs.envelopes import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

_PASS_RATE = 0.8


def write_runs(folder: Path, files: int, samples: int) -> None:
    """Write run envelopes, one a file, with the fields that a real engine fills."""
    rng = Random(20)
    for number in range(files):
        run = _envelope(rng, number, samples)
        (folder / f"run-{number:06}.json").write_text(json.dumps(run), encoding="utf-8")


def _envelope(rng: Random, number: int, n: int) -> dict[str, Any]:
    samples = [_sample(rng, index) for index in range(n)]
    on = bool(number % 2)
    metrics = {
        "passRate": round(sum(one["status"] == "passed" for one in samples) / n, 6),
        "avgScore": round(sum(one["score"] for one in samples) / n, 6),
        "avgLatency": round(sum(one["latencyMs"] for one in samples) / n, 3),
        "vetoedPct": 0.0,
    }
    return {
        "runId": f"run-{number:06}",
        "startedAt": f"2026-01-{1 + number % 28:02}T10:00:{number % 60:02}+09:00",
        "stage": 1,
        "arm": "treatment" if on else "control",
        "flags": {"feature.searchLite": on, "feature.mode": "exploit"},
        "session": {"guardianProfileId": "default", "seed": number},
        "datasetMeta": {
            "version": "1",
            "createdAt": "2026-01-01T10:00:00+09:00",
            "featureFlags": {"searchLite": on},
        },
        "result": {"metrics": metrics, "issuesTop3": ["hallucination"], "samples": samples},
    }


def _sample(rng: Random, index: int) -> dict[str, Any]:
    passed = rng.random() < _PASS_RATE
    return {
        "id": f"s{index:04}",
        "status": "passed" if passed else "failed",
        "score": round(rng.uniform(5, 9), 2),
        "latencyMs": round(rng.uniform(1000, 3000), 1),
        "issues": [] if passed else ["hallucination"],
        "promptId": f"p{index:04}",
        "userId": f"u{rng.randrange(100):03}",
        "category": "qa",
        "difficulty": "easy",
    }


class _Sample(msgspec.Struct, rename="camel"):
    id: str
    status: str
    score: float | None = None
    latency_ms: float | None = None
    issues: list[str] | None = None
    prompt_id: str | None = None
    user_id: str | None = None
    category: str | None = None
    difficulty: str | None = None


class _Result(msgspec.Struct):
    metrics: dict[str, float]
    samples: list[_Sample]


class _Run(msgspec.Struct, rename="camel"):
    """What somebody would write who only wants the data: the fields of these files, no rules."""

    run_id: str
    started_at: str
    stage: int
    arm: str
    flags: dict[str, bool | str]
    session: dict[str, str | int]
    dataset_meta: dict[str, Any]
    result: _Result


def _kept(paths: list[Path], kind: type[msgspec.Struct]) -> object:
    decoder = msgspec.json.Decoder(kind)
    return [decoder.decode(path.read_bytes()) for path in paths]


def _dropped(paths: list[Path], kind: type[msgspec.Struct]) -> object:
    decoder = msgspec.json.Decoder(kind)
    for path in paths:
        decoder.decode(path.read_bytes())
    return None


def main(argv: list[str] | None = None) -> None:
    """Print the median processor time of each way to read, and its ratio to msgspec's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_runs(folder, args.files, args.samples)
        paths = sorted(folder.iterdir())
        ways: dict[str, Callable[[], object]] = {
            "msgspec alone": lambda: _kept(paths, _Run),
            "msgspec alone, gc=False structs": lambda: _kept(paths, Envelope),
            "msgspec alone, nothing kept": lambda: _dropped(paths, Envelope),
            "rolloutlib.read_runs": lambda: read_runs(folder),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(args.repeats):  # in turn, so that a busy machine slows all of them
            for way, read in ways.items():
                start = process_time()
                read()
                seconds[way].append(process_time() - start)
    floor = median(seconds["msgspec alone"])
    print(
        f"{args.files:,} files × {args.samples} samples, processor time, median of {args.repeats}"
    )
    for way, times in seconds.items():
        print(f"{way:<34} {median(times):6.2f} s   {median(times) / floor:5.2f} ×")


if __name__ == "__main__":
    main()
