"""Engine files → checked runs: what was read, what is evidence, what was set apart and why.

Checks on a run, in order: readable; of this stage, not later than `as_of`; time, arm and profile
clear; measured, possible, agreeing with its flags and samples; no hidden key; no second one.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from msgspec import UNSET

from rolloutlib.doors.refusal import DoorError
from rolloutlib.limits import FOLDER_BYTES, ROWS
from rolloutlib.runs.account import Runs
from rolloutlib.runs.agreement import check_rates
from rolloutlib.runs.budget import Budget
from rolloutlib.runs.columnar import read_columns, with_decimal, without_empty
from rolloutlib.runs.columns import TEXTS
from rolloutlib.runs.database import connect
from rolloutlib.runs.evidence import (
    RefusedError,
    arm_of,
    check_evidence,
    implied_arm,
    profile_of,
    started_at_of,
)
from rolloutlib.runs.files import (
    RunFile,
    digest_of,
    empty,
    read_bytes,
    shows_run,
    unchanged,
    units_of,
)
from rolloutlib.runs.flat import FlatRun, FlatRuns, is_flat, needs_rows, read_flat
from rolloutlib.runs.gathered import Gathered
from rolloutlib.runs.grouping import run_columns
from rolloutlib.runs.layouts import check_columns
from rolloutlib.runs.located import MalformedError
from rolloutlib.runs.mappings import source_of
from rolloutlib.runs.native import native_source
from rolloutlib.runs.opening import open_run
from rolloutlib.runs.parquet import check_parquet, check_patient, damaged
from rolloutlib.runs.places import Place, place_of
from rolloutlib.runs.quarantine import InputFile, Quarantined
from rolloutlib.runs.ranges import latest_start
from rolloutlib.runs.raw import RAW_TEXTS, raw_parquet
from rolloutlib.runs.raw_lines import raw_text
from rolloutlib.runs.ready import Ready, beside_of, columns_of, note_labels
from rolloutlib.runs.run_info import Reported, RunInfo, flat_info, info_of
from rolloutlib.runs.scope import Scope
from rolloutlib.runs.second_look import second_look
from rolloutlib.runs.tally import ENVELOPES, Aside, Tally
from rolloutlib.runs.unwrapped import refused_run, scanned, scanned_paths, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.runs.envelopes import FoundRun, Unit
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["InputFile", "Quarantined", "Reported", "RunInfo", "Runs", "read_runs"]

_UNREADABLE = (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError, MalformedError)
_RUNS_A_BATCH = 64  # small enough for their samples to stay in the processor's cache


@dataclass(slots=True)
class _Reader:
    """Collects what the files give, a batch of runs at a time."""

    scope: Scope
    spec: SourceSpec | None
    gathered: Gathered
    budget: Budget
    tally: Tally = field(default_factory=Tally)

    def read_all(self, files: Sequence[RunFile], on_progress: Callable[[int, int], None]) -> None:
        """Read every file: flat ones as columns if possible, runs a batch at a time."""
        waiting: list[Unit] = []
        for done, file in enumerate(files, start=1):
            self.budget.file = file.name
            with unchanged(file) as stamp:
                waiting += self.open(file, among=len(files))
            self.tally.stamps += [stamp] if file.kind == ".parquet" else []
            self.budget.still()
            whole = len(waiting) if done == len(files) else len(waiting) - _RUNS_A_BATCH + 1
            for start in range(0, whole, _RUNS_A_BATCH):
                self.take(waiting[start : start + _RUNS_A_BATCH])
                self.budget.still()
            waiting = waiting[len(range(0, whole, _RUNS_A_BATCH)) * _RUNS_A_BATCH :]
            if not waiting:
                on_progress(done, len(files))

    def open(self, file: RunFile, *, among: int) -> list[Unit]:
        """Read a flat file, or return the envelopes that another holds."""
        if file.kind == ".parquet":
            rows = check_parquet(file, self.budget.still)
            self.budget.add(ROWS, rows)
            if dialect := self.take_columns(file, b""):
                self.tally.files.append((file.name, digest_of(file), dialect))
                return []
            check_patient(file, rows)
        packed, digest = read_bytes(file)
        self.budget.add(FOLDER_BYTES, len(packed))
        try:
            file, data = unwrapped(file, packed, self.spec)
        except DoorError as error:
            return self.leave(file, error, digest, alone=among == 1)
        self.budget.add(FOLDER_BYTES, 0 if file.as_it_is else len(data))
        if not data.strip():
            self.tally.refuse_file(empty(file, alone=among == 1), digest)
            return []
        if self.is_unread(file, data):
            self.tally.unread.append(file.name)
            return []
        if is_flat(file, data, self.spec):
            with scanned(file, data) as text_file:
                dialect = self.take_columns(text_file, data) or self.take_flat(text_file, data)
            self.tally.files.append((file.name, digest, dialect))
            return []
        self.tally.files.append((file.name, digest, ENVELOPES))
        return units_of(file, data)

    def leave(self, file: RunFile, error: DoorError, digest: str, *, alone: bool) -> list[Unit]:
        """Leave a file that has no way in, or refuse it if it is one of ours."""
        if self.is_of_others(file):
            self.tally.unread.append(file.name)
        else:
            self.tally.refuse_file(refused_run(error, alone=alone), digest)
        return []

    def is_of_others(self, file: RunFile) -> bool:
        """Whether source.yaml maps columns, but those of other files."""
        mapped = self.spec is not None and bool(self.spec.mapped)
        return mapped and source_of(self.spec, file.name) is None

    def is_unread(self, file: RunFile, data: bytes) -> bool:
        """Whether source.yaml is about other files, and this one shows no sign of a run."""
        if not self.is_of_others(file):
            return False
        return is_flat(file, data, self.spec) if file.kind == ".parquet" else not shows_run(data)

    def take(self, units: Sequence[Unit]) -> None:
        """Read a batch of envelopes; those whose keys do not add up are looked at again."""
        outcomes = [self.judged(open_run(unit)) for unit in units]
        ready = [run for run in outcomes if isinstance(run, Ready)]
        columns, arms = columns_of(ready), [run.info.arm for run in ready]
        opened = [run.found for run in ready]
        again = second_look(opened, arms, columns)
        if any(new is not old for new, old in zip(again, opened, strict=True)):
            fresh = iter(again)
            outcomes = [
                self.judged(next(fresh)) if isinstance(run, Ready) else run for run in outcomes
            ]
            ready = [run for run in outcomes if isinstance(run, Ready)]
            columns = columns_of(ready)
        for run in outcomes:
            self.book(run)
        arrays = columns.arrays | beside_of(ready, self.gathered.texts)
        self.gathered.append([run.info for run in ready], arrays)

    def judged(self, opened: FoundRun | Quarantined) -> Ready | Aside | Quarantined:
        """Sort one run: evidence, of another review, or refused by the first rule it breaks."""
        if isinstance(opened, Quarantined):
            return opened
        run = opened.envelope
        try:
            written, latest = run.started_at, self.scope.latest
            started_at = started_at_of(written, latest) if written else None
            stage = None if run.stage is UNSET else run.stage
            if other := self.scope.of_another_review(stage, started_at):
                self.tally.note_before(opened, stage, self.scope.stage)
                return Aside(opened.unit.file, other, run.arm or "", run.run_id, opened.rows)
            arm, profile = arm_of(run, self.scope.flags_arms), profile_of(run)
            check_evidence(opened)
            check_rates(opened)
            note_labels(run, self.gathered.labels)
        except RefusedError as error:
            refused = opened.refused(error.field, error.value, error.expectation)
            return replace(refused, arm=refused.arm or implied_arm(run, self.scope.flags_arms))
        return Ready(info_of(opened, arm, profile, started_at), opened)

    def take_columns(self, file: RunFile, data: bytes) -> str | None:
        """Read a flat table as columns; its dialect, or None where it has to go row by row."""
        connection = self.gathered.connection
        if file.kind == ".parquet":
            try:
                raw = raw_parquet(connection, file)
            except duckdb.Error as error:
                self.budget.still()
                raise damaged(file, error) from None
        else:
            raw = raw_text(connection, file, data)
        if raw is None or (self.is_of_others(file) and not raw.own):
            return None
        mapped = None if raw.own else source_of(self.spec, file.name)
        spec = mapped or native_source(tuple(raw.types), self.spec, file.name)
        if spec is None or "result" in raw.types or needs_rows(file, data, raw.types, spec):
            return None
        check_columns(file, raw.types, spec)
        try:
            spec = spec.told_of(texts=bool(self.gathered.texts))
            spec = without_empty(connection, raw, spec)
            spec = with_decimal(connection, raw, spec, file.delimiter)
            part = read_columns(connection, raw, spec, self.scope)
        except _UNREADABLE:  # the careful reader says what is wrong
            self.budget.still()
            part = None
        if raw.texts:
            connection.unregister(RAW_TEXTS)
        if part is None:
            return None
        self.tally.add(file.name, spec, part.read, part)
        self.tally.aside += [Aside(file.name, *rows) for rows in part.set_aside]
        self.gathered.add_part(part.relation, part.infos, part.beside, numbered=part.numbered)
        return spec.dialect

    def take_flat(self, file: RunFile, data: bytes) -> str:
        """Read a flat table row by row and return its dialect."""
        if file.kind != ".parquet":
            check_patient(file, data.count(b"{" if file.kind == ".json" else b"\n"))
        flat = read_flat(file, data, self.spec, self.scope.latest, texts=bool(self.gathered.texts))
        self.keep_flat(file.name, flat)
        return flat.spec.dialect

    def keep_flat(self, file: str, table: FlatRuns) -> None:
        """Keep a flat table's runs; a status that it cannot express is unknown in all its rows."""
        stage = table.spec.constants.stage
        judged = [self.of_this_review(file, run, stage) for run in table.runs]
        reviewed = [run for run in judged if run.samples]
        own, every = (sum(len(run.samples) for run in runs) for runs in (reviewed, table.runs))
        self.tally.add(file, table.spec, table.read - every + own, table)
        infos = [flat_info(run, file, stage) for run in reviewed]
        numbered, exploded = not table.spec.columns.sample_id, bool(table.spec.explode)
        for info in infos:
            self.gathered.add(info, numbered=numbered, exploded=exploded, invented=table.invented)
        self.gathered.mapped.update(table.spec.beside)
        self.gathered.append(infos, run_columns(reviewed, table.spec))

    def of_this_review(self, file: str, run: FlatRun, stage: int | None) -> FlatRun:
        """Return a run's rows that are of this review; the others are set aside."""
        reasons = [self.scope.of_another_review(stage, time) for time in run.times]
        for reason, rows in Counter(filter(None, reasons)).items():
            self.tally.aside.append(Aside(file, reason, run.arm, run.run_id, rows))
        places = [place for place, reason in enumerate(reasons) if not reason]
        times, samples = ([of[place] for place in places] for of in (run.times, run.samples))
        return run._replace(times=times, samples=samples)

    def book(self, outcome: Ready | Aside | Quarantined) -> None:
        """Book the rows of one run to its file."""
        if isinstance(outcome, Quarantined):
            self.tally.refuse(outcome)
        elif isinstance(outcome, Aside):
            self.tally.aside.append(outcome)
        else:
            self.tally.keep(outcome.info, outcome.found, self.spec)
            self.gathered.add(outcome.info)


def read_runs(  # noqa: PLR0913 -- each decides what is read
    path: Path | Place,
    *,
    source: Path | None = None,
    stage: int | None = None,
    as_of: datetime | None = None,
    now: datetime | None = None,
    flags_arms: Mapping[str, Mapping[str, bool | str]] | None = None,
    skip: Container[str] = (),
    texts: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Runs:
    """Read a file or folder of runs.

    >>> from pathlib import Path
    >>> len(read_runs(Path("data/examples/bfcl")).runs)
    6

    Args:
        path: run envelopes, bare run_results beside a dataset_meta.json, flat tables (.csv, …), in
            any mixture, evidence and quarantine left out. Or the files themselves (`places`).
        source: the source.yaml that maps a flat table's columns; by default the one in the folder.
        stage: runs of another stage are set aside; runs that do not tell their stage stay.
        as_of: runs that started later are set aside; runs that do not tell their time stay.
        now: what starts later, and later than `as_of`, lies in the future; by default the clock's.
        flags_arms: the flags that imply an arm, such as ``{"control": {"searchLite": False},
            "treatment": …}``.
        skip: names of files that need not be read.
        texts: whether to keep the texts of prompts and answers.
        on_progress: called with (files done, files in all).

    Returns:
        The samples, the runs and the account of what was set apart; it may hold no run at all.

    Raises:
        UsageError: the path does not exist, or source.yaml is wrong.
        RunsError: the source cannot be read as a whole.
    """
    named, everything, spec = path if isinstance(path, Place) else place_of(path, source)
    listing = everything.without(skip)
    connection, budget = connect(scanned_paths(listing.files)), Budget()
    labels, text_names = set(spec.labels if spec else ()), TEXTS if texts else ()
    scope = Scope(stage, as_of, latest_start(as_of, now), flags_arms or {})
    reader = _Reader(scope, spec, Gathered(connection, labels=labels, texts=text_names), budget)
    with budget.over(connection):
        reader.read_all(listing.files, on_progress or (lambda _done, _total: None))
        budget.file = ""
        reader.tally.refuse_unread(listing, named, spec)
        return reader.tally.runs(reader.gathered, listing.ignored, spec, as_of)
