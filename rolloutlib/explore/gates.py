"""The columns of the tables of gates: of the gates, of their stages, and run by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.explore.described import flag, moment, number, said, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.explore.tables import Column
    from rolloutlib.judge.record import GateResult, Review, StageEvidence
    from rolloutlib.measure.drift import RunContrast
    from rolloutlib.measure.segments import Segment

__all__ = [
    "GATES", "GATE_RUNS", "GATE_STAGES", "SEGMENTS", "GateRun", "GateStage", "gate_runs",
    "gate_stages",
]  # fmt: skip

BOUND: Final = "null beside a point: the data exclude nothing on that side"


def _varied(source: str, field: str) -> Callable[[GateResult], object]:
    """Return what takes a field of what runs, or prompts, show beyond the units."""

    def get(gate: GateResult) -> object:
        of_source = (spread for spread in gate.evidence.varied if spread.source == source)
        return next((getattr(spread, field) for spread in of_source), None)

    return get


GATES: Final[tuple[Column[GateResult], ...]] = (
    text("id", "the gate's id in params/plan.yaml", brief=True),
    text("title", "its name, as the plan has it"),
    text("subject", "the issue tag that it is about, where the data chose one"),
    text("subject_why", "how the subject was chosen", said("chosen")),
    text("metric", "what is measured of a sample"),
    text("contrast", "treatment: its own value; difference and ratio: against the control"),
    text("statistic", "mean or quantile"),
    number("quantile", "which quantile, where it is one", "share"),
    text("harm", "the direction in which the number gets worse"),
    flag("signed", "whether its numbers are differences"),
    text("unit", "of limit, tolerance, control, treatment, plan_value: proportion is 0–1, a "
         "difference of −0.05 is −5 pp"),
    number("limit", "the plan's limit", "unit"),
    number("tolerance", "by how much the plan's value may miss it where the evidence passes; null: "
           "by nothing", "unit"),
    number("control", "the control's own value over all kept samples", "unit"),
    number("treatment", "the treatment's own value", "unit"),
    text("plan_verdict", "what the plan's rule says: point values of the last runs",
         "plan.verdict", brief=True),
    number("plan_value", "the value that the plan's rule compares", "unit", "plan.value"),
    flag("plan_clears", "whether it is on the right side of the limit", "plan.clears"),
    whole("plan_runs", "runs that it averages, of the arm with fewer", "plan.runs"),
    whole("plan_runs_wanted", "runs that the plan wants", "plan.runs_wanted"),
    text("plan_why", "why a value that clears the limit does not pass", said("plan.why")),
    text("evidence_verdict", "what the bounds prove", "evidence.verdict", brief=True),
    text("evidence_unit", "of point, lower, upper, proof_limit; a quantile gate is judged by the "
         "share of samples beyond the limit", brief=True),
    number("proof_limit", "what the bound must clear at this stage", "evidence_unit"),
    number("point", "the estimate", "evidence_unit", "evidence.point", brief=True),
    number("lower", f"its one-sided lower bound; {BOUND}", "evidence_unit", "evidence.lower",
           brief=True),
    number("upper", f"its one-sided upper bound; {BOUND}", "evidence_unit", "evidence.upper",
           brief=True),
    number("confidence", "of each bound", "share", "evidence.confidence"),
    text("method", "the method and its source", "evidence.method"),
    text("why", "what is proven, or what is missing", said("evidence.why")),
    text("why_code", "the same for programs (docs/review.md)", "evidence.why.code"),
    text("design", "one_arm, independent, paired, nested or crossed", "evidence.design"),
    text("cluster", "what a cluster or pair is", "evidence.unit"),
    whole("n_control", "samples of the control", "evidence.n_control"),
    whole("n_treatment", "samples of the treatment", "evidence.n_treatment"),
    whole("pairs", "pairs, of a paired design", "evidence.pairs"),
    whole("clusters", "clusters of both arms", "evidence.clusters"),
    whole("clusters_control", "clusters of the control", "evidence.clusters_control"),
    whole("clusters_treatment", "clusters of the treatment", "evidence.clusters_treatment"),
    number("p_worse", "one-sided test against no change, towards harm", "p-value",
           "evidence.p_worse"),
    number("p_better", "the same away from harm", "p-value", "evidence.p_better"),
    number("run_sd", "standard deviation between runs beyond chance", "evidence_unit",
           _varied("run", "sd")),
    number("run_p", "test that runs add nothing", "p-value", _varied("run", "p")),
    number("prompt_sd", "standard deviation between prompts beyond chance", "evidence_unit",
           _varied("prompt", "sd")),
    number("prompt_p", "test that prompts add nothing", "p-value", _varied("prompt", "p")),
    number("widened", "by how much farther from the point the bound towards harm is for both",
           "share", "evidence.widened"),
    text("needed_unit", "what to collect more of to settle an inconclusive gate",
         "evidence.needed.unit"),
    whole("needed_total", "how many of them in all", "evidence.needed.total"),
    whole("needed_further", "how many more than there are", "evidence.needed.further"),
    flag("disagrees", "whether plan and evidence say different things of the same data"),
    text("tolerated", "that the plan's value misses within the tolerance", said("tolerated")),
    text("stages", "the stages whose evidence counts, where there are several",
         lambda gate: tuple(stage.stage for stage in gate.stages) or None),
    number("capped_at_ms", "what a slower sample counts in a mean of latencies", "ms",
           "capped.at_ms"),
    whole("capped_control", "slower samples of the control", "capped.control"),
    whole("capped_treatment", "slower samples of the treatment", "capped.treatment"),
    number("uncapped_control_ms", "the control's mean without a cap", "ms",
           "capped.control_uncapped"),
    number("uncapped_treatment_ms", "the treatment's mean without a cap", "ms",
           "capped.treatment_uncapped"),
)  # fmt: skip


class GateStage(NamedTuple):
    """What one stage's samples say of a gate."""

    gate: GateResult
    stage: StageEvidence


def gate_stages(review: Review) -> tuple[GateStage, ...]:
    """Return gate by gate what each stage says whose evidence counts."""
    return tuple(GateStage(gate, stage) for gate in review.gates for stage in gate.stages)


GATE_STAGES: Final[tuple[Column[GateStage], ...]] = (
    text("gate", "the gate's id", "gate.id", brief=True),
    whole("stage", "whose samples", "stage.stage", brief=True),
    whole("n_control", "samples of the control", "stage.n_control", brief=True),
    whole("n_treatment", "samples of the treatment", "stage.n_treatment", brief=True),
    text("unit", "of point and bounds", "gate.evidence_unit", brief=True),
    number("point", "the estimate of this stage alone", "unit", "stage.point", brief=True),
    number("lower", f"its one-sided lower bound; {BOUND}", "unit", "stage.lower", brief=True),
    number("upper", f"its one-sided upper bound; {BOUND}", "unit", "stage.upper", brief=True),
)


class GateRun(NamedTuple):
    """What one run of both arms, or of the treatment, says of a gate by itself."""

    gate: GateResult
    run: RunContrast


def gate_runs(review: Review) -> tuple[GateRun, ...]:
    """Return gate by gate what each run says, oldest first."""
    gates = {gate.id: gate for gate in review.gates}
    return tuple(GateRun(gates[drift.gate], run) for drift in review.drift for run in drift.runs)


GATE_RUNS: Final[tuple[Column[GateRun], ...]] = (
    text("gate", "the gate's id", "gate.id", brief=True),
    text("runs", "ids, the control's first; several where an arm ran more often", "run.runs",
         brief=True),
    moment("started_at", "start of the treatment's run", "run.started_at", brief=True),
    whole("stage", "whose run it is", "run.stage"),
    whole("n_control", "samples of the control", "run.n_control"),
    whole("n_treatment", "samples of the treatment", "run.n_treatment"),
    text("arm_unit", "of control and treatment", "gate.unit"),
    number("control", "the control's own value", "arm_unit", "run.control"),
    number("treatment", "the treatment's own value", "arm_unit", "run.treatment"),
    text("unit", "of point and bounds", "gate.evidence_unit", brief=True),
    number("point", "what the run says by itself, its samples taken as independent", "unit",
           "run.point", brief=True),
    number("lower", f"its one-sided lower bound; {BOUND}", "unit", "run.lower", brief=True),
    number("upper", f"its one-sided upper bound; {BOUND}", "unit", "run.upper", brief=True),
)  # fmt: skip

SEGMENTS: Final[tuple[Column[Segment], ...]] = (
    text("by", "the column of the samples that divides them", brief=True),
    text("value", "its value", brief=True),
    text("gate", "the gate's id"),
    whole("n_control", "samples of the control"),
    whole("n_treatment", "samples of the treatment", brief=True),
    number("control_share", "the control's own value", "share", "control"),
    number("treatment_share", "the treatment's own value", "share", "treatment"),
    number("change_share", "treatment − control: −0.05 is −5 pp", "share", "point", brief=True),
    number("lower_share", f"its one-sided lower bound; {BOUND}", "share", "lower", brief=True),
    number("upper_share", f"its one-sided upper bound; {BOUND}", "share", "upper", brief=True),
    number("p_holm", "one-sided test for a loss, adjusted (Holm) over all segments of the review; "
           "null: too few clusters for a test", "p-value", brief=True),
    flag("loss", "whether the loss holds after the adjustment", brief=True),
)  # fmt: skip
