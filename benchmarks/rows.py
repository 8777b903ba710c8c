"""Rows → review: what rows and users add, beside SQL by hand, tea-tasting and pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks import data
from benchmarks.harness import Cost, Goal, Section, cells, measure, python, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.harness import Size

SMALL, MILLION, TEN_MILLION = 1_700, 1_000_000, 10_000_000
USERS = 10_000
OTHER_USERS = (1_000, 100_000)
NAMES = {
    "review": "rolloutlib: review of stage 3",
    "sql": "DuckDB SQL by hand: the same sums",
    "sums": "… only moments by arm, run and user",
    "floor": "… only one scan of the columns",
    "tea_tasting": "tea-tasting on Polars",
    "pandas": "pandas + scipy",
}
PANDAS_MOST = TEN_MILLION  # it holds the table in memory: a hundred million rows need a server
TEXT = """\
A flat Parquet file with text, lists and timestamps, 6 runs an arm (`benchmarks/data.py`). The
review is `review_stage` in a process of its own: it checks every cell, sets bad rows apart, counts,
estimates and judges; it draws nothing. What stands beside it checks nothing: SQL by hand
(`benchmarks/by_hand.sql`: moments, tags, segments, histograms, runs, people), tea-tasting on users'
sums by Polars, and an analyst's pandas and scipy (`benchmarks/ways.py`). All tell how many rows and
passed samples they read, which must be equal. "Added" is the CPU beyond that for the file of 1,700
rows: what a process pays for its imports is not in it."""


class Case(NamedTuple):
    """A file of so many samples of so many users."""

    rows: int
    users: int


def measured(size: Size) -> tuple[Section, dict[Case, dict[str, Cost]]]:
    """Measure every way on every file."""
    counts = [SMALL, 100_000, MILLION]
    counts += [] if size.quick else [TEN_MILLION]
    counts += [100_000_000] if size.big else []
    cases = [Case(count, USERS) for count in counts]
    cases += [Case(MILLION, users) for users in OTHER_USERS]
    costs = {case: _ways(case, size.repeats) for case in cases}
    lines = [
        (
            f"{NAMES[way]}",
            f"{case.rows:,}",
            f"{case.users:,}",
            *cells(cost),
            _added(costs, case, way),
        )
        for case, ways in costs.items()
        for way, cost in ways.items()
    ]
    head = ("way", "rows", "users", "CPU", "wall", "peak memory", "CPU added, × SQL by hand")
    moments = added(costs, Case(MILLION, USERS), "review") / added(
        costs, Case(MILLION, USERS), "sums"
    )
    floor = (
        "Against SQL by hand that only sums moments (no tags, segments, histograms or ids), 1 M\n"
        f"rows of {USERS:,} users add {moments:.1f} × to a review."
    )
    body = "\n\n".join([TEXT, table(head, lines), floor, _slope(costs)])
    return Section("Rows → review", body, tuple(_goals(costs))), costs


def _ways(case: Case, repeats: int) -> dict[str, Cost]:
    path = data.ready("rows", *case)
    names = [way for way in NAMES if way != "pandas" or case.rows <= PANDAS_MOST]
    costs = {
        way: measure(python("-m", "benchmarks.ways", way, path), repeats=repeats) for way in names
    }
    counts = {way: cost.printed for way, cost in costs.items()}
    if len(set(counts.values())) > 1:
        raise SystemExit(f"{path}: the ways read different samples: {counts}")
    return costs


def added(costs: dict[Case, dict[str, Cost]], case: Case, way: str) -> float:
    """Return the CPU that a file's rows add to a way, in seconds."""
    return costs[case][way].cpu - costs[Case(SMALL, USERS)][way].cpu


def _ratio(costs: dict[Case, dict[str, Cost]], case: Case, way: str) -> float:
    return added(costs, case, way) / max(added(costs, case, "sql"), 0.01)


def _added(costs: dict[Case, dict[str, Cost]], case: Case, way: str) -> str:
    if case.rows == SMALL:
        return "–"
    return f"{added(costs, case, way):.2f} s, {_ratio(costs, case, way):.1f} ×"


def _goals(costs: dict[Case, dict[str, Cost]]) -> Iterable[Goal]:
    rows = "CPU that 1 M rows add to a review, against SQL by hand"
    yield Goal(f"{rows}: 10 k users", _ratio(costs, Case(MILLION, USERS), "review"), 3)
    yield Goal(f"{rows}: 100 k users", _ratio(costs, Case(MILLION, OTHER_USERS[-1]), "review"), 5)
    if (most := Case(TEN_MILLION, USERS)) in costs:
        yield Goal("peak memory at 10 M rows", costs[most]["review"].peak / 1000, 1.2, "GB")


def _slope(costs: dict[Case, dict[str, Cost]]) -> str:
    counts = sorted(case.rows for case in costs if case.users == USERS)
    less, more = (Case(count, USERS) for count in counts[-2:])
    apart = (more.rows - less.rows) / MILLION
    slopes = {
        way: (costs[more][way].cpu - costs[less][way].cpu) / apart
        for way in NAMES
        if way in costs[more]
    }
    head = (f"slope from {less.rows:,} to {more.rows:,} rows", "CPU a million", "CPU a billion")
    lines = [
        (NAMES[way], f"{slope:.2f} s", f"{slope * 1000 / 60:,.0f} min")
        for way, slope in slopes.items()
    ]
    return table(head, lines)
