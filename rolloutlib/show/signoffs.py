"""A report's sign-off block: the ledger's head, who has signed, the command for who has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.judge.record import Recommendation, Reviewed
from rolloutlib.ledger.left_out import left_out_of_review
from rolloutlib.ledger.pins import results_digest
from rolloutlib.ledger.verification import SignatureState, sign_off_status
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.show.next_step import decide
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, table
from rolloutlib.words.reasons import texts, worded
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.record import Review
    from rolloutlib.ledger.chain import Ledger
    from rolloutlib.plan.params import ReviewParams

__all__ = ["Standing", "sign_off", "standing"]


class Standing(NamedTuple):
    """What the ledger has on a review.

    Attributes:
        decision: the newest record that pins these very results; None before there is one.
        states: the roles that its verdict needs, or that the recommended one would need.
        ledger: None where it cannot be read, and `damage` says why.
    """

    decision: str | None
    states: tuple[SignatureState, ...]
    ledger: Ledger | None
    damage: str = ""


def standing(review: Review, root: Path, now: datetime) -> Standing:
    """Return which record decides on a review, and who has signed it.

    Args:
        review: what was reviewed.
        root: the workbook, whose docs/LEDGER is read.
        now: the moment at which signatures are judged.
    """
    try:
        book = Workbook(root)
        ledger = book.read()
        name, states = _decision(review, ledger), _due(review, book)
        if name:
            states = sign_off_status(book, name, now=now, ledger=ledger)
    except RolloutError as error:  # a damaged ledger is no reason to show no report
        return Standing(None, (), None, str(error))
    return Standing(name, states, ledger)


def sign_off(
    review: Reviewed,
    lang: str = "en",
    *,
    root: Path,
    now: datetime,
    params: ReviewParams | None = None,
) -> Html:
    """Show who signs this review's decision, with the exact command where a signature is missing.

    The decision is the newest record that pins these very results; before there is one, the command
    that drafts it.

    Args:
        review: what was reviewed.
        lang: language of the block.
        root: the workbook, whose docs/LEDGER is read.
        now: the moment at which signatures are judged.
        params: of the review, whose report the command names.
    """
    with speaking(lang):
        found = standing(review, root, now)
        if found.ledger is None:
            return bullets([say("The ledger cannot be read: {why}", why=found.damage)])
        at = say("The ledger is empty; this would be its first decision.")
        if found.ledger.heads:
            head = "+".join(head.sha256 for head in found.ledger.heads)  # several: an open fork
            at = say("Ledger head: {head}", head=head)
        columns = (say("Role"), say("Signed by"), say("Signed at"), say("Command"))
        signatures = table(columns, [_row(state) for state in found.states])
        within = texts(gate.tolerated for gate in review.gates if gate.tolerated is not None)
        carries = Workbook(root).plan.evidence.carries != "none"
        omitted = texts(left_out_of_review(review, found.ledger)) if carries else []
        accepts = (say("Who signs a GO accepts: {why}", why=why) for why in within)
        step = _next_step(review, found.decision, params)
        return joined(bullets([at, step, *omitted, *accepts]), signatures)


def _decision(review: Review, ledger: Ledger) -> str | None:
    record = review.record if isinstance(review, Reviewed) else review
    digest = results_digest(worded(record))
    for node in reversed(ledger.nodes):
        if node.predicate.pins and node.predicate.pins.results == digest:
            return node.id
    return None


def _next_step(review: Reviewed, name: str | None, params: ReviewParams | None) -> Sentence:
    if name:
        return say("Decision {name} pins these results.", name=name)
    if review.recommendation is Recommendation.INVALID:
        return say("There is nothing to decide: the data are no evidence.")
    command = decide(review, params)
    return say("No decision pins these results yet; draft one: {command}", command=f"`{command}`")


def _due(review: Review, book: Workbook) -> tuple[SignatureState, ...]:
    """The roles that the recommended verdict needs, before there is a record to sign."""
    if review.recommendation is Recommendation.INVALID:
        return ()
    threshold = book.trust.thresholds[review.recommendation.value]
    return tuple(
        SignatureState(role, None, None, f"rollout sign DECISION --as {role}")
        for role in threshold.all
    )


def _row(state: SignatureState) -> Row:
    words = (state.role, state.signer or "–", state.signed_at or "–")
    command = Cell("–") if state.signer else Cell(state.command, kind="command")
    return Row((*map(Cell, words), command))


__dir__ = __all__.copy  # what completion lists
