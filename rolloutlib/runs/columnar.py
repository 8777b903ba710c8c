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

from rolloutlib.errors import RunsError
from rolloutlib.limits import PATIENT_ROWS
from rolloutlib.runs.casts import Cast, beside_casts, column_name, own_casts, sample_casts
from rolloutlib.runs.cells import numeric_columns
from rolloutlib.runs.currencies import currencies_in_table
from rolloutlib.runs.database import quoted
from rolloutlib.runs.decimals import Seen, seen_sql, settled
from rolloutlib.runs.layouts import IDS, without
from rolloutlib.runs.part import CountedRun, Part, RawTable, in_runs, moment
from rolloutlib.runs.quarantine import (
    ONE_IN_A_RUN,
    Quarantined,
    UnknownWord,
    field_of_run,
    further_rows,
    shown,
    twin,
)  # fmt: skip
from rolloutlib.runs.row_mapping import RowMapping
from rolloutlib.runs.run_info import RunInfo, short_digest
from rolloutlib.runs.templates import is_template, names_provider

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from rolloutlib.reason import Reason
    from rolloutlib.runs.currencies import Billed
    from rolloutlib.runs.scope import Scope
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatPart", "read_columns", "with_decimal", "without_empty"]

DETAILED = 1_000  # bad rows of a file that are told one by one; the others are counted


class FlatPart(NamedTuple):
    """What one flat file gave.

    Attributes:
        relation: SQL of its kept samples, with the columns of the one table.
        set_aside: (reason, arm, run, rows) of what belongs to another review.
        copies: rows left out because their run has them already or they are cached, by arm.
        cached: the latter.
        words: words for outcomes that nobody knows.
        numbered: the source has no ids of samples, so that they are its lines.
        beside: the further columns of the relation.
        currencies: what the file tells of those of its costs, by arm.
    """

    relation: str
    infos: tuple[RunInfo, ...]
    bad: tuple[Quarantined, ...]
    read: int
    set_aside: tuple[tuple[str, str, str, int], ...]
    copies: Mapping[str, int]
    words: tuple[UnknownWord, ...]
    numbered: bool
    beside: tuple[str, ...] = ()
    cached: Mapping[str, int] = {}
    told: tuple[Reason, ...] = ()
    currencies: Collection[Billed] = ()


def read_columns(
    connection: duckdb.DuckDBPyConnection, raw: RawTable, spec: SourceSpec, scope: Scope
) -> FlatPart | None:
    """Read a flat table as columns.

    Args:
        connection: the engine that can reach the file.
        raw: the file's columns as they are.
        spec: which column is which.
        scope: what the review is about; of a file of another stage no run is kept.

    Returns:
        None where the careful reader has to read the file row by row.
    """
    casts = _all_casts(connection, raw, spec, scope.latest)
    if casts is None:
        return None
    part = Part(connection, raw, casts, labels=spec.labels, beside=[*spec.beside])
    runs = part.runs()
    odd = _without_odd(part, spec, runs, scope.latest) if runs else None
    if odd is None:
        return None
    bad, words = odd
    read, other_stage = sum(run.n for run in runs), scope.is_other_stage(spec.constants.stage)
    later = part.take_out_later(scope.as_of) if scope.as_of and not other_stage else []
    cached = {} if other_stage else part.take_out_cached()
    runs = part.runs() if bad or later or cached else runs
    mixed = [run for run in runs if run.mixed]
    numbered = not (spec.columns.sample_id or raw.own)
    copies, twins = ([], []) if numbered else part.twins(read)
    if (mixed or twins) and raw.texts:
        return None
    bad += [_mixed(part, run) for run in mixed]
    copies, twins = (_outside(part, lines, mixed) for lines in (copies, twins))
    bad += _told_twins(part, twins) if twins else []
    if copies or twins:
        part.take_out([*copies, *twins])
        runs = part.runs()
    whole = [run for run in runs if not run.mixed]
    kept_runs = [] if other_stage else whole
    aside = [("after_as_of", *rows) for rows in later]
    aside += [("other_stage", run.arm, run.run_id, run.n) for run in whole if other_stage]
    return FlatPart(
        part.sql(kept_runs, runs), _infos(part, kept_runs, spec.constants.stage), tuple(bad),
        read - sum(rows for *_, rows in aside), tuple(aside),
        Counter(part.count_by_arm(copies)) + Counter(cached), words, numbered, part.beside, cached,
        currencies=currencies_in_table(
            connection, raw.relation, raw.types,
            f"(FROM {part.name} WHERE {in_runs(kept_runs)})", spec),
    )  # fmt: skip


def _all_casts(
    connection: duckdb.DuckDBPyConnection, raw: RawTable, spec: SourceSpec, latest: datetime
) -> dict[str, Cast] | None:
    """Return the casts of all columns; None where one is only for the careful reader."""
    casts = own_casts(raw.types, latest) if raw.own else sample_casts(spec, raw.types, latest)
    beside = beside_casts(spec, raw.types)
    if casts is None or beside is None:
        return None
    return casts | beside | _templates(connection, raw)


def _without_odd(
    part: Part, spec: SourceSpec, runs: Sequence[CountedRun], latest: datetime
) -> tuple[list[Quarantined], tuple[UnknownWord, ...]] | None:
    """Take out the rows that nobody vouches for; return their refusals and unknown words.

    None where the careful reader has to read the file.

    Raises:
        RunsError: they are more than may be read row by row.
    """
    raw, odd = part.raw, sum(run.odd for run in runs)
    if not odd:
        return [], ()
    if odd > PATIENT_ROWS.value:
        got = PATIENT_ROWS.refusal(odd)
        raise RunsError("{file} has odd rows: {refusal}.", file=raw.file, refusal=got)
    lines = part.lines("NOT vouched")
    mapped = spec.columns.mapped.items()
    lists = [name for name, column in mapped if raw.types[column.column].endswith("[]")]
    mapping = RowMapping(raw.file, spec, lists=lists, latest=latest)
    refusals = _refused(raw, mapping, lines, sum(run.n for run in runs))
    if refusals is not None:
        part.take_out(lines)
    return refusals


def _templates(connection: duckdb.DuckDBPyConnection, raw: RawTable) -> dict[str, Cast]:
    """Return rules that hold only for rows whose provider measured something."""
    rules: dict[str, Cast] = {}
    for number, name in enumerate(filter(names_provider, raw.types)):
        cell = f"{column_name(name)}::VARCHAR"
        query = f"SELECT DISTINCT {cell} FROM {raw.relation} WHERE {column_name(name)} IS NOT NULL"
        texts = [value for (value,) in connection.execute(query).fetchall()]
        if marks := ", ".join(quoted(value) for value in texts if is_template(value)):
            rules[f"__provider_{number}"] = Cast("NULL", f"coalesce({cell} NOT IN ({marks}), true)")
    return rules


def without_empty(
    connection: duckdb.DuckDBPyConnection, raw: RawTable, spec: SourceSpec
) -> SourceSpec:
    """Return a mapping without the ids that are mapped and empty in every row: nobody has them."""
    names = [name for name in IDS if name in spec.columns.mapped]
    if raw.own or not names:
        return spec
    cells = [f"count({column_name(spec.columns.mapped[name].column)})" for name in names]
    counts = connection.execute(f"SELECT {', '.join(cells)} FROM {raw.relation}").fetchone() or ()
    return without(spec, [name for name, count in zip(names, counts, strict=True) if not count])


def with_decimal(
    connection: duckdb.DuckDBPyConnection, raw: RawTable, spec: SourceSpec, delimiter: str
) -> SourceSpec:
    """Let the numbers of a table say which decimal mark they have, if nobody else does.

    Raises:
        DoorError: they say both, or leave it open.
    """
    texts = [name for name in numeric_columns(spec) if raw.types.get(name) == "VARCHAR"]
    if raw.own or spec.decimal or delimiter == "," or not texts:
        return spec
    query = seen_sql(map(column_name, texts), raw.relation)
    cells = [Seen(*row) for row in connection.execute(query).fetchall()]
    return spec.model_copy(update={"decimal": settled(raw.file, cells)})


def _refused(
    raw: RawTable, mapping: RowMapping, lines: Sequence[int], read: int
) -> tuple[list[Quarantined], tuple[UnknownWord, ...]] | None:
    """Let the careful reader judge odd rows.

    None when it accepts one, or accepts none because times lack an offset: it reads the file.
    """
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
    if mapping.untimed and len(lines) == read:
        return None
    return refused + _counted(raw.file, further), mapping.unknown


def _counted(file: str, further: Mapping[str | None, int]) -> list[Quarantined]:
    """Stand for the rows that are not told one by one."""
    return [further_rows(file, arm, rows, detailed=DETAILED) for arm, rows in further.items()]


def _mixed(part: Part, run: CountedRun) -> Quarantined:
    """Refuse a run that has several of what a run has one of."""
    name = run.mixed or ""
    query = f"""SELECT DISTINCT {name}::VARCHAR FROM {part.name} WHERE {in_runs([run])}
        AND {name} IS NOT NULL"""
    values = sorted(value for (value,) in part.connection.execute(query).fetchall())
    what = field_of_run(name, run.run_id), shown(" and ".join(values)), ONE_IN_A_RUN
    return Quarantined(part.raw.file, run.line, *what, "", run.n, run.arm)


def _outside(part: Part, lines: Sequence[int], runs: Sequence[CountedRun]) -> list[int]:
    """Leave out the lines of runs that are refused anyway."""
    if not lines or not runs:
        return list(lines)
    refused = set(part.lines(in_runs(runs)))
    return [line for line in lines if line not in refused]


def _told_twins(part: Part, lines: Sequence[int]) -> list[Quarantined]:
    some = ", ".join(map(str, islice(lines, DETAILED)))
    of_id = "arm, run_id, sample_id"
    ids = f"SELECT DISTINCT {of_id} FROM {part.name} WHERE line IN ({some})"
    query = f"""SELECT {of_id}, list_sort(list(line)) FROM {part.name} JOIN ({ids})
        USING ({of_id}) GROUP BY ALL"""
    twins, bad = set(lines), list[Quarantined]()
    for arm, _, sample, places in part.connection.execute(query).fetchall():
        twin_lines = islice((line for line in places if line in twins), DETAILED)
        bad += [twin(part.raw.file, line, sample, places, "", arm) for line in twin_lines]
    bad = sorted(bad, key=lambda row: row.line)[:DETAILED]
    listed = {row.line for row in bad}
    further = part.count_by_arm([line for line in lines if line not in listed])
    return bad + _counted(part.raw.file, further)


def _infos(part: Part, runs: Sequence[CountedRun], stage: int | None) -> tuple[RunInfo, ...]:
    seeded = [run for run in runs if run.seed is not None and run.prompts == run.n]
    replicates = _replicates(part, seeded) if seeded else {}
    return tuple(
        RunInfo(
            run_id=run.run_id, arm=run.arm, started_at=run.started_at, stage=stage,
            profile=run.profile, seed=run.seed, n=run.n, reported=None, file=part.raw.file,
            line=run.line,
            replicate=replicates.get((run.arm, run.run_id)) or short_digest(run.run_id),
            last_at=moment(run.last_us),
        )
        for run in runs
    )  # fmt: skip


def _replicates(part: Part, runs: Sequence[CountedRun]) -> dict[tuple[str, str], str]:
    """Same arm, seed and prompts are one run that was repeated: see `run_info`."""
    query = f"""SELECT arm, run_id, left(sha256(concat_ws(chr(31), arm, min(seed),
        string_agg(prompt_id, chr(31) ORDER BY prompt_id))), 16)
        FROM {part.name} WHERE {in_runs(runs)} GROUP BY arm, run_id"""
    rows = part.connection.execute(query).fetchall()
    return {(arm, run): digest for arm, run, digest in rows}
