"""What people's labels make of gates, and what they say beside them: how the judge errs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rolloutlib.judge.verdicts import named
from rolloutlib.measure.averages import PlanValue
from rolloutlib.measure.corrected import labels_of_all, people_of
from rolloutlib.measure.judge_errors import judge_errors, selected_scores, told_of
from rolloutlib.measure.labelled import HUMAN
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.judge.record import GateResult
    from rolloutlib.measure.comparison import Comparison, Seen
    from rolloutlib.measure.corrected import People
    from rolloutlib.measure.design import Arms
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.judge_errors import JudgeErrors
    from rolloutlib.plan.model import Gate
    from rolloutlib.reason import Reason

__all__ = ["as_people_have_it", "doubted", "people_for", "people_say"]


def people_say(
    compared: Comparison, gates: Mapping[str, Gate], results: Sequence[GateResult]
) -> tuple[tuple[JudgeErrors, ...], tuple[Reason, ...]]:
    """Return how the judge errs, arm by arm, and what a reader has to know about the labels.

    Args:
        compared: both arms.
        gates: the plan's, by id.
        results: every gate's verdict.
    """
    rows = judge_errors(compared, [*gates.values()])
    remarks = [why for result in results if (why := _told(result)) is not None]
    return rows, (*remarks, *told_of(rows, compared.rules))


def _told(gate: GateResult) -> Reason | None:
    """Say what decides a gate that people labelled: their labels, or the judge alone and why."""
    labels = gate.labels
    if labels is None:
        return None
    if labels.why is not None:
        return because("labels.judge_alone", gate=named(gate), why=labels.why)
    return because(
        "labels.corrected", gate=named(gate), control=labels.control, treatment=labels.treatment,
        point=labels.people, value=labels.judge, measure=gate.evidence_unit, signed=gate.signed,
    )  # fmt: skip


def people_for(
    compared: Comparison, gate: Gate, arms: Arms | None, own: Estimate | None
) -> People | None:
    """Return what people's labels make of a gate's own estimate; None where they tell nothing."""
    if arms is None or own is None or (labels := labels_of_all(compared)) is None:
        return None
    return people_of(gate, arms, own, labels, compared.pair, compared.rules)


def as_people_have_it(data: Seen, people: People | None) -> Seen:
    """Move the plan's own values by as much as people's labels move the evidence."""
    if people is None or not people.moved:
        return data
    planned, worst = (
        each and PlanValue(None if each.value is None else each.value + people.moved, each.runs)
        for each in (data.planned, data.worst_planned)
    )
    return replace(data, planned=planned or data.planned, worst_planned=worst)


def doubted(compared: Comparison, gate: Gate, people: People | None) -> Reason | None:
    """Return why people's numbers may not correct a gate: another scale, or selected samples."""
    if people is None or not people.told.corrected:
        return None
    return compared.doubts.get(HUMAN[gate.metric]) or selected_scores(compared, gate)
