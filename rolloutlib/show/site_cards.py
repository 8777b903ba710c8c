"""Decisions for people outside: each card as a page, all of them as a list and as a feed.

Cards are drawn from their records, not read from docs/LEDGER, and only of a ledger that holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup
from msgspec.structs import replace

from rolloutlib.errors import RolloutError
from rolloutlib.ledger.cards import render as card_of
from rolloutlib.ledger.documents import moment
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.phrase import phrase
from rolloutlib.show.cut_pages import for_others
from rolloutlib.show.feed import Item, feed
from rolloutlib.show.pages import Section, page, sanitised
from rolloutlib.show.pinned import decisions
from rolloutlib.show.tables import render
from rolloutlib.text import LABEL, plain
from rolloutlib.words.roles import role_word
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.show.pinned import Decision

__all__ = ["Card", "card_page", "cards_of", "decisions_part", "feed_of"]

LISTED: Final = 500  # decisions of the list, the newest ones


class Card(NamedTuple):
    """A decision as it is shown outside.

    Attributes:
        decision: what it is, and what it stands on; `signed` are the signatures that hold.
        markdown: the card.
        digest: sha256 of the record.
        state: what `verify` says of it, in a word.
        whole: whether its page shows people's addresses and places on a machine whole.
    """

    decision: Decision
    markdown: str
    digest: str
    state: str
    whole: bool = False


def cards_of(root: Path, *, now: datetime, whole: bool) -> tuple[Card, ...]:
    """Return the decisions of a ledger that holds, oldest first; changes of keys stay inside.

    Args:
        root: of the workbook.
        now: the moment at which signatures are judged.
        whole: whether people's addresses are shown whole.

    Raises:
        RolloutError: something in the ledger was tampered with, or is damaged.
    """
    pinned = {decision.id: decision for decision in decisions(root)}
    if not pinned:
        return ()
    verified = verify_ledger(Workbook(root), now=now)
    wrong = [str(line) for line in verified.lines if line.state == "WRONG"]
    if damage := [*wrong, *map(str, verified.ledger.damage)]:
        raise RolloutError(phrase(
            "The ledger does not hold ({first}), so none of its decisions is published; see "
            "`rollout verify`", first=damage[0],
        ))  # fmt: skip
    cards: list[Card] = []
    for line in verified.lines:
        if (decision := pinned.get(line.node.id)) is None:
            continue
        text = card_of(line.node).decode()
        roles = tuple(role for role, _ in line.signed)
        signed = replace(decision, signed=roles)
        cards.append(Card(signed, text, line.node.digest, line.state, whole=whole))
    return tuple(cards)


def card_page(card: Card, report: str) -> str:
    """Return a card as a page, in its record's language.

    Args:
        card: the decision.
        report: where the page of the review is that it stands on; empty where it is not published.
    """
    lang, title = card.decision.lang, f"{card.decision.verdict} · {card.decision.id}"
    with speaking(lang):
        links = [("../index.html", str(say("All reports and decisions")))]
        links += [(report, str(say("The review that it stands on")))] if report else []
        body = [Markup(render("site_links.html.j2", links=links)), _html(card.markdown)]  # noqa: S704
        shown = page([Section("card", "", body)], title=title, lang=lang, review="")
    return shown if card.whole else for_others(shown)


def _html(markdown: str) -> Markup:
    """Return a card as HTML: what would load or lead elsewhere, and HTML of its own, is taken out.

    What others wrote in it stands there as entities already (`text.markdown`).
    """
    import mistune

    return sanitised(str(mistune.html(markdown)))


def decisions_part(
    cards: tuple[Card, ...], address: Callable[[Decision], str]
) -> tuple[str, Markup] | None:
    """Return the list of decisions, newest first, with its prose; None without any."""
    if not cards:
        return None
    head = tuple(map(str, (say("Decision"), say("Verdict"), say("Stage"), say("Time"),
                           say("Signatures"))))  # fmt: skip
    rows = [
        (decision.id, address(decision), plain(decision.verdict, LABEL),
         "–" if decision.stage is None else str(decision.stage), plain(decision.at, LABEL),
         _signed(card))
        for card in reversed(cards[-LISTED:]) for decision in (card.decision,)
    ]  # fmt: skip
    prose = say("## Decisions\n\nThe newest first; changes of keys are not among them. Signatures "
                "were verified when this page was made.")  # fmt: skip
    word = str(say("As a feed (RSS)"))
    shown = render("site_decisions.html.j2", head=head, rows=rows, feed=word)
    return str(prose), Markup(shown)  # noqa: S704 -- of a template, escaped there


def _signed(card: Card) -> str:
    roles = _roles(card)
    return str(say("{roles}; more are due", roles=roles)) if card.state != "ok" else roles


def _roles(card: Card) -> str:
    return ", ".join(str(role_word(role)) for role in card.decision.signed) or "–"


def feed_of(
    cards: tuple[Card, ...], address: Callable[[Decision], str], *, lang: str, base: str
) -> bytes:
    """Return the feed of decisions."""
    items = [
        Item(card.digest, f"{decision.verdict} · {decision.id}", _told(card),
             moment(decision.at, "at"), address(decision))
        for card in cards for decision in (card.decision,)
    ]  # fmt: skip
    title, about = say("Decisions of the rollout"), say("What was decided, stage by stage.")
    return feed(items, str(title), str(about), lang=lang, base=base)


def _told(card: Card) -> str:
    """Say a decision in a sentence."""
    decision, roles = card.decision, _roles(card)
    if decision.stage is None:
        return str(say("{verdict}. Signed by: {roles}.", verdict=decision.verdict, roles=roles))
    return str(say("{verdict} at the exit of stage {stage}. Signed by: {roles}.",
                   verdict=decision.verdict, stage=decision.stage, roles=roles))  # fmt: skip
