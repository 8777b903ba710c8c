"""Repeated looks: a stage's evidence spends its error over the planned looks, so that retrying cannot pass a gate.

A series is one candidate at one stage. Each review of new data is a new look, a review of the same data is the same
look. The bound of look k holds at the confidence that O'Brien–Fleming-type spending leaves it (Lan & DeMets 1983,
Biometrika 70:659) at the information k / planned; after the last planned look nothing is left and no gate can pass.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from rolloutlib import stats
from rolloutlib.errors import RunsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Look", "Series", "look_at", "number_of", "record"]


@dataclass(frozen=True, slots=True)
class Series:
    """What is looked at again and again: one candidate at one stage."""

    stage: int
    runs: str
    control: str
    treatment: str


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
    limit = float(stats.lan_demets_boundaries(fractions, alpha=alpha)[number - 1])
    return Look(
        number,
        planned,
        float(stats.normal_cdf(limit)),
        stats.spent(fractions[number - 1], alpha=alpha),
    )


def number_of(file: Path, series: Series, data: str) -> int:
    """Return the look's number in its series: that of the same data, else the next one.

    Args:
        file: JSON Lines of earlier looks; it need not exist.
        series: what is looked at.
        data: digest of the samples.

    Raises:
        RunsError: a line of the file is damaged (its looks would be forgotten, and their error spent again).
    """
    seen = [entry["data"] for entry in _entries(file) if entry["series"] == asdict(series)]
    return seen.index(data) + 1 if data in seen else len(seen) + 1


def record(file: Path, series: Series, data: str) -> None:
    """Add a look to the file, unless the same data were looked at before."""
    if any(entry["data"] == data and entry["series"] == asdict(series) for entry in _entries(file)):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"series": asdict(series), "data": data}, ensure_ascii=False) + "\n"
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(
            handle, line.encode()
        )  # one write, so that reviews that run at once do not mix their lines
        os.fsync(handle)
    finally:
        os.close(handle)


def _entries(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            entries.append({"series": dict(entry["series"]), "data": str(entry["data"])})
        except (ValueError, KeyError, TypeError):
            due = "expected a look as an earlier review wrote it; restore the file, or its error is spent twice"
            raise RunsError(f"{file}:{number}: {line[:60]!r}; {due}") from None
    return entries
