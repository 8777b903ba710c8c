"""Anytime-valid bounds and e-values: against their defining equations, exact expectations and simulated paths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, binom, norm

from rolloutlib import stats


@pytest.mark.parametrize("variance", [0.0, 1.0, 1000.0, 1e6])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-6])
def test_one_sided_boundary_solves_its_equation(variance: float, alpha: float) -> None:
    """At the boundary the half-normal mixture's likelihood ratio is 1/alpha (SciPy's quadrature of the mixture)."""
    rho = 50.0
    boundary = stats.normal_mixture_one_sided(variance, rho=rho, alpha=alpha)
    centre, spread = boundary / (variance + rho), 1 / np.sqrt(variance + rho)

    def ratio(slope: float) -> float:
        return (
            2
            * norm.pdf(slope, scale=1 / np.sqrt(rho))
            * np.exp(slope * boundary - slope**2 * variance / 2)
        )

    mixture, _ = quad(ratio, 0, centre + 12 * spread, points=[centre], epsabs=0, epsrel=1e-10)
    assert mixture == pytest.approx(1 / alpha, rel=1e-7)


def test_two_sided_boundary_solves_its_equation() -> None:
    """The same for the two-sided normal mixture, whose integral has a closed form."""
    v, rho = 10.0, 2.0
    boundary = stats.normal_mixture_two_sided(v, rho=rho, alpha=0.01)
    assert np.sqrt(rho / (v + rho)) * np.exp(boundary**2 / (2 * (v + rho))) == pytest.approx(100)


def test_mixture_rho_is_near_the_best() -> None:
    """The boundary at the planned variance is within 1 % of the best over a grid of rho, one- and two-sided."""
    for sided, boundary in (
        (1, stats.normal_mixture_one_sided),
        (2, stats.normal_mixture_two_sided),
    ):
        chosen = boundary(400.0, rho=stats.mixture_rho(400.0, sided=sided))
        best = min(boundary(400.0, rho=float(rho)) for rho in np.geomspace(1, 4000, 200))
        assert chosen <= 1.01 * best


def test_simulated_paths_stay_inside() -> None:
    """Of 4,000 paths looked at 1,000 times, fewer than 5 % ever leave; fixed 95 % bounds are left by far more."""
    rng = np.random.default_rng(2)
    sums = np.cumsum(rng.standard_normal((4000, 1000)), axis=1)
    times = np.arange(1.0, 1001.0)
    boundary = stats.normal_mixture_one_sided(times, rho=50.0)
    assert 0.005 < np.mean((sums > boundary).any(axis=1)) < 0.05
    assert np.mean((sums > norm.ppf(0.95) * np.sqrt(times)).any(axis=1)) > 0.3


def test_anytime_bounds_are_the_boundary_in_the_points_units() -> None:
    """With se² = 1/I the margin is u(I)/I; wider than the fixed bound; infinite without a standard error."""
    found = stats.ClusterInference(point=-0.01, se=0.02, df=50.0)
    lower, upper = stats.anytime_bounds(found, rho=500.0)
    margin = stats.normal_mixture_one_sided(2500.0, rho=500.0) / 2500.0
    assert (lower, upper) == pytest.approx((-0.01 - margin, -0.01 + margin))
    assert lower < stats.t_bounds(found).lower
    for se in (0.0, np.inf):
        assert stats.anytime_bounds(found._replace(se=se), rho=500.0) == (-np.inf, np.inf)


def test_msprt_is_a_fair_bet() -> None:
    """Under no effect the likelihood ratio has mean 1 (quadrature over the estimate's distribution)."""
    variance = 0.0004

    def weighted(point: float) -> float:
        ratio = stats.msprt_likelihood_ratio(point, variance, tau2=0.0001)
        return ratio * float(norm.pdf(point, scale=np.sqrt(variance)))

    mean, _ = quad(weighted, -0.4, 0.4, points=[0])
    assert mean == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("n", [1, 50, 100])
def test_beta_binomial_is_a_fair_bet(n: int) -> None:
    """At the tolerated rate the e-value has mean exactly 1 at any n; below it, less than 1 (SciPy's binomial)."""
    x = np.arange(n + 1)
    e = np.asarray(stats.beta_binomial_e_value(x, n, p0=0.01, a=0.5, b=20.0))
    assert e @ binom.pmf(x, n, 0.01) == pytest.approx(1, rel=1e-9)
    assert e @ binom.pmf(x, n, 0.004) < 1


def test_beta_binomial_equals_its_integral() -> None:
    """The e-value is the mean likelihood ratio over the prior above p0 (SciPy's quadrature)."""
    p0, a, b, x, n = 0.02, 1.0, 9.0, 6, 120

    def ratio(p: float) -> float:
        return float(beta.pdf(p, a, b)) * (p / p0) ** x * ((1 - p) / (1 - p0)) ** (n - x)

    integral, _ = quad(ratio, p0, 1, points=[0.05, 0.1], epsabs=0)
    assert stats.beta_binomial_e_value(x, n, p0=p0, a=a, b=b) == pytest.approx(
        integral / beta.sf(p0, a, b), rel=1e-8
    )


def test_refuses() -> None:
    """A negative variance, an alpha of one half and a prior variance of 0 are refused."""
    with pytest.raises(ValueError, match=r"variance == -1\.0, must be 0 or more"):
        stats.normal_mixture_one_sided(-1.0, rho=1.0)
    with pytest.raises(ValueError, match=r"alpha == 0\.5, must be between 0 and 0\.5"):
        stats.normal_mixture_two_sided(1.0, rho=1.0, alpha=0.5)
    with pytest.raises(ValueError, match="tau2 == 0"):
        stats.msprt_likelihood_ratio(0.0, 1.0, tau2=0)
    with pytest.raises(ValueError, match=r"variance == 0\.0, must be above 0"):
        stats.msprt_likelihood_ratio(0.0, 0.0, tau2=1.0)
