"""How much more settles a gate.

Against closed forms, exact enumeration, and simulated power at the stated size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom

from rolloutlib.forecast.chances import CONTROL, truths_of
from rolloutlib.forecast.judged import judge_many, world_metric
from rolloutlib.forecast.worlds import compared, layout, simulate
from rolloutlib.judge.record import Verdict
from rolloutlib.judge.verdicts import judge_evidence
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.needed import Needed, needed, total_for
from tests.tables import PLAN, RULES, arms, cells, nested, pooled, singles

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.measure.design import Arms
    from rolloutlib.plan.model import Gate

PASS, SCORE, ISSUE, LATENCY = (
    PLAN.gates[key] for key in ("pass_rate", "avg_score", "top_issue", "avg_latency")
)
ERROR, EDITS, P95 = (PLAN.gates[key] for key in ("error_rate", "manual_edit_rate", "p95_latency"))
METRIC = {
    PASS.title: "passed",
    SCORE.title: "score",
    ISSUE.title: "issue:x",
    LATENCY.title: "latency_ms",
    ERROR.title: "error",
    EDITS.title: "edited",
    P95.title: "slow",
}


def need(gate: Gate, both: Arms, limit: float, alternative: float | None = None) -> Needed | None:
    """Return what a gate needs, at its own design alternative unless another is given."""
    estimate = estimate_gate(gate, both, RULES, metric=METRIC[gate.title])
    assert estimate is not None
    truth = gate.design_alternative(PLAN.profile("default")) if alternative is None else alternative
    return needed(
        gate,
        both,
        estimate.design,
        metric=METRIC[gate.title],
        limit=limit,
        alternative=truth,
        rules=RULES,
    )


def shares(n: int, x: int) -> np.ndarray:
    """Return n values of which x are 1."""
    return np.repeat([1.0, 0.0], [x, n - x])


def paired(n: int, discordant: int) -> Arms:
    """Return pairs of passes, half of the discordant ones gained and half lost."""
    control = np.ones(n)
    treatment = np.ones(n)
    control[: discordant // 2] = 0
    treatment[n - discordant // 2 :] = 0
    return arms(singles(control), singles(treatment), "prompt")


def test_independent_proportions() -> None:
    """Proving −2 pp at .9 needs 2,795 samples an arm by the score bound (by Wald's, 2,783)."""
    size = need(PASS, arms(pooled(shares(2000, 1800)), pooled(shares(2000, 1800)), "sample"), -0.02)
    assert size is not None
    assert (size.unit, size.total) == ("samples", 2795)
    assert size.further == size.total - 2000


@pytest.mark.parametrize(
    ("have", "discordant", "wald", "total"), [(600, 30, 773, 837), (1000, 100, 1546, 1578)]
)
def test_pairs(have: int, discordant: int, wald: int, total: int) -> None:
    """Proving −2 pp needs 837 pairs at 5 % discordance and 1,578 at 10 % by Tango's bound.

    It takes a larger variance from the limit than Wald's closed form, z²·ψ/δ²: at Wald's 773 pairs
    its power is 77 %, at 837 81 % (20,000 draws).
    """
    size = need(PASS, paired(have, discordant), -0.02)
    assert size is not None
    assert size.unit == "pairs"
    assert wald < size.total == total
    assert size.further == size.total - have


def test_the_observed_effect_does_not_matter() -> None:
    """What is needed follows from the design alternative: a shift of all scores changes nothing."""
    control = np.linspace(5, 9, 200)
    noise = np.tile([-2.0, 2.0], 100)
    few = [
        need(SCORE, arms(singles(control), singles(control + noise + shift), "prompt"), -0.1)
        for shift in (0.0, -1.5)
    ]
    assert few[0] == few[1]
    assert few[0] is not None


def test_enough_is_enough() -> None:
    """Where there are as many as a good candidate needs, more data are no answer."""
    assert need(PASS, paired(2000, 100), -0.02) is None


@pytest.mark.parametrize(
    ("gate", "limit", "truth"), [(ERROR, 0.01, 0.002), (P95, 0.05, 0.02), (EDITS, 0.30, 0.20)]
)
def test_rare_events(gate: Gate, limit: float, truth: float) -> None:
    """The stated n has the plan's power by exact enumeration, and none with fewer samples has."""
    size = need(gate, arms(pooled(shares(10, 0)), pooled(shares(20, 1)), "sample"), limit)
    assert size is not None

    def allowed(n: int) -> int:
        return int(np.count_nonzero(binom.cdf(np.arange(n + 1), n, limit) <= 0.05)) - 1

    def power(n: int) -> float:
        return float(binom.cdf(allowed(n), n, truth))

    assert power(size.total) >= RULES.power
    assert allowed(size.total - 1) == allowed(size.total) - 1, (
        "one sample fewer allows one event fewer"
    )
    smaller = next(n for n in range(size.total - 1, 0, -1) if allowed(n - 1) == allowed(n) - 1)
    assert power(smaller) < RULES.power


def test_clusters_need_more_than_samples() -> None:
    """Users are counted where samples name them, and a user's samples are worth less."""
    rng = np.random.default_rng(2)
    rates = rng.beta(0.9 * 4, 0.1 * 4, 60)  # intra-class correlation .2
    control, treatment = (cells([20] * 60, rng.binomial(20, rates)) for _ in range(2))
    size = need(PASS, nested(control, treatment), -0.02)
    assert size is not None
    assert size.unit == "users"
    assert 2795 / 20 * 2 < size.total < 2795


def test_clusters_of_rare_events() -> None:
    """Users without an error.

    At least the samples that 1 % needs, times the design effect of the floor.
    """
    size = need(ERROR, arms(cells([20] * 30, [0] * 30), cells([20] * 30, [0] * 30)), 0.01)
    single = need(ERROR, arms(pooled(shares(5, 0)), pooled(shares(5, 0)), "sample"), 0.01)
    assert size is not None
    assert single is not None
    assert size.total == pytest.approx(single.total * (1 + 19 * RULES.icc_floor) / 20, rel=0.1)


def test_mean_of_the_treatment() -> None:
    """A latency's need follows from its standard deviation.

    ((t + t)·sd/distance)², and more for its skewness.
    """
    latencies = np.tile([900.0, 2700.0], 15)
    size = need(LATENCY, arms(pooled(latencies), pooled(latencies), "sample"), 2000.0)
    z = (1.6449 + 0.8416) ** 2 * latencies.var(ddof=1) / 200**2
    assert size is not None
    assert z < size.total < 1.3 * z


def test_a_ratio() -> None:
    """A ratio's need is that of treatment − limit · control, at the observed rate."""
    both = arms(pooled(shares(200, 80)), pooled(shares(200, 40)), "sample")
    size = need(ISSUE, both, 0.70)
    variance = (0.2 * 0.8 + 0.7**2 * 0.4 * 0.6) * 200 / 199
    expected = (1.6449 + 0.8416) ** 2 * variance / ((0.70 - 0.50) * 0.4) ** 2
    assert size is not None
    assert size.total == pytest.approx(expected, rel=0.06)


def test_without_variance_nothing_can_be_said() -> None:
    """Equal values tell nothing of how many are needed."""
    assert need(SCORE, arms(pooled([7.0] * 30), pooled([7.0] * 30), "sample"), -0.1) is None


def test_mean_of_users() -> None:
    """The per-user estimand counts users, each with one mean."""
    gate = SCORE.model_copy(update={"estimand": "per_user"})
    rng = np.random.default_rng(1)
    means = [rng.normal(7, 1, 50) for _ in range(2)]
    control, treatment = (cells([20] * 50, 20 * mean, np.full(50, 80.0)) for mean in means)
    size = need(gate, nested(control, treatment), -0.1)
    variance = sum(mean.var(ddof=1) for mean in means)
    assert size is not None
    assert size.unit == "users"
    assert size.total == pytest.approx((1.6449 + 0.8416) ** 2 * variance / 0.01, rel=0.01)


def share_passed(
    gate: Gate, limit: float, draw: Callable[[np.random.Generator], Arms], repetitions: int
) -> float:
    """Return in which share of simulated reviews the gate's evidence passes."""
    rng = np.random.default_rng(20261122)
    estimates = [
        estimate_gate(gate, draw(rng), RULES, metric=METRIC[gate.title]) for _ in range(repetitions)
    ]
    return float(
        np.mean(
            [
                judge_evidence(gate, each, limit, missing=None).verdict is Verdict.PASS
                for each in estimates
            ]
        )
    )


def draw_pairs(rng: np.random.Generator, n: int = 1546) -> Arms:
    """Draw pairs with 10 % discordance and no difference."""
    kind = rng.choice(3, n, p=[0.05, 0.05, 0.90])
    return arms(singles(kind != 0), singles(kind != 1), "prompt")


def draw_apart(rng: np.random.Generator, n: int = 2795) -> Arms:
    """Draw two groups that pass with .9."""
    return arms(pooled(rng.random(n) < 0.9), pooled(rng.random(n) < 0.9), "sample")


@pytest.mark.slow
@pytest.mark.parametrize("draw", [draw_pairs, draw_apart])
def test_power_at_the_stated_size(draw: Callable[[np.random.Generator], Arms]) -> None:
    """Simulated: with the stated n an equal candidate's gate passes in 80 ± 4 % of reviews."""
    assert share_passed(PASS, -0.02, draw, 600) == pytest.approx(0.80, abs=0.04)


@pytest.mark.slow
def test_power_at_the_stated_number_of_users() -> None:
    """Simulated: the same for users in both arms.

    Their number is the median of what many first groups ask for.
    """

    def draw(rng: np.random.Generator, users: int) -> Arms:
        rates = rng.beta(0.9 * 4, 0.1 * 4, users)
        control, treatment = (cells([20] * users, rng.binomial(20, rates)) for _ in range(2))
        return arms(control, treatment)

    rng = np.random.default_rng(4)
    sizes = [need(PASS, draw(rng, 200), -0.01) for _ in range(40)]
    assert {each.unit for each in sizes if each} == {"users"}
    total = int(np.median([each.total for each in sizes if each]))
    assert share_passed(PASS, -0.01, lambda rng: draw(rng, total), 600) == pytest.approx(
        0.80, abs=0.04
    )


STUDIES = {
    "independent": (layout("independent", 20_000), 1),
    "paired": (layout("paired", 20_000), 1),
    "nested": (layout("nested", 1500, 20, icc=0.05), 20),
    "crossed": (layout("crossed", 1500, 20, icc=0.05), 20),
}
DISCRETE = {"error_rate", "p95_latency"}  # few events: no n has a power of just .8


@pytest.mark.slow
@pytest.mark.parametrize("key", PLAN.gates)
@pytest.mark.parametrize("study", STUDIES)
def test_every_gate_and_design_passes_as_often_as_promised(study: str, key: str) -> None:
    """Simulated, with the shipped policy.

    At the n asked for, a candidate as designed passes in 80 ± 3 % of reviews.

    Asked of one review of a very large pilot, so that only the method is tested and not the pilot's
    luck; allowed are two Monte Carlo errors of 2,000 reviews (1.8 %) on top.
    """
    gate, profile, (large, size) = PLAN.gates[key], PLAN.profile("default"), STUDIES[study]
    metric, limit = world_metric(gate), gate.proof_limit(2, profile)
    name, truth = (
        "issue:x" if metric == "issue" else metric,
        truths_of(PLAN, 2, profile, CONTROL)["design"],
    )
    (world,) = next(simulate(large, [truth], np.random.default_rng(1), 1))
    pilot = compared(world, large, metric, contrast=gate.contrast)
    total = total_for(
        gate, pilot, metric=name, limit=limit,
        alternative=gate.design_alternative(profile), rules=RULES,
    )  # fmt: skip
    assert total is not None
    again = layout(large.kind, total, size, icc=large.icc)
    draws = simulate(again, [truth], np.random.default_rng(2), 2000)
    passed = [
        judge_many(gate, world, again, RULES, proof=limit, literal=0.0).passed for (world,) in draws
    ]
    power = float(np.concatenate(passed).mean())
    assert 0.752 < power < (0.90 if key in DISCRETE else 0.848)
