"""The risk register on a review: which signals fire, and the exact change that answers each, at most two at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Collection

    from rolloutlib.judge.review import Review
    from rolloutlib.plan.model import Plan, Risk, Signal

__all__ = ["AT_ONCE", "RiskState", "judge_risks"]

AT_ONCE: Final = 2  # more knobs moved together, and nobody knows which one helped


@dataclass(frozen=True, slots=True)
class RiskState:
    """One line of the risk register against what a review measured.

    Attributes:
        state: `fires`; `quiet`; `open`: people have to say (a signal in words), or the review has no such number.
        seen: the measured number against its threshold, or the words to look for.
        change: what to do now; None unless it fires, or while two other changes come first.
    """

    id: str
    risk: Risk
    state: Literal["fires", "quiet", "open"]
    seen: Sentence
    change: Sentence | None = None


def judge_risks(review: Review, *, reported: Collection[str] = ()) -> tuple[RiskState, ...]:
    """Judge every risk of the plan.

    Args:
        review: whose gates carry the numbers.
        reported: ids of the risks whose signal people have seen.

    Raises:
        UsageError: a reported risk that the plan does not have.
    """
    plan = review.plan
    for name in reported:
        if name not in plan.risks:
            raise UsageError(
                f"{name!r} is no risk of the plan; expected {', '.join(plan.risks)}.{did_you_mean(name, plan.risks)}"
            )
    found: list[RiskState] = []
    for name, risk in plan.risks.items():
        value = _value(review, risk.signal)
        fires = name in reported or (value is not None and _beyond(risk.signal, value))
        state = "fires" if fires else "open" if value is None else "quiet"
        now = fires and sum(one.change is not None for one in found) < AT_ONCE
        found.append(
            RiskState(
                name, risk, state, _seen(risk.signal, value), _change(plan, risk) if now else None
            )
        )
    return tuple(found)


def _value(review: Review, signal: Signal) -> float | None:
    """Return the signal's contrast from the arms of a gate on its metric, or None."""
    gate = next(
        (
            gate
            for gate in review.gates
            if gate.gate.metric == signal.metric and gate.gate.statistic == "mean"
        ),
        None,
    )
    if gate is None or gate.control is None or gate.treatment is None:
        return None
    if signal.contrast == "ratio":
        return gate.treatment / gate.control if gate.control else None
    return gate.treatment - gate.control


def _beyond(signal: Signal, value: float) -> bool:
    high = signal.above is not None and value > signal.above
    return high or (signal.below is not None and value < signal.below)


def _seen(signal: Signal, value: float | None) -> Sentence:
    if signal.text is not None:
        return say("people say: {signal}", signal=say(signal.text))
    signed = signal.contrast != "ratio"
    unit = "proportion" if signed else "ratio"
    limit = signal.above if signal.above is not None else signal.below
    values = {"metric": say(signal.metric or ""), "value": show(value, unit, signed=signed)}
    if signal.above is not None:
        return say(
            "{metric}: {value}, fires above {limit}",
            **values,
            limit=show(limit, unit, signed=signed),
        )
    return say(
        "{metric}: {value}, fires below {limit}", **values, limit=show(limit, unit, signed=signed)
    )


def _change(plan: Plan, risk: Risk) -> Sentence:
    """Say the flag or knob change that the register has for a risk."""
    feature = plan.features[risk.feature]
    if risk.turn_off:
        return say("`{flag}`: {on} → {off} (`rollout rollback --feature {key}`)", flag=feature.flag, key=risk.feature,
                   on=str(feature.enabled).lower(), off=str(feature.disabled).lower())  # fmt: skip
    if risk.step is not None:
        return say(
            "one step of {step} ({title})",
            step=f"{risk.step:+.2f}".replace("-", "−"),
            title=say(feature.title),
        )
    if risk.max_tags is not None:
        return say("suggest at most {count} tags", count=risk.max_tags)
    return say("another guardian profile: {profiles}", profiles=", ".join(plan.profiles))
