"""The tables that benchmarks read: seeded, written once into a folder that git ignores.

Usage: python -m benchmarks.data rows 1000000 10000
       python -m benchmarks.data envelopes 10000 30
       python -m benchmarks.data days 30 10000
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
FIRST = "2024-06-03"  # long past wherever this runs: samples of the future are refused
CACHE = ROOT / ".benchmarks" / FIRST
RUNS = 6  # an arm, one a day
ROWS_A_USER_AND_DAY = 10
PASS_RATE = 0.8

# A flat table as a product's log gives it: a row a sample, by time. Users keep their arm (even and
# odd ones), differ in what passes and how long it takes, and every sample is drawn by hashing its
# row number: the same again on any machine with the same DuckDB.
SAMPLES = """
with draws as (
    select r, hash(r, 1) % {users} as u, r * {runs} // {rows} as run,
      draw(r, 2) as outcome, draw(r, 3) as radius, draw(r, 4) as angle, draw(r, 5) as wait
    from range({rows}) as t(r)
  ), people as (
    select *, if(u % 2 = 1, 'treatment', 'control') as arm, draw(u, 6) as taste from draws
  )
  select
    arm,
    arm || '-' || run as run_id,
    timestamptz '{first} 09:00:00+00' + to_hours(24 * run) as started_at,
    's' || lpad(r::varchar, 9, '0') as sample_id,
    'u' || lpad(u::varchar, 6, '0') as user_id,
    'p' || lpad((hash(r, 7) % 500)::varchar, 4, '0') as prompt_id,
    pick('search', 'chat', 'summary', 'rest', r, 8) as category,
    pick('easy', 'medium', 'medium', 'hard', r, 9) as difficulty,
    case when outcome < .004 then 'timeout' when outcome < .008 then 'error'
      when outcome < .02 then 'vetoed' when outcome < .12 + .1 * taste then 'failed'
      else 'passed' end as status,
    if(outcome < .008, null, round(greatest(0, least(10,
      7 + taste + sqrt(-2 * ln(radius)) * cos(2 * pi() * angle))), 2)) as score,
    if(outcome < .004, null, round(300 + 150 * taste - 420 * ln(wait), 1)) as latency_ms,
    case when outcome >= .02 and outcome < .12 + .1 * taste
      then [pick('hallucination', 'unclear', 'too_long', 'style', r, 10)]
      when radius < .03 then ['style', 'unclear'] else [] end as issues,
    (hash(r, 11) % 4 // 2)::integer as style_violations
  from people"""
ISO = "strftime(started_at, '%Y-%m-%dT%H:%M:%SZ')"
MACROS = """
create macro draw(r, stream) as (hash(r, stream) % 1000003 + 0.5) / 1000003;
create macro pick(a, b, c, d, r, stream) as
  case hash(r, stream) % 4 when 0 then a when 1 then b when 2 then c else d end"""


def ready(kind: str, *numbers: int) -> Path:
    """Return data that a process of its own makes where they are missing: this one stays small."""
    command = [sys.executable, "-m", "benchmarks.data", kind, *map(str, numbers)]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(made.stdout.strip())


def rows(count: int, users: int) -> Path:
    """Return a Parquet file of so many samples of at most so many users: 6 runs an arm."""
    return _once(f"rows-{count}-{users}.parquet", lambda path: _table(path, count, users, RUNS))


def days(count: int, users: int) -> Path:
    """Return a Parquet file of so many days, one run an arm and day, each user 10 samples a day."""
    total = count * users * ROWS_A_USER_AND_DAY
    return _once(f"days-{count}-{users}.parquet", lambda path: _table(path, total, users, count))


def csv(count: int, users: int) -> Path:
    """Return the same samples as CSV, tags in one text."""
    tags, time = "array_to_string(issues, ';') as issues", f"{ISO} as started_at"
    texts = f"select * replace ({tags}, {time}) from '{rows(count, users)}'"
    return _once(f"rows-{count}-{users}.csv", lambda path: _copy(texts, path, "csv"))


def jsonl(count: int, users: int) -> Path:
    """Return the same samples as JSON Lines."""
    texts = f"select * replace ({ISO} as started_at) from '{rows(count, users)}'"
    return _once(f"rows-{count}-{users}.jsonl", lambda path: _copy(texts, path, "json"))


def damaged(count: int, users: int) -> Path:
    """Return the same samples as Parquet, one in a thousand with a latency below zero."""
    odd = "if(hash(sample_id, 12) % 1000 = 0, -1, latency_ms)"
    query = f"select * replace ({odd} as latency_ms) from '{rows(count, users)}'"
    return _once(f"damaged-{count}-{users}.parquet", lambda path: _copy(query, path))


def last_days(last: int, count: int, users: int) -> Path:
    """Return the last so many days of the file of so many days."""
    whole = days(count, users)
    begin = f"timestamptz '{FIRST} 00:00:00+00' + to_hours(24 * {count - last})"
    query = f"from '{whole}' where started_at >= {begin} order by sample_id"
    return _once(f"last-{last}-of-{whole.name}", lambda path: _copy(query, path))


def envelopes(files: int, samples: int) -> Path:
    """Return a folder of run envelopes, one a file, with the fields that a real engine fills."""
    return _once(f"envelopes-{files}-{samples}", lambda path: _envelopes(path, files, samples))


def _once(name: str, write: Callable[[Path], None]) -> Path:
    """Write under another name and rename: what is interrupted never looks finished."""
    path, part = CACHE / name, CACHE / f".part-{name}"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        rmtree(part, ignore_errors=True)
        write(part)
        part.rename(path)
    return path


def _table(path: Path, count: int, users: int, runs: int) -> None:
    _copy(SAMPLES.format(rows=count, users=users, runs=runs, first=FIRST), path)


def _copy(query: str, path: Path, kind: str = "parquet") -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(MACROS)
    connection.execute(f"copy ({query}) to '{path}' (format {kind})")


def _envelopes(path: Path, files: int, samples: int) -> None:
    rng = Random(20)
    path.mkdir()
    for number in range(files):
        run = _envelope(rng, number, samples)
        (path / f"run-{number:06}.json").write_text(json.dumps(run), encoding="utf-8")


def _envelope(rng: Random, number: int, n: int) -> dict[str, Any]:
    samples = [_sample(rng, index) for index in range(n)]
    on = bool(number % 2)
    metrics = {
        "passRate": round(sum(sample["status"] == "passed" for sample in samples) / n, 6),
        "avgScore": round(sum(sample["score"] for sample in samples) / n, 6),
        "avgLatency": round(sum(sample["latencyMs"] for sample in samples) / n, 3),
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
    passed = rng.random() < PASS_RATE
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


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    makers = (rows, csv, jsonl, damaged, days, last_days, envelopes)
    make = {maker.__name__: maker for maker in makers}[kind]
    print(os.fspath(make(*map(int, numbers))))
