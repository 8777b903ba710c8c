"""The samples that the files gave, some in memory and some still in the engine, and whose they are.

A piece is what one file or envelope has of a run. A row's place is its piece, where it is in
memory, else the first piece of its file.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rolloutlib.runs.columns import SCHEMA, TEXTS
from rolloutlib.runs.database import quoted
from rolloutlib.runs.further import is_scorer, schema_with
from rolloutlib.runs.part import in_runs
from rolloutlib.runs.run_info import RunInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

__all__ = ["LEFT_OUT", "Gathered"]

LEFT_OUT = "rows_left_out"  # place, arm, run_id, sample_id, copy
_RUN_COLUMNS = ("run_id", "arm", "started_at", "seed", "profile")
_IN_MEMORY, _FEW = "rows_in_memory", "few_rows"
FEW_ROWS = 200_000  # a copy of so many takes less time than the casts in each of thirty queries
_ITEM = "regexp_extract(sample_id, '[0-9]+$')"  # the place of an item in its record


@dataclass(slots=True)
class Gathered:
    """Samples by run.

    Attributes:
        connection: the engine that holds or reaches them.
        infos: the pieces.
        homes: for each piece the number of its part, or None for one in memory.
        numbered: the pieces whose samples have their lines as ids.
        exploded: those of them whose lines hold several samples, each with its place there.
        invented: those of them whose prompts have their lines as ids: both arms stand in a line.
        parts: SQL of the samples of one flat file each.
        batches: samples in memory, in the order of their pieces.
        out: the pieces that are refused.
        prefixed: the pieces whose samples take their file's name in front of their ids.
        labels: the further columns that tell samples apart, and those of scorers.
        texts: the texts that are kept.
        beside: the further columns of each part.
        mapped: the texts that a source names for its rows, whether or not any row tells one.
    """

    connection: duckdb.DuckDBPyConnection
    infos: list[RunInfo] = field(default_factory=list[RunInfo])
    homes: list[int | None] = field(default_factory=list["int | None"])
    numbered: set[int] = field(default_factory=set[int])
    exploded: set[int] = field(default_factory=set[int])
    invented: set[int] = field(default_factory=set[int])
    parts: list[str] = field(default_factory=list[str])
    batches: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    out: set[int] = field(default_factory=set[int])
    prefixed: set[int] = field(default_factory=set[int])
    labels: set[str] = field(default_factory=set[str])
    texts: tuple[str, ...] = ()
    beside: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    mapped: set[str] = field(default_factory=set[str])

    @property
    def told(self) -> tuple[str, ...]:
        """The texts that any piece has."""
        present = self.mapped.union(*self.beside)
        for batch in self.batches:
            present.update(n for n in batch.schema.names if batch.column(n).null_count < len(batch))
        return tuple(name for name in self.texts if name in present)

    @property
    def extras(self) -> tuple[str, ...]:
        """The labels in the order of the alphabet."""
        return tuple(sorted(self.labels))

    def add(
        self, info: RunInfo, home: int | None = None, *,
        numbered: bool = False, exploded: bool = False, invented: bool = False,
    ) -> None:  # fmt: skip
        """Add a piece; the samples of one in memory follow by `append`."""
        if numbered and exploded:
            self.exploded.add(len(self.infos))
        if numbered:
            self.numbered.add(len(self.infos))
        if numbered and invented:
            self.invented.add(len(self.infos))
        self.infos.append(info)
        self.homes.append(home)

    def add_part(
        self, relation: str, infos: Sequence[RunInfo], beside: Iterable[str], *, numbered: bool
    ) -> None:
        """Add the pieces of a file whose samples are where this SQL says."""
        for info in infos:
            self.add(info, len(self.parts), numbered=numbered)
        self.parts.append(relation)
        self.beside.append(frozenset(beside))
        self.labels.update({*beside} - {*TEXTS})

    def append(self, runs: Sequence[RunInfo], own: Mapping[str, pa.Array]) -> None:
        """Put the runs' columns beside their samples' columns."""
        rows = pa.array(np.repeat(np.arange(len(runs)), [run.n for run in runs]))
        shared = {
            name: pa.array([getattr(run, name) for run in runs], SCHEMA.field(name).type)
            for name in _RUN_COLUMNS
        }
        arrays = {**{name: column.take(rows) for name, column in shared.items()}, **own}
        further = [name for name in own if name not in SCHEMA.names]
        self.labels.update(set(further) - {*TEXTS})
        schema = pa.schema([*SCHEMA, *((name, own[name].type) for name in further)])
        self.batches.append(
            pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
        )

    def content(self, index: int) -> object:
        """Return what tells the samples of a piece from another's, but for their run."""
        samples = f"({self.everything()}) WHERE {in_runs([self.infos[index]])}"
        home = self.homes[index]
        place = index if home is None else self.homes.index(home)
        names = ", ".join(f'"{name}"' for name in (*SCHEMA.names, *self.extras) if name != "run_id")
        rows = f"md5(list(hash({names}))::VARCHAR)"  # one thread reads them in their order
        query = f"SELECT {rows} FROM {samples} AND place = {place}"
        return self.connection.execute(query).fetchone()

    def file_at(self, place: int) -> str:
        """Return the file of the rows at a place."""
        return self.infos[place].file

    def everything(self) -> str:
        """Return SQL of all samples of pieces that are not refused, with their `place`.

        `own_id` is the sample's id where the source has one; else an item's place in its record.
        """
        self._hold()
        return " UNION ALL ".join(self._selections("place", "own_id"))

    def kept(self) -> str:
        """Return SQL of the same but for the rows that were left out."""
        if not self._tables(LEFT_OUT):
            return self.everything()
        key = ("place", "arm", "run_id", "sample_id")
        same = " AND ".join(f"o.{name} = e.{name}" for name in key)
        return (
            f"SELECT * FROM ({self.everything()}) AS e WHERE NOT EXISTS "
            f"(SELECT 1 FROM {LEFT_OUT} AS o WHERE {same})"
        )

    def relation(self, rows: int) -> duckdb.DuckDBPyRelation:
        """Return the kept samples; few ones without their texts are cast once, for all queries."""
        query = self._kept_columns()
        if rows > FEW_ROWS or self.texts:
            return self.connection.sql(query)
        self.connection.execute(f"CREATE TEMP TABLE {_FEW} AS {query}")
        return self.connection.table(_FEW)

    def _kept_columns(self) -> str:
        if self._tables(LEFT_OUT):
            names = ", ".join(f'"{name}"' for name in (*SCHEMA.names, *self.extras, *self.texts))
            return f"SELECT {names} FROM ({self.kept()})"
        self._hold()
        return " UNION ALL ".join(self._selections())

    def leave_out(self, rows: str) -> int:
        """Leave rows out: SQL of place, arm, run_id, sample_id and whether each is a copy."""
        if not self._tables(LEFT_OUT):
            self.connection.execute(
                f"CREATE TEMP TABLE {LEFT_OUT} (place BIGINT, arm VARCHAR, run_id VARCHAR, "
                "sample_id VARCHAR, copy BOOLEAN)"
            )
        counted = self.connection.execute(f"INSERT INTO {LEFT_OUT} {rows}").fetchone()
        return counted[0] if counted else 0

    def left_out(self) -> dict[tuple[int, str, str, bool], int]:
        """Count the rows that were left out: by place, arm, run, and whether they are copies."""
        if not self._tables(LEFT_OUT):
            return {}
        query = f"SELECT place, arm, run_id, copy, count(*) FROM {LEFT_OUT} GROUP BY ALL"
        counts = self.connection.execute(f"{query} ORDER BY ALL").fetchall()
        return {(place, arm, run, copy): rows for place, arm, run, copy, rows in counts}

    def _tables(self, name: str) -> bool:
        query = f"SELECT count(*) FROM duckdb_tables() WHERE table_name = {quoted(name)}"
        row = self.connection.execute(query).fetchone()
        return bool(row and row[0])

    def _hold(self) -> None:
        """Let the engine see the samples in memory."""
        every = schema_with(self.extras, self.texts)
        if all(batch.schema.equals(every) for batch in self.batches):
            table = pa.Table.from_batches(self.batches, every)
        else:
            parts = [every.empty_table(), *(pa.Table.from_batches([b]) for b in self.batches)]
            table = pa.concat_tables(parts, promote_options="permissive")
        in_memory = [index for index, home in enumerate(self.homes) if home is None]
        places = np.repeat(
            np.array(in_memory, dtype=np.int64), [self.infos[i].n for i in in_memory]
        )
        self.connection.register(_IN_MEMORY, table.append_column("place", pa.array(places)))

    def _selections(self, *more: str) -> list[str]:
        """Select from memory and from each part; `more` adds `place` and `own_id`."""
        names = [name for name in SCHEMA.names if name != "sample_id"]
        beside = (*self.extras, *self.texts)
        selections: list[str] = []
        for home in (None, *range(len(self.parts))):
            pieces = [index for index, at in enumerate(self.homes) if at == home]
            if not pieces and (self.infos or home is not None):
                continue
            source = _IN_MEMORY if home is None else f"({self.parts[home]})"
            place = "place" if home is None else f"{pieces[0]}::BIGINT"
            ids = self._cases(pieces, self.prefixed, "{stem} || sample_id", "sample_id")
            item = self._cases(pieces, self.exploded, _ITEM, "sample_id")
            own = self._cases(pieces, self.numbered - self.exploded, "NULL", item)
            columns = {**dict.fromkeys(names), "sample_id": ids, "place": place, "own_id": own}
            present = None if home is None else self.beside[home]
            for name in beside:
                nothing = "NULL::DOUBLE" if is_scorer(name) else "NULL::VARCHAR"
                columns[name] = None if present is None or name in present else nothing
            listed = ", ".join(
                f'{columns[name]} AS "{name}"' if columns[name] else f'"{name}"'
                for name in (*SCHEMA.names, *beside, *more)
            )
            refused = self._condition([index for index in pieces if index in self.out])
            where = f" WHERE NOT ({refused})" if refused else ""
            selections.append(f"SELECT {listed} FROM {source}{where}")
        return selections

    def _cases(self, pieces: Sequence[int], marked: set[int], then: str, other: str) -> str:
        """Return an expression that is `then` for the rows of marked pieces."""
        cases: dict[str, list[int]] = {}
        for index in pieces:
            if index in marked:
                stem = quoted(os.path.splitext(self.infos[index].file)[0] + ":")  # noqa: PTH122
                cases.setdefault(then.format(stem=stem), []).append(index)
        if len(cases) == 1 and len(next(iter(cases.values()))) == len(pieces):
            return next(iter(cases))
        whens = " ".join(f"WHEN {self._condition(of)} THEN {value}" for value, of in cases.items())
        return f"CASE {whens} ELSE {other} END" if whens else other

    def _condition(self, pieces: Iterable[int]) -> str:
        """Return the condition that a row is of one of these pieces of one home."""
        listed = list(pieces)
        if listed and self.homes[listed[0]] is None:
            return f"place IN ({', '.join(map(str, listed))})"
        return in_runs(self.infos[index] for index in listed) if listed else ""
