"""Code and facts → sentence: the one place that knows what a reason sounds like.

A fact's name says how it is shown: numbers of a gate in the unit that the reason's own `measure`
and `signed` name, words of the plan in the reader's language, data as they are.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from rolloutlib.phrase import UNFILLED, fillable, filled
from rolloutlib.reason import PHRASED, Reason
from rolloutlib.text import plain
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.sentences import enumerated, speaking, translate
from rolloutlib.words.share_templates import SHARES, SLOWER
from rolloutlib.words.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.reason import Fact

__all__ = ["BOUNDS", "MEASURES", "sentence", "texts", "worded"]

MEASURES: Final = frozenset({"point", "value", "limit", "change", "step"})
BOUNDS: Final = frozenset({"worst", "best", "lower", "upper"})
SPANS: Final = frozenset({"tolerance"})  # of differences, but no change themselves: no sign
NUMBERS: Final = MEASURES | BOUNDS | SPANS | {SLOWER}
WORDS: Final = frozenset(
    {
        "by",
        "check",
        "checks",
        "colour",
        "gate",
        "gates",
        "metric",
        "reaches",
        "signal",
        "title",
        "unit",
    }
)

Part = TypeVar("Part")


def sentence(reason: Reason, lang: str | None = None) -> str:
    """Return a reason's sentence, in the language that is spoken unless one is named.

    A code that this version does not know keeps the text that the record carries, and so does one
    whose facts are not those that its sentence needs: somebody else wrote the record.

    >>> sentence(Reason("runs.few", {"wanted": 3, "runs": 1}))
    'The plan averages the last 3 runs; there are 1.'
    """
    if lang is not None:
        with speaking(lang):
            return sentence(reason)
    if reason.code == PHRASED:
        return plain(_phrase_of(reason))
    template = SHARES.get(reason.code) if SLOWER in reason.facts else None
    template = template or TEMPLATES.get(reason.code)
    if template is None:
        return plain(reason.text or reason.code)
    try:
        facts = {name: _shown(name, fact, reason) for name, fact in reason.facts.items()}
        return filled(translate(template), template, facts)
    except UNFILLED:
        if not reason.text:
            raise
        return plain(reason.text)


def _phrase_of(reason: Reason) -> str:
    """Say a phrase that a record carries as a reason; one that is none by the record's text."""
    values = {name: fact for name, fact in reason.facts.items() if name != "template"}
    template = reason.facts.get("template")
    if isinstance(template, str) and not values:
        return translate(template)
    if isinstance(template, str) and fillable(template):
        with suppress(*UNFILLED):
            worded_values = {name: _in_words(value) for name, value in values.items()}
            return filled(translate(template), template, worded_values)
    return reason.text or reason.code


def _in_words(fact: Fact) -> object:
    if isinstance(fact, tuple):
        return ", ".join(str(_in_words(part)) for part in fact)
    return sentence(fact) if isinstance(fact, Reason) else fact


def texts(reasons: Iterable[Reason]) -> list[str]:
    """Return the sentences of several reasons, in the language that is spoken."""
    return [sentence(reason) for reason in reasons]


def _shown(name: str, fact: Fact, reason: Reason) -> object:
    if isinstance(fact, Reason):
        return sentence(fact)
    if isinstance(fact, tuple):
        return enumerated([str(_shown(name, part, reason)) for part in fact])
    if isinstance(fact, str):
        return plain(translate(fact) if name in WORDS else fact)
    return _number(name, fact, reason) if name in NUMBERS else fact


def _number(name: str, fact: Fact, reason: Reason) -> str:
    """Show a number with its unit: a latency, or the unit that the reason names."""
    value = cast("float", fact)
    if name == SLOWER:
        return str(show(value, "ms"))
    unit, signed = str(reason.facts["measure"]), bool(reason.facts["signed"])
    shown = str((bound if name in BOUNDS else show)(value, unit, signed=signed))
    return shown.removeprefix("+") if name in SPANS else shown


def worded(part: Part) -> Part:
    """Return a record whose reasons, however deep, carry their English sentence."""
    return cast("Part", _worded(part))


def _worded(part: object) -> object:
    if isinstance(part, tuple):
        return tuple(_worded(inner) for inner in cast("tuple[object, ...]", part))
    if isinstance(part, Reason):
        facts = cast("dict[str, Fact]", {name: _worded(f) for name, f in part.facts.items()})
        return Reason(part.code, facts, sentence(part, "en"))
    if isinstance(part, msgspec.Struct):
        fields = {name: _worded(getattr(part, name)) for name in part.__struct_fields__}
        return msgspec.structs.replace(part, **fields)
    return part
