"""Why a verdict, check, warning or refusal is what it is: a code and its facts. Words come last.

Programs branch on `code`. The sentence, English or Korean, is made from code and facts in
`rolloutlib.words`; nothing below that room knows a sentence.
"""

from __future__ import annotations

from math import isfinite
from typing import Final, Union, cast

import msgspec

from rolloutlib.phrase import Phrase, Value

__all__ = ["PHRASED", "Fact", "Reason", "because", "known", "said"]

PHRASED: Final = "said"  # the code of a phrase; programs find which one under `template`

Plain = bool | int | float | str | None
Fact = Union[Plain, "Reason", tuple[Union[Plain, "Reason"], ...]]


class Reason(msgspec.Struct, frozen=True):
    """One reason.

    Attributes:
        code: what programs branch on, dotted: `gate.broken`, `data.quarantined`.
        facts: what the sentence is filled with: ids, counts, numbers in the unit that their name
            says, other reasons.
        text: the English sentence, added when the record is written; empty until then.
    """

    code: str
    facts: dict[str, Fact] = {}
    text: str = ""


def because(code: str, **facts: Fact) -> Reason:
    """Return a reason; `code` is a literal, so that templates can be checked against sources.

    >>> because("clusters.few", clusters=3, unit="user", least=5).facts["clusters"]
    3
    """
    return Reason(code, facts)


def said(what: Phrase | str) -> Reason:
    """Return a phrase as a reason, so that a record may carry what an error or a refusal says.

    >>> said(Phrase("{n} rows", {"n": 3})).facts
    {'template': '{n} rows', 'n': 3}
    """
    phrase = what if isinstance(what, Phrase) else Phrase(what)
    return Reason(PHRASED, {"template": phrase.template, **_facts(phrase.values)})


def _facts(values: dict[str, Value]) -> dict[str, Fact]:
    return {name: cast("Fact", _fact(value)) for name, value in values.items()}


def _fact(value: Value) -> object:
    if isinstance(value, tuple):
        return tuple(_fact(part) for part in value)
    return said(value) if isinstance(value, Phrase) else value


def known(value: float | None) -> float | None:
    """Return a plain float, or None for what is no number: not measured, or an infinite bound."""
    return float(value) if value is not None and isfinite(value) else None
