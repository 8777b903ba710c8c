"""incidents.jsonl: a line an incident, and until when the file tells them all."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from rolloutlib.errors import RunsError
from rolloutlib.judge.finding import Finding, Moment, read_file, said
from rolloutlib.reason import because
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.ranges import FIRST_YEAR, latest_start

if TYPE_CHECKING:
    from rolloutlib.judge.finding import Occasion
    from rolloutlib.plan.model import Check

__all__ = ["INCIDENTS", "look_at_incidents"]

INCIDENTS: Final = "incidents.jsonl"
_MOST: Final = 16_000_000  # bytes


_Word = Annotated[str, msgspec.Meta(pattern=r"\S")]


class _Incident(msgspec.Struct, rename="camel"):
    at: datetime
    severity: _Word
    title: _Word
    resolved_at: datetime | None = None
    simulated: bool = False
    covers_until: datetime | None = None

    @property
    def latest(self) -> datetime:
        return max(self.at, self.resolved_at or self.at)


class _Coverage(msgspec.Struct, rename="camel"):
    """A line that is no incident: until when the file tells them all, and whether it is real."""

    covers_until: datetime | None = None
    simulated: bool = False


_KEYS: Final = {"at", "severity", "title", "resolvedAt", "simulated", "coversUntil"}


class _Log(NamedTuple):
    incidents: list[_Incident]
    until: datetime | None
    simulated: bool

    def recent(self, since: datetime, as_of: datetime | None) -> list[_Incident]:
        """Return the incidents that were open, or ended, after a moment, of those known then."""
        known = [each for each in self.incidents if as_of is None or each.at <= as_of]
        return [each for each in known if each.resolved_at is None or each.latest > since]


def look_at_incidents(check: Check, occasion: Occasion) -> Finding:
    """No incident began, or was still open, within the hours before now, as far as is known.

    The file must cover the review's moment. Where it ends before now (a decision is later than its
    review) the hours end with it.
    """
    data, hours, now = read_file(INCIDENTS, occasion.folder, _MOST), check.hours or 0, occasion.now
    if data is None:
        return Finding(holds=None, why=because("incidents.no_file"))
    log = _read_log(data, latest_start(occasion.as_of) + timedelta(days=1))
    age = (INCIDENTS, Moment(log.until, said(log.until)) if log.until else None)
    finding = partial(Finding, files=(INCIDENTS,), ages=(age,), simulated=log.simulated)
    if now is None:
        return finding(holds=None, why=because("incidents.no_time", hours=hours))
    moment = occasion.as_of or occasion.newest or now
    covered = log.until is not None and log.until >= moment
    end = min(now, log.until) if log.until and covered else now
    if recent := log.recent(end - timedelta(hours=hours), occasion.as_of):
        last = max(recent, key=lambda incident: incident.at)
        why = because(
            "incidents.recent", count=len(recent), hours=hours, latest=last.title, at=said(last.at)
        )
        return finding(holds=False, why=why)
    if log.until is None:
        return finding(holds=None, why=because("incidents.empty"))
    if not covered:
        why = because("incidents.uncovered", until=said(log.until), moment=said(moment))
        return finding(holds=None, why=why)
    why = because("incidents.none", hours=hours, now=said(end), until=said(log.until))
    return finding(holds=True, why=why)


def _read_log(data: bytes, latest: datetime) -> _Log:
    """Read the lines; without a line that says until when, the newest time in it is that."""
    incidents: list[_Incident] = []
    until, simulated = None, False
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        try:
            read = _line(line, latest)
        except RunsError as error:
            raise RunsError(f"line {number}: {error} ({INCIDENTS})") from None
        simulated = simulated or read.simulated
        if isinstance(read, _Incident):
            incidents.append(read)
        until = read.covers_until or until
    return _Log(incidents, until or max((one.latest for one in incidents), default=None), simulated)


def _line(line: bytes, latest: datetime) -> _Incident | _Coverage:
    """Read a line in which nothing is odd: keys are there once and in one spelling.

    Raises:
        RunsError: it is neither an incident nor says until when the file covers.
    """
    due = "expected an incident with at, severity and title, or coversUntil"
    try:
        told = read_object(line)
        kind = _Incident if told.keys() & {"at", "severity", "title", "resolvedAt"} else _Coverage
        read = msgspec.json.decode(line, type=kind)
    except MalformedError as error:
        what = f"{error.field} is {error.value}" if error.value else error.field
        other = f"; {due}" if error.field == "JSON" else ""
        raise RunsError(f"{what[:200]}; {error.expectation}{other}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunsError(f"{error}; {due}") from None
    known = {"".join(filter(str.isalnum, key)).casefold(): key for key in _KEYS}
    for key in told.keys() - _KEYS:
        if meant := known.get("".join(filter(str.isalnum, key)).casefold()):
            raise RunsError(f"the key {shown(key)} is unknown; expected {meant}")
    if isinstance(read, _Coverage) and not (read.covers_until or read.simulated):
        raise RunsError(f"no key of it is known; {due}")
    _check_times(read)
    if read.covers_until and read.covers_until > latest:
        due = "expected a time until which incidents can be known"
        raise RunsError(f"coversUntil is {said(read.covers_until)}; {due}")
    return read


def _check_times(read: _Incident | _Coverage) -> None:
    for name in ("at", "resolved_at", "covers_until"):
        moment = getattr(read, name, None)
        if not isinstance(moment, datetime):
            continue
        key = msgspec.structs.fields(read)[read.__struct_fields__.index(name)].encode_name
        told = f"{key} is {moment.isoformat()!r}"
        if moment.tzinfo is None:
            raise RunsError(f"{told}; expected an offset such as +09:00")
        if moment.year < FIRST_YEAR:
            raise RunsError(f"{told}; expected a year from {FIRST_YEAR}")
    if isinstance(read, _Incident) and read.resolved_at and read.resolved_at < read.at:
        due = f"expected a time after its begin ({said(read.at)})"
        raise RunsError(f"resolvedAt is {said(read.resolved_at)}; {due}")
