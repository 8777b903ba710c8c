"""A stage's forecast → tables and charts for the terminal and notebooks/planning.ipynb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.forecast.luck import luck
from rolloutlib.judge.record import Verdict
from rolloutlib.show.charts import COLORS
from rolloutlib.show.figure import INK, NARROW, SOFT, WIDE, Figure, Spec, figure
from rolloutlib.show.marks import Beside, axis, mark
from rolloutlib.show.tables import Cell, Html, Row, number, table
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    import altair as alt

    from rolloutlib.forecast.chances import Decision, Forecast, GateForecast
    from rolloutlib.show.marks import Drawn

__all__ = [
    "decision_chart", "decision_table", "gate_chart", "gate_table", "heading", "plainly",
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
BLUE = 0.012  # half the mark of the plan's rule, with room
EDGE = 0.02  # of an axis beyond 0 and 100 %, so that a mark there is whole


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
    whole = say(
        "Stage {stage}: {how}, {runs} runs an arm that differ by {sd:.1f} points, correlation "
        "{icc:g}; {repetitions:,} simulated reviews, every check taken as held.",
        stage=outlook.stage, how=how, runs=study.runs, sd=100 * study.run_sd, icc=study.icc,
        repetitions=outlook.repetitions,
    )  # fmt: skip
    if not outlook.left:
        return whole
    left = tuple(map(translate, outlook.left))
    return say("{heading} Not simulated, and taken as passed: {gates}.", heading=whole, gates=left)


def _mean(sizes: tuple[int, ...]) -> float:
    return sum(sizes) / len(sizes)


def _truth(decision: Decision, outlook: Forecast) -> str:
    if decision.gate is None:
        return str(plainly(decision.truth))
    titles = {gate.id: translate(gate.gate.title) for gate in outlook.gates}
    title = titles[decision.gate]
    if decision.truth == "limit":
        return str(say("only {gate} at its limit", gate=title))
    return str(say("only {gate} beyond its limit", gate=title))


def plainly(truth: str) -> Sentence:
    """Name a truth that holds for every gate."""
    return {
        "better": say("clearly better in everything"),
        "good": say("as good, fast, a third of the issues"),
        "design": say("as the plan designs it"),
        "equal": say("equal to the control, issues too"),
    }[truth]


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
    sizes = (say("Gate"), say("Stage limit"), say("Provable"), _of_needed(outlook))
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


def _of_needed(outlook: Forecast) -> Sentence:
    """Head what is needed: in each arm, unless both have the same users or prompts."""
    return say("Needed" if outlook.study.kind in {"crossed", "paired"} else "Needed an arm")


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
    return figure(lambda width: _decision_chart(outlook, width), alt, caption)


def _decision_chart(outlook: Forecast, width: int) -> Drawn:
    small = width < WIDE
    room = Beside(8, NARROW - 26, 14, 74) if small else Beside(300, WIDE - 314, 14, 54)
    rows = [_decision_row(decision, outlook) | {"row": k}
            for k, decision in enumerate(outlook.decisions)]  # fmt: skip
    fits = 2 * ROOM if small else ROOM
    bars = [row | bar for row, decision in zip(rows, outlook.decisions, strict=True)
            for bar in _bars(decision, fits)]  # fmt: skip
    tip = {"truth": say("If the candidate is …"), "go": say("GO"), "hold": say("HOLD"),
           "no_go": say("NO-GO"), "literal": say("plan's rule says GO")}  # fmt: skip
    at = {"x": _percent_axis("a", say("share of simulated reviews")), "y": room.y()}
    literal_mark = at | {"x": "x:Q"}
    down, up, tall = (16, -18, 32) if small else (0, 0, 34)
    upright: Spec = {"orient": "vertical", "size": tall, "yOffset": down, "clip": True,
                     "opacity": 1}  # fmt: skip
    literal = say("the plan's literal rule says GO")
    return room.plot([
        mark("rule", at | {"x2": "b", "color": "color"}, bars, tip=tip, strokeWidth=24,
             yOffset=down, clip=True),
        mark("text", at | {"x": "at:Q", "text": "text:N"}, [b for b in bars if b["text"]], tip=tip,
             color="white", dx=6, dy=down, fontWeight=600, clip=True),
        mark("tick", literal_mark, tip=tip, color="white", thickness=8, **upright),
        mark("tick", literal_mark, tip=tip, color=LITERAL, thickness=4, **upright),
        room.text("truth", -room.left, tip=tip, fontWeight=600, dy=up,
                  limit=NARROW if small else 285),
        mark("text", {"x": room.width, "y": -24, "text": "text:N"}, [{"text": f"┃ {literal}"}],
             align="right", color=LITERAL),
    ], rows, tip)  # fmt: skip


def _decision_row(decision: Decision, outlook: Forecast) -> Spec:
    return {
        "truth": _truth(decision, outlook), "x": decision.literal,
        "go": _counted(decision.go, outlook), "hold": _counted(decision.hold, outlook),
        "no_go": _counted(decision.no_go, outlook), "literal": _counted(decision.literal, outlook),
    }  # fmt: skip


def _counted(share: float, outlook: Forecast) -> str:
    """Say in how many of the simulated reviews."""
    return f"{share:.1%} ({share * outlook.repetitions:,.0f} / {outlook.repetitions:,})"


def _bars(decision: Decision, fits: float) -> list[Spec]:
    """Lay the three chances of a decision end to end, each with its number where it fits."""
    parts = (
        (decision.go, GO, "GO"),
        (decision.hold, HOLD, "HOLD"),
        (decision.no_go, NO_GO, "NO-GO"),
    )
    bars: list[Spec] = []
    start = 0.0
    for share, color, word in parts:
        end, at = start + share, start
        if (
            start - BLUE < decision.literal < start + fits
        ):  # the mark of the plan's rule stands there
            at = decision.literal + BLUE
        label = f"{word} {share:.0%}" if end - at > fits else ""
        bars.append({"a": start, "b": end, "at": at, "color": color, "text": label})
        start = end
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
        "limit). The line through a cross says how far it may be luck: {repetitions:,} simulated "
        "reviews, 95 % for all crosses together. {crosses} {verdict}",
        repetitions=outlook.repetitions, crosses=_crosses(outlook), verdict=verdict,
    )  # fmt: skip
    rows = "; ".join(
        f"{translate(g.gate.title)}: {g.chances['better'].passed:.0%}, "
        f"{g.chances['limit'].passed:.1%}"
        for g in outlook.gates
    )
    alt = say("Chance of passing when better, at the limit. {rows}.", rows=rows)
    return figure(lambda width: _gate_chart(outlook, width), alt, caption)


def _crosses(outlook: Forecast) -> Sentence:
    """Say which gates pass at their limit more often than they may, whatever the luck."""
    beyond = tuple(
        translate(gate.gate.title) for gate in outlook.gates
        if _luck(gate, outlook)[0] > MAY
    )  # fmt: skip
    if beyond:
        return say("Beyond 5 % even so: {gates}.", gates=beyond)
    return say("None is beyond 5 % by more than that.")


def _luck(gate: GateForecast, outlook: Forecast) -> tuple[float, float]:
    return luck(gate.chances["limit"].passed, outlook.repetitions, len(outlook.gates))


def _gate_chart(outlook: Forecast, width: int) -> Drawn:
    import altair as alt

    small, end = width < WIDE, alt.Y2(field="row", bandPosition=1)
    room = Beside(10, NARROW - 26, 16, 56) if small else Beside(215, WIDE - 425, 210, 36)
    rows = [_gate_forecast(gate, outlook) | {"row": k} for k, gate in enumerate(outlook.gates)]
    points = [
        row | {"x": gate.chances[truth].passed, "shape": shape, "color": color}
        for row, gate in zip(rows, outlook.gates, strict=True)
        for truth, (shape, color) in reversed(MARKS.items())
    ]
    lines = [
        {"row": k, "x": low, "to": high} for k, gate in enumerate(outlook.gates)
        for low, high in [_luck(gate, outlook)]
    ]  # fmt: skip
    tip = {"gate": say("Gate"), "proof": say("Stage limit"), "provable": say("Provable"),
           "needed": _of_needed(outlook), "better": say("passes if better"),
           "equal": say("if equal"), "limit": say("at the limit"), "worse": say("beyond it"),
           "literal": say("plan's rule at the limit")}  # fmt: skip
    x = _percent_axis("x", say("chance that the gate passes"))
    up, down, size, note_size = (-15, 10, 12, 10) if small else (0, 0, 13, 12)
    at = {"x": x, "y": room.y(), "color": "color", "shape": "shape"}
    return room.plot([
        mark("rule", {"x": x, "y": room.y(bandPosition=0.5 * small), "y2": end},
             [{"x": goal, "row": k} for k in range(len(rows)) for goal in (MAY, SHOULD)],
             color=SOFT, strokeDash=[3, 3], clip=True),
        mark("rule", {"x": x, "x2": "to", "y": room.y()}, lines, color=MARKS["limit"][1],
             strokeWidth=2, yOffset=down, clip=True),
        mark("point", at, points, tip=tip, size=95, yOffset=down, clip=True),
        room.text("gate", -room.left, tip=tip, fontWeight=600, fontSize=size, dy=up,
                  limit=130 if small else 205),
        room.text("note", room.width + room.right, tip=tip, align="right", color=SOFT,
                  fontSize=note_size, dy=up),
        *_keys(room, small=small),
    ], rows, tip)  # fmt: skip


def _gate_forecast(gate: GateForecast, outlook: Forecast) -> Spec:
    value, best = _value(gate, gate.proof), _value(gate, gate.provable)
    chances = {truth: _counted(gate.chances[truth].passed, outlook) for truth in MARKS}
    return chances | {
        "gate": translate(gate.gate.title), "proof": str(value), "provable": str(best),
        "needed": str(_needed(gate)),
        "literal": _counted(gate.chances["limit"].literal, outlook),
        "note": str(say("limit {value}, provable {best}", value=value, best=best)),
    }  # fmt: skip


def _keys(room: Beside, *, small: bool) -> list[alt.Chart]:
    """Name the truths and their marks above the first row."""
    words = {
        "better": ("●", say("clearly better")), "equal": ("◆", say("equal")),
        "limit": ("✚", say("at the limit")), "worse": ("▼", say("beyond it")),
    }  # fmt: skip
    left, wide, y, size = (-room.left, NARROW, -38, 11) if small else (0, room.width, -22, 13)
    return [
        mark("text", {"x": left + k * wide / len(words), "y": y, "text": "text:N"},
             [{"text": f"{sign} {word}"}], color=MARKS[truth][1], fontWeight=600, fontSize=size)
        for k, (truth, (sign, word)) in enumerate(words.items())
    ]  # fmt: skip


def _percent_axis(field: str, title: Sentence) -> object:
    ticks = [0, 0.05, 0.25, 0.5, 0.8, 1]
    return axis("X", field, (-EDGE, 1 + EDGE), title=str(title), format=".0%", values=ticks,
                grid=False)  # fmt: skip


__dir__ = __all__.copy  # what completion lists
