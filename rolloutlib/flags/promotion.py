"""A signed GO becomes flags, where it was decided for exactly the flags in force."""

from __future__ import annotations

from contextlib import contextmanager
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
from rolloutlib.flags.knobs import with_knobs
from rolloutlib.flags.notices import release_notes, write_release_notes
from rolloutlib.flags.overview import system_overview
from rolloutlib.ledger.beside import read_beside
from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.durable import NotWrittenError
from rolloutlib.ledger.findings import Finding, said_by, together
from rolloutlib.ledger.records import RECORD_ID
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.phrase import both, phrase
from rolloutlib.plan.workbook import STAGES
from rolloutlib.words.sentences import speaking

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.flags.document import FlagFiles
    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.verification import Verification
    from rolloutlib.phrase import Phrase
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
        NotWrittenError: it is in force, but the session config or a document is not written.
    """
    path = root / FLAGS
    node, verified = _verified(root, decision, now)
    file = read_flags(path)
    if file.state != (after := _after(plan, node, file)):
        _refuse_superseded(verified, node)
        _refuse_unexplained(plan, verified.ledger, node, file)
    applied, session = file.state != after, with_knobs(root, plan, session_defaults(plan, after))
    if applied:
        switch(files, path, document(plan, after), before=file.digest)
    before = file.state if applied else replace(after, stage=STAGES[after.stage - 1])
    with _in_force_already(after):
        force(files, root / SESSION, session)
    read_back(path, plan, after)
    with speaking(lang):
        notes = release_notes(plan, before, after, node.predicate.gates, accepted(node.predicate))
    with _in_force_already(after):
        written = write_release_notes(root, notes, decision, now=now, lang=lang)
        overview = system_overview(root, plan, after, lang=lang)
    return Promotion(before, after, applied, (written, overview))


@contextmanager
def _in_force_already(state: FlagState) -> Generator[None]:
    """Say of what fails once the flags are switched that they are, and how it is ended."""
    try:
        yield
    except (OSError, RolloutError) as error:
        why = error.why if isinstance(error, NotWrittenError) else said_by(error)
        raise NotWrittenError(
            "{record} is in force (stage {stage}, generation {generation}), but not all is "
            "written: {why}; mend it and run `rollout promote {record}` again",
            record=state.decision, stage=state.stage, generation=state.generation, why=why,
        ) from None  # fmt: skip


def _verified(root: Path, decision: str, now: datetime) -> tuple[Node, Verification]:
    """Return the record if it is green: the newest GO that holds and was not rolled back."""
    verified = verify_ledger(Workbook(root), now=now)
    line = verified.line(decision)
    if line is None:
        raise NotPromotedError(
            "there is no record {record}; `rollout ledger` lists them", record=decision
        )
    if line.node.predicate.verdict != "GO":
        raise NotPromotedError(
            "{record} says {verdict}; only a GO moves flags",
            record=decision, verdict=line.node.predicate.verdict,
        )  # fmt: skip
    strays = [stray for stray in verified.strays if stray.code != "vacant"]
    if problems := [problem.phrase for problem in (*line.findings, *strays)]:
        raise NotPromotedError(
            "{record} is not verified: {why} (`rollout verify {record}`)",
            record=decision, why=together(problems),
        )  # fmt: skip
    for later in verified.ledger.nodes:
        if later.predicate.kind == "rollback" and later.before >> line.node.index & 1:
            way = later.predicate.rollback
            undone = way and way.rolls_back and way.rolls_back.sha256 == line.node.digest
            raise NotPromotedError(
                "{record} was rolled back by {later}; the stage opens again with a new GO"
                if undone else
                "{record} is older than the rollback {later}; the stage opens again with a new GO",
                record=decision, later=later.id,
            )  # fmt: skip
    green = verified.green.id if verified.green else phrase("none")
    if green != decision:
        raise NotPromotedError(
            "{record} is not the newest GO; green is {green}", record=decision, green=green
        )
    return line.node, verified


def _refuse_superseded(verified: Verification, node: Node) -> None:
    """Refuse a GO after which a later meeting held the same stage back."""
    for line in verified.lines:
        later, p = line.node, line.node.predicate
        same = p.stage == node.predicate.stage and later.before >> node.index & 1
        if same and p.verdict != "GO" and line.ok:
            raise NotPromotedError(
                "{record} is older than {later}, which says {verdict} of the same stage; decide "
                "again", record=node.id, later=later.id, verdict=p.verdict,
            )  # fmt: skip


def _refuse_unexplained(plan: Plan, ledger: Ledger, node: Node, file: FlagFile) -> None:
    """Refuse a GO that was decided on flags that no record before it explains.

    Otherwise it would hide for ever that somebody pulled the kill switch, or edited the file.
    """
    if not _explained(plan, file, [each for each in ledger.nodes if node.before >> each.index & 1]):
        raise NotPromotedError(
            "{record} was decided on flags that no record before it explains; {hint}, then decide "
            "again", record=node.id, hint=_hint(file.state, ledger),
        )  # fmt: skip


def _after(plan: Plan, node: Node, file: FlagFile) -> FlagState:
    """Return the state that a record asks for, if it fits the flags in force or is in force."""
    move, pinned, now = node.predicate.stage, pinned_flags(node), file.state
    if move is None or pinned is None:
        raise NotPromotedError(
            "{record} does not say which flags it was decided on; decide again with `rollout "
            "decide`", record=node.id,
        )  # fmt: skip
    if _in_force(plan, node, file):
        return now
    if pinned != file.digest:
        raise NotPromotedError(
            "{record} was decided on flags with sha256 {pinned}…, but generation {generation}, "
            "stage {stage}, sha256 {digest}… is in force; decide again",
            record=node.id, pinned=pinned[:12], generation=now.generation, stage=now.stage,
            digest=file.digest[:12],
        )  # fmt: skip
    if (move.from_, move.to) != (now.stage, now.stage + 1) or move.to not in plan.stages:
        raise NotPromotedError(
            "{record} is about stage {before} → {after}, but stage {stage} is in force; stages "
            "move on one at a time",
            record=node.id, before=move.from_, after=move.to, stage=now.stage,
        )  # fmt: skip
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
    expected = (node.id, move.to if move else None, ())
    fits = node.predicate.verdict == "GO" and (state.decision, state.stage, state.off) == expected
    return fits and unedited(plan, file)


def flag_finding(plan: Plan, ledger: Ledger, root: Path) -> Finding | None:
    """Return a change of the flags in force that no record explains, if there is one.

    A rollback record explains the flags that it pins, a GO those that it asks for, when it was
    decided on explained ones; the pins of meetings explain nothing. Without any of them the flags
    are a workbook's first. A rollback that waits beside the ledger explains its flags too: that it
    waits is said by itself.
    """
    try:
        file = read_flags(root / FLAGS)
    except FlagsError as error:
        return Finding(FLAGS, "FLAGS_UNREADABLE", error.phrase) if ledger.nodes else None
    if _explained(plan, file, ledger.nodes):
        return None
    if any(beside.flags_digest == file.digest for beside in read_beside(root)):
        return None
    state = file.state
    what = phrase("stage {stage}, generation {n}", stage=state.stage, n=state.generation)
    if state.off:
        what = phrase("{what}, off: {off}", what=what, off=", ".join(state.off))
    hint = _hint(state, ledger)
    moved = phrase("the flags in force ({what}) are in no record; {hint}", what=what, hint=hint)
    return Finding(FLAGS, "UNRECORDED_FLAG_CHANGE", moved)


def refuse_unrecorded(plan: Plan, ledger: Ledger, root: Path) -> None:
    """Refuse a GO on flags in force that no record explains: it would hide what happened.

    Raises:
        FlagsError: with the command that records them.
    """
    moved = flag_finding(plan, ledger, root)
    if moved and moved.code == "UNRECORDED_FLAG_CHANGE":
        raise FlagsError(
            "no GO is decided on flags that nobody recorded: {moved}", moved=moved.phrase
        )


def _hint(state: FlagState, ledger: Ledger) -> Phrase:
    """Return the command that records the flags in force, or what has to be mended before it."""
    if ledger.damage:
        return phrase("mend what is WRONG with the ledger first")
    if state.off:
        return phrase("run `rollout rollback --reason TEXT` again to record it")
    if RECORD_ID.fullmatch(state.decision) and state.decision not in ledger.by_name:
        return phrase(
            "the ledger does not have {record}, on which they stand: `git restore docs/LEDGER`, or "
            "run `rollout rollback --reason TEXT`", record=state.decision,
        )  # fmt: skip
    return phrase("run `rollout rollback --reason TEXT`, or restore the file with git")


def _explained(plan: Plan, file: FlagFile, nodes: Sequence[Node]) -> bool:
    pinned = [node for node in nodes if pinned_flags(node)]
    while pinned:
        last = pinned[-1]
        if pinned_flags(last) != file.digest:
            same = (node for node in pinned if pinned_flags(node) == pinned_flags(last))
            return any(_in_force(plan, node, file) for node in same)
        if last.predicate.kind == "rollback":
            return True
        pinned.pop()
    return _is_first(plan, file)


def standing_finding(verified: Verification, root: Path) -> Finding | None:
    """Return it where the flags in force stand on a GO that nobody has signed in full.

    `rollout promote` refuses such a GO, so somebody wrote the file by hand or took a signature
    away: that is no GO that waits.
    """
    try:
        state = read_flags(root / FLAGS).state
    except FlagsError:
        return None
    line = verified.line(state.decision)
    if line is None or state.off or line.node.predicate.verdict != "GO" or not line.missing:
        return None
    unsigned = phrase(
        "the flags in force stand on {record}, which lacks the signature of {roles}: {sign}, or "
        "run `rollout rollback --reason TEXT`",
        record=state.decision, roles=both(line.missing), sign=line.commands,
    )  # fmt: skip
    return Finding(FLAGS, "UNSIGNED_FLAGS", unsigned)


def _is_first(plan: Plan, file: FlagFile) -> bool:
    first = file.state.generation == 1 and not file.state.decision and not file.state.off
    return first and unedited(plan, file)
