"""The columns of two reviews side by side: gates, runs, reasons, prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.explore.described import flag, moment, number, said, text, whole

if TYPE_CHECKING:
    from rolloutlib.explore.tables import Column
    from rolloutlib.judge.moved import GateMoved, ReasonMoved
    from rolloutlib.judge.overlap import RunMoved

__all__ = ["GATES_MOVED", "REASONS_MOVED", "RUNS_MOVED", "TURNED"]


def _unit(gate: GateMoved) -> str:
    return (gate.after or gate.before).evidence_unit  # pyright: ignore[reportOptionalMemberAccess] -- one is there


GATES_MOVED: Final[tuple[Column[GateMoved], ...]] = (
    text("id", "the gate's id in params/plan.yaml", brief=True),
    text("plan_before", "what the plan's rule said; null: there was no such gate",
         "before.plan.verdict"),
    text("plan_after", "what the plan's rule says now; null: the gate is gone",
         "after.plan.verdict"),
    number("plan_value_before", "the value that the plan's rule compared", "the gate's unit",
           "before.plan.value"),
    number("plan_value_after", "the value that it compares now", "the gate's unit",
           "after.plan.value"),
    number("plan_change", "by how much it moved", "the gate's unit"),
    number("limit_before", "the plan's limit then", "the gate's unit", "before.limit"),
    number("limit_after", "the plan's limit now", "the gate's unit", "after.limit"),
    text("evidence_before", "what the bounds proved", "before.evidence.verdict", brief=True),
    text("evidence_after", "what the bounds prove now", "after.evidence.verdict", brief=True),
    flag("verdict_moved", "whether one of its verdicts is another one, or the gate came or went"),
    text("evidence_unit", "of points, bounds and change; of a ratio the change is a difference",
         _unit, brief=True),
    number("point_before", "the estimate then", "evidence_unit", "before.evidence.point",
           brief=True),
    number("lower_before", "its one-sided lower bound", "evidence_unit", "before.evidence.lower"),
    number("upper_before", "its one-sided upper bound", "evidence_unit", "before.evidence.upper"),
    number("point_after", "the estimate now", "evidence_unit", "after.evidence.point", brief=True),
    number("lower_after", "its one-sided lower bound", "evidence_unit", "after.evidence.lower"),
    number("upper_after", "its one-sided upper bound", "evidence_unit", "after.evidence.upper"),
    number("confidence_before", "of each bound", "share", "before.evidence.confidence"),
    number("confidence_after", "of each bound", "share", "after.evidence.confidence"),
    number("proof_limit_before", "what the bound had to clear", "evidence_unit",
           "before.proof_limit"),
    number("proof_limit_after", "what the bound has to clear", "evidence_unit",
           "after.proof_limit"),
    number("change", "after − before; null where they are not of the same quantity",
           "evidence_unit", brief=True),
    number("change_lower", "its one-sided lower bound at the gate's confidence; null where the "
           "reviews may share samples", "evidence_unit", "lower", brief=True),
    number("change_upper", "its one-sided upper bound, likewise", "evidence_unit", "upper",
           brief=True),
    flag("worse", "whether the estimate moved towards harm"),
    text("differs", "what is not the same beside the data", said("differs")),
)  # fmt: skip

RUNS_MOVED: Final[tuple[Column[RunMoved], ...]] = (
    text("run_id", "the run's id, as the second review has it", "run.run_id", brief=True),
    text("arm", "whose run it is", "run.arm", brief=True),
    text("state", "new, gone, same, renamed (the same numbers under another name) or changed "
         "(other numbers under the same name)", brief=True),
    moment("started_at", "its start", "run.started_at"),
    whole("n_before", "samples in the first review", "before.n", brief=True),
    whole("n_after", "samples in the second review", "after.n", brief=True),
    text("run_id_before", "its id in the first review", "before.run_id"),
    text("arm_before", "its arm in the first review", "before.arm"),
    number("pass_share_before", "of its samples that passed", "share", "before.pass_rate"),
    number("pass_share_after", "of its samples that passed", "share", "after.pass_rate"),
)  # fmt: skip

REASONS_MOVED: Final[tuple[Column[ReasonMoved], ...]] = (
    text("state", "came, went or stays", brief=True),
    text("code", "the same for programs (docs/review.md)", "reason.code", brief=True),
    text("before", "the sentence of the first review", said("before"), brief=True),
    text("after", "the sentence of the second review", said("after"), brief=True),
)  # fmt: skip

TURNED: Final[tuple[Column[Any], ...]] = (
    text("prompt_id", "the prompt that both treatments answered", brief=True),
    number("before", "mean of the gate's number over the first treatment's answers", "of a sample",
           brief=True),
    number("after", "the same of the second treatment's", "of a sample", brief=True),
    number("change", "after − before", "of a sample", brief=True),
    whole("n_before", "answers of the first treatment", brief=True),
    whole("n_after", "answers of the second treatment", brief=True),
)  # fmt: skip
