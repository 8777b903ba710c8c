"""What people are told when flags move: release notes, a rollback notice, the overview page.

Both are drafts in Markdown under docs/; nothing is decided by them and nothing reads them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RolloutError
from rolloutlib.files import bounded_bytes
from rolloutlib.flags.document import values
from rolloutlib.ledger.beside import FOLDERS, LEDGER
from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.documents import MAX_BYTES, decode
from rolloutlib.ledger.durable import Files, overwrite, sweep
from rolloutlib.ledger.records import RECORD_ID, Record
from rolloutlib.text import link, markdown
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.flags.outcome import RolledBack
    from rolloutlib.ledger.found import GateState
    from rolloutlib.plan.model import Plan
    from rolloutlib.reason import Reason

Lines = tuple[Sentence | str, ...]
NOTES: Final = "docs/RELEASE_NOTES"
OVERVIEW: Final = "docs/SYSTEM_OVERVIEW.md"
# Stands in notes until their record is there; a program looks for it, people see the sentence.
UNFINISHED: Final = "<!-- rollout: not recorded yet -->"
BEGIN, END = "<!-- rollout: from here -->", "<!-- rollout: to here -->"
_QUICK_LINKS = 3
_LINKED: Final = {
    "Decisions": ("docs/LEDGER", "dec-*.md"),
    "Runs": ("docs/RUN_LOGS", "*.md"),
    "Notes": (NOTES, "*.md"),
}


def release_notes(
    plan: Plan, before: FlagState | None, after: FlagState, gates: Iterable[GateState]
) -> Lines:
    """Return the lines of a promotion's notes under the headings of the plan's template.

    Args:
        plan: whose features and stages are named.
        before: the flags that were in force.
        after: the flags in force now.
        gates: what the last runs showed, by the record that is promoted.
    """
    stage = plan.stages[after.stage]
    actions = say("Nobody has to do anything; search summaries can be refused with optOut.")
    measured = [_bullet(_measured(gate)) for gate in gates]
    return _notes(
        after, _changes(plan, before, after), _cohort(stage.name, stage.cap),
        measured or [_bullet(say("No run was read for this change."))], actions,
    )  # fmt: skip


def rollback_notes(
    plan: Plan | None, outcome: RolledBack, notice: Iterable[Sentence], undone: str | None
) -> Lines:
    """Return the lines of a rollback's notes: no run speaks for it, so no metric is shown.

    Args:
        plan: the plan; None where it cannot be read.
        outcome: which flags were in force and are now.
        notice: reason, time and the record's card.
        undone: the decision that is rolled back.
    """
    after = outcome.after
    actions = say("Nobody has to do anything; report what still goes wrong to the engine team.")
    measured = say("No run was read for this change.")
    if undone:
        card = f"docs/LEDGER/{undone}.md"
        measured = say("The metrics of the decision that is rolled back are on its card: {card}",
                       card=card)  # fmt: skip
    off = say("Flags off: {flags}", flags=", ".join(map(markdown, outcome.flags)) or "–")
    if plan is None:
        changes = [_bullet(say("Stage {number}", number=after.stage))]
        cohort = say("Everybody for whom these flags were on")
    else:
        stage = plan.stages[after.stage]
        changes = _changes(plan, outcome.before, after)
        cohort = _cohort(stage.name, stage.cap)
    notes = _notes(after, (*changes, _bullet(off)), cohort, [_bullet(measured)], actions)
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


def _measured(gate: GateState) -> Sentence:
    value, limit = (
        show(None if text is None else float(text), gate.unit, signed=gate.signed)
        for text in (gate.value, gate.limit)
    )
    return say("{gate}: {value} (limit {limit})", gate=say(gate.title), value=value, limit=limit)


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


def card_of(root: Path, decision: str) -> str | None:
    """Return where the card of a decision is, by its path in the workbook; None without one."""
    if not RECORD_ID.fullmatch(decision):
        return None
    cards = (f"{folder}/{decision}.md" for folder in (LEDGER, *FOLDERS))
    return next((card for card in cards if (root / card).is_file()), None)


def _accepted(root: Path, decision: str) -> Iterator[Reason]:
    """Yield what the signers of a decision accepted; nothing where its record cannot be read."""
    if not RECORD_ID.fullmatch(decision):
        return
    try:
        data = bounded_bytes(root / LEDGER / f"{decision}.record", MAX_BYTES)
        record = decode(data, Record)
    except RolloutError:
        return
    yield from accepted(record.predicate)


# --- the overview ---------------------------------------------------------------------------------


def system_overview(root: Path, plan: Plan | None, state: FlagState, *, lang: str) -> Path:
    """Bring docs/SYSTEM_OVERVIEW.md up to date between its marks; people write around them.

    What they wrote keeps its bytes, whatever its encoding.
    """
    path = root / OVERVIEW
    with speaking(lang):
        text = f"# {say('System overview')}\n\n{BEGIN}\n{END}\n".encode()
        ours = "\n".join(map(str, _overview(root, plan, state))).encode()
    if path.is_file():
        text = path.read_bytes()
    head, begin, rest = text.partition(BEGIN.encode())
    tail = rest.partition(END.encode())[2] or b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    whole = (head, begin or BEGIN.encode(), b"\n", ours, b"\n", END.encode(), tail)
    overwrite(Files(), path, b"".join(whole))
    return path


def _overview(root: Path, plan: Plan | None, state: FlagState) -> Iterator[Sentence | str]:
    yield _bullet(_stage(plan, state) if plan else say("Stage {number}", number=state.stage))
    yield _bullet(say("Decision: {decision}", decision=markdown(state.decision) or "–"))
    card = card_of(root, state.decision)
    if state.decision and card is None:
        yield _bullet(say("This decision has no record; `rollout verify` says what to do"))
    elif card and not card.startswith(LEDGER):
        yield _bullet(say("Recorded beside the ledger: {card}", card=link(card, f"../{card}")))
    for why in _accepted(root, state.decision):
        yield _bullet(say("Accepted with it: {why}", why=markdown(sentence(why))))
    about = {"generation": state.generation, "profile": markdown(state.profile)}
    yield _bullet(say("Flags: generation {generation}, profile {profile}", **about))
    if state.off:
        off = ", ".join(plan.features[key].flag if plan else key for key in state.off)
        yield _bullet(say("Turned off by a rollback: {flags}; blocked until a new GO", flags=off))
    yield from ("", say("## Quick Links"), "")
    most = plan.documents.quick_links if plan else _QUICK_LINKS
    for title, (folder, pattern) in _LINKED.items():
        names = sorted((path.name for path in (root / folder).glob(pattern)), reverse=True)
        here = folder.removeprefix("docs/")
        links = ", ".join(link(name, f"{here}/{name}") for name in names[:most])
        yield _bullet(say("{title}: {links}", title=say(title), links=links or "–"))
