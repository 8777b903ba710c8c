"""A stage review: samples measured once, every gate judged twice, a recommendation and why."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.files import file_sha256, is_there
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
from rolloutlib.judge.verdicts import named
from rolloutlib.measure.comparison import compare
from rolloutlib.measure.days import load
from rolloutlib.measure.distributions import distributions
from rolloutlib.measure.drift import Named, contrasts
from rolloutlib.measure.scan import measure
from rolloutlib.measure.segments import ANY_ISSUE, issue_rates, segments
from rolloutlib.measure.stored import read_store
from rolloutlib.measure.validity import copies
from rolloutlib.plan.gates import Decides
from rolloutlib.plan.model import load_plan, workbook_root
from rolloutlib.reason import because
from rolloutlib.runs import read_runs
from rolloutlib.runs.database import readable
from rolloutlib.runs.engines import read_on
from rolloutlib.runs.samples import from_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rolloutlib.judge.record import CheckResult, GateResult
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.drift import Drift
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.scan import Measured
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs
    from rolloutlib.runs.quarantine import Quarantined
    from rolloutlib.runs.samples import Samples

COMMON = 0.5  # what most samples "have" in one arm only is no issue but a word for none

__all__ = ["data_digest", "invalid_review", "review_stage"]


def review_stage(
    params: ReviewParams,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    replayed: Look | None = None,
) -> Reviewed:
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
    plan = load_plan(_path(params, "plan"))
    with readable():
        runs, digest, measuring = _evidence(plan, params, on_progress)

    def judged(look: Look) -> Reviewed:
        with readable():
            found = _judged(plan, params, runs, digest, measuring, look)
        runs.check_unchanged()
        return found

    return counted(plan, params, runs, digest, judged, replayed=replayed)


def _judged(
    plan: Plan, params: ReviewParams, runs: Runs, digest: str,
    measuring: Callable[..., Measured], look: Look,
) -> Reviewed:  # fmt: skip
    """Judge the runs at this look."""
    compared = compare(plan, params, runs, measuring, look)
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
    drift = _drift(plan, compared, gates)
    findings += [Finding(d.why, decides.drift) for d in drift if d.worse and not d.proven]
    recommended = recommend(gates, checks, findings)
    return Reviewed(
        stage=params.stage, control=params.control, treatment=params.treatment,
        recommendation=recommended,
        changes=changes(gates, checks, compared.blocks),
        reasons=_reasons(compared, runs, gates, checks, findings, recommended),
        gates=gates, segments=parts, checks=checks, issues=issues,
        completeness=compared.completeness,
        features={f.flag.removeprefix("feature."): key for key, f in plan.features.items()},
        inputs=runs.inputs, quarantine=_groups((*runs.quarantined, *runs.failed)),
        arms=compared.summaries, runs=compared.rows, design=compared.design,
        warnings=(*compared.warnings, *_vanished(issues),
                  *(d.why for d in drift if d.better or d.proven)),
        drift=drift, set_aside=compared.set_aside,
        profile=compared.profile, min_score=compared.limits.min_score,
        as_of=params.as_of, look=look, stage_name=stage.name, audience=stage.audience,
        source_title=runs.source.title if runs.source else None,
        data_sha256=digest, plan_sha256=file_sha256(_path(params, "plan")),
        distributions=distributions(compared.measured), refused=runs.quarantined,
    )  # fmt: skip


def invalid_review(params: ReviewParams, message: str) -> Reviewed:
    """Return the review of data that are no evidence at all: whoever waits for one is told why.

    What was refused row by row is read again: it did not outlive the error.
    """
    name, inputs, refused, failed = "", (), (), ()
    with suppress(RolloutError):  # no plan, or the source is refused as a whole: no row of it
        plan = load_plan(_path(params, "plan"))
        name = plan.stages[params.stage].name
        with readable():
            runs = _evidence(plan, params, None)[0]
        inputs, refused, failed = runs.inputs, runs.quarantined, runs.failed
    return Reviewed(
        stage=params.stage, control=params.control, treatment=params.treatment, stage_name=name,
        recommendation=Recommendation.INVALID, as_of=params.as_of, inputs=inputs,
        reasons=(because("source.refused", message=message),),
        quarantine=_groups((*refused, *failed)), refused=refused,
    )  # fmt: skip


def _path(params: ReviewParams, name: str) -> Path:
    path = params.path(name)
    if path is None or not is_there(path):
        given = f"{name} is {getattr(params, name)!r}"
        raise UsageError(f"{given}: there is no such file or folder ({path})")
    return path


def data_digest(params: ReviewParams) -> str | None:
    """Return the digest of data whose files are not what a review read: a store's, or Spark's.

    Returns:
        None where the files of runs themselves are what is pinned.
    """
    if params.engine == "duckdb" and not load(_path(params, "runs")):
        return None
    return _evidence(load_plan(_path(params, "plan")), params, None)[1]


def _evidence(
    plan: Plan, params: ReviewParams, on_progress: Callable[[int, int], None] | None
) -> tuple[Runs, str, Callable[..., Measured]]:
    """Return the runs, the digest of their samples and what measures them: rows, or stored days."""
    path = _path(params, "runs")
    if store := load(path):
        if params.engine != "duckdb":
            given = f"engine is {params.engine!r}, but {path} is a store, whose sums need none"
            raise UsageError(f"{given}; leave engine out, or name the runs that it was made of")
        stored = read_store(path, store, stage=params.stage, as_of=params.as_of, days=params.days)
        return stored.runs, stored.digest(), stored.measure
    if params.days:
        raise UsageError(f"days is {params.days}, but {path} is no store; make one: rollout ingest")
    runs, samples = _read(plan, params, path, on_progress)
    return runs, samples.digest(), partial(measure, samples)


def _read(
    plan: Plan, params: ReviewParams, path: Path, on_progress: Callable[[int, int], None] | None
) -> tuple[Runs, Samples]:
    def read() -> Runs:
        return read_runs(
            path, source=params.path("source"), stage=params.stage, as_of=params.as_of,
            flags_arms=plan.flags_of_arms(params.stage), on_progress=on_progress,
        )  # fmt: skip

    if params.engine != "duckdb":
        return read_on(params.engine, path, as_of=params.as_of, read=read)
    runs = read()
    return runs, from_runs(runs)


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


def _drift(plan: Plan, compared: Comparison, gates: Sequence[GateResult]) -> tuple[Drift, ...]:
    """Lay the gates that have data out run by run."""
    listed = [
        Named(gate.id, plan.gates[gate.id], named(gate), gate.subject,
              gate.proof_limit, gate.evidence_unit, signed=gate.signed)
        for gate in gates
        if gate.evidence.point is not None
    ]  # fmt: skip
    return contrasts(listed, compared.rows, compared.measured.by_run, compared.pair, compared.rules)


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
