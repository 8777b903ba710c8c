"""`rollout schedule`: ready files for cron, systemd, GitHub Actions and Airflow."""

from __future__ import annotations

import argparse
import sys
from datetime import date, time
from typing import TYPE_CHECKING, Any, cast

from rolloutlib.commands.language import before_command, of_reports, shows_hangul
from rolloutlib.commands.options import (
    command,
    complain,
    given,
    lang_unless_told,
    now,
    option,
    say,
    whole,
)
from rolloutlib.commands.worded import worded
from rolloutlib.errors import RolloutError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.show.timetable import Job

KINDS = ("cron", "systemd", "github", "airflow")
DAILY = "params/daily.yaml"
YEARS = range(2000, 9000)  # in which a rollout may begin: the calendar of Python ends
SCHEDULE = """\
Print files that run `rollout watch` every day and review each stage in the week that plan.yaml
(schedule) names, with this workbook's own environment. A HOLD or an amber day is no failure; a
NO_GO, a red day, a ROLLBACK and data that are no evidence fail the job. docs/schedule.md tells how
to install each."""
EXAMPLES = """\
examples:
  rollout schedule systemd --start 2026-11-02 --write ~/.config/systemd/user
      timers for the daily watch and for the reviews of W1 to W5
  rollout schedule cron --at 07:30 --zone Europe/Berlin
      without a start: the daily watch alone, unless params/daily.yaml tells the start

Reviews look up to their own moment and write to a folder of their date, so a late or repeated one
says the same and is the same look. What is past is left out. After a change of plan.yaml, print
them again.

Exit code: 0 printed or written; 2 wrong usage; 1 failure."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "schedule", _schedule, "ready files for cron, systemd, GitHub Actions, Airflow",
        option("kind", "the scheduler", choices=KINDS),
        option("--at HH:MM", "time of day", type=_time, default="09:00"),
        option("--zone ZONE", "zone of that time, such as Asia/Seoul (default: the plan's "
               "monitoring.zone)"),
        option("--start DATE", "first day of the plan's first week (default: start in "
               "params/daily.yaml; without one there are no reviews)", type=_date),
        option("--day N", "day of each week on which its stages are reviewed, 1 is the start's "
               "weekday (default: 5)", type=whole(1, 7)),
        option("--write DIR", "write the files there instead of printing them; files of the same "
               "name are replaced"),
        lang_unless_told("the titles of jobs"),
        description=SCHEDULE, epilog=EXAMPLES,
    )  # fmt: skip


def _schedule(arguments: argparse.Namespace) -> int:
    from rolloutlib.commands.options import workbook
    from rolloutlib.show.schedules import Place, files_of
    from rolloutlib.show.timetable import Clock, timetable
    from rolloutlib.words.sentences import speaking

    root, plan = workbook()
    daily = _daily(root)
    zone = _zone(arguments.zone) if arguments.zone else plan.monitoring.clock
    start = arguments.start or _start(daily)
    if start is None:
        complain(
            "no reviews are scheduled: nobody says when the first week begins; give --start DATE, "
            "or start in {file}", file=DAILY,
        )  # fmt: skip
    clock = Clock(arguments.at, zone)
    jobs = _to_come(timetable(plan, clock, start, arguments.day or 5))
    with speaking(_language(arguments, daily)):
        files = files_of(arguments.kind, jobs, Place(root, _own_rollout(root)), clock)
    if arguments.write:
        _write(root, arguments.write, files)
    else:
        _print(files)
    return 0


def _to_come(jobs: list[Job]) -> list[Job]:
    """Leave out what is past: it would run at once, or in a year; say how to run it by hand."""
    for job in jobs:
        if job.when is not None and job.when <= now():
            complain("past, and left out: {job}; `rollout {arguments}`",
                     job=job.title, arguments=" ".join(job.arguments))  # fmt: skip
    return [job for job in jobs if job.when is None or job.when > now()]


def _own_rollout(root: Path) -> Path:
    """Return the workbook's own `rollout`, or that of the environment that runs now."""
    own = root / ".venv" / "bin" / "rollout"
    program = own if own.exists() else type(root)(sys.executable).parent / "rollout"
    if not program.exists():
        raise UsageError(
            "there is neither {own} nor {program}; run `make review` once, which installs it",
            own=own, program=program,
        )  # fmt: skip
    return program


def _daily(root: Path) -> dict[str, object]:
    """Return what params/daily.yaml sets; nothing where there is none."""
    from rolloutlib.plan.strict_yaml import load_yaml

    daily = load_yaml(root / DAILY) if (root / DAILY).is_file() else None
    return cast("dict[str, object]", daily) if isinstance(daily, dict) else {}


def _start(daily: dict[str, object]) -> date | None:
    start = daily.get("start")
    try:
        return None if start is None else _first_day(str(start))
    except ValueError:
        raise UsageError(
            "{file}: start is {got}; expected a date such as 2026-11-02",
            file=DAILY, got=repr(start),
        ) from None  # fmt: skip


def _language(arguments: argparse.Namespace, daily: dict[str, object]) -> str:
    """Return the language of the files: of the call, of the daily watch, of the environment."""
    from rolloutlib.plan.params import daily_params

    if not arguments.write and not shows_hangul():
        return "en"
    named = {"lang": daily.get("lang", of_reports())} | before_command() | given(arguments, "lang")
    return daily_params(named, where=DAILY).lang


def _write(root: Path, folder: str, files: dict[str, str]) -> None:
    from rolloutlib.ledger.durable import Files, NotWrittenError, overwrite

    for name, text in files.items():
        path = type(root)(folder).expanduser() / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            overwrite(Files(), path, text.encode())
        except (NotWrittenError, OSError) as error:
            why = error.why if isinstance(error, NotWrittenError) else error
            raise RolloutError(
                "{path} could not be written ({why}); name a folder where you may write: "
                "--write DIR", path=path, why=why,
            ) from None  # fmt: skip
        say(str(path))


def _print(files: dict[str, str]) -> None:
    for name, text in files.items():
        if len(files) > 1:
            sys.stdout.write(f"### {name}\n")
        sys.stdout.write(text if len(files) == 1 else f"{text}\n")


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, available_timezones

    from rolloutlib.errors import did_you_mean

    if name not in (zones := available_timezones()):
        raise UsageError("--zone is {got!r}; expected a zone such as Asia/Seoul or UTC.{hint}",
                         got=name, hint=did_you_mean(name, zones))  # fmt: skip
    return ZoneInfo(name)


def _time(text: str) -> time:
    try:
        hour, minute = text.split(":")
        return time(int(hour), int(minute))
    except ValueError:
        wrong = worded("{got!r} is no time of day such as 09:00", got=text)
        raise argparse.ArgumentTypeError(wrong) from None


def _date(text: str) -> date:
    try:
        return _first_day(text)
    except ValueError:
        wrong = worded("{got!r} is no date such as 2026-11-02", got=text)
        raise argparse.ArgumentTypeError(wrong) from None


def _first_day(text: str) -> date:
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(text)
    return day
