"""Bounds of quantiles and of their ratio: order statistics by hand, and worlds that hurt."""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, log

import numpy as np
import pytest
from scipy import stats

from rolloutlib.stats.inference import Bounds
from rolloutlib.stats.quantiles import (
    cut_beyond,
    least_size,
    quantile_bounds,
    quantile_ratio,
    ranks,
)


@pytest.mark.parametrize("size", [12, 59, 200, 3000])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.95])
def test_ranks_are_the_binomial_order_statistics(size: int, q: float) -> None:
    """At whole sizes they round to the ranks that SciPy's binomial gives (Woodruff by hand)."""
    low, high = ranks(size, q)
    below = max(
        (k for k in range(1, size + 1) if stats.binom.sf(k - 1, size, q) >= 0.95), default=0
    )
    above = min(
        (k for k in range(1, size + 1) if stats.binom.cdf(k - 1, size, q) >= 0.95), default=0
    )
    assert int(low) == below
    assert (high == inf) == (above == 0)
    if above:
        assert -int(-high // 1) == above


def test_a_quantile_has_an_upper_bound_from_59_samples_on() -> None:
    """Below log(.05)/log(.95) nothing bounds a 95th percentile from above; there is no guess."""
    assert least_size(0.95) == pytest.approx(58.4)
    values = np.arange(1.0, 59.0)
    assert quantile_bounds(values, np.ones(58), 0.95, 58, point=55.0).upper == inf
    values = np.arange(1.0, 60.0)
    assert quantile_bounds(values, np.ones(59), 0.95, 59, point=56.0).upper == 59.0


def test_a_heap_has_the_width_of_its_steps() -> None:
    """Where all order statistics are the point itself, bounds go half way to the next values."""
    values, counts = np.array([1000.0, 2000.0, 3000.0]), np.array([500.0, 480.0, 20.0])
    assert quantile_bounds(values, counts, 0.95, 1000, point=2000.0) == (1500.0, 2500.0)
    top = quantile_bounds(values[:2], counts[:2], 0.95, 980, point=2000.0)
    assert top == (1500.0, 2500.0)
    alone = quantile_bounds(values[:1], counts[:1], 0.95, 500, point=1000.0)
    assert alone == (0.0, inf)


def test_the_ratio_is_recovered_on_the_logarithmic_scale() -> None:
    """By hand: log U = log r + sqrt(a² + b² − 2·c·a·b); no correlation is the widest."""
    treated, control = (110.0, Bounds(104.0, 121.0)), (100.0, Bounds(93.0, 108.0))
    a, b = log(121 / 110), log(100 / 93)
    for c in (0.0, 0.4):
        _, bounds = quantile_ratio(treated, control, c)
        assert bounds.upper == pytest.approx(1.1 * exp((a**2 + b**2 - 2 * c * a * b) ** 0.5))
    assert quantile_ratio(treated, (0.0, Bounds(0.0, 3.0)))[1] == (0.0, inf)
    assert quantile_ratio((0.0, Bounds(0.0, 4.0)), (2.0, Bounds(1.0, 3.0))) == (0.0, (0.0, 4.0))
    assert quantile_ratio((9.0, Bounds(8.0, inf)), control)[1].upper == inf


def test_what_lies_beyond_is_nearest_to_its_share() -> None:
    """A heap counts as beyond, or not, whichever share is nearer to 1 − q; never none or all."""
    assert cut_beyond(np.array([1.0, 2.0, 3.0]), np.array([90.0, 6.0, 4.0]), 0.95) == 2.0
    assert cut_beyond(np.array([1.0, 2.0]), np.array([70.0, 30.0]), 0.95) == 1.0
    assert cut_beyond(np.array([2.0]), np.array([30.0]), 0.95) < 2.0


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n"), [("lognormal", 80), ("pareto", 300), ("seconds", 200)])
def test_a_bound_of_one_arm_errs_in_five_per_cent(kind: str, n: int) -> None:
    """Upper and lower bounds of a p95 hold in worlds with heavy tails and with heaps of seconds."""
    rng, truth = np.random.default_rng(4), 0.0
    missed = np.zeros(2)
    for _ in range(400):
        z = rng.standard_normal(n)
        values = np.exp(z) if kind == "lognormal" else stats.norm.sf(z) ** -0.6
        truth = exp(stats.norm.ppf(0.95)) if kind == "lognormal" else 0.05**-0.6
        if kind == "seconds":
            values, truth = np.ceil(values), np.ceil(truth)
        different, counts = np.unique(values, return_counts=True)
        point = float(np.quantile(values, 0.95))
        low, high = quantile_bounds(different, counts.astype(float), 0.95, n, point=point)
        missed += low > truth, high < truth
    assert (missed / 400 < 0.075).all()  # 5 % and two standard errors of 400 draws


def test_bounds_narrow_as_samples_come_in() -> None:
    """More samples of the same values leave less open."""
    widths = [
        quantile_bounds(np.arange(1.0, 101.0), np.full(100, k), 0.9, 100.0 * k, point=90.0)
        for k in (1.0, 4.0, 16.0)
    ]
    assert all(a.upper - a.lower > b.upper - b.lower for a, b in pairwise(widths))
