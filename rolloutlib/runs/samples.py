"""The one table: a row a sample, behind a lazy frame of whatever engine holds it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.errors import RunsError, UsageError, did_you_mean
from rolloutlib.runs import RunInfo
from rolloutlib.runs.columns import LATER, SCHEMA, TOLD_LATER
from rolloutlib.runs.database import connect
from rolloutlib.runs.ranges import FIRST_YEAR, RANGES, latest_start
from rolloutlib.runs.tags import one_spelling
from rolloutlib.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rolloutlib.runs import Runs

__all__ = ["SCHEMA", "RunInfo", "Samples", "from_runs"]

EXACT_ROWS = 200_000  # up to here the digest is the exact one, which sorts every row here
_ROWS_AT_ONCE = 100_000
_ROW_ORDER = "run_id, sample_id, prompt_id, status, score, latency_ms, arm"
_NO_TIME = datetime.max.replace(tzinfo=UTC)
_RUN_SQL = """arm, run_id, min(started_at) AS started_at, max(started_at) AS last_at,
    any_value(profile) AS profile, any_value(seed) AS seed, count(*) AS n,
    left(sha256(CASE WHEN any_value(seed) IS NULL OR count(prompt_id) < count(*) THEN run_id
        ELSE concat_ws(chr(31), arm, any_value(seed),
            string_agg(prompt_id, chr(31) ORDER BY prompt_id))
        END), 16) AS replicate"""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """All samples of a review, wherever they lie, behind one lazy frame.

    Attributes:
        lazy: has the columns of `SCHEMA`; expressions on it run in its own engine.
        runs: one entry a run, by start time (runs without a time last), then by id.
        known: the digest, where it was computed before.
        extras: further columns of text by which samples may be told apart, named by source.yaml.
        texts: those of `TEXTS` that the frame has: what was asked, and what was answered.
    """

    lazy: nw.LazyFrame[Any]
    runs: tuple[RunInfo, ...] = ()
    known: str = ""
    extras: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def from_parquet(cls, path: Path) -> Self:
        """Open a Parquet file with the columns of `SCHEMA` where it lies.

        It may be larger than memory.

        Raises:
            UsageError: there is no such file.
            RunsError: it is no Parquet, or a column is missing or of a type that cannot be cast.
        """
        if not path.is_file():
            raise UsageError(f"{path} does not exist; expected a Parquet file of samples.")
        try:
            relation = connect([path]).read_parquet(str(path))
        except duckdb.Error:
            raise RunsError(
                f"{path} is no Parquet file; expected the columns of the table of samples."
            ) from None
        cast = cls.from_frame(nw.from_native(relation), where=str(path)).frame()
        lazy = nw.from_native(one_spelling(nw.to_native(cast), None))
        return cls(lazy, by_time(_runs_in(nw.to_native(lazy), path.name)))

    @classmethod
    def from_frame(
        cls, lazy: nw.LazyFrame[Any], *, where: str = "the frame", checked: bool = False
    ) -> Self:
        """Take a lazy frame of any engine as samples; it is checked and cast, never copied.

        Args:
            lazy: has the columns of `SCHEMA`; numbers may be of another width, text an enum,
                and a column without a value of no type. Those of `LATER` may be missing: null.
            where: what an error names as the source.
            checked: whether its values are known to be those of samples; else they are counted.

        Raises:
            RunsError: a column is missing, or of a type that cannot be cast; times tell no zone;
                or a value is none that a sample can have.
        """
        schema = lazy.collect_schema()
        cast = lazy.select(*(_cast(field, schema, where) for field in SCHEMA))
        if not checked:
            _check_values(cast, where)
        return cls(cast)

    def frame(self) -> nw.LazyFrame[Any]:
        """Return the samples as a lazy frame."""
        return self.lazy

    def digest(self) -> str:
        """Return a digest of the content that no order of rows, files or batches changes.

        Any changed value or null does, and so does a value that moved to another row. Up to
        200,000 rows it is a sha256 of all columns, rows by run and sample, floats by their 64 bits;
        above, and on Spark, it is made of sums of hashes, which are computed where the data are.
        Its kind stands in front, since digests of two kinds cannot be compared.

        Raises:
            RunsError: a file is damaged where nothing had read it yet.
        """
        try:
            return self.known or _digest_of(self.lazy, sum(run.n for run in self.runs))
        except duckdb.Error as error:  # here every cell is read for the first time
            why = str(error).splitlines()[0]
            raise RunsError(f"the samples cannot be read: {why}; write the file again") from None


def from_runs(runs: Runs) -> Samples:
    """Open the samples of checked runs where they lie."""
    return Samples(nw.from_native(runs.relation), by_time(runs.runs))


def _cast(field: pa.Field, schema: nw.Schema, where: str) -> nw.Expr:
    """Return a column as `SCHEMA` has it."""
    if field.name in LATER and field.name not in schema:
        return nw.lit(None, _TYPES[field.type][0]).alias(field.name)
    if field.name not in schema:
        hint, names = did_you_mean(field.name, list(schema)), listed(schema, most=20)
        raise RunsError(f"{where} has no column {field.name!r}, only {names}.{hint}")
    (wanted, accepted), got = _TYPES[field.type], schema[field.name]
    if not isinstance(got, (*accepted, nw.Unknown)):
        raise RunsError(f"{where}: column {field.name!r} is of type {got}; expected {field.type}.")
    column = nw.col(field.name)
    if isinstance(got, nw.Datetime) and got.time_zone is None:
        due = f"expected {field.type}"
        raise RunsError(f"{where}: column {field.name!r} has times without a zone; {due}.")
    same = got == wanted or isinstance(got, nw.Datetime | nw.List)
    return column if same else column.cast(wanted)


def _check_values(lazy: nw.LazyFrame[Any], where: str) -> None:
    """Refuse numbers and times that no sample can have; the frame's own engine counts them."""
    rules = [
        (name, ~nw.col(name).is_finite() | (nw.col(name) < low) | (nw.col(name) > high),
         f"a number from {low:g} to {high:g}, or null")
        for name, (low, high) in RANGES.items()
    ]  # fmt: skip
    rules.append(("style_violations", nw.col("style_violations") < 0, "a count, 0 or more"))
    first, last = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), latest_start(None)
    start, due = nw.col("started_at"), f"a start from {FIRST_YEAR} on that is not in the future"
    rules.append(("started_at", (start < nw.lit(first)) | (start > nw.lit(last)), due))
    wrong = [rule.cast(nw.Int64).sum().alias(f"wrong_{n}") for n, (_, rule, _) in enumerate(rules)]
    counts = lazy.select(*wrong).collect("pyarrow").to_arrow().to_pylist()[0]
    for (name, _, due), rows in zip(rules, counts.values(), strict=True):
        if rows:
            raise RunsError(f"{where}: {rows:,} values of {name} are none; expected {due}.")


_WHOLE = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.UInt8, nw.UInt16, nw.UInt32)
_TYPES: dict[pa.DataType, tuple[Any, tuple[Any, ...]]] = {
    pa.string(): (nw.String, (nw.String, nw.Categorical, nw.Enum)),
    pa.timestamp("us", "UTC"): (nw.Datetime("us", "UTC"), (nw.Datetime,)),
    pa.int64(): (nw.Int64, _WHOLE),
    pa.int32(): (nw.Int32, _WHOLE),
    pa.bool_(): (nw.Boolean, (nw.Boolean,)),
    pa.float64(): (nw.Float64, (nw.Float32, nw.Float64, nw.Decimal, *_WHOLE)),
    pa.list_(pa.string()): (nw.List(nw.String), (nw.List,)),
}


def _digest_of(lazy: nw.LazyFrame[Any], rows: int) -> str:
    """Digest what an engine holds; `rows` is 0 where nobody has counted them."""
    if lazy.implementation.is_spark_like():
        return _spark_sums(nw.to_native(lazy))
    native = nw.to_native(lazy)
    if not isinstance(native, duckdb.DuckDBPyRelation):
        native = connect().from_arrow(lazy.collect("pyarrow").to_arrow())
    if (rows or len(native)) > EXACT_ROWS:
        return _duckdb_sum(native)
    names = sorted(_told(native))
    hashers = {name: _ColumnDigest() for name in names}
    for batch in native.order(_ROW_ORDER).to_arrow_reader(_ROWS_AT_ONCE):
        for name in names:
            hashers[name].add(batch.column(name))
    parts = [f"{name} {SCHEMA.field(name).type} {hashers[name].hexdigest()}" for name in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _told(relation: duckdb.DuckDBPyRelation) -> list[str]:
    """Return the columns that a digest is of."""
    counts = ", ".join(f"count({name})" for name in TOLD_LATER)
    rows = relation.aggregate(counts).fetchall()[0]
    untold = {name for name, count in zip(TOLD_LATER, rows, strict=True) if not count}
    return [name for name in SCHEMA.names if name not in untold]


def _duckdb_sum(relation: duckdb.DuckDBPyRelation) -> str:
    """Sum a hash of each whole row, so that a value cannot move to another row or column.

    A hash of two rounds, since one alone keeps too much of its last column's own hash.
    """
    row = f"hash(hash({', '.join(_told(relation))}))"
    rows, total = relation.aggregate(f"count(*), sum({row})").fetchall()[0]
    return f"sums:duckdb-{duckdb.__version__}:{rows:x}-{int(total or 0):x}"


def _spark_sums(table: Any) -> str:  # noqa: ANN401 -- an extra's type
    """Sum hashes of each column's values with their row's key, and of whole rows.

    Spark's hash skips nulls, which the key keeps in their column and row; whole rows tell apart
    what carries the same key.
    """
    untold = {name for name in TOLD_LATER if _is_null(table, name)}
    told = [name for name in SCHEMA.names if name not in untold]
    hashed = {name: f"arm, run_id, sample_id, {name}" for name in told}
    for name in {"issues", "suggested_tags"} & {*told}:  # [] is not null
        hashed[name] = f"coalesce(size({name}), -1), {hashed[name]}"
    hashed["row"] = ", ".join(told)
    sums = (f"sum(cast(xxhash64({of}) AS decimal(20, 0))) AS c_{n}" for n, of in hashed.items())
    totals = table.selectExpr("count(*) AS rows", *sums).toArrow().to_pylist()[0]
    text = " ".join(f"{name}={total}" for name, total in totals.items())
    return f"sums:spark:{hashlib.sha256(text.encode()).hexdigest()}"


def _is_null(table: Any, column: str) -> bool:  # noqa: ANN401 -- an extra's type
    """Return whether no row on Spark has a value in a column."""
    return not table.selectExpr(f"count({column}) AS n").toArrow().to_pylist()[0]["n"]


class _ColumnDigest:
    """Nulls, lengths and values of a column, each hashed apart: batch limits leave no trace."""

    def __init__(self) -> None:
        self.nulls, self.lengths, self.values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def add(self, column: pa.Array) -> None:
        self.nulls.update(column.is_null().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_list(column.type):
            self.lengths.update(
                pc.list_value_length(column).fill_null(0).to_numpy().astype("<i8").tobytes()
            )
            column = column.flatten()
        if pa.types.is_string(column.type):
            text = column.fill_null("")
            self.lengths.update(pc.binary_length(text).to_numpy().astype("<i8").tobytes())
            self.values.update("".join(text.to_pylist()).encode())
        else:
            self.values.update(_bits(column))

    def hexdigest(self) -> str:
        return "".join(part.hexdigest() for part in (self.nulls, self.lengths, self.values))


def _bits(column: pa.Array) -> bytes:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    kind = "<f8" if pa.types.is_floating(column.type) else "<i8"
    return (
        column.fill_null(False if pa.types.is_boolean(column.type) else 0)
        .to_numpy(zero_copy_only=False)
        .astype(kind)
        .tobytes()
    )


def by_time(runs: Iterable[RunInfo]) -> tuple[RunInfo, ...]:
    """Order runs by their start, those without a time last, then by id and arm."""
    return tuple(sorted(runs, key=lambda run: (run.started_at or _NO_TIME, run.run_id, run.arm)))


def _runs_in(relation: duckdb.DuckDBPyRelation, file: str) -> list[RunInfo]:
    """One entry a run from the rows themselves; what only the run's file told is None."""
    rows = (
        relation.aggregate(_RUN_SQL, "arm, run_id")
        .order("run_id, arm")
        .to_arrow_table()
        .to_pylist()
    )
    return [RunInfo(**row, stage=None, reported=None, file=file, line=0) for row in rows]
