"""The arms of a watch as its tables and charts name them, and the newest day of the treatment.

A name that has no room loses its middle: models and issues differ at both ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.show.tables import width_of
from rolloutlib.text import LABEL, plain
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from rolloutlib.watch.record import DailySeries, Point, Watch

__all__ = ["arm_heads", "latest", "shortened"]

ROLES = ("control", "treatment")  # what arms are called that nobody named otherwise


def arm_heads(watch: Watch, treatment: object | None = None) -> tuple[str, str]:
    """Return both arms' heads: what each is, and its name where it has one of its own.

    `treatment`: what the treatment's column says it is, else the plain word.
    """
    words = (say("Control"), treatment or say("Treatment"))
    names = (watch.control, watch.treatment)
    control, treated = (
        str(word) if name == role else f"{word} · {plain(name, LABEL)}"
        for word, name, role in zip(words, names, ROLES, strict=True)
    )
    return control, treated


def shortened(text: str, places: int) -> str:
    """Return a text in so many places of a line, without its middle where it has more.

    >>> shortened("gpt-4o-2024-08-06", 11), shortened("on", 11)
    ('gpt-4…08-06', 'on')
    """
    if width_of(text) <= places:
        return text
    half = len(text) // 2
    first, last = text[:half], text[half:]
    while first and last and width_of(f"{first}…{last}") > places:
        first, last = (first[:-1], last) if len(first) > len(last) else (first, last[1:])
    return f"{first}…{last}"


def latest(series: DailySeries) -> Point | None:
    """Return the newest day that has a value of the treatment."""
    return next((p for p in reversed(series.points) if p.treatment is not None), None)
