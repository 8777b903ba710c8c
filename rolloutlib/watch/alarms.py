"""All alarms of a day: what got worse, what people report, and what is wrong with the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.watch.breaker import incidents_alarms
from rolloutlib.watch.feed import feed, no_feed
from rolloutlib.watch.harm import harm
from rolloutlib.watch.record import Outcome
from rolloutlib.watch.surge import surge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rolloutlib.judge.incidents import Incident
    from rolloutlib.measure.daily import Days
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.watch.record import Alarm

__all__ = ["added", "alarms"]

ORDER: Final = (Outcome.ROLLBACK, Outcome.NO_DATA, Outcome.RED, Outcome.AMBER, Outcome.CALM)


def alarms(
    days: Days | None, plan: Plan, *, arms: tuple[str, str], stage: StageId, as_of: datetime,
    incidents: Sequence[Incident] = (),
) -> tuple[Alarm, ...]:  # fmt: skip
    """Return the alarms of a moment, those that ask for a rollback first.

    Args:
        days: the stage by day, until the moment; None where no data count.
        plan: whose metrics, limits, triggers and breaker count.
        arms: names of the control and the treatment.
        stage: whose features a rollback would turn off.
        as_of: the moment, with its zone.
        incidents: what the log says of the time before it.
    """
    changed = added(plan, stage)
    if days is None:
        of_data = no_feed(as_of)
    else:
        of_data = (
            *harm(days, plan, arms=arms), *surge(days, plan, arms=arms),
            *feed(days, plan, arms=arms, as_of=as_of),
        )  # fmt: skip
    of_incidents = incidents_alarms(incidents, plan, as_of=as_of, changed=changed)
    meant = (_meant(alarm, plan, changed) for alarm in (*of_incidents, *of_data))
    return tuple(sorted(meant, key=lambda alarm: ORDER.index(alarm.asks)))


def added(plan: Plan, stage: StageId) -> tuple[str, ...]:
    """Return letters of the features whose flags the stage changes for its audience."""
    flags = plan.flags_of_arms(stage)
    return tuple(
        key for key, feature in plan.features.items()
        if flags["control"][feature.flag] != flags["treatment"][feature.flag]
    )  # fmt: skip


def _meant(alarm: Alarm, plan: Plan, changed: Sequence[str]) -> Alarm:
    """Add what the plan says of an alarm: its trigger, whether it pulls, what is to go off."""
    name = plan.rollback.trigger_of(alarm.code)
    asking = alarm.asks == Outcome.ROLLBACK
    pulls = asking and name is not None and plan.rollback.triggers[name].pulls
    features = alarm.features or (_blamed(plan, alarm.metric, changed) if asking else ())
    return msgspec.structs.replace(alarm, trigger=name, pulls=pulls, features=features)


def _blamed(plan: Plan, metric: str | None, changed: Sequence[str]) -> tuple[str, ...]:
    """Return the feature whose risk the plan sees in a metric, where the stage adds it."""
    blamed = (
        risk.feature
        for risk, signal in plan.signals()
        if signal.metric == metric and risk.feature in changed
    )
    feature = next(blamed, None) if metric is not None else None
    return () if feature is None else (feature,)
