"""Rows of a flat table into runs: what a run has one of, and ids that stand in it twice."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import pyarrow as pa

from rolloutlib.runs.columns import SCHEMA, Sample, sample_columns
from rolloutlib.runs.failures import failure_columns
from rolloutlib.runs.further import columns_beside, texts_of
from rolloutlib.runs.quarantine import ONE_IN_A_RUN, Quarantined, field_of_run, shown, twin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.runs.rows import Row
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FlatRun", "Grouped", "Mapped", "RunCells", "grouped", "run_columns"]

_ONE_A_RUN = ("profile", "seed")
_NO_TIME = datetime.max.replace(tzinfo=UTC)


class RunCells(msgspec.Struct, rename="camel"):
    """What a row says about its run."""

    arm: str
    run_id: str | None = None
    started_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    profile: str | None = None


class Mapped(NamedTuple):
    """A row as it is read: its run is named."""

    row: Row
    run: RunCells
    sample: Sample


class FlatRun(NamedTuple):
    """The rows of one run of a flat table."""

    run_id: str
    arm: str
    seed: int | None
    profile: str | None
    line: int
    times: list[datetime | None]
    samples: list[Sample]


class Grouped(NamedTuple):
    """The runs of a flat table, what was refused, and by arm the rows left out as copies.

    Those of the copies that came from a cache are counted in `cached` too.
    """

    runs: list[FlatRun]
    bad: list[Quarantined]
    copies: Counter[str]
    cached: Counter[str]


def grouped(file: str, rows: Iterable[Mapped], no_tags: frozenset[str]) -> Grouped:
    """Sort rows into runs: (arm, run id); `no_tags` are the words for no tag."""
    groups = Grouped([], [], Counter(), Counter())
    runs: dict[tuple[str, str], list[Mapped]] = {}
    for mapped in rows:
        if mapped.sample.cached is True:
            groups.cached[mapped.run.arm] += 1
        else:
            runs.setdefault((mapped.run.arm, mapped.run.run_id or ""), []).append(mapped)
    groups.copies.update(groups.cached)
    for of_run in runs.values():
        _add_run(groups, file, of_run, no_tags)
    return groups


def _add_run(groups: Grouped, file: str, rows: list[Mapped], no_tags: frozenset[str]) -> None:
    arm, run_id = rows[0].run.arm, rows[0].run.run_id or ""
    for field in _ONE_A_RUN:
        values = {getattr(mapped.run, field) for mapped in rows} - {None}
        if len(values) > 1:
            text = "\n".join(mapped.row.text for mapped in rows)
            named = " and ".join(sorted(map(str, values)))
            what = field_of_run(field, run_id), shown(named), ONE_IN_A_RUN
            line = rows[0].row.line
            groups.bad.append(Quarantined(file, line, *what, text, len(rows), arm))
            return
    unique, twins = _told_apart(rows, no_tags)
    groups.copies[arm] += len(rows) - len(unique) - len(twins)
    places: dict[str, list[int]] = {}
    for mapped in twins:
        places.setdefault(str(mapped.sample.id), []).append(mapped.row.line)
    for mapped in twins:
        of_id = places[str(mapped.sample.id)]
        groups.bad.append(
            twin(file, mapped.row.line, str(mapped.sample.id), of_id, mapped.row.text, arm)
        )
    if unique:
        groups.runs.append(_run(run_id, arm, unique))


def _told_apart(rows: list[Mapped], no_tags: frozenset[str]) -> tuple[list[Mapped], list[Mapped]]:
    """Return the rows to keep, and those whose id other rows of the run have with other content.

    Rows that agree in everything but their start are one, the earliest.
    """
    ids = Counter(str(mapped.sample.id) for mapped in rows)
    if len(ids) == len(rows):
        return rows, []
    shared = [mapped for mapped in rows if ids[str(mapped.sample.id)] > 1]
    shared.sort(key=lambda mapped: (mapped.run.started_at or _NO_TIME, mapped.row.line))
    samples = [mapped.sample for mapped in shared]
    arrays = {**sample_columns(samples, no_tags).arrays, **columns_beside(samples)}
    content = pa.table(arrays).to_pylist()
    different: dict[str, dict[str, Mapped]] = {}
    for mapped, columns in zip(shared, content, strict=True):
        whole = repr((columns, mapped.run.seed, mapped.run.profile))
        different.setdefault(str(mapped.sample.id), {}).setdefault(whole, mapped)
    single = {next(iter(of.values())).row.place for of in different.values() if len(of) == 1}
    twins = [mapped for of in different.values() if len(of) > 1 for mapped in of.values()]
    unique = [
        mapped for mapped in rows if ids[str(mapped.sample.id)] == 1 or mapped.row.place in single
    ]
    return unique, sorted(twins, key=lambda mapped: mapped.row.line)


def _run(run_id: str, arm: str, rows: Sequence[Mapped]) -> FlatRun:
    seed, profile = (
        next((value for mapped in rows if (value := getattr(mapped.run, field)) is not None), None)
        for field in ("seed", "profile")
    )
    times, samples = [mapped.run.started_at for mapped in rows], [mapped.sample for mapped in rows]
    return FlatRun(run_id, arm, seed, profile, rows[0].row.line, times, samples)


def run_columns(runs: Sequence[FlatRun], spec: SourceSpec) -> dict[str, pa.Array]:
    """Return the samples' own columns; a status that a table cannot express is unknown in it."""
    samples = [sample for run in runs for sample in run.samples]
    own: dict[str, pa.Array] = sample_columns(samples, spec.no_tags).arrays
    own["started_at"] = pa.array(
        [time for run in runs for time in run.times], SCHEMA.field("started_at").type
    )
    for name, statuses in (("vetoed", {"vetoed"}), ("error", {"error", "timeout"})):
        if not spec.expressible & statuses:
            own[name] = pa.nulls(len(own["status"]), pa.bool_())
    if spec.columns.error and not spec.outcome:
        own |= failure_columns(samples)
    return own | columns_beside(samples, spec.labels) | texts_of(samples, {*spec.beside})
