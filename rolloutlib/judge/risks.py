"""The risk register on a review: which signals fire, and the exact change that answers each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Collection

    from rolloutlib.judge.record import Review
    from rolloutlib.plan.model import Plan, Risk, Signal

__all__ = ["AT_ONCE", "RiskState", "judge_risks"]

AT_ONCE: Final = 2  # more knobs moved together, and nobody knows which one helped


class RiskState(msgspec.Struct, frozen=True):
    """One line of the risk register against what a review measured.

    Attributes:
        feature: whose flag or knob answers it; `mitigation` says how, in the plan's words.
        state: `fires`; `quiet`; `open`: people have to say (a signal in words), or the review has
            no such number.
        seen: the measured number against its threshold, or the words to look for.
        change: what to do now; None unless it fires, or while two other changes come first.
    """

    id: str
    feature: str
    mitigation: str
    state: Literal["fires", "quiet", "open"]
    seen: Reason
    change: Reason | None = None


def judge_risks(
    plan: Plan, review: Review, *, reported: Collection[str] = ()
) -> tuple[RiskState, ...]:
    """Judge every risk of the plan.

    Args:
        plan: whose register it is.
        review: whose gates carry the numbers.
        reported: ids of the risks whose signal people have seen.

    Raises:
        UsageError: a reported risk that the plan does not have.
    """
    for name in reported:
        if name not in plan.risks:
            known = f"expected {', '.join(plan.risks)}.{did_you_mean(name, plan.risks)}"
            raise UsageError(f"{name!r} is no risk of the plan; {known}")
    states: list[RiskState] = []
    for name, risk in plan.risks.items():
        value = _value(review, risk.signal)
        fires = name in reported or (value is not None and _beyond(risk.signal, value))
        state = "fires" if fires else "open" if value is None else "quiet"
        first = sum(earlier.change is not None for earlier in states) < AT_ONCE
        change = _change(plan, risk) if fires and first else None
        seen = _seen(risk.signal, value)
        states.append(RiskState(name, risk.feature, risk.mitigation, state, seen, change))
    return tuple(states)


def _value(review: Review, signal: Signal) -> float | None:
    """Return the signal's contrast from the arms of a gate on its metric, or None."""
    for gate in review.gates:
        if gate.metric == signal.metric and gate.statistic == "mean":
            break
    else:
        return None
    if gate.control is None or gate.treatment is None:
        return None
    if signal.contrast == "ratio":
        return gate.treatment / gate.control if gate.control else None
    return gate.treatment - gate.control


def _beyond(signal: Signal, value: float) -> bool:
    high = signal.above is not None and value > signal.above
    return high or (signal.below is not None and value < signal.below)


def _seen(signal: Signal, value: float | None) -> Reason:
    if signal.text is not None:
        return because("risk.reported", signal=signal.text)
    signed = signal.contrast != "ratio"
    measure, metric = "proportion" if signed else "ratio", signal.metric or ""
    if signal.above is not None:
        return because("risk.above", metric=metric, value=value, limit=signal.above,
                       measure=measure, signed=signed)  # fmt: skip
    return because("risk.below", metric=metric, value=value, limit=signal.below,
                   measure=measure, signed=signed)  # fmt: skip


def _change(plan: Plan, risk: Risk) -> Reason:
    """Return the flag or knob change that the register has for a risk."""
    feature = plan.features[risk.feature]
    if risk.turn_off:
        was, now = str(feature.enabled).lower(), str(feature.disabled).lower()
        return because("risk.turn_off", flag=feature.flag, key=risk.feature, on=was, off=now)
    if risk.step is not None:
        return because("risk.step", step=risk.step, title=feature.title, measure="score",
                       signed=True)  # fmt: skip
    if risk.max_tags is not None:
        return because("risk.tags", count=risk.max_tags)
    return because("risk.profile", profiles=tuple(plan.profiles))
