"""A report's sign-off block: the ledger's head, who has signed, the command for who has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.flags.state import FLAGS, FlagsError, read_flags
from rolloutlib.judge.record import Recommendation, Reviewed
from rolloutlib.ledger.beside import read_beside
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.left_out import left_out_of_review
from rolloutlib.ledger.pins import results_digest
from rolloutlib.ledger.verification import SignatureState, sign_off_status
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.show.next_step import decide
from rolloutlib.show.report import recommendation_word
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, table
from rolloutlib.words.reasons import sentence, texts, worded
from rolloutlib.words.roles import role_word
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.owed import OpenItem
    from rolloutlib.judge.record import Review
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.plan.params import ReviewParams

__all__ = ["ITEMS", "Standing", "decided_lines", "sign_off", "standing", "still_owed"]

ITEMS: Final = 6  # that are open: on the first screen; of more the sign-off block has all


class Standing(NamedTuple):
    """What the ledger has on a review.

    Attributes:
        decision: the newest record of these very results that is signed in whole, else the newest
            one; None before there is one.
        states: the roles that its verdict needs, or that the recommended one would need.
        ledger: None where it cannot be read, and `damage` says why.
        verdict: what the decision says, which may differ from what the review recommends.
        whole: whether it is signed by all whom its verdict needs.
        due: whether a promotion is what comes next: a GO in whole that is not in force, not older
            than another GO and not rolled back.
        rollback: the rollback that came after a GO; "" where none did.
        draft: a newer record of these results that is not signed in whole, and its verdict.
    """

    decision: str | None
    states: tuple[SignatureState, ...]
    ledger: Ledger | None
    damage: str = ""
    verdict: Recommendation | None = None
    whole: bool = False
    due: bool = False
    rollback: str = ""
    draft: tuple[str, Recommendation] | None = None


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
        records = _decisions(review, ledger)
        if not records:
            return Standing(None, _due(review, book), ledger)
        return _decided(book, Judge(book, ledger, now), records)
    except RolloutError as error:  # a damaged ledger is no reason to show no report
        return Standing(None, (), None, str(error))


def decided_lines(state: Standing, review: Review) -> list[Sentence]:
    """Say what the ledger's decision is, as opposed to what the review recommends."""
    if state.verdict is None:
        return []
    about = {"verdict": recommendation_word(state.verdict), "decision": state.decision}
    lines = [say("Drafted, not signed in whole: {verdict} ({decision}).", **about)]
    if state.whole:
        lines = [say("Decided: {verdict} ({decision}).", **about)]
    if state.verdict is not review.recommendation:
        recommended = recommendation_word(review.recommendation)
        lines.append(say("The review recommends {word}.", word=recommended))
    if state.rollback:
        lines.append(say("{rollback} rolled back after it; the stage opens again with a new GO.",
                         rollback=state.rollback))  # fmt: skip
    if state.draft:
        name, verdict = state.draft
        lines.append(say("A newer draft is not signed in whole: {verdict} ({decision}).",
                         verdict=recommendation_word(verdict), decision=name))  # fmt: skip
    return lines


def still_owed(review: Review, state: Standing) -> Iterator[OpenItem]:
    """Yield what is still open: not to decide what is decided, nor to promote what no GO opens."""
    promoting = state.verdict is Recommendation.GO and (state.due or not state.whole)
    for item in review.open_items:
        settled = {"open.decide": True, "open.promote": not promoting}.get(item.why.code, False)
        if not (state.decision and settled):
            yield item


def sign_off(
    review: Reviewed,
    lang: str = "en",
    *,
    root: Path,
    now: datetime,
    params: ReviewParams | None = None,
) -> Html:
    """Show who signs this review's decision, with the exact command where a signature is missing.

    The decision is the newest record of these very results that is signed in whole, else the newest
    one; before there is one, the command that drafts it. All that is open stands below, where the
    decision page has no room for it.

    Args:
        review: what was reviewed.
        lang: language of the block.
        root: the workbook, whose docs/LEDGER is read.
        now: the moment at which signatures are judged.
        params: of the review, whose report the command names.
    """
    with speaking(lang):
        state = standing(review, root, now)
        if state.ledger is None:
            unread = bullets([say("The ledger cannot be read: {why}", why=state.damage)])
            return joined(unread, *_all_owed(review, state))
        at = say("The ledger is empty; this would be its first decision.")
        if state.ledger.heads:
            head = "+".join(head.sha256 for head in state.ledger.heads)  # several: an open fork
            at = say("Ledger head: {head}", head=head)
        columns = (say("Role"), say("Signed by"), say("Signed at"), say("Command"))
        signatures = table(columns, [_row(by_role) for by_role in state.states])
        within = texts(gate.tolerated for gate in review.gates if gate.tolerated is not None)
        carries = Workbook(root).plan.evidence.carries != "none"
        omitted = texts(left_out_of_review(review, state.ledger)) if carries else []
        accepts = (say("Who signs a GO accepts: {why}", why=why) for why in within)
        steps = decided_lines(state, review) or [_next_step(review, params)]
        lines = bullets([at, *steps, *omitted, *accepts])
        return joined(lines, signatures, *_all_owed(review, state))


def _all_owed(review: Review, state: Standing) -> Iterator[Html]:
    """Yield the table of what is open, where the decision page leads to it."""
    items = [*still_owed(review, state)]
    if len(items) > ITEMS:
        rows = [Row((Cell(str(role_word(item.role))), Cell(sentence(item.why)))) for item in items]
        shown = table((say("Role"), say("Open, and who owes it")), rows)
        yield Html(f'<div id="rl-owed">{shown.html}</div>', shown.text)


def _decisions(review: Review, ledger: Ledger) -> list[Node]:
    """Return the decisions that pin these very results, the newest first."""
    record = review.record if isinstance(review, Reviewed) else review
    digest = results_digest(worded(record))
    return [
        node
        for node in reversed(ledger.nodes)
        if node.predicate.pins and node.predicate.pins.results == digest
    ]


def _decided(book: Workbook, judge: Judge, records: list[Node]) -> Standing:
    """Return how the decision stands, of records on the same results, the newest first."""
    ledger, newest = judge.ledger, records[0]
    node = next((record for record in records if _is_whole(judge, record)), newest)
    if node is not newest and _rollback_after(book, ledger, node):
        node = newest  # what was rolled back is no more; the newer one is being decided
    verdict, whole = Recommendation(node.predicate.verdict), _is_whole(judge, node)
    go = whole and verdict is Recommendation.GO
    rollback = _rollback_after(book, ledger, node) if go else ""
    # A promotion asks for more than signatures: also that no file of the record was changed.
    green = Judge(book, ledger, judge.now).green() if go and not rollback else None
    return Standing(
        node.id,
        sign_off_status(book, node.id, now=judge.now, ledger=ledger),
        ledger,
        verdict=verdict,
        whole=whole,
        due=green == node.head and _in_force(book) != node.id,
        rollback=rollback,
        draft=None if node is newest else (newest.id, Recommendation(newest.predicate.verdict)),
    )


def _is_whole(judge: Judge, node: Node) -> bool:
    line = judge.line(node, files=False)  # a card that was edited takes no signature away
    return line.ok and not line.pending


def _rollback_after(book: Workbook, ledger: Ledger, node: Node) -> str:
    """Return the rollback after which a record moves no flags any more, joined or not yet."""
    later = [n.id for n in ledger.nodes
             if n.predicate.kind == "rollback" and n.before >> node.index & 1]  # fmt: skip
    later += [file.said.id for file in read_beside(book.root)
              if file.said and file.said.at >= node.predicate.prepared.at]  # fmt: skip
    return later[0] if later else ""


def _in_force(book: Workbook) -> str:
    """Return the decision that the flags stand on; "" where no flags can be read."""
    try:
        return read_flags(book.root / FLAGS).state.decision
    except FlagsError:
        return ""


def _next_step(review: Reviewed, params: ReviewParams | None) -> Sentence:
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
