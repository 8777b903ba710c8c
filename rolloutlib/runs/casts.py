"""The mapping of source.yaml as SQL: how flat columns become ours, and which rows are odd.

A row is odd where the engine cannot vouch that its casts say what the careful reader (`flat`)
says: a number that is none, an unknown word, a time without offset. What is odd the careful reader
judges.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from math import ulp
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.runs.cells import ROUNDING
from rolloutlib.runs.column_spec import UNITS
from rolloutlib.runs.columns import BILLED, LATER, SCHEMA, STATUSES
from rolloutlib.runs.count_casts import INTEGERS, count_cast, token_cast, truth_cast, word_case
from rolloutlib.runs.database import quoted
from rolloutlib.runs.decimals import dotted_cast, is_number
from rolloutlib.runs.further import is_scorer, label_cast
from rolloutlib.runs.names import name_cast
from rolloutlib.runs.ranges import COUNTED, RANGES, within
from rolloutlib.runs.sources import TAGS
from rolloutlib.runs.spellings import NUMBER, WHOLE, Nothing, truths
from rolloutlib.runs.tag_casts import folded_text, meant_tags, tags_cast
from rolloutlib.runs.time_casts import FIRST, stamp_cast, time_cast, until
from rolloutlib.runs.truths import own_truths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

    _Reader = Callable[[str, str, ColumnSpec, SourceSpec], "Cast | None"]

__all__ = [
    "LINE", "Cast", "beside_casts", "column_name", "own_casts", "own_statuses", "sample_casts",
]  # fmt: skip

LINE: Final = "__line"  # the number of a row in its file, from 1
DURATION: Final = "DURATION"  # milliseconds of a column that knows its own unit
_TYPES: Final = {"seed": "BIGINT", "score": "DOUBLE", "latency_ms": "DOUBLE", "covariate": "DOUBLE",
                 "style_violations": "INTEGER", "started_at": "TIMESTAMPTZ", "issues": "VARCHAR[]",
                 "suggested_tags": "VARCHAR[]", "confirmed_tags": "VARCHAR[]", "cost": "DOUBLE",
                 "tokens_in": "BIGINT", "tokens_out": "BIGINT", "cached": "BOOLEAN",
                 "human_passed": "BOOLEAN", "human_score": "DOUBLE"}  # fmt: skip
_LISTS: Final = {"issues", "suggested_tags"}
_NO_LIST: Final = "NULL::VARCHAR[]"
_PLAIN: Final = ("arm", "started_at", "seed", "profile", "prompt_id", "user_id", "session_id",
                 "category", "difficulty", "score", "latency_ms", "issues", "veto_reason",
                 "style_violations", "covariate", "cluster", *BILLED, "cached", "human_passed",
                 "human_score")  # fmt: skip


class Cast(NamedTuple):
    """One column as SQL: its value, and when the careful reader would say the same."""

    value: str
    vouched: str = "true"


def sample_casts(
    spec: SourceSpec, types: Mapping[str, str], latest: datetime | None = None
) -> dict[str, Cast] | None:
    """Return the cast of every column of the one table, of the source's columns and `LINE`.

    Args:
        spec: what source.yaml says.
        types: the engine's type of each source column.
        latest: the last moment at which a run can have begun.

    Returns:
        None where a column has a type that only the careful reader knows.
    """
    status = _status(spec, types) if spec.outcome else Cast("NULL::VARCHAR")
    fields = {name: _field(name, spec, types) for name in (*_PLAIN, "run_id", "sample_id",
              "suggested_tags", "confirmed_tags")}  # fmt: skip
    if status is None or None in fields.values():
        return None
    casts = {name: cast for name, cast in fields.items() if cast is not None}
    arm, difficulty = casts["arm"], casts["difficulty"]
    started_at, vouched = casts["started_at"]
    named = f"coalesce({casts['run_id'].value}, {name_cast(spec, types, started_at)})"
    tags = _tag_columns(casts.pop("suggested_tags"), casts.pop("confirmed_tags"), spec)
    is_level, sample = f"{difficulty.value} IN ('easy', 'medium', 'hard')", casts["sample_id"]
    return casts | tags | _outcomes(status, spec.expressible) | {
        "run_id": Cast(named, casts["run_id"].vouched),
        "arm": Cast(arm.value, f"{arm.value} IS NOT NULL AND {arm.vouched}"),
        "started_at": Cast(started_at, until(latest, vouched, started_at)),
        "difficulty": Cast(difficulty.value, f"coalesce({is_level}, true)"),
        "sample_id": sample._replace(value=f"coalesce({sample.value}, {LINE}::VARCHAR)"),
    }  # fmt: skip


def _outcomes(status: Cast, expressible: Collection[str]) -> dict[str, Cast]:
    """Return the columns of a status; what the source cannot tell apart is unknown."""
    unknown = Cast("NULL::BOOLEAN")
    failed = Cast(f"({status.value} IN ('error', 'timeout'))")
    vetoed = Cast(f"({status.value} = 'vetoed')")
    return {
        "status": status,
        "passed": Cast(f"({status.value} = 'passed')"),
        "vetoed": vetoed if "vetoed" in expressible else unknown,
        "error": failed if {*expressible} & {"error", "timeout"} else unknown,
    }


def _tag_columns(suggested: Cast, confirmed: Cast, spec: SourceSpec) -> dict[str, Cast]:
    """Return the tags that were suggested, and whether a person changed them."""
    if suggested.value == _NO_LIST:
        unknown = Cast("NULL::BOOLEAN", confirmed.vouched)
        return {"edited": unknown, "suggested": unknown, "suggested_tags": suggested}
    meant, final = (meant_tags(tags.value, spec.no_tags) for tags in (suggested, confirmed))
    # Words for nothing are no answer.
    is_final = f"(len({final}) > 0 OR len({confirmed.value}) = 0)"
    edited = f"CASE WHEN len({meant}) > 0 AND {is_final} THEN {meant} <> {final} END"
    return {
        "edited": Cast(edited, f"{suggested.vouched} AND {confirmed.vouched}"),
        "suggested": Cast(f"len({meant}) > 0"),
        "suggested_tags": Cast(f"{meant}::VARCHAR[]"),
    }


def own_casts(types: Collection[str], latest: datetime | None = None) -> dict[str, Cast]:
    """Return the casts of a table with our own columns: nothing to cast, the rules stay."""
    present = {*types}
    rules = {
        "status": f"status IS NULL OR status IN ({', '.join(map(quoted, STATUSES))})",
        "passed": "passed IS NOT DISTINCT FROM (status = 'passed')",
        **{name: f"{name} IS NULL OR {within(name, *ends)}" for name, ends in RANGES.items()},
        **{
            name: f"{name} IS NULL OR {name} BETWEEN 0 AND {most}"
            for name, (most, _) in COUNTED.items()
        },
        "started_at": until(latest, f"coalesce(started_at > {FIRST}, true)", "started_at"),
        **{
            name: f"{name} IS NULL OR len({name}) = list_count({name})" for name in _LISTS & present
        },
    }
    whole = {name: f"{name} IS NOT NULL" for name in ("run_id", "arm", "sample_id")}
    casts = {name: Cast(name, (rules | whole).get(name, "true")) for name in SCHEMA.names}
    for name in LATER.keys() - present:
        casts[name] = Cast(f"NULL::{LATER[name]}")
    return casts


def beside_casts(spec: SourceSpec, types: Mapping[str, str]) -> dict[str, Cast] | None:
    """Return the casts of segments, scorers and texts; None as `sample_casts` does."""
    casts: dict[str, Cast] = {}
    for name, column in spec.beside.items():
        cell, kind = column_name(column.column), types[column.column]
        if spec.decimal == "," and kind == "VARCHAR" and is_scorer(name):
            cell = dotted_cast(cell)
        if column.none:
            cell = _unless_nothing(cell, kind, Nothing(column.none))
        value = label_cast(cell, kind)
        cast = _score(cell, kind, column, spec) if is_scorer(name) else value and Cast(value)
        if not cast:
            return None
        vouched = f"({cell} IS NULL OR coalesce({cast.vouched}, false))"
        casts[name] = Cast(cast.value, vouched) if is_scorer(name) else cast
    return casts


def own_statuses(spec: SourceSpec) -> dict[str, str]:
    """Return the words of a source that names none: ours, or true and false."""
    if spec.columns.status:
        return {name: name for name in STATUSES}
    return {"true": "passed", "false": "failed"}


def _status(spec: SourceSpec, types: Mapping[str, str]) -> Cast | None:
    """Return the outcome by its exact word, else by the boolean or the whole number it spells."""
    outcome = spec.outcome
    accepted = {"VARCHAR", "BOOLEAN", "DOUBLE", "FLOAT", *INTEGERS}
    if outcome is None or types.get(outcome.column) not in accepted:
        return None
    words, name = spec.statuses or own_statuses(spec), column_name(outcome.column)
    if types[outcome.column] == "VARCHAR" and _are_ours(words):
        return Cast(name, f"{name} IN ({', '.join(map(quoted, words))})")
    cell = f"coalesce({name}::VARCHAR, 'null')"
    whole = f"regexp_replace({cell}, '^{WHOLE}$', '\\1')"
    numbers = {name: to for name, to in words.items() if name.lstrip("-").isdecimal()}
    plain = f"lower(trim({whole}))"
    steps = [word_case(cell, words), word_case(whole, numbers), word_case(plain, truths(words))]
    value = f"coalesce({', '.join(steps)})"
    return Cast(value, f"{value} IS NOT NULL")


def _are_ours(words: Mapping[str, str]) -> bool:
    """Whether each word of a source means itself, and no other spelling means anything."""
    return not truths(words) and all(word == meaning for word, meaning in words.items())


def _field(name: str, spec: SourceSpec, types: Mapping[str, str]) -> Cast | None:
    kind, column = _TYPES.get(name, "VARCHAR"), spec.columns.mapped.get(name)
    constant = getattr(spec.constants, name, None)
    fallback = f"NULL::{kind}" if constant is None else f"{quoted(str(constant))}::{kind}"
    if column is None:
        return Cast(fallback)
    reader, cell = _READERS.get(name, _text), column_name(column.column)
    if spec.decimal == "," and types[column.column] == "VARCHAR" and is_number(name):
        cell = dotted_cast(cell)
    if column.none and name not in TAGS:
        cell = _unless_nothing(cell, types[column.column], Nothing(column.none))
    cast = reader(cell, types[column.column], column, spec)
    if cast is None:
        return None
    vouched = f"({cell} IS NULL OR coalesce({cast.vouched}, false))"
    value = cast.value if constant is None else f"coalesce({cast.value}, {fallback})"
    return Cast(value, vouched if cast.vouched != "true" else "true")


def column_name(column: str) -> str:
    """Return a column's name as SQL quotes it."""
    return '"' + column.replace('"', '""') + '"'


def _unless_nothing(cell: str, kind: str, nothing: Nothing) -> str:
    """Return a cell that is null where a word or number for nothing stands."""
    words = ", ".join(map(quoted, sorted(nothing.words))) or "NULL"
    numbers = ", ".join(f"{number!r}::DOUBLE" for number in sorted(nothing.numbers)) or "NULL"
    if kind != "VARCHAR":
        number = f"TRY_CAST({cell} AS DOUBLE) IN ({numbers})"
        return f"CASE WHEN {number} THEN NULL ELSE {cell} END"
    text = folded_text(cell)
    spelled = f"regexp_full_match({text}, '{NUMBER}')"
    number = f"({spelled} AND TRY_CAST({text} AS DOUBLE) IN ({numbers}))"
    return f"CASE WHEN {text} IN ({words}) OR {number} THEN NULL ELSE {cell} END"


def _text(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    if kind == "VARCHAR":
        return Cast(cell)
    return Cast(f"{cell}::VARCHAR") if kind in INTEGERS else None


def _number(cell: str, kind: str) -> Cast | None:
    if kind == "VARCHAR":
        return Cast(f"TRY_CAST({cell} AS DOUBLE)", f"regexp_full_match({cell}, '{NUMBER}')")
    return Cast(f"{cell}::DOUBLE") if kind in {"DOUBLE", "FLOAT", *INTEGERS} else None


def _score(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number, (low, high) = _number(cell, kind), column.scale
    if number is None:
        return None
    exact = f"10::DOUBLE * ({number.value} - {low!r}::DOUBLE) / {high - low!r}::DOUBLE"
    ends = f"WHEN {exact} <= 0 THEN 0::DOUBLE WHEN {exact} > 10 THEN 10::DOUBLE"
    value = f"CASE {ends} ELSE {exact} END"
    least, most = sorted((low, high))
    # On the column's own scale, which computes nothing; of its ends' rounding nobody is sure.
    beyond = max(ROUNDING * (most - least) - 4 * ulp(max(abs(least), abs(most))), 0.0)
    on_it = within(number.value, least - beyond, most + beyond)
    return Cast(value, f"{number.vouched} AND {on_it}")


def _latency(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = Cast(cell) if kind == DURATION else _number(cell, kind)
    if number is None:
        return None
    low, high = RANGES["latency_ms"]
    checked, exact = within(number.value, low - ROUNDING, high), number.value
    if column.unit != "ms" and kind != DURATION:
        exact = f"{number.value} * {UNITS[column.unit]!r}::DOUBLE"
    value = f"CASE WHEN {number.value} BETWEEN {-ROUNDING!r} AND 0 THEN 0::DOUBLE ELSE {exact} END"
    if exact != number.value:
        checked = within(f"({value})", low, high)
    return Cast(value, f"{number.vouched} AND {checked}")


def _covariate(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = _number(cell, kind)
    if number is None:
        return None
    value = f"{number.value} + 0.0::DOUBLE"  # -0.0 is 0.0
    return Cast(value, f"{number.vouched} AND {within(number.value, *RANGES['covariate'])}")


def _cost(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = _number(cell, kind)
    if number is None:
        return None
    exact = number.value
    value = f"CASE WHEN {exact} BETWEEN {-ROUNDING!r} AND 0 THEN 0::DOUBLE ELSE {exact} END"
    return Cast(value, f"{number.vouched} AND {within(f'({value})', *RANGES['cost'])}")


def _read_by(cast: Callable[[str, str, ColumnSpec, SourceSpec], tuple[str, str] | None]) -> _Reader:
    def reader(cell: str, kind: str, column: ColumnSpec, spec: SourceSpec) -> Cast | None:
        parts = cast(cell, kind, column, spec)
        return parts and Cast(*parts)

    return reader


def _truth(name: str) -> _Reader:
    return _read_by(lambda cell, kind, _, spec: truth_cast(cell, kind, own_truths(name, spec)))


_words = _read_by(
    lambda cell, kind, column, _: tags_cast(cell, kind, column.separator, absent_is_empty=True)
)
_tokens = _read_by(lambda cell, kind, _, __: token_cast(cell, kind))
_READERS: Final = {
    "score": _score, "latency_ms": _latency, "covariate": _covariate, "cost": _cost,
    "started_at": _read_by(
        lambda cell, kind, column, spec: stamp_cast(cell, kind, column.unit)
        if column.says("unit") else time_cast(cell, kind, spec.timezone)
    ),
    "seed": _read_by(lambda cell, kind, _, __: count_cast(cell, kind, "BIGINT")),
    "style_violations": _read_by(lambda cell, kind, _, __: count_cast(cell, kind, "INTEGER")),
    "issues": _words, "suggested_tags": _words, "confirmed_tags": _read_by(
        lambda cell, kind, column, _: tags_cast(cell, kind, column.separator, absent_is_empty=False)
    ),
    "tokens_in": _tokens, "tokens_out": _tokens, "human_score": _score,
    "cached": _truth("cached"), "human_passed": _truth("human_passed"),
}  # fmt: skip
