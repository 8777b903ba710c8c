"""The first form of a promotion's card; records that do not name a form keep it, byte by byte.

Nothing here changes any more: the cards that people read and signed beside are what it draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.ledger.card_parts import (
    HOLDS,
    VERDICTS,
    audience_of,
    bold,
    carried_lines,
    experts,
    flag_word,
    joined,
    knob_line,
    knob_lines,
    links_of,
    moved_flags,
    number_of,
    row,
    title_of,
)
from rolloutlib.ledger.deviations import accepted
from rolloutlib.text import markdown
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rolloutlib.ledger.card_parts import Line
    from rolloutlib.ledger.record_parts import CheckState, GateState
    from rolloutlib.ledger.records import FlagSet, Predicate, Record
    from rolloutlib.words.sentences import Sentence

__all__ = ["first_card"]


def first_card(record: Record) -> list[Line]:
    """Return the lines of the card below its title."""
    p = record.predicate
    if p.stage is None:
        return []
    recommended = markdown(p.recommendation or "–")
    judged = say("{verdict} (recommended: {recommendation})", verdict=p.verdict,
                 recommendation=recommended)  # fmt: skip
    move = say("Exit of stage {from_} towards stage {to}, for {cohort}.", from_=p.stage.from_,
               to=p.stage.to, cohort=audience_of(p.cohort or "–"))  # fmt: skip
    people = ", ".join(f"{markdown(who.name)} ({'/'.join(who.roles)})" for who in experts(p))
    effects = [_number_of(gate, gate.value) for gate in p.gates if gate.value is not None]
    return [
        "",
        bold(say("Decision"), judged),
        *(
            say("- **WAIVED: {gate} — {reason}**", gate=markdown(w.gate), reason=markdown(w.reason))
            for w in p.waivers
        ),
        *(say("- **ACCEPTED: {why}**", why=markdown(sentence(why))) for why in accepted(p)),
        bold(say("Problem"), move),
        *(f"  - {markdown(reason)}" for reason in p.reasons),
        *_measured(p),
        bold(say("Tag(s)"), ", ".join(map(markdown, p.tags)) or "–"),
        bold(say("Goals"), joined([_number_of(gate, gate.limit) for gate in p.gates])),
        bold(say("Experts"), people or "–"),
        bold(say("Knob Changes"), ""),
        *_flags(p.flags_before, p.flags_after),
        *knob_lines(p),
        bold(say("Expected Effects"), joined(effects)),
        bold(say("Links"), links_of(record)),
        *([bold(say("Note"), markdown(p.note))] if p.note else []),
        "",
        *_gates(p.gates),
        "",
        *_checks(p.checks),
    ]


def _measured(p: Predicate) -> list[Line]:
    """Say what ran in each arm, for how many, and from when to when."""
    lines: list[Line] = []
    for arm in p.measured if isinstance(p.measured, tuple) else ():
        ran = ", ".join(f"{key} = {flag_word(value)}" for key, value in (arm.flags or {}).items())
        about = [ran, *arm.profiles, *arm.strategies, f"{arm.first or '–'} – {arm.last or '–'}"]
        count = say("{users} users, {samples} samples, {runs} runs",
                    users="–" if arm.users is None else arm.users, samples=arm.samples,
                    runs=arm.runs)  # fmt: skip
        details = "; ".join(filter(None, (markdown(part) for part in about)))
        lines.append(
            say("  - {arm}: {count}; {about}", arm=markdown(arm.arm), count=count, about=details)
        )
    lines += carried_lines(p)
    return [bold(say("Measured"), ""), *lines] if lines else []


def _number_of(gate: GateState, value: str | None) -> Sentence:
    number = number_of(value, gate.unit, signed=gate.signed)
    return say("{gate}: {limit}", gate=title_of(gate.title), limit=number)


def _flags(before: FlagSet | None, after: FlagSet | None) -> list[Line]:
    if before is None or after is None:
        return []
    who = audience_of(after.audience)
    why = say("stage {number}, {audience}", number=after.stage, audience=who)
    moved = moved_flags(before, after)
    lines = [knob_line(key, old, new, why) for key, (old, new) in moved.items()]
    return lines or [say("  - no flag changes")]


def _gates(gates: Iterable[GateState]) -> Iterator[Line]:
    yield row(say("Gate"), say("Limit"), say("Plan"), say("Evidence"), say("Estimate"),
              say("Bounds"), "n")  # fmt: skip
    yield "| --- | ---: | --- | --- | ---: | ---: | ---: |"
    for gate in gates:
        limit = number_of(gate.limit, gate.unit, signed=gate.signed)
        counts = f"{gate.n_control or 0} / {gate.n_treatment or 0}"
        judged = (_word(gate.plan), _word(gate.evidence))
        yield row(title_of(gate.title), limit, *judged, *_estimate(gate), counts)


def _estimate(gate: GateState) -> tuple[Line, Line]:
    if gate.point is None:
        return "–", "–"
    point, lower, upper = (
        number_of(value, gate.evidence_unit, signed=gate.signed)
        for value in (gate.point, gate.lower, gate.upper)
    )
    none = say("no bound")
    lower, upper = (none if gate.lower is None else lower), (none if gate.upper is None else upper)
    return point, say("{lower} to {upper}", lower=lower, upper=upper)


def _checks(checks: Iterable[CheckState]) -> Iterator[Line]:
    yield row(say("Check"), say("State"), say("Why"))
    yield "| --- | --- | --- |"
    for check in checks:
        yield row(title_of(check.title), HOLDS[check.holds], markdown(check.why))


def _word(verdict: str) -> Line:
    return VERDICTS.get(verdict, markdown(verdict))
