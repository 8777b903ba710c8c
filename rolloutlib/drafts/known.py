"""What presets of eval tools share: values at a path, scales, names, and what is refused."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.doors.paths import Several, is_path, value_at
from rolloutlib.drafts.record import Draft
from rolloutlib.drafts.tool import ToolDraft
from rolloutlib.errors import RunsError
from rolloutlib.phrase import Clause, several
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.reason import Reason

__all__ = [
    "Lines", "arm_of", "check_apart", "check_once", "files_of", "in_range", "names_in", "numbers",
    "objects", "plain_names", "values_of",
]  # fmt: skip

Record = dict[str, Any]
_LESS: Final = [1, 0]  # from worst to best, where less is better
_MOST_NAME = 40
_JUDGED: Final = ("passed", "status", "score", "latency_ms")  # what a comparison would miss


class Lines(ToolDraft):
    """The draft of a tool that nests what it writes: only what is worth a word is left."""

    def __init__(
        self, peek: Peek, name: str, title: str, records: Mapping[str, Sequence[Record]]
    ) -> None:
        """Begin with the files.

        Args:
            peek: what was looked at.
            name: of the preset.
            title: the tool's name for people.
            records: the records of each of its files.
        """
        super().__init__(peek, name, title)
        self.records = records
        self.keys: dict[str, Any] = {"files": files_of(peek)}
        self.unread: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.notes["files"] = because("draft.read")

    def take(self, field: str, column: str, why: Reason | None = None, **options: object) -> None:
        """Map a field, unless one of the files lacks the column: it would be refused by that."""
        having = [name for name, rows in self.records.items() if _in(column, rows)]
        if is_path(column) or len(having) == len(self.records):
            super().take(field, column, why, **options)
            return
        holder = next(iter(having), "")
        self.leave(column, because("draft.only", file=holder) if holder else because("draft.empty"))
        if holder and field in _JUDGED:
            self.unread[field] = column

    def key(self, name: str, value: object, why: Reason | None = None) -> None:
        """Say a key of source.yaml."""
        self.keys[name] = value
        self.notes[name] = why or self.why

    def parts(self, field: str, columns: list[str]) -> None:
        """Map an id of several parts."""
        self.columns[field] = columns
        self.notes[f"columns.{field}"] = self.why

    def arm(self, column: str, names: Iterable[str]) -> None:
        """Take a column of names for the arms."""
        arms = sorted(names)
        several = because("draft.arm", count=len(arms), values=tuple(arms[:5]))
        self.take("arm", column, several if len(arms) > 1 else because("draft.one_arm"))

    def scorer(self, name: str, column: str, **options: object) -> None:
        """Map a further scorer, on the scale from 0 to 1."""
        super().scorer(name, column, **{"scale": [0, 1], **options})

    def less(self, name: str, column: str, *, alone: bool | None = None) -> None:
        """Map numbers from 0 to 1 of which less is better: the score, or a further scorer.

        Args:
            name: of the further scorer.
            column: where they are.
            alone: whether they are the score; else, where there is no outcome yet.
        """
        if alone is None:
            alone = not self.columns.keys() & {"status", "passed", "score"}
        if not alone:
            self.scorer(name, column, scale=_LESS)
            self.notes[f"scores.{name}"] = because("draft.reversed")
        else:
            self.take("score", column, because("draft.reversed"), scale=_LESS)

    def prompt(self, column: str, why: Reason | None = None) -> None:
        """Map the text by which people, and a comparison, know a prompt."""
        self.texts["prompt"] = column
        self.notes["texts.prompt"] = why or self.why

    def leave(self, what: str, why: Reason) -> None:
        """Say why something is left."""
        self.left[what] = why

    def take_rate(self, column: str, cells: Sequence[float], why: Reason | None = None) -> None:
        """Take numbers from 0 to 1 for outcomes where they are nothing else, else for a score."""
        if {*cells} <= {0.0, 1.0}:
            self.take("passed", column, why)
        else:
            self.take("score", column, why, scale=[0, 1])

    def take_files(self, files: Sequence[PeekFile]) -> None:
        """Take each file for an arm of its own."""
        arms = {PurePosixPath(file.name).stem: file.name for file in files}
        self.key(
            "arms", arms, because("draft.files") if len(arms) > 1 else because("draft.one_arm")
        )

    def whole(self) -> Draft:
        """Return the draft."""
        beside = {"scores": self.scores, "segments": self.segments, "texts": self.texts}
        filled = {kind: columns for kind, columns in beside.items() if columns}
        mapping = {**self.keys, "columns": self.columns, **filled}
        return Draft(self.name, mapping, self.notes, self.left, self.unread)


def _in(column: str, records: Iterable[Record]) -> bool:
    return any(column in record for record in records)


def files_of(peek: Peek) -> str:
    """Return the glob of the files that hold records."""
    kinds = {PurePosixPath(file.name).suffix for file in peek.files if file.records}
    return f"*{kinds.pop()}" if len(kinds) == 1 else "*"


def arm_of(peek: Peek, file: PeekFile) -> str:
    """Return the path that a file belongs to, of two that were given; else its folder."""
    arms = (arm for arm, glob in peek.arms.items() if fnmatch(file.name, glob))
    return next(arms, str(PurePosixPath(file.name).parent))


def values_of(records: Iterable[Record], path: str) -> list[Any]:
    """Return what stands at a path of the records, where there is anything."""
    cells: list[Any] = []
    for record in records:
        cell = value_at(record, path)
        cells += cell if isinstance(cell, Several) else [cell]
    return [cell for cell in cells if cell is not None]


def objects(value: object) -> list[Record]:
    """Return the objects of what should be a list of them."""
    every = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Record", item) for item in every if isinstance(item, dict)]


def names_in(records: Iterable[Record], column: str) -> dict[str, None]:
    """Return the names that the objects of a column have, in their order."""
    inner = objects([record.get(column) for record in records])
    return dict.fromkeys(str(name) for item in inner for name in item)


def numbers(cells: Iterable[object]) -> list[float] | None:
    """Return cells as numbers (true is 1); None where one is no number, or there are none.

    >>> numbers([True, 0.5]), numbers(["C"]), numbers([])
    ([1.0, 0.5], None, None)
    """
    plain = list(cells)
    if not plain or not all(isinstance(cell, int | float) for cell in plain):
        return None
    return [float(cast("float", cell)) for cell in plain]


def in_range(cells: Sequence[float]) -> bool:
    """Whether all numbers lie from 0 to 1."""
    return all(0.0 <= cell <= 1.0 for cell in cells)


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Return a plain word of ours for each name of a tool's, no two alike.

    >>> plain_names(["Answer Relevancy", "answer-relevancy", "짧음"]).values()
    dict_values(['answer_relevancy', 'answer_relevancy_2', 'scorer'])
    """
    plain: dict[str, str] = {}
    for name in names:
        folded = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
        base = folded if folded[:1].isalpha() else f"scorer_{folded}".strip("_")
        base, taken, again = base[: _MOST_NAME - 3], set(plain.values()), 2
        word = base
        while word in taken:
            word, again = f"{base}_{again}", again + 1
        plain[name] = word
    return plain


def check_apart(peek: Peek, run_of: Callable[[PeekFile], object], called: str) -> None:
    """Refuse two arms, or two files, that are one and the same run: a copy compares nothing.

    Args:
        peek: what was looked at.
        run_of: what only one run has, of a file; None where the file does not tell.
        called: what that is called in the file.

    Raises:
        RunsError: two files tell one run.
    """
    file_of: dict[str, str] = {}
    for file in peek.files:
        run = run_of(file)
        if run is None:
            continue
        other = file_of.setdefault(str(run), file.name)
        if other != file.name:
            raise RunsError(
                "{one} and {other} are one run ({called} {run}); expected two runs: nothing is "
                "compared with its copy.",
                one=other, other=file.name, called=called, run=run,
            )  # fmt: skip


def check_once(runs: Mapping[Clause, Iterable[str]], what: Clause) -> None:
    """Refuse an arm that holds two runs of one thing: one is stale, and both are no evidence.

    Args:
        runs: what was run (a task, in a folder) → the files of its runs.
        what: what a run is called for people.

    Raises:
        RunsError: of one there are two.
    """
    for name, files in runs.items():
        sorted_files = sorted(files)
        if len(sorted_files) > 1:
            raise RunsError(
                "{name} has {n} {what} ({files}); expected one: move the stale one out of the "
                "folder.",
                name=name, n=len(sorted_files), what=what, files=several(sorted_files, most=4),
            )  # fmt: skip
