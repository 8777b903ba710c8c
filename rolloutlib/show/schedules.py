"""A timetable as the files of a scheduler: cron, systemd, GitHub Actions, Airflow.

A HOLD or an amber day (exit code 10) is told, and no failure; any other code but 0 fails the job:
a NO_GO is no green task. Paths are absolute; each form quotes them by its own rules.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import UsageError
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rolloutlib.show.timetable import Clock, Job

__all__ = ["KINDS", "Place", "files_of"]

SETTLED: Final = 10  # exit code: told, and no failure
CRON_BYTES: Final = 998  # cron cuts a longer line, or refuses the file


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs run: the workbook's folder, and its own `rollout`."""

    root: Path
    rollout: Path


def files_of(kind: str, jobs: Sequence[Job], place: Place, clock: Clock) -> dict[str, str]:
    """Return the files of a scheduler by name; titles of jobs are in the language that is spoken.

    Raises:
        UsageError: a path has something that the scheduler cannot be told.
    """
    for path in (place.root, place.rollout):
        _refuse(kind, str(path))
    return KINDS[kind](jobs, place, clock)


# --- cron -----------------------------------------------------------------------------------------


def _cron(jobs: Sequence[Job], place: Place, clock: Clock) -> dict[str, str]:
    lines = [
        "# rolloutlib: the daily watch and the weekly reviews of a rollout.",
        "# Install: (crontab -l 2>/dev/null; cat rollout.cron) | crontab -",
        f"# Times are those of {clock.zone.key}. cronie reads CRON_TZ; Debian's cron does not,",
        "# and goes by the machine's own zone. Mail comes of what needs somebody.",
        f"CRON_TZ={clock.zone.key}",
        "SHELL=/bin/sh",
        "",
    ]
    for job in jobs:
        line = f"{_fields(job, clock)} {_crontab_command(job, place, clock)}"
        if len(line.encode()) > CRON_BYTES:
            raise UsageError(
                "the line of {job} has {n} bytes, and cron takes {most}; move the workbook to a "
                "shorter path", job=job.name, n=len(line.encode()), most=CRON_BYTES,
            )  # fmt: skip
        lines += [f"# {job.title}", line]
    return {"rollout.cron": "\n".join([*lines, ""])}


def _fields(job: Job, clock: Clock) -> str:
    """Return minute, hour, day, month and weekday; a date's year is asked in the command."""
    date = "* *" if job.when is None else f"{job.when.day} {job.when.month}"
    return f"{clock.at.minute} {clock.at.hour} {date} *"


def _crontab_command(job: Job, place: Place, clock: Clock) -> str:
    log = shlex.quote(f"{place.root}/reports/schedule.log")
    year = ""
    if job.when is not None:
        year = f'[ "$(TZ={clock.zone.key} date +%Y)" = {job.when.year} ] || exit 0; '
    # 0 and 10 send no mail: they are in the log, and a report tells the rest
    ended = f'printf "%s\\n" "{job.name} ended with exit code $c; see "{log}'
    unless = f"c=$?; [ $c = {SETTLED} ] || {{ {ended}; exit $c; }}"
    command = (
        f"{year}cd {shlex.quote(str(place.root))} && mkdir -p reports && "
        f"{{ {_call(job, place)} >>{log} 2>&1 || {{ {unless}; }}; }}"
    )
    return command.replace("%", r"\%")  # a bare one ends the line


# --- systemd --------------------------------------------------------------------------------------


def _systemd(jobs: Sequence[Job], place: Place, clock: Clock) -> dict[str, str]:
    files: dict[str, str] = {}
    for job in jobs:
        files[f"{job.name}.service"] = _service(job, place)
        files[f"{job.name}.timer"] = _timer(job, clock)
    return files


def _service(job: Job, place: Place) -> str:
    # in the program's own name a dollar stays single
    program = _unit_word(str(place.rollout)).replace("$$", "$")
    call = " ".join([program, *map(_unit_word, job.arguments)])
    return f"""\
# Copy this file and its timer to ~/.config/systemd/user, then
# systemctl --user enable --now {job.name}.timer
# loginctl enable-linger   (once: it then runs without a login)
[Unit]
Description=rolloutlib, {str(job.title).replace("%", "%%")}

[Service]
Type=oneshot
WorkingDirectory={str(place.root).replace("%", "%%")}
ExecStart={call}
# {SETTLED}: HOLD, amber or too few data. NO_GO, red, ROLLBACK and failures leave the unit failed.
SuccessExitStatus={SETTLED}
TimeoutStartSec=2h
Nice=10
"""


def _timer(job: Job, clock: Clock) -> str:
    day = "*-*-*" if job.when is None else f"{job.when:%Y-%m-%d}"
    return f"""\
[Unit]
Description=rolloutlib, {str(job.title).replace("%", "%%")}

[Timer]
OnCalendar={day} {clock.at:%H:%M}:00 {clock.zone.key}
# What was due while the machine was off runs when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
"""


def _unit_word(word: str) -> str:
    """Quote a word of ExecStart=: specifiers and variables are doubled, the rest is escaped."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if re.fullmatch(r"[\w@%+=:,./-]+", escaped, re.ASCII) else f'"{escaped}"'


# --- GitHub Actions -------------------------------------------------------------------------------


def _github(jobs: Sequence[Job], place: Place, clock: Clock) -> dict[str, str]:
    today = datetime.now(clock.zone).date()
    crons = {job.name: _utc(job.when or clock.on(today), daily=job.when is None) for job in jobs}
    schedule = "\n".join(f'    - cron: "{cron}"' for cron in dict.fromkeys(crons.values()))
    parts = [_actions_job(job, place, crons[job.name]) for job in jobs]
    return {
        ".github/workflows/rollout.yml": f"""\
# rolloutlib: the daily watch and the weekly reviews, on a runner of your own: the workbook with its
# data, looks and ledger lies there. GitHub counts in UTC: {_told(clock)} as of today, so
# where there is summer time the daily watch moves by an hour. A late run looks at the same data.
name: rollout
on:
  workflow_dispatch:
  schedule:
{schedule}
permissions: {{}}
jobs:
{"".join(parts)}"""
    }


def _told(clock: Clock) -> str:
    return f"{clock.at:%H:%M} {clock.zone.key}"


def _utc(moment: datetime, *, daily: bool) -> str:
    utc = moment.astimezone(UTC)
    date = "* *" if daily else f"{utc.day} {utc.month}"
    return f"{utc.minute} {utc.hour} {date} *"


def _actions_job(job: Job, place: Place, cron: str) -> str:
    by_hand = "github.event_name == 'workflow_dispatch' || " if job.when is None else ""
    year = (
        ""
        if job.when is None
        else (f'          [ "$(date -u +%Y)" = {job.when.astimezone(UTC).year} ] || exit 0\n')
    )
    return f"""\
  {job.name}:
    name: {_yaml(str(job.title))}
    if: {by_hand}github.event.schedule == '{cron}'
    runs-on: self-hosted
    timeout-minutes: 120
    steps:
      - name: {_yaml("rollout " + " ".join(job.arguments[:2]))}
        working-directory: {_yaml(str(place.root))}
        run: |
{year}          code=0
          {_call(job, place)} || code=$?
          case $code in
            0) ;;
            {SETTLED}) echo "::warning title={job.name}::HOLD, amber or too few data" ;;
            *)
              echo "::error title={job.name}::ended with exit code $code; see the report"
              exit "$code"
              ;;
          esac
"""


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- Airflow --------------------------------------------------------------------------------------


def _airflow(jobs: Sequence[Job], place: Place, clock: Clock) -> dict[str, str]:
    today = datetime.now(clock.zone).date()
    parts = [_dag(job, place, clock, job.when or clock.on(today)) for job in jobs]
    return {
        "rollout_dags.py": f'''\
"""The daily watch and the weekly reviews of a rollout, for Airflow 3.

Each task calls the workbook's own `rollout`. Exit code {SETTLED} (HOLD, amber or too few
data) skips the task; NO_GO (20), INVALID (30), ROLLBACK (40) and failures fail it: nothing but
0 is green.
"""

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ROOT = {str(place.root)!r}
ZONE = {clock.zone.key!r}
{"".join(parts)}'''
    }


def _dag(job: Job, place: Place, clock: Clock, start: datetime) -> str:
    """Return one DAG: each day, or once at its moment, also where the scheduler comes late."""
    cron = f"{clock.at.minute} {clock.at.hour} * * *" if job.when is None else "@once"
    at = f"{start.year}, {start.month}, {start.day}"
    at += "" if job.when is None else f", {start.hour}, {start.minute}"
    return f"""
with DAG(
    dag_id={job.name.replace("-", "_")!r},
    description={str(job.title)!r},
    schedule={cron!r},
    start_date=pendulum.datetime({at}, tz=ZONE),
    catchup=False,
    max_active_runs=1,
    tags=["rolloutlib"],
):
    BashOperator(
        task_id={job.arguments[0]!r},
        bash_command={_call(job, place)!r},
        cwd=ROOT,
        append_env=True,
        skip_on_exit_code={SETTLED},
        retries=0,
    )
"""


# --- paths ----------------------------------------------------------------------------------------


def _call(job: Job, place: Place) -> str:
    return shlex.join([str(place.rollout), *job.arguments])


def _refuse(kind: str, path: str) -> None:
    """Refuse a path with what a scheduler would read as something else, whatever the quotes."""
    refused = NOT_IN_PATHS[kind].search(path) or re.search(
        r"[^\S ]|[\x00-\x1f\x7f]|\A\s|\s\Z", path
    )
    if refused or not path.isprintable():
        raise UsageError(
            "{path!r} has {held!r}, which {kind} cannot be told; move the workbook to a plainer "
            "path", path=plain(path), held=plain(refused[0]) if refused else "�", kind=kind,
        )  # fmt: skip


KINDS: Final[dict[str, Callable[[Sequence[Job], Place, Clock], dict[str, str]]]] = {
    "cron": _cron, "systemd": _systemd, "github": _github, "airflow": _airflow,
}  # fmt: skip
NOT_IN_PATHS: Final = {
    "cron": re.compile(r"(?!)"),  # nothing
    "systemd": re.compile(r"['\"\\]"),  # it takes no program of such a name
    "github": re.compile(r"\$\{\{"),
    "airflow": re.compile(r"\{[{%#]"),
}
