"""Stored days, written: runs → each day's samples and their sums, in one commit.

A day's files are written beside and renamed to a folder named by their digest; the store's
manifest, replaced last, says which version of each day counts. So a reader sees the store before
an ingest or after it, and an ingest that was killed leaves only folders that the next one removes.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rolloutlib.errors import UsageError
from rolloutlib.measure.comparison import slow_limit
from rolloutlib.measure.moments import histogram, metric_expressions, scan
from rolloutlib.measure.scan import STEPS, STRATA
from rolloutlib.measure.stored import (
    DAY,
    MANIFEST,
    NO_DATE,
    Day,
    Source,
    Store,
    StoredRun,
    load,
    load_day,
)  # fmt: skip
from rolloutlib.runs import read_runs
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import connect
from rolloutlib.runs.files import META_NAME, list_files

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    import duckdb

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import FlagValue, Plan, StageId
    from rolloutlib.runs import InputFile, RunInfo, Runs

__all__ = ["Ingested", "ingest"]

_NEW = ".new"  # begins the name of what is being written
_LOCK = ".lock"
_ROWS_AT_ONCE = 100_000
_VERSION = 16  # hex digits of a day's digest that name its version
_SEPARATOR = "\x1f"
_OF_RUNS = (
    "SELECT arm, run_id, sum(hash(1, {rest})), sum(hash(2, {rest})), count(user_id),"
    " count(prompt_id) FROM rows GROUP BY arm, run_id"
)
_PROMPTS = """SELECT DISTINCT arm, run_id, md5_number_lower(prompt_id) AS prompt FROM rows
    WHERE prompt_id IS NOT NULL ORDER BY ALL"""
_TAGS = """SELECT arm, run_id, tag, count(*) FROM (SELECT arm, run_id,
    unnest(list_distinct(issues)) AS tag FROM rows)
    WHERE tag IS NOT NULL GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did.

    Attributes:
        inputs: what each file gave that was read; read = kept + quarantined.
        known: files that were stored already.
        days: days that were written → their runs and samples now.
        replaced: runs whose rows were replaced.
    """

    inputs: tuple[InputFile, ...]
    known: int
    days: Mapping[str, tuple[int, int]]
    replaced: int

    @property
    def account(self) -> tuple[int, int, int]:
        """Rows read, kept and quarantined."""
        return (
            sum(file.read for file in self.inputs), sum(file.kept for file in self.inputs),
            sum(file.quarantined for file in self.inputs),
        )  # fmt: skip


def _silent(_what: str, _done: int, _among: int) -> None:
    """Tell nobody how far it is."""


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
    _check_folder(into)
    tell = on_progress or _silent
    listing = list_files(runs)
    mapping = source or (runs if runs.is_dir() else runs.parent) / "source.yaml"
    with _locked(into):
        store = load(into) or Store()
        _sweep(into, store)
        keys = {file.name: _key(Path(file.path), mapping, stage) for file in listing.files}
        stored = {source.key for source in store.sources.values()}
        known = {name for name, key in keys.items() if key in stored}
        fresh = None
        if len(known) < len(keys):
            fresh = read_runs(
                runs, source=source, stage=stage, flags_arms=flags_arms, skip=known,
                on_progress=partial(tell, "files read"),
            )  # fmt: skip
            store = _with_sources(into, store, fresh, keys)
            if mapping.is_file():
                _put(into / "source.yaml", mapping.read_bytes())
        writer = _Writer(into, store, _Values.of(plan), fresh)
        written = writer.write(partial(tell, "days written"))
        days = {date: store.days[date] for date in store.days if date not in writer.touched}
        store = msgspec.structs.replace(store, days=dict(sorted((days | written).items())))
        _put(into / MANIFEST, msgspec.json.format(msgspec.json.encode(store), indent=1))
        _sweep(into, store)
        return Ingested(
            fresh.inputs if fresh else (), len(known), writer.totals(written), writer.replaced
        )


def _check_folder(into: Path) -> None:
    there = {path.name for path in into.iterdir()} if into.is_dir() else set[str]()
    if into.is_file() or (there and not {MANIFEST, _LOCK} & there):
        raise UsageError(f"{into} is no store: it has no {MANIFEST}; name a new folder or a store.")


@contextmanager
def _locked(into: Path) -> Generator[None]:
    """Hold the store's lock; it ends with the process, so no crash leaves it behind."""
    into.mkdir(parents=True, exist_ok=True)
    handle = os.open(into / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError(f"another ingest writes to {into}; wait until it has ended.") from None
    finally:
        os.close(handle)


def _sweep(into: Path, store: Store) -> None:
    """Remove what no manifest names.

    Leftovers of killed ingests and versions that were replaced.
    """
    for path in into.glob(f"{_NEW}*"):
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


def _key(file: Path, mapping: Path, stage: int | None) -> str:
    """Digest a file with what decides how it is read."""
    beside = [path for path in (mapping, file.parent / META_NAME) if path.is_file()]
    digests: list[str] = []
    for path in (file, *beside):
        with path.open("rb") as stream:
            digests.append(file_digest(stream, "sha256").hexdigest())
    return sha256(" ".join([*digests, str(stage)]).encode()).hexdigest()


def _with_sources(into: Path, store: Store, fresh: Runs, keys: Mapping[str, str]) -> Store:
    """Account for the files that were read, and keep their refused rows."""
    inputs = [replace(one, sha256=one.sha256 or _unread(one)) for one in fresh.inputs]
    replace(fresh, inputs=tuple(inputs)).write_quarantine(into)
    runs = Counter(info.file for info in fresh.runs)
    sources = {
        _source(one): Source(
            keys.get(one.name, ""), one.name, one.sha256, one.dialect, runs[one.name],
            one.quarantined, one.set_aside, tuple(r for r in fresh.failed if r.file == one.name),
            tuple(text for text in fresh.warnings if "latency" in text),
        )
        for one in inputs
    }  # fmt: skip
    return msgspec.structs.replace(store, sources=dict(sorted((store.sources | sources).items())))


def _unread(file: InputFile) -> str:
    return sha256(file.name.encode()).hexdigest()


def _source(file: InputFile) -> str:
    return f"{file.sha256} {file.name}"


def _put(path: Path, data: bytes) -> None:
    """Replace a file in one step."""
    beside = path.parent / f"{_NEW}-{path.name}"
    _flushed(beside, data)
    beside.replace(path)
    _sync(path.parent)


def _flushed(path: Path, data: bytes | pa.Table) -> str:
    """Write a file through to the disk and return its sha256."""
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        pq.write_table(data, path, compression="zstd")
    _sync(path)
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Values:
    """The plan's values that sums depend on: every profile's latency limit, and the cap."""

    timeout_cap_ms: float
    slow_above_ms: tuple[float, ...]

    @classmethod
    def of(cls, plan: Plan) -> _Values:
        limits = {slow_limit(plan, profile) for profile in plan.profiles.values()}
        return cls(plan.evidence.timeout_cap_ms, tuple(sorted(limits)))

    def made(self, day: Day) -> bool:
        return (day.timeout_cap_ms, day.slow_above_ms) == (self.timeout_cap_ms, self.slow_above_ms)


def _date(info: RunInfo) -> str:
    return f"{info.started_at.astimezone(UTC):%Y-%m-%d}" if info.started_at else NO_DATE


def _name(info: RunInfo) -> str:
    return f"{info.arm}{_SEPARATOR}{info.run_id}"


class _Writer:
    """Writes the days that fresh runs, or another plan, touch."""

    def __init__(self, into: Path, store: Store, values: _Values, fresh: Runs | None) -> None:
        self.into, self.store, self.values, self.fresh = into, store, values, fresh
        self.runs = {_name(info): info for info in (fresh.runs if fresh else ())}
        sources = {one.name: _source(replace(one, sha256=one.sha256 or _unread(one)))
                   for one in (fresh.inputs if fresh else ())}  # fmt: skip
        self.sources = {name: sources[info.file] for name, info in self.runs.items()}
        self.old = {date: load_day(into, date, v) for date, v in store.days.items()}
        again = {date: [run for run in day.runs if _name(run.info) in self.runs]
                 for date, day in self.old.items()}  # fmt: skip
        self.replaced = sum(map(len, again.values()))
        others = {date for date, day in self.old.items() if again[date] or not values.made(day)}
        self.touched = sorted({_date(info) for info in self.runs.values()} | others)

    def write(self, on_progress: Callable[[int, int], None]) -> dict[str, str]:
        """Write each touched day and return the versions; a day that lost all its runs has none."""
        staged = self._staged()
        versions: dict[str, str] = {}
        for done, date in enumerate(self.touched, start=1):
            kept = [r for r in self._old_runs(date) if _name(r.info) not in self.runs]
            mine = [info for info in self.runs.values() if _date(info) == date]
            if kept or mine:
                rows = self._rows(date, staged.get(date))
                versions[date] = self._write_day(date, rows, kept, mine)
            on_progress(done, len(self.touched))
        return versions

    def totals(self, versions: Mapping[str, str]) -> dict[str, tuple[int, int]]:
        """Count the runs and samples of the days that were written."""
        days = [load_day(self.into, date, version) for date, version in versions.items()]
        return {day.date: (len(day.runs), sum(run.info.n for run in day.runs)) for day in days}

    def _old_runs(self, date: str) -> tuple[StoredRun, ...]:
        return self.old[date].runs if date in self.old else ()

    def _staged(self) -> dict[str, Path]:
        """Sort the fresh rows into a file a day, in one pass, so that one day at a time is held."""
        if self.fresh is None:
            return {}
        folder = self.into / f"{_NEW}-rows"
        folder.mkdir()
        names = pa.array(list(self.runs), pa.string())
        dates = [_date(info) for info in self.runs.values()]
        days = sorted(set(dates))
        day_of = np.array([days.index(date) for date in dates], dtype=np.int64)
        paths = {date: folder / f"{date}.parquet" for date in days}
        with ExitStack() as stack:
            writers = [stack.enter_context(pq.ParquetWriter(paths[d], SCHEMA)) for d in days]
            for batch in self.fresh.relation.to_arrow_reader(_ROWS_AT_ONCE):
                table = pa.Table.from_batches([batch]).cast(SCHEMA)
                name = pc.binary_join_element_wise(table["arm"], table["run_id"], _SEPARATOR)
                at = day_of[pc.index_in(name, value_set=names).to_numpy()]
                for day in np.unique(at):
                    writers[day].write_table(table.filter(pa.array(at == day)))
        return paths

    def _rows(self, date: str, staged: Path | None) -> pa.Table:
        """Return a day's rows: the old ones that nothing replaces, and the fresh ones."""
        parts = [SCHEMA.empty_table()]
        if date in self.old:
            folder = self.into / f"date={date}" / self.store.days[date]
            rows = pq.read_table(folder / "samples.parquet", partitioning=None)  # pyright: ignore[reportArgumentType]
            name = pc.binary_join_element_wise(rows["arm"], rows["run_id"], _SEPARATOR)
            again = pc.is_in(name, value_set=pa.array(list(self.runs), pa.string()))
            parts.append(rows.filter(pc.invert(again)))
        if staged is not None:
            parts.append(pq.read_table(staged, partitioning=None))  # pyright: ignore[reportArgumentType]
        rows = pa.concat_tables(parts).cast(SCHEMA)
        order = [(name, "ascending") for name in ("arm", "run_id", "sample_id")]
        return rows.take(pc.sort_indices(rows, sort_keys=order))

    def _write_day(
        self, date: str, rows: pa.Table, kept: Sequence[StoredRun], mine: Sequence[RunInfo]
    ) -> str:
        """Write a day beside the store, then rename it to its version."""
        connection = connect()
        connection.register("rows", rows)
        about = _about(connection)
        fresh = [_stored_run(info, self.sources[_name(info)], about) for info in mine]
        runs = tuple(sorted((*kept, *fresh), key=lambda run: _name(run.info)))
        unit = _unit(runs)
        folder = self.into / f"{_NEW}-{date}"
        folder.mkdir()
        tables = {"samples": rows} | _sums(connection, unit, self.values, runs)
        files = {f"{n}.parquet": _flushed(folder / f"{n}.parquet", t) for n, t in tables.items()}
        strata = {name: tuple(pc.unique(rows[name]).to_pylist()) for name in STRATA}
        values = (self.values.timeout_cap_ms, self.values.slow_above_ms)
        manifest = msgspec.json.encode(Day(date, unit, *values, strata, runs, files))
        version = _flushed(folder / DAY, manifest)[:_VERSION]
        target = self.into / f"date={date}" / version
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            folder.rename(target)
        _sync(target.parent)
        return version


def _about(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[list[int], dict[str, int]]]:
    """Return, by run, what its rows say of it: two sums of hashes and two counts, and its tags."""
    rest = ", ".join(name for name in SCHEMA.names if name != "run_id")
    found = connection.execute(_OF_RUNS.format(rest=rest)).fetchall()
    about = {f"{arm}{_SEPARATOR}{run}": (list(numbers), {}) for arm, run, *numbers in found}
    for arm, run, tag, count in connection.execute(_TAGS).fetchall():
        about[f"{arm}{_SEPARATOR}{run}"][1][tag] = count
    return about


def _stored_run(
    info: RunInfo, source: str, about: Mapping[str, tuple[list[int], dict[str, int]]]
) -> StoredRun:
    (one, two, with_user, with_prompt), tags = about.get(_name(info), ([0, 0, 0, 0], {}))
    content = msgspec.json.encode((str(one), str(two), info.reported))
    return StoredRun(info, source, sha256(content).hexdigest(), with_user, with_prompt, tags)


def _unit(runs: Sequence[StoredRun]) -> Unit:
    """Choose the day's cluster as a review does: users when any sample names one, else prompts."""
    if any(run.with_user for run in runs):
        return "user"
    return "prompt" if any(run.with_prompt for run in runs) else "sample"


def _sums(
    connection: duckdb.DuckDBPyConnection, unit: Unit, values: _Values, runs: Sequence[StoredRun]
) -> dict[str, pa.Table]:
    """Sum a day: moments and strata by (arm, run, cluster), histograms by (arm, run), prompts."""
    frame = nw.from_native(connection.table("rows"))
    tags = sorted({"", *(tag for run in runs for tag in run.tags)})
    first, *others = values.slow_above_ms
    made = partial(metric_expressions, timeout_cap_ms=values.timeout_cap_ms, tags=tags)
    metrics = made(slow_above_ms=first)
    metrics[f"slow:{first:g}"] = metrics.pop("slow")
    for limit in others:
        metrics[f"slow:{limit:g}"] = made(slow_above_ms=limit)["slow"]
    cluster = {"user": "user_id", "prompt": "prompt_id", "sample": "arm"}[unit]
    by = {"arm": "arm", "run_id": "run_id", "cluster": cluster}
    tables = {"moments": _columns(scan(frame, metrics, by=by))}
    for name in STRATA:
        tables[name] = _columns(scan(frame, {"passed": metrics["passed"]}, by={**by, name: name}))
    for name in ("latency_ms", "score"):
        tables[name] = _steps(frame, metrics[name])
    return tables | {"prompts": connection.sql(_PROMPTS).to_arrow_table()}


def _columns(table: MomentTable) -> pa.Table:
    """Lay moments out as columns, in the order of their keys.

    A metric that nobody tells has none.
    """
    order = np.lexsort([key.codes for key in reversed([*table.keys.values()])])
    columns = {name: _texts(key.labels, key.codes[order]) for name, key in table.keys.items()}
    columns["rows"] = pa.array(table.rows[order].astype(np.int64))
    for name, cells in table.metrics.items():
        if cells.n.any():
            parts = cells.take(order)
            columns[f"{name}.n"] = pa.array(parts.n.astype(np.int64))
            columns[f"{name}.mean"] = pa.array(parts.mean)
            columns[f"{name}.m2"] = pa.array(parts.m2)
    return pa.table(columns)


def _texts(
    labels: Sequence[str | None], codes: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pa.Array:
    known = [label for label in labels if label is not None]
    index = pa.array(codes.astype(np.int32), mask=codes >= len(known))  # None comes last
    return pa.DictionaryArray.from_arrays(index, pa.array(known, pa.string()))


def _steps(frame: nw.LazyFrame[duckdb.DuckDBPyRelation], value: nw.Expr) -> pa.Table:
    found = sorted(histogram(frame, value, per_unit=STEPS).items())
    sizes = [len(steps.values) for _, steps in found]
    codes = np.repeat(np.arange(len(found)), sizes)
    arm, run = ([name[at] for name, _ in found] for at in (0, 1))
    joined = [np.concatenate([getattr(s, of) for _, s in found] or [np.empty(0)])
              for of in ("values", "counts")]  # fmt: skip
    return pa.table({
        "arm": pa.array(arm, pa.string()).take(pa.array(codes)).dictionary_encode(),
        "run_id": pa.array(run, pa.string()).take(pa.array(codes)).dictionary_encode(),
        "value": pa.array(joined[0]), "n": pa.array(joined[1].astype(np.int64)),
    })  # fmt: skip
