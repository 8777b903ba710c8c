"""data/incidents.jsonl, the workbook's own log of incidents: lines are added, none is changed."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.errors import FileError, UsageError, did_you_mean
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.finding import said
from rolloutlib.judge.incidents import LOG, MOST, read_log
from rolloutlib.ledger.durable import NotWrittenError, locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.incidents import Incident, IncidentLog

__all__ = ["close_incident", "cover", "log_of", "open_incident"]

_ID: Final = re.compile(r"inc-[0-9]{8}-([0-9]{3,})")
_AHEAD: Final = timedelta(minutes=5)  # by which clocks of two machines may differ


class _Line(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """A line as it is written; what is not said is left out."""

    id: str = ""
    at: datetime | None = None
    severity: str = ""
    title: str = ""
    feature: str = ""
    blocking: bool = False
    resolved_at: datetime | None = None
    covers_until: datetime | None = None
    note: str = ""
    by: str = ""
    recorded_at: datetime


def log_of(root: Path) -> IncidentLog:
    """Read a workbook's log; without a file it is empty.

    Raises:
        RunsError, FileError: it cannot be read.
    """
    return read_log(_bytes(root / LOG), datetime.max.replace(tzinfo=UTC), LOG)


def open_incident(
    root: Path,
    title: str,
    severity: str,
    *,
    by: str,
    now: datetime,
    at: datetime | None = None,
    feature: str = "",
    blocking: bool = False,
) -> Incident:
    """Begin an incident and return it with its id.

    Args:
        root: the workbook's root.
        title: what is wrong, in a line.
        severity: as the team names it.
        by: who says so.
        now: the clock's reading.
        at: when it began; by default now.
        feature: the letter of the feature that it is about.
        blocking: users report that it keeps them from their work.

    Raises:
        UsageError: no title, or a begin that is still to come.
        RunsError: the log cannot be read, and so takes nothing.
        NotWrittenError: the system refused; nothing was added.
    """
    if not title.strip():
        raise UsageError("--title is empty; say in a line what is wrong")
    begun = _past(at, now, "--at")

    def line(log: IncidentLog) -> _Line:
        return _Line(
            id=_next(log, begun), at=begun, severity=severity, title=title.strip(),
            feature=feature, blocking=blocking, by=by, recorded_at=now,
        )  # fmt: skip

    return _added(root, line).incidents[-1]


def close_incident(
    root: Path, name: str, *, by: str, now: datetime, at: datetime | None = None, note: str = ""
) -> Incident:
    """End an incident and return it; one that ended at that very moment is left as it is.

    Raises:
        UsageError: there is no such incident, it ended already, or the end is no moment of the
            past after its begin.
        RunsError, NotWrittenError: as `open_incident`.
    """
    end = _past(at, now, "--at")

    def line(log: IncidentLog) -> _Line | None:
        begun = _found(log, name)
        if at is not None and begun.closed == end:
            return None
        if begun.closed is not None:
            raise UsageError(
                "{name} ended at {at}; open another one for what came after it",
                name=name, at=said(begun.closed),
            )  # fmt: skip
        if end < begun.opened:
            raise UsageError(
                "{name} began at {begun}; --at is {at}, before it",
                name=name, begun=said(begun.opened), at=said(end),
            )  # fmt: skip
        return _Line(id=name, resolved_at=end, note=note, by=by, recorded_at=now)

    return _found(_added(root, line), name)


def cover(root: Path, *, by: str, now: datetime, until: datetime | None = None) -> datetime:
    """Say that the log tells every incident until a moment, by default now; return the moment.

    Raises:
        UsageError: the moment is still to come.
        RunsError, NotWrittenError: as `open_incident`.
    """
    moment = _past(until, now, "--until")
    _added(root, lambda _: _Line(covers_until=moment, by=by, recorded_at=now))
    return moment


def _past(at: datetime | None, now: datetime, option: str) -> datetime:
    if at is not None and at > now + _AHEAD:
        raise UsageError(
            "{option} is {at}, which is still to come; now is {now}",
            option=option, at=said(at), now=said(now),
        )  # fmt: skip
    return at or now


def _next(log: IncidentLog, begun: datetime) -> str:
    """Return the id after those of the day on which it began, UTC."""
    day = f"inc-{begun.astimezone(UTC):%Y%m%d}-"
    ids = (incident.id for incident in log.incidents if incident.id.startswith(day))
    used = [int(match[1]) for match in map(_ID.fullmatch, ids) if match]
    return f"{day}{max(used, default=0) + 1:03d}"


def _found(log: IncidentLog, name: str) -> Incident:
    ids = [incident.id for incident in log.incidents]
    for incident in log.incidents:
        if incident.id == name:
            return incident
    raise UsageError(
        "there is no incident {name!r} in {log}; `rollout incident list` shows them.{hint}",
        name=name[:80], log=LOG, hint=did_you_mean(name, ids),
    )  # fmt: skip


def _added(root: Path, line: Callable[[IncidentLog], _Line | None]) -> IncidentLog:
    """Add what a function makes of the log as it is under the lock; return the log with it.

    What cannot be read takes nothing: the line would be lost among what nobody understands.
    """
    path = root / LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        data = _bytes(path)
        latest = datetime.max.replace(tzinfo=UTC)
        if (made := line(read := read_log(data, latest, LOG))) is None:
            return read
        start = b"" if not data or data.endswith(b"\n") else b"\n"
        more = start + msgspec.json.encode(made) + b"\n"
        log = read_log(data + more, latest, LOG)
        _append(path, len(data), more)
    return log


def _bytes(path: Path) -> bytes:
    try:
        return bounded_bytes(path, MOST)
    except FileError as error:
        if error.missing:
            return b""
        raise


def _append(path: Path, size: int, more: bytes) -> None:
    """Add bytes at the end and wait for the disk; where that fails, nothing of them stays."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            rest = memoryview(more)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
        finally:
            os.close(handle)
    except OSError as error:
        raise NotWrittenError(
            "{log} could not be written ({why}); nothing was added; mend it and run the same "
            "command again", log=LOG, why=error,
        ) from None  # fmt: skip
