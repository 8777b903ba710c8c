"""Repeated looks: a stage spends its error over the planned looks, so retrying passes no gate.

A series is one candidate at one stage. Each review of new data is a new look, a review of the same
data is the same look. The bound of look k holds at the confidence that O'Brien–Fleming-type
spending leaves it (Lan & DeMets 1983, Biometrika 70:659) at the information k / planned; after the
last planned look nothing is left and no gate can pass.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from scipy import special

from rolloutlib.errors import RunsError
from rolloutlib.stats import sequential

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Look", "Series", "look_at", "number_of", "record"]


class Series(msgspec.Struct, frozen=True):
    """What is looked at again and again: one candidate at one stage."""

    stage: int
    runs: str
    control: str
    treatment: str


class _Entry(msgspec.Struct, frozen=True):
    """One earlier look: which series, and the digest of the samples that were looked at."""

    series: Series
    data: str


class Look(msgspec.Struct, frozen=True):
    """One look of a series.

    Attributes:
        number: 1 for the first look.
        planned: how many the plan allows the stage.
        confidence: of each one-sided bound at this look; None when every planned look is spent.
        spent: the error spent by this look and those before it.
    """

    number: int
    planned: int
    confidence: float | None
    spent: float


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
    fractions = [k / planned for k in range(1, planned + 1)]
    limit = float(sequential.lan_demets_boundaries(fractions, alpha=alpha)[number - 1])
    return Look(
        number,
        planned,
        float(special.ndtr(limit)),
        sequential.spent(fractions[number - 1], alpha=alpha),
    )


def number_of(file: Path, series: Series, data: str) -> int:
    """Return the look's number in its series: that of the same data, else the next one.

    Args:
        file: JSON Lines of earlier looks; it need not exist.
        series: what is looked at.
        data: digest of the samples.

    Raises:
        RunsError: a line of the file is damaged (its looks' error would be spent again).
    """
    seen = [entry.data for entry in _entries(file) if entry.series == series]
    return seen.index(data) + 1 if data in seen else len(seen) + 1


def record(file: Path, series: Series, data: str) -> None:
    """Add a look to the file, unless the same data were looked at before."""
    entry = _Entry(series, data)
    if entry in _entries(file):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        # One write, so that reviews that run at once do not mix their lines.
        os.write(handle, msgspec.json.encode(entry) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _entries(file: Path) -> list[_Entry]:
    lines = file.read_bytes().splitlines() if file.is_file() else []
    return [_entry(f"{file}:{number}", line) for number, line in enumerate(lines, 1)]


def _entry(where: str, line: bytes) -> _Entry:
    try:
        return msgspec.json.decode(line, type=_Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        expected = "expected a look as an earlier review wrote it"
        repair = "restore the file, or its error is spent twice"
        shown = line[:60].decode("utf-8", "replace")
        raise RunsError(f"{where}: {shown!r}; {expected}; {repair}") from None
