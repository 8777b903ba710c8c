"""One cell of a flat table into the engine's type and unit.

What cannot be put stays as it is and fails the engine's rule.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from rolloutlib.plan.metrics import SCORER
from rolloutlib.runs.column_spec import UNITS
from rolloutlib.runs.decimals import dotted, is_number
from rolloutlib.runs.envelopes import EXPECTED
from rolloutlib.runs.picked import as_json
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.ranges import (
    AT_MOST,
    COUNTED,
    MOST_LATENCY_MS,
    NO_OFFSET,
    NO_TIME,
    RANGES,
    TOO_EARLY,
    read_time,
)
from rolloutlib.runs.sources import TAGS, WIRE
from rolloutlib.runs.spellings import (
    INTEGER,
    NUMBER,
    WHOLE,
    Nothing,
    listed,
    status_of,
    truths,
    word,
)  # fmt: skip
from rolloutlib.runs.stamps import Span, count_of, milliseconds, read_stamp, unit_of
from rolloutlib.runs.truths import TRUTHS, own_truths, truth_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = [
    "ROUNDING",
    "Milliseconds",
    "cell_reader",
    "expected_of",
    "is_score",
    "numeric_columns",
    "within",
]

_MARKED = ({"error"}, {"date"}, {"time"})  # keys of what a workbook's odd cells become
ROUNDING = 1e-9  # of a scale's width, or as much beyond 0 of a latency's own unit: still on it
_NUMBER, _INTEGER, _WHOLE = re.compile(NUMBER), re.compile(INTEGER), re.compile(WHOLE)
_PERCENTS = ((0, 1), (0, 100))  # the scales on which a percentage can only be one thing
# A duration as pandas, SQL and ISO 8601 write it; days, hours, minutes, seconds.
_CLOCK = re.compile(r"(-?)(?:([0-9]{1,9}) days? )?([0-9]{1,2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)")
_ISO = re.compile(
    r"(-?)P(?:([0-9]{1,9})D)?(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?"
    r"(?:([0-9]{1,99}(?:\.[0-9]+)?)S)?)?"
)


class Milliseconds(float):
    """A duration whose column knows its own unit."""

    __slots__ = ()


def cell_reader(
    name: str, column: ColumnSpec, spec: SourceSpec, latest: datetime | None = None
) -> Callable[[Any], Any]:
    """Return what reads a field's cells; a cell of a word for nothing is None.

    Args:
        name: of the field.
        column: where it stands.
        spec: what source.yaml says.
        latest: the last moment at which a run can have begun.
    """
    read = _reader(name, column, spec, latest)
    write = _dotted if spec.decimal == "," and is_number(name) else None
    if name not in TAGS and column.none:
        read = _unless(Nothing(column.none), read)
    return (lambda cell: read(write(cell))) if write else read


def _unless(nothing: Nothing, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda cell: None if nothing(cell) else read(cell)


def _reader(
    name: str, column: ColumnSpec, spec: SourceSpec, latest: datetime | None
) -> Callable[[Any], Any]:
    if is_score(name):
        return _score_reader(column)
    if name in TRUTHS:
        return truth_of(own_truths(name, spec))
    readers: dict[str, Callable[[Any], Any]] = {
        "latency_ms": lambda cell: _latency(cell, column, spec.timezone),
        "prompt_id": _prompt,
        "covariate": lambda cell: _number(cell, lambda value: value + 0.0),  # -0.0 is 0.0
        "started_at": lambda cell: _moment(cell, column, spec.timezone, latest),
        "cost": lambda cell: _number(cell, lambda value: 0.0 if -ROUNDING <= value < 0 else value),
        **dict.fromkeys(("tokens_in", "tokens_out"), lambda cell: _count(_whole(cell))),
        **dict.fromkeys(("seed", "style_violations"), _count),
        **dict.fromkeys(TAGS, lambda cell: _tags(cell, column.separator)),
    }
    return readers.get(name, _text)


def _score_reader(column: ColumnSpec) -> Callable[[Any], Any]:
    (low, high), values = column.scale, column.values
    spelled = {name: told for name, told in truths(values).items() if not name.isdecimal()}
    share = high / 100 if (low, high) in _PERCENTS else None

    def read(cell: object) -> object:
        told = status_of(cell, values, spelled) if values else None
        number = _of_percent(cell, share) if told is None else float(told)
        return within(_number(number, lambda value: 10 * (value - low) / (high - low)))

    return read


def _of_percent(cell: object, share: float | None) -> object:
    """Return what 95% is on a scale of 0 to 1, or to 100; on another one it is no number."""
    if share is None or not isinstance(cell, str) or not cell.endswith("%"):
        return cell
    number = cell[:-1].rstrip(" \xa0\u202f")
    return float(number) * share if _NUMBER.fullmatch(number) else cell


def _moment(
    cell: object, column: ColumnSpec, timezone: str | None, latest: datetime | None
) -> object:
    """Return a moment; a plain number is one only where its unit is told."""
    if isinstance(cell, str):
        cell = cell.strip('"')  # as a CSV has it whose writer put JSON into cells
    stamp = read_stamp(cell, column.unit, latest) if column.says("unit") else None
    if stamp is None and unit_of(cell):
        return NO_TIME
    return read_time(str(cell), timezone=timezone, latest=latest) if stamp is None else stamp


def is_score(field: str) -> bool:
    """Return whether a field is one of the scores, each of which has a scale of its own."""
    return field in {"score", "human_score"} or field.startswith(SCORER)


def numeric_columns(spec: SourceSpec) -> tuple[str, ...]:
    """Return the columns of a mapping whose cells are numbers."""
    mapped = (spec.columns.mapped | spec.scorers).items()
    columns = [column for name, column in mapped if is_number(name)]
    starts = [column.since for column in columns if column.since]
    return tuple(dict.fromkeys([*(column.column for column in columns), *starts]))


def _dotted(cell: object) -> object:
    return Span(*map(dotted, cell)) if isinstance(cell, Span) else dotted(cell)


def within(score: object) -> object:
    """Return a score of 0 to 10; one that lies a rounding beyond its scale is on it.

    >>> within(10.000000000000002), within(-1e-16), within(10.1)
    (10.0, 0.0, 10.1)
    """
    if not isinstance(score, float):
        return score
    on_it = min(max(0.0, score), 10.0)  # which makes -0.0 to 0.0
    return on_it if abs(score - on_it) <= 10 * ROUNDING else score


def expected_of(
    name: str, column: ColumnSpec, spec: SourceSpec, cell: object, latest: datetime | None = None
) -> str:
    """Say what is expected of a cell, and which key of source.yaml may be wrong."""
    if is_score(name):
        return _expected_score(name, column, cell)
    if name == "latency_ms":
        return _expected_latency(column, cell, spec.timezone)
    if name == "started_at":
        return _expected_time(column, spec.timezone, cell, latest)
    if name in TRUTHS:
        words = dict.fromkeys((*spec.statuses, "true", "false") if name == "human_passed" else ())
        return f"{' or '.join(words) or EXPECTED[WIRE[name]]}{_sentinel(name, cell)}"
    return _expected_number(name, cell)


def _expected_time(
    column: ColumnSpec, timezone: str | None, cell: object, latest: datetime | None
) -> str:
    if not column.says("unit") and (unit := unit_of(cell, latest)):
        counted = f"if it counts {unit} from 1970 on, say unit: {unit} of started_at"
        return f"{NO_TIME}; {counted} in source.yaml"
    fault = _moment(cell, column, timezone, latest)
    if column.says("unit") and count_of(cell) is not None:
        return f"a count of {column.unit} from 1970 on, of a moment from 2000 on that has begun"
    if fault == NO_OFFSET:
        return f"{fault}; if all times are of one zone, say timezone: in source.yaml"
    if isinstance(fault, str) and fault not in {NO_TIME, TOO_EARLY}:
        return fault
    return EXPECTED["startedAt"]


def _expected_number(name: str, cell: object) -> str:
    number, wire = _number(cell, float), WIRE[name]
    most = RANGES[name][1] if name in RANGES else COUNTED[name][0]
    beyond = isinstance(number, float) and (number > most or name == "covariate")
    return f"{AT_MOST[wire] if beyond else EXPECTED[wire]}{_sentinel(name, cell)}"


def _expected_score(name: str, column: ColumnSpec, cell: object) -> str:
    (low, high), number = column.scale, _number(cell, float)
    words = f"one of {', '.join(column.values)}, or " if column.values else ""
    percent = (low, high) == (0, 1) and isinstance(number, float) and 1 < number <= 100  # noqa: PLR2004
    hint = "; if the source writes percent, say scale: [0, 100]" if percent else ""
    if isinstance(cell, str) and cell.endswith("%") and (low, high) not in _PERCENTS:
        hint = "; a percentage is read by scale: [0, 1] or [0, 100]"
    hint = hint or _sentinel(name, cell)
    if not hint and not words and word(cell).isalpha() and isinstance(number, str):
        hint = f"; if it is a word for a score, say values: {{{shown(cell)}: …}} of {name}"
    return f"{words}a number from {low:g} to {high:g}{hint}"


def _expected_latency(column: ColumnSpec, cell: object, timezone: str | None) -> str:
    value = _latency(cell, column, timezone)
    if isinstance(value, float) and value > MOST_LATENCY_MS:
        return f"{AT_MOST['latencyMs']}; if {column.unit} is not its unit, say unit: in source.yaml"
    if isinstance(cell, Span):
        ends = f"two numbers of {column.unit} or two times, the start (since) not after the end"
        return f"{ends}; if they count something else, say unit: in source.yaml"
    return f"a number of {column.unit}, 0 or more{_sentinel('latency_ms', cell)}"


def _sentinel(name: str, cell: object) -> str:
    """What stands for no value is usually one of few words, or a -1."""
    marks = ("-1", "n/a", "na", "nan", "none", "null", "-")
    if not isinstance(cell, str | int | float) or not Nothing(marks)(cell):
        return ""
    return f"; if that stands for no value, say none: [{cell}] of {name}"


def _number(cell: object, scaled: Callable[[float], float]) -> object:
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        cell = float(cell)
    if isinstance(cell, bool | str) or not isinstance(cell, int | float | Decimal):
        return str(cell)
    try:
        number = float(cell)
    except OverflowError:  # a whole number that no float holds
        return shown(cell)
    return scaled(number) if math.isfinite(number) else str(cell)


def _latency(cell: object, column: ColumnSpec, timezone: str | None) -> object:
    """Return milliseconds; a duration knows its own unit, and a rounding below 0 is 0."""
    unit = UNITS[column.unit]
    if isinstance(cell, Span):
        apart = milliseconds(cell, unit, timezone)
        return str(cell) if apart is None else apart
    time = _duration(cell) if isinstance(cell, str) else cell
    if isinstance(time, timedelta):
        time = Milliseconds(time / timedelta(milliseconds=1))
    factor = 1.0 if isinstance(time, Milliseconds) else unit
    value = _number(time, lambda number: 0.0 if -ROUNDING <= number < 0 else number * factor)
    return cell if isinstance(cell, str) and isinstance(value, str) else value


def _duration(cell: str) -> object:
    parts = _CLOCK.fullmatch(cell) or _ISO.fullmatch(cell)
    if parts is None or not any(parts.groups()[1:]):
        return cell
    days, hours, minutes = (int(part or 0) for part in parts.groups()[1:4])
    seconds = float(parts[5] or 0)
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return Milliseconds((-total if parts[1] else total) * 1000)


def _count(cell: object) -> object:
    return int(cell) if isinstance(cell, str) and _INTEGER.fullmatch(cell) else cell


def _whole(cell: object) -> object:
    """Return a whole number as what has no gaps to spare writes one: 12.0 is 12."""
    if isinstance(cell, str) and (whole := _WHOLE.fullmatch(cell)):
        return whole[1]
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _text(cell: object) -> object:
    return str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell


def _prompt(cell: object) -> object:
    """Return the id of a prompt: what was asked may be an object, and then is its JSON.

    What a workbook marks as no word stays so.
    """
    if isinstance(cell, dict) and {*cast("dict[str, object]", cell)} in _MARKED:
        return cast("object", cell)
    nested = isinstance(cell, dict | list)
    return as_json(cast("object", cell)) if nested else _text(cell)


def _tags(cell: object, separator: str | None) -> object:
    """Return the words of a cell; what names none is left out when all rows are there (`tags`)."""
    if not isinstance(cell, str):
        return cell
    several = listed(cell)
    if several is not None:
        return several
    return [word.strip() for word in cell.split(separator)] if separator else [cell]
