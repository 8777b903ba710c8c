"""What is due in a cell that cannot be read, and which key of source.yaml may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.phrase import Clause, Phrase, either, phrase
from rolloutlib.runs.cells import PERCENTS, is_score, latency_of, moment_of, number_of
from rolloutlib.runs.envelopes import EXPECTED
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.ranges import (
    AT_MOST,
    COUNTED,
    MOST_LATENCY_MS,
    NO_OFFSET,
    NO_TIME,
    RANGES,
    TOO_EARLY,
    number_from,
)
from rolloutlib.runs.sources import WIRE
from rolloutlib.runs.spellings import Nothing, word
from rolloutlib.runs.stamps import Span, count_of, unit_of
from rolloutlib.runs.truths import TRUTHS

if TYPE_CHECKING:
    from datetime import datetime

    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = ["expected_of"]


def expected_of(
    name: str, column: ColumnSpec, spec: SourceSpec, cell: object, latest: datetime | None = None
) -> Phrase:
    """Say what is expected of a cell, and which key of source.yaml may be wrong."""
    if is_score(name):
        return _expected_score(name, column, cell)
    if name == "latency_ms":
        return _expected_latency(column, cell, spec.timezone)
    if name == "started_at":
        return _expected_time(column, spec.timezone, cell, latest)
    if name in TRUTHS:
        words = dict.fromkeys((*spec.statuses, "true", "false") if name == "human_passed" else ())
        return _hinted(either([*words]) or EXPECTED[WIRE[name]], _sentinel(name, cell))
    return _expected_number(name, cell)


def _expected_time(
    column: ColumnSpec, timezone: str | None, cell: object, latest: datetime | None
) -> Phrase:
    if not column.says("unit") and (unit := unit_of(cell, latest)):
        return phrase(
            "{due}; if it counts {unit} from 1970 on, say unit: {unit} of started_at in "
            "source.yaml",
            due=NO_TIME, unit=unit,
        )  # fmt: skip
    fault = moment_of(cell, column, timezone, latest)
    if column.says("unit") and count_of(cell) is not None:
        return phrase(
            "a count of {unit} from 1970 on, of a moment from 2000 on that has begun",
            unit=column.unit,
        )
    if fault == NO_OFFSET:
        return phrase(
            "{due}; if all times are of one zone, say timezone: in source.yaml", due=NO_OFFSET
        )
    if isinstance(fault, Phrase) and fault not in (NO_TIME, TOO_EARLY):
        return fault
    return EXPECTED["startedAt"]


def _hinted(expectation: Clause, hint: Clause) -> Phrase:
    """Return what is expected, with the key of source.yaml that may be wrong, if there is one."""
    if not hint and isinstance(expectation, Phrase):
        return expectation
    return phrase("{due}{hint}", due=expectation, hint=hint)


def _expected_number(name: str, cell: object) -> Phrase:
    number, wire = number_of(cell, float), WIRE[name]
    most = RANGES[name][1] if name in RANGES else COUNTED[name][0]
    beyond = isinstance(number, float) and (number > most or name == "covariate")
    return _hinted(AT_MOST[wire] if beyond else EXPECTED[wire], _sentinel(name, cell))


def _expected_score(name: str, column: ColumnSpec, cell: object) -> Phrase:
    (low, high), number = column.scale, number_of(cell, float)
    percent = (low, high) == (0, 1) and isinstance(number, float) and 1 < number <= 100  # noqa: PLR2004
    hint = phrase("; if the source writes percent, say scale: [0, 100]") if percent else ""
    if isinstance(cell, str) and cell.endswith("%") and (low, high) not in PERCENTS:
        hint = phrase("; a percentage is read by scale: [0, 1] or [0, 100]")
    hint = hint or _sentinel(name, cell)
    if not hint and not column.values and word(cell).isalpha() and isinstance(number, str):
        hint = phrase(
            "; if it is a word for a score, say values: {values} of {name}",
            values=f"{{{shown(cell)}: …}}", name=name,
        )  # fmt: skip
    expectation = number_from(low, high)
    if column.values:
        expectation = phrase("one of {words}, or {due}", words=[*column.values], due=expectation)
    return _hinted(expectation, hint)


def _expected_latency(column: ColumnSpec, cell: object, timezone: str | None) -> Phrase:
    value = latency_of(cell, column, timezone)
    if isinstance(value, float) and value > MOST_LATENCY_MS:
        return phrase(
            "{due}; if {unit} is not its unit, say unit: in source.yaml",
            due=AT_MOST["latencyMs"], unit=column.unit,
        )  # fmt: skip
    if isinstance(cell, Span):
        return phrase(
            "two numbers of {unit} or two times, the start (since) not after the end; if they "
            "count something else, say unit: in source.yaml",
            unit=column.unit,
        )
    expectation = phrase("a number of {unit}, 0 or more", unit=column.unit)
    return _hinted(expectation, _sentinel("latency_ms", cell))


def _sentinel(name: str, cell: object) -> Clause:
    """What stands for no value is usually one of few words, or a -1."""
    marks = ("-1", "n/a", "na", "nan", "none", "null", "-")
    if not isinstance(cell, str | int | float) or not Nothing(marks)(cell):
        return ""
    return phrase(
        "; if that stands for no value, say none: [{cell}] of {name}", cell=str(cell), name=name
    )
