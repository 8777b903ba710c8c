"""What stands beside the gates: segments that lose, issues that rise, runs that disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.judge.recommendation import Finding, rising_issue, segment_worse, vanished_issue
from rolloutlib.judge.record import QuarantineGroup, Verdict
from rolloutlib.judge.verdicts import named
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.drift import Named, contrasts
from rolloutlib.measure.run_series import StageRuns
from rolloutlib.measure.segments import ANY_ISSUE, issue_rates, segments
from rolloutlib.reason import said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.judge.record import GateResult
    from rolloutlib.measure.comparison import Comparison, Earlier
    from rolloutlib.measure.drift import Drift
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.plan.gates import Decides, Gate
    from rolloutlib.plan.judging import GatesPlan
    from rolloutlib.reason import Reason
    from rolloutlib.runs.quarantine import Quarantined

__all__ = [
    "findings_of", "groups_of", "issues_of", "moving", "rising_of", "segments_of",
    "segments_of_answers", "told_of_drift", "vanished_of",
]  # fmt: skip

COMMON = 0.5  # what most samples "have" in one arm only is no issue but a word for none


def findings_of(
    decides: Decides, gates: Sequence[GateResult], parts: Sequence[Segment],
    issues: Sequence[IssueRate], drift: Sequence[Drift],
) -> list[Finding]:  # fmt: skip
    """Return what stands beside the gates: segments that lose, issues that rise, later runs."""
    by_id = {gate.id: gate for gate in gates}
    broken = {gate.id for gate in gates if gate.evidence.verdict is Verdict.FAIL}
    findings = [
        Finding(segment_worse(by_id[part.gate], part), decides.segments)
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
    findings += [Finding(d.why, decides.drift) for d in drift if d.worse and not d.proven]
    return findings


def rising_of(issues: Sequence[IssueRate]) -> tuple[str, ...]:
    """Return the tags of the issues that rise."""
    return tuple(i.tag for i in issues if i.rises and i.tag != ANY_ISSUE)


def told_of_drift(drift: Sequence[Drift]) -> list[Reason]:
    """Say which gates' later runs differ without deciding anything."""
    return [d.why for d in drift if d.better or d.proven]


def vanished_of(issues: Sequence[IssueRate]) -> list[Reason]:
    """Say which issues only the control has; rare ones may just have been cured."""
    return [
        vanished_issue(i.tag, i.control)
        for i in issues
        if i.vanishes and (i.control or 0.0) <= COMMON
    ]


def segments_of(plan: GatesPlan, compared: Comparison) -> tuple[Segment, ...]:
    """Return the pass rate of every segment in both arms."""
    gate, strata = plan.gates.get("pass_rate"), compared.measured.strata
    if gate is None:
        return ()
    return segments({"pass_rate": gate}, strata, compared.rules, arms_of=compared.arms)


def segments_of_answers(gates: Mapping[str, Gate], compared: Comparison) -> tuple[Segment, ...]:
    """Return every segment by every gate that says how good the answers are, in both arms.

    `gates`: by id; two on one metric test it once.
    """
    strata = compared.measured.strata
    tested: dict[str, tuple[str, Gate]] = {}
    for key, gate in gates.items():
        if any(metric_of(gate) in part.metrics for part in strata.values()):
            tested.setdefault(metric_of(gate), (key, gate))
    return segments(dict(tested.values()), strata, compared.rules, arms_of=compared.arms)


def moving(
    plan: GatesPlan, every: Sequence[Earlier], gates: Sequence[GateResult]
) -> tuple[Drift, ...]:
    """Lay the gates that have data out run by run, with the runs of every stage that counts.

    `every`: those stages, the reviewed one last.
    """
    compared = every[-1].compared
    listed = [
        Named(gate.id, plan.gates[gate.id], named(gate), gate.subject,
              _runs_of(plan, every, gate), gate.proof_limit, gate.evidence_unit, signed=gate.signed,
              slower_than=None if gate.evidence_unit == gate.unit else gate.limit)
        for gate in gates
        if gate.evidence.point is not None and not plan.gates[gate.id].is_quantile_ratio
    ]  # fmt: skip
    return contrasts(listed, compared.pair, compared.rules)


def _runs_of(plan: GatesPlan, every: Sequence[Earlier], gate: GateResult) -> tuple[StageRuns, ...]:
    """Return the runs of each stage that a gate's evidence sums; of a top issue those that test."""
    metric, counting = metric_of(plan.gates[gate.id], gate.subject), {s.stage for s in gate.stages}
    stage_runs: list[StageRuns] = []
    for stage, compared in every:
        parts = (compared.measured.of_issue.by_run, compared.measured.by_run)
        table = next((table for table in parts if metric in table.metrics), None)
        if table is not None and (stage in counting or compared is every[-1].compared):
            stage_runs.append(StageRuns(stage, compared.rows, table))
    return tuple(stage_runs)


def issues_of(plan: GatesPlan, compared: Comparison) -> tuple[IssueRate, ...]:
    """Return the rate of every issue in both arms; nothing without a gate on issues."""
    gate = next((gate for gate in plan.gates.values() if gate.metric == "issue"), None)
    measured = compared.measured
    if gate is None or not measured.tags:
        return ()
    return issue_rates(
        gate, measured.table, compared.rules, tags=measured.tags, ranked=measured.ranked,
        family=len({tag for _, tag in measured.carried}), arms_of=compared.arms,
    )  # fmt: skip


def groups_of(rows: Sequence[Quarantined]) -> tuple[QuarantineGroup, ...]:
    """Group what was refused by what was expected, the largest group first."""
    alike: dict[int, list[Quarantined]] = {}  # most rows share the object that says what is due
    for row in rows:
        alike.setdefault(id(row.expectation), []).append(row)
    groups: dict[str, list[Quarantined]] = {}
    for several in alike.values():
        groups.setdefault(str(several[0].expectation), []).extend(several)
    counted = [
        QuarantineGroup(
            expected, sum(row.rows for row in group), group[0].message,
            said(group[0].expectation), said(group[0].said),
        )
        for expected, group in groups.items()
    ]  # fmt: skip
    return tuple(sorted(counted, key=lambda group: -group.rows))
