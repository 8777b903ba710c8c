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
    read_flags,
    session_defaults,
    switch,
)
from rolloutlib.flags.notices import release_notes, system_overview, write_release_notes
from rolloutlib.ledger import durable
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
    node, held = _verified(root, decision, now), read_flags(path)
    after = _after(plan, node, held)
    applied = held.state != after
    if applied:
        switch(files, path, document(plan, after), before=held.digest)
    durable.overwrite(files, root / SESSION, session_defaults(plan, after))
    read_back(path, plan, after)
    before = held.state if applied else replace(after, stage=STAGES[after.stage - 1])
    notes = release_notes(plan, before, after, node.record.predicate.gates)
    written = write_release_notes(root, notes, decision, now=now, lang=lang)
    return Promotion(
        before, after, applied, (written, system_overview(root, plan, after, lang=lang))
    )


def _verified(root: Path, decision: str, now: datetime) -> Node:
    """Return the record if it is green: the newest GO that holds and was not rolled back."""
    found = verify_ledger(Workbook(root), now=now)
    line = next((line for line in found.lines if line.node.id == decision), None)
    if line is None:
        raise NotPromotedError(f"there is no record {decision}; `rollout ledger` lists them")
    p = line.node.record.predicate
    if p.verdict != "GO":
        raise NotPromotedError(f"{decision} says {p.verdict}; only a GO moves flags")
    if problems := [finding.sentence for finding in (*line.findings, *found.strays)]:
        raise NotPromotedError(
            f"{decision} is not verified: {'; '.join(problems)} (`rollout verify {decision}`)"
        )
    undone = [one.node.id for one in found.lines if _rolls_back(one.node, line.node)]
    if undone:
        raise NotPromotedError(
            f"{decision} was rolled back by {undone[0]}; the stage opens again with a new GO"
        )
    if found.green is None or found.green.id != decision:
        raise NotPromotedError(
            f"{decision} is not the newest GO; green is {found.green.id if found.green else 'none'}"
        )
    return line.node


def _rolls_back(later: Node, node: Node) -> bool:
    told = later.record.predicate.rollback
    return told is not None and told.rolls_back.sha256 == node.digest


def _after(plan: Plan, node: Node, held: FlagFile) -> FlagState:
    """Return the state that a record asks for, if it fits the flags in force or is in force."""
    move, pinned = node.record.predicate.stage, pinned_flags(node)
    if move is None or pinned is None:
        silent = "does not say which flags it was decided on"
        raise NotPromotedError(f"{node.id} {silent}; decide again with `rollout decide`")
    if _in_force(plan, node, held):
        return held.state
    if pinned != held.digest:
        now = f"generation {held.state.generation}, stage {held.state.stage}"
        now += f", sha256 {held.digest[:12]}…"
        was = f"{node.id} was decided on flags with sha256 {pinned[:12]}…"
        raise NotPromotedError(f"{was}, but {now} is in force; decide again")
    if (move.from_, move.to) != (
        held.state.stage,
        held.state.stage + 1,
    ) or move.to not in plan.stages:
        was = f"{node.id} is about stage {move.from_} → {move.to}"
        raise NotPromotedError(
            f"{was}, but stage {held.state.stage} is in force; stages move on one at a time"
        )
    return FlagState(
        STAGES[move.to], held.state.generation + 1, node.id, profile=plan.rollback.safe_profile
    )


# --- are the flags what the ledger says? ----------------------------------------------------------


def pinned_flags(node: Node) -> str | None:
    """Return the sha256 of the flag file that a record pins, or None."""
    subjects = node.record.subject
    return next((one.digest.sha256 for one in subjects if one.name == f"{node.id}/{PINNED}"), None)


def _in_force(plan: Plan, node: Node, held: FlagFile) -> bool:
    """Whether the flags are what this promotion asks for, unedited."""
    p, state = node.record.predicate, held.state
    wanted = (
        p.verdict == "GO"
        and p.stage is not None
        and (state.decision, state.stage, state.off) == (node.id, p.stage.to, ())
    )
    return wanted and document(plan, state) == held.data


def flag_finding(plan: Plan, ledger: Ledger, root: Path) -> Finding | None:
    """Return a change of the flags in force that no record explains, if there is one.

    Every record pins the flags in force when it was written. After the newest one they are still
    those, or what a GO asks for that was decided on them. Without any record they are a workbook's
    first.
    """
    try:
        held = read_flags(root / FLAGS)
    except FlagsError as error:
        return Finding(FLAGS, "FLAGS_UNREADABLE", str(error)) if ledger.nodes else None
    nodes = [node for node in ledger.nodes if pinned_flags(node)]
    last = pinned_flags(nodes[-1]) if nodes else None
    promoted = any(pinned_flags(node) == last and _in_force(plan, node, held) for node in nodes)
    if held.digest == last or promoted or (not nodes and _is_first(plan, held)):
        return None
    s = held.state
    what = (
        f"stage {s.stage}, generation {s.generation}{', off: ' + ', '.join(s.off) if s.off else ''}"
    )
    hint = (
        "run `rollout rollback` again to record it"
        if s.off
        else "run `rollout rollback`, or restore the file with git"
    )
    return Finding(
        FLAGS, "UNRECORDED_FLAG_CHANGE", f"the flags in force ({what}) are in no record; {hint}"
    )


def _is_first(plan: Plan, held: FlagFile) -> bool:
    first = held.state.generation == 1 and not held.state.decision and not held.state.off
    return first and document(plan, held.state) == held.data
