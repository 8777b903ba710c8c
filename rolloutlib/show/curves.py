"""Distributions of latency and score, and the pass rate run by run, as charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolloutlib.show.figure import (
    INK,
    WIDE,
    Figure,
    Note,
    Spec,
    dots,
    figure,
    key,
    layer,
    plot,
)  # fmt: skip
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import Review, Reviewed
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.distributions import Distribution

__all__ = ["CONTROL", "TREATMENT", "latency_ecdf", "pass_rate_by_run", "score_ecdf", "thinned"]

CONTROL, TREATMENT = "#6b7280", "#1d5fa8"
CURVE_POINTS = 200
P95, TAIL, LOG_FROM = 0.95, 0.01, 4


@dataclass(frozen=True, slots=True)
class _Mark:
    """A dashed line across a plot of curves, and its name to one side of it."""

    value: float
    name: str
    side: str


@spoken
def latency_ecdf(review: Reviewed) -> Figure | Note:
    """Draw both arms' latencies with the target, the limit of the 95th percentile, percentiles."""
    curves = _curves(review, "latency_ms")
    if not curves:
        return Note(str(say("No sample tells its latency.")))
    limits = {gate.statistic: gate.limit for gate in review.gates if gate.metric == "latency_ms"}
    marks: list[_Mark] = []
    if "mean" in limits:
        name = say("target {value}", value=show(limits["mean"], "ms"))
        marks.append(_Mark(limits["mean"], str(name), "right"))
    if "quantile" in limits:
        name = say("p95 limit {value}", value=show(limits["quantile"], "ms"))
        marks.append(_Mark(limits["quantile"], str(name), "left"))
    last = curves[-1]
    caption = say(
        "The further left a curve, the faster. Half of {arm}'s answers take at most {median}, 95% "
        "at most {p95}.",
        arm=last.arm, median=show(last.median, "ms"), p95=show(last.p95, "ms"),
    )  # fmt: skip
    if "quantile" in limits:
        where = _within(last.p95, limits["quantile"])
        caption = say("{what} The 95th percentile is {where}.", what=caption, where=where)
    names = [
        say("{arm}: median {median}, p95 {p95}", arm=c.arm, median=show(c.median, "ms"),
              p95=show(c.p95, "ms"))
        for c in curves
    ]  # fmt: skip
    return _ecdf(curves, names, say("latency, ms"), marks, caption)


def _within(p95: float, limit: float) -> Sentence:
    if p95 > limit:
        return say(
            "beyond the limit of {limit}, so the slow tail stands against promotion",
            limit=show(limit, "ms"),
        )
    return say("within the limit of {limit}", limit=show(limit, "ms"))


@spoken
def score_ecdf(review: Reviewed) -> Figure | Note:
    """Draw both arms' score distributions with the profile's threshold."""
    curves = _curves(review, "score")
    if not curves:
        return Note(str(say("No sample has a score.")))
    marks: list[_Mark] = []
    if review.min_score is not None:
        name = say("threshold {value}", value=show(review.min_score, "score"))
        marks.append(_Mark(review.min_score, str(name), "right"))
    control, treatment = show(curves[0].mean, "score"), show(curves[-1].mean, "score")
    caption = say(
        "The further right a curve, the better. The mean goes from {control} to {treatment}: look "
        "whether the low end moves with it.",
        control=control, treatment=treatment,
    )  # fmt: skip
    names = [
        say("{arm}: mean {mean}, median {median}", arm=c.arm, mean=show(c.mean, "score"),
            median=show(c.median, "score"))
        for c in curves
    ]  # fmt: skip
    return _ecdf(curves, names, say("score"), marks, caption)


def _curves(review: Reviewed, metric: str) -> list[Distribution]:
    arms = (review.control, review.treatment)
    return [d for arm in arms for d in review.distributions if d.metric == metric and d.arm == arm]


def _ecdf(
    curves: list[Distribution],
    names: list[Sentence],
    title: Sentence,
    marks: list[_Mark],
    caption: Sentence,
) -> Figure:
    arms = list(zip(curves, map(str, names), (CONTROL, TREATMENT), strict=False))
    ticks, title_y = [0, 0.25, 0.5, 0.75, 0.95], str(say("share of samples"))
    axis = {"format": ".0%", "title": title_y, "values": ticks}
    y: Spec = {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}
    points = [point for curve, _, color in arms for point in thinned(curve, color)]
    slow = [(c, color) for c, _, color in arms if c.metric == "latency_ms"]
    ends = [{"x": c.p95, "y": P95, "color": color} for c, color in slow]

    def draw(width: int) -> Spec:
        small = width < WIDE
        x = _ecdf_x(curves, str(title), [mark.value for mark in marks], small=small)
        at: Spec = {"x": x, "y": y, "color": "color"}
        lines = [{"x": mark.value} for mark in marks]
        return plot([
            layer(lines, "rule", at={"x": x}, color=INK, strokeDash=[5, 3]),
            *(_mark_name(mark, x) for mark in marks),
            layer(points, "line", at=at, interpolate="step-after", strokeWidth=2.2, clip=True),
            dots(ends, at, size=90, stroke="white", clip=True),
            key([(name, color) for _, name, color in arms], width, -58),
        ], width, 250 if small else 300)  # fmt: skip

    listed = "; ".join(map(str, names))
    alt = say("Share of samples at or below each value. {arms}.", arms=listed)
    return figure(draw, alt, caption)


def _mark_name(mark: _Mark, x: Spec) -> Spec:
    style: Spec = {"align": mark.side, "dx": -3 if mark.side == "right" else 3, "fontSize": 12}
    at = {"x": x, "y": -4, "text": "text"}
    row = {"x": mark.value, "text": mark.name}
    return layer([row], "text", at=at, baseline="bottom", color=INK, **style)


def _ecdf_x(curves: list[Distribution], title: str, marks: list[float], *, small: bool) -> Spec:
    """Clip the slowest and fastest percent; go to a log scale where the range is wide."""
    low = min(float(c.values[c.share >= TAIL][0]) for c in curves)
    slowest = [float(c.values[c.share >= 1 - TAIL][0]) for c in curves]
    high = max(slowest + [1.02 * mark for mark in marks])
    form = ",d" if curves[0].metric == "latency_ms" else ".1f"
    axis: Spec = {"title": title, "grid": False, "format": form, "tickCount": 4 if small else 8}
    scale: Spec = {"domain": [low, high], "nice": False}
    if low > 0 and high / low > LOG_FROM:
        steps = (1, 2, 5) if small else (1, 1.5, 2, 3, 5, 7)
        ticks = [step * 10**power for power in range(6) for step in steps]
        axis["values"] = [tick for tick in ticks if low <= tick <= high]
        scale["type"] = "log"
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis}


def thinned(curve: Distribution, color: str) -> list[Spec]:
    """Keep at most CURVE_POINTS steps of a distribution function and the last."""
    step = max(1, len(curve.values) // CURVE_POINTS)
    steps = zip(curve.values[::step], curve.share[::step], strict=True)
    pairs = [*steps, (curve.values[-1], curve.share[-1])]
    return [{"x": round(float(x), 3), "y": round(float(y), 4), "color": color} for x, y in pairs]


# --- runs -----------------------------------------------------------------------------------------


@spoken
def pass_rate_by_run(review: Review) -> Figure | Note:
    """Draw a dot a run, the averaged ones filled, with their mean."""
    runs = [run for run in review.runs if run.pass_rate is not None]
    if not runs:
        return Note(str(say("No run tells its pass rate.")))
    arms = (review.control, review.treatment)
    wanted = max((gate.plan.runs_wanted for gate in review.gates), default=0)
    averaged = [sum(run.averaged for run in runs if run.arm == arm) for arm in arms]
    caption = say(
        "Filled dots are the runs that the plan averages ({wanted} an arm); {control} has {first} "
        "of them, {treatment} {second}.",
        wanted=wanted, control=arms[0], first=averaged[0], treatment=arms[1], second=averaged[1],
    )  # fmt: skip
    few = say(
        "{what} That is too few: one run's luck can look like an effect, so the plan's rule "
        "cannot pass yet.",
        what=caption,
    )  # fmt: skip
    steady = say(
        "{what} Dots that lie further apart within an arm than between the arms are noise, not an "
        "effect.",
        what=caption,
    )  # fmt: skip
    rates = ", ".join(f"{run.arm} {show(run.pass_rate, 'proportion')}" for run in runs)
    alt = say("Pass rate of every run: {rates}.", rates=rates)
    enough = min(averaged) >= wanted
    return figure(lambda width: _runs_spec(runs, arms, width), alt, steady if enough else few)


def _runs_spec(runs: Sequence[RunRow], arms: tuple[str, str], width: int) -> Spec:
    looks = list(zip(arms, (CONTROL, TREATMENT), (-0.06, 0.06), strict=True))
    rows = [dot for arm, color, shift in looks for dot in _run_dots(runs, arm, color, shift)]
    most, rates = max(row["run"] for row in rows), [row["y"] for row in rows]
    room = max(0.02, (max(rates) - min(rates)) * 0.25)
    low_high = [max(0.0, min(rates) - room), min(1.0, max(rates) + room)]
    ticks = {
        "title": str(say("run of the arm, oldest first")), "values": list(range(1, most + 1)),
        "format": "d", "grid": False,
    }  # fmt: skip
    percent = {"title": str(say("pass rate")), "format": ".1%", "tickCount": 5}
    places, levels = {"domain": [0.5, most + 0.5]}, {"domain": low_high, "nice": False}
    x: Spec = {"field": "x", "type": "quantitative", "scale": places, "axis": ticks}
    y: Spec = {"field": "y", "type": "quantitative", "scale": levels, "axis": percent}
    own, averaged = {"x": x, "y": y, "color": "color"}, [row for row in rows if row["averaged"]]
    mean = own | {
        "x": x | {"aggregate": "min"}, "x2": {"field": "x", "aggregate": "max"},
        "y": y | {"aggregate": "mean"},
    }  # fmt: skip
    ring = {"x": x, "y": y, "stroke": "color", "fill": "fill"}
    return plot([
        layer(rows, "line", at=own, strokeWidth=1, opacity=0.5),
        layer(averaged, "rule", at=mean, strokeWidth=6, opacity=0.25),
        dots(rows, ring, filled=False, size=110, strokeWidth=2),
        layer(rows if most == 1 else [], "text", at=own | {"text": "label"}, dy=-15, fontSize=12),
        key([(arm, color) for arm, color, _ in looks], width, -34),
    ], width, 200)  # fmt: skip


def _run_dots(runs: Sequence[RunRow], arm: str, color: str, shift: float) -> list[Spec]:
    own = [run for run in runs if run.arm == arm]
    return [
        {"run": k, "x": k + shift, "y": run.pass_rate, "color": color,
              "fill": color if run.averaged else "white",
         "label": str(show(run.pass_rate, "proportion")), "averaged": run.averaged}
        for k, run in enumerate(own, 1)
    ]  # fmt: skip
