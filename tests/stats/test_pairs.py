"""Pairs: against statsmodels' McNemar, a brute-force likelihood and simulated coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm
from statsmodels.stats.contingency_tables import mcnemar

from rolloutlib.stats import pairs

CLOSE = 1e-10
BRUTE = 1e-6  # a maximum is flat, hence less exact


@st.composite
def pair_tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Return a (both), b (treatment only), c (control only), d (neither), at least one pair."""
    a, b, c, d = (draw(st.integers(0, 80)) for _ in "abcd")
    return a + 1, b, c, d


def brute_score(b: int, c: int, n: int, null: float) -> float:
    """Return z by maximising the trinomial likelihood over the control-only share numerically."""

    def loss(only0: float) -> float:
        only1 = only0 + null
        rest = 1 - only1 - only0
        cells = ((b, only1), (c, only0), (n - b - c, rest))
        if any(p < 0 for _, p in cells):
            return np.inf
        return (
            -sum(count * np.log(p) for count, p in cells if count)
            if all(p > 0 or not k for k, p in cells)
            else np.inf
        )

    low, high = max(0.0, -null), (1 - null) / 2
    only0 = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * null) / np.sqrt(n * (2 * only0 + null - null**2))


@pytest.mark.parametrize(("b", "c", "n"), [(1, 7, 21), (20, 40, 160), (6, 16, 161), (25, 20, 500)])
def test_tango_inverts_the_brute_force_score(b: int, c: int, n: int) -> None:
    """At Tango's bounds, z by numerical maximum likelihood is the normal quantile."""
    bounds = pairs.tango(b, c, n)
    assert brute_score(b, c, n, bounds.lower) == pytest.approx(norm.ppf(0.95), abs=BRUTE)
    assert brute_score(b, c, n, bounds.upper) == pytest.approx(norm.ppf(0.05), abs=BRUTE)


@pytest.mark.parametrize(("b", "c"), [(150, 86), (3, 9), (5, 5), (0, 4)])
def test_mcnemar_equals_statsmodels(b: int, c: int) -> None:
    """McNemar's exact p equals statsmodels', and one-sided SciPy's binomial test."""
    table = [[10, b], [c, 10]]
    exact: Any = mcnemar(table, exact=True)
    assert pairs.mcnemar_exact(b, c) == pytest.approx(exact.pvalue, abs=CLOSE)
    for alternative in ("less", "greater"):
        expected = binomtest(b, b + c, alternative=alternative).pvalue
        assert pairs.mcnemar_exact(b, c, alternative=alternative) == pytest.approx(expected)


def test_variance_at_the_null_is_tangos() -> None:
    """With ten million pairs z by numerical likelihood is the distance over the root of it."""
    n, differ, change, null = 10**7, 0.1, -0.01, -0.03
    b, c = round((differ + change) / 2 * n), round((differ - change) / 2 * n)
    z = (change - null) / np.sqrt(pairs.tango_variance(differ, change, null) / n)
    assert brute_score(b, c, n, null) == pytest.approx(z, rel=1e-6)


def test_simulated_coverage() -> None:
    """In 20,000 samples of 100 pairs Tango's lower bound covers about 95 %."""
    rng = np.random.default_rng(7)
    b, c, _ = rng.multinomial(100, [0.06, 0.08, 0.86], size=20_000).T
    lower = np.asarray(pairs.tango(b, c, 100).lower)
    assert np.mean(lower <= -0.02) == pytest.approx(0.95, abs=0.01)


@settings(max_examples=40)  # root finding takes 10 ms an example
@given(pair_tables())
def test_swapped_arms_mirror(table: tuple[int, int, int, int]) -> None:
    """Swapping the arms negates and swaps the bounds, which hold the point.

    More confidence widens them.
    """
    a, b, c, d = table
    n = a + b + c + d
    ours, swapped = pairs.tango(b, c, n), pairs.tango(c, b, n)
    assert ours == pytest.approx((-swapped.upper, -swapped.lower), abs=1e-9)
    more = pairs.tango(b, c, n, confidence=0.99)
    assert more.lower <= ours.lower <= (b - c) / n + CLOSE
    assert (b - c) / n - CLOSE <= ours.upper <= more.upper


def test_degenerate_pairs() -> None:
    """Without discordant pairs bounds keep their width, without pairs they are the range."""
    lower, upper = pairs.tango(0, 0, 30)
    assert -0.11 < lower < 0 < upper < 0.11
    assert pairs.tango(30, 0, 30).upper == pytest.approx(1.0)
    assert pairs.tango(0, 0, 0) == (-1, 1)
    assert pairs.mcnemar_exact(0, 0) == 1


def test_refuses_more_discordant_pairs_than_pairs() -> None:
    """B + c above n is refused."""
    with pytest.raises(ValueError, match="must be counts"):
        pairs.tango(6, 6, 10)
