"""The mapping of source.yaml as SQL: how flat columns become ours, and which rows are odd.

A row is odd where the engine cannot vouch that its casts say what the careful reader (`flat`)
says: a number that is none, an unknown word, a time without offset. What is odd the careful reader
    judges.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.runs.cells import INTEGER, ROUNDING
from rolloutlib.runs.column_spec import UNITS
from rolloutlib.runs.columns import LATER, SCHEMA, STATUSES
from rolloutlib.runs.database import quoted
from rolloutlib.runs.further import label_cast
from rolloutlib.runs.names import name_cast
from rolloutlib.runs.ranges import COUNTS, MOST_COVARIATE, MOST_LATENCY_MS, RANGES, within
from rolloutlib.runs.sources import TAGS
from rolloutlib.runs.spellings import NUMBER, SPACES, WHOLE, Nothing, truths
from rolloutlib.runs.time_casts import FIRST, time_cast, until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = ["LINE", "Cast", "beside_casts", "column_name", "own_casts", "own_statuses"]
__all__ += ["sample_casts"]

LINE: Final = "__line"  # the number of a row in its file, from 1
# A list of plain words as JSON or Python write it; other lists the careful reader knows.
_JSON = r'\[ *("[^"\\]*"( *, *"[^"\\]*")*)? *\]'
_PYTHON = r"\[ *('[^'\\]*'( *, *'[^'\\]*')*)? *\]"
_ODD_SPACES = SPACES.replace("[ ", "[")  # which the engine's trim() leaves
_BRACKETS = r"[\[{(]"
DURATION: Final = "DURATION"  # milliseconds of a column that knows its own unit
_WHOLE: Final = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
                 "UBIGINT", "HUGEINT"}  # fmt: skip
_TYPES: Final = {"seed": "BIGINT", "score": "DOUBLE", "latency_ms": "DOUBLE", "covariate": "DOUBLE",
                 "style_violations": "INTEGER", "started_at": "TIMESTAMPTZ", "issues": "VARCHAR[]",
                 "suggested_tags": "VARCHAR[]", "confirmed_tags": "VARCHAR[]"}  # fmt: skip
_LISTS: Final = {"issues", "suggested_tags"}
_PLAIN: Final = ("arm", "started_at", "seed", "profile", "prompt_id", "user_id", "session_id",
                 "category", "difficulty", "score", "latency_ms", "issues", "veto_reason",
                 "style_violations", "covariate", "cluster")  # fmt: skip


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
    suggested, confirmed = casts.pop("suggested_tags"), casts.pop("confirmed_tags")
    meant, kept = (_meant(tags.value, spec.no_tags) for tags in (suggested, confirmed))
    told = f"(len({kept}) > 0 OR len({confirmed.value}) = 0)"  # not by words for nothing alone
    edited = f"CASE WHEN len({meant}) > 0 AND {told} THEN {meant} <> {kept} END"
    known = spec.expressible
    return casts | {
        "run_id": Cast(named, casts["run_id"].vouched),
        "arm": Cast(arm.value, f"{arm.value} IS NOT NULL AND {arm.vouched}"),
        "started_at": Cast(started_at, until(latest, vouched, started_at)),
        "difficulty": Cast(
            difficulty.value, f"coalesce({difficulty.value} IN ('easy', 'medium', 'hard'), true)"
        ),
        "sample_id": casts["sample_id"]._replace(
            value=f"coalesce({casts['sample_id'].value}, {LINE}::VARCHAR)"
        ),
        "status": status,
        "passed": Cast(f"({status.value} = 'passed')"),
        "vetoed": Cast(f"({status.value} = 'vetoed')" if "vetoed" in known else "NULL::BOOLEAN"),
        "error": Cast(
            f"({status.value} IN ('error', 'timeout'))"
            if known & {"error", "timeout"}
            else "NULL::BOOLEAN"
        ),
        "edited": Cast(edited, f"{suggested.vouched} AND {confirmed.vouched}"),
        "suggested": Cast(f"len({meant}) > 0"),
        "suggested_tags": Cast(f"{meant}::VARCHAR[]"),
    }


def own_casts(types: Collection[str], latest: datetime | None = None) -> dict[str, Cast]:
    """Return the casts of a table with our own columns: nothing to cast, the rules stay."""
    there = {*types}
    rules = {
        "status": f"status IS NULL OR status IN ({', '.join(map(quoted, STATUSES))})",
        "passed": "passed IS NOT DISTINCT FROM (status = 'passed')",
        **{name: f"{name} IS NULL OR {within(name, *ends)}" for name, ends in RANGES.items()},
        "started_at": until(latest, f"coalesce(started_at > {FIRST}, true)", "started_at"),
        "style_violations": "style_violations IS NULL OR style_violations >= 0",
        **{name: f"{name} IS NULL OR len({name}) = list_count({name})" for name in _LISTS & there},
    }
    whole = {name: f"{name} IS NOT NULL" for name in ("run_id", "arm", "sample_id")}
    casts = {name: Cast(name, (rules | whole).get(name, "true")) for name in SCHEMA.names}
    for name in LATER.keys() - there:
        casts[name] = Cast(f"NULL::{LATER[name]}")
    return casts


def beside_casts(spec: SourceSpec, types: Mapping[str, str]) -> dict[str, Cast] | None:
    """Return the casts of segments and texts; None where only the careful reader knows a type."""
    casts: dict[str, Cast] = {}
    for name, column in spec.beside.items():
        cell, kind = column_name(column.column), types[column.column]
        if column.none:
            cell = _unless_nothing(cell, kind, Nothing(column.none))
        value = label_cast(cell, kind)
        if value is None:
            return None
        casts[name] = Cast(value)
    return casts


def own_statuses(spec: SourceSpec) -> dict[str, str]:
    """Return the words of a source that names none: ours, or true and false."""
    if spec.columns.status:
        return {name: name for name in STATUSES}
    return {"true": "passed", "false": "failed"}


def _status(spec: SourceSpec, types: Mapping[str, str]) -> Cast | None:
    """Return the outcome by its exact word, else by the boolean or the whole number it spells."""
    outcome = spec.outcome
    accepted = {"VARCHAR", "BOOLEAN", "DOUBLE", "FLOAT", *_WHOLE}
    if outcome is None or types.get(outcome.column) not in accepted:
        return None
    words = spec.statuses or own_statuses(spec)
    cell = f"coalesce({column_name(outcome.column)}::VARCHAR, 'null')"
    whole = f"regexp_replace({cell}, '^{WHOLE}$', '\\1')"
    numbers = {name: to for name, to in words.items() if name.lstrip("-").isdecimal()}
    plain = f"lower(trim({whole}))"
    steps = [_case(cell, words), _case(whole, numbers), _case(plain, truths(words))]
    value = f"coalesce({', '.join(steps)})"
    return Cast(value, f"{value} IS NOT NULL")


def _case(cell: str, words: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN {quoted(word)} THEN {quoted(to)}" for word, to in words.items())
    return f"CASE {cell} {cases} END" if words else "NULL"


def _field(name: str, spec: SourceSpec, types: Mapping[str, str]) -> Cast | None:
    kind, column = _TYPES.get(name, "VARCHAR"), spec.columns.mapped.get(name)
    constant = getattr(spec.constants, name, None)
    fallback = f"NULL::{kind}" if constant is None else quoted(str(constant))
    if column is None:
        return Cast(fallback)
    reader, cell = _READERS.get(name, _text), column_name(column.column)
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
    text = _folded(cell)
    number = (
        f"(regexp_full_match({text}, '{NUMBER}') AND TRY_CAST({text} AS DOUBLE) IN ({numbers}))"
    )
    return f"CASE WHEN {text} IN ({words}) OR {number} THEN NULL ELSE {cell} END"


def _folded(text: str) -> str:
    """Return what two spellings of a word have in common, as `spellings.folded` does."""
    return f"lower(trim(regexp_replace({text}, '{SPACES}+', ' ', 'g')))"


def _meant(tags: str, none: Collection[str]) -> str:
    """Return the tags that a list means, in one order, as `spellings.meant` does."""
    folded = f"list_distinct(list_transform({tags}, w -> {_folded('w')}))"
    words = ", ".join(map(quoted, sorted(none))) or "NULL"
    return f"list_sort(list_filter({folded}, w -> w NOT IN ({words})))"


def _text(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    if kind == "VARCHAR":
        return Cast(cell)
    return Cast(f"{cell}::VARCHAR") if kind in _WHOLE else None


def _number(cell: str, kind: str) -> Cast | None:
    if kind == "VARCHAR":
        return Cast(f"TRY_CAST({cell} AS DOUBLE)", f"regexp_full_match({cell}, '{NUMBER}')")
    return Cast(f"{cell}::DOUBLE") if kind in {"DOUBLE", "FLOAT", *_WHOLE} else None


def _score(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number, (low, high) = _number(cell, kind), column.scale
    if number is None:
        return None
    exact = f"10::DOUBLE * ({number.value} - {low!r}::DOUBLE) / {high - low!r}::DOUBLE"
    value = (
        f"CASE WHEN {exact} <= 0 THEN 0::DOUBLE WHEN {exact} > 10 THEN 10::DOUBLE ELSE {exact} END"
    )
    near = within(f"({exact})", -10 * ROUNDING, 10 + 10 * ROUNDING)
    return Cast(value, f"{number.vouched} AND {near}")


def _latency(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = Cast(cell) if kind == DURATION else _number(cell, kind)
    if number is None:
        return None
    exact = f"{number.value} * {UNITS[column.unit]!r}::DOUBLE"
    if column.unit == "ms" or kind == DURATION:
        exact = number.value
    value = f"CASE WHEN {number.value} BETWEEN {-ROUNDING!r} AND 0 THEN 0::DOUBLE ELSE {exact} END"
    return Cast(value, f"{number.vouched} AND {within(f'({value})', 0, MOST_LATENCY_MS)}")


def _covariate(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = _number(cell, kind)
    if number is None:
        return None
    value = f"{number.value} + 0.0::DOUBLE"  # -0.0 is 0.0
    ends = -MOST_COVARIATE, MOST_COVARIATE
    return Cast(value, f"{number.vouched} AND {within(number.value, *ends)}")


def _count(most: str) -> Callable[[str, str, ColumnSpec, SourceSpec], Cast | None]:
    def reader(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
        if kind not in {"VARCHAR", *_WHOLE}:
            return None
        value = f"TRY_CAST({cell} AS {most})"
        low, high = COUNTS[most]
        if kind == "VARCHAR":
            whole = f"regexp_full_match({cell}, '{INTEGER}')"
            return Cast(value, f"{whole} AND {value} BETWEEN {low} AND {high}")
        # Of the cell itself: the engine takes a cast in a comparison for one that cannot fail.
        return Cast(value, f"{cell} BETWEEN {low} AND {high}")

    return reader


def _tags(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    if kind == "VARCHAR[]":
        return Cast(cell, f"len({cell}) = list_count({cell})")
    if kind != "VARCHAR":
        return None
    words, plain = f"[{cell}]", f"NOT regexp_matches({cell}, '{_ODD_SPACES}')"
    if column.separator:
        words = f"list_transform(string_split({cell}, {quoted(column.separator)}), w -> trim(w))"
    cases = " ".join(
        f"WHEN regexp_full_match({cell}, {quoted(form)}) "
        f"THEN regexp_extract_all({cell}, {quoted(mark + '([^' + mark + ']*)' + mark)}, 1)"
        for form, mark in ((_JSON, '"'), (_PYTHON, "'"))
    )
    inside = " OR ".join(f"regexp_full_match({cell}, {quoted(form)})" for form in (_JSON, _PYTHON))
    listed = f"CASE WHEN {cell} IS NULL THEN NULL {cases} ELSE {words} END"
    return Cast(listed, f"{plain} AND (NOT regexp_matches({cell}, '^ *{_BRACKETS}') OR {inside})")


def _said(cell: str, kind: str, column: ColumnSpec, spec: SourceSpec) -> Cast | None:
    """In a column of words no word means no issue; in one of lists null means that nobody knows."""
    cast = _tags(cell, kind, column, spec)
    if cast is None or kind != "VARCHAR":
        return cast
    return cast._replace(value=f"coalesce({cast.value}, []::VARCHAR[])")


def _time(cell: str, kind: str, _column: ColumnSpec, spec: SourceSpec) -> Cast | None:
    cast = time_cast(cell, kind, spec.timezone)
    return cast and Cast(*cast)


_READERS: Final = {
    "score": _score, "latency_ms": _latency, "covariate": _covariate, "started_at": _time,
    "seed": _count("BIGINT"), "style_violations": _count("INTEGER"), "issues": _said,
    "suggested_tags": _said, "confirmed_tags": _tags,
}  # fmt: skip
