"""A stage review: samples in, one scan, every gate judged twice, a recommendation with its reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.errors import UsageError
from rolloutlib.judge.checks import CheckResult, run_checks
from rolloutlib.judge.recommendation import Recommendation, changes, reasons, recommend
from rolloutlib.judge.verdicts import (
    EvidenceVerdict,
    GateResult,
    Verdict,
    judge_evidence,
    judge_plan,
)
from rolloutlib.measure.adjustment import adjust
from rolloutlib.measure.averages import last_runs, plan_value
from rolloutlib.measure.comparison import Material, gather
from rolloutlib.measure.estimates import estimate_gate, metric_of
from rolloutlib.measure.looks import Look, Series, look_at, number_of, record
from rolloutlib.measure.needed import needed
from rolloutlib.measure.segments import IssueRate, Segment, issue_rates, segments
from rolloutlib.plan.model import STAGES, load_plan
from rolloutlib.runs import read_runs
from rolloutlib.runs.samples import from_runs
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.comparison import ArmSummary
    from rolloutlib.measure.estimates import Arms, Estimate
    from rolloutlib.measure.moments import Histogram
    from rolloutlib.plan.model import FlagValue, Gate, Plan, Stage, StageId
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.runs.quarantine import InputFile, Quarantined
    from rolloutlib.runs.samples import Samples

__all__ = ["Distribution", "QuarantineGroup", "Recommendation", "Review", "review_stage"]

ADJUSTABLE = ("score", "latency_ms")  # what a covariate is regressed out of


@dataclass(frozen=True, slots=True)
class Distribution:
    """One arm's empirical distribution function of a metric.

    Attributes:
        metric: `latency_ms` or `score`, both in steps of 0.1.
        values: (K,) ascending, in the metric's unit.
        share: (K,) share of samples at or below each value, ending at 1.
    """

    metric: str
    arm: str
    n: int
    mean: float
    median: float
    p95: float
    values: NDArray[np.float64]
    share: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QuarantineGroup:
    """Rows that are no evidence, by what was expected of them; `example` names file, line, field and value of one."""

    expectation: str
    rows: int
    example: str


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a stage review found; tables, charts and review.json are views of it.

    Attributes:
        stage: the stage's number, `stage_plan` its entry in the plan.
        profile: the guardian profile whose thresholds were used.
        as_of: the moment up to which runs count; None when every run counts.
        look: which look at the stage this is, and the confidence that it has left for each bound.
        design: in words, how the arms compare and by which unit.
        reasons: plain sentences, the weightiest first.
        warnings: what a reader should know although it changes no verdict.
        changes: what would change the recommendation.
        set_aside: runs that were read but belong to another stage or moment.
        refused: the rows behind `quarantine`, verbatim.
    """

    plan: Plan
    stage: int
    stage_plan: Stage
    control: str
    treatment: str
    profile: str
    as_of: datetime | None
    look: Look
    source_title: str | None
    recommendation: Recommendation
    reasons: tuple[Sentence, ...]
    warnings: tuple[Sentence, ...]
    changes: tuple[Sentence, ...]
    design: Sentence
    gates: tuple[GateResult, ...]
    segments: tuple[Segment, ...]
    issues: tuple[IssueRate, ...]
    checks: tuple[CheckResult, ...]
    distributions: tuple[Distribution, ...]
    arms: tuple[ArmSummary, ...]
    runs: tuple[RunRow, ...]
    inputs: tuple[InputFile, ...]
    quarantine: tuple[QuarantineGroup, ...]
    set_aside: tuple[Sentence, ...]
    refused: tuple[Quarantined, ...] = ()


def review_stage(
    params: ReviewParams, *, on_progress: Callable[[int, int], None] | None = None
) -> Review:
    """Review a stage's exit: read the runs, scan them once, judge every gate and check, recommend.

    Args:
        params: validated parameters (see rolloutlib.plan.params).
        on_progress: called with files read and files in all.

    Raises:
        UsageError: a path, an arm or a profile that does not exist.
        RunsError, NoEvidenceError: the source as a whole, or all its runs, are no evidence.
    """
    plan, folder = load_plan(_path(params, "plan")), _path(params, "runs")
    runs = read_runs(
        folder, source=params.path("source"), stage=params.stage, as_of=params.as_of,
        flags_arms=_flags(plan, params.stage), on_progress=on_progress,
    )  # fmt: skip
    samples = from_runs(runs)
    look = _look(plan, params, samples)
    material = gather(plan, params, runs, samples, look)
    gates = tuple(_gate(material, key, gate) for key, gate in plan.gates.items())
    now = params.as_of or max(
        (run.started_at for run in material.rows if run.started_at), default=None
    )
    checks = run_checks(
        plan.checks, params.path("evidence") or _beside(folder), now=now, as_of=params.as_of
    )
    parts = _segments(material)
    broken = any(gate.id == "pass_rate" and gate.evidence.verdict is Verdict.FAIL for gate in gates)
    hidden = (
        () if broken else tuple(_loss(part) for part in parts if part.loss)
    )  # nothing hides in a broken whole
    return Review(
        plan=plan,
        stage=params.stage,
        stage_plan=plan.stages[params.stage],
        control=params.control,
        treatment=params.treatment,
        profile=material.profile_name,
        as_of=params.as_of,
        look=look,
        source_title=runs.source.title if runs.source else None,
        recommendation=recommend(gates, checks),
        reasons=(material.invalid,) if material.invalid else reasons(gates, checks, hidden),
        warnings=material.warnings,
        changes=changes(gates, checks),
        design=material.design,
        gates=gates,
        segments=parts,
        issues=_issues(material),
        checks=checks,
        distributions=_distributions(material),
        arms=material.summaries,
        runs=material.rows,
        inputs=runs.inputs,
        quarantine=_groups((*runs.quarantined, *runs.failed)),
        set_aside=material.set_aside,
        refused=runs.quarantined,
    )


def _look(plan: Plan, params: ReviewParams, samples: Samples) -> Look:
    """Count this look: as the parameters say (a replay), by the file of earlier looks, or as the first."""
    number, file = params.look or 1, params.path("looks")
    if params.look is None and file is not None:
        series = Series(params.stage, params.runs, params.control, params.treatment)
        data = samples.digest()
        number = number_of(file, series, data)
        record(file, series, data)
    return look_at(
        number, planned=plan.stages[params.stage].looks, confidence=plan.evidence.confidence
    )


def _path(params: ReviewParams, name: str) -> Path:
    path = params.path(name)
    if path is None or not path.exists():
        raise UsageError(
            f"{name} is {getattr(params, name)!r}: there is no such file or folder ({path})"
        )
    return path


def _beside(folder: Path) -> Path:
    return (folder if folder.is_dir() else folder.parent) / "evidence"


def _flags(plan: Plan, stage: StageId) -> dict[str, dict[str, FlagValue]]:
    """Return the flag values that imply an arm: the stage before is the control, the reviewed one the treatment."""
    audience = plan.stages[stage].audience
    return {
        "control": plan.flags_of(STAGES[max(stage - 1, 0)], audience),
        "treatment": plan.flags_of(stage, audience),
    }


# --- one gate --------------------------------------------------------------------------------------------------------


def _gate(m: Material, key: str, gate: Gate) -> GateResult:
    """Judge one gate twice: the plan's literal rule on the last runs, the evidence on everything kept."""
    subject = (m.tags[0] if m.ranked else None) if gate.metric == "issue" else None
    metric = metric_of(gate, subject) if gate.metric != "issue" or subject else None
    limit, proof = gate.plan_limit(m.profile), gate.proof_limit(m.stage, m.profile)
    averaged = [
        last_runs(m.rows, arm, m.plan.evidence.runs_averaged) for arm in (m.control, m.treatment)
    ]
    value = (
        plan_value(
            gate, metric, m.table, m.measured.latency, control=averaged[0], treatment=averaged[1]
        )
        if metric
        else None
    )
    plan = judge_plan(
        gate,
        value.value if value else None,
        limit,
        runs=value.runs if value else 0,
        runs_wanted=m.plan.evidence.runs_averaged,
    )
    return GateResult(
        key,
        gate,
        limit,
        proof,
        *_arm_values(m, gate, metric),
        plan,
        _evidence(m, gate, metric, proof),
        subject,
    )


def _evidence(m: Material, gate: Gate, metric: str | None, proof: float) -> EvidenceVerdict:
    arms = m.arms(m.table, metric) if metric and metric in m.table.metrics else None
    estimate = (
        estimate_gate(gate, arms, m.plan.evidence, metric=metric) if arms and metric else None
    )
    if m.adjusts and arms and estimate and metric in ADJUSTABLE:
        arms, estimate = _adjusted(m, gate, arms, estimate, metric)
    if m.invalid is not None:
        return EvidenceVerdict(Verdict.INVALID, estimate, m.invalid)
    missing = m.unusable if estimate else m.missing(gate, metric)
    found = judge_evidence(
        gate, estimate, proof, missing=missing or (m.incomplete(gate, metric) if metric else None)
    )
    if (
        found.verdict is not Verdict.INCONCLUSIVE
        or estimate is None
        or arms is None
        or metric is None
    ):
        return found
    more = needed(
        gate,
        arms,
        estimate,
        metric=metric,
        limit=proof,
        alternative=gate.design_alternative(m.profile),
        rules=m.plan.evidence,
    )
    return EvidenceVerdict(found.verdict, estimate, found.why, more)


def _adjusted(
    m: Material, gate: Gate, arms: Arms, plain: Estimate, metric: str
) -> tuple[Arms, Estimate]:
    """Regress the covariate out; the method says how much narrower the bounds became."""
    arms, _ = adjust(arms, m.arms(m.table, "covariate"))
    estimate = estimate_gate(gate, arms, m.plan.evidence, metric=metric)
    if estimate is None:
        return arms, plain
    narrower = 1 - (estimate.upper - estimate.lower) / (plain.upper - plain.lower)
    effect = f"{narrower:.0%} narrower than [{plain.lower:.4g}, {plain.upper:.4g}]"
    return arms, replace(estimate, method=f"{estimate.method}, CUPED (Deng et al. 2013): {effect}")


def _arm_values(m: Material, gate: Gate, metric: str | None) -> tuple[float | None, float | None]:
    """The arms' own values over all kept samples, in the gate's unit: a mean, or the quantile itself."""
    if metric is None:
        return None, None
    if gate.statistic == "quantile":
        values = [
            m.merged("latency_ms", arm).quantile(gate.quantile or nan)
            for arm in (m.control, m.treatment)
        ]
    else:
        cells = [m.table.where(arm=arm).all(metric) for arm in (m.control, m.treatment)]
        values = [float(cell.mean[0]) if cell.n[0] else nan for cell in cells]
    control, treatment = (None if np.isnan(value) else float(value) for value in values)
    return control, treatment


# --- beside the gates ------------------------------------------------------------------------------------------------


def _segments(m: Material) -> tuple[Segment, ...]:
    gate = m.plan.gates.get("pass_rate")
    return segments("pass_rate", gate, m.table, m.plan.evidence, arms_of=m.arms) if gate else ()


def _loss(part: Segment) -> Sentence:
    change = show(part.estimate.point, "proportion", signed=True)
    return say(
        "Hidden loss: the pass rate of {by} {value} changes by {change} (p = {p:.2g} after Holm's correction).",
        by=say(part.by), value=part.value, change=change, p=part.p_holm,
    )  # fmt: skip


def _issues(m: Material) -> tuple[IssueRate, ...]:
    gate = next((gate for gate in m.plan.gates.values() if gate.metric == "issue"), None)
    if gate is None or not m.tags:
        return ()
    return issue_rates(gate, m.table, m.plan.evidence, tags=m.tags, ranked=m.ranked, arms_of=m.arms)


def _distributions(m: Material) -> tuple[Distribution, ...]:
    pairs = [
        (metric, arm, m.merged(metric, arm))
        for metric in ("latency_ms", "score")
        for arm in (m.control, m.treatment)
    ]
    return tuple(_distribution(metric, arm, counted) for metric, arm, counted in pairs if counted.n)


def _distribution(metric: str, arm: str, counted: Histogram) -> Distribution:
    share = np.cumsum(counted.counts) / counted.n
    mean = float(counted.values @ counted.counts) / counted.n
    return Distribution(
        metric,
        arm,
        counted.n,
        mean,
        counted.quantile(0.5),
        counted.quantile(0.95),
        counted.values,
        share,
    )


def _groups(rows: tuple[Quarantined, ...]) -> tuple[QuarantineGroup, ...]:
    """Group what was refused by what was expected, the largest group first."""
    groups: dict[str, list[Quarantined]] = {}
    for row in rows:
        groups.setdefault(row.expectation, []).append(row)
    found = [
        QuarantineGroup(key, sum(row.rows for row in group), group[0].message)
        for key, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: -group.rows))
