"""A flat table read as columns by the engine: casts, what is odd, the runs, and what is refused.

The engine scans the file where it lies; no row becomes a Python object unless it is odd. What the
engine cannot vouch for goes to the careful reader (`flat`): its refusals are the quarantine, and
when it accepts what the engine finds odd, or a rare fault needs each row's text, it reads the file.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.runs.casts import own_casts, sample_casts
from rolloutlib.runs.database import quoted
from rolloutlib.runs.flat import RowMapping
from rolloutlib.runs.part import CountedRun, Part, RawTable, moment
from rolloutlib.runs.quarantine import Quarantined, shown, twin
from rolloutlib.runs.run_info import RunInfo, short_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatPart", "read_columns"]

DETAILED = 1_000  # bad rows of a file that are told one by one; the others are counted


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
    part = Part(connection, raw, casts)
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
    mapped = spec.columns.mapped.items()
    lists = [name for name, column in mapped if raw.types[column.column].endswith("[]")]
    mapping = RowMapping(raw.file, spec, lists=lists)
    refused: list[Quarantined] = []
    further: Counter[str | None] = Counter()
    for row in raw.rows_at(lines):
        judged = mapping.row(row)
        if not isinstance(judged, Quarantined):
            return None
        if len(refused) < DETAILED:
            refused.append(judged)
        else:
            further[judged.arm] += 1
    return refused + _counted(raw.file, further)


def _counted(file: str, further: Mapping[str | None, int]) -> list[Quarantined]:
    """Stand for the rows that are not told one by one."""
    due = f"expected as in the {DETAILED:,} rows told one by one"
    return [
        Quarantined(file, 0, f"{rows:,} further bad rows", "", due, "", rows, arm)
        for arm, rows in further.items()
    ]


def _mixed(part: Part, run: CountedRun) -> Quarantined:
    """Refuse a run that has several of what a run has one of."""
    name = run.mixed or ""
    query = (
        f"SELECT DISTINCT {name}::VARCHAR FROM {part.name} WHERE run_id = ? AND {name} IS NOT NULL"
    )
    values = sorted(value for (value,) in part.connection.execute(query, [run.run_id]).fetchall())
    field, due = f"{name} of run {run.run_id}", "expected one in a run"
    value = shown(" and ".join(values))
    arm = run.arm if name != "arm" else None
    return Quarantined(part.raw.file, run.line, field, value, due, "", run.n, arm)


def _outside(part: Part, lines: Sequence[int], runs: Sequence[CountedRun]) -> list[int]:
    """Leave out the lines of runs that are refused anyway."""
    if not lines or not runs:
        return list(lines)
    names = ", ".join(quoted(run.run_id) for run in runs)
    refused = set(part.lines(f"run_id IN ({names})"))
    return [line for line in lines if line not in refused]


def _told_twins(part: Part, lines: Sequence[int]) -> list[Quarantined]:
    some = ", ".join(map(str, islice(lines, DETAILED)))
    places = "list_sort(list(line) OVER (PARTITION BY run_id, sample_id))"
    query = f"""SELECT arm, line, sample_id, {places}
        FROM {part.name} WHERE (run_id, sample_id) IN
        (SELECT (run_id, sample_id) FROM {part.name} WHERE line IN ({some})) ORDER BY line"""
    rows = part.connection.execute(query).fetchall()[:DETAILED]
    bad = [twin(part.raw.file, line, sample, places, "", arm) for arm, line, sample, places in rows]
    told = ", ".join(str(one.line) for one in bad)
    every = ", ".join(map(str, lines))
    query = f"""SELECT arm, count(*) FROM {part.name} WHERE line IN ({every})
        AND line NOT IN ({told}) GROUP BY arm ORDER BY arm"""
    return bad + _counted(part.raw.file, dict(part.connection.execute(query).fetchall()))


def _infos(part: Part, runs: Sequence[CountedRun], stage: int | None) -> tuple[RunInfo, ...]:
    asked = [run.run_id for run in runs if run.seed is not None and run.prompts == run.n]
    replicates = _replicates(part, asked) if asked else {}
    return tuple(
        RunInfo(
            run_id=run.run_id, arm=run.arm, started_at=run.started_at, stage=stage,
            profile=run.profile, seed=run.seed, n=run.n, reported=None, file=part.raw.file,
            line=run.line,
            replicate=replicates.get(run.run_id) or short_digest(run.run_id),
            last_at=moment(run.last_us),
        )
        for run in runs
    )  # fmt: skip


def _replicates(part: Part, runs: Sequence[str]) -> dict[str, str]:
    """Same arm, seed and prompts are one run that was repeated: see `run_info`."""
    names = ", ".join(map(quoted, runs))
    query = f"""SELECT run_id, left(sha256(concat_ws(chr(31), min(arm), min(seed),
        string_agg(prompt_id, chr(31) ORDER BY prompt_id))), 16)
        FROM {part.name} WHERE run_id IN ({names}) GROUP BY run_id"""
    return dict(part.connection.execute(query).fetchall())
