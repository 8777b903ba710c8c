"""Which method for which design, against SciPy, statsmodels, published values and the jackknife."""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.optimize import brentq
from statsmodels.stats.proportion import confint_proportions_2indep

from rolloutlib.measure.design import Arms, Design, metric_of, read_design
from rolloutlib.measure.estimates import Estimate, estimate_gate
from rolloutlib.reason import because
from rolloutlib.stats import effective, inference, means
from tests.often import EXHAUSTIVE
from tests.tables import PLAN, RULES, arms, cells, nested, pooled, singles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import Cells
    from rolloutlib.plan.model import Evidence, Gate

    Floats = NDArray[np.float64]

PASS, SCORE, ISSUE, LATENCY = (
    PLAN.gates[key] for key in ("pass_rate", "avg_score", "top_issue", "avg_latency")
)
VETOED, ERROR = PLAN.gates["vetoed"], PLAN.gates["error_rate"]
LATENCY_RATIO = ISSUE.model_copy(update={"metric": "latency_ms", "limit": 1.1, "alternative": 1.0})
WIDE = RULES.model_copy(update={"confidence": 0.975})  # published intervals are two-sided 95 %
RNG = np.random.default_rng(20261120)
CLOSE = 1e-9

# Ten users in one arm each; ten users in both: samples and events.
N1, X1 = np.array([20, 18, 25, 7, 30, 12]), np.array([17, 12, 24, 5, 22, 11])
N0, X0 = np.array([22, 15, 9, 28, 20, 16, 11, 5]), np.array([19, 14, 6, 26, 15, 15, 10, 5])
NC, XC = np.array([19, 20, 4, 10, 28, 12]), np.array([17, 16, 2, 8, 24, 9])
NESTED = nested(cells(N0, X0), cells(N1, X1))
CROSSED = arms(cells(NC, XC), cells(N1, X1))
A, B = RNG.normal(7.5, 1.2, 40), RNG.normal(7.9, 0.8, 40)
GAINED, LOST, BOTH, NEITHER = 1, 7, 10, 3  # Tango 1998, table 2: pairs
PAIRS = arms(
    singles([0] * GAINED + [1] * LOST + [1] * BOTH + [0] * NEITHER),
    singles([1] * GAINED + [0] * LOST + [1] * BOTH + [0] * NEITHER),
    "prompt",
)


def judge(gate: Gate, both: Arms, rules: Evidence = RULES) -> Estimate:
    """Return an estimate that must be there."""
    estimate = estimate_gate(gate, both, rules, metric=metric_of(gate, "tag"))
    assert estimate is not None
    return estimate


def bounds(estimate: Estimate) -> tuple[float, float]:
    """Return both bounds."""
    return estimate.lower, estimate.upper


def proportion(x: int, n: int) -> Cells:
    """Return the samples of an arm without units."""
    return pooled([1.0] * x + [0.0] * (n - x))


# --- the right method for each design -------------------------------------------------------------


def test_independent_proportions() -> None:
    """Miettinen and Nurminen's bounds (1985) of 56/70 against 48/80 as R's ratesci gives them."""
    estimate = judge(PASS, arms(proportion(48, 80), proportion(56, 70), "sample"), WIDE)
    assert (estimate.design.kind, str(estimate.method)) == (
        "independent",
        "Miettinen–Nurminen score (1985)",
    )
    assert bounds(estimate) == (pytest.approx(0.0528, abs=5e-5), pytest.approx(0.3382, abs=5e-5))
    assert (estimate.n_control, estimate.n_treatment) == (80, 70)


def test_independent_means() -> None:
    """Welch's bounds and both one-sided p-values as SciPy gives them."""
    estimate = judge(SCORE, arms(pooled(A), pooled(B), "sample"))
    expected = scipy_stats.ttest_ind(B, A, equal_var=False)
    assert str(estimate.method) == "Welch t (1947)"
    assert bounds(estimate) == pytest.approx(tuple(expected.confidence_interval(0.90)), abs=CLOSE)
    worse = scipy_stats.ttest_ind(B, A, equal_var=False, alternative="less").pvalue
    assert (estimate.p_worse, estimate.p_better) == (pytest.approx(worse), pytest.approx(1 - worse))


def test_pairs_of_passes() -> None:
    """Tango's bounds as in his table (1998), the exact test of discordant pairs as SciPy's."""
    estimate = judge(PASS, PAIRS, WIDE)
    assert (estimate.design.kind, estimate.design.pairs) == ("paired", 21)
    assert bounds(estimate) == (pytest.approx(-0.517, abs=5e-4), pytest.approx(-0.026, abs=5e-4))
    exact = scipy_stats.binomtest(GAINED, GAINED + LOST, alternative="less").pvalue
    assert estimate.p_worse == pytest.approx(exact)


def test_pairs_of_scores() -> None:
    """The paired t bounds as SciPy's; pairs with a missing side are left out and counted."""
    control, treatment = singles([*A, np.nan]), singles([*B, 5.0])
    estimate = judge(SCORE, arms(control, treatment, "prompt"))
    assert bounds(estimate) == pytest.approx(
        tuple(scipy_stats.ttest_rel(B, A).confidence_interval(0.90)), abs=CLOSE
    )
    assert estimate.design == Design("paired", "prompt", 40, 41, 40, dropped=1)


def deleted(statistic: Callable[[Floats, Floats, Floats, Floats], float], both: Arms) -> float:
    """Return CR3's standard error by brute force: √Σ(θ without cluster g − θ)²."""
    parts = [
        np.asarray(v, dtype=np.float64)
        for arm in (both.treatment, both.control)
        for v in (arm.n, arm.total)
    ]
    whole = statistic(*parts)
    remaining = (np.arange(len(parts[0])) != g for g in range(len(parts[0])))
    return sqrt(
        sum((statistic(*(part[keep] for part in parts)) - whole) ** 2 for keep in remaining)
    )


def difference(n1: Floats, s1: Floats, n0: Floats, s0: Floats) -> float:
    """Return mean1 − mean0."""
    return float(s1.sum() / n1.sum() - s0.sum() / n0.sum())


@pytest.mark.parametrize(
    ("both", "kind"), [(NESTED, "nested"), (CROSSED, "crossed")], ids=["nested", "crossed"]
)
def test_clusters(both: Arms, kind: str) -> None:
    """Clustered means have the standard error that deleting one cluster at a time gives.

    Bounds are Student's.
    """
    estimate = judge(SCORE, both)
    se = deleted(difference, both)
    assert (estimate.design.kind, estimate.se) == (kind, pytest.approx(se))
    assert estimate.df is not None
    margin = scipy_stats.t.ppf(0.95, estimate.df) * se
    assert bounds(estimate) == (
        pytest.approx(estimate.point - margin),
        pytest.approx(estimate.point + margin),
    )
    assert estimate.p_worse == pytest.approx(scipy_stats.t.cdf(estimate.point / se, estimate.df))


@pytest.mark.parametrize(
    ("both", "bounds_of"),
    [(NESTED, effective.nested_score_difference), (CROSSED, effective.crossed_score_difference)],
    ids=["nested", "crossed"],
)
def test_clusters_of_passes(both: Arms, bounds_of: Callable[..., inference.Bounds]) -> None:
    """Clustered passes have score bounds at the effective size.

    Standard error and test stay those of the clusters.
    """
    estimate, robust = judge(PASS, both), judge(SCORE, both)
    treated, control = both.treatment, both.control
    assert bounds(estimate) == pytest.approx(
        tuple(bounds_of(treated.n, treated.total, control.n, control.total))
    )
    assert (estimate.se, estimate.df, estimate.p_worse) == (robust.se, robust.df, robust.p_worse)
    assert estimate.lower < estimate.point < estimate.upper


def test_independent_rates_as_a_ratio() -> None:
    """Score bounds of a ratio of proportions as statsmodels' (unlike its difference, right)."""
    estimate = judge(ISSUE, arms(proportion(40, 120), proportion(24, 110), "sample"))
    expected = confint_proportions_2indep(
        24, 110, 40, 120, compare="ratio", method="score", alpha=0.10
    )
    assert bounds(estimate) == pytest.approx(expected, abs=1e-5)
    assert str(estimate.method) == "Miettinen–Nurminen score for a ratio (1985)"


def test_independent_means_as_a_ratio() -> None:
    """Fieller's bounds solve (m1 − θ·m0)² = t²·(v1 + θ²·v0), with Welch's freedom."""
    slow, fast = RNG.gamma(4, 300, 50), RNG.gamma(4, 280, 60)
    estimate = judge(LATENCY_RATIO, arms(pooled(fast), pooled(slow), "sample"))
    v1, v0 = slow.var(ddof=1) / 50, fast.var(ddof=1) / 60
    df = scipy_stats.ttest_ind(slow, fast, equal_var=False).df
    t = scipy_stats.t.ppf(0.95, df)
    ratio = slow.mean() / fast.mean()

    def gap(theta: float) -> float:
        return (slow.mean() - theta * fast.mean()) ** 2 - t**2 * (v1 + theta**2 * v0)

    assert bounds(estimate) == (
        pytest.approx(brentq(gap, 0.2, ratio)),
        pytest.approx(brentq(gap, ratio, 5)),
    )
    assert str(estimate.method) == "Fieller (1954)"


@pytest.mark.parametrize("both", [NESTED, CROSSED], ids=["nested", "crossed"])
def test_clustered_ratios(both: Arms) -> None:
    """At either bound θ, m1 − θ·m0 lies t of the jackknife's standard errors from 0."""
    estimate = judge(ISSUE, both)
    assert estimate.df is not None
    roots = []
    for theta in bounds(estimate):

        def contrast(n1: Floats, s1: Floats, n0: Floats, s0: Floats, theta: float = theta) -> float:
            return float(s1.sum() / n1.sum() - theta * s0.sum() / n0.sum())

        both_arms = (both.treatment.n, both.treatment.total, both.control.n, both.control.total)
        roots.append(contrast(*both_arms) / deleted(contrast, both))
    assert roots[0] == pytest.approx(-roots[1], rel=1e-6)
    assert scipy_stats.t.ppf(0.95, 30) < roots[0] < scipy_stats.t.ppf(0.95, 4)


def test_one_rate_of_single_samples() -> None:
    """Clopper and Pearson's bounds as SciPy's exact interval.

    299 samples without an error prove 1 %.
    """
    estimate = judge(ERROR, arms(proportion(0, 10), proportion(3, 400), "sample"))
    expected = scipy_stats.binomtest(3, 400).proportion_ci(0.90, method="exact")
    assert bounds(estimate) == pytest.approx(tuple(expected))
    assert (estimate.design.kind, estimate.p_worse) == ("one_arm", None)
    assert judge(ERROR, arms(proportion(0, 1), proportion(0, 299), "sample")).upper < 0.01
    assert judge(ERROR, arms(proportion(0, 1), proportion(0, 298), "sample")).upper > 0.01


def test_one_rate_of_clusters() -> None:
    """Korn and Graubard's bounds as R's svyciprop(method = "beta"), where no floor holds."""
    estimate = judge(
        ERROR, arms(cells(N1, X1), cells(N1, X1)), WIDE.model_copy(update={"icc_floor": 0.0})
    )
    assert bounds(estimate) == (pytest.approx(0.6387, abs=5e-5), pytest.approx(0.9266, abs=5e-5))
    assert str(estimate.method).startswith("Korn–Graubard")


def test_one_mean_of_single_samples() -> None:
    """A mean's t bound as SciPy's, above it corrected for skewness.

    Prompts that each come once are single samples.
    """
    latencies = RNG.gamma(4, 300, 30)
    expected = scipy_stats.ttest_1samp(latencies, 0).confidence_interval(0.90)
    for treatment, unit in ((pooled(latencies), "sample"), (singles(latencies), "prompt")):
        estimate = judge(LATENCY, arms(treatment, treatment, unit))  # type: ignore[arg-type]
        corrected = means.skewed_mean(
            means.mean_inference(latencies.mean(), latencies.var(ddof=1), 30), 30
        )
        assert bounds(estimate) == (pytest.approx(expected.low), pytest.approx(corrected.upper))
        assert estimate.upper > expected.high


def test_one_mean_of_clusters() -> None:
    """A clustered mean has the standard error of deleting one cluster at a time."""
    sums = np.array([40_000.0, 30_000, 60_000, 9_000, 70_000, 25_000])
    arm = cells(N1, sums, np.ones(6))
    estimate = judge(LATENCY, arms(arm, arm))

    def mean(n1: Floats, s1: Floats, _n0: Floats, _s0: Floats) -> float:
        return float(s1.sum() / n1.sum())

    assert estimate.se == pytest.approx(deleted(mean, arms(arm, arm)))
    assert estimate.point == pytest.approx(sums.sum() / N1.sum())


@pytest.mark.parametrize(
    ("control", "treatment", "unit", "kind", "dropped"),
    [
        ([1, 1, 1], [1, 1, 1], "prompt", "paired", 0),
        ([1] * 19 + [0], [1] * 20, "prompt", "paired", 1),
        ([1] * 10 + [0] * 10, [1] * 20, "prompt", "paired", 10),
        ([1] * 9 + [0] * 11, [1] * 20, "prompt", "crossed", 11),
        ([2, 1], [1, 1], "user", "crossed", 0),
        ([2, 2, 0, 0], [0, 0, 3, 1], "user", "nested", 0),
        ([1, 1, 0, 0], [0, 0, 1, 1], "prompt", "independent", 0),
        ([2, 2], [2, 2], "sample", "independent", 0),
    ],
    ids=[
        "pairs",
        "a few lost",
        "half lost",
        "most lost",
        "repeats",
        "repeats in one arm",
        "other prompts",
        "no unit",
    ],
)
def test_design(
    control: list[int], treatment: list[int], unit: Unit, kind: str, dropped: int
) -> None:
    """The design follows from which units have how many samples in which arm."""
    both = Arms(
        cells(control, np.zeros(len(control))), cells(treatment, np.zeros(len(treatment))), unit
    )
    assert (
        read_design(both, "difference")[1].kind,
        read_design(both, "difference")[1].dropped,
    ) == (kind, dropped)
    assert read_design(both, "treatment")[1].kind == "one_arm"


# --- what must hold whatever the data -------------------------------------------------------------

counts = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=5, max_size=9)


def dealt(drawn: list[tuple[int, float]]) -> Cells:
    """Return clusters with that many samples and about that share of events."""
    n = np.array([size for size, _ in drawn])
    return cells(n, np.round(n * np.array([share for _, share in drawn])))


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 1), st.integers(0, 5), st.floats(0, 1)),
        min_size=5,
        max_size=9,
    )
)
@example([(0, 0.0, 1, 0.0), (1, 1.0, 0, 0.0), (2, 1.0, 0, 0.0), (2, 1.0, 1, 0.0), (2, 0.5, 0, 0.0)])
def test_swapped_arms_mirror_the_difference(drawn: list[tuple[int, float, int, float]]) -> None:
    """Treatment − control and control − treatment say the same in every design.

    Bounds change sign and place.
    """
    control, treatment = dealt([row[:2] for row in drawn]), dealt([row[2:] for row in drawn])
    for both in (
        arms(control, treatment),
        nested(control, treatment),
        arms(control, treatment, "prompt"),
    ):
        forth = estimate_gate(PASS, both, RULES, metric="passed")
        back = estimate_gate(
            PASS, Arms(both.treatment, both.control, both.unit), RULES, metric="passed"
        )
        if forth is None or back is None:
            assert forth is None is back or not control.n.sum() or not treatment.n.sum()
            continue
        assert (back.lower, back.upper) == (
            pytest.approx(-forth.upper, abs=1e-9),
            pytest.approx(-forth.lower, abs=1e-9),
        )
        assert (back.cap is None, back.method) == (forth.cap is None, forth.method)
        if forth.p_worse is not None:
            assert (back.p_worse, back.p_better) == (
                pytest.approx(forth.p_better),
                pytest.approx(forth.p_worse),
            )


@settings(max_examples=15)
@given(counts, counts)
def test_a_bound_is_on_its_side(
    treated: list[tuple[int, float]], control: list[tuple[int, float]]
) -> None:
    """In every design and for every gate the point lies between its bounds, and no bound is NaN."""
    for both in (
        nested(dealt(control), dealt(treated)),
        Arms(dealt([*control, (0, 0.0)] * 5), dealt([*treated, (1, 1.0)] * 5), "user"),
    ):
        size = min(len(both.control.n), len(both.treatment.n))
        same = Arms(
            both.control.take(np.arange(size)), both.treatment.take(np.arange(size)), "user"
        )
        for gate in (PASS, ISSUE, ERROR, VETOED):
            estimate = estimate_gate(gate, same, RULES, metric=metric_of(gate, "tag"))
            assert (
                estimate is None or estimate.lower <= estimate.point + 1e-9 <= estimate.upper + 2e-9
            )


CONSTANT = {
    "no unit": arms(pooled([1.0] * 30), pooled([1.0] * 30), "sample"),
    "pairs": arms(singles([1.0] * 30), singles([1.0] * 30), "prompt"),
    "nested": nested(cells([5] * 8, [5] * 8), cells([5] * 8, [5] * 8)),
    "crossed": arms(cells([5] * 8, [5] * 8), cells([5] * 8, [5] * 8)),
    "treatment constant": arms(cells([5] * 8, [5, 4] * 4), cells([5] * 8, [5] * 8)),
    "control constant": nested(cells([5] * 8, [0] * 8), cells([5] * 8, [2, 1] * 4)),
}


@pytest.mark.parametrize("design", CONSTANT)
@pytest.mark.parametrize(
    "gate",
    [PASS, SCORE, LATENCY, ERROR, LATENCY_RATIO],
    ids=lambda gate: f"{gate.metric} {gate.contrast}",
)
def test_no_variance_is_no_certainty(design: str, gate: Gate) -> None:
    """Values that are all equal, in an arm or in both, never give an interval of no width.

    It is open or a score's.
    """
    estimate = estimate_gate(gate, CONSTANT[design], RULES, metric=metric_of(gate))
    assert estimate is None or (
        estimate.lower < estimate.upper
        and (estimate.lower, estimate.upper) != (estimate.point, estimate.point)
    )
    if gate is PASS and estimate is not None:
        assert estimate.lower < estimate.point - 0.01


def test_equal_results_of_every_user() -> None:
    """A replay that changes nothing has bounds of the effective sample size, not ±0."""
    estimate = judge(PASS, arms(cells([10] * 20, [8] * 20), cells([10] * 20, [8] * 20)))
    naive = judge(PASS, arms(proportion(160, 200), proportion(160, 200), "sample"))
    assert estimate.lower < naive.lower < 0 < naive.upper < estimate.upper
    assert "effective sample size" in str(estimate.method)


def test_an_arm_without_events() -> None:
    """Zero events leave no variance among clusters.

    The bound is the score bound, wider than of single samples.
    """
    both = nested(cells([20] * 30, [3, 1] * 15), cells([20] * 30, [0] * 30))
    veto, issue = judge(VETOED, both), judge(ISSUE, both)
    assert veto.point == pytest.approx(-0.1)
    assert -0.2 < veto.lower < veto.point < veto.upper < 0
    assert issue.lower == issue.point == 0
    single = judge(ISSUE, arms(proportion(60, 600), proportion(0, 600), "sample"))
    assert 0 < single.upper < issue.upper < 1
    assert issue.p_better is not None
    assert issue.p_better < 1e-4  # of samples that are taken as correlated


def test_a_segment_that_fails_wholly_is_tested() -> None:
    """An arm that never passes still has a p-value, so that a hidden regression to 0 % is found."""
    estimate = judge(PASS, arms(cells([4] * 10, [4, 3] * 5), cells([4] * 10, [0] * 10)))
    assert estimate.p_worse is not None
    assert estimate.p_worse < 1e-6
    assert estimate.upper < -0.5


@pytest.mark.parametrize("design", ["paired", "crossed", "nested", "one arm", "independent"])
def test_more_of_the_same_narrows(design: str) -> None:
    """The same units four times over never widen a bound."""

    def wide(times: int) -> tuple[float, float]:
        control, treatment = (
            cells(np.tile(NC, times), np.tile(XC, times)),
            cells(np.tile(N1, times), np.tile(X1, times)),
        )
        gate, both = {
            "paired": (
                SCORE,
                arms(singles(np.tile(A, times)), singles(np.tile(B, times)), "prompt"),
            ),
            "crossed": (PASS, arms(control, treatment)),
            "nested": (PASS, nested(control, treatment)),
            "one arm": (ERROR, arms(control, treatment)),
            "independent": (
                SCORE,
                arms(pooled(np.tile(A, times)), pooled(np.tile(B, times)), "sample"),
            ),
        }[design]
        estimate = judge(gate, both)
        return estimate.point - estimate.lower, estimate.upper - estimate.point

    few, many = wide(1), wide(4)
    assert many[0] < few[0]
    assert many[1] < few[1]


# --- what caps a verdict, and what cannot be estimated --------------------------------------------


def users(count: int) -> Cells:
    """Return users with twenty samples each, most of them passed, with some variation."""
    return cells([20] * count, [18 + g % 2 for g in range(count)])


@pytest.mark.parametrize(("count", "capped"), [(2, True), (4, True), (5, False), (12, False)])
def test_few_clusters_cap_the_verdict(count: int, capped: bool) -> None:  # noqa: FBT001
    """Below five users in an arm no clustered bound counts, however many samples they have."""
    for both in (nested(users(12), users(count)), arms(users(count), users(count))):
        for gate in (PASS, ISSUE, ERROR):
            cap = judge(gate, both).cap
            assert (cap is not None) is capped
            assert cap is None or cap.facts["unit"] == "user"


def test_few_users_without_variance_are_capped_too() -> None:
    """Two users with a thousand passes each prove nothing.

    Score bounds of clusters are capped like the others.
    """
    two = cells([1000, 1000], [1000, 1000])
    for both in (nested(two, two), arms(two, two)):
        assert judge(PASS, both).cap == because("clusters.few", clusters=2, unit="user", least=5)


def test_one_cluster_has_no_bounds() -> None:
    """One user an arm leaves both bounds at the ends of what is possible."""
    single = cells([100], [90])
    assert bounds(judge(PASS, nested(single, single))) == (-1, 1)
    assert bounds(judge(SCORE, nested(single, single))) == (-inf, inf)
    assert bounds(judge(ERROR, nested(single, single))) == (0, 1)
    assert judge(PASS, nested(single, single)).cap is not None


def test_one_user_with_nearly_all_samples() -> None:
    """Ten users of whom one has nearly all samples are worth few degrees of freedom."""
    skewed = cells([900, *[5] * 9], [800, *[4, 5, 5] * 3])
    estimate = judge(PASS, nested(skewed, skewed))
    assert estimate.cap is not None
    assert estimate.cap.code == "clusters.heavy"


@pytest.mark.parametrize("n", [2, 4, 5])
def test_few_single_values_are_capped(n: int) -> None:
    """A t bound from fewer than five values of anything counts for nothing.

    Exact bounds hold for any n.
    """
    both = arms(pooled(A[:n]), pooled(B[:n]), "sample")
    pairs = arms(singles(A[:n]), singles(B[:n]), "prompt")
    assert [judge(SCORE, x).cap is None for x in (both, pairs)] == [n == 5, n == 5]
    assert judge(LATENCY, both).cap is None or n < 5
    assert judge(ERROR, arms(proportion(0, n), proportion(0, n), "sample")).cap is None


def test_what_cannot_be_estimated() -> None:
    """An arm without values, and a ratio to a control without events, have no estimate."""
    some, none = cells([3, 4], [1, 2]), cells([0, 0], [0, 0])
    assert estimate_gate(PASS, arms(some, none), RULES, metric="passed") is None
    assert estimate_gate(PASS, arms(none, some), RULES, metric="passed") is None
    assert estimate_gate(ERROR, arms(none, some), RULES, metric="error") is not None
    assert estimate_gate(ISSUE, arms(cells([3, 4], [0, 0]), some), RULES, metric="issue:x") is None


PER_USER = PASS.model_copy(update={"estimand": "per_user"})


def test_mean_of_users() -> None:
    """The per-user estimand gives every user one vote.

    Welch's bounds of the user means of a score, as SciPy's.
    """
    expected = scipy_stats.ttest_ind(X1 / N1, X0 / N0, equal_var=False)
    estimate = estimate_gate(PER_USER, NESTED, RULES, metric="score")
    assert estimate is not None
    assert estimate.point == pytest.approx((X1 / N1).mean() - (X0 / N0).mean())
    assert bounds(estimate) == pytest.approx(tuple(expected.confidence_interval(0.90)))
    assert judge(PASS, NESTED).point == pytest.approx(X1.sum() / N1.sum() - X0.sum() / N0.sum())


def test_mean_of_users_in_both_arms() -> None:
    """In a replay the user means of a score are pairs; one bound is widened, for their skewness."""
    expected = scipy_stats.ttest_rel(X1 / N1, XC / NC)
    estimate = estimate_gate(PER_USER, CROSSED, RULES, metric="score")
    assert estimate is not None
    lower, upper = expected.confidence_interval(0.90)
    assert estimate.lower == pytest.approx(lower)
    assert upper < estimate.upper < upper + 0.01


@pytest.mark.parametrize("gate", [PASS, ERROR, ISSUE])
def test_users_rates_are_judged_as_rates(gate: Gate) -> None:
    """Where all users have as many samples, both estimands are one, bounds and all."""
    n, x1, x0 = np.full(12, 8), RNG.binomial(8, 0.2, 12), RNG.binomial(8, 0.3, 12)
    both = arms(cells(n, x0), cells(n, x1))
    by_user = gate.model_copy(update={"estimand": "per_user"})
    estimate, expected = judge(by_user, both), judge(gate, both)
    assert estimate.method == expected.method
    assert (estimate.point, *bounds(estimate)) == pytest.approx((expected.point, *bounds(expected)))
    assert (estimate.n_treatment, expected.n_treatment) == (12, 96)


def test_rates_of_users_of_unlike_sizes() -> None:
    """Users weigh alike, and their rates' binomial variance is that of so many samples."""
    estimate = judge(ERROR.model_copy(update={"estimand": "per_user"}), NESTED)
    assert estimate.point == pytest.approx((X1 / N1).mean())
    size = scipy_stats.hmean(N1)
    alike = cells(np.full(len(N1), size), size * X1 / N1)
    whole = judge(ERROR, nested(cells(N0, X0), alike))
    assert bounds(estimate) == pytest.approx(bounds(whole))


def test_mean_of_users_without_users() -> None:
    """Where samples name no user there is no mean of users.

    No estimate, rather than another one.
    """
    assert (
        estimate_gate(
            PER_USER, arms(proportion(5, 9), proportion(5, 9), "sample"), RULES, metric="passed"
        )
        is None
    )


@pytest.mark.slow
def test_size_with_one_quiet_arm() -> None:
    """Simulated: with rare vetoes in few clusters the limit is passed in about 5 % at most."""
    rng, passed, repetitions = np.random.default_rng(7), 0, 600 if EXHAUSTIVE else 200
    for _ in range(repetitions):
        p = rng.beta(
            0.05 / 0.1 * 0.9, 0.95 / 0.1 * 0.9, 12
        )  # intra-class correlation .1, truth +.05
        control, treatment = cells([5] * 12, np.zeros(12)), cells([5] * 12, rng.binomial(5, p))
        estimate = judge(VETOED, nested(control, treatment))
        passed += isfinite(estimate.upper) and estimate.upper < 0.05
    assert passed / repetitions < 0.05 + 2 * sqrt(0.05 * 0.95 / repetitions)
