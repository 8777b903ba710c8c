"""One proportion: against statsmodels, SciPy, exact coverage, and the edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import proportion_confint

from rolloutlib import stats

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS = [stats.wilson, stats.clopper_pearson, stats.mid_p]
CLOSE = 1e-10  # both sides are accurate to rounding


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Return events and trials."""
    n = draw(st.integers(1, 400))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("bound", "method"),
    [(stats.wilson, "wilson"), (stats.clopper_pearson, "beta"), (stats.mid_p, "binom_test")],
)
def test_statsmodels_agrees(bound: Callable[..., stats.Bounds], method: str) -> None:
    """Wilson and Clopper-Pearson equal statsmodels' intervals at every count; mid-p lies inside the exact one."""
    n = 37
    for x in range(n + 1):
        ours = bound(x, n, confidence=0.975)
        if method == "binom_test":
            exact = stats.clopper_pearson(x, n, confidence=0.975)
            assert exact.lower <= ours.lower <= ours.upper <= exact.upper
        else:
            theirs = proportion_confint(x, n, alpha=0.05, method=method)
            assert ours == pytest.approx(theirs, abs=CLOSE)


def test_exact_coverage() -> None:
    """Over all counts of n = 30, each Clopper-Pearson bound covers every probability at least as often as it says."""
    n, confidence = 30, 0.95
    bounds = stats.clopper_pearson(np.arange(n + 1), n, confidence=confidence)
    for p in np.linspace(0.005, 0.995, 199):
        chance = np.asarray(binom.pmf(np.arange(n + 1), n, p))
        assert chance[np.asarray(bounds.upper) >= p].sum() >= confidence
        assert chance[np.asarray(bounds.lower) <= p].sum() >= confidence


def test_mid_p_solves_its_equation() -> None:
    """At a mid-p bound half the observed count's probability plus the tail is alpha (SciPy's binomial)."""
    x, n, confidence = 15, 148, 0.95
    lower, upper = stats.mid_p(x, n, confidence=confidence)
    assert binom.sf(x, n, lower) + 0.5 * binom.pmf(x, n, lower) == pytest.approx(
        1 - confidence, abs=CLOSE
    )
    assert binom.cdf(x - 1, n, upper) + 0.5 * binom.pmf(x, n, upper) == pytest.approx(
        1 - confidence, abs=CLOSE
    )


@pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
def test_binomial_test_equals_scipy(alternative: stats.Alternative) -> None:
    """The exact p-value equals SciPy's binomtest, at the edges too."""
    for x, n, p in [
        (0, 10, 0.3),
        (10, 10, 0.3),
        (3, 10, 0.3),
        (24, 84, 0.41),
        (5, 10, 0.5),
        (0, 0, 0.5),
    ]:
        expected = binomtest(x, n, p, alternative=alternative).pvalue if n else 1.0
        assert stats.binomial_test(x, n, p, alternative=alternative) == pytest.approx(
            expected, abs=CLOSE
        )


@pytest.mark.parametrize("bound", BOUNDS)
def test_edges(bound: Callable[..., stats.Bounds]) -> None:
    """0/n starts at 0 with an upper bound above it, n/n ends at 1, and 0/0 knows nothing."""
    none, every, empty = (bound(x, n) for x, n in ((0, 20), (20, 20), (0, 0)))
    assert none.lower == 0 < none.upper < 0.2
    assert every.upper == 1 > every.lower > 0.8
    assert empty == (0, 1)


def test_no_events_has_a_closed_form() -> None:
    """Without events the upper bound is 1 - alpha^(1/n): 299 samples prove 1 %, 298 do not."""
    assert stats.clopper_pearson(0, 299).upper == pytest.approx(1 - 0.05 ** (1 / 299), abs=CLOSE)
    assert stats.clopper_pearson(0, 299).upper <= 0.01 < stats.clopper_pearson(0, 298).upper


@given(counts(), st.floats(0.5, 0.998))
def test_more_confidence_widens_around_the_point(
    sample: tuple[int, int], confidence: float
) -> None:
    """Bounds hold the observed share and move apart when more confidence is asked for."""
    x, n = sample
    for bound in BOUNDS[:2]:
        some, more = bound(x, n, confidence=confidence), bound(x, n, confidence=confidence + 0.001)
        assert more.lower <= some.lower + CLOSE
        assert some.upper <= more.upper + CLOSE
        assert some.lower - CLOSE <= x / n <= some.upper + CLOSE


@settings(max_examples=40)  # root finding takes 10 ms an example
@given(counts())
def test_failures_mirror_successes(sample: tuple[int, int]) -> None:
    """The bounds of the failures' share are one minus those of the successes'."""
    x, n = sample
    for bound in BOUNDS:
        passed, failed = bound(x, n), bound(n - x, n)
        assert passed.lower == pytest.approx(1 - failed.upper, abs=CLOSE)


def test_arrays_are_many_scalars() -> None:
    """An array of counts gives the bounds of each count."""
    n = np.array([5, 10, 0])
    many = stats.mid_p([0, 4, 0], n)
    each = [stats.mid_p(x, size) for x, size in zip([0, 4, 0], n, strict=True)]
    assert np.asarray(many.upper).tolist() == [bounds.upper for bounds in each]


@pytest.mark.parametrize(
    "wrong", [(-1, 5), (6, 5), (float("nan"), 5), (1, float("nan")), (1, float("inf"))]
)
def test_refuses_what_is_no_count(wrong: tuple[float, float]) -> None:
    """Negative, excessive, NaN and infinite counts are refused with the value and the rule."""
    with pytest.raises(ValueError, match=r"x == .*must be counts with 0 <= x <= n"):
        stats.clopper_pearson(*wrong)


@pytest.mark.parametrize("confidence", [0, 1, 2, float("nan")])
def test_refuses_what_is_no_confidence(confidence: float) -> None:
    """A confidence outside of 0 to 1 is refused by name, value and rule."""
    with pytest.raises(ValueError, match=rf"confidence == {confidence}, must be between 0 and 1\."):
        stats.wilson(1, 2, confidence=confidence)
