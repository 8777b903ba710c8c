"""Rows that cannot be evidence.

Kept verbatim with the reason, so that read = kept + quarantined.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from rolloutlib.phrase import Clause, Phrase, both, phrase
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "InputFile", "Quarantined", "UnknownWord", "shown", "twin", "verbatim",
    "write_quarantine",
]  # fmt: skip

_SOME = 8  # of many lines that a message tells
_ID_ONCE = phrase(
    "expected each id once in a run; if a part of it stands in another column, list both as "
    "sample_id in source.yaml"
)
_UNREAD = "unread"  # the file of what was refused without being read


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One bad row (or a run, or a file that cannot be opened up) with what was expected of it.

    Attributes:
        file: path inside the folder that was read.
        line: 1-based line on which the value, or else the row, stands; the row's number in Parquet.
        field: the source's own name of the field, or a phrase for what is larger than a field or
            none: ``run``, ``the row has 3 values``.
        value: what was found, cut and escaped for a message; empty when there is nothing to show.
        expectation: what is due there; `str` of it is English.
        text: the source's bytes as text, verbatim; bytes that are not UTF-8 as lone surrogates.
        rows: how many rows this stands for: a refused run takes all its samples along.
        arm: whose they are, where that can be told.
    """

    file: str
    line: int
    field: Clause
    value: Clause
    expectation: Clause
    text: str
    rows: int = 1
    arm: str | None = None

    @property
    def said(self) -> Phrase:
        """The sentence for people: file, line, field, value, expectation."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = exact(self.field) if isinstance(self.field, str) else self.field
        if self.value:
            return phrase(
                "{place}: {field} is {value}; {due}.",
                place=place, field=field, value=self.value, due=self.expectation,
            )  # fmt: skip
        return phrase("{place}: {field}; {due}.", place=place, field=field, due=self.expectation)

    @property
    def message(self) -> str:
        """The same in English."""
        return str(self.said)

    @property
    def as_json(self) -> dict[str, object]:
        """What a line of quarantine/ holds: all in English, and as phrases what they are."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        phrases = {name: one for name, one in told.items() if isinstance(one, Phrase)}
        english = {name: str(one) for name, one in phrases.items()}
        more = {"phrases": msgspec.to_builtins(phrases)} if phrases else {}
        return {**told, **english, "message": self.message, **more}

    @classmethod
    def of_json(cls, line: dict[str, Any]) -> Quarantined:
        """Return what a line of quarantine/ holds."""
        told: dict[str, Any] = {name: line[name] for name in cls.__dataclass_fields__}
        told.update(msgspec.convert(line.get("phrases", {}), dict[str, Phrase]))
        return cls(**told)


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
    told, more = both([str(one) for one in lines[:_SOME]]), len(lines) - _SOME
    if more > 0:
        told = phrase("{names} and {n:,} more", names=told, n=more)
    value = phrase("{id} on lines {lines}", id=shown(sample), lines=told)
    return Quarantined(file, line, phrase("sample id"), value, _ID_ONCE, text, arm=arm)


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
        lines.setdefault(digests[row.file] or _UNREAD, []).append(json.dumps(row.as_json))
    target = folder / "quarantine"
    if lines:
        target.mkdir(parents=True, exist_ok=True)
    paths = tuple(target / f"{digest}.jsonl" for digest in sorted(lines))
    for path in paths:
        path.write_text("\n".join(lines[path.stem]) + "\n", encoding="utf-8", newline="\n")
    return paths
