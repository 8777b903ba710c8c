"""Two reviews side by side: each gate last time and now, which runs are new, which reasons came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.moved import moved
from rolloutlib.plan.params import NONE
from rolloutlib.show.report import SIGNS, recommendation_word
from rolloutlib.show.rows import badge, interval, judged_share, tight
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, table
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import Sentence, say, speaking, translate

if TYPE_CHECKING:
    from rolloutlib.judge.moved import GateMoved, Moved
    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.show.last_review import LastReview

__all__ = ["against_last", "side_by_side"]

MOST: Final = 10  # reasons that came, and that went; sentences of a report, not all of a record


def against_last(review: Review, last: LastReview, lang: str = "en") -> Html:
    """Show what moved since an earlier review; without one, say so.

    Args:
        review: the review of now.
        last: what it is compared with, of `show.last_review`.
        lang: language of the block.
    """
    with speaking(lang):
        notes = [
            say("Passed over, since its review.json is not as it was sealed: {name}",
                name=plain(name, LABEL))
            for name in last.damaged[:MOST]
        ]  # fmt: skip
        if last.review is None:
            nothing = say("No earlier report of this stage and these arms was found.")
            alone = say("This review was not to be compared with an earlier one (against: none).")
            return bullets([alone if last.asked == NONE else nothing, *notes])
        shown = side_by_side(moved(last.review, review), last.where)
        return joined(shown, bullets(notes)) if notes else shown


def side_by_side(pair: Moved, where: str, now: str = "") -> Html:
    """Show two reviews, in the language that is spoken.

    Args:
        pair: what moved.
        where: where the earlier review is.
        now: where the later one is; nothing where it is the page's own.
    """
    sides = (say("Before"), say("After")) if now else (say("Last time"), say("Now"))
    head = (say("Gate"), *sides, say("Moved by"), say("Changed verdict"))
    rows = [_row(gate) for gate in pair.gates]
    facts = [_opening(pair, where, now), _runs(pair), *_shared(pair), *texts(pair.differs)]
    gates = table(head, rows, kind="moved", none=str(say("Neither review has a gate.")))
    return joined(bullets(facts), gates, bullets(_reasons(pair), say("The reasons are the same.")))


def _opening(pair: Moved, where: str, now: str) -> Sentence:
    before, after = pair.before, pair.after
    names = {"where": plain(where, LABEL), "before": _word(before), "after": _word(after)}
    if not now:
        return say("Last time, in {where}: {before}. Now: {after}.", **names)
    return say(
        "Before, in {where}: {before}. After, in {now}: {after}.", **names, now=plain(now, LABEL)
    )


def _word(review: Review) -> str:
    """Return a recommendation with its sign."""
    return f"{SIGNS[review.recommendation]} {recommendation_word(review.recommendation)}"


def _runs(pair: Moved) -> Sentence:
    """Say how many runs are new, and how many are gone."""
    states = [run.state for run in pair.runs]
    present = len(states) - states.count("gone")
    about = {"new": f"{states.count('new'):,}", "runs": f"{present:,}",
             "samples": f"{pair.overlap.new:,}"}  # fmt: skip
    if not (gone := states.count("gone")):
        return say("{new} of {runs} runs are new ({samples} samples).", **about)
    return say(
        "{new} of {runs} runs are new ({samples} samples); {gone} of last time are not among them.",
        **about, gone=f"{gone:,}",
    )  # fmt: skip


def _shared(pair: Moved) -> list[object]:
    """Say how much both share, and so what the changes may be read as."""
    if not any(gate.change is not None for gate in pair.gates):
        return list(texts(pair.overlap.why))
    if not pair.overlap.why:
        return [say(
            "No run is in both: the bounds of a change take the two reviews as independent "
            "(variance recovery, Zou & Donner 2008); the same users or prompts in both make them "
            "wider than need be."
        )]  # fmt: skip
    depend = say("The estimates depend on each other, so a change has no bounds here: it is what "
                 "the numbers did, not a finding.")  # fmt: skip
    return [*texts(pair.overlap.why), depend]


def _row(gate: GateMoved) -> Row:
    both = [side for side in (gate.after, gate.before) if side is not None]
    subject = (plain(both[0].subject, LABEL),) if both[0].subject else ()
    name = Cell(translate(both[0].title), subject)
    cells = (name, _side(gate.before), _side(gate.after), _change(gate), _verdict(gate))
    return Row(cells, " ".join(texts(gate.differs)))


def _side(gate: GateResult | None) -> Cell:
    """Say a gate's estimate with its bounds."""
    if gate is None:
        return Cell("–")
    if gate.evidence.point is None:
        return Cell(str(say("no data")))
    point, _, ends = interval(gate, gate.evidence).partition(" ")
    return Cell(point, (ends, *judged_share(gate)))


def _change(gate: GateMoved) -> Cell:
    """Say by how much the estimate moved, and towards what."""
    if gate.change is None or gate.after is None:
        return Cell("–")
    unit = gate.after.evidence_unit
    unit = "score" if unit == "ratio" else unit  # a difference of two factors is no factor
    shown = tight(show(gate.change, unit, signed=True))
    where = say("▼ towards harm") if gate.worse else say("▲ away from harm")
    if not shown.startswith(("+", "−")):
        where = say("no change")
    if gate.lower is None and gate.upper is None:
        return Cell(shown, (str(where),))
    lower, upper = (tight(bound(end, unit, signed=True)) for end in (gate.lower, gate.upper))
    return Cell(shown, (f"[{lower}, {upper}]", str(where)))


def _verdict(gate: GateMoved) -> Cell:
    """Mark a verdict that is another one, the evidence's first."""
    if gate.after is None or gate.before is None:
        return Cell(str(say("new gate") if gate.before is None else say("gate gone")))
    pairs = (
        (say("evidence"), gate.before.evidence.verdict, gate.after.evidence.verdict),
        (say("plan's rule"), gate.before.plan.verdict, gate.after.plan.verdict),
    )
    changed = [(name, old, new) for name, old, new in pairs if old != new]
    if not changed:
        return Cell("–")
    (name, old, new), *rest = changed
    more = (f"{other}: {badge(was)} → {badge(now)}" for other, was, now in rest)
    return Cell(f"{badge(old)} → {badge(new)}", (str(name), *more), f"verdict {new}")


def _reasons(pair: Moved) -> list[Sentence]:
    """List the reasons that came, and those that went."""
    came, went = (
        [sentence(change.reason) for change in pair.reasons if change.state == state]
        for state in ("came", "went")
    )
    lines = [say("New reason: {why}", why=why) for why in came[:MOST]]
    lines += [say("No reason any more: {why}", why=why) for why in went[:MOST]]
    if more := len(came[MOST:]) + len(went[MOST:]):
        lines.append(say("{n} more of them are in review.json.", n=f"{more:,}"))
    return lines


__dir__ = __all__.copy  # what completion lists
