"""Issues before and after, the change within each segment, and the evidence by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.measure.segments import ANY_ISSUE
from rolloutlib.show.charts import VERMILION
from rolloutlib.show.curves import CONTROL, TREATMENT
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
    layer,
    text,
)  # fmt: skip
from rolloutlib.show.stages import alone, not_carried, whole
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, number, table
from rolloutlib.text import LABEL, chart, plain
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.carried import CarriedStage
    from rolloutlib.measure.segments import IssueRate, Segment

__all__ = ["evidence_by_stage", "issues_before_after", "segments"]

MOST = 20  # issues drawn, the most frequent; segments, the worst
MANY_PERCENT = 0.1


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
    return figure(lambda width: _issues_spec(drawn, width), alt, caption)


def _issues_spec(issues: Sequence[IssueRate], width: int) -> Spec:
    small, n = width < WIDE, len(issues)
    grid = Grid(n, NARROW, 62, 8, 8, NARROW - 12) if small else Grid(n, WIDE, 40, 8, 390, 690)
    rows = [_issue_row(issue, grid, k, small=small) for k, issue in enumerate(issues)]
    most = max([*(row["from"] for row in rows), *(row["to"] for row in rows), 0.001])
    title = say("share of samples: ○ control → treatment")
    form = ".0%" if most > MANY_PERCENT else ".1%"
    axis: Spec = {"format": form, "title": str(title), "grid": False, "tickCount": 5}
    at, side, size = (NARROW, "right", 12) if small else (grid.right + 20, "left", 13)
    return grid.spec([
        layer(rows, "rule", at={"x": "from", "x2": "to", "y": "row"}, strokeWidth=2.5,
              color=TREATMENT),
        dots(rows, {"x": "from", "y": "row"}, fill="white", stroke=CONTROL, strokeWidth=2, size=80),
        dots(rows, {"x": "to", "y": "row", "shape": "head"}, color=TREATMENT, size=110),
        text(rows, "tag", 0, "tag_y", fontWeight=600, fontSize=size,
              limit=NARROW if small else 370),
        text(rows, "text", at, "text_y", align=side, fontSize=size),
    ], (0, most * 1.06), axis)  # fmt: skip


def _issue_row(issue: IssueRate, grid: Grid, k: int, *, small: bool) -> Spec:
    before, after = issue.control or 0.0, issue.treatment or 0.0
    above, below = (-18, 20) if small else (0, 0)
    return {
        "row": k, "tag": f"{issue.rank}. {issue.tag}" if issue.rank else issue.tag,
        "from": before, "to": after, "text": _from_to(issue),
        "head": "triangle-left" if after < before else "triangle-right",
        "tag_y": grid.y(k, above), "text_y": grid.y(k, below),
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
    sign = 1 if gate.harm == "lower" else -1
    parts = [part for part in review.segments if part.gate == gate.id]
    parts.sort(key=lambda part: sign * part.point)
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
    return figure(lambda width: _segments_spec(drawn, gate, width), alt, lost if losses else fine)


def _segments_spec(parts: Sequence[Segment], gate: GateResult, width: int) -> Spec:
    small, n = width < WIDE, len(parts)
    grid = Grid(n, NARROW, 56, 8, 8, NARROW - 8) if small else Grid(n, WIDE, 34, 8, 340, 680)
    zero = 1.0 if gate.contrast == "ratio" else 0.0
    ends = [end for s in parts for end in (s.point, s.lower, s.upper) if end is not None]
    low, high = min([*ends, zero]), max([*ends, zero])
    rows = [
        _segment_row(part, gate)
        | {"row": k, "zero": zero, "top": k - 0.5, "end": k + 0.5,
           "lower": low if part.lower is None else part.lower,
           "upper": high if part.upper is None else part.upper,
           "name_y": grid.y(k, -16 if small else 0), "n_y": grid.y(k, 18 if small else 0)}
        for k, part in enumerate(parts)
    ]  # fmt: skip
    room, limit = (high - low) * 0.04, NARROW - 130 if small else 260
    at, side = (NARROW, "right") if small else (grid.right + 20, "left")
    left, edge = (0, "left") if small else (330, "right")
    return grid.spec([
        layer(rows, "rule", at={"x": "zero", "y": "top", "y2": "end"}, color=INK, strokeWidth=1.5),
        layer(rows, "rule", at={"x": "lower", "x2": "upper", "y": "row", "color": "color"},
              strokeWidth=3),
        dots(rows, {"x": "x", "y": "row", "color": "color", "shape": "shape"}, size=110),
        text(rows, "name", 0, "name_y", hue="ink", fontWeight=600, limit=limit),
        text(rows, "n", left, "n_y", color=SOFT, fontSize=12, align=edge),
        text(rows, "text", at, "name_y", hue="ink", align=side),
    ], (low - room, high + room), _change_axis(gate))  # fmt: skip


def _change_axis(gate: GateResult) -> Spec:
    title, form = say("change"), "format(datum.value, '+.2~f')"
    if gate.unit == "proportion":
        title, form = (say("change in pp"), "datum.value ? format(100 * datum.value, '+.0f') : '0'")
    return {"labelExpr": form, "title": str(title), "grid": False, "tickCount": 7}


def _segment_row(part: Segment, gate: GateResult) -> Spec:
    row: Spec = {"name": part.value, "n": f"n = {part.n_treatment:,}", "x": part.point}
    change = _change(gate, part)
    if part.loss:
        lost = f"{change}  {say('▼ loss')}"
        return row | {"color": VERMILION, "ink": VERMILION, "shape": "triangle-down", "text": lost}
    return row | {"color": SOFT, "ink": INK, "shape": "circle", "text": change}


def _change(gate: GateResult, part: Segment) -> str:
    return str(show(part.point, gate.evidence_unit, signed=gate.signed))


@spoken
def evidence_by_stage(review: Review) -> Html:
    """Show gate by gate what each stage's samples say, and all of them together."""
    carried = [_carried(one) for one in review.carried if one.why is None]
    told = bullets([*carried, *not_carried(review)],
                   say("Only this stage's own samples count here."))  # fmt: skip
    numbers = sorted({one.stage for gate in review.gates for one in gate.stages}, reverse=True)
    if not numbers:
        return told
    heads = [say("Stage {number}", number=each) for each in numbers]
    rows = [_stages(gate, numbers) for gate in review.gates]
    return joined(told, table((say("Gate"), *heads, say("All, with bounds")), rows))


def _carried(one: CarriedStage) -> Sentence:
    return say(
        "Stage {stage} counts too: the same candidate, {control} and {treatment} samples "
        "({source}).",
        stage=one.stage, source=plain(one.source, LABEL), control=f"{one.control:,}",
        treatment=f"{one.treatment:,}",
    )  # fmt: skip


def _stages(gate: GateResult, numbers: list[int]) -> Row:
    by_stage = {one.stage: one for one in gate.stages}
    cells = [number(alone(gate, by_stage[each]) if each in by_stage else "–") for each in numbers]
    name = Cell(translate(gate.title), (gate.subject,) if gate.subject else ())
    return Row((name, *cells, number(whole(gate, gate.evidence))))
