"""What people are told when flags move: release notes, a rollback notice, the overview page.

Both are drafts in Markdown under docs/; nothing is decided by them and nothing reads them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.flags.document import values
from rolloutlib.ledger.durable import Files, overwrite
from rolloutlib.text import link, markdown
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.document import FlagState
    from rolloutlib.ledger.records import GateState
    from rolloutlib.plan.model import Plan

NOTES: Final = "docs/RELEASE_NOTES"
OVERVIEW: Final = "docs/SYSTEM_OVERVIEW.md"
BEGIN, END = "<!-- rollout: from here -->", "<!-- rollout: to here -->"
_LINKED: Final = {
    "Decisions": ("docs/LEDGER", "dec-*.md"),
    "Runs": ("docs/RUN_LOGS", "*.md"),
    "Notes": (NOTES, "*.md"),
}


def release_notes(
    plan: Plan,
    before: FlagState | None,
    after: FlagState,
    gates: Iterable[GateState],
    *,
    rollback: Sequence[Sentence] = (),
) -> tuple[Sentence | str, ...]:
    """Return the lines of release notes under the headings of the plan's template.

    Args:
        plan: whose features and stages are named.
        before: the flags that were in force; None when nobody can tell.
        after: the flags in force now.
        gates: what the last runs showed, by the record that is promoted.
        rollback: reason, time and ledger link, where this is a way back.
    """
    stage, none = plan.stages[after.stage], _bullet(say("No run was read for this change."))
    measured = [_bullet(_measured(gate)) for gate in gates]
    actions = say("Nobody has to do anything; search summaries can be refused with optOut.")
    if "A" in after.off:
        actions = say("Nobody has to do anything; report what still goes wrong to the engine team.")
    return (
        say("# Release notes — {decision}", decision=after.decision), "",
        say("## What changed"), "", *_changes(plan, before, after), "",
        say("## Who is impacted (cohorts)"), "", _bullet(_cohort(stage.name, stage.cap)), "",
        say("## Metrics summary (last 3 runs)"), "", *(measured or [none]), "",
        say("## Actions"), "", _bullet(actions), "",
        *((say("## Rollback Notice"), "", *map(_bullet, rollback), "") if rollback else ()),
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
    with speaking(lang):
        overwrite(Files(), path, "\n".join(map(str, lines)).encode())
    return path


# --- the overview ---------------------------------------------------------------------------------


def system_overview(root: Path, plan: Plan, state: FlagState, *, lang: str) -> Path:
    """Bring docs/SYSTEM_OVERVIEW.md up to date between its marks; people write around them."""
    path = root / OVERVIEW
    with speaking(lang):
        text = f"# {say('System overview')}\n\n{BEGIN}\n{END}\n"
        ours = "\n".join(map(str, _overview(root, plan, state)))
    if path.is_file():
        text = path.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2] or "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    overwrite(Files(), path, f"{head}{begin or BEGIN}\n{ours}\n{END}{tail}".encode())
    return path


def _overview(root: Path, plan: Plan, state: FlagState) -> Iterator[Sentence | str]:
    yield _bullet(_stage(plan, state))
    yield _bullet(say("Decision: {decision}", decision=markdown(state.decision) or "–"))
    about = {"generation": state.generation, "profile": markdown(state.profile)}
    yield _bullet(say("Flags: generation {generation}, profile {profile}", **about))
    if state.off:
        off = ", ".join(plan.features[key].flag for key in state.off)
        yield _bullet(say("Turned off by a rollback: {flags}; blocked until a new GO", flags=off))
    yield from ("", say("## Quick Links"), "")
    for title, (folder, pattern) in _LINKED.items():
        names = sorted((path.name for path in (root / folder).glob(pattern)), reverse=True)
        newest = names[: plan.documents.quick_links]
        here = folder.removeprefix("docs/")
        links = ", ".join(link(name, f"{here}/{name}") for name in newest)
        yield _bullet(say("{title}: {links}", title=say(title), links=links or "–"))
