"""The kill switch in the plan: which alarms belong to which trigger, and which may pull it."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast, get_args

from pydantic import Field, field_validator, model_validator

from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Count, Model

__all__ = ["ALARMS", "AlarmCode", "Breaker", "Rollback", "Trigger"]

AlarmCode = Literal[
    "harm", "surge", "incident", "blocked",
    "no_data", "stopped", "thin", "vanished", "frozen", "clock",
]  # fmt: skip
ALARMS: tuple[AlarmCode, ...] = get_args(AlarmCode)


class Trigger(Model):
    """Something that the plan rolls back for.

    Attributes:
        alarms: the watch's alarms that mean it; none where people have to say so.
        pulls: whether `rollout watch --rollback` may pull the kill switch for them by itself.
    """

    title: str
    alarms: tuple[AlarmCode, ...] = ()
    pulls: bool = False


class Breaker(Model):
    """When incidents ask for a rollback by themselves.

    Attributes:
        severities: one open incident of these is enough.
        most: so many incidents of any severity within `hours` are no reason, one more is.
    """

    severities: tuple[Annotated[str, Field(min_length=1)], ...] = ("critical", "high")
    most: Count = 2
    hours: Count = 48


class Rollback(Model):
    """What triggers the kill switch, and what it does, in order."""

    triggers: dict[str, Trigger]
    breaker: Breaker = Breaker()
    actions: tuple[str, ...]
    safe_profile: str

    @field_validator("triggers", mode="before")
    @classmethod
    def _of_before(cls, triggers: object) -> object:
        """Take a list of words, as plans that decisions have pinned may have it."""
        if not isinstance(triggers, list | tuple):
            return triggers
        titles = cast("list[object]", triggers)
        return {str(place): {"title": title} for place, title in enumerate(titles, start=1)}

    @model_validator(mode="after")
    def _one_trigger_each(self) -> Self:
        meant: dict[AlarmCode, str] = {}
        for name, trigger in self.triggers.items():
            for alarm in trigger.alarms:
                if (other := meant.setdefault(alarm, name)) != name:
                    raise ValueError(
                        phrase(
                            "triggers {other} and {name} both name the alarm {alarm}; an alarm "
                            "belongs to one trigger",
                            other=other,
                            name=name,
                            alarm=alarm,
                        )
                    )
        return self

    def trigger_of(self, alarm: str) -> str | None:
        """Return the name of the trigger that an alarm belongs to; None where it has none."""
        return next((n for n, each in self.triggers.items() if alarm in each.alarms), None)
