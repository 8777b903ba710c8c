"""Stored days, read: a review's sums from the days' sums, and rows only where sums do not do.

Sums are by run, so what started later than a review's moment, or is of another stage, is left out
exactly.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.measure.days import (
    KNOWN_ISSUES,
    NO_DATE,
    ROWS,
    SEPARATOR,
    SUMS,
    Place,
    cells_of,
    grouped,
    load_day,
    name_of,
    numbers,
)  # fmt: skip
from rolloutlib.measure.histograms import Histogram, histograms_of
from rolloutlib.measure.moments import MomentTable, key_of
from rolloutlib.measure.prompts import lined_up, prompt_counts
from rolloutlib.measure.scan import (
    NO_TAGS,
    STRATA,
    Count,
    Measured,
    choose_unit,
    listed_tags,
    measure,
    run_scale,
)  # fmt: skip
from rolloutlib.plan.metrics import METRICS
from rolloutlib.runs import InputFile, Quarantined, Runs, load_source
from rolloutlib.runs.account import odd_runs
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import connect, quoted
from rolloutlib.runs.doubts import by_metric
from rolloutlib.runs.samples import from_runs

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from rolloutlib.measure.days import Day, Source, Store, StoredRun
    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.prompts import PromptCounts
    from rolloutlib.runs import RunInfo

__all__ = ["Stored", "read_store"]


@dataclass(frozen=True, slots=True)
class Stored:
    """The part of a store that a review is about.

    Attributes:
        runs: the kept runs, whose `relation` lies over the days' Parquet files.
        kept: the same, with what the store knows of them.
        places: the days.
    """

    runs: Runs
    kept: tuple[StoredRun, ...]
    places: tuple[Place, ...]

    def digest(self) -> str:
        """Return a sha256 of the kept runs' contents: whatever the days, no row is read."""
        lines = sorted(f"{name_of(run.info)}{SEPARATOR}{run.content}" for run in self.kept)
        return sha256("\n".join(lines).encode()).hexdigest()

    def measure(
        self, arms: tuple[str, str], *,
        timeout_cap_ms: float, slow_above_ms: float, apart: bool = False,
    ) -> Measured:  # fmt: skip
        """Measure both arms as `scan.measure` does, from sums wherever they were made that way."""
        runs = [run for run in self.kept if run.info.arm in arms and run.info.n]
        unit, named = choose_unit(_counts(runs, arms))
        made = (timeout_cap_ms, slow_above_ms)
        fit = all(_fits(place.day, runs, unit, made) for place in self.places)
        if not fit or (apart and unit == "sample"):
            for place in self.places:
                place.check_rows()
            return measure(
                from_runs(self.runs), arms, timeout_cap_ms=timeout_cap_ms,
                slow_above_ms=slow_above_ms, apart=apart,
            )  # fmt: skip
        return _Sums(self.places, runs, arms, unit).measured(named, slow_above_ms)


def _counts(runs: Sequence[StoredRun], arms: Sequence[str]) -> dict[str, Count]:
    """Count samples of each arm; different ids are not known yet."""
    mine = {arm: [run for run in runs if run.info.arm == arm] for arm in arms}
    return {
        arm: Count(
            sum(run.info.n for run in of), sum(run.with_user for run in of), 0,
            sum(run.with_prompt for run in of), 0,
            len(of), sum(run.labelled for run in of),
        )
        for arm, of in mine.items()
    }  # fmt: skip


def _fits(day: Day, runs: Sequence[StoredRun], unit: Unit, made: tuple[float, float]) -> bool:
    """Return whether a day's sums are those of the plan's values and of the review's unit."""
    cap, slow = made
    if day.timeout_cap_ms != cap or slow not in day.slow_above_ms:
        return False
    if unit in {day.unit, "sample"}:
        return True
    of_day = {name_of(run.info) for run in day.runs}
    mine = [run for run in runs if name_of(run.info) in of_day]
    return not any(run.with_user if unit == "user" else run.with_prompt for run in mine)


@dataclass(frozen=True, slots=True)
class _Sums:
    """The days' sums of both arms' runs."""

    places: tuple[Place, ...]
    runs: Sequence[StoredRun]
    arms: tuple[str, str]
    unit: Unit

    def measured(self, named: float, slow_above_ms: float) -> Measured:
        tagged: Counter[tuple[str, str]] = Counter()
        for run in self.runs:
            tagged.update({(run.info.arm, tag): n for tag, n in run.tags.items()})
        counts = _counts(self.runs, self.arms)
        tags, ranked = listed_tags(tagged, counts, self.arms)
        plain = {name: name for name in METRICS if name not in {"issue", "slow"}}
        columns = plain | {f"issue:{tag}": f"issue:{tag}" for tag in tags or NO_TAGS}
        finest = self._moments(f"moments{SUMS}", columns | {"slow": f"slow:{slow_above_ms:g}"})
        table = grouped(finest, "arm", "cluster")
        latency, score = (self._histograms(name) for name in ("latency_ms", "score"))
        parts = [p.select(["arm", "prompt", "n"]) for p in self._tables(f"prompts{SUMS}")]
        by_arm = {arm: prompt_counts(parts, arm) for arm in self.arms}
        return Measured(
            self._ids(table, counts, by_arm), self.unit, named, tags, ranked, table=table,
            by_run=grouped(finest, "arm", "run_id"), strata=self._strata(),
            latency=latency, score=score, carried=tagged,
            prompts=lined_up(by_arm, run_scale(counts, self.arms), self.arms),
        )  # fmt: skip

    def _tables(self, file: str, columns: Container[str] | None = None) -> list[pa.Table]:
        """Read a file of every day, without the runs that are not asked for."""
        names = {name_of(run.info) for run in self.runs}
        mine = pa.array(sorted(names), pa.string())
        parts: list[pa.Table] = []
        for place in self.places:
            table = place.read(file, columns)
            if any(run.info.n and name_of(run.info) not in names for run in place.day.runs):
                arm, run = (table[key].cast(pa.string()) for key in ("arm", "run_id"))
                name_of_row = pc.binary_join_element_wise(arm, run, SEPARATOR)
                table = table.filter(pc.is_in(name_of_row, value_set=mine))
            if "cluster" in table.column_names and place.day.unit != self.unit:
                at, nothing = table.column_names.index("cluster"), pa.nulls(len(table), pa.string())
                table = table.set_column(at, "cluster", nothing)
            parts.append(table)
        return parts

    def _moments(self, name: str, metrics: Mapping[str, str], *more: str) -> MomentTable:
        """Put the days' moments together: metric → its name in the files."""
        keys = ("arm", "run_id", "cluster", *more)
        fields = [f"{column}.{part}" for column in metrics.values() for part in ("n", "mean", "m2")]
        parts = self._tables(name, {*keys, "rows", f"{KNOWN_ISSUES}.n", *fields})
        whole = pa.concat_tables(
            [_plain(part, keys) for part in parts], promote_options="default"
        ).combine_chunks()
        coded = {key: key_of(whole[key]) for key in keys}
        if self.unit == "sample":
            coded["cluster"] = coded["arm"]
        cells = {metric: cells_of(whole, column) for metric, column in metrics.items()}
        return MomentTable(coded, numbers(whole, "rows"), cells)

    def _strata(self) -> dict[str, MomentTable]:
        tables: dict[str, MomentTable] = {}
        for name in STRATA:
            values = {value for place in self.places for value in place.day.strata[name]}
            if len(values) > 1:
                table = self._moments(f"{name}{SUMS}", {"passed": "passed"}, name)
                if len(np.unique(table.keys[name].codes)) > 1:
                    tables[name] = grouped(table, "arm", "cluster", name)
        return tables

    def _histograms(self, name: str) -> dict[tuple[str, str], Histogram]:
        keys = ("arm", "run_id")
        whole = pa.concat_tables([_plain(part, keys) for part in self._tables(f"{name}{SUMS}")])
        arm, run = (key_of(whole[key]) for key in keys)
        return histograms_of(arm, run, numbers(whole, "value"), numbers(whole, "n"))

    def _ids(
        self, table: MomentTable, counts: Mapping[str, Count], prompts: Mapping[str, PromptCounts]
    ) -> dict[str, Count]:
        """Add the different ids: users by the clusters, prompts by their hashes."""
        full: dict[str, Count] = {}
        for arm, count in counts.items():
            cluster = table.where(arm=arm).keys["cluster"]
            users = len(np.unique(cluster.codes[cluster.codes != cluster.code(None)]))
            of_users = users if self.unit == "user" else 0
            full[arm] = replace(count, users=of_users, prompts=len(prompts[arm].hashes))
        return full


def _plain(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Turn coded keys into texts, because each day has codes of its own."""
    for key in keys:
        at = table.column_names.index(key)
        table = table.set_column(at, key, table[key].cast(pa.string()))
    return table


def read_store(
    folder: Path, store: Store, *,
    stage: int | None = None, as_of: datetime | None = None, days: int | None = None,
) -> Stored:  # fmt: skip
    """Pick what a review is about; no row is read.

    Args:
        folder: the store's.
        store: its manifest.
        stage: as `read_runs` takes it.
        as_of: likewise.
        days: only the last so many days that the store has by then; what has no date is left out.

    Raises:
        RunsError: a manifest is damaged.
    """
    latest = f"{as_of.astimezone(UTC):%Y-%m-%d}" if as_of else NO_DATE
    dates = sorted(date for date in store.days if date <= latest or date == NO_DATE)
    chosen = [date for date in dates if date != NO_DATE][-days:] if days else dates
    later = sorted(set(store.days) - set(dates))
    where = {date: folder / f"date={date}" / store.days[date] for date in (*chosen, *later)}
    places = [Place(load_day(folder, d, store.days[d]), where[d]) for d in (*chosen, *later)]
    aside: dict[str, list[StoredRun]] = {"stage": [], "later": []}
    kept: list[StoredRun] = []
    for run in (run for place in places for run in place.day.runs):
        info = run.info
        if stage is not None and info.stage is not None and info.stage != stage:
            aside["stage"].append(run)
        elif as_of and info.started_at and info.started_at > as_of:
            aside["later"].append(run)
        else:
            kept.append(run)
    chosen_places = tuple(places[: len(chosen)])
    runs = _runs(folder, store, chosen_places, kept, [*aside["stage"], *aside["later"]])
    counts = {"other_stage": len(aside["stage"]), "after_as_of": len(aside["later"])}
    return Stored(replace(runs, **counts), tuple(kept), chosen_places)


def _runs(
    folder: Path, store: Store, places: Sequence[Place],
    kept: Sequence[StoredRun], aside: Sequence[StoredRun],
) -> Runs:  # fmt: skip
    """Draw up the account of the sources that gave these runs, or none that is still there."""
    rows = [Counter[str](), Counter[str]()]
    for counter, runs in zip(rows, (kept, aside), strict=True):
        for run in runs:
            counter[run.source] += run.info.n
    mine = {run.source for run in (*kept, *aside)}
    here = [(key, s) for key, s in store.sources.items() if key in mine or not s.runs]
    sources = dict(sorted(here, key=lambda entry: entry[1].name))
    inputs = [
        InputFile(s.name, s.sha256, s.dialect, rows[0][key] + s.quarantined, rows[0][key],
                  s.quarantined, rows[1][key] + s.set_aside)
        for key, s in sources.items()
    ]  # fmt: skip
    beside = folder / "source.yaml"
    infos = tuple(run.info for run in kept)
    return Runs(
        relation=_relation(places, infos, all_in=not aside), runs=infos,
        inputs=tuple(sorted(inputs, key=lambda file: file.name)),
        quarantined=tuple(row for s in sources.values() if s.quarantined
                          for row in _quarantined(folder / "quarantine", s)),
        warnings=odd_runs(infos), doubts=by_metric(w for s in sources.values() for w in s.warnings),
        source=load_source(beside) if beside.is_file() else None,
        failed=tuple(row for source in sources.values() for row in source.failed),
    )  # fmt: skip


def _relation(
    places: Sequence[Place], infos: Sequence[RunInfo], *, all_in: bool
) -> duckdb.DuckDBPyRelation:
    """Lay the one table over the days' files; runs that were left out are left out of it."""
    files = [(place.folder / ROWS).resolve() for place in places]
    connection = connect(files)
    if not files:
        connection.register("samples", SCHEMA.empty_table())
        return connection.table("samples")
    stored = connection.read_parquet([str(file) for file in files], union_by_name=True)
    there = set(stored.columns)  # days written by an older version lack the last column
    names = [name if name in there else f"NULL::BOOLEAN AS {name}" for name in SCHEMA.names]
    relation = stored.project(", ".join(names))
    if all_in:
        return relation
    mine = ", ".join(quoted(name_of(info)) for info in infos) or "NULL"
    return relation.filter(f"arm || chr(31) || run_id IN ({mine})")


def _quarantined(folder: Path, source: Source) -> Iterable[Quarantined]:
    path, names = folder / f"{source.sha256}.jsonl", Quarantined.__dataclass_fields__
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["file"] == source.name:
            yield Quarantined(**{name: row[name] for name in names})
