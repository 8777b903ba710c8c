"""A stage review: samples measured once, every gate judged twice, a recommendation and why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.files import file_sha256
from rolloutlib.judge.beside import (
    findings_of,
    groups_of,
    issues_of,
    moving,
    rising_of,
    segments_of,
    told_of_drift,
    vanished_of,
)
from rolloutlib.judge.carrying import carry
from rolloutlib.judge.checks import newest_run, run_checks
from rolloutlib.judge.counting import counted
from rolloutlib.judge.decided import decided_of
from rolloutlib.judge.gate import judge_gate
from rolloutlib.judge.made_for import ReviewedRuns, runs_digest
from rolloutlib.judge.open_items import open_items
from rolloutlib.judge.people import people_say
from rolloutlib.judge.recommendation import changes, effects_of, reasons, recommend
from rolloutlib.judge.record import Recommendation, Reviewed
from rolloutlib.judge.register import over_the_cap, register_findings, register_warnings
from rolloutlib.judge.signals import risks_of
from rolloutlib.judge.sources import given_path, read_source
from rolloutlib.measure.comparing import compare
from rolloutlib.measure.comparison import Earlier
from rolloutlib.measure.distributions import distributions
from rolloutlib.measure.segments import unseen_segments
from rolloutlib.measure.validity import copies
from rolloutlib.plan.gates import Decides
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.reason import because, said
from rolloutlib.runs.database import readable

if TYPE_CHECKING:
    from rolloutlib.judge.carrying import Carrying
    from rolloutlib.judge.recommendation import Finding
    from rolloutlib.judge.record import CheckResult, GateResult
    from rolloutlib.judge.risks import RiskState
    from rolloutlib.judge.sources import Source
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.drift import Drift
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

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

    @property
    def pair(self) -> tuple[str, str]:
        """The names of the control and the treatment."""
        return self.params.control, self.params.treatment


def review_stage(params: ReviewParams, *, replayed: Look | None = None) -> Reviewed:
    """Review a stage's exit, with what `judge_stage` takes and raises."""
    return judge_stage(params, replayed=replayed).review


def judge_stage(params: ReviewParams, *, replayed: Look | None = None) -> Judged:
    """Review a stage's exit: read the runs, measure them once, judge gates and checks, recommend.

    Args:
        params: validated parameters (see rolloutlib.plan.params).
        replayed: the look of the review that this one repeats, which spends nothing.

    Raises:
        UsageError: a path, an arm or a profile that does not exist.
        RunsError, NoEvidenceError: the source as a whole, or all its runs, are no evidence.
        LooksError: the look cannot be counted.
    """
    plan = load_plan(given_path(params, "plan"))
    with readable():
        source = read_source(plan, params)
        carrying = carry(plan, params, source)

    def judged(look: Look) -> Reviewed:
        with readable():
            reviewed = _judged(plan, params, source, carrying, look)
        for each in (source, *carrying.sources):
            each.runs.check_unchanged()
        return reviewed

    counting = replace(source.runs, inputs=(*source.runs.inputs, *carrying.counting()))
    digest = carrying.digest(source.digest)
    review = counted(plan, params, counting, digest, judged, replayed=replayed)
    return Judged(review, plan, params, source)


def _judged(
    plan: Plan, params: ReviewParams, source: Source, carrying: Carrying, look: Look
) -> Reviewed:
    """Judge the runs at this look."""
    runs, digest = source.runs, carrying.digest(source.digest)
    alone = compare(plan, params, runs, source.measuring, look, fixed=carrying.fixed)
    compared = carrying.on(alone)
    verdicts = _verdicts(plan, params, source, alone, compared, digest)
    gates, checks = verdicts.gates, verdicts.checks
    recommended = recommend(gates, checks, verdicts.findings)
    why = _reasons(compared, runs, verdicts, recommended)
    labels, of_labels = people_say(compared, plan.gates, gates)
    stage = plan.stages[params.stage]
    return Reviewed(
        stage=params.stage, stage_name=stage.name, audience=stage.audience,
        control=params.control, treatment=params.treatment,
        recommendation=recommended, reasons=why, changes=changes(gates, checks, compared.blocks),
        decided=decided_of(plan, params.stage),
        open_items=open_items(plan, params.stage, recommended, why, gates, checks),
        effects=effects_of(finding for finding in verdicts.findings if finding.why in why),
        gates=gates, segments=verdicts.segments, checks=checks, risks=verdicts.risks,
        issues=verdicts.issues, drift=verdicts.drift, labels=labels,
        completeness=compared.completeness, set_aside=compared.set_aside,
        features={f.flag.removeprefix("feature."): key for key, f in plan.features.items()},
        inputs=(*runs.inputs, *carrying.inputs), carried=carrying.stages,
        quarantine=groups_of((*runs.quarantined, *runs.failed)),
        arms=compared.summaries, runs=compared.rows, design=compared.design,
        warnings=(*_not_carried(carrying), *over_the_cap(plan, params.stage, alone),
                  *register_warnings(verdicts.risks), *compared.warnings, *of_labels,
                  *_told(plan, runs, alone, verdicts)),
        profile=compared.profile, min_score=compared.limits.min_score,
        as_of=params.as_of, look=look,
        source_title=runs.source.title if runs.source else None,
        data_sha256=digest, plan_sha256=file_sha256(given_path(params, "plan")),
        distributions=distributions(compared.measured), refused=runs.quarantined,
    )  # fmt: skip


class _Verdicts(NamedTuple):
    """What is judged at a look, gates and what stands beside them, before it is weighed."""

    gates: tuple[GateResult, ...]
    checks: tuple[CheckResult, ...]
    segments: tuple[Segment, ...]
    issues: tuple[IssueRate, ...]
    drift: tuple[Drift, ...]
    risks: tuple[RiskState, ...]
    findings: tuple[Finding, ...]


def _verdicts(
    plan: Plan, params: ReviewParams, source: Source, alone: Comparison, compared: Comparison,
    digest: str,
) -> _Verdicts:  # fmt: skip
    """Judge the stage, `alone` or with what it carries: risks are of its own samples."""
    issues = issues_of(plan, compared)
    rising = rising_of(issues)
    gates = tuple(
        judge_gate(compared, key, gate, params.stage, decides=plan.decides, rising=rising)
        for key, gate in plan.gates.items()
    )
    checks, parts = _checks(plan, params, compared, digest), segments_of(plan, compared)
    drift = moving(plan, [*reversed(compared.earlier), Earlier(params.stage, compared)], gates)
    risks = risks_of(plan, source, alone)
    decides = Decides() if compared.blocks else plan.decides  # what is blocked proves nothing
    findings = (*findings_of(decides, gates, parts, issues, drift), *register_findings(risks))
    return _Verdicts(gates, checks, parts, issues, drift, risks, findings)


def _told(plan: Plan, runs: Runs, alone: Comparison, verdicts: _Verdicts) -> list[Reason]:
    """Say what decides nothing: segments without data, issues that are gone, later runs."""
    return [
        *unseen_segments(plan.evidence, runs.extras, alone.measured),
        *vanished_of(verdicts.issues),
        *told_of_drift(verdicts.drift),
    ]


def invalid_review(params: ReviewParams, message: Phrase | str) -> Reviewed:
    """Return the review of data that are no evidence at all: whoever waits for one is told why.

    What was refused row by row is read again: it did not outlive the error.
    """
    why, invalid = (because("source.refused", message=said(message)),), Recommendation.INVALID
    name, audience, decided, owed = "", "", None, ()
    inputs, refused, failed = (), (), ()
    with suppress(RolloutError):  # no plan, or the source is refused as a whole: no row of it
        plan = load_plan(given_path(params, "plan"))
        name, audience = plan.stages[params.stage].name, plan.stages[params.stage].audience
        decided = decided_of(plan, params.stage)
        owed = open_items(plan, params.stage, invalid, why)
        with readable():
            runs = read_source(plan, params).runs
        inputs, refused, failed = runs.inputs, runs.quarantined, runs.failed
    return Reviewed(
        stage=params.stage, control=params.control, treatment=params.treatment, stage_name=name,
        audience=audience, recommendation=invalid, as_of=params.as_of, inputs=inputs,
        reasons=why, decided=decided, open_items=owed,
        quarantine=groups_of((*refused, *failed)), refused=refused,
    )  # fmt: skip


def _checks(
    plan: Plan, params: ReviewParams, compared: Comparison, digest: str
) -> tuple[CheckResult, ...]:
    """Run the checks on the evidence, as of the review's moment or else the last run's."""
    root, rows = workbook_root(), compared.rows
    starts = [run.started_at for run in rows if run.started_at]
    return run_checks(
        plan.checks, params.evidence_folder(root), now=params.as_of or max(starts, default=None),
        newest=newest_run(rows, params.treatment), as_of=params.as_of, root=root,
        simulated=any(arm.simulated for arm in compared.summaries),
        runs=ReviewedRuns(
            params.stage, params.control, params.treatment,
            next((arm for arm in compared.summaries if arm.arm == params.treatment), None),
            compared.profile, params.as_of, runs_digest(rows), digest,
        ),
    )  # fmt: skip


def _not_carried(carrying: Carrying) -> list[Reason]:
    """Say of each earlier stage that was named in vain why it does not count."""
    return [
        because("carry.refused", stage=row.stage, source=row.source, why=row.why)
        for row in carrying.stages
        if row.why is not None
    ]


def _reasons(
    compared: Comparison, runs: Runs, verdicts: _Verdicts, recommended: Recommendation
) -> tuple[Reason, ...]:
    if compared.invalid is not None:
        return (compared.invalid,)
    hidden = [finding.why for finding in verdicts.findings]
    copied = copies(runs, compared.pair)
    go = recommended is Recommendation.GO
    return reasons(
        verdicts.gates, verdicts.checks, hidden, blocks=compared.blocks, copied=copied, go=go
    )
