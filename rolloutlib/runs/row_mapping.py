"""One row of a flat table into a sample, or what is wrong with it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (records of any shape)
from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, cast

import msgspec

from rolloutlib.phrase import Clause, Phrase, phrase
from rolloutlib.runs.casts import own_statuses
from rolloutlib.runs.cells import cell_reader
from rolloutlib.runs.columns import Sample
from rolloutlib.runs.decimals import hint
from rolloutlib.runs.envelopes import EXPECTED
from rolloutlib.runs.expectations import expected_of
from rolloutlib.runs.failures import FAILED, failed_of, failure_words
from rolloutlib.runs.further import is_scorer
from rolloutlib.runs.grouping import Mapped, RunCells
from rolloutlib.runs.laid import Beside
from rolloutlib.runs.names import name_of_row
from rolloutlib.runs.opening import field_of
from rolloutlib.runs.picked import cell_of
from rolloutlib.runs.quarantine import Quarantined, UnknownWord, expected, shown
from rolloutlib.runs.ranges import NO_OFFSET
from rolloutlib.runs.sources import WIRE
from rolloutlib.runs.spellings import status_of, truths, word
from rolloutlib.runs.templates import NO_MEASUREMENT, names_provider, template_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from rolloutlib.runs.column_spec import ColumnSpec
    from rolloutlib.runs.rows import Row
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["RowMapping"]


def _template_key(cells: Mapping[str, object]) -> str | None:
    """Return the key by which an object says that its provider measured nothing."""
    keys = (key for key, cell in cells.items() if cell and names_provider(key))
    return next((key for key in keys if template_in(cells[key])), None)


_JUDGED = {
    "score",
    "latency_ms",
    "covariate",
    "started_at",
    "cost",
    "tokens_in",
    "tokens_out",
    "cached",
    "human_passed",
    "human_score",
}  # fmt: skip -- what is due depends on the cell

_TEXT: Final = phrase("text")
_LABEL: Final = phrase("text, a number, or true or false")


class _Unjudged(Sample, rename="camel", gc=False):
    """A sample of a source that names no outcome."""

    status: Literal["error"] | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


def _lacks_offset(expectation: Phrase) -> bool:
    """Whether an offset is what is due, with or without more that may be said."""
    return NO_OFFSET in (expectation, expectation.values.get("due"))


class RowMapping:
    """Turns rows into samples. Cells are only put into the engine's types and units.

    The rules are the engine's own.
    """

    def __init__(
        self, file: str, spec: SourceSpec, *, lists: Collection[str] = (),
        latest: datetime | None = None,
    ) -> None:  # fmt: skip
        """Prepare the readers of a file's cells.

        Args:
            file: its name in messages.
            spec: which column is which.
            lists: the tags whose cells are lists.
            latest: the last moment at which a run can have begun.
        """
        self.file, self.spec, self.latest, self.untimed = file, spec, latest, ""
        self.words: Counter[tuple[str, str | None]] = Counter()
        self.root: object = None
        self.root_template: str | None = None
        self.outcome = spec.outcome
        self.kind = Sample if spec.outcome else _Unjudged
        self.statuses = spec.statuses or own_statuses(spec)
        self.spelled = truths(self.statuses)
        self.readers = {
            name: (column, cell_reader(name, column, spec, latest))
            for name, column in spec.columns.mapped.items()
            if name not in {"status", "passed", "error"}
        }
        failed = spec.columns.error
        self.failed = (failed, failed_of(failed)) if failed else None
        self.beside = Beside(spec)
        self.start: dict[str, object] = {
            WIRE[name]: value
            for name, value in spec.constants
            if value is not None and name in WIRE
        }
        words = {"issues", "suggested_tags"} & spec.columns.mapped.keys() - {*lists}
        self.start |= {WIRE[name]: () for name in words}
        self.expected = self._expected()

    def _expected(self) -> dict[str, Phrase]:
        """Return what is expected under each name, whatever stands there."""
        expected: dict[str, Phrase] = {
            **EXPECTED,
            "status": phrase(
                "one of {words}; name others under statuses: in source.yaml", words=[*self.statuses]
            ),
            "difficulty": phrase(
                "{due}; other words may be category: or one of segments:",
                due=EXPECTED["difficulty"],
            ),
        }
        if failed := self.spec.columns.error:
            expected["error"] = phrase("one of {words}", words=[*failure_words(failed)])
        return expected | dict.fromkeys(self.spec.segments, _LABEL)

    def unless_swallowing(
        self, mapped: Mapped | Quarantined, inside: Mapping[int, Sequence[Row]], arms: set[str]
    ) -> Mapped | Quarantined:
        """Refuse a row of whose lines some are rows of these arms: a quote was not closed."""
        if isinstance(mapped, Quarantined):
            return mapped
        judged = [self.judged(line) for line in inside.get(mapped.row.line, ())]
        lost = [line for line in judged if isinstance(line, Mapped) and line.run.arm in arms]
        if not lost:
            return mapped
        got = phrase(
            "a quoted cell swallows {rows:,} rows, from line {line} on",
            rows=len(lost), line=lost[0].row.line,
        )  # fmt: skip
        what = got, "", phrase("expected the quote to be closed in its own row"), mapped.row.text
        return Quarantined(self.file, mapped.row.line, *what, 1 + len(lost), mapped.run.arm)

    def row(self, row: Row) -> Mapped | Quarantined:
        """Turn a row into a sample, or say what is wrong with it."""
        judged = self.judged(row)
        return judged if isinstance(judged, Mapped) else self.refused(row, judged)

    def judged(self, row: Row) -> Mapped | str:
        """Turn a row into a sample, or return the field that is none."""
        if (provider := self.template(row)) is not None:
            return provider
        values = {"id": row.place, **self.start}
        if self.outcome:
            cell = cell_of(row.cells, "status", self.outcome, row.root)
            values["status"] = status_of(cell, self.statuses, self.spelled)
        if self.failed:
            values |= self.failure(row, *self.failed)
        for name, (column, read) in self.readers.items():
            cell = cell_of(row.cells, name, column, row.root)
            if cell is not None and (value := read(cell)) is not None:
                values[WIRE[name]] = value
        if wrong := self.beside.lay(row, values):
            return wrong
        try:
            run, sample = msgspec.convert(values, RunCells), msgspec.convert(values, self.kind)
            if not run.run_id:
                column = self.spec.columns.started_at
                written = column and cell_of(row.cells, "started_at", column, row.root)
                run.run_id = name_of_row(self.spec, run.started_at, written)
            return Mapped(row, run, sample)
        except msgspec.ValidationError as error:
            return field_of(str(error))

    def failure(
        self, row: Row, column: ColumnSpec, read: Callable[[object], object]
    ) -> dict[str, object]:
        """Return what a row says of a call that failed: an error, whatever else is said of it."""
        failed = read(cell_of(row.cells, "error", column, row.root))
        if failed is None:
            return {}
        if not isinstance(failed, bool):
            return {"error": [failed]}  # which no rule allows
        values: dict[str, object] = {"status": "error"} if failed else {}
        return values if self.outcome else {**values, "error": FAILED[failed]}

    def refused(self, row: Row, wire: str) -> Quarantined:
        """Say what was expected of a row's field, which messages name as the source does."""
        if wire not in WIRE.values() and wire == self.template(row):
            holder = row.cells if wire in row.cells else cast("dict[str, object]", row.root)
            what = wire, shown(template_in(holder[wire])), NO_MEASUREMENT
            return Quarantined(self.file, row.line, *what, self.text(row), arm=self.arm(row))
        name = next((name for name, other in WIRE.items() if other == wire), wire)
        column = self.column_of(name)
        cell = column and cell_of(row.cells, name, column, row.root)
        expectation = self.expected.get(wire) or (_LABEL if wire in self.spec.segments else _TEXT)
        if column is not None and (name in _JUDGED or is_scorer(name)):
            expectation = expected_of(name, column, self.spec, cell, self.latest)
            if not self.spec.decimal and (mark := hint(cell)):
                expectation = phrase("{due}{hint}", due=expectation, hint=mark)
            if name == "started_at" and not self.untimed and _lacks_offset(expectation):
                self.untimed = str(cell)
        if wire == "status" and cell is not None:
            self.words[word(cell), self.arm(row)] += 1
        where: Clause = column.column if column else name
        if row.item:
            where = phrase("{field} of item {item}", field=where, item=row.item)
        what = where, shown(cell), expected(expectation), self.text(row)
        return Quarantined(self.file, row.line, *what, arm=self.arm(row))

    def column_of(self, name: str) -> ColumnSpec | None:
        """Return where a field or segment stands."""
        if name in {"status", "passed"}:
            return self.outcome
        return self.spec.beside.get(name) or self.spec.columns.mapped.get(name)

    def text(self, row: Row) -> str:
        """Return a row as it was written, or else its cells."""
        return row.text or json.dumps(row.cells, ensure_ascii=False, default=str)

    def template(self, row: Row) -> str | None:
        """Return the column by which a row says that nothing was measured, mapped or not."""
        own = _template_key(row.cells)
        if own is None and isinstance(row.root, dict) and row.root is not row.cells:
            if self.root is not row.root:  # one for all rows of a file
                self.root, self.root_template = row.root, _template_key(row.root)
            return self.root_template
        return own

    @property
    def unknown(self) -> tuple[UnknownWord, ...]:
        """The words for outcomes that nobody knows, in the rows that were refused for them."""
        return tuple(UnknownWord(*key, rows) for key, rows in self.words.items())

    def arm(self, row: Row) -> str | None:
        """Return the row's arm where it can be read."""
        arm = self.start.get("arm")
        if "arm" in self.readers:
            column, read = self.readers["arm"]
            cell = cell_of(row.cells, "arm", column, row.root)
            arm = arm if cell is None else read(cell)
        return arm if isinstance(arm, str) else None
