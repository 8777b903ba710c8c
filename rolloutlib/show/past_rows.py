"""An earlier report as a row: of the index's table, and of a terminal's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from rolloutlib.judge.record import Recommendation
from rolloutlib.ledger.seal import SEAL
from rolloutlib.show import watched
from rolloutlib.show.past import COMPARE, NAMELESS, WATCHED
from rolloutlib.show.report import SIGNS, recommendation_word
from rolloutlib.show.tables import Cell, Html, Row, aligned, label, table
from rolloutlib.text import LABEL, plain
from rolloutlib.watch.record import Outcome
from rolloutlib.words.reasons import sentence
from rolloutlib.words.roles import arm_word, role_word
from rolloutlib.words.sentences import Sentence, enumerated, say, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rolloutlib.reason import Reason
    from rolloutlib.show.past import Moved, Past
    from rolloutlib.show.pinned import Decision

__all__ = ["Linked", "head_of", "lines_of", "row_of", "said_of", "verdict_of", "wrong_of"]

REASON: Final = 240  # characters of the first reason; the report has all of it
_CLASSES: Final = {"GO": "pass", "HOLD": "inconclusive", "NO_GO": "fail", "INVALID": "invalid",
                   "CALM": "pass", "AMBER": "inconclusive", "RED": "fail", "NO_DATA": "invalid",
                   "ROLLBACK": "fail"}  # fmt: skip


class Linked(NamedTuple):
    """A cell that may lead somewhere."""

    text: str
    lines: tuple[str, ...] = ()
    kind: str = ""
    href: str = ""


def head_of() -> tuple[str, ...]:
    """Name the columns."""
    names = (say("Recommendation"), say("Stage"), say("Data until"), say("Look"), say("Users"),
             say("First reason"), say("Decision"))  # fmt: skip
    return tuple(map(str, names))


def row_of(
    past: Past, pinned: Sequence[Decision], address: Callable[[Decision], str], below: str = ""
) -> tuple[Linked, ...]:
    """Return a sealed report's row, in the language that is spoken.

    Args:
        past: the report.
        pinned: the decisions that stand on it, oldest first.
        address: where a decision's card is.
        below: where the reports are, with a slash at its end.
    """
    where = quote(f"{below}{past.where}/{past.page}", errors="replace")
    about = [plain(past.where, LABEL)]
    if past.made:
        made = f"{past.made:%Y-%m-%d %H:%M} UTC"
        about.append(str(say("made {at}", at=made) if past.dated else say("file of {at}", at=made)))
    decided = Linked("–")
    if pinned:
        *earlier, last = pinned
        text = f"{last.verdict} {last.id}"
        lines = [
            _signed(last),
            *(f"{decision.verdict} {decision.id}" for decision in reversed(earlier)),
        ]
        decided = Linked(text, tuple(lines), href=address(last))
    return (
        Linked(verdict_of(past), tuple(about), f"verdict {_CLASSES[past.word]}", where),
        Linked(said_of(past), _parts(past)),
        Linked(f"{past.until:%Y-%m-%d}" if past.until else "–"),
        Linked(_look(past), _counted(past)),
        Linked("–" if past.users is None else f"{past.users:,}", kind="number"),
        Linked(_reason(past.first) if past.first else "–"),
        decided,
    )


def _reason(reason: Reason) -> str:
    """Say a reason; one whose facts are another version's keeps the text of its record."""
    try:
        return plain(sentence(reason), REASON)
    except (AttributeError, LookupError, TypeError, ValueError):
        return plain(reason.text or reason.code, REASON)


def verdict_of(past: Past) -> str:
    """Return what a report says, as a sign and a word."""
    if past.kind == WATCHED:
        outcome = Outcome(past.word)
        return f"{watched.SIGNS[outcome]} {watched.outcome_word(outcome)}"
    recommendation = Recommendation(past.word)
    return f"{SIGNS[recommendation]} {recommendation_word(recommendation)}"


def said_of(past: Past) -> str:
    """Say what a report is about."""
    if past.kind == COMPARE:
        return str(say("two files"))
    name = translate(past.stage_name)
    named = say("{stage}, {name}", stage=past.stage, name=plain(name, LABEL))
    stage = named if name else past.stage
    return str(say("{stage} · watched day", stage=stage) if past.kind == WATCHED else stage)


def _parts(past: Past) -> tuple[str, ...]:
    """Name the flags that move, or the arms where the data name none."""
    if past.moved:
        return tuple(_flag(flag) for flag in past.moved[:6])
    return (f"{arm_word(past.control)} → {arm_word(past.treatment)}",)


def _flag(moved: Moved) -> str:
    before, after = (
        "–" if value is None else str(say("on") if value else say("off"))
        if isinstance(value, bool) else plain(str(value), LABEL)
        for value in (moved.before, moved.after)
    )  # fmt: skip
    name = plain(translate(moved.title) or moved.flag, LABEL)
    return f"{plain(moved.feature, LABEL)} {name}: {before} → {after}".strip()


def _look(past: Past) -> str:
    return f"{past.look.number} / {past.look.planned}" if past.look.number else "–"


def _counted(past: Past) -> tuple[str, ...]:
    words = {"exploration": say("exploration"), "free": say("not counted")}
    word = words.get(past.look.counting)
    return (str(word),) if word and past.look.number else ()


def _signed(decision: Decision) -> str:
    if not decision.signed:
        return str(say("nobody signed"))
    roles = ", ".join(str(role_word(role)) for role in decision.signed)
    return str(say("signed: {roles}", roles=roles))


def wrong_of(pasts: Sequence[Past]) -> Html:
    """List reports that are not as sealed, and which of their parts."""
    rows = [Row((label(past.where), Cell(str(_wrong(past))))) for past in pasts]
    return table((say("Report"), say("What is wrong")), rows)


def _wrong(past: Past) -> Sentence:
    if NAMELESS in past.wrong:
        return say("Its name is no UTF-8, so that no page can lead to it.")
    if SEAL in past.wrong:
        return say("It has no seal that can be read.")
    names = enumerated([plain(name, LABEL) for name in past.wrong], most=6)
    return say("Not as sealed: {names}", names=names)


def lines_of(pasts: Iterable[Past], decided: Callable[[Past], str]) -> list[str]:
    """Return a table for a terminal, a line a report.

    Args:
        pasts: reports, those that are not as sealed among them.
        decided: what the ledger says of a report.
    """
    head = (say("Recommendation"), say("Stage"), say("Data until"), say("Look"), say("Users"),
            say("Decision"), say("Report"))  # fmt: skip
    rows = [tuple(map(str, head))]
    for past in pasts:
        name = plain(past.where, LABEL)
        if past.wrong:
            rows.append((f"! {say('not as sealed')}", "–", "–", "–", "–", "–", name))
            continue
        day = f"{past.until:%Y-%m-%d}" if past.until else "–"
        users = "–" if past.users is None else f"{past.users:,}"
        numbers = (day, " ".join((_look(past), *_counted(past))), users)
        rows.append((verdict_of(past), said_of(past), *numbers, decided(past) or "–", name))
    return aligned(rows)
