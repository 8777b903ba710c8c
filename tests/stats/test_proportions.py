"""One proportion: against statsmodels, SciPy, exact coverage, and the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from rolloutlib.stats import proportions

BOUNDS = [proportions.clopper_pearson]
CLOSE = 1e-10  # both sides are accurate to rounding


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Return events and trials."""
    n = draw(st.integers(1, 400))
    return draw(st.integers(0, n)), n


def test_statsmodels_agrees() -> None:
    """The bounds equal statsmodels' intervals at every count."""
    for x in range(38):
        ours = proportions.clopper_pearson(x, 37, confidence=0.975)
        assert ours == pytest.approx(proportion_confint(x, 37, method="beta"), abs=CLOSE)


def test_binomial_chances_equal_scipys() -> None:
    """The distribution function equals SciPy's, below 0 and from n on too."""
    for x, n, p in [(-1, 10, 0.3), (10, 10, 0.3), (3, 10, 0.3), (24, 84, 0.41), (0, 0, 0.5)]:
        assert proportions.binomial_cdf(x, n, p) == pytest.approx(binom.cdf(x, n, p), abs=CLOSE)


def test_edges() -> None:
    """0/n starts at 0 with an upper bound above it, n/n ends at 1, and 0/0 knows nothing."""
    bounds = (proportions.clopper_pearson(x, n) for x, n in ((0, 20), (20, 20), (0, 0)))
    none, every, empty = bounds
    assert none.lower == 0 < none.upper < 0.2
    assert every.upper == 1 > every.lower > 0.8
    assert empty == (0, 1)


def test_exact_coverage() -> None:
    """Over all counts of n = 30 each bound covers at least as often as it says."""
    n, confidence = 30, 0.95
    bounds = proportions.clopper_pearson(np.arange(n + 1), n, confidence=confidence)
    for p in np.linspace(0.005, 0.995, 199):
        chance = np.asarray(binom.pmf(np.arange(n + 1), n, p))
        assert chance[np.asarray(bounds.upper) >= p].sum() >= confidence
        assert chance[np.asarray(bounds.lower) <= p].sum() >= confidence


def test_no_events_has_a_closed_form() -> None:
    """Without events the upper bound is 1 - alpha^(1/n): 299 samples prove 1 %, 298 do not."""
    assert proportions.clopper_pearson(0, 299).upper == pytest.approx(
        1 - 0.05 ** (1 / 299), abs=CLOSE
    )
    assert (
        proportions.clopper_pearson(0, 299).upper
        <= 0.01
        < proportions.clopper_pearson(0, 298).upper
    )


@given(counts(), st.floats(0.5, 0.998))
def test_more_confidence_widens_around_the_point(
    sample: tuple[int, int], confidence: float
) -> None:
    """Bounds hold the observed share and move apart when more confidence is asked for."""
    x, n = sample
    for bound in BOUNDS:
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


@pytest.mark.parametrize(
    "wrong", [(-1, 5), (6, 5), (float("nan"), 5), (1, float("nan")), (1, float("inf"))]
)
def test_refuses_what_is_no_count(wrong: tuple[float, float]) -> None:
    """Negative, excessive, NaN and infinite counts are refused with the value and the rule."""
    with pytest.raises(ValueError, match=r"x == .*must be counts with 0 <= x <= n"):
        proportions.clopper_pearson(*wrong)


@pytest.mark.parametrize("confidence", [0, 1, 2, float("nan")])
def test_refuses_what_is_no_confidence(confidence: float) -> None:
    """A confidence outside of 0 to 1 is refused by name, value and rule."""
    with pytest.raises(ValueError, match=rf"confidence == {confidence}, must be between 0 and 1\."):
        proportions.clopper_pearson(1, 2, confidence=confidence)
