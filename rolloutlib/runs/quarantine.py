"""Rows that cannot be evidence.

Kept verbatim with the reason, so that read = kept + quarantined.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "InputFile", "Quarantined", "UnknownWord", "shown", "twin", "verbatim",
    "write_quarantine",
]  # fmt: skip

_SOME = 8  # of many lines that a message tells
_UNREAD = "unread"  # the file of what was refused without being read


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One bad row (or a run, or a file that cannot be opened up) with what was expected of it.

    Attributes:
        file: path inside the folder that was read.
        line: 1-based line on which the value, or else the row, stands; the row's number in Parquet.
        field: the source's own name of the field, or ``run`` / ``line`` / ``file`` for what is
            larger than a field.
        value: what was found, cut and escaped for a message; empty when there is nothing to show.
        expectation: what is due there.
        text: the source's bytes as text, verbatim; bytes that are not UTF-8 as lone surrogates.
        rows: how many rows this stands for: a refused run takes all its samples along.
        arm: whose they are, where that can be told.
    """

    file: str
    line: int
    field: str
    value: str
    expectation: str
    text: str
    rows: int = 1
    arm: str | None = None

    @property
    def message(self) -> str:
        """The sentence for people: file, line, field, value, expectation."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        found = f" is {self.value}" if self.value else ""
        return f"{place}: {shown(self.field)[1:-1]}{found}; {self.expectation}."


class UnknownWord(NamedTuple):
    """A word for an outcome that neither source.yaml nor the engine knows: in how many rows."""

    word: str
    arm: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class InputFile:
    """What one file gave: ``read == kept + quarantined + copies`` rows.

    ``set_aside`` rows belong to other reviews, ``copies`` repeat other rows.

    A run without samples counts no row; a line or file that cannot be opened up counts as one.
    """

    name: str
    sha256: str
    dialect: str
    read: int
    kept: int
    quarantined: int
    set_aside: int = 0
    copies: int = 0


def shown(value: object) -> str:
    """Return a value for a message.

    Cut to 80 characters, control and direction characters escaped.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"'{exact(text)}'" if isinstance(value, str) else exact(text)


def verbatim(data: bytes) -> str:
    """Return bytes as text without loss: what is not UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def twin(
    file: str, line: int, sample: str, lines: Sequence[int], text: str, arm: str | None
) -> Quarantined:
    """Refuse one of several samples of a run that have the same id."""
    told, more = " and ".join(map(str, lines[:_SOME])), len(lines) - _SOME
    value = f"{shown(sample)} on lines {told}" + (f" and {more:,} more" if more > 0 else "")
    parts = "if a part of it stands in another column, list both as sample_id in source.yaml"
    due = f"expected each id once in a run; {parts}"
    return Quarantined(file, line, "sample id", value, due, text, arm=arm)


def write_quarantine(
    rows: Iterable[Quarantined], inputs: Iterable[InputFile], folder: Path
) -> tuple[Path, ...]:
    """Write ``folder/quarantine/<sha256 of the source>.jsonl``, one line a row.

    What was refused unread has no digest: it goes to ``unread.jsonl``. Return the paths.

    Writing the same rows twice gives the same bytes; files of an earlier, different read are left
    alone.
    """
    digests = {one.name: one.sha256 for one in inputs}
    lines: dict[str, list[str]] = {}
    for row in rows:
        lines.setdefault(digests[row.file] or _UNREAD, []).append(
            json.dumps({**asdict(row), "message": row.message})
        )
    target = folder / "quarantine"
    if lines:
        target.mkdir(parents=True, exist_ok=True)
    paths = tuple(target / f"{digest}.jsonl" for digest in sorted(lines))
    for path in paths:
        path.write_text("\n".join(lines[path.stem]) + "\n", encoding="utf-8", newline="\n")
    return paths
