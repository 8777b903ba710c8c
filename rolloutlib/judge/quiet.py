"""The check that nothing happened: no incident within the plan's hours, as far as is known."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from rolloutlib.judge.finding import Finding, Moment, find, read_file, said
from rolloutlib.judge.incidents import INCIDENTS, MOST, IncidentLog, read_log
from rolloutlib.reason import because
from rolloutlib.runs.ranges import latest_start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.finding import Occasion
    from rolloutlib.judge.incidents import Incident
    from rolloutlib.plan.model import Check
    from rolloutlib.reason import Reason

__all__ = ["look_at_incidents", "told_at"]

_HOUR: Final = timedelta(hours=1)
_DAYS_FROM: Final = timedelta(hours=48)  # what is shorter is told in hours


def look_at_incidents(check: Check, occasion: Occasion) -> Finding:
    """No incident began, or was still open, within the hours before now, as far as is known.

    What the evidence folder's file and the plan's log tell counts together; they must cover the
    review's moment. Where they end before now (a decision is later than its review) the hours end
    with them.
    """
    hours, now = check.hours or 0, occasion.now
    names, log = _read(check, occasion)
    if not names:
        return Finding(holds=None, why=because("incidents.no_file"))
    age = Moment(log.until, said(log.until)) if log.until else None
    ages = tuple((name, age) for name in names)
    finding = partial(Finding, files=names, ages=ages, simulated=log.simulated)
    if now is None:
        return finding(holds=None, why=because("incidents.no_time", hours=hours))
    moment = occasion.as_of or occasion.newest or now
    covered = log.until is not None and log.until >= moment
    end = min(now, log.until) if log.until and covered else now
    if recent := log.recent(end - timedelta(hours=hours), occasion.as_of):
        return finding(holds=False, why=_broken(recent, hours, end))
    if log.until is None:
        return finding(holds=None, why=because("incidents.empty"))
    if not covered:
        why = because("incidents.uncovered", until=said(log.until), moment=said(moment))
        return finding(holds=None, why=why)
    why = because("incidents.none", hours=hours, now=said(end), until=said(log.until))
    return finding(holds=True, why=why)


def _read(check: Check, occasion: Occasion) -> tuple[tuple[str, ...], IncidentLog]:
    """Return the files that are there, by name, and what they tell together.

    Each says until when it tells every incident, so together they do until the later of the two.
    """
    latest = latest_start(occasion.as_of) + timedelta(days=1)
    logs: dict[str, IncidentLog] = {}
    if (data := read_file(INCIDENTS, occasion.folder, MOST)) is not None:
        logs[INCIDENTS] = read_log(data, latest)
    path = find(check.log, occasion.root, occasion.root) if check.log else None
    if check.log and path and not _is_that(path, occasion):
        data = read_file(check.log, occasion.root, MOST) or b""
        logs[check.log] = read_log(data, latest, check.log)
    together = IncidentLog(
        tuple(incident for log in logs.values() for incident in log.incidents),
        max((log.until for log in logs.values() if log.until), default=None),
        any(log.simulated for log in logs.values()),
    )
    return tuple(logs), together


def _is_that(path: Path, occasion: Occasion) -> bool:
    """Whether the plan's log is the evidence folder's own file, which is read once."""
    return path == (occasion.folder / INCIDENTS).resolve()


def _broken(recent: Sequence[Incident], hours: int, end: datetime) -> Reason:
    last = max(recent, key=lambda incident: incident.opened)
    latest = told_at(last, end)
    if len(recent) == 1:
        return because("incidents.one", incident=latest, hours=hours)
    return because("incidents.recent", count=len(recent), hours=hours, latest=latest)


def told_at(incident: Incident, end: datetime) -> Reason:
    """Say of an incident what is true at the moment at which the hours end."""
    title, severity = incident.title, incident.severity
    if incident.opened > end:
        return because("incident.later", title=title, severity=severity, at=said(incident.opened))
    if incident.closed is None:
        span = _span(end - incident.opened)
        return because("incident.open", title=title, severity=severity, span=span)
    if incident.closed > end:
        at = said(incident.closed)
        return because("incident.until", title=title, severity=severity, at=at)
    span, at = _span(end - incident.closed), said(incident.closed)
    return because("incident.ended", title=title, severity=severity, span=span, at=at)


def _span(time: timedelta) -> Reason:
    if time < _HOUR:
        return because("span.short")
    count = time // _HOUR
    if time < _DAYS_FROM:
        return because("span.hour") if count == 1 else because("span.hours", count=count)
    return because("span.days", count=time.days)
