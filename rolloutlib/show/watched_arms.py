"""The arms of a watch as its tables and charts name them, and the newest day of the treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.text import LABEL, plain
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from rolloutlib.watch.record import DailySeries, Point, Watch

__all__ = ["arm_heads", "latest"]

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


def latest(series: DailySeries) -> Point | None:
    """Return the newest day that has a value of the treatment."""
    return next((p for p in reversed(series.points) if p.treatment is not None), None)
