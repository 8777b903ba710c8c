"""What a review judges from: both arms out of the runs, one scan of their samples, and whether they can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from rolloutlib.errors import NoEvidenceError, UsageError, did_you_mean
from rolloutlib.measure.averages import RunRow, run_rows
from rolloutlib.measure.estimates import Arms, Design, Unit, read_design
from rolloutlib.measure.scan import Count, Measured, measure
from rolloutlib.plan.metrics import metric_record
from rolloutlib.stats import divergence
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.moments import Histogram, MomentTable
    from rolloutlib.plan.model import Gate, Plan, Profile, StageId
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.runs import Runs
    from rolloutlib.runs.samples import Samples

__all__ = ["ArmSummary", "Material", "gather"]

IMBALANCE = 2


class ArmSummary(msgspec.Struct, frozen=True):
    """How many there are in an arm; None where the source does not tell."""

    arm: str
    runs: int
    samples: int
    users: int | None
    prompts: int | None


@dataclass(frozen=True, slots=True)
class Material:
    """Both arms after the one scan.

    Attributes:
        measured: what the samples say, by a scan or from stored days.
        rows: the runs of both arms, in order of their start.
        invalid: why the arms cannot be compared at all; None when they can.
        adjusts: whether score and latency are to be adjusted for the covariate.
        unusable: why no gate may pass although there are estimates; None when they may.
    """

    plan: Plan
    stage: StageId
    profile: Profile
    profile_name: str
    control: str
    treatment: str
    measured: Measured
    rows: tuple[RunRow, ...]
    summaries: tuple[ArmSummary, ...]
    design: Sentence
    invalid: Sentence | None
    unusable: Sentence | None
    adjusts: bool
    warnings: tuple[Sentence, ...]
    set_aside: tuple[Sentence, ...]

    @property
    def unit(self) -> Unit:
        """What a cluster is in `table`."""
        return self.measured.unit

    @property
    def tags(self) -> tuple[str, ...]:
        """Issue tags in the moments; the first `ranked` are the control arm's top ones."""
        return self.measured.tags

    @property
    def ranked(self) -> int:
        """How many of the tags are the control arm's top ones."""
        return self.measured.ranked

    @property
    def table(self) -> MomentTable:
        """The moments of both arms."""
        return self.measured.table

    def arms(self, table: MomentTable, metric: str) -> Arms:
        """Line up both arms of a metric per unit."""
        control, treatment = (
            table.where(arm=arm).by("cluster", metric) for arm in (self.control, self.treatment)
        )
        return Arms(control, treatment, self.unit)

    def merged(self, metric: str, arm: str) -> Histogram:
        """Return one arm's histogram of `latency_ms` or `score`."""
        return self.measured.merged(metric, arm)

    def missing(self, gate: Gate, metric: str | None) -> Sentence:
        """Say which field a gate without an estimate lacks."""
        if metric is None:
            return say("no sample of the control arm carries an issue.")
        if gate.estimand == "per_user" and self.unit != "user":
            return say("no sample carries the field {field}.", field="userId")
        field = metric_record(metric).field
        pair = (self.control, self.treatment)
        empty = [arm for arm in pair if not self.table.where(arm=arm).all(metric).n[0]]
        if len(empty) == len(pair):
            return say("no sample carries the field {field}.", field=field)
        if lacking := [arm for arm in self._needed_arms(gate) if arm in empty]:
            return say(
                "no sample of arm {arm} carries the field {field}.", arm=lacking[0], field=field
            )
        return say("the control arm has no event, so there is no ratio to it.")

    def incomplete(self, gate: Gate, metric: str) -> Sentence | None:
        """Say that too many samples lack a latency: what is missing may be what is slow."""
        if metric not in {"latency_ms", "slow"}:
            return None
        for arm in self._needed_arms(gate):
            table = self.table.where(arm=arm)
            lacking = 1 - table.all(metric).n[0] / table.rows.sum()
            if lacking > self.plan.evidence.max_quarantined:
                return say(
                    "{share:.1%} of the samples of arm {arm} have no latency; what is missing may be what is slow.",
                    share=lacking,
                    arm=arm,
                )
        return None

    def _needed_arms(self, gate: Gate) -> tuple[str, ...]:
        return (self.treatment,) if gate.contrast == "treatment" else (self.control, self.treatment)


def gather(plan: Plan, params: ReviewParams, runs: Runs, samples: Samples, look: Look) -> Material:
    """Pick both arms, choose the unit, scan once, and look whether the arms can be compared.

    Raises:
        UsageError: an arm or profile that does not exist.
        NoEvidenceError: an arm has no evidence left.
    """
    pair = (params.control, params.treatment)
    rules = plan.evidence.model_copy(
        update={"confidence": look.confidence or plan.evidence.confidence}
    )
    plan = plan.model_copy(update={"evidence": rules})
    _require(pair, runs)
    profiles = {arm: _profiles(runs, arm, params.profile) for arm in pair}
    name = min(
        set[str]().union(*profiles.values()),
        key=lambda known: (plan.profile(known).max_latency_ms, known),
    )
    profile = plan.profile(name)
    slow_above = next(
        (g.plan_limit(profile) for g in plan.gates.values() if g.statistic == "quantile"),
        profile.max_latency_ms,
    )
    measured = measure(
        samples, pair, timeout_cap_ms=plan.evidence.timeout_cap_ms, slow_above_ms=slow_above,
        apart=params.adjust,
    )  # fmt: skip
    table, unit = measured.table, measured.unit
    if params.adjust and not table.all("covariate").n[0]:
        raise UsageError(
            "adjust is set, but no sample carries a covariate; name its column in source.yaml (columns)"
        )
    rows = run_rows(runs.runs, table, pair, plan.evidence.runs_averaged)
    summaries = tuple(_summary(arm, rows, count) for arm, count in measured.counts.items())
    passed = [table.where(arm=arm).by("cluster", "passed") for arm in pair]
    design = read_design(Arms(passed[0], passed[1], unit), "difference")[1]
    ratio = _sample_ratio(design, plan)
    gap = _unnamed(unit, measured.named)
    return Material(
        plan=plan, stage=params.stage, profile=profile, profile_name=name, control=pair[0], treatment=pair[1],
        measured=measured,
        rows=rows, summaries=summaries, design=_in_words(design),
        invalid=_swapped(pair) or _mixed(profiles) or ratio, unusable=_spent(look) or _quarantined(runs, plan) or gap,
        adjusts=params.adjust,
        warnings=_warnings(design, profiles, runs), set_aside=_set_aside(runs, params),
    )  # fmt: skip


def _require(pair: tuple[str, str], runs: Runs) -> None:
    """Both arms are there and are two."""
    if pair[0] == pair[1]:
        raise UsageError(f"control and treatment are both {pair[0]!r}; name two different arms")
    arms = sorted({run.arm for run in runs.runs})
    if not arms:
        why = f"; the first reason: {runs.quarantined[0].message}" if runs.quarantined else ""
        raise NoEvidenceError(
            f"no run is left as evidence ({runs.read:,} rows read, {runs.rows_quarantined:,} refused){why}"
        )
    for name, arm in zip(("control", "treatment"), pair, strict=True):
        if arm not in arms and arm not in {"control", "treatment"}:
            raise UsageError(
                f"{name} is {arm!r}; the runs have the arms {', '.join(arms)}.{did_you_mean(arm, arms)}"
            )
        if arm not in arms:
            why = (
                f"; {runs.quarantined[0].message}"
                if runs.quarantined
                else f"; name one of the arms {', '.join(arms)} with --{name}"
            )
            raise NoEvidenceError(f"the {name} arm has no run that is evidence{why}")


def _profiles(runs: Runs, arm: str, given: str | None) -> set[str]:
    return {run.profile or given or "default" for run in runs.runs if run.arm == arm}


def _unnamed(unit: Unit, named: float) -> Sentence | None:
    """Samples of one user are not independent: an id that only some carry leaves the dependence unknown."""
    if named == 1:
        return None
    return say(
        "Only {share:.0%} of the samples name their {unit}, so their dependence is unknown.",
        share=named,
        unit=say(unit),
    )


def _summary(arm: str, rows: tuple[RunRow, ...], count: Count) -> ArmSummary:
    runs = sum(row.arm == arm for row in rows)
    return ArmSummary(arm, runs, count.samples, count.users or None, count.prompts or None)


def _in_words(design: Design) -> Sentence:
    """Say how the arms compare."""
    unit = say(design.unit)
    return {
        "independent": say("Two independent groups of samples."),
        "paired": say("{pairs:,} pairs: the same {unit} in both arms.", pairs=design.pairs, unit=unit),
        "nested": say(
            "Clusters: each {unit} is in one arm ({control:,} and {treatment:,}).",
            unit=unit, control=design.clusters_control, treatment=design.clusters_treatment,
        ),
        "crossed": say(
            "Paired clusters: {pairs:,} {unit}s are in both arms, each with several samples.",
            pairs=design.pairs, unit=unit,
        ),
    }[design.kind]  # fmt: skip


# --- can the arms be compared? ---------------------------------------------------------------------------------------


def _swapped(pair: tuple[str, str]) -> Sentence | None:
    if pair != ("treatment", "control"):
        return None
    return say(
        "The arms are named the other way round: the runs' control was given as treatment; "
        "swap --control and --treatment."
    )


def _mixed(profiles: Mapping[str, set[str]]) -> Sentence | None:
    control, treatment = (", ".join(sorted(names)) for names in profiles.values())
    if control == treatment:
        return None
    return say(
        "The arms ran under different guardian profiles ({control} and {treatment}), so they cannot be compared.",
        control=control,
        treatment=treatment,
    )


def _sample_ratio(design: Design, plan: Plan) -> Sentence | None:
    """Test the planned 1 : 1 allocation over users who were allocated to an arm (in a replay most are in both)."""
    counts = (design.clusters_control, design.clusters_treatment)
    if design.unit != "user" or not min(counts) or 2 * design.pairs > max(counts):
        return None
    p = divergence.goodness_of_fit(counts, [0.5, 0.5]).p_value
    if p >= plan.evidence.sample_ratio_p:
        return None
    return say(
        "Sample-ratio mismatch: {control:,} and {treatment:,} users where as many were planned (p = {p:.1g}); "
        "who is missing is not random.",
        control=counts[0], treatment=counts[1], p=p,
    )  # fmt: skip


def _spent(look: Look) -> Sentence | None:
    if look.confidence is not None:
        return None
    return say(
        "This is look {number} of {planned} planned: the error that the stage may make is spent; plan more looks or "
        "bring a new candidate.", number=look.number, planned=look.planned,
    )  # fmt: skip


def _quarantined(runs: Runs, plan: Plan) -> Sentence | None:
    share = runs.rows_quarantined / runs.read if runs.read else 0.0
    if share <= plan.evidence.max_quarantined:
        return None
    return say(
        "{share:.1%} of the rows are quarantined; above {most:.0%} no gate may pass.",
        share=share,
        most=plan.evidence.max_quarantined,
    )


def _warnings(design: Design, profiles: Mapping[str, set[str]], runs: Runs) -> tuple[Sentence, ...]:
    found = [say("{text}", text=text) for text in runs.warnings]
    sizes = sorted((design.clusters_control, design.clusters_treatment))
    if design.kind == "nested" and sizes[1] > IMBALANCE * sizes[0]:
        found.append(
            say(
                "The arms' cluster counts differ by more than 2 : 1; the bounds are then slightly too narrow "
                "(they fail in up to 7 % instead of 5 % of simulated reviews)."
            )
        )
    if design.dropped:
        found.append(
            say(
                "{dropped} samples have no partner in the other arm and are left out of the paired comparison.",
                dropped=design.dropped,
            )
        )
    if len(set[str]().union(*profiles.values())) > 1:
        found.append(
            say(
                "Several guardian profiles are mixed in both arms; the strictest latency target is used."
            )
        )
    return tuple(found)


def _set_aside(runs: Runs, params: ReviewParams) -> tuple[Sentence, ...]:
    found: list[Sentence] = []
    if runs.other_stage:
        found.append(
            say(
                "{count} runs belong to other stages than {stage}.",
                count=runs.other_stage,
                stage=params.stage,
            )
        )
    if runs.after_as_of:
        found.append(
            say(
                "{count} runs started after {moment}.",
                count=runs.after_as_of,
                moment=f"{params.as_of:%Y-%m-%d %H:%M %z}",
            )
        )
    return tuple(found)
