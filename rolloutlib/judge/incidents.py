"""incidents.jsonl: what went wrong, when it began and ended, and until when the file tells it all.

A line is an incident, the end of one that an earlier line began (by its id), or says until when
the file covers. Lines of one id are one incident.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from rolloutlib.errors import FileError, RunsError
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.finding import said
from rolloutlib.measure.presence import after
from rolloutlib.phrase import phrase
from rolloutlib.runs.located import MalformedError, read_object
from rolloutlib.runs.quarantine import shown
from rolloutlib.runs.ranges import FIRST_YEAR, latest_start

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["INCIDENTS", "LOG", "MOST", "Incident", "IncidentLog", "read_incidents", "read_log"]

INCIDENTS: Final = "incidents.jsonl"
LOG: Final = f"data/{INCIDENTS}"  # the workbook's own, which `rollout incident` writes
MOST: Final = 16_000_000  # bytes

_Word = Annotated[str, msgspec.Meta(pattern=r"\S")]


class Incident(NamedTuple):
    """One incident as it was known at a moment.

    Attributes:
        id: `inc-20261120-001`; `line 3` where its line tells none.
        opened, closed: when it began and ended; `closed` is None while it is open.
        feature: the letter of the feature that it is about, where somebody said so.
        blocking: users report that it keeps them from their work.
    """

    id: str
    opened: datetime
    closed: datetime | None
    title: str
    severity: str
    feature: str | None = None
    blocking: bool = False

    @property
    def latest(self) -> datetime:
        """The newest moment that is known of it."""
        return max(self.opened, self.closed or self.opened)


class IncidentLog(NamedTuple):
    """A file of incidents.

    Attributes:
        incidents: in the order of their first lines.
        until: until when the file tells every incident: what its last line about that says, else
            the newest time in it; None for an empty file.
        simulated: a line says that it is not from real work.
    """

    incidents: tuple[Incident, ...]
    until: datetime | None
    simulated: bool

    def recent(self, since: datetime, as_of: datetime | None) -> list[Incident]:
        """Return the incidents that were open, or ended, after a moment, of those known then."""
        begun = [each for each in self.incidents if as_of is None or each.opened <= as_of]
        return [each for each in begun if each.closed is None or each.latest > since]


def read_incidents(path: Path, as_of: datetime | None = None) -> tuple[Incident, ...]:
    """Read the incidents of a file as they were known at a moment: who was open, who had ended.

    Args:
        path: the file; where there is none, there are no incidents.
        as_of: later ones are left out, and what ended later is still open; None: all is told.

    Raises:
        RunsError: a line cannot be read, or the file cannot be opened; the message names both.
    """
    try:
        data = bounded_bytes(path, MOST)
    except FileError as error:
        if error.missing:
            return ()
        raise RunsError(error.phrase) from None
    incidents = read_log(data, latest_start(as_of) + timedelta(days=1), path.name).incidents
    if as_of is None:
        return incidents
    begun = (each for each in incidents if each.opened <= as_of)
    return tuple(_then(each, as_of) for each in begun)


def _then(incident: Incident, as_of: datetime) -> Incident:
    ended = incident.closed is not None and incident.closed <= as_of
    return incident if ended else incident._replace(closed=None)


# --- lines ----------------------------------------------------------------------------------------


class _Opening(msgspec.Struct, rename="camel"):
    """An incident; written again with its id, it says more of the same one."""

    at: datetime
    severity: _Word
    title: _Word
    id: _Word | None = None
    resolved_at: datetime | None = None
    feature: _Word | None = None
    blocking: bool = False
    simulated: bool = False
    covers_until: datetime | None = None


class _Closing(msgspec.Struct, rename="camel"):
    """The end of an incident that another line began."""

    id: _Word
    resolved_at: datetime
    simulated: bool = False
    covers_until: datetime | None = None


class _Coverage(msgspec.Struct, rename="camel"):
    """A line that is no incident: until when the file tells them all, and whether it is real."""

    covers_until: datetime | None = None
    simulated: bool = False


_Line = _Opening | _Closing | _Coverage
_KEYS: Final = {
    "at", "severity", "title", "resolvedAt", "simulated", "coversUntil", "id", "feature",
    "blocking", "by", "note", "recordedAt",
}  # fmt: skip
_TIMES: Final = frozenset({"at", "resolvedAt", "coversUntil"})
_MINUTES: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(Z|[+-]\d\d:\d\d)?")
_EXPECTED: Final = phrase(
    "expected an incident with at, severity and title, the end of one with id and resolvedAt, "
    "or coversUntil"
)


def read_log(data: bytes, latest: datetime, name: str = INCIDENTS) -> IncidentLog:
    """Read the bytes of a file of incidents.

    Args:
        data: the bytes; ends may stand before their beginnings, as merged files have them.
        latest: no file can cover more than this moment.
        name: the file's, for messages.

    Raises:
        RunsError: a line is none of the three kinds, or lines contradict each other.
    """
    lines: list[tuple[int, _Line]] = []
    until = None
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        try:
            read = _line(line, latest)
        except RunsError as error:
            raise RunsError(
                "line {number}: {why} ({file})", number=number, why=error.phrase, file=name
            ) from None
        lines.append((number, read))
        until = read.covers_until or until
    incidents = _put_together(lines, name)
    until = until or max((incident.latest for incident in incidents), default=None)
    return IncidentLog(incidents, until, any(read.simulated for _, read in lines))


def _put_together(lines: Iterable[tuple[int, _Line]], name: str) -> tuple[Incident, ...]:
    """Make one incident of the lines of one id."""
    incidents: dict[str | int, Incident] = {}
    ends: list[tuple[int, _Closing]] = []
    for number, line in lines:
        if isinstance(line, _Opening):
            incident, key = _incident(line, number), line.id or number  # by which no end names it
            incidents[key] = _merged(incidents.get(key), incident, number, name)
        elif isinstance(line, _Closing):
            ends.append((number, line))
    for number, end in ends:
        begun = incidents.get(end.id)
        if begun is None:
            raise RunsError(
                "line {number}: no line begins the incident {id}; expected the id of one that is "
                "open ({file})", number=number, id=shown(end.id), file=name,
            )  # fmt: skip
        closed = begun._replace(closed=end.resolved_at)
        incidents[end.id] = _merged(begun, closed, number, name)
    return tuple(incidents.values())


def _incident(line: _Opening, number: int) -> Incident:
    return Incident(
        line.id or f"line {number}", line.at, line.resolved_at, line.title, line.severity,
        line.feature, line.blocking,
    )  # fmt: skip


def _merged(before: Incident | None, now: Incident, number: int, name: str) -> Incident:
    """Return an incident with what a further line of its id says; ends are not taken back."""
    about = {"number": number, "id": shown(now.id), "file": name}
    if before is not None and before.closed and before.closed != now.closed:
        raise RunsError(
            "line {number}: the incident {id} ended at {at}; expected a new id for what came after "
            "it ({file})", **about, at=said(before.closed),
        )  # fmt: skip
    if before is not None and before.opened != now.opened:
        raise RunsError(
            "line {number}: the incident {id} began at {before}, not at {at}; expected an id of "
            "its own ({file})", **about, before=said(before.opened), at=said(now.opened),
        )  # fmt: skip
    if now.closed and now.closed < now.opened:
        raise RunsError(
            "line {number}: resolvedAt is {at}; expected a time after its begin ({begin}) ({file})",
            number=number, file=name, at=said(now.closed), begin=said(now.opened),
        )  # fmt: skip
    return now


def _line(line: bytes, latest: datetime) -> _Line:
    """Read a line in which nothing is odd: keys are there once and in one spelling.

    Raises:
        RunsError: it is neither an incident, nor its end, nor says until when the file covers.
    """
    try:
        fields = read_object(line)
        whole = {
            key: _with_seconds(value) if key in _TIMES else value for key, value in fields.items()
        }
        read = msgspec.convert(whole, type=_kind(fields.keys()))
    except MalformedError as error:
        what = phrase("{field} is {value}", field=error.field, value=str(error.value)[:200])
        if not error.value:
            what = error.field
        other = after(_EXPECTED) if str(error.field) == "JSON" else ""
        raise RunsError(
            "{what}; {expected}{more}", what=what, expected=error.expectation, more=other
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunsError(
            "{what}; {expected}{more}", what=error, expected=_EXPECTED, more=""
        ) from None
    spellings = {"".join(filter(str.isalnum, key)).casefold(): key for key in _KEYS}
    for key in fields.keys() - _KEYS:
        if meant := spellings.get("".join(filter(str.isalnum, key)).casefold()):
            raise RunsError(
                "the key {key} is unknown; expected {known}", key=shown(key), known=meant
            )
    if isinstance(read, _Coverage) and not (read.covers_until or read.simulated):
        raise RunsError("no key of it is known; {expected}", expected=_EXPECTED)
    _check_times(read)
    if read.covers_until and read.covers_until > latest:
        raise RunsError(
            "coversUntil is {at}; expected a time until which incidents can be known",
            at=said(read.covers_until),
        )  # fmt: skip
    return read


def _with_seconds(value: object) -> object:
    """Return a time that tells no seconds with them: people write 18:00, RFC 3339 asks for more."""
    match = _MINUTES.fullmatch(value) if isinstance(value, str) else None
    return f"{match[1]}:00{match[2] or ''}" if match else value


def _kind(keys: Iterable[str]) -> type[_Line]:
    names = {*keys}
    if names & {"at", "severity", "title"}:
        return _Opening
    if "resolvedAt" in names:
        return _Closing if "id" in names else _Opening
    return _Opening if names & {"id", "blocking", "feature"} else _Coverage


def _check_times(read: _Line) -> None:
    for name in ("at", "resolved_at", "covers_until"):
        moment = getattr(read, name, None)
        if not isinstance(moment, datetime):
            continue
        key = msgspec.structs.fields(read)[read.__struct_fields__.index(name)].encode_name
        at = moment.isoformat()
        if moment.tzinfo is None:
            raise RunsError("{key} is {at!r}; expected an offset such as +09:00", key=key, at=at)
        if moment.year < FIRST_YEAR:
            raise RunsError(
                "{key} is {at!r}; expected a year from {first}", key=key, at=at, first=FIRST_YEAR
            )
