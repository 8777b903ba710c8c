"""After the flags are off: the rollback record in the ledger, the notice and the overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolloutlib.errors import RolloutError
from rolloutlib.flags.document import FLAGS, FlagsError, read_flags
from rolloutlib.flags.notices import release_notes, system_overview, write_release_notes
from rolloutlib.flags.promotion import PINNED, pinned_flags
from rolloutlib.ledger.book import append
from rolloutlib.ledger.documents import instant
from rolloutlib.ledger.records import SIGNER, Head, WayBack
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.text import markdown
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import Literal

    from rolloutlib.flags.outcome import RolledBack, Trigger
    from rolloutlib.ledger.book import Slot
    from rolloutlib.ledger.records import GateState, Predicate
    from rolloutlib.plan.model import Plan


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger tells: whether this is recorded, what it rolls back, what to return to."""

    record: str | None = None
    undone: Head | None = None
    green: Head | None = None
    gates: tuple[GateState, ...] = ()


def record_and_tell(
    root: Path,
    plan: Plan | None,
    trigger: Trigger,
    outcome: RolledBack,
    *,
    now: datetime,
    lang: Literal["en", "ko"],
) -> None:
    """Draft the notice, append the record, update the overview; `outcome` keeps what failed.

    A rollback that is recorded already is left as it is. Without a plan nothing is recorded yet.
    """
    if plan is None:
        outcome.open.append(say("Recorded: mend the plan, then run `rollout rollback` again"))
        return
    known = _Known()
    try:
        known = _known(root, outcome, now)
    except (RolloutError, OSError) as error:
        outcome.open.append(say("The ledger could not be read: {why}", why=str(error)))
    outcome.green = known.green.id if known.green else None
    outcome.record = known.record
    if known.record and not outcome.switched:
        outcome.done.append(say("Recorded already: {record}", record=known.record))
        return
    name = outcome.after.decision
    notice = (
        say("Reason: {reason}", reason=markdown(trigger.text)),
        say("When: {time}", time=instant(now)),
        say("Ledger: docs/LEDGER/{record}.md", record=name),
    )
    notes = release_notes(plan, outcome.before, outcome.after, known.gates, rollback=notice)
    outcome.attempt(
        say("Release notes with the rollback notice are drafted"),
        lambda: write_release_notes(root, notes, name, now=now, lang=lang),
    )
    if outcome.green is None:
        outcome.open.append(say("Replay: there is no earlier green record to return to"))
    outcome.follows.append(say("Signatures: run `rollout sign {record} --as engine`", record=name))
    outcome.attempt(
        say("Recorded as {record}", record=name),
        lambda: _append(root, trigger, outcome, known, now, lang),
    )
    outcome.attempt(
        say("The overview is up to date"),
        lambda: system_overview(root, plan, outcome.after, lang=lang),
    )


def _known(root: Path, outcome: RolledBack, now: datetime) -> _Known:
    verified = verify_ledger(Workbook(root), now=now)
    digest = read_flags(root / FLAGS).digest
    nodes = {line.node.id: line.node for line in verified.lines}
    ways = {node.id: way for node in nodes.values() if (way := node.predicate.rollback)}
    record = next((name for name in ways if pinned_flags(nodes[name]) == digest), None)
    undone = {way.rolls_back.sha256 for way in ways.values()}
    green = [
        line.node for line in verified.lines if line.ok and line.node.predicate.verdict == "GO"
    ]
    standing = [node for node in green if node.digest not in undone]
    current = nodes.get(outcome.before.decision if outcome.before else "")
    if current is None and standing:
        current = standing[-1]
    if current is None:
        return _Known(record)
    head = ways[current.id].rolls_back if current.id in ways else current.head
    earlier = [node.head for node in standing if node.digest != head.sha256]
    gates = nodes[head.id].predicate.gates if head.id in nodes else ()
    return _Known(record, head, earlier[-1] if earlier else None, gates)


def _append(
    root: Path,
    trigger: Trigger,
    outcome: RolledBack,
    known: _Known,
    now: datetime,
    lang: Literal["en", "ko"],
) -> None:
    if known.undone is None:
        nothing = "so there is nothing in the ledger to roll back"
        raise RolloutError(f"no GO record put these flags in force, {nothing}")
    undone = known.undone
    who = trigger.owner if SIGNER.fullmatch(trigger.owner) else "rollback@unknown"

    def draft(slot: Slot) -> Predicate:
        return slot.draft(
            "rollback", "ROLLBACK", who, lang=lang, builds_on=known.green, note=trigger.text,
            rollback=_told(trigger, outcome, undone, slot.at, lang),
        )  # fmt: skip

    file = read_flags(root / FLAGS)
    if file.state != outcome.after:  # somebody switched in between: never on and recorded as off
        raise FlagsError("the flags are not the safe ones any more; run `rollout rollback` again")
    outcome.record = append(Workbook(root), "rollback", draft, {PINNED: file.data}, now=now).id


def _told(trigger: Trigger, outcome: RolledBack, undone: Head, at: str, lang: str) -> WayBack:
    green = outcome.green
    replay = [say("Replay of {green}: run `rollout replay {green}`", green=green)] if green else []
    open_ = "; ".join(
        sentence.text(lang) for sentence in (*outcome.open, *replay, *outcome.follows)
    )
    impact = say(
        "{reason}. Stage {stage} stays blocked until a new GO. Open: {open}",
        reason=trigger.text.rstrip("."), stage=outcome.after.stage, open=open_,
    )  # fmt: skip
    return WayBack(
        rolls_back=undone,
        trigger=f"{trigger.signal or trigger.text} / {at} / {trigger.owner or '–'}",
        cause=trigger.cause or say("not known yet").text(lang),
        actions=tuple(sentence.text(lang) for sentence in outcome.done),
        restored_from=outcome.green or "–",
        impact=impact.text(lang),
    )
