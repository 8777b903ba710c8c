"""Issues as they are counted: no words for nothing, and one spelling a tag.

A tag keeps its spelling; where it is written in several (in case or spaces), the lower-case one
stands for all. Done on all samples at once, so that every format gives the same.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingImports=false, reportUnknownLambdaType=false
# (pyarrow carries no types, and Spark is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.runs.database import quoted
from rolloutlib.runs.spellings import NOTHING, SPACES, folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from rolloutlib.runs.sources import SourceSpec

__all__ = ["one_spelling", "one_spelling_on_spark", "spelled_as"]

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
    column = spec.mapped.get("issues") if spec else None
    none = column.no_tags if column else NOTHING
    name, words = _name("tag"), ", ".join(map(quoted, sorted(none))) or "NULL"
    query = _ODD.format(name=name, samples="samples", none=words)
    odd = samples.query("samples", query).fetchall()
    if not odd:
        return samples
    several = ", ".join(quoted(key) for key, more in odd if more) or "NULL"
    spelled = _name("w")
    spelling = f"CASE WHEN lower({spelled}) IN ({several}) THEN lower({spelled}) ELSE {spelled} END"
    tags = f"list_filter(issues, w -> lower({spelled}) NOT IN ({words}))"
    return _with_issues(samples, f"list_distinct(list_transform({tags}, w -> {spelling}))")


def spelled_as(
    samples: duckdb.DuckDBPyRelation, spellings: Iterable[Iterable[str]]
) -> duckdb.DuckDBPyRelation:
    """Return samples whose issues are spelled as those of runs that are known."""
    names = {folded(tag): tag for tags in spellings for tag in tags}
    query = "SELECT DISTINCT unnest(issues) FROM samples"
    tags = [tag for (tag,) in samples.query("samples", query).fetchall()] if names else []
    others = {tag: names[folded(tag)] for tag in tags if names.get(folded(tag), tag) != tag}
    if not others:
        return samples
    cases = " ".join(f"WHEN {quoted(tag)} THEN {quoted(to)}" for tag, to in others.items())
    return _with_issues(samples, f"list_transform(issues, w -> CASE w {cases} ELSE w END)")


def _with_issues(samples: duckdb.DuckDBPyRelation, issues: str) -> duckdb.DuckDBPyRelation:
    names = (f"{issues} AS issues" if n == "issues" else f'"{n}"' for n in samples.columns)
    return samples.project(", ".join(names))


def one_spelling_on_spark(table: Any) -> Any:  # noqa: ANN401 -- an extra's type
    """Return a table of samples on Spark as `one_spelling` does."""
    from pyspark.sql import functions as sql

    def name_of(tag: Any) -> Any:  # noqa: ANN401
        return sql.trim(sql.regexp_replace(tag, f"{SPACES}+", " "))

    name = name_of(sql.col("tag"))
    tags = table.select(sql.explode("issues").alias("tag")).distinct()
    spelled = tags.select("tag", name.alias("name"), sql.lower(name).alias("name_key"))
    changed = (sql.col("name") != sql.col("tag")) | sql.col("name_key").isin(*NOTHING)
    odd = spelled.groupBy("name_key").agg(
        sql.count_distinct("name").alias("names"), sql.max(changed.cast("int")).alias("changed")
    )
    rows = odd.where("names > 1 OR changed > 0").toArrow().to_pylist()
    if not rows:
        return table
    several = [row["name_key"] for row in rows if row["names"] > 1]
    issues = sql.filter("issues", lambda tag: ~sql.lower(name_of(tag)).isin(*NOTHING))
    unified = sql.transform(
        issues,
        lambda tag: sql.when(
            sql.lower(name_of(tag)).isin(several), sql.lower(name_of(tag))
        ).otherwise(name_of(tag)),
    )
    return table.withColumn("issues", sql.array_distinct(unified))
