"""An engine replay as a table: the green run and the replay gate by gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.show.tables import Cell, Html, Row, number, table
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from rolloutlib.engine.replay import EngineReplay, GateAgreement

__all__ = ["replay_table"]


@spoken
def replay_table(replay: EngineReplay) -> Html:
    """Show the green run and the replay gate by gate."""
    head = (say("Gate"), say("Green run"), say("Bounds"), say("Replay"), say("Agreement"))
    return table(head, [_row(gate) for gate in replay.gates])


def _row(gate: GateAgreement) -> Row:
    words = {
        "exact": say("exactly equal"), "within": say("within the bounds"),
        "differs": say("differs"), "no data": say("no data"),
    }  # fmt: skip
    green, again = show(gate.green, gate.unit), show(gate.replay, gate.unit)
    ends = bound if gate.green is not None else show
    lower, upper = (ends(end, gate.unit) for end in (gate.lower, gate.upper))
    bounds = say("{lower} to {upper}", lower=lower, upper=upper)
    cells = (number(green), number(bounds), number(again), Cell(str(words[gate.agreement])))
    return Row((Cell(translate(gate.title)), *cells))


__dir__ = __all__.copy  # what completion lists
