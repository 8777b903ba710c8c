"""Whom a stage or a flag is for, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["audience_word", "audiences_word"]

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


def audiences_word(audiences: Sequence[str], stays: Sequence[str] = ()) -> Sentence | str:
    """Say for whom a flag moves: everyone, but for those who keep what they have.

    >>> str(audiences_word(("opted_in", "everyone"), ("opted_out",)))
    'everyone but users who opted out'
    """
    if "everyone" not in audiences:
        return ", ".join(str(audience_word(name)) for name in audiences)
    if not stays:
        return audience_word("everyone")
    return say("everyone but {audiences}", audiences=tuple(map(audience_word, stays)))
