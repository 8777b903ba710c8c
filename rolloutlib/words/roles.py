"""The plan's roles, as people call them."""

from __future__ import annotations

from typing import Final

from rolloutlib.words.sentences import Sentence, say

__all__ = ["role_word"]

_WORDS: Final[dict[str, Sentence | str]] = {
    "pm": "PM", "qa": "QA", "engine": say("Engine"), "owner": say("Owner"),
}  # fmt: skip


def role_word(role: str) -> str:
    """Return a role as people call it, in the language that is spoken.

    >>> role_word("qa"), role_word("owner")
    ('QA', 'Owner')
    """
    return str(_WORDS.get(role, role))
