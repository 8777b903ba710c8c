"""The whole ladder in advance: what each stage plans, and which evidence it takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.plan.model import STAGES

if TYPE_CHECKING:
    from rolloutlib.plan.model import Plan, StageId

USERS, SAMPLES, RUNS = 100, 20, 3  # of a stage that plans none


class Step(NamedTuple):
    """What a stage plans to see until its last look.

    Attributes:
        users: people in all.
        samples: of each, in each arm.
        runs: of each arm.
        looks: how often it may be reviewed.
        carries: whether the evidence of the stage before is judged with its own: where both stages
            change the same flags, the candidate is the same.
    """

    stage: StageId
    users: int
    samples: int
    runs: int
    looks: int
    carries: bool


def steps_of(plan: Plan) -> tuple[Step, ...]:
    """Return the plan's stages as they are planned."""
    return tuple(_step(plan, stage) for stage in STAGES)


def _step(plan: Plan, number: StageId) -> Step:
    stage = plan.stages[number]
    due = stage.planned
    users, samples, runs = (
        (due.users, due.samples, due.runs) if due else (stage.cap or USERS, SAMPLES, RUNS)
    )
    same = number > 0 and plan.flags_of_arms(STAGES[number - 1]) == plan.flags_of_arms(number)
    return Step(number, users, samples, runs, stage.looks, carries=same)
