"""The one table: a row a sample, behind a lazy frame of whatever engine holds it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb
import narwhals as nw
import pyarrow as pa

from rolloutlib.errors import RunsError, UsageError, did_you_mean
from rolloutlib.phrase import Clause, Phrase, foreign, phrase, several
from rolloutlib.plan.metrics import SCORER
from rolloutlib.plan.segments import checked as check_segments
from rolloutlib.runs import RunInfo
from rolloutlib.runs.column_spec import check_scorers
from rolloutlib.runs.columns import LATER, SCHEMA, TEXTS
from rolloutlib.runs.database import connect
from rolloutlib.runs.digests import digest_of
from rolloutlib.runs.further import is_scorer, labels_in, schema_with
from rolloutlib.runs.ranges import COUNTED, FIRST_YEAR, ON_SCALE, RANGES, latest_start, number_from
from rolloutlib.runs.tags import one_spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rolloutlib.runs import Runs

__all__ = ["SCHEMA", "RunInfo", "Samples", "from_runs"]

_THE_FRAME: Final = phrase("the frame")
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
    def from_parquet(
        cls, path: Path, *, extras: Sequence[str] = (), texts: Sequence[str] = ()
    ) -> Self:
        """Open a Parquet file with the columns of `SCHEMA` where it lies.

        It may be larger than memory.

        Args:
            path: of the file.
            extras: as `from_frame` takes them.
            texts: likewise.

        Raises:
            UsageError: there is no such file, or a further column has no name that it may have.
            RunsError: it is no Parquet, or a column is missing or of a type that cannot be cast.
        """
        if not path.is_file():
            raise UsageError(
                "{path} does not exist; expected a Parquet file of samples.", path=path
            )
        try:
            relation = connect([path]).read_parquet(str(path))
        except duckdb.Error:
            raise RunsError(
                "{path} is no Parquet file; expected the columns of the table of samples.",
                path=path,
            ) from None
        frame = nw.from_native(relation)
        cast = cls.from_frame(frame, where=str(path), extras=extras, texts=texts)
        lazy = nw.from_native(one_spelling(nw.to_native(cast.frame()), None))
        return replace(cast, lazy=lazy, runs=by_time(_runs_in(nw.to_native(lazy), path.name)))

    @classmethod
    def from_frame(
        cls, lazy: nw.LazyFrame[Any], *, where: Clause = _THE_FRAME, checked: bool = False,
        extras: Sequence[str] = (), texts: Sequence[str] = (),
    ) -> Self:  # fmt: skip
        """Take a lazy frame of any engine as samples; it is checked and cast, never copied.

        Rows that are `cached` are left out.

        Args:
            lazy: has the columns of `SCHEMA`; numbers may be of another width, text an enum,
                and a column without a value of no type. Those of `LATER` may be missing: null.
            where: what an error names as the source.
            checked: whether its values are known to be those of samples; else they are counted.
            extras: further columns of text by which samples may be told apart, and those of numbers
                0–10 that are named `score:NAME`.
            texts: those of `TEXTS` that it has.

        Raises:
            UsageError: a further column has no name that it may have.
            RunsError: a column is missing, or of a type that cannot be cast; times tell no zone;
                or a value is none that a sample can have.
        """
        schema = lazy.collect_schema()
        _check_names(extras, texts)
        fields = schema_with(sorted(extras), texts)
        cast = lazy.select(*(_cast(field, schema, where) for field in fields))
        if not checked:
            _check_values(cast, where, extras)
        if "cached" in schema:  # an answer from a cache is a copy of an earlier one
            cast = cast.filter(~nw.col("cached") | nw.col("cached").is_null())
        return cls(cast, extras=tuple(sorted(extras)), texts=tuple(texts))

    def frame(self) -> nw.LazyFrame[Any]:
        """Return the samples as a lazy frame."""
        return self.lazy

    def without_texts(self) -> Samples:
        """Return the same samples, none of whose texts is loaded."""
        if not self.texts:
            return self
        lazy = self.lazy.select(*SCHEMA.names, *self.extras)
        return replace(self, lazy=lazy, texts=())

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
            rows = sum(run.n for run in self.runs)
            return self.known or digest_of(self.lazy, rows, self.extras)
        except duckdb.Error as error:  # here every cell is read for the first time
            why = foreign(str(error).splitlines()[0])
            raise RunsError(
                "the samples cannot be read: {why}; write the file again", why=why
            ) from None


def from_runs(runs: Runs) -> Samples:
    """Open the samples of checked runs where they lie."""
    lazy = nw.from_native(runs.relation)
    return Samples(lazy, by_time(runs.runs), extras=runs.extras, texts=runs.texts)


def _check_names(extras: Sequence[str], texts: Sequence[str]) -> None:
    try:
        check_segments(labels_in(extras), own=False)
        check_scorers([name.removeprefix(SCORER) for name in extras if is_scorer(name)])
    except ValueError as error:
        raise UsageError("extras: {why}.", why=error.args[0]) from None
    for name in texts:
        if name not in TEXTS:
            raise UsageError(
                "texts has {name!r}; expected some of {names}.{hint}",
                name=name, names=TEXTS, hint=did_you_mean(name, TEXTS),
            )  # fmt: skip


def _cast(field: pa.Field, schema: nw.Schema, where: Clause) -> nw.Expr:
    """Return a column as `SCHEMA` has it."""
    if field.name in LATER and field.name not in schema:
        return nw.lit(None, _TYPES[field.type][0]).alias(field.name)
    if field.name not in schema:
        hint, names = did_you_mean(field.name, list(schema)), several(schema, most=20)
        raise RunsError(
            "{where} has no column {name!r}, only {names}.{hint}",
            where=where, name=field.name, names=names, hint=hint,
        )  # fmt: skip
    (target, accepted), got = _TYPES[field.type], schema[field.name]
    if not isinstance(got, (*accepted, nw.Unknown)):
        raise RunsError(
            "{where}: column {name!r} is of type {type}; expected {due}.",
            where=where, name=field.name, type=got, due=field.type,
        )  # fmt: skip
    column = nw.col(field.name)
    if isinstance(got, nw.Datetime) and got.time_zone is None:
        raise RunsError(
            "{where}: column {name!r} has times without a zone; expected {due}.",
            where=where, name=field.name, due=field.type,
        )  # fmt: skip
    same = got == target or isinstance(got, nw.Datetime | nw.List)
    return column if same else column.cast(target)


def _check_values(lazy: nw.LazyFrame[Any], where: Clause, extras: Sequence[str]) -> None:
    """Refuse numbers and times that no sample can have; the frame's own engine counts them."""
    ranges = RANGES | dict.fromkeys(filter(is_scorer, extras), ON_SCALE)
    rules: list[tuple[str, nw.Expr, Phrase]] = [
        (name, ~nw.col(name).is_finite() | (nw.col(name) < low) | (nw.col(name) > high),
         phrase("{due}, or null", due=number_from(low, high)))
        for name, (low, high) in ranges.items()
    ]  # fmt: skip
    rules += [(name, (nw.col(name) < 0) | (nw.col(name) > most), phrase("a count, 0 or more"))
              for name, (most, _) in COUNTED.items()]  # fmt: skip
    first, last = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), latest_start(None)
    start = nw.col("started_at")
    expectation = phrase("a start from {year} on that is not in the future", year=FIRST_YEAR)
    rules.append(("started_at", (start < nw.lit(first)) | (start > nw.lit(last)), expectation))
    wrong = [rule.cast(nw.Int64).sum().alias(f"wrong_{n}") for n, (_, rule, _) in enumerate(rules)]
    counts = lazy.select(*wrong).collect("pyarrow").to_arrow().to_pylist()[0]
    for (name, _, expectation), rows in zip(rules, counts.values(), strict=True):
        if rows:
            raise RunsError(
                "{where}: {rows:,} values of {name} are none; expected {due}.",
                where=where, rows=rows, name=name, due=expectation,
            )  # fmt: skip


_WHOLE = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.UInt8, nw.UInt16, nw.UInt32)
_TYPES: dict[pa.DataType, tuple[Any, tuple[Any, ...]]] = {
    pa.string(): (nw.String, (nw.String, nw.Categorical, nw.Enum)),
    pa.large_string(): (nw.String, (nw.String, nw.Categorical, nw.Enum)),
    pa.timestamp("us", "UTC"): (nw.Datetime("us", "UTC"), (nw.Datetime,)),
    pa.int64(): (nw.Int64, _WHOLE),
    pa.int32(): (nw.Int32, _WHOLE),
    pa.bool_(): (nw.Boolean, (nw.Boolean,)),
    pa.float64(): (nw.Float64, (nw.Float32, nw.Float64, nw.Decimal, *_WHOLE)),
    pa.list_(pa.string()): (nw.List(nw.String), (nw.List,)),
}


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
