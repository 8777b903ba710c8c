"""Repeated looks: a stage spends its error over the planned looks, so retrying passes no gate.

A series is one candidate at one stage, wherever its runs lie and whatever the files are called.
Each review of new data is a new look, a review of the same data is the same look. The bound of look
k holds at the confidence that O'Brien–Fleming-type spending leaves it (Lan & DeMets 1983,
Biometrika 70:659) at the information k / planned; after the last planned look nothing is left and
no gate can pass.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import msgspec

from rolloutlib.errors import FileError, LooksError
from rolloutlib.files import bounded_bytes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from rolloutlib.runs.quarantine import InputFile

__all__ = [
    "Arm", "Configuration", "Counting", "Data", "Look", "Series", "count", "data_of", "look_at",
    "number_of",
]  # fmt: skip


Counting = Literal["counted", "exploration", "free"]


class Configuration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run tells of what ran; an empty text where it does not tell."""

    flags: str = ""
    strategy: str = ""

    def equals(self, other: Configuration) -> bool | None:
        """Compare what both tell; None where they tell nothing in common."""
        pairs = ((self.flags, other.flags), (self.strategy, other.strategy))
        equal = [own == others for own, others in pairs if own and others]
        return all(equal) if equal else None


class Arm(msgspec.Struct, frozen=True, omit_defaults=True):
    """An arm of a series: its name, and the different configurations that its runs tell."""

    name: str
    ran: tuple[Configuration, ...] = ()

    def is_same(self, other: Arm) -> bool:
        """Whether both ran the same, in part at least; by name where the runs do not tell."""
        pairs = [own.equals(others) for own in self.ran for others in other.ran]
        comparable = [equal for equal in pairs if equal is not None]
        return any(comparable) if comparable else self.name == other.name


class Series(msgspec.Struct, frozen=True):
    """What is looked at again and again: one candidate at one stage.

    Files of an earlier version name the arms by a text.
    """

    stage: int
    control: Arm | str
    treatment: Arm | str

    def is_same(self, other: Series) -> bool:
        """Whether a look at the other is one at this."""
        pairs = ((self.control, other.control), (self.treatment, other.treatment))
        arms = all(_arm(own).is_same(_arm(others)) for own, others in pairs)
        return self.stage == other.stage and arms


def _arm(arm: Arm | str) -> Arm:
    return Arm(arm) if isinstance(arm, str) else arm


class Data(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a look was at.

    Attributes:
        data: digest of the samples.
        files: digest of the bytes of the files that they came from, which another engine or
            version reads as the same; empty where there are none.
    """

    data: str
    files: str = ""

    def equals(self, other: Data) -> bool:
        """Whether these are the same data."""
        return self.data == other.data or (self.files != "" and self.files == other.files)


class _Entry(Data, frozen=True, omit_defaults=True, kw_only=True):
    """One earlier look. Entries of an earlier version have no number and no time."""

    series: Series
    number: int = 0
    at: datetime | None = None


class Look(msgspec.Struct, frozen=True, omit_defaults=True):
    """One look of a series.

    Attributes:
        number: 1 for the first look.
        planned: how many the plan allows.
        confidence: of each one-sided bound at this look; None when every planned look is spent.
        spent: the error spent by this look and those before it.
        counting: a look that is not counted spends nothing: an exploration, which is to decide
            nothing, or one that is free since no gate could have passed.
        file: of the looks, where it is not the plan's.
    """

    number: int
    planned: int
    confidence: float | None
    spent: float
    counting: Counting = "counted"
    file: str = ""


def look_at(number: int, *, planned: int, confidence: float) -> Look:
    """Return what is left for a look.

    Args:
        number: of the look, from 1.
        planned: looks that the plan allows.
        confidence: of the stage's evidence over all looks; a single planned look has all of it.

    >>> [round(look_at(k, planned=3, confidence=0.95).confidence, 4) for k in (1, 2, 3)]
    [0.9993, 0.9839, 0.9549]
    >>> look_at(2, planned=1, confidence=0.95).confidence is None
    True
    """
    alpha = 1 - confidence
    if number > planned:
        return Look(number, planned, None, alpha)
    if planned == 1:
        return Look(number, planned, confidence, alpha)
    from scipy import special  # who lists reports computes no boundary, and starts sooner

    from rolloutlib.stats import sequential

    fractions = [k / planned for k in range(1, planned + 1)]
    limit = float(sequential.lan_demets_boundaries(fractions, alpha=alpha)[number - 1])
    return Look(
        number,
        planned,
        float(special.ndtr(limit)),
        sequential.spent(fractions[number - 1], alpha=alpha),
    )


def data_of(samples: str, inputs: Iterable[InputFile], *cut: object) -> Data:
    """Return what tells these data from others.

    Args:
        samples: digest of the samples.
        inputs: the files that they came from, in any order and under any name.
        cut: what of the files was left out, and how.
    """
    digests = {file.sha256 for file in inputs}
    if not digests or "" in digests:
        return Data(samples)
    return Data(samples, sha256(" ".join([*sorted(digests), *map(str, cut)]).encode()).hexdigest())


def number_of(file: Path, series: Series, data: Data) -> int:
    """Return the look's number in its series: that of the same data, else the next one.

    Args:
        file: JSON Lines of earlier looks; it need not exist.
        series: what is looked at.
        data: what tells these data from others.

    Raises:
        LooksError: a line of the file is damaged (its looks' error would be spent again), or the
            file cannot be read.
    """
    with _unwritten(file):
        return _number(_entries(file), series, data)[0]


def count(file: Path, series: Series, data: Data, number: int) -> bool:
    """Add a look to the file, unless the same data were looked at before.

    Returns:
        Whether it counts as this number: False if another review was faster, and nothing is added.

    Raises:
        LooksError: as `number_of`, or the file cannot be written.
    """
    with _locked(file) as handle:
        now, counted = _number(_entries(file), series, data)
        if counted or now > number:
            return now <= number
        at = datetime.now(UTC).replace(microsecond=0)
        entry = _Entry(data=data.data, files=data.files, series=series, number=number, at=at)
        _append(file, handle, msgspec.json.encode(entry))
    return True


def _append(file: Path, handle: int, line: bytes) -> None:
    """Add a line that is whole or not there."""
    size, text = os.fstat(handle).st_size, bounded_bytes(file)
    line = (b"" if text.endswith(b"\n") or not text else b"\n") + line + b"\n"
    try:
        with os.fdopen(handle, "ab", closefd=False) as stream:
            stream.write(line)
        os.fsync(handle)
    except OSError as error:
        os.ftruncate(handle, size)
        raise _not_counted(file, error) from None


def _number(entries: list[_Entry], series: Series, data: Data) -> tuple[int, bool]:
    """Return the number of the look at these data, and whether they were looked at before."""
    last, looks = 0, list[tuple[int, _Entry]]()
    for entry in entries:
        if series.is_same(entry.series) and not any(old.equals(entry) for _, old in looks):
            last = max(last + 1, entry.number)  # files of two machines, put together, count both
            looks.append((last, entry))
    numbers = (number for number, entry in looks if entry.equals(data))
    number = next(numbers, 0)
    return (number, True) if number else (last + 1, False)


@contextmanager
def _locked(file: Path) -> Generator[int]:
    """Open the file to append, alone: the lock ends with the process."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(
            file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644
        )
    except OSError as error:
        raise _not_counted(file, error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _unwritten(file: Path) -> Generator[None]:
    """Keep reviews that count at the same time from writing; what cannot be opened says so then."""
    with ExitStack() as lock:
        with suppress(OSError):
            handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            lock.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield


def _not_counted(file: Path, error: OSError) -> LooksError:
    return LooksError(
        "{file}: this look cannot be counted ({why}); make it writable, or name another file: "
        "evidence.looks_file in plan.yaml, or --looks FILE for one review",
        file=file, why=error.strerror,
    )  # fmt: skip


def _entries(file: Path) -> list[_Entry]:
    try:
        lines = bounded_bytes(file).splitlines()
    except FileError as error:
        if error.missing and not file.is_symlink():
            return []
        raise LooksError(
            "{file} is no file of looks (JSON Lines): it {why}", file=file, why=error.why
        ) from None
    return [_entry(f"{file}:{number}", line) for number, line in enumerate(lines, 1)]


def _entry(where: str, line: bytes) -> _Entry:
    try:
        return msgspec.json.decode(line, type=_Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise LooksError(
            "{where}: {line!r}; expected a look as an earlier review wrote it; restore the file, "
            "or its error is spent twice", where=where, line=line[:60].decode("utf-8", "replace"),
        ) from None  # fmt: skip
