"""A stage review: samples measured once, every gate judged twice, a recommendation and why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.files import file_sha256
from rolloutlib.judge.carrying import carry
from rolloutlib.judge.checks import newest_run, run_checks
from rolloutlib.judge.counting import counted
from rolloutlib.judge.gate import judge_gate
from rolloutlib.judge.recommendation import (
    Finding,
    changes,
    hidden_loss,
    reasons,
    recommend,
    rising_issue,
    vanished_issue,
)  # fmt: skip
from rolloutlib.judge.record import QuarantineGroup, Recommendation, Reviewed, Verdict
from rolloutlib.judge.register import over_the_cap, register_findings, register_warnings
from rolloutlib.judge.risks import judge_risks
from rolloutlib.judge.signals import read_signals
from rolloutlib.judge.sources import given_path, read_source
from rolloutlib.judge.verdicts import named
from rolloutlib.measure.comparing import compare
from rolloutlib.measure.comparison import Earlier
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.distributions import distributions
from rolloutlib.measure.drift import Named, contrasts
from rolloutlib.measure.run_series import StageRuns
from rolloutlib.measure.segments import ANY_ISSUE, issue_rates, segments, unseen_segments
from rolloutlib.measure.validity import copies
from rolloutlib.plan.gates import Decides
from rolloutlib.plan.model import load_plan, workbook_root
from rolloutlib.reason import because
from rolloutlib.runs.database import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolloutlib.judge.carrying import Carrying
    from rolloutlib.judge.record import CheckResult, GateResult
    from rolloutlib.judge.risks import RiskState
    from rolloutlib.judge.sources import Source
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.drift import Drift
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.plan.model import Plan, StageId
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs
    from rolloutlib.runs.quarantine import Quarantined

COMMON = 0.5  # what most samples "have" in one arm only is no issue but a word for none

__all__ = ["Judged", "invalid_review", "judge_stage", "review_stage"]


class Judged(NamedTuple):
    """A review, and what it was made of: whoever explores it asks the same samples.

    Attributes:
        source: the runs, their samples, and what was measured of them.
    """

    review: Reviewed
    plan: Plan
    params: ReviewParams
    source: Source


def review_stage(
    params: ReviewParams,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    replayed: Look | None = None,
) -> Reviewed:
    """Review a stage's exit, with what `judge_stage` takes and raises."""
    return judge_stage(params, on_progress=on_progress, replayed=replayed).review


def judge_stage(
    params: ReviewParams,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    replayed: Look | None = None,
) -> Judged:
    """Review a stage's exit: read the runs, measure them once, judge gates and checks, recommend.

    Args:
        params: validated parameters (see rolloutlib.plan.params).
        on_progress: called with files read and files in all.
        replayed: the look of the review that this one repeats, which spends nothing.

    Raises:
        UsageError: a path, an arm or a profile that does not exist.
        RunsError, NoEvidenceError: the source as a whole, or all its runs, are no evidence.
        LooksError: the look cannot be counted.
    """
    plan = load_plan(given_path(params, "plan"))
    with readable():
        source = read_source(plan, params, on_progress)
        carrying = carry(plan, params, source)

    def judged(look: Look) -> Reviewed:
        with readable():
            found = _judged(plan, params, source, carrying, look)
        for each in (source, *carrying.sources):
            each.runs.check_unchanged()
        return found

    counting = replace(source.runs, inputs=(*source.runs.inputs, *carrying.counting()))
    digest = carrying.digest(source.digest)
    review = counted(plan, params, counting, digest, judged, replayed=replayed)
    return Judged(review, plan, params, source)


def _judged(
    plan: Plan, params: ReviewParams, source: Source, carrying: Carrying, look: Look
) -> Reviewed:
    """Judge the runs at this look."""
    runs, fixed = source.runs, carrying.fixed
    alone = compare(plan, params, runs, source.measuring, look, fixed=fixed)
    compared = carrying.on(alone)
    issues = _issues(plan, compared)
    rising = tuple(i.tag for i in issues if i.rises and i.tag != ANY_ISSUE)
    gates = tuple(
        judge_gate(compared, key, gate, params.stage, decides=plan.decides, rising=rising)
        for key, gate in plan.gates.items()
    )
    checks = _checks(plan, params, compared)
    parts, stage = _segments(plan, compared), plan.stages[params.stage]
    decides = Decides() if compared.blocks else plan.decides
    findings = _findings(decides, gates, parts, issues)  # what is blocked proves nothing
    drift = _drift(plan, params.stage, compared, gates)
    findings += [Finding(d.why, decides.drift) for d in drift if d.worse and not d.proven]
    risks = _risks(plan, source, alone)
    findings += register_findings(risks)
    recommended = recommend(gates, checks, findings)
    return Reviewed(
        stage=params.stage, control=params.control, treatment=params.treatment,
        recommendation=recommended,
        changes=changes(gates, checks, compared.blocks),
        reasons=_reasons(compared, runs, gates, checks, findings, recommended),
        gates=gates, segments=parts, checks=checks, risks=risks, issues=issues,
        completeness=compared.completeness,
        features={f.flag.removeprefix("feature."): key for key, f in plan.features.items()},
        inputs=(*runs.inputs, *carrying.inputs), carried=carrying.stages,
        quarantine=_groups((*runs.quarantined, *runs.failed)),
        arms=compared.summaries, runs=compared.rows, design=compared.design,
        warnings=(*_not_carried(carrying), *over_the_cap(plan, params.stage, alone),
                  *register_warnings(risks), *compared.warnings,
                  *unseen_segments(plan.evidence, runs.extras, alone.measured), *_vanished(issues),
                  *(d.why for d in drift if d.better or d.proven)),
        drift=drift, set_aside=compared.set_aside,
        profile=compared.profile, min_score=compared.limits.min_score,
        as_of=params.as_of, look=look, stage_name=stage.name, audience=stage.audience,
        source_title=runs.source.title if runs.source else None,
        data_sha256=carrying.digest(source.digest),
        plan_sha256=file_sha256(given_path(params, "plan")),
        distributions=distributions(compared.measured), refused=runs.quarantined,
    )  # fmt: skip


def invalid_review(params: ReviewParams, message: str) -> Reviewed:
    """Return the review of data that are no evidence at all: whoever waits for one is told why.

    What was refused row by row is read again: it did not outlive the error.
    """
    name, inputs, refused, failed = "", (), (), ()
    with suppress(RolloutError):  # no plan, or the source is refused as a whole: no row of it
        plan = load_plan(given_path(params, "plan"))
        name = plan.stages[params.stage].name
        with readable():
            runs = read_source(plan, params).runs
        inputs, refused, failed = runs.inputs, runs.quarantined, runs.failed
    return Reviewed(
        stage=params.stage, control=params.control, treatment=params.treatment, stage_name=name,
        recommendation=Recommendation.INVALID, as_of=params.as_of, inputs=inputs,
        reasons=(because("source.refused", message=message),),
        quarantine=_groups((*refused, *failed)), refused=refused,
    )  # fmt: skip


def _risks(plan: Plan, source: Source, compared: Comparison) -> tuple[RiskState, ...]:
    """Judge the risk register by this stage's own samples."""
    shares = source.sharing(compared.pair, unit=compared.measured.unit)
    return judge_risks(plan, read_signals(plan, compared, shares, source.runs.copies))


def _checks(plan: Plan, params: ReviewParams, compared: Comparison) -> tuple[CheckResult, ...]:
    """Run the checks on the evidence, as of the review's moment or else the last run's."""
    root, rows = workbook_root(), compared.rows
    starts = [run.started_at for run in rows if run.started_at]
    return run_checks(
        plan.checks, params.evidence_folder(root), now=params.as_of or max(starts, default=None),
        newest=newest_run(rows, params.treatment), as_of=params.as_of, root=root,
    )  # fmt: skip


def _findings(
    decides: Decides, gates: Sequence[GateResult], parts: Sequence[Segment],
    issues: Sequence[IssueRate],
) -> list[Finding]:  # fmt: skip
    """Return what stands beside the gates: segments that lose, and issues that rise."""
    broken = {gate.id for gate in gates if gate.evidence.verdict is Verdict.FAIL}
    findings = [
        Finding(hidden_loss(part.by, part.value, part.point, part.p_holm), decides.segments)
        for part in parts  # nothing hides in a broken whole: it is broken itself
        if part.loss and part.gate not in broken
    ]
    findings += [
        Finding(rising_issue(i.tag, i.control, i.treatment, i.p_rise), decides.issues)
        for i in issues
        if i.rises
    ]
    findings += [
        Finding(vanished_issue(i.tag, i.control), decides.issues)
        for i in issues
        if i.vanishes and (i.control or 0.0) > COMMON
    ]
    return findings


def _not_carried(carrying: Carrying) -> list[Reason]:
    """Say of each earlier stage that was named in vain why it does not count."""
    return [
        because("carry.refused", stage=one.stage, source=one.source, why=one.why)
        for one in carrying.stages
        if one.why is not None
    ]


def _vanished(issues: Sequence[IssueRate]) -> list[Reason]:
    """Say which issues only the control has; rare ones may just have been cured."""
    return [
        vanished_issue(i.tag, i.control)
        for i in issues
        if i.vanishes and (i.control or 0.0) <= COMMON
    ]


def _reasons(
    compared: Comparison, runs: Runs, gates: Sequence[GateResult], checks: Sequence[CheckResult],
    findings: Sequence[Finding], recommended: Recommendation,
) -> tuple[Reason, ...]:  # fmt: skip
    if compared.invalid is not None:
        return (compared.invalid,)
    hidden = [finding.why for finding in findings]
    copied = copies(runs, compared.pair)
    go = recommended is Recommendation.GO
    return reasons(gates, checks, hidden, blocks=compared.blocks, copied=copied, go=go)


def _segments(plan: Plan, compared: Comparison) -> tuple[Segment, ...]:
    gate, strata = plan.gates.get("pass_rate"), compared.measured.strata
    if gate is None:
        return ()
    return segments("pass_rate", gate, strata, compared.rules, arms_of=compared.arms)


def _drift(
    plan: Plan, stage: StageId, compared: Comparison, gates: Sequence[GateResult]
) -> tuple[Drift, ...]:
    """Lay the gates that have data out run by run, with the runs of every stage that counts."""
    every = [*reversed(compared.earlier), Earlier(stage, compared)]
    listed = [
        Named(gate.id, plan.gates[gate.id], named(gate), gate.subject,
              _runs_of(plan, every, gate), gate.proof_limit, gate.evidence_unit, signed=gate.signed)
        for gate in gates
        if gate.evidence.point is not None
    ]  # fmt: skip
    return contrasts(listed, compared.pair, compared.rules)


def _runs_of(plan: Plan, every: Sequence[Earlier], gate: GateResult) -> tuple[StageRuns, ...]:
    """Return the runs of each stage that a gate's evidence sums; of a top issue those that test."""
    metric, counting = metric_of(plan.gates[gate.id], gate.subject), {s.stage for s in gate.stages}
    found: list[StageRuns] = []
    for stage, one in every:
        parts = (one.measured.of_issue.by_run, one.measured.by_run)
        table = next((table for table in parts if metric in table.metrics), None)
        if table is not None and (stage in counting or one is every[-1].compared):
            found.append(StageRuns(stage, one.rows, table))
    return tuple(found)


def _issues(plan: Plan, compared: Comparison) -> tuple[IssueRate, ...]:
    gate = next((gate for gate in plan.gates.values() if gate.metric == "issue"), None)
    measured = compared.measured
    if gate is None or not measured.tags:
        return ()
    return issue_rates(
        gate, measured.table, compared.rules, tags=measured.tags, ranked=measured.ranked,
        family=len({tag for _, tag in measured.carried}), arms_of=compared.arms,
    )  # fmt: skip


def _groups(rows: Sequence[Quarantined]) -> tuple[QuarantineGroup, ...]:
    """Group what was refused by what was expected, the largest group first."""
    groups: dict[str, list[Quarantined]] = {}
    for row in rows:
        groups.setdefault(row.expectation, []).append(row)
    counted = [
        QuarantineGroup(expected, sum(row.rows for row in group), group[0].message)
        for expected, group in groups.items()
    ]
    return tuple(sorted(counted, key=lambda group: -group.rows))
