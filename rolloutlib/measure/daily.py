"""The days of a stage: moments by arm, day, run and cluster, from rows or from stored days.

A day is a calendar day of the plan's clock, and a run belongs to the day of its start, so that a
night's run is one day's. A run that goes on for a day or longer is no day's: its samples belong to
the days of their own starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from rolloutlib.measure.days import SUMS, capped, name_of
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.moments import Key, collect, metric_expressions, scan, tag_counts
from rolloutlib.measure.profiles import slow_limit, strictest
from rolloutlib.measure.scan import CLUSTERS, NO_TAGS, Count, choose_unit, listed_tags
from rolloutlib.measure.stored import Stored, fits
from rolloutlib.measure.subject import spelled_as_there
from rolloutlib.measure.summed import Sums, counts_of
from rolloutlib.plan.metrics import METRICS
from rolloutlib.runs.samples import Samples, by_time, from_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from rolloutlib.measure.days import StoredRun
    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import Plan
    from rolloutlib.runs import RunInfo

__all__ = ["Days", "days_of"]

WHOLE_DAY: Final = timedelta(days=1)  # what goes on as long belongs to several days
_AT = "at"  # the grouping key of samples that have days of their own


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
    undated: int = 0

    def day_of(self, run: RunInfo) -> date | None:
        """Return the day that a run started on; None where it does not tell."""
        return _day(run, self.zone)


@dataclass(frozen=True, slots=True)
class _Window:
    """The days that are asked for."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def dates(self) -> tuple[date, ...]:
        return tuple(self.first + timedelta(n) for n in range((self.last - self.first).days + 1))

    def starts(self, day: date) -> datetime:
        """Return the moment at which a day begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def has(self, run: RunInfo) -> bool:
        """Return whether samples of a run may be of these days."""
        day = _day(run, self.zone)
        if day is None or day > self.last:
            return False
        return day >= self.first or (_long(run) and _local(run.last_at, self.zone) >= self.first)


def days_of(
    source: Samples | Stored, arms: tuple[str, str], plan: Plan, *,
    since: date | None, until: datetime, zone: ZoneInfo,
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

    Raises:
        RunsError: a metric holds NaN or an infinite value, or a store is damaged.
        PlanError: a run has a guardian profile that the plan does not have.
    """
    mine = [run for run in _infos(source) if run.arm in arms and run.n]
    last = _local(until, zone)
    first = since or last - timedelta(plan.monitoring.window_days - 1)
    window = _Window(min(first, last), last, zone)
    runs = [run for run in mine if window.has(run)]
    values = _Values.of(plan, runs)
    asked = _asked(plan)
    if isinstance(source, Stored):
        found = _of_store(source, arms, runs, values, window, asked)
    else:
        found = _of_rows(source, arms, runs, values, window, asked)
    table = _by_day(found.table, runs, window)
    there = sorted(label for label in table.keys["day"].labels if label)
    window = replace(window, first=date.fromisoformat(there[0])) if there else window
    return Days(
        dates=window.dates if there else (), zone=zone, unit=found.unit, named=found.named,
        table=table, tags=found.tags, ranked=found.ranked, runs=by_time(runs),
        undated=sum(run.n for run in mine if run.started_at is None),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Values:
    """The plan's values that latencies count by."""

    timeout_cap_ms: float
    slow_above_ms: float
    latency_cap_ms: float

    @classmethod
    def of(cls, plan: Plan, runs: Sequence[RunInfo]) -> _Values:
        named = {run.profile or "default" for run in runs} or {"default"}
        _, limits = strictest(plan, {"": named})
        cap = plan.evidence.timeout_cap_ms
        return cls(cap, slow_limit(plan, limits), latency_cap(plan, limits))


@dataclass(frozen=True, slots=True)
class _Found:
    """Moments by arm, run and cluster, and by day where samples have days of their own."""

    table: MomentTable
    unit: Unit
    named: float
    tags: tuple[str, ...]
    ranked: int


def _infos(source: Samples | Stored) -> Sequence[RunInfo]:
    return [run.info for run in source.kept] if isinstance(source, Stored) else source.runs


def _local(moment: datetime | None, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date() if moment else date.min


def _day(run: RunInfo, zone: ZoneInfo) -> date | None:
    return _local(run.started_at, zone) if run.started_at else None


def _long(run: RunInfo) -> bool:
    """Return whether a run goes on for so long that its samples have days of their own."""
    told = run.started_at and run.last_at
    return bool(told) and run.last_at - run.started_at >= WHOLE_DAY  # type: ignore[operator]


def _asked(plan: Plan) -> tuple[str, ...]:
    """Return the issues that the plan names, which are measured however rare they are."""
    lights = (name.partition(":") for name in plan.monitoring.traffic_lights)
    gates = (gate.issue for gate in plan.gates.values())
    return (*(tag for _, of_issue, tag in lights if of_issue), *(tag for tag in gates if tag))


def _there(asked: Sequence[str], tagged: Mapping[tuple[str, str], int]) -> list[str]:
    there = {tag for _, tag in tagged}
    return [spelled_as_there(tag, there) for tag in asked]


# --- from rows ------------------------------------------------------------------------------------


def _of_rows(
    samples: Samples, arms: tuple[str, str], runs: Sequence[RunInfo], values: _Values,
    window: _Window, asked: Sequence[str],
) -> _Found:  # fmt: skip
    """Scan the rows of the window once; what of them is no day's is left out later."""
    frame = samples.frame().filter(nw.col("arm").is_in(arms))
    if len(runs) < len(samples.runs):
        frame = frame.filter(nw.col("run_id").is_in(sorted({run.run_id for run in runs})))
    at, long = nw.col("started_at"), any(map(_long, runs))
    if long:
        short = sorted({run.run_id for run in runs if not _long(run)})
        start, end = (window.starts(day) for day in (window.first, window.last + WHOLE_DAY))
        own = (at >= nw.lit(start)) & (at < nw.lit(end))
        frame = frame.filter(own | nw.col("run_id").is_in(short))
    counts, tagged = _counts(frame, arms), tag_counts(frame)
    unit, named = choose_unit(counts)
    tags, ranked = listed_tags(tagged, counts, arms, also=_there(asked, tagged))
    metrics = metric_expressions(
        timeout_cap_ms=values.timeout_cap_ms, slow_above_ms=values.slow_above_ms,
        latency_cap_ms=values.latency_cap_ms, tags=tags or NO_TAGS,
    )  # fmt: skip
    by = {"arm": "arm", "run_id": "run_id", "cluster": CLUSTERS[unit]}
    if long:
        places = sum((at >= nw.lit(window.starts(day))).cast(nw.Int64) for day in window.dates)
        frame, by = frame.with_columns((places - 1).alias(_AT)), by | {_AT: _AT}  # type: ignore[operator]
    return _Found(scan(frame, metrics, by=by), unit, named, tags, ranked)


def _counts(frame: nw.LazyFrame[Any], arms: tuple[str, str]) -> dict[str, Count]:
    """Count the samples of each arm, and those that carry an id."""
    names = ("user_id", "prompt_id", "cluster", "issues")
    counted = (nw.col(name).count().alias(f"n_{name}") for name in names)
    grouped = frame.group_by("arm").agg(nw.len().alias("n"), *counted)
    rows = {row["arm"]: row for row in collect(grouped).to_pylist()}
    nothing = dict.fromkeys(("n", *(f"n_{name}" for name in names)), 0)
    told = {arm: rows.get(arm, nothing) for arm in arms}
    return {
        arm: Count(
            row["n"], row["n_user_id"], 0, row["n_prompt_id"], 0,
            labelled=row["n_issues"], with_cluster=row["n_cluster"],
        )
        for arm, row in told.items()
    }  # fmt: skip


# --- from stored days -----------------------------------------------------------------------------


def _of_store(
    stored: Stored, arms: tuple[str, str], runs: Sequence[RunInfo], values: _Values,
    window: _Window, asked: Sequence[str],
) -> _Found:  # fmt: skip
    """Add the stored days' sums up; rows are read where sums were made with other values."""
    names = set(map(name_of, runs))
    kept = [run for run in stored.kept if name_of(run.info) in names]
    places = tuple(
        place for place in stored.places
        if any(name_of(run.info) in names for run in place.day.runs)
    )  # fmt: skip
    counts = counts_of(kept, arms)
    unit, named = choose_unit(counts)
    made = (values.timeout_cap_ms, values.slow_above_ms, values.latency_cap_ms)
    usable = all(fits(place.day, kept, unit, made) for place in places)
    if stored.cut or not usable or any(map(_long, runs)):
        for place in places:
            place.check_rows()
        return _of_rows(from_runs(stored.runs), arms, runs, values, window, asked)
    tagged = _tagged(kept)
    tags, ranked = listed_tags(tagged, counts, arms, also=_there(asked, tagged))
    columns = {name: name for name in METRICS if name not in {"issue", "slow", "latency_ms"}}
    columns |= {f"issue:{tag}": f"issue:{tag}" for tag in tags or NO_TAGS}
    columns["slow"] = f"slow:{values.slow_above_ms:g}"
    columns["latency_ms"] = capped(values.latency_cap_ms)
    table = Sums(places, kept, arms, unit).moments(f"moments{SUMS}", columns)
    return _Found(table, unit, named, tags, ranked)


def _tagged(kept: Sequence[StoredRun]) -> dict[tuple[str, str], int]:
    tagged: dict[tuple[str, str], int] = {}
    for run in kept:
        for tag, n in run.tags.items():
            tagged[run.info.arm, tag] = tagged.get((run.info.arm, tag), 0) + n
    return tagged


# --- by day ---------------------------------------------------------------------------------------


def _by_day(table: MomentTable, runs: Sequence[RunInfo], window: _Window) -> MomentTable:
    """Name each group's day, and leave out what is of none of the window."""
    arm, run = table.keys["arm"], table.keys["run_id"]
    days = _days_of_runs(arm, run, runs, window)[arm.codes, run.codes]
    if at := table.keys.get(_AT):
        own = np.array([-1 if label is None else int(label) for label in at.labels], np.int64)
        days = np.where(days == _OWN, own[at.codes] if len(own) else -1, days)
    dates = window.dates
    there = (days >= 0) & (days < len(dates))
    used, codes = np.unique(days[there], return_inverse=True)
    labels = tuple(dates[int(place)].isoformat() for place in used)
    keys: Mapping[str, Key] = {
        name: key for name, key in table.take(there).keys.items() if name != _AT
    }
    return replace(table.take(there), keys={**keys, "day": Key(codes.astype(np.int64), labels)})


_OWN: Final = -2  # the days of a run's samples are their own


def _days_of_runs(
    arm: Key, run: Key, runs: Sequence[RunInfo], window: _Window
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return each run's place in the window by the codes of its arm and its id, -1 outside."""
    places = np.full((len(arm.labels) + 1, len(run.labels) + 1), -1, dtype=np.int64)
    codes = [{label: code for code, label in enumerate(key.labels)} for key in (arm, run)]
    for info in runs:
        day = _day(info, window.zone)
        if day is not None and info.arm in codes[0] and info.run_id in codes[1]:
            place = _OWN if _long(info) else (day - window.first).days
            places[codes[0][info.arm], codes[1][info.run_id]] = place
    return places
