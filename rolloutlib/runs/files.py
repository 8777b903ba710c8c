"""The files of a folder of runs, and the pieces of them that stand for one run each."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.runs.envelopes import Unit
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.quarantine import Quarantined

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

__all__ = ["META_NAME", "Listing", "RunFile", "digest_of", "list_files", "read_bytes", "units_of"]

META_NAME = "dataset_meta.json"
_KINDS = (".json", ".jsonl", ".parquet", ".csv")
_ARCHIVES = (".gz", ".zip", ".bz2", ".xz", ".zst", ".tar", ".7z")
_NOT_RUNS = {
    "quarantine",
    "evidence",
}  # folders that lie beside runs: what was refused, what attests the checks
_RESULT = b'"result"'
_LEFT_OUT = {"evidence", "quarantine"}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file to read: its name inside the folder, and where it is."""

    name: str
    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    Files to read in the order of their names, refused ones, and files that are no data.
    """

    files: tuple[RunFile, ...]
    refused: tuple[Quarantined, ...]
    ignored: tuple[str, ...]

    def without(self, names: Container[str]) -> Listing:
        """Leave files out that need not be read."""
        return replace(self, files=tuple(file for file in self.files if file.name not in names))


def list_files(path: Path) -> Listing:
    """List a file or a folder with its subfolders; links and archives are refused unread.

    Folders named evidence (of the checks) or quarantine, and hidden files, are left out.

    Raises:
        UsageError: there is no such path.
        RunsError: nothing in it can hold runs.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a file or a folder of runs.")
    kinds = ", ".join(_KINDS)
    if path.is_file():
        if path.suffix.lower() not in _KINDS:
            raise RunsError(
                f"{path} is of kind {path.suffix or 'none'!r}; expected one of {kinds}."
            )
        return Listing((RunFile(path.name, str(path), path.suffix.lower()),), (), ())
    files: list[RunFile] = []
    refused: list[Quarantined] = []
    ignored: list[str] = []
    for name, where, link in sorted(_walk(str(path), "")):
        kind = os.path.splitext(name)[1].lower()  # noqa: PTH122
        if link or kind in _ARCHIVES:
            due = "expected a plain file, not a link" if link else "expected an unpacked file"
            refused.append(Quarantined(name, 0, "file", "", due, ""))
        elif kind in _KINDS and os.path.basename(name) != META_NAME:  # noqa: PTH119
            files.append(RunFile(name, where, kind))
        else:
            ignored.append(name)
    if not files and not refused:
        raise RunsError(f"{path} holds no runs; expected files of kind {kinds}.")
    return Listing(tuple(files), tuple(refused), tuple(ignored))


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, str, bool]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _NOT_RUNS:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.path, entry.is_symlink()


def read_bytes(file: RunFile) -> tuple[bytes, str]:
    """Return the content without its byte-order mark, and the sha256 of the file as it is.

    Raises:
        RunsError: the file cannot be read.
    """
    try:
        with open(file.path, "rb", buffering=0) as stream:  # noqa: PTH123
            data = stream.read()
    except OSError as error:
        raise RunsError(f"{file.path} cannot be read: {error.strerror}.") from None
    digest = hashlib.sha256(data).hexdigest()
    return (data[3:] if data.startswith(_BOM) else data), digest


def digest_of(file: RunFile) -> str:
    """Return the sha256 of a file, read piece by piece."""
    with open(file.path, "rb") as stream:  # noqa: PTH123
        return hashlib.file_digest(stream, "sha256").hexdigest()


def units_of(file: RunFile, data: bytes) -> list[Unit]:
    """Split a file of envelopes into runs: one of JSON, a line of JSON Lines, a row of Parquet."""
    if file.kind == ".jsonl":
        lines = enumerate(data.splitlines(), start=1)
        return [Unit(file.name, number, line) for number, line in lines if line.strip()]
    if file.kind == ".parquet":
        rows = pq.read_table(pa.BufferReader(data)).to_pylist()
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
        with open(path, "rb") as stream:  # noqa: PTH123
            return read_object(stream.read().removeprefix(_BOM))
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, MalformedError) as error:
        due = getattr(error, "expectation", "expected UTF-8")
        msg = f"{path} is not one JSON object with each key once: {due}."
        raise RunsError(msg) from None
