"""The samples that the files gave, some in memory and some still in the engine.

Whose they are.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import quoted
from rolloutlib.runs.run_info import RunInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import duckdb

__all__ = ["Gathered"]

_RUN_COLUMNS = ("run_id", "arm", "started_at", "seed", "profile")
_IN_MEMORY, _SLICE = "rows_in_memory", "rows_of_a_run"


@dataclass(slots=True)
class Gathered:
    """Samples by run.

    Attributes:
        connection: the engine that holds or reaches them.
        infos: the runs.
        homes: for each run the place of its part, or None for a run in memory.
        parts: SQL of the samples of one flat file each.
        batches: samples in memory, in the order of their runs.
    """

    connection: duckdb.DuckDBPyConnection
    infos: list[RunInfo] = field(default_factory=list[RunInfo])
    homes: list[int | None] = field(default_factory=list["int | None"])
    parts: list[str] = field(default_factory=list[str])
    batches: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])

    def add(self, info: RunInfo, home: int | None = None) -> None:
        """Add a run; the samples of one in memory follow by `append`."""
        self.infos.append(info)
        self.homes.append(home)

    def add_part(self, relation: str, infos: Sequence[RunInfo]) -> None:
        """Add the runs of a file whose samples are where this SQL says."""
        for info in infos:
            self.add(info, len(self.parts))
        self.parts.append(relation)

    def content(self, index: int) -> object:
        """Return what tells a run's samples from another run's."""
        info, home = self.infos[index], self.homes[index]
        if home is None:
            before = [
                other.n for other, at in zip(self.infos, self.homes, strict=True) if at is None
            ]
            place = sum(at is None for at in self.homes[:index])
            whole = pa.Table.from_batches(self.batches, SCHEMA)
            self.connection.register(_SLICE, whole.slice(sum(before[:place]), info.n))
            samples = _SLICE
        else:
            samples = f"({self.parts[home]}) WHERE run_id = {quoted(info.run_id)}"
        names = ", ".join(name for name in SCHEMA.names if name != "run_id")
        rows = f"md5(list(hash({names}))::VARCHAR)"  # one thread reads them in their order
        return self.connection.execute(f"SELECT {rows} FROM {samples}").fetchone()

    def without(self, repeated: Collection[int]) -> duckdb.DuckDBPyRelation:
        """Return all kept samples: those in memory and those of each file."""
        names = ", ".join(SCHEMA.names)
        out: dict[int | None, list[str]] = {}
        for index in repeated:
            out.setdefault(self.homes[index], []).append(self.infos[index].run_id)
        held = pa.Table.from_batches(self.batches, SCHEMA)
        if None in out:
            mine = [i for i, home in enumerate(self.homes) if home is None]
            keep = [index not in repeated for index in mine]
            held = held.filter(pa.array(np.repeat(keep, [self.infos[i].n for i in mine])))
        self.connection.register(_IN_MEMORY, held)
        parts = [f"SELECT {names} FROM {_IN_MEMORY}"] if held.num_rows or not self.parts else []
        for home, part in enumerate(self.parts):
            refused = ", ".join(map(quoted, out.get(home, [])))
            others = f" WHERE run_id NOT IN ({refused})" if refused else ""
            parts.append(f"SELECT {names} FROM ({part}){others}")
        return self.connection.sql(" UNION ALL ".join(parts))

    def append(self, runs: Sequence[RunInfo], own: Mapping[str, pa.Array]) -> None:
        """Put the runs' columns beside their samples' columns."""
        rows = pa.array(np.repeat(np.arange(len(runs)), [run.n for run in runs]))
        shared = {
            name: pa.array([getattr(run, name) for run in runs], SCHEMA.field(name).type)
            for name in _RUN_COLUMNS
        }
        arrays = {**{name: column.take(rows) for name, column in shared.items()}, **own}
        self.batches.append(
            pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)
        )
