"""A first look at files that somebody else wrote: their columns and some of their records.

It is bounded: at most 32 MB of text and 20,000 records of each file, and at most 40 files of each
folder. What is drafted from it is read again, whole and strictly, by whoever reviews.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (files of any shape; pyarrow carries no types)
from __future__ import annotations

import csv
import io
import json
import os
import re
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from rolloutlib.doors.opened import Opened, Said, opened
from rolloutlib.doors.records import records_at
from rolloutlib.doors.refusal import DoorError
from rolloutlib.drafts.names import MEASURED, fields_of
from rolloutlib.errors import FileError, RunsError, UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.limits import COLUMNS, FILE_BYTES
from rolloutlib.phrase import phrase
from rolloutlib.runs.listing import readable_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rolloutlib.runs.files import RunFile

__all__ = [
    "ARMS", "FIRST", "MOST_BYTES", "MOST_RECORDS", "Peek", "PeekFile", "flat", "literal", "peek",
]  # fmt: skip

ARMS: Final = ("control", "treatment")
FIRST: Final = 200  # records that are looked at closely
MOST_RECORDS, MOST_BYTES, _FILES, _DEEP = 20_000, 32 * 10**6, 40, 4
_ODD_NUMBER = re.compile(rb"NaN|Infinity")
Cells = dict[str, Any]


class PeekFile(NamedTuple):
    """What one file shows.

    Attributes:
        name: relative to the folder beside which source.yaml is to stand.
        path: where it is.
        kind: .csv, .jsonl, .json or .parquet, whatever it was packed in.
        columns: names of the columns; of nested records dotted paths to what is no object.
        records: the first 200 records, as they are written.
        root: what a .json file holds, where that is one object; of others None.
        place: where in a .json file the records are: a path, or "." for the file itself.
        every: all records within the bounds, where the first 200 are not enough.
        opening: keys of source.yaml without which the file cannot be read (encoding, delimiter …).
        cut: whether there are more records than were looked at.
    """

    name: str
    path: Path
    kind: str
    columns: tuple[str, ...]
    records: tuple[Cells, ...]
    root: Cells | None = None
    place: str = ""
    every: tuple[Cells, ...] = ()
    opening: dict[str, Any] = {}  # noqa: RUF012 -- nobody writes to it
    cut: bool = False


class Peek(NamedTuple):
    """What was looked at.

    Attributes:
        files: in the order of their names, those of the first path first.
        folder: beside which source.yaml is to stand: the files' names are relative to it.
        arms: arm → glob of its files, where two paths were given; else empty.
        names: of all data files there, those too that were not looked at.
    """

    files: tuple[PeekFile, ...]
    folder: Path = Path()
    arms: dict[str, str] = {}  # noqa: RUF012 -- nobody writes to it
    names: tuple[str, ...] = ()

    @property
    def first(self) -> PeekFile:
        """The first file that holds records, or else the first one."""
        return next((file for file in self.files if file.records), self.files[0])

    @property
    def opening(self) -> dict[str, Any]:
        """The keys of source.yaml without which the files cannot be read."""
        return {key: value for file in self.files for key, value in file.opening.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that every file with records has."""
        filled = [file.columns for file in self.files if file.records]
        return tuple(c for c in self.first.columns if all(c in every for every in filled))


def peek(paths: Sequence[Path]) -> Peek:
    """Look at one file or folder, or at two: the control's and the treatment's.

    Raises:
        UsageError: a path does not exist, there are more than two, or both are the same.
        RunsError: nothing there can be read.
    """
    if not 1 <= len(paths) <= len(ARMS):
        raise UsageError(
            "{n} paths are given; expected one file or folder, or two: the control's, then the "
            "treatment's.", n=len(paths),
        )  # fmt: skip
    listed = [readable_files(path) for path in paths]
    whole, arms = [path.resolve() for path in paths], dict[str, str]()
    if len(whole) == 1:
        folder = whole[0] if whole[0].is_dir() else whole[0].parent
    else:
        folder, arms = _beside(whole)
    files = tuple(file for each in listed for file in _looked_at(folder, _spread(each)))
    names = tuple(_name(folder, file) for each in listed for file in each)
    _check_alike(files)
    return Peek(files, folder, arms, names)


def _spread(files: Sequence[RunFile]) -> Sequence[RunFile]:
    """Return as many files as are looked at, from the first to the last."""
    step = max(1, -(-len(files) // _FILES))
    return files[::step]


def _name(folder: Path, file: RunFile) -> str:
    return Path(os.path.relpath(Path(file.path).resolve(), folder)).as_posix()


def _check_alike(files: Sequence[PeekFile]) -> None:
    """Refuse files of one ending that are opened by different keys: source.yaml has one of each.

    Raises:
        RunsError: with a file of each.
    """
    first: dict[str, PeekFile] = {}
    for file in files:
        other = first.setdefault(PurePosixPath(file.name).suffix.lower(), file)
        if other.opening != file.opening:
            keys = (", ".join(f"{k}: {v}" for k, v in f.opening.items()) for f in (other, file))
            other_keys, file_keys = (key or phrase("no key") for key in keys)
            raise RunsError(
                "{other} is opened by {one}, and {file} by {two}; expected all to be written "
                "alike: save one anew.",
                other=other.name, one=other_keys, file=file.name, two=file_keys,
            )  # fmt: skip


def _beside(paths: Sequence[Path]) -> tuple[Path, dict[str, str]]:
    """Return the folder above both paths, and each arm's files as a glob relative to it."""
    first, second = paths
    if first == second or first in second.parents or second in first.parents:
        raise UsageError(
            "{one} and {other} hold the same files; expected two arms.", one=first, other=second
        )
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    names = (literal(path.relative_to(folder).as_posix()) for path in paths)
    globs = [
        f"{name}/*" if path.is_dir() else name for name, path in zip(names, paths, strict=True)
    ]
    return folder, dict(zip(ARMS, globs, strict=True))


def literal(name: str) -> str:
    """Return a glob of one name, whatever characters are in it."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _looked_at(folder: Path, files: Iterable[RunFile]) -> Iterator[PeekFile]:
    for file in files:
        path, name = Path(file.path).resolve(), _name(folder, file)
        try:
            data = bounded_bytes(path, FILE_BYTES)
        except FileError as error:
            raise RunsError("{path} {why}.", path=name, why=error.why) from None
        yield _looked(name, path, *_way_in(name, data))


def _way_in(name: str, data: bytes) -> tuple[Opened, dict[str, Any]]:
    """Return a file's text, and the keys of source.yaml without which there is no way in.

    Raises:
        DoorError: no key would mend it, or nobody but a person knows its value.
    """
    keys: dict[str, Any] = {}
    while True:
        try:
            return opened(name, data, Said(**keys)), keys
        except DoorError as error:
            if error.value is None or error.key in keys or error.key not in Said._fields:
                raise
            keys[error.key] = error.value


def _looked(name: str, path: Path, content: Opened, opening: dict[str, Any]) -> PeekFile:
    root, place, kind, data, cut = None, "", content.kind, content.data, False
    if kind == ".json":
        tree = _decoded(data)
        place, every = records_of(tree)
        cut = len(every) == MOST_RECORDS
        root = cast("Cells", tree) if isinstance(tree, dict) else None
    else:
        whole = kind == ".parquet" or len(data) <= MOST_BYTES
        text = data if whole else data[:MOST_BYTES].rpartition(b"\n")[0]
        records = _csv(text, content.delimiter) if kind == ".csv" else _RECORDS_OF[kind](text)
        every = tuple(islice(records, MOST_RECORDS))
        cut = not whole or next(iter(records), None) is not None
    names = dict.fromkeys(name for record in every for name in flat(record))
    columns = tuple(islice(names, COLUMNS.value))
    return PeekFile(name, path, kind, columns, every[:FIRST], root, place, every, opening, cut)


def _decoded(data: bytes) -> object:
    """Return what JSON says; NaN, which many tools write, is nothing here."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if not _ODD_NUMBER.search(data):
            return None
    try:
        return json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def records_of(tree: object) -> tuple[str, tuple[Cells, ...]]:
    """Return where the longest list of objects is, and the objects; an empty place is nowhere.

    A list whose objects measure something by their names comes before one that is longer.

    >>> records_of({"version": 3, "results": {"results": [{"id": 1}, {"id": 2}]}})
    ('results.results', ({'id': 1}, {'id': 2}))
    >>> records_of({"logs": [{"at": 1}, {"at": 2}], "samples": [{"score": 1}]})[0]
    'samples'
    """
    best, records, rank = "", tuple[Cells, ...](), (False, 0)
    for place in _places(tree, ".", 0):
        items = records_at(tree, place) or []
        if not items or not all(isinstance(item, dict) for item in items):
            continue
        objects = tuple(cast("list[Cells]", items[:MOST_RECORDS]))
        fields = {field for name in flat(objects[0]) for field, _ in fields_of(name)}
        if (own := (bool(fields & MEASURED), len(items))) > rank:
            best, records, rank = place, objects, own
    return best, records


def _places(tree: object, place: str, deep: int) -> Iterator[str]:
    """Yield the paths of lists, and of tables of `columns` and `data`."""
    if isinstance(tree, list):
        yield place
    elif isinstance(tree, dict) and deep < _DEEP:
        if {"columns", "data"} <= tree.keys():
            yield place
        for name, inner in tree.items():
            yield from _places(inner, name if place == "." else f"{place}.{name}", deep + 1)


def flat(record: Cells, prefix: str = "", deep: int = 0) -> dict[str, Any]:
    """Return a record's cells by column; what is in an inner object by its dotted path.

    >>> flat({"id": 1, "usage": {"cost": 2, "tags": ["a"]}})
    {'id': 1, 'usage.cost': 2, 'usage.tags': ['a']}
    """
    cells: dict[str, Any] = {}
    for name, cell in record.items():
        if isinstance(cell, dict) and cell and deep < _DEEP:
            cells |= flat(cast("Cells", cell), f"{prefix}{name}.", deep + 1)
        else:
            cells[f"{prefix}{name}"] = cell
    return cells


def _csv(data: bytes, delimiter: str) -> Iterator[Cells]:
    csv.field_size_limit(2**31 - 1)
    text = io.StringIO(data.decode("utf-8-sig", "replace"), newline="")
    rows = csv.reader(text, delimiter=delimiter)
    header = next(rows, [])
    for row in rows:
        if len(row) == len(header):
            yield {name: cell or None for name, cell in zip(header, row, strict=True)}


def _jsonl(data: bytes) -> Iterator[Cells]:
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        record = _decoded(line) if line.strip() else None
        if isinstance(record, dict):
            yield cast("Cells", record)


def _parquet(data: bytes) -> Iterator[Cells]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches(FIRST):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError):
        return


_RECORDS_OF: Final = {".jsonl": _jsonl, ".parquet": _parquet}
