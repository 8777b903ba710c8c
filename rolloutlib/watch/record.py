"""What a day's watch found, as one frozen record; watch.json is its encoding, field by field.

Days are those of the plan's clock, oldest first, and none is left out: a day without samples has a
point without values. None says that there is no such number; programs branch on codes.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

from rolloutlib.errors import UsageError
from rolloutlib.judge.risks import RiskState
from rolloutlib.reason import Reason

__all__ = [
    "SCHEMA", "Alarm", "Colour", "DailySeries", "FeatureSignal", "Here", "Outcome", "Point",
    "Watch", "decode", "encode",
]  # fmt: skip

SCHEMA: Final = "rolloutlib/watch@1"
Colour = Literal["green", "amber", "red"]


class Outcome(StrEnum):
    """What the day asks for; the exit code of `rollout watch` is made from it."""

    CALM = "CALM"
    AMBER = "AMBER"  # or too little data to say
    RED = "RED"
    NO_DATA = "NO_DATA"  # nothing that counts as evidence
    ROLLBACK = "ROLLBACK"


class Point(msgspec.Struct, frozen=True):
    """One metric on one day.

    Attributes:
        n_control, n_treatment: samples that know the metric.
        control, treatment: the arms' values, in the series' unit; None on a day without them.
        lower, upper: two-sided band of the treatment's value, 90 % (each end is a 95 % bound);
            None beside a value is no bound.
    """

    day: date
    n_control: int
    n_treatment: int
    control: float | None
    treatment: float | None
    lower: float | None
    upper: float | None


class DailySeries(msgspec.Struct, frozen=True):
    """A metric of the plan's monitoring, day by day.

    Attributes:
        metric: `passed`, `score`, `latency_ms`, `vetoed`, `error`, `issue:TAG`, `style`, …
        measure: what its numbers are: `proportion`, `score`, `ms`, `ratio`, `count`.
        light: the traffic light of the latest day that has values; None where the plan has none.
        green, amber: the plan's limits of the light.
        says: what it means today.
    """

    metric: str
    measure: str
    points: tuple[Point, ...]
    light: Colour | None
    green: float | None
    amber: float | None
    says: Reason


class FeatureSignal(msgspec.Struct, frozen=True):
    """A number that one feature's risk demands: a mix, a ratio, reasons by profile, tags.

    Attributes:
        feature: A–F.
        signal: `difficulty_mix`, `style`, `latency_ratio`, `veto_reasons`, `tags`, …
        measure: as in DailySeries.
        value, lower, upper: over the days watched; None is not known.
        limit: beyond which it is more than chance, or than the plan wants.
        beyond: whether it is; None where the data cannot say.
        parts: labelled numbers of a picture: (label, series, value), for example
            (`easy`, `seen`, .28) and (`easy`, `planned`, .3), or (`jargon`, `strict`, 12).
        says: what it means today.
    """

    feature: str
    signal: str
    measure: str
    value: float | None
    lower: float | None
    upper: float | None
    limit: float | None
    beyond: bool | None
    parts: tuple[tuple[str, str, float], ...]
    says: Reason


class Alarm(msgspec.Struct, frozen=True):
    """Something that nobody may miss.

    Attributes:
        code: `harm`, `surge`, `incident`, `blocked`, `no_data`, `stopped`, `vanished`, `clock`, …
        asks: what it asks for: ROLLBACK, RED or AMBER.
        metric: what it is about; None of the feed as a whole.
        trigger: the plan's trigger (rollback.triggers) that it belongs to; None of none.
        pulls: whether the plan lets this alarm pull the kill switch by itself.
        since: when it began: the first look that crossed, the day that lacks data.
        features: keys of the features that `rollout rollback` is to turn off; none is all.
        why: what was seen, against what, how sure.
    """

    code: str
    asks: Outcome
    metric: str | None
    trigger: str | None
    pulls: bool
    since: datetime
    features: tuple[str, ...]
    why: Reason


class Here(msgspec.Struct, frozen=True):
    """Where the rollout stands in the plan's schedule.

    Attributes:
        weeks: (week, its stages, its note) of the plan, in order.
        week: the week that today is in, counted from the rollout's first day; None beyond them.
        stage: the stage in force.
        late: whether the stage is behind its week.
        says: the same as a sentence.
    """

    weeks: tuple[tuple[str, tuple[int, ...], str], ...]
    week: str | None
    stage: int
    late: bool
    says: Reason


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag=SCHEMA, tag_field="schema"):
    """A day's watch.

    >>> "alarms" in Watch.__struct_fields__
    True

    Attributes:
        as_of: the moment that it looks at; later runs are left out.
        since: the first day of the stage's data.
        planned_days: days of the harm test that the plan spends its error over.
        looked: days among them that have data of both arms.
        outcome: the worst of alarms and lights.
        reasons: the first weighs most.
        people: distinct people in the treatment, against the stage's cap.
        incidents: what the incident log says, open ones first.
        missed: scheduled days before this one that nobody watched.
        data_sha256, plan_sha256: what was read, and the plan's file.
        runs, samples: by arm.
        stage_name, features: names of the plan, of features by their letter.
        simulated: whether a run says of itself that it is no real one.
        counts: whether the data are of the stage as the plan has it; else no switch is pulled.
        answer: the arguments of `rollout` that answer the alarms which ask for a rollback.
    """

    stage: int
    control: str
    treatment: str
    as_of: datetime
    since: date | None
    planned_days: int
    looked: int
    outcome: Outcome
    reasons: tuple[Reason, ...]
    alarms: tuple[Alarm, ...]
    series: tuple[DailySeries, ...]
    signals: tuple[FeatureSignal, ...]
    risks: tuple[RiskState, ...]
    here: Here
    people: int | None
    cap: int | None
    incidents: tuple[Reason, ...]
    missed: tuple[date, ...]
    warnings: tuple[Reason, ...]
    runs: dict[str, int]
    samples: dict[str, int]
    data_sha256: str
    plan_sha256: str
    stage_name: str = ""
    features: dict[str, str] = {}
    simulated: bool = False
    counts: bool = True
    answer: tuple[str, ...] = ()


def encode(watch: Watch) -> bytes:
    """Return watch.json."""
    return msgspec.json.format(msgspec.json.encode(watch), indent=1)


def decode(data: bytes, where: str) -> Watch:
    """Return the record that `encode` wrote.

    Raises:
        UsageError: the bytes are no watch; the message names `where` they come from.
    """
    try:
        return msgspec.json.decode(data, type=Watch)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "{file} is no watch.json: {error}; run `rollout watch` again.", file=where, error=error
        ) from None
