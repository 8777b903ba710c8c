"""Fields that are true or false, and the words by which a source says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.runs.spellings import status_of, truths, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rolloutlib.runs.sources import SourceSpec

__all__ = ["TRUTHS", "own_truths", "truth_of"]

TRUTHS: Final = ("cached", "human_passed")
_BOTH: Final = {"true": "passed", "false": "failed"}
_MEANS: Final = {"passed": True, "failed": False, "vetoed": False}


def own_truths(field: str, spec: SourceSpec) -> dict[str, bool]:
    """Return what the words of a field mean.

    A person's verdict may be in the words of `statuses`, too; but true says yes whatever a status
    of that name means, since the column of a status may be one of failures.
    """
    usual = {name: status == "passed" for name, status in truths(_BOTH).items()}
    if field != "human_passed":
        return usual
    own = {name: _MEANS[status] for name, status in spec.statuses.items() if status in _MEANS}
    return {"passed": True, "failed": False} | own | usual


def truth_of(words: Mapping[str, bool]) -> Callable[[object], object]:
    """Return what reads a cell by such words; what is none of them stays a word."""
    spelled = {name: str(true) for name, true in words.items()}

    def read(cell: object) -> object:
        meaning = status_of(cell, spelled, spelled)
        return word(cell) if meaning is None else meaning == "True"

    return read
