"""What is rolled out, and who gets it when: features behind flags, and the stages' toggles."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Count, Model, Number

__all__ = [
    "Allocation", "Audience", "Feature", "FeatureId", "FlagValue", "Planned", "Stage", "Toggle",
]  # fmt: skip

Audience = Literal["internal", "dogfood", "opted_in", "everyone", "opted_out"]
FeatureId = Literal["A", "B", "C", "D", "E", "F"]
FlagValue = bool | Literal["explore", "exploit"]


class Feature(Model):
    """One feature behind a flag; a rollback takes a switch to `disabled`, a preset to `default`.

    `steers` names the mix that the feature changes on purpose.
    """

    flag: Annotated[str, Field(pattern=r"^feature\.[A-Za-z]+$")]
    title: str
    enabled: FlagValue
    disabled: FlagValue
    default: FlagValue | None = None
    steers: Literal["difficulty", "category"] | None = None
    effect: str

    @property
    def safe(self) -> FlagValue:
        """The value when the feature is taken back, or nobody can tell."""
        return self.disabled if self.default is None else self.default

    @model_validator(mode="after")
    def _preset(self) -> Self:
        if isinstance(self.enabled, bool) != (self.default is None):
            raise ValueError(
                phrase("default is for a preset (explore, exploit); a switch returns to disabled")
            )
        return self


class Toggle(Model):
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


class Allocation(Model):
    """How users, or samples where none are named, are split between the arms: two weights."""

    control: Annotated[Number | Count, Field(gt=0)]
    treatment: Annotated[Number | Count, Field(gt=0)]

    @property
    def shares(self) -> tuple[float, float]:
        """The arms' shares, the control's first."""
        whole = self.control + self.treatment
        return self.control / whole, self.treatment / whole


class Planned(Model):
    """What a stage plans to collect until its last look; forecasts and the ladder simulate it.

    Attributes:
        users: people in all.
        samples: of each of them, in each arm that they are in.
        runs: of each arm.
    """

    users: Annotated[Count, Field(ge=10)]
    samples: Count
    runs: Count


class Stage(Model):
    """One stage: who is in it, how many at most, and what is on for whom.

    Without an `allocation` both arms are to have as many.
    """

    name: str
    audience: Audience
    cap: Count | None = None
    looks: Count = 1
    planned: Planned | None = None
    allocation: Allocation | None = None
    logged: tuple[FeatureId, ...] = ()
    toggles: dict[FeatureId, Toggle]

    @model_validator(mode="after")
    def _within_the_cap(self) -> Self:
        if self.planned and self.cap is not None and self.planned.users > self.cap:
            raise ValueError(
                phrase(
                    "planned.users is {users}, but cap is {cap}",
                    users=self.planned.users,
                    cap=self.cap,
                )
            )
        if self.planned and self.planned.runs < self.looks:
            raise ValueError(
                phrase(
                    "planned.runs is {runs}, but looks is {looks}; every look needs a further run",
                    runs=self.planned.runs,
                    looks=self.looks,
                )
            )
        return self
