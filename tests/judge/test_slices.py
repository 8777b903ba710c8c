"""Slices: the review's own numbers on part of the samples, Holm over all that were tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from rolloutlib.errors import UsageError
from rolloutlib.judge.slices import (
    Sliced,
    SliceGate,
    adjusted,
    judge_slice,
    sliced_conditions,
    tried,
)
from rolloutlib.measure.design import Arms
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.store import ingest
from rolloutlib.measure.within import Condition
from tests.often import EXHAUSTIVE
from tests.sample_judged import bfcl, judged_of, story
from tests.tables import PLAN, ROOT, RULES, singles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.judge.review import Judged


def sliced(judged: Judged, **conditions: object) -> Sliced:
    """Look at a slice as an analyst asks for it."""
    return judge_slice(judged, sliced_conditions(judged, conditions))


def gate_of(part: Sliced, name: str) -> SliceGate:
    """Return a slice's gate."""
    return next(gate for gate in part.gates if gate.id == name)


@pytest.mark.slow
@pytest.mark.parametrize("judged", [story, *([bfcl] if EXHAUSTIVE else [])])
def test_a_slice_of_everything_says_what_the_review_says(judged: Callable[[], Judged]) -> None:
    """All categories together are all samples, so every gate has the review's very numbers."""
    review = judged().review
    names = sorted({part.value for part in review.segments if part.by == "category"})
    whole = sliced(judged(), category=names)
    assert (whole.n_control, whole.n_treatment) == tuple(arm.samples for arm in review.arms)
    for gate, row in zip(whole.gates, review.gates, strict=True):
        assert gate.subject == row.subject
        if row.chosen is not None and row.chosen.code == "issue.held_out":
            continue  # the review leaves out who chose the issue, a slice chooses none
        evidence = row.evidence
        assert (gate.point, gate.lower, gate.upper, gate.method) == (
            evidence.point, evidence.lower, evidence.upper, evidence.method,
        )  # fmt: skip
        assert (gate.control, gate.treatment) == (row.control, row.treatment)
        assert gate.p == evidence.p_worse


@pytest.mark.slow
@pytest.mark.parametrize("judged", [bfcl, *([story] if EXHAUSTIVE else [])])
def test_a_planned_segment_as_a_slice_has_the_same_numbers(judged: Callable[[], Judged]) -> None:
    """The plan's segments come from sums of the whole, a slice from a scan of its rows."""
    segments = [part for part in judged().review.segments if part.by == "category"]
    for part in segments[-1:]:
        passed = gate_of(sliced(judged(), category=part.value), "pass_rate")
        assert passed.n_treatment == part.n_treatment
        assert passed.treatment == pytest.approx(part.treatment, abs=1e-12)
        assert passed.point == pytest.approx(part.point, abs=1e-12)
        if judged is bfcl:  # one run an arm: nothing beside the prompts varies
            assert (passed.lower, passed.upper) == pytest.approx((part.lower, part.upper))


@pytest.mark.slow
def test_tiny_slices_survive_and_say_what_they_cannot_show() -> None:
    """One prompt, one user, one run: no error, no proof, and a reason for each gate."""
    prompt = sliced(story(), prompt="q1021-00021")
    assert (prompt.n_control, prompt.n_treatment) == (1, 1)
    user = gate_of(sliced(story(), user="b001"), "pass_rate")
    assert user.p is None
    assert user.why is not None
    assert user.why.code == "clusters.few"
    run = sliced(story(), run=story().source.runs.runs[0].run_id)
    assert {gate.point for gate in run.gates} == {None}
    assert {gate.why.code for gate in run.gates if gate.why} == {"slice.arm_empty"}
    for part in (prompt, run):
        for gate in part.gates:
            assert gate.p is None or gate.p > 0.05


@pytest.mark.slow
def test_what_no_sample_has_is_answered_with_what_there_is() -> None:
    """A value, a column, an outcome, a combination: each is a sentence that helps."""
    with pytest.raises(UsageError, match=r"category is 'rset'.*rest \(140\).*Did you mean 'rest'"):
        sliced(bfcl(), category="rset")
    with pytest.raises(UsageError, match=r"'categry'.*`segments:`.*Did you mean 'category'"):
        sliced(bfcl(), categry="rest")
    with pytest.raises(UsageError, match="no slice is chosen by status"):
        sliced(bfcl(), status="failed")
    with pytest.raises(UsageError, match="although some are each of it"):
        sliced(bfcl(), category="rest", prompt="java_1")
    rest = sliced_conditions(bfcl(), {"category": "rest"})
    with pytest.raises(UsageError, match=r"category is 'java'; there are rest \(140\)"):
        sliced_conditions(bfcl(), {"category": "java"}, rest)


@pytest.mark.slow
@pytest.mark.skipif(not EXHAUSTIVE, reason="an ingest and two reviews")
def test_a_store_gives_the_same_slice(tmp_path: Path) -> None:
    """The rows of stored days are those that were ingested."""
    ingest(ROOT / "data" / "examples" / "story" / "stage-2", tmp_path / "store", PLAN)
    stored = sliced(judged_of(tmp_path / "store"), category="law", difficulty="hard")
    read = sliced(story(), category="law", difficulty="hard")
    assert stored.conditions == read.conditions
    for ours, theirs in zip(stored.gates, read.gates, strict=True):
        assert ours.point == pytest.approx(theirs.point)
        assert ours.p == pytest.approx(theirs.p)


def with_p(*p_values: float | None) -> Sliced:
    """Return a slice whose gates have these p-values."""
    gates = tuple(
        SliceGate(
            id=f"g{k}", title="", subject=None, metric="passed", contrast="difference",
            harm="lower", unit="proportion", level_unit="proportion", signed=True, limit=0.0,
            control=None, treatment=None, p=p,
        )
        for k, p in enumerate(p_values)
    )  # fmt: skip
    return Sliced((Condition("category", (str(p_values),)),), 1, 1, gates)


def test_holm_is_over_every_gate_of_every_slice() -> None:
    """As statsmodels says of all p-values together; what has none stays without one."""
    slices = [with_p(0.01, None, 0.04), with_p(0.002, 0.5), with_p(None)]
    flat = [0.01, 0.04, 0.002, 0.5]
    expected = np.asarray(multipletests(flat, method="holm")[1])
    corrected = adjusted(slices)
    assert corrected[0][1] is None
    assert corrected[2] == [None]
    assert [corrected[0][0], corrected[0][2], *corrected[1]] == pytest.approx(expected.tolist())
    assert [row.p_holm for row in tried(slices)] == [p for row in corrected for p in row]


def test_more_slices_only_raise_a_p() -> None:
    """An earlier slice's adjusted p never falls when another one is tried."""
    rng, slices, before = np.random.default_rng(3), list[Sliced](), 0.0
    for _ in range(20):
        slices.append(with_p(*rng.uniform(size=3)))
        now = adjusted(slices)[0][0] or 0.0
        assert now >= before - 1e-12
        before = now


WORLDS, SLICES = 400, 20


@pytest.mark.slow
@pytest.mark.skipif(not EXHAUSTIVE, reason="8,000 estimates")
def test_twenty_slices_of_a_world_without_any_effect_find_nothing() -> None:
    """In at most 5 % of such worlds (and the simulation's own error) any p_holm is below .05.

    Two arms answer the same 400 prompts with the same chance each; the slices are prompts by
    properties that have nothing to do with it, large and small, overlapping as they come.
    """
    rng, gate, wrong = np.random.default_rng(20261130), PLAN.gates["pass_rate"], 0
    for _ in range(WORLDS):
        chance = rng.beta(8, 2, size=400)
        old, new = (rng.uniform(size=(2, 400)) < chance).astype(float)
        slices: list[Sliced] = []
        for share in np.linspace(0.02, 0.6, SLICES):
            chosen = rng.uniform(size=400) < share
            control, treatment = (singles(values[chosen]) for values in (old, new))
            estimate = estimate_gate(
                gate, Arms(control, treatment, "prompt"), RULES, metric="passed"
            )
            slices.append(with_p(None if estimate is None or estimate.cap else estimate.p_worse))
        wrong += any(p is not None and p < 0.05 for row in adjusted(slices) for p in row)
    error = 2.6 * (0.05 * 0.95 / WORLDS) ** 0.5
    assert wrong / WORLDS <= 0.05 + error
