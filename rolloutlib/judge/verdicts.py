"""Estimate against limit: the plan's literal verdict and the verdict of the evidence, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Final, Literal

from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.plan.model import Gate

__all__ = [
    "UNDECIDED",
    "EvidenceVerdict",
    "GateResult",
    "Needed",
    "PlanVerdict",
    "Verdict",
    "judge_evidence",
    "judge_plan",
]


UNDECIDED: Final = say("The data prove neither that the limit holds nor that it is broken.")


class Verdict(StrEnum):
    """What a gate says; `inconclusive` is never a pass."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Needed:
    """What would settle an inconclusive gate with the plan's power if the design alternative were true.

    Attributes:
        unit: what to collect more of.
        total: how many of them in all (in each arm, where the arms are independent).
        further: how many beyond what there is.
    """

    unit: Literal["pairs", "samples", "prompts", "users"]
    total: int
    further: int


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """The plan's words, literally: a point estimate, averaged over the last runs.

    Attributes:
        value: the contrast (or the treatment's value) in the gate's unit; None without data.
        clears: whether the value is on the right side of the limit, whatever the number of runs.
        runs: how many runs the average holds (the smaller arm's); the plan wants `runs_wanted`.
    """

    verdict: Verdict
    value: float | None
    clears: bool | None
    runs: int
    runs_wanted: int


@dataclass(frozen=True, slots=True)
class EvidenceVerdict:
    """What the one-sided bounds prove about the estimand at this stage.

    Attributes:
        estimate: point, bounds and method; None when the gate has no data.
        why: one sentence: what is proven, or what is missing.
        needed: what would settle an inconclusive gate; None when nothing more is needed or nothing can be said.
    """

    verdict: Verdict
    estimate: Estimate | None
    why: Sentence
    needed: Needed | None = None


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate with both verdicts.

    Attributes:
        limit: the plan's limit, in `gate.unit`.
        proof_limit: what the stage's bound must clear, in the estimate's unit (a share for a quantile gate).
        control, treatment: the arms' own values in `gate.unit` over all kept samples (a p95 in ms for the p95 gate).
        subject: what the gate is about where the data decide it (the issue tag).
    """

    id: str
    gate: Gate
    limit: float
    proof_limit: float
    control: float | None
    treatment: float | None
    plan: PlanVerdict
    evidence: EvidenceVerdict
    subject: str | None = None

    @property
    def disagrees(self) -> bool:
        """Whether plan and evidence say different things about the same data."""
        if self.plan.clears is None or self.evidence.estimate is None:
            return False
        return self.plan.clears != (self.evidence.verdict is Verdict.PASS)


def clears(value: float, limit: float, harm: str) -> bool:
    """Return whether a value is on the harmless side of a limit (at the limit counts)."""
    return value >= limit if harm == "lower" else value <= limit


def judge_plan(
    gate: Gate, value: float | None, limit: float, *, runs: int, runs_wanted: int
) -> PlanVerdict:
    """Apply the plan's literal rule: the point value against the limit, no pass before enough runs."""
    if value is None or not isfinite(value):
        return PlanVerdict(Verdict.INCONCLUSIVE, None, None, runs, runs_wanted)
    ok = clears(value, limit, gate.harm)
    if runs < runs_wanted:
        return PlanVerdict(Verdict.INCONCLUSIVE, value, ok, runs, runs_wanted)
    return PlanVerdict(Verdict.PASS if ok else Verdict.FAIL, value, ok, runs, runs_wanted)


def judge_evidence(
    gate: Gate, estimate: Estimate | None, limit: float, *, missing: Sentence | None
) -> EvidenceVerdict:
    """Compare the one-sided bounds with the stage's limit.

    The bound towards harm must clear the limit to pass; the opposite bound beyond the limit proves the breach. An
    estimate that is capped (too few clusters) or has an infinite bound never passes.
    """
    if estimate is None:
        return EvidenceVerdict(
            Verdict.INCONCLUSIVE, None, missing or say("There are no samples to judge.")
        )
    worst, best = (
        (estimate.lower, estimate.upper)
        if gate.harm == "lower"
        else (estimate.upper, estimate.lower)
    )
    if missing is not None:
        return EvidenceVerdict(Verdict.INCONCLUSIVE, estimate, missing)
    if estimate.cap is not None:
        return EvidenceVerdict(Verdict.INCONCLUSIVE, estimate, estimate.cap)
    if isfinite(worst) and clears(worst, limit, gate.harm) and worst != limit:
        return EvidenceVerdict(
            Verdict.PASS, estimate, say("The bound clears the limit of this stage.")
        )
    if isfinite(best) and not clears(best, limit, gate.harm):
        return EvidenceVerdict(
            Verdict.FAIL,
            estimate,
            say("Even the favourable bound misses the limit: the breach is proven."),
        )
    return EvidenceVerdict(Verdict.INCONCLUSIVE, estimate, UNDECIDED)
