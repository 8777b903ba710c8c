"""What a stage's exit is judged by: limits, what each stage proves, and the rules of evidence."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from rolloutlib.phrase import phrase
from rolloutlib.plan.metrics import METRICS, LevelUnit, MetricName
from rolloutlib.plan.segments import NAME, checked
from rolloutlib.plan.workbook import STAGES, StageId

__all__ = [
    "Count", "Decides", "Effect", "Evidence", "FromProfile", "Gate", "Model", "Number",
    "Profile", "Proportion",
]  # fmt: skip

# Strict: YAML's `yes`, "0.02" and 5.0 are slips, not the numbers 1, 0.02 and 5.
Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True, gt=0)]
Proportion = Annotated[Number, Field(ge=0, le=1)]
Effect = Literal["no_go", "hold", "tell"]
Unseen = Literal["tell", "hold"]
# The pattern is for editors; the validator says in words what is wrong.
SegmentName = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})]


class Model(BaseModel):
    """What people write in YAML: unknown keys, NaN and infinite values are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Profile(Model):
    """A guardian profile: the thresholds that the engine holds samples against."""

    min_score: Annotated[Number, Field(ge=0, le=10)]
    max_latency_ms: Annotated[Number, Field(gt=0)]


class FromProfile(Model):
    """A limit that the guardian profile of the reviewed runs supplies, times a factor."""

    profile: Literal["max_latency_ms", "min_score"]
    factor: Annotated[Number, Field(gt=0)] = 1.0

    def resolve(self, profile: Profile) -> float:
        """Return the limit in the profile's unit (ms or score)."""
        return getattr(profile, self.profile) * self.factor


class Gate(Model):
    """One exit criterion: what is measured, its limit, and what each stage has to prove.

    Attributes:
        contrast: the treatment alone, treatment − control, or treatment / control.
        harm: the direction in which the number gets worse.
        limit: the plan's literal limit for the point estimate.
        tolerance: how far beyond the limit the proof may end, in the gate's unit ("no change"
            cannot be proven to the digit).
        reading: what a point beyond the limit does, where the evidence passes: `strict` holds;
            `tolerant` goes, and says so, if it misses by less than the tolerance.
        alternative: the true value that a stage is designed to recognise (for sample sizes).
        proof: laxer limits for the bounds of stages too small to prove the plan's own; every other
            stage proves limit ∓ tolerance, or a share of 1 − quantile beyond the limit.
        unseen: what a stage does about trouble that all of its users may have missed, where that
            differs from `evidence.unseen`.
        issue: the tag that a gate on an issue is about; without it, the control's top issue.
        scorer: the further scorer of source.yaml that a gate on a score is about.
    """

    title: str
    metric: MetricName
    contrast: Literal["treatment", "difference", "ratio"]
    statistic: Literal["mean", "quantile"] = "mean"
    quantile: Annotated[Number, Field(gt=0, lt=1)] | None = None
    estimand: Literal["per_sample", "per_user"] = "per_sample"
    harm: Literal["lower", "higher"]
    limit: Number | FromProfile
    tolerance: Annotated[Number, Field(ge=0)] = 0.0
    reading: Literal["strict", "tolerant"] = "strict"
    alternative: Number | FromProfile
    proof: dict[StageId, Number] = {}
    unseen: dict[StageId, Unseen] = {}
    issue: Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")] | None = None
    scorer: Annotated[str, Field(pattern=f"^{NAME}$")] | None = None

    @property
    def unit(self) -> LevelUnit:
        """Unit of the limit and of the contrast."""
        return "ratio" if self.contrast == "ratio" else METRICS[self.metric].unit

    @property
    def evidence_unit(self) -> LevelUnit:
        """Unit of the bounds: one arm's quantile is judged by the share of samples beyond it."""
        return self.unit if self._share is None else "proportion"

    @property
    def is_quantile_ratio(self) -> bool:
        """Whether the arms' quantiles are compared."""
        return self.statistic == "quantile" and self.contrast == "ratio"

    @model_validator(mode="after")
    def _statistic(self) -> Self:
        self._names_what_the_metric_has()
        self._quantile_fits()
        if self.contrast == "ratio" and isinstance(self.limit, float) and self.limit <= 0:
            raise ValueError(
                phrase(
                    "limit is {limit}; a ratio's limit is above 0 (1.0 means no change)",
                    limit=self.limit,
                )
            )
        return self

    def _names_what_the_metric_has(self) -> None:
        """Refuse half a quantile, and an issue or a scorer of a metric that has none."""
        if (self.statistic == "quantile") != (self.quantile is not None):
            raise ValueError(
                phrase(
                    "statistic: quantile and quantile: 0.95 belong together; one of them is missing"
                )
            )
        if self.issue is not None and self.metric != "issue":
            raise ValueError(
                phrase(
                    "issue is {issue!r}, but metric is {metric}; expected issue",
                    issue=self.issue,
                    metric=self.metric,
                )
            )
        if self.scorer is not None and self.metric != "score":
            raise ValueError(
                phrase(
                    "scorer is {scorer!r}, but metric is {metric}; expected score",
                    scorer=self.scorer,
                    metric=self.metric,
                )
            )

    def _quantile_fits(self) -> None:
        """Refuse a quantile of what has none here: of latencies alone, where more is worse."""
        of_latency = self.metric == "latency_ms" and self.contrast != "difference"
        if self.statistic == "quantile" and not (of_latency and self.estimand == "per_sample"):
            raise ValueError(
                phrase(
                    "statistic: quantile needs metric: latency_ms, contrast: treatment or ratio, "
                    "and no estimand"
                )
            )
        if self.statistic == "quantile" and self.harm == "lower":
            raise ValueError(
                phrase("statistic: quantile needs harm: higher; a slower quantile is worse")
            )
        if self._share is not None and self.tolerance:
            raise ValueError(
                phrase("statistic: quantile has no tolerance; its proof is a share of samples")
            )

    @model_validator(mode="after")
    def _reading(self) -> Self:
        if self.reading == "tolerant" and not self.tolerance:
            raise ValueError(
                phrase(
                    "reading: tolerant without a tolerance equals strict; declare a tolerance, or "
                    "leave reading out"
                )
            )
        return self

    @model_validator(mode="after")
    def _ladder(self) -> Self:
        better = 1 if self.harm == "lower" else -1
        own = self._share
        if own is None and isinstance(self.limit, float):
            own = self._tolerated(self.limit)
        limits = [self.proof.get(stage, own) for stage in STAGES]
        rungs = [better * limit for limit in limits if limit is not None]
        if rungs != sorted(rungs):
            raise ValueError(
                phrase(
                    "proof gets laxer at a later stage; each proves at least what the one before "
                    "it did"
                )
            )
        if own is not None and (same := [s for s, limit in self.proof.items() if limit == own]):
            raise ValueError(
                phrase(
                    "proof repeats {own:g} for stage {same}; limit and tolerance say that; list "
                    "only the stages that prove less",
                    own=own,
                    same=same[0],
                )
            )
        designed = self.alternative
        if rungs and isinstance(designed, float) and better * designed <= rungs[-1]:
            raise ValueError(
                phrase(
                    "alternative is {designed}; expected one beyond every stage's proof limit",
                    designed=designed,
                )
            )
        return self

    def plan_limit(self, profile: Profile) -> float:
        """Return the plan's literal limit in the gate's unit."""
        return _value(self.limit, profile)

    def proof_limit(self, stage: StageId, profile: Profile) -> float:
        """Return what a stage's bound must clear: in the gate's unit, a quantile's as a share."""
        if stage in self.proof:
            return self.proof[stage]
        return self._tolerated(self.plan_limit(profile)) if self._share is None else self._share

    def design_alternative(self, profile: Profile) -> float:
        """Return the true value that sample sizes are computed for, in the proof limit's unit."""
        return _value(self.alternative, profile)

    @property
    def _share(self) -> float | None:
        """Share of samples that one arm's quantile leaves beyond the limit.

        .05, not 1 − .95 in binary; None of the ratio of two quantiles, which has a limit itself.
        """
        alone = self.quantile is not None and self.contrast == "treatment"
        return round(1 - (self.quantile or 0.0), 9) if alone else None

    def _tolerated(self, limit: float) -> float:
        return limit - self.tolerance if self.harm == "lower" else limit + self.tolerance


def _value(limit: float | FromProfile, profile: Profile) -> float:
    return limit.resolve(profile) if isinstance(limit, FromProfile) else limit


class Decides(Model):
    """What a finding beside the gates does to the recommendation; see plan.yaml.

    Attributes:
        segments: of a segment that loses significantly although the whole does not.
        issues: of an issue that rises significantly, new ones included.
        drift: of a gate whose later runs say something worse than those before.
        nothing_to_reduce: what the top-issue gate says where the control carries no issue.
    """

    segments: Effect = "hold"
    issues: Effect = "hold"
    drift: Effect = "hold"
    nothing_to_reduce: Literal["pass", "fail", "open"] = "pass"


class Evidence(Model):
    """How the evidence is judged; see the comments in plan.yaml."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)]
    runs_averaged: Count
    min_clusters: Annotated[Count, Field(ge=2)]
    icc_floor: Annotated[Number, Field(ge=0, lt=1)]
    power: Annotated[Number, Field(gt=0.5, lt=1)]
    sample_ratio_p: Annotated[Number, Field(gt=0, lt=0.1)]
    max_missing: Proportion = 0.02
    missing_p: Annotated[Number, Field(gt=0, lt=0.1)] = 0.001
    min_overlap: Proportion = 0.95
    labelled: Literal["all", "sample"] = "all"
    human_labels: Literal["correct", "tell"] = "correct"
    max_apart_hours: Annotated[Number, Field(gt=0)] = 36.0
    timeout_cap_ms: Annotated[Number, Field(gt=0)]
    cap_factor: Annotated[Number, Field(gt=1)] = 3.0
    segments: tuple[SegmentName, ...]
    unseen: dict[StageId, Unseen] = {}
    outages: Unseen = "tell"
    carries: Literal["same_candidate", "none"] = "none"
    looks_file: Annotated[str, Field(min_length=1)] = "reports/looks.jsonl"

    @field_validator("segments")
    @classmethod
    def _named(cls, segments: tuple[str, ...]) -> tuple[str, ...]:
        checked(segments, own=True)
        return segments

    def holds_unseen(self, gate: Gate, stage: StageId) -> bool:
        """Return whether a gate stays open where what nobody saw would break its limit."""
        return gate.unseen.get(stage, self.unseen.get(stage)) == "hold"
