"""Anytime-valid bounds: against their defining equation, a grid and simulated paths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from rolloutlib.stats import anytime


@pytest.mark.parametrize("variance", [0.0, 1.0, 1000.0, 1e6])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-6])
def test_one_sided_boundary_solves_its_equation(variance: float, alpha: float) -> None:
    """At the boundary the half-normal mixture's likelihood ratio is 1/alpha (quadrature)."""
    rho = 50.0
    boundary = anytime.normal_mixture_one_sided(variance, rho=rho, alpha=alpha)
    centre, spread = boundary / (variance + rho), 1 / np.sqrt(variance + rho)

    def ratio(slope: float) -> float:
        return (
            2
            * norm.pdf(slope, scale=1 / np.sqrt(rho))
            * np.exp(slope * boundary - slope**2 * variance / 2)
        )

    mixture, _ = quad(ratio, 0, centre + 12 * spread, points=[centre], epsabs=0, epsrel=1e-10)
    assert mixture == pytest.approx(1 / alpha, rel=1e-7)


def test_mixture_rho_is_near_the_best() -> None:
    """The boundary at the planned variance is within 1 % of the best over a grid of rho."""
    boundary = anytime.normal_mixture_one_sided
    best = min(boundary(400.0, rho=float(rho)) for rho in np.geomspace(1, 4000, 200))
    assert boundary(400.0, rho=anytime.mixture_rho(400.0)) <= 1.01 * best


def test_simulated_paths_stay_inside() -> None:
    """Of 4,000 paths looked at 1,000 times, fewer than 5 % ever leave.

    Fixed 95 % bounds are left by far more.
    """
    rng = np.random.default_rng(2)
    sums = np.cumsum(rng.standard_normal((4000, 1000)), axis=1)
    times = np.arange(1.0, 1001.0)
    boundary = anytime.normal_mixture_one_sided(times, rho=50.0)
    assert 0.005 < np.mean((sums > boundary).any(axis=1)) < 0.05
    assert np.mean((sums > norm.ppf(0.95) * np.sqrt(times)).any(axis=1)) > 0.3


def test_refuses() -> None:
    """A negative variance and an alpha of one half are refused."""
    with pytest.raises(ValueError, match=r"variance == -1\.0, must be 0 or more"):
        anytime.normal_mixture_one_sided(-1.0, rho=1.0)
    with pytest.raises(ValueError, match=r"alpha == 0\.5, must be between 0 and 0\.5"):
        anytime.normal_mixture_one_sided(1.0, rho=1.0, alpha=0.5)
