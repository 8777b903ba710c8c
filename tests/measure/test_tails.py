"""Ratios of quantiles of clustered samples: pairs, nested users, single samples; coverage."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pytest
from scipy import stats

from rolloutlib.measure.design import Arms, compared, read_design
from rolloutlib.measure.estimates import Estimate, estimate_gate
from rolloutlib.measure.histograms import Histogram
from rolloutlib.measure.moments import Cells
from rolloutlib.measure.needed import Needed, needed_for_quantiles
from rolloutlib.measure.tails import Ratio, filled, ratio_of_quantiles
from rolloutlib.plan.gates import Gate
from rolloutlib.stats.quantiles import cut_beyond
from tests.often import EXHAUSTIVE
from tests.tables import RULES as PLAN_RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.plan.gates import Evidence

P95 = Gate.model_validate({
    "title": "Slowest", "metric": "latency_ms", "contrast": "ratio", "statistic": "quantile",
    "quantile": 0.95, "harm": "higher", "limit": 1.5, "alternative": 1.0,
})  # fmt: skip
RULES = cast("Evidence", SimpleNamespace(confidence=0.95, icc_floor=0.02))
Q = 0.95


def cells(values: NDArray[np.float64], units: NDArray[Any], size: int) -> tuple[Histogram, Cells]:
    """Return an arm's values counted, and by unit what lies beyond its own quantile."""
    steps = np.round(values, 1).astype(np.float64)
    different, counts = np.unique(steps, return_counts=True)
    n = np.bincount(units, minlength=size).astype(float)
    slow = steps > cut_beyond(different, counts.astype(float), Q)
    mean = np.bincount(units, slow, size) / np.maximum(n, 1)
    return Histogram(different, counts.astype(float)), Cells(n, mean, n * mean * (1 - mean))


def ratio(
    treated: NDArray[np.float64], control: NDArray[np.float64],
    units: tuple[NDArray[Any], NDArray[Any]],
    unit: Literal["sample", "user"] = "user",
) -> Ratio:  # fmt: skip
    """Bound the ratio of both arms' 95th percentiles."""
    size = int(max(part.max() for part in units)) + 1
    (values1, cells1), (values0, cells0) = (
        cells(values, of, size) for values, of in zip((treated, control), units, strict=True)
    )
    arms = Arms(cells0, cells1, unit, tails=(values0, values1))
    return ratio_of_quantiles(arms, compared(arms, read_design(arms, "ratio")[1].kind), Q, RULES)


def test_equal_arms_have_a_ratio_of_one_and_a_width() -> None:
    """The same latencies in both arms, in whole seconds: exactly 1, and bounds beside it."""
    values = np.repeat(np.arange(1.0, 11.0), 40) * 1000
    users = np.arange(len(values)) % 100
    same = ratio(values, values, (users, users))
    assert same.point == 1.0
    assert same.lower < 1.0 < same.upper


def test_alike_users_are_fewer_samples() -> None:
    """Ten copies of each user's latency are no more evidence than one."""
    rng = np.random.default_rng(2)
    once = np.exp(7 + rng.standard_normal((2, 90)))
    users = np.arange(90)
    many, tens = np.repeat(once, 10, axis=1), np.repeat(users, 10)
    apart = (users, users + 90), (tens, tens + 90)
    single, copied = ratio(once[0], once[1], apart[0]), ratio(many[0], many[1], apart[1])
    assert copied.upper >= single.upper * 0.95  # its ranks are rounded more coarsely
    naive = ratio(many[0], many[1], (np.arange(900), np.arange(900) + 900), "sample")
    assert naive.upper < copied.upper


def test_pairs_that_are_slow_together_narrow_the_bound() -> None:
    """Where the same prompts are slow in both arms, less is open than between other prompts."""
    rng = np.random.default_rng(3)
    shared = rng.standard_normal(800)
    treated, control = (np.exp(7 + shared + 0.3 * rng.standard_normal(800)) for _ in range(2))
    prompts = np.arange(800)
    paired, apart = (ratio(treated, control, (prompts, prompts + far)) for far in (0, 800))
    assert paired.upper < apart.upper
    assert paired.lower > apart.lower


def test_missing_latencies_count_as_a_value() -> None:
    """What is filled in is counted once; nothing filled in changes nothing."""
    values = Histogram(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert filled(values, 0.0, 9.0) is values
    assert filled(values, 2.0, 2.0).counts.tolist() == [3.0, 6.0]


def _latencies(kind: str, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return latencies at these shares of all: smooth, heavy, in seconds, with a gap at the p95."""
    if kind == "heavy":
        return 500 * (1 - p) ** (-1 / 1.5)
    if kind == "gap":
        return np.where(p > 0.94, 9000 + 1000 * (p - 0.94) / 0.06, 900 + 600 * p)
    values = np.exp(7 + stats.norm.ppf(p))
    return np.ceil(values / 1000) * 1000 if kind == "seconds" else values


def planned(n: int, spread: float) -> tuple[Estimate, Needed | None]:
    """Return the estimate of a ratio of 95th percentiles of so many samples, and what it needs."""
    rng = np.random.default_rng(11)
    treated, control = np.exp(7 + spread * rng.standard_normal((2, n)))
    of = np.arange(n)
    (values1, cells1), (values0, cells0) = (cells(values, of, n) for values in (treated, control))
    arms = Arms(cells0, cells1, "sample", tails=(values0, values1))
    estimate = estimate_gate(P95, arms, PLAN_RULES, metric="beyond")
    assert estimate is not None
    return estimate, needed_for_quantiles(estimate, limit=1.5, alternative=1.0, rules=PLAN_RULES)


def test_below_the_least_size_59_are_needed() -> None:
    """Twenty samples bound no 95th percentile from above, and 59 do."""
    estimate, more = planned(20, 0.2)
    assert estimate.upper == np.inf
    assert more == Needed("samples", 59, 39)


def test_more_are_needed_by_the_width_that_was_seen() -> None:
    """Four times as many halve the width; what is wide enough already needs no more."""
    assert planned(400, 0.2)[1] is None
    wide, more = planned(100, 1.0)
    assert more is not None
    z, power = (float(stats.norm.ppf(p)) for p in (0.95, PLAN_RULES.power))
    room = np.log(1.5) / ((z + power) / z)
    assert more.total == np.ceil(100 * (np.log(wide.upper / wide.point) / room) ** 2)
    assert more.further == more.total - 100


@pytest.mark.slow
@pytest.mark.skipif(not EXHAUSTIVE, reason="2,400 reviews")
@pytest.mark.parametrize("kind", ["smooth", "heavy", "seconds", "gap"])
@pytest.mark.parametrize(
    ("users", "each", "shared"), [(100, 1, True), (20, 10, True), (60, 5, False)]
)
def test_a_bound_errs_in_five_per_cent(kind: str, users: int, each: int, *, shared: bool) -> None:
    """Both bounds hold in clustered worlds, paired and apart, in tails, heaps and gaps."""
    rng, missed, draws = np.random.default_rng(6), np.zeros(2), 200
    of = np.repeat(np.arange(users), each)
    for _ in range(draws):
        own = rng.standard_normal((2, users))
        level = own[[0, 0]] if shared else own
        mixed = (level[:, of] + rng.standard_normal((2, len(of)))) / 2**0.5
        treated, control = _latencies(kind, stats.norm.cdf(mixed))
        bounded = ratio(treated, control, (of, of + (0 if shared else users)))
        missed += bounded.lower > 1 + 1e-9, bounded.upper < 1 - 1e-9
    assert (missed / draws <= 0.085).all()  # 5 % and two standard errors of 200 draws
