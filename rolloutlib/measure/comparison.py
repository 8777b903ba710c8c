"""What a review judges from: both arms out of the runs, one scan of their samples, and whether they can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolloutlib import stats
from rolloutlib.errors import NoEvidenceError, UsageError, did_you_mean
from rolloutlib.measure.averages import RunRow, run_rows
from rolloutlib.measure.estimates import Arms, Design, Unit, read_design
from rolloutlib.measure.moments import (
    Histogram,
    MomentTable,
    columns,
    histogram,
    merge_histograms,
    metric_expressions,
    scan,
    top_tags,
)
from rolloutlib.plan.metrics import metric_record
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.looks import Look
    from rolloutlib.plan.model import Gate, Plan, Profile, StageId
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.runs import Runs
    from rolloutlib.runs.samples import Samples

__all__ = ["ArmSummary", "Material", "gather"]

TOP_ISSUES = 3
STEPS = 10  # a unit, of the histograms behind quantiles and curves: tenths of a millisecond, tenths of a point
IMBALANCE = 2
STRATA = ("category", "difficulty", "profile")


@dataclass(frozen=True, slots=True)
class ArmSummary:
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
        unit: what a cluster is in `table`.
        tags: issue tags in the moments; the first `ranked` are the control arm's top ones.
        latency, score: histograms by (arm, run).
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
    unit: Unit
    tags: tuple[str, ...]
    ranked: int
    table: MomentTable
    latency: Mapping[tuple[str, str], Histogram]
    score: Mapping[tuple[str, str], Histogram]
    rows: tuple[RunRow, ...]
    summaries: tuple[ArmSummary, ...]
    design: Sentence
    invalid: Sentence | None
    unusable: Sentence | None
    adjusts: bool
    warnings: tuple[Sentence, ...]
    set_aside: tuple[Sentence, ...]

    def arms(self, table: MomentTable, metric: str) -> Arms:
        """Line up both arms of a metric per unit."""
        control, treatment = (
            table.where(arm=arm).by("cluster", metric) for arm in (self.control, self.treatment)
        )
        return Arms(control, treatment, self.unit)

    def merged(self, metric: str, arm: str) -> Histogram:
        """Return one arm's histogram of `latency_ms` or `score`."""
        source = self.latency if metric == "latency_ms" else self.score
        return merge_histograms([part for (where, _), part in source.items() if where == arm])

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
    import narwhals as nw

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
    frame = samples.frame().filter(nw.col("arm").is_in(pair))
    counts = {arm: _count(samples, arm) for arm in pair}
    unit, gap = _unit(counts)
    ranked, others = (top_tags(frame, arm=arm, most=TOP_ISSUES) for arm in pair)
    tags = tuple(dict.fromkeys((*ranked, *others)))
    slow_above = next(
        (g.plan_limit(profile) for g in plan.gates.values() if g.statistic == "quantile"),
        profile.max_latency_ms,
    )
    metrics = metric_expressions(
        timeout_cap_ms=plan.evidence.timeout_cap_ms, slow_above_ms=slow_above, tags=tags
    )
    column = {"user": "user_id", "prompt": "prompt_id", "sample": "arm"}[unit]
    if unit == "sample" and params.adjust:  # the slope needs every sample by itself
        column, apart = "apart", nw.concat_str("arm", "run_id", "sample_id", separator="\x1f")
        frame = frame.with_columns(apart.alias(column))
    table = scan(
        frame,
        metrics,
        by={"arm": "arm", "run_id": "run_id", "cluster": column, **{s: s for s in STRATA}},
    )
    if params.adjust and not table.all("covariate").n[0]:
        raise UsageError(
            "adjust is set, but no sample carries a covariate; name its column in source.yaml (columns)"
        )
    rows = run_rows(runs.runs, table, pair, plan.evidence.runs_averaged)
    summaries = tuple(_summary(arm, rows, counts[arm]) for arm in pair)
    passed = [table.where(arm=arm).by("cluster", "passed") for arm in pair]
    design = read_design(Arms(passed[0], passed[1], unit), "difference")[1]
    ratio = _sample_ratio(design, plan)
    latency, score = (
        histogram(frame, metrics[name], per_unit=STEPS) for name in ("latency_ms", "score")
    )
    return Material(
        plan=plan, stage=params.stage, profile=profile, profile_name=name, control=pair[0], treatment=pair[1],
        unit=unit, tags=tags, ranked=len(ranked), table=table, latency=latency, score=score,
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


@dataclass(frozen=True, slots=True)
class _Count:
    """Samples of an arm, how many carry a user or prompt id, and how many different ones."""

    samples: int
    with_user: int
    users: int
    with_prompt: int
    prompts: int


def _count(samples: Samples, arm: str) -> _Count:
    import narwhals as nw

    ids = (
        (nw.col(c).count().alias(f"with_{c}"), nw.col(c).n_unique().alias(c))
        for c in ("user_id", "prompt_id")
    )
    counted = (
        samples.frame()
        .filter(nw.col("arm") == arm)
        .select(nw.len().alias("n"), *(e for pair in ids for e in pair))
    )
    found = {name: int(column[0] or 0) for name, column in columns(counted).items()}
    # n_unique counts null as a value of its own.
    users, prompts = (
        found[c] - (found[f"with_{c}"] < found["n"]) for c in ("user_id", "prompt_id")
    )
    return _Count(found["n"], found["with_user_id"], users, found["with_prompt_id"], prompts)


def _unit(counts: Mapping[str, _Count]) -> tuple[Unit, Sentence | None]:
    """Choose what a cluster is: users when samples name them, else prompts, else the sample itself.

    Samples of one user are not independent, so a user id that only some samples carry leaves the dependence unknown.
    """
    known: dict[Unit, list[int]] = {
        "user": [count.with_user for count in counts.values()],
        "prompt": [count.with_prompt for count in counts.values()],
    }
    for unit, carrying in known.items():
        shares = [
            n / max(count.samples, 1) for n, count in zip(carrying, counts.values(), strict=True)
        ]
        if max(shares) == 0:
            continue
        gap = say(
            "Only {share:.0%} of the samples name their {unit}, so their dependence is unknown.",
            share=min(shares),
            unit=say(unit),
        )
        return unit, gap if min(shares) < 1 else None
    return "sample", None


def _summary(arm: str, rows: tuple[RunRow, ...], count: _Count) -> ArmSummary:
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
    p = stats.sample_ratio_test(counts, [0.5, 0.5]).p_value
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
