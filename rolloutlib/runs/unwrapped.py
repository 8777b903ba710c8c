"""A file of runs out of its wrapping: unpacked, decoded, out of its workbook, as a kind we read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from rolloutlib.doors.opened import Said, kind_of_name, opened
from rolloutlib.phrase import phrase
from rolloutlib.runs.columns import TEXTS
from rolloutlib.runs.database import texts_folder
from rolloutlib.runs.decimals import is_number
from rolloutlib.runs.files import check_lines, plain_text
from rolloutlib.runs.quarantine import Quarantined
from rolloutlib.runs.sources import WIRE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from rolloutlib.doors.refusal import DoorError
    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["named_texts", "refused_run", "said_of", "scanned", "scanned_paths"]
__all__ += ["unwrapped"]

_WORDS = {"passed", "status", "score", "latency_ms", "covariate"}  # their words are judged
_SCANNED = {".parquet", ".csv", ".tsv", ".tab", ".txt", ".jtl"}
_OWN = ("arm",)  # without which a table has not our own names
_NUMBERS = count()


def said_of(spec: SourceSpec | None, file: str) -> Said:
    """Return what source.yaml says of how a file is written, and what its columns may hold.

    A table that it does not map may have our own names.
    """
    if spec is None or not fnmatch(file, spec.files):
        spec = None
    columns = spec.mapped if spec else {}
    if not columns:
        names = {name: (name, WIRE[name]) for name in WIRE}
        mapped_names = _OWN
    else:
        names = spec.named_columns if spec else {}
        mapped_names = tuple(dict.fromkeys(name for several in names.values() for name in several))
    between = {name for name, column in columns.items() if column.since}
    times = {name for field in {"started_at", *between} for name in names.get(field, ())}
    words = {name for field in _WORDS & names.keys() for name in names[field]}
    words |= {column.column for column in columns.values() if column.none}
    numbers = {name for field in names if field in _WORDS or is_number(field)
               for name in names[field]}  # fmt: skip
    numbers |= {column.column for column in spec.scores.values()} if spec else set()
    beside = (
        {n: column.column for n, column in spec.beside.items() if n not in TEXTS} if spec else {}
    )
    every = {name for several in names.values() for name in several} | {*beside.values()}
    return Said(
        encoding=spec.encoding if spec else None, delimiter=spec.delimiter if spec else None,
        sheet=spec.sheet if spec else None, wanted=mapped_names, times=tuple(sorted(times)),
        strict=tuple(sorted(every - times)), numbers=tuple(sorted(numbers)),
        words=tuple(sorted(words)),
    )  # fmt: skip


def named_texts(spec: SourceSpec | None) -> tuple[str, ...]:
    """Return the patterns of source.yaml that name texts (.txt), which else are no data."""
    if spec is None:
        return ()
    patterns = (spec.files, *(pattern for globs in spec.arms.values() for pattern in globs))
    return tuple(pattern for pattern in patterns if ".txt" in pattern.lower())


def unwrapped(file: RunFile, data: bytes, spec: SourceSpec | None) -> tuple[RunFile, bytes]:
    """Open a file's bytes: the file as it is read from now on, and its text.

    Raises:
        DoorError: it has no way in as it is; the sentence names the key that would mend it.
        RunsError: it has more lines, or longer ones, than may be.
    """
    unpacked = opened(file.name, data, said_of(spec, file.name))
    same = unpacked.data is data or plain_text(data) == unpacked.data
    read = replace(file, kind=unpacked.kind, delimiter=unpacked.delimiter, as_it_is=same)
    if read.kind in {".csv", ".jsonl"}:
        check_lines(read, unpacked.data)
    return read, unpacked.data


def refused_run(error: DoorError, *, alone: bool) -> Quarantined:
    """Return the refusal of a run; a table, or the only file, refuses the whole read.

    Raises:
        DoorError: the error itself.
    """
    if alone or kind_of_name(error.file) != ".json":
        raise error
    is_something = str(error.got).startswith("is ")
    got = phrase("file {got}", got=error.got) if is_something else error.got
    return Quarantined(error.file, 0, got, "", phrase("expected {due}", due=error.expected), "")


def scanned_paths(files: Iterable[RunFile]) -> list[Path]:
    """Return the files that the engine reads where they lie."""
    return [Path(file.path).resolve() for file in files if file.kind in _SCANNED]


@contextmanager
def scanned(file: RunFile, data: bytes) -> Generator[RunFile]:
    """Give the engine a file that it can scan: the file itself, or its text laid out for it."""
    if file.as_it_is or file.kind != ".csv":
        yield file
        return
    path = Path(texts_folder()) / f"{next(_NUMBERS)}.csv"
    path.write_bytes(data)
    try:
        yield replace(file, path=str(path))
    finally:
        path.unlink()
