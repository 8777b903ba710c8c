"""What drafts of known tools have in common: fields, one score, further scorers, the rest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.drafts.peek import flat
from rolloutlib.drafts.record import Draft
from rolloutlib.drafts.values import filled, numbers_of
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rolloutlib.drafts.peek import Peek
    from rolloutlib.reason import Reason

__all__ = ["Scorer", "ToolDraft"]


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
        """All records that were looked at, flat."""
        return [flat(record) for file in self.peek.files for record in file.every]

    def cells(self, column: str) -> list[Any]:
        """Return the values of a column."""
        return filled(row.get(column) for row in self.rows)

    def take(self, field: str, column: str, why: Reason | None = None, **options: object) -> None:
        """Map a field to a column."""
        self.columns[field] = {"column": column, **options} if options else column
        self.notes[f"columns.{field}"] = why or self.why
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
                self.scores[name] = {"column": column, "scale": [*scale]}
                self.notes[f"scores.{name}"] = self.why

    def draft(self, files: str, texts: Collection[str] = (), **further: object) -> Draft:
        """Return the draft; columns of which nothing was said are left, as text or as unknown.

        Args:
            files: glob of the files that hold samples.
            texts: names of columns that are texts which people would read.
            further: other keys of source.yaml.
        """
        for column in self.peek.columns:
            if column not in self.taken and column.rpartition(".")[2] not in texts:
                self.left.setdefault(column, because("draft.unknown"))
            elif column not in self.taken:
                self.left.setdefault(column, because("draft.text"))
        beside = {"scores": self.scores, "segments": self.segments}
        mapping: dict[str, Any] = {"files": files, "columns": self.columns, **further}
        mapping |= {key: value for key, value in beside.items() if value}
        return Draft(self.name, mapping, self.notes, self.left)
