"""A stage's forecast → tables and charts, for the terminal and notebooks/planning.ipynb; computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.verdicts import Verdict
from rolloutlib.show.charts import COLORS
from rolloutlib.show.figure import WIDE, Figure, Grid, Spec, dots, figure, layer, text
from rolloutlib.show.tables import Cell, Html, Row, number, table
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from rolloutlib.forecast.chances import Decision, Forecast, GateForecast

__all__ = ["decision_chart", "decision_table", "gate_chart", "gate_table", "heading"]

INK, SOFT, LITERAL = "#1c2430", "#586271", "#1d5fa8"
GO, HOLD, NO_GO = (
    COLORS[verdict] for verdict in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
)
MARKS: Final = {
    "better": ("circle", GO),
    "equal": ("diamond", HOLD),
    "limit": ("cross", NO_GO),
    "worse": ("triangle-down", INK),
}
MAY, SHOULD = 0.05, 0.8  # chance to pass at the limit, and when clearly better
ROOM = 0.13  # of a bar, below which its number does not fit
WHOLE = 0.08  # above, a chance is shown in whole percents


def heading(found: Forecast) -> Sentence:
    """Return one sentence that says what was simulated."""
    study, samples = found.study, _mean(found.study.sizes_treatment)
    control, treatment = len(study.sizes_control), len(study.sizes_treatment)
    how = {
        "crossed": say("{users} users in both arms, {samples:g} samples each", users=treatment, samples=samples),
        "paired": say("{users} pairs", users=treatment),
        "nested": say(
            "{control} and {treatment} users, {samples:g} samples each",
            control=control, treatment=treatment, samples=samples,
        ),
        "independent": say("{control} and {treatment} independent samples", control=control, treatment=treatment),
    }[study.kind]  # fmt: skip
    return say(
        "Stage {stage}: {how}, correlation {icc:g}; {repetitions:,} simulated reviews, every check taken as held.",
        stage=found.stage, how=how, icc=study.icc, repetitions=found.repetitions,
    )  # fmt: skip


def _mean(sizes: tuple[int, ...]) -> float:
    return sum(sizes) / len(sizes)


def _truth(decision: Decision, found: Forecast) -> Sentence:
    titles = {gate.id: say(gate.gate.title) for gate in found.gates}
    if decision.truth == "better":
        return say("clearly better in everything")
    if decision.truth == "equal":
        return say("equal to the control")
    one = say("only {gate} at its limit", gate=titles[decision.gate or ""])
    return (
        one
        if decision.truth == "limit"
        else say("only {gate} beyond its limit", gate=titles[decision.gate or ""])
    )


def decision_table(found: Forecast, lang: str = "en") -> Html:
    """Show how often the review, and the plan's literal rule, say what."""
    head = (
        say("If the candidate is …"),
        say("GO"),
        say("HOLD"),
        say("NO-GO"),
        say("plan's rule says GO"),
    )
    rows = [
        Row(
            (
                Cell(_truth(d, found).text(lang)),
                *(number(f"{share:.1%}") for share in (d.go, d.hold, d.no_go, d.literal)),
            )
        )
        for d in found.decisions
    ]
    return table(head, rows, lang, kind="forecast")


def gate_table(found: Forecast, lang: str = "en") -> Html:
    """Show what each gate can prove, what it would need, and its chances."""
    chances = (say("passes if better"), say("if equal"), say("at the limit"), say("beyond it"))
    head = (
        say("Gate"),
        say("Stage limit"),
        say("Provable"),
        say("Needed"),
        *chances,
        say("plan's rule at the limit"),
    )
    return table(head, [_gate_row(gate, lang) for gate in found.gates], lang, kind="forecast")


def _gate_row(one: GateForecast, lang: str) -> Row:
    shares = [one.chances[truth].passed for truth in MARKS] + [one.chances["limit"].literal]
    cells = (
        Cell(say(one.gate.title).text(lang)),
        number(_value(one, one.proof, lang)), number(_value(one, one.provable, lang)), number(_needed(one).text(lang)),
        *(number(f"{share:.0%}" if share >= WHOLE else f"{share:.1%}") for share in shares),
    )  # fmt: skip
    return Row(cells)


def _value(one: GateForecast, value: float, lang: str) -> str:
    unit = unit_of(one.gate.unit, one.gate.statistic)
    return show(value, unit, signed=one.gate.contrast == "difference").text(lang)


def _needed(one: GateForecast) -> Sentence:
    if one.needed is None:
        return say("enough")
    return say("{total} {unit}", total=f"{one.needed.total:,}", unit=say(one.needed.unit))


def decision_chart(found: Forecast, lang: str = "en") -> Figure:
    """Draw the chances of every decision, with the plan's literal rule as a mark on the same scale."""
    worst = max((d for d in found.decisions if d.truth == "limit"), key=lambda d: d.go)
    caption = say(
        "Green is GO, brown HOLD, red NO-GO; the blue mark is how often the plan's literal rule says GO in the same "
        "worlds. A clearly better candidate gets its GO with {better:.0%}; one that is only at a limit with "
        "{limit:.1%}, where the literal rule says GO with {literal:.0%}.",
        better=found.decisions[0].go, limit=worst.go, literal=worst.literal,
    )  # fmt: skip
    told = "; ".join(
        f"{_truth(d, found).text(lang)}: GO {d.go:.1%}, HOLD {d.hold:.1%}, NO-GO {d.no_go:.1%}"
        for d in found.decisions
    )
    return figure(
        lambda width: _decision_spec(found, width, lang),
        say("Chances of every decision. {rows}.", rows=told),
        caption,
        lang,
    )


def _decision_spec(found: Forecast, width: int, lang: str) -> Spec:
    small = width < WIDE
    grid = Grid(
        len(found.decisions), width, 74 if small else 54, 34, 8 if small else 300, width - 14
    )
    bars: list[Spec] = []
    names: list[Spec] = []
    marks: list[Spec] = []
    for row, decision in enumerate(found.decisions):
        start, y = 0.0, grid.y(row, 16) if small else row
        for share, color, word in (
            (decision.go, GO, "GO"),
            (decision.hold, HOLD, "HOLD"),
            (decision.no_go, NO_GO, "NO-GO"),
        ):
            said = f"{word} {share:.0%}" if share > (2 * ROOM if small else ROOM) else ""
            bars.append({"row": y, "a": start, "b": start + share, "color": color, "text": said})
            start += share
        names.append(
            {"row": grid.y(row, -18) if small else row, "text": _truth(decision, found).text(lang)}
        )
        marks.append(
            {
                "top": grid.y(row, 0 if small else -17),
                "bottom": grid.y(row, 32 if small else 17),
                "x": decision.literal,
            }
        )
    key = {"text": "┃ " + say("the plan's literal rule says GO").text(lang)}
    layers = [
        layer(bars, "rule", at={"x": "a", "x2": "b", "y": "row", "color": "color"}, strokeWidth=24),
        text(bars, "text", "a", color="white", dx=8, fontWeight=600),
        layer(marks, "rule", at={"x": "x", "y": "top", "y2": "bottom"}, color="white", strokeWidth=8),
        layer(marks, "rule", at={"x": "x", "y": "top", "y2": "bottom"}, color=LITERAL, strokeWidth=4),
        text(names, "text", 0, fontWeight=600, limit=width if small else 285),
        layer([key], "text", at={"x": grid.right, "y": 10, "text": "text"}, align="right", color=LITERAL, fontSize=13),
    ]  # fmt: skip
    return grid.spec(layers, (0, 1), _percent_axis(say("share of simulated reviews").text(lang)))


def gate_chart(found: Forecast, lang: str = "en") -> Figure:
    """Draw each gate's chance of passing under every truth, between the 5 % that may and the 80 % that should."""
    weak = [
        say(gate.gate.title).text(lang)
        for gate in found.gates
        if gate.chances["better"].passed < SHOULD
    ]
    caption = say(
        "Dots should be right of 80 % (clearly better), crosses left of 5 % (exactly at the limit). {verdict}",
        verdict=say("Too small for {gates}: a good candidate may be held there.", gates=", ".join(weak)) if weak
        else say("Every gate recognises a clearly better candidate."),
    )  # fmt: skip
    told = "; ".join(
        f"{say(g.gate.title).text(lang)}: {g.chances['better'].passed:.0%}, {g.chances['limit'].passed:.1%}"
        for g in found.gates
    )
    return figure(
        lambda width: _gate_spec(found, width, lang),
        say("Chance of passing when better, at the limit. {rows}.", rows=told),
        caption,
        lang,
    )


def _gate_spec(found: Forecast, width: int, lang: str) -> Spec:
    small = width < WIDE
    grid = Grid(
        len(found.gates),
        width,
        56 if small else 36,
        50 if small else 34,
        10 if small else 215,
        width - (16 if small else 210),
    )
    words = {
        "better": say("clearly better"),
        "equal": say("equal"),
        "limit": say("at the limit"),
        "worse": say("beyond it"),
    }
    signs = {"better": "●", "equal": "◆", "limit": "✚", "worse": "▼"}
    points: list[Spec] = []
    names: list[Spec] = []
    notes: list[Spec] = []
    for row, gate in enumerate(found.gates):
        for truth, (shape, color) in MARKS.items():
            points.append(
                {
                    "row": grid.y(row, 10) if small else row,
                    "x": gate.chances[truth].passed,
                    "shape": shape,
                    "color": color,
                }
            )
        said = say(
            "limit {value}, provable {best}",
            value=_value(gate, gate.proof, lang),
            best=_value(gate, gate.provable, lang),
        )
        names.append(
            {"row": grid.y(row, -15) if small else row, "text": say(gate.gate.title).text(lang)}
        )
        notes.append({"row": grid.y(row, -15) if small else row, "text": said.text(lang)})
    keys = [
        {"x": 0.0, "text": f"{signs[truth]} {word.text(lang)}", "color": MARKS[truth][1]}
        for truth, word in words.items()
    ]
    step = (width if small else grid.right - grid.left) / len(keys)
    lines = [{"x": MAY}, {"x": SHOULD}]
    layers = [
        layer(lines, "rule", at={"x": "x", "y": grid.header, "y2": grid.bottom}, color=SOFT, strokeDash=[3, 3]),
        dots(points[::-1], {"x": "x", "y": "row", "color": "color", "shape": "shape"}, size=95),
        text(names, "text", 0, fontWeight=600, limit=130 if small else 205, fontSize=12 if small else 13),
        text(notes, "text", width, align="right", color=SOFT, fontSize=10 if small else 12),
        *(
            layer([key], "text", at={"x": (0 if small else grid.left) + k * step, "y": 12, "text": "text"},
                  align="left", color=key["color"], fontWeight=600, fontSize=11 if small else 13)
            for k, key in enumerate(keys)
        ),
    ]  # fmt: skip
    return grid.spec(layers, (0, 1), _percent_axis(say("chance that the gate passes").text(lang)))


def _percent_axis(title: str) -> Spec:
    return {"title": title, "format": ".0%", "values": [0, 0.05, 0.25, 0.5, 0.8, 1], "grid": False}
