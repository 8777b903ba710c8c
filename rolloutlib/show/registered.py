"""The risk register in a report: what fires on the first screen, and the whole of it as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.register import fires
from rolloutlib.show.tables import Cell, Html, Row, table
from rolloutlib.text import plain
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rolloutlib.judge.readings import SignalState
    from rolloutlib.judge.record import Review
    from rolloutlib.judge.risks import RiskState

__all__ = ["firing", "register", "register_lines", "register_table"]

_KINDS: Final = {"fires": "fail", "quiet": "pass", "open": "inconclusive"}


def state_word(risk: RiskState | SignalState) -> Sentence:
    """Return a state as people read it."""
    if risk.state == "fires":
        return say("▲ fires") if risk.sure else say("▲ fires, not sure")
    return say("✓ quiet") if risk.state == "quiet" else say("? open")


@spoken
def register(review: Review) -> Html:
    """Show the risk register on a review: what was seen, and what answers it."""
    return register_table(review.risks)


def register_table(risks: Iterable[RiskState]) -> Html:
    """Show a register, in the language that is spoken."""
    head = (say("Risk"), say("State"), say("Seen"), say("Answer"))
    none = str(say("The plan names no risks."))
    return table(head, [_row(risk) for risk in risks], kind="risks", none=none)


def _row(risk: RiskState) -> Row:
    about = (f"{risk.feature} · {risk.id}",)
    state = Cell(str(state_word(risk)), kind=f"verdict {_KINDS[risk.state]}")
    return Row((Cell(translate(risk.risk), about), state, _seen(risk), _answer(risk)))


def _seen(risk: RiskState) -> Cell:
    """Show what its weightiest signal saw, then the others and what stands beside each."""
    lines = [sentence(signal.seen) for signal in risk.signals if signal.seen != risk.seen]
    for signal in risk.signals:
        lines += texts(signal.reading.told) if signal.reading else []
    return Cell(sentence(risk.seen), tuple(lines))


def _answer(risk: RiskState) -> Cell:
    if risk.state != "fires":
        return Cell("–")
    if risk.waits:
        return Cell(str(say("first the knobs above: no more at once")))
    return Cell(translate(risk.mitigation), tuple(texts(risk.changes)))


def register_lines(risks: Iterable[RiskState]) -> Iterator[str]:
    """Yield a register for a terminal: each risk, what it saw, and what answers it."""
    for risk in risks:
        yield plain(f"{state_word(risk)}  {risk.id} ({risk.feature}): {sentence(risk.seen)}")
        if risk.state != "quiet":
            cell = _seen(risk)
            yield from (plain(f"       {line}") for line in cell.lines)
        if risk.state == "fires":
            answer = _answer(risk)
            yield plain(f"     → {answer.text}")
            yield from (plain(f"       {line}") for line in answer.lines)


def firing(review: Review) -> list[str]:
    """Say which risks fire, for the first screen; nothing where none does."""
    return texts(fires(risk) for risk in review.risks if risk.state == "fires")
