"""What one read gave: samples, runs, and the account of what was set apart."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.phrase import phrase
from rolloutlib.reason import Reason, because
from rolloutlib.runs.further import schema_with
from rolloutlib.runs.quarantine import InputFile, Quarantined, UnknownWord, shown, write_quarantine
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from rolloutlib.runs.currencies import Billed
    from rolloutlib.runs.envelopes import FoundRun
    from rolloutlib.runs.files import Stamp
    from rolloutlib.runs.run_info import RunInfo
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["FileNote", "Runs", "failed_calls", "later_rows", "odd_runs"]

_COUNTS: Final = phrase(
    "the call failed and counts as an error, in the numbers and in the error gate"
)


class FileNote(NamedTuple):
    """What a file is told of beside its rows.

    Attributes:
        copies: rows left out because they repeat others, by arm.
        words: its words for an outcome that nobody knows.
        naming: how its runs got their names if it names none: ``days`` or ``one``.
        cached: those of `copies` that say themselves that they came from a cache.
        told: what its mapping left out or did not find.
        nameless: rows that nobody can tell from copies, by arm.
        currencies: what it tells of those of its costs, each with its arm.
    """

    copies: dict[str, int]
    words: tuple[UnknownWord, ...]
    naming: str
    cached: dict[str, int] = {}  # noqa: RUF012 -- msgspec gives each its own
    told: tuple[Reason, ...] = ()
    nameless: dict[str, int] = {}  # noqa: RUF012 -- msgspec gives each its own
    currencies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Runs:
    """Everything that one read gave.

    Attributes:
        relation: the samples of the kept runs, with the columns of
            `rolloutlib.runs.columns.SCHEMA`, then `extras`, then `texts`; rows come when asked.
        runs: the kept runs, in the order of their files.
        inputs: what each file gave; read = kept + quarantined in each and in total.
        quarantined: bad rows and refused runs, each with its sentence in ``message``.
        other_stage: runs set aside because they are of another stage.
        after_as_of: runs set aside because they started after the review's time.
        warnings: what is odd but allowed.
        ignored: files in the folder that are no data.
        source: what source.yaml said, if there was one.
        failed: calls of the engine that failed: kept, as errors, each with what the engine said (no
            row is missing).
        notes: by file, what a store keeps of it.
        unknown_words: words for an outcome that nobody knows, each with arm and number of rows.
        copies: rows left out because they repeat others, by arm; they are not quarantined.
        cached: those of `copies` that say themselves that they came from a cache, by arm.
        nameless: rows like another one in everything and without an id: nobody can tell them from
            copies, by arm.
        currencies: by file, what it tells of those of its costs, each with its arm.
        doubts: metric → why its numbers may be in another unit.
        by_day: the source names no run, so that an arm's days are its runs.
        tags_before: by arm, how many samples of runs set aside as an earlier stage carry each tag.
        stamps: the files that are read again whenever rows are asked for, as they were.
        extras: the segments that source.yaml or run envelopes name beside the one table's.
        texts: the texts that were asked for and are there.
    """

    relation: duckdb.DuckDBPyRelation
    runs: tuple[RunInfo, ...]
    inputs: tuple[InputFile, ...]
    quarantined: tuple[Quarantined, ...]
    other_stage: int = 0
    after_as_of: int = 0
    warnings: tuple[Reason, ...] = ()
    ignored: tuple[str, ...] = ()
    source: SourceSpec | None = None
    failed: tuple[Quarantined, ...] = ()
    unknown_words: tuple[UnknownWord, ...] = ()
    copies: Mapping[str, int] = field(default_factory=dict[str, int])
    cached: Mapping[str, int] = field(default_factory=dict[str, int])
    nameless: Mapping[str, int] = field(default_factory=dict[str, int])
    doubts: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    by_day: bool = False
    notes: Mapping[str, FileNote] = field(default_factory=dict[str, "FileNote"])
    stamps: tuple[Stamp, ...] = ()
    extras: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    currencies: Mapping[str, Sequence[Billed]] = field(
        default_factory=dict[str, "Sequence[Billed]"]
    )
    tags_before: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict[str, "Mapping[str, int]"]
    )

    def check_unchanged(self) -> None:
        """Look, after all rows were asked for, whether the files are those that were digested.

        Raises:
            RunsError: one of them changed meanwhile.
        """
        for stamp in self.stamps:
            stamp.check()

    @property
    def title(self) -> str | None:
        """The source's title, if source.yaml gives one."""
        return self.source.title if self.source else None

    @property
    def read(self) -> int:
        """Rows seen in the runs that this review is about."""
        return sum(file.read for file in self.inputs)

    @property
    def kept(self) -> int:
        """Rows of the relation."""
        return sum(info.n for info in self.runs)

    @property
    def table(self) -> pa.Table:
        """All samples in memory without their texts, for small data."""
        schema = schema_with(self.extras)
        names = ", ".join(f'"{name}"' for name in schema.names)
        return self.relation.project(names).to_arrow_table().cast(schema)

    @property
    def rows_quarantined(self) -> int:
        """Rows set apart: bad ones, and those of refused runs."""
        return sum(entry.rows for entry in self.quarantined)

    @property
    def unreadable(self) -> Mapping[str | None, int]:
        """Rows set apart, by arm; None: of rows whose arm cannot be told."""
        rows: Counter[str | None] = Counter()
        for entry in self.quarantined:
            rows[entry.arm] += entry.rows
        return rows

    def write_quarantine(self, folder: Path) -> tuple[Path, ...]:
        """Write ``folder/quarantine/<sha256 of the source>.jsonl`` for each file with bad rows."""
        return write_quarantine(self.quarantined, self.inputs, folder)


def later_rows(rows: int, as_of: datetime | None) -> tuple[Reason, ...]:
    """Tell the rows of kept runs that started after the review's moment."""
    if not rows or as_of is None:
        return ()
    return (because("source.later", rows=rows, moment=f"{as_of:%Y-%m-%d %H:%M %z}"),)


def odd_runs(infos: Sequence[RunInfo]) -> tuple[Reason, ...]:
    """What is odd about runs: they do not tell their start, or have no samples."""
    reasons: list[Reason] = []
    if timeless := sum(info.started_at is None for info in infos):
        reasons.append(because("runs.no_start", count=timeless, among=len(infos)))
    if empty := sum(not info.n for info in infos):
        reasons.append(because("runs.no_samples", count=empty, among=len(infos)))
    return tuple(reasons)


def failed_calls(opened: FoundRun) -> Iterator[Quarantined]:
    """Tell each call of the engine that failed, with what the engine said of it."""
    for sample in opened.envelope.result.samples:
        if sample.error and sample.status in {"error", "timeout"}:
            named = phrase("status of sample {id}", id=exact(str(sample.id)))
            outcome = shown(f"{sample.status}: {sample.error}")
            arm = opened.envelope.arm or None
            yield Quarantined(
                opened.unit.file, opened.unit.line, named, outcome, _COUNTS, "", 0, arm
            )
