"""Both arms of a review side by side: one measurement of their samples, and each gate's numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.measure.averages import PlanValue, RunRow, last_runs, plan_value
from rolloutlib.measure.design import Arms, metric_of, told_by
from rolloutlib.measure.latency import left_out
from rolloutlib.measure.subject import Subject, spelled_as_there
from rolloutlib.measure.worst import worst as worst_case
from rolloutlib.measure.worst import worst_planned
from rolloutlib.plan.metrics import BEYOND, is_binary, metric_record
from rolloutlib.reason import because, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.by_prompt import PromptSources
    from rolloutlib.measure.completeness import Account, Completeness
    from rolloutlib.measure.components import RunSources
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.histograms import Capped
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.model import Evidence, Gate, Profile
    from rolloutlib.reason import Reason

__all__ = ["Comparison", "Earlier", "Seen", "arms_of"]

NOTHING_PLANNED = PlanValue(None, 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the samples say about one gate.

    Attributes:
        metric: its name in the moments; None where the data leave a gate without a subject.
        subject: what the gate is about where the data decide it (the issue tag).
        arms: the metric per unit, both arms; None without a metric.
        control, treatment: the arms' own values in the gate's unit (a quantile gate's quantile).
        planned: the value by the plan's own rule.
        absent: why there can be no estimate, or None.
        gaps: why an estimate may prove nothing: what is missing may be what is bad, or the numbers
            are in another unit than they seem.
        worst: both arms with every missing value at its worst; None where none is missing.
        worst_planned: `planned` likewise.
        nothing: whether the control carries no issue at all, so that there is nothing to reduce.
        chosen: how the subject was chosen.
        capped: what the cap leaves out of a mean of latencies; None of everything else.
    """

    metric: str | None = None
    subject: str | None = None
    arms: Arms | None = None
    control: float | None = None
    treatment: float | None = None
    planned: PlanValue = NOTHING_PLANNED
    absent: Reason | None = None
    gaps: Reason | None = None
    worst: Arms | None = None
    worst_planned: PlanValue | None = None
    nothing: bool = False
    chosen: Reason | None = None
    capped: Capped | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both arms after the one measurement.

    Attributes:
        measured: what the samples say, by a scan or from stored days.
        rules: the plan's rules of evidence, at the confidence that this look has left.
        pair: names of the control and the treatment.
        rows: the runs of both arms, in order of their start.
        invalid: why the arms cannot be compared at all; None when they can.
        blocks: why no gate may pass although there are estimates; empty when they may.
        spent: that the look has no error left to make; None while it has.
        account: what is missing of each metric.
        completeness: the same of the plan's metrics, row by row.
        doubts: metric → why its numbers may be in another unit.
        sources, prompt_sources: what runs and prompts add to the variance of each metric.
        adjusts: whether score and latency are to be adjusted for the covariate.
        earlier: the stages whose evidence is carried here, the latest first (see `carried`).
        fixed: the issue that an earlier stage chose.
    """

    measured: Measured
    rules: Evidence
    pair: tuple[str, str]
    profile: str
    limits: Profile
    rows: tuple[RunRow, ...]
    summaries: tuple[ArmSummary, ...]
    design: Reason
    invalid: Reason | None
    blocks: tuple[Reason, ...]
    spent: Reason | None
    account: Account
    completeness: tuple[Completeness, ...]
    doubts: Mapping[str, Reason]
    sources: RunSources
    prompt_sources: PromptSources
    adjusts: bool
    warnings: tuple[Reason, ...]
    set_aside: tuple[Reason, ...]
    earlier: tuple[Earlier, ...] = ()
    fixed: str | None = None

    def arms(self, table: MomentTable, metric: str) -> Arms:
        """Line up both arms of a metric per unit, with what runs and prompts of the whole add."""
        arms = arms_of(table, metric, self.pair, self.measured)
        beyond = self.sources.of_metric(metric) + self.prompt_sources.of_metric(metric)
        tails = None
        if metric.startswith(BEYOND):
            control, treatment = (self.measured.merged("latency_ms", arm) for arm in self.pair)
            tails = (control, treatment)
        return replace(arms, beyond=beyond, tails=tails)

    def gate(self, gate: Gate) -> Seen:
        """Return what the samples say about a gate: both arms once, and what they lack."""
        if gate.metric != "issue":
            return self.seen(gate, metric_of(gate))
        if not self.measured.ranked:
            return self._new_issue(gate) or self._no_issue()
        if (subject := self._subject(gate)) is None:
            return Seen(absent=because("issue.unseen", issue=gate.issue or ""))
        part = self.tested() if subject.choosers else self
        shown = part.seen(gate, metric_of(gate, subject.tag))
        return replace(shown, subject=subject.tag, chosen=subject.why)

    def _subject(self, gate: Gate) -> Subject | None:
        """Return the issue that a gate is about; None where the one that it names is not there."""
        if gate.issue is None:
            return self.measured.subject
        control_tags = {tag for arm, tag in self.measured.carried if arm == self.pair[0]}
        tag = spelled_as_there(gate.issue, control_tags)
        return Subject(tag, "named") if tag in control_tags else None

    def tested(self) -> Comparison:
        """Return the comparison without the samples that chose the issue."""
        tested = self.measured.of_issue
        sources, prompts = (of.within(tested) for of in (self.sources, self.prompt_sources))
        account = replace(self.account, measured=tested)
        return replace(self, measured=tested, account=account, sources=sources,
                       prompt_sources=prompts)  # fmt: skip

    def seen(self, gate: Gate, metric: str) -> Seen:
        """Return what these samples say about a gate on a metric."""
        arms = self.arms(self.measured.table, metric)
        control, treatment = (self._level(gate, metric, arm) for arm in self.pair)
        planned, at_worst = self._planned(gate, metric)
        absent = self._absent(gate, arms, metric)
        gaps = self._gaps(gate, metric) if absent is None else None
        worst = worst_case(self.account, gate, arms, metric) if absent is None else None
        return Seen(metric, None, arms, control, treatment, planned, absent, gaps, worst, at_worst,
                    capped=left_out(self.measured, self.pair, metric))  # fmt: skip

    def _no_issue(self) -> Seen:
        """Return what can be said where the control carries no issue: whether it tells so."""
        labelled = all(self.measured.counts[arm].labelled for arm in self.pair)
        if not labelled:
            return Seen(absent=because("field.missing", field=metric_record("issue").field))
        metric = f"issue:{(*self.measured.tags, '')[0]}"
        return Seen(gaps=self.account.gap(metric, self.pair), nothing=True)

    def _new_issue(self, gate: Gate) -> Seen | None:
        """Return what a difference says where the treatment alone has issues: its most frequent."""
        if gate.contrast != "difference" or not self.measured.tags:
            return None
        tag = self.measured.tags[0]
        return replace(self.seen(gate, metric_of(gate, tag)), subject=tag)

    def _level(self, gate: Gate, metric: str, arm: str) -> float | None:
        if gate.statistic == "quantile":
            return known(self.measured.merged("latency_ms", arm).quantile(gate.quantile or nan))
        whole = self.measured.table.where(arm=arm).all(metric)
        return known(whole.mean[0]) if whole.n[0] else None

    def _planned(self, gate: Gate, metric: str) -> tuple[PlanValue, PlanValue | None]:
        """Return the value by the plan's rule, and at its worst if something is missing."""
        most = self.rules.runs_averaged
        control, treatment = (last_runs(self.rows, arm, most) for arm in self.pair)
        table, latency = self.measured.by_run, self.measured.latency
        value = plan_value(gate, metric, table, latency, control=control, treatment=treatment)
        return value, worst_planned(self.account, gate, metric, control, treatment)

    def _absent(self, gate: Gate, arms: Arms, metric: str) -> Reason | None:
        """Return which field a gate without an estimate lacks."""
        if gate.estimand == "per_user" and arms.unit == "cluster":
            return because("clusters.per_user")
        if gate.estimand == "per_user" and arms.unit != "user":
            return because("field.missing", field="userId")
        field = metric_record(metric).field
        counts = dict(zip(self.pair, (arms.control.n.sum(), arms.treatment.n.sum()), strict=True))
        if not any(counts.values()):
            return because("field.missing", field=field)
        for arm in self._compared(gate):
            if not counts[arm]:
                return because("field.missing_in_arm", arm=arm, field=field)
        nothing = gate.contrast == "ratio" and not arms.control.total.sum()
        return _no_ratio(metric, field) if nothing else None

    def _gaps(self, gate: Gate, metric: str) -> Reason | None:
        """Return whether a metric's numbers are doubted, or too many of them are missing."""
        of_samples = told_by(metric)
        doubt = self.doubts.get(of_samples)
        return doubt or self.account.gap(of_samples, self._compared(gate))

    def _compared(self, gate: Gate) -> tuple[str, ...]:
        return self.pair[1:] if gate.contrast == "treatment" else self.pair


class Earlier(NamedTuple):
    """A stage before the one that is reviewed, whose evidence is carried there."""

    stage: int
    compared: Comparison


def _no_ratio(metric: str, field: str) -> Reason:
    if is_binary(metric):
        return because("control.no_event")
    return because("control.nothing", field=field)


def arms_of(table: MomentTable, metric: str, pair: tuple[str, str], measured: Measured) -> Arms:
    """Line up both arms of a metric per unit."""
    control, treatment = (table.where(arm=arm).by("cluster", metric) for arm in pair)
    return Arms(control, treatment, measured.unit)
