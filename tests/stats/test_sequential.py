"""Repeated looks: against normal integrals, published tables and simulated paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from rolloutlib.stats import sequential

if TYPE_CHECKING:
    from collections.abc import Callable


def stays_below(limits: list[float], information: list[float]) -> float:
    """Return P(Z_k < limit_k for all k) by SciPy's multivariate normal integral."""
    times = np.array(information)
    correlation = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    return float(multivariate_normal(cov=correlation, seed=1).cdf(limits))


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize(
    "information", [[0.5, 1.0], [0.2, 0.45, 0.8], [0.3, 0.31, 1.0], [0.9, 1.0, 1.2]]
)
def test_limits_spend_what_they_may(
    spending: sequential.Spending, information: list[float]
) -> None:
    """After each look the chance of having crossed is what may be spent (SciPy's integral)."""
    limits = sequential.lan_demets_boundaries(information, alpha=0.05, spending=spending)
    finite = np.isfinite(limits)
    for k in range(1, len(information) + 1):
        use = np.flatnonzero(finite[:k])
        crossed = 1 - stays_below(limits[use].tolist(), [information[i] for i in use])
        assert crossed == pytest.approx(
            sequential.spent(information[k - 1], alpha=0.05, spending=spending), abs=5e-5
        )


def test_one_look_is_the_plain_quantile() -> None:
    """With a single look the limit is the normal quantile."""
    limit = sequential.lan_demets_boundaries([1.0], alpha=0.05)[0]
    assert limit == pytest.approx(norm.ppf(0.95), abs=1e-9)


def test_fourteen_days_in_simulation() -> None:
    """Of 100,000 paths without harm, 14 daily Pocock-type looks stop 5 %.

    Plain daily tests stop about 19 %.
    """
    rng = np.random.default_rng(1)
    days = np.arange(1, 15)
    z = np.cumsum(rng.standard_normal((100_000, 14)), axis=1) / np.sqrt(days)
    limits = sequential.lan_demets_boundaries((days / 14).tolist(), alpha=0.05, spending="pocock")
    assert np.mean((z > limits).any(axis=1)) == pytest.approx(0.05, abs=0.003)
    assert np.mean((z > norm.ppf(0.95)).any(axis=1)) == pytest.approx(0.19, abs=0.02)


def test_looks_without_new_information_do_not_test() -> None:
    """A look whose information fell, or after all was spent, has an infinite limit."""
    limits = sequential.lan_demets_boundaries([0.5, 0.4, 0.5, 1.0, 1.3], alpha=0.05)
    plain = sequential.lan_demets_boundaries([0.5, 1.0], alpha=0.05)
    assert limits[[1, 2, 4]].tolist() == [np.inf] * 3
    assert limits[[0, 3]] == pytest.approx(plain, abs=1e-12)


def test_binomial_limits_of_the_daily_trigger() -> None:
    """At 100 samples a day and 1 % the cumulative limits are the published ones."""
    limits = sequential.binomial_spending_limits([100 * day for day in range(1, 15)], p0=0.01)
    assert limits == [5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20, 22, 23]


@pytest.mark.parametrize("sizes", [[100, 200, 300, 400], [10, 250, 260, 900]])
def test_binomial_limits_in_simulation(sizes: list[int]) -> None:
    """Paths at the tolerated rate reach a limit in at most alpha.

    A smaller last limit would exceed it.
    """
    limits = sequential.binomial_spending_limits(sizes, p0=0.01)
    rng = np.random.default_rng(3)
    events = np.cumsum(rng.binomial(np.diff([0, *sizes]), 0.01, (200_000, len(sizes))), axis=1)
    assert np.mean((events >= limits).any(axis=1)) <= 0.05 + 0.001
    assert np.mean((events >= [*limits[:-1], limits[-1] - 1]).any(axis=1)) > 0.05


def test_a_day_too_small_to_reject_has_no_limit() -> None:
    """With two samples no count is rare enough at a tolerated rate of .5.

    The limit is out of reach.
    """
    assert sequential.binomial_spending_limits([2, 40], p0=0.5)[0] == 3


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sequential.lan_demets_boundaries([], alpha=0.05), "must be fractions above 0"),
        (
            lambda: sequential.lan_demets_boundaries([0.0, 1.0], alpha=0.05),
            "fractions above 0, one a look",
        ),
        (lambda: sequential.spent(0.5, alpha=0.05, spending="linear"), "spending == 'linear'"),  # pyright: ignore[reportArgumentType] -- the error is the point
        (lambda: sequential.binomial_spending_limits([100, 100], p0=0.01), "must be increasing"),
    ],
)
def test_refuses(call: Callable[[], object], says: str) -> None:
    """Wrong looks, sides and spending functions are refused by name and value."""
    with pytest.raises(ValueError, match=says):
        call()
