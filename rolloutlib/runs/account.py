"""What one read gave: samples, runs, and the account of what was set apart."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.quarantine import InputFile, Quarantined, shown, write_quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from rolloutlib.runs.envelopes import FoundRun
    from rolloutlib.runs.run_info import RunInfo
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["Runs", "failed_calls", "warnings"]

_LOOKS_LIKE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Runs:
    """Everything that one read gave.

    Attributes:
        relation: the samples of the kept runs, with the columns of
            `rolloutlib.runs.columns.SCHEMA`; rows come when asked.
        runs: the kept runs, in the order of their files.
        inputs: what each file gave; read = kept + quarantined in each and in total.
        quarantined: bad rows and refused runs, each with its sentence in ``message``.
        other_stage: runs set aside because they are of another stage.
        after_as_of: runs set aside because they started after the review's time.
        warnings: sentences about what is odd but allowed.
        ignored: files in the folder that are no data.
        source: what source.yaml said, if there was one.
        failed: calls of the engine that failed: kept, as errors, each with what the engine said (no
            row is missing).
    """

    relation: duckdb.DuckDBPyRelation
    runs: tuple[RunInfo, ...]
    inputs: tuple[InputFile, ...]
    quarantined: tuple[Quarantined, ...]
    other_stage: int = 0
    after_as_of: int = 0
    warnings: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    source: SourceSpec | None = None
    failed: tuple[Quarantined, ...] = ()

    @property
    def title(self) -> str | None:
        """The source's title, if source.yaml gives one."""
        return self.source.title if self.source else None

    @property
    def read(self) -> int:
        """Rows seen in the runs that this review is about."""
        return sum(one.read for one in self.inputs)

    @property
    def kept(self) -> int:
        """Rows of the relation."""
        return sum(info.n for info in self.runs)

    @property
    def table(self) -> pa.Table:
        """All samples in memory, for small data."""
        return self.relation.to_arrow_table().cast(SCHEMA)

    @property
    def rows_quarantined(self) -> int:
        """Rows set apart: bad ones, and those of refused runs."""
        return sum(one.rows for one in self.quarantined)

    def write_quarantine(self, folder: Path) -> tuple[Path, ...]:
        """Write ``folder/quarantine/<sha256 of the source>.jsonl`` for each file with bad rows."""
        return write_quarantine(self.quarantined, self.inputs, folder)


def warnings(infos: Sequence[RunInfo], relation: duckdb.DuckDBPyRelation) -> tuple[str, ...]:
    """What is odd without being wrong."""
    found: list[str] = []
    fast = f"count_if(latency_ms < {_LOOKS_LIKE_SECONDS}) > count(latency_ms) / 2"
    if relation.aggregate(fast).fetchall()[0][0]:
        middle = relation.aggregate("median(latency_ms)").fetchall()[0][0]
        if middle > 0:
            warning = f"The median latency is {middle:.3g} ms; if the source writes seconds"
            found.append(f"{warning}, say so (unit: s in source.yaml).")
    for what, count in (
        ("start time", sum(info.started_at is None for info in infos)),
        ("samples", sum(not info.n for info in infos)),
    ):
        if count:
            found.append(f"{count} of {len(infos)} runs have no {what}.")
    return tuple(found)


def failed_calls(found: FoundRun) -> Iterator[Quarantined]:
    """Tell each call of the engine that failed, with what the engine said of it."""
    for sample in found.envelope.result.samples:
        if sample.error and sample.status in {"error", "timeout"}:
            named = f"status of sample {sample.id}"
            due = "the call failed and counts as an error, in the numbers and in the error gate"
            said = shown(f"{sample.status}: {sample.error}")
            yield Quarantined(found.unit.file, found.unit.line, named, said, due, "", 0)
