"""The numbers that each feature's risk demands, over the days that are watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np

from rolloutlib.judge.readings import NATS
from rolloutlib.measure.daily_bands import count_bounds, day_sums_of
from rolloutlib.measure.design import Arms, Sums
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.plan.gates import Gate
from rolloutlib.reason import because, known
from rolloutlib.watch.mixes import difficulty, duplicates, nothing, suggested, vetoes
from rolloutlib.watch.record import FeatureSignal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.daily import Days
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.moments import Cells
    from rolloutlib.plan.metrics import MetricName
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.stages import FeatureId
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Fact

__all__ = ["signals"]

Contrast = Literal["difference", "ratio"]
Lined = Callable[[str], Arms]


def signals(
    days: Days, plan: Plan, arms: tuple[str, str], stage: StageId,
    copies: Mapping[str, int] | None = None, lined: Lined | None = None,
) -> tuple[FeatureSignal, ...]:  # fmt: skip
    """Return a number for each risk that the plan names, A to F; what data do not tell is said.

    Args:
        days: both arms, summed up by day.
        plan: the features, their planned mix, and the limits of the register.
        arms: names of the control and the treatment.
        stage: whose flags the arms have by the plan, where the runs do not tell theirs.
        copies: rows that were left out because they repeat others, by arm (`Runs.copies`).
        lined: both arms of a metric by cluster with what runs add, as the register has them
            (`Comparison.arms`), so that a number has the same bounds there; else the days' own.
    """
    if not days.dates:
        return ()
    treatment, none = arms[1], copies or {}
    arms_of = lined or partial(_between, days, arms)
    makers: tuple[tuple[FeatureId, str, Callable[[], FeatureSignal]], ...] = (
        ("A", "latency_ratio", partial(_latency, days, plan, arms, stage, arms_of)),
        ("B", "veto_reasons", partial(vetoes, days, treatment)),
        ("C", "tags", partial(suggested, days, plan, treatment)),
        ("D", "difficulty_mix", partial(_mix, days, plan, treatment, stage)),
        ("D", "duplicates", partial(duplicates, days, plan, treatment, none)),
        ("E", "style", partial(_style, days, plan, arms, arms_of)),
        ("F", "mode", partial(_mode, days, plan, treatment)),
    )
    treated = bool(days.table.where(arm=treatment).rows.sum())
    return tuple(
        make() if treated else nothing(feature, name, "count", because("watch.no_treatment"))
        for feature, name, make in makers if feature in plan.features
    )  # fmt: skip


def _mix(days: Days, plan: Plan, treatment: str, stage: StageId) -> FeatureSignal:
    """Hold difficulty against the plan, unless the feature that steers it is off."""
    values, _ = _settings(days, plan, treatment, stage, "D")
    if values == {plan.features["D"].disabled}:
        return nothing("D", "difficulty_mix", NATS, because("watch.mix_off"))
    return difficulty(days, plan, treatment)


# --- A: what search costs -------------------------------------------------------------------------


def _latency(
    days: Days, plan: Plan, arms: tuple[str, str], stage: StageId, arms_of: Lined
) -> FeatureSignal:
    """Compare latencies with feature A on and off: the ratio of means, by Fieller's bounds."""
    absent = partial(nothing, "A", "latency_ratio", "ratio")
    feature = plan.features["A"]
    settings = [_settings(days, plan, arm, stage, "A") for arm in arms]
    by_runs = all(of_runs for _, of_runs in settings)
    how = because("watch.flags_told") if by_runs else because("watch.flags_planned")
    if any(not values for values, _ in settings):
        return absent(because("watch.flag_untold", title=feature.title))
    if any(len(values) > 1 for values, _ in settings):
        return absent(because("watch.flag_mixed", title=feature.title))
    before, after = (next(iter(values)) for values, _ in settings)
    if before == after:
        setting = str(after).lower()
        return absent(because("watch.flag_same", title=feature.title, setting=setting, how=how))
    limit = _limit(plan, "A", "latency_ms")
    estimate = _estimate(arms_of("latency_ms"), "latency_ms", "ratio", plan)
    if estimate is None:
        return absent(because("watch.no_latency"))
    estimate = estimate if after == feature.enabled else _turned(estimate)
    facts = _facts(estimate, limit, "ratio")
    says = because("watch.latency", title=feature.title, how=how, **facts)
    return FeatureSignal("A", "latency_ratio", "ratio", estimate.point, *_ends(estimate), limit,
                         _beyond(estimate, limit), (), says)  # fmt: skip


def _settings(
    days: Days, plan: Plan, arm: str, stage: StageId, feature: FeatureId
) -> tuple[set[bool | str], bool]:
    """Return the values of a feature's flag in an arm, and whether the runs tell them."""
    key = plan.features[feature].flag
    short = key.partition(".")[2] or key
    flag_sets = [dict(run.flags) for run in days.runs if run.arm == arm and run.flags is not None]
    values = {flags[name] for flags in flag_sets for name in (short,) if name in flags}
    if values:
        return values, True
    planned = plan.flags_of_arms(stage).get(arm, {})
    return ({planned[key]} if key in planned else set()), False


# --- E: style -------------------------------------------------------------------------------------


def _style(days: Days, plan: Plan, arms: tuple[str, str], arms_of: Lined) -> FeatureSignal:
    """Count the treatment's style violations a sample, beside the control's."""
    metric: MetricName = "style_violations"
    absent = partial(nothing, "E", "style", "count")
    control, treatment = (_pooled(day_sums_of(days, arm, metric)) for arm in arms)
    n = float(treatment.n.sum())
    if not n:
        return absent(because("watch.untold", field="styleViolations"))
    rate = float(treatment.total.sum()) / n
    lower, upper = (float(end[0]) for end in count_bounds(treatment, days, plan.evidence))
    others = float(control.n.sum())
    before = float(control.total.sum()) / others if others else None
    parts = [("violations", arms[1], rate)]
    parts += [("violations", arms[0], before)] if before is not None else []
    bound = _limit(plan, "E", metric)
    limit = None if bound is None or not before else bound * before
    estimate = _estimate(arms_of(metric), metric, "ratio", plan)
    beside = (
        because("watch.style_alone") if estimate is None
        else because("watch.style_beside", **_facts(estimate, bound, "ratio"))
    )  # fmt: skip
    says = because("watch.style", value=rate, lower=known(lower), upper=known(upper),
                   measure="count", signed=False, count=round(n), beside=beside)  # fmt: skip
    beyond = None if estimate is None else _beyond(estimate, bound)
    return FeatureSignal("E", "style", "count", rate, known(lower), known(upper), limit, beyond,
                         tuple(parts), says)  # fmt: skip


def _pooled(sums: Sums) -> Sums:
    """Return the sums of all days together, as one repetition."""
    n, total = (part.sum(axis=0, keepdims=True) for part in (sums.n, sums.total))
    within = np.broadcast_to(sums.within, sums.n.shape)
    day = sums.total / np.maximum(sums.n, 1.0)
    mean = total / np.maximum(n, 1.0)
    return Sums(n, total, np.sum(within + sums.n * (day - mean) ** 2, axis=0, keepdims=True))


# --- F: the generator's mode ----------------------------------------------------------------------


def _mode(days: Days, plan: Plan, treatment: str) -> FeatureSignal:
    """Say which modes the treatment ran in, and how they differ in what passed."""
    absent = partial(nothing, "F", "mode", "proportion")
    feature = plan.features["F"]
    short = feature.flag.partition(".")[2] or feature.flag
    modes: dict[str, set[str]] = {}
    untold = 0
    for run in days.runs:
        if run.arm == treatment:
            value = dict(run.flags or ()).get(short)
            untold += value is None
            if value is not None:
                modes.setdefault(str(value), set()).add(run.run_id)
    if not modes:
        return absent(because("watch.no_mode"))
    names = tuple(sorted(modes, key=lambda name: (name != str(feature.enabled), name)))
    parts: list[tuple[str, str, float]] = []
    for name in names:
        cells = _passed_of(days, treatment, modes[name])
        if cells.n.sum():
            parts.append((name, "passed", float(cells.total.sum() / cells.n.sum())))
    if len(names) == 1:
        says = because("watch.mode_one", mode=names[0], count=len(modes[names[0]]), untold=untold)
        return FeatureSignal("F", "mode", "proportion", None, None, None, None, None,
                             tuple(parts), says)  # fmt: skip
    first, second = (_passed_of(days, treatment, modes[name]) for name in names[:2])
    estimate = _estimate(Arms(second, first, days.unit), "passed", "difference", plan)
    if estimate is None:
        return absent(because("watch.untold", field="status"))
    facts = _facts(estimate, None, "proportion", signed=True)
    says = because("watch.modes", mode=names[0], other_mode=names[1], **facts)
    return FeatureSignal("F", "mode", "proportion", estimate.point, known(estimate.lower),
                         known(estimate.upper), None, None, tuple(parts), says)  # fmt: skip


def _passed_of(days: Days, arm: str, runs: set[str]) -> Cells:
    """Return what passed in some of an arm's runs, by cluster."""
    table = days.table.where(arm=arm)
    key = table.keys["run_id"]
    chosen = np.array([label in runs for label in key.labels], bool)
    return table.take(chosen[key.codes]).by("cluster", "passed")


# --- contrasts ------------------------------------------------------------------------------------


def _between(days: Days, pair: tuple[str, str], metric: str) -> Arms:
    control, treatment = (days.table.where(arm=arm).by("cluster", metric) for arm in pair)
    return Arms(control, treatment, days.unit)


def _turned(estimate: Estimate) -> Estimate:
    """Return the control over the treatment: Fieller's bounds of the inverse are the inverses."""
    lower, upper = (1 / end if isfinite(end) and end > 0 else None
                    for end in (estimate.upper, estimate.lower))  # fmt: skip
    return replace(
        estimate, point=1 / estimate.point if estimate.point else inf,
        lower=-inf if lower is None else lower, upper=inf if upper is None else upper,
    )  # fmt: skip


def _estimate(arms: Arms, metric: MetricName, contrast: Contrast, plan: Plan) -> Estimate | None:
    """Estimate a contrast as a gate on it would; None where an arm has no value."""
    gate = Gate(title="", metric=metric, contrast=contrast, harm="higher", limit=1.0,
                alternative=0.0)  # fmt: skip
    return estimate_gate(gate, arms, plan.evidence, metric=metric)


def _limit(plan: Plan, feature: str, metric: str) -> float | None:
    """Return the register's limit of a feature's ratio."""
    limits = (
        signal.limit
        for risk, signal in plan.signals()
        if (risk.feature, signal.metric, signal.contrast) == (feature, metric, "ratio")
    )
    return next(limits, None)


def _ends(estimate: Estimate) -> tuple[float | None, float | None]:
    """Return an estimate's bounds; one that is capped proves nothing, so it has none."""
    return (known(estimate.lower), known(estimate.upper)) if estimate.cap is None else (None, None)


def _facts(
    estimate: Estimate, limit: float | None, measure: str, *, signed: bool = False
) -> dict[str, Fact]:
    lower, upper = _ends(estimate)
    return {
        "value": estimate.point, "lower": lower, "upper": upper, "limit": limit, "measure": measure,
        "signed": signed,
    }  # fmt: skip


def _beyond(estimate: Estimate, limit: float | None) -> bool | None:
    """Return whether a ratio is beyond its limit; None where its bound is, but not the ratio."""
    if limit is None:
        return None
    if estimate.point > limit:
        return True
    return False if estimate.cap is None and estimate.upper <= limit else None
