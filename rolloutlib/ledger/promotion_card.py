"""A promotion's card: what is decided and waived, what moves for whom, then what was judged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rolloutlib.ledger.card_parts import (
    HOLDS,
    bold,
    carried_lines,
    experts,
    flag_word,
    how_many,
    joined,
    knob_lines,
    links_of,
    move_line,
    row,
    title_of,
)
from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.gate_rows import gate_name, gate_table, goal_of, obstacles_of, value_of
from rolloutlib.ledger.record_parts import MovePart
from rolloutlib.text import markdown, prose
from rolloutlib.words.reasons import sentence
from rolloutlib.words.roles import role_word
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rolloutlib.ledger.card_parts import Line
    from rolloutlib.ledger.record_parts import CheckState, MeasuredArm, Waiver
    from rolloutlib.ledger.records import Move, Predicate, Record

__all__ = ["promotion_card"]


def promotion_card(record: Record) -> list[Line]:
    """Return the lines of the card below its title."""
    p = record.predicate
    if p.stage is None:
        return []
    judged = say("{verdict} (recommended: {recommendation})", verdict=p.verdict,
                 recommendation=markdown(p.recommendation or "–"))  # fmt: skip
    people = ", ".join(f"{markdown(who.name)} ({'/'.join(who.roles)})" for who in experts(p))
    effects = [value_of(gate) for gate in p.gates if gate.value is not None]
    return [
        "",
        bold(say("Decision"), judged),
        *(_waived(p, waiver) for waiver in p.waivers),
        *(say("- **ACCEPTED: {why}**", why=prose(sentence(why))) for why in accepted(p)),
        *_simulated(p),
        bold(say("Knob Changes"), _how_many(p, p.stage)),
        *_flags(p),
        *knob_lines(p),
        bold(say("Problem"), _exit(p.stage)),
        *(f"  - {markdown(reason)}" for reason in p.reasons),
        *_owed(p),
        *_measured(p),
        bold(say("Goals"), joined([goal_of(gate) for gate in p.gates])),
        bold(say("Expected Effects"), joined(effects)),
        bold(say("Experts"), people or "–"),
        bold(say("Tag(s)"), ", ".join(map(markdown, p.tags)) or "–"),
        bold(say("Links"), links_of(record)),
        *([bold(say("Note"), prose(p.note))] if p.note else []),
        "",
        *gate_table(p.gates, p.stage.from_),
        "",
        *_checks(p.checks),
    ]


# --- what is decided, and in spite of what --------------------------------------------------------


def _waived(p: Predicate, waiver: Waiver) -> Line:
    """Say what was waived, what is against it, and why it was."""
    title, reading = _against(p, waiver.gate)
    return say("- **WAIVED: {title}** ({found}). Reason: **{reason}**", title=title, found=reading,
               reason=prose(waiver.reason))  # fmt: skip


def _against(p: Predicate, name: str) -> tuple[Line, Line]:
    """Return the title of what a waiver names, and what the record says of it."""
    for gate in p.gates:
        if gate.id == name:
            return gate_name(gate), obstacles_of(gate)
    for check in p.checks:
        if check.id == name:
            facts = {"state": HOLDS[check.holds], "why": prose(check.why)}
            return title_of(check.title), say("{state}: {why}", **facts)
    if name == "code":
        return say("uncommitted code"), say("the code had changes that no commit holds")
    recommended = {"recommended": markdown(p.recommendation or "–"), "decided": p.verdict}
    return say("the recommendation"), say("{recommended}; decided: {decided}", **recommended)


def _simulated(p: Predicate) -> Iterator[Line]:
    """Say where runs or evidence are no real ones."""
    arms = p.measured if isinstance(p.measured, tuple) else ()
    if names := [markdown(arm.arm) for arm in arms if arm.simulated]:
        yield say("- **SIMULATED: the runs of {arms} say of themselves that nobody measured them**",
                  arms=", ".join(names))  # fmt: skip
    if checks := tuple(title_of(check.title) for check in p.checks if check.simulated is True):
        yield say("- **SIMULATED: the evidence of {checks}**", checks=checks)


def _how_many(p: Predicate, move: Move) -> Line:
    """Say how many people the entered stage lets in; only a GO enters one."""
    if p.verdict != "GO":
        return say("no flag changes")
    if move.to == move.from_:
        return say("ends the rollout: there is no later stage")
    return how_many(move.to, p.cap if isinstance(p.cap, int) else None)


def _exit(move: Move) -> Line:
    if move.to == move.from_:
        return say("Exit of stage {from_}, the last.", from_=move.from_)
    return say("Exit of stage {from_} towards stage {to}.", from_=move.from_, to=move.to)


def _flags(p: Predicate) -> Iterator[Line]:
    """List the flags that a GO moves, and for whom."""
    if p.verdict != "GO":
        return
    moves = p.moves if isinstance(p.moves, tuple) else _between(p)
    yield from (Sentence("  - {text}", (("text", move_line(move)),)) for move in moves)
    if not moves:
        yield say("  - no flag changes")


def _between(p: Predicate) -> tuple[MovePart, ...]:
    """Return the moves of a record that lacks them: for the audience of its flags alone."""
    if p.flags_before is None or p.flags_after is None:
        return ()
    titles = p.features if isinstance(p.features, dict) else {}
    before, whom = p.flags_before.values, (p.flags_after.audience,)
    return tuple(
        MovePart("", titles.get(key, "–"), key, before.get(key), value, whom)
        for key, value in p.flags_after.values.items()
        if before.get(key) != value
    )


def _owed(p: Predicate) -> Iterator[Line]:
    """Say what the review found open, and which role owes it."""
    if isinstance(p.owed, tuple):
        yield bold(say("Open items"), "")
        for item in p.owed:
            yield say("  - {role}: {what}", role=role_word(item.role), what=prose(item.what))


# --- what was measured ----------------------------------------------------------------------------


def _measured(p: Predicate) -> list[Line]:
    """Say what ran in each arm, for how many, and from when to when."""
    arms = p.measured if isinstance(p.measured, tuple) else ()
    lines = [*map(_arm, arms), *carried_lines(p)]
    source = prose(p.source) if isinstance(p.source, str) else ""
    return [bold(say("Measured"), source), *lines] if lines else []


def _arm(arm: MeasuredArm) -> Line:
    ran = ", ".join(f"{key} = {flag_word(value)}" for key, value in (arm.flags or {}).items())
    count = say("{users} users, {samples} samples, {runs} runs",
                users="–" if arm.users is None else f"{arm.users:,}", samples=f"{arm.samples:,}",
                runs=arm.runs)  # fmt: skip
    about = "; ".join(prose(part) for part in (ran, *arm.profiles, *arm.strategies) if part)
    return say("  - {arm}: {count}; {when}; {about}", arm=markdown(arm.arm), count=count,
               when=_when(arm), about=about or "–")  # fmt: skip


def _when(arm: MeasuredArm) -> Line:
    if arm.first is None or arm.last is None:
        return say("not told")
    first, last = map(_minute, (arm.first, arm.last))
    return last if first == last else f"{first.removesuffix(' UTC')} – {last}"


def _minute(at: str) -> str:
    try:
        return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return prose(at)


def _checks(checks: Iterable[CheckState]) -> Iterator[Line]:
    yield row(say("Check"), say("State"), say("Why"))
    yield "| --- | --- | --- |"
    for check in checks:
        yield row(title_of(check.title), HOLDS[check.holds], prose(check.why))
