"""What a retrospective holds: decisions, forecasts, stays at a stage, alarms, and the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from rolloutlib.judge.incidents import Incident
    from rolloutlib.ledger.knobs import KnobLine
    from rolloutlib.ledger.record_parts import Waiver
    from rolloutlib.phrase import Clause
    from rolloutlib.reason import Reason

__all__ = ["Forecast", "Heard", "LookBack", "Stay", "Step"]


class Step(NamedTuple):
    """A decision.

    Attributes:
        stage: that it was about.
        entered: the stage that it led to; None where it led nowhere: no GO, or one that nobody
            promoted.
        undone: the rollback that took it back.
    """

    id: str
    at: datetime
    verdict: str
    stage: int | None
    entered: int | None
    undone: str | None


class Forecast(NamedTuple):
    """A HOLD's chance of a GO at the next look, and what that look said.

    Attributes:
        chance: 0–1; None where none can be named any more (another plan, a gate without data).
        next: the next decision about the stage; None while there is none.
        came: whether that review recommended a GO.
    """

    decision: str
    stage: int
    chance: float | None
    next: str | None
    came: bool | None


class Stay(NamedTuple):
    """Time at a stage, in days.

    Attributes:
        entered: None where nothing tells it.
        left: None while it lasts; the days then count until now.
        blocked: days of it after a rollback, until a new GO.
    """

    stage: int
    entered: datetime | None
    left: datetime | None
    days: float | None
    blocked: float


class Heard(NamedTuple):
    """An alarm that asked for a rollback, once for all days on which it rang.

    Attributes:
        days: on how many days it rang.
        answered: the rollback that followed it; None where nobody acted on it.
    """

    code: str
    metric: str | None
    stage: int
    first: datetime
    last: datetime
    days: int
    why: Reason
    answered: str | None


@dataclass(frozen=True, slots=True)
class LookBack:
    """A rollout, looked back on.

    Attributes:
        score: the mean squared difference between chances and what came (Brier 1950, Monthly
            Weather Review 78:1), 0 is perfect; None without a forecast that came due.
        scored: how many forecasts that is.
        watches: how many days' watches were found.
        unread: files that could not be read, with why.
    """

    now: datetime
    steps: tuple[Step, ...]
    forecasts: tuple[Forecast, ...]
    score: float | None
    scored: int
    stays: tuple[Stay, ...]
    heard: tuple[Heard, ...]
    watches: int
    knobs: tuple[KnobLine, ...]
    deviations: tuple[tuple[str, Reason], ...]
    waivers: tuple[tuple[str, Waiver], ...]
    incidents: tuple[Incident, ...]
    unread: tuple[Clause, ...]
