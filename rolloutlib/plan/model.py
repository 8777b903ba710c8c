"""The rollout plan as data: params/plan.yaml → Plan. Unknown keys and impossible values are errors, not defaults."""

from __future__ import annotations

from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from rolloutlib.errors import PlanError, did_you_mean
from rolloutlib.plan.metrics import MetricName
from rolloutlib.plan.strict_yaml import load_model

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "STAGES",
    "Audience",
    "Check",
    "Evidence",
    "Feature",
    "FlagValue",
    "FromProfile",
    "Gate",
    "Plan",
    "Profile",
    "Risk",
    "Stage",
    "StageId",
    "json_schema",
    "load_plan",
    "workbook_root",
]

Audience = Literal["internal", "dogfood", "opted_in", "everyone", "opted_out"]
FeatureId = Literal["A", "B", "C", "D", "E", "F"]
Role = Literal["pm", "engine", "qa", "owner"]
StageId = Literal[0, 1, 2, 3, 4]
STAGES: tuple[StageId, ...] = (0, 1, 2, 3, 4)
FlagValue = bool | Literal["explore", "exploit"]
# Strict: YAML's `yes`, "0.02" and 5.0 are slips, not the numbers 1, 0.02 and 5.
Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True, gt=0)]
Proportion = Annotated[Number, Field(ge=0, le=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Feature(_Model):
    """One feature behind a flag; `default` is the engine's own default."""

    flag: Annotated[str, Field(pattern=r"^feature\.[A-Za-z]+$")]
    title: str
    enabled: FlagValue
    disabled: FlagValue
    default: FlagValue
    effect: str


class Profile(_Model):
    """A guardian profile: the thresholds that the engine holds samples against."""

    min_score: Annotated[Number, Field(ge=0, le=10)]
    max_latency_ms: Annotated[Number, Field(gt=0)]


class Toggle(_Model):
    """Whether a feature is on at a stage: `default`, unless the audience is named."""

    default: bool
    internal: bool | None = None
    dogfood: bool | None = None
    opted_in: bool | None = None
    everyone: bool | None = None
    opted_out: bool | None = None

    def on(self, audience: Audience) -> bool:
        """Return whether the feature is on for this audience."""
        named = getattr(self, audience)
        return self.default if named is None else bool(named)


class Stage(_Model):
    """One stage: who is in it, how many at most, and what is on for whom."""

    name: str
    audience: Audience
    cap: Count | None = None
    looks: Count = 1
    logged: tuple[FeatureId, ...] = ()
    toggles: dict[FeatureId, Toggle]


class FromProfile(_Model):
    """A limit that the guardian profile of the reviewed runs supplies, times a factor."""

    profile: Literal["max_latency_ms", "min_score"]
    factor: Annotated[Number, Field(gt=0)] = 1.0

    def resolve(self, profile: Profile) -> float:
        """Return the limit in the profile's unit (ms or score)."""
        return getattr(profile, self.profile) * self.factor


def _every_stage(proof: dict[StageId, float]) -> dict[StageId, float]:
    if missing := sorted(set(STAGES) - set(proof)):
        raise ValueError(f"needs a limit for every stage; stages {missing} have none")
    return proof


class Gate(_Model):
    """One exit criterion: what is measured, against which limit, and what each stage has to prove.

    Attributes:
        contrast: the treatment alone, treatment − control, or treatment / control.
        harm: the direction in which the number gets worse.
        limit: the plan's literal limit for the point estimate.
        tolerance: how far beyond a limit of "no change" counts as no change (statistics: equality is unprovable).
        proof: the limit that the one-sided bound must clear at each stage, or "limit": the plan's own everywhere.
        alternative: the true value that a stage is designed to recognise (for sample sizes).
    """

    title: str
    metric: MetricName
    contrast: Literal["treatment", "difference", "ratio"]
    statistic: Literal["mean", "quantile"] = "mean"
    quantile: Annotated[Number, Field(gt=0, lt=1)] | None = None
    estimand: Literal["per_sample", "per_user"] = "per_sample"
    harm: Literal["lower", "higher"]
    unit: Literal["proportion", "score", "ms", "ratio"]
    limit: Number | FromProfile
    tolerance: Annotated[Number, Field(ge=0)] = 0.0
    alternative: Number | FromProfile
    proof: Literal["limit"] | Annotated[dict[StageId, Number], AfterValidator(_every_stage)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.statistic == "quantile") != (self.quantile is not None):
            raise ValueError(
                "statistic: quantile and quantile: 0.95 belong together; one of them is missing"
            )
        if self.statistic == "quantile" and (self.metric, self.contrast) != (
            "latency_ms",
            "treatment",
        ):
            raise ValueError("statistic: quantile needs metric: latency_ms and contrast: treatment")
        if self.contrast == "ratio" and isinstance(self.limit, float) and self.limit <= 0:
            raise ValueError(
                f"limit is {self.limit}; a ratio's limit is above 0 (1.0 means no change)"
            )
        if self.proof != "limit":
            away = 1 if self.harm == "lower" else -1
            rungs = [away * self.proof[stage] for stage in STAGES]
            if rungs != sorted(rungs):
                raise ValueError(
                    "proof gets laxer at a later stage; each proves at least what the one before it did"
                )
            if isinstance(self.alternative, float) and away * self.alternative <= rungs[-1]:
                raise ValueError(
                    f"alternative is {self.alternative}; expected one beyond every stage's proof limit"
                )
        return self

    def plan_limit(self, profile: Profile) -> float:
        """Return the plan's literal limit in the gate's unit."""
        return self.limit.resolve(profile) if isinstance(self.limit, FromProfile) else self.limit

    def proof_limit(self, stage: StageId, profile: Profile) -> float:
        """Return what the stage's bound must clear: the gate's unit, or a share of samples for a quantile gate."""
        if self.proof == "limit":
            return self.plan_limit(profile)
        return self.proof[stage]

    def design_alternative(self, profile: Profile) -> float:
        """Return the true value for which sample sizes are computed, in the unit of the proof limit."""
        return (
            self.alternative.resolve(profile)
            if isinstance(self.alternative, FromProfile)
            else self.alternative
        )


class Evidence(_Model):
    """How the evidence is judged; see the comments in plan.yaml."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)]
    runs_averaged: Count
    min_clusters: Annotated[Count, Field(ge=2)]
    icc_floor: Annotated[Number, Field(ge=0, lt=1)]
    power: Annotated[Number, Field(gt=0.5, lt=1)]
    sample_ratio_p: Annotated[Number, Field(gt=0, lt=0.1)]
    max_quarantined: Proportion
    timeout_cap_ms: Annotated[Number, Field(gt=0)]
    segments: tuple[Literal["category", "profile", "difficulty"], ...]


class TrafficLight(_Model):
    """Green at or beyond `green`, amber at or beyond `amber`, else red."""

    better: Literal["higher", "lower"]
    green: Number
    amber: Number

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.green > self.amber) != (self.better == "higher") or self.green == self.amber:
            raise ValueError(
                f"green is {self.green} and amber {self.amber}, but better: {self.better}"
            )
        return self


class Distributions(_Model):
    """The distributions that the daily report compares."""

    difficulty: dict[Literal["easy", "medium", "hard"], Proportion]
    style_violations: Literal["per_sample"]

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if not isclose(total := sum(self.difficulty.values()), 1):
            raise ValueError(f"difficulty adds up to {total:g}; expected shares that add up to 1")
        return self


class Monitoring(_Model):
    """The daily report: metrics, distributions, lights."""

    metrics: tuple[MetricName, ...]
    distributions: Distributions
    features: dict[FeatureId, str]
    links: tuple[str, ...]
    harm_test_days: Count
    traffic_lights: dict[str, TrafficLight]


class Check(_Model):
    """An attested fact that has a file as its evidence, and no p-value."""

    title: str
    kind: Literal["junit", "incidents", "documents", "release_notes"]
    items: tuple[str, ...] = ()
    hours: Count | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        """Refuse a check that nothing could fail: "all of no suites pass" must not hold."""
        due, given = ("hours", self.hours) if self.kind == "incidents" else ("items", self.items)
        if not given:
            raise ValueError(f"a check of kind {self.kind} needs {due}")
        return self


class Rollback(_Model):
    """What triggers the kill switch and what it does, in order."""

    triggers: tuple[str, ...]
    actions: tuple[str, ...]
    safe_profile: str


class Signal(_Model):
    """A measured signal (metric, contrast, above/below) or one that people report (text)."""

    metric: MetricName | None = None
    contrast: Literal["difference", "ratio"] | None = None
    above: Number | None = None
    below: Number | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        measured = (
            self.metric,
            self.contrast,
            None if self.above is None and self.below is None else "limit",
        )
        if self.text is None and None in measured:
            raise ValueError("a signal has metric, contrast and above or below, or else text")
        return self


class Risk(_Model):
    """One line of the risk register."""

    feature: FeatureId
    risk: str
    signal: Signal
    mitigation: str
    step: Annotated[Number, Field(ge=-0.15, le=0.15)] | None = None
    turn_off: bool = False
    max_tags: Count | None = None


class Week(_Model):
    """One week of the schedule."""

    stages: tuple[StageId, ...]
    note: str


class Duty(_Model):
    """What a role answers for (RACI)."""

    raci: Literal["responsible", "performs", "reviews", "approves"]
    duties: tuple[str, ...]


class Signatures(_Model):
    """Which roles must sign a verdict, at once and within a day."""

    now: tuple[Role, ...]
    within_24h: tuple[Role, ...] = ()


class Documents(_Model):
    """What pull requests, the overview and dataset_meta must carry."""

    pr_sections: tuple[str, ...]
    quick_links: Count
    dataset_meta: tuple[str, ...]
    references: tuple[str, ...]


class Plan(_Model):
    """The whole plan; see params/plan.yaml, whose sections these are."""

    schema_: Annotated[Literal["rolloutlib/plan@1"], Field(alias="schema")]
    name: str
    features: dict[FeatureId, Feature]
    profiles: dict[str, Profile]
    stages: dict[StageId, Stage]
    gates: Annotated[dict[str, Gate], Field(min_length=1)]
    evidence: Evidence
    monitoring: Monitoring
    checks: Annotated[dict[str, Check], Field(min_length=1)]
    rollback: Rollback
    risks: dict[str, Risk]
    schedule: dict[str, Week]
    roles: dict[Role, Duty]
    signatures: dict[Literal["GO", "NO_GO", "HOLD", "ROLLBACK"], Signatures]
    documents: Documents

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for number, stage in self.stages.items():
            _same_keys(f"stages.{number}.toggles", stage.toggles, self.features)
        _same_keys("stages", self.stages, dict.fromkeys(STAGES))
        if sum(gate.statistic == "quantile" for gate in self.gates.values()) > 1:
            raise ValueError(
                "several gates have statistic: quantile; the scan counts samples beyond one limit"
            )
        if self.rollback.safe_profile not in self.profiles:
            raise ValueError(
                f"rollback.safe_profile is {self.rollback.safe_profile!r}; expected one of {sorted(self.profiles)}"
            )
        return self

    def profile(self, name: str) -> Profile:
        """Return a guardian profile, or raise PlanError naming the profiles that there are."""
        if name not in self.profiles:
            known = ", ".join(self.profiles)
            raise PlanError(
                f"profile is {name!r}; the plan has {known}.{did_you_mean(name, self.profiles)}"
            )
        return self.profiles[name]

    def flags_of(self, stage: StageId, audience: Audience) -> dict[str, FlagValue]:
        """Return every flag's value for an audience at a stage, by flag key (`feature.searchLite`)."""
        toggles = self.stages[stage].toggles
        on = {key: toggles[key].on(audience) for key in self.features}
        return {f.flag: f.enabled if on[key] else f.disabled for key, f in self.features.items()}


def _same_keys(where: str, got: Mapping[Any, object], expected: Mapping[Any, object]) -> None:
    wanted = ", ".join(map(str, expected))
    if missing := [str(key) for key in expected if key not in got]:
        raise ValueError(f"{where} lacks {', '.join(missing)}; every one of {wanted} is needed")
    if extra := [str(key) for key in got if key not in expected]:
        raise ValueError(f"{where} has {', '.join(extra)}; expected only {wanted}")


def workbook_root(start: Path | None = None) -> Path:
    """Return the workbook's root: the nearest folder at or above `start` that holds params/plan.yaml.

    Notebooks run in the caller's folder (papermill) or in their own (nbval), so paths resolve from here. Outside a
    workbook it is the checkout that this package was installed from.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "params" / "plan.yaml").is_file():
            return folder
    raise PlanError(
        f"no params/plan.yaml at or above {here}; run `rollout` inside a checkout of the workbook"
    )


def load_plan(path: Path) -> Plan:
    """Read and validate a plan.

    Raises:
        PlanError: the file is missing or wrong; the message names file, key, value and what is allowed.
    """
    return load_model(path, Plan)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of plan.yaml, for editors (params/plan.schema.json)."""
    return Plan.model_json_schema(by_alias=True)
