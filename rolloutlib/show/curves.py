"""Distributions of latency and score, and the pass rate run by run, as charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolloutlib.show.figure import INK, WIDE, Figure, Note, Spec, figure
from rolloutlib.show.marks import (
    AXES_WIDE,
    CONTROL,
    TREATMENT,
    arm_color,
    axis,
    distinct,
    mark,
    plot,
)
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from rolloutlib.judge.record import Review, Reviewed
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.distributions import Distribution
    from rolloutlib.show.marks import Drawn

__all__ = ["CONTROL", "TREATMENT", "latency_ecdf", "pass_rate_by_run", "score_ecdf", "thinned"]

CURVE_POINTS = 200
P95, TAIL, LOG_FROM = 0.95, 0.01, 4
BEYOND = 1.16  # room right of a line for its name
APART = 12  # pixels between the labels of an axis and its title, whatever font the reader has


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
    limits = {gate.statistic: gate.limit for gate in review.gates
              if (gate.metric, gate.contrast) == ("latency_ms", "treatment")}  # fmt: skip
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
            median=f"{c.median:.1f}")
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
    def draw(width: int) -> Drawn:
        return _ecdf_chart(curves, distinct([*map(str, names)]), str(title), marks, width)

    listed = "; ".join(map(str, names))
    alt = say("Share of samples at or below each value. {arms}.", arms=listed)
    return figure(draw, alt, caption)


def _ecdf_chart(
    curves: list[Distribution], names: list[str], title: str, marks: list[_Mark], width: int
) -> Drawn:
    small, share = width < WIDE, str(say("share of samples"))
    height = 250 if small else 300
    x = _ecdf_x(curves, title, [mark.value for mark in marks], small=small)
    y = axis(
        "Y",
        "y",
        (0, 1),
        title=share,
        format=".0%",
        values=[0, 0.25, 0.5, 0.75, 0.95],
        titlePadding=APART,
    )
    tip = {"arm": say("Arm"), "value": title, "share": share, "n": say("Samples")}
    layers = [
        mark("rule", {"x": x}, [{"x": line.value} for line in marks], color=INK, strokeDash=[5, 3],
             clip=True),
        *(_mark_name(line, x, -10 if small else height - 9) for line in marks),
    ]  # fmt: skip
    named = list(zip(curves, names, strict=True))
    rows = [step | {"arm": name} for curve, name in named for step in thinned(curve)]
    slow = [(curve, name) for curve, name in named if curve.metric == "latency_ms"]
    ends = [_step(curve, curve.p95, P95) | {"arm": name} for curve, name in slow]
    at = {"x": x, "y": y, "color": arm_color(names, width)}
    layers += [
        mark("line", at, rows, interpolate="step-after", strokeWidth=2.2, clip=True),
        mark("point", at, rows, tip=tip, opacity=0, size=160, clip=True),
        mark("point", at, ends, tip=tip, size=90, stroke="white", clip=True),
    ]
    return plot(layers, width - AXES_WIDE, height)


def _mark_name(line: _Mark, x: object, foot: float) -> alt.Chart:
    """Name a line at the foot of a page's plot, where zoom hides both; on a phone above it."""
    look: Spec = {"align": line.side, "dx": -3 if line.side == "right" else 3, "fontSize": 12}
    at = {"x": x, "y": foot, "text": "text:N"}
    return mark("text", at, [{"x": line.value, "text": line.name}], **look, clip=foot > 0)


def _ecdf_x(curves: list[Distribution], title: str, marks: list[float], *, small: bool) -> object:
    """Clip the slowest and fastest percent; go to a log scale where the range is wide."""
    low = min(float(c.values[c.share >= TAIL][0]) for c in curves)
    slowest = [float(c.values[c.share >= 1 - TAIL][0]) for c in curves]
    beyond = 1.02 if small else BEYOND
    high = max(
        slowest + [low * (mark / low) ** beyond if low > 0 else beyond * mark for mark in marks]
    )
    form = ",d" if curves[0].metric == "latency_ms" else ".1f"
    look: dict[str, object] = {"title": title, "grid": False, "format": form,
                               "tickCount": 4 if small else 8}  # fmt: skip
    if low > 0 and high / low > LOG_FROM:
        look |= {"type": "log", "ticks": False}
    return axis("X", "x", (low, high), **look)


def thinned(curve: Distribution) -> list[Spec]:
    """Keep at most CURVE_POINTS steps of a distribution function and the last."""
    step = max(1, len(curve.values) // CURVE_POINTS)
    steps = zip(curve.values[::step], curve.share[::step], strict=True)
    return [
        _step(curve, float(x), float(y)) for x, y in (*steps, (curve.values[-1], curve.share[-1]))
    ]


def _step(curve: Distribution, value: float, share: float) -> Spec:
    """Return a step and what its tooltip says."""
    unit = "ms" if curve.metric == "latency_ms" else "score"
    return {
        "x": round(value, 3), "y": round(share, 4), "share": f"{share:.1%}",
        "value": str(show(value, unit)), "n": f"{share * curve.n:,.0f} / {curve.n:,}",
    }  # fmt: skip


# --- runs -----------------------------------------------------------------------------------------


@spoken
def pass_rate_by_run(review: Review) -> Figure | Note:
    """Draw a dot a run, the averaged ones filled, with their mean."""
    runs = [run for run in review.runs if run.pass_rate is not None]
    if not runs:
        return Note(str(say("No run tells its pass rate.")))
    arms = (review.control, review.treatment)
    runs_wanted = max((gate.plan.runs_wanted for gate in review.gates), default=0)
    averaged = [sum(run.averaged for run in runs if run.arm == arm) for arm in arms]
    caption = say(
        "Filled dots are the runs that the plan averages ({wanted} an arm); {control} has {first} "
        "of them, {treatment} {second}.",
        wanted=runs_wanted, control=arms[0], first=averaged[0], treatment=arms[1],
        second=averaged[1],
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
    enough = min(averaged) >= runs_wanted
    text = steady if enough else few
    return figure(lambda width: _runs_chart(runs, arms, width), alt, text, zoom=("x", "y"))


def _runs_chart(runs: Sequence[RunRow], arms: tuple[str, str], width: int) -> Drawn:
    names = distinct(arms)
    looks = zip(arms, names, (CONTROL, TREATMENT), (-0.06, 0.06), strict=True)
    parts = [
        _run_rows([run for run in runs if run.arm == arm], name, color, shift)
        for arm, name, color, shift in looks
    ]
    rows = [row for part in parts for row in part]
    most, rates = max(row["run"] for row in rows), [row["rate"] for row in rows]
    room = max(0.02, (max(rates) - min(rates)) * 0.25)
    low_high = max(0.0, min(rates) - room), min(1.0, max(rates) + room)
    x = axis("X", "x", (0.5, most + 0.5), title=str(say("run of the arm, oldest first")),
             values=[*range(1, most + 1)], format="d", grid=False)  # fmt: skip
    y = axis("Y", "rate", low_high, title=str(say("pass rate")), format=".1%", tickCount=5,
             titlePadding=APART)  # fmt: skip
    own = {"x": x, "y": y, "stroke": arm_color(names, width, "Stroke")}
    return plot([
        mark("line", own, strokeWidth=1, opacity=0.5, clip=True),
        mark("rule", own | {"x2": "end"}, [row for part in parts for row in _mean_of(part)],
             strokeWidth=6, opacity=0.25, clip=True, tip=_shown("arm", "n", "shown")),
        mark("point", own | {"fill": "fill"}, size=110, strokeWidth=2, clip=True,
             tip=_shown("run_id", "arm", "started", "n", "shown", "averaged")),
        *([mark("text", own | {"text": "shown:N"}, dy=-15, fontSize=12, align="center", clip=True,
                strokeWidth=0, tip=_shown("arm", "n", "shown"))] if most == 1 else []),
    ], width - AXES_WIDE, 200, rows=rows)  # fmt: skip


def _shown(*fields: str) -> dict[str, object]:
    """Return the titles of a tooltip about runs."""
    titles = {
        "run_id": say("Run"), "arm": say("Arm"), "started": say("Started"), "n": say("Samples"),
        "shown": say("Pass rate"), "averaged": say("Averaged"),
    }  # fmt: skip
    return {field: titles[field] for field in fields}


def _run_rows(own: Sequence[RunRow], name: str, color: str, shift: float) -> list[Spec]:
    return [
        {"run": k, "x": k + shift, "rate": run.pass_rate, "arm": name, "n": f"{run.n:,}",
         "fill": color if run.averaged else "white", "run_id": run.run_id,
         "started": f"{run.started_at:%Y-%m-%d %H:%M}" if run.started_at else "–",
         "averaged": str(say("yes") if run.averaged else say("no")), "counts": run.averaged,
         "shown": str(show(run.pass_rate, "proportion"))}
        for k, run in enumerate(own, 1)
    ]  # fmt: skip


def _mean_of(rows: Sequence[Spec]) -> list[Spec]:
    """Return the mean of an arm's averaged runs, from the first of them to the last."""
    averaged = [row for row in rows if row["counts"]]
    if not averaged:
        return []
    rate = sum(row["rate"] for row in averaged) / len(averaged)
    return [{
        "x": averaged[0]["x"], "end": averaged[-1]["x"], "rate": rate, "arm": averaged[0]["arm"],
        "n": str(say("{n} runs", n=len(averaged))), "shown": str(show(rate, "proportion")),
    }]  # fmt: skip


__dir__ = __all__.copy  # what completion lists
