"""A rollback as people read it: on its record's card, and beside a ledger that cannot take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.text import markdown
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from rolloutlib.ledger.records import FlagsThen, WayBack

Line = Sentence | str


def bold(heading: Line, text: Line) -> Line:
    """Return a line with a bold heading."""
    return say("- **{heading}**: {text}", heading=heading, text=text)


def rollback_lines(way: WayBack) -> list[Line]:
    """Return the lines of a rollback record's card."""
    nothing = say("nothing: no GO of this ledger had put these flags in force")
    lines = [
        bold(say("Rolls back"), way.rolls_back.id if way.rolls_back else nothing),
        *way_lines(way),
    ]
    if way.joined:
        joined = {"at": way.joined.at, "why": markdown(way.joined.why)}
        sentence = say("{at}; it had been recorded beside it ({why})", **joined)
        lines.append(bold(say("Joined to the ledger"), sentence))
    return lines


def way_lines(way: WayBack) -> list[Line]:
    """Return the lines that a rollback has wherever it is recorded."""
    sections = (
        (say("Trigger (signal/time/owner)"), way.trigger),
        (say("Root Cause (suspected)"), way.cause),
        (say("Actions (flags turned off, profile reset)"), "; ".join(way.actions)),
        (say("Restored From (ledger id/link)"), way.restored_from),
        (say("Impact & Follow-ups"), way.impact),
    )
    lines = [bold(heading, markdown(text)) for heading, text in sections]
    if way.after:
        lines.append(bold(say("Flags before"), _then(way.before or None)))
        lines.append(bold(say("Flags after"), _then(way.after)))
    return lines


def _then(flags: FlagsThen | None) -> Line:
    if flags is None:
        return say("nobody can tell")
    about = {"stage": flags.stage, "generation": flags.generation}
    about |= {"off": markdown(", ".join(flags.off)) or "–", "by": markdown(flags.decision) or "–"}
    return say("stage {stage}, generation {generation}, off: {off}; by {by}", **about)
