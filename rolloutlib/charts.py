"""Estimates → charts. Nothing is computed here but the layout.

Charts are Vega-Lite 6 specifications as plain data: building the same ones through Altair's classes took 2 s of a
review's 8, and `Figure.altair()` gives the Altair chart to whoever wants to change one. Every chart is laid out twice, for
a page and for a phone, and shown as static SVG in reports (inert, offline) and interactively in JupyterLab.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.gates import Verdict
from rolloutlib.messages import Sentence, say
from rolloutlib.units import show, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import altair as alt

    from rolloutlib.averages import RunRow
    from rolloutlib.gates import GateResult
    from rolloutlib.review import Distribution, Review
    from rolloutlib.segments import IssueRate, Segment

__all__ = [
    "COLORS",
    "FIGURE_MIME",
    "SYMBOLS",
    "Figure",
    "Note",
    "forest",
    "issues_before_after",
    "latency_ecdf",
    "pass_rate_by_run",
    "score_ecdf",
    "segments",
    "verdict_word",
]

Spec = dict[str, Any]
WIDE: Final = 900
NARROW: Final = 344
FIGURE_MIME: Final = "application/vnd.rolloutlib.figure+json"
# JupyterLab prefers text/html to Vega, and Altair's own v6 type is refused by nbformat, so: this type, and no HTML.
VEGA_MIME: Final = "application/vnd.vegalite.v5+json"
FONT: Final = "Inter, Helvetica Neue, Arial, Noto Sans KR, Noto Sans CJK KR, Apple SD Gothic Neo, Malgun Gothic, NanumGothic, sans-serif"
INK, SOFT, HAIR = "#1c2430", "#586271", "#dfe3e8"
CONTROL, TREATMENT = "#6b7280", "#1d5fa8"
# Green and vermilion differ in lightness and always come with a shape and a word, so nobody has to tell them by colour.
COLORS: Final = {Verdict.PASS: "#00735c", Verdict.FAIL: "#b93c00", Verdict.INCONCLUSIVE: "#7a5b00", Verdict.INVALID: "#1c2430"}
SYMBOLS: Final = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?", Verdict.INVALID: "!"}
SHAPES: Final = {Verdict.PASS: "circle", Verdict.FAIL: "cross", Verdict.INCONCLUSIVE: "diamond", Verdict.INVALID: "square"}
CURVE_POINTS = 200
P95, TAIL, LOG_FROM = 0.95, 0.01, 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart that shows itself in JupyterLab and in the report.

    Attributes:
        wide, narrow: Vega-Lite specifications for a page and for a phone.
        alt: what is seen, for who cannot see it.
        caption: what to see and what it means for the decision.
    """

    wide: Spec = field(repr=False)
    narrow: Spec = field(repr=False)
    alt: str
    caption: str

    def altair(self) -> alt.Chart:
        """Return the chart as an Altair object, to change it by hand."""
        import altair  # noqa: PLC0415 -- 0.6 s that no report needs

        return altair.Chart.from_dict(self.wide)

    def svg(self, *, narrow: bool = False) -> str:
        """Return the chart as SVG; nothing is fetched."""
        import vl_convert  # noqa: PLC0415 -- starts a JavaScript engine

        return vl_convert.vegalite_to_svg(self.narrow if narrow else self.wide, allowed_base_urls=[])

    def bundle(self) -> dict[str, Any]:
        """Return what a notebook stores: interactive for JupyterLab, an image for others, both layouts for the report."""
        wide = self.svg()
        parts = {"alt": self.alt, "caption": self.caption, "wide": wide, "narrow": self.svg(narrow=True)}
        return {VEGA_MIME: self.wide, "image/svg+xml": wide, FIGURE_MIME: parts, "text/plain": self.alt}

    def _ipython_display_(self) -> None:
        """Show the chart, then its caption below it (JupyterLab shows only one of a bundle's types)."""
        from IPython.display import display  # noqa: PLC0415 -- only where there is a notebook

        display(self.bundle(), raw=True)
        display({"text/plain": self.caption}, raw=True, metadata={"rolloutlib_caption": True})


@dataclass(frozen=True, slots=True)
class Note:
    """Stands where there is nothing to draw, and says why."""

    text: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.text}


def verdict_word(verdict: Verdict) -> Sentence:
    """Return a verdict as people read it."""
    words = {
        Verdict.PASS: say("pass"),
        Verdict.FAIL: say("fail"),
        Verdict.INCONCLUSIVE: say("inconclusive"),
        Verdict.INVALID: say("invalid"),
    }
    return words[verdict]


def forest(review: Review, lang: str = "en") -> Figure:
    """Draw every gate's estimate and bounds around its stage limit; right of the line is the harmless side in every row."""
    rows = [_gate_row(result, k, lang) for k, result in enumerate(review.gates)]
    counts = Counter(result.evidence.verdict for result in review.gates)
    caption = say(
        "Each row has its own scale around this stage's limit: a bar wholly right of the line proves that the limit holds, wholly "
        "left proves that it is broken. {proven} of {all} gates are proven, {broken} broken, {open} open: {meaning}",
        proven=counts[Verdict.PASS], all=len(rows), broken=counts[Verdict.FAIL],
        open=counts[Verdict.INCONCLUSIVE] + counts[Verdict.INVALID], meaning=_meaning(counts),
    )  # fmt: skip
    alt = "; ".join(f"{row['title']}: {row['verdict']}, {row['estimate'] or row['why']} {row['limit']}" for row in rows)
    return _figure(lambda width: _forest_spec(rows, width, lang), say("Estimate and bounds of every gate: {rows}.", rows=alt), caption, lang)


def latency_ecdf(review: Review, lang: str = "en") -> Figure | Note:
    """Draw both arms' latency distributions with the target, the target + 10 % and the 95th percentiles."""
    gate = next((g for g in review.gates if g.gate.statistic == "quantile" and g.gate.metric == "latency_ms"), None)
    mean = next((g for g in review.gates if g.gate.statistic == "mean" and g.gate.metric == "latency_ms"), None)
    curves = _curves(review, "latency_ms")
    if not curves:
        return Note(say("No sample tells its latency.").text(lang))
    marks = [(mean.limit, say("target {value}", value=show(mean.limit, "ms")), "right")] if mean else []
    marks += [(gate.limit, say("p95 limit {value}", value=show(gate.limit, "ms")), "left")] if gate else []
    last = curves[-1]
    caption = say("The further left a curve, the faster. Half of {arm}'s answers take at most {median}, 95% at most {p95}.",
                  arm=last.arm, median=show(last.median, "ms"), p95=show(last.p95, "ms"))  # fmt: skip
    if gate:
        side = say("within the limit of {limit}", limit=show(gate.limit, "ms"))
        slow = say("beyond the limit of {limit}, so the slow tail stands against promotion", limit=show(gate.limit, "ms"))
        caption = say("{what} The 95th percentile is {where}.", what=caption, where=slow if last.p95 > gate.limit else side)
    return _ecdf(curves, "ms", say("latency, ms"), marks, caption, lang)


def score_ecdf(review: Review, lang: str = "en") -> Figure | Note:
    """Draw both arms' score distributions with the profile's threshold."""
    curves = _curves(review, "score")
    if not curves:
        return Note(say("No sample has a score.").text(lang))
    threshold = review.plan.profile(review.profile).min_score
    marks = [(threshold, say("threshold {value}", value=show(threshold, "score")), "right")]
    caption = say("The further right a curve, the better. The mean goes from {control} to {treatment}: look whether the low end moves with it.",
                  control=show(curves[0].mean, "score"), treatment=show(curves[-1].mean, "score"))  # fmt: skip
    return _ecdf(curves, "score", say("score"), marks, caption, lang)


def pass_rate_by_run(review: Review, lang: str = "en") -> Figure | Note:
    """Draw a dot a run, the averaged ones filled, with their mean."""
    runs = [run for run in review.runs if run.pass_rate is not None]
    if not runs:
        return Note(say("No run tells its pass rate.").text(lang))
    held = [sum(run.averaged for run in runs if run.arm == arm) for arm in (review.control, review.treatment)]
    wanted = review.plan.evidence.runs_averaged
    caption = say("Filled dots are the runs that the plan averages ({wanted} an arm); {control} has {first} of them, {treatment} {second}.",
                  wanted=wanted, control=review.control, first=held[0], treatment=review.treatment, second=held[1])  # fmt: skip
    few = say("{what} That is too few: one run's luck can look like an effect, so the plan's rule cannot pass yet.", what=caption)
    steady = say("{what} Dots that lie further apart within an arm than between the arms are noise, not an effect.", what=caption)
    rates = ", ".join(f"{run.arm} {show(run.pass_rate, 'proportion').text(lang)}" for run in runs)
    alt = say("Pass rate of every run: {rates}.", rates=rates)
    return _figure(lambda width: _runs_spec(runs, review, width, lang), alt, few if min(held) < wanted else steady, lang)


def issues_before_after(review: Review, lang: str = "en") -> Figure | Note:
    """Draw each issue's share of samples before and after."""
    if not review.issues:
        return Note(say("The source names no issues.").text(lang))
    top = review.issues[0]
    caption = say("An arrow to the left is an issue that became rarer. The control arm's most frequent issue, {tag}, goes from {control} to "
                  "{treatment} of samples; issues without a number were not among its top three and are only watched.",
                  tag=top.tag, control=show(top.control, "proportion"), treatment=show(top.treatment, "proportion"))  # fmt: skip
    rates = "; ".join(f"{i.tag}: {_from_to(i, lang)}" for i in review.issues)
    alt = say("Issues before and after: {rates}.", rates=rates)
    return _figure(lambda width: _issues_spec(review.issues, width, lang), alt, caption, lang)


def segments(review: Review, lang: str = "en", most: int = 20) -> Figure | Note:
    """Draw the change within each segment of the first segmented gate, the worst first."""
    gate = next((g for g in review.gates if any(s.gate == g.id for s in review.segments)), None)
    if gate is None:
        return Note(say("The source names no segments.").text(lang))
    sign = 1 if gate.gate.harm == "lower" else -1
    rows = sorted((s for s in review.segments if s.gate == gate.id), key=lambda s: sign * s.estimate.point)
    losses = [s.value for s in rows if s.loss]
    lost = say("{gate} falls in {losses}, even after correcting for {tests} looks: a whole that gains can hide it, so settle it before "
               "promoting.", gate=say(gate.gate.title), losses=", ".join(losses), tests=len(rows))  # fmt: skip
    fine = say("No segment of {tests} loses beyond chance (Holm): bars that cross the line are noise until more data say otherwise.", tests=len(rows))
    alt = say("{gate} by segment: {rows}.", gate=say(gate.gate.title), rows="; ".join(f"{s.value} {_change(gate, s, lang)}" for s in rows))
    return _figure(lambda width: _segments_spec(rows[:most], gate, width, lang), alt, lost if losses else fine, lang)


# --- forest -------------------------------------------------------------------------------------------------------------


def _gate_row(result: GateResult, row: int, lang: str) -> Spec:
    """Lay one gate out: distances to the stage's limit, the harmless side positive, scaled to −1…1."""
    estimate, gate = result.evidence.estimate, result.gate
    unit, signed = unit_of(gate.unit, gate.statistic), gate.contrast == "difference"

    def text(value: float) -> str:
        return _plain(show(value, unit, signed=signed), lang)

    shown = result.evidence.verdict
    base: Spec = {
        "row": row, "title": say(gate.title).text(lang), "subject": result.subject or "", "shape": SHAPES[shown], "color": COLORS[shown],
        "verdict": f"{SYMBOLS[shown]} {verdict_word(shown).text(lang)}", "limit": say("limit {value}", value=text(result.proof_limit)).text(lang),
    }  # fmt: skip
    if gate.statistic == "quantile":
        base["subject"] = say("share slower than {limit}", limit=show(result.limit, gate.unit)).text(lang)
    if estimate is None:
        return base | {"estimate": "", "why": result.evidence.why.text(lang)}
    sign = 1 if gate.harm == "lower" else -1
    # A quantile's own limit, as a share of samples beyond it, is what the quantile leaves above itself.
    plan = result.limit if gate.statistic == "mean" else 1 - (gate.quantile or P95)
    away = {"x": estimate.point, "worst": _worst(result), "best": _worst(result, best=True), "plan": plan}
    distance = {key: sign * (value - result.proof_limit) for key, value in away.items()}
    scale = 1.1 * max([abs(d) for d in distance.values() if isfinite(d)], default=1) or 1
    placed = {key: max(-1.0, min(1.0, d / scale)) for key, d in distance.items()}
    arrows = {"open": 1 if not isfinite(distance["worst"]) else 0}
    bounds = f"{text(estimate.point)}  [{text(estimate.lower)}, {text(estimate.upper)}]"
    return base | placed | arrows | {"estimate": bounds, "why": ""}


def _worst(result: GateResult, *, best: bool = False) -> float:
    estimate = result.evidence.estimate
    if estimate is None:
        return float("nan")
    return estimate.lower if (result.gate.harm == "lower") is not best else estimate.upper


def _forest_spec(rows: list[Spec], width: int, lang: str) -> Spec:
    small = width < WIDE
    grid = _Grid(len(rows), width, *((94, 30, 10, width - 10) if small else (50, 40, 225, 545)))
    top = -35 if small else 0
    for row in rows:
        row["lift"], row["open_mark"] = -7 if row["subject"] and not small else 0, "◀"
    near = {"shape": {"field": "shape", "type": "nominal", "scale": None}}
    here, empty = [row for row in rows if "x" in row], [row for row in rows if "x" not in row]
    worse, better = say("◀ limit broken").text(lang), say("limit holds ▶").text(lang)
    layers = [
        grid.block(-1, 0, "#fbeee7"), grid.block(0, 1, "#eaf4f0"), grid.blank(empty), grid.lines(),
        grid.rule(here, "plan", dash=[3, 2], color=SOFT, half=14 if small else 17),
        grid.upright(0, INK, [row["row"] for row in here]),
        grid.bar(here, "worst", "best", 2.5), grid.bar(here, "worst", "x", 7),
        grid.dot(here, "x", "white", 1, size=190, **near), grid.dot(here, "x", None, 1, size=100, **near),
        grid.text([r for r in here if r["open"]], {"value": grid.left + 8}, "open_mark", 0, color=INK),
        grid.text([r for r in rows if not r["lift"]], {"value": 0}, "title", top, weight=600, size=14),
        grid.text([r for r in rows if r["lift"]], {"value": 0}, "title", -8, weight=600, size=14),
        grid.text([r for r in rows if r["subject"]], {"value": 0}, "subject", -18 if small else 10, color=SOFT, limit=width if small else 215, size=12),
        grid.text(empty, {"value": grid.left + 10}, "why", 0, color=SOFT, limit=grid.right - grid.left - 20, size=12),
        grid.text(rows, {"value": width}, "verdict", top if small else 0, align="right", weight=600, hue="color", size=14),
        grid.text(rows, {"value": 0 if small else grid.right + 16}, "estimate", 29 if small else -8, size=12 if small else 13),
        grid.text(here, {"value": width if small else grid.right + 16}, "limit", 29 if small else 10, color=SOFT, align="right" if small else "left", size=12),
        grid.text(empty, {"value": width if small else grid.right + 16}, "limit", 29 if small else 0, color=SOFT, align="right" if small else "left", size=12),
        grid.heading(0, worse, "right", -6, COLORS[Verdict.FAIL]), grid.heading(0, better, "left", 6, COLORS[Verdict.PASS]),
    ]  # fmt: skip
    return grid.spec(layers, {"domain": [-1, 1]}, axis=None)


def _meaning(counts: Mapping[Verdict, int]) -> Sentence:
    if counts[Verdict.FAIL]:
        return say("a proven breach is enough for NO-GO.")
    if counts[Verdict.INCONCLUSIVE] or counts[Verdict.INVALID]:
        return say("an open gate keeps the recommendation from GO.")
    return say("nothing here stands against GO.")


# --- distributions ------------------------------------------------------------------------------------------------------


def _curves(review: Review, metric: str) -> list[Distribution]:
    return [d for arm in (review.control, review.treatment) for d in review.distributions if d.metric == metric and d.arm == arm]


def _ecdf(curves: list[Distribution], unit: str, title: Sentence, marks: list[tuple[float, Sentence, str]], caption: Sentence, lang: str) -> Figure:
    said = say("{arm}: median {median}, p95 {p95}") if unit == "ms" else say("{arm}: mean {mean}, median {median}")
    told = [Sentence(said.template, tuple({"arm": c.arm, "mean": show(c.mean, unit), "median": show(c.median, unit), "p95": show(c.p95, unit)}.items())).text(lang) for c in curves]
    alt = say("Share of samples at or below each value. {arms}.", arms="; ".join(told))
    named = [(value, text.text(lang), side) for value, text, side in marks]
    return _figure(lambda width: _ecdf_spec(curves, told, title.text(lang), named, width, lang), alt, caption, lang)


def _ecdf_spec(curves: list[Distribution], told: list[str], title: str, marks: list[tuple[float, str, str]], width: int, lang: str) -> Spec:
    x, y = _ecdf_x(curves, title, marks, width), _ecdf_y(lang)
    arms = list(zip(curves, told, (CONTROL, TREATMENT), strict=False))
    points = [point for curve, _, color in arms for point in _thin(curve, color)]
    ends = [{"x": c.p95, "y": P95, "color": color} for c, _, color in arms if c.metric == "latency_ms"]
    lines = [{"x": value, "text": text} for value, text, _ in marks]
    keys = [{"text": f"● {text}", "color": color, "y": -58 + 18 * k} for k, (_, text, color) in enumerate(arms)]
    text: Spec = {"type": "text", "baseline": "bottom", "color": INK, "fontSize": 12}
    layers: list[Spec] = [
        {"data": {"values": lines}, "mark": {"type": "rule", "color": INK, "strokeDash": [5, 3]}, "encoding": {"x": x}},
        *({"data": {"values": [line]}, "mark": text | {"align": side, "dx": -3 if side == "right" else 3}, "encoding": {"x": x, "y": {"value": -4}, "text": {"field": "text"}}}
          for line, (_, _, side) in zip(lines, marks, strict=True)),
        {"data": {"values": points}, "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2.2, "clip": True}, "encoding": {"x": x, "y": y, "color": _OWN}},
        {"data": {"values": ends}, "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "stroke": "white", "clip": True}, "encoding": {"x": x, "y": y, "color": _OWN}},
        _key(keys, width),
    ]  # fmt: skip
    padding = {"left": 4, "right": 14, "top": 8, "bottom": 4}
    return _spec({"width": _inner(width), "height": 300 if width >= WIDE else 250, "layer": layers, "padding": padding})


def _ecdf_x(curves: list[Distribution], title: str, marks: list[tuple[float, str, str]], width: int) -> Spec:
    """Clip the slowest and fastest percent; go to a log scale where one arm's range is wide."""
    low = min(float(c.values[c.share >= TAIL][0]) for c in curves)
    high = max([float(c.values[c.share >= 1 - TAIL][0]) for c in curves] + [value * 1.02 for value, *_ in marks])
    form = ",d" if curves[0].metric == "latency_ms" else ".1f"
    axis: Spec = {"title": title, "grid": False, "format": form, "tickCount": 8 if width >= WIDE else 4}
    scale: Spec = {"domain": [low, high], "nice": False}
    if low > 0 and high / low > LOG_FROM:
        steps = (1, 2, 5) if width < WIDE else (1, 1.5, 2, 3, 5, 7)
        axis["values"] = [v for v in (step * 10**power for power in range(6) for step in steps) if low <= v <= high]
        scale["type"] = "log"
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis}


def _ecdf_y(lang: str) -> Spec:
    axis = {"format": ".0%", "title": say("share of samples").text(lang), "values": [0, 0.25, 0.5, 0.75, 0.95]}
    return {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}


def _key(rows: list[Spec], width: int) -> Spec:
    """Name the arms in their colours above a plot, at pixel rows `y`."""
    mark = {"type": "text", "align": "left", "baseline": "middle", "fontWeight": 600, "fontSize": 13 if width >= WIDE else 11, "limit": _inner(width) + 40}
    y: Spec = {"field": "y", "type": "quantitative", "scale": None}
    encoding = {"x": {"value": 0 if width >= WIDE else -40}, "y": y, "text": {"field": "text"}, "color": _OWN}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _thin(curve: Distribution, color: str) -> list[Spec]:
    """Keep at most CURVE_POINTS steps of a distribution function, evenly spaced in share and with the last."""
    step = max(1, len(curve.values) // CURVE_POINTS)
    pairs = [*zip(curve.values[::step], curve.share[::step], strict=True), (curve.values[-1], curve.share[-1])]
    return [{"x": round(float(x), 3), "y": round(float(y), 4), "color": color} for x, y in pairs]


# --- runs, issues, segments ---------------------------------------------------------------------------------------------


def _runs_spec(runs: Sequence[RunRow], review: Review, width: int, lang: str) -> Spec:
    arms = ((review.control, CONTROL, -0.06), (review.treatment, TREATMENT, 0.06))
    rows = [row for arm, color, shift in arms for row in _run_dots([run for run in runs if run.arm == arm], color, shift, lang)]
    most, rates = max(row["run"] for row in rows), [row["y"] for row in rows]
    room = max(0.02, (max(rates) - min(rates)) * 0.25)
    x: Spec = {"field": "x", "type": "quantitative", "scale": {"domain": [0.5, most + 0.5]}}
    x["axis"] = {"title": say("run of the arm, oldest first").text(lang), "values": list(range(1, most + 1)), "format": "d", "grid": False}
    y: Spec = {"field": "y", "type": "quantitative", "scale": {"domain": [max(0, min(rates) - room), min(1, max(rates) + room)], "nice": False}}
    y["axis"] = {"title": say("pass rate").text(lang), "format": ".1%", "tickCount": 5}
    held = [row for row in rows if row["averaged"]]
    means = {"x": x | {"aggregate": "min"}, "x2": {"field": "x", "aggregate": "max"}, "y": y | {"aggregate": "mean"}, "color": _OWN}
    dots = {"x": x, "y": y, "stroke": _OWN, "fill": {"field": "fill", "type": "nominal", "scale": None}}
    keys = [{"text": f"● {arm}", "color": color, "y": -34 + 18 * k} for k, (arm, color, _) in enumerate(arms)]
    layers: list[Spec] = [
        {"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.5}, "encoding": {"x": x, "y": y, "color": _OWN}},
        {"data": {"values": held}, "mark": {"type": "rule", "strokeWidth": 6, "opacity": 0.25}, "encoding": means},
        {"data": {"values": rows}, "mark": {"type": "point", "size": 110, "strokeWidth": 2, "opacity": 1}, "encoding": dots},
        _key(keys, width),
    ]
    if most == 1:
        layers.append({"data": {"values": rows}, "mark": {"type": "text", "dy": -15, "fontSize": 12}, "encoding": {"x": x, "y": y, "text": {"field": "label"}, "color": _OWN}})
    return _spec({"width": _inner(width), "height": 200, "layer": layers})


def _run_dots(own: list[RunRow], color: str, shift: float, lang: str) -> list[Spec]:
    return [
        {"run": k + 1, "x": k + 1 + shift, "y": run.pass_rate, "color": color, "fill": color if run.averaged else "white",
         "label": show(run.pass_rate, "proportion").text(lang), "averaged": run.averaged}
        for k, run in enumerate(own)
    ]  # fmt: skip


def _issues_spec(issues: Sequence[IssueRate], width: int, lang: str) -> Spec:
    small = width < WIDE
    rows: list[Spec] = [
        {"row": k, "tag": f"{i.rank}. {i.tag}" if i.rank else i.tag, "from": i.control, "to": i.treatment, "text": _from_to(i, lang), "color": TREATMENT,
         "head": "triangle-left" if i.treatment < i.control else "triangle-right"}
        for k, i in enumerate(issues)
    ]  # fmt: skip
    grid = _Grid(len(rows), width, *((62, 8, 8, width - 12) if small else (40, 8, 390, 690)))
    most = max([*(i.control for i in issues), *(i.treatment for i in issues), 0.001])
    layers = [
        grid.lines(),
        grid.bar(rows, "from", "to", 2.5),
        grid.dot(rows, "from", "white", 1, size=80, stroke=CONTROL),
        grid.dot(rows, "to", None, 1, size=110, shape={"field": "head", "type": "nominal", "scale": None}),
        grid.text(rows, {"value": 0}, "tag", -18 if small else 0, weight=600, limit=width if small else 370, size=12 if small else 13),
        grid.text(rows, {"value": width if small else grid.right + 20}, "text", 20 if small else 0, align="right" if small else "left", size=12 if small else 13),
    ]
    axis: Spec = {"format": ".0%" if most > 0.1 else ".1%", "title": say("share of samples: ○ control → treatment").text(lang), "grid": False, "tickCount": 5}
    return grid.spec(layers, {"domain": [0, most * 1.06], "nice": False}, axis=axis)


def _from_to(issue: IssueRate, lang: str) -> str:
    change = f"{show(issue.control, 'proportion').text(lang)} → {show(issue.treatment, 'proportion').text(lang)}"
    if issue.estimate is None or not isfinite(issue.estimate.point):
        return change
    return f"{change}  ({_plain(show(issue.estimate.point, 'ratio'), lang)})"


def _segments_spec(found: Sequence[Segment], gate: GateResult, width: int, lang: str) -> Spec:
    small = width < WIDE
    zero = 1.0 if gate.gate.contrast == "ratio" else 0.0
    loss = say("loss").text(lang)
    ends = [v for s in found for v in (s.estimate.point, s.estimate.lower, s.estimate.upper) if isfinite(v)]
    low, high = min([*ends, zero]), max([*ends, zero])
    rows: list[Spec] = [
        {"row": k, "name": s.value, "n": f"n = {s.estimate.n_treatment:,}", "ink": COLORS[Verdict.FAIL] if s.loss else INK, "x": s.estimate.point, "lower": max(low, s.estimate.lower), "upper": min(high, s.estimate.upper),
         "color": COLORS[Verdict.FAIL] if s.loss else SOFT, "shape": "triangle-down" if s.loss else "circle", "text": _change(gate, s, lang) + (f"  ▼ {loss}" if s.loss else "")}
        for k, s in enumerate(found)
    ]  # fmt: skip
    grid = _Grid(len(rows), width, *((56, 8, 8, width - 8) if small else (34, 8, 340, 680)))
    layers = [
        grid.lines(), grid.upright(zero, INK, range(len(rows))),
        grid.bar(rows, "lower", "upper", 3),
        grid.dot(rows, "x", None, 1, size=110, shape={"field": "shape", "type": "nominal", "scale": None}),
        grid.text(rows, {"value": 0}, "name", -16 if small else 0, weight=600, limit=width - 130 if small else 260, hue="ink"),
        grid.text(rows, {"value": 0 if small else 330}, "n", 18 if small else 0, color=SOFT, size=12, align="left" if small else "right"),
        grid.text(rows, {"value": width if small else grid.right + 20}, "text", -16 if small else 0, align="right" if small else "left", hue="ink"),
    ]  # fmt: skip
    percent = gate.gate.unit == "proportion"
    form = "datum.value ? format(100 * datum.value, '+.0f') : '0'" if percent else "format(datum.value, '+.2~f')"
    change = say("change in pp") if percent else say("change")
    axis: Spec = {"labelExpr": form, "title": change.text(lang), "grid": False, "tickCount": 7}
    room = (high - low) * 0.04
    return grid.spec(layers, {"domain": [low - room, high + room], "nice": False}, axis=axis)


def _change(gate: GateResult, segment: Segment, lang: str) -> str:
    return _plain(show(segment.estimate.point, gate.gate.unit, signed=gate.gate.contrast == "difference"), lang)


# --- how charts are put together ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grid:
    """A chart of rows with text beside a plot: y is the row's middle, x is data between `left` and `right` pixels."""

    rows: int
    width: int
    row_height: int
    header: int
    left: int
    right: int

    @property
    def _bottom(self) -> int:
        return self.header + self.rows * self.row_height

    def _x(self, name: str) -> Spec:
        return {"field": name, "type": "quantitative"}

    def _y(self) -> Spec:
        return {"field": "row", "type": "quantitative"}

    def block(self, start: float, stop: float, color: str) -> Spec:
        encoding = {"x": self._x("a"), "x2": {"field": "b"}, "y": {"value": self.header}, "y2": {"value": self._bottom}}
        return {"data": {"values": [{"a": start, "b": stop}]}, "mark": {"type": "rect", "color": color}, "encoding": encoding}

    def lines(self) -> Spec:
        """Draw a hairline above every row."""
        rows = [{"row": k - 0.5} for k in range(self.rows + 1)]
        encoding = {"y": self._y(), "x": {"value": 0}, "x2": {"value": self.width}}
        return {"data": {"values": rows}, "mark": {"type": "rule", "color": HAIR}, "encoding": encoding}

    def upright(self, at: float, color: str, rows: Sequence[int]) -> Spec:
        """Draw a vertical line through the rows that have something to compare with it."""
        data = [{"at": at, "row": row - 0.5, "to": row + 0.5} for row in rows]
        encoding = {"x": self._x("at"), "y": self._y(), "y2": {"field": "to"}}
        return {"data": {"values": data}, "mark": {"type": "rule", "color": color, "strokeWidth": 1.5}, "encoding": encoding}

    def blank(self, rows: list[Spec]) -> Spec:
        """Grey out the plot of rows without data."""
        data = [{"a": -1, "b": 1, "row": row["row"] - 0.5, "to": row["row"] + 0.5} for row in rows]
        encoding = {"x": self._x("a"), "x2": {"field": "b"}, "y": self._y(), "y2": {"field": "to"}}
        return {"data": {"values": data}, "mark": {"type": "rect", "color": "#f2f3f5", "opacity": 1}, "encoding": encoding}

    def rule(self, rows: list[Spec], name: str, *, dash: list[int], color: str, half: int) -> Spec:
        share = half / self.row_height
        data = [{name: row[name], "row": row["row"] - share, "to": row["row"] + share} for row in rows if row[name]]
        mark = {"type": "rule", "strokeDash": dash, "color": color, "strokeWidth": 1.5}
        return {"data": {"values": data}, "mark": mark, "encoding": {"x": self._x(name), "y": self._y(), "y2": {"field": "to"}}}

    def bar(self, rows: list[Spec], start: str, stop: str, thick: float) -> Spec:
        encoding = {"x": self._x(start), "x2": {"field": stop}, "y": self._y(), "color": _OWN}
        return {"data": {"values": rows}, "mark": {"type": "rule", "strokeWidth": thick}, "encoding": encoding}

    def dot(self, rows: list[Spec], name: str, fill: str | None, opacity: float, *, size: int, shape: Spec | None = None, stroke: str | None = None) -> Spec:
        mark: Spec = {"type": "point", "filled": True, "opacity": opacity, "size": size} | ({"fill": fill} if fill else {})
        encoding = {"x": self._x(name), "y": self._y()} | ({} if fill else {"color": _OWN}) | ({"shape": shape} if shape else {})
        return {"data": {"values": rows}, "mark": mark | ({"stroke": stroke, "strokeWidth": 2} if stroke else {}), "encoding": encoding}

    def text(  # noqa: PLR0913 -- the properties of a text, by name
        self, rows: list[Spec], x: Spec, name: str, dy: int, *, color: str = INK, align: str = "left", weight: int = 400,
        size: int = 13, limit: int = 0, hue: str = "",
    ) -> Spec:  # fmt: skip
        mark: Spec = {"type": "text", "align": align, "baseline": "middle", "dy": dy, "fontWeight": weight, "fontSize": size, "color": color}
        encoding = {"x": x, "y": self._y(), "text": {"field": name}} | ({"color": _OWN | {"field": hue}} if hue else {})
        return {"data": {"values": rows}, "mark": mark | ({"limit": limit} if limit else {}), "encoding": encoding}

    def heading(self, at: float, text: str, align: str, dx: int, color: str) -> Spec:
        mark = {"type": "text", "align": align, "dx": dx, "fontSize": 12, "fontWeight": 600, "color": color, "baseline": "bottom"}
        encoding = {"x": self._x("at"), "y": {"value": self.header - 5}, "text": {"field": "text"}}
        return {"data": {"values": [{"at": at, "text": text}]}, "mark": mark, "encoding": encoding}

    def spec(self, layers: list[Spec], scale: Spec, *, axis: Spec | None) -> Spec:
        """Give every layer the same x and y, and put them together."""
        for layer in layers:
            for channel in ("x", "y"):
                if "field" in layer["encoding"].get(channel, {}):
                    own = {"x": scale | {"range": [self.left, self.right]}, "y": {"domain": [-0.5, self.rows - 0.5], "range": [self.header, self._bottom], "nice": False}}
                    layer["encoding"][channel] |= {"scale": own[channel], "axis": axis if channel == "x" else None}
        return _spec({"width": self.width, "height": self._bottom, "layer": layers})


_OWN: Final[Spec] = {"field": "color", "type": "nominal", "scale": None}


def _figure(draw: Callable[[int], Spec], alt: Sentence, caption: Sentence, lang: str) -> Figure:
    return Figure(draw(WIDE), draw(NARROW), alt.text(lang), caption.text(lang))


def _inner(width: int) -> int:
    """Return the width that is left beside the y axis and its title."""
    return width - 75


def _plain(text: Sentence | str, lang: str) -> str:
    return text.text(lang) if isinstance(text, Sentence) else text


def _spec(view: Spec) -> Spec:
    axis = {"labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": 400, "labelFontSize": 12, "titleFontSize": 12, "gridColor": HAIR, "domainColor": HAIR, "tickColor": HAIR}
    config = {"font": FONT, "view": {"stroke": None}, "axis": axis, "background": "white", "legend": {"disable": True}}
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "padding": 4} | view | {"config": config}
