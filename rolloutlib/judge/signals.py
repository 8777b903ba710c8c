"""What data show of the risk register: a number for each signal, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rolloutlib.judge.readings import NATS, Reading, Signals
from rolloutlib.judge.risks import judge_risks
from rolloutlib.measure.design import Arms, metric_of
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.moments import Cells, added
from rolloutlib.measure.shares import cells_of_share, tags_of
from rolloutlib.measure.subject import spelled_as_there
from rolloutlib.plan.gates import Gate
from rolloutlib.plan.metrics import metric_record
from rolloutlib.reason import Reason, because, known
from rolloutlib.runs.spellings import folded
from rolloutlib.stats import divergence, proportions, sequential

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rolloutlib.judge.risks import RiskState
    from rolloutlib.judge.sources import Source
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.moments import Floats, MomentTable
    from rolloutlib.measure.shares import Shares
    from rolloutlib.plan.gates import Evidence
    from rolloutlib.plan.model import Plan, Risk, Signal

__all__ = ["crowded", "levels_of", "mix_reading", "read_signals", "risks_of", "share_reading"]

MOST_REASONS = 50  # of vetoes that are tested, the most frequent ones
SIGNIFICANT = 0.05  # family-wise, after Holm
FARTHEST: Final = 99.0  # nats: what a mix diverges that has what the plan excludes
_VETOED = Gate(title="", metric="vetoed", contrast="difference", harm="higher", limit=1.0,
               alternative=0.0)  # fmt: skip


def risks_of(plan: Plan, source: Source, compared: Comparison) -> tuple[RiskState, ...]:
    """Judge the risk register by what was measured, of a review or of the days of a watch."""
    shares = source.sharing(compared.pair, unit=compared.measured.unit)
    return judge_risks(plan, read_signals(plan, compared, shares, source.runs.copies))


def read_signals(
    plan: Plan, compared: Comparison, shares: Shares, copies: Mapping[str, int]
) -> Signals:
    """Read every signal of the register that data can show.

    Args:
        plan: whose register it is.
        compared: both arms, of a review or of the days of a watch.
        shares: the same samples' counts.
        copies: rows that were left out because they repeat others, by arm.
    """
    readings: dict[tuple[str, str], Reading] = {}
    for risk_id, risk in plan.risks.items():
        for name, signal in risk.shown_by.items():
            if signal.metric is not None:
                reading = _contrast(compared, signal, shares)
            elif signal.mix is not None:
                reading = _mix(plan, compared, shares)
            elif signal.share == "tags":
                reading = _crowded(risk, compared, shares)
            elif signal.share == "copies":
                reading = _copied(compared, copies)
            else:
                continue
            readings[risk_id, name] = reading
    latency = compared.measured.table.where(arm=compared.pair[1]).all("latency_ms")
    mean = known(latency.mean[0]) if latency.n[0] else None
    return Signals(readings, compared.profile, mean)


# --- contrasts of the arms ------------------------------------------------------------------------


def _contrast(compared: Comparison, signal: Signal, shares: Shares) -> Reading:
    """Estimate a contrast as a gate on it would."""
    contrast, metric = signal.contrast or "difference", signal.metric or "passed"
    signed = contrast == "difference"
    measure = metric_record(metric).unit if signed else "ratio"
    if compared.invalid is not None:
        return Reading(measure=measure, signed=signed, absent=compared.invalid)
    gate = Gate(
        title="", metric=metric, contrast=contrast,
        harm="higher" if signal.below is None else "lower",
        limit=1.0, alternative=0.0 if signal.below is None else 2.0,
    )  # fmt: skip
    arms, absent = _arms(compared, gate, signal)
    estimate = None
    if arms is not None:
        estimate = estimate_gate(gate, arms, compared.rules, metric=metric_of(gate, signal.issue))
    if estimate is None:
        return Reading(measure=measure, signed=signed, absent=absent or because("evidence.none"))
    remarks = _vetoes(compared, shares) if signal.vetoes else ()
    return _of_estimate(estimate, measure, signed=signed, remarks=remarks)


def _of_estimate(
    estimate: Estimate, measure: str, *, signed: bool, remarks: tuple[Reason, ...] = ()
) -> Reading:
    """Take an estimate's numbers; one that is capped proves nothing, so it has no bounds."""
    free = estimate.cap is None
    return Reading(
        value=known(estimate.point), lower=known(estimate.lower) if free else None,
        upper=known(estimate.upper) if free else None, measure=measure, signed=signed,
        n=estimate.n_treatment, method=str(estimate.method),
        told=(*([] if estimate.cap is None else [estimate.cap]), *remarks),
    )  # fmt: skip


def _arms(compared: Comparison, gate: Gate, signal: Signal) -> tuple[Arms | None, Reason | None]:
    """Line up both arms; an issue that no sample carries is 0 wherever issues are told."""
    table = compared.measured.table
    if signal.issue is None:
        data = compared.seen(gate, metric_of(gate))
        return (data.arms, data.absent) if data.absent is None else (None, data.absent)
    tag = spelled_as_there(signal.issue, {tag for _, tag in compared.measured.carried})
    if f"issue:{tag}" in table.metrics:
        arms = compared.arms(table, f"issue:{tag}")
    else:
        arms = compared.arms(table, "any_issue")
        control, treatment = (
            Cells(c.n, np.zeros_like(c.n), np.zeros_like(c.n))
            for c in (arms.control, arms.treatment)
        )
        arms = Arms(control, treatment, arms.unit)
    labelled = arms.control.n.sum() and arms.treatment.n.sum()
    return (arms, None) if labelled else (None, because("field.missing", field="issues"))


def _vetoes(compared: Comparison, shares: Shares) -> tuple[Reason, ...]:
    """Say which veto reasons rose, by guardian profile: Holm over all that there are."""
    counts = _reasons_by_profile(shares.vetoes)
    if not counts:
        return (because("risk.no_vetoes"),)
    if all(reason is None for _, reason in counts):
        return (because("field.missing", field="vetoReason"),)
    listed = sorted(counts, key=lambda pair: (-counts[pair], str(pair)))[:MOST_REASONS]
    tests = [_risen(compared, shares, *pair) for pair in listed]
    adjusted = sequential.holm([test.p for test in tests]).tolist()
    rose = [
        because("risk.veto_rose", reason=test.reason or "–", profile=test.profile or "–",
                control=test.control, treatment=test.treatment, p=p)
        for test, p in zip(tests, adjusted, strict=True)
        if p < SIGNIFICANT
    ]  # fmt: skip
    return tuple(rose) or (because("risk.vetoes_same", count=len(tests)),)


def _reasons_by_profile(vetoes: MomentTable) -> dict[tuple[str | None, str | None], float]:
    """Return how many samples were vetoed, by profile and reason."""
    profile, reason = vetoes.keys["profile"], vetoes.keys["reason"]
    counts: dict[tuple[str | None, str | None], float] = {}
    for p, r, rows in zip(profile.codes, reason.codes, vetoes.rows, strict=True):
        pair = (profile.labels[int(p)], reason.labels[int(r)])
        counts[pair] = counts.get(pair, 0.0) + float(rows)
    return counts


@dataclass(frozen=True, slots=True)
class _Risen:
    """A veto reason under a profile: its share in both arms, and the test that it rose."""

    profile: str | None
    reason: str | None
    control: float
    treatment: float
    p: float


def _risen(compared: Comparison, shares: Shares, profile: str | None, reason: str | None) -> _Risen:
    clusters = shares.mix.keys["cluster"].labels
    where = {"profile": profile, "reason": reason}
    cells = [cells_of_share(shares.mix, shares.vetoes, where, arm, clusters)
             for arm in compared.pair]  # fmt: skip
    arms = Arms(cells[0], cells[1], compared.measured.unit)
    estimate = estimate_gate(_VETOED, arms, compared.rules, metric="vetoed")
    usable = estimate is not None and estimate.cap is None and estimate.p_worse is not None
    levels = [float(c.total.sum() / max(c.n.sum(), 1.0)) for c in cells]
    p = estimate.p_worse if usable and estimate and estimate.p_worse is not None else 1.0
    return _Risen(profile, reason, levels[0], levels[1], p)


# --- mixes and shares -----------------------------------------------------------------------------


def _mix(plan: Plan, compared: Comparison, shares: Shares) -> Reading:
    """Hold the treatment's difficulty against the planned mix, cluster by cluster."""
    treated, target = shares.mix.where(arm=compared.pair[1]), plan.monitoring.difficulty
    single = compared.measured.unit == "sample"
    counts = levels_of(treated, target, single=single)
    return mix_reading(counts, {**target}, compared.rules, single=single)


def levels_of(mix: MomentTable, levels: Collection[str], *, single: bool) -> Floats:
    """Return samples by cluster and difficulty; where each stands for itself, of all together."""
    cluster, difficulty = mix.keys["cluster"], mix.keys["difficulty"]
    counts = np.zeros((max(len(cluster.labels), 1), len(levels)))
    for column, label in enumerate(levels):
        chosen = difficulty.codes == difficulty.code(label)
        counts[:, column] = added(cluster.codes[chosen], mix.rows[chosen], len(counts))
    return counts.sum(axis=0, keepdims=True) if single else counts


def mix_reading(
    counts: Floats, target: Mapping[str, float], rules: Evidence, *, single: bool
) -> Reading:
    """Return the divergence of a mix from its target, and what chance alone stays within.

    KL in nats (`stats.divergence`). Samples of one cluster are alike, so n counts divided by the
    design effect (Rao & Scott 1981).

    Args:
        counts: (clusters, categories) of samples.
        target: the planned shares, in the order of the categories.
        rules: confidence, and how many clusters a bound needs.
        single: whether each sample stands for itself.
    """
    whole = counts.sum(axis=0)
    planned, n = [*target.values()], int(whole.sum())
    if not n:
        return Reading(measure=NATS, absent=because("field.missing", field="difficulty"))
    kl = min(divergence.kl_divergence(whole, planned), FARTHEST)
    groups = int((counts.sum(axis=1) > 0).sum())
    if not single and groups < rules.min_clusters:
        few = because("risk.few_clusters", clusters=groups, least=rules.min_clusters)
        return Reading(value=known(kl), measure=NATS, n=n, told=(few,))
    effect = 1.0 if single else divergence.design_effect(counts)
    effective = max(1, int(n / max(1.0, effect if np.isfinite(effect) else 1.0)))
    chance = divergence.kl_chance(kl, effective, planned, confidence=rules.confidence)
    method = "KL; chance by clusters (Rao & Scott 1981)" if effect > 1 else "KL"
    shown = tuple(
        because("risk.part", by=label, share=x / n, planned=share)
        for (label, share), x in zip(target.items(), whole.tolist(), strict=True)
    )
    return Reading(value=known(kl), measure=NATS, n=n, chance=chance.within,
                   p=chance.p_value, method=method, told=shown)  # fmt: skip


def _crowded(risk: Risk, compared: Comparison, shares: Shares) -> Reading:
    """Count the treatment's samples with more tags than the risk allows, or with opposed ones."""
    sets = tags_of(shares.tags, compared.pair[1]) if shares.tags is not None else {}
    if not sets:
        return Reading(absent=because("field.missing", field="suggestedTags"))
    crowds = [(n, *crowded(tags, risk)) for tags, n in sets.items()]
    many = sum(n for n, too_many, _ in crowds if too_many)
    opposed = {pair: sum(n for n, _, pairs in crowds if pair in pairs)
               for pair in risk.contradictory}  # fmt: skip
    wrong = sum(n for n, too_many, pairs in crowds if too_many or pairs)
    remarks = [because("risk.many_tags", count=many, most=risk.max_tags)] if many else []
    remarks += [
        because("risk.opposed", count=n, one=pair[0], other=pair[1])
        for pair, n in opposed.items()
        if n
    ]
    return share_reading(wrong, sum(sets.values()), compared.rules, remarks=tuple(remarks))


def crowded(tags: Sequence[str], risk: Risk | None) -> tuple[bool, list[tuple[str, str]]]:
    """Return whether a risk allows fewer tags, and which of its pairs they hold, any spelling."""
    if risk is None:
        return False, []
    spelled_alike = {*map(folded, tags)}
    opposed = [pair for pair in risk.contradictory if {*map(folded, pair)} <= spelled_alike]
    return risk.max_tags is not None and len(tags) > risk.max_tags, opposed


def _copied(compared: Comparison, copies: Mapping[str, int]) -> Reading:
    """Count the rows of the treatment that repeat others, among all that were read of it."""
    arm = compared.pair[1]
    rows, left_out = compared.measured.counts[arm].samples, copies.get(arm, 0)
    return share_reading(left_out, rows + left_out, compared.rules)


def share_reading(
    count: int, n: int, rules: Evidence, *, remarks: tuple[Reason, ...] = ()
) -> Reading:
    """Return a share with its exact bounds; samples count as independent ones."""
    if not n:
        return Reading(absent=because("evidence.none"))
    bounds = proportions.clopper_pearson(count, n, confidence=rules.confidence)
    return Reading(
        value=count / n, lower=float(bounds.lower), upper=float(bounds.upper), n=n, count=count,
        method="Clopper & Pearson 1934", told=remarks,
    )  # fmt: skip
