"""The change between two estimates: against Newcombe's, the normal one and a simulation."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from rolloutlib.stats.differences import miettinen_nurminen_difference
from rolloutlib.stats.recovery import difference_of_estimates

TABLES = [(56, 70, 48, 80), (9, 10, 3, 10), (6, 7, 2, 7), (5, 56, 0, 29), (0, 10, 0, 20)]


@pytest.mark.parametrize("table", TABLES)
def test_two_proportions_have_newcombes_interval(table: tuple[int, int, int, int]) -> None:
    """Recovered from Wilson's bounds it is Newcombe's method 10, as statsmodels computes it."""
    x1, n1, x0, n0 = table
    ends = [proportion_confint(x, n, method="wilson") for x, n in ((x1, n1), (x0, n0))]
    recovered = difference_of_estimates(x1 / n1, ends[0], x0 / n0, ends[1])
    newcombe = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb")
    assert recovered == pytest.approx(newcombe, abs=1e-12)


def test_the_published_example() -> None:
    """Newcombe 1998, his contrast (a): 56/70 and 48/80 give 0.0524 to 0.3339."""
    wilson = [proportion_confint(x, n, method="wilson") for x, n in ((56, 70), (48, 80))]
    recovered = difference_of_estimates(0.8, wilson[0], 0.6, wilson[1])
    assert tuple(round(end, 4) for end in recovered) == (0.0524, 0.3339)


def test_of_normal_estimates_it_is_the_normal_interval() -> None:
    """Where both bounds are z standard errors away, variances add."""
    z, se = norm.ppf(0.95), np.array([0.3, 0.4])
    recovered = difference_of_estimates(2.0, (2 - z * se[0], 2 + z * se[0]), 1.0,
                                   (1 - z * se[1], 1 + z * se[1]))  # fmt: skip
    assert recovered == pytest.approx((1 - z * 0.5, 1 + z * 0.5))


def test_no_bound_stays_none() -> None:
    """What one estimate does not exclude, the change does not either, on that side alone."""
    recovered = difference_of_estimates(0.3, (0.1, inf), 0.2, (0.15, 0.4))
    assert recovered.upper == inf
    assert np.isfinite(recovered.lower)


@pytest.mark.slow
def test_each_bound_fails_as_often_as_it_may() -> None:
    """Two reviews of a difference of rates, 5,000 times: each bound errs in 5 % at most."""
    rng = np.random.default_rng(7)
    reviews: list[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]] = []
    for n, control, treatment in ((300, 0.85, 0.88), (180, 0.85, 0.80)):
        x0, x1 = (rng.binomial(n, p, 5_000) for p in (control, treatment))
        ends = miettinen_nurminen_difference(x1, n, x0, n, confidence=0.95)
        reviews.append(((x1 - x0) / n, (np.asarray(ends.lower), np.asarray(ends.upper))))
    (before, old), (after, new) = reviews
    lower, upper = difference_of_estimates(after, new, before, old)
    truth = (0.80 - 0.85) - (0.88 - 0.85)
    errors = [float(np.mean(np.asarray(lower) > truth)), float(np.mean(np.asarray(upper) < truth))]
    assert max(errors) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 5_000)
    assert min(errors) > 0.035  # and is not wider than it says
