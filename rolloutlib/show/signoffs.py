"""A report's sign-off block: the ledger's head, who has signed this decision, and the command for who has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.errors import RolloutError
from rolloutlib.judge.recommendation import Recommendation
from rolloutlib.judge.review_file import review_json
from rolloutlib.ledger.decide import results_digest
from rolloutlib.ledger.verification import SignatureState, Workbook, ledger_head, sign_off_status
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, table
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.review import Review

__all__ = ["sign_off"]


def sign_off(review: Review, lang: str = "en", *, root: Path, now: datetime) -> Html:
    """Show who signs this review's decision, with the exact command where a signature is missing.

    The decision is the newest record that pins these very results; before there is one, the command that drafts it.

    Args:
        review: what was reviewed.
        lang: language of the block.
        root: the workbook, whose docs/LEDGER is read.
        now: the moment at which signatures are judged.
    """
    try:
        head, name = ledger_head(root), _decision(review, root)
        states = sign_off_status(Workbook(root), name, now=now) if name else _due(review)
    except RolloutError as error:  # a damaged ledger is no reason to show no report
        return bullets((say("The ledger cannot be read: {why}", why=str(error)),), say("–"), lang)
    at = (
        say("Ledger head: {head}", head=head)
        if head
        else say("The ledger is empty; this would be its first decision.")
    )
    rows = [_row(state) for state in states]
    columns = (say("Role"), say("Signed by"), say("Signed at"), say("Command"))
    return joined(
        bullets((at, _next_step(review, name)), say("–"), lang), table(columns, rows, lang)
    )


def _decision(review: Review, root: Path) -> str | None:
    digest = results_digest(review_json(review))
    records = ((node.id, node.record.predicate.pins) for node in Workbook(root).read().nodes)
    return next(
        (name for name, pins in reversed([*records]) if pins and pins.results == digest), None
    )


def _next_step(review: Review, name: str | None) -> Sentence:
    if name:
        return say("Decision {name} pins these results.", name=name)
    if review.recommendation is Recommendation.INVALID:
        return say("There is nothing to decide: the data are no evidence.")
    command = f"rollout decide REPORT_FOLDER --verdict {review.recommendation.value}"
    return say("No decision pins these results yet; draft one: {command}", command=command)


def _due(review: Review) -> tuple[SignatureState, ...]:
    """The roles that the recommended verdict needs, before there is a record to sign."""
    if review.recommendation is Recommendation.INVALID:
        return ()
    due = review.plan.signatures[review.recommendation.value]
    roles = (*due.now, *due.within_24h)
    return tuple(
        SignatureState(role, None, None, f"rollout sign DECISION --as {role}") for role in roles
    )


def _row(state: SignatureState) -> Row:
    command = "–" if state.signer else state.command
    return Row(
        (Cell(state.role), Cell(state.signer or "–"), Cell(state.signed_at or "–"), Cell(command))
    )
