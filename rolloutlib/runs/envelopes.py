"""What the engine writes, as types.

A run, its metrics and its samples, and what is due in each field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from rolloutlib.phrase import Clause, Phrase, phrase
from rolloutlib.runs.columns import STATUSES, Sample
from rolloutlib.runs.quarantine import Quarantined, shown, verbatim
from rolloutlib.runs.ranges import AT_MOST, MOST_LATENCY_MS, ON_SCALE, number_from

__all__ = [
    "ARMS", "EXPECTED", "MILLISECONDS", "DatasetMeta", "Envelope", "FoundRun", "Metrics", "Result",
    "Session", "Unit", "due_of",
]  # fmt: skip

ARMS = ("control", "treatment")
MILLISECONDS = phrase("milliseconds")
_Text = str | UnsetType | None
_Flags = dict[str, bool | str] | UnsetType | None
_Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | UnsetType | None
_Fraction = Annotated[float, Meta(ge=0, le=1)]


class Metrics(msgspec.Struct, rename="camel", gc=False):
    """The run's own summary: fractions 0–1, score 0–10, latency in milliseconds.

    The others are what some versions of the engine add; whatever is no number there is not asked.
    """

    pass_rate: _Fraction | UnsetType = UNSET
    avg_score: Annotated[float, Meta(ge=0, le=10)] | UnsetType = UNSET
    avg_latency: Annotated[float, Meta(ge=0, le=MOST_LATENCY_MS)] | UnsetType = UNSET
    vetoed_pct: _Fraction | UnsetType = UNSET
    p95: Any = UNSET
    p95_latency: Any = UNSET
    p95_latency_ms: Any = UNSET
    count: Any = UNSET
    total: Any = UNSET
    sample_count: Any = UNSET
    passed: Any = UNSET
    failed: Any = UNSET
    vetoed: Any = UNSET
    errors: Any = UNSET
    timeouts: Any = UNSET

    @property
    def p95s(self) -> tuple[Any, ...]:
        """The 95th percentile of the latency, by each name that it may have."""
        return self.p95, self.p95_latency, self.p95_latency_ms

    @property
    def totals(self) -> tuple[Any, ...]:
        """The number of samples, by each name that it may have."""
        return self.count, self.total, self.sample_count

    @property
    def more(self) -> tuple[Any, ...]:
        """All that is told beside the four numbers of the contract."""
        others = self.passed, self.failed, self.vetoed, self.errors, self.timeouts
        return tuple(value for value in (*self.p95s, *self.totals, *others) if value is not UNSET)


class Result(msgspec.Struct, rename="camel", gc=False):
    """A run_result; fields of type Any are read only to be counted."""

    samples: list[Sample]
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    provider_note: _Text = UNSET
    provider: _Text = UNSET
    issues_top3: Any = msgspec.field(default=UNSET, name="issuesTop3")
    links: Any = UNSET
    suggested_tags: Any = UNSET
    difficulty_report: Any = UNSET
    style_violations: Any = UNSET


class Session(msgspec.Struct, rename="camel", gc=False):
    """What the run was started with."""

    guardian_profile_id: _Text = UNSET
    seed: _Seed = UNSET


class DatasetMeta(msgspec.Struct, rename="camel", gc=False):
    """The union of both field lists of dataset_meta.json."""

    version: str | int | float | UnsetType | None = UNSET
    created_at: _Text = UNSET
    strategy_hash: _Text = UNSET
    feature_flags: _Flags = UNSET
    guardian_profile_id: _Text = UNSET
    ledger_id: _Text = UNSET
    compat_version: str | int | float | UnsetType | None = UNSET
    simulated: bool | UnsetType | None = UNSET


class Envelope(msgspec.Struct, rename="camel", gc=False):
    """One run as the engine hands it over."""

    run_id: str
    result: Result
    started_at: _Text = UNSET
    stage: int | UnsetType | None = UNSET
    arm: Literal["control", "treatment"] | UnsetType | None = UNSET
    flags: _Flags = UNSET
    session: Session | UnsetType | None = UNSET
    dataset_meta: DatasetMeta | UnsetType | None = UNSET
    provider: _Text = UNSET
    simulated: bool | UnsetType | None = UNSET


class Unit(NamedTuple):
    """The smallest piece of a file that stands for itself.

    A JSON file, a line of JSON Lines, a row of Parquet.
    """

    file: str
    line: int
    data: bytes


@dataclass(slots=True)
class FoundRun:
    """A run that could be read, with the rows of it that could not."""

    unit: Unit
    envelope: Envelope
    bad: tuple[Quarantined, ...] = ()
    diagnosed: bool = False

    @property
    def rows(self) -> int:
        """How many samples the source wrote, good or bad."""
        return len(self.envelope.result.samples) + len(self.bad)

    def refused(self, field: Clause, value: object, expectation: Clause) -> Quarantined:
        """The whole run as one quarantined entry that takes its samples along."""
        text = "" if value is None else shown(value)
        return Quarantined(
            *self.unit[:2], field, text, expectation, verbatim(self.unit.data), self.rows,
            self.envelope.arm or None,
        )  # fmt: skip


EXPECTED: dict[str, Phrase] = {
    "runId": phrase(
        "the run's id (a bare run_result needs its dataset_meta.json beside it, a file of "
        "samples a source.yaml that says records: and columns:)"
    ),
    "id": phrase("text, or an integer"),
    "status": phrase("one of {words}", words=STATUSES),
    "covariate": phrase("a number"),
    "cost": phrase("a number, 0 or more"),
    "scores": phrase("30 plain names at most (a–z, 0–9, _), each with a number from 0 to 10"),
    "difficulty": phrase("one of {words}", words=("easy", "medium", "hard")),
    "segments": phrase(
        "30 plain names at most (a–z, 0–9, _), each with text, a number, true or false"
    ),
    "metrics": phrase("the run's metrics"),
    "samples": phrase("a list of samples, which may be empty"),
    "result": phrase("a run_result"),
    "arm": phrase("control or treatment"),
    "stage": phrase("an integer"),
    "seed": phrase("a 64-bit integer"),
    "startedAt": phrase("an ISO 8601 time with offset, from the year 2000 on"),
    **dict.fromkeys(("score", "avgScore", "humanScore"), number_from(*ON_SCALE)),
    **dict.fromkeys(("passRate", "vetoedPct"), phrase("a fraction from 0 to 1")),
    **dict.fromkeys(
        ("latencyMs", "avgLatency"), phrase("a number of {unit}, 0 or more", unit=MILLISECONDS)
    ),
    **dict.fromkeys(("tokensIn", "tokensOut", "styleViolations"), phrase("a count, 0 or more")),
    **dict.fromkeys(("cached", "humanPassed", "simulated"), phrase("true or false")),
    **dict.fromkeys(("issues", "suggestedTags", "confirmedTags"), phrase("a list of words")),
    **dict.fromkeys(("flags", "featureFlags"), phrase("an object of true, false or words")),
}


def due_of(name: str, reason: str) -> Phrase | None:
    """Return what is due in a field that the decoder complains about; None where no rule says."""
    return AT_MOST.get(name) if "<=" in reason and name in AT_MOST else EXPECTED.get(name)
