"""Incidents that ask for a rollback by themselves, and users who report being blocked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rolloutlib.reason import because
from rolloutlib.watch.record import Alarm, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from rolloutlib.judge.incidents import Incident
    from rolloutlib.plan.model import Plan

__all__ = ["incidents_alarms"]


def incidents_alarms(
    incidents: Sequence[Incident], plan: Plan, *, as_of: datetime, changed: Collection[str]
) -> tuple[Alarm, ...]:
    """Return alarms of what the incident log says at a moment.

    Args:
        incidents: as they were known then.
        plan: whose breaker counts.
        as_of: the moment.
        changed: letters of the features that the stage adds; another feature's incident asks to
            turn all of them off.
    """
    breaker = plan.rollback.breaker
    begun = [each for each in incidents if each.opened <= as_of]
    still = [each for each in begun if each.closed is None or each.closed > as_of]
    severities = {severity.casefold() for severity in breaker.severities}
    blocking = [each for each in still if each.blocking]
    severe = [each for each in still if each.severity.casefold() in severities]
    since = as_of - timedelta(hours=breaker.hours)
    recent = [each for each in begun if each.opened >= since]
    alarms: list[Alarm] = []
    if blocking:
        alarms.append(_alarm("blocked", blocking, changed))
    if severe:
        alarms.append(_alarm("incident", severe, changed))
    elif len(recent) > breaker.most:
        why = because(
            "watch.incidents", count=len(recent), hours=breaker.hours, most=breaker.most,
            latest=max(recent, key=_opened).title,
        )  # fmt: skip
        first = min(recent, key=_opened).opened
        alarms.append(
            Alarm("incident", Outcome.ROLLBACK, None, None, pulls=False, since=first,
                  features=_features(recent, changed), why=why)
        )  # fmt: skip
    return tuple(alarms)


def _opened(incident: Incident) -> datetime:
    return incident.opened


def _alarm(code: str, incidents: Sequence[Incident], changed: Collection[str]) -> Alarm:
    """Return the alarm of incidents that are open, the oldest first."""
    first = min(incidents, key=_opened)
    facts = {
        "count": len(incidents), "name": first.id, "what": first.title,
        "severity": first.severity, "since": first.opened.isoformat(" ", "minutes"),
    }  # fmt: skip
    why = (
        because("watch.blocked", **facts)
        if code == "blocked"
        else because("watch.incident", **facts)
    )
    return Alarm(code, Outcome.ROLLBACK, None, None, pulls=False, since=first.opened,
                 features=_features(incidents, changed), why=why)  # fmt: skip


def _features(incidents: Sequence[Incident], changed: Collection[str]) -> tuple[str, ...]:
    """Return the features to turn off; none where an incident tells none that the stage adds."""
    named = [each.feature for each in incidents]
    features = [feature for feature in named if feature is not None and feature in changed]
    return tuple(sorted(set(features))) if len(features) == len(named) else ()
