"""What the judge got wrong, arm by arm, and whether the labels that tell it may be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from rolloutlib.measure.carried import summed
from rolloutlib.measure.corrected import MOST, arm_of, labels_of_all
from rolloutlib.measure.design import metric_of
from rolloutlib.measure.labelled import HUMAN
from rolloutlib.plan.metrics import is_binary
from rolloutlib.reason import Reason, because, known
from rolloutlib.stats.contingency import contingency_chi2
from rolloutlib.stats.inference import normal_p_value
from rolloutlib.stats.judge_error import scaled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.design import Arms
    from rolloutlib.measure.labelled import Known
    from rolloutlib.measure.moments import Cells
    from rolloutlib.plan.model import Evidence, Gate

__all__ = ["JudgeErrors", "judge_errors", "selected_scores", "told_of"]

COPIED: Final = 50  # labels that all equal the judge's: perhaps they are its own


class JudgeErrors(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge got wrong in one arm.

    Attributes:
        metric: passed or score.
        samples, labelled: that the judge judged, and that people labelled too.
        both_passed, judge_only, people_only, both_failed: verdicts of both; None of scores.
        judge: the judge's mean over all samples, `people` as people would give it, with bounds.
        apart: people's mean minus the judge's, over the labelled samples.
        selected_p: test that labels are drawn at random, whatever the judge said; None untested.
    """

    arm: str
    metric: str
    samples: int
    labelled: int
    both_passed: int | None = None
    judge_only: int | None = None
    people_only: int | None = None
    both_failed: int | None = None
    judge: float | None = None
    people: float | None = None
    people_lower: float | None = None
    people_upper: float | None = None
    apart: float | None = None
    selected_p: float | None = None
    labelled_of_passed: float | None = None
    labelled_of_failed: float | None = None


def judge_errors(compared: Comparison, gates: Iterable[Gate]) -> tuple[JudgeErrors, ...]:
    """Say of each arm, and of each metric that people labelled, how the judge errs.

    Args:
        compared: both arms.
        gates: the plan's; a metric without a gate is not told.
    """
    labels = labels_of_all(compared)
    if labels is None:
        return ()
    rows: list[JudgeErrors] = []
    for metric in HUMAN:
        gate = next((gate for gate in gates if metric_of(gate) == metric), None)
        if gate is None:
            continue
        arms = summed(compared, gate, compared.gate(gate)).arms
        for arm, cells in zip(compared.pair, _cells(arms), strict=True):
            labelled = labels.of(arm, metric)
            if arms and cells is not None and cells.n.sum() and len(labelled.judge):
                rows.append(_errors(gate, arm, arms, cells, labelled, compared.rules))
    return tuple(rows)


def _cells(arms: Arms | None) -> tuple[Cells | None, Cells | None]:
    return (arms.control, arms.treatment) if arms else (None, None)


def _errors(
    gate: Gate, arm: str, arms: Arms, cells: Cells, labelled: Known, rules: Evidence
) -> JudgeErrors:
    whole = arm_of(gate, arms, cells, labelled, rules)
    judged, level = whole.judged, whole.level
    own = scaled(whole.below, whole.above, level.slope)
    below, above = (float(np.hypot(*part)) for part in
                    zip(own, (level.below, level.above), strict=True))  # fmt: skip
    row = JudgeErrors(
        arm=arm, metric=gate.metric, samples=int(cells.n.sum()), labelled=len(labelled.judge),
        judge=judged, people=known(level.point), people_lower=known(max(level.point - below, 0.0)),
        people_upper=known(min(level.point + above, MOST[gate.metric])),
        apart=float(np.sum(labelled.human - labelled.judge)) / len(labelled.judge),
    )  # fmt: skip
    if not is_binary(gate.metric):
        return msgspec.structs.replace(row, selected_p=_score_p(cells, labelled))
    passed, approved = labelled.judge > 0, labelled.human > 0
    counts = [int(np.sum(a & b)) for a in (passed, ~passed) for b in (approved, ~approved)]
    events = round(float(cells.total.sum()))
    sizes = (events, int(cells.n.sum()) - events)
    drawn = (int(passed.sum()), int((~passed).sum()))
    rest = [max(size - n, 0) for size, n in zip(sizes, drawn, strict=True)]
    shares = [n / size if size else None for n, size in zip(drawn, sizes, strict=True)]
    return msgspec.structs.replace(
        row, both_passed=counts[0], judge_only=counts[1], people_only=counts[2],
        both_failed=counts[3], labelled_of_passed=shares[0], labelled_of_failed=shares[1],
        selected_p=float(contingency_chi2([drawn, rest]).p_value),
    )  # fmt: skip


def selected_scores(compared: Comparison, gate: Gate) -> Reason | None:
    """Say that labels which correct a gate on a score were not drawn at random; None if they may.

    Within what the judge passed and within what it failed selected labels of verdicts still count
    right; a score's correction has no such strata.
    """
    labels, arms = labels_of_all(compared), summed(compared, gate, compared.gate(gate)).arms
    if labels is None or arms is None or metric_of(gate) != "score":
        return None
    both = [*zip(compared.pair, _cells(arms), strict=True)]
    for arm, cells in both[gate.contrast == "treatment" :]:
        labelled = labels.of(arm, "score")
        p = _score_p(cells, labelled) if cells is not None and len(labelled.judge) else None
        if p is not None and p < compared.rules.missing_p:
            return because("labels.selected_score", arm=arm, p=p)
    return None


def _score_p(cells: Cells, drawn: Known) -> float | None:
    """Test that the labelled samples' mean of the judge's scores is that of all.

    Labels may be drawn by whole units, whose scores are alike: the larger of both errors counts.
    """
    size, size_drawn = float(cells.n.sum()), len(drawn.judge)
    mean = float(cells.total.sum()) / size
    spread = float((cells.m2 + cells.n * (cells.mean - mean) ** 2).sum()) / max(size - 1, 1.0)
    error = spread * (1 / size_drawn - 1 / size)
    sums = np.bincount(drawn.cluster, drawn.judge - drawn.judge.mean())
    units = len(np.unique(drawn.cluster))
    together = float(sums @ sums) / size_drawn**2 * units / max(units - 1, 1)
    error = max(error, together * (1 - size_drawn / size))
    if error <= 0:
        return None
    shift = float(np.sum(drawn.judge)) / size_drawn - mean
    return normal_p_value(shift / error**0.5, "two-sided")


def told_of(rows: Sequence[JudgeErrors], rules: Evidence) -> tuple[Reason, ...]:
    """Say what a reader has to know about the labels before they are believed."""
    reasons: list[Reason] = []
    for row in rows:
        if row.selected_p is None or row.selected_p >= rules.missing_p:
            continue
        if row.metric == "passed":
            reasons.append(because("labels.selected", arm=row.arm, p=row.selected_p,
                                   passed=row.labelled_of_passed,
                                   failed=row.labelled_of_failed))  # fmt: skip
        else:
            reasons.append(because("labels.selected_score", arm=row.arm, p=row.selected_p))
    verdicts = [row for row in rows if row.metric == "passed"]
    labelled = sum(row.labelled for row in verdicts)
    if labelled >= COPIED and not any(row.judge_only or row.people_only for row in verdicts):
        reasons.append(because("labels.copied", labels=labelled))
    return tuple(reasons)
