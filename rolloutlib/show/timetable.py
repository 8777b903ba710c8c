"""When what runs: the daily watch, and each stage's review in the week that the plan names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from rolloutlib.text import plain
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rolloutlib.plan.model import Plan

__all__ = ["DAYS", "WATCH", "Clock", "Job", "timetable"]

DAYS: Final = 7  # a week's days, the first of them the rollout's first day


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day somewhere."""

    at: time
    zone: ZoneInfo

    def on(self, day: date) -> datetime:
        """Return the moment on a day, with the zone's offset on that day."""
        return datetime.combine(day, self.at, self.zone)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be run.

    Attributes:
        name: for files, units and tasks: letters, digits and hyphens.
        title: what it does, in any language.
        arguments: of `rollout`.
        when: the one moment; None is every day.
    """

    name: str
    title: Sentence
    arguments: tuple[str, ...]
    when: datetime | None = None


WATCH: Final = Job("rollout-watch", say("watch the stage in force"), ("watch", "--catch-up"))


def timetable(plan: Plan, clock: Clock, start: date | None, day: int) -> list[Job]:
    """Return what runs, in order.

    Each review says up to which moment it looks and where its report goes, so that one that comes
    late, or twice, says the same and is the same look.

    Args:
        plan: whose weeks they are.
        clock: when on a day.
        start: the first day of the first week; without it there is the watch alone.
        day: which day of each week reviews its stages, 1 to 7.
    """
    jobs = [WATCH]
    for number, (week, planned) in enumerate(plan.schedule.items()):
        if start is None:
            break
        on = start + timedelta(days=DAYS * number + day - 1)
        stages = dict.fromkeys(planned.stages)
        jobs += [_review(number + 1, week, stage, clock.on(on)) for stage in stages]
    return jobs


def _review(number: int, week: str, stage: int, when: datetime) -> Job:
    out = f"reports/stage-{stage}-{when:%Y-%m-%d}"
    moment = when.isoformat(timespec="minutes")
    return Job(
        name=f"rollout-week-{number}-stage-{stage}",
        title=say("{week}: review the exit of stage {stage}", week=plain(week), stage=stage),
        arguments=("review", str(stage), "--as-of", moment, "--out", out),
        when=when,
    )
