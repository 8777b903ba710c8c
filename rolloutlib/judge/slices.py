"""A slice of a review: every gate on part of the samples, by the same methods. Exploration only.

Nobody planned the look, so a slice gives numbers and no verdict: an estimate, its bounds, the
one-sided p of a loss, and what Holm makes of that p over every slice that was tried. Only the
samples of the reviewed stage count, whatever the review carries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import narwhals as nw

from rolloutlib.errors import UsageError
from rolloutlib.judge.beside import segments_of
from rolloutlib.judge.gate import estimated
from rolloutlib.judge.sources import sample_frame
from rolloutlib.measure import adjustment
from rolloutlib.measure.comparing import compare
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.profiles import slow_limit
from rolloutlib.measure.scan import measure
from rolloutlib.measure.segments import Segment, holm_of
from rolloutlib.measure.subject import Wanted
from rolloutlib.measure.within import Condition, conditions_of, joined, matching, within
from rolloutlib.reason import Reason, because, known
from rolloutlib.runs.database import readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rolloutlib.judge.record import Review
    from rolloutlib.judge.review import Judged
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.model import Gate
    from rolloutlib.runs.samples import Samples

__all__ = [
    "SliceGate", "Sliced", "TriedSlice", "adjusted", "judge_slice", "listed_beside",
    "samples_within", "sliced_conditions", "tried",
]  # fmt: skip


class SliceGate(msgspec.Struct, frozen=True, kw_only=True):
    """One gate's number in a slice: an estimate with bounds, and no verdict.

    Attributes:
        subject: the issue that the review's gate is about.
        limit: what the stage's bound must clear over all samples, in `unit`, for comparison.
        unit: of the levels, the estimate, the bounds and the limit.
        control, treatment: the arms' own values in `level_unit`; None without data.
        lower, upper: one-sided bounds, each at `confidence`; None beside a point is no bound.
        p: one-sided, against no change towards harm; None where the slice allows no such test.
        why: what the slice cannot show of this gate; None where it shows everything.
    """

    id: str
    title: str
    subject: str | None
    metric: str
    contrast: str
    harm: str
    unit: str
    level_unit: str
    signed: bool
    limit: float
    control: float | None
    treatment: float | None
    point: float | None = None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    n_control: int = 0
    n_treatment: int = 0
    design: str | None = None
    method: str | None = None
    p: float | None = None
    why: Reason | None = None


class Sliced(msgspec.Struct, frozen=True):
    """What was found in a slice.

    Attributes:
        conditions: what its samples have in common.
        n_control, n_treatment: samples.
        gates: of the plan, in its order.
        parts: the pass rate within the plan's segments of the slice; their p-values are not told,
            because to look at them is to try as many slices.
        doubts: what keeps a review's gates from passing where it holds of these samples: arms that
            cannot be compared, or did not run the same thing.
    """

    conditions: tuple[Condition, ...]
    n_control: int
    n_treatment: int
    gates: tuple[SliceGate, ...]
    parts: tuple[Segment, ...] = ()
    doubts: tuple[Reason, ...] = ()


class TriedSlice(NamedTuple):
    """A gate in one of the slices that were tried, and its p after Holm over all of them."""

    sliced: Sliced
    gate: SliceGate
    p_holm: float | None


@dataclass(frozen=True, slots=True)
class _Within:
    """The samples of a slice, and whose review they are of."""

    judged: Judged
    samples: Samples
    conditions: tuple[Condition, ...]


def sliced_conditions(
    judged: Judged, values: Mapping[str, object], first: Sequence[Condition] = ()
) -> tuple[Condition, ...]:
    """Read what an analyst asks for, within a slice that is sliced on.

    Raises:
        UsageError: no condition, an unknown column, or a value that no sample has.
        RunsError: the rows cannot be read.
    """
    with readable():
        samples = samples_within(judged, first)
        conditions = conditions_of(values, samples.extras)
        matching(samples.frame(), conditions)
    return joined(first, conditions)


def samples_within(judged: Judged, conditions: Sequence[Condition]) -> Samples:
    """Return the samples of both arms in a slice, lazily."""
    samples = sample_frame(judged.source)
    frame = within(samples.frame().filter(nw.col("arm").is_in(judged.pair)), conditions)
    return replace(samples, lazy=frame, known="")


def judge_slice(judged: Judged, conditions: Sequence[Condition]) -> Sliced:
    """Estimate every gate on the samples that meet the conditions.

    One scan of them, in the engine that holds them, measures all gates. The methods are those of
    the review, as the design within the slice allows: pairs, clusters, runs and prompts are looked
    for anew. The issue is the review's, limits and confidence are those of its stage and look.

    Args:
        judged: the review.
        conditions: what the samples have in common (see `sliced_conditions`).

    Raises:
        UsageError: no sample meets them.
        RunsError: the rows cannot be read, or their files changed.
    """
    with readable():
        within_it = _Within(judged, samples_within(judged, conditions), tuple(conditions))
        compared = _compared(within_it)
        gates = tuple(_gate(within_it, compared, key) for key in judged.plan.gates)
        parts = _parts(within_it, compared)
    judged.source.runs.check_unchanged()
    counts = compared.measured.counts
    n_control, n_treatment = (counts[arm].samples for arm in compared.pair)
    invalid = (compared.invalid,) if compared.invalid else ()
    doubts = (*invalid, *compared.blocks) if n_control and n_treatment else ()
    return Sliced(within_it.conditions, n_control, n_treatment, gates, parts, doubts)


def _compared(sliced: _Within) -> Comparison:
    """Lay both arms of a slice side by side, with the issue and the limits of the review."""
    judged = sliced.judged
    plan, params, review, runs = judged.plan, judged.params, judged.review, judged.source.runs
    pair, limits = judged.pair, plan.profile(review.profile or "default")
    issue = tuple(gate.subject for gate in review.gates if gate.subject)
    measured = measure(
        sliced.samples, pair, timeout_cap_ms=plan.evidence.timeout_cap_ms,
        slow_above_ms=slow_limit(plan, limits), latency_cap_ms=latency_cap(plan, limits),
        apart=params.adjust, issues=Wanted(issue, open=False),  # no issue is chosen by a slice
        segments=plan.evidence.segments,
    )  # fmt: skip
    if not any(measured.counts[arm].samples for arm in pair):
        raise UsageError("no sample meets all of these conditions.")
    of_slice = replace(
        runs, runs=_runs_within(runs.runs, measured, pair), quarantined=(), copies={}
    )
    plain = params.model_copy(update={"adjust": False})
    compared = compare(plan, plain, of_slice, partial(_again, measured), review.look)
    return replace(compared, limits=limits, adjusts=params.adjust and _adjusts(measured, pair))


def _again(measured: Measured, _pair: tuple[str, str], **_how: object) -> Measured:
    return measured


def _runs_within(
    infos: Sequence[Any], measured: Measured, pair: tuple[str, str]
) -> tuple[Any, ...]:
    """Return the runs that have samples in a slice; an arm without any keeps one, empty."""
    arm, run = (measured.by_run.keys[key] for key in ("arm", "run_id"))
    rows = {
        (arm.labels[int(a)], run.labels[int(r)]): int(n)
        for a, r, n in zip(arm.codes, run.codes, measured.by_run.rows, strict=True)
    }
    listed: list[Any] = []
    for name in pair:
        of_arm = [info for info in infos if info.arm == name]
        with_rows = [replace(info, n=rows[name, info.run_id], reported=None)
                     for info in of_arm if (name, info.run_id) in rows]  # fmt: skip
        listed += with_rows or [replace(info, n=0, reported=None) for info in of_arm[:1]]
    return tuple(listed)


def _adjusts(measured: Measured, pair: tuple[str, str]) -> bool:
    """Return whether the slice's covariates can be used; else its numbers are not adjusted."""
    try:
        adjustment.check(measured.table, pair)
    except UsageError:
        return False
    return True


def _gate(sliced: _Within, compared: Comparison, key: str) -> SliceGate:
    judged = sliced.judged
    gate, stage = judged.plan.gates[key], judged.params.stage
    result = next((each for each in judged.review.gates if each.id == key), None)
    subject = result.subject if result else None
    data = compared.gate(gate.model_copy(update={"issue": subject}) if subject else gate)
    estimate = None if data.nothing else estimated(compared, gate, data)[1]
    row = SliceGate(
        id=key, title=gate.title, subject=subject,
        metric=gate.metric, contrast=gate.contrast, harm=gate.harm,
        unit=gate.evidence_unit,
        level_unit=_level_unit(gate), signed=gate.contrast == "difference",
        limit=gate.proof_limit(stage, compared.limits),
        control=data.control, treatment=data.treatment,
        why=_why(compared, gate, estimate,
                 because("issues.nothing") if data.nothing else data.absent or data.gaps),
    )  # fmt: skip
    if estimate is None:
        return row
    return msgspec.structs.replace(
        row, point=known(estimate.point), lower=known(estimate.lower), upper=known(estimate.upper),
        confidence=estimate.confidence, method=str(estimate.method), design=estimate.design.kind,
        n_control=estimate.n_control, n_treatment=estimate.n_treatment,
        p=None if estimate.cap else estimate.p_worse,
    )  # fmt: skip


def _level_unit(gate: Gate) -> str:
    """Return the unit of an arm's own value, which a ratio's is not."""
    return "proportion" if gate.contrast == "ratio" else gate.unit


def _why(
    compared: Comparison, gate: Gate, estimate: Estimate | None, lacks: Reason | None
) -> Reason | None:
    """Say what a slice cannot show of a gate, or what is missing of it."""
    arms = compared.pair[1:] if gate.contrast == "treatment" else compared.pair
    for arm in arms:
        if not compared.measured.counts[arm].samples:
            return because("slice.arm_empty", arm=arm)
    if estimate is None:
        unseen = lacks is None or lacks.code == "issue.unseen"
        return because("slice.no_issue") if unseen else lacks
    if estimate.cap is not None or lacks is not None:
        return estimate.cap or lacks
    if gate.contrast == "treatment":
        return because("slice.one_arm")
    return because("slice.untested") if estimate.p_worse is None else None


def _parts(sliced: _Within, compared: Comparison) -> tuple[Segment, ...]:
    """Estimate the pass rate within the plan's segments of the slice; nothing is tested."""
    if not all(compared.measured.counts[arm].samples for arm in compared.pair):
        return ()
    parts = segments_of(sliced.judged.plan, compared)
    return tuple(msgspec.structs.replace(part, p_holm=None, loss=False) for part in parts)


def listed_beside(review: Review) -> int:
    """Count the segments that a review tests: whoever asks for a slice has seen all of them."""
    return sum(part.p_holm is not None for part in review.segments)


def adjusted(slices: Sequence[Sliced], listed: int = 0) -> list[list[float | None]]:
    """Return each gate's p of each slice after Holm over all p-values of all slices.

    Slices and gates are one family: whoever looks at one slice sees all its gates.

    Args:
        slices: those that were tried.
        listed: further tests that were seen (see `listed_beside`), as if each found nothing.
    """
    own = [gate.p for sliced in slices for gate in sliced.gates]
    values = iter(holm_of([*own, *[1.0] * listed]))
    return [[next(values) for _ in sliced.gates] for sliced in slices]


def tried(slices: Sequence[Sliced], listed: int = 0) -> tuple[TriedSlice, ...]:
    """List every gate of every slice with its p over all of them, and over `listed` tests."""
    return tuple(
        TriedSlice(sliced, gate, p)
        for sliced, values in zip(slices, adjusted(slices, listed), strict=True)
        for gate, p in zip(sliced.gates, values, strict=True)
    )
