"""The plan's roles and the arms, as people call them."""

from __future__ import annotations

from typing import Final

from rolloutlib.text import LABEL, plain
from rolloutlib.words.sentences import Sentence, say

__all__ = ["arm_word", "role_word"]

_WORDS: Final[dict[str, Sentence | str]] = {
    "pm": "PM", "qa": "QA", "engine": say("Engine"), "owner": say("Owner"),
}  # fmt: skip

_ARMS: Final = {"control": say("Control"), "treatment": say("Treatment")}


def arm_word(arm: str) -> Sentence | str:
    """Return an arm as people call it: what it is, where its name says only that.

    >>> str(arm_word("control")), arm_word("gpt-5")
    ('Control', 'gpt-5')
    """
    return _ARMS.get(arm) or plain(arm, LABEL)


def role_word(role: str) -> str:
    """Return a role as people call it, in the language that is spoken.

    >>> role_word("qa"), role_word("owner")
    ('QA', 'Owner')
    """
    return str(_WORDS.get(role, role))
