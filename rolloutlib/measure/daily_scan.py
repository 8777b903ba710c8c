"""What the days of a window have, by arm, run and cluster: from rows, or from stored days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import narwhals as nw

from rolloutlib.measure.counts import CLUSTERS, choose_unit, count_samples
from rolloutlib.measure.days import name_of
from rolloutlib.measure.expressions import metric_expressions
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.moments import scan
from rolloutlib.measure.profiles import slow_limit, strictest
from rolloutlib.measure.stored import Stored, fits
from rolloutlib.measure.subject import spelled_as_there
from rolloutlib.measure.summed import Sums, counts_of
from rolloutlib.measure.tags import NO_TAGS, listed_tags, tag_counts
from rolloutlib.runs.samples import Samples, from_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import Plan
    from rolloutlib.runs import RunInfo

__all__ = ["AT", "Found", "Window", "day_of", "found_in", "infos_of", "is_long", "local"]

WHOLE_DAY: Final = timedelta(days=1)  # what goes on as long belongs to several days
AT: Final = "at"  # the grouping key of samples that have days of their own


@dataclass(frozen=True, slots=True)
class Window:
    """The days that are asked for."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def dates(self) -> tuple[date, ...]:
        """Every calendar day, oldest first."""
        return tuple(self.first + timedelta(n) for n in range((self.last - self.first).days + 1))

    def starts(self, day: date) -> datetime:
        """Return the moment at which a day begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def has(self, run: RunInfo) -> bool:
        """Return whether samples of a run may be of these days."""
        day = day_of(run, self.zone)
        if day is None or day > self.last:
            return False
        return day >= self.first or (is_long(run) and local(run.last_at, self.zone) >= self.first)


@dataclass(frozen=True, slots=True)
class _Values:
    """The plan's values that latencies count by."""

    timeout_cap_ms: float
    slow_above_ms: float
    latency_cap_ms: float

    @classmethod
    def of(cls, plan: Plan, runs: Sequence[RunInfo]) -> _Values:
        named = {run.profile or "default" for run in runs} or {"default"}
        _, limits = strictest(plan, named)
        cap = plan.evidence.timeout_cap_ms
        return cls(cap, slow_limit(plan, limits), latency_cap(plan, limits))


@dataclass(frozen=True, slots=True)
class Found:
    """Moments by arm, run and cluster, and by day where samples have days of their own."""

    table: MomentTable
    unit: Unit
    named: float
    tags: tuple[str, ...]
    ranked: int


def infos_of(source: Samples | Stored) -> Sequence[RunInfo]:
    """Return the runs of a source."""
    return [run.info for run in source.kept] if isinstance(source, Stored) else source.runs


def local(moment: datetime | None, zone: ZoneInfo) -> date:
    """Return the date of a moment by a zone's calendar; the first there is without one."""
    return moment.astimezone(zone).date() if moment else date.min


def day_of(run: RunInfo, zone: ZoneInfo) -> date | None:
    """Return the day that a run started on; None where it does not tell."""
    return local(run.started_at, zone) if run.started_at else None


def is_long(run: RunInfo) -> bool:
    """Return whether a run goes on for so long that its samples have days of their own."""
    timed = run.started_at and run.last_at
    return bool(timed) and run.last_at - run.started_at >= WHOLE_DAY  # type: ignore[operator]


def _asked(plan: Plan) -> tuple[str, ...]:
    """Return the issues that the plan names, which are measured however rare they are."""
    lights = (name.partition(":")[2] for name in plan.monitoring.traffic_lights)
    gates = (gate.issue for gate in plan.gates.values())
    named = (*lights, *gates, *(signal.issue for _, signal in plan.signals()))
    return tuple(tag for tag in named if tag)


def _spelled(tags: Sequence[str], tagged: Mapping[tuple[str, str], int]) -> list[str]:
    spellings = {tag for _, tag in tagged}
    return [spelled_as_there(tag, spellings) for tag in tags]


def found_in(
    source: Samples | Stored, arms: tuple[str, str], plan: Plan, runs: Sequence[RunInfo],
    window: Window,
) -> Found:  # fmt: skip
    """Sum the runs of a window up, from the source's rows or sums."""
    values, tags = _Values.of(plan, runs), _asked(plan)
    if isinstance(source, Stored):
        return _of_store(source, arms, runs, values, window, tags)
    return _of_rows(source, arms, runs, values, window, tags)


# --- from rows ------------------------------------------------------------------------------------


def _of_rows(
    samples: Samples, arms: tuple[str, str], runs: Sequence[RunInfo], values: _Values,
    window: Window, asked_tags: Sequence[str],
) -> Found:  # fmt: skip
    """Scan the rows of the window once; what of them is no day's is left out later."""
    frame = samples.frame().filter(nw.col("arm").is_in(arms))
    if len(runs) < len(samples.runs):
        frame = frame.filter(nw.col("run_id").is_in(sorted({run.run_id for run in runs})))
    at, long = nw.col("started_at"), any(map(is_long, runs))
    if long:
        short = sorted({run.run_id for run in runs if not is_long(run)})
        start, end = (window.starts(day) for day in (window.first, window.last + WHOLE_DAY))
        own = (at >= nw.lit(start)) & (at < nw.lit(end))
        frame = frame.filter(own | nw.col("run_id").is_in(short))
    counts, tagged = count_samples(frame, arms), tag_counts(frame)
    unit, named = choose_unit(counts)
    tags, ranked = listed_tags(tagged, counts, arms, also=_spelled(asked_tags, tagged))
    metrics = metric_expressions(
        timeout_cap_ms=values.timeout_cap_ms, slow_above_ms=values.slow_above_ms,
        latency_cap_ms=values.latency_cap_ms, tags=tags or NO_TAGS,
    )  # fmt: skip
    by = {"arm": "arm", "run_id": "run_id", "cluster": CLUSTERS[unit]}
    if long:
        places = sum((at >= nw.lit(window.starts(day))).cast(nw.Int64) for day in window.dates)
        frame, by = frame.with_columns((places - 1).alias(AT)), by | {AT: AT}  # type: ignore[operator]
    return Found(scan(frame, metrics, by=by), unit, named, tags, ranked)


# --- from stored days -----------------------------------------------------------------------------


def _of_store(
    stored: Stored, arms: tuple[str, str], runs: Sequence[RunInfo], values: _Values,
    window: Window, asked_tags: Sequence[str],
) -> Found:  # fmt: skip
    """Add the stored days' sums up; rows are read where sums were made with other values."""
    names = set(map(name_of, runs))
    stored_runs = [run for run in stored.kept if name_of(run.info) in names]
    places = tuple(
        place for place in stored.places
        if any(name_of(run.info) in names for run in place.day.runs)
    )  # fmt: skip
    counts = counts_of(stored_runs, arms)
    unit, named = choose_unit(counts)
    made = (values.timeout_cap_ms, values.slow_above_ms, values.latency_cap_ms)
    usable = all(fits(place.day, stored_runs, unit, made) for place in places)
    if not stored_runs or stored.cut or not usable or any(map(is_long, runs)):
        for place in places:
            place.check_rows()
        return _of_rows(from_runs(stored.runs), arms, runs, values, window, asked_tags)
    sums = Sums(places, stored_runs, arms, unit)
    tagged = sums.tagged()
    tags, ranked = listed_tags(tagged, counts, arms, also=_spelled(asked_tags, tagged))
    table = sums.finest(tags, values.slow_above_ms, values.latency_cap_ms)
    return Found(table, unit, named, tags, ranked)
