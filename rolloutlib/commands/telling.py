"""After a command's work: tell people of it. Neither its exit code nor its work depends on that."""

from __future__ import annotations

from contextlib import contextmanager
from os.path import lexists
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.commands.options import complain
from rolloutlib.errors import RolloutError
from rolloutlib.reason import Reason
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from rolloutlib.flags.outcome import RolledBack
    from rolloutlib.ledger.chain import Node
    from rolloutlib.tell.event import Event

__all__ = [
    "tell_decision", "tell_people", "tell_rollback", "telling_of_failed_rollback",
    "telling_of_review", "test_event",
]  # fmt: skip

NOTIFY: Final = "params/notify.yaml"
EXIT: Final = {"GO": 0, "HOLD": 10, "NO_GO": 20, "INVALID": 30}
FAILURE, STILL_ON = 1, 3  # exit codes
SHORT_SECONDS: Final = 10.0  # who pulls the kill switch waits no longer


class _Reviewed(msgspec.Struct):
    """All that is read of review.json here; the whole record takes longer to import."""

    recommendation: str
    reasons: tuple[Reason, ...]


def tell_people(event: Event, root: Path) -> None:
    """Tell whom params/notify.yaml names; say on standard error what could not be told.

    Args:
        event: what happened; the command is done with it.
        root: the workbook.
    """
    _try_to_tell(lambda: event, root)


@contextmanager
def telling_of_review(stage: int, root: Path) -> Generator[Callable[[Path], None]]:
    """Tell what became of a review: yields what has to hear where its page is.

    A mistake in the call is nobody's news; a review that failed is.
    """
    pages: list[Path] = []
    try:
        yield pages.append
    except RolloutError as error:
        if pages or error.exit_code == FAILURE:
            why = str(error)
            _try_to_tell(lambda: _of_review(stage, pages, why), root)
        raise
    _try_to_tell(lambda: _of_review(stage, pages), root)


def tell_decision(node: Node, root: Path) -> None:
    """Tell that a decision was drafted."""

    def event() -> Event:
        from rolloutlib.tell.event import Event
        from rolloutlib.words.sentences import say

        verdict, record = node.predicate.verdict, node.id
        drafted = say("Decision {record}: {verdict} is drafted and waits for signatures.",
                      record=record, verdict=verdict)  # fmt: skip
        card = root / "docs" / "LEDGER" / f"{record}.md"
        return Event(kind="decide", outcome=verdict, exit_code=0, headline=drafted, report=card)

    _try_to_tell(event, root)


def tell_rollback(done: RolledBack, reason: str, root: Path, code: int) -> None:
    """Tell that features are off for everybody, and what is still open."""

    def event() -> Event:
        from rolloutlib.tell.event import Event
        from rolloutlib.words.sentences import say

        off = say("Rollback: {flags} off for everybody. Reason: {reason}",
                  flags=done.flags, reason=plain(reason) or "–")  # fmt: skip
        lines = [say("Open: {what}", what=what) for what in done.open]
        lines += [say("Next: {what}", what=what) for what in done.follows]
        card = root / "docs" / "LEDGER" / f"{done.record}.md" if done.record else None
        outcome = "UNRECORDED" if code else "OFF"
        return Event(
            kind="rollback", outcome=outcome, exit_code=code, headline=off, lines=tuple(lines),
            stage=done.after.stage, report=card if card and card.is_file() else None,
        )  # fmt: skip

    _try_to_tell(event, root, SHORT_SECONDS)


@contextmanager
def telling_of_failed_rollback(root: Path) -> Generator[None]:
    """Tell, before it ends the command, that the kill switch could not switch."""
    try:
        yield
    except RolloutError as error:
        if error.exit_code == STILL_ON:
            why = str(error)
            _try_to_tell(lambda: _still_on(why), root, SHORT_SECONDS)
        raise


def test_event() -> Event:
    """Return what `rollout notify --test` tells."""
    from rolloutlib.tell.event import Event
    from rolloutlib.words.sentences import say

    headline = say("A test: whoever reads this will hear of this rollout.")
    return Event(kind="test", outcome="TEST", exit_code=0, headline=headline)


def _try_to_tell(event: Callable[[], Event], root: Path, seconds: float = 20.0) -> None:
    try:
        if not lexists(root / NOTIFY):
            return
        from rolloutlib.tell.telling import tell

        for delivery in tell(event(), root, seconds=seconds):
            if delivery.failure is not None:
                complain("not told: {way}: {why}", way=delivery.way, why=delivery.failure)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- what was done stands, and so does its exit code
        why = error if isinstance(error, RolloutError) else str(error) or type(error).__name__
        complain("not told: {why}; what the command did stands", why=why)


def _of_review(stage: int, pages: list[Path], why: str = "") -> Event:
    from rolloutlib.tell.event import Event
    from rolloutlib.words.sentences import say

    if not pages:
        failed = say("The review of stage {stage} failed: {why}", stage=stage, why=why)
        return Event(
            kind="review", outcome="FAILED", exit_code=FAILURE, headline=failed, stage=stage
        )
    outcome, reasons = _read(pages[0])
    headline = say("Review of stage {stage}: {outcome}", stage=stage, outcome=outcome)
    return Event(
        kind="review", outcome=outcome, exit_code=EXIT[outcome], headline=headline, lines=reasons,
        stage=stage, report=pages[0],
    )  # fmt: skip


def _read(page: Path) -> tuple[str, tuple[Reason, ...]]:
    """Return what a review recommends, and why."""
    from rolloutlib.files import bounded_bytes
    from rolloutlib.ledger.seal import REVIEW

    review = msgspec.json.decode(bounded_bytes(page.with_name(REVIEW)), type=_Reviewed)
    return review.recommendation, review.reasons


def _still_on(why: str) -> Event:
    from rolloutlib.tell.event import Event
    from rolloutlib.words.sentences import say

    failed = say("THE FLAGS ARE STILL ON: a rollback could not write them. {why}", why=why)
    return Event(kind="rollback", outcome="STILL_ON", exit_code=STILL_ON, headline=failed)
