"""The mapping of source.yaml as SQL: how flat columns become ours, and which rows are odd.

A row is odd where the engine cannot vouch that its casts say what the careful reader (`flat`)
says: a number that is none, an unknown word, a time without offset. What is odd the careful reader
    judges.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from rolloutlib.runs.columns import LATER, SCHEMA, STATUSES
from rolloutlib.runs.database import quoted
from rolloutlib.runs.envelopes import FIRST_YEAR
from rolloutlib.runs.names import name_cast
from rolloutlib.runs.sources import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from rolloutlib.runs.sources import ColumnSpec, SourceSpec

__all__ = ["LINE", "Cast", "own_casts", "own_statuses", "sample_casts"]

LINE: Final = "__line"  # the number of a row in its file, from 1
NUMBER: Final = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"
INTEGER: Final = r"-?[0-9]{1,19}"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_OFFSET = r"(Z|[+-][0-9]{2}(:[0-9]{2})?)"
# What Python strips around a word and the engine's trim() leaves.
_SPACES = (
    r"[\t-\r\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
)
_WHOLE: Final = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
                 "UBIGINT", "HUGEINT"}  # fmt: skip
_TYPES: Final = {"seed": "BIGINT", "score": "DOUBLE", "latency_ms": "DOUBLE", "covariate": "DOUBLE",
                 "style_violations": "INTEGER", "started_at": "TIMESTAMPTZ", "issues": "VARCHAR[]",
                 "suggested_tags": "VARCHAR[]", "confirmed_tags": "VARCHAR[]"}  # fmt: skip
_PLAIN: Final = ("arm", "started_at", "seed", "profile", "prompt_id", "user_id", "session_id",
                 "category", "difficulty", "score", "latency_ms", "issues", "veto_reason",
                 "style_violations", "covariate")  # fmt: skip


class Cast(NamedTuple):
    """One column as SQL: its value, and when the careful reader would say the same."""

    value: str
    vouched: str = "true"


def sample_casts(spec: SourceSpec, types: Mapping[str, str]) -> dict[str, Cast] | None:
    """Return the cast of every column of the one table, of the source's columns and `LINE`.

    Args:
        spec: what source.yaml says.
        types: the engine's type of each source column.

    Returns:
        None where a column has a type that only the careful reader knows.
    """
    status = _status(spec, types)
    fields = {name: _field(name, spec, types) for name in (*_PLAIN, "run_id", "sample_id",
              "suggested_tags", "confirmed_tags")}  # fmt: skip
    if status is None or None in fields.values():
        return None
    casts = {name: cast for name, cast in fields.items() if cast is not None}
    suggested, confirmed = casts.pop("suggested_tags"), casts.pop("confirmed_tags")
    arm, difficulty = casts["arm"], casts["difficulty"]
    started_at = casts["started_at"].value
    named = f"coalesce({casts['run_id'].value}, {name_cast(spec, types, started_at)})"
    edited = f"""CASE WHEN len({suggested.value}) > 0 AND {confirmed.value} IS NOT NULL THEN
        list_sort(list_distinct({suggested.value})) <> list_sort(list_distinct({confirmed.value}))
        END"""
    known = spec.expressible
    return casts | {
        "run_id": Cast(named, casts["run_id"].vouched),
        "arm": Cast(arm.value, f"{arm.value} IS NOT NULL AND {arm.vouched}"),
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
        "suggested": Cast(f"len({suggested.value}) > 0"),
    }


def own_casts(types: Collection[str]) -> dict[str, Cast]:
    """Return the casts of a table with our own columns: nothing to cast, the rules stay."""
    rules = {
        "status": f"status IN ({', '.join(map(quoted, STATUSES))})",
        "passed": "passed = (status = 'passed')",
        "score": "score IS NULL OR score BETWEEN 0 AND 10",
        "latency_ms": "latency_ms IS NULL OR (latency_ms >= 0 AND isfinite(latency_ms))",
        "covariate": "covariate IS NULL OR isfinite(covariate)",
        "style_violations": "style_violations IS NULL OR style_violations >= 0",
        "issues": "issues IS NULL OR len(issues) = list_count(issues)",
    }
    whole = {name: f"{name} IS NOT NULL" for name in ("run_id", "arm", "sample_id")}
    casts = {name: Cast(name, (rules | whole).get(name, "true")) for name in SCHEMA.names}
    if LATER not in types:
        casts[LATER] = Cast("NULL::BOOLEAN")
    return casts


def own_statuses(spec: SourceSpec) -> dict[str, str]:
    """Return the words of a source that names none: ours, or true and false."""
    if spec.columns.status:
        return {name: name for name in STATUSES}
    return {"true": "passed", "false": "failed"}


def _status(spec: SourceSpec, types: Mapping[str, str]) -> Cast | None:
    outcome = spec.columns.status or spec.columns.passed
    if outcome is None or types.get(outcome.column) not in {"VARCHAR", "BOOLEAN", *_WHOLE}:
        return None
    words = spec.statuses or own_statuses(spec)
    cases = " ".join(f"WHEN {quoted(word)} THEN {quoted(to)}" for word, to in words.items())
    value = f"CASE {_name(outcome.column)}::VARCHAR {cases} END"
    return Cast(value, f"{value} IS NOT NULL")


def _field(name: str, spec: SourceSpec, types: Mapping[str, str]) -> Cast | None:
    kind, column = _TYPES.get(name, "VARCHAR"), spec.columns.mapped.get(name)
    constant = getattr(spec.constants, name, None)
    fallback = f"NULL::{kind}" if constant is None else quoted(str(constant))
    if column is None:
        return Cast(fallback)
    reader = _READERS.get(name, _text)
    cast = reader(_name(column.column), types[column.column], column, spec)
    if cast is None:
        return None
    vouched = f"({_name(column.column)} IS NULL OR coalesce({cast.vouched}, false))"
    value = cast.value if constant is None else f"coalesce({cast.value}, {fallback})"
    return Cast(value, vouched if cast.vouched != "true" else "true")


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


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
    value = f"10::DOUBLE * ({number.value} - {low!r}::DOUBLE) / {high - low!r}::DOUBLE"
    return Cast(value, f"{number.vouched} AND ({value}) BETWEEN 0 AND 10")


def _latency(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = _number(cell, kind)
    if number is None:
        return None
    value = (
        f"{number.value} * {UNITS[column.unit]!r}::DOUBLE" if column.unit != "ms" else number.value
    )
    return Cast(value, f"{number.vouched} AND ({value}) >= 0 AND isfinite({value})")


def _covariate(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    number = _number(cell, kind)
    return number and Cast(number.value, f"{number.vouched} AND isfinite({number.value})")


def _count(most: str) -> Callable[[str, str, ColumnSpec, SourceSpec], Cast | None]:
    def reader(cell: str, kind: str, _column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
        if kind not in {"VARCHAR", *_WHOLE}:
            return None
        value = f"TRY_CAST({cell} AS {most})"
        whole = f"regexp_full_match({cell}, '{INTEGER}')" if kind == "VARCHAR" else "true"
        natural = f"{value} >= 0" if most == "INTEGER" else f"{value} IS NOT NULL"
        return Cast(value, f"{whole} AND {natural}")

    return reader


def _tags(cell: str, kind: str, column: ColumnSpec, _spec: SourceSpec) -> Cast | None:
    if kind == "VARCHAR[]":
        return Cast(cell, f"len({cell}) = list_count({cell})")
    if kind != "VARCHAR":
        return None
    words = f"[{cell}]"
    plain = "true"
    if column.separator:
        words = f"list_transform(string_split({cell}, {quoted(column.separator)}), w -> trim(w))"
        plain = f"NOT regexp_matches({cell}, '{_SPACES}')"
    return Cast(f"CASE WHEN {cell} IS NOT NULL THEN {words} END", plain)


def _issues(cell: str, kind: str, column: ColumnSpec, spec: SourceSpec) -> Cast | None:
    """In a column of words no word means no issue; in one of lists null means that nobody knows."""
    cast = _tags(cell, kind, column, spec)
    if cast is None or kind != "VARCHAR":
        return cast
    return cast._replace(value=f"coalesce({cast.value}, []::VARCHAR[])")


def _time(cell: str, kind: str, _column: ColumnSpec, spec: SourceSpec) -> Cast | None:
    shift = _fixed_offset(spec.timezone) if spec.timezone else None
    local = f"({{}} - to_seconds({shift}))::TIMESTAMPTZ"
    if kind == "TIMESTAMP WITH TIME ZONE":
        value, vouched = cell, "true"
    elif kind in {"TIMESTAMP", "TIMESTAMP_NS", "DATE"} and shift is not None:
        value, vouched = local.format(f"{cell}::TIMESTAMP"), "true"
    elif kind == "VARCHAR":
        value, vouched = (
            f"TRY_CAST({cell} AS TIMESTAMPTZ)",
            f"regexp_full_match({cell}, '{_DATE}{_CLOCK}{_OFFSET}')",
        )
        if shift is not None:
            offset = f"regexp_matches({cell}, '{_CLOCK}{_OFFSET}$')"
            written = local.format(f"TRY_CAST({cell} AS TIMESTAMP)")
            value = f"CASE WHEN {offset} THEN {value} ELSE {written} END"
            vouched = f"regexp_full_match({cell}, '{_DATE}({_CLOCK}{_OFFSET}?)?')"
    else:
        return None
    first = f"TIMESTAMPTZ '{FIRST_YEAR}-01-03 00:00:00+00'"
    return Cast(value, f"{vouched} AND {value} > {first} AND isfinite({value})")


@cache
def _fixed_offset(timezone: str) -> int | None:
    """Return the seconds that a zone is ahead of UTC, or None where they ever changed."""
    zone = ZoneInfo(timezone)
    months = (
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(FIRST_YEAR, 2040)
        for month in range(1, 13)
    )
    offsets = {moment.astimezone(zone).utcoffset() for moment in months}
    only = offsets.pop()
    return int(only.total_seconds()) if only is not None and not offsets else None


_READERS: Final = {
    "score": _score, "latency_ms": _latency, "covariate": _covariate, "started_at": _time,
    "seed": _count("BIGINT"), "style_violations": _count("INTEGER"), "issues": _issues,
    "suggested_tags": _tags, "confirmed_tags": _tags,
}  # fmt: skip
