"""Two reviews side by side, from their records alone: what moved, by how much, and why it may have.

Nothing is tested here. Reviews that share samples depend on each other, so the change of an
estimate has an interval only where no sample can be in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Literal

from rolloutlib.judge.overlap import carried_stages, match_runs, overlap_of
from rolloutlib.judge.verdicts import of_share
from rolloutlib.reason import Reason, because, known
from rolloutlib.stats.recovery import difference_of_estimates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.judge.overlap import Overlap, RunMoved
    from rolloutlib.judge.record import EvidenceVerdict, GateResult, Recommendation, Review
    from rolloutlib.reason import Fact

__all__ = ["GateMoved", "Moved", "ReasonMoved", "moved"]

# Facts that say what a reason is about; the others are its numbers, which move by themselves.
_ABOUT: Final = frozenset({
    "arm", "by", "check", "checks", "feature", "field", "flag", "gate", "gates", "id", "issue",
    "issues", "message", "metric", "names", "source", "stage", "subject", "title", "unit", "value",
    "word",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class GateMoved:
    """One gate in both reviews.

    Attributes:
        id: its key in the plan.
        before, after: the gate in each review; None where it was not there yet, or is gone.
        change: of the evidence's point, in `after.evidence_unit`; of a ratio the difference of two
            ratios. None where an estimate lacks, or the two are not of the same quantity.
        lower, upper: one-sided bounds of the change, each at `after.evidence.confidence`; both None
            where the reviews may share samples, one of them where nothing bounds that side.
        plan_change: of the plan's value, in `after.unit`; None likewise.
        differs: what is not the same beside the data: its limits, what it is about.
    """

    id: str
    before: GateResult | None
    after: GateResult | None
    change: float | None = None
    lower: float | None = None
    upper: float | None = None
    plan_change: float | None = None
    differs: tuple[Reason, ...] = ()

    @property
    def verdict_moved(self) -> bool:
        """Whether one of its verdicts is another one; a gate that came or went has none before."""
        if self.before is None or self.after is None:
            return True
        return (self.before.plan.verdict, self.before.evidence.verdict) != (
            self.after.plan.verdict,
            self.after.evidence.verdict,
        )

    @property
    def worse(self) -> bool | None:
        """Whether the estimate moved towards harm; None without a change."""
        if not self.change or self.after is None:
            return None
        return (self.change < 0) == (self.after.harm == "lower")


@dataclass(frozen=True, slots=True)
class ReasonMoved:
    """One reason in both reviews: the same code about the same thing, whatever its numbers are."""

    before: Reason | None
    after: Reason | None

    @property
    def state(self) -> Literal["came", "went", "stays"]:
        """Whether it is new, gone or still there."""
        if self.before is None:
            return "came"
        return "went" if self.after is None else "stays"

    @property
    def reason(self) -> Reason:
        """The reason as the later review has it, else as the earlier one had it."""
        return next(reason for reason in (self.after, self.before) if reason is not None)


@dataclass(frozen=True, slots=True)
class Moved:
    """Two reviews side by side.

    Attributes:
        before, after: the two records.
        same_data: whether both are of the same samples.
        differs: what is not the same beside the data, so that what moved is not of them alone.
        gates: every gate of either review, in the later one's order, then those that went.
        runs: every run of either review: the later one's by their start, then those that are gone.
        reasons: every reason of either review: the later one's, then those that went.
        overlap: how many samples the two share.
    """

    before: Review
    after: Review
    same_data: bool
    differs: tuple[Reason, ...]
    gates: tuple[GateMoved, ...]
    runs: tuple[RunMoved, ...]
    reasons: tuple[ReasonMoved, ...]
    overlap: Overlap

    @property
    def recommendation(self) -> tuple[Recommendation, Recommendation]:
        """What was recommended, and what is."""
        return self.before.recommendation, self.after.recommendation


def moved(before: Review, after: Review) -> Moved:
    """Lay two reviews side by side, whatever their stages, arms and plans are.

    Args:
        before: the earlier review's record.
        after: the later one's.
    """
    same_data = before.data_sha256 == after.data_sha256 != ""
    runs = match_runs(before.runs, after.runs)
    overlap = overlap_of(before, after, runs, same_data=same_data)
    gates = _gates(before, after, apart=not overlap.why)
    return Moved(
        before=before, after=after, same_data=same_data, differs=_differs(before, after, gates),
        gates=gates, runs=runs, reasons=_reasons(before.reasons, after.reasons), overlap=overlap,
    )  # fmt: skip


# --- gates ----------------------------------------------------------------------------------------


def _gates(before: Review, after: Review, *, apart: bool) -> tuple[GateMoved, ...]:
    earlier = {gate.id: gate for gate in before.gates}
    later = {gate.id: gate for gate in after.gates}
    return tuple(_gate(key, earlier.get(key), later.get(key), apart=apart)
                 for key in dict.fromkeys([*later, *earlier]))  # fmt: skip


def _gate(
    key: str, before: GateResult | None, after: GateResult | None, *, apart: bool
) -> GateMoved:
    if before is None or after is None:
        return GateMoved(key, before, after)
    other = _other_quantity(before, after)
    differs = (*([other] if other else []), *_limits(before, after))
    if other is not None:
        return GateMoved(key, before, after, differs=differs)
    old, new = before.evidence, after.evidence
    lower, upper = _interval(old, new) if apart else (None, None)
    return GateMoved(
        key, before, after, _minus(new.point, old.point), lower, upper,
        _minus(after.plan.value, before.plan.value), differs,
    )  # fmt: skip


def _other_quantity(before: GateResult, after: GateResult) -> Reason | None:
    """Return why two estimates of a gate must not be subtracted."""
    if before.subject != after.subject:
        return because("moved.subject", before=before.subject or "–", after=after.subject or "–")
    same = all(
        getattr(before, name) == getattr(after, name)
        for name in ("metric", "contrast", "statistic", "quantile", "unit", "evidence_unit")
    )
    alone = before.statistic == "quantile" and before.contrast == "treatment"
    share_of = not alone or before.limit == after.limit  # slower than it
    caps = [gate.capped.at_ms for gate in (before, after) if gate.capped is not None]
    return None if same and share_of and len({*caps}) < 2 else because("moved.quantity")  # noqa: PLR2004


def _limits(before: GateResult, after: GateResult) -> list[Reason]:
    differences: list[Reason] = []
    if before.limit != after.limit:
        differences.append(because("moved.limit", value=before.limit, limit=after.limit,
                             measure=after.unit, signed=after.signed))  # fmt: skip
    if before.proof_limit != after.proof_limit:
        differences.append(because("moved.proof", value=before.proof_limit, limit=after.proof_limit,
                             measure=after.evidence_unit, signed=after.signed,
                                   **of_share(after, after.limit)))  # fmt: skip
    return differences


def _minus(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _interval(
    before: EvidenceVerdict, after: EvidenceVerdict
) -> tuple[float | None, float | None]:  # fmt: skip
    """Return the bounds of a change between estimates that share no sample."""
    if before.point is None or after.point is None:
        return None, None
    if before.confidence is None or before.confidence != after.confidence:
        return None, None
    old, new = (
        (-inf if each.lower is None else each.lower, inf if each.upper is None else each.upper)
        for each in (before, after)
    )
    bounds = difference_of_estimates(after.point, new, before.point, old)
    return known(bounds.lower), known(bounds.upper)


# --- what differs beside the data -----------------------------------------------------------------


def _differs(before: Review, after: Review, gates: Sequence[GateMoved]) -> tuple[Reason, ...]:
    """Say what else moved: stage, arms, plan, profile, confidence, design, what is carried."""
    differences: list[Reason] = []
    if before.stage != after.stage:
        differences.append(because("moved.stage", before=before.stage, after=after.stage))
    arms = [(review.control, review.treatment) for review in (before, after)]
    if arms[0] != arms[1]:
        differences.append(because("moved.arms", before=arms[0], after=arms[1]))
    both = [(gate.before, gate.after) for gate in gates if gate.before and gate.after]
    limits = sum((old.limit, old.proof_limit) != (new.limit, new.proof_limit) for old, new in both)
    if before.plan_sha256 != after.plan_sha256:
        plan = because("moved.plan", limits=limits, gates=len(gates))
        differences.append(plan if limits else because("moved.plan_only"))
    if before.profile != after.profile:
        names = {"before": before.profile or "–", "after": after.profile or "–"}
        differences.append(because("moved.profile", **names))
    stages = [tuple(map(str, carried_stages(review))) or "–" for review in (before, after)]
    if stages[0] != stages[1]:
        differences.append(because("moved.carried", before=stages[0], after=stages[1]))
    return (
        *differences,
        *_estimated_otherwise([(old.evidence, new.evidence) for old, new in both]),
    )


def _estimated_otherwise(both: Iterable[tuple[EvidenceVerdict, EvidenceVerdict]]) -> list[Reason]:
    """Say where bounds are of another kind: their confidence, their design, an adjustment."""
    differences: list[Reason] = []
    judged = [(old, new) for old, new in both if old.point is not None and new.point is not None]
    levels = [(old.confidence, new.confidence) for old, new in judged]
    earlier, now = next((pair for pair in levels if pair[0] != pair[1]), (None, None))
    if earlier is not None and now is not None:
        differences.append(because("moved.confidence", earlier=earlier, now=now))
    if any((old.design, old.unit) != (new.design, new.unit) for old, new in judged):
        differences.append(because("moved.design"))
    if any(
        ("CUPED" in (old.method or "")) != ("CUPED" in (new.method or "")) for old, new in judged
    ):
        differences.append(because("moved.adjusted"))
    return differences


# --- reasons --------------------------------------------------------------------------------------


def _reasons(before: Sequence[Reason], after: Sequence[Reason]) -> tuple[ReasonMoved, ...]:
    """Match reasons by code and by what they are about, each once."""
    left = list(before)
    rows: list[ReasonMoved] = []
    for reason in after:
        same = next((old for old in left if _about(old) == _about(reason)), None)
        if same is not None:
            left.remove(same)
        rows.append(ReasonMoved(same, reason))
    return (*rows, *(ReasonMoved(old, None) for old in left))


def _about(fact: Fact, name: str = "") -> object:
    """Return what identifies a reason: its code and the facts that name something."""
    if isinstance(fact, Reason):
        parts = {key: _about(part, key) for key, part in fact.facts.items() if key in _ABOUT}
        return fact.code, frozenset(item for item in parts.items() if item[1] is not None)
    if isinstance(fact, tuple):
        return tuple(_about(part, name) for part in fact)
    numeric = isinstance(fact, bool | float) or (isinstance(fact, int) and name != "stage")
    return None if numeric else fact
