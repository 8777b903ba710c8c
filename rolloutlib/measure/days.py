"""What a store of days holds: its manifest, each day's manifest, and the day's files.

`store.json` names each day's version; a day's `day.json` names its runs, the digests of its files
and the plan's values that its sums were made with.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path  # noqa: TC003 -- msgspec reads the annotations
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.files import bounded_bytes, file_sha256
from rolloutlib.limits import FILE_BYTES
from rolloutlib.measure.design import Unit
from rolloutlib.measure.moments import Cells
from rolloutlib.plan.metrics import is_binary
from rolloutlib.plan.segments import OWN
from rolloutlib.reason import Reason
from rolloutlib.runs import Quarantined, RunInfo
from rolloutlib.runs.account import FileNote

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Iterable

    from numpy.typing import NDArray

    T = TypeVar("T")

__all__ = [
    "Day", "Place", "Source", "Store", "StoredRun", "capped", "cells_of", "check_folder",
    "flushed", "load", "load_day", "locked", "name_of", "numbers", "other_parts", "put",
    "segment_of", "sum_file", "sync",
]  # fmt: skip

SEPARATOR = "\x1f"
MANIFEST, DAY, LOCK = "store.json", "day.json", ".lock"
NEW = ".new"  # begins the name of what is being written
ROWS, SUMS = "samples.parquet", ".arrow"
_SEGMENT = "segment-"
NO_DATE = "undated"  # sorts after every date
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")
KNOWN_ISSUES = "issue:"  # in the moments: how many samples tell their issues, whatever the tag


class StoredRun(msgspec.Struct, frozen=True):
    """One run of a day.

    Attributes:
        source: the source that it came from, by its name in the store.
        content: digest of its samples, whatever their order and the run's id.
        with_user, with_prompt, with_cluster: samples that carry the id.
        labelled: samples that tell their issues.
        tags: how many of its samples carry each issue tag.
        people: labels of people that its samples carry.
    """

    info: RunInfo
    source: str
    content: str
    with_user: int = 0
    with_prompt: int = 0
    labelled: int = 0
    tags: dict[str, int] = {}
    with_cluster: int = 0
    people: int = 0


class Day(msgspec.Struct, frozen=True):
    """A day's manifest.

    Attributes:
        unit: what a cluster is in its sums.
        strata: the values of each segment that has sums; of one with too many, some.
        extras: further segments that its rows have.
    """

    date: str
    unit: Unit
    timeout_cap_ms: float
    slow_above_ms: tuple[float, ...]
    strata: dict[str, tuple[str | None, ...]]
    runs: tuple[StoredRun, ...]
    files: dict[str, str]
    latency_cap_ms: tuple[float, ...] = ()  # none of a day of before: its rows are read
    extras: tuple[str, ...] = ()


class Source(msgspec.Struct, frozen=True):
    """What a file gave: `key` tells when it need not be read again, `runs` how many it had."""

    key: str
    name: str
    sha256: str
    dialect: str
    runs: int
    quarantined: int
    set_aside: int
    failed: tuple[Quarantined, ...] = ()
    warnings: tuple[Reason, ...] = ()
    note: FileNote = FileNote({}, (), "")


class Store(msgspec.Struct, frozen=True, tag="rolloutlib/store@2", tag_field="schema"):
    """The store's manifest: each day's version, and the sources by their sha256 and name."""

    days: dict[str, str] = {}
    sources: dict[str, Source] = {}


def load(folder: Path) -> Store | None:
    """Return the manifest of a store; None where the folder is none.

    Raises:
        RunsError: the manifest is damaged.
    """
    path = folder / MANIFEST
    return _decoded(path, bounded_bytes(path, FILE_BYTES), Store) if path.is_file() else None


def load_day(folder: Path, date: str, version: str) -> Day:
    """Return a day's manifest.

    Raises:
        RunsError: it is not the one that the store names.
    """
    path = folder / f"date={date}" / version / DAY
    data = bounded_bytes(path, FILE_BYTES) if path.is_file() else b""
    if sha256(data).hexdigest()[: len(version)] != version:
        raise _damaged(path)
    return _decoded(path, data, Day)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than a store.

    Raises:
        UsageError: it does.
    """
    entries = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if folder.is_file() or (entries and not {MANIFEST, LOCK} & entries):
        raise UsageError(
            "{folder} is no store: it has no {manifest}; name a new folder or a store.",
            folder=folder, manifest=MANIFEST,
        )  # fmt: skip


@contextmanager
def locked(into: Path) -> Generator[None]:
    """Hold a store's lock; it ends with the process, so no crash leaves it behind.

    Raises:
        UsageError: another ingest holds it.
    """
    into.mkdir(parents=True, exist_ok=True)
    handle = os.open(into / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError(
            "another ingest writes to {folder}; wait until it has ended.", folder=into
        ) from None
    finally:
        os.close(handle)


def other_parts(folder: Path, store: Store, runs: Iterable[RunInfo]) -> set[str]:
    """Return the files that have other parts of these runs: a run is stored as a whole."""
    names = {name_of(info) for info in runs}
    days = [load_day(folder, date, version) for date, version in store.days.items()]
    old = [run.info for day in days for run in day.runs if name_of(run.info) in names]
    return {file for info in old for file in info.files or (info.file,)}


def _decoded(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _damaged(path) from None


def _damaged(path: Path) -> RunsError:
    return RunsError(
        "{path} is not what the store wrote; restore it, or remove the store and ingest its "
        "sources again.", path=path,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A day and where its files are."""

    day: Day
    folder: Path

    def read(self, name: str, columns: Container[str] | None = None) -> pa.Table:
        """Read one of the day's files, after a look at its digest."""
        path = self.folder / name
        data = bounded_bytes(path, FILE_BYTES) if path.is_file() else b""
        if sha256(data).hexdigest() != self.day.files[name]:
            raise _damaged(path)
        buffer, options = pa.py_buffer(data), pa.ipc.IpcReadOptions(use_threads=False)
        if columns is not None:
            stored = pa.ipc.open_file(buffer).schema.names
            options.included_fields = [at for at, name in enumerate(stored) if name in columns]
        return pa.ipc.open_file(buffer, options=options).read_all()

    def check_rows(self) -> None:
        """Look at the digest of the rows, which the engine reads."""
        path = self.folder / ROWS
        if not path.is_file() or file_sha256(path) != self.day.files[ROWS]:
            raise _damaged(path)


def sum_file(segment: str) -> str:
    """Return the name of the file of a segment's sums."""
    return f"{segment}{SUMS}" if segment in OWN else f"{_SEGMENT}{segment}{SUMS}"


def segment_of(file: str) -> str | None:
    """Return the segment, beside every source's own, whose sums a file holds; None of others."""
    return file.removeprefix(_SEGMENT).removesuffix(SUMS) if file.startswith(_SEGMENT) else None


def name_of(info: RunInfo) -> str:
    """Return what names a run in a store: its arm and its id."""
    return f"{info.arm}{SEPARATOR}{info.run_id}"


def capped(latency_cap_ms: float) -> str:
    """Return the name of the moments of latencies that count up to this."""
    return f"latency_ms:{latency_cap_ms:g}"


def put(path: Path, data: bytes) -> None:
    """Replace a file in one step."""
    beside = path.parent / f"{NEW}-{path.name}"
    flushed(beside, data)
    beside.replace(path)
    sync(path.parent)


def flushed(path: Path, data: bytes | pa.Table) -> str:
    """Write a file through to the disk and return its sha256."""
    if isinstance(data, bytes):
        path.write_bytes(data)
    elif path.suffix == ".parquet":
        pq.write_table(data, path, compression="zstd")
    else:  # sums are small, and are read often: no decoding
        with pa.ipc.new_file(path, data.schema, options=_LZ4) as writer:
            writer.write_table(data)
    sync(path)
    return file_sha256(path)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column of numbers, 0 where a day does not have it."""
    if name not in table.column_names:
        return np.zeros(len(table))
    return table[name].fill_null(0).to_numpy().astype(np.float64)


def cells_of(table: pa.Table, name: str) -> Cells:
    """Return a metric's cells; a tag that a day has not seen is 0 wherever tags are told."""
    n, mean = (numbers(table, f"{name}.{part}") for part in ("n", "mean"))
    if name.startswith(KNOWN_ISSUES):
        n = numbers(table, f"{KNOWN_ISSUES}.n")
    m2 = n * mean * (1 - mean) if is_binary(name) else numbers(table, f"{name}.m2")
    return Cells(n, mean, m2)
