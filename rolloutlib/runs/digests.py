"""A digest of samples that no order of rows, files or batches changes, wherever they lie."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.runs.columns import SCHEMA, TOLD_LATER
from rolloutlib.runs.database import connect, quoted
from rolloutlib.runs.further import kind_beside

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["digest_of"]

EXACT_ROWS = 200_000  # up to here the digest is the exact one, which sorts every row here
_ROWS_AT_ONCE = 100_000
_UNNAMED = {*SCHEMA.names} - {*TOLD_LATER} | {"cluster", "suggested_tags"}  # as of old
_ROW_ORDER = "run_id, sample_id, prompt_id, status, score, latency_ms, arm"


def digest_of(lazy: nw.LazyFrame[Any], rows: int, extras: Sequence[str]) -> str:
    """Digest what an engine holds.

    Args:
        lazy: has the columns of `SCHEMA` and `extras`.
        rows: how many there are; 0 where nobody has counted them.
        extras: further columns; they count where any row tells them.
    """
    lazy = lazy.select(*SCHEMA.names, *extras)  # texts are shown, they are no evidence
    if lazy.implementation.is_spark_like():
        return _spark_sums(nw.to_native(lazy), extras)
    native = nw.to_native(lazy)
    if not isinstance(native, duckdb.DuckDBPyRelation):
        native = connect().from_arrow(lazy.collect("pyarrow").to_arrow())
    if (rows or len(native)) > EXACT_ROWS:
        return _duckdb_sum(native, extras)
    names = sorted(_told(native, extras))
    hashers = {name: _ColumnDigest() for name in names}
    for batch in native.order(_ROW_ORDER).to_arrow_reader(_ROWS_AT_ONCE):
        for name in names:
            hashers[name].add(batch.column(name))
    kinds = {n: kind_beside(n) for n in extras} | {f.name: f.type for f in SCHEMA}
    parts = [f"{n} {kinds[n]} {hashers[n].hexdigest()}" for n in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _told(relation: duckdb.DuckDBPyRelation, extras: Sequence[str]) -> list[str]:
    """Return the columns that a digest is of."""
    later = (*TOLD_LATER, *extras)
    counts = ", ".join(f'count("{name}")' for name in later)
    rows = relation.aggregate(counts).fetchall()[0]
    untold = {name for name, count in zip(later, rows, strict=True) if not count}
    return [name for name in (*SCHEMA.names, *extras) if name not in untold]


def _duckdb_sum(relation: duckdb.DuckDBPyRelation, extras: Sequence[str]) -> str:
    """Sum a hash of each whole row, so that a value cannot move to another row or column.

    A hash of two rounds, since one alone keeps too much of its last column's own hash. The names of
    columns that may be missing are hashed too: two that exchange their values are others.
    """
    columns = _told(relation, extras)
    names = ", ".join(
        name if name in _UNNAMED else f"{quoted(name)}, {_quoted(name)}" for name in columns
    )
    rows, total = relation.aggregate(f"count(*), sum(hash(hash({names})))").fetchall()[0]
    return f"sums:duckdb-{duckdb.__version__}:{rows:x}-{int(total or 0):x}"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _spark_sums(table: Any, extras: Sequence[str]) -> str:  # noqa: ANN401 -- an extra's type
    """Sum hashes of each column's values with their row's key, and of whole rows.

    Spark's hash skips nulls, which the key keeps in their column and row; whole rows tell apart
    what carries the same key.
    """
    untold = {name for name in (*TOLD_LATER, *extras) if _is_null(table, name)}
    columns = [name for name in SCHEMA.names if name not in untold]
    hashed = {name: f"arm, run_id, sample_id, {name}" for name in columns}
    for name in {"issues", "suggested_tags"} & {*columns}:  # [] is not null
        hashed[name] = f"coalesce(size({name}), -1), {hashed[name]}"
    hashed["row"] = ", ".join(columns)
    for name in extras:
        if name not in untold:
            hashed[name] = f"arm, run_id, sample_id, '{name}', `{name}`"
    sums = (f"sum(cast(xxhash64({of}) AS decimal(20, 0))) AS `c_{n}`" for n, of in hashed.items())
    totals = table.selectExpr("count(*) AS rows", *sums).toArrow().to_pylist()[0]
    text = " ".join(f"{name}={total}" for name, total in totals.items())
    return f"sums:spark:{hashlib.sha256(text.encode()).hexdigest()}"


def _is_null(table: Any, column: str) -> bool:  # noqa: ANN401 -- an extra's type
    """Return whether no row on Spark has a value in a column."""
    return not table.selectExpr(f"count(`{column}`) AS n").toArrow().to_pylist()[0]["n"]


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
