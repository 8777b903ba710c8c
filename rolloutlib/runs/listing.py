"""The files of a folder of runs: what is read, what is refused unread, what is no data."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from rolloutlib.doors.opened import kind_of_name
from rolloutlib.doors.others import other_by_name
from rolloutlib.doors.packed import PACKINGS
from rolloutlib.doors.refusal import DoorError
from rolloutlib.errors import RunsError, UsageError
from rolloutlib.files import is_there, kind_of, shown_path
from rolloutlib.limits import FILES, NESTING
from rolloutlib.phrase import Clause, phrase, several
from rolloutlib.runs.files import META_NAME, RunFile
from rolloutlib.runs.quarantine import Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator, Sequence
    from pathlib import Path

__all__ = ["Listing", "list_files", "readable_files"]

_KINDS = phrase(
    ".json, .jsonl, .csv, .tsv, .jtl, .parquet, .xlsx, .ods or .eval (texts also as .csv.gz, "
    ".jsonl.zst …), or a .txt that files: in source.yaml names"
)
_TEXT = ".txt"  # of any text: data only where somebody names it
_LOCK = "~$"  # how names begin of what Excel lays beside a workbook that is open
_WORKBOOKS = (".xls", ".xlsb", ".numbers")  # in which errors and percentages cannot be told
_ARCHIVES = (
    ".7z", ".br", ".bz", ".bz2", ".gz", ".lz", ".lz4", ".lzma", ".lzo", ".rar", ".snappy", ".sz",
    ".tar", ".tbz2", ".tgz", ".txz", ".xz", ".z", ".zip", ".zst", ".zstd",
)  # fmt: skip
_NOT_RUNS = {
    "quarantine",
    "evidence",
}  # folders that lie beside runs: what was refused, what attests the checks
# Not UTF-8, not printable, or turning the direction of what is printed.
_ODD_NAME = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    Files to read in the order of their names, refused ones, and files that are no data.
    """

    files: tuple[RunFile, ...]
    refused: tuple[Quarantined, ...]
    ignored: tuple[str, ...]

    def apart_from(self, ignored: Callable[[str], bool]) -> Listing:
        """Tell files that are no data as ignored, whatever they seem to be.

        Raises:
            RunsError: nothing is left.
        """
        names = {entry.name for entry in self.files if ignored(entry.name)}
        names |= {entry.file for entry in self.refused if ignored(entry.file)}
        if names and names >= {entry.name for entry in self.files}:
            raise RunsError(
                "source.yaml names none of these files: {names}; expected files and arms of "
                "source.yaml to name one.",
                names=several(sorted(names)),
            )
        return Listing(
            tuple(entry for entry in self.files if entry.name not in names),
            tuple(entry for entry in self.refused if entry.file not in names),
            tuple(sorted({*self.ignored, *names})),
        )

    def without(self, names: Container[str]) -> Listing:
        """Leave files out that need not be read."""
        return replace(self, files=tuple(file for file in self.files if file.name not in names))


def list_files(path: Path, named: Collection[str] = ()) -> Listing:
    """List a file or a folder with its subfolders; links and archives are refused unread.

    So are pipes, sockets and devices, and names that cannot be written down. Folders named evidence
    (of the checks) or quarantine, and hidden files, are left out.

    Args:
        path: the file or folder.
        named: names, or patterns of names, of texts that are data although they end with .txt.

    Raises:
        UsageError: there is no such path.
        RunsError: nothing in it can hold runs, or it holds more files than it may.
    """
    if not is_there(path):
        raise UsageError(
            "{path} does not exist; expected a file or a folder of runs.", path=shown_path(path)
        )
    if not path.is_dir():
        return _one_file(path)
    files: list[RunFile] = []
    refused: dict[str, Quarantined] = {}
    ignored: list[str] = []
    for name, where, entry in sorted(_walk(str(path))):
        kind = _kind_of_data(name, named)
        if expectation := _refused_unread(name, kind, entry):
            printable = _printable(name, refused)
            refused[printable] = Quarantined(printable, 0, "file", "", expectation, "")
        elif kind:
            files.append(RunFile(name, where, kind))
        else:
            ignored.append(_printable(name, ()))
    if not files and not refused:
        if (other := _first_other(ignored)) is not None:
            raise other
        raise RunsError(
            "{path} holds no runs; expected files of kind {kinds}.",
            path=shown_path(path), kinds=_KINDS,
        )  # fmt: skip
    return Listing(tuple(files), tuple(refused.values()), tuple(ignored))


def readable_files(path: Path) -> tuple[RunFile, ...]:
    """List the files of a path that may be read.

    Raises:
        UsageError, RunsError: as `list_files`, or all of them are refused unread.
    """
    listing = list_files(path)
    if not listing.files and listing.refused:
        names = [entry.file for entry in listing.refused]
        raise _first_other(names) or RunsError(listing.refused[0].said)
    return listing.files


def _first_other(names: Sequence[str]) -> DoorError | None:
    """Return what the first file is that may hold samples in a form that is not read here."""
    for name in names:
        if (other := other_by_name(name)) is not None:
            return DoorError(name, phrase("is {what}", what=other.what), other.expected)
    return None


def _one_file(path: Path) -> Listing:
    """List the one file that was named; it may be a link."""
    shown, kind = shown_path(path), kind_of_name(path.name)
    if not path.is_file():
        raise RunsError(
            "{path} is {kind}; expected a file or a folder of runs.",
            path=shown, kind=kind_of(path, links=True),
        )  # fmt: skip
    if not kind:
        if (other := _first_other((shown,))) is not None:
            raise other
        expectation = _refused_unread(path.name, kind, "") or phrase(
            "expected one of {kinds}", kinds=_KINDS
        )
        ending = path.suffix or "none"
        raise RunsError(
            "{path} is of kind {kind!r}; {due}.", path=shown, kind=ending, due=expectation
        )
    if _ODD_NAME.search(path.name):
        expectation = _refused_unread(path.name, kind, "")
        raise RunsError("{path}: {due}; rename it.", path=shown, due=expectation)
    return Listing((RunFile(path.name, os.path.realpath(path), kind),), (), ())


def _refused_unread(name: str, kind: str, entry: Clause) -> Clause:
    """Say what was expected of an entry that is not read at all; empty where it may be read."""
    if entry:
        return phrase("expected a plain file, not {kind}", kind=entry)
    if _ODD_NAME.search(name) and kind:
        return phrase("expected a name in UTF-8 without control characters")
    return "" if kind else _expected_instead(name.lower())


def _expected_instead(name: str) -> Clause:
    """Say what was expected of a file whose ending is near to one that is read."""
    end = os.path.splitext(name)[1]  # noqa: PTH122
    if end in PACKINGS and not name.endswith(f".tar{end}"):
        return phrase(
            "expected an unpacked file, or a name that says what is in it: results.csv{end}",
            end=end,
        )
    if end in _ARCHIVES:
        return phrase("expected an unpacked file")
    other = other_by_name(name) if end in _WORKBOOKS else None
    return phrase("expected {due}", due=other.expected) if other else ""


def _kind_of_data(name: str, named: Collection[str]) -> str:
    """Return what a file may be; nothing of a text that nobody named, or of what is no data."""
    kind = kind_of_name(name)
    last = os.path.basename(name)  # noqa: PTH119
    if last == META_NAME or last.startswith(_LOCK):
        return ""
    is_named = any(name == pattern or fnmatch(name, pattern) for pattern in named)
    return kind if kind != _TEXT or is_named else ""


def _printable(name: str, taken: Container[str]) -> str:
    """Return a name that can be written down, which no other file has."""
    printable = shown_path(name) if _ODD_NAME.search(name) else name
    while printable in taken:
        printable += "~"
    return printable


def _walk(folder: str) -> Iterator[tuple[str, str, Clause]]:
    """Yield name, path and kind of each entry, and stop at more than a folder may hold."""
    waiting, count = [(folder, "")], 0
    while waiting:
        where, prefix = waiting.pop()
        if prefix.count("/") > NESTING.value:
            raise RunsError(
                "{path}: folders inside of folders have {refusal}.",
                path=shown_path(where), refusal=NESTING.passed(),
            )  # fmt: skip
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name in _NOT_RUNS:
                        continue
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, f"{prefix}{entry.name}/"))
                    else:
                        plain = entry.is_file(follow_symlinks=False)
                        kind = "" if plain else kind_of(entry.path)
                        yield prefix + entry.name, entry.path, kind
                    if count > FILES.value:
                        shown, many = shown_path(folder), FILES.passed()
                        raise RunsError("{file} has {refusal}.", file=shown, refusal=many)
        except OSError as error:
            raise RunsError(
                "{path} cannot be listed ({why}); expected a folder that nobody changes and that "
                "can be read.",
                path=shown_path(where), why=error,
            ) from None  # fmt: skip
