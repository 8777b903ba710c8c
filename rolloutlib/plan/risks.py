"""The risk register and the knobs that answer it: what fires, what it decides, what is turned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from rolloutlib.errors import did_you_mean
from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Count, Model, Number
from rolloutlib.plan.metrics import MetricName  # noqa: TC001 -- pydantic reads the annotations
from rolloutlib.plan.stages import FeatureId  # noqa: TC001 -- pydantic reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.phrase import Phrase

__all__ = ["Direction", "Knob", "Knobs", "Risk", "Signal", "Turn"]

Direction = Literal["up", "down", "either"]
Word = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]
_KINDS = ("metric", "mix", "share")  # what data can show; text is what people say


class Signal(Model):
    """What shows a risk: one of the numbers that data have, or words that only people can say.

    Attributes:
        metric: a contrast of the arms, with `contrast` and `above` or `below`.
        issue: the tag, where `metric` is issue.
        vetoes: tell with it which veto reasons rose, by guardian profile.
        mix: the divergence of the treatment's mix from the one in `monitoring`, in nats; it fires
            above both this limit and what chance alone makes of so few samples.
        share: of the treatment's samples: `tags` with too many or contradictory suggested tags,
            `copies` left out because they repeat others.
        text: words, beside a number or alone; `rollout risks --seen` reports them.
    """

    metric: MetricName | None = None
    issue: Word | None = None
    contrast: Literal["difference", "ratio"] | None = None
    vetoes: bool = False
    mix: Literal["difficulty"] | None = None
    share: Literal["tags", "copies"] | None = None
    above: Number | None = None
    below: Number | None = None
    text: Word | None = None

    @property
    def limit(self) -> float | None:
        """Return beyond which number it fires; None of words."""
        return self.above if self.below is None else self.below

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        limits = [limit for limit in (self.above, self.below) if limit is not None]
        if not kinds:
            if self.text is None or limits or self.contrast or self.issue or self.vetoes:
                raise ValueError(
                    phrase(
                        "a signal has metric, contrast and above or below, or else text; a mix or "
                        "a share has above"
                    )
                )
            return self
        if len(kinds) > 1 or len(limits) != 1 or (not self.metric and self.above is None):
            raise ValueError(
                phrase(
                    "a signal has one of {known} with one limit: above, or of a metric below",
                    known=tuple(_KINDS),
                )
            )
        if (self.metric is None) != (self.contrast is None):
            raise ValueError(phrase("metric and contrast belong together; one of them is missing"))
        if (self.metric == "issue") != (self.issue is not None):
            raise ValueError(
                phrase("metric: issue and issue: TAG belong together; one of them is missing")
            )
        if self.vetoes and self.metric is None:
            raise ValueError(phrase("vetoes: true stands beside a metric, for example passed"))
        return self


class Turn(Model):
    """How a risk turns a knob: by a step, or to a value."""

    by: Number | None = None
    to: Number | Word | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.by is None) == (self.to is None):
            raise ValueError(
                phrase("by (a step) and to (a value) say how a knob is turned; give one")
            )
        return self

    @property
    def amount(self) -> str:
        """Return what `rollout knobs set` is told: a step has its sign, a value has none."""
        if self.by is not None:
            return f"{self.by:+g}"
        return f"{self.to:g}" if isinstance(self.to, float) else str(self.to)


class Risk(Model):
    """One line of the risk register.

    Attributes:
        signals: by name; the risk fires where one of them does.
        signal: the same, where there is one (plans of before).
        decides: what a risk that fires asks for. `tell`: nothing; `hold`: no GO; `rollback`: where
            the bound is beyond the limit too, NO_GO in a review and ROLLBACK in a watch, else hold.
        turn_off: the feature goes off.
        resets: this feature goes to its safe value (a preset to its default).
        turns: the knobs that answer it, and how they are turned.
        offers: guardian profiles to relax to; the present one and stricter ones are left out.
        max_tags: so many suggested tags are no crowd.
        contradictory: pairs of tags that exclude each other.
        step: of a knob without a name (plans of before).
    """

    feature: FeatureId
    risk: str
    signal: Signal | None = None
    signals: dict[str, Signal] = Field(default_factory=dict[str, Signal])
    mitigation: str
    decides: Literal["rollback", "hold", "tell"] = "tell"
    turn_off: bool = False
    resets: FeatureId | None = None
    turns: dict[str, Turn] = Field(default_factory=dict[str, Turn])
    offers: tuple[str, ...] = ()
    max_tags: Count | None = None
    contradictory: tuple[tuple[Word, Word], ...] = ()
    step: Annotated[Number, Field(ge=-0.15, le=0.15)] | None = None

    @property
    def shown_by(self) -> Mapping[str, Signal]:
        """Return the signals by name."""
        return self.signals or ({"signal": self.signal} if self.signal else {})

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        if (self.signal is None) == (not self.signals):
            raise ValueError(phrase("a risk has signals (or, as before, one signal), and not both"))
        counts = any(signal.share == "tags" for signal in self.shown_by.values())
        if counts and self.max_tags is None:
            raise ValueError(phrase("share: tags needs max_tags: how many tags are no crowd"))
        if self.contradictory and not counts:
            raise ValueError(
                phrase("contradictory counts nothing without a signal with share: tags")
            )
        return self


class Knob(Model):
    """A number or a word of the session config that people may turn.

    Attributes:
        feature: whose knob it is.
        key: its place in params/session.config.json, dotted (`strategy.styleStrictness`).
        title: for people.
        default: what the engine has where the session config does not tell; None is not known.
        least, most: bounds of a number.
        least_step, most_step: how far one change moves it.
        direction: which way it may be turned.
        values: of a word, instead of numbers.
    """

    feature: FeatureId
    key: Annotated[str, Field(pattern=r"^[A-Za-z][\w]*(\.[A-Za-z][\w]*)*$")]
    title: str
    default: Number | str | None = None
    least: Number | None = None
    most: Number | None = None
    least_step: Annotated[Number, Field(gt=0)] | None = None
    most_step: Annotated[Number, Field(gt=0)] | None = None
    direction: Direction = "either"
    values: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        numbers = (self.least, self.most, self.least_step, self.most_step)
        if self.values:
            if any(number is not None for number in numbers) or self.direction != "either":
                raise ValueError(phrase("values are words; least, most and steps are of numbers"))
            if self.default is not None and self.default not in self.values:
                raise ValueError(
                    phrase(
                        "default is {default!r}; expected one of {values}",
                        default=self.default,
                        values=self.values,
                    )
                )
        elif None in numbers:
            raise ValueError(
                phrase("numbers have least, most, least_step and most_step, words values")
            )
        elif _disordered(self.least, self.most) or _disordered(self.least_step, self.most_step):
            raise ValueError(phrase("least is below most, and least_step not above most_step"))
        elif self.default is not None and (why := self._outside(None, _number(self.default))):
            raise ValueError(phrase("default: {why}", why=why))
        return self

    def holds(self, value: float | str) -> bool:
        """Return whether a value is one that this knob may have."""
        if self.values or isinstance(value, str):
            return value in self.values
        return self._outside(None, value) is None

    def refuses(self, before: float | str | None, turn: Turn) -> Phrase | None:
        """Return why a turn is none of this knob; None where it is.

        Args:
            before: the value now; None where nobody knows it.
            turn: by how much, or to what.
        """
        if self.values:
            fits = turn.to in self.values
            refusal = phrase("{got} is none of {known}", got=turn.amount, known=self.values)
            return None if fits else refusal
        if isinstance(turn.to, str) or isinstance(before, str):
            word = turn.to if isinstance(turn.to, str) else before
            return phrase("{got} is no number", got=repr(word))
        if turn.by is not None and before is None:
            return phrase("nobody knows its value now, so give the new one, without a sign")
        return self._outside(before, self.after(before, turn))

    def _outside(self, before: float | None, after: float) -> Phrase | None:
        """Return whether a number is out of bounds, or too far from the one before."""
        least, most = self.least or 0.0, self.most or 0.0
        if not least <= after <= most:
            return phrase("{got:g} is outside of {least:g} to {most:g}",
                          got=after, least=least, most=most)  # fmt: skip
        if before is None:
            return None
        change, short, far = round(after - before, 9), self.least_step or 0.0, self.most_step or 0.0
        if self.direction == "up" and change < 0:
            return phrase("it is only turned up, and {change:+g} is the other way", change=change)
        if self.direction == "down" and change > 0:
            return phrase("it is only turned down, and {change:+g} is the other way", change=change)
        if short <= abs(change) <= far:
            return None
        return phrase("{change:+g} is no step of {short:g} to {far:g}",
                      change=change, short=short, far=far)  # fmt: skip

    def after(self, before: float | None, turn: Turn) -> float:
        """Return the number that a turn leaves, without what binary fractions add."""
        to = turn.to if turn.by is None else (before or 0.0) + turn.by
        return round(float(to or 0.0), 9)


def _disordered(least: float | None, most: float | None) -> bool:
    return (least or 0.0) > (most or 0.0)


def _number(value: float | str) -> float:
    if isinstance(value, str):
        raise ValueError(phrase("default is {value!r}; expected a number", value=value))  # noqa: TRY004 -- pydantic's
    return value


class Knobs(Model):
    """The knobs by name, and how many may be turned before anything is measured anew."""

    at_once: Count = 2
    known: dict[str, Knob] = Field(default_factory=dict[str, Knob])

    @model_validator(mode="after")
    def _apart(self) -> Self:
        keys = [knob.key for knob in self.known.values()]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(phrase("two knobs have the key {twice!r}; expected one", twice=twice))
        inside = [(a, b) for a in keys for b in keys if b.startswith(f"{a}.")]
        if inside:
            raise ValueError(
                phrase(
                    "the key {inner!r} lies inside {outer!r}",
                    inner=inside[0][1],
                    outer=inside[0][0],
                )
            )
        return self

    def unfit(self, risk: Risk) -> Phrase | None:
        """Return what a risk turns that no knob here does; None where all fits."""
        for name, turn in risk.turns.items():
            knob = self.known.get(name)
            if knob is None:
                hint = did_you_mean(name, self.known)
                return phrase("no knob {name!r}; expected one of {known}.{hint}",
                              name=name, known=tuple(self.known), hint=hint)  # fmt: skip
            before = None if knob.values or isinstance(knob.default, str) else knob.default
            if turn.by is None and before is not None and turn.to == before:
                continue
            if why := knob.refuses(before, turn):
                return phrase("{name}: {why}", name=name, why=why)
        return None
