"""What people are told when flags move: release notes and a rollback notice.

They are drafts in Markdown under docs/; nothing is decided by them and nothing reads them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.flags.document import values
from rolloutlib.ledger.card_parts import number_of
from rolloutlib.ledger.durable import Files, overwrite, sweep
from rolloutlib.ledger.gate_rows import gate_name, plan_limit
from rolloutlib.text import markdown
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.flags.outcome import RolledBack
    from rolloutlib.ledger.record_parts import GateState
    from rolloutlib.plan.model import Plan
    from rolloutlib.reason import Reason

Lines = tuple[Sentence | str, ...]
NOTES: Final = "docs/RELEASE_NOTES"
# Stands in notes until their record is there; a program looks for it, people see the sentence.
UNFINISHED: Final = "<!-- rollout: not recorded yet -->"


def release_notes(
    plan: Plan,
    before: FlagState | None,
    after: FlagState,
    gates: Iterable[GateState],
    deviations: Iterable[Reason] = (),
) -> Lines:
    """Return the lines of a promotion's notes under the headings of the plan's template.

    Args:
        plan: whose features and stages are named.
        before: the flags that were in force.
        after: the flags in force now.
        gates: what the last runs showed, by the record that is promoted.
        deviations: the misses within a tolerance that its signers accepted.
    """
    stage = plan.stages[after.stage]
    actions = say("Nobody has to do anything; search summaries can be refused with optOut.")
    measured = [_bullet(measured_gate(gate)) for gate in gates]
    measured += [
        _bullet(say("Accepted with it: {why}", why=markdown(sentence(why)))) for why in deviations
    ]
    return _notes(
        after, _changes(plan, before, after), _cohort(stage.name, stage.cap),
        measured or [_bullet(say("No run was read for this change."))], actions,
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
        outcome: which flags were in force and are now.
        notice: reason, time and the record's card.
        undone: the decision that is rolled back.
        shown: what the review or watch showed that caused it.
    """
    after = outcome.after
    actions = say("Nobody has to do anything; report what still goes wrong to the engine team.")
    measured = [*map(_bullet, shown)] or [_bullet(say("No run was read for this change."))]
    if undone:
        card = f"docs/LEDGER/{undone}.md"
        before = say("The metrics of the decision that is rolled back are on its card: {card}",
                     card=card)  # fmt: skip
        measured.append(_bullet(before))
    off = say("Flags off: {flags}", flags=", ".join(map(markdown, outcome.flags)) or "–")
    if plan is None:
        changes = [_bullet(say("Stage {number}", number=after.stage))]
        cohort = say("Everybody for whom these flags were on")
    else:
        stage = plan.stages[after.stage]
        changes = _changes(plan, outcome.before, after)
        cohort = _cohort(stage.name, stage.cap)
    notes = _notes(after, (*changes, _bullet(off)), cohort, measured, actions)
    return (*notes, say("## Rollback Notice"), "", *map(_bullet, notice), "")


def _notes(
    after: FlagState,
    changes: Iterable[Sentence],
    cohort: Sentence,
    measured: Iterable[Sentence],
    actions: Sentence,
) -> Lines:
    return (
        say("# Release notes — {decision}", decision=markdown(after.decision)), "",
        say("## What changed"), "", *changes, "",
        say("## Who is impacted (cohorts)"), "", _bullet(cohort), "",
        say("## Metrics summary (last 3 runs)"), "", *measured, "",
        say("## Actions"), "", _bullet(actions), "",
    )  # fmt: skip


def measured_gate(gate: GateState) -> Sentence:
    """Return a gate's value against its limit, as the plan reads them."""
    value = number_of(gate.value, gate.unit, signed=gate.signed)
    return say("{gate}: {value} (limit {limit})", gate=gate_name(gate), value=value,
               limit=plan_limit(gate))  # fmt: skip


def _cohort(name: str, cap: int | None) -> Sentence:
    if cap is None:
        return say("{stage}: every user", stage=say(name))
    return say("{stage}: at most {cap} users", stage=say(name), cap=cap)


def _changes(plan: Plan, before: FlagState | None, after: FlagState) -> list[Sentence]:
    """One line a feature whose value changed, for who said nothing or for who opted in."""
    lines = [_stage(plan, after)]
    was, now = _pairs(plan, before), _pairs(plan, after)
    for key in now:
        if was[key] != now[key]:
            change = {"key": key, "was": was[key], "now": now[key]}
            lines.append(say("`{key}`: {was} → {now} (everyone / opted in)", **change))
    return [*map(_bullet, lines)]


def _stage(plan: Plan, state: FlagState) -> Sentence:
    name = say(plan.stages[state.stage].name)
    return say("Stage {number}: {name}", number=state.stage, name=name)


def _pairs(plan: Plan, state: FlagState | None) -> dict[str, str]:
    keys = [feature.flag for feature in plan.features.values()]
    if state is None:
        return dict.fromkeys(keys, "?")
    said_nothing, opted_in = values(plan, state, ()), values(plan, state, ("opted_in",))
    return {key: f"{said_nothing[key]} / {opted_in[key]}".lower() for key in keys}


def _bullet(sentence: Sentence) -> Sentence:
    return say("- {text}", text=sentence)


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
