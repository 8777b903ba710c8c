"""Issues as they are counted: no words for nothing, and one spelling a tag.

A tag keeps its spelling; where it is written in several (in case or spaces), the lower-case one
stands for all. Done on all samples at once, so that every format gives the same.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import quoted
from rolloutlib.runs.spellings import NOTHING, SPACES

if TYPE_CHECKING:
    import duckdb

    from rolloutlib.runs.sources import SourceSpec

__all__ = ["one_spelling"]

_ODD = """SELECT name_key, count(DISTINCT name) > 1 AS several FROM (
    SELECT tag, {name} AS name, lower({name}) AS name_key
    FROM (SELECT DISTINCT unnest(issues) AS tag FROM {samples}))
    GROUP BY name_key HAVING several OR any_value(name) <> any_value(tag) OR name_key IN ({none})"""


def _name(tag: str) -> str:
    return f"trim(regexp_replace({tag}, '{SPACES}+', ' ', 'g'))"


def one_spelling(
    samples: duckdb.DuckDBPyRelation, spec: SourceSpec | None
) -> duckdb.DuckDBPyRelation:
    """Return samples whose issues have one spelling each; untouched where they have it already.

    Args:
        samples: with the columns of `SCHEMA`.
        spec: what source.yaml says; it may name the words that are no issue.
    """
    column = spec.columns.issues if spec else None
    none = column.no_tags if column else NOTHING
    name, words = _name("tag"), ", ".join(map(quoted, sorted(none))) or "NULL"
    query = _ODD.format(name=name, samples="samples", none=words)
    odd = samples.query("samples", query).fetchall()
    if not odd:
        return samples
    several = ", ".join(quoted(key) for key, more in odd if more) or "NULL"
    spelled = _name("w")
    one = f"CASE WHEN lower({spelled}) IN ({several}) THEN lower({spelled}) ELSE {spelled} END"
    kept = f"list_filter(issues, w -> lower({spelled}) NOT IN ({words}))"
    issues = f"list_distinct(list_transform({kept}, w -> {one})) AS issues"
    names = ", ".join(issues if name == "issues" else name for name in SCHEMA.names)
    return samples.project(names)
