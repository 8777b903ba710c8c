"""Clusters: against explicit matrices, the jackknife, statsmodels, pyfixest and simulated size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from rolloutlib.stats import clusters, differences, inference, means

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

N1, S1 = [20, 18, 25, 7, 30, 12], [17, 12, 24, 5, 22, 11]
N0, S0 = [22, 15, 9, 28, 20, 16, 11, 5], [19, 14, 6, 26, 15, 15, 10, 5]
NC, SC = [19, 20, 0, 10, 28, 12], [17, 16, 0, 8, 24, 9]
CLOSE = 1e-10
EVERYTHING = (-np.inf, np.inf)


def rows(n: list[int], s: list[int], arm: int, first: int) -> NDArray[np.float64]:
    """Return samples as (passed, arm, cluster) rows; cluster g is number first + g."""
    cells = [(float(k < s[g]), arm, first + g) for g in range(len(n)) for k in range(n[g])]
    return np.array(cells)


NESTED = np.vstack([rows(N1, S1, 1, 0), rows(N0, S0, 0, 6)])
CROSSED = np.vstack([rows(N1, S1, 1, 0), rows(NC, SC, 0, 0)])


def by_matrices(samples: NDArray[np.float64], power: float) -> tuple[float, float, float]:
    """Return the difference, se and df by Bell and McCaffrey's matrices on the rows themselves.

    power -1/2 is CR2, -1 is CR3; the degrees of freedom are those of CR2's weights.
    """
    y, arm, cluster = samples.T
    x = np.column_stack([np.ones_like(arm), arm])
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    beta = bread @ x.T @ y
    columns, contributions = [], []
    for g in np.unique(cluster):
        inside = cluster == g
        values, vectors = np.linalg.eigh(np.eye(inside.sum()) - hat[np.ix_(inside, inside)])
        for exponent, sink in ((-0.5, columns), (power, contributions)):
            adjusted = vectors @ np.diag(values**exponent) @ vectors.T @ x[inside] @ bread[:, 1]
            if sink is columns:
                sink.append((np.eye(len(y)) - hat)[:, inside] @ adjusted)
            else:
                sink.append(adjusted @ (y - x @ beta)[inside])
    gram = np.array(columns) @ np.array(columns).T
    df = np.trace(gram) ** 2 / np.trace(gram @ gram)
    return float(beta[1]), float(np.sqrt(np.sum(np.square(contributions)))), float(df)


def nested(*arms: ArrayLike, kind: clusters.Kind = "CR3") -> inference.ClusterInference:
    """Return the difference of arms that have their own clusters."""
    return clusters.cluster_contrast(*clusters.side_by_side(*arms), kind=kind)


def compare(design: str, kind: clusters.Kind) -> inference.ClusterInference:
    """Return our inference for the nested or the crossed example."""
    if design == "nested":
        return nested(N1, S1, N0, S0, kind=kind)
    return clusters.cluster_contrast(N1, S1, NC, SC, kind=kind)


@pytest.mark.parametrize(("design", "samples"), [("nested", NESTED), ("crossed", CROSSED)])
@pytest.mark.parametrize(("kind", "power"), [("CR2", -0.5), ("CR3", -1.0)])
def test_explicit_matrices_agree(
    design: str, samples: NDArray[np.float64], kind: clusters.Kind, power: float
) -> None:
    """Sums per cluster give what matrices over all rows give, also with an empty cell."""
    assert compare(design, kind) == pytest.approx(by_matrices(samples, power), abs=CLOSE)


@pytest.mark.parametrize(("design", "samples"), [("nested", NESTED), ("crossed", CROSSED)])
def test_statsmodels_agrees(design: str, samples: NDArray[np.float64]) -> None:
    """CR0 equals statsmodels' cluster-robust OLS without its correction.

    CR1 is G/(G - 1) times its square.
    """
    y, arm, cluster = samples.T
    fit = sm.OLS(y, sm.add_constant(arm)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster.astype(int), "use_correction": False}
    )
    groups = len(np.unique(cluster))
    assert compare(design, "CR0")[:2] == pytest.approx((fit.params[1], fit.bse[1]), abs=CLOSE)
    assert compare(design, "CR1").se == pytest.approx(
        fit.bse[1] * np.sqrt(groups / (groups - 1)), abs=CLOSE
    )


@pytest.mark.parametrize("design", ["nested", "crossed"])
def test_cr3_is_the_jackknife(design: str) -> None:
    """CR3's variance is the sum of squared changes when one cluster is left out at a time."""
    arms = clusters.side_by_side(N1, S1, N0, S0) if design == "nested" else (N1, S1, NC, SC)
    n1, s1, n0, s0 = (np.asarray(values, dtype=float) for values in arms)
    whole = s1.sum() / n1.sum() - s0.sum() / n0.sum()
    changes = []
    for g in range(n1.size):
        a, b, c, d = (np.delete(values, g) for values in (n1, s1, n0, s0))
        changes.append(b.sum() / a.sum() - d.sum() / c.sum() - whole)
    assert compare(design, "CR3").se == pytest.approx(
        np.sqrt(np.sum(np.square(changes))), abs=CLOSE
    )


def test_nested_is_two_means() -> None:
    """The variances of two nested means add, but for CR1 (which counts clusters together)."""
    kinds: tuple[clusters.Kind, ...] = ("CR0", "CR2", "CR3")
    for kind in kinds:
        treated, control = (
            clusters.cluster_mean(N1, S1, kind=kind),
            clusters.cluster_mean(N0, S0, kind=kind),
        )
        both = nested(N1, S1, N0, S0, kind=kind)
        assert both.se == pytest.approx(np.hypot(treated.se, control.se), abs=CLOSE)
        assert both.point == pytest.approx(treated.point - control.point, abs=CLOSE)


def test_equal_clusters_are_students_t() -> None:
    """With one sample a cluster CR2 is Student's standard error with n - 1 degrees."""
    values = np.random.default_rng(2).normal(5, 2, 17)
    expected = means.mean_inference(values.mean(), values.var(ddof=1), 17)
    assert clusters.cluster_mean(np.ones(17), values, kind="CR2") == pytest.approx(
        expected, rel=1e-12
    )


def test_a_replayed_user_is_one_cluster() -> None:
    """The same values in both arms leave a difference of 0 without error.

    Its bounds are infinite, not a point.
    """
    same = clusters.cluster_contrast(N1, S1, N1, S1)
    assert same[:2] == (0, 0)
    assert inference.t_bounds(same) == EVERYTHING
    shifted = clusters.cluster_contrast(N1, S1, N1, np.add(S1, 0.1 * np.array(N1)))
    assert inference.t_bounds(shifted) == EVERYTHING
    assert inference.t_test(shifted).p_value == 1


@pytest.mark.parametrize(
    ("n", "s"),
    [([], []), ([5], [3]), ([5, 0, 0], [3, 0, 0]), ([0, 0], [0, 0])],
    ids=["none", "one", "rest empty", "empty"],
)
def test_below_two_clusters_nothing_is_known(n: list[int], s: list[int]) -> None:
    """One cluster, however large, bounds nothing.

    Infinite standard error, no degrees of freedom.
    """
    for estimate in (clusters.cluster_mean(n, s), nested(n, s, N0, S0), nested(N0, S0, n, s)):
        assert estimate.se == np.inf
        assert estimate.df == 0
        assert inference.t_bounds(estimate) == EVERYTHING


def test_no_variation_is_no_certainty() -> None:
    """All passed, or one latency everywhere, is an error of 0 and hence infinite bounds."""
    for n, s in (([3, 9, 5], [3, 9, 5]), ([3, 9, 5], [0, 0, 0]), ([3, 7, 11], [0.3, 0.7, 1.1])):
        estimate = clusters.cluster_mean(n, s)
        assert estimate.se == 0
        assert inference.t_bounds(estimate) == EVERYTHING


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=2, max_size=12),
    st.integers(0, 3),
)
def test_order_empties_and_swaps_do_not_matter(cells: list[tuple[int, float]], empty: int) -> None:
    """Reordered clusters and added empty ones change nothing.

    Swapped arms negate the difference.
    """
    n = [size for size, _ in cells]
    s = [round(size * share) for size, share in cells]
    ours = nested(n, s, N0, S0)
    again = nested([0] * empty + n[::-1], [0] * empty + s[::-1], N0, S0)
    swapped = nested(N0, S0, n, s)
    assert again == pytest.approx(ours, rel=1e-9, abs=1e-12)
    assert (-swapped.point, swapped.se, swapped.df) == pytest.approx(ours, rel=1e-9, abs=1e-12)


def test_batches_are_many_single_ones() -> None:
    """Leading axes are a batch: each row gives what it gives alone."""
    s1 = np.array([S1, [10, 10, 10, 3, 9, 7]])
    many = clusters.cluster_contrast(N1, s1, NC, SC)
    for row in range(2):
        alone = clusters.cluster_contrast(N1, s1[row], NC, SC)
        assert [np.asarray(value)[row] for value in many] == pytest.approx(list(alone), rel=1e-12)


def test_simulated_size() -> None:
    """At 2,000 simulated reviews of 30 v 30 uneven users the 5 % test rejects in 3 to 7 %.

    Ignoring users, far more.
    """
    rng = np.random.default_rng(11)
    n = rng.integers(5, 41, (2, 2000, 30)).astype(float)
    rate = rng.beta(0.9 * 4, 0.1 * 4, (2, 2000, 30))  # intra-class correlation .2
    s = rng.binomial(n.astype(int), rate).astype(float)
    contrast = nested(n[0], s[0], n[1], s[1])
    assert 0.03 < np.mean(np.asarray(inference.t_bounds(contrast).lower) > 0) < 0.07
    totals = n.sum(axis=2), s.sum(axis=2)
    naive = differences.miettinen_nurminen_difference(
        totals[1][0], totals[0][0], totals[1][1], totals[0][1]
    )
    assert np.mean(np.asarray(naive.lower) > 0) > 0.12


def test_refuses_what_is_not_finite() -> None:
    """NaN sums, negative counts and unknown kinds are refused."""
    with pytest.raises(ValueError, match="must be finite"):
        clusters.cluster_mean([1, 2], [float("nan"), 1])
    with pytest.raises(ValueError, match="n 0 or more"):
        clusters.cluster_mean([1, -2], [1, 1])
    with pytest.raises(ValueError, match="must be the same clusters"):
        clusters.cluster_contrast([5], [3], N0, S0)
    with pytest.raises(ValueError, match="kind == 'HC1', must be one of CR0, CR1, CR2, CR3"):
        clusters.cluster_mean([1, 2], [1, 1], kind="HC1")  # pyright: ignore[reportArgumentType] -- the error is the point


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:The inplace keyword:DeprecationWarning"
)  # pyfixest on pandas 3.1
def test_pyfixest_agrees() -> None:
    """CR3 equals pyfixest's CRV3 up to its (G - 1)/G factor of the jackknife."""
    pd, pf = pytest.importorskip("pandas"), pytest.importorskip("pyfixest")
    frame = pd.DataFrame(CROSSED, columns=["passed", "arm", "user"])
    none = (
        pf.ssc(adj=False, cluster_adj=False)
        if "adj" in pf.ssc.__code__.co_varnames
        else pf.ssc(k_adj=False, G_adj=False)
    )
    fit = pf.feols("passed ~ arm", data=frame, vcov={"CRV3": "user"}, ssc=none)
    assert compare("crossed", "CR3").se == pytest.approx(float(fit.se()["arm"]), rel=1e-8)
