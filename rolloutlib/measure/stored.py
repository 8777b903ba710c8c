"""Stored days, read: a review's sums from the days' sums, and rows only where sums do not do.

Sums are by run, so what is of another stage, or started later than a review's moment, is left out
exactly; where a run has rows on both sides of that moment, its rows are read.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING

import narwhals as nw
from msgspec import structs

from rolloutlib.measure.by_prompt import EXACT_ROWS, answered_often
from rolloutlib.measure.counts import CLUSTERS, choose_unit
from rolloutlib.measure.days import NO_DATE, ROWS, SEPARATOR, Place, load_day, name_of  # fmt: skip
from rolloutlib.measure.labelled import labels_among
from rolloutlib.measure.scan import ANY_ISSUE, Measured, measure
from rolloutlib.measure.shares import COUNTED, Shares, shares_of
from rolloutlib.measure.summed import Sums, counts_of
from rolloutlib.runs import InputFile, Quarantined, Runs, load_source
from rolloutlib.runs.account import later_rows, odd_runs
from rolloutlib.runs.columns import LATER, SCHEMA, TEXTS
from rolloutlib.runs.database import connect, quoted
from rolloutlib.runs.doubts import by_metric
from rolloutlib.runs.samples import from_runs
from rolloutlib.runs.settling import recounted
from rolloutlib.runs.tally import all_cached, all_copies, all_nameless, all_words, naming_reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from rolloutlib.measure.days import Day, Source, Store, StoredRun
    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.labelled import Labels
    from rolloutlib.measure.subject import Wanted
    from rolloutlib.runs import RunInfo
    from rolloutlib.runs.samples import Samples

__all__ = ["Stored", "fits", "read_store"]


@dataclass(frozen=True, slots=True)
class Stored:
    """The part of a store that a review is about.

    Attributes:
        runs: the kept runs, whose `relation` lies over the days' Parquet files.
        kept: the same, with what the store knows of them.
        places: the days.
        cut: runs have rows that started later than the review's moment.
    """

    runs: Runs
    kept: tuple[StoredRun, ...]
    places: tuple[Place, ...]
    cut: bool = False

    def digest(self) -> str:
        """Return a sha256 of the kept runs' contents: whatever the days, no row is read."""
        names = [f"{name_of(run.info)}{SEPARATOR}{run.content}" for run in self.kept]
        lines = sorted(f"{name} {run.info.n}" if self.cut else name
                       for name, run in zip(names, self.kept, strict=True))  # fmt: skip
        return sha256("\n".join(lines).encode()).hexdigest()

    def measure(
        self, arms: tuple[str, str], *,
        timeout_cap_ms: float, slow_above_ms: float, latency_cap_ms: float, apart: bool = False,
        issues: Wanted = ANY_ISSUE, segments: Sequence[str] = (), tails: Sequence[float] = (),
    ) -> Measured:  # fmt: skip
        """Measure both arms as `scan.measure` does, from sums wherever they were made that way."""
        runs = [run for run in self.kept if run.info.arm in arms and run.info.n]
        unit, named = choose_unit(counts_of(runs, arms))
        made = (timeout_cap_ms, slow_above_ms, latency_cap_ms)
        further = tuple(name for name in segments if name in self.runs.extras)
        fit = all(fits(place.day, runs, unit, made, further) for place in self.places)
        sums = Sums(self.places, runs, arms, unit, further)
        single = unit == "sample" and (apart or sums.has_to_choose(issues))
        if not (self.cut or single or tails) and fit:  # sums know no quantile of an arm
            measured = sums.measured(named, slow_above_ms, latency_cap_ms, issues)
            few = sum(run.info.n for run in runs) <= EXACT_ROWS
            if not (few and answered_often(measured.counts, unit)):
                # Sums are not by prompt; beyond so many rows none are read, but those with a label.
                return replace(measured, labels=self._labels(arms, measured))
        return measure(
            self.samples(), arms, timeout_cap_ms=timeout_cap_ms,
            slow_above_ms=slow_above_ms, latency_cap_ms=latency_cap_ms, apart=apart,
            issues=issues, segments=segments, tails=tails,
        )  # fmt: skip

    def _labels(self, arms: tuple[str, str], measured: Measured) -> Labels | None:
        """Read the rows that people labelled, where runs have any."""
        if not any(count.people for count in measured.counts.values()):
            return None
        frame = self.samples().frame().filter(nw.col("arm").is_in(arms))
        column = None if measured.unit == "sample" else CLUSTERS[measured.unit]
        return labels_among(frame, measured.counts, column)

    def shares(self, arms: tuple[str, str], *, unit: Unit) -> Shares:
        """Count both arms' samples as `shares.shares_of` does, from sums where days have them."""
        runs = [run for run in self.kept if run.info.arm in arms and run.info.n]
        whole = not self.cut and all(
            set(COUNTED) <= place.day.files.keys() and _of_unit(place.day, runs, unit)
            for place in self.places
        )
        if whole and runs:
            return Sums(self.places, runs, arms, unit).shares()
        return shares_of(self.samples(), arms, unit=unit)

    def samples(self) -> Samples:
        """Return the rows themselves, once they are found to be those of the sums."""
        for place in self.places:
            place.check_rows()
        return from_runs(self.runs)


def fits(
    day: Day, runs: Sequence[StoredRun], unit: Unit, made: tuple[float, float, float],
    segments: Sequence[str] = (),
) -> bool:  # fmt: skip
    """Return whether a day's sums are those of the plan's values and of the review's unit."""
    cap, slow, capped = made
    if day.timeout_cap_ms != cap or slow not in day.slow_above_ms:
        return False
    if capped not in day.latency_cap_ms or not {*segments} & {*day.extras} <= day.strata.keys():
        return False
    return _of_unit(day, runs, unit)


def _of_unit(day: Day, runs: Sequence[StoredRun], unit: Unit) -> bool:
    """Return whether a day's sums are by the review's unit."""
    if unit in {day.unit, "sample"}:
        return True
    if unit == "cluster":  # a day's sums are of users, whom clusters are made of
        return False
    of_day = {name_of(run.info) for run in day.runs}
    day_runs = [run for run in runs if name_of(run.info) in of_day]
    return not any(run.with_user if unit == "user" else run.with_prompt for run in day_runs)


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
    counted: list[StoredRun] = []
    for run in (run for place in places for run in place.day.runs):
        info = run.info
        if stage is not None and info.stage is not None and info.stage != stage:
            aside["stage"].append(run)
        elif as_of and info.started_at and info.started_at > as_of:
            aside["later"].append(run)
        else:
            counted.append(run)
    chosen_places = tuple(places[: len(chosen)])
    runs = _runs(folder, store, chosen_places, counted, [*aside["stage"], *aside["later"]])
    counts = {"other_stage": len(aside["stage"]), "after_as_of": len(aside["later"])}
    runs = replace(runs, **counts, tags_before=_tags_before(aside["stage"], stage))
    if as_of and any(run.info.last_at and run.info.last_at > as_of for run in counted):
        return _cut(runs, counted, chosen_places, as_of)
    return Stored(runs, tuple(counted), chosen_places)


def _tags_before(runs: Iterable[StoredRun], stage: int | None) -> dict[str, dict[str, int]]:
    """Count the tags of earlier stages' runs, by arm."""
    before: dict[str, Counter[str]] = {}
    for run in runs:
        if stage is not None and run.info.stage is not None and run.info.stage < stage:
            before.setdefault(run.info.arm, Counter()).update(run.tags)
    return {arm: dict(tags) for arm, tags in before.items()}


def _cut(
    runs: Runs, counted: Sequence[StoredRun], places: tuple[Place, ...], as_of: datetime
) -> Stored:
    """Leave out the rows of kept runs that started later."""
    moment = f"TIMESTAMPTZ {quoted(as_of.isoformat())}"
    relation = runs.relation.filter(f"started_at IS NULL OR started_at <= {moment}")
    infos, out = recounted(runs.runs, relation), Counter[str]()
    left = {name_of(info): info for info in infos}
    cut = [structs.replace(run, info=left[name_of(run.info)]) for run in counted]
    for before, after in zip(counted, cut, strict=True):
        for file in before.info.files[:1] or (before.info.file,):
            out[file] += before.info.n - after.info.n
    inputs = tuple(
        replace(entry, read=entry.read - out[entry.name], kept=entry.kept - out[entry.name],
                set_aside=entry.set_aside + out[entry.name])
        for entry in runs.inputs
    )  # fmt: skip
    reasons = (*later_rows(sum(out.values()), as_of), *runs.warnings)
    runs = replace(runs, relation=relation, runs=infos, inputs=inputs, warnings=reasons)
    return Stored(runs, tuple(cut), places, cut=True)


def _runs(
    folder: Path, store: Store, places: Sequence[Place],
    counted: Sequence[StoredRun], aside: Sequence[StoredRun],
) -> Runs:  # fmt: skip
    """Draw up the account of the sources that gave these runs, or none that is still there."""
    counted_rows, aside_rows = _rows_by_source(counted), _rows_by_source(aside)
    named = [
        (key, source)
        for key, source in store.sources.items()
        if key in counted_rows or key in aside_rows or not source.runs
    ]
    sources = dict(sorted(named, key=lambda entry: entry[1].name))
    inputs = [_input(s, counted_rows[key], aside_rows[key]) for key, s in sources.items()]
    beside = folder / "source.yaml"
    infos, notes = tuple(run.info for run in counted), [s.note for s in sources.values()]
    extras = tuple(sorted({name for place in places for name in place.day.extras}))
    relation = _relation(places, infos, extras, all_in=not aside)
    return Runs(
        relation=relation, runs=infos, extras=extras,
        texts=tuple(name for name in TEXTS if name in relation.columns),
        inputs=tuple(sorted(inputs, key=lambda file: file.name)),
        quarantined=tuple(row for s in sources.values() if s.quarantined
                          for row in _quarantined(folder / "quarantine", s)),
        warnings=(*naming_reasons((note.naming for note in notes), len(infos)),
                  *(reason for note in notes for reason in note.told), *odd_runs(infos)),
        doubts=by_metric(w for s in sources.values() for w in s.warnings),
        source=load_source(beside) if beside.is_file() else None,
        failed=tuple(row for source in sources.values() for row in source.failed),
        unknown_words=all_words(notes), copies=all_copies(notes), cached=all_cached(notes),
        nameless=all_nameless(notes),
        currencies={s.name: s.note.currencies for key, s in sources.items() if counted_rows[key]},
        by_day=any(note.naming == "days" for note in notes),
    )  # fmt: skip


def _rows_by_source(runs: Iterable[StoredRun]) -> Counter[str]:
    """Count the rows that each source gave these runs."""
    rows = Counter[str]()
    for run in runs:
        rows[run.source] += run.info.n
    return rows


def _input(source: Source, counted: int, aside: int) -> InputFile:
    """Account for a source: what was read of it is kept, quarantined or a copy."""
    copies = sum(source.note.copies.values())
    return InputFile(
        source.name, source.sha256, source.dialect, counted + source.quarantined + copies,
        counted, source.quarantined, aside + source.set_aside, copies,
    )  # fmt: skip


def _relation(
    places: Sequence[Place], infos: Sequence[RunInfo], extras: Sequence[str], *, all_in: bool
) -> duckdb.DuckDBPyRelation:
    """Lay the one table over the days' files; runs that were left out are left out of it."""
    files = [(place.folder / ROWS).resolve() for place in places]
    connection = connect(files)
    if not files:
        connection.register("samples", SCHEMA.empty_table())
        return connection.table("samples")
    stored = connection.read_parquet([str(file) for file in files], union_by_name=True)
    columns = set(stored.columns)  # days written by an older version lack the last columns
    names = [name if name in columns else f"NULL::{LATER[name]} AS {name}" for name in SCHEMA.names]
    names += [f'"{name}"' for name in (*extras, *TEXTS) if name in columns]
    relation = stored.project(", ".join(names))
    if all_in:
        return relation
    chosen = ", ".join(quoted(name_of(info)) for info in infos) or "NULL"
    return relation.filter(f"arm || chr(31) || run_id IN ({chosen})")


def _quarantined(folder: Path, source: Source) -> Iterable[Quarantined]:
    path = folder / f"{source.sha256}.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        row = Quarantined.of_json(line)
        if row.file == source.name:
            yield row
