"""The bytes of a file of runs, and the pieces of them that stand for one run each."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import FileError, RunsError
from rolloutlib.files import bounded_bytes, file_sha256, shown_path
from rolloutlib.limits import COLUMNS, FILE_BYTES, LINE_BYTES, LINES
from rolloutlib.phrase import phrase
from rolloutlib.runs.envelopes import Unit
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.plain_rows import plain_rows
from rolloutlib.runs.quarantine import UTF8, Quarantined

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "META_NAME", "RunFile", "Stamp", "check_lines", "digest_of", "empty", "head_of", "plain_text",
    "read_bytes", "shows_run", "unchanged", "units_of",
]  # fmt: skip

META_NAME = "dataset_meta.json"
_FILLED = re.compile(rb"[^ \t\r\n]")
_RUN = re.compile(rb'"(result|runId|datasetMeta|metrics)"[ \t]*:')
_HEAD = 10_000
_RESULT = b'"result"'
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file to read.

    Attributes:
        name: inside the folder.
        path: where it is.
        kind: how its name ends; once it is open, one of the four kinds that are read.
        delimiter: between the cells of a CSV.
        as_it_is: whether what is read are the bytes of the file itself.
    """

    name: str
    path: str
    kind: str
    delimiter: str = ","
    as_it_is: bool = True


def read_bytes(file: RunFile) -> tuple[bytes, str]:
    """Return the content of a file and its sha256.

    Raises:
        RunsError: the file cannot be read, changes meanwhile, or is larger than it may be.
    """
    try:
        data = bounded_bytes(file.path, FILE_BYTES, links=False)
    except FileError as error:
        raise RunsError("{path} {why}.", path=shown_path(file.path), why=error.why) from None
    return data, hashlib.sha256(data).hexdigest()


def plain_text(data: bytes) -> bytes:
    """Return a text without the byte-order mark of UTF-8."""
    return data.removeprefix(_BOM)


def check_lines(file: RunFile, data: bytes) -> None:
    """Refuse a flood of lines, or a line without end, before anything looks at them.

    Raises:
        RunsError: a line is longer than it may be, or there are too many of them, or of columns.
    """
    lines = data.count(b"\n") + data.count(b"\r") + 1
    if lines > LINES.value:
        raise RunsError("{file} has {refusal}.", file=file.name, refusal=LINES.refusal(lines))
    most, place = LINE_BYTES.value, 0
    while place + most < len(data):
        end = max(data.rfind(mark, place, place + most + 1) for mark in (b"\n", b"\r"))
        if end < 0:
            line = data.count(b"\n", 0, place) + 1
            raise RunsError(
                "{place}: the line has {refusal}.",
                place=f"{file.name}:{line}", refusal=LINE_BYTES.passed(),
            )  # fmt: skip
        place = end + 1
    head = data[: data.find(b"\n")] if file.kind == ".csv" else b""
    columns = head.count(file.delimiter.encode()) + 1
    if columns > COLUMNS.value:
        raise RunsError("{file} has {refusal}.", file=file.name, refusal=COLUMNS.refusal(columns))


def empty(file: RunFile, *, alone: bool) -> Quarantined:
    """Return the refusal of a file that holds nothing.

    Raises:
        RunsError: there is no other file.
    """
    if alone:
        raise RunsError("{file} has 0 rows; expected at least one run.", file=file.name)
    expectation = phrase("expected at least one run")
    return Quarantined(file.name, 0, phrase("the file has 0 rows"), "", expectation, "")


def head_of(data: bytes) -> bytes:
    """Return the bytes in which a file of runs shows one of its own keys, however many blank lines.

    >>> head_of(b"  {}")
    b'{}'
    """
    match = _FILLED.search(data)
    return data[match.start() : match.start() + _HEAD] if match else b""


def shows_run(data: bytes) -> bool:
    """Whether a file's beginning has a key of run envelopes."""
    return bool(_RUN.search(head_of(data)))


@contextmanager
def unchanged(file: RunFile) -> Generator[Stamp]:
    """Refuse a file that is not the same at the end: what was digested is what was read.

    Raises:
        RunsError: it is gone, somebody wrote to it, or put another in its place.
    """
    stamp = Stamp(file, _state(file))
    yield stamp
    stamp.check()


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as it was: which one, how many bytes, when they were written."""

    file: RunFile
    state: tuple[int, ...]

    def check(self) -> None:
        """Look whether it is still so.

        Raises:
            RunsError: it is gone or another one.
        """
        if _state(self.file) != self.state:
            raise RunsError(
                "{path} changed while it was read; wait for its writer, and read it again.",
                path=shown_path(self.file.path),
            )


def _state(file: RunFile) -> tuple[int, ...]:
    try:
        now = os.stat(file.path, follow_symlinks=False)  # noqa: PTH116 -- a text, as scandir gives it
    except OSError as error:
        raise RunsError(
            "{path} cannot be read any more ({why}); read it again.",
            path=shown_path(file.path), why=error,
        ) from None  # fmt: skip
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def digest_of(file: RunFile) -> str:
    """Return the sha256 of a file, read piece by piece.

    Raises:
        RunsError: it cannot be read, or changes meanwhile.
    """
    try:
        return file_sha256(file.path, links=False)
    except FileError as error:
        raise RunsError("{path} {why}.", path=shown_path(file.path), why=error.why) from None


def units_of(file: RunFile, data: bytes) -> list[Unit]:
    """Split a file of envelopes into runs: one of JSON, a line of JSON Lines, a row of Parquet."""
    if file.kind == ".jsonl":
        lines = enumerate(data.splitlines(), start=1)
        return [Unit(file.name, number, line) for number, line in lines if line.strip()]
    if file.kind == ".parquet":
        rows = plain_rows(pq.read_table(pa.BufferReader(data)))
        return [Unit(file.name, number, _as_json(row)) for number, row in enumerate(rows, start=1)]
    unit = Unit(file.name, 1, data)
    return [unit if _RESULT in data else _enveloped(unit, file)]


def _as_json(row: dict[str, Any]) -> bytes:
    """A Parquet row as the JSON it was written from.

    Absent keys are nulls there, and NaN stays visible.
    """
    return json.dumps(_without_nulls(row), ensure_ascii=False, default=str).encode()


def _without_nulls(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _enveloped(unit: Unit, file: RunFile) -> Unit:
    """Put a bare run_result and its dataset_meta.json into one envelope.

    On the same lines as before.
    """
    meta = _read_meta(os.path.join(os.path.dirname(file.path), META_NAME))  # noqa: PTH118, PTH120
    if meta is None:
        return unit
    head = {
        "runId": os.path.splitext(file.name)[0],  # noqa: PTH122
        "startedAt": meta.get("createdAt"),
        "datasetMeta": meta,
    }
    return unit._replace(data=json.dumps(head)[:-1].encode() + b',"result":' + unit.data + b"}")


def _read_meta(path: str) -> dict[str, Any] | None:
    try:
        return read_object(bounded_bytes(path, links=False).removeprefix(_BOM))
    except FileError as error:
        if error.missing:
            return None
        raise RunsError(error.phrase) from None
    except (UnicodeDecodeError, MalformedError) as error:
        raise RunsError(
            "{path} is not one JSON object with each key once: {due}.",
            path=path, due=getattr(error, "expectation", UTF8),
        ) from None  # fmt: skip
