"""What drafts of known tools have in common: fields, one score, further scorers, the rest."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.doors.paths import value_at
from rolloutlib.drafts.record import Draft
from rolloutlib.drafts.values import filled, numbers_of
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rolloutlib.drafts.peek import Peek
    from rolloutlib.reason import Reason

__all__ = ["Scorer", "ToolDraft", "glob_of"]

_LAST = re.compile(r"[./]")


class Scorer(NamedTuple):
    """A number a sample that the tool wrote.

    Attributes:
        name: a plain word.
        column: where it is.
        scale: from worst to best, as the tool documents it.
    """

    name: str
    column: str
    scale: tuple[float, float]


class ToolDraft:
    """A draft in the making, of files whose tool is known."""

    def __init__(self, peek: Peek, name: str, title: str) -> None:
        """Begin with nothing mapped.

        Args:
            peek: what was looked at.
            name: of the preset.
            title: the tool's name for people.
        """
        self.peek, self.name, self.why = peek, name, because("draft.tool", tool=title)
        self.columns: dict[str, Any] = {}
        self.scores: dict[str, Any] = {}
        self.segments: dict[str, Any] = {}
        self.notes: dict[str, Reason] = {}
        self.left: dict[str, Reason] = {}
        self.taken: set[str] = set()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """All records that were looked at."""
        return [record for file in self.peek.files for record in file.every]

    def cells(self, path: str) -> list[Any]:
        """Return the values of a column, or of a path."""
        return filled(value_at(row, path) for row in self.rows)

    def has(self, path: str) -> bool:
        """Whether any sample has a value there."""
        return any(value_at(row, path) is not None for row in self.rows)

    def take(self, field: str, column: str, why: Reason | None = None, **options: object) -> None:
        """Map a field to a column."""
        self.columns[field] = {"column": column, **options} if options else column
        self.notes[f"columns.{field}"] = why or self.why
        self.taken.add(column)

    def scorer(self, name: str, column: str, **options: object) -> None:
        """Read a further scorer by its name."""
        self.scores[name] = {"column": column, **options}
        self.notes[f"scores.{name}"] = self.why
        self.taken.add(column)

    def segment(self, name: str, column: str) -> None:
        """Tell samples apart by a column."""
        self.segments[name] = column
        self.notes[f"segments.{name}"] = self.why
        self.taken.add(column)

    def score_by(self, scorers: Iterable[Scorer]) -> None:
        """Take the first scorer as the score and the others by name; numbers off a scale are left.

        What no sample has is left out too: a sum of nothing is no zero.
        """
        for name, column, scale in scorers:
            low, high = min(scale), max(scale)
            numbers = numbers_of(self.cells(column))
            self.taken.add(column)
            if numbers is None:
                self.left[column] = because("draft.empty")
            elif not low <= min(numbers) <= max(numbers) <= high:
                self.left[column] = because("draft.off_scale", low=low, high=high)
            elif "score" not in self.columns:
                self.take("score", column, because("draft.scorer", name=name), scale=[*scale])
            else:
                self.scorer(name, column, scale=[*scale])

    def draft(self, files: str, texts: Collection[str] = (), **further: object) -> Draft:
        """Return the draft; columns of which nothing was said are left, as text or as unknown.

        Args:
            files: glob of the files that hold samples.
            texts: names of columns that are texts which people would read.
            further: other keys of source.yaml.
        """
        for column in self.peek.columns:
            if column in self.taken or any(column.startswith(f"{taken}.") for taken in self.taken):
                continue
            text = {column.partition(".")[0], _LAST.split(column)[-1]} & {*texts}
            why = because("draft.text") if text else because("draft.unknown")
            self.left.setdefault(column, why)
        beside = {"scores": self.scores, "segments": self.segments}
        mapping: dict[str, Any] = {"files": files, "columns": self.columns, **further}
        mapping |= {key: value for key, value in beside.items() if value}
        return Draft(self.name, mapping, self.notes, self.left)


def glob_of(peek: Peek) -> str:
    """Return the glob of files that all have the same ending, or of all files."""
    kinds = {PurePosixPath(file.name).suffix for file in peek.files if file.records}
    return f"*{kinds.pop()}" if len(kinds) == 1 else "*"
