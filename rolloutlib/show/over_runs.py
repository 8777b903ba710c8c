"""A gate's contrast run by run: both arms, what each run says, and whether later runs differ."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from rolloutlib.show.charts import VERMILION
from rolloutlib.show.curves import CONTROL, TREATMENT
from rolloutlib.show.figure import INK, SOFT, WIDE, Figure, Note, dots, figure, key, layer, stacked
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.drift import Drift
    from rolloutlib.show.figure import Spec

__all__ = ["contrast_by_run"]

AXES: Final = {"proportion": ".1%", "ms": ",d", "score": ".2f", "ratio": ".2f"}
TICKS: Final = 12  # of the axis of runs, at most
ROOM: Final = 0.08  # of the values' range, above and below
LABELS: Final = 56  # pixels beside both panels, so that their runs stand below each other


@spoken
def contrast_by_run(review: Review) -> Figure | Note:
    """Draw the gate that drifts most, or else the plan's first, run by run."""
    if not review.drift:
        return Note(str(say("No gate has data that could be shown run by run.")))
    drift = min(review.drift, key=_weight)
    gate = next(gate for gate in review.gates if gate.id == drift.gate)
    told = [one for one in review.drift if one.worse or one.better] or [drift]
    caption = say(
        "{gate}: each dot is one run, with bounds that take its samples as independent; the blue "
        "line is all runs together, the dashed line what this stage has to prove. {tests}",
        gate=translate(gate.title), tests=" ".join(sentence(one.why) for one in told),
    )  # fmt: skip
    points = [show(run.point, gate.evidence_unit, signed=gate.signed) for run in drift.runs]
    alt = say("{gate}, run by run: {rows}.", gate=translate(gate.title),
              rows=", ".join(map(str, points)))  # fmt: skip
    return figure(lambda width: _spec(review, gate, drift, width), alt, caption)


def _weight(drift: Drift) -> tuple[bool, bool, float]:
    """Sort what got worse first, then what got better; of equal ones the plan's first is taken."""
    p = drift.p_worse if drift.worse else drift.p_better if drift.better else 1.0
    return not drift.worse, not drift.better, 1.0 if p is None else p


def _spec(review: Review, gate: GateResult, drift: Drift, width: int) -> Spec:
    small = width < WIDE
    x = _runs_axis(drift)
    panels = [(_contrast(gate, drift, x), 170 if small else 220)]
    if gate.contrast != "treatment":
        quiet = x | {"axis": x["axis"] | {"labels": False, "ticks": False, "title": None}}
        names = [(review.control, CONTROL), (review.treatment, TREATMENT)]
        lines = [*_arms(gate, drift, quiet), key(names, width, -30)]
        panels.insert(0, (lines, 90 if small else 110))
    return stacked(panels, width)


def _runs_axis(drift: Drift) -> Spec:
    most = len(drift.runs)
    step = ceil(most / TICKS)
    starts = [run.started_at for run in drift.runs if run.started_at]
    title = say("runs, by name")
    if len(starts) == most:
        title = say("runs, oldest first: {first} to {last}", first=f"{starts[0]:%Y-%m-%d}",
                    last=f"{starts[-1]:%Y-%m-%d}")  # fmt: skip
    axis = {"title": str(title), "values": list(range(1, most + 1, step)), "format": "d",
            "grid": False}  # fmt: skip
    scale = {"domain": [0.5, most + 0.5], "nice": False}
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis}


def _values_axis(values: Sequence[float], title: str, form: str, ticks: int) -> Spec:
    room = max((max(values) - min(values)) * ROOM, 1e-3 * max(1.0, *map(abs, values)))
    scale = {"domain": [min(values) - room, max(values) + room], "nice": False, "zero": False}
    axis = {"title": title, "format": form, "tickCount": ticks, "minExtent": LABELS,
            "maxExtent": LABELS}  # fmt: skip
    return {"field": "y", "type": "quantitative", "scale": scale, "axis": axis}


def _arms(gate: GateResult, drift: Drift, x: Spec) -> list[Spec]:
    """Draw both arms' own values run by run."""
    rows = [
        {"x": k, "y": value, "color": color}
        for k, run in enumerate(drift.runs, 1)
        for value, color in ((run.control, CONTROL), (run.treatment, TREATMENT))
        if value is not None
    ]
    level = "proportion" if gate.contrast == "ratio" else gate.unit
    y = _values_axis([float(row["y"]) for row in rows], str(say("both arms")), AXES[level], 3)
    at: Spec = {"x": x, "y": y, "color": "color"}
    return [layer(rows, "line", at=at, strokeWidth=2), dots(rows, at, size=55)]


def _contrast(gate: GateResult, drift: Drift, x: Spec) -> list[Spec]:
    """Draw each run's contrast with its bounds, all runs together, and the stage's limit."""
    known = [(k, run) for k, run in enumerate(drift.runs, 1) if run.point is not None]
    pooled = gate.evidence.point
    ends = [end for _, run in known for end in (run.point, run.lower, run.upper)]
    values = [v for v in (*ends, pooled, gate.proof_limit) if v is not None]
    low, high = min(values), max(values)
    form = "+" + AXES[gate.evidence_unit] if gate.signed else AXES[gate.evidence_unit]
    points = gate.signed and gate.evidence_unit == "proportion"
    apart = say("treatment − control, pp") if points else say("treatment − control")
    words = {"difference": apart, "ratio": say("treatment / control")}
    title = words.get(gate.contrast, say("treatment"))
    y = _values_axis(values, str(title), form, 5)
    if points:
        y["axis"] |= {"labelExpr": "format(100 * datum.value, '+.1f')"}
    rows = [
        {"x": k, "y": run.point, "low": low if run.lower is None else run.lower,
         "high": high if run.upper is None else run.upper, "color": TREATMENT}
        for k, run in known
    ]  # fmt: skip
    spans = _parts(gate, drift)
    turns = [
        {"x": k + 0.5, "text": str(say("stage {number}", number=run.stage))}
        for k, run in enumerate(drift.runs)
        if k and run.stage != drift.runs[k - 1].stage
    ]
    at: Spec = {"x": x, "y": y}
    whole = at | {"x2": {"field": "end"}, "color": "color"}
    return [
        layer([{"y": gate.proof_limit}], "rule", at={"y": y}, color=INK, strokeDash=[5, 3]),
        *_names(gate),
        layer(turns, "rule", at={"x": x}, color=SOFT, strokeDash=[1, 3]),
        layer(turns, "text", at={"x": x, "y": 8, "text": "text"}, align="left", dx=4, fontSize=12,
              color=SOFT),
        layer(spans, "rule", at=whole, strokeWidth=6, opacity=0.3),
        layer(rows, "rule", at={"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"},
                                "color": "color"}, strokeWidth=1.5),
        dots(rows, at | {"color": "color"}, size=80),
    ]  # fmt: skip


def _names(gate: GateResult) -> list[Spec]:
    """Name the two lines above the panel."""
    pooled, limit = (
        show(value, gate.evidence_unit, signed=gate.signed)
        for value in (gate.evidence.point, gate.proof_limit)
    )
    names = (("━ ", say("all runs: {value}", value=pooled), TREATMENT, 0, "left"),
             ("- - ", say("limit {value}", value=limit), INK, 1, "right"))  # fmt: skip
    at = {"text": "text", "color": "color", "y": -8}
    return [
        layer([{"text": f"{sign}{name}", "color": color}], "text", align=align,
              at=at | {"x": {"value": {"expr": "width"}} if end else 0}, fontSize=12)
        for sign, name, color, end, align in names
    ]  # fmt: skip


def _parts(gate: GateResult, drift: Drift) -> list[Spec]:
    """Return the level of all runs, and where they drift those before and after the step."""
    most = len(drift.runs)
    pooled = {"x": 0.5, "end": most + 0.5, "y": gate.evidence.point, "color": TREATMENT}
    facts, step = drift.why.facts, drift.worse or drift.better
    before, after, late = (facts.get(name) for name in ("point", "value", "late"))
    if not step or not isinstance(late, int) or before is None or after is None:
        return [pooled]
    turn = most - late + 0.5
    return [pooled, {"x": 0.5, "end": turn, "y": before, "color": VERMILION},
            {"x": turn, "end": most + 0.5, "y": after, "color": VERMILION}]  # fmt: skip
