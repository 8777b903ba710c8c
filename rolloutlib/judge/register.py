"""What a risk register that fires does to a review: findings and warnings; and a stage's cap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.judge.recommendation import Finding
from rolloutlib.judge.risks import weight_of
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.risks import RiskState
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Reason

__all__ = ["fires", "over_the_cap", "register_findings", "register_warnings"]


def fires(risk: RiskState) -> Reason:
    """Say that a risk fires, and by what."""
    return because("risk.fires", id=risk.id, feature=risk.feature, title=risk.risk, why=risk.seen)


def register_findings(risks: Sequence[RiskState]) -> list[Finding]:
    """Return the risks that decide something: a hold, or for a rollback a NO_GO."""
    holds = [Finding(fires(risk), "hold") for risk in risks if weight_of(risk) == "hold"]
    return holds + [
        Finding(fires(risk), "no_go") for risk in risks if weight_of(risk) == "rollback"
    ]


def register_warnings(risks: Sequence[RiskState]) -> list[Reason]:
    """Say which risks fire without deciding anything."""
    return [fires(risk) for risk in risks if weight_of(risk) == "tell"]


def over_the_cap(plan: Plan, stage: StageId, compared: Comparison) -> list[Reason]:
    """Say that more people got the treatment than the stage is for; where nobody counts, nothing.

    Those in declared clusters are counted one by one.
    """
    cap, people = plan.stages[stage].cap, people_of(compared)
    if cap is None or people is None or people <= cap:
        return []
    return [because("cap.exceeded", count=people, cap=cap, stage=stage)]


def people_of(compared: Comparison) -> int | None:
    """Return how many people are in the treatment; None where samples name no user."""
    measured = compared.measured
    if measured.people is not None:
        return measured.people.treatment or None
    count = measured.counts[compared.pair[1]]
    return count.users or None if count.with_user else None
