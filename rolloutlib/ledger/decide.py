"""A review folder → a decision record: what was decided, pinned to all that it rests on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal

import rfc8785
from msgspec import UNSET

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.checks import newest_run, run_checks
from rolloutlib.judge.decided import decided_of
from rolloutlib.judge.finding import find
from rolloutlib.judge.made_for import ReviewedRuns
from rolloutlib.judge.record import Verdict
from rolloutlib.ledger.book import append
from rolloutlib.ledger.deviations import deviations
from rolloutlib.ledger.documents import decimal, digest_of
from rolloutlib.ledger.findings import LedgerError, together
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.knobs import LOG, encoded, knobs_since, read_log
from rolloutlib.ledger.pins import ReviewFolder, changed_files, pins_of
from rolloutlib.ledger.record_parts import (
    CarriedPart,
    CheckState,
    GateState,
    MeasuredArm,
    MovePart,
    OwedPart,
    Window,
)
from rolloutlib.ledger.records import FlagSet, Move
from rolloutlib.plan.workbook import STAGES
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import speaking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.judge.record import CheckResult, GateResult, Review
    from rolloutlib.ledger.book import Slot
    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.record_parts import Waiver
    from rolloutlib.ledger.records import Decision, Predicate
    from rolloutlib.ledger.workbook import Workbook
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Reason

_MAX_FLAGS: Final = 1_000_000  # bytes of a flag file
_TOLD_BY_NUMBERS: Final = frozenset({"bound.clears", "bound.broken", "bound.undecided"})


def decide(
    book: Workbook,
    folder: Path,
    *,
    verdict: Decision,
    by: str,
    now: datetime,
    waivers: Sequence[Waiver] = (),
    note: str = "",
    lang: Literal["en", "ko"] | None = None,
) -> Node:
    """Draft a promotion's record from a review folder and append it with its card.

    Args:
        book: the workbook.
        folder: what `rollout review --out` wrote.
        verdict: what the meeting decided: GO, HOLD or NO_GO.
        by: who prepares the record (and so cannot approve it).
        now: the time of the decision; the hours without an incident end at it.
        waivers: gates or checks that the meeting waived, with reasons; `recommendation` to be
            stricter.
        note: free text for the card.
        lang: language of the record's sentences and of its card; by default the review's.

    Raises:
        UsageError: no review, an exploration, an unknown waiver, or a waiver that is not needed.
        LedgerError: the verdict is not covered, data or evidence changed since the review, parts
            of the report disagree, or the ledger is damaged.
    """
    read = _report(book, folder, verdict, by)
    checks = _judge_checks(book, read, now)
    _check_waivers(read.review.gates, checks, waivers)
    if changed := [*changed_files(read, book.root)]:
        raise LedgerError("data-changed", files=", ".join(changed), folder=folder)
    pins, spoken = pins_of(read, read.review, book.root), lang or read.params.lang

    @speaking(spoken)
    def draft(slot: Slot) -> Predicate:
        return slot.draft(
            "promotion", verdict, by, lang=spoken, card=3, note=note, waivers=tuple(waivers),
            checks=tuple(check_state(check, slot.id) for check in checks), pins=pins,
            knobs=knobs_since(book, read.plan, slot.seq) or UNSET, **_reviewed(read, checks),
            **_moved(read, verdict),
        )  # fmt: skip

    return append(book, "promotion", draft, _beside(read, checks, book.root), now=now)


def _report(book: Workbook, folder: Path, verdict: Decision, by: str) -> ReviewFolder:
    """Read a report, and refuse one that nothing can be decided on, or that nobody could sign."""
    read = ReviewFolder.read(folder, book.root)
    if problems := book.problems(verdict, by):
        raise LedgerError("lint", problems=together(problems))
    if read.review.look.counting == "exploration":
        raise UsageError(
            "{folder} is an exploration, which decides nothing; decide on what `rollout review` "
            "writes, which counts its look", folder=folder,
        )  # fmt: skip
    read.require_seal()
    return read


def _judge_checks(book: Workbook, read: ReviewFolder, now: datetime) -> tuple[CheckResult, ...]:
    """Judge the plan's checks as of the meeting: the hours without an incident end at it."""
    review = read.review
    return run_checks(
        read.plan.checks, read.params.evidence_folder(book.root), now=now,
        newest=newest_run(review.runs, review.treatment), as_of=read.params.as_of, root=book.root,
        green=_green_evidence(book, now), simulated=any(arm.simulated for arm in review.arms),
        runs=ReviewedRuns.of(review),
    )  # fmt: skip


def _reviewed(read: ReviewFolder, checks: Sequence[CheckResult]) -> dict[str, Any]:
    """Return what a record says of its review, by field."""
    review = read.review
    return {
        "recommendation": review.recommendation.value,
        "reasons": tuple(texts((*review.reasons, *_noticed(review)))),
        "tags": tuple(issue.tag for issue in review.issues if issue.rank is not None),
        "window": Window(tuple(run.run_id for run in review.runs), _quiet_hours(read.plan, checks)),
        "measured": tuple(map(_measured, review.arms)),
        "carried": _carried(review) or UNSET,
        "gates": tuple(map(gate_state, review.gates)),
        "source": review.source_title or "",
    }


def _moved(read: ReviewFolder, verdict: Decision) -> dict[str, Any]:
    """Return what a record says of the way on, by field: only a GO moves flags."""
    review, plan, stage, go = read.review, read.plan, read.params.stage, verdict == "GO"
    entered = STAGES[min(stage + 1, STAGES[-1])]
    return {
        "deviations": (go and tuple(deviations(review.gates))) or UNSET,
        "stage": Move(stage, entered),
        "cohort": plan.stages[entered].audience,
        "flags_before": _flags(plan, stage, entered),
        "flags_after": _flags(plan, entered if go else stage, entered),
        "features": {feature.flag: feature.title for feature in plan.features.values()},
        "cap": plan.stages[entered].cap,
        "owed": owed_of(review, verdict) or UNSET,
        "moves": _moves(review, plan, stage) if go else UNSET,
    }


def _beside(read: ReviewFolder, checks: Sequence[CheckResult], root: Path) -> dict[str, bytes]:
    """Return what lies beside the record: the review's files, evidence, flags, knobs; by name."""
    files, attested = read.evidence, read.params.evidence_folder(root)
    for check in checks:
        for name in check.evidence:
            if (file := find(name, attested, root)) is not None:
                files[f"evidence/{name}"] = file.read_bytes()
    flags = root / "params" / "flags.json"
    if os.path.lexists(flags):
        files["flags.json"] = bounded_bytes(flags, _MAX_FLAGS)
    if os.path.lexists(root / LOG):
        files["knobs.jsonl"] = encoded(read_log(root))
    return files


def _green_evidence(book: Workbook, now: datetime) -> dict[str, str]:
    """Return the digests of the evidence that the last green record rests on, by name."""
    ledger = book.read()
    green = Judge(book, ledger, now).green()
    if green is None:
        return {}
    subjects = ledger.find(green.sha256).record.subject
    beside = f"{green.id}/evidence/"
    return {each.name.removeprefix(beside): each.digest.sha256 for each in subjects
            if each.name.startswith(beside)}  # fmt: skip


def _measured(arm: ArmSummary) -> MeasuredArm:
    first, last = (None if at is None else at.isoformat() for at in (arm.first, arm.last))
    return MeasuredArm(
        arm.arm, arm.runs, arm.samples, arm.users, first, last, arm.flags, arm.profiles,
        arm.strategies, arm.simulated,
    )  # fmt: skip


def _noticed(review: Review) -> list[Reason]:
    """Return which risks fire, and whether more people than planned took part."""
    return [w for w in review.warnings if w.code in {"risk.fires", "cap.exceeded"}]


def _carried(review: Review) -> tuple[CarriedPart, ...]:
    return tuple(
        CarriedPart(part.stage, part.control, part.treatment, part.runs, part.data_sha256)
        for part in review.carried
        if part.why is None
    )


def owed_of(review: Review, verdict: Decision) -> tuple[OwedPart, ...]:
    """Return what stays open beside this decision, which is drafted; only a GO is promoted."""
    done = {"open.decide"} if verdict == "GO" else {"open.decide", "open.promote"}
    return tuple(
        OwedPart(item.role, sentence(item.why))
        for item in review.open_items
        if item.why.code not in done
    )


def _moves(review: Review, plan: Plan, stage: StageId) -> tuple[MovePart, ...]:
    """Return the flags that a GO moves, as the decision page says them."""
    decided = review.decided or decided_of(plan, stage)
    return tuple(
        MovePart(
            move.feature, move.title, move.flag, move.before, move.after, move.audiences, move.stays
        )
        for move in decided.moves
    )


def gate_state(gate: GateResult) -> GateState:
    """Return a gate as records hold it, its sentences in the language that is spoken."""
    plan, evidence = gate.plan, gate.evidence
    said_by_numbers = evidence.why.code in _TOLD_BY_NUMBERS
    return GateState(
        id=gate.id, title=gate.title, unit=gate.unit, evidence_unit=gate.evidence_unit,
        signed=gate.signed, limit=decimal(gate.limit), proof_limit=decimal(gate.proof_limit),
        plan=plan.verdict.value, value=decimal(plan.value),
        evidence=evidence.verdict.value, point=decimal(evidence.point),
        lower=decimal(evidence.lower), upper=decimal(evidence.upper),
        n_control=evidence.n_control, n_treatment=evidence.n_treatment, clusters=evidence.clusters,
        harm=gate.harm, subject=UNSET if gate.subject is None else gate.subject,
        quantile=decimal(gate.quantile) or UNSET, runs=plan.runs, runs_wanted=plan.runs_wanted,
        plan_why=UNSET if plan.why is None else sentence(plan.why),
        why=UNSET if said_by_numbers else sentence(evidence.why),
    )  # fmt: skip


def check_state(check: CheckResult, record: str) -> CheckState:
    """Return a check as the record of this id holds it, in the language that is spoken.

    Its evidence lies beside the record.
    """
    evidence = tuple(f"{record}/evidence/{name}" for name in check.evidence)
    return CheckState(
        check.id, check.title, check.holds, sentence(check.why), evidence, check.simulated
    )


def _check_waivers(
    gates: Sequence[GateResult], checks: Sequence[CheckResult], waivers: Sequence[Waiver]
) -> None:
    """Refuse a waiver of what is not there, of what holds or is tolerated, or without a reason."""
    holds = {gate.id: gate.plan.verdict == gate.evidence.verdict == Verdict.PASS for gate in gates}
    holds |= {gate.id: True for gate in gates if gate.tolerated is not None}
    holds |= {check.id: bool(check.holds) for check in checks}
    holds |= {"code": False, "recommendation": False}
    for waiver in waivers:
        name = waiver.gate
        if name not in holds:
            raise UsageError(
                "--waive {name}: there is no such gate or check; expected one of {known}.{hint}",
                name=name, known=", ".join(holds), hint=did_you_mean(name, holds),
            )  # fmt: skip
        if holds[name]:
            raise UsageError(
                "--waive {name}: it holds and needs no waiver; leave it out", name=name
            )
        if not waiver.reason.strip():
            raise UsageError(
                "--waive {name}: a waiver needs a written reason (--reason TEXT)", name=name
            )


def _quiet_hours(plan: Plan, checks: Sequence[CheckResult]) -> int | None:
    """The hours without an incident that are attested, if they are."""
    for check in checks:
        if check.holds and plan.checks[check.id].kind == "incidents":
            return plan.checks[check.id].hours
    return None


def _flags(plan: Plan, stage: StageId, entered: StageId) -> FlagSet:
    """The flags of a stage for those whom the entered stage is for."""
    audience = plan.stages[entered].audience
    values: dict[str, Any] = dict(plan.flags_of(stage, audience))
    return FlagSet(stage, audience, values, digest_of(rfc8785.dumps(values)))
