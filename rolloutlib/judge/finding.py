"""What looking at a check's evidence yields, and how old the evidence says that it is.

A file's time is what its content tells: git and copies rewrite the file system's.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import FileError, RunsError
from rolloutlib.files import bounded_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rolloutlib.judge.made_for import MadeFor, ReviewedRuns
    from rolloutlib.reason import Reason

__all__ = [
    "Finding",
    "Moment",
    "Occasion",
    "a_time",
    "find",
    "locate",
    "oldest",
    "read_file",
    "read_moment",
    "said",
]

_EARLIEST: Final = 2000  # before it, a year is a default that a tool wrote
_WESTERNMOST: Final = timedelta(hours=12)  # of all time zones the last to reach a time of day
_EPOCH: Final = re.compile(r"([0-9]{10})([0-9]{3})?(\.[0-9]+)?")
_OFFSET: Final = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$|Z$)")


class Moment(NamedTuple):
    """A time as evidence tells it.

    Attributes:
        at: to compare; UTC where no offset is told.
        text: to show, as precise as it was told.
        slack: how much later it can have been: without an offset the zone is unknown.
    """

    at: datetime
    text: str
    slack: timedelta = timedelta(0)

    def before(self, limit: datetime) -> bool:
        """Return whether it was before a moment in every zone that it can have been told in."""
        return self.at + self.slack < limit


class Occasion(NamedTuple):
    """What the checks of one review or decision are looked at with.

    Attributes:
        folder: the evidence folder.
        root: the workbook's root; documents are looked for in the folder, then there.
        now: the moment that "the last 48 hours" end at.
        newest: the start of the newest treatment run: what is older is stale.
        as_of: the moment whose knowledge the review is limited to.
        green: sha256 of the last green record's evidence, by name.
        simulated: the runs say that nobody measured them.
        runs: what is reviewed, which evidence may say that it was made for; None compares nothing.
    """

    folder: Path
    root: Path
    now: datetime | None
    newest: datetime | None
    as_of: datetime | None
    green: Mapping[str, str]
    simulated: bool = False
    runs: ReviewedRuns | None = None


class Finding(NamedTuple):
    """What the evidence of a check says.

    Attributes:
        holds: None while the check is open.
        files: the names of the files that it rests on (see `find`).
        ages: what has a time of its own, by name; None where its content tells none.
        simulated: the evidence says that it is not from real work.
        made_for: what runs it says that it is of, by the name of what says so.
    """

    holds: bool | None
    why: Reason
    files: tuple[str, ...] = ()
    ages: tuple[tuple[str, Moment | None], ...] = ()
    simulated: bool = False
    made_for: tuple[tuple[str, MadeFor], ...] = ()


def read_file(name: str, folder: Path, most: int) -> bytes | None:
    """Read a file of the evidence folder, of at most so many bytes; None where there is none.

    Raises:
        RunsError: it is no regular file, too large, or cannot be opened.
    """
    try:
        return bounded_bytes(folder / name, most)
    except FileError as error:
        if error.missing:
            return None
        raise RunsError("{file} {why}", file=name, why=error.why) from None


def find(name: str, folder: Path, root: Path) -> Path | None:
    """Return the file of this name in the evidence folder, or else in the workbook.

    Returns:
        None where there is none, or where the name leads out of both.
    """
    return next((path for path, _ in _found(name, folder, root)), None)


def locate(path: str, folder: Path, root: Path) -> str | None:
    """Return the name by which `find` finds what a path, however it is written, leads to."""
    return next((name for _, name in _found(path, folder, root)), None)


def _found(name: str, folder: Path, root: Path) -> Iterator[tuple[Path, str]]:
    for base in (folder.resolve(), root.resolve()):
        with suppress(ValueError, OSError):  # no name of a file, or a path that leads out
            path = (base / name).resolve()
            if path.is_file():
                yield path, path.relative_to(base).as_posix()


def said(at: datetime) -> str:
    """Return a moment for people.

    >>> said(datetime(2026, 10, 28, 13, tzinfo=UTC))
    '2026-10-28 13:00 +0000'
    """
    return f"{at:%Y-%m-%d %H:%M %z}"


def oldest(moments: Iterable[Moment | None]) -> Moment | None:
    """Return the oldest of the moments that are known."""
    return min((moment for moment in moments if moment is not None), default=None)


def a_time(value: object) -> object:
    """Return what tells a time as it is, or nothing where there is nothing.

    Raises:
        ValueError: it is there and tells none.
    """
    if value is not None and read_moment(value) is None:
        raise ValueError(f"{value!r} is no time; expected one such as 2026-10-28T13:00+09:00")
    return value


def read_moment(value: object) -> Moment | None:
    """Read a time in any form that tools write: ISO 8601, RFC 2822, seconds of the epoch, a day.

    Args:
        value: text, or what YAML made of it. A day is its end.

    Returns:
        None where the value tells no time, or one that is a tool's default (the year 1 or 1970).

    >>> read_moment("2026-10-28T13:00:00+09:00").text
    '2026-10-28 13:00 +0900'
    >>> read_moment("2026-10-28").text, read_moment("soon")
    ('2026-10-28', None)
    """
    when = _read(value.strip()) if isinstance(value, str) else value
    if not isinstance(when, date) or when.year < _EARLIEST:
        return None
    if not isinstance(when, datetime):
        end = datetime.combine(when, time.max, UTC)
        return Moment(end, when.isoformat(), _WESTERNMOST)
    if when.tzinfo is None:
        return Moment(when.replace(tzinfo=UTC), f"{when:%Y-%m-%d %H:%M}", _WESTERNMOST)
    return Moment(when, said(when))


def _read(text: str) -> date | None:
    if epoch := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(epoch[1]), UTC)
    plain = _OFFSET.sub("", text)
    for read in (date.fromisoformat, datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(plain if read is not parsedate_to_datetime else text)
        except (ValueError, IndexError, TypeError, OverflowError):
            continue
    return None
