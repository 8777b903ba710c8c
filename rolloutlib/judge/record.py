"""What a stage review found, as one frozen record; review.json is its encoding, field by field.

Numbers are in the unit that their gate names. None says that there is no such number; for a bound
beside a point, that the data exclude nothing on that side: an infinite bound is None from when
its row is made, so that a decoded record equals the one that was encoded.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

from rolloutlib.errors import UsageError
from rolloutlib.judge.check_record import CheckResult, QuarantineGroup
from rolloutlib.judge.decided import Decided
from rolloutlib.judge.owed import OpenItem
from rolloutlib.judge.risks import RiskState
from rolloutlib.measure.averages import RunRow
from rolloutlib.measure.beyond import Varied
from rolloutlib.measure.carried import CarriedStage
from rolloutlib.measure.completeness import Completeness
from rolloutlib.measure.configuration import ArmSummary
from rolloutlib.measure.corrected import GateLabels
from rolloutlib.measure.distributions import Distribution
from rolloutlib.measure.drift import Drift
from rolloutlib.measure.histograms import Capped
from rolloutlib.measure.judge_errors import JudgeErrors
from rolloutlib.measure.looks import Look
from rolloutlib.measure.needed import Needed
from rolloutlib.measure.segments import IssueRate, Segment
from rolloutlib.reason import Reason
from rolloutlib.runs.quarantine import InputFile, Quarantined

__all__ = [
    "PAIR_SCHEMA", "SCHEMA", "CheckResult", "EvidenceVerdict", "GateResult", "PlanVerdict",
    "QuarantineGroup", "Recommendation", "Review", "Reviewed", "StageEvidence", "Verdict", "decode",
    "encode",
]  # fmt: skip

SCHEMA: Final = "rolloutlib/review@2"
PAIR_SCHEMA: Final = "rolloutlib/comparison@1"  # of two files, by `rollout compare`


Effects = dict[str, Literal["no_go", "tell"]]


class Verdict(StrEnum):
    """What a gate says; `inconclusive` is never a pass."""

    PASS = "pass"  # noqa: S105 -- no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class Recommendation(StrEnum):
    """What the numbers recommend; people decide."""

    GO = "GO"
    HOLD = "HOLD"
    NO_GO = "NO_GO"
    INVALID = "INVALID"


class PlanVerdict(msgspec.Struct, frozen=True):
    """The plan's words, literally: a point estimate, averaged over the last runs.

    Attributes:
        value: the contrast (or the treatment's value) in the gate's unit; None without data.
        clears: whether the value is on the right side of the limit, whatever the number of runs.
        runs: how many runs the average holds (the smaller arm's); the plan wants `runs_wanted`.
        why: why a value that clears the limit does not pass: what is missing may be what is bad.
    """

    verdict: Verdict
    value: float | None
    clears: bool | None
    runs: int
    runs_wanted: int
    why: Reason | None = None


class StageEvidence(msgspec.Struct, frozen=True):
    """What one stage's samples say of a gate by themselves, where several stages' count.

    Attributes:
        point: in the gate's `evidence_unit`; None where the stage has no values.
        lower, upper: one-sided bounds of this stage alone; None beside a point is no bound.
    """

    stage: int
    n_control: int
    n_treatment: int
    point: float | None
    lower: float | None
    upper: float | None


class EvidenceVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the one-sided bounds prove about the estimand at this stage.

    Attributes:
        point: the estimate in the gate's `evidence_unit`; None when the gate has no data.
        lower, upper: one-sided bounds, each at `confidence`; None beside a point is no bound.
        method: the method's name and source, for people; `method_parts` says it in any language.
        pairs: of a paired design; `clusters` of any other whose samples carry a unit.
        why: what is proven, or what is missing.
        needed: what would settle an inconclusive gate; None when nothing more is needed or known.
        design: `one_arm`, `independent`, `paired`, `nested` or `crossed`.
        unit: what a cluster or pair is.
        p_worse, p_better: one-sided, against no change, towards harm and away from it.
        varied: what runs and prompts show beyond the units that the method knows.
        widened: by how much farther from the point the bound towards harm is for them: .4 is 40 %.
    """

    verdict: Verdict
    point: float | None = None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    method: str | None = None
    method_parts: Reason | None = None
    n_control: int | None = None
    n_treatment: int | None = None
    pairs: int | None = None
    clusters: int | None = None
    needed: Needed | None = None
    why: Reason
    design: str | None = None
    unit: str | None = None
    clusters_control: int | None = None
    clusters_treatment: int | None = None
    p_worse: float | None = None
    p_better: float | None = None
    varied: tuple[Varied, ...] = ()
    widened: float = 0.0


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One gate with both verdicts and what the plan says of it.

    Attributes:
        subject: what the gate is about where the data decide it (the issue tag).
        chosen: how the subject was chosen; None where there is none.
        limit: the plan's limit, in `unit`.
        proof_limit: what the stage's bound must clear, in `evidence_unit`.
        control, treatment: the arms' own values over all kept samples (a p95 gate's p95 in ms).
        disagrees: whether plan and evidence say different things about the same data.
        harm: the direction in which the number gets worse.
        evidence_unit: of point, bounds and proof limit: a quantile gate is judged by a share.
        signed: whether the numbers are differences.
        tolerance: by how much the plan's value may miss the limit where the evidence passes; None
            where the gate is read strictly.
        tolerated: that it does, within the tolerance; None where it does not miss, or holds back.
        stages: stage by stage what `evidence` sums, the reviewed one first; nothing where it is
            that stage's alone.
        capped: what the cap leaves out of a mean of latencies.
        labels: what people's labels make of it; None where nobody labelled its metric.
    """

    id: str
    title: str
    subject: str | None = None
    chosen: Reason | None = None
    unit: str
    limit: float
    proof_limit: float
    control: float | None
    treatment: float | None
    plan: PlanVerdict
    evidence: EvidenceVerdict
    disagrees: bool
    metric: str
    contrast: Literal["treatment", "difference", "ratio"]
    statistic: Literal["mean", "quantile"]
    quantile: float | None = None
    harm: Literal["lower", "higher"]
    evidence_unit: str
    signed: bool
    tolerance: float | None = None
    tolerated: Reason | None = None
    stages: tuple[StageEvidence, ...] = ()
    capped: Capped | None = None
    labels: GateLabels | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """Everything that a stage review found; tables, charts, decisions and replays are views of it.

    Attributes:
        reasons: why this recommendation, the weightiest first.
        changes: what would change it.
        warnings: what a reader should know although it changes no verdict.
        features: flag, by short key → the plan's letter of its feature.
        risks: the plan's risk register against what these data show.
        carried: the earlier stages that were named, and why where they are not carried.
        completeness: what is missing of each gate's metric, arm by arm.
        drift: each gate with data, run by run, and whether later runs say something else.
        set_aside: runs that were read but belong to another stage or moment.
        design: how the arms compare and by which unit; None where nothing could be compared.
        profile: the guardian profile whose thresholds were used; `min_score` is one of them.
        as_of: the moment up to which runs count; None when every run counts.
        look: which look at the stage this is, and the confidence that it has left for each bound.
        runs: of both arms, by their start: the window that was looked at.
        audience: whom the stage is for, as the plan names it.
        data_sha256: digest of the samples of both arms, whatever files and order they came in, and
            of those that are carried.
        plan_sha256: of the bytes of plan.yaml.
        decided: what is under review and what a GO does; None in records of before it was told.
        open_items: what is owed before the stage can go on, the weightiest first, and by whom.
        effects: what the plan lets findings beside the gates do, by their codes, where it is no
            hold; unset where all hold, and in records of before it was told.
    """

    stage: int
    control: str
    treatment: str
    recommendation: Recommendation
    reasons: tuple[Reason, ...]
    gates: tuple[GateResult, ...] = ()
    segments: tuple[Segment, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    risks: tuple[RiskState, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    carried: tuple[CarriedStage, ...] = ()
    issues: tuple[IssueRate, ...] = ()
    labels: tuple[JudgeErrors, ...] = ()
    quarantine: tuple[QuarantineGroup, ...] = ()
    arms: tuple[ArmSummary, ...] = ()
    completeness: tuple[Completeness, ...] = ()
    features: dict[str, str] = {}
    warnings: tuple[Reason, ...] = ()
    changes: tuple[Reason, ...] = ()
    drift: tuple[Drift, ...] = ()
    set_aside: tuple[Reason, ...] = ()
    design: Reason | None = None
    profile: str | None = None
    as_of: datetime | None = None
    look: Look = Look(0, 0, None, 0.0)
    stage_name: str = ""
    audience: str = ""
    source_title: str | None = None
    min_score: float | None = None
    runs: tuple[RunRow, ...] = ()
    data_sha256: str = ""
    plan_sha256: str = ""
    decided: Decided | None = None
    open_items: tuple[OpenItem, ...] = ()
    effects: Effects | msgspec.UnsetType = msgspec.UNSET


class Reviewed(Review, frozen=True, kw_only=True):
    """A review where it was made: the record, and what is drawn or kept beside it.

    Attributes:
        distributions: of latency and score, the control first.
        refused: the rows behind `quarantine`, verbatim.
    """

    distributions: tuple[Distribution, ...] = ()
    refused: tuple[Quarantined, ...] = ()

    @property
    def record(self) -> Review:
        """What review.json holds."""
        return Review(**{name: getattr(self, name) for name in Review.__struct_fields__})


class _Schema(msgspec.Struct):
    """What tells one kind of document from another."""

    schema: str = ""


def encode(review: Review) -> bytes:
    """Return review.json: one field a line, floats that decode to the same floats."""
    return msgspec.json.format(msgspec.json.encode(review), indent=1) + b"\n"


def decode(data: bytes, *, where: str = "review.json") -> Review:
    """Return the record that review.json holds.

    Raises:
        UsageError: it is no review, or one of another schema; the message names `where`.
    """
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema == SCHEMA:
            return msgspec.json.decode(data, type=Review)
    except msgspec.DecodeError as error:
        raise UsageError("{file} is no review ({error}); run `rollout review` again",
                         file=where, error=error) from None  # fmt: skip
    if schema == PAIR_SCHEMA:
        raise UsageError(
            "{file} compares two files (rollout compare), and no stage is decided on that; review "
            "the stage: rollout review STAGE --runs DIR", file=where,
        )  # fmt: skip
    raise UsageError(
        "{file} has the schema {schema!r}; expected {expected!r}: run `rollout review` again",
        file=where, schema=schema, expected=SCHEMA,
    )  # fmt: skip
