"""The kill switch: flags off first, seen off by a client, then the record, then everything that people are told.

Each step after the first may fail without stopping the rest; what could not be done is listed as open, never skipped in
silence. Run again, it does only what is still missing, so a crash at any step is mended by the same command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rolloutlib import durable
from rolloutlib.errors import RolloutError
from rolloutlib.flagclient import read_back
from rolloutlib.flags import (
    FLAGS,
    SESSION,
    FlagsError,
    FlagState,
    changed_features,
    document,
    initial_state,
    read_flags,
    salvaged_generation,
    session_defaults,
    switch,
)
from rolloutlib.ledger import FOLDER, Workbook, append, verify_ledger
from rolloutlib.messages import Sentence, say
from rolloutlib.notices import release_notes, system_overview, write_release_notes
from rolloutlib.promotion import PINNED, pinned_flags
from rolloutlib.records import Head, Predicate, Prepared, Rollback, instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from typing import Literal

    from rolloutlib.flags import FlagFiles
    from rolloutlib.ledger import Slot
    from rolloutlib.plan import FeatureId, Plan
    from rolloutlib.records import GateState

__all__ = ["Reason", "RolledBack", "roll_back"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is rolled back: what people saw, who pulls the switch, what they suspect."""

    text: str
    signal: str = ""
    owner: str = ""
    cause: str = ""


@dataclass(slots=True)
class RolledBack:
    """What a rollback did.

    Attributes:
        before: the flags that were in force; None when the file was missing or damaged.
        after: the safe flags that are in force now.
        switched: False when they were in force already.
        record: id of the rollback record, written now or before; None while it is open.
        green: the decision to return to; None when there is none, or nobody can tell.
        done, open: what was done and what was not, in order.
    """

    before: FlagState | None
    after: FlagState
    switched: bool
    record: str | None = None
    green: str | None = None
    done: list[Sentence] = field(default_factory=list[Sentence])
    open: list[Sentence] = field(default_factory=list[Sentence])

    def attempt(self, what: Sentence, step: Callable[[], object]) -> None:
        """Do a step; where it fails, keep why among what is open."""
        try:
            step()
        except (RolloutError, OSError) as error:
            self.open.append(say("{what}: {why}", what=what, why=str(error)))
        else:
            self.done.append(what)


def roll_back(
    root: Path,
    plan: Plan,
    reason: Reason,
    features: tuple[FeatureId, ...] = (),
    *,
    now: datetime,
    files: FlagFiles,
    lang: Literal["en", "ko"] = "en",
) -> RolledBack:
    """Turn features off for everybody and record it.

    Args:
        root: the workbook's root; only params/plan.yaml has to be there.
        plan: the plan.
        reason: for the record and the notice.
        features: what to turn off; by default what the stage in force turned on for somebody.
        now: the clock's reading.
        files: the calls into the operating system that write flags.
        lang: language of the record and the documents.

    Raises:
        NotWrittenError: the flags could not be written, so they are still on: the one failure that stops here.
    """
    path = root / FLAGS
    before = _held(path)
    after = _safe_state(root, plan, before, features, now)
    found = RolledBack(before, after, switched=after != before)
    if found.switched:
        switch(files, path, document(plan, after), before=None)
        found.done.append(say("Flags off: {flags}", flags=", ".join(plan.features[key].flag for key in after.off)))
    session = session_defaults(plan, after)
    found.attempt(say("Session defaults are safe"), lambda: durable.replace(files, root / SESSION, session))
    found.attempt(say("A client sees the flags off"), lambda: read_back(path, plan, after))
    _record_and_tell(root, plan, reason, found, now, lang)
    return found


def _held(path: Path) -> FlagState | None:
    try:
        return read_flags(path).state
    except FlagsError:
        return None


def _safe_state(
    root: Path, plan: Plan, held: FlagState | None, features: tuple[FeatureId, ...], now: datetime
) -> FlagState:
    """Return the state to switch to: the one in force when it is safe already, so a second rollback is harmless."""
    profile = plan.rollback.safe_profile
    if held is None:  # nobody can tell the stage: the first one, without anything that any stage turns on
        held = FlagState(initial_state(plan).stage, salvaged_generation(root / FLAGS), "?", profile=profile)
        features = (*features, *(key for stage in plan.stages for key in changed_features(plan, stage)))
    wanted = {*held.off, *(features or changed_features(plan, held.stage))}
    off: tuple[FeatureId, ...] = tuple(key for key in plan.features if key in wanted)
    if (off, profile) == (held.off, held.profile):
        return held
    return FlagState(held.stage, held.generation + 1, _next_id(root, now), off, profile)


def _next_id(root: Path, now: datetime) -> str:
    """Return the id that the record will get, from the names in the folder: the ledger may be damaged."""
    stem = f"dec-{instant(now)[:10].replace('-', '')}-rollback-"
    names = [path.name for path in (root / FOLDER).glob(f"{stem}*.record")]
    used = [int(found[1]) for name in names if (found := re.fullmatch(rf"{stem}(\d{{3}})\.record", name))]
    return f"{stem}{max(used, default=0) + 1:03d}"


# --- after the flags are off ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger tells: whether this is recorded, what is rolled back, and what to return to."""

    record: str | None = None
    undone: Head | None = None
    green: Head | None = None
    gates: tuple[GateState, ...] = ()


def _record_and_tell(
    root: Path, plan: Plan, reason: Reason, found: RolledBack, now: datetime, lang: Literal["en", "ko"]
) -> None:
    known = _Known()
    try:
        known = _known(root, found, now)
    except (RolloutError, OSError) as error:
        found.open.append(say("The ledger could not be read: {why}", why=str(error)))
    found.green = known.green.id if known.green else None
    found.record = known.record
    if known.record and not found.switched:
        found.done.append(say("Recorded already: {record}", record=known.record))
        return
    name = found.after.decision
    link = say("Ledger: docs/LEDGER/{record}.md", record=name)
    notice = (say("Reason: {reason}", reason=reason.text), say("When: {time}", time=instant(now)), link)
    notes = release_notes(plan, found.before, found.after, known.gates, rollback=notice)
    told, recorded = say("Release notes with the rollback notice are drafted"), say("Recorded as {record}", record=name)
    found.attempt(told, lambda: write_release_notes(root, notes, name, now=now, lang=lang))
    _open_replay(found)
    found.attempt(recorded, lambda: _append(root, reason, found, known, now, lang))
    found.attempt(say("The overview is up to date"), lambda: system_overview(root, plan, found.after, lang=lang))


def _known(root: Path, found: RolledBack, now: datetime) -> _Known:
    verified = verify_ledger(Workbook(root), now=now)
    digest = read_flags(root / FLAGS).digest
    nodes = {line.node.id: line.node for line in verified.lines}
    rollbacks = [node for node in nodes.values() if node.record.predicate.rollback]
    record = next((node.id for node in rollbacks if pinned_flags(node) == digest), None)
    undone = {told.rolls_back.sha256 for n in rollbacks if (told := n.record.predicate.rollback) and told.rolls_back}
    standing = [
        line.node
        for line in verified.lines
        if line.ok and line.node.record.predicate.verdict == "GO" and line.node.digest not in undone
    ]
    held = found.before.decision if found.before else ""
    current = nodes.get(held) or (standing[-1] if standing else None)
    told = current.record.predicate.rollback if current else None
    head = told.rolls_back if told else current.head if current else None
    green = next((node for node in reversed(standing) if head is None or node.digest != head.sha256), None)
    gates = nodes[head.id].record.predicate.gates if head and head.id in nodes else ()
    return _Known(record, head, green.head if green else None, gates)


def _open_replay(found: RolledBack) -> None:
    """The replay needs data or an engine, and minutes: it follows by a command of its own."""
    if found.green is None:
        found.open.append(say("Replay: there is no earlier green record to return to"))
    else:
        found.open.append(say("Replay of {green}: run `rollout replay {green}`", green=found.green))
    found.open.append(say("Signatures: run `rollout sign {record} --as engine`", record=found.after.decision))


def _append(
    root: Path, reason: Reason, found: RolledBack, known: _Known, now: datetime, lang: Literal["en", "ko"]
) -> None:
    if known.undone is None:
        raise RolloutError("no GO record put these flags in force, so there is nothing in the ledger to roll back")
    undone, who = known.undone, reason.owner or "unknown"

    def draft(slot: Slot) -> Predicate:
        return Predicate(
            id=slot.id, ledger=slot.ledger, seq=slot.seq, prev=slot.prev, kind="rollback", verdict="ROLLBACK",
            prepared=Prepared(who, slot.at), lang=lang, trust=slot.trust, witnesses=slot.witnesses,
            builds_on=known.green, note=reason.text, rollback=_told(reason, found, undone, slot.at, lang),
        )  # fmt: skip

    held = read_flags(root / FLAGS)
    if held.state != found.after:  # somebody switched in between: never on and recorded as off
        raise FlagsError("the flags are not the safe ones any more; run `rollout rollback` again")
    found.record = append(Workbook(root), "rollback", draft, {PINNED: held.data}, now=now).id


def _told(reason: Reason, found: RolledBack, undone: Head, at: str, lang: str) -> Rollback:
    open_ = "; ".join(sentence.text(lang) for sentence in found.open)
    impact = say("{reason}. Stage {stage} stays blocked until a new GO. Open: {open}", reason=reason.text.rstrip("."),
                 stage=found.after.stage, open=open_)  # fmt: skip
    return Rollback(
        rolls_back=undone,
        trigger=f"{reason.signal or reason.text} / {at} / {reason.owner or '–'}",
        cause=reason.cause or say("not known yet").text(lang),
        actions=tuple(sentence.text(lang) for sentence in found.done),
        restored_from=found.green or "–",
        impact=impact.text(lang),
    )
