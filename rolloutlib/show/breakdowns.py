"""Issues before and after, the change within each segment, and the evidence by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.measure.segments import ANY_ISSUE
from rolloutlib.show.charts import VERMILION
from rolloutlib.show.figure import INK, NARROW, SOFT, WIDE, Figure, Note, Spec, figure
from rolloutlib.show.marks import CONTROL, POINTS, TREATMENT, Beside, axis, mark
from rolloutlib.show.rows import towards_harm
from rolloutlib.show.stages import alone, not_carried, whole
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, number, table
from rolloutlib.text import LABEL, chart, plain
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.carried import CarriedStage
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.show.marks import Drawn

__all__ = ["evidence_by_stage", "issues_before_after", "segments"]

MOST = 20  # issues drawn, the most frequent; segments, the worst
MANY_PERCENT = 0.1
EDGE = 0.025  # of an axis from zero, so that a mark at zero is whole


@spoken
def issues_before_after(review: Review) -> Figure | Note:
    """Draw each issue's share of samples before and after."""
    tags = [issue for issue in review.issues if issue.tag != ANY_ISSUE]
    if not tags:
        return Note(str(say("The source names no issues.")))
    top = tags[0]
    caption = say(
        "An arrow to the left is an issue that became rarer. The control arm's most frequent "
        "issue, {tag}, goes from {control} to {treatment} of samples; issues without a number "
        "were not among its top three and are only watched.",
        tag=chart(top.tag), control=show(top.control, "proportion"),
        treatment=show(top.treatment, "proportion"),
    )  # fmt: skip
    drawn = tags[:MOST]
    rates = "; ".join(f"{chart(issue.tag)}: {_from_to(issue)}" for issue in drawn)
    alt = say("Issues before and after: {rates}.", rates=rates)
    return figure(lambda width: _issues_chart(drawn, width), alt, caption)


def _issues_chart(issues: Sequence[IssueRate], width: int) -> Drawn:
    small = width < WIDE
    room = Beside(0, NARROW - 16, 0, 62) if small else Beside(390, 300, 210, 40)
    rows = [_issue_row(issue, k) for k, issue in enumerate(issues)]
    most = max([*(row["from"] for row in rows), *(row["to"] for row in rows), 0.001])
    form = ".0%" if most > MANY_PERCENT else ".1%"
    x = axis("X", "from", (-most * EDGE, most * 1.06), format=form, grid=False, tickCount=5,
             title=str(say("share of samples: ○ control → treatment")))  # fmt: skip
    at, size = {"x": x, "y": room.y()}, 12 if small else 13
    tip = {"tag": say("Issue"), "control": say("Control"), "treatment": say("Treatment"),
           "ratio": say("Ratio [bounds]"), "rise": say("p (Holm)")}  # fmt: skip
    side: Spec = {"align": "right", "dy": 20} if small else {}
    return room.plot([
        mark("rule", at | {"x2": "to"}, tip=tip, strokeWidth=2.5, color=TREATMENT, clip=True),
        mark("point", at, tip=tip, fill="white", stroke=CONTROL, strokeWidth=2, size=80, clip=True),
        mark("point", at | {"x": "to:Q", "shape": "head"}, tip=tip, color=TREATMENT, size=110,
             clip=True),
        room.text("tag", -room.left, tip=tip, fontWeight=600, fontSize=size, dy=-18 * small,
                  limit=NARROW if small else 370),
        room.text("text", room.width if small else room.width + 20, fontSize=size, **side),
    ], rows, tip)  # fmt: skip


def _issue_row(issue: IssueRate, row: int) -> Spec:
    before, after = issue.control or 0.0, issue.treatment or 0.0
    ratio, low, high = (show(x, "ratio") for x in (issue.point, issue.lower, issue.upper))
    p = issue.p_holm if issue.p_rise is None or not issue.rises else issue.p_rise
    return {
        "row": row, "tag": f"{issue.rank}. {issue.tag}" if issue.rank else issue.tag,
        "from": before, "to": after, "text": _from_to(issue),
        "head": "triangle-left" if after < before else "triangle-right",
        "control": str(show(issue.control, "proportion")),
        "treatment": str(show(issue.treatment, "proportion")),
        "ratio": "–" if issue.point is None else f"{ratio} [{low}, {high}]",
        "rise": "–" if p is None else f"{p:.2g}",
    }  # fmt: skip


def _from_to(issue: IssueRate) -> str:
    before, after = (show(share, "proportion") for share in (issue.control, issue.treatment))
    change = f"{before} → {after}"
    return change if issue.point is None else f"{change}  ({show(issue.point, 'ratio')})"


@spoken
def segments(review: Review) -> Figure | Note:
    """Draw the change within each segment of the first segmented gate, the worst of them."""
    gate = next((g for g in review.gates if any(s.gate == g.id for s in review.segments)), None)
    if gate is None:
        return Note(str(say("The source names no segments.")))
    parts = [part for part in review.segments if part.gate == gate.id]
    parts.sort(key=lambda part: towards_harm(gate, part))
    losses = tuple(chart(part.value) for part in parts if part.loss)
    title = translate(gate.title)
    lost = say(
        "{gate} falls in {losses}, even after correcting for {tests} looks: a whole that gains "
        "can hide it, so settle it before promoting.",
        gate=title, losses=losses, tests=len(parts),
    )  # fmt: skip
    fine = say(
        "No segment of {tests} loses beyond chance (Holm): bars that cross the line are noise "
        "until more data say otherwise.",
        tests=len(parts),
    )  # fmt: skip
    drawn = parts[:MOST]
    rows = "; ".join(f"{chart(part.value)} {_change(gate, part)}" for part in drawn)
    alt = say("{gate} by segment: {rows}.", gate=title, rows=rows)
    return figure(lambda width: _segments_chart(drawn, gate, width), alt, lost if losses else fine)


def _segments_chart(parts: Sequence[Segment], gate: GateResult, width: int) -> Drawn:
    small = width < WIDE
    room = Beside(0, NARROW - 16, 0, 56) if small else Beside(340, 340, 220, 34)
    zero = 1.0 if gate.contrast == "ratio" else 0.0
    ends = [end for s in parts for end in (s.point, s.lower, s.upper) if end is not None]
    low, high = min([*ends, zero]), max([*ends, zero])
    rows = [_segment_row(part, gate, (low, high)) | {"row": k} for k, part in enumerate(parts)]
    edge = (high - low) * 0.04 or 1.0
    at = {"x": axis("X", "low", (low - edge, high + edge), **_change_axis(gate)), "y": room.y()}
    own = {"color": "color"}
    tip = {"segment": say("Segment"), "change": say("Change [bounds]"), "control": say("Control"),
           "treatment": say("Treatment"), "n": say("Samples"), "p": say("p (Holm)")}  # fmt: skip
    up, down = (-16, 18) if small else (0, 0)
    aside: Spec = {"align": "right"} if small else {}
    return room.plot([
        mark("rule", {"x": at["x"]}, [{"low": zero}], color=INK, strokeWidth=1.5, clip=True),
        mark("rule", at | own | {"x2": "high"}, tip=tip, strokeWidth=3, clip=True),
        mark("point", at | own | {"x": "point:Q", "shape": "shape"}, tip=tip, size=110, clip=True),
        room.text("segment", -room.left, hue="ink", tip=tip, fontWeight=600, dy=up,
                  limit=NARROW - 130 if small else 260),
        room.text("size", 0 if small else -10, color=SOFT, fontSize=12, dy=down,
                  align="left" if small else "right"),
        room.text("text", room.width if small else room.width + 20, hue="ink", dy=up, **aside),
    ], rows, tip)  # fmt: skip


def _change_axis(gate: GateResult) -> Spec:
    title, form = say("change"), "format(datum.value, '+.2~f')"
    if gate.unit == "proportion":
        title, form = say("change in pp"), POINTS
    return {"labelExpr": form, "title": str(title), "grid": False, "tickCount": 7}


def _segment_row(part: Segment, gate: GateResult, edges: tuple[float, float]) -> Spec:
    """Lay a segment out; a bound that is missing reaches the edge, and says so in the tooltip."""
    change, unit = _change(gate, part), gate.evidence_unit
    bounds = ", ".join(
        str(bound(end, unit, signed=gate.signed)) for end in (part.lower, part.upper)
    )
    level = "proportion" if gate.contrast == "ratio" else gate.unit
    row: Spec = {
        "segment": part.value, "size": f"n = {part.n_treatment:,}", "point": part.point,
        "low": edges[0] if part.lower is None else part.lower,
        "high": edges[1] if part.upper is None else part.upper,
        "change": f"{change} [{bounds}]", "n": f"{part.n_control:,} + {part.n_treatment:,}",
        "control": str(show(part.control, level)), "treatment": str(show(part.treatment, level)),
        "p": "–" if part.p_holm is None else f"{part.p_holm:.2g}",
    }  # fmt: skip
    if part.loss:
        lost = f"{change}  {say('▼ loss')}"
        return row | {"color": VERMILION, "ink": VERMILION, "shape": "triangle-down", "text": lost}
    return row | {"color": SOFT, "ink": INK, "shape": "circle", "text": change}


def _change(gate: GateResult, part: Segment) -> str:
    return str(show(part.point, gate.evidence_unit, signed=gate.signed))


@spoken
def evidence_by_stage(review: Review) -> Html:
    """Show gate by gate what each stage's samples say, and all of them together."""
    carried = [_carried(stage) for stage in review.carried if stage.why is None]
    notes = bullets([*carried, *not_carried(review)],
                   say("Only this stage's own samples count here."))  # fmt: skip
    numbers = sorted({each.stage for gate in review.gates for each in gate.stages}, reverse=True)
    if not numbers:
        return notes
    heads = [say("Stage {number}", number=each) for each in numbers]
    rows = [_stages(gate, numbers) for gate in review.gates]
    return joined(notes, table((say("Gate"), *heads, say("All, with bounds")), rows))


def _carried(stage: CarriedStage) -> Sentence:
    return say(
        "Stage {stage} counts too: the same candidate, {control} and {treatment} samples "
        "({source}).",
        stage=stage.stage, source=plain(stage.source, LABEL), control=f"{stage.control:,}",
        treatment=f"{stage.treatment:,}",
    )  # fmt: skip


def _stages(gate: GateResult, numbers: list[int]) -> Row:
    by_stage = {evidence.stage: evidence for evidence in gate.stages}
    cells = [number(alone(gate, by_stage[each]) if each in by_stage else "–") for each in numbers]
    name = Cell(translate(gate.title), (gate.subject,) if gate.subject else ())
    return Row((name, *cells, number(whole(gate, gate.evidence))))


__dir__ = __all__.copy  # what completion lists
