"""The columns of files of a tool that nobody knows: what each was taken for, and what was left."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rolloutlib.drafts.names import fields_of
from rolloutlib.drafts.peek import flat
from rolloutlib.drafts.values import filled, numbers_of
from rolloutlib.reason import because
from rolloutlib.runs.decimals import seen_in
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.reason import Reason

__all__ = ["MOST_WORDS", "Table"]

_NUMBERS = {"score", "latency_ms", "cost", "tokens_in", "tokens_out", "human_score"}
MOST_WORDS = 12  # of a column that a comment lists


class Table:
    """A draft in the making: a name suggests a field, its values have to agree."""

    def __init__(self, peek: Peek) -> None:
        """Begin with nothing taken.

        Args:
            peek: what was looked at.
        """
        self.peek = peek
        self.rows = [(file.name, flat(record)) for file in peek.files for record in file.every]
        self.cells = {c: filled(row.get(c) for _, row in self.rows) for c in peek.columns}
        self.told = {column: dict(fields_of(column)) for column in peek.columns}
        self.decimal = self._decimal()
        self.columns: dict[str, Any] = {}
        self.statuses: dict[str, str] = {}
        self.segments: dict[str, Any] = {}
        self.arms: dict[str, str] = {}
        self.notes: dict[str, Reason] = {}
        self.left: dict[str, Reason] = {}
        self.taken: set[str] = set()

    def _decimal(self) -> str:
        """Return the decimal mark: a comma where numbers can be nothing else."""
        named = [column for column, ranks in self.told.items() if ranks.keys() & _NUMBERS]
        shapes = [seen_in(self.cells[column]) for column in named]
        comma = any(shape.comma for shape in shapes) and not any(shape.point for shape in shapes)
        return "," if comma else "."

    def numbers(self, column: str) -> list[float] | None:
        """Return the numbers of a column; None where a cell is none."""
        return numbers_of(self.cells[column], self.decimal)

    def named(self, *fields: str) -> list[str]:
        """Return the columns whose name suggests one of the fields, the likeliest first."""
        ranked = [
            (place, ranks[field], column)
            for place, field in enumerate(fields)
            for column, ranks in self.told.items()
            if field in ranks and column not in self.taken
        ]
        likely = dict.fromkeys(column for _, _, column in sorted(ranked))
        return [column for column in likely if self.has(column)]

    def has(self, column: str) -> bool:
        """Whether a column has values, each of them plain; else it is left, with the reason."""
        cells = self.cells[column]
        if not cells:
            self.left[column] = because("draft.empty")
        return bool(cells) and not any(isinstance(cell, dict | list) for cell in cells)

    def take(self, field: str, column: str, why: Reason, **options: object) -> None:
        """Map a field to a column."""
        self.columns[field] = {"column": column, **options} if options else column
        self.notes[f"columns.{field}"] = why
        self.taken.add(column)
        self.left.pop(column, None)

    def segment(self, name: str, column: str) -> None:
        """Tell samples apart by a column."""
        self.segments[name] = column
        self.notes[f"segments.{name}"] = because("draft.named")
        self.taken.add(column)
        self.left.pop(column, None)

    def leave(self, column: str, why: Reason) -> None:
        """Leave a column out, unless it is there for something else."""
        if column not in self.taken:
            self.left.setdefault(column, why)

    def words(self, column: str) -> list[str]:
        """Return the words of a column, the most frequent first."""
        return [text for text, _ in Counter(map(word, self.cells[column])).most_common()]

    def some(self, column: str) -> tuple[str, ...]:
        """Return some words of a column, for a comment."""
        return tuple(self.words(column)[:MOST_WORDS])

    def by_arm(self, column: str) -> dict[str, list[Any]]:
        """Return the values of a column by arm, row by row; None where there is none."""
        values: dict[str, list[Any]] = {}
        for file, row in self.rows:
            values.setdefault(self.arm_of(file, row), []).append(row.get(column))
        return values

    def arm_of(self, file: str, row: dict[str, Any]) -> str:
        """Return the arm of a row."""
        column = self.columns.get("arm")
        if column is not None:
            return word(row.get(str(column)))
        globs = (self.peek.arms or self.arms).items()
        return next((arm for arm, glob in globs if fnmatchcase(file, glob)), file)
