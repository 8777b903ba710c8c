"""The rollout plan as data: params/plan.yaml → Plan; unknown keys and impossible values are errors.

Every value changes what the code does (tests/plan/test_every_leaf.py), but for the prose that the
plan's document shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from rolloutlib.errors import PlanError, did_you_mean
from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Count, Decides, Evidence, FromProfile, Gate, Model, Profile
from rolloutlib.plan.monitoring import Monitoring  # noqa: TC001 -- pydantic reads it
from rolloutlib.plan.risks import Knob, Knobs, Risk, Signal
from rolloutlib.plan.stages import (
    Allocation,
    Audience,
    Feature,
    FeatureId,
    FlagValue,
    Stage,
    Toggle,
)
from rolloutlib.plan.strict_yaml import load_model
from rolloutlib.plan.triggers import Rollback  # noqa: TC001 -- pydantic reads it
from rolloutlib.plan.workbook import STAGES, StageId, workbook_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = [
    "Allocation", "Audience", "Check", "Evidence", "Feature", "FeatureId", "FlagValue",
    "FromProfile", "Gate", "Knob", "Knobs", "Plan", "Profile", "Risk", "Signal", "Stage",
    "Toggle", "json_schema", "load_plan", "workbook_root",
]  # fmt: skip

_AUDIENCES: Final[tuple[Audience, ...]] = get_args(Audience)
Role = Literal["pm", "engine", "qa", "owner"]


class Check(Model):
    """An attested fact that has a file as its evidence, and no p-value.

    `max_age_days`: evidence may be so much older than the newest treatment run, and must tell its
    age; without it, evidence may not be older where it tells its age. `log`: the workbook's own
    file of incidents, which is read beside that of the evidence folder.
    """

    title: str
    kind: Literal["junit", "incidents", "documents", "release_notes"]
    items: tuple[str, ...] = ()
    hours: Count | None = None
    max_age_days: Annotated[int, Field(ge=0)] | None = None
    log: str | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        """Refuse a check that nothing could fail: "all of no suites pass" must not hold."""
        by_hours = self.kind == "incidents"
        if by_hours and self.max_age_days is not None:
            raise ValueError(
                phrase("incidents.jsonl says until when it covers; leave max_age_days out")
            )
        if self.log is not None and not by_hours:
            raise ValueError(
                phrase("log names a file of incidents; only a check of kind incidents has it")
            )
        if not (self.hours if by_hours else self.items):
            lacking = "hours" if by_hours else "items"
            raise ValueError(
                phrase("a check of kind {kind} needs {wanted}", kind=self.kind, wanted=lacking)
            )
        return self


class Week(Model):
    """One week of the schedule."""

    stages: tuple[StageId, ...]
    note: str


class Duty(Model):
    """What a role answers for (RACI)."""

    raci: Literal["responsible", "performs", "reviews", "approves"]
    duties: tuple[str, ...]


class Signatures(Model):
    """Which roles must sign a verdict, at once and within a day."""

    now: tuple[Role, ...]
    within_24h: tuple[Role, ...] = ()


class Documents(Model):
    """What pull requests, the overview and dataset_meta must carry."""

    pr_sections: tuple[str, ...]
    quick_links: Count
    dataset_meta: tuple[str, ...]
    references: tuple[str, ...]


class Plan(Model):
    """The whole plan; see params/plan.yaml, whose sections these are."""

    schema_: Annotated[Literal["rolloutlib/plan@1"], Field(alias="schema")]
    name: str
    features: dict[FeatureId, Feature]
    profiles: dict[str, Profile]
    stages: dict[StageId, Stage]
    gates: Annotated[dict[str, Gate], Field(min_length=1)]
    evidence: Evidence
    decides: Decides = Decides()
    monitoring: Monitoring
    checks: Annotated[dict[str, Check], Field(min_length=1)]
    rollback: Rollback
    risks: dict[str, Risk]
    knobs: Knobs = Knobs()
    schedule: dict[str, Week]
    roles: dict[Role, Duty]
    signatures: dict[Literal["GO", "NO_GO", "HOLD", "ROLLBACK"], Signatures]
    documents: Documents

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for number, stage in self.stages.items():
            _same_keys(f"stages.{number}.toggles", stage.toggles, self.features)
        _same_keys("stages", self.stages, dict.fromkeys(STAGES))
        if sum(g.evidence_unit != g.unit for g in self.gates.values()) > 1:
            raise ValueError(
                phrase(
                    "several gates have statistic: quantile of one arm; the scan counts samples "
                    "beyond one limit"
                )
            )
        if (safe := self.rollback.safe_profile) not in self.profiles:
            names = sorted(self.profiles)
            raise ValueError(
                phrase(
                    "rollback.safe_profile is {safe!r}; expected one of {known}",
                    safe=safe,
                    known=names,
                )
            )
        for name, risk in self.risks.items():
            self._answered(name, risk)
        return self

    def _answered(self, name: str, risk: Risk) -> None:
        """Refuse a risk whose answer turns what the plan does not have."""
        if why := self.knobs.unfit(risk):
            raise ValueError(phrase("risks.{name}.turns: {why}", name=name, why=why))
        if other := next(
            (profile for profile in risk.offers if profile not in self.profiles), None
        ):
            names, hint = ", ".join(self.profiles), did_you_mean(other, self.profiles)
            raise ValueError(
                phrase(
                    "risks.{name}.offers has {other!r}; expected {known}.{hint}",
                    name=name,
                    other=other,
                    known=names,
                    hint=hint,
                )
            )

    def profile(self, name: str) -> Profile:
        """Return a guardian profile, or raise PlanError naming the profiles that there are."""
        if name not in self.profiles:
            names, hint = ", ".join(self.profiles), did_you_mean(name, self.profiles)
            raise PlanError(
                "profile is {name!r}; the plan has {known}.{hint}",
                name=name,
                known=names,
                hint=hint,
            )
        return self.profiles[name]

    def signals(self) -> Iterator[tuple[Risk, Signal]]:
        """Yield every signal that the register watches for, with the risk that it shows."""
        for risk in self.risks.values():
            for signal in risk.shown_by.values():
                yield risk, signal

    def flags_of(self, stage: StageId, audience: Audience) -> dict[str, FlagValue]:
        """Return every flag's value for an audience at a stage, by key (`feature.searchLite`)."""
        toggles = self.stages[stage].toggles
        on = {key: toggles[key].on(audience) for key in self.features}
        return {f.flag: f.enabled if on[key] else f.disabled for key, f in self.features.items()}

    def flags_of_arms(self, stage: StageId) -> dict[str, dict[str, FlagValue]]:
        """Return each arm's flags at a stage: the treatment has what the stage table says.

        The control has what the stage before says for the same audience. Where that changes
        nothing for the stage's own audience, it is for one whose flags do change (at the last stage
        those who had opted out). Before stage 0, it is what everybody else has.
        """
        audience = self.audience_of_arms(stage)
        return {
            "control": self._before(stage, audience),
            "treatment": self.flags_of(stage, audience),
        }

    def audience_of_arms(self, stage: StageId) -> Audience:
        """Return for whom the arms' flags are: the stage's own audience, if they change for it."""
        own = self.stages[stage].audience
        for audience in (own, *_AUDIENCES):
            if stage and self._before(stage, audience) != self.flags_of(stage, audience):
                return audience
        return own

    def _before(self, stage: StageId, audience: Audience) -> dict[str, FlagValue]:
        return self.flags_of(STAGES[stage - 1], audience) if stage else self.flags_of(0, "everyone")


def _same_keys(where: str, got: Mapping[Any, object], expected: Mapping[Any, object]) -> None:
    names = ", ".join(map(str, expected))
    if missing := [str(key) for key in expected if key not in got]:
        raise ValueError(
            phrase(
                "{where} lacks {missing}; every one of {wanted} is needed",
                where=where,
                missing=missing,
                wanted=names,
            )
        )
    if extra := [str(key) for key in got if key not in expected]:
        raise ValueError(
            phrase(
                "{where} has {extra}; expected only {wanted}",
                where=where,
                extra=extra,
                wanted=names,
            )
        )


def load_plan(path: Path) -> Plan:
    """Read and validate a plan.

    >>> load_plan(workbook_root() / "params" / "plan.yaml").gates["pass_rate"].title
    'Pass rate'

    Raises:
        PlanError: it is missing or wrong; the message names file, key, value and what is allowed.
    """
    return load_model(path, Plan)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of plan.yaml, for editors (params/plan.schema.json)."""
    return Plan.model_json_schema(by_alias=True)
