"""Daily series: bands that never pretend, lights that say when they cannot tell, and trends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from rolloutlib.plan.monitoring import TrafficLight
from rolloutlib.reason import Reason
from rolloutlib.watch.lights import colour_of, light_of, lit
from rolloutlib.watch.record import DailySeries, Point
from rolloutlib.watch.series import series
from rolloutlib.words.reasons import sentence
from tests.tables import PLAN
from tests.watch.days_of_hand import ARMS, FIRST, days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.measure.daily import Days

LIGHT = TrafficLight(better="higher", green=0.8, amber=0.7)


def of(of_days: Days, metric: str) -> DailySeries:
    """Return one metric's series."""
    return next(line for line in series(of_days, PLAN, ARMS) if line.metric == metric)


def rates(daily: Sequence[float], each: int = 10, people: int = 40) -> Days:
    """Return days on which this share of the treatment's samples passed; 0.8 of the control's."""
    n = np.full((2, len(daily), people), float(each))
    passed = np.zeros_like(n)
    passed[0] = 0.8 * each
    passed[1] = np.asarray(daily)[:, None] * each
    return days(n, {"passed": passed})


def test_single_samples_have_exact_bounds() -> None:
    """Without people the band is Clopper and Pearson's, at none, one and all of them."""
    n = np.array([[[30.0], [30.0], [30.0], [1.0]]] * 2)
    passed = np.array([[[30.0], [30.0], [30.0], [1.0]], [[0.0], [17.0], [30.0], [1.0]]])
    points = of(days(n, {"passed": passed}, unit="sample"), "passed").points
    for point, x, size in zip(points, (0, 17, 30, 1), (30, 30, 30, 1), strict=True):
        low, high = proportion_confint(x, size, alpha=0.1, method="beta")
        assert point.lower == pytest.approx(max(low, 0) if x else 0.0)
        assert point.upper == pytest.approx(high if x < size else 1.0)


@pytest.mark.parametrize("metric", ["passed", "error", "score", "latency_ms", "style_violations"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_no_information_is_no_narrow_band(metric: str, value: float) -> None:
    """One sample, one person, or people who all agree never give a band without width."""
    for people, each in ((1, 1), (1, 50), (3, 1), (3, 20)):
        n = np.full((2, 1, people), float(each))
        point = of(days(n, {metric: n * value}), metric).points[0]
        assert point.treatment == value
        ends = (point.lower, point.upper)
        assert None in ends or point.upper - point.lower > 0.01, (people, each, ends)  # type: ignore[operator]
        if metric in {"passed", "error"}:
            assert 0 in ends or 1 in ends


def test_a_gap_is_a_day_without_values() -> None:
    """A day that nobody used is a point with no value and no bound, in its place."""
    n = np.full((2, 3, 5), 4.0)
    n[:, 1] = 0
    points = of(days(n, {"passed": n}), "passed").points
    assert [point.n_treatment for point in points] == [20, 0, 20]
    assert points[1] == Point(points[1].day, 0, 0, None, None, None, None)
    assert (points[1].day - FIRST).days == 1


def test_what_nobody_tells_is_said() -> None:
    """A metric without any value has its series, which says so; its light is amber, not green."""
    n = np.full((2, 3, 5), 4.0)
    scores = of(days(n, {"passed": n}), "score")
    assert scores.light == "amber"
    assert "score" in sentence(scores.says)
    assert {point.treatment for point in scores.points} == {None}
    vetoed = of(days(n, {"passed": n}), "vetoed")
    assert (vetoed.light, vetoed.says.code) == (None, "watch.untold")
    assert series(days(0 * n, {"passed": n}), PLAN, ARMS) == ()


@pytest.mark.parametrize(
    ("value", "band", "colour", "code"),
    [
        (0.85, (0.82, 0.88), "green", "watch.light_sure"),
        (0.80, (0.78, 0.83), "green", "watch.light_spans"),
        (0.79, (0.75, 0.82), "amber", "watch.light_spans"),
        (0.75, (0.72, 0.78), "amber", "watch.light_sure"),
        (0.60, (0.55, 0.72), "red", "watch.light_spans"),
        (0.60, (0.50, 0.69), "red", "watch.light_sure"),
        (1.00, (0.05, 1.00), "amber", "watch.light_few"),
        (0.00, (0.00, 0.95), "amber", "watch.light_few"),
        (0.90, (None, None), "amber", "watch.light_few"),
        (0.90, (0.85, None), "amber", "watch.light_few"),
    ],
)
def test_lights(
    value: float, band: tuple[float | None, float | None], colour: str, code: str
) -> None:
    """The point decides, the band says how sure; one that reaches from green to red is amber."""
    light = lit(LIGHT, Point(FIRST, 9, 9, None, value, *band), "proportion")
    assert (light.colour, light.says.code) == (colour, code)
    assert "{" not in sentence(light.says)


def test_a_light_lower_is_better_and_limits_are_inclusive() -> None:
    """At the plan's limit the colour is the better one, on both scales, whatever is rounded."""
    low = TrafficLight(better="lower", green=0.05, amber=0.1)
    values = [colour_of(low, value) for value in (0.05, 0.1 - 0.05, 0.050001, 0.1, 0.3 - 0.2, 0.11)]
    assert values == ["green", "green", "amber", "amber", "amber", "red"]
    assert [colour_of(LIGHT, value) for value in (0.1 + 0.7, 0.7, 0.69)] == [
        "green",
        "amber",
        "red",
    ]


def test_every_light_of_the_plan_is_a_series() -> None:
    """Lights are found by tag whatever its case; one on `issue` is the top issue's."""
    assert light_of(PLAN, "issue:Hallucination", None) == light_of(PLAN, "issue:hallucination", "x")
    assert light_of(PLAN, "issue:bias", "bias") is None
    n = np.full((2, 3, 30), 9.0)
    lights = {"issue": LIGHT, "edited": LIGHT}
    monitoring = PLAN.monitoring.model_copy(update={"traffic_lights": lights, "metrics": ()})
    plan = PLAN.model_copy(update={"monitoring": monitoring})
    lines = series(days(n, {"issue:hallucination": 0 * n}), plan, ARMS)
    assert [(line.metric, line.light) for line in lines] == [
        ("issue:hallucination", "red"), ("edited", "amber"),
    ]  # fmt: skip
    assert light_of(plan, "issue:bias", "hallucination") is None


def test_a_run_of_days_beyond_those_before() -> None:
    """Three bad days in a row are three; the same days in the past are what is expected."""
    steady = [0.9, 0.8, 0.85, 0.8, 0.9, 0.85, 0.8, 0.9]
    fell = of(rates([*steady, 0.5, 0.4, 0.5]), "passed")
    trend = fell.says.facts["trend"]
    assert (trend.code, trend.facts["run"], trend.facts["before"]) == ("watch.fell", 3, 8)  # type: ignore[union-attr]
    assert fell.light == "red"
    assert "days in a row: 3" in sentence(fell.says)
    rose = of(rates([0.5, 0.4, 0.5, 0.4, 0.5, 0.9]), "passed").says.facts["trend"]
    assert (rose.code, rose.facts["run"]) == ("watch.rose", 1)  # type: ignore[union-attr]
    within = of(rates(steady), "passed").says.facts["trend"]
    assert within.code == "watch.steady"  # type: ignore[union-attr]
    few = of(rates(steady[:3]), "passed").says.facts["trend"]
    assert few.code == "watch.first"  # type: ignore[union-attr]


@pytest.mark.slow
def test_healthy_days_seldom_seem_to_move() -> None:
    """With days that differ by two points for reasons of their own: any series in one day of 20."""
    rng, worlds, moved = np.random.default_rng(3), 150, 0
    for _ in range(worlds):
        n = rng.poisson(6.0, (2, 10, 40)).astype(float)
        share = np.clip(0.85 + 0.02 * rng.standard_normal((2, 10, 1))
                        + 0.1 * rng.standard_normal((1, 1, 40)), 0.02, 1)  # fmt: skip
        rates_of = {"passed": share, "vetoed": 0.02, "error": 0.003, "issue:hallucination": 0.04}
        values = {name: rng.binomial(n.astype(int), rate).astype(float)
                  for name, rate in rates_of.items()}  # fmt: skip
        values["style_violations"] = rng.poisson(0.3 * n).astype(float)
        sentences = [line.says for line in series(days(n, values), PLAN, ARMS)]
        codes = {line.code for line in sentences} | {
            why.code for line in sentences if isinstance(why := line.facts.get("trend"), Reason)
        }
        moved += bool(codes & {"watch.fell", "watch.rose"})
    assert moved / worlds < 0.05 + 3 * np.sqrt(0.05 * 0.95 / worlds)
