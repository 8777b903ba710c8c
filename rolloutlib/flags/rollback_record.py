"""After the flags are off: the rollback record, the notice and the overview.

The ledger takes the record, or, where it cannot, a file beside it that the ledger takes over later.
An event is known by the sha256 of the flags that it put in force: it has one record.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from rolloutlib.flags.document import FLAGS, FlagsError, read_flags
from rolloutlib.flags.event import (
    Event,
    draw_overview,
    flags_before,
    flags_then,
    mend,
    signatures,
    signer_of,
    way_in_words,
    why_of,
    write_notes,
)
from rolloutlib.flags.limits import within
from rolloutlib.flags.notices import notes_are_finished
from rolloutlib.flags.promotion import PINNED, pinned_flags
from rolloutlib.ledger.beside import Beside, read_beside, tidy, write_beside
from rolloutlib.ledger.book import append, join
from rolloutlib.ledger.durable import BusyError, Files, locked
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.records import WayBack
from rolloutlib.ledger.undoing import Undone, refuse_lost, undone, way_of
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.phrase import phrase
from rolloutlib.text import plain
from rolloutlib.words.sentences import speaking

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime
    from pathlib import Path
    from typing import Literal

    from rolloutlib.flags.cause import Cause
    from rolloutlib.flags.outcome import RolledBack, Trigger
    from rolloutlib.ledger.book import Slot
    from rolloutlib.ledger.records import Head, Predicate
    from rolloutlib.plan.model import Plan

_WAIT_S: Final = 30.0
_READ_S: Final = 20.0


def record_and_tell(
    root: Path,
    plan: Plan | None,
    trigger: Trigger,
    outcome: RolledBack,
    *,
    now: datetime,
    lang: Literal["en", "ko"],
) -> None:
    """Draft the notice, record the rollback, update the overview; `outcome` keeps what failed.

    A rollback that is recorded already is left as it is. Without a plan, or where the ledger, roles
    or keys are damaged, it is recorded beside the ledger.
    """
    with _alone(root), speaking(lang):
        event = Event(root, plan, trigger, outcome, now, lang, _cause(root, trigger, outcome))
        book, why = _book(root)
        if not _is_recorded(event, book):
            _record(event, book, why)


@contextmanager
def _alone(root: Path) -> Generator[None]:
    """Wait for another rollback that records, but not without end: who is late goes on beside it.

    Doubles cannot come of it: an event is known by its flags, in the ledger and beside it.
    """
    with ExitStack() as stack:
        with suppress(BusyError, OSError):
            stack.enter_context(locked(root, _WAIT_S))
        yield


def _cause(root: Path, trigger: Trigger, outcome: RolledBack) -> Cause | None:
    """Read the review or watch that somebody named; where it cannot be read, that is open."""
    if not trigger.review:
        return None
    try:
        from rolloutlib.flags.cause import read_cause  # the reader of reviews: heavy, seldom asked

        cause = within(_READ_S, lambda: read_cause(trigger.review, root))
    except Exception as error:  # noqa: BLE001 -- whatever it is: the notes do without its numbers
        outcome.open.append(phrase("The review that shows it: {why}", why=why_of(error, root)))
        return None
    outcome.done.append(
        phrase("The numbers are those of {review}", review=plain(cause.name_in(root)))
    )
    return cause


def _book(root: Path) -> tuple[Workbook | None, str]:
    """Return the workbook if its ledger, roles and keys can be read, or why they cannot."""
    try:
        book = Workbook(root)
        book.read()
    except Exception as error:  # noqa: BLE001 -- whatever is damaged: it is recorded beside
        return None, why_of(error, root)
    return book, ""


# --- recorded already -----------------------------------------------------------------------------


def _is_recorded(event: Event, book: Workbook | None) -> bool:
    """Whether the flags in force have their record; what waits beside the ledger is joined."""
    root, outcome = event.root, event.outcome
    try:
        digest = read_flags(root / FLAGS).digest
    except FlagsError:
        return False
    waiting = [file.said for file in read_beside(root) if file.flags_digest == digest]
    if waiting and book:
        outcome.file(phrase("What waited beside the ledger is in it"),
                     lambda: join(book, now=event.now))  # fmt: skip
    nodes = book.read().nodes if book else ()
    for node in nodes:
        if node.predicate.kind == "rollback" and pinned_flags(node) == digest:
            p = node.predicate
            outcome.record, outcome.green = node.id, p.builds_on.id if p.builds_on else None
            outcome.filed.append(phrase("Recorded already: {record}", record=node.id))
            _finish(event, p.note, p.prepared.at, p.rollback)
            return True
    for content in filter(None, waiting):
        outcome.record = content.id
        outcome.file(phrase("Recorded already, beside the ledger: {record}", record=content.id),
                     lambda: tidy(root, Files()))  # fmt: skip
        outcome.follows.append(mend())
        _finish(event, content.note, content.at, content.way)
    return bool(outcome.record)


def _finish(event: Event, reason: str, at: str, way: WayBack | None) -> None:
    """Write the documents again that a crash left unfinished."""
    with suppress(OSError):
        if notes_are_finished(event.root, event.outcome.after.decision):
            return
    _draft_notes(event, reason, at, way.rolls_back if way else None)
    draw_overview(event)


# --- the record -----------------------------------------------------------------------------------


def _record(event: Event, book: Workbook | None, why: str) -> None:
    """Record it in the ledger or beside it, and tell people; notes come first and last.

    The record lists what could not be done; the notes name its card once it is there.
    """
    outcome = event.outcome
    if not _still_off(event):
        again = phrase("The flags are not the safe ones any more; run `rollout rollback` again")
        outcome.open.append(again)
        return
    if not event.trigger.text.strip():
        outcome.open.append(phrase("Reason: none was given; write it into the release notes"))
    before, after = flags_before(outcome), flags_then(outcome.after)
    way, what = WayBack(None, "", "", (), "–", "", before=before, after=after), Undone(None, None)
    if book:
        try:
            what = _what(event, book, way)
        except Exception as error:  # noqa: BLE001 -- whatever is damaged: it is recorded beside
            book, why = None, why_of(error, event.root)
    outcome.green = what.green.id if what.green else None
    drafted = _draft_notes(event, event.reason, event.at, what.rolls_back)
    if outcome.green is None:
        outcome.open.append(phrase("Replay: there is no earlier green record to return to"))
    if book:
        why = _append(event, book, way, what)
    if outcome.record is None:
        _write_beside(event, way, why)
    if drafted:
        rolled_back = what.rolls_back.id if what.rolls_back else None
        with suppress(Exception):  # a first draft is there, which says "not recorded yet"
            write_notes(event, event.reason, event.at, rolled_back)
    draw_overview(event)


def _draft_notes(event: Event, reason: str, at: str, rolled_back: Head | None) -> bool:
    """Draft the release notes; return whether they could be written."""
    open_before, decision = len(event.outcome.open), rolled_back.id if rolled_back else None
    event.outcome.file(
        phrase("Release notes with the rollback notice are drafted"),
        lambda: write_notes(event, reason, at, decision),
    )
    return len(event.outcome.open) == open_before


def _still_off(event: Event) -> bool:
    """Whether the flags in force are ours, or a later rollback's that turned as much off."""
    try:
        file = read_flags(event.root / FLAGS)
    except FlagsError:
        return False
    return file.digest == event.outcome.digest or {*file.state.off} >= {*event.outcome.after.off}


def _what(event: Event, book: Workbook, way: WayBack) -> Undone:
    """Return what is undone; raise where the ledger cannot tell, because it lost something."""
    ledger, after = book.read(), flags_then(event.outcome.after)
    refuse_lost(ledger, way)
    return undone(ledger, Judge(book, ledger, event.now), way.before or None, after)


def _append(event: Event, book: Workbook, way: WayBack, what: Undone) -> str:
    """Append the record to the ledger; return "", or why the ledger does not take it."""
    outcome, name = event.outcome, event.outcome.after.decision
    outcome.follows.append(signatures(book, name))
    way_back = way_of(way_in_words(event, way), what)

    def draft(slot: Slot) -> Predicate:
        return slot.draft(
            "rollback", "ROLLBACK", signer_of(event.trigger), lang=event.lang,
            builds_on=what.green, note=event.reason, rollback=way_back,
        )  # fmt: skip

    pins = {PINNED: outcome.data} | ({event.cause.file: event.cause.data} if event.cause else {})
    try:
        outcome.record = append(book, "rollback", draft, pins, now=event.now, name=name).id
    except Exception as error:  # noqa: BLE001 -- whatever is damaged: it is recorded beside
        outcome.follows.pop()
        return why_of(error, event.root)
    outcome.filed.append(phrase("Recorded as {record}", record=outcome.record))
    return ""


def _write_beside(event: Event, way: WayBack, why: str) -> None:
    outcome, name = event.outcome, event.outcome.after.decision
    outcome.follows.append(mend())

    def write() -> None:
        content = Beside(
            id=name, at=event.at, by=signer_of(event.trigger), lang=event.lang,
            note=event.reason, why=why, way=way_in_words(event, way), flags=outcome.data.decode(),
        )  # fmt: skip
        write_beside(event.root, Files(), content)
        outcome.record = name

    done = phrase("Recorded beside the ledger as {record} ({why})", record=name, why=why)
    outcome.file(done, write)
