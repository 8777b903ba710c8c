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
from rolloutlib.runs.picked import as_json
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.ranges import NO_TIME, read_time
from rolloutlib.runs.sources import TAGS
from rolloutlib.runs.spellings import (
    INTEGER,
    NUMBER,
    WHOLE,
    Nothing,
    listed,
    status_of,
    truths,
)  # fmt: skip
from rolloutlib.runs.stamps import Span, milliseconds, read_stamp, unit_of
from rolloutlib.runs.truths import TRUTHS, own_truths, truth_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = [
    "PERCENTS",
    "ROUNDING",
    "Milliseconds",
    "cell_reader",
    "is_score",
    "latency_of",
    "moment_of",
    "number_of",
    "numeric_columns",
    "within",
]

_MARKED = ({"error"}, {"date"}, {"time"})  # keys of what a workbook's odd cells become
ROUNDING = 1e-9  # of a scale's width, or as much beyond 0 of a latency's own unit: still on it
_NUMBER, _INTEGER, _WHOLE = re.compile(NUMBER), re.compile(INTEGER), re.compile(WHOLE)
PERCENTS = ((0, 1), (0, 100))  # the scales on which a percentage can only be one thing
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
        "latency_ms": lambda cell: latency_of(cell, column, spec.timezone),
        "prompt_id": _prompt,
        "covariate": lambda cell: number_of(cell, lambda value: value + 0.0),  # -0.0 is 0.0
        "started_at": lambda cell: moment_of(cell, column, spec.timezone, latest),
        "cost": lambda cell: number_of(
            cell, lambda value: 0.0 if -ROUNDING <= value < 0 else value
        ),
        **dict.fromkeys(("tokens_in", "tokens_out"), lambda cell: _count(_whole(cell))),
        **dict.fromkeys(("seed", "style_violations"), _count),
        **dict.fromkeys(TAGS, lambda cell: _tags(cell, column.separator)),
    }
    return readers.get(name, _text)


def _score_reader(column: ColumnSpec) -> Callable[[Any], Any]:
    (low, high), values = column.scale, column.values
    spelled = {name: meaning for name, meaning in truths(values).items() if not name.isdecimal()}
    share = high / 100 if (low, high) in PERCENTS else None

    def read(cell: object) -> object:
        meaning = status_of(cell, values, spelled) if values else None
        number = _of_percent(cell, share) if meaning is None else float(meaning)
        return within(number_of(number, lambda value: 10 * (value - low) / (high - low)))

    return read


def _of_percent(cell: object, share: float | None) -> object:
    """Return what 95% is on a scale of 0 to 1, or to 100; on another one it is no number."""
    if share is None or not isinstance(cell, str) or not cell.endswith("%"):
        return cell
    number = cell[:-1].rstrip(" \xa0\u202f")
    return float(number) * share if _NUMBER.fullmatch(number) else cell


def moment_of(
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


def number_of(cell: object, scaled: Callable[[float], float]) -> object:
    """Return a finite number as it is scaled; of what is none, the text."""
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        cell = float(cell)
    if isinstance(cell, bool | str) or not isinstance(cell, int | float | Decimal):
        return str(cell)
    try:
        number = float(cell)
    except OverflowError:  # a whole number that no float holds
        return shown(cell)
    return scaled(number) if math.isfinite(number) else str(cell)


def latency_of(cell: object, column: ColumnSpec, timezone: str | None) -> object:
    """Return milliseconds; a duration knows its own unit, and a rounding below 0 is 0."""
    unit = UNITS[column.unit]
    if isinstance(cell, Span):
        apart = milliseconds(cell, unit, timezone)
        return str(cell) if apart is None else apart
    time = _duration(cell) if isinstance(cell, str) else cell
    if isinstance(time, timedelta):
        time = Milliseconds(time / timedelta(milliseconds=1))
    factor = 1.0 if isinstance(time, Milliseconds) else unit
    value = number_of(time, lambda number: 0.0 if -ROUNDING <= number < 0 else number * factor)
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
