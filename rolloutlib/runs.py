"""Engine files → checked runs: what was read, what is evidence, what was set apart and why.

Order of checks on a run: it can be read; it is of this stage and not later than `as_of`; its time, arm and profile are
clear; it is measured, possible, and agrees with its flags and samples; no key is hidden; nobody else is the same run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from rolloutlib.columns import SCHEMA, Sample, SampleColumns, sample_columns
from rolloutlib.envelopes import FoundRun, Unit, distinct, open_run
from rolloutlib.errors import RunsError
from rolloutlib.evidence import RefusedError, arm_of, check_evidence, profile_of, started_at_of
from rolloutlib.files import RunFile, list_files, read_bytes, units_of
from rolloutlib.quarantine import InputFile, Quarantined, write_quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = ["InputFile", "Quarantined", "Reported", "RunInfo", "Runs", "read_runs"]

_RUNS_A_BATCH = 256
_RUN_COLUMNS = ("run_id", "arm", "started_at", "seed", "profile")
_SECONDS_LOOK_LIKE = 20.0


class Reported(NamedTuple):
    """A run's own summary: fractions 0–1, score 0–10, milliseconds."""

    pass_rate: float
    avg_score: float
    avg_latency_ms: float
    vetoed_share: float


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run that is evidence.

    Attributes:
        started_at: in UTC; None where the source does not tell.
        replicate: runs that share arm, seed and prompts share this digest and are one run to whoever counts runs.
        n: samples kept; 0 for a run that has only its metrics.
        reported: the run's own metrics; None in flat tables.
        file: path inside the folder that was read; `line` is where the run starts.
    """

    run_id: str
    arm: str
    started_at: datetime | None
    stage: int | None
    profile: str | None
    seed: int | None
    replicate: str
    n: int
    reported: Reported | None
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Runs:
    """Everything that one read gave.

    Attributes:
        table: the samples of the kept runs, in `rolloutlib.columns.SCHEMA`.
        runs: the kept runs, in the order of their files.
        inputs: what each file gave; read = kept + quarantined in each and in total.
        quarantined: bad rows and refused runs, each with its sentence in ``message``.
        other_stage: runs set aside because they are of another stage.
        after_as_of: runs set aside because they started after the review's time.
        warnings: sentences about what is odd but allowed.
        ignored: files in the folder that are no data.
        source: what source.yaml said, if there was one.
    """

    table: pa.Table
    runs: tuple[RunInfo, ...]
    inputs: tuple[InputFile, ...]
    quarantined: tuple[Quarantined, ...]
    other_stage: int = 0
    after_as_of: int = 0
    warnings: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    source: object | None = None

    @property
    def read(self) -> int:
        """Rows seen in the runs that this review is about."""
        return sum(one.read for one in self.inputs)

    @property
    def kept(self) -> int:
        """Rows in the table."""
        return self.table.num_rows

    @property
    def rows_quarantined(self) -> int:
        """Rows set apart: bad ones, and those of refused runs."""
        return sum(one.rows for one in self.quarantined)

    def write_quarantine(self, folder: Path) -> tuple[Path, ...]:
        """Write ``folder/quarantine/<sha256 of the source>.jsonl`` for each file with bad rows."""
        return write_quarantine(self.quarantined, self.inputs, folder)


class _Ready(NamedTuple):
    info: RunInfo
    found: FoundRun


class _Aside(NamedTuple):
    found: FoundRun
    reason: Literal["other_stage", "after_as_of"]


_Outcome = _Ready | _Aside | Quarantined


@dataclass(slots=True)
class _Reader:
    """Collects what the files give, a batch of runs at a time."""

    stage: int | None
    as_of: datetime | None
    flags_arms: Mapping[str, Mapping[str, bool | str]]
    batches: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    runs: list[RunInfo] = field(default_factory=list[RunInfo])
    bad: list[Quarantined] = field(default_factory=list[Quarantined])
    read: Counter[str] = field(default_factory=Counter[str])
    aside_rows: Counter[str] = field(default_factory=Counter[str])
    aside_runs: Counter[str] = field(default_factory=Counter[str])

    def take(self, units: Sequence[Unit]) -> None:
        """Read a batch of envelopes; those whose keys do not add up are looked at again."""
        outcomes = [self.judged(open_run(unit)) for unit in units]
        ready = [one for one in outcomes if isinstance(one, _Ready)]
        columns = _columns(ready)
        found = [one.found for one in ready]
        again = distinct(found, columns.keys)
        if any(new is not old for new, old in zip(again, found, strict=True)):
            fresh = iter(again)
            outcomes = [self.judged(next(fresh)) if isinstance(one, _Ready) else one for one in outcomes]
            ready = [one for one in outcomes if isinstance(one, _Ready)]
            columns = _columns(ready)
        for one in outcomes:
            self.count(one)
        self.append([one.info for one in ready], columns.arrays)

    def judged(self, found: FoundRun | Quarantined) -> _Outcome:
        """Sort one run: evidence, of another review, or refused with the first rule that it breaks."""
        if isinstance(found, Quarantined):
            return found
        run = found.envelope
        if self.stage is not None and run.stage not in {self.stage, None, UNSET}:
            return _Aside(found, "other_stage")
        try:
            started_at = started_at_of(run.started_at) if run.started_at else None
            if self.as_of and started_at and started_at > self.as_of:
                return _Aside(found, "after_as_of")
            arm, profile = arm_of(run, self.flags_arms), profile_of(run)
            check_evidence(found)
        except RefusedError as error:
            return found.refused(error.field, error.value, error.expectation)
        return _Ready(_info(found, arm, profile, started_at), found)

    def count(self, outcome: _Outcome) -> None:
        """Book the rows of one run to its file."""
        if isinstance(outcome, Quarantined):
            self.read[outcome.file] += outcome.rows
            self.bad.append(outcome)
        elif isinstance(outcome, _Aside):
            self.aside_rows[outcome.found.unit.file] += outcome.found.rows
            self.aside_runs[outcome.reason] += 1
        else:
            self.read[outcome.found.unit.file] += outcome.found.rows
            self.bad.extend(outcome.found.bad)
            self.runs.append(outcome.info)

    def append(self, runs: Sequence[RunInfo], own: Mapping[str, pa.Array]) -> None:
        """Put the runs' columns beside their samples' columns."""
        rows = pa.array(np.repeat(np.arange(len(runs)), [run.n for run in runs]))
        shared = {name: pa.array([getattr(run, name) for run in runs], SCHEMA.field(name).type) for name in _RUN_COLUMNS}
        arrays = {**{name: column.take(rows) for name, column in shared.items()}, **own}
        self.batches.append(pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA))


def _columns(ready: Sequence[_Ready]) -> SampleColumns:
    return sample_columns([sample for one in ready for sample in one.found.envelope.result.samples])


def _info(found: FoundRun, arm: str, profile: str | None, started_at: datetime | None) -> RunInfo:
    run = found.envelope
    samples, metrics = run.result.samples, run.result.metrics
    seed = run.session.seed if run.session and run.session.seed is not UNSET else None
    return RunInfo(
        run_id=run.run_id,
        arm=arm,
        started_at=started_at,
        stage=None if run.stage is UNSET else run.stage,
        profile=profile,
        seed=seed,
        replicate=_replicate(run.run_id, arm, seed, samples),
        n=len(samples),
        reported=Reported(metrics.pass_rate, metrics.avg_score, metrics.avg_latency, metrics.vetoed_pct),
        file=found.unit.file,
        line=found.unit.line,
    )


def _replicate(run_id: str, arm: str, seed: int | None, samples: Sequence[Sample]) -> str:
    """Same arm, seed and prompts: one run that was repeated. Without a seed or prompts nobody can tell."""
    prompts = [sample.prompt_id for sample in samples]
    told = seed is not None and prompts and None not in prompts and UNSET not in prompts
    key = [arm, str(seed), *sorted(map(str, prompts))] if told else [run_id]
    return hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:16]


def read_runs(  # noqa: PLR0913  one keyword a rule; a bag of options would hide them
    path: Path,
    *,
    source: Path | None = None,
    stage: int | None = None,
    as_of: datetime | None = None,
    flags_arms: Mapping[str, Mapping[str, bool | str]] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Runs:
    """Read a file or folder of runs.

    Args:
        path: run envelopes (.json, .jsonl, .parquet), bare run_results beside a dataset_meta.json, or flat tables
            (.csv, .jsonl, .parquet), in any mixture.
        source: the source.yaml that maps a flat table's columns; by default the one in the folder.
        stage: runs of another stage are set aside; runs that do not tell their stage stay.
        as_of: runs that started later are set aside; runs that do not tell their time stay.
        flags_arms: the flags that imply an arm, such as ``{"control": {"searchLite": False}, "treatment": …}``.
        on_progress: called with (files done, files in all).

    Returns:
        The samples, the runs and the account of what was set apart; it may hold no run at all.

    Raises:
        UsageError: the path does not exist.
        RunsError: the source cannot be read as a whole.
    """
    listing = list_files(path)
    reader = _Reader(stage, as_of, flags_arms or {})
    seen = _read_all(reader, listing.files, on_progress or (lambda _done, _total: None))
    for one in listing.refused:
        reader.count(one)
        seen.append((one.file, "", "refused"))
    table = pa.Table.from_batches(reader.batches, SCHEMA)
    return Runs(table, tuple(reader.runs), _inputs(reader, seen), tuple(reader.bad), ignored=listing.ignored,
        other_stage=reader.aside_runs["other_stage"], after_as_of=reader.aside_runs["after_as_of"])


def _read_all(
    reader: _Reader, files: Sequence[RunFile], on_progress: Callable[[int, int], None]
) -> list[tuple[str, str, str]]:
    seen: list[tuple[str, str, str]] = []
    waiting: list[Unit] = []
    for done, file in enumerate(files, start=1):
        data, digest = read_bytes(file)
        seen.append((file.name, digest, "envelope"))
        waiting += units_of(file, data)
        if len(waiting) >= _RUNS_A_BATCH or done == len(files):
            reader.take(waiting)
            waiting = []
            on_progress(done, len(files))
    return seen


def _inputs(reader: _Reader, seen: list[tuple[str, str, str]]) -> tuple[InputFile, ...]:
    bad: Counter[str] = Counter()
    for one in reader.bad:
        bad[one.file] += one.rows
    read, aside = reader.read, reader.aside_rows
    return tuple(
        InputFile(name, digest, dialect, read[name], read[name] - bad[name], bad[name], aside[name])
        for name, digest, dialect in sorted(seen)
    )
