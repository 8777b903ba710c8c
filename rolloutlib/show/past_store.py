"""All reports below a folder, each read once: what did not change since is known from a file.

The file only saves time. It holds nothing that a report does not say, and may be removed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib import __version__
from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes, shown_path
from rolloutlib.ledger.seal import NAMES, PAGE, PARAMS, QUARANTINE, REVIEW, SEAL, WATCH, WATCH_PAGE
from rolloutlib.show.past import INDEX, NAMELESS, Past, past_at
from rolloutlib.words.sentences import catalogues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "CACHE", "DEPTH", "Drawn", "Known", "form_now", "gather", "index_from",
    "is_elsewhere", "known_at", "newest_first",
]  # fmt: skip

CACHE: Final = ".rollout-history.json"
DEPTH: Final = 4  # folders below the folder of reports: reports/daily/2026-10-29 is the second
MOST: Final = 20_000  # folders that are looked at
OWN: Final = ("docs", "params", "keys")  # folders of the workbook that hold no reports
SHIPPED: Final = "examples"  # of the folder of reports: rendered reviews that come with the package
_MARKS: Final = {REVIEW, PAGE, WATCH, WATCH_PAGE, SEAL}  # a folder with one of these is a report's


class _Stamped(msgspec.Struct, frozen=True):
    """A report and what its files were when it was read: names, sizes, times, inodes."""

    stamp: str
    past: Past


class Drawn(msgspec.Struct, frozen=True):
    """A picture and what it was drawn of."""

    key: str
    parts: dict[str, str]


class Known(msgspec.Struct):
    """What is known since last time.

    Attributes:
        form: `form_now` of who wrote it; what another one knew is not read.
        index: sha256 of what the index was made of, and of the index.
    """

    form: str = ""
    reports: dict[str, _Stamped] = msgspec.field(default_factory=dict[str, _Stamped])
    pictures: tuple[Drawn, ...] = ()
    index: tuple[str, str] = ("", "")


class _Found(NamedTuple):
    where: str
    folder: Path
    stamp: str


def known_at(place: Path) -> Known:
    """Return what is known of a folder of reports; nothing where nobody can tell."""
    with suppress(FileError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        cache = msgspec.json.decode(bounded_bytes(place / CACHE, links=False), type=Known)
        if cache.form == form_now():
            return cache
    return Known()


def form_now() -> str:
    """Return what tells whether reports would be read, drawn and worded otherwise."""
    return blake2b(__version__.encode() + b"\0" + catalogues(), digest_size=16).hexdigest()


def gather(place: Path, cache: Known, depth: int = DEPTH) -> tuple[Past, ...]:
    """Return every report below a folder, by its path; `cache` is brought up to date.

    Links to folders are not followed, so that no report is met twice.

    Args:
        place: the folder of reports.
        cache: what need not be read again.
        depth: how many folders deep reports are looked for.
    """
    fresh: dict[str, _Stamped] = {}
    pasts: list[Past] = []
    for report in sorted(_below(place, "", depth, [MOST])):
        if not _is_text(report.where):
            pasts.append(Past(where=shown_path(report.where), wrong=(NAMELESS,)))
            continue
        earlier = cache.reports.get(report.where)
        if earlier is None or earlier.stamp != report.stamp:
            earlier = _Stamped(report.stamp, past_at(report.folder, report.where))
        pasts.append(earlier.past)
        fresh[report.where] = earlier
    cache.reports = fresh
    return tuple(pasts)


def is_elsewhere(place: Path, root: Path | None) -> bool:
    """Whether a folder is none of reports: an index there would lie among other files.

    Args:
        place: the folder, resolved.
        root: of the workbook, whose reports/ may hold nothing yet; None for none.
    """
    home = root.resolve() if root else None
    if home is not None and place == home / "reports":
        return False
    around = home is not None and home.is_relative_to(place)
    around |= home is not None and any(place.is_relative_to(home / name) for name in OWN)
    if around or ".git" in place.parts or place == place.parent:
        return True
    return not os.path.lexists(place / CACHE) and not any(_below(place, "", DEPTH, [MOST]))


def index_from(folder: Path, reports: Path) -> str:
    """Return the address of a folder's index, from a report's page; "" where it lists none there.

    Args:
        folder: of the report.
        reports: the folder of reports whose index it is.
    """
    folder, reports = folder.resolve(), reports.resolve()
    if not folder.is_relative_to(reports):
        return ""
    inner = folder.relative_to(reports).parts
    hidden = any(name.startswith(".") for name in inner)
    if not 0 < len(inner) <= DEPTH or hidden or inner[0] == SHIPPED:
        return ""
    return "../" * len(inner) + INDEX


def newest_first(pasts: Iterable[Past]) -> tuple[Past, ...]:
    """Return reports by when they were made, the newest first."""

    def age(past: Past) -> tuple[float, float, str]:
        made, data = (0.0 if at is None else at.timestamp() for at in (past.made, past.until))
        return made, data, past.where

    return tuple(sorted(pasts, key=age, reverse=True))


def _is_text(name: str) -> bool:
    """Whether a name is UTF-8, so that a page can link to it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _below(folder: Path, where: str, depth: int, left: list[int]) -> Iterator[_Found]:
    """Yield the reports in a folder and below it; what lies in a report is a part of it."""
    left[0] -= 1
    if left[0] < 0:
        return
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except OSError:
        return
    if where and not _MARKS.isdisjoint(entry.name for entry in entries):
        yield _Found(where, folder, _stamp(entries))
        return
    if not where and any(entry.name == SEAL for entry in entries):
        yield _Found(".", folder, _stamp(entries))
    for entry in entries if depth else ():
        left_out = entry.name.startswith(".") or (not where and entry.name == SHIPPED)
        if not left_out and entry.is_dir(follow_symlinks=False):
            inner = f"{where}/{entry.name}" if where else entry.name
            yield from _below(Path(entry.path), inner, depth - 1, left)


def _stamp(entries: list[os.DirEntry[str]]) -> str:
    """Return what changes whenever a part of the report does."""
    states: list[tuple[str, int, int, int, int]] = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.name in NAMES or entry.name == PARAMS:
            states.append((entry.name, *_state(entry.path)))
        elif entry.name == QUARANTINE:
            with suppress(OSError), os.scandir(entry.path) as refused:
                states += [(f"{QUARANTINE}/{file.name}", *_state(file.path)) for file in refused]
    return blake2b(repr(sorted(states)).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _state(path: str) -> tuple[int, int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 -- four thousand of them
    except OSError:
        return 0, 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
