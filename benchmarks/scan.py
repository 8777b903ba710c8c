"""The one scan: rolloutlib's Narwhals expression against hand-written DuckDB SQL, and the floor of reading the columns.

Usage: python -m benchmarks.scan [--rows 2000000] [--users 10000] [--repeats 3]
"""

from __future__ import annotations

import argparse
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import duckdb
import narwhals as nw

from rolloutlib.measure.moments import metric_expressions, scan

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

TABLE = """
create table samples as select
  if(r % 2 = 0, 'control', 'treatment') as arm, 'run-' || (r % 6) as run_id, 'u' || (hash(r) % {users}) as user_id,
  if(hash(r + 1) % 10 = 0, 'failed', 'passed') as status, hash(r + 1) % 10 <> 0 as passed, false as vetoed,
  false as error, false as edited, 5 + (hash(r + 2) % 500) / 100 as score, 500.0 + hash(r + 3) % 2500 as latency_ms,
  [if(hash(r + 4) % 12 = 0, 'hallucination', 'unclear')] as issues, (hash(r + 5) % 3)::integer as style_violations,
  (hash(r + 6) % 100)::double as covariate
from range({rows}) as t(r)"""
MEAN = "count({0}) as n_{1}, avg({0}) as mean_{1}, var_pop({0}) as var_{1}"
BY_HAND = "select arm, run_id, user_id, count(*), {columns} from samples group by all"
FLOOR = "select {columns} from samples"


def main(argv: list[str] | None = None) -> None:
    """Print the processor time of each way, and its ratio to hand-written SQL."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    connection = duckdb.connect()
    connection.execute(TABLE.format(rows=args.rows, users=args.users))
    metrics = metric_expressions(
        timeout_cap_ms=30_000, slow_above_ms=2200, tags=["hallucination", "unclear"]
    )
    by = {"arm": "arm", "run_id": "run_id", "cluster": "user_id"}
    ways: dict[str, Callable[[], object]] = {
        "floor: read the columns": lambda: connection.sql(_floor()).fetchall(),
        "DuckDB SQL by hand": lambda: connection.sql(_by_hand()).fetchall(),
        "rolloutlib.measure.moments.scan": lambda: scan(
            nw.from_native(connection.table("samples")), metrics, by=by
        ),
    }
    seconds = {way: median(_time(run) for _ in range(args.repeats)) for way, run in ways.items()}
    print(f"{args.rows:,} rows, {args.users:,} users, processor time, median of {args.repeats}")
    for way, time in seconds.items():
        print(f"{way:<30} {time:6.2f} s   {time / seconds['DuckDB SQL by hand']:5.2f} ×")


def _time(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return process_time() - start


def _expressions() -> list[str]:
    plain = ["passed", "vetoed", "error", "edited", "score", "style_violations", "covariate"]
    capped = "if(status = 'timeout' and latency_ms is null, 30000, latency_ms)"
    issues = [f"list_contains(issues, '{tag}')" for tag in ("hallucination", "unclear")]
    return [f"({text})::double" for text in (*plain, *issues, capped, f"{capped} > 2200")]


def _by_hand() -> str:
    return BY_HAND.format(
        columns=", ".join(MEAN.format(text, i) for i, text in enumerate(_expressions()))
    )


def _floor() -> str:
    sums = ["max(arm)", "max(run_id)", "max(user_id)", *(f"sum({text})" for text in _expressions())]
    return FLOOR.format(columns=", ".join(sums))


if __name__ == "__main__":
    main()
