"""A flat file while it is read as columns: a view of its cast rows, and its runs as counted."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rolloutlib.errors import RunsError
from rolloutlib.limits import REPEATED_ROWS
from rolloutlib.runs.casts import LINE
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import quoted

if TYPE_CHECKING:
    import duckdb

    from rolloutlib.runs.casts import Cast
    from rolloutlib.runs.rows import Row
    from rolloutlib.runs.run_info import RunInfo

__all__ = ["CountedRun", "Part", "RawTable", "in_runs", "moment"]

_NUMBERS = count()
_ONE_A_RUN = ("profile", "seed")
_TWINS_AT_ONCE = 16_000_000  # rows whose ids are compared at a time: eight bytes each
_RUNS = """SELECT arm, run_id, min(profile), max(profile), min(seed), max(seed),
    epoch_us(min(started_at)), epoch_us(max(started_at)), count(*), min(line), count(prompt_id),
    count(profile), count(seed), count_if(NOT vouched)
    FROM {part} GROUP BY arm, run_id ORDER BY min(line)"""
_CONTENT = tuple(name for name in SCHEMA.names if name != "started_at")

RowsAt = Callable[[Sequence[int]], Iterator["Row"]]


class RawTable(NamedTuple):
    """A file's columns as they are.

    Attributes:
        file: its name in messages.
        relation: SQL of a table with the source's columns and `LINE`.
        types: the engine's type of each column.
        rows_at: gives rows by their numbers, for messages.
        texts: whether a refused row's text has to be kept verbatim.
        own: whether the columns are those of the one table already.
    """

    file: str
    relation: str
    types: dict[str, str]
    rows_at: RowsAt
    texts: bool
    own: bool = False


class CountedRun(NamedTuple):
    """One run of the file as the engine counts it; lowest and highest of what is one in a run."""

    arm: str
    run_id: str
    profile: str | None
    profile_high: str | None
    seed: int | None
    seed_high: int | None
    start_us: int | None
    last_us: int | None
    n: int
    line: int
    prompts: int
    profiles: int
    seeds: int
    odd: int

    @property
    def mixed(self) -> str | None:
        """What the run should have one of and has several."""
        ends = {name: (getattr(self, name), getattr(self, f"{name}_high")) for name in _ONE_A_RUN}
        return next((name for name, (low, high) in ends.items() if low != high), None)

    @property
    def started_at(self) -> datetime | None:
        """The start of its first sample, in UTC."""
        return moment(self.start_us)


def moment(us: int | None) -> datetime | None:
    """Return a time of the engine's microseconds."""
    return None if us is None else datetime.fromtimestamp(us / 1e6, UTC)


class Part:
    """One file while it is read: a view of its cast columns, from which lines are taken out."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, raw: RawTable, casts: dict[str, Cast], *,
        labels: Sequence[str] = (), beside: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Lay a view of the casts over a file's columns.

        Args:
            connection: the engine that can reach the file.
            raw: its columns as they are.
            casts: what they become.
            labels: the further columns that tell samples apart.
            beside: all further columns: labels and texts.
        """
        self.connection, self.raw = connection, raw
        self.beside = tuple(beside)
        self.content = ", ".join((*_CONTENT, *map(_name, labels)))
        self.name = f"part_{next(_NUMBERS)}"
        self.taken = f"{self.name}_taken"
        self.conditions: dict[str, None] = {}
        values = ", ".join(f"({cast.value}) AS {_name(name)}" for name, cast in casts.items())
        rules = dict.fromkeys(cast.vouched for cast in casts.values() if cast.vouched != "true")
        vouched = " AND ".join(f"coalesce({rule}, false)" for rule in rules) or "true"
        kind = "TABLE" if raw.texts else "VIEW"  # texts are cast once, typed columns at each scan
        self._run(
            f"CREATE TEMP {kind} {self.name}_all AS SELECT {LINE} AS line, {values}, "
            f"({vouched}) AS vouched FROM {raw.relation}"
        )
        self._run(f"CREATE TEMP VIEW {self.name} AS SELECT * FROM {self.name}_all")

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        return self.connection.execute(sql)

    def runs(self) -> list[CountedRun]:
        """Count the runs, in the order of their first rows."""
        return [CountedRun(*row) for row in self._run(_RUNS.format(part=self.name)).fetchall()]

    def lines(self, condition: str) -> list[int]:
        """Return the lines of the rows that meet a condition, in order."""
        return self._lines(f"{self.name} WHERE {condition}")

    def take_out(self, lines: Sequence[int]) -> None:
        """Leave lines out of the view from now on."""
        if not lines:
            return
        self._run(f"CREATE TEMP TABLE IF NOT EXISTS {self.taken} (line BIGINT)")
        with self._listed(lines) as listed:
            self._run(f"INSERT INTO {self.taken} FROM {listed}")
        self._only(f"line NOT IN (SELECT line FROM {self.taken})")

    def take_out_later(self, as_of: datetime) -> list[tuple[str, str, int]]:
        """Leave rows out that started later; return their (arm, run, rows)."""
        moment = f"TIMESTAMPTZ {quoted(as_of.isoformat())}"
        query = f"SELECT arm, run_id, count(*) FROM {self.name} WHERE started_at > {moment}"
        later = self._run(f"{query} GROUP BY arm, run_id ORDER BY min(line)").fetchall()
        if later:
            self._only(f"(started_at IS NULL OR started_at <= {moment})")
        return later

    def take_out_cached(self) -> dict[str, int]:
        """Leave rows out whose answers came from a cache; return how many, by arm."""
        query = f"SELECT arm, count(*) FROM {self.name} WHERE cached GROUP BY arm ORDER BY arm"
        if cached := dict[str, int](self._run(query).fetchall()):
            self._only("cached IS NOT TRUE")
        return cached

    def _only(self, condition: str) -> None:
        """Hold only rows that meet this condition too."""
        self.conditions = dict.fromkeys([*self.conditions, condition])
        where = " AND ".join(self.conditions)
        self._run(
            f"CREATE OR REPLACE TEMP VIEW {self.name} AS SELECT * FROM {self.name}_all "
            f"WHERE {where}"
        )

    def twins(self, rows: int) -> tuple[list[int], list[int]]:
        """Return the lines of copies and of twins among samples of one run and one id.

        Copies agree with an earlier row in everything but their start; twins do not. Hashes tell
        first whether there is any.
        """
        parts = -(-rows // _TWINS_AT_ONCE)
        key = "hash(arm, run_id, sample_id)"
        for part in range(parts):
            query = (
                f"SELECT {key} AS h FROM {self.name} WHERE {parts} = 1 OR {key} % {parts} = {part}"
            )
            hashes = self._run(query).fetchnumpy()["h"]
            hashes.sort()
            if (hashes[1:] == hashes[:-1]).any():
                return self._shared()
        return [], []

    def _shared(self) -> tuple[list[int], list[int]]:
        """Group the rows of shared ids by their content: the first of a group is no copy."""
        shared, firsts = f"{self.name}_shared", f"{self.name}_firsts"
        of_id = "(arm, run_id, sample_id)"
        self._run(
            f"""CREATE TEMP TABLE {shared} AS SELECT line, started_at,
            hash(arm, run_id, sample_id) AS id, hash({self.content}) AS content FROM {self.name}
            WHERE {of_id} IN (SELECT {of_id} FROM {self.name} GROUP BY arm, run_id, sample_id
            HAVING count(*) > 1)"""
        )
        ((rows,),) = self._run(f"SELECT count(*) FROM {shared}").fetchall()
        if rows > REPEATED_ROWS.value:
            raise RunsError(
                "{file} has rows with the id of another row of their run: {refusal}.",
                file=self.raw.file, refusal=REPEATED_ROWS.refusal(rows),
            )  # fmt: skip
        self._run(
            f"""CREATE TEMP TABLE {firsts} AS
            WITH times AS (SELECT id, content, min(started_at) AS time FROM {shared} GROUP BY ALL)
            SELECT id, content, min(line) AS line FROM {shared} JOIN times USING (id, content)
            WHERE time IS NULL OR started_at = time GROUP BY ALL"""
        )
        copies = self._lines(f"{shared} WHERE line NOT IN (SELECT line FROM {firsts})")
        several = f"SELECT id FROM {firsts} GROUP BY id HAVING count(*) > 1"
        twins = self._lines(f"{firsts} WHERE id IN ({several})")
        self._run(f"DROP TABLE {shared}; DROP TABLE {firsts}")
        return copies, twins

    def _lines(self, rows: str) -> list[int]:
        lines: Any = self._run(f"SELECT line FROM {rows} ORDER BY line").fetchnumpy()["line"]
        return lines.tolist()

    @contextmanager
    def _listed(self, lines: Sequence[int]) -> Generator[str]:
        """Let the engine see lines as a table while a query needs them."""
        name = f"{self.name}_lines"
        self.connection.register(name, pa.table({"line": pa.array(lines, pa.int64())}))
        try:
            yield name
        finally:
            self.connection.unregister(name)

    def count_by_arm(self, lines: Sequence[int]) -> dict[Any, int]:
        """Count lines by their arm."""
        if not lines:
            return {}
        with self._listed(lines) as listed:
            query = f"SELECT arm, count(*) FROM {self.name}_all WHERE line IN (FROM {listed})"
            return dict(self._run(f"{query} GROUP BY arm ORDER BY arm").fetchall())

    def sql(self, chosen: Sequence[CountedRun], runs: Sequence[CountedRun]) -> str:
        """Return the kept samples; a profile or seed that not every row names is its run's."""
        names = ", ".join(f"part.{_name(name)}" for name in (*SCHEMA.names, *self.beside))
        filled = [name for name in ("profile", "seed") if self._gaps(name, chosen)]
        for name in filled:
            values = " ".join(
                f"WHEN arm = {quoted(run.arm)} AND run_id = {quoted(run.run_id)} "
                f"THEN {_literal(getattr(run, name))}"
                for run in chosen
            )
            names = names.replace(f"part.{_name(name)}", f"CASE {values} END AS {name}")
        where = "" if len(chosen) == len(runs) else f" WHERE {in_runs(chosen)}"
        return f"SELECT {names} FROM {self.name} AS part{where}"

    @staticmethod
    def _gaps(name: str, runs: Sequence[CountedRun]) -> bool:
        counts = (run.profiles if name == "profile" else run.seeds for run in runs)
        return any(0 < count < run.n for count, run in zip(counts, runs, strict=True))


def in_runs(runs: Iterable[CountedRun | RunInfo]) -> str:
    """Return the condition that a row is of one of these runs."""
    pairs = ", ".join(f"({quoted(run.arm)}, {quoted(run.run_id)})" for run in runs)
    return f"(arm, run_id) IN ({pairs})" if pairs else "false"


def _name(column: str) -> str:
    """Quote one of our own names, which may be a word of SQL."""
    return f'"{column}"'


def _literal(value: Any) -> str:  # noqa: ANN401
    return "NULL" if value is None else quoted(value) if isinstance(value, str) else str(value)
