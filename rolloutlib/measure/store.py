"""Stored days, written: runs → each day's samples and their sums, in one commit.

A day's files are written beside and renamed to a folder named by their digest; the store's
manifest, replaced last, says which version of each day counts. So a reader sees the store before
an ingest or after it, and an ingest that was killed leaves only folders that the next one removes.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rolloutlib.files import bounded_bytes
from rolloutlib.measure.days import (
    DAY,
    MANIFEST,
    NEW,
    NO_DATE,
    ROWS,
    SEPARATOR,
    Day,
    Store,
    check_folder,
    flushed,
    load,
    load_day,
    locked,
    name_of,
    other_parts,
    put,
    sync,
)  # fmt: skip
from rolloutlib.measure.store_sources import key_of, source_of, with_sources
from rolloutlib.measure.sums import (
    Values,
    about_runs,
    day_sums,
    extras_of,
    stored_run,
    strata_of,
    unit_of,
)  # fmt: skip
from rolloutlib.runs import read_runs
from rolloutlib.runs.columns import SCHEMA, TEXTS
from rolloutlib.runs.database import connect
from rolloutlib.runs.further import schema_with
from rolloutlib.runs.places import place_of
from rolloutlib.runs.tags import spelled_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rolloutlib.measure.days import StoredRun
    from rolloutlib.plan.model import FlagValue, Plan
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.runs import InputFile, RunInfo, Runs

    _Tell = Callable[[str, int, int], None]

__all__ = ["Ingested", "ingest"]

_ROWS_AT_ONCE = 100_000
_TEXTS_AT_ONCE = 5_000  # rows with the texts of prompts and answers
_VERSION = 16  # hex digits of a day's digest that name its version


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did.

    Attributes:
        inputs: what each file gave that was read; read = kept + quarantined + copies.
        known: files that were stored already.
        days: days that were written → their runs and samples now.
        replaced: runs whose rows were replaced.
    """

    inputs: tuple[InputFile, ...]
    known: int
    days: Mapping[str, tuple[int, int]]
    replaced: int

    @property
    def account(self) -> tuple[int, int, int, int]:
        """Rows read, kept, quarantined, and left out as copies."""
        return (
            sum(file.read for file in self.inputs), sum(file.kept for file in self.inputs),
            sum(file.quarantined for file in self.inputs), sum(file.copies for file in self.inputs),
        )  # fmt: skip


def ingest(
    runs: Path, into: Path, plan: Plan, *,
    source: Path | None = None, stage: StageId | None = None,
    flags_arms: Mapping[str, Mapping[str, FlagValue]] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Ingested:  # fmt: skip
    """Store runs by the UTC date of their start; what comes again replaces what it touches.

    Args:
        runs: as `read_runs` takes them.
        source: likewise.
        stage: likewise.
        flags_arms: likewise.
        into: folder of the store; it is made where there is none.
        plan: whose timeout cap and latency limits the sums are made with.
        on_progress: called with (what, how many are done, how many there are).

    Raises:
        UsageError: a path that does not exist, a folder that is no store, or another ingest runs.
        RunsError: the source cannot be read as a whole, or the store is damaged.
    """
    check_folder(into)
    tell: _Tell = on_progress or (lambda _what, _done, _among: None)
    mapping = source or (runs if runs.is_dir() else runs.parent) / "source.yaml"
    listing = place_of(runs, source).listing
    read = partial(
        read_runs, runs, source=source, stage=stage, flags_arms=flags_arms, texts=True,
        on_progress=partial(tell, "files read"),
    )  # fmt: skip
    with locked(into):
        store = load(into) or Store()
        _sweep(into, store)
        keys = {file.name: key_of(Path(file.path), mapping, stage) for file in listing.files}
        fresh, stored_files = _unstored(into, store, keys, read)
        if fresh:
            store = with_sources(into, store, fresh, keys)
            if mapping.is_file():
                put(into / "source.yaml", bounded_bytes(mapping))
        writer = _Writer(into, store, Values.of(plan), fresh)
        written = writer.write(partial(tell, "days written"))
        if fresh:
            fresh.check_unchanged()
        days = {date: store.days[date] for date in store.days if date not in writer.touched}
        store = msgspec.structs.replace(store, days=dict(sorted((days | written).items())))
        put(into / MANIFEST, msgspec.json.format(msgspec.json.encode(store), indent=1))
        _sweep(into, store)
        inputs = fresh.inputs if fresh else ()
        return Ingested(inputs, len(stored_files), writer.totals(written), writer.replaced)


def _unstored(
    into: Path, store: Store, keys: Mapping[str, str], read: Callable[..., Runs]
) -> tuple[Runs | None, set[str]]:
    """Read what is not stored, with all other parts of its runs; return what was not read, too."""
    stored = {source.key for source in store.sources.values()}
    unread = {name for name, key in keys.items() if key in stored}
    if len(unread) == len(keys):
        return None, unread
    fresh = read(skip=unread)
    while again := other_parts(into, store, fresh.runs) & unread:
        unread -= again
        fresh = read(skip=unread)
    return fresh, unread


def _sweep(into: Path, store: Store) -> None:
    """Remove what no manifest names: leftovers of killed ingests, and replaced versions."""
    for path in into.glob(f"{NEW}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in into.glob("date=*"):
        version = store.days.get(folder.name.partition("=")[2])
        for path in folder.iterdir():
            if path.name != version:
                shutil.rmtree(path)
        if version is None:
            folder.rmdir()
    refused = {source.sha256 for source in store.sources.values() if source.quarantined}
    for path in (into / "quarantine").glob("*"):
        if path.stem not in refused:
            path.unlink()


def _date(info: RunInfo) -> str:
    return f"{info.started_at.astimezone(UTC):%Y-%m-%d}" if info.started_at else NO_DATE


class _Writer:
    """Writes the days that fresh runs, or another plan, touch."""

    def __init__(self, into: Path, store: Store, values: Values, fresh: Runs | None) -> None:
        self.into, self.store, self.values, self.fresh = into, store, values, fresh
        self.runs = {name_of(info): info for info in (fresh.runs if fresh else ())}
        sources = {file.name: source_of(file) for file in (fresh.inputs if fresh else ())}
        self.sources = {name: sources[info.file] for name, info in self.runs.items()}
        self.old = {date: load_day(into, date, v) for date, v in store.days.items()}
        again = {date: [run for run in day.runs if name_of(run.info) in self.runs]
                 for date, day in self.old.items()}  # fmt: skip
        self.replaced = sum(map(len, again.values()))
        others = {date for date, day in self.old.items() if again[date] or not values.made(day)}
        self.touched = sorted({_date(info) for info in self.runs.values()} | others)

    def write(self, on_progress: Callable[[int, int], None]) -> dict[str, str]:
        """Write each touched day and return the versions; a day that lost all its runs has none."""
        staged = self._staged()
        versions: dict[str, str] = {}
        for done, date in enumerate(self.touched, start=1):
            old = self.old[date].runs if date in self.old else ()
            remaining = [run for run in old if name_of(run.info) not in self.runs]
            arriving = [info for info in self.runs.values() if _date(info) == date]
            if remaining or arriving:
                rows = self._rows(date, staged.get(date))
                versions[date] = self._write_day(date, rows, remaining, arriving)
            on_progress(done, len(self.touched))
        return versions

    def totals(self, versions: Mapping[str, str]) -> dict[str, tuple[int, int]]:
        """Count the runs and samples of the days that were written."""
        days = [load_day(self.into, date, version) for date, version in versions.items()]
        return {day.date: (len(day.runs), sum(run.info.n for run in day.runs)) for day in days}

    def _staged(self) -> dict[str, Path]:
        """Sort the fresh rows into a file a day, in one pass, so that one day at a time is held."""
        if self.fresh is None:
            return {}
        folder = self.into / f"{NEW}-rows"
        folder.mkdir()
        names = pa.array(list(self.runs), pa.string())
        dates = [_date(info) for info in self.runs.values()]
        days = sorted(set(dates))
        day_of = np.array([days.index(date) for date in dates], dtype=np.int64)
        paths = {date: folder / f"{date}.parquet" for date in days}
        schema = schema_with(self.fresh.extras, self.fresh.texts)
        at_once = _TEXTS_AT_ONCE if self.fresh.texts else _ROWS_AT_ONCE
        rows = spelled_as(self.fresh.relation, (r.tags for d in self.old.values() for r in d.runs))
        with ExitStack() as stack:
            writers = [stack.enter_context(pq.ParquetWriter(paths[d], schema)) for d in days]
            for batch in rows.to_arrow_reader(at_once):
                table = pa.Table.from_batches([batch]).cast(schema)
                name = pc.binary_join_element_wise(table["arm"], table["run_id"], SEPARATOR)
                at = day_of[pc.index_in(name, value_set=names).to_numpy()]
                for day in np.unique(at):
                    writers[day].write_table(table.filter(pa.array(at == day)))
        return paths

    def _rows(self, date: str, staged: Path | None) -> pa.Table:
        """Return a day's rows: the old ones that nothing replaces, and the fresh ones."""
        parts = [SCHEMA.empty_table()]
        if date in self.old:
            folder = self.into / f"date={date}" / self.store.days[date]
            rows = pq.ParquetFile(folder / ROWS).read()
            name = pc.binary_join_element_wise(rows["arm"], rows["run_id"], SEPARATOR)
            again = pc.is_in(name, value_set=pa.array(list(self.runs), pa.string()))
            parts.append(rows.filter(pc.invert(again)))
        if staged is not None:
            parts.append(pq.ParquetFile(staged).read())
        rows = pa.concat_tables(parts, promote_options="permissive")
        schema = schema_with(extras_of(rows), [name for name in TEXTS if name in rows.column_names])
        rows = rows.select(schema.names).cast(schema)
        order = [(name, "ascending") for name in ("arm", "run_id", "sample_id")]
        return rows.take(pc.sort_indices(rows, sort_keys=order))

    def _write_day(
        self, date: str, rows: pa.Table, remaining: Sequence[StoredRun], arriving: Sequence[RunInfo]
    ) -> str:
        """Write a day beside the store, then rename it to its version."""
        connection = connect()
        connection.register("rows", rows)
        about = about_runs(connection, extras_of(rows))
        fresh = [stored_run(info, self.sources[name_of(info)], about) for info in arriving]
        runs = tuple(sorted((*remaining, *fresh), key=lambda run: name_of(run.info)))
        unit = unit_of(runs)
        (folder := self.into / f"{NEW}-{date}").mkdir()
        strata = strata_of(rows, self.values)
        tables = {ROWS: rows} | day_sums(connection, unit, self.values, runs, strata)
        files = {name: flushed(folder / name, table) for name, table in tables.items()}
        cap, slow, capped, _ = astuple(self.values)
        day = Day(date, unit, cap, slow, strata, runs, files, capped, extras_of(rows))
        manifest = msgspec.json.encode(day)
        version = flushed(folder / DAY, manifest)[:_VERSION]
        target = self.into / f"date={date}" / version
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            folder.rename(target)
        sync(target.parent)
        return version
