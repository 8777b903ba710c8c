"""A signed GO becomes flags, where it was decided for exactly the flags in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RolloutError
from rolloutlib.flags.client import read_back
from rolloutlib.flags.document import (
    FLAGS,
    SESSION,
    FlagFile,
    FlagsError,
    FlagState,
    document,
    force,
    read_flags,
    session_defaults,
    switch,
    unedited,
)
from rolloutlib.flags.notices import release_notes, system_overview, write_release_notes
from rolloutlib.ledger.findings import Finding
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.plan.model import STAGES

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.plan.model import Plan

# The subject by which a record pins the flags that were in force when it was written.
PINNED: Final = "flags.json"


class NotPromotedError(RolloutError):
    """The record does not carry this promotion, and the message says why; no flag changed."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did.

    Attributes:
        applied: False when the record was in force already and only its documents were written
            again.
        written: the release notes (a draft) and the overview.
    """

    before: FlagState
    after: FlagState
    applied: bool
    written: tuple[Path, ...]


def promote(
    root: Path, plan: Plan, decision: str, *, now: datetime, files: FlagFiles, lang: str = "en"
) -> Promotion:
    """Put a decision in force: verify, switch the flags, read them back, write what people read.

    Args:
        root: the workbook's root.
        plan: the plan.
        decision: id of the record.
        now: the clock's reading.
        files: the calls into the operating system that write flags.
        lang: language of the documents.

    Raises:
        NotPromotedError: it is no verified GO for the stage after the present one and for the flags
            in force.
        FlagsError: the flags could not be read or written, or a client reads something else.
    """
    path = root / FLAGS
    node, file = _verified(root, decision, now), read_flags(path)
    after = _after(plan, node, file)
    applied = file.state != after
    if applied:
        switch(files, path, document(plan, after), before=file.digest)
    force(files, root / SESSION, session_defaults(plan, after))
    read_back(path, plan, after)
    before = file.state if applied else replace(after, stage=STAGES[after.stage - 1])
    notes = release_notes(plan, before, after, node.predicate.gates)
    written = write_release_notes(root, notes, decision, now=now, lang=lang)
    overview = system_overview(root, plan, after, lang=lang)
    return Promotion(before, after, applied, (written, overview))


def _verified(root: Path, decision: str, now: datetime) -> Node:
    """Return the record if it is green: the newest GO that holds and was not rolled back."""
    verified = verify_ledger(Workbook(root), now=now)
    line = verified.line(decision)
    if line is None:
        raise NotPromotedError(f"there is no record {decision}; `rollout ledger` lists them")
    if line.node.predicate.verdict != "GO":
        raise NotPromotedError(
            f"{decision} says {line.node.predicate.verdict}; only a GO moves flags"
        )
    if problems := [problem.sentence for problem in (*line.findings, *verified.strays)]:
        why = f"{decision} is not verified: {'; '.join(problems)}"
        raise NotPromotedError(f"{why} (`rollout verify {decision}`)")
    for later in verified.ledger.nodes:
        way = later.predicate.rollback
        if way and way.rolls_back.sha256 == line.node.digest:
            again = "the stage opens again with a new GO"
            raise NotPromotedError(f"{decision} was rolled back by {later.id}; {again}")
    green = verified.green.id if verified.green else "none"
    if green != decision:
        raise NotPromotedError(f"{decision} is not the newest GO; green is {green}")
    return line.node


def _after(plan: Plan, node: Node, file: FlagFile) -> FlagState:
    """Return the state that a record asks for, if it fits the flags in force or is in force."""
    move, pinned, now = node.predicate.stage, pinned_flags(node), file.state
    if move is None or pinned is None:
        silent = "does not say which flags it was decided on"
        raise NotPromotedError(f"{node.id} {silent}; decide again with `rollout decide`")
    if _in_force(plan, node, file):
        return now
    if pinned != file.digest:
        was = f"{node.id} was decided on flags with sha256 {pinned[:12]}…"
        there = f"generation {now.generation}, stage {now.stage}, sha256 {file.digest[:12]}…"
        raise NotPromotedError(f"{was}, but {there} is in force; decide again")
    if (move.from_, move.to) != (now.stage, now.stage + 1) or move.to not in plan.stages:
        was = f"{node.id} is about stage {move.from_} → {move.to}"
        moves = f"stage {now.stage} is in force; stages move on one at a time"
        raise NotPromotedError(f"{was}, but {moves}")
    safe = plan.rollback.safe_profile
    return FlagState(STAGES[move.to], now.generation + 1, node.id, profile=safe)


# --- are the flags what the ledger says? ----------------------------------------------------------


def pinned_flags(node: Node) -> str | None:
    """Return the sha256 of the flag file that a record pins, or None."""
    digests = {subject.name: subject.digest.sha256 for subject in node.record.subject}
    return digests.get(f"{node.id}/{PINNED}")


def _in_force(plan: Plan, node: Node, file: FlagFile) -> bool:
    """Whether the flags are what this promotion asks for, unedited."""
    state, move = file.state, node.predicate.stage
    asked = (node.id, move.to if move else None, ())
    fits = node.predicate.verdict == "GO" and (state.decision, state.stage, state.off) == asked
    return fits and unedited(plan, file)


def flag_finding(plan: Plan, ledger: Ledger, root: Path) -> Finding | None:
    """Return a change of the flags in force that no record explains, if there is one.

    Every record pins the flags in force when it was written. After the newest one they are still
    those, or what a GO asks for that was decided on them. Without any record they are a workbook's
    first.
    """
    try:
        file = read_flags(root / FLAGS)
    except FlagsError as error:
        return Finding(FLAGS, "FLAGS_UNREADABLE", str(error)) if ledger.nodes else None
    nodes = [node for node in ledger.nodes if pinned_flags(node)]
    last = pinned_flags(nodes[-1]) if nodes else None
    promoted = any(pinned_flags(node) == last and _in_force(plan, node, file) for node in nodes)
    if file.digest == last or promoted or (not nodes and _is_first(plan, file)):
        return None
    state, hint = file.state, "run `rollout rollback`, or restore the file with git"
    what = f"stage {state.stage}, generation {state.generation}"
    if state.off:
        what += f", off: {', '.join(state.off)}"
        hint = "run `rollout rollback` again to record it"
    sentence = f"the flags in force ({what}) are in no record; {hint}"
    return Finding(FLAGS, "UNRECORDED_FLAG_CHANGE", sentence)


def _is_first(plan: Plan, file: FlagFile) -> bool:
    first = file.state.generation == 1 and not file.state.decision and not file.state.off
    return first and unedited(plan, file)
