"""You are here: the plan's schedule week by week, and the week that a day is in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rolloutlib.reason import because
from rolloutlib.watch.record import Here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Reason

__all__ = ["here", "start_of"]

WEEK: Final = timedelta(weeks=1)


def here(plan: Plan, stage: StageId, start: date | None, today: date) -> Here:
    """Say which week of the plan's schedule a day is in, and whether the stage is behind it.

    Args:
        plan: whose schedule it is.
        stage: the stage in force.
        start: the first day of the rollout, with which its first week begins; None is unknown.
        today: a day in the plan's clock.
    """
    weeks = tuple((name, week.stages, week.note) for name, week in plan.schedule.items())
    if start is None or today < start or not weeks:
        return Here(weeks, None, stage, late=False, says=because("watch.no_start"))
    number = (today - start).days // WEEK.days
    over = number >= len(weeks)
    place = min(number, len(weeks) - 1)
    name, planned = weeks[place][0], _planned(weeks[: place + 1]) or (stage,)
    late = stage < (max(planned) if over else min(planned))
    says = _says(name, planned, stage, start, today, over=over, late=late)
    return Here(weeks, None if over else name, stage, late=late, says=says)


def _planned(weeks: Sequence[tuple[str, tuple[int, ...], str]]) -> tuple[int, ...]:
    """Return the stages of the last week that names any: a week without one goes on with it."""
    return next((stages for _, stages, _ in reversed(weeks) if stages), ())


def start_of(plan: Plan, stage: StageId, first: date | None) -> date | None:
    """Return the day on which a rollout began whose stage began on `first`, had it gone by plan.

    Where no record tells the rollout's beginning, its stage is taken to have begun in its week.
    """
    names = [week.stages for week in plan.schedule.values()]
    number = next((k for k, stages in enumerate(names) if stage in stages), None)
    return None if first is None or number is None else first - number * WEEK


def _says(
    week: str, planned: tuple[int, ...], stage: int, start: date, today: date, *,
    over: bool, late: bool,
) -> Reason:  # fmt: skip
    stages = tuple(str(each) for each in planned)
    day, began = (today - start).days + 1, start.isoformat()
    if over and late:
        return because("watch.over_late", week=week, planned=stages, stage=stage, day=day,
                       start=began)  # fmt: skip
    if over:
        return because("watch.over", week=week, planned=stages, stage=stage, day=day, start=began)
    if late:
        return because("watch.late", week=week, planned=stages, stage=stage, day=day, start=began)
    if stage > max(planned):
        return because("watch.early", week=week, planned=stages, stage=stage, day=day, start=began)
    return because("watch.here", week=week, planned=stages, stage=stage, day=day, start=began)
