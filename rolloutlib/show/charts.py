"""Estimates → charts. Nothing is computed here but the layout.

Charts are Vega-Lite specifications as plain data (see rolloutlib.show.figure): building the same ones through Altair took
2 s of a review's 8, and `Figure.altair()` gives the Altair chart to whoever wants to change one.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.judge.verdicts import Verdict
from rolloutlib.show.figure import (
    INK,
    NARROW,
    SOFT,
    WIDE,
    Figure,
    Grid,
    Note,
    Spec,
    dots,
    figure,
    key,
    layer,
    plot,
    text,
)
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.judge.review import Distribution, Review
    from rolloutlib.judge.verdicts import GateResult
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.segments import IssueRate, Segment

__all__ = [
    "COLORS", "SYMBOLS", "Figure", "Note", "forest", "issues_before_after", "latency_ecdf", "pass_rate_by_run",
    "score_ecdf", "segments", "verdict_word",
]  # fmt: skip

CONTROL, TREATMENT = "#6b7280", "#1d5fa8"
# Green and vermilion differ in lightness and always come with a shape and a word: nobody has to tell them by colour.
GREEN, VERMILION, OCHRE = "#00735c", "#b93c00", "#7a5b00"
COLORS: Final = {
    Verdict.PASS: GREEN,
    Verdict.FAIL: VERMILION,
    Verdict.INCONCLUSIVE: OCHRE,
    Verdict.INVALID: INK,
}
SYMBOLS: Final = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✕",
    Verdict.INCONCLUSIVE: "?",
    Verdict.INVALID: "!",
}
SHAPES: Final = {
    Verdict.PASS: "circle",
    Verdict.FAIL: "cross",
    Verdict.INCONCLUSIVE: "diamond",
    Verdict.INVALID: "square",
}
CURVE_POINTS = 200
P95, TAIL, LOG_FROM, MANY_PERCENT = 0.95, 0.01, 4, 0.1


def verdict_word(verdict: Verdict) -> Sentence:
    """Return a verdict as people read it."""
    words = {
        Verdict.PASS: say("pass"),
        Verdict.FAIL: say("fail"),
        Verdict.INCONCLUSIVE: say("inconclusive"),
    }
    return words.get(verdict, say("invalid"))


# --- every gate against its limit -----------------------------------------------------------------


def forest(review: Review, lang: str = "en") -> Figure:
    """Draw every gate's estimate and bounds around its stage limit; right of the line is harmless in every row."""
    rows = [_gate_row(result, k, lang) for k, result in enumerate(review.gates)]
    counts = Counter(result.evidence.verdict for result in review.gates)
    undecided = counts[Verdict.INCONCLUSIVE] + counts[Verdict.INVALID]
    caption = say(
        "Each row has its own scale around this stage's limit: a bar wholly right of the line proves that the limit "
        "holds, wholly left proves that it is broken. {proven} of {all} gates are proven, {broken} broken, {open} "
        "open: {meaning}",
        proven=counts[Verdict.PASS], all=len(rows), broken=counts[Verdict.FAIL], open=undecided,
        meaning=_meaning(counts),
    )  # fmt: skip
    told = "; ".join(
        f"{row['title']}: {row['verdict']}, {row['estimate'] or row['why']} {row['limit']}"
        for row in rows
    )
    alt = say("Estimate and bounds of every gate: {rows}.", rows=told)
    return figure(lambda width: _forest_spec(rows, width, lang), alt, caption, lang)


def _meaning(counts: Mapping[Verdict, int]) -> Sentence:
    if counts[Verdict.FAIL]:
        return say("a proven breach is enough for NO-GO.")
    if counts[Verdict.INCONCLUSIVE] or counts[Verdict.INVALID]:
        return say("an open gate keeps the recommendation from GO.")
    return say("nothing here stands against GO.")


def _gate_row(result: GateResult, row: int, lang: str) -> Spec:
    """Lay one gate out: its texts, and where there is an estimate the distances to the stage's limit."""
    gate, verdict, estimate = result.gate, result.evidence.verdict, result.evidence.estimate
    slow = (
        say("share slower than {limit}", limit=show(result.limit, gate.unit))
        if gate.statistic == "quantile"
        else None
    )
    limit = say("limit {value}", value=_estimate_text(result, result.proof_limit, lang)).text(lang)
    base: Spec = {
        "row": row, "title": say(gate.title).text(lang), "subject": slow.text(lang) if slow else result.subject or "",
        "verdict": f"{SYMBOLS[verdict]} {verdict_word(verdict).text(lang)}", "limit": limit, "estimate": "", "why": "",
        "shape": SHAPES[verdict], "color": COLORS[verdict], "arrow": "",
    }  # fmt: skip
    if estimate is None:
        return base | {"why": result.evidence.why.text(lang)}
    point, lower, upper = (
        _estimate_text(result, v, lang) for v in (estimate.point, estimate.lower, estimate.upper)
    )
    return base | _distances(result) | {"estimate": f"{point}  [{lower}, {upper}]"}


def _distances(result: GateResult) -> Spec:
    """Return how far point, bounds and the plan's limit are on the harmless side of the stage's, scaled to −1…1."""
    gate, estimate = result.gate, result.evidence.estimate
    if estimate is None:
        return {}
    sign, bounds = (
        (1, (estimate.lower, estimate.upper))
        if gate.harm == "lower"
        else (-1, (estimate.upper, estimate.lower))
    )
    # A quantile's limit, as a share of samples beyond it, is what the quantile leaves above itself.
    plan = result.limit if gate.statistic == "mean" else 1 - (gate.quantile or P95)
    away = {"x": estimate.point, "worst": bounds[0], "best": bounds[1], "plan": plan}
    distance = {name: sign * (value - result.proof_limit) for name, value in away.items()}
    scale = 1.1 * max([abs(d) for d in distance.values() if isfinite(d)], default=1) or 1
    arrow = "" if isfinite(distance["worst"]) else "◀"
    return {name: max(-1.0, min(1.0, d / scale)) for name, d in distance.items()} | {"arrow": arrow}


def _forest_spec(rows: list[Spec], width: int, lang: str) -> Spec:
    small = width < WIDE
    grid = (
        Grid(len(rows), NARROW, 94, 30, 10, NARROW - 10)
        if small
        else Grid(len(rows), WIDE, 50, 40, 225, 545)
    )
    rows = [row | _forest_places(row, grid, width) for row in rows]
    here, empty = [row for row in rows if "x" in row], [row for row in rows if "x" not in row]
    at, side, span = (
        0 if small else grid.right + 16,
        NARROW if small else grid.right + 16,
        {"y": "top", "y2": "end"},
    )
    own, edge = {"color": "color"}, "right" if small else "left"
    point, block = (
        {"x": "x", "y": "row", "shape": "shape"},
        {"x": "a", "x2": "b", "y": grid.header, "y2": grid.bottom},
    )
    sides = [{"a": -1, "b": 0, "color": "#fbeee7"}, {"a": 0, "b": 1, "color": "#eaf4f0"}]
    head = {"x": "a", "y": grid.header - 5, "text": "text"} | own
    tick, strong = (
        {"x": "plan", "y": "tick", "y2": "tock"},
        {"fontSize": 12, "fontWeight": 600, "baseline": "bottom"},
    )
    heads = [
        (say("◀ limit broken"), "right", -6, VERMILION),
        (say("limit holds ▶"), "left", 6, GREEN),
    ]
    return grid.spec([
        layer(sides, "rect", at=block | own, opacity=1),
        layer([row | {"a": -1, "b": 1} for row in empty], "rect", at=block | span, color="#f2f3f5", opacity=1),
        layer([row for row in here if row["plan"]], "rule", at=tick, strokeDash=[3, 2], color=SOFT),
        layer([row | {"a": 0} for row in here], "rule", at={"x": "a"} | span, color=INK, strokeWidth=1.5),
        layer(here, "rule", at={"x": "worst", "x2": "best", "y": "row"} | own, strokeWidth=2.5),
        layer(here, "rule", at={"x": "worst", "x2": "x", "y": "row"} | own, strokeWidth=7),
        dots(here, point, color="white", size=190),
        dots(here, point | own, size=100),
        text(here, "arrow", grid.left + 8),
        text(rows, "title", 0, "title_y", fontWeight=600, fontSize=14),
        text(rows, "subject", 0, "subject_y", color=SOFT, fontSize=12, limit=NARROW if small else 215),
        text(empty, "why", grid.left + 10, color=SOFT, fontSize=12, limit=grid.right - grid.left - 20),
        text(rows, "verdict", grid.width, "verdict_y", align="right", fontWeight=600, fontSize=14, hue="color"),
        text(here, "estimate", at, "estimate_y", fontSize=12 if small else 13),
        text(rows, "limit", side, "limit_y", align=edge, color=SOFT, fontSize=12),
        *(layer([{"a": 0, "text": said.text(lang), "color": color}], "text", at=head, align=align, dx=dx, **strong)
          for said, align, dx, color in heads),
    ], (-1, 1), None)  # fmt: skip


def _forest_places(row: Spec, grid: Grid, width: int) -> Spec:
    """Say where a row's texts are: beside the bar on a page, above and below it on a phone."""
    small = width < WIDE
    lines = {
        "title_y": -35,
        "subject_y": -18,
        "verdict_y": -35,
        "estimate_y": 29,
        "limit_y": 29,
        "tick": -14,
        "tock": 14,
    }
    if not small:
        lines = {
            "title_y": -8 if row["subject"] else 0,
            "subject_y": 10,
            "verdict_y": 0,
            "estimate_y": -8,
        }
        lines |= {"limit_y": 10 if "x" in row else 0, "tick": -17, "tock": 17}
    return {name: grid.y(row["row"], dy) for name, dy in lines.items()} | {
        "top": row["row"] - 0.5,
        "end": row["row"] + 0.5,
    }


# --- distributions --------------------------------------------------------------------------------


def latency_ecdf(review: Review, lang: str = "en") -> Figure | Note:
    """Draw both arms' latency distributions with the target, the limit of the 95th percentile, and the percentiles."""
    curves = _curves(review, "latency_ms")
    if not curves:
        return Note(say("No sample tells its latency.").text(lang))
    limits = {g.gate.statistic: g.limit for g in review.gates if g.gate.metric == "latency_ms"}
    texts = {"mean": say("target {value}", value=show(limits.get("mean"), "ms")),
             "quantile": say("p95 limit {value}", value=show(limits.get("quantile"), "ms"))}  # fmt: skip
    marks = [
        (value, texts[statistic], "right" if statistic == "mean" else "left")
        for statistic, value in limits.items()
    ]
    last, limit = curves[-1], limits.get("quantile")
    median, p95 = show(last.median, "ms"), show(last.p95, "ms")
    caption = say(
        "The further left a curve, the faster. Half of {arm}'s answers take at most {median}, 95% at most {p95}.",
        arm=last.arm, median=median, p95=p95,
    )  # fmt: skip
    if limit is not None:
        within = say("within the limit of {limit}", limit=show(limit, "ms"))
        beyond = say(
            "beyond the limit of {limit}, so the slow tail stands against promotion",
            limit=show(limit, "ms"),
        )
        where = beyond if last.p95 > limit else within
        caption = say("{what} The 95th percentile is {where}.", what=caption, where=where)
    told = [
        say(
            "{arm}: median {median}, p95 {p95}",
            arm=c.arm,
            median=show(c.median, "ms"),
            p95=show(c.p95, "ms"),
        )
        for c in curves
    ]
    return _ecdf(curves, told, say("latency, ms"), marks, caption, lang)


def score_ecdf(review: Review, lang: str = "en") -> Figure | Note:
    """Draw both arms' score distributions with the profile's threshold."""
    curves = _curves(review, "score")
    if not curves:
        return Note(say("No sample has a score.").text(lang))
    threshold = review.plan.profile(review.profile).min_score
    marks = [(threshold, say("threshold {value}", value=show(threshold, "score")), "right")]
    control, treatment = show(curves[0].mean, "score"), show(curves[-1].mean, "score")
    caption = say(
        "The further right a curve, the better. The mean goes from {control} to {treatment}: look whether the low end "
        "moves with it.",
        control=control, treatment=treatment,
    )  # fmt: skip
    told = [
        say(
            "{arm}: mean {mean}, median {median}",
            arm=c.arm,
            mean=show(c.mean, "score"),
            median=show(c.median, "score"),
        )
        for c in curves
    ]
    return _ecdf(curves, told, say("score"), marks, caption, lang)


def _curves(review: Review, metric: str) -> list[Distribution]:
    arms = (review.control, review.treatment)
    return [d for arm in arms for d in review.distributions if d.metric == metric and d.arm == arm]


def _ecdf(
    curves: list[Distribution], told: list[Sentence], title: Sentence, marks: list[tuple[float, Sentence, str]],
    caption: Sentence, lang: str,
) -> Figure:  # fmt: skip
    said = [sentence.text(lang) for sentence in told]
    lines = [(value, name.text(lang), side) for value, name, side in marks]
    arms = list(zip(curves, said, (CONTROL, TREATMENT), strict=False))
    y_title = say("share of samples").text(lang)

    def draw(width: int) -> Spec:
        small = width < WIDE
        x = _ecdf_x(curves, title.text(lang), [value for value, *_ in marks], width)
        axis = {"format": ".0%", "title": y_title, "values": [0, 0.25, 0.5, 0.75, 0.95]}
        y: Spec = {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}
        points = [point for curve, _, color in arms for point in _thin(curve, color)]
        ends = [
            {"x": c.p95, "y": P95, "color": color}
            for c, _, color in arms
            if c.metric == "latency_ms"
        ]
        at: Spec = {"x": x, "y": y, "color": "color"}
        return plot([
            layer([{"x": value} for value, *_ in lines], "rule", at={"x": x}, color=INK, strokeDash=[5, 3]),
            *(layer([{"x": value, "text": name}], "text", at={"x": x, "y": -4, "text": "text"}, align=side, fontSize=12,
                    baseline="bottom", dx=-3 if side == "right" else 3, color=INK) for value, name, side in lines),
            layer(points, "line", at=at, interpolate="step-after", strokeWidth=2.2, clip=True),
            dots(ends, at, size=90, stroke="white", clip=True),
            key([(name, color) for _, name, color in arms], width, -58),
        ], width, 250 if small else 300)  # fmt: skip

    return figure(
        draw,
        say("Share of samples at or below each value. {arms}.", arms="; ".join(said)),
        caption,
        lang,
    )


def _ecdf_x(curves: list[Distribution], title: str, marks: list[float], width: int) -> Spec:
    """Clip the slowest and fastest percent; go to a log scale where the range is wide."""
    small = width < WIDE
    low = min(float(c.values[c.share >= TAIL][0]) for c in curves)
    high = max(
        [float(c.values[c.share >= 1 - TAIL][0]) for c in curves] + [1.02 * mark for mark in marks]
    )
    form = ",d" if curves[0].metric == "latency_ms" else ".1f"
    axis: Spec = {"title": title, "grid": False, "format": form, "tickCount": 4 if small else 8}
    scale: Spec = {"domain": [low, high], "nice": False}
    if low > 0 and high / low > LOG_FROM:
        steps = (1, 2, 5) if small else (1, 1.5, 2, 3, 5, 7)
        axis["values"] = [
            v
            for v in (step * 10**power for power in range(6) for step in steps)
            if low <= v <= high
        ]
        scale["type"] = "log"
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis}


def _thin(curve: Distribution, color: str) -> list[Spec]:
    """Keep at most CURVE_POINTS steps of a distribution function and the last."""
    step = max(1, len(curve.values) // CURVE_POINTS)
    pairs = [
        *zip(curve.values[::step], curve.share[::step], strict=True),
        (curve.values[-1], curve.share[-1]),
    ]
    return [{"x": round(float(x), 3), "y": round(float(y), 4), "color": color} for x, y in pairs]


# --- runs -----------------------------------------------------------------------------------------


def pass_rate_by_run(review: Review, lang: str = "en") -> Figure | Note:
    """Draw a dot a run, the averaged ones filled, with their mean."""
    runs = [run for run in review.runs if run.pass_rate is not None]
    if not runs:
        return Note(say("No run tells its pass rate.").text(lang))
    arms, wanted = (review.control, review.treatment), review.plan.evidence.runs_averaged
    held = [sum(run.averaged for run in runs if run.arm == arm) for arm in arms]
    caption = say(
        "Filled dots are the runs that the plan averages ({wanted} an arm); {control} has {first} of them, {treatment} "
        "{second}.",
        wanted=wanted, control=review.control, first=held[0], treatment=review.treatment, second=held[1],
    )  # fmt: skip
    few = say(
        "{what} That is too few: one run's luck can look like an effect, so the plan's rule cannot pass yet.",
        what=caption,
    )
    steady = say(
        "{what} Dots that lie further apart within an arm than between the arms are noise, not an effect.",
        what=caption,
    )
    rates = ", ".join(f"{run.arm} {show(run.pass_rate, 'proportion').text(lang)}" for run in runs)
    alt = say("Pass rate of every run: {rates}.", rates=rates)
    return figure(
        lambda width: _runs_spec(runs, arms, width, lang),
        alt,
        few if min(held) < wanted else steady,
        lang,
    )


def _runs_spec(runs: Sequence[RunRow], arms: tuple[str, str], width: int, lang: str) -> Spec:
    colors = list(zip(arms, (CONTROL, TREATMENT), (-0.06, 0.06), strict=True))
    rows = [dot for arm, color, shift in colors for dot in _run_dots(runs, arm, color, shift, lang)]
    most, rates = max(row["run"] for row in rows), [row["y"] for row in rows]
    room = max(0.02, (max(rates) - min(rates)) * 0.25)
    low_high = [max(0.0, min(rates) - room), min(1.0, max(rates) + room)]
    ticks = {
        "title": say("run of the arm, oldest first").text(lang),
        "values": list(range(1, most + 1)),
        "format": "d",
        "grid": False,
    }
    percent = {"title": say("pass rate").text(lang), "format": ".1%", "tickCount": 5}
    x: Spec = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [0.5, most + 0.5]},
        "axis": ticks,
    }
    y: Spec = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": low_high, "nice": False},
        "axis": percent,
    }
    mean: Spec = {
        "x": x | {"aggregate": "min"},
        "x2": {"field": "x", "aggregate": "max"},
        "y": y | {"aggregate": "mean"},
    }
    own, held = {"x": x, "y": y, "color": "color"}, [row for row in rows if row["averaged"]]
    return plot([
        layer(rows, "line", at=own, strokeWidth=1, opacity=0.5),
        layer(held, "rule", at=mean | {"color": "color"}, strokeWidth=6, opacity=0.25),
        dots(rows, {"x": x, "y": y, "stroke": "color", "fill": "fill"}, filled=False, size=110, strokeWidth=2),
        layer(rows if most == 1 else [], "text", at=own | {"text": "label"}, dy=-15, fontSize=12),
        key([(arm, color) for arm, color, _ in colors], width, -34),
    ], width, 200)  # fmt: skip


def _run_dots(runs: Sequence[RunRow], arm: str, color: str, shift: float, lang: str) -> list[Spec]:
    return [
        {"run": k, "x": k + shift, "y": run.pass_rate, "color": color, "fill": color if run.averaged else "white",
         "label": show(run.pass_rate, "proportion").text(lang), "averaged": run.averaged}
        for k, run in enumerate((run for run in runs if run.arm == arm), 1)
    ]  # fmt: skip


# --- issues and segments --------------------------------------------------------------------------


def issues_before_after(review: Review, lang: str = "en") -> Figure | Note:
    """Draw each issue's share of samples before and after."""
    if not review.issues:
        return Note(say("The source names no issues.").text(lang))
    top = review.issues[0]
    caption = say(
        "An arrow to the left is an issue that became rarer. The control arm's most frequent issue, {tag}, goes from "
        "{control} to {treatment} of samples; issues without a number were not among its top three and are only "
        "watched.",
        tag=top.tag, control=show(top.control, "proportion"), treatment=show(top.treatment, "proportion"),
    )  # fmt: skip
    rates = "; ".join(f"{issue.tag}: {_from_to(issue, lang)}" for issue in review.issues)
    alt = say("Issues before and after: {rates}.", rates=rates)
    return figure(lambda width: _issues_spec(review.issues, width, lang), alt, caption, lang)


def _issues_spec(issues: Sequence[IssueRate], width: int, lang: str) -> Spec:
    small = width < WIDE
    n = len(issues)
    grid = Grid(n, NARROW, 62, 8, 8, NARROW - 12) if small else Grid(n, WIDE, 40, 8, 390, 690)
    above, below = (-18, 20) if small else (0, 0)
    rows: list[Spec] = [
        {"row": k, "tag": f"{i.rank}. {i.tag}" if i.rank else i.tag, "from": i.control, "to": i.treatment,
         "text": _from_to(i, lang), "head": "triangle-left" if i.treatment < i.control else "triangle-right",
         "tag_y": grid.y(k, above), "text_y": grid.y(k, below)}
        for k, i in enumerate(issues)
    ]  # fmt: skip
    most = max([*(i.control for i in issues), *(i.treatment for i in issues), 0.001])
    title = say("share of samples: ○ control → treatment").text(lang)
    axis: Spec = {
        "format": ".0%" if most > MANY_PERCENT else ".1%",
        "title": title,
        "grid": False,
        "tickCount": 5,
    }
    at, side, size = (NARROW, "right", 12) if small else (grid.right + 20, "left", 13)
    return grid.spec([
        layer(rows, "rule", at={"x": "from", "x2": "to", "y": "row"}, strokeWidth=2.5, color=TREATMENT),
        dots(rows, {"x": "from", "y": "row"}, fill="white", stroke=CONTROL, strokeWidth=2, size=80),
        dots(rows, {"x": "to", "y": "row", "shape": "head"}, color=TREATMENT, size=110),
        text(rows, "tag", 0, "tag_y", fontWeight=600, fontSize=size, limit=NARROW if small else 370),
        text(rows, "text", at, "text_y", align=side, fontSize=size),
    ], (0, most * 1.06), axis)  # fmt: skip


def _from_to(issue: IssueRate, lang: str) -> str:
    change = f"{show(issue.control, 'proportion').text(lang)} → {show(issue.treatment, 'proportion').text(lang)}"
    if issue.estimate is None or not isfinite(issue.estimate.point):
        return change
    return f"{change}  ({show(issue.estimate.point, 'ratio').text(lang)})"


def segments(review: Review, lang: str = "en", most: int = 20) -> Figure | Note:
    """Draw the change within each segment of the first segmented gate, the worst `most` of them."""
    gate = next((g for g in review.gates if any(s.gate == g.id for s in review.segments)), None)
    if gate is None:
        return Note(say("The source names no segments.").text(lang))
    sign = 1 if gate.gate.harm == "lower" else -1
    found = sorted(
        (s for s in review.segments if s.gate == gate.id), key=lambda s: sign * s.estimate.point
    )
    losses, title, tests = (
        ", ".join(s.value for s in found if s.loss),
        say(gate.gate.title),
        len(found),
    )
    lost = say(
        "{gate} falls in {losses}, even after correcting for {tests} looks: a whole that gains can hide it, so settle "
        "it before promoting.",
        gate=title, losses=losses, tests=tests,
    )  # fmt: skip
    fine = say(
        "No segment of {tests} loses beyond chance (Holm): bars that cross the line are noise until more data say "
        "otherwise.",
        tests=tests,
    )
    told = "; ".join(f"{s.value} {_estimate_text(gate, s.estimate.point, lang)}" for s in found)
    alt = say("{gate} by segment: {rows}.", gate=title, rows=told)
    return figure(
        lambda width: _segments_spec(found[:most], gate, width, lang),
        alt,
        lost if losses else fine,
        lang,
    )


def _segments_spec(found: Sequence[Segment], gate: GateResult, width: int, lang: str) -> Spec:
    small = width < WIDE
    n, zero = len(found), 1.0 if gate.gate.contrast == "ratio" else 0.0
    grid = Grid(n, NARROW, 56, 8, 8, NARROW - 8) if small else Grid(n, WIDE, 34, 8, 340, 680)
    ends = [
        v
        for s in found
        for v in (s.estimate.point, s.estimate.lower, s.estimate.upper)
        if isfinite(v)
    ]
    low, high = min([*ends, zero]), max([*ends, zero])
    rows = [_segment_row(s, gate, lang) | {"row": k, "zero": zero, "top": k - 0.5, "end": k + 0.5,
            "lower": max(low, s.estimate.lower), "upper": min(high, s.estimate.upper),
            "name_y": grid.y(k, -16 if small else 0), "n_y": grid.y(k, 18 if small else 0)}
            for k, s in enumerate(found)]  # fmt: skip
    percent, room = gate.gate.unit == "proportion", (high - low) * 0.04
    change = say("change in pp") if percent else say("change")
    form = (
        "datum.value ? format(100 * datum.value, '+.0f') : '0'"
        if percent
        else "format(datum.value, '+.2~f')"
    )
    axis: Spec = {"labelExpr": form, "title": change.text(lang), "grid": False, "tickCount": 7}
    at, side = (NARROW, "right") if small else (grid.right + 20, "left")
    return grid.spec([
        layer(rows, "rule", at={"x": "zero", "y": "top", "y2": "end"}, color=INK, strokeWidth=1.5),
        layer(rows, "rule", at={"x": "lower", "x2": "upper", "y": "row", "color": "color"}, strokeWidth=3),
        dots(rows, {"x": "x", "y": "row", "color": "color", "shape": "shape"}, size=110),
        text(rows, "name", 0, "name_y", hue="ink", fontWeight=600, limit=NARROW - 130 if small else 260),
        text(rows, "n", 0 if small else 330, "n_y", color=SOFT, fontSize=12, align="left" if small else "right"),
        text(rows, "text", at, "name_y", hue="ink", align=side),
    ], (low - room, high + room), axis)  # fmt: skip


def _segment_row(segment: Segment, gate: GateResult, lang: str) -> Spec:
    told = _estimate_text(gate, segment.estimate.point, lang)
    marked: dict[str, Any] = {"color": SOFT, "ink": INK, "shape": "circle", "text": told}
    if segment.loss:
        lost = say("▼ loss").text(lang)
        marked = {
            "color": VERMILION,
            "ink": VERMILION,
            "shape": "triangle-down",
            "text": f"{told}  {lost}",
        }
    return marked | {
        "name": segment.value,
        "n": f"n = {segment.estimate.n_treatment:,}",
        "x": segment.estimate.point,
    }


def _estimate_text(result: GateResult, value: float, lang: str) -> str:
    """Say a number of a gate's evidence with its unit."""
    gate = result.gate
    return show(
        value, unit_of(gate.unit, gate.statistic), signed=gate.contrast == "difference"
    ).text(lang)
