"""`rollout incident open | close | cover | list`: the workbook's own log of incidents."""

from __future__ import annotations

import argparse
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, group, now, option, say
from rolloutlib.commands.worded import worded
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.incidents import Incident

OPEN = 10  # exit code of the list while an incident is open
SEVERITIES = ("S1", "S2", "S3", "S4")
OPENED = """\
Add the begin of an incident to data/incidents.jsonl: under a lock, synced to the disk, and no line
is ever changed. The check of the hours without an incident reads the log, and so does the daily
watch, for which an incident that blocks users is an alarm.

examples:
  rollout incident open --title "Search answers are empty" --severity S2 --feature A --blocking
  rollout incident open --title "Provider was slow" --severity S3 --at 2026-11-22T09:00+09:00"""
COVER = """\
Say that the log tells every incident until a moment. The check of the hours without an incident
asks for it: a log that merely has no line does not say that nothing happened."""
LIST = """\
One line an incident, open ones first, and until when the log tells them all."""


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    kinds = group(commands, "incident", "open, close and list incidents")
    by = option("--by NAME", "who says so (default: git's user.email)")
    command(
        kinds, "open", _open, "something went wrong",
        option("--title TEXT", "what, in a line", required=True),
        option("--severity", "how bad, S1 is the worst", choices=SEVERITIES, required=True),
        option("--feature A", "the feature that it is about", choices=tuple("ABCDEF"), default=""),
        option("--blocking", "users report that it keeps them from their work",
               action="store_true"),
        option("--at TIME", "when it began (ISO 8601 with offset; default: now)", type=_moment),
        by, description=OPENED,
    )  # fmt: skip
    command(
        kinds, "close", _close, "it is over",
        option("incident ID", "such as inc-20261122-001"),
        option("--at TIME", "when it ended (ISO 8601 with offset; default: now)", type=_moment),
        option("--note TEXT", "what ended it", default=""), by,
    )  # fmt: skip
    command(
        kinds, "cover", _cover, "the log tells every incident until now",
        option("--until TIME", "until when (ISO 8601 with offset; default: now)", type=_moment),
        by, description=COVER,
    )  # fmt: skip
    command(kinds, "list", _list, "the incidents, open ones first", description=LIST)


def _moment(text: str) -> datetime:
    """Read a moment with an offset: which day an incident is of must not depend on the reader."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and moment.astimezone().tzinfo:
            return moment
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(
        worded(
            "{got!r} is no moment; expected ISO 8601 with offset, such as "
            "2026-11-22T09:00+09:00", got=text[:80],
        )
    )  # fmt: skip


def _open(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.incident_log import open_incident

    made = open_incident(
        _root(), arguments.title, arguments.severity, by=_by(arguments), now=now(),
        at=arguments.at, feature=arguments.feature, blocking=arguments.blocking,
    )  # fmt: skip
    say(_line(made))
    return 0


def _close(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.incident_log import close_incident

    ended = close_incident(
        _root(), arguments.incident, by=_by(arguments), now=now(), at=arguments.at,
        note=arguments.note,
    )  # fmt: skip
    say(_line(ended))
    return 0


def _cover(arguments: argparse.Namespace) -> int:
    from rolloutlib.judge.finding import said
    from rolloutlib.ledger.incident_log import cover

    until = cover(_root(), by=_by(arguments), now=now(), until=arguments.until)
    say("the log tells every incident until {until}", until=said(until))
    return 0


def _list(_: argparse.Namespace) -> int:
    from rolloutlib.judge.finding import said
    from rolloutlib.ledger.incident_log import log_of

    log = log_of(_root())
    open_ = [incident for incident in log.incidents if incident.closed is None]
    ended = sorted(
        (incident for incident in log.incidents if incident.closed),
        key=lambda incident: incident.latest,
    )
    for incident in (*open_, *reversed(ended)):
        say(_line(incident))
    until = phrase(
        "nothing says until when the log tells every incident (`rollout incident cover`)"
    )
    if log.until:
        until = phrase("the log tells every incident until {until}", until=said(log.until))
    say("{open} open, {over} over; {until}", open=len(open_), over=len(ended), until=until)
    return OPEN if open_ else 0


def _line(incident: Incident) -> str:
    from rolloutlib.judge.finding import said

    over, state = incident.closed, worded("OPEN")
    if over:
        state = worded("over {at}", at=said(over))
    about = f" [{incident.feature}]" if incident.feature else ""
    about += f" {worded('blocking')}" if incident.blocking else ""
    opened = said(incident.opened)
    return f"{incident.id}  {incident.severity}  {opened}  {state}{about}  {incident.title}"


def _root() -> Path:
    from rolloutlib.plan.workbook import workbook_root

    return workbook_root()


def _by(arguments: argparse.Namespace) -> str:
    """Return who says so; an incident is never refused because nobody knows."""
    from rolloutlib.commands.acting import git_email

    with suppress(OSError):  # no git
        return arguments.by or git_email()
    return ""
