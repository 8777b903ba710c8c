"""Every gate against its limit, and what verdicts look like. Nothing is computed but the layout.

The forest is a plain Vega-Lite specification (see rolloutlib.show.pixels); `Figure.altair()` gives
the Altair chart to whoever wants to change it.
"""

from __future__ import annotations

from collections import Counter
from math import inf, isfinite
from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import Verdict
from rolloutlib.show.figure import INK, NARROW, SOFT, WIDE, Figure, Spec, figure
from rolloutlib.show.pixels import Grid, dots, layer, text
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.judge.record import GateResult, Review

__all__ = ["COLORS", "GREEN", "SYMBOLS", "VERMILION", "forest", "verdict_word"]

# Green and vermilion differ in lightness and always come with a shape and a word: nobody has to
# tell them by colour.
GREEN, VERMILION, OCHRE = "#00735c", "#b93c00", "#7a5b00"
PASS, FAIL, OPEN, INVALID = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID
COLORS: Final = {PASS: GREEN, FAIL: VERMILION, OPEN: OCHRE, INVALID: INK}
SYMBOLS: Final = {PASS: "✓", FAIL: "✕", OPEN: "?", INVALID: "!"}
SHAPES: Final = {PASS: "circle", FAIL: "cross", OPEN: "diamond", INVALID: "square"}
# Pixels from a row's middle: texts stand beside the bar on a page, above and below it on a phone.
PHONE: Final = {
    "title_y": -35, "subject_y": -18, "verdict_y": -35, "estimate_y": 29, "limit_y": 29,
    "tick": -14, "tock": 14, "from": -10, "to": 20,  # the limit's line: through no text
}  # fmt: skip
PAGE: Final = {"subject_y": 10, "verdict_y": 0, "estimate_y": -8, "tick": -17, "tock": 17}


def verdict_word(verdict: Verdict) -> Sentence:
    """Return a verdict as people read it."""
    words = {PASS: say("pass"), FAIL: say("fail"), OPEN: say("inconclusive")}
    return words.get(verdict, say("invalid"))


@spoken
def forest(review: Review) -> Figure:
    """Draw every gate's estimate and bounds around its stage limit; right of it is harmless."""
    rows = [_gate_row(gate, k) for k, gate in enumerate(review.gates)]
    counts = Counter(gate.evidence.verdict for gate in review.gates)
    caption = say(
        "Each row has its own scale around this stage's limit: a bar wholly right of the line "
        "proves that the limit holds, wholly left proves that it is broken. {proven} of {all} "
        "gates are proven, {broken} broken, {open} open: {meaning}",
        proven=counts[PASS], all=len(rows), broken=counts[FAIL],
        open=counts[OPEN] + counts[INVALID],
        meaning=_meaning(counts),
    )  # fmt: skip
    lines = [
        f"{row['title']}: {row['verdict']}, {row['estimate'] or row['why']} {row['limit']}"
        for row in rows
    ]
    alt = say("Estimate and bounds of every gate: {rows}.", rows="; ".join(lines))
    return figure(lambda width: _forest_spec(rows, width), alt, caption)


def _meaning(counts: Mapping[Verdict, int]) -> Sentence:
    if counts[FAIL]:
        return say("a proven breach is enough for NO-GO.")
    if counts[OPEN] or counts[INVALID]:
        return say("an open gate keeps the recommendation from GO.")
    return say("nothing here stands against GO.")


def _gate_row(gate: GateResult, row: int) -> Spec:
    """Lay one gate out: its texts, and where there is an estimate its distances to the limit."""
    evidence, subject = gate.evidence, gate.subject or ""
    if gate.evidence_unit != gate.unit:
        subject = str(say("share slower than {limit}", limit=show(gate.limit, gate.unit)))
    unit, verdict = gate.evidence_unit, evidence.verdict
    limit = show(gate.proof_limit, unit, signed=gate.signed)
    base: Spec = {
        "row": row, "title": translate(gate.title), "subject": subject,
        "verdict": f"{SYMBOLS[verdict]} {verdict_word(verdict)}",
        "limit": str(say("limit {value}", value=limit)), "estimate": "", "why": "",
        "shape": SHAPES[verdict], "color": COLORS[verdict], "arrow": "",
    }  # fmt: skip
    if evidence.point is None:
        return base | {"why": sentence(evidence.why)}
    lower, upper = (
        bound(end, unit, signed=gate.signed) for end in (evidence.lower, evidence.upper)
    )
    point = show(evidence.point, unit, signed=gate.signed)
    return base | _distances(gate, evidence.point) | {"estimate": f"{point}  [{lower}, {upper}]"}


def _distances(gate: GateResult, point: float) -> Spec:
    """Return how far point, bounds and the plan's limit are on the harmless side, as −1…1."""
    lower = -inf if gate.evidence.lower is None else gate.evidence.lower
    upper = inf if gate.evidence.upper is None else gate.evidence.upper
    sign, worst, best = (1, lower, upper) if gate.harm == "lower" else (-1, upper, lower)
    # A quantile's limit, as a share of samples beyond it, is what the quantile leaves above itself.
    plan = gate.limit if gate.quantile is None else 1 - gate.quantile
    places = {"x": point, "worst": worst, "best": best, "plan": plan}
    distance = {name: sign * (value - gate.proof_limit) for name, value in places.items()}
    scale = 1.1 * max([abs(d) for d in distance.values() if isfinite(d)], default=1) or 1
    arrow = "" if isfinite(distance["worst"]) else "◀"
    return {name: max(-1.0, min(1.0, d / scale)) for name, d in distance.items()} | {"arrow": arrow}


def _forest_spec(rows: list[Spec], width: int) -> Spec:
    small, n = width < WIDE, len(rows)
    grid = Grid(n, NARROW, 94, 30, 10, NARROW - 10) if small else Grid(n, WIDE, 50, 40, 225, 545)
    rows = [row | _places(row, grid, small=small) for row in rows]
    full, empty = [row for row in rows if "x" in row], [row for row in rows if "x" not in row]
    at, side = (0, NARROW) if small else (grid.right + 16, grid.right + 16)
    own, span = {"color": "color"}, {"y": "top", "y2": "end"}
    point = {"x": "x", "y": "row", "shape": "shape"}
    block = {"x": "a", "x2": "b", "y": grid.header, "y2": grid.bottom}
    sides = [{"a": -1, "b": 0, "color": "#fbeee7"}, {"a": 0, "b": 1, "color": "#eaf4f0"}]
    tick, bar = {"x": "plan", "y": "tick", "y2": "tock"}, {"x": "worst", "y": "row"} | own
    size, edge = (12, "right") if small else (13, "left")
    room = grid.right - grid.left - 20
    return grid.spec([
        layer(sides, "rect", at=block | own, opacity=1),
        layer([row | {"a": -1, "b": 1} for row in empty], "rect", at=block | span,
              color="#f2f3f5", opacity=1),
        layer([row for row in full if row["plan"]], "rule", at=tick, strokeDash=[3, 2], color=SOFT),
        layer([row | {"a": 0} for row in full], "rule", at={"x": "a", "y": "from", "y2": "to"},
              color=INK, strokeWidth=1.5),
        layer(full, "rule", at=bar | {"x2": "best"}, strokeWidth=2.5),
        layer(full, "rule", at=bar | {"x2": "x"}, strokeWidth=7),
        dots(full, point, color="white", size=190),
        dots(full, point | own, size=100),
        text(full, "arrow", grid.left + 8),
        text(rows, "title", 0, "title_y", fontWeight=600, fontSize=14),
        text(rows, "subject", 0, "subject_y", color=SOFT, fontSize=12,
              limit=NARROW if small else 215),
        text(empty, "why", grid.left + 10, color=SOFT, fontSize=12, limit=room),
        text(rows, "verdict", grid.width, "verdict_y", align="right", fontWeight=600,
              fontSize=14, hue="color"),
        text(full, "estimate", at, "estimate_y", fontSize=size),
        text(rows, "limit", side, "limit_y", align=edge, color=SOFT, fontSize=12),
        *_heads(grid),
    ], (-1, 1), None)  # fmt: skip


def _heads(grid: Grid) -> list[Spec]:
    """Name the two sides of the line above the first row."""
    heads = (
        (say("◀ limit broken"), "right", -6, VERMILION), (say("limit holds ▶"), "left", 6, GREEN)
    )  # fmt: skip
    at = {"x": "a", "y": grid.header - 5, "text": "text", "color": "color"}
    strong = {"fontSize": 12, "fontWeight": 600, "baseline": "bottom"}
    return [
        layer([{"a": 0, "text": str(name), "color": hue}], "text", at=at, align=align, dx=dx,
              **strong)
        for name, align, dx, hue in heads
    ]  # fmt: skip


def _places(row: Spec, grid: Grid, *, small: bool) -> Spec:
    """Say where a row's texts are."""
    lines = PHONE
    if not small:
        title, limit = -8 if row["subject"] else 0, 10 if "x" in row else 0
        lines = PAGE | {"title_y": title, "limit_y": limit}
    places = {name: grid.y(row["row"], pixels) for name, pixels in lines.items()}
    ends = {"top": row["row"] - 0.5, "end": row["row"] + 0.5}
    line = {} if small else {"from": ends["top"], "to": ends["end"]}
    return places | ends | line


__dir__ = __all__.copy  # what completion lists
