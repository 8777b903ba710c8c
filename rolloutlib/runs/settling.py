"""Which pieces are one run, which rows are there twice, and what cannot be told apart.

A run is (arm, run id); a file or an envelope is a part of one. Parts with other samples are one
run. A sample that two parts have alike counts once; one that they have with other content is
refused in both, as nobody can tell which one is right. What stands twice without an id to show it,
or in runs of other names, `copies` finds.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.phrase import Clause, both, phrase
from rolloutlib.runs.columnar import DETAILED
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.copies import copies_in
from rolloutlib.runs.gathered import LEFT_OUT
from rolloutlib.runs.nameless import nameless_in, nameless_pairs
from rolloutlib.runs.part import in_runs, moment
from rolloutlib.runs.quarantine import Quarantined, further_rows, shown
from rolloutlib.runs.run_info import merged, same_runs, unlike
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from rolloutlib.runs.gathered import Gathered
    from rolloutlib.runs.run_info import RunInfo

__all__ = ["Settled", "recounted", "settle"]

_SOME = 8  # of many places that a message tells
_OF_A_RUN = {"started_at", "seed", "profile"}
_CONTENT = tuple(name for name in SCHEMA.names if name not in _OF_A_RUN)


class Settled(NamedTuple):
    """The runs that are left.

    Attributes:
        relation: their samples.
        copies: rows left out as copies, by file and arm.
        cached: those of them that came from a cache.
        nameless: rows that nobody can tell from copies, by file and arm.
    """

    relation: duckdb.DuckDBPyRelation
    infos: tuple[RunInfo, ...]
    bad: list[Quarantined]
    copies: Counter[tuple[str, str]]
    cached: Counter[tuple[str, str]]
    nameless: Counter[tuple[str, str]]


def settle(gathered: Gathered) -> Settled:
    """Put pieces together into runs; what stands in them twice counts once."""
    bad: list[Quarantined] = []
    copies: Counter[tuple[str, str]] = Counter()
    for index, original in same_runs(gathered.infos, gathered.content).items():
        info, other = gathered.infos[index], gathered.infos[original]
        gathered.out.add(index)
        copies[info.file, info.arm] += info.n
        if not info.n:
            value = phrase(
                "the content of run {run} in {place}",
                run=exact(other.run_id), place=f"{other.file}:{other.line}",
            )  # fmt: skip
            bad.append(_refused(info, value, phrase("expected each run once")))
    runs = _runs(gathered, bad)
    cached = _cached(gathered)
    shared = [of[0] for of in runs if sum(i not in gathered.numbered for i in of) > 1]
    if shared:
        bad += _twins(gathered, [gathered.infos[index] for index in shared])
    infos = [merged([gathered.infos[index] for index in of]) for of in runs]
    rows = sum(info.n for info in infos)
    for statement in _copies(gathered, rows) if rows else ():
        gathered.leave_out(statement)
    left = gathered.left_out()
    for (place, arm, _, copy), count in left.items():
        if copy:
            copies[gathered.file_at(place), arm] += count
    relation = gathered.relation(rows)
    infos = recounted(infos, relation) if left else tuple(infos)
    return Settled(relation, infos, bad, copies, cached, _nameless(gathered))


def _cached(gathered: Gathered) -> Counter[tuple[str, str]]:
    """Leave out what came from a cache, by its run's own word; count it by file and arm."""
    if not any(batch["cached"].true_count for batch in gathered.batches):
        return Counter()
    gathered.leave_out(
        f"SELECT place, arm, run_id, sample_id, true FROM ({gathered.everything()}) WHERE cached"
    )
    rows: Counter[tuple[str, str]] = Counter()
    for (place, arm, _, _), count in gathered.left_out().items():
        rows[gathered.file_at(place), arm] += count
    return rows


def _nameless(gathered: Gathered) -> Counter[tuple[str, str]]:
    """Count the rows that nobody can tell from copies, by file and arm, where samples lack ids."""
    rows: Counter[tuple[str, str]] = Counter()
    if gathered.numbered:
        samples = gathered.kept()
        alike = nameless_in(gathered.connection, samples, gathered.extras)
        alike += nameless_pairs(gathered.connection, samples, gathered.invented, gathered.extras)
        for place, arm, count in alike:
            rows[gathered.file_at(place), arm] += count
    return rows


def _copies(gathered: Gathered, rows: int) -> list[str]:
    return copies_in(gathered.connection, gathered.kept(), rows, gathered.extras)


def _refused(info: RunInfo, value: Clause, expectation: Clause) -> Quarantined:
    what = phrase("run {run}", run=exact(info.run_id)), value, expectation
    return Quarantined(info.file, info.line, *what, "", info.n, info.arm)


def _runs(gathered: Gathered, bad: list[Quarantined]) -> list[list[int]]:
    """Return the pieces of each run; pieces of one name that are no one run are refused."""
    pieces: dict[tuple[str, str], list[int]] = {}
    for index, info in enumerate(gathered.infos):
        if index not in gathered.out:
            pieces.setdefault((info.arm, info.run_id), []).append(index)
    runs: list[list[int]] = []
    for of in pieces.values():
        infos = [gathered.infos[index] for index in of]
        if field := unlike(infos):
            places = both([f"{info.file}:{info.line}" for info in infos[:_SOME]])
            if len(infos) > _SOME:
                places = phrase("{names} and {n:,} more", names=places, n=len(infos) - _SOME)
            expectation = phrase("expected one {field} in a run, or another run id", field=field)
            value = phrase("the id of different runs in {places}", places=places)
            bad += [_refused(info, value, expectation) for info in infos]
            gathered.out.update(of)
        else:
            runs.append(of)
            if len(of) > 1:
                gathered.prefixed.update(index for index in of if index in gathered.numbered)
    return runs


def _twins(gathered: Gathered, runs: Sequence[RunInfo]) -> list[Quarantined]:
    """Leave out what pieces of a run have twice; refuse samples that differ under one id."""
    of_id = "PARTITION BY arm, run_id, sample_id"
    content = ", ".join((*_CONTENT, *(f'"{name}"' for name in gathered.extras)))
    alike = f"PARTITION BY {content} ORDER BY started_at NULLS LAST, place"
    shared = f"""SELECT *, row_number() OVER ({alike}) > 1 AS copy, count(*) OVER ({of_id}) AS rows
        FROM ({gathered.everything()}) WHERE {in_runs(runs)} AND own_id IS NOT NULL"""
    judged = f"""SELECT place, arm, run_id, sample_id, copy,
        NOT copy AND count_if(NOT copy) OVER ({of_id}) > 1 AS twin FROM ({shared}) WHERE rows > 1"""
    names = "place, arm, run_id, sample_id, copy"
    gathered.leave_out(f"SELECT {names} FROM ({judged}) WHERE copy OR twin")
    places = f"""SELECT arm, run_id, sample_id, list_sort(list(DISTINCT place))[1:{_SOME}] AS places
        FROM {LEFT_OUT} WHERE NOT copy GROUP BY ALL"""
    query = f"""SELECT place, arm, sample_id, places FROM {LEFT_OUT}
        JOIN ({places}) USING (arm, run_id, sample_id)
        WHERE NOT copy ORDER BY run_id, sample_id, place"""
    bad: list[Quarantined] = []
    further: Counter[tuple[str, str]] = Counter()
    for place, arm, sample, places in gathered.connection.execute(query).fetchall():
        file = gathered.file_at(place)
        if len(bad) >= DETAILED:
            further[file, arm] += 1
            continue
        others = both(sorted({gathered.file_at(other) for other in places}))
        value = phrase("{id} in {files}", id=shown(sample), files=others)
        expectation = phrase("expected each id once in a run")
        bad.append(Quarantined(file, 0, phrase("sample id"), value, expectation, "", arm=arm))
    return bad + [
        further_rows(file, arm, rows, detailed=DETAILED) for (file, arm), rows in further.items()
    ]


def recounted(infos: Sequence[RunInfo], relation: duckdb.DuckDBPyRelation) -> tuple[RunInfo, ...]:
    """Count the rows that are left; a run whose rows are all gone is no run."""
    names = "arm, run_id, count(*), epoch_us(min(started_at)), epoch_us(max(started_at))"
    counts = relation.aggregate(names, "arm, run_id").fetchall()
    left = {(arm, run): of for arm, run, *of in counts}
    remaining: list[RunInfo] = []
    for info in infos:
        rows, first, last = left.get((info.arm, info.run_id), (0, None, None))
        if rows and info.n > rows:
            times = {"started_at": moment(first), "last_at": moment(last)}
            remaining.append(replace(info, n=rows, **times))
        elif rows or not info.n:
            remaining.append(info)
    return tuple(remaining)
