"""The one table: a row a sample, seen through an engine-neutral lazy frame (DuckDB here)."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rolloutlib.errors import RunsError, UsageError, did_you_mean
from rolloutlib.runs import RunInfo
from rolloutlib.runs.columns import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rolloutlib.runs import Runs

__all__ = ["SCHEMA", "RunInfo", "Samples", "from_runs"]

_ROWS_AT_ONCE = 100_000
_ROW_ORDER = "run_id, sample_id, prompt_id, status, score, latency_ms"
_NO_TIME = datetime.max.replace(tzinfo=UTC)
_RUN_SQL = """run_id, any_value(arm) AS arm, min(started_at) AS started_at, any_value(profile) AS profile,
    any_value(seed) AS seed, count(*) AS n,
    left(sha256(CASE WHEN any_value(seed) IS NULL OR count(prompt_id) < count(*) THEN run_id
        ELSE concat_ws(chr(31), any_value(arm), any_value(seed), string_agg(prompt_id, chr(31) ORDER BY prompt_id))
        END), 16) AS replicate"""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """All samples of a review, in memory or on disk, behind one lazy frame.

    Attributes:
        relation: the DuckDB relation with the columns of `SCHEMA`.
        issues: the issue tags that occur, sorted; unknown ones too.
        runs: one entry a run, by start time (runs without a time last), then by id.
    """

    relation: duckdb.DuckDBPyRelation
    issues: tuple[str, ...]
    runs: tuple[RunInfo, ...]

    @classmethod
    def from_parquet(cls, path: Path) -> Self:
        """Open a Parquet file with the columns of `SCHEMA` where it lies; it may be larger than memory.

        Raises:
            UsageError: there is no such file.
            RunsError: it is no Parquet, or a column is missing or of another type.
        """
        _check_schema(path)
        relation = _connect(path).read_parquet(str(path)).select(*SCHEMA.names)
        return cls(relation, _issues(relation), _by_time(_runs_in(relation, path.name)))

    def frame(self) -> nw.LazyFrame[duckdb.DuckDBPyRelation]:
        """Return the samples as a lazy frame; expressions on it run in DuckDB."""
        return nw.from_native(self.relation)

    def digest(self) -> str:
        """Return a sha256 of the content: columns by name, rows by run and sample, floats by their 64 bits.

        The order of rows and files, the storage and the batches do not matter; any changed value, null or type does.
        """
        names = sorted(SCHEMA.names)
        hashers = {name: _ColumnDigest() for name in names}
        for batch in self.relation.order(_ROW_ORDER).to_arrow_reader(_ROWS_AT_ONCE):
            for name in names:
                hashers[name].add(batch.column(name))
        parts = [f"{name} {SCHEMA.field(name).type} {hashers[name].hexdigest()}" for name in names]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def from_runs(runs: Runs) -> Samples:
    """Open the samples of checked runs where they lie."""
    return Samples(runs.relation, _issues(runs.relation), _by_time(runs.runs))


class _ColumnDigest:
    """Nulls, lengths and values of a column, each hashed apart so that batch limits leave no trace."""

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


def _connect(readable: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An engine that can reach the one given file and nothing else outside."""
    connection = duckdb.connect(":memory:")
    if readable:
        quoted = str(readable).replace("'", "''")
        connection.execute(f"SET allowed_paths = ['{quoted}']")
    connection.execute("SET enable_external_access = false; SET TimeZone = 'UTC'")
    return connection


def _issues(relation: duckdb.DuckDBPyRelation) -> tuple[str, ...]:
    tags = (
        relation.select("unnest(issues) AS issue").distinct().to_arrow_table()["issue"].to_pylist()
    )
    return tuple(sorted(tag for tag in tags if tag is not None))


def _by_time(runs: Iterable[RunInfo]) -> tuple[RunInfo, ...]:
    return tuple(sorted(runs, key=lambda run: (run.started_at or _NO_TIME, run.run_id)))


def _check_schema(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"{path} does not exist; expected a Parquet file of samples.")
    try:
        found = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        raise RunsError(
            f"{path} is no Parquet file; expected the columns of the table of samples."
        ) from None
    for due in SCHEMA:
        if due.name not in found.names:
            hint = did_you_mean(due.name, found.names)
            raise RunsError(
                f"{path} has no column {due.name!r}, only {', '.join(found.names)}.{hint}"
            )
        got = found.field(due.name).type
        if got != due.type:
            raise RunsError(f"{path}: column {due.name!r} is of type {got}; expected {due.type}.")


def _runs_in(relation: duckdb.DuckDBPyRelation, file: str) -> list[RunInfo]:
    """One entry a run from the rows themselves; what only the run's file told (stage, metrics) is None."""
    rows = relation.aggregate(_RUN_SQL, "run_id").order("run_id").to_arrow_table().to_pylist()
    return [RunInfo(**row, stage=None, reported=None, file=file, line=0) for row in rows]
