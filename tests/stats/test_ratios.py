"""Ratios of two means: Fieller's bounds against root finding and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t

from rolloutlib.stats import ratios

EVERYTHING = (-np.inf, np.inf)


@pytest.mark.parametrize("cov", [-200.0, 0.0, 900.0])
def test_fieller_solves_its_equation(cov: float) -> None:
    """At the bounds (m1 - θ m0)/se(θ) is t's quantile, found independently by SciPy's brentq."""
    m1, m0, v1, v0, df = 3100.0, 3000.0, 40.0**2, 35.0**2, 17.0

    def beyond(ratio: float, quantile: float) -> float:
        return (m1 - ratio * m0) / np.sqrt(v1 - 2 * ratio * cov + ratio**2 * v0) - quantile

    expected = [
        brentq(beyond, 0.5, 2, args=(t.ppf(level, df),), xtol=1e-14) for level in (0.95, 0.05)
    ]
    assert ratios.fieller(m1, m0, v1, v0, cov, df) == pytest.approx(expected, abs=1e-10)


def test_fieller_covers() -> None:
    """In 20,000 simulated latencies on/off each bound covers the true ratio in 95 %."""
    rng = np.random.default_rng(5)
    on, off = rng.normal(3300, 700, (2, 20_000, 30))
    off = off * 3000 / 3300
    v1, v0 = on.var(axis=1, ddof=1) / 30, off.var(axis=1, ddof=1) / 30
    bounds = ratios.fieller(on.mean(axis=1), off.mean(axis=1), v1, v0, 0.0, 58.0)
    assert np.mean(np.asarray(bounds.lower) <= 1.1) == pytest.approx(0.95, abs=0.006)
    assert np.mean(np.asarray(bounds.upper) >= 1.1) == pytest.approx(0.95, abs=0.006)


def test_fieller_is_unbounded_when_the_control_may_be_zero() -> None:
    """A control within t standard errors of 0, no variation and no freedom leave the ratio open."""
    assert ratios.fieller(5.0, 1.0, 1.0, 1.0, 0.0, 20.0) == EVERYTHING
    assert ratios.fieller(5.0, 1.0, 0.0, 0.0, 0.0, 20.0) == EVERYTHING
    assert ratios.fieller(5.0, 4.0, 1.0, 1.0, 0.0, 0.0) == EVERYTHING
    assert ratios.fieller(np.nan, 4.0, 1.0, 1.0, 0.0, 9.0) == EVERYTHING
    with pytest.raises(ValueError, match=r"confidence == 0.4, must be between 0.5 and 1"):
        ratios.fieller(5.0, 4.0, 1.0, 1.0, 0.0, 9.0, confidence=0.4)
