"""A comparison is made: both arms picked, measured once, and asked whether they can be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.measure import adjustment, configuration, material, periods, validity
from rolloutlib.measure.averages import run_rows
from rolloutlib.measure.by_prompt import PromptSources
from rolloutlib.measure.comparison import Comparison, arms_of
from rolloutlib.measure.completeness import Account, absent, lacks, unreadable
from rolloutlib.measure.components import RunSources
from rolloutlib.measure.counts import run_scale
from rolloutlib.measure.design import metric_of, read_design
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.presence import require_both
from rolloutlib.measure.profiles import profiles_of, slow_limit, strictest
from rolloutlib.measure.subject import wanted_of
from rolloutlib.runs.currencies import check_currencies

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.design import Design
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.gates import Evidence
    from rolloutlib.plan.judging import GatesPlan
    from rolloutlib.plan.model import Allocation, Gate, Plan, Profile
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

__all__ = ["Asked", "Configured", "compare", "compare_arms"]

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

    question = Asked(
        (params.control, params.treatment), configured, params.profile, params.adjust,
        plan.stages[params.stage].allocation, set_aside=validity.set_aside(runs, params),
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
    require_both(pair, runs)
    check_currencies(runs.currencies, pair)
    confidence = look.confidence or plan.evidence.confidence
    rules = plan.evidence.model_copy(update={"confidence": confidence})
    profiles = {arm: profiles_of(runs, arm, question.profile) for arm in pair}
    profile, limits = strictest(plan, set[str]().union(*profiles.values()))
    issues = wanted_of(plan, runs, pair[0], fixed)
    measured = _measured(plan, question, partial(measuring, issues=issues), rules, limits)
    rows = run_rows(runs.runs, measured.by_run, pair, rules.runs_averaged)
    both = _BothArms.of(question, runs, rules, measured)
    ratio, users = both.ratios()
    account = both.account(ratio)
    summaries = both.summaries()
    ran = question.configured(summaries)
    other_time, partly = both.times(rows)
    metrics = [_account_metric(gate, measured) for gate in plan.gates.values()]
    return Comparison(
        measured, rules, pair, profile, limits, rows, summaries,
        design=validity.described(both.design), invalid=validity.invalid(pair, profiles, users),
        blocks=both.blocks(ran, account, ratio, other_time), spent=validity.spent(look),
        account=account, completeness=account.all(metrics),
        doubts={**runs.doubts, **question.doubts}, sources=RunSources.of(measured, pair, rows),
        adjusts=question.adjust, prompt_sources=PromptSources(measured, pair),
        warnings=validity.warnings(both.design, runs, pair, summaries, partly),
        set_aside=question.set_aside, fixed=fixed,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _BothArms:
    """Both arms, measured once, as they are asked whether they can be compared.

    Attributes:
        design: how they compare.
        people: how their users do, whatever clusters these are in.
    """

    question: Asked
    runs: Runs
    rules: Evidence
    measured: Measured
    design: Design
    people: Design

    @classmethod
    def of(cls, question: Asked, runs: Runs, rules: Evidence, measured: Measured) -> _BothArms:
        """Read off the samples how the arms compare."""
        arms = arms_of(measured.table, _headline(measured), question.pair, measured)
        design = read_design(arms, "difference")[1]
        people = material.of_people(measured, design)
        return cls(question, runs, rules, measured, design, people)

    def ratios(self) -> tuple[Reason | None, Reason | None]:
        """Test how samples, and how users, were split; nothing where nobody was."""
        question, measured, rules = self.question, self.measured, self.rules
        if not question.allocates:
            return None, None
        pair, allocation = question.pair, question.allocation
        ratio = material.sample_ratio(measured, self.runs, pair, rules, allocation)
        allocated = material.allocated(measured, self.design)
        return ratio, material.user_ratio(allocated, rules, allocation)

    def account(self, ratio: Reason | None) -> Account:
        """Count what both arms lack; where both ran the same prompts, prompt by prompt."""
        pair, measured = self.question.pair, self.measured
        same_prompts = material.replayed(measured, self.people)
        split = self.question.allocation is not None or ratio is not None
        lacking = lacks(measured, self.runs, pair, replayed=same_prompts, split=split)
        by_prompt = same_prompts and measured.unit == "prompt"
        scale = run_scale(measured.counts, pair) if by_prompt else None
        return Account(measured, pair, lacking, self.rules, scale)

    def summaries(self) -> tuple[ArmSummary, ...]:
        """Sum up each arm: what it ran, and what that cost."""
        return tuple(
            configuration.summary(
                arm, self.runs, count, configuration.bill(self.measured.table, arm)
            )
            for arm, count in self.measured.counts.items()
        )

    def times(self, rows: Sequence[RunRow]) -> tuple[Reason | None, Reason | None]:
        """Say whether the arms ran at other times, as what blocks and as what is told."""
        other_time, partly = periods.met(rows, self.question.pair, self.rules.max_apart_hours)
        return (other_time, partly) if self.question.same_time else (None, other_time or partly)

    def blocks(
        self, ran: Configured, account: Account, ratio: Reason | None, other_time: Reason | None
    ) -> tuple[Reason, ...]:
        """Say why no gate may pass, whatever its estimate is."""
        measured, runs, rules = self.measured, self.runs, self.rules
        return (
            *self.question.blocks, *ran.blocks,
            *unreadable(account.lacking, measured, runs, rules), *([ratio] if ratio else []),
            *self._of_material(ran.steered),
            *absent(account.lacking, measured, rules),
            *validity.unnamed(measured.unit, measured.named), *([other_time] if other_time else []),
            *validity.clusters(measured, runs.source),
            *validity.nameless(runs, measured, self.question.pair),
        )  # fmt: skip

    def _of_material(self, steered: Collection[str]) -> tuple[Reason, ...]:
        """Say whether the arms met other material; of users whom nobody split, if it is named."""
        pair, measured, allocates = self.question.pair, self.measured, self.question.allocates
        whole = self.people if allocates else None
        unlike = material.unlike(measured, whole, self.rules, pair, steered)
        return (*unlike, *([] if allocates else material.unnamed(measured, pair)))


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


def _headline(measured: Measured) -> str:
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
