"""A stage by day: the calendar of the plan's clock, gaps included, and stored days as rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from rolloutlib.measure import daily_scan
from rolloutlib.measure.daily import Days, days_of
from rolloutlib.measure.days import load
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.plan.model import load_plan
from rolloutlib.runs import read_runs
from rolloutlib.runs.samples import from_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
SEOUL = ZoneInfo("Asia/Seoul")
ARMS = ("control", "treatment")
pytestmark = pytest.mark.slow  # tables are written, and stores are made


def rows(starts: Sequence[datetime], *, run: str = "", each: int = 4) -> pd.DataFrame:
    """Return samples of both arms at these moments; `run` names one run for all of them."""
    cells = [(arm, place, at, n) for arm in ARMS for place, at in enumerate(starts)
             for n in range(each)]  # fmt: skip
    table = pd.DataFrame(cells, columns=["arm", "place", "started_at", "n"])
    table["run_id"] = table["arm"] + "-" + (run or table["place"].astype(str))
    table["sample_id"] = [f"s{n}" for n in range(len(table))]
    table["user_id"] = "u" + table["n"].astype(str)
    table["status"] = np.where((table["n"] + table["place"]) % 3 == 0, "failed", "passed")
    table["latency_ms"], table["score"] = 1000.0 + 10 * table["place"], 5.0 + table["n"]
    return table.drop(columns=["place", "n"])


def daily(table: pd.DataFrame, folder: Path, last: date, *, stored: bool = False) -> Days:
    """Sum samples up by day, from their file or from a store of it."""
    folder.mkdir(exist_ok=True)
    table.to_parquet(folder / "rows.parquet")
    if not stored:
        return of(from_runs(read_runs(folder)), last)
    ingest(folder, folder.parent / "store", PLAN)
    manifest = load(folder.parent / "store")
    assert manifest
    return of(read_store(folder.parent / "store", manifest), last)


def of(source: object, last: date, zone: ZoneInfo = SEOUL) -> Days:
    """Sum a source up until a day."""
    until = datetime(last.year, last.month, last.day, 18, tzinfo=zone)
    return days_of(source, ARMS, PLAN, since=None, until=until, zone=zone)  # type: ignore[arg-type]


def by_day(days: Days, arm: str, metric: str = "passed") -> dict[str | None, tuple[float, float]]:
    """Return count and mean of each day that has any."""
    part = days.table.where(arm=arm)
    cells = part.by("day", metric)
    labels = part.keys["day"].labels
    return {label: (float(cells.n[k]), round(float(cells.mean[k]), 9))
            for k, label in enumerate(labels) if cells.n[k]}  # fmt: skip


def expected(table: pd.DataFrame, arm: str) -> dict[str, tuple[float, float]]:
    """Count the same with pandas: a sample is of the day, in Seoul, on which its run began."""
    of_arm = table[table["arm"] == arm]
    first = of_arm.groupby("run_id")["started_at"].transform("min")
    day = first.dt.tz_convert("Asia/Seoul").dt.date.astype(str)
    passed = (of_arm["status"] == "passed").groupby(day)
    return {key: (float(part.size), round(part.mean(), 9)) for key, part in passed}


@pytest.mark.parametrize("stored", [False, True])
def test_a_run_before_midnight_in_seoul_is_of_that_day(stored: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """23:30 is one day and 00:30 the next, although both are one date in UTC; gaps are days."""
    at = [datetime(2026, 10, 5, 23, 30, tzinfo=SEOUL), datetime(2026, 10, 6, 0, 30, tzinfo=SEOUL),
          datetime(2026, 10, 9, 9, tzinfo=SEOUL)]  # fmt: skip
    assert at[0].astimezone(UTC).date() == at[1].astimezone(UTC).date()
    table = rows(at)
    days = daily(table, tmp_path / "runs", date(2026, 10, 10), stored=stored)
    assert days.dates == tuple(date(2026, 10, 5) + timedelta(n) for n in range(6))
    for arm in ARMS:
        assert by_day(days, arm) == expected(table, arm)
    assert [days.day_of(run) for run in days.runs[::2]] == [d for d in days.dates if d.day in
                                                             {5, 6, 9}]  # fmt: skip


@pytest.mark.parametrize("stored", [False, True])
def test_a_run_of_a_week_has_the_days_of_its_samples(stored: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """One run a source, as tools write it, is no single day; a night's run is one."""
    at = [datetime(2026, 10, 5, 20, tzinfo=SEOUL) + timedelta(hours=10 * n) for n in range(9)]
    days = daily(rows(at, run="all"), tmp_path / "runs", date(2026, 10, 8), stored=stored)
    assert {day: n for day, (n, _) in by_day(days, "control").items()} == {
        "2026-10-05": 4.0, "2026-10-06": 8.0, "2026-10-07": 12.0, "2026-10-08": 8.0,
    }  # fmt: skip
    night = rows([datetime(2026, 10, 5, 20, tzinfo=SEOUL) + timedelta(hours=n) for n in range(9)],
                 run="night")  # fmt: skip
    days = daily(night, tmp_path / "night", date(2026, 10, 8))
    assert by_day(days, "control")["2026-10-05"][0] == 36


def test_stored_days_are_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric of every day, run and user; no row of the store is read."""
    runs = read_runs(ROOT / "data/examples/story/stage-2", stage=2)
    last = date(2026, 10, 24)
    rows_, sums = of(from_runs(runs), last), tmp_path / "store"
    ingest(ROOT / "data/examples/story/stage-2", sums, PLAN)
    manifest = load(sums)
    assert manifest
    nothing = of(read_store(sums, manifest, stage=2), date(2026, 7, 1))
    assert (nothing.dates, nothing.runs) == ((), ())
    monkeypatch.setattr(daily_scan, "_of_rows", pytest.fail)
    stored = of(read_store(sums, manifest, stage=2), last)
    assert (rows_.dates, rows_.unit, rows_.tags, rows_.ranked) == (
        stored.dates, stored.unit, stored.tags, stored.ranked,
    )  # fmt: skip
    assert rows_.table.metrics.keys() == stored.table.metrics.keys()
    for metric in rows_.table.metrics:
        for key in ("day", "run_id", "cluster"):
            from_rows, from_sums = (part.table.where(arm="treatment").by(key, metric)
                          for part in (rows_, stored))  # fmt: skip
            np.testing.assert_array_equal(from_rows.n, from_sums.n)
            np.testing.assert_allclose(from_rows.mean, from_sums.mean, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(from_rows.m2, from_sums.m2, rtol=1e-9, atol=1e-9)


def test_the_window_ends_with_the_day_that_is_asked_for(tmp_path: Path) -> None:
    """Older days than the plan watches are left out, and later ones; a day early begins it."""
    last = date(2026, 9, 5)
    first = last - timedelta(PLAN.monitoring.window_days - 1)
    dates = [date(2026, 8, 1), date(2026, 8, 2), first - timedelta(1), first, last,
             last + timedelta(1)]  # fmt: skip
    at = [datetime(day.year, day.month, day.day, 9, tzinfo=UTC) for day in dates]
    days = daily(rows(at, each=1), tmp_path / "runs", last)
    assert (len(days.dates), days.dates[0], days.dates[-1]) == (28, first, last)
    assert [*by_day(days, "control")] == [str(first), str(last)]
    assert {days.day_of(run) for run in days.runs} == {first, last}
    samples = from_runs(read_runs(tmp_path / "runs"))
    second = datetime(2026, 8, 2, tzinfo=SEOUL)
    since = days_of(samples, ARMS, PLAN, since=date(2026, 7, 1), until=second, zone=SEOUL)
    assert since.dates == (date(2026, 8, 1), date(2026, 8, 2))
    nothing = of(samples, date(2026, 7, 1))
    assert (nothing.dates, nothing.runs) == ((), ())
