"""Whom a stage or a flag is for, in words."""

from __future__ import annotations

from typing import Final

from rolloutlib.words.sentences import Sentence, say

__all__ = ["audience_word"]

_WORDS: Final = {
    "internal": say("the internal team"),
    "dogfood": say("the dogfood team"),
    "opted_in": say("users who opted in"),
    "everyone": say("everyone"),
    "opted_out": say("users who opted out"),
}


def audience_word(name: str) -> Sentence:
    """Return an audience of the plan in words; a name of another plan as it is.

    >>> str(audience_word("opted_in"))
    'users who opted in'
    """
    return _WORDS.get(name, Sentence(name))
