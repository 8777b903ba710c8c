"""The answers behind a gate: which number, which prompts, and which of them a report shows."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.judge.record import Verdict
from rolloutlib.judge.slices import samples_within
from rolloutlib.judge.sources import sample_frame
from rolloutlib.measure.behind import OUTCOMES, Asked, side_by_side
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.texts import with_texts
from rolloutlib.measure.within import Condition
from rolloutlib.reason import because
from rolloutlib.runs.database import readable
from rolloutlib.text import LABEL, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult
    from rolloutlib.judge.review import Judged
    from rolloutlib.measure.behind import Behind, Outcome
    from rolloutlib.reason import Reason

__all__ = ["Flipped", "asked_of", "flipped", "flips", "told_texts", "why_none"]

# What no answer is judged by: none flips from fast to slow, or from cheap to dear.
SOFT = ("latency_ms", "slow", "cost", "tokens_in", "tokens_out")


class Flipped(NamedTuple):
    """What a report shows of the answers behind its worst number.

    Attributes:
        gate: whose number it is; None where there is none at all.
        conditions: the segment that loses, where the whole does not.
        behind: the prompts that got worse, the worst first.
        why: why there is nothing to show; None where there is.
    """

    gate: GateResult | None
    conditions: tuple[Condition, ...]
    behind: Behind | None
    why: Reason | None


def asked_of(judged: Judged, gate_id: str) -> Asked:
    """Return which number of a sample a gate is about.

    Raises:
        UsageError: the plan has no such gate, or it is about an issue that no sample has.
    """
    gates = judged.plan.gates
    if gate_id not in gates:
        hint = did_you_mean(gate_id, gates)
        raise UsageError(
            "gate is {gate!r}; the plan has {gates}.{hint}",
            gate=plain(gate_id, LABEL), gates=(*gates,), hint=hint,
        )  # fmt: skip
    gate = gates[gate_id]
    metric = metric_of(gate) if gate.scorer else gate.metric
    if metric == "issue":
        subject = next((row.subject for row in judged.review.gates if row.id == gate_id), None)
        if subject is None:
            raise UsageError(
                "{gate}: the control carries no issue, so there is none to show.", gate=gate_id
            )
        metric = f"issue:{subject}"
    return Asked(metric, gate.harm, judged.plan.evidence.timeout_cap_ms)


def flips(
    judged: Judged, conditions: Sequence[Condition], gate_id: str, outcome: str, n: int
) -> Behind:
    """Lay the prompts of a slice side by side by a gate's number (see `side_by_side`).

    Raises:
        UsageError: an unknown gate or outcome.
        RunsError: the rows cannot be read, or their files changed.
    """
    quantity, kind = asked_of(judged, gate_id), _outcome(outcome)
    if kind.startswith("both") and not quantity.is_binary:
        raise UsageError(
            "outcome is {outcome!r}, but no answer passes or fails {gate}; expected worse, better, "
            "same or all.", outcome=kind, gate=gate_id,
        )  # fmt: skip
    with readable():
        samples = samples_within(judged, conditions)
        behind = side_by_side(
            samples.frame(), judged.pair, quantity, outcome=kind, n=n, extras=samples.extras
        )
        behind = told_texts(judged, behind)
    judged.source.runs.check_unchanged()
    return behind


def told_texts(judged: Judged, behind: Behind) -> Behind:
    """Add the texts of the rows, where source.yaml maps them."""
    if not behind.rows.num_rows:
        return behind
    samples = sample_frame(judged.source, texts=True)
    rows = with_texts(behind.rows, samples.frame(), samples.texts, judged.pair)
    return replace(behind, rows=rows)


def _outcome(outcome: str) -> Outcome:
    if outcome not in OUTCOMES:
        hint = did_you_mean(outcome, OUTCOMES)
        raise UsageError(
            "outcome is {outcome!r}; expected one of {outcomes}.{hint}",
            outcome=plain(outcome, LABEL), outcomes=(*OUTCOMES,), hint=hint,
        )  # fmt: skip
    return outcome


def why_none(judged: Judged, behind: Behind, gate_id: str) -> Reason | None:
    """Say why no prompt can be laid side by side; None where some can."""
    if behind.counts["all"]:
        return None
    arms = judged.review.arms
    if not all(arm.prompts for arm in arms):
        return because("answers.unnamed")
    result = next((gate for gate in judged.review.gates if gate.id == gate_id), None)
    if result is not None and result.control is None and result.treatment is None:
        return because("answers.no_value", gate=result.title)
    return because("answers.unshared", prompts=behind.counts["one arm"])


def flipped(judged: Judged, most: int = 10) -> Flipped:
    """Choose the number whose worst answers a report shows, and the answers.

    The first gate about answers whose evidence fails; else the segment that loses most surely; else
    the first gate that fails at all; else the gate that looks most harmed; else the pass rate.
    """
    gate, conditions = _worst(judged)
    if gate is None:
        return Flipped(None, (), None, because("answers.no_gate"))
    behind = flips(judged, conditions, gate.id, "worse", most)
    why = why_none(judged, behind, gate.id)
    if why is None and not behind.total:
        why = because("answers.none_worse", prompts=behind.counts["all"], gate=gate.title)
    return Flipped(gate, conditions, behind, why)


def _worst(judged: Judged) -> tuple[GateResult | None, tuple[Condition, ...]]:
    review = judged.review
    with_data = [gate for gate in review.gates if gate.evidence.point is not None
            and (gate.metric != "issue" or gate.subject)]  # fmt: skip
    failing = [gate for gate in with_data if gate.evidence.verdict is Verdict.FAIL]
    if answered := [gate for gate in failing if gate.metric not in SOFT]:
        return answered[0], ()
    losses = [part for part in review.segments if part.loss and part.p_holm is not None]
    for part in sorted(losses, key=lambda part: part.p_holm or 0.0):
        gate = next((gate for gate in with_data if gate.id == part.gate), None)
        return gate, (Condition(part.by, (part.value,)),)
    if failing:
        return failing[0], ()
    tested = [gate for gate in with_data if gate.evidence.p_worse is not None]
    tested.sort(key=lambda gate: gate.evidence.p_worse or 0.0)
    return next(iter([*tested, *with_data]), None), ()
