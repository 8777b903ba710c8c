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
from rolloutlib.runs.envelopes import Unit
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.plain_rows import plain_rows
from rolloutlib.runs.quarantine import Quarantined

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "META_NAME", "RunFile", "Stamp", "digest_of", "format_of", "head_of", "read_bytes", "unchanged",
    "units_of", "unreadable",
]  # fmt: skip

META_NAME = "dataset_meta.json"
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"), (b"\x1f\x8b", "packed (gzip)"), (b"PK\x03\x04", "packed (zip)"),
    (b"BZh", "packed (bzip2)"), (b"\xfd7zXZ\0", "packed (xz)"), (b"7z\xbc\xaf", "packed (7z)"),
    (b"\x28\xb5\x2f\xfd", "packed (zstd)"), (b"PAR1", "Parquet"), (b"SQLite format 3", "SQLite"),
)  # fmt: skip
_FILLED = re.compile(rb"[^ \t\r\n]")
_HEAD = 10_000
_RESULT = b'"result"'
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file to read: its name inside the folder, and where it is."""

    name: str
    path: str
    kind: str


def read_bytes(file: RunFile) -> tuple[bytes, str]:
    """Return the content without its byte-order mark, and the sha256 of the file as it is.

    Raises:
        RunsError: the file cannot be read, changes meanwhile, or is larger than it may be; a line
            of it is, or it has too many.
    """
    try:
        data = bounded_bytes(file.path, FILE_BYTES, links=False)
    except FileError as error:
        raise RunsError(f"{shown_path(file.path)} {error.why}.") from None
    digest = hashlib.sha256(data).hexdigest()
    data = data.removeprefix(_BOM)
    if file.kind in {".csv", ".jsonl"}:
        _check_lines(file, data)
    return data, digest


def _check_lines(file: RunFile, data: bytes) -> None:
    """Refuse a flood of lines, or a line without end, before anything looks at them."""
    lines = data.count(b"\n") + data.count(b"\r") + 1
    if lines > LINES.value:
        raise RunsError(f"{file.name} has {LINES.refusal(lines)}.")
    most, place = LINE_BYTES.value, 0
    while place + most < len(data):
        end = max(data.rfind(mark, place, place + most + 1) for mark in (b"\n", b"\r"))
        if end < 0:
            line, longer = data.count(b"\n", 0, place) + 1, f"more than {most:,}"
            raise RunsError(f"{file.name}:{line}: the line has {LINE_BYTES.refusal(longer)}.")
        place = end + 1
    head = data[: data.find(b"\n")] if file.kind == ".csv" else b""
    if head.count(b",") >= COLUMNS.value:
        raise RunsError(f"{file.name} has {COLUMNS.refusal(head.count(b',') + 1)}.")


def format_of(data: bytes) -> str:
    """Return what bytes are that are no UTF-8 text, for a sentence; empty where they may be text.

    >>> format_of("arm".encode("utf-16")), format_of(b"arm")
    ('UTF-16', '')
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    head = data[:64]
    halves = (head[::2], head[1::2])
    wide = len(head) > 3 and any(half and not half.strip(b"\0") for half in halves)  # noqa: PLR2004
    return "UTF-16 or UTF-32" if wide else ""


def unreadable(file: RunFile, data: bytes, *, alone: bool) -> Quarantined | None:
    """Return the refusal of a file that is empty or no UTF-8 text; None where it may be read.

    Raises:
        RunsError: there is no other file, or it is a table or many runs, so that more would be lost
            than the one row that a refused file counts as.
    """
    if not data.strip():
        if alone:
            raise RunsError(f"{file.name} has 0 rows; expected at least one run.")
        due = "expected at least one run"
        return Quarantined(file.name, 0, "the file has 0 rows", "", due, "")
    found = "" if file.kind == ".parquet" else format_of(data)
    if not found:
        return None
    due = "an unpacked file" if "packed" in found else "UTF-8 text; save it as UTF-8"
    if alone or file.kind != ".json":
        raise RunsError(f"{file.name} is {found}; expected {due}.")
    return Quarantined(file.name, 0, "file", found, f"expected {due}", "")


def head_of(data: bytes) -> bytes:
    """Return the bytes in which a file of runs shows one of its own keys, however many blank lines.

    >>> head_of(b"  {}")
    b'{}'
    """
    found = _FILLED.search(data)
    return data[found.start() : found.start() + _HEAD] if found else b""


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
            told, due = shown_path(self.file.path), "wait for its writer, and read it again"
            raise RunsError(f"{told} changed while it was read; {due}.")


def _state(file: RunFile) -> tuple[int, ...]:
    try:
        now = os.stat(file.path, follow_symlinks=False)  # noqa: PTH116 -- a text, as scandir gives it
    except OSError as error:
        gone = f"cannot be read any more ({error.strerror})"
        raise RunsError(f"{shown_path(file.path)} {gone}; read it again.") from None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def digest_of(file: RunFile) -> str:
    """Return the sha256 of a file, read piece by piece.

    Raises:
        RunsError: it cannot be read, or changes meanwhile.
    """
    try:
        return file_sha256(file.path, links=False)
    except FileError as error:
        raise RunsError(f"{shown_path(file.path)} {error.why}.") from None


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
        raise RunsError(str(error)) from None
    except (UnicodeDecodeError, MalformedError) as error:
        due = getattr(error, "expectation", "expected UTF-8")
        msg = f"{path} is not one JSON object with each key once: {due}."
        raise RunsError(msg) from None
