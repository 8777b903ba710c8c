"""The plan's risk register and its knobs, as sections of the plan's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.plan.metrics import metric_record
from rolloutlib.show.plan_lines import metric_title, table_lines
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import say, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.risks import Knob, Risk, Signal
    from rolloutlib.words.sentences import Sentence

__all__ = ["knob_lines", "risk_lines"]

_DECIDES: Final = {
    "tell": say("it is told"), "hold": say("HOLD"), "rollback": say("NO-GO, or ROLLBACK"),
}  # fmt: skip
_DIRECTIONS: Final = {"up": say("up"), "down": say("down"), "either": say("up or down")}


def risk_lines(plan: Plan) -> Iterator[str]:
    """Yield the register: what shows a risk, what answers it, and what it decides."""
    head = (say("Feature"), say("Risk"), say("Signal"), say("Answer"), say("Commands"),
            say("If it fires"))  # fmt: skip
    rows = [
        (risk.feature, f"{translate(risk.risk)} (`{name}`)",
         "; ".join(_signal(risk, signal) for signal in risk.shown_by.values()),
         translate(risk.mitigation), "; ".join(_commands(plan, name, risk)) or "–",
         _DECIDES[risk.decides])
        for name, risk in plan.risks.items()
    ]  # fmt: skip
    return table_lines(head, rows)


def _signal(risk: Risk, signal: Signal) -> str:
    parts = [translate(signal.text)] if signal.text else []
    if signal.limit is not None:
        side = ">" if signal.below is None else "<"
        parts.insert(0, f"{_measured(risk, signal)} {side} {_limit(signal)}")
    if signal.vetoes:
        parts.append(str(say("with the veto reasons that rose")))
    return ", ".join(parts)


def _measured(risk: Risk, signal: Signal) -> str:
    if signal.mix is not None:
        return str(say("KL of the difficulty mix from the planned one"))
    if signal.share == "copies":
        return str(say("share of copied rows"))
    if signal.share == "tags":
        pairs = ", ".join(f"{left} + {right}" for left, right in risk.contradictory) or "–"
        crowd = say("share of samples with more than {most} tags, or with {pairs}",
                    most=risk.max_tags or 0, pairs=pairs)  # fmt: skip
        return str(crowd)
    tag = f":{signal.issue}" if signal.issue else ""
    return metric_title(f"{signal.metric}{tag}")


def _limit(signal: Signal) -> Sentence:
    if signal.mix is not None:
        return say("{number} nats", number=f"{signal.limit:g}")
    if signal.share is not None or signal.metric is None:
        return show(signal.limit, "proportion")
    signed = signal.contrast == "difference"
    unit = metric_record(signal.metric).unit if signed else "ratio"
    return show(signal.limit, unit, signed=signed)


def _commands(plan: Plan, name: str, risk: Risk) -> Iterator[str]:
    """Yield what answers a risk, as it is typed."""
    if risk.turn_off:
        yield f"`rollout rollback --feature {risk.feature}`"
    if risk.resets is not None:
        yield f"`rollout rollback --feature {risk.resets}`"
    for knob, turn in risk.turns.items():
        yield f"`rollout knobs set {knob} {turn.amount} --because {name}`"
    if risk.offers:
        listed = ", ".join(risk.offers)
        yield str(say("a milder guardian profile of {profiles}", profiles=listed))
    if risk.step is not None:
        title = translate(plan.features[risk.feature].title)
        yield str(say("a step of {step} ({title})", step=f"{risk.step:+g}", title=title))


def knob_lines(plan: Plan) -> Iterator[str]:
    """Yield the knobs of the session config."""
    yield str(say("At most {n} at once, before anything is measured anew.", n=plan.knobs.at_once))
    yield ""
    head = (say("Feature"), say("Knob"), say("Key"), say("Default"), say("May be"), say("Step"),
            say("Turned"))  # fmt: skip
    rows = [
        (knob.feature, f"{translate(knob.title)} (`{name}`)", f"`{knob.key}`",
         _value(knob.default), *_bounds(knob))
        for name, knob in plan.knobs.known.items()
    ]  # fmt: skip
    yield from table_lines(head, rows)


def _value(value: float | str | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:g}"


def _bounds(knob: Knob) -> tuple[object, object, object]:
    if knob.values:
        return ", ".join(knob.values), "–", "–"
    bounds = f"{_value(knob.least)} – {_value(knob.most)}"
    steps = f"{_value(knob.least_step)} – {_value(knob.most_step)}"
    return bounds, steps, _DIRECTIONS[knob.direction]
