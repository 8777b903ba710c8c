"""What a comparison of two files shows: the answer, its gates, and what nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.judge.record import Recommendation, Verdict
from rolloutlib.show.measured import how_many, missing_lines, simulated
from rolloutlib.show.report import SIGNS, recommendation_word
from rolloutlib.show.rows import badge, by_judge, evidence_lines, level, settled_by, terminal_table
from rolloutlib.show.tables import (
    Cell,
    Html,
    Row,
    bullets,
    label,
    render,
    style,
    table,
)  # fmt: skip
from rolloutlib.text import LABEL, plain
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from rolloutlib.judge.pair_record import PairReview
    from rolloutlib.judge.record import GateResult
    from rolloutlib.words.sentences import Sentence

__all__ = [
    "answer", "gates", "meaning_of", "repeat_lines", "repeats", "terminal_answer", "title_of",
    "unknown", "unknown_lines", "what_for",
]  # fmt: skip

# Why most columns of a tool are left: the line that names them all says enough of these.
NOBODY_ASKED = frozenset({"draft.unknown", "draft.text", "draft.empty", "draft.another"})
RARE = 0.005
GO, HOLD, NO_GO = Recommendation.GO, Recommendation.HOLD, Recommendation.NO_GO


def title_of(review: PairReview) -> str:
    """Name the recommendation and both files."""
    return str(say(
        "{recommendation} · {treatment} against {control}",
        recommendation=recommendation_word(review.recommendation),
        treatment=plain(review.second, LABEL), control=plain(review.first, LABEL),
    ))  # fmt: skip


def meaning_of(review: PairReview) -> Sentence:
    """Say what a recommendation means where two files are compared."""
    if review.recommendation is GO:
        return say(
            "The data prove that the treatment keeps every limit. This compares two files; it "
            "decides no stage."
        )
    if review.recommendation is HOLD:
        if review.gates and all(gate.evidence.verdict is Verdict.PASS for gate in review.gates):
            return say(
                "Every gate that was judged is proven; what is listed below holds it back. This "
                "compares two files; it decides no stage."
            )
        return say(
            "Nothing is proven broken, but not everything is proven yet. This compares two files; "
            "it decides no stage."
        )
    if review.recommendation is NO_GO:
        return say("A limit is proven broken. This compares two files; it decides no stage.")
    return say("These files cannot be compared, so they support nothing.")


@spoken
def answer(review: PairReview) -> Html:
    """Show the recommendation, which files it is about, and why."""
    word, sign = str(recommendation_word(review.recommendation)), SIGNS[review.recommendation]
    heading, meaning, reasons = title_of(review), str(meaning_of(review)), texts(review.reasons)
    arms = _arms(review) if review.arms else Html("", "")
    facts = (
        (say("A, the control"), review.first), (say("B, the treatment"), review.second),
        (say("Tool"), review.tool),
        (say("Judged by"), translate(review.plan_name)),
    )  # fmt: skip
    about = [(str(name), value) for name, value in facts if value]
    html = render(
        "headline.html.j2", kind=review.recommendation.value.lower(), sign=sign, word=word,
        title=heading, meaning=meaning, facts=about,
        reasons=reasons, why=str(say("Why")), style=style(), measured=arms.html,
        simulated=simulated(review), risks=[],
    )  # fmt: skip
    lines = [f"{sign} {heading}", meaning, *(f"- {reason}" for reason in reasons)]
    return Html(html, "\n".join([*map(plain, lines), arms.text]), heading)


def _arms(review: PairReview) -> Html:
    """Show both files side by side: how much each holds, and what it lacks."""
    files = {review.control: (say("Control"), review.first),
             review.treatment: (say("Treatment"), review.second)}  # fmt: skip
    rows: list[Row] = []
    for arm in review.arms:
        (role, file), (count, *more) = files[arm.arm], how_many(arm)
        missing, *rest = missing_lines(review, arm)
        rows.append(Row((label(str(role), file), Cell(count, tuple(more)),
                         Cell(missing, tuple(rest)))))  # fmt: skip
    return table((say("Arm"), say("Who, how many"), say("Missing")), rows, kind="measured")


@spoken
def gates(review: PairReview) -> Html:
    """Show every gate that applies: both files, what the data prove, what would settle it."""
    rows = [_row(gate) for gate in review.gates]
    arms = (say("Gate"), say("Control"), say("Treatment"))
    return table((*arms, say("Evidence"), say("What would settle it")), rows, kind="gates")


def _row(gate: GateResult) -> Row:
    evidence = gate.evidence.verdict
    subject = (gate.subject,) if gate.subject else ()
    return Row((
        Cell(translate(gate.title), subject),
        *(Cell(level(gate, value), by_judge(gate), "number")
          for value in (gate.control, gate.treatment)),
        Cell(badge(evidence), evidence_lines(gate), f"verdict {evidence}"),
        Cell(settled_by(gate)),
    ))  # fmt: skip


@spoken
def repeats(review: PairReview) -> Html:
    """Say how often a repeat of both runs would end otherwise, and how that was found."""
    return bullets(repeat_lines(review), say("Nothing was drawn again: no gate rests on chance."))


def repeat_lines(review: PairReview) -> list[str]:
    """Return how often a repeat would recommend something else, line by line."""
    flips = review.flips
    if flips is None:
        return []
    shares = tuple(f"{name} {_share(share)}" for name, share in flips.shares.items() if share)
    lines = (
        say("A repeat with other {unit}s of the same kind would recommend something else in {rate} "
            "of cases (95% interval {span}): {shares}.", unit=say(flips.unit),
            rate=_share(flips.rate), span=f"{flips.lower:.1%} – {flips.upper:.1%}",
            shares=shares),
        say("If both files were runs of the same candidate, two repeats would differ in {rate} of "
            "cases (95% interval {span}).", rate=_share(flips.aa_rate),
            span=f"{flips.aa_lower:.1%} – {flips.aa_upper:.1%}"),
        say("Found by drawing the {unit}s again {repeats} times and judging each draw by the same "
            "methods; files, runs and judges stay as they are.", unit=say(flips.unit),
            repeats=flips.repeats),
    )  # fmt: skip
    return [str(line) for line in lines]


def _share(share: float) -> str:
    """Say a share; what is rare is not never."""
    return "<1%" if 0 < share < RARE else f"{share:.0%}"


@spoken
def unknown(review: PairReview) -> Html:
    """Say what nobody knows: gates without values, columns that nothing was made of."""
    lines = unknown_lines(review)
    lines += [
        str(say("The column {column} is left out: {why}", column=plain(column.column, LABEL),
                why=sentence(column.why)))
        for column in review.left
        if column.why and column.why.code not in NOBODY_ASKED
    ]  # fmt: skip
    return bullets(lines, say("Nothing that the plan asks for is missing."))


def unknown_lines(review: PairReview) -> list[str]:
    """Return what nobody knows, and what to know beside the verdicts, line by line."""
    titles = tuple(translate(title) for title in review.unjudged)
    silent = say("Neither file has values of: {gates}. They are not judged.", gates=titles)
    columns = tuple(plain(column.column, LABEL) for column in review.left)
    left = say("Columns that nothing was made of: {columns}.", columns=columns)
    return [
        *([str(silent)] if titles else []), *texts(review.warnings),
        *([str(left)] if columns else []),
    ]  # fmt: skip


@spoken
def what_for(review: PairReview) -> Html:
    """Show what each column was taken for, and why."""
    rows = [
        Row(
            (
                label(match.field),
                label(match.column),
                Cell(sentence(match.why) if match.why else "–"),
            )
        )
        for match in review.taken
    ]
    none = str(say("The files have our own columns, or are run envelopes."))
    return table((say("Field"), say("Column"), say("Why")), rows, none=none)


@spoken
def terminal_answer(review: PairReview) -> str:
    """Return the answer for a terminal: a table of the gates, the reasons, what is not known."""
    heading = plain(f"{SIGNS[review.recommendation]} {title_of(review)}")
    lines = [heading, plain(str(meaning_of(review))), ""]
    if review.gates:
        head = (say("Gate"), say("Evidence"), say("Estimate [bounds]"), say("Limit"))
        rows = terminal_table(head, review.gates, lambda gate: gate.evidence.verdict)
        lines += [*rows, ""]
    lines += [str(say("Why:")), *(plain(f"  - {reason}") for reason in texts(review.reasons))]
    if again := repeat_lines(review)[:2]:
        lines += ["", *map(plain, again)]
    if more := unknown_lines(review):
        lines += ["", str(say("To know beside:")), *(plain(f"  - {line}") for line in more)]
    return "\n".join(lines)
