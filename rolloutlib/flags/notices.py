"""What people are told when flags move: release notes and a rollback notice.

They are drafts in Markdown under docs/; nothing is decided by them and nothing reads them back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rolloutlib.flags.document import values
from rolloutlib.judge.decided import AUDIENCES, moves_of
from rolloutlib.ledger.card_parts import how_many, move_line, number_of, title_of
from rolloutlib.ledger.durable import Files, overwrite, sweep
from rolloutlib.ledger.gate_rows import gate_name, plan_limit
from rolloutlib.text import markdown, plain, prose
from rolloutlib.words.audiences import audiences_word
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, speaking, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.flags.outcome import RolledBack
    from rolloutlib.judge.decided import FlagMove
    from rolloutlib.ledger.record_parts import GateState
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Audience, FlagValue, Plan
    from rolloutlib.reason import Reason

Lines = tuple[Sentence | str, ...]
_CODE: Final = ("`rollout ", "`git ")  # how our commands begin in a sentence
_TYPED: Final = re.compile("(`(?:rollout|git) [^`]+`)")
NOTES: Final = "docs/RELEASE_NOTES"
# Stands in notes until their record is there; a program looks for it, people see the sentence.
UNFINISHED: Final = "<!-- rollout: not recorded yet -->"


def release_notes(
    plan: Plan,
    before: FlagState,
    after: FlagState,
    gates: Iterable[GateState],
    deviations: Iterable[Reason] = (),
) -> Lines:
    """Return the lines of a promotion's notes under the headings of the plan's template.

    Args:
        plan: whose features and stages are named.
        before: the flags that were in force.
        after: the flags in force now, read back by a client.
        gates: what the last runs showed, by the record that is promoted.
        deviations: the misses within a tolerance that its signers accepted.
    """
    moves = _moves(plan, before, after)
    measured = [_bullet(measured_gate(gate)) for gate in gates]
    measured += [
        _bullet(say("Accepted with it: {why}", why=markdown(sentence(why)))) for why in deviations
    ]
    cap = _bullet(how_many(after.stage, plan.stages[after.stage].cap))
    return _notes(
        after, _changes(plan, after, moves), [cap, *map(_below, _impacted(moves))],
        measured or [_bullet(say("No run was read for this change."))],
        map(_bullet, _promoted(plan, after, moves)),
    )  # fmt: skip


def rollback_notes(
    plan: Plan | None,
    outcome: RolledBack,
    notice: Iterable[Sentence],
    undone: str | None,
    shown: Iterable[Sentence] = (),
) -> Lines:
    """Return the lines of a rollback's notes: its metrics are those of what caused it, or none.

    Args:
        plan: the plan; None where it cannot be read.
        outcome: which flags were in force and are now, what was done, and what is open.
        notice: reason, time and the record's card.
        undone: the decision that is rolled back.
        shown: what the review or watch showed that caused it.
    """
    after = outcome.after
    measured = [*map(_bullet, shown)] or [_bullet(say("No run was read for this change."))]
    if undone:
        card = f"docs/LEDGER/{undone}.md"
        before = say("The metrics of the decision that is rolled back are on its card: {card}",
                     card=card)  # fmt: skip
        measured.append(_bullet(before))
    moves = _moves(plan, outcome.before, after) if plan and outcome.before else ()
    changes = _changes(plan, after, moves)
    if not moves:  # nobody can tell what was on, or it was off already
        off = ", ".join(map(markdown, outcome.flags)) or "–"
        changes.append(_bullet(say("Flags off: {flags}", flags=off)))
    cohort = _impacted(moves) if moves else [say("Everybody for whom these flags were on")]
    notes = _notes(after, changes, map(_bullet, cohort), measured, map(_bullet, _done(outcome)))
    return (*notes, say("## Rollback Notice"), "", *map(_bullet, notice), "")


def _notes(
    after: FlagState,
    changes: Iterable[Sentence],
    cohorts: Iterable[Sentence],
    measured: Iterable[Sentence],
    actions: Iterable[Sentence],
) -> Lines:
    return (
        say("# Release notes — {decision}", decision=markdown(after.decision)), "",
        say("## What changed"), "", *changes, "",
        say("## Who is impacted (cohorts)"), "", *cohorts, "",
        say("## Metrics summary (last 3 runs)"), "", *measured, "",
        say("## Actions"), "", *actions, "",
    )  # fmt: skip


def measured_gate(gate: GateState) -> Sentence:
    """Return a gate's value against its limit, as the plan reads them."""
    value = number_of(gate.value, gate.unit, signed=gate.signed)
    return say("{gate}: {value} (limit {limit})", gate=gate_name(gate), value=value,
               limit=plan_limit(gate))  # fmt: skip


def _moves(plan: Plan, before: FlagState, after: FlagState) -> tuple[FlagMove, ...]:
    """Return the flags that move between two states, and for whom, as a decision tells of them."""
    changes: dict[Audience, tuple[dict[str, FlagValue], dict[str, FlagValue]]] = {}
    for audience in AUDIENCES:
        belongs = () if audience == "everyone" else (audience,)
        changes[audience] = values(plan, before, belongs), values(plan, after, belongs)
    return moves_of(plan, changes)


def _changes(plan: Plan | None, after: FlagState, moves: Iterable[FlagMove]) -> list[Sentence]:
    """Name the stage, and each flag that moved: from which value to which, for whom."""
    stage = say("Stage {number}", number=after.stage)
    if plan:
        name = say(plan.stages[after.stage].name)
        stage = say("Stage {number}: {name}", number=after.stage, name=name)
    return [_bullet(stage), *(_bullet(move_line(move)) for move in moves)]


def _impacted(moves: Iterable[FlagMove]) -> list[Sentence]:
    """Name the people for whom something moved, and the flags that moved for them."""
    by_people: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for move in moves:
        by_people.setdefault((move.audiences, move.stays), []).append(f"`{move.flag}`")
    lines = [
        say("{audience}: {flags}", audience=audiences_word(*people), flags=", ".join(flags))
        for people, flags in by_people.items()
    ]
    return lines or [say("no flag changes")]


def _promoted(plan: Plan, after: FlagState, moves: Iterable[FlagMove]) -> Iterator[Sentence]:
    """Say what a promotion did, and which of the moved features people may refuse."""
    yield say("The flags of generation {generation} are in force; a client has read them back",
              generation=after.generation)  # fmt: skip
    yield say("New sessions have the profile {profile}", profile=markdown(after.profile))
    refusing = values(plan, after, ("opted_out",))
    for move in moves:
        reaches = {"opted_in", "everyone"} & {*move.audiences}
        if reaches and refusing[move.flag] != move.after:
            yield say("{title} can be refused: a client then says optOut",
                      title=title_of(move.title))  # fmt: skip


def _done(outcome: RolledBack) -> Iterator[Sentence | str]:
    """Say what a rollback did, what it could not do, and what people have to do.

    Which flags are off, and where the record is, stands under the other headings.
    """
    yield from map(_readable, outcome.done)
    for left in (*outcome.unread, *outcome.open):
        yield say("Open: {what}", what=_readable(left))
    for left in outcome.follows:
        yield say("Next: {what}", what=_readable(left))


def _readable(clause: Phrase) -> str:
    """Return a sentence as Markdown, with the commands in it as code, to be copied."""
    parts = _TYPED.split(" ".join(plain(translated(clause)).split()))
    return "".join(part if part.startswith(_CODE) else _words(part) for part in parts)


def _words(part: str) -> str:
    """Return words beside a command, with the space between them."""
    before, after = (part[0] == " ", part[-1] == " ") if part.strip() else (bool(part), False)
    return f"{' ' * before}{prose(part)}{' ' * after}"


def _below(sentence: Sentence) -> Sentence:
    return Sentence("  - {text}", (("text", sentence),))


def _bullet(text: Sentence | str) -> Sentence:
    return say("- {text}", text=text)


def write_release_notes(
    root: Path, lines: Iterable[Sentence | str], decision: str, *, now: datetime, lang: str
) -> Path:
    """Write the notes of a decision to docs/RELEASE_NOTES/ and return where they are."""
    path = root / NOTES / f"{now:%Y-%m-%d}_{decision}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    with speaking(lang):
        overwrite(Files(), path, "\n".join(map(str, lines)).encode())
    return path


def notes_are_finished(root: Path, decision: str) -> bool:
    """Whether a decision has notes, and none that a crash left saying that no record is there."""
    notes = [*(root / NOTES).glob(f"*_{decision}.md")]
    return bool(notes) and not any(UNFINISHED.encode() in note.read_bytes() for note in notes)
