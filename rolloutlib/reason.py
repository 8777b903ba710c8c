"""Why a verdict, check, warning or refusal is what it is: a code and its facts. Words come last.

Programs branch on `code`. The sentence, English or Korean, is made from code and facts in
`rolloutlib.words`; nothing below that room knows a sentence.
"""

from __future__ import annotations

import msgspec

__all__ = ["Fact", "Reason", "because"]

Fact = bool | int | float | str | tuple["Fact", ...] | dict[str, "Fact"] | None


class Reason(msgspec.Struct, frozen=True):
    """One reason.

    Attributes:
        code: what programs branch on, dotted: `gate.broken`, `data.quarantined`.
        facts: what the sentence is filled with: ids, counts, numbers in the unit that their name
            says, other reasons.
        text: the English sentence, added when the record is written; empty until then.
    """

    code: str
    facts: dict[str, Fact | Reason | tuple[Reason, ...]] = {}
    text: str = ""


def because(code: str, **facts: Fact | Reason | tuple[Reason, ...]) -> Reason:
    """Return a reason; `code` is a literal, so that the templates can be checked against the sources.

    >>> because("clusters.few", clusters=3, unit="user", least=5).facts["clusters"]
    3
    """
    return Reason(code, facts)
