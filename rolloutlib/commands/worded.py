"""What a command says, in the language of its call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from rolloutlib.errors import RolloutError
    from rolloutlib.phrase import Phrase
    from rolloutlib.words.sentences import Sentence

    Sayable = str | Phrase | Sentence | RolloutError

__all__ = ["worded"]


def worded(text: Sayable, /, **values: object) -> str:
    """Return a literal template with its values, or what is a phrase, in the language spoken.

    Where no catalogue can be had, that is English.
    """
    spoken = phrase(text, **values) if isinstance(text, str) else text
    try:
        from rolloutlib.words.sentences import translated

        return translated(spoken)
    except Exception:  # noqa: BLE001 -- what was done is told, in whatever language it can
        return str(spoken)
