"""A gate's contrast run by run: both arms, what each run says, and whether later runs differ."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from rolloutlib.show.charts import VERMILION
from rolloutlib.show.figure import INK, SOFT, WIDE, Figure, Note, figure
from rolloutlib.show.marks import AXES_WIDE, TREATMENT, arm_color, axis, distinct, mark, plot
from rolloutlib.text import listed
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.drift import Drift
    from rolloutlib.show.figure import Spec
    from rolloutlib.show.marks import Drawn

__all__ = ["contrast_by_run"]

AXES: Final = {"proportion": ".1%", "ms": ",d", "score": ".2f", "ratio": ".2f"}
TICKS: Final = 12  # of the axis of runs, at most
ROOM: Final = 0.08  # of the values' range, above and below
RIGHT: Final = {"value": {"expr": "width"}}  # the panel's edge
LABELS: Final = 56  # pixels beside both panels, so that their runs stand below each other


@spoken
def contrast_by_run(review: Review) -> Figure | Note:
    """Draw the gate that drifts most, or else the plan's first, run by run."""
    if not review.drift:
        return Note(str(say("No gate has data that could be shown run by run.")))
    drift = min(review.drift, key=_weight)
    gate = next(gate for gate in review.gates if gate.id == drift.gate)
    moving = [each for each in review.drift if each.worse or each.better] or [drift]
    caption = say(
        "{gate}: each dot is one run, with bounds that take its samples as independent; the blue "
        "line is all runs together, the dashed line what this stage has to prove. {tests}",
        gate=translate(gate.title), tests=" ".join(sentence(each.why) for each in moving),
    )  # fmt: skip
    points = [show(run.point, gate.evidence_unit, signed=gate.signed) for run in drift.runs]
    alt = say("{gate}, run by run: {rows}.", gate=translate(gate.title),
              rows=", ".join(map(str, points)))  # fmt: skip
    return figure(lambda width: _chart(review, gate, drift, width), alt, caption)


def _weight(drift: Drift) -> tuple[bool, bool, float]:
    """Sort what got worse first, then what got better; of equal ones the plan's first is taken."""
    p = drift.p_worse if drift.worse else drift.p_better if drift.better else 1.0
    return not drift.worse, not drift.better, 1.0 if p is None else p


def _chart(review: Review, gate: GateResult, drift: Drift, width: int) -> Drawn:
    import altair as alt

    small, wide = width < WIDE, width - AXES_WIDE
    below = plot(_contrast(gate, drift), wide, 170 if small else 220)
    if gate.contrast == "treatment":
        return below
    names = distinct((review.control, review.treatment))
    above = plot(_arms(gate, drift, names, width), wide, 90 if small else 110)
    own = {"scale": {"color": "independent"}}  # the legend is the upper panel's
    return alt.VConcatChart(vconcat=[above, below], spacing=26, resolve=own)


def _runs_axis(drift: Drift, *, quiet: bool = False) -> object:
    most = len(drift.runs)
    starts = [run.started_at for run in drift.runs if run.started_at]
    title = say("runs, by name")
    if len(starts) == most:
        title = say("runs, oldest first: {first} to {last}", first=f"{starts[0]:%Y-%m-%d}",
                    last=f"{starts[-1]:%Y-%m-%d}")  # fmt: skip
    step = ceil(most / TICKS)
    look: Spec = {"title": str(title), "values": [*range(1, most + 1, step)], "format": "d",
                  "grid": False}  # fmt: skip
    if quiet:
        look |= {"labels": False, "ticks": False, "title": None}
    return axis("X", "run", (0.5, most + 0.5), **look)


def _values_axis(
    values: Sequence[float], title: str, *, field: str = "value", **look: object
) -> object:
    room = max((max(values) - min(values)) * ROOM, 1e-3 * max(1.0, *map(abs, values)))
    ends = min(values) - room, max(values) + room
    return axis("Y", field, ends, title=title, minExtent=LABELS, maxExtent=LABELS, **look)


def _about(gate: GateResult, drift: Drift) -> list[Spec]:
    """Return what the tooltip says of each run."""

    def told(value: float | None) -> str:
        return str(bound(value, gate.evidence_unit, signed=gate.signed))

    level = "proportion" if gate.contrast == "ratio" else gate.unit
    return [
        {
            "run": k, "name": listed(run.runs), "n": f"{run.n_control:,} + {run.n_treatment:,}",
            "started": f"{run.started_at:%Y-%m-%d %H:%M}" if run.started_at else "–",
            "stage": run.stage, "control": str(show(run.control, level)),
            "treatment": str(show(run.treatment, level)),
            "told": f"{told(run.point)} [{told(run.lower)}, {told(run.upper)}]",
        }
        for k, run in enumerate(drift.runs, 1)
    ]  # fmt: skip


def _tip() -> dict[str, object]:
    return {
        "name": say("Run"), "started": say("Started"), "stage": say("Stage"), "n": say("Samples"),
        "control": say("Control"), "treatment": say("Treatment"), "told": say("Estimate [bounds]"),
    }  # fmt: skip


def _arms(gate: GateResult, drift: Drift, names: list[str], width: int) -> list[alt.Chart]:
    """Draw both arms' own values run by run."""
    rows = [
        about | {"value": value, "arm": name}
        for about, run in zip(_about(gate, drift), drift.runs, strict=True)
        for value, name in zip((run.control, run.treatment), names, strict=True)
        if value is not None
    ]
    level = "proportion" if gate.contrast == "ratio" else gate.unit
    values = [float(row["value"]) for row in rows]
    y = _values_axis(values, str(say("both arms")), format=AXES[level], tickCount=3)
    at = {"x": _runs_axis(drift, quiet=True), "y": y, "color": arm_color(names, width)}
    return [
        mark("line", at, rows, strokeWidth=2, clip=True),
        mark("point", at, rows, tip=_tip(), size=55, clip=True),
    ]


def _contrast(gate: GateResult, drift: Drift) -> list[alt.Chart]:
    """Draw each run's contrast with its bounds, all runs together, and the stage's limit."""
    drawn = [(about, run) for about, run in zip(_about(gate, drift), drift.runs, strict=True)
             if run.point is not None]  # fmt: skip
    pooled = gate.evidence.point
    ends = [end for _, run in drawn for end in (run.point, run.lower, run.upper)]
    values = [v for v in (*ends, pooled, gate.proof_limit) if v is not None]
    low, high = min(values), max(values)
    x, y = _runs_axis(drift), _contrast_axis(gate, values)
    bottom = _contrast_axis(gate, values, "low")
    rows = [
        about | {"value": run.point, "low": low if run.lower is None else run.lower,
                 "high": high if run.upper is None else run.upper}
        for about, run in drawn
    ]  # fmt: skip
    turns = [
        {"run": k + 0.5, "text": str(say("stage {number}", number=run.stage))}
        for k, run in enumerate(drift.runs)
        if k and run.stage != drift.runs[k - 1].stage
    ]
    at = {"x": x, "y": y}
    return [
        mark("rule", {"x": x}, turns, color=SOFT, strokeDash=[1, 3], clip=True),
        mark("rule", {"y": y}, [{"value": gate.proof_limit}], color=INK, strokeDash=[5, 3],
             clip=True),
        *_names(gate),
        mark("text", {"x": x, "y": 8, "text": "text:N"}, turns, dx=4, fontSize=12, color=SOFT,
             clip=True),
        mark("rule", at | {"x2": "end", "color": "color"}, _parts(gate, drift), strokeWidth=6,
             opacity=0.3, clip=True, tip={"told": say("Estimate")}),
        mark("rule", at | {"y": bottom, "y2": "high"}, rows, strokeWidth=1.5,
             color=TREATMENT, clip=True, tip=_tip()),
        mark("point", at, rows, size=80, color=TREATMENT, clip=True, tip=_tip()),
    ]  # fmt: skip


def _contrast_axis(gate: GateResult, values: Sequence[float], field: str = "value") -> object:
    points = gate.signed and gate.evidence_unit == "proportion"
    apart = say("treatment − control, pp") if points else say("treatment − control")
    words = {"difference": apart, "ratio": say("treatment / control")}
    form: Spec = {"format": ("+" if gate.signed else "") + AXES[gate.evidence_unit]}
    if points:
        form = {"labelExpr": "format(100 * datum.value, '+.1f')"}
    title = str(words.get(gate.contrast, say("treatment")))
    return _values_axis(values, title, field=field, tickCount=5, **form)


def _names(gate: GateResult) -> list[alt.Chart]:
    """Name the two lines above the panel."""
    pooled, limit = (
        show(value, gate.evidence_unit, signed=gate.signed)
        for value in (gate.evidence.point, gate.proof_limit)
    )
    names = ((f"━ {say('all runs: {value}', value=pooled)}", TREATMENT, 0, "left"),
             (f"- - {say('limit {value}', value=limit)}", INK, RIGHT, "right"))  # fmt: skip
    return [
        mark("text", {"x": x, "y": -8, "text": "text:N"}, [{"text": name}], align=align,
             color=color, fontSize=12)
        for name, color, x, align in names
    ]  # fmt: skip


def _parts(gate: GateResult, drift: Drift) -> list[Spec]:
    """Return the level of all runs, and where they drift those before and after the step."""

    def level(first: float, end: float, value: float | None, color: str) -> Spec:
        shown_value = str(show(value, gate.evidence_unit, signed=gate.signed))
        return {"run": first, "end": end, "value": value, "color": color, "told": shown_value}

    last = len(drift.runs) + 0.5
    pooled = level(0.5, last, gate.evidence.point, TREATMENT)
    facts, step = drift.why.facts, drift.worse or drift.better
    before, after, late = (facts.get(name) for name in ("point", "value", "late"))
    if not step or not isinstance(late, int):
        return [pooled]
    if not isinstance(before, float) or not isinstance(after, float):
        return [pooled]
    turn = last - late
    return [pooled, level(0.5, turn, before, VERMILION), level(turn, last, after, VERMILION)]


__dir__ = __all__.copy  # what completion lists
