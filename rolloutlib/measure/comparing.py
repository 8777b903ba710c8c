"""A comparison is made: both arms picked, measured once, and asked whether they can be compared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import NoEvidenceError, UsageError, did_you_mean
from rolloutlib.measure import adjustment, configuration, material, periods, validity
from rolloutlib.measure.averages import run_rows
from rolloutlib.measure.by_prompt import PromptSources
from rolloutlib.measure.comparison import Comparison, arms_of
from rolloutlib.measure.completeness import Account, absent, lacks, unreadable
from rolloutlib.measure.components import RunSources
from rolloutlib.measure.counts import run_scale
from rolloutlib.measure.design import metric_of, read_design
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.profiles import profiles_of, slow_limit, strictest
from rolloutlib.measure.same import copied_arms
from rolloutlib.measure.subject import wanted_of
from rolloutlib.phrase import phrase
from rolloutlib.runs.currencies import check_currencies

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.design import Design
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.scan import Measured
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.gates import Evidence
    from rolloutlib.plan.judging import GatesPlan
    from rolloutlib.plan.model import Allocation, Gate, Plan, Profile
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

__all__ = ["Asked", "Configured", "compare", "compare_arms", "of_cache"]

HEADLINES: Final = ("passed", "score", "latency_ms")


class Configured(NamedTuple):
    """What the arms ran with, held against what they were to run with.

    Attributes:
        blocks: in what it differs, so that no gate may pass.
        steered: mixes that a feature changes on purpose.
    """

    blocks: Sequence[Reason] = ()
    steered: frozenset[str] = frozenset()


class Asked(NamedTuple):
    """Which arms are compared, and what is known of them beside their samples.

    Attributes:
        pair: names of the control and the treatment.
        configured: holds what the arms ran with against what was planned.
        profile: of runs that name none.
        adjust: whether score and latency are adjusted for the covariate.
        allocation: how units were to be split between the arms; None for equal parts.
        allocates: whether units were sent to arms at all, or both arms were given the same.
        same_time: whether arms of other times prove nothing; else it is told.
        blocks: what else keeps every gate from passing.
        set_aside: what was read but belongs elsewhere.
        doubts: metric → why its numbers are none, beside what the runs doubt.
    """

    pair: tuple[str, str]
    configured: Callable[[Sequence[ArmSummary]], Configured]
    profile: str | None = None
    adjust: bool = False
    allocation: Allocation | None = None
    allocates: bool = True
    same_time: bool = True
    blocks: tuple[Reason, ...] = ()
    set_aside: tuple[Reason, ...] = ()
    doubts: Mapping[str, Reason] = MappingProxyType({})


def compare(
    plan: Plan, params: ReviewParams, runs: Runs, measuring: Callable[..., Measured], look: Look, *,
    fixed: str | None = None,
) -> Comparison:  # fmt: skip
    """Compare both arms of a stage.

    Args:
        plan: the gates and the rules of evidence.
        params: which arms, of which stage.
        runs: the runs of both.
        measuring: `scan.measure` of the runs' samples, or `Stored.measure`.
        look: what error this look may spend.
        fixed: the issue that an earlier stage chose, whatever these samples carry.

    Raises:
        UsageError: an arm or profile that does not exist, or a covariate that cannot be used.
        NoEvidenceError: an arm has no evidence left.
        RunsError: the arms' costs are in several currencies.
    """

    def configured(summaries: Sequence[ArmSummary]) -> Configured:
        unplanned = configuration.unplanned(plan, params.stage, runs, summaries)
        return Configured(unplanned, frozenset(configuration.steered(plan, summaries)))

    pair = params.control, params.treatment
    question = Asked(
        pair, configured, params.profile, params.adjust, plan.stages[params.stage].allocation,
        blocks=copied_arms(runs, pair), set_aside=validity.set_aside(runs, params),
    )  # fmt: skip
    return compare_arms(plan, question, runs, measuring, look, fixed=fixed)


def compare_arms(
    plan: GatesPlan, question: Asked, runs: Runs, measuring: Callable[..., Measured], look: Look, *,
    fixed: str | None = None,
) -> Comparison:  # fmt: skip
    """Pick both arms, measure them once, and look whether they can be compared.

    Takes and raises what `compare` does, with what is `question` instead of a stage's parameters.
    """
    pair = question.pair
    _require(pair, runs)
    check_currencies(runs.currencies, pair)
    confidence = look.confidence or plan.evidence.confidence
    rules = plan.evidence.model_copy(update={"confidence": confidence})
    profiles = {arm: profiles_of(runs, arm, question.profile) for arm in pair}
    profile, limits = strictest(plan, profiles)
    issues = wanted_of(plan, runs, pair[0], fixed)
    measured = _measured(plan, question, partial(measuring, issues=issues), rules, limits)
    rows = run_rows(runs.runs, measured.by_run, pair, rules.runs_averaged)
    design = read_design(arms_of(measured.table, _told(measured), pair, measured), "difference")[1]
    people = material.of_people(measured, design)
    ratio, users = _ratios(question, measured, runs, material.allocated(measured, design), rules)
    account = _account(question, measured, runs, rules, people, ratio)
    summaries = tuple(
        configuration.summary(arm, runs, count, configuration.bill(measured.table, arm))
        for arm, count in measured.counts.items()
    )
    ran = question.configured(summaries)
    other_time, partly = _times(question, rows, rules)
    blocks = (
        *question.blocks, *ran.blocks,
        *unreadable(account.lacking, measured, runs, rules), *([ratio] if ratio else []),
        *_of_material(question, measured, people, rules, ran.steered),
        *absent(account.lacking, measured, rules),
        *validity.unnamed(measured.unit, measured.named), *([other_time] if other_time else []),
        *validity.clusters(measured, runs.source), *validity.nameless(runs, measured, pair),
    )  # fmt: skip
    metrics = [_account_metric(gate, measured) for gate in plan.gates.values()]
    return Comparison(
        measured, rules, pair, profile, limits, rows, summaries,
        design=validity.described(design), invalid=validity.invalid(pair, profiles, users),
        blocks=blocks, spent=validity.spent(look), account=account,
        completeness=account.all(metrics), doubts={**runs.doubts, **question.doubts},
        sources=RunSources.of(measured, pair, rows), adjusts=question.adjust,
        prompt_sources=PromptSources(measured, pair),
        warnings=validity.warnings(design, runs, pair, summaries, partly),
        set_aside=question.set_aside, fixed=fixed,
    )  # fmt: skip


def _measured(
    plan: GatesPlan, question: Asked, measuring: Callable[..., Measured], rules: Evidence,
    limits: Profile,
) -> Measured:  # fmt: skip
    """Measure both arms once; scorers that no sample tells are in the tables, without values."""
    measured = measuring(
        question.pair, timeout_cap_ms=rules.timeout_cap_ms, slow_above_ms=slow_limit(plan, limits),
        latency_cap_ms=latency_cap(plan, limits), apart=question.adjust, segments=rules.segments,
        **_tails(plan),
    )  # fmt: skip
    scorers = [metric_of(gate) for gate in plan.gates.values() if gate.scorer]
    measured = replace(measured, table=measured.table.with_unknown(scorers),
                       by_run=measured.by_run.with_unknown(scorers))  # fmt: skip
    if question.adjust:
        adjustment.check(measured.table, question.pair)
    return measured


def _account(
    question: Asked, measured: Measured, runs: Runs, rules: Evidence, people: Design,
    ratio: Reason | None,
) -> Account:  # fmt: skip
    """Count what both arms lack; where both ran the same prompts, prompt by prompt."""
    same_prompts = material.replayed(measured, people)
    split = question.allocation is not None or ratio is not None
    lacking = lacks(measured, runs, question.pair, replayed=same_prompts, split=split)
    by_prompt = same_prompts and measured.unit == "prompt"
    scale = run_scale(measured.counts, question.pair) if by_prompt else None
    return Account(measured, question.pair, lacking, rules, scale)


def _of_material(
    question: Asked, measured: Measured, people: Design, rules: Evidence,
    steered: Collection[str],
) -> tuple[Reason, ...]:  # fmt: skip
    """Say whether the arms met other material; of users whom nobody split, whether it is named."""
    whole = people if question.allocates else None
    unlike = material.unlike(measured, whole, rules, question.pair, steered)
    return (*unlike, *([] if question.allocates else material.unnamed(measured, question.pair)))


def _times(
    question: Asked, rows: Sequence[RunRow], rules: Evidence
) -> tuple[Reason | None, Reason | None]:
    """Say whether the arms ran at other times, as what blocks and as what is told."""
    other_time, partly = periods.met(rows, question.pair, rules.max_apart_hours)
    return (other_time, partly) if question.same_time else (None, other_time or partly)


def _ratios(
    question: Asked, measured: Measured, runs: Runs, allocated: Design, rules: Evidence
) -> tuple[Reason | None, Reason | None]:
    """Test how samples, and how users, were split between the arms; nothing where nobody was."""
    if not question.allocates:
        return None, None
    ratio = material.sample_ratio(measured, runs, question.pair, rules, question.allocation)
    return ratio, material.user_ratio(allocated, rules, question.allocation)


def _told(measured: Measured) -> str:
    """Return a metric that samples tell, the outcome first: how the arms compare shows in it."""
    table = measured.table
    return next((name for name in HEADLINES if table.all(name).n.any()), HEADLINES[0])


def _tails(plan: GatesPlan) -> dict[str, tuple[float, ...]]:
    """Return the quantiles that both arms are compared by; nothing without any."""
    quantiles = {g.quantile for g in plan.gates.values() if g.is_quantile_ratio and g.quantile}
    return {"tails": tuple(sorted(quantiles))} if quantiles else {}


def _account_metric(gate: Gate, measured: Measured) -> str:
    """Return the metric whose values a gate needs of samples."""
    if gate.metric == "issue":
        return f"issue:{(*measured.tags, '')[0]}"
    return metric_of(gate) if gate.scorer else gate.metric


def of_cache(rows: int) -> Phrase | str:
    """Say how many rows were left out as copies of earlier answers; "" for none."""
    if not rows:
        return ""
    return phrase(
        "; {rows:,} of its answers came from a cache, and copies of earlier ones are no evidence: "
        "ask again without the cache", rows=rows,
    )  # fmt: skip


def after(why: Phrase | str) -> Phrase | str:
    """Return a reason as it follows a sentence; "" for none."""
    return phrase("; {why}", why=why) if why else ""


def _require(pair: tuple[str, str], runs: Runs) -> None:
    """Both arms are there and are two."""
    if pair[0] == pair[1]:
        raise UsageError(
            "control and treatment are both {arm!r}; name two different arms", arm=pair[0]
        )
    arms = sorted({run.arm for run in runs.runs})
    first = runs.quarantined[0].said if runs.quarantined else ""
    if not arms:
        why = phrase("; the first reason: {why}", why=first)
        raise NoEvidenceError(
            "no run is left as evidence ({read:,} rows read, {refused:,} refused){why}",
            read=runs.read, refused=runs.rows_quarantined,
            why=why if first else of_cache(sum(runs.cached.values())),
        )  # fmt: skip
    for name, arm in zip(("control", "treatment"), pair, strict=True):
        if arm in arms:
            continue
        if arm in runs.cached:
            raise NoEvidenceError(
                "arm {arm} has no run that is evidence{why}",
                arm=arm, why=of_cache(runs.cached[arm]),
            )  # fmt: skip
        if arm not in {"control", "treatment"}:
            raise UsageError(
                "{parameter} is {arm!r}; the runs have the arms {arms}.{hint}",
                parameter=name, arm=arm, arms=(*arms,), hint=did_you_mean(arm, arms),
            )  # fmt: skip
        way_out = phrase("name one of the arms {arms} with --{name}", arms=(*arms,), name=name)
        raise NoEvidenceError(
            "the {name} arm has no run that is evidence; {why}", name=name, why=first or way_out
        )
