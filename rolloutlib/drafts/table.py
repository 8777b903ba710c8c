"""The draft for a table of a tool that nobody knows: by the names of its columns and their values.

A name suggests a field, its values have to agree. What may be several things is left out with the
reason; whoever knows better adds a line.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.drafts.names import SEGMENTS, fields_of, folded, unit_of
from rolloutlib.drafts.peek import flat
from rolloutlib.drafts.record import Draft
from rolloutlib.drafts.values import filled, numbers_of, outcomes_of, scale_of, time_unit, unit_by
from rolloutlib.reason import because
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.peek import Peek
    from rolloutlib.reason import Reason

__all__ = ["draft_table"]

_ARMS_AT_MOST, _WORDS_AT_MOST = 20, 12
_OVERLAP, _AGREEING = 0.5, 0.95
_LEVELS = {"easy", "medium", "hard"}
# The order in which fields are looked for: what is surer takes its column first.
_PLAIN: Final = ("run_id", "user_id", "session_id", "category", "veto_reason")


def draft_table(peek: Peek) -> Draft:
    """Draft a mapping for files with a row a sample."""
    table = _Table(peek)
    for step in (
        table.take_arm, table.take_prompt, table.take_outcome, table.take_score,
        table.take_latency, table.take_issues, table.take_start, table.take_plain,
        table.take_segments,
    ):  # fmt: skip
        step()
    return table.draft()


class _Table:
    """The columns of the files, what they were taken for, and what was left."""

    def __init__(self, peek: Peek) -> None:
        self.peek = peek
        self.rows = [(file.name, flat(record)) for file in peek.files for record in file.every]
        self.cells = {c: filled(row.get(c) for _, row in self.rows) for c in peek.columns}
        self.told = {column: dict(fields_of(column)) for column in peek.columns}
        self.columns: dict[str, object] = {}
        self.statuses: dict[str, str] = {}
        self.segments: dict[str, object] = {}
        self.arms: dict[str, str] = {}
        self.notes: dict[str, Reason] = {}
        self.left: dict[str, Reason] = {}
        self.taken: set[str] = set()

    def named(self, *fields: str) -> list[str]:
        """Return the columns whose name suggests one of the fields, the likeliest first."""
        ranked = [
            (place, told[field], column)
            for place, field in enumerate(fields)
            for column, told in self.told.items()
            if field in told and column not in self.taken
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

    def leave(self, column: str, why: Reason) -> None:
        """Leave a column out, unless it is there for something else."""
        if column not in self.taken:
            self.left.setdefault(column, why)

    def words(self, column: str) -> list[str]:
        """Return the words of a column, the most frequent first."""
        return [text for text, _ in Counter(map(word, self.cells[column])).most_common()]

    def take_arm(self) -> None:
        """Find what tells the arm: a column, else the files."""
        if self.peek.arms:
            return
        for column in self.named("arm", "model"):
            words = self.words(column)
            facts = {"count": len(words), "values": tuple(words[:_WORDS_AT_MOST])}
            if not 1 < len(words) <= _ARMS_AT_MOST:
                self.leave(column, because("draft.no_arm", **facts))
            elif "arm" not in self.columns:
                self.take("arm", column, because("draft.arm", **facts))
        if "arm" not in self.columns:
            names = [file.name for file in self.peek.files if file.records]
            self.arms = {PurePosixPath(name).stem: name for name in names}
            one = len(names) == 1
            self.notes["arms"] = because("draft.one_arm") if one else because("draft.files")

    def by_arm(self, column: str) -> list[set[str]]:
        """Return the values of a column in each arm, the two largest arms' first."""
        values: dict[str, set[str]] = {}
        arm = self.columns.get("arm")
        for file, row in self.rows:
            cell = row.get(column)
            if cell is not None:
                values.setdefault(self.arm_of(file, row, arm), set()).add(word(cell))
        return sorted(values.values(), key=len, reverse=True)

    def arm_of(self, file: str, row: dict[str, Any], column: object) -> str:
        """Return the arm of a row."""
        if isinstance(column, str):
            return word(row.get(column))
        globs = self.peek.arms.items()
        return next((arm for arm, one in globs if PurePosixPath(file).match(one)), file)

    def overlap(self, column: str) -> float:
        """Return the share of the smaller arm's values that the other arm has too."""
        arms = self.by_arm(column)
        return len(arms[0] & arms[1]) / len(arms[1]) if len(arms) > 1 else 0.0

    def take_prompt(self) -> None:
        """Find what tells the prompts: an id that means the same in both arms, else the text."""
        texts = self.named("prompt")
        ids = self.named("prompt_id", "id")
        for column in [*ids, *texts]:
            if (share := self.overlap(column)) >= _OVERLAP and self.agrees(column, texts):
                why = because("draft.same_prompts", share=share)
                self.take("prompt_id", column, why)
                break
            if column in self.named("prompt_id"):
                self.leave(column, because("draft.other_prompts", share=share))
        for column in self.named("sample_id", "id"):
            if len(set(self.words(column))) == len(self.cells[column]) == len(self.rows):
                self.take("sample_id", column, because("draft.unique"))
                break
        for column in self.named("prompt", "answer"):
            self.leave(column, because("draft.text"))

    def agrees(self, column: str, texts: Sequence[str]) -> bool:
        """Whether an id stands for one prompt in all arms: a number of a row stands for none."""
        if not texts or column == texts[0]:
            return True
        meant: dict[str, set[str]] = {}
        for _, row in self.rows:
            if row.get(column) is not None and row.get(texts[0]) is not None:
                meant.setdefault(word(row[column]), set()).add(word(row[texts[0]]))
        single = sum(len(one) == 1 for one in meant.values())
        return not meant or single >= _AGREEING * len(meant)

    def take_outcome(self) -> None:
        """Find the outcome: a column whose every word means one."""
        for column in self.named("passed", "failed", "status"):
            words = outcomes_of(self.cells[column])
            if words is None:
                written = tuple(self.words(column)[:_WORDS_AT_MOST])
                if not self.may_be_score(column):
                    self.leave(column, because("draft.words_unknown", words=written))
            elif self.columns.keys() & {"passed", "status"}:
                self.leave(column, because("draft.another", field="passed"))
            else:
                self.take_words(column, words)

    def take_words(self, column: str, words: dict[str, str]) -> None:
        """Map the outcome; of a column of failures the words mean the opposite."""
        if "failed" in self.told[column]:
            opposite = {"passed": "failed", "failed": "passed"}
            words = {written: opposite.get(status, status) for written, status in words.items()}
        two = set(words.values()) <= {"passed", "failed"}
        shown = tuple(f"{written}: {status}" for written, status in words.items())
        self.take("passed" if two else "status", column, because("draft.words", words=shown))
        self.statuses = words

    def may_be_score(self, column: str) -> bool:
        """Whether a column is called like a score, or holds numbers that are no outcomes."""
        return "score" in self.told[column]

    def take_score(self) -> None:
        """Find the score: numbers that show their scale."""
        for column in self.named("score"):
            numbers = numbers_of(self.cells[column])
            if numbers is None:
                self.leave(column, because("draft.no_numbers", words=tuple(self.words(column)[:5])))
                continue
            absent = {"none": [-1]} if -1 in numbers else {}
            numbers = [number for number in numbers if number != -1] or numbers
            span = {"low": min(numbers), "high": max(numbers)}
            scale = scale_of(numbers)
            if scale is None:
                self.leave(column, because("draft.scale_open", **span))
            elif "score" in self.columns:
                self.leave(column, because("draft.another", field="score"))
            else:
                ends = [int(end) for end in scale]
                self.take("score", column, because("draft.scale", **span), scale=ends, **absent)

    def take_latency(self) -> None:
        """Find the latency: numbers whose unit the name tells, or their size."""
        for column in self.named("latency_ms"):
            numbers = numbers_of(self.cells[column])
            if numbers is None or min(numbers) < 0:
                self.leave(column, because("draft.no_numbers", words=tuple(self.words(column)[:5])))
                continue
            middle, unit = median(numbers), unit_of(column.rpartition(".")[2])
            why = because("draft.unit_named", unit=unit)
            if not unit:
                unit = unit_by(numbers)
                why = because("draft.unit_by", middle=middle, unit=unit)
            if not unit:
                self.leave(column, because("draft.unit_open", middle=middle))
            elif "latency_ms" in self.columns:
                self.leave(column, because("draft.another", field="latency_ms"))
            else:
                self.take("latency_ms", column, why, unit=unit)

    def take_issues(self) -> None:
        """Find the issues of a sample: a list, a text with separators, or one word."""
        for column, told in self.told.items():
            cells = self.cells[column]
            if "issues" not in told or not cells or "issues" in self.columns:
                continue
            texts = [cell for cell in cells if isinstance(cell, str)]
            if len(texts) == len(cells):
                split = next((mark for mark in ";|," if any(mark in text for text in texts)), None)
                options = {"separator": split} if split else {}
                self.take("issues", column, because("draft.named"), **options)
            elif all(isinstance(cell, list) for cell in cells):
                self.take("issues", column, because("draft.named"))

    def take_start(self) -> None:
        """Find when it was asked: moments that tell their offset."""
        for column in self.named("started_at"):
            how = time_unit(self.cells[column])
            if how == "iso" and "started_at" not in self.columns:
                self.take("started_at", column, because("draft.moments"))
            elif how == "local":
                self.leave(column, because("draft.no_offset"))
            elif how is None:
                self.leave(column, because("draft.no_moments"))

    def take_plain(self) -> None:
        """Take what is text, as it is."""
        for field in _PLAIN:
            for column in self.named(field):
                distinct = len(set(self.words(column)))
                if field == "run_id" and distinct * 2 > len(self.cells[column]):
                    self.leave(column, because("draft.no_run"))
                elif field in self.columns:
                    self.leave(column, because("draft.another", field=field))
                else:
                    self.take(field, column, because("draft.named"))
        for column in self.named("difficulty"):
            if set(self.words(column)) <= _LEVELS:
                self.take("difficulty", column, because("draft.named"))

    def take_segments(self) -> None:
        """Take what samples are usually told apart by."""
        for segment, names in SEGMENTS.items():
            for column in self.cells:
                last = folded(column.rpartition(".")[2])
                plain = last in names and column not in self.taken and self.has(column)
                if plain and segment not in self.segments and len(self.words(column)) > 1:
                    self.segments[segment] = column
                    self.notes[f"segments.{segment}"] = because("draft.named")
                    self.taken.add(column)

    def draft(self) -> Draft:
        """Return what was found; columns that nothing was said of are unknown."""
        mapping: dict[str, Any] = {"files": _files(self.peek)}
        self.notes["files"] = because("draft.read")
        if self.arms:
            mapping["arms"] = self.arms
        mapping["columns"] = self.columns
        if self.statuses:
            booleans = {"true": True, "false": False}  # as people write them in YAML
            mapping["statuses"] = {
                booleans.get(w, w): status for w, status in self.statuses.items()
            }
        if self.segments:
            mapping["segments"] = self.segments
        place = self.peek.first.place
        if self.peek.first.kind == ".json" and place:
            mapping["records"] = place
            self.notes["records"] = because("draft.records")
        for column in self.cells:
            if column not in self.taken:
                empty = not self.cells[column]
                self.leave(column, because("draft.empty") if empty else because("draft.unknown"))
        for file in self.peek.files:
            for column in file.columns:
                if column not in self.cells:
                    self.leave(column, because("draft.only", file=file.name))
        return Draft("table", mapping, self.notes, self.left)


def _files(peek: Peek) -> str:
    kinds = {PurePosixPath(file.name).suffix for file in peek.files if file.records}
    return f"*{kinds.pop()}" if len(kinds) == 1 else "*"
