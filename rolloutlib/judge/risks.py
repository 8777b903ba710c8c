"""The risk register against what data show: which signals fire, and the command that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.judge.readings import NATS, Reading, Signals, SignalState, State
from rolloutlib.plan.metrics import METRICS
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.risks import Risk, Signal
    from rolloutlib.plan.stages import FeatureId
    from rolloutlib.reason import Fact

__all__ = ["RiskState", "judge_risks", "readings_of", "weight_of"]

_UNSEEN: Final = 0.05  # a share that no sample has is quiet once more than this is excluded
_TURNS: Final = ("risk.knob", "risk.profile")


class RiskState(msgspec.Struct, frozen=True):
    """One line of the risk register against what data show and people say.

    Attributes:
        feature: whose flag or knob answers it; `mitigation` says how, in the plan's words.
        state: `fires` if one of its signals does; `quiet` if all that data can show are; else
            `open`.
        seen: of the signal that says most.
        changes: what to do now, each with its exact command; empty unless it fires.
        waits: it fires, but as many knobs as may be turned at once come first.
        decides: what the plan lets it do: `rollback`, `hold` or `tell`.
        sure: whether a signal fires whose bound is beyond its limit too, or people say so.
    """

    id: str
    risk: str
    feature: str
    mitigation: str
    state: State
    seen: Reason
    changes: tuple[Reason, ...] = ()
    waits: bool = False
    decides: Literal["rollback", "hold", "tell"] = "tell"
    sure: bool = False
    signals: tuple[SignalState, ...] = ()
    profile: str | None = None
    latency_ms: float | None = None


def judge_risks(
    plan: Plan, signals: Signals, *, reported: Collection[str] = ()
) -> tuple[RiskState, ...]:
    """Judge every risk of the plan.

    Args:
        plan: whose register it is.
        signals: what data show (`signals.read_signals`), of a review, a day or a watch.
        reported: ids of the risks whose signal people have seen.

    Raises:
        UsageError: a reported risk that the plan does not have.
    """
    for name in reported:
        if name not in plan.risks:
            raise UsageError(
                "{name!r} is no risk of the plan; expected {risks}.{hint}",
                name=name, risks=(*plan.risks,), hint=did_you_mean(name, plan.risks),
            )  # fmt: skip
    states: list[RiskState] = []
    turned = 0
    for name, risk in plan.risks.items():
        judged = tuple(
            _signal(key, signal, signals.readings.get((name, key)))
            for key, signal in risk.shown_by.items()
        )
        is_reported = name in reported
        state = _state(judged, by_people=is_reported)
        changes = tuple(_changes(plan, name, risk, signals)) if state == "fires" else ()
        knobs = sum(change.code in _TURNS for change in changes)
        waits = bool(knobs) and turned + knobs > plan.knobs.at_once
        turned += 0 if waits else knobs
        states.append(RiskState(
            name, risk.risk, risk.feature, risk.mitigation, state,
            _weightiest(risk, judged, is_reported), () if waits else changes, waits, risk.decides,
            sure=is_reported or any(each.sure for each in judged), signals=judged,
            profile=signals.profile, latency_ms=signals.latency_ms,
        ))  # fmt: skip
    return tuple(states)


def readings_of(states: Iterable[RiskState]) -> Signals:
    """Return what a register was judged by, to judge it again with what people say."""
    listed = tuple(states)
    readings = {
        (state.id, signal.name): signal.reading
        for state in listed
        for signal in state.signals
        if signal.reading is not None
    }
    first = listed[0] if listed else None
    return Signals(readings, first.profile if first else None, first.latency_ms if first else None)


def weight_of(state: RiskState) -> Literal["rollback", "hold", "tell"] | None:
    """Return what a risk asks for: None unless it fires; a rollback only where it is sure."""
    if state.state != "fires":
        return None
    return "hold" if state.decides == "rollback" and not state.sure else state.decides


# --- one signal -----------------------------------------------------------------------------------


def _signal(name: str, signal: Signal, reading: Reading | None) -> SignalState:
    limit = signal.limit
    if limit is None:
        return SignalState(name, "open", sure=False, limit=None,
                           seen=because("risk.reported", signal=signal.text or ""))  # fmt: skip
    if reading is None or reading.value is None:
        why = reading.absent if reading and reading.absent else because("evidence.none")
        reason = because("risk.unseen", title=_title(signal), why=why)
        return SignalState(name, "open", sure=False, limit=limit, seen=reason, reading=reading)
    state, sure = _judged(signal, limit, reading, reading.value)
    return SignalState(name, state, sure, limit, _seen(signal, limit, reading), reading)


def _judged(signal: Signal, limit: float, reading: Reading, value: float) -> tuple[State, bool]:
    """Return whether a number fires, and whether that is sure."""
    if signal.mix is not None:
        if reading.chance is None:  # too few clusters to know what chance makes
            return "open", False
        beyond = value > limit and value > reading.chance
        quiet = value <= limit and reading.chance <= limit
        return ("fires", True) if beyond else ("quiet" if quiet else "open", False)
    high = signal.below is None
    towards, away = (reading.lower, reading.upper) if high else (reading.upper, reading.lower)
    if _beyond(value, limit, high=high):
        return "fires", towards is not None and _beyond(towards, limit, high=high)
    least = limit if signal.share is None else max(limit, _UNSEEN)
    quiet = away is not None and not _beyond(away, least, high=high)
    return "quiet" if quiet else "open", False


def _beyond(value: float, limit: float, *, high: bool) -> bool:
    return value > limit if high else value < limit


def _title(signal: Signal) -> str | Reason:
    """Name what a signal measures."""
    if signal.mix is not None:
        return because("risk.title_mix")
    if signal.share is not None:
        return (
            because("risk.title_tags") if signal.share == "tags" else because("risk.title_copies")
        )
    title = METRICS[signal.metric or "passed"].title
    if signal.issue is None:
        return title
    return because("gate.subject", gate=title, subject=signal.issue)


def _seen(signal: Signal, limit: float, reading: Reading) -> Reason:
    if reading.measure == NATS:
        chance = "–" if reading.chance is None else f"{reading.chance:.3f}"
        return because("risk.mix", title=_title(signal), value=f"{reading.value:.3f}",
                       limit=f"{limit:g}", chance=chance)  # fmt: skip
    facts: dict[str, Fact] = {
        "title": _title(signal), "value": reading.value, "best": reading.lower,
        "worst": reading.upper,
        "limit": limit, "measure": reading.measure, "signed": reading.signed,
    }  # fmt: skip
    if signal.share is not None:
        return because("risk.share", **facts, count=reading.count or 0, n=reading.n)
    if signal.below is None:
        return because("risk.above", **facts)
    return because("risk.below", **facts)


# --- one risk -------------------------------------------------------------------------------------


def _state(judged: Sequence[SignalState], *, by_people: bool) -> State:
    if by_people or any(each.state == "fires" for each in judged):
        return "fires"
    shown = [each for each in judged if each.limit is not None]
    return "quiet" if shown and all(each.state == "quiet" for each in shown) else "open"


def _weightiest(risk: Risk, judged: Sequence[SignalState], by_people: bool) -> Reason:  # noqa: FBT001
    """Return what the signal that says most has seen: that fires, people's words, open, quiet."""
    for each in judged:
        if each.state == "fires":
            return each.seen
    words = next((signal.text for signal in risk.shown_by.values() if signal.text), None)
    if by_people:
        return because("risk.reported", signal=words or risk.risk)
    by_state = sorted(judged, key=lambda each: (each.limit is None, each.state == "quiet"))
    return by_state[0].seen


def _changes(plan: Plan, name: str, risk: Risk, signals: Signals) -> Iterator[Reason]:
    """Yield what the register has for a risk: flags first, then knobs, with their commands."""
    switched: list[FeatureId] = []
    if risk.turn_off:
        switched.append(risk.feature)
    if risk.resets is not None and risk.resets not in switched:
        switched.append(risk.resets)
    for letter in switched:
        feature = plan.features[letter]
        was = feature.disabled if feature.safe == feature.enabled else feature.enabled
        yield because("risk.turn_off", flag=feature.flag, key=letter, on=str(was).lower(),
                      off=str(feature.safe).lower())  # fmt: skip
    for knob, turn in risk.turns.items():
        yield because("risk.knob", title=plan.knobs.known[knob].title, knob=knob,
                      amount=turn.amount, risk=name)  # fmt: skip
    if risk.offers:
        yield _profiles(plan, name, risk, signals)
    if risk.step is not None:  # of a plan from before knobs had names
        yield because("risk.step", step=risk.step, title=plan.features[risk.feature].title,
                      measure="score", signed=True)  # fmt: skip
    if risk.max_tags is not None and not risk.turns:
        yield because("risk.tags", count=risk.max_tags)


def _profiles(plan: Plan, name: str, risk: Risk, signals: Signals) -> Reason:
    """Offer the profiles that are milder than the present one, for these samples.

    Never the present one, none that asks for more score, and one that holds latency tighter only
    where samples are that quick on average.
    """
    present = signals.profile if signals.profile in plan.profiles else plan.rollback.safe_profile
    now, slow = plan.profile(present), signals.latency_ms
    milder = [
        key
        for key in risk.offers
        if key != present
        and (other := plan.profile(key)).min_score <= now.min_score
        and (other.max_latency_ms >= now.max_latency_ms
             or (slow is not None and slow <= other.max_latency_ms))
    ]  # fmt: skip
    if not milder:
        others = [because("risk.tighter", profile=key, least=f"{plan.profile(key).min_score:g}",
                          most=f"{plan.profile(key).max_latency_ms:,.0f}",
                          latency="–" if slow is None else f"{slow:,.0f}")
                  for key in risk.offers if key != present]  # fmt: skip
        return because("risk.no_profile", profile=present, others=tuple(others))
    chosen = plan.profile(milder[0])
    return because("risk.profile", profile=milder[0], present=present, profiles=tuple(milder),
                   knob=_profile_knob(plan), risk=name, least=f"{chosen.min_score:g}",
                   most=f"{chosen.max_latency_ms:,.0f}")  # fmt: skip


def _profile_knob(plan: Plan) -> str:
    """Return the name of the knob that holds the guardian profile."""
    keys = {knob.key: name for name, knob in plan.knobs.known.items()}
    return keys.get("guardianProfileId", "guardianProfile")
