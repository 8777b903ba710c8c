"""One pull of the kill switch, in the words of its record, its notes and the overview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.flags.notices import UNFINISHED, rollback_notes, write_release_notes
from rolloutlib.flags.overview import card_of, system_overview
from rolloutlib.ledger.documents import instant
from rolloutlib.ledger.findings import said_by, without
from rolloutlib.ledger.lines import admit
from rolloutlib.ledger.records import RECORD_ID, SIGNER, FlagsThen, WayBack
from rolloutlib.phrase import phrase
from rolloutlib.text import markdown, plain
from rolloutlib.words.sentences import say, translated

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import Literal

    from rolloutlib.flags.cause import Cause
    from rolloutlib.flags.document import FlagState
    from rolloutlib.flags.outcome import RolledBack, Trigger
    from rolloutlib.ledger.workbook import Workbook
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Plan

_NOBODY: Final = "rollback@unknown"
_LONG: Final = 200  # characters of a decision's name, which a hand may have written
_WHOLE: Final = 2**53 - 1


class Event(NamedTuple):
    """One pull of the switch, what came of it, and what was seen, if somebody named it."""

    root: Path
    plan: Plan | None
    trigger: Trigger
    outcome: RolledBack
    now: datetime
    lang: Literal["en", "ko"]
    cause: Cause | None = None

    @property
    def at(self) -> str:
        """The moment as documents write it."""
        return instant(self.now)

    @property
    def reason(self) -> str:
        """Why, in a line."""
        return plain(self.trigger.text).strip() or str(say("no reason given"))


def why_of(error: Exception, root: Path) -> str:
    """Return what went wrong, with paths as they are in every copy of the workbook.

    In the language that is spoken: the record keeps it.
    """
    return plain(translated(without(said_by(error), f"{root}/")))


def way_in_words(event: Event, way: WayBack) -> WayBack:
    """Return what happened, in the words of the team's template."""
    trigger, outcome, reason = event.trigger, event.outcome, event.reason
    green = outcome.green
    replay = [phrase("Replay of {green}: run `rollout replay {green}`", green=green)]
    left = (*outcome.unread, *outcome.open, *(replay if green else []), *outcome.follows)
    open_ = "; ".join(map(translated, left))
    impact = say(
        "{reason}. Stage {stage} stays blocked until a new GO. Open: {open}",
        reason=reason.rstrip("."), stage=outcome.after.stage, open=open_,
    )  # fmt: skip
    return WayBack(
        rolls_back=None,
        trigger=f"{plain(trigger.signal) or reason} / {event.at} / {plain(trigger.owner) or '–'}",
        cause=plain(trigger.cause) or str(say("not known yet")),
        actions=tuple(plain(translated(done)) for done in outcome.steps),
        restored_from="–",
        impact=plain(str(impact)),
        before=way.before,
        after=way.after,
    )


def signer_of(trigger: Trigger) -> str:
    """Return who prepared the record: whoever pulled the switch, if that is an address."""
    return trigger.owner if SIGNER.fullmatch(trigger.owner) else _NOBODY


def flags_before(outcome: RolledBack) -> FlagsThen | None:
    """Return the flags that were in force; after a crash only the safe ones are there to see."""
    match = RECORD_ID.fullmatch(outcome.after.decision)
    if not outcome.switched and match and match[2] == "rollback":
        return None
    return flags_then(outcome.before) if outcome.before else None


def flags_then(state: FlagState) -> FlagsThen:
    """Return flags as a record tells them; a hand may have written any number or name."""
    generation = max(0, min(state.generation, _WHOLE))
    return FlagsThen(state.stage, generation, plain(state.decision, _LONG), state.off)


# --- what people read -----------------------------------------------------------------------------


def draw_overview(event: Event) -> None:
    """Bring the overview up to date."""
    event.outcome.file(
        phrase("The overview is up to date"),
        lambda: system_overview(event.root, event.plan, event.outcome.after, lang=event.lang),
    )


def write_notes(event: Event, reason: str, at: str, rolled_back: str | None) -> None:
    """Write the release notes, with the record's card if it is there.

    Args:
        event: the pull of the switch.
        reason: why, by the record.
        at: when, by the record.
        rolled_back: the decision that it takes back.
    """
    root, name = event.root, event.outcome.after.decision
    card = card_of(root, event.outcome.record or "")
    ledger = say("Ledger: {card}", card=card) if card else say("Ledger: not recorded yet")
    notice = (
        say("Reason: {reason}", reason=markdown(reason)),
        say("When: {time}", time=at),
        ledger,
    )
    shown = event.cause.lines if event.cause else ()
    lines = rollback_notes(event.plan, event.outcome, notice, rolled_back, shown)
    lines = lines if card else (*lines, UNFINISHED, "")
    write_release_notes(root, lines, name, now=event.now, lang=event.lang)


def signatures(book: Workbook, name: str) -> Phrase:
    """Return who has to sign, and what comes before it where nobody can."""
    if any("engine" in person.roles for person in book.trust.people.values()):
        return phrase("Signatures: run `rollout sign {record} --as engine`", record=name)
    sign = f"rollout sign {name} --as engine"
    return phrase("Signatures: nobody is engine yet: `{admit}`, then `{sign}`",
                  admit=admit("engine"), sign=sign)  # fmt: skip


def mend() -> Phrase:
    """Return what follows where it is recorded beside the ledger."""
    return phrase("Ledger: `rollout verify` says what to mend; the next command that appends to it "
                  "joins this rollback")  # fmt: skip
