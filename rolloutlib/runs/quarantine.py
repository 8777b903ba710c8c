"""Rows that cannot be evidence.

Kept verbatim with the reason, so that read = kept + quarantined.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rolloutlib.phrase import Clause, Phrase, both, phrase
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "ONE_IN_A_RUN", "UTF8", "InputFile", "Quarantined", "UnknownWord", "expected", "field_of_run",
    "further_rows", "shown", "twin", "verbatim", "write_quarantine",
]  # fmt: skip

_SOME = 8  # of many lines that a message tells
UTF8: Final = phrase("expected UTF-8")
ONE_IN_A_RUN: Final = phrase("expected one in a run")
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
        """The same in English; it is written for each of many rows."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = exact(self.field) if isinstance(self.field, str) else self.field
        got = f" is {self.value}" if self.value else ""
        return f"{place}: {field}{got}; {self.expectation}."

    @property
    def line_of_json(self) -> str:
        """A line of quarantine/: all in English, the message too, and which of it are phrases."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        phrases = {name: clause for name, clause in fields.items() if isinstance(clause, Phrase)}
        english = {name: _written(clause)[0] for name, clause in phrases.items()}
        line = json.dumps({**fields, **english, "message": self.message})
        more = ", ".join(f'"{name}": {_written(clause)[1]}' for name, clause in phrases.items())
        return f'{line[:-1]}, "phrases": {{{more}}}}}' if phrases else line

    @classmethod
    def of_json(cls, line: str) -> Quarantined:
        """Return what a line of quarantine/ holds."""
        written = json.loads(line)
        fields: dict[str, Any] = {name: written[name] for name in cls.__dataclass_fields__}
        fields.update(msgspec.convert(written.get("phrases", {}), dict[str, Phrase]))
        return cls(**fields)


@lru_cache(maxsize=1024)  # most rows share what is due
def _written(clause: Phrase) -> tuple[str, str]:
    """Return a phrase in English, and as JSON."""
    return str(clause), json.dumps(msgspec.to_builtins(clause))


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


@lru_cache(maxsize=4096)  # a fault of one kind may be in every row
def expected(expectation: Clause) -> Phrase:
    """Return an expectation of what is due; the same one for each row that lacks the same."""
    return phrase("expected {due}", due=expectation)


def field_of_run(field: str, run: str) -> Phrase:
    """Name a field of a run."""
    return phrase("{field} of run {run}", field=field, run=exact(run))


def further_rows(file: str, arm: str | None, rows: int, *, detailed: int) -> Quarantined:
    """Stand for bad rows of a file that are not told one by one, of which `detailed` are."""
    field = phrase("{rows:,} further bad rows", rows=rows)
    expectation = phrase("expected as in the {told:,} rows told one by one", told=detailed)
    return Quarantined(file, 0, field, "", expectation, "", rows, arm)


def twin(
    file: str, line: int, sample: str, lines: Sequence[int], text: str, arm: str | None
) -> Quarantined:
    """Refuse one of several samples of a run that have the same id."""
    places, more = both([str(number) for number in lines[:_SOME]]), len(lines) - _SOME
    if more > 0:
        places = phrase("{names} and {n:,} more", names=places, n=more)
    value = phrase("{id} on lines {lines}", id=shown(sample), lines=places)
    return Quarantined(file, line, phrase("sample id"), value, _ID_ONCE, text, arm=arm)


def write_quarantine(
    rows: Iterable[Quarantined], inputs: Iterable[InputFile], folder: Path
) -> tuple[Path, ...]:
    """Write ``folder/quarantine/<sha256 of the source>.jsonl``, one line a row.

    What was refused unread has no digest: it goes to ``unread.jsonl``. Return the paths.

    Writing the same rows twice gives the same bytes; files of an earlier, different read are left
    alone.
    """
    digests = {file.name: file.sha256 for file in inputs}
    lines: dict[str, list[str]] = {}
    for row in rows:
        lines.setdefault(digests[row.file] or _UNREAD, []).append(row.line_of_json)
    target = folder / "quarantine"
    if lines:
        target.mkdir(parents=True, exist_ok=True)
    paths = tuple(target / f"{digest}.jsonl" for digest in sorted(lines))
    for path in paths:
        path.write_text("\n".join(lines[path.stem]) + "\n", encoding="utf-8", newline="\n")
    return paths
