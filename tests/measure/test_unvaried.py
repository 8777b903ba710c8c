"""Bounds where nothing varies, against SciPy's exact interval and a world that jumps rarely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats as scipy_stats

from rolloutlib.measure.design import Compared, Sums, metric_of
from rolloutlib.measure.estimates import Estimate, estimate_gate, estimate_many
from rolloutlib.plan.gates import Gate
from tests.tables import PLAN, RULES, arms, nested, pooled, singles

if TYPE_CHECKING:
    from rolloutlib.measure.design import Arms

SCORE = PLAN.gates["avg_score"]
_RATIO = {
    "title": "Bill", "contrast": "ratio", "harm": "higher", "limit": 1.2, "alternative": 1.0,
}  # fmt: skip
COST, TOKENS, LATENCY = (
    Gate.model_validate({**_RATIO, "metric": metric})
    for metric in ("cost", "tokens_in", "latency_ms")
)
RNG = np.random.default_rng(20261130)


def judge(gate: Gate, both: Arms) -> Estimate:
    """Return an estimate that must be there."""
    estimate = estimate_gate(gate, both, RULES, metric=metric_of(gate))
    assert estimate is not None
    return estimate


def unseen(n: int, *, error: float = 0.05) -> float:
    """Return the share that 0 of n leave, as SciPy has it."""
    both_sides = scipy_stats.binomtest(0, n).proportion_ci(1 - 2 * error, method="exact")
    return float(both_sides.high)


@pytest.mark.parametrize("n", [5, 50, 200])
def test_full_scores_of_every_prompt(n: int) -> None:
    """What may be otherwise lies at the other end of the scale."""
    estimate = judge(SCORE, arms(singles([10.0] * n), singles([10.0] * n), "prompt"))
    assert (estimate.point, estimate.lower) == (0, pytest.approx(-10 * unseen(n)))
    assert estimate.upper == pytest.approx(10 * unseen(n))
    assert str(estimate.method).startswith("no prompt differs: exact share")
    assert estimate.cap is None


def test_prices_that_each_prompt_has_in_both_arms() -> None:
    """The prompts differ, the arms do not: the bound is not of no width, and not absent."""
    price = RNG.lognormal(0.0, 1.0, 200)
    estimate = judge(COST, arms(singles(price), singles(1.3 * price), "prompt"))
    share = 1 - 0.05 ** (np.square(price).sum() / price.sum() ** 2)  # dear prompts count for more
    assert share > unseen(200)
    assert estimate.point == pytest.approx(1.3)
    assert estimate.upper == pytest.approx(1.3 * (1 + 2 * share) / (1 - share))
    assert estimate.lower == pytest.approx(1.3 * (1 - share) / (1 + 2 * share))
    tokens = judge(TOKENS, arms(singles([10.0] * 200), singles([10.0] * 200), "prompt"))
    share = unseen(200)
    assert tokens.upper == pytest.approx((1 + 2 * share) / (1 - share))


def test_arms_apart_may_both_be_otherwise() -> None:
    """Users of one arm each, and samples without units: half of the error for either arm."""
    share = unseen(100, error=0.025)
    whole = (1 + 2 * share) / (1 - share)
    users = nested(singles([0.01] * 100), singles([0.01] * 100))
    alone = arms(pooled([0.01] * 100), pooled([0.01] * 100), "sample")
    assert [judge(COST, both).upper for both in (users, alone)] == pytest.approx([whole, whole])


@pytest.mark.parametrize("gate", [LATENCY, SCORE], ids=lambda gate: gate.metric)
def test_what_was_not_measured_stays_open(gate: Gate) -> None:
    """A latency, or a middling score, that is the same in every answer is a default."""
    alike = arms(singles([7.0] * 200), singles([7.0] * 200), "prompt")
    estimate = judge(gate, alike)
    assert (estimate.lower, estimate.upper) == (-np.inf, np.inf)


@pytest.mark.parametrize("apart", [False, True])
def test_the_p_value_is_where_the_bound_reaches_no_change(*, apart: bool) -> None:
    """Dearer by a fifth in every answer: the bound at 1 - p is the ratio 1; p is not 0, nor 1."""
    both = (nested if apart else arms)(singles([1.0] * 40), singles([1.2] * 40))
    estimate = judge(COST, both)
    assert estimate.p_worse is not None
    assert 0.001 < estimate.p_worse < 0.49
    assert estimate.p_better == 1
    at_p = RULES.model_copy(update={"confidence": 1 - estimate.p_worse})
    again = estimate_gate(COST, both, at_p, metric="cost")
    assert again is not None
    assert again.lower == pytest.approx(1)


def test_few_are_still_too_few() -> None:
    """Four prompts that agree cap the verdict, as any four would."""
    estimate = judge(SCORE, arms(singles([10.0] * 4), singles([10.0] * 4), "prompt"))
    assert estimate.cap is not None


def test_one_that_differs_is_the_usual_method() -> None:
    """A single prompt with another price brings the variance back."""
    estimate = judge(COST, arms(singles([1.0] * 200), singles([1.0] * 199 + [2.0]), "prompt"))
    assert "exact share" not in str(estimate.method)


def test_a_rare_jump_is_not_ruled_out() -> None:
    """Where so many prompts cost three times as much that 5 % of studies meet none, 5 % err."""
    n, studies, share = 60, 4000, unseen(60)
    control = Sums(np.ones((studies, n)), np.ones((studies, n)))
    jumps = RNG.random((studies, n)) < share
    treatment = Sums(np.ones((studies, n)), np.where(jumps, 3.0, 1.0))
    estimates = estimate_many(COST, Compared(treatment, control, "paired", "prompt"), RULES,
                          metric="cost")  # fmt: skip
    met_none = ~jumps.any(axis=1)
    truth = 1 + 2 * share
    assert np.all(estimates.upper[met_none] >= truth)  # those who saw nothing still cover it
    assert met_none.mean() == pytest.approx(0.05, abs=0.015)
