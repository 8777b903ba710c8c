"""A report is there in whole or not at all: written beside its place, then moved in.

Where its folder is new or holds nothing else, folders are renamed, and a crash between two renames
is healed by the next run. A folder that holds other files too, that is mounted, or that somebody
stands in is never moved: there the old parts go before the new ones come, the seal last of all.
Either way nobody meets parts of two reviews.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final, TextIO

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.ledger.durable import Files
from rolloutlib.ledger.seal import NAMES, PAGE, QUARANTINE, SEAL, WATCH_PAGE, parts_in
from rolloutlib.show.owned import alone_in, only_writer, owned_folder, refuse_inner, sweep

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from rolloutlib.words.sentences import Sentence

__all__ = ["PRINTS", "Report", "in_words", "new_report"]

PREFIX: Final = ".rollout-"  # of every name beside a report, or in it
NEW: Final = f"{PREFIX}new-"  # owned by a run; the next one removes those of dead runs
OLD: Final = f"{PREFIX}old-"  # an older report that steps aside; kept until its swap is finished
LOCK: Final = f"{PREFIX}lock-"  # held by the run that writes a report to a place
CHECKPOINTS: Final = ".ipynb_checkpoints"  # JupyterLab's copies, also of an older report's parts
PRINTS: Final = tuple(f"{Path(name).stem}.pdf" for name in (PAGE, WATCH_PAGE))
_SHORT: Final = 60  # characters of a name that leave room for more in the 255 bytes of a name
_NO_PLACE: Final = {
    errno.EACCES, errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG,
    errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is being written.

    Attributes:
        folder: where its parts are written; nobody looks there.
        place: where it will be.
        fresh: whether its place must be new; one that is taken meanwhile gets a number.
        files: the calls into the operating system.
    """

    folder: Path
    place: Path
    fresh: bool
    files: Files

    @property
    def failed(self) -> Path:
        """Where a notebook is kept that could not be run to its end."""
        return self.folder.with_name(f"{self.place.name[:_SHORT]}.failed.ipynb")

    def publish(self) -> Path:
        """Move the report to its place; return it.

        Raises:
            OSError: it cannot be moved; what was there before is there again, or nothing is.
        """
        _sync(self.files, self.folder)
        with alone_in(self.place.parent):
            _heal(self.files, self.place)
            place = _free(self.place) if self.fresh else self.place
            if self.folder.parent == place or _must_stay(place):
                _replace_parts(self.files, self.folder, place)
            else:
                _swap(self.files, self.folder, place)
        self.failed.unlink(missing_ok=True)  # of an earlier try
        return place


@contextmanager
def new_report(
    place: Path, *, fresh: bool = False, files: Files | None = None, progress: TextIO | None = None
) -> Generator[Report]:
    """Begin a report: its parts go to `Report.folder`, and `publish` moves them.

    Without `publish`, and whatever ends the process, the place is as it was. One run at a time
    writes to a place; the next one waits, and says on `progress` for whom.

    Raises:
        UsageError: it can be no folder of a report.
        RolloutError: the disk is full or fails, or another run writes there for ten minutes.
    """
    refuse_inner(place)
    with in_words(place):
        calls, place = files or Files(), Path(os.path.realpath(place))
        if place.is_symlink():  # still: it leads to itself
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(place))
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
        elif not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        with ExitStack() as stack:
            if not fresh:
                stack.enter_context(_only_writer(place, progress))
            with alone_in(place.parent):
                _heal(calls, place)
            beside = place if _must_stay(place) else place.parent
            sweep(beside, NEW)
            folder = stack.enter_context(owned_folder(beside, NEW, 0o777))
            if place.is_dir():
                shutil.copymode(place, folder)
            yield Report(folder, place, fresh, calls)


@contextmanager
def in_words(place: Path) -> Generator[None]:
    """Say what the system refuses in a sentence, not in a traceback."""
    try:
        yield
    except OSError as error:
        where = Path(str(error.filename or place))
        where = where.parent if where.name.startswith(PREFIX) else where  # nobody knows ours
        at = "" if where == place else f"{where}: "
        why = f"{at}{error.strerror or error}"
        if error.errno in _NO_PLACE:
            raise UsageError(
                "{parameter} is {place!r}, where no report can be written ({why}); name a folder "
                "in a place where you may write", parameter="out", place=str(place), why=why,
            ) from None  # fmt: skip
        raise RolloutError(
            "the report {place} could not be written ({why}); make room or repair it, or name "
            "another place with --out, and run it again", place=place, why=why,
        ) from None  # fmt: skip


def _only_writer(place: Path, progress: TextIO | None) -> AbstractContextManager[None]:
    def waiting(sentence: Sentence) -> None:
        if progress is not None:
            print(f"rollout: {sentence}", file=progress, flush=True)

    at = place.parent if os.access(place.parent, os.W_OK | os.X_OK) else place
    return only_writer(place, _beside(at, LOCK, place), waiting)


def _swap(files: Files, folder: Path, place: Path) -> None:
    """Put a folder in the place of another that holds nothing but an older report."""
    old = _old(place)
    if place.exists() and any(place.iterdir()):
        files.rename(place, old)
    try:
        files.rename(folder, place)  # an empty folder gives way
    except OSError:
        _heal(files, place)
        raise
    files.sync_folder(place.parent)
    _heal(files, place)


def _heal(files: Files, place: Path) -> None:
    """Finish or take back a swap that was interrupted, from what it left beside the place."""
    old = _old(place)
    if not old.exists():
        return
    if not place.exists():
        files.rename(old, place)
        return
    for entry in _others(old):  # somebody put it there during the swap
        files.rename(entry, _free(place / entry.name))
    gone = old.with_name(f"{NEW}{token_hex(6)}")
    files.rename(old, gone)  # from here on nothing restores it
    shutil.rmtree(gone, ignore_errors=True)


def _replace_parts(files: Files, folder: Path, place: Path) -> None:
    """Take the old report's parts out of a folder that stays, then put the new ones in."""
    for name in parts_in(folder):
        (place / name).parent.mkdir(exist_ok=True)
        if (place / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place / name))
    for name in sorted([*parts_in(place), *_copies(place)], key=_rank):
        files.unlink(place / name)
    for name in sorted(parts_in(folder), key=_rank, reverse=True):
        files.rename(folder / name, place / name)
    refused = place / QUARANTINE
    if refused.is_dir() and not any(refused.iterdir()):
        refused.rmdir()
    files.sync_folder(place)


def _rank(name: str) -> int:
    """What says that a report is whole goes first and comes last, next to it what people read."""
    return {SEAL: 0, PAGE: 1}.get(name, 2)


def _must_stay(place: Path) -> bool:
    """Whether a folder cannot be exchanged: others use it, or its parent is not ours to change."""
    if not place.is_dir():
        return False
    working_folder = Path.cwd()
    return (
        place.is_mount()
        or place in {working_folder, *working_folder.parents}
        or not os.access(place.parent, os.W_OK | os.X_OK)
        or bool(_others(place))
    )


def _others(folder: Path) -> list[Path]:
    """Return the entries of a folder that hold something else than a report."""
    ours = {folder / name for name in (*parts_in(folder), *_copies(folder))}
    others: list[Path] = []
    for entry in folder.iterdir():
        shared = entry.is_dir() and entry.name in {QUARANTINE, CHECKPOINTS}
        inside = {*entry.iterdir()} if shared else {entry}
        if not inside <= ours and not entry.name.startswith(PREFIX):
            others.append(entry)
    return others


def _copies(folder: Path) -> list[str]:
    """Return what shows a report again and goes with it: JupyterLab's copies, the page as a PDF."""
    copies = (folder / CHECKPOINTS).glob("*-checkpoint.*")
    named = {path: path.name.replace("-checkpoint", "") for path in copies}
    checkpoints = [f"{CHECKPOINTS}/{path.name}" for path, name in named.items() if name in NAMES]
    return [*checkpoints, *(name for name in PRINTS if (folder / name).is_file())]


def _sync(files: Files, folder: Path) -> None:
    """Bring a report's bytes to the disk before its name is there."""
    for name in parts_in(folder):
        handle = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            files.sync(handle)
        finally:
            os.close(handle)
    files.sync_folder(folder)


def _free(path: Path) -> Path:
    """Return a path, or the first of its numbered neighbours, where nothing is."""
    if not os.path.lexists(path):
        return path
    numbered = (path.with_name(f"{path.name}-{n}") for n in count(2))
    return next(other for other in numbered if not os.path.lexists(other))


def _old(place: Path) -> Path:
    """Return where an older report steps aside: a short and plain name, whatever the place's is."""
    return _beside(place.parent, OLD, place)


def _beside(folder: Path, prefix: str, place: Path) -> Path:
    return folder / f"{prefix}{sha256(os.fsencode(place.name)).hexdigest()[:12]}"
