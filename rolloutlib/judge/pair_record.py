"""What a comparison of two files found, as one frozen record: a review without a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.judge.flips import Flips  # noqa: TC001 -- msgspec reads it
from rolloutlib.judge.record import PAIR_SCHEMA, Review
from rolloutlib.reason import Reason

if TYPE_CHECKING:
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["Meaning", "PairReview", "TakenFor"]

NO_STAGE: Final = -1


class TakenFor(msgspec.Struct, frozen=True):
    """One line of source.yaml: what a column was taken for, and why, if that was drafted."""

    field: str
    column: str
    why: Reason | None = None


class PairReview(
    Review, frozen=True, kw_only=True, omit_defaults=True, tag_field="schema", tag=PAIR_SCHEMA
):
    """A comparison of two files: fields of a review, those of a stage left out.

    `plan` of a gate repeats its evidence, since there is no other rule. No decision rests on it.

    Attributes:
        first, second: names of both files or folders, the control's first.
        tool: which eval tool wrote them, as far as that was recognised.
        plan_name: of eval.yaml.
        taken: what the columns were taken for.
        left: columns that nothing was made of, and why.
        unjudged: titles of gates that do not apply, since neither file has a value.
        doubted: the same of gates of which a file may have values that could not be read → why.
        needs: titles of the gates of which one has to be judged.
        flips: how often a repeat would say something else; None where that cannot be told.
    """

    stage: int = NO_STAGE
    first: str = ""
    second: str = ""
    tool: str = ""
    plan_name: str = ""
    taken: tuple[TakenFor, ...] = ()
    left: tuple[TakenFor, ...] = ()
    unjudged: tuple[str, ...] = ()
    doubted: dict[str, Reason] = {}  # noqa: RUF012 -- msgspec copies it
    needs: tuple[str, ...] = ()
    flips: Flips | None = None


class Meaning(NamedTuple):
    """What columns mean, and what is known of that.

    Attributes:
        spec: how the files are read; None for the engine's own runs.
        doubts: what is called like a measurement and is not read; each holds a GO back.
        silent: what tells the material in one file alone, by its name in `differs`.
        guessed: whether columns were taken for what they are by their names alone.
        tool: that wrote the files; empty where nobody asked.
        taken: what each column was taken for.
        left: columns that nothing was made of.
        asked: what a draft asks about columns that it took; it holds nothing back.
    """

    spec: SourceSpec | None
    doubts: tuple[Reason, ...] = ()
    silent: dict[str, Reason] = {}  # noqa: RUF012 -- nobody writes to it
    guessed: bool = False
    tool: str = ""
    taken: tuple[TakenFor, ...] = ()
    left: tuple[TakenFor, ...] = ()
    asked: tuple[Reason, ...] = ()
