"""One gate, judged twice: the plan's literal rule on the last runs, the evidence on all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.judge.people import as_people_have_it, doubted, people_for
from rolloutlib.judge.record import EvidenceVerdict, GateResult, PlanVerdict, StageEvidence, Verdict
from rolloutlib.judge.verdicts import evidence_of, judge_evidence, judge_plan, of_share, tolerated
from rolloutlib.measure.adjustment import adjust
from rolloutlib.measure.carried import stage_arms, summed
from rolloutlib.measure.corrected import needed_labels
from rolloutlib.measure.design import compared as as_compared
from rolloutlib.measure.design import metric_of, told_by
from rolloutlib.measure.estimates import clears, estimate_gate
from rolloutlib.measure.method_names import cuped, not_adjusted
from rolloutlib.measure.needed import UNITS, Needed, needed, needed_for_quantiles
from rolloutlib.measure.unseen import (
    OUTAGE,
    breaks,
    due_runs,
    due_units,
    outage_missed,
    seen_units,
    unseen,
    worst_of,
)
from rolloutlib.plan.metrics import is_binary
from rolloutlib.reason import because, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.measure.comparison import Comparison, Seen
    from rolloutlib.measure.corrected import People
    from rolloutlib.measure.design import Arms
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.plan.gates import Decides
    from rolloutlib.plan.model import Gate, Profile
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Fact, Reason

__all__ = ["estimated", "gate_row", "judge_gate"]

ADJUSTABLE = ("score", "latency_ms")  # what a covariate is regressed out of
Levels = tuple[float | None, float | None]


def judge_gate(
    compared: Comparison, key: str, gate: Gate, stage: StageId, *,
    decides: Decides, rising: Sequence[str] = (),
) -> GateResult:  # fmt: skip
    """Judge one gate of the plan on both arms.

    Args:
        compared: both arms.
        key: the gate's id in the plan.
        gate: its rules.
        stage: whose proof limit it has.
        decides: what the plan says of a control without issues.
        rising: issues that rise significantly.
    """
    data, limits = compared.gate(gate), compared.limits
    judged = NOTHING
    if data.nothing:
        plan, evidence = _nothing(compared, data, decides, rising)
    else:
        whole = summed(compared, gate, data)
        judged = _judged(compared, gate, whole)
        data = as_people_have_it(data, judged.people)
        plan = judge_plan(
            gate, data.planned.value, gate.plan_limit(limits),
            runs=data.planned.runs, runs_wanted=compared.rules.runs_averaged,
        )  # fmt: skip
        plan = _plan_at_worst(compared, gate, data, plan)
        limit = gate.proof_limit(stage, limits)
        evidence = _evidence(compared, gate, whole, stage, judged)
        if whole is not data and evidence.verdict is Verdict.PASS:
            evidence = _not_against_its_own(compared, gate, data, limit, evidence)
    levels = (data.control, data.treatment)
    row = gate_row(key, gate, stage, limits, levels, plan, evidence, subject=data.subject)
    worst = data.worst_planned.value if data.worst_planned else None
    return msgspec.structs.replace(
        row,
        chosen=data.chosen,
        tolerated=tolerated(row, worst),
        stages=_by_stage(compared, gate, data, stage),
        capped=data.capped,
        labels=judged.people.told if judged.people else None,
    )


class _Judged(NamedTuple):
    """What a gate's estimate is made of, the estimate, and what people's labels make of it."""

    arms: Arms | None
    estimate: Estimate | None
    people: People | None


NOTHING: Final = _Judged(None, None, None)


def _judged(compared: Comparison, gate: Gate, data: Seen) -> _Judged:
    """Estimate the gate, as people would have it where they labelled some of its samples."""
    arms, own = estimated(compared, gate, data)
    people = people_for(compared, gate, arms, own)
    return _Judged(arms, people.estimate if people else own, people)


def _not_against_its_own(
    compared: Comparison, gate: Gate, data: Seen, limit: float, judged: EvidenceVerdict
) -> EvidenceVerdict:
    """Let a pass of several stages stand only if the reviewed one does not prove the breach."""
    if data.arms is None:
        return judged
    alone = estimate_gate(gate, data.arms, compared.rules, metric=data.metric or "")
    own = judge_evidence(gate, alone, limit, missing=None)
    if own.verdict is not Verdict.FAIL:
        return judged
    why = because("carry.contradicts")
    return msgspec.structs.replace(judged, verdict=Verdict.INCONCLUSIVE, why=why)


def _by_stage(
    compared: Comparison, gate: Gate, data: Seen, stage: StageId
) -> tuple[StageEvidence, ...]:
    """Estimate each stage by itself, where several stages' samples are summed."""
    rows: list[StageEvidence] = []
    for number, arms in stage_arms(compared, gate, data, stage):
        alone = estimate_gate(gate, arms, compared.rules, metric=data.metric or "")
        counts = (int(part.n.sum()) for part in (arms.control, arms.treatment))
        ends = (alone.point, alone.lower, alone.upper) if alone else (None, None, None)
        rows.append(StageEvidence(number, *counts, *map(known, ends)))
    return tuple(rows)


def gate_row(
    key: str, gate: Gate, stage: StageId, limits: Profile, levels: Levels,
    plan: PlanVerdict, evidence: EvidenceVerdict, *, subject: str | None = None,
) -> GateResult:  # fmt: skip
    """Return a gate's row: what the plan says of it, both arms' own levels, both verdicts."""
    both = plan.clears is not None and evidence.point is not None
    return GateResult(
        id=key, title=gate.title, subject=subject, unit=gate.unit,
        limit=gate.plan_limit(limits), proof_limit=gate.proof_limit(stage, limits),
        control=levels[0], treatment=levels[1], plan=plan, evidence=evidence,
        disagrees=both and plan.clears != (evidence.verdict is Verdict.PASS),
        metric=metric_of(gate) if gate.scorer else gate.metric, contrast=gate.contrast,
        statistic=gate.statistic,
        quantile=gate.quantile, harm=gate.harm,
        evidence_unit=gate.evidence_unit,
        signed=gate.contrast == "difference",
        tolerance=gate.tolerance if gate.reading == "tolerant" else None,
    )  # fmt: skip


def _nothing(
    compared: Comparison, data: Seen, decides: Decides, rising: Sequence[str]
) -> tuple[PlanVerdict, EvidenceVerdict]:
    """Judge the top issue where the control carries none: there is nothing to reduce."""
    verdicts = {"pass": Verdict.PASS, "fail": Verdict.FAIL, "open": Verdict.INCONCLUSIVE}
    verdict, why = verdicts[decides.nothing_to_reduce], because("issues.nothing")
    if rising and verdict is Verdict.PASS:
        verdict, why = Verdict.FAIL, because("issues.appear", issues=tuple(rising))
    if compared.invalid is not None:
        verdict, why = Verdict.INVALID, compared.invalid
    elif block := next(iter(compared.blocks), data.gaps or compared.spent):
        verdict, why = Verdict.INCONCLUSIVE, block
    runs_wanted = compared.rules.runs_averaged
    literal = verdict if verdict in verdicts.values() else Verdict.INCONCLUSIVE
    return PlanVerdict(literal, None, None, 0, runs_wanted), evidence_of(None, verdict, why)


def _evidence(
    compared: Comparison, gate: Gate, data: Seen, stage: StageId, basis: _Judged
) -> EvidenceVerdict:
    limit = gate.proof_limit(stage, compared.limits)
    arms, estimate, people = basis
    if compared.invalid is not None:
        return evidence_of(estimate, Verdict.INVALID, compared.invalid)
    gaps = data.gaps or doubted(compared, gate, people)
    missing = next(iter(compared.blocks), gaps or compared.spent) if estimate else data.absent
    judged = judge_evidence(gate, estimate, limit, missing=missing)
    if judged.verdict is Verdict.PASS and estimate is not None:
        judged = _at_worst(compared, gate, data, limit, judged)
    if judged.verdict is Verdict.PASS and people and people.contradicts:
        labels = people.told
        why = because("labels.contradict", control=labels.control, treatment=labels.treatment,
                      change=labels.shift, measure=gate.unit, signed=True)  # fmt: skip
        return msgspec.structs.replace(judged, verdict=Verdict.INCONCLUSIVE, why=why)
    if judged.verdict is Verdict.PASS and estimate is not None and arms is not None:
        if (doubt := _unseen(compared, gate, data.metric or "", arms, estimate, stage)) is None:
            return judged
        return evidence_of(estimate, Verdict.INCONCLUSIVE, *doubt)
    if judged.verdict is not Verdict.INCONCLUSIVE or estimate is None or arms is None:
        return judged
    more = _more(compared, gate, data, limit, _Judged(arms, estimate, people))
    selected = judged.why.code == "labels.selected_score"  # more of such labels settle nothing
    return evidence_of(estimate, judged.verdict, judged.why, None if selected else more)


def _more(
    compared: Comparison, gate: Gate, data: Seen, limit: float, basis: _Judged
) -> Needed | None:
    """Return how much more would settle an open gate."""
    arms, estimate, people = basis
    if arms is None or estimate is None:
        return None
    alternative, rules = gate.design_alternative(compared.limits), compared.rules
    if gate.is_quantile_ratio:
        return needed_for_quantiles(estimate, limit=limit, alternative=alternative, rules=rules)
    more = people and needed_labels(gate, people, limit, alternative, rules)
    return more or needed(
        gate, arms, estimate.design, metric=data.metric or "", limit=limit,
        alternative=alternative, rules=rules,
    )  # fmt: skip


def _at_worst(
    compared: Comparison, gate: Gate, data: Seen, limit: float, judged: EvidenceVerdict
) -> EvidenceVerdict:
    """Let a pass stand only if it survives that everything that is missing is bad."""
    if data.worst is None or data.metric is None:
        return judged
    estimate = estimate_gate(gate, data.worst, compared.rules, metric=data.metric)
    if people := people_for(compared, gate, data.worst, estimate):
        estimate = people.estimate
    again = judge_evidence(gate, estimate, limit, missing=None)
    if again.verdict is Verdict.PASS:
        return judged
    worst = again.lower if gate.harm == "lower" else again.upper
    why = because("missing.worst", **_lacking(compared, gate, data.metric), worst=worst,
                  limit=limit, measure=gate.evidence_unit, signed=gate.contrast == "difference",
                  **of_share(gate, gate.plan_limit(compared.limits)))  # fmt: skip
    return msgspec.structs.replace(judged, verdict=Verdict.INCONCLUSIVE, why=why)


def _unseen(
    compared: Comparison, gate: Gate, metric: str, arms: Arms, estimate: Estimate, stage: StageId
) -> tuple[Reason, Needed] | None:  # fmt: skip
    """Say that what nobody saw may break the stage's limit, where the plan holds for that."""
    rules = compared.rules
    runs = next((row.treatment for row in estimate.varied if row.source == "run"), 1)
    if outage_missed(rules, gate, runs):
        why = because("evidence.outage", runs=runs, missed=(1 - OUTAGE) ** runs, enough=due_runs())
        return why, Needed("runs", due_runs(), due_runs() - runs)
    cap_ms = min(rules.timeout_cap_ms, compared.measured.latency_cap_ms)
    holds = rules.holds_unseen(gate, stage) and not gate.is_quantile_ratio
    worst = worst_of(gate, metric, cap_ms) if holds else None
    if gate.estimand == "per_user":
        arms = arms.per_user(binary=is_binary(metric))
    both, limit = as_compared(arms, estimate.design.kind), gate.proof_limit(stage, compared.limits)
    if worst is None or not breaks(gate, both, limit, worst, metric=metric)[0]:
        return None
    bound, units = unseen(gate, both, worst, metric=metric), int(seen_units(both)[0])
    base, slope = float(bound.base[0]), float(bound.slope[0])
    enough = due_units((limit - base) / slope)
    why = because(
        "evidence.unseen", units=units, unit=arms.unit, share=float(bound.share[0]),
        value=float(bound.value[0]), limit=limit, measure=gate.evidence_unit,
        signed=gate.contrast == "difference", enough=enough,
        **of_share(gate, gate.plan_limit(compared.limits)),
    )  # fmt: skip
    return why, Needed(UNITS[arms.unit], enough, enough - units)


def _plan_at_worst(
    compared: Comparison, gate: Gate, data: Seen, judged: PlanVerdict
) -> PlanVerdict:
    """Let the plan's pass stand only if it survives the same."""
    worst = data.worst_planned.value if data.worst_planned else None
    if judged.verdict is not Verdict.PASS or worst is None or data.metric is None:
        return judged
    limit = gate.plan_limit(compared.limits)
    if clears(worst, limit, gate.harm):
        return judged
    why = because("missing.worst", **_lacking(compared, gate, data.metric), worst=worst,
                  limit=limit, measure=gate.unit, signed=gate.contrast == "difference")  # fmt: skip
    return msgspec.structs.replace(judged, verdict=Verdict.INCONCLUSIVE, why=why)


def _lacking(compared: Comparison, gate: Gate, metric: str) -> dict[str, Fact]:
    """Return the arm of those compared that lacks most of a metric, and how much."""
    of_samples = told_by(metric)
    pair = compared.pair[1:] if gate.contrast == "treatment" else compared.pair
    earlier = (each.compared.account for each in compared.earlier)
    accounts = [
        compared.account,
        *(each for each in earlier if of_samples in each.measured.table.metrics),
    ]
    rows = (account.of(of_samples, arm) for account in accounts for arm in pair)
    row = max(rows, key=lambda r: r.missing)
    return {"arm": row.arm, "rows": row.expected - row.known, "expected": row.expected,
            "share": row.missing}  # fmt: skip


def estimated(compared: Comparison, gate: Gate, data: Seen) -> tuple[Arms | None, Estimate | None]:
    """Estimate the gate's contrast; a difference, where asked for, without the covariate's part."""
    if data.arms is None or data.metric is None:
        return None, None
    plain = estimate_gate(gate, data.arms, compared.rules, metric=data.metric)
    if plain is None or not compared.adjusts or data.metric not in ADJUSTABLE:
        return data.arms, plain
    if gate.contrast == "treatment":
        return data.arms, replace(plain, method=not_adjusted(plain.method))
    covariate = compared.arms(compared.measured.table, "covariate")
    arms, _ = adjust(data.arms, covariate)
    estimate = estimate_gate(gate, arms, compared.rules, metric=data.metric)
    if estimate is None:
        return arms, plain
    narrower = 1 - (estimate.upper - estimate.lower) / (plain.upper - plain.lower)
    method = cuped(estimate.method, narrower, plain.lower, plain.upper)
    return arms, replace(estimate, method=method)
