"""Both arms of two files: measured once, and every gate that applies judged by the evidence."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from rolloutlib.judge.beside import issues_of, moving, rising_of, segments_of_answers
from rolloutlib.judge.gate import judge_gate
from rolloutlib.judge.people import people_say
from rolloutlib.judge.record import PlanVerdict
from rolloutlib.measure.comparing import Asked, Configured, compare_arms
from rolloutlib.measure.comparison import Earlier
from rolloutlib.measure.configuration import mixed
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.looks import look_at
from rolloutlib.measure.same import COUNTED, OUTCOMES, unpriced
from rolloutlib.measure.scan import measure
from rolloutlib.runs.samples import from_runs

if TYPE_CHECKING:
    from rolloutlib.judge.record import GateResult
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.drift import Drift
    from rolloutlib.measure.judge_errors import JudgeErrors
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.plan.offline import EvalGate, EvalPlan
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

__all__ = ["Verdicts", "measured", "verdicts"]


class Verdicts(NamedTuple):
    """What is judged of both arms, and what stands beside the gates.

    Attributes:
        applying: the plan's gates of which there are values, by id.
        labels: how the judge errs, arm by arm; `of_labels` what a reader has to know of them.
    """

    applying: dict[str, EvalGate]
    gates: tuple[GateResult, ...]
    parts: tuple[Segment, ...]
    issues: tuple[IssueRate, ...]
    drift: tuple[Drift, ...]
    labels: tuple[JudgeErrors, ...]
    of_labels: tuple[Reason, ...]


def measured(
    plan: EvalPlan, runs: Runs, pair: tuple[str, str], blocks: tuple[Reason, ...]
) -> Comparison:
    """Measure both arms, as two files of an eval are: at no stage, at no time, once."""

    def configured(_: object) -> Configured:
        own = (why for arm in pair for why in mixed(arm, [r for r in runs.runs if r.arm == arm]))
        return Configured([*own])

    terms = Asked(
        pair,
        configured,
        allocates=False,
        same_time=False,
        blocks=blocks,
        doubts=unpriced(runs, pair),
    )
    look = look_at(1, planned=1, confidence=plan.evidence.confidence)
    quality = {metric_of(gate): None for gate in plan.gates.values() if gate.metric in OUTCOMES}
    measuring = partial(measure, from_runs(runs), within=("passed", *quality))
    return compare_arms(plan, terms, runs, measuring, look)


def verdicts(plan: EvalPlan, compared: Comparison) -> Verdicts:
    """Judge the gates of which there are values, and look beside them."""
    issues = issues_of(plan, compared)
    rising = rising_of(issues)
    applying = {key: gate for key, gate in plan.gates.items() if _applies(compared, gate)}
    gates = tuple(
        _by_evidence(judge_gate(compared, key, gate, 0, decides=plan.decides, rising=rising))
        for key, gate in applying.items()
    )
    labels, of_labels = people_say(compared, plan.gates, gates)
    return Verdicts(
        applying, gates, segments_of_answers(applying, compared), issues,
        moving(plan, [Earlier(0, compared)], gates), labels, of_labels,
    )  # fmt: skip


def _applies(compared: Comparison, gate: EvalGate) -> bool:
    """Whether a gate is to be judged: always, or since one arm at least has a value of it.

    A cost of 0 in every row of both is none.
    """
    if gate.where == "always":
        return True
    if gate.metric == "issue":
        return any(compared.measured.counts[arm].labelled for arm in compared.pair)
    data = compared.gate(gate)
    arms = data.arms and (data.arms.control, data.arms.treatment)
    if not arms or not any(arm.n.sum() for arm in arms):
        return False
    return gate.metric not in COUNTED or any(arm.total.sum() for arm in arms)


def _by_evidence(row: GateResult) -> GateResult:
    """Let the evidence speak alone: files have no rule of averages over the last runs."""
    evidence = row.evidence
    clears = row.plan.clears if evidence.point is not None else None
    plan = PlanVerdict(evidence.verdict, evidence.point, clears, 0, 0)
    capped = row.capped if row.capped and row.capped.treatment else None
    return replace(row, plan=plan, tolerated=None, disagrees=False, capped=capped)
