"""A flat table read as columns by the engine: casts, what is odd, the runs, and what is refused.

The engine scans the file where it lies; no row becomes a Python object unless it is odd. What the
engine cannot vouch for goes to the careful reader (`flat`): its refusals are the quarantine, and
when it accepts what the engine finds odd, or a rare fault needs each row's text, it reads the file.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.runs.casts import LINE, own_casts, sample_casts
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.database import quoted
from rolloutlib.runs.flat import RowMapping
from rolloutlib.runs.quarantine import Quarantined, shown, twin
from rolloutlib.runs.run_info import RunInfo, short_digest

if TYPE_CHECKING:
    import duckdb

    from rolloutlib.runs.casts import Cast
    from rolloutlib.runs.rows import Row
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatPart", "RawTable", "read_columns"]

_NUMBERS = count()
DETAILED = 1_000  # bad rows of a file that are told one by one; the others are counted
_ONE_A_RUN = ("arm", "profile", "seed")
_TWINS_AT_ONCE = 16_000_000  # rows whose ids are compared at a time: eight bytes each
_RUNS = """SELECT run_id, min(arm), max(arm), min(profile), max(profile), min(seed), max(seed),
    epoch_us(min(started_at)), count(*), min(line), count(prompt_id), count(profile), count(seed),
    count_if(NOT vouched) FROM {part} GROUP BY run_id ORDER BY min(line)"""

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


class FlatPart(NamedTuple):
    """What one flat file gave.

    Attributes:
        relation: SQL of its kept samples, with the columns of the one table.
        set_aside: (reason, rows) of each run that belongs to another review.
    """

    relation: str
    infos: tuple[RunInfo, ...]
    bad: tuple[Quarantined, ...]
    read: int
    set_aside: tuple[tuple[str, int], ...]


class _Run(NamedTuple):
    """One run of the file as the engine counts it; lowest and highest of what is one in a run."""

    run_id: str
    arm: str
    arm_high: str
    profile: str | None
    profile_high: str | None
    seed: int | None
    seed_high: int | None
    start_us: int | None
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
        return None if self.start_us is None else datetime.fromtimestamp(self.start_us / 1e6, UTC)


class _Part:
    """One file while it is read: a view of its cast columns, from which lines are taken out."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, raw: RawTable, casts: dict[str, Cast]
    ) -> None:
        self.connection, self.raw = connection, raw
        self.name = f"part_{next(_NUMBERS)}"
        self.taken = f"{self.name}_taken"
        values = ", ".join(f"({cast.value}) AS {name}" for name, cast in casts.items())
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

    def runs(self) -> list[_Run]:
        return [_Run(*row) for row in self._run(_RUNS.format(part=self.name)).fetchall()]

    def lines(self, condition: str) -> list[int]:
        query = f"SELECT line FROM {self.name} WHERE {condition} ORDER BY line"
        return [line for (line,) in self._run(query).fetchall()]

    def take_out(self, lines: Sequence[int]) -> None:
        """Leave lines out of the view from now on."""
        table = self.taken
        self._run(f"CREATE TEMP TABLE IF NOT EXISTS {table} (line BIGINT)")
        self.connection.execute(f"INSERT INTO {table} SELECT unnest(?)", [list(lines)])
        self._run(
            f"CREATE OR REPLACE TEMP VIEW {self.name} AS SELECT * FROM {self.name}_all "
            f"WHERE line NOT IN (SELECT line FROM {table})"
        )

    def twins(self, rows: int) -> list[int]:
        """Return the lines of samples whose id stands twice in their run; hashes tell first."""
        parts = -(-rows // _TWINS_AT_ONCE)
        key = "hash(run_id, sample_id)"
        for part in range(parts):
            query = (
                f"SELECT {key} AS h FROM {self.name} WHERE {parts} = 1 OR {key} % {parts} = {part}"
            )
            hashes = self._run(query).fetchnumpy()["h"]
            hashes.sort()
            if (hashes[1:] == hashes[:-1]).any():
                return self.lines(
                    f"(run_id, sample_id) IN (SELECT (run_id, sample_id) FROM {self.name} "
                    "GROUP BY run_id, sample_id HAVING count(*) > 1)"
                )
        return []

    def sql(self, kept: Sequence[_Run], runs: Sequence[_Run]) -> str:
        """Return the kept samples; a profile or seed that not every row names is its run's."""
        names = ", ".join(f"part.{name}" for name in SCHEMA.names)
        filled = [name for name in ("profile", "seed") if self._gaps(name, kept)]
        for name in filled:
            values = " ".join(
                f"WHEN {quoted(run.run_id)} THEN {_literal(getattr(run, name))}" for run in kept
            )
            names = names.replace(f"part.{name}", f"CASE part.run_id {values} END AS {name}")
        if len(kept) == len(runs):
            return f"SELECT {names} FROM {self.name} AS part"
        there = ", ".join(quoted(run.run_id) for run in kept) or "NULL"
        return f"SELECT {names} FROM {self.name} AS part WHERE run_id IN ({there})"

    @staticmethod
    def _gaps(name: str, runs: Sequence[_Run]) -> bool:
        counts = (run.profiles if name == "profile" else run.seeds for run in runs)
        return any(0 < count < run.n for count, run in zip(counts, runs, strict=True))


def read_columns(
    connection: duckdb.DuckDBPyConnection,
    raw: RawTable,
    spec: SourceSpec,
    *,
    of_another_review: Callable[[int | None, datetime | None], str],
) -> FlatPart | None:
    """Read a flat table as columns.

    Args:
        connection: the engine that can reach the file.
        raw: the file's columns as they are.
        spec: which column is which.
        of_another_review: why a run of this stage and start is not of this review, or nothing.

    Returns:
        None where the careful reader has to read the file row by row.
    """
    stem = raw.file.rsplit(".", 1)[0]
    casts = own_casts(raw.types) if raw.own else sample_casts(spec, raw.types, stem)
    if casts is None:
        return None
    part = _Part(connection, raw, casts)
    runs = part.runs()
    if not runs:
        return None
    read, bad = sum(run.n for run in runs), list[Quarantined]()
    if any(run.odd for run in runs):
        lines = part.lines("NOT vouched")
        refused = _refused(raw, spec, lines)
        if refused is None:
            return None
        bad += refused
        part.take_out(lines)
        runs = part.runs()
    mixed = [run for run in runs if run.mixed]
    twins = part.twins(read) if spec.columns.sample_id or raw.own else []
    if (mixed or twins) and raw.texts:
        return None
    bad += [_mixed(part, run) for run in mixed]
    if twins := _outside(part, twins, mixed):
        bad += _told_twins(part, twins)
        part.take_out(twins)
        runs = part.runs()
    one = [run for run in runs if run.run_id not in {other.run_id for other in mixed}]
    aside = {run.run_id: of_another_review(spec.constants.stage, run.started_at) for run in one}
    kept = [run for run in one if not aside[run.run_id]]
    set_aside = tuple((aside[run.run_id], run.n) for run in one if aside[run.run_id])
    infos = _infos(part, kept, spec.constants.stage)
    return FlatPart(
        part.sql(kept, runs), infos, tuple(bad), read - sum(n for _, n in set_aside), set_aside
    )


def _refused(raw: RawTable, spec: SourceSpec, lines: Sequence[int]) -> list[Quarantined] | None:
    """Let the careful reader judge odd rows.

    None when it accepts one, so that it reads the file.
    """
    tags = spec.columns.issues
    lists = tags is not None and raw.types[tags.column].endswith("[]")
    mapping = RowMapping(raw.file, spec, lists=lists)
    refused: list[Quarantined] = []
    for row in raw.rows_at(lines):
        judged = mapping.row(row)
        if not isinstance(judged, Quarantined):
            return None
        if len(refused) < DETAILED:
            refused.append(judged)
    return refused + _counted(raw.file, len(lines) - len(refused))


def _counted(file: str, rows: int) -> list[Quarantined]:
    """Stand for the rows that are not told one by one."""
    if not rows:
        return []
    due = f"expected as in the {DETAILED:,} rows told one by one"
    return [Quarantined(file, 0, f"{rows:,} further bad rows", "", due, "", rows)]


def _mixed(part: _Part, run: _Run) -> Quarantined:
    """Refuse a run that has several of what a run has one of."""
    name = run.mixed or ""
    query = (
        f"SELECT DISTINCT {name}::VARCHAR FROM {part.name} WHERE run_id = ? AND {name} IS NOT NULL"
    )
    values = sorted(value for (value,) in part.connection.execute(query, [run.run_id]).fetchall())
    field, due = f"{name} of run {run.run_id}", "expected one in a run"
    value = shown(" and ".join(values))
    return Quarantined(part.raw.file, run.line, field, value, due, "", run.n)


def _outside(part: _Part, lines: Sequence[int], runs: Sequence[_Run]) -> list[int]:
    """Leave out the lines of runs that are refused anyway."""
    if not lines or not runs:
        return list(lines)
    names = ", ".join(quoted(run.run_id) for run in runs)
    refused = set(part.lines(f"run_id IN ({names})"))
    return [line for line in lines if line not in refused]


def _told_twins(part: _Part, lines: Sequence[int]) -> list[Quarantined]:
    some = ", ".join(map(str, islice(lines, DETAILED)))
    query = f"""SELECT line, sample_id, list_sort(list(line) OVER (PARTITION BY run_id, sample_id))
        FROM {part.name} WHERE (run_id, sample_id) IN
        (SELECT (run_id, sample_id) FROM {part.name} WHERE line IN ({some})) ORDER BY line"""
    rows = part.connection.execute(query).fetchall()[:DETAILED]
    bad = [twin(part.raw.file, line, sample, places, "") for line, sample, places in rows]
    return bad + _counted(part.raw.file, len(lines) - len(bad))


def _infos(part: _Part, runs: Sequence[_Run], stage: int | None) -> tuple[RunInfo, ...]:
    asked = [run.run_id for run in runs if run.seed is not None and run.prompts == run.n]
    replicates = _replicates(part, asked) if asked else {}
    return tuple(
        RunInfo(
            run_id=run.run_id, arm=run.arm, started_at=run.started_at, stage=stage,
            profile=run.profile, seed=run.seed, n=run.n, reported=None, file=part.raw.file,
            line=run.line,
            replicate=replicates.get(run.run_id) or short_digest(run.run_id),
        )
        for run in runs
    )  # fmt: skip


def _replicates(part: _Part, runs: Sequence[str]) -> dict[str, str]:
    """Same arm, seed and prompts are one run that was repeated: see `run_info`."""
    names = ", ".join(map(quoted, runs))
    query = f"""SELECT run_id, left(sha256(concat_ws(chr(31), min(arm), min(seed),
        string_agg(prompt_id, chr(31) ORDER BY prompt_id))), 16)
        FROM {part.name} WHERE run_id IN ({names}) GROUP BY run_id"""
    return dict(part.connection.execute(query).fetchall())


def _literal(value: Any) -> str:  # noqa: ANN401
    return "NULL" if value is None else quoted(value) if isinstance(value, str) else str(value)
