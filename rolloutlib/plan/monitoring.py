"""What the plan says of daily monitoring: what is watched, by which calendar, and the lights."""

from __future__ import annotations

from math import isclose
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from rolloutlib.errors import did_you_mean
from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Count, Model, Number, Proportion
from rolloutlib.plan.metrics import METRICS, MetricName

__all__ = ["Monitoring", "TrafficLight"]

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class TrafficLight(Model):
    """Green at or beyond `green`, amber at or beyond `amber`, else red."""

    better: Literal["higher", "lower"]
    green: Number
    amber: Number

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.green > self.amber) != (self.better == "higher") or self.green == self.amber:
            raise ValueError(
                phrase(
                    "green is {green} and amber {amber}, but better: {better}",
                    green=self.green,
                    amber=self.amber,
                    better=self.better,
                )
            )
        return self


def _whole_shares(shares: dict[str, float]) -> dict[str, float]:
    if not isclose(total := sum(shares.values()), 1):
        raise ValueError(
            phrase("adds up to {total:g}; expected shares that add up to 1", total=total)
        )
    return shares


def _measured(name: str) -> str:
    if name.partition(":")[0] not in METRICS:
        hint = did_you_mean(name, METRICS)
        raise ValueError(
            phrase(
                "is no metric; expected one of {known}, or issue:TAG.{hint}",
                known=tuple(METRICS),
                hint=hint,
            )
        )
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # the list of all of them takes a while
        hint = did_you_mean(name, available_timezones())
        raise ValueError(
            phrase(
                "is {name!r}; expected a name such as Asia/Seoul or UTC.{hint}",
                name=name,
                hint=hint,
            )
        ) from None
    return name


class Monitoring(Model):
    """The daily report: its metrics, the planned difficulty mix, and when a light is green.

    Attributes:
        harm_test_days: the harm test spends most of its error over so many days.
        day_spread: an arm's day may differ by so many standard deviations of a single sample for
            reasons of its own, until the days themselves show how much they do.
        data_days: weekdays on which data are expected; no alarm misses them on others.
        window_days: so many days are watched at most; work does not grow with older ones.
        zone: of the calendar days that are watched, such as Asia/Seoul.
    """

    metrics: tuple[MetricName, ...]
    difficulty: Annotated[
        dict[Literal["easy", "medium", "hard"], Proportion], AfterValidator(_whole_shares)
    ]
    harm_test_days: Count
    day_spread: Annotated[Number, Field(ge=0, lt=1)] = 0.05
    data_days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = get_args(Weekday)
    window_days: Count = 28
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    traffic_lights: dict[Annotated[str, AfterValidator(_measured)], TrafficLight]

    @property
    def clock(self) -> ZoneInfo:
        """The zone whose calendar days are watched."""
        return ZoneInfo(self.zone)
