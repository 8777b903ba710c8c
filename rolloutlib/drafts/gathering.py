"""What the presets of traces and load tests share: a mapping as it grows, with its reasons."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.drafts.peek import flat
from rolloutlib.drafts.record import Draft
from rolloutlib.drafts.values import filled
from rolloutlib.reason import because
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.drafts.peek import Peek
    from rolloutlib.reason import Reason

__all__ = ["Gathering", "records_of", "seen_in"]

_SHOWN: Final = 6


class Gathering:
    """A mapping that grows key by key, of records that were looked at."""

    def __init__(self, tool: str, peek: Peek, records: Sequence[dict[str, Any]]) -> None:
        """Begin with an empty mapping.

        Args:
            tool: the preset's name.
            peek: what was looked at.
            records: one a sample; inner objects are reached by dotted names.
        """
        self.tool, self.peek = tool, peek
        self.rows = [flat(record) for record in records]
        self.head: dict[str, Any] = {}
        self.columns: dict[str, Any] = {}
        self.rest: dict[str, Any] = {}
        self.notes: dict[str, Reason] = {}
        self.left: dict[str, Reason] = {}

    def cells(self, column: str) -> list[Any]:
        """Return the filled cells of a column."""
        return filled(row.get(column) for row in self.rows)

    def words(self, column: str) -> tuple[str, ...]:
        """Return the different words of a column, in their order."""
        plain = (cell for cell in self.cells(column) if not isinstance(cell, dict | list))
        return tuple(dict.fromkeys(map(word, plain)))

    def take(self, field: str, column: str, why: Reason, path: object = None, **how: Any) -> bool:  # noqa: ANN401 -- options of any key
        """Map a field where its column holds something; elsewhere say that it is empty.

        Args:
            field: of source.yaml's columns.
            column: where the records that were looked at have it.
            why: the reason to write beside it.
            path: what source.yaml says for it, where that is not the column's name.
            how: the column's options.
        """
        if not self.cells(column):
            if any(column in row for row in self.rows):
                self.left[column] = because("draft.empty")
            return False
        written = column if path is None else path
        self.columns[field] = {"column": written, **how} if how else written
        self.notes[f"columns.{field}"] = why
        return True

    def take_arm(self, candidates: Iterable[tuple[str, object]]) -> None:
        """Map the arm to the first candidate with two values, unless two paths are the arms."""
        for column, path in candidates:
            words = self.words(column)
            shown = words[:_SHOWN]
            if self.peek.arms or "arm" in self.columns or len(words) != len(("A", "B")):
                if words:
                    self.left.setdefault(column, because("draft.arm.other", words=shown))
                continue
            self.take("arm", column, because("draft.arm.two", words=shown), path)

    def take_where(self, where: dict[str, Any], why: Reason, *, roots: bool = False) -> None:
        """Keep rows of the words that were seen, and tell of the files that may have others.

        Args:
            where: of source.yaml.
            why: the reason to write beside it.
            roots: whether the whole of a .json file was looked at.
        """
        self.head["where"], self.notes["where"] = where, why
        for file in self.peek.files:
            if file.cut and not (roots and file.root):
                self.left[file.name] = because("draft.bounded", records=len(file.every))

    def draft(self) -> Draft:
        """Return the draft, its keys in the order in which people read them."""
        kinds = {PurePosixPath(file.name).suffix for file in self.peek.files if file.records}
        files = f"*{kinds.pop()}" if len(kinds) == 1 else "*"
        mapping = {"files": files, **self.head, "columns": self.columns, **self.rest}
        self.notes["files"] = because("draft.read")
        if not (self.peek.arms or "arm" in self.columns):
            names = [file.name for file in self.peek.files if file.records]
            mapping["arms"] = {name.rpartition("/")[2].partition(".")[0]: name for name in names}
            is_single = len(names) == 1
            self.notes["arms"] = because("draft.one_arm") if is_single else because("draft.files")
        left = {name: why for name, why in self.left.items() if name not in self.taken()}
        return Draft(self.tool, mapping, self.notes, left)

    def taken(self) -> set[str]:
        """Return the columns that the mapping names."""
        names: set[str] = set()
        for mapped in self.columns.values():
            column = (
                cast("dict[str, object]", mapped)["column"] if isinstance(mapped, dict) else mapped
            )
            names |= {column} if isinstance(column, str) else set()
        return names


def records_of(peek: Peek) -> list[dict[str, Any]]:
    """Return the records of all files that were looked at."""
    return [record for file in peek.files for record in file.every]


def seen_in(peek: Peek, *columns: str) -> bool:
    """Whether there are files with records, and each of them has all of these columns."""
    filled_files = [file for file in peek.files if file.records]
    return bool(filled_files) and all({*columns} <= {*file.columns} for file in filled_files)
