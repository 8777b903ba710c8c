"""Every benchmark in turn: `make bench`."""

from __future__ import annotations

from benchmarks import read_runs, review, scan

for benchmark in (review, read_runs, scan):
    print(f"\n== {benchmark.__name__.removeprefix('benchmarks.')}")
    benchmark.main([])
