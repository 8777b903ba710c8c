"""The decision page: all that a meeting needs to decide and sign, on one screen and one sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.judge.record import Recommendation
from rolloutlib.show.measured import counts_of, simulated
from rolloutlib.show.next_step import next_steps
from rolloutlib.show.registered import firing
from rolloutlib.show.report import SIGNS, look_of, meaning_of, recommendation_word, title_of
from rolloutlib.show.rows import badge, estimate, plan_limit, plan_value, proof_limit
from rolloutlib.show.signoffs import ITEMS, Standing, decided_lines, standing, still_owed
from rolloutlib.show.stages import stages_of
from rolloutlib.show.tables import Html, aligned, render, sheet, style
from rolloutlib.text import LABEL, plain
from rolloutlib.words.audiences import audience_word, audiences_word
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.roles import role_word
from rolloutlib.words.sentences import Sentence, say, speaking, translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.decided import Decided, FlagMove
    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.plan.params import ReviewParams

__all__ = ["decision_page"]

REASONS: Final = 3  # on the first screen; the section below it has all


class _Gate(NamedTuple):
    """A gate's row: what was estimated, and what it was held against, by plan and evidence."""

    name: str
    subject: str
    estimate: str
    limit: str
    evidence: tuple[str, str]
    value: str
    plan_limit: str
    plan: tuple[str, str]


class _Head(NamedTuple):
    """What stands first: what was decided in whole, until then what is recommended."""

    sign: str
    word: Sentence
    kind: str


class _Line(NamedTuple):
    """A line for a signature: empty for paper, or who has signed and when."""

    role: str
    name: str
    date: str
    signed: str


def decision_page(
    review: Review,
    lang: str = "en",
    *,
    root: Path | None = None,
    now: datetime | None = None,
    params: ReviewParams | None = None,
) -> Html:
    """Show what is decided, the recommendation and why, every gate, what is owed, who signs.

    Args:
        review: what was reviewed; its record is enough.
        lang: language of the page.
        root: the workbook whose ledger may hold signatures; without it all lines are empty.
        now: the moment at which signatures are judged.
        params: of the review: the next command names its report.
    """
    with speaking(lang):
        state = Standing(None, (), None)
        if root is not None and now is not None:
            state = standing(review, root, now)
        return _page(review, state, params)


def _page(review: Review, state: Standing, params: ReviewParams | None) -> Html:
    """Lay the page out, in the language that is spoken."""
    head, simulation = _head(review, state), simulated(review)
    title, meaning = title_of(review, head.word), _meaning(review, state)
    facts, gates = _facts(review), [_gate(gate) for gate in review.gates]
    reasons = _reasons(review)
    owed = [(role_word(item.role), sentence(item.why)) for item in still_owed(review, state)]
    steps = [(str(step.when), step.command) for step in next_steps(review, state, params)]
    lines = _lines(review, state)
    html = render(
        "decision.html.j2", style=style() + sheet("decision.css"), sign=head.sign,
        word=str(head.word), kind=head.kind, title=title, stage=_stage(review),
        meaning=meaning, simulated=simulation, facts=facts, reasons=reasons[:REASONS],
        more=_more(len(reasons) - REASONS), gates=gates, owed=owed[:ITEMS],
        owed_more=_more(len(owed) - ITEMS), steps=steps, lines=lines, words=_words(review, state),
    )  # fmt: skip
    text = [f"{head.sign} {title}", meaning, simulation,
            *(f"{name}: {value}" for name, value in facts),
            *(f"- {reason}" for reason in reasons), *_gates_text(gates),
            *(f"{role}: {what}" for role, what in owed),
            *(f"{when}: {command}" for when, command in steps),
            *(", ".join(filter(None, line)) for line in lines)]  # fmt: skip
    return Html(html, "\n".join(plain(line) for line in text if line), title)


def _head(review: Review, state: Standing) -> _Head:
    """Return the page's first word: nothing that was rolled back or overruled looks like a GO."""
    if state.rollback:
        return _Head(SIGNS[Recommendation.NO_GO], say("Rolled back"), "no_go")
    shown = state.verdict if state.whole and state.verdict else review.recommendation
    return _Head(SIGNS[shown], recommendation_word(shown), shown.value.lower())


def _meaning(review: Review, state: Standing) -> str:
    """Say what the ledger has decided, and what the recommendation means while people decide."""
    lines = decided_lines(state, review)
    return " ".join(map(str, lines if state.whole else [*lines, meaning_of(review)]))


def _words(review: Review, state: Standing) -> dict[str, str]:
    """Return the page's own words."""
    invalid = review.recommendation is Recommendation.INVALID
    signing = say("Seen by; nothing is decided") if invalid else say("Signatures")
    if state.damage:
        signing = say("The ledger cannot be read: {why}", why=state.damage)
    why, recommended = say("Why"), recommendation_word(review.recommendation)
    if state.verdict:
        signing = say("Signatures of {decision}: {verdict}", decision=state.decision,
                      verdict=recommendation_word(state.verdict))  # fmt: skip
        if state.rollback or state.verdict is not review.recommendation:
            why = say("Why {word} is recommended", word=recommended)
    words = {
        "every_reason": say("Every reason"), "every_item": say("Decision and signatures"),
        "why": why, "gates": say("Gates"), "gate": say("Gate"),
        "estimate": say("Estimate [bounds]"), "limit": say("Stage limit"),
        "evidence": say("Evidence"), "value": say("Plan's value"),
        "plan_limit": say("Plan's limit"), "plan": say("Plan's rule"),
        "short_stage": say("Stage"), "short_plan": say("Plan"),
        "none": say("No gate was judged."), "owed": say("Open, and who owes it"),
        "nothing": say("Nothing is open."), "next": say("Next"), "signing": signing,
        "role": say("Role"), "name": say("Name"), "date": say("Date"),
        "signature": say("Signature"),
    }  # fmt: skip
    return {key: str(word) for key, word in words.items()}


def _reasons(review: Review) -> list[str]:
    """Return why, the weightiest first, and which risks fire."""
    reasons = texts(review.reasons)
    return [*reasons, *(line for line in firing(review) if line not in reasons)]


def _more(left: int) -> str:
    return str(say("and {n} more", n=left)) if left > 0 else ""


# --- what it is about -----------------------------------------------------------------------------


def _stage(review: Review) -> str:
    """Name the stage that is reviewed, and the one that a GO opens."""
    reviewed = say("stage {stage}, {name}", stage=review.stage, name=translate(review.stage_name))
    decided = review.decided
    if decided is None or decided.next_stage is None:
        return str(reviewed)
    opened = say("stage {stage}, {name}", stage=decided.next_stage,
                name=translate(decided.next_name))  # fmt: skip
    return f"{reviewed} → {opened}"


def _facts(review: Review) -> list[tuple[str, str]]:
    """Return what is decided and what was measured for it, name by name."""
    facts: list[tuple[Sentence, object]] = []
    if (decided := review.decided) is not None:
        facts += [(say("Under review"), _candidate(decided)), (say("A GO"), _opens(decided))]
    until = review.as_of.strftime("%Y-%m-%d %H:%M %Z") if review.as_of else ""
    facts += [
        (say("Measured"), _counted(review)), (say("Data"), _period(review.arms)),
        (say("Runs until"), until), (say("Evidence of"), stages_of(review) or ""),
        (say("Look"), look_of(review) if review.look.number else ""),
        (say("Profile"), review.profile or ""), (say("Source"), review.source_title or ""),
    ]  # fmt: skip
    return [(str(name), plain(str(value))) for name, value in facts if str(value)]


def _candidate(decided: Decided) -> str:
    """Say which flags are judged, for whom, and how many these are at most."""
    whom: Sentence | str = audience_word(decided.audience)
    if decided.cap is not None:
        whom = say("{audience}, at most {cap}", audience=whom, cap=decided.cap)
    moves = ", ".join(map(_move, decided.candidate)) or str(say("no flag changes"))
    return str(say("{moves}; for {audience}", moves=moves, audience=whom))


def _opens(decided: Decided) -> str:
    """Say which stage a GO opens, and for whom flags move then."""
    if decided.next_stage is None:
        return str(say("ends the rollout: there is no later stage"))
    moves = [
        str(say("{move} for {audience}", move=_move(move),
                audience=audiences_word(move.audiences, move.stays)))
        for move in decided.moves
    ] or [str(say("no flag changes"))]  # fmt: skip
    about = {"stage": decided.next_stage, "moves": ", ".join(moves)}
    if decided.next_cap is None:
        return str(say("opens stage {stage}, which has no cap: {moves}", **about))
    return str(say("opens stage {stage}, which lets in at most {cap} users; among them: {moves}",
                   cap=f"{decided.next_cap:,}", **about))  # fmt: skip


def _move(move: FlagMove) -> str:
    """Name a feature with its flag before and after."""
    words: dict[bool | str, str] = {True: str(say("on")), False: str(say("off"))}
    before, after = (words.get(value, str(value)) for value in (move.before, move.after))
    return f"{move.feature} {translate(move.title)} {before} → {after}"


def _counted(review: Review) -> str:
    """Say how many users (or prompts), samples and runs each arm has, the control first."""
    arms = sorted(review.arms, key=lambda arm: arm.arm != review.control)
    sizes = [_sizes(arm) for arm in arms]
    roles = {review.control: say("Control"), review.treatment: say("Treatment")}
    named = [str(roles[a.arm]) if _is_plain(a.arm) else plain(a.arm, LABEL) for a in arms]
    if len(arms) > 1 and sizes[0] == sizes[1] and all(_is_plain(arm.arm) for arm in arms):
        return str(say("each arm {counts}", counts=sizes[0]))
    return "; ".join(
        str(say("{arm} {counts}", arm=name, counts=counts))
        for name, counts in zip(named, sizes, strict=True)
    )


def _sizes(arm: ArmSummary) -> tuple[str, ...]:
    counts = counts_of(arm)
    if "users" in counts:
        counts.pop("prompts", None)
    return tuple(counts.values())


def _is_plain(arm: str) -> bool:
    """Whether an arm's name says only which of the two it is."""
    return arm.casefold() in {"control", "treatment"}


def _period(arms: Sequence[ArmSummary]) -> str:
    """Say from when to when runs began."""
    first = min((arm.first for arm in arms if arm.first), default=None)
    last = max((arm.last for arm in arms if arm.last), default=None)
    if first is None or last is None:
        return ""
    began, ended = (f"{moment:%Y-%m-%d %H:%M}" for moment in (first, last))
    return f"{began} – {ended} UTC"


# --- gates and signatures -------------------------------------------------------------------------


def _gate(gate: GateResult) -> _Gate:
    evidence = gate.evidence
    return _Gate(
        translate(gate.title), plain(gate.subject or "", LABEL), estimate(gate), proof_limit(gate),
        (badge(evidence.verdict), evidence.verdict.value), plan_value(gate), plan_limit(gate),
        (badge(gate.plan.verdict), gate.plan.verdict.value),
    )  # fmt: skip


def _gates_text(gates: Sequence[_Gate]) -> list[str]:
    """Lay the gates out for a terminal."""
    if not gates:
        return [str(say("No gate was judged."))]
    head = (say("Gate"), say("Estimate [bounds]"), say("Stage limit"), say("Evidence"),
            say("Plan's value"), say("Plan's limit"), say("Plan's rule"))  # fmt: skip
    rows = [tuple(map(str, head))]
    for gate in gates:
        name = f"{gate.name} ({gate.subject})" if gate.subject else gate.name
        rows.append((name, gate.estimate, gate.limit, gate.evidence[0], gate.value,
                     gate.plan_limit, gate.plan[0]))  # fmt: skip
    return aligned(rows)


def _lines(review: Review, state: Standing) -> list[_Line]:
    """Return a line for each role that signs: who has, by the ledger, or room for a pen."""
    if state.states:
        return [
            _Line(role_word(by_role.role), plain(by_role.signer or "", LABEL),
                  (by_role.signed_at or "")[:10], str(say("signed")) if by_role.signer else "")
            for by_role in state.states
        ]  # fmt: skip
    return [_Line(role_word(role), "", "", "") for role in _asked(review)]


def _asked(review: Review) -> Iterator[str]:
    """Yield whoever owes something, where the ledger does not say who signs."""
    yield from dict.fromkeys(item.role for item in review.open_items)


__dir__ = __all__.copy  # what completion lists
