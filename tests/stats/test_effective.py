"""Score bounds at the effective sample size, and the mean of skewed values.

Limits, closed forms, simulated size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import betabinom, norm
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from rolloutlib.stats import clusters, differences, effective, inference, means, pairs, proportions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

RNG = np.random.default_rng(11)
X1, X0 = (RNG.binomial(1, p, 4000).astype(float) for p in (0.9, 0.88))
ONES = np.ones(4000)


def nested(*arms: ArrayLike) -> inference.Bounds:
    """Return the score bounds of arms that have their own clusters."""
    return effective.nested_score_difference(*clusters.side_by_side(*arms))


def test_clusters_of_one_are_samples() -> None:
    """With one sample a cluster the nested bounds are the plain score's, up to t."""
    bounds = nested(ONES, X1, ONES, X0)
    assert bounds == pytest.approx(
        differences.miettinen_nurminen_difference(X1.sum(), 4000, X0.sum(), 4000), abs=2e-5
    )


def test_crossed_clusters_of_one_are_pairs() -> None:
    """With one sample a cluster the crossed bounds are close to Tango's of the pairs."""
    partner = np.where(RNG.random(4000) < 0.1, 1 - X1, X1)
    bounds = effective.crossed_score_difference(ONES, X1, ONES, partner)
    gained, lost = (partner < X1).sum(), (partner > X1).sum()
    assert bounds == pytest.approx(pairs.tango(gained, lost, 4000), abs=2e-4)


def test_samples_repeated_count_once() -> None:
    """Ten identical samples a cluster tell as much as one: the bounds do not move."""
    n, x1, x0 = np.ones(40), X1[:40], X0[:40]
    once = nested(n, x1, n, x0)
    assert nested(10 * n, 10 * x1, 10 * n, 10 * x0) == pytest.approx(once, abs=2e-3)


def test_pairs_that_all_differ_are_no_more_than_all() -> None:
    """Where every pair differs, both ways together are at most all pairs, whatever the rounding."""
    lower, upper = effective.crossed_score_difference([2, 1], [2, 0], [2, 1], [0, 1])
    assert -1 <= lower < upper <= 1


@pytest.mark.parametrize("score", [nested, effective.crossed_score_difference])
def test_nothing_known(score: object) -> None:
    """One cluster, or no cluster that deviates, bounds nothing."""
    n = np.full(6, 10.0)
    for x1, x0 in ((n, n), (0 * n, 0 * n), (n, 0 * n)):
        assert score(n, x1, n, x0) == (-1.0, 1.0)  # type: ignore[operator]
    assert score(n[:1], n[:1] / 2, n[:1], n[:1] / 2) == (-1.0, 1.0)  # type: ignore[operator]


def test_arrays_are_batches() -> None:
    """A leading axis gives what each row gives alone."""
    n, x = np.full((3, 8), 12.0), RNG.binomial(12, 0.8, (2, 3, 8)).astype(float)
    for score in (nested, effective.crossed_score_difference):
        batch = np.array(score(n, x[0], n, x[1]))
        alone = np.array([score(n[k], x[0, k], n[k], x[1, k]) for k in range(3)])
        assert pytest.approx(alone) == batch.T


@pytest.mark.slow
def test_size_where_t_bounds_are_too_tight() -> None:
    """Simulated at a limit of +10 pp, 8 users an arm, correlation .2.

    T passes far too often, the score does not.
    """
    rng, n = np.random.default_rng(5), np.full((6000, 8), 20.0)
    rates = [rng.beta(4 * p, 4 * (1 - p), (6000, 8)) for p in (0.14, 0.04)]
    x1, x0 = (rng.binomial(20, rate).astype(float) for rate in rates)
    score = np.asarray(nested(n, x1, n, x0).upper) < 0.10
    t = (
        np.asarray(
            inference.t_bounds(
                clusters.cluster_contrast(*clusters.side_by_side(n, x1, n, x0))
            ).upper
        )
        < 0.10
    )
    assert t.mean() > 0.075
    assert score.mean() < 0.065


def test_beta_binomial() -> None:
    """The distribution function is SciPy's."""
    for x, n, a, b in ((0, 10, 0.4, 3.0), (7, 40, 2.0, 5.0), (40, 40, 1.0, 1.0)):
        assert proportions.beta_binomial_cdf(x, n, a, b) == pytest.approx(betabinom.cdf(x, n, a, b))


def test_without_spread_the_skewed_mean_is_students() -> None:
    """The smaller the coefficient of variation, the smaller the correction.

    The lower bound is Student's throughout.
    """
    for se in (1.0, 10.0, 100.0):
        mean = inference.ClusterInference(2000.0, se, 29.0)
        skewed, plain = means.skewed_mean(mean, 30), inference.t_bounds(mean)
        assert skewed.lower == plain.lower
        assert 0 < (skewed.upper - plain.upper) / se < 40 * se / 2000


def test_skewed_mean_to_first_order() -> None:
    """To first order the upper bound widens by (k/6 + k·t²/3)·se with k = 3·se/mean."""
    mean = inference.ClusterInference(1000.0, 5.0, 1e6)
    k, t = 3 * 5 / 1000, 1.6448536
    widened = means.skewed_mean(mean, 100).upper - inference.t_bounds(mean).upper
    assert widened == pytest.approx(5 * (k / 6 + k * t**2 / 3), rel=0.15)


def test_skewed_mean_without_a_standard_error() -> None:
    """What bounds nothing stays infinite, and values below 0 are left to Student."""
    assert means.skewed_mean(inference.ClusterInference(7.0, float("inf"), 0.0), 1) == (
        -np.inf,
        np.inf,
    )
    assert means.skewed_mean(inference.ClusterInference(7.0, 0.0, 9.0), 10) == (-np.inf, np.inf)
    below = inference.ClusterInference(-3.0, 1.0, 9.0)
    assert means.skewed_mean(below, 10) == inference.t_bounds(below)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.3, 0.6, 0.9])
def test_size_of_skewed_means(spread: float) -> None:
    """Simulated: the mean of 30 lognormal latencies is below its upper bound in 95 %.

    Student's fails up to 12 %.
    """
    values = np.random.default_rng(8).lognormal(-(spread**2) / 2, spread, (20_000, 30))
    mean = means.mean_inference(values.mean(axis=1), values.var(axis=1, ddof=1), 30.0)
    missed = float(np.mean(np.asarray(means.skewed_mean(mean, 30).upper) < 1))
    assert 0.03 < missed < 0.057
    assert float(np.mean(np.asarray(inference.t_bounds(mean).upper) < 1)) > missed


def test_few_clusters_with_events_assume_a_correlation() -> None:
    """Three vetoes of three users weigh as the floor says; where a third has some, as was seen."""
    n, none = np.full(12, 20.0), np.zeros(12)
    rare, often = none.copy(), np.arange(12) % 4.0
    rare[:3] = 1
    for x1, widened in ((rare, True), (often, False)):
        plain, floored = (
            effective.nested_score_difference(
                *clusters.side_by_side(n, x1, n, x1[::-1]), icc_floor=floor
            )
            for floor in (0.0, 0.15)
        )
        assert (floored.upper > plain.upper + 1e-9) == widened
    size = 240 / (1 + 0.15 * 19) / (student.ppf(0.95, 22) / norm.ppf(0.95)) ** 2
    expected = differences.miettinen_nurminen_difference(size / 80, size, size / 80, size)
    bounds = effective.nested_score_difference(
        *clusters.side_by_side(n, rare, n, rare), icc_floor=0.15
    )
    assert bounds == pytest.approx(expected, abs=1e-4)


def test_the_floor_of_crossed_clusters() -> None:
    """Where both arms' few events are in the same users, the floor leaves out what they share."""
    n, treated, control = np.full(12, 20.0), np.zeros(12), np.zeros(12)
    treated[:3], control[:2] = 1, 1
    plain, floored = (
        effective.crossed_score_difference(n, treated, n, control, icc_floor=floor)
        for floor in (0.0, 0.15)
    )
    apart = effective.nested_score_difference(
        *clusters.side_by_side(n, treated, n, control), icc_floor=0.15
    )
    assert plain.upper < floored.upper < apart.upper


def test_losses_that_no_cluster_shows_are_wilsons() -> None:
    """Without an error the bound is that of 0 of G whole clusters, as statsmodels has it."""
    alike = inference.ClusterInference(0.0, 0.0, 1e9)
    for count in (5, 20, 400):
        widened = effective.with_unseen_losses(
            inference.Bounds(0.0, 0.0), alike, 1 / count, icc=1.0
        )
        expected = proportion_confint(0, count, alpha=0.1, method="wilson")[1]
        assert (widened.lower, widened.upper) == pytest.approx((-expected, expected), rel=1e-6)


def test_losses_that_no_cluster_shows_only_widen() -> None:
    """The null's own variance balances either end; none is assumed at 0; all is possible stays."""
    point, icc, share = 0.02, 0.3, np.array([1 / 10, 1 / 40, 1 / 1000])
    difference = inference.ClusterInference(point, 0.03, 19.0)
    ends = inference.Bounds(-0.04, 0.08)
    widened = effective.with_unseen_losses(ends, difference, share, icc=icc)
    x = point - np.asarray(widened.lower)
    t = student.ppf(0.95, 19)
    np.testing.assert_allclose(x**2, 0.06**2 + t**2 * icc * x * (1 - x) * share)
    np.testing.assert_allclose(np.asarray(widened.upper) - point, x)
    assert effective.with_unseen_losses(ends, difference, 0.1, icc=0.0) == pytest.approx(ends)
    nothing = inference.Bounds(-1.0, 1.0)
    assert effective.with_unseen_losses(nothing, difference, 0.1, icc=icc) == nothing
