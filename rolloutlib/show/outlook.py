"""A stage's forecast → tables and charts for the terminal and notebooks/planning.ipynb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import Verdict
from rolloutlib.show.charts import COLORS
from rolloutlib.show.figure import INK, SOFT, WIDE, Figure, Grid, Spec, dots, figure, layer, text
from rolloutlib.show.tables import Cell, Html, Row, number, table
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from rolloutlib.forecast.chances import Decision, Forecast, GateForecast
    from rolloutlib.forecast.ladder import Climb, LadderForecast

__all__ = [
    "decision_chart", "decision_table", "gate_chart", "gate_table", "heading", "ladder_heading",
    "ladder_table",
]  # fmt: skip

LITERAL = "#1d5fa8"
GO, HOLD, NO_GO = COLORS[Verdict.PASS], COLORS[Verdict.INCONCLUSIVE], COLORS[Verdict.FAIL]
MARKS: Final = {
    "better": ("circle", GO), "equal": ("diamond", HOLD), "limit": ("cross", NO_GO),
    "worse": ("triangle-down", INK),
}  # fmt: skip
MAY, SHOULD = 0.05, 0.8  # chance to pass at the limit, and when clearly better
ROOM = 0.13  # of a bar, below which its number does not fit
WHOLE = 0.08  # above, a chance is shown in whole percents


def heading(outlook: Forecast) -> Sentence:
    """Return one sentence that says what was simulated."""
    study, samples = outlook.study, _mean(outlook.study.sizes_treatment)
    control, treatment = len(study.sizes_control), len(study.sizes_treatment)
    numbers = {"control": control, "treatment": treatment, "users": treatment, "samples": samples}
    how = {
        "crossed": say("{users} users in both arms, {samples:g} samples each", **numbers),
        "paired": say("{users} pairs", **numbers),
        "nested": say("{control} and {treatment} users, {samples:g} samples each", **numbers),
        "independent": say("{control} and {treatment} independent samples", **numbers),
    }[study.kind]
    return say(
        "Stage {stage}: {how}, {runs} runs an arm that differ by {sd:.1f} points, correlation "
        "{icc:g}; {repetitions:,} simulated reviews, every check taken as held.",
        stage=outlook.stage, how=how, runs=study.runs, sd=100 * study.run_sd, icc=study.icc,
        repetitions=outlook.repetitions,
    )  # fmt: skip


def _mean(sizes: tuple[int, ...]) -> float:
    return sum(sizes) / len(sizes)


def _truth(decision: Decision, outlook: Forecast) -> str:
    if decision.gate is None:
        return str(_plainly(decision.truth))
    titles = {gate.id: translate(gate.gate.title) for gate in outlook.gates}
    title = titles[decision.gate]
    if decision.truth == "limit":
        return str(say("only {gate} at its limit", gate=title))
    return str(say("only {gate} beyond its limit", gate=title))


def _plainly(truth: str) -> Sentence:
    """Name a truth that holds for every gate."""
    return {
        "better": say("clearly better in everything"),
        "good": say("as good, fast, a third of the issues"),
        "design": say("as the plan designs it"),
        "equal": say("equal to the control, issues too"),
    }[truth]


@spoken
def ladder_table(outlook: LadderForecast) -> Html:
    """Show how many candidates of a kind climb the stages from 0 on."""
    words = [say("0 to {stage}", stage=step.stage) if step.stage else "0"
             for step in outlook.steps]  # fmt: skip
    rows = [Row((Cell(_climber(found)), *(number(f"{share:.0%}") for share in found.stages)))
            for found in outlook.climbs]  # fmt: skip
    return table((say("GO at stages …, if the candidate is …"), *words), rows, kind="forecast")


def ladder_heading(outlook: LadderForecast) -> Sentence:
    """Say what of the ladder was simulated."""
    who = say("everybody in both arms") if outlook.paired else say("everybody in one arm")
    return say(
        "The whole ladder: {rollouts:,} simulated rollouts with the people, samples and runs that "
        "plan.yaml plans, {who}; runs of one arm differ by {sd:.1f} points of the pass rate. "
        "Evidence is carried from stage to stage where the flags are the same.",
        rollouts=outlook.rollouts, sd=100 * outlook.run_sd, who=who,
    )  # fmt: skip


def _climber(found: Climb) -> str:
    if found.gate is None:
        return str(_plainly(found.truth))
    return str(say("only {gate} at the plan's limit", gate=translate(found.title)))


@spoken
def decision_table(outlook: Forecast) -> Html:
    """Show how often the review, and the plan's literal rule, say what."""
    words = (say("GO"), say("HOLD"), say("NO-GO"), say("plan's rule says GO"))
    rows: list[Row] = []
    for chance in outlook.decisions:
        shares = (chance.go, chance.hold, chance.no_go, chance.literal)
        cells = (number(f"{share:.1%}") for share in shares)
        rows.append(Row((Cell(_truth(chance, outlook)), *cells)))
    return table((say("If the candidate is …"), *words), rows, kind="forecast")


@spoken
def gate_table(outlook: Forecast) -> Html:
    """Show what each gate can prove, what it would need, and its chances."""
    chances = (say("passes if better"), say("if equal"), say("at the limit"), say("beyond it"))
    sizes = (say("Gate"), say("Stage limit"), say("Provable"), say("Needed"))
    head = (*sizes, *chances, say("plan's rule at the limit"))
    return table(head, [_gate_row(gate) for gate in outlook.gates], kind="forecast")


def _gate_row(gate: GateForecast) -> Row:
    shares = [gate.chances[truth].passed for truth in MARKS] + [gate.chances["limit"].literal]
    sizes = (_value(gate, gate.proof), _value(gate, gate.provable), _needed(gate))
    chances = (f"{share:.0%}" if share >= WHOLE else f"{share:.1%}" for share in shares)
    return Row((Cell(translate(gate.gate.title)), *map(number, sizes), *map(number, chances)))


def _value(gate: GateForecast, value: float) -> Sentence:
    unit = unit_of(gate.gate.unit, gate.gate.statistic)
    return show(value, unit, signed=gate.gate.contrast == "difference")


def _needed(gate: GateForecast) -> Sentence:
    if gate.needed is None:
        return say("enough")
    return say("{total} {unit}", total=f"{gate.needed.total:,}", unit=say(gate.needed.unit))


@spoken
def decision_chart(outlook: Forecast) -> Figure:
    """Draw the chances of every decision, the plan's literal rule as a mark on the same scale."""
    worst = max((d for d in outlook.decisions if d.truth == "limit"), key=lambda d: d.go)
    caption = say(
        "Green is GO, brown HOLD, red NO-GO; the blue mark is how often the plan's literal rule "
        "says GO in the same worlds. A clearly better candidate gets its GO with {better:.0%}; "
        "one that is only at a limit with {limit:.1%}, where the literal rule says GO with "
        "{literal:.0%}.",
        better=outlook.decisions[0].go, limit=worst.go, literal=worst.literal,
    )  # fmt: skip
    rows = "; ".join(
        f"{_truth(d, outlook)}: GO {d.go:.1%}, HOLD {d.hold:.1%}, NO-GO {d.no_go:.1%}"
        for d in outlook.decisions
    )
    alt = say("Chances of every decision. {rows}.", rows=rows)
    return figure(lambda width: _decision_spec(outlook, width), alt, caption)


def _decision_spec(outlook: Forecast, width: int) -> Spec:
    small, n = width < WIDE, len(outlook.decisions)
    height, left = (74, 8) if small else (54, 300)
    grid = Grid(n, width, height, 34, left, width - 14)
    bars = [bar for k, d in enumerate(outlook.decisions) for bar in _bars(d, grid, k, small=small)]
    top, bottom, above = (0, 32, -18) if small else (-17, 17, 0)
    names = [
        {"row": grid.y(k, above), "text": _truth(d, outlook)}
        for k, d in enumerate(outlook.decisions)
    ]
    marks = [
        {"top": grid.y(k, top), "bottom": grid.y(k, bottom), "x": d.literal}
        for k, d in enumerate(outlook.decisions)
    ]
    literal = say("the plan's literal rule says GO")
    key = {"text": f"┃ {literal}"}
    upright = {"x": "x", "y": "top", "y2": "bottom"}
    layers = [
        layer(bars, "rule", at={"x": "a", "x2": "b", "y": "row", "color": "color"}, strokeWidth=24),
        text(bars, "text", "a", color="white", dx=8, fontWeight=600),
        layer(marks, "rule", at=upright, color="white", strokeWidth=8),
        layer(marks, "rule", at=upright, color=LITERAL, strokeWidth=4),
        text(names, "text", 0, fontWeight=600, limit=width if small else 285),
        layer([key], "text", at={"x": grid.right, "y": 10, "text": "text"}, align="right",
              color=LITERAL, fontSize=13),
    ]  # fmt: skip
    return grid.spec(layers, (0, 1), _percent_axis(say("share of simulated reviews")))


def _bars(decision: Decision, grid: Grid, row: int, *, small: bool) -> list[Spec]:
    """Lay the three chances of a decision end to end, each with its number where it fits."""
    y, room = (grid.y(row, 16), 2 * ROOM) if small else (row, ROOM)
    parts = (
        (decision.go, GO, "GO"),
        (decision.hold, HOLD, "HOLD"),
        (decision.no_go, NO_GO, "NO-GO"),
    )
    bars: list[Spec] = []
    start = 0.0
    for share, color, word in parts:
        label = f"{word} {share:.0%}" if share > room else ""
        bars.append({"row": y, "a": start, "b": start + share, "color": color, "text": label})
        start += share
    return bars


@spoken
def gate_chart(outlook: Forecast) -> Figure:
    """Draw each gate's chance of passing under every truth, between 5 % and 80 %."""
    small = [gate.gate for gate in outlook.gates if gate.chances["better"].passed < SHOULD]
    weak = [translate(gate.title) for gate in small]
    verdict = say("Every gate recognises a clearly better candidate.")
    if weak:
        listed = ", ".join(weak)
        verdict = say("Too small for {gates}: a good candidate may be held there.", gates=listed)
    caption = say(
        "Dots should be right of 80 % (clearly better), crosses left of 5 % (exactly at the "
        "limit). {verdict}",
        verdict=verdict,
    )  # fmt: skip
    rows = "; ".join(
        f"{translate(g.gate.title)}: {g.chances['better'].passed:.0%}, "
        f"{g.chances['limit'].passed:.1%}"
        for g in outlook.gates
    )
    alt = say("Chance of passing when better, at the limit. {rows}.", rows=rows)
    return figure(lambda width: _gate_spec(outlook, width), alt, caption)


def _gate_spec(outlook: Forecast, width: int) -> Spec:
    small, n = width < WIDE, len(outlook.gates)
    height, header, left, right = (56, 50, 10, 16) if small else (36, 34, 215, 210)
    grid = Grid(n, width, height, header, left, width - right)
    above, below = (-15, 10) if small else (0, 0)
    points: list[Spec] = []
    names: list[Spec] = []
    notes: list[Spec] = []
    for k, gate in enumerate(outlook.gates):
        for truth, (shape, color) in MARKS.items():
            chance = gate.chances[truth].passed
            points.append({"row": grid.y(k, below), "x": chance, "shape": shape, "color": color})
        value, best = _value(gate, gate.proof), _value(gate, gate.provable)
        note = say("limit {value}, provable {best}", value=value, best=best)
        names.append({"row": grid.y(k, above), "text": translate(gate.gate.title)})
        notes.append({"row": grid.y(k, above), "text": str(note)})
    lines = [{"x": MAY}, {"x": SHOULD}]
    size, note_size, room = (12, 10, 130) if small else (13, 12, 205)
    layers = [
        layer(lines, "rule", at={"x": "x", "y": grid.header, "y2": grid.bottom}, color=SOFT,
              strokeDash=[3, 3]),
        dots(points[::-1], {"x": "x", "y": "row", "color": "color", "shape": "shape"}, size=95),
        text(names, "text", 0, fontWeight=600, limit=room, fontSize=size),
        text(notes, "text", width, align="right", color=SOFT, fontSize=note_size),
        *_keys(grid, width, small=small),
    ]  # fmt: skip
    return grid.spec(layers, (0, 1), _percent_axis(say("chance that the gate passes")))


def _keys(grid: Grid, width: int, *, small: bool) -> list[Spec]:
    """Name the truths and their marks above the first row."""
    words = {
        "better": ("●", say("clearly better")), "equal": ("◆", say("equal")),
        "limit": ("✚", say("at the limit")), "worse": ("▼", say("beyond it")),
    }  # fmt: skip
    left, room, size = (0, width, 11) if small else (grid.left, grid.right - grid.left, 13)
    layers: list[Spec] = []
    for k, (truth, (sign, word)) in enumerate(words.items()):
        color = MARKS[truth][1]
        row = {"x": 0.0, "text": f"{sign} {word}", "color": color}
        at = {"x": left + k * room / len(words), "y": 12, "text": "text"}
        style: Spec = {"align": "left", "fontWeight": 600, "fontSize": size}
        layers.append(layer([row], "text", at=at, color=color, **style))
    return layers


def _percent_axis(title: Sentence) -> Spec:
    ticks = [0, 0.05, 0.25, 0.5, 0.8, 1]
    return {"title": str(title), "format": ".0%", "values": ticks, "grid": False}


__dir__ = __all__.copy  # what completion lists
