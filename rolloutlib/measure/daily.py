"""The days of a stage: moments by arm, day, run and cluster, from rows or from stored days.

A day is a calendar day of the plan's clock, and a run belongs to the day of its start, so that a
night's run is one day's. A run that goes on for a day or longer is no day's: its samples belong to
the days of their own starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from rolloutlib.measure.daily_scan import AT, Window, day_of, found_in, infos_of, is_long, local
from rolloutlib.measure.moments import Key
from rolloutlib.measure.shares import Shares, shares_of
from rolloutlib.measure.stored import Stored
from rolloutlib.runs.samples import by_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import Plan
    from rolloutlib.runs import RunInfo
    from rolloutlib.runs.samples import Samples

__all__ = ["Days", "days_of", "of_dates"]


@dataclass(frozen=True, slots=True)
class Days:
    """What each day of a stage measured, in both arms.

    Attributes:
        dates: every calendar day of the window, gaps included, oldest first; empty without data.
        zone: of the clock that days are of.
        unit: what a cluster is.
        named: the smaller arm's share of samples that name their unit, 0–1; 1 of samples.
        table: moments with the keys `arm`, `day` (ISO date, as in `dates`), `run_id` and
            `cluster`; metrics as a review's (`measure/scan.py`), `latency_ms` capped.
        tags: issue tags in the moments; the first `ranked` are the control's top ones.
        runs: the runs behind the table, by their start.
        shares: mixes, vetoes and suggested tags of both arms' runs, those of other days included
            (`of_dates` picks them).
        undated: samples of runs that do not tell their start; they are of no day.
    """

    dates: tuple[date, ...]
    zone: ZoneInfo
    unit: Unit
    named: float
    table: MomentTable
    tags: tuple[str, ...]
    ranked: int
    runs: tuple[RunInfo, ...]
    shares: Shares
    undated: int = 0

    def day_of(self, run: RunInfo) -> date | None:
        """Return the day that a run started on; None where it does not tell."""
        return day_of(run, self.zone)

    def places(self, table: MomentTable) -> NDArray[np.int64]:
        """Return the place in the window of each group's day; the table has the key `day`."""
        dates = {date.isoformat(): place for place, date in enumerate(self.dates)}
        return table.keys["day"].placed(dates)


def days_of(
    source: Samples | Stored, arms: tuple[str, str], plan: Plan, *,
    since: date | None, until: datetime, zone: ZoneInfo,
    counting: Callable[..., Shares] | None = None,
) -> Days:  # fmt: skip
    """Sum a stage up by day.

    What it costs is what the days of the window have, whatever lies before them.

    Args:
        source: samples, or what a store has of the stage.
        arms: names of the control and the treatment; other arms are left out.
        plan: whose timeout cap and latency limits count, and how many days are watched.
        since: the first day; None: the plan's `window_days` until the last.
        until: the moment that is looked at; its day is the last, with data or without.
        zone: of the clock that days are of.
        counting: what counts the shares, where they are counted anyway (`Source.sharing`).

    Raises:
        RunsError: a metric holds NaN or an infinite value, or a store is damaged.
        PlanError: a run has a guardian profile that the plan does not have.
    """
    sampled_runs = [run for run in infos_of(source) if run.arm in arms and run.n]
    last = local(until, zone)
    first = since or last - timedelta(plan.monitoring.window_days - 1)
    window = Window(min(first, last), last, zone)
    runs = [run for run in sampled_runs if window.has(run)]
    scanned = found_in(source, arms, plan, runs, window)
    table = _by_day(scanned.table, runs, window)
    sampled_days = sorted(label for label in table.keys["day"].labels if label)
    window = replace(window, first=date.fromisoformat(sampled_days[0])) if sampled_days else window
    shares = (counting or partial(_counted, source))(arms, unit=scanned.unit)
    return Days(
        dates=window.dates if sampled_days else (), zone=zone,
        unit=scanned.unit, named=scanned.named,
        table=table, tags=scanned.tags, ranked=scanned.ranked, runs=by_time(runs),
        shares=shares, undated=sum(run.n for run in sampled_runs if run.started_at is None),
    )  # fmt: skip


def _counted(source: Samples | Stored, arms: tuple[str, str], *, unit: Unit) -> Shares:
    if isinstance(source, Stored):
        return source.shares(arms, unit=unit)
    return shares_of(source, arms, unit=unit)


def of_dates(days: Days, table: MomentTable, dates: Collection[date]) -> MomentTable:
    """Return the groups of runs that started on these dates.

    Args:
        days: whose runs they are.
        table: with the keys `arm` and `run_id`.
        dates: of the window; a run that goes on for days is only in all of them together.
    """
    arm, run = table.keys["arm"], table.keys["run_id"]
    chosen = {
        (info.arm, info.run_id) for info in days.runs
        if (len(dates) == len(days.dates) if is_long(info) else days.day_of(info) in dates)
    }  # fmt: skip
    is_chosen = np.array(
        [[(name, run_id) in chosen for run_id in run.labels] for name in arm.labels], bool
    )
    taken = is_chosen[arm.codes, run.codes] if is_chosen.size else np.zeros(0, dtype=bool)
    return table.take(taken)


# --- by day ---------------------------------------------------------------------------------------


def _by_day(table: MomentTable, runs: Sequence[RunInfo], window: Window) -> MomentTable:
    """Name each group's day, and leave out what is of none of the window."""
    arm, run = table.keys["arm"], table.keys["run_id"]
    days = _days_of_runs(arm, run, runs, window)[arm.codes, run.codes]
    if at := table.keys.get(AT):
        own = np.array([-1 if label is None else int(label) for label in at.labels], np.int64)
        days = np.where(days == _OWN, own[at.codes] if len(own) else -1, days)
    dates = window.dates
    in_window = (days >= 0) & (days < len(dates))
    used, codes = np.unique(days[in_window], return_inverse=True)
    labels = tuple(dates[int(place)].isoformat() for place in used)
    keys: Mapping[str, Key] = {
        name: key for name, key in table.take(in_window).keys.items() if name != AT
    }
    return replace(table.take(in_window), keys={**keys, "day": Key(codes.astype(np.int64), labels)})


_OWN: Final = -2  # the days of a run's samples are their own


def _days_of_runs(arm: Key, run: Key, runs: Sequence[RunInfo], window: Window) -> NDArray[np.int64]:
    """Return each run's place in the window by the codes of its arm and its id, -1 outside."""
    places = np.full((len(arm.labels) + 1, len(run.labels) + 1), -1, dtype=np.int64)
    codes = [{label: code for code, label in enumerate(key.labels)} for key in (arm, run)]
    for info in runs:
        day = day_of(info, window.zone)
        if day is not None and info.arm in codes[0] and info.run_id in codes[1]:
            place = _OWN if is_long(info) else (day - window.first).days
            places[codes[0][info.arm], codes[1][info.run_id]] = place
    return places
