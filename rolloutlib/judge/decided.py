"""What a stage's review decides: which features move, for whom, and towards which stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import msgspec

from rolloutlib.plan.stages import Audience
from rolloutlib.plan.workbook import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.stages import FlagValue
    from rolloutlib.plan.workbook import StageId

    Flags = Mapping[str, FlagValue]

__all__ = ["AUDIENCES", "Decided", "FlagMove", "decided_of", "moves_of"]

AUDIENCES: Final[tuple[Audience, ...]] = get_args(Audience)


class FlagMove(msgspec.Struct, frozen=True):
    """A feature whose flag has another value after than before.

    Attributes:
        feature: the plan's letter; `title` what people call it.
        flag: its key.
        audiences: for whom it moves, as the plan names them.
        stays: for whom it has another value than `after`, then too.
    """

    feature: str
    title: str
    flag: str
    before: bool | str
    after: bool | str
    audiences: tuple[str, ...]
    stays: tuple[str, ...] = ()


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What is under review, and what a GO on it does to the flags, by the plan's stage table.

    Attributes:
        candidate: what the treatment has and the control has not; the flags that are judged.
        audience: for whom the arms have these flags.
        cap: how many people the reviewed stage has at most; None for no limit.
        next_stage: the stage that a GO opens, with its name, audience and cap; None after the last.
        moves: the flags that a GO moves, and for whom.
    """

    candidate: tuple[FlagMove, ...]
    audience: str
    cap: int | None = None
    next_stage: int | None = None
    next_name: str = ""
    next_audience: str = ""
    next_cap: int | None = None
    moves: tuple[FlagMove, ...] = ()


def decided_of(plan: Plan, stage: StageId) -> Decided:
    """Return what the review of a stage's exit decides."""
    own, audience = plan.stages[stage], plan.audience_of_arms(stage)
    arms = plan.flags_of_arms(stage)
    candidate = moves_of(plan, {audience: (arms["control"], arms["treatment"])})
    if stage == STAGES[-1]:
        return Decided(candidate=candidate, audience=audience, cap=own.cap)
    after = STAGES[stage + 1]
    entered = plan.stages[after]
    moved: dict[Audience, tuple[Flags, Flags]] = {
        whom: (plan.flags_of(stage, whom), plan.flags_of(after, whom)) for whom in AUDIENCES
    }
    return Decided(
        candidate=candidate, audience=audience, cap=own.cap, next_stage=after,
        next_name=entered.name, next_audience=entered.audience, next_cap=entered.cap,
        moves=moves_of(plan, moved),
    )  # fmt: skip


def moves_of(plan: Plan, changes: Mapping[Audience, tuple[Flags, Flags]]) -> tuple[FlagMove, ...]:
    """Return each feature that moves, in the plan's order; another change is another move.

    Args:
        plan: whose features they are.
        changes: the flags by key, before and after, of each audience.
    """
    moves: list[FlagMove] = []
    for letter, feature in plan.features.items():
        key = feature.flag
        values = {whom: (before[key], after[key]) for whom, (before, after) in changes.items()}
        for was, now in dict.fromkeys(values.values()):
            if was != now:
                moved = tuple(whom for whom, change in values.items() if change == (was, now))
                stays = tuple(whom for whom, (_, then) in values.items() if then != now)
                moves.append(FlagMove(letter, feature.title, key, was, now, moved, stays))
    return tuple(moves)
