"""Every benchmark in turn: `make bench`."""

from __future__ import annotations

from benchmarks import ledger, read_runs, review, scan

for benchmark in (review, read_runs, scan, ledger):
    print(f"\n== {benchmark.__name__.removeprefix('benchmarks.')}")
    benchmark.main([])
