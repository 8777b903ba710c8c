"""Declared clusters that lose as a whole: simulated size, and how many are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rolloutlib.measure.design import Compared, Sums
from rolloutlib.measure.estimates import estimate_many
from rolloutlib.measure.needed import further
from rolloutlib.measure.whole_clusters import icc_of_losses
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.design import Unit

PLAN = load_eval_plan(SHIPPED)
GATE, RULES = PLAN.gates["pass_rate"], PLAN.evidence
LIMIT = float(GATE.limit)  # type: ignore[arg-type]
REPEATS = 4000 if EXHAUSTIVE else 1500


def drawn(
    documents: int,
    loss: float,
    unlike: float | None,
    repeats: int = REPEATS,
    unit: Unit = "cluster",
) -> Compared:
    """Draw documents of ten prompts; of the treatment's a share fails, document by document."""
    rng = np.random.default_rng(documents)
    shape = (repeats, documents, 10)
    passes = rng.random((2, *shape)) < 0.85
    passes[1] = np.where(rng.random(shape) < 0.7, passes[0], passes[1])
    mean = loss / 0.85
    share: NDArray[np.float64] | float = mean
    if unlike is not None:
        share = rng.beta(unlike * mean, unlike * (1 - mean), (repeats, documents, 1))
    passes[1] &= rng.random(shape) >= share
    n = np.full(shape[:2], 10.0)
    control, treatment = (Sums(n, arm.sum(axis=-1).astype(float)) for arm in passes)
    return Compared(treatment, control, "crossed", unit)


@pytest.mark.slow
@pytest.mark.parametrize("unlike", [0.7, 4.0, None], ids=["whole", "some", "alike"])
@pytest.mark.parametrize("documents", [10, 20, 30, 80])
def test_few_documents_pass_at_the_limit_as_seldom_as_promised(
    documents: int, unlike: float | None
) -> None:
    """Whether documents fail as a whole or every prompt by itself; users' bounds fail 10 %."""
    arms = drawn(documents, -LIMIT, unlike)
    lower = estimate_many(GATE, arms, RULES, metric="passed").lower
    assert np.mean(lower > LIMIT) <= 0.05 + 3 * (0.05 * 0.95 / REPEATS) ** 0.5
    if (documents, unlike) == (20, 0.7):
        users = estimate_many(GATE, arms._replace(unit="user"), RULES, metric="passed").lower
        assert np.mean(users > LIMIT) > 0.08


@pytest.mark.slow
def test_forty_equal_documents_mostly_pass() -> None:
    """What is paid for it is power of few: 9 of 10 equal files of 40 documents pass the gate."""
    lower = estimate_many(GATE, drawn(40, 0.0, None), RULES, metric="passed").lower
    assert np.mean(lower > LIMIT) > 0.85


def test_as_many_documents_are_needed_as_the_wider_bound_takes() -> None:
    """More than users would be; only declared clusters, and only at a floor, are widened."""
    needs: list[int] = []
    for unit in ("cluster", "user"):
        arms = drawn(10, 0.0, None, 1, unit)  # type: ignore[arg-type]
        more = further(GATE, arms, metric="passed", limit=LIMIT, alternative=0.0, rules=RULES)
        assert more is not None
        needs.append(more.total)
    assert needs[0] > 1.2 * needs[1]
    arms = drawn(5, 0.0, None, 1)
    assert icc_of_losses(arms, RULES) == pytest.approx(3 * RULES.icc_floor)
    assert icc_of_losses(arms._replace(unit="user"), RULES) == 0
