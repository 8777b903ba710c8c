"""Every gate over the reviews of a series, one small panel a gate; the panels share their time.

A column is a review, the oldest data first, so that no two reviews cover each other however close
they are; its label is the day of its newest data.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.judge.record import Recommendation, Verdict
from rolloutlib.show.charts import COLORS, GREEN, SHAPES, SYMBOLS, VERMILION, verdict_word
from rolloutlib.show.figure import INK, SOFT, WIDE, Figure, figure
from rolloutlib.show.marks import POINTS, axis, mark, plot
from rolloutlib.show.report import SIGNS, recommendation_word
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.sentences import Sentence, say, speaking, translate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import altair as alt

    from rolloutlib.show.figure import Spec
    from rolloutlib.show.marks import Drawn
    from rolloutlib.show.past import Past, PastGate

__all__ = ["MOST", "drawable", "encoded", "in_order", "over_time"]

MOST: Final = 40  # reviews of a chart, the newest ones
GATES: Final = 16  # panels of a chart
HEIGHT: Final = 84  # of a panel between its axes, in pixels
STRIP: Final = 40  # of the row of stages and recommendations
LABELS: Final = 56  # pixels left of every panel, so that the columns stand below each other
EDGE: Final = 10  # right of them
GAP: Final = 26  # between two columns of panels
TICKS: Final = 6  # days that are named below a panel, at most
NAME: Final = 50  # pixels that the word of a stage takes
AXES: Final = {"proportion": ".1%", "ms": ",d", "score": ".2f", "ratio": ".2f", "count": ".2f"}
ROOM: Final = 0.1  # of the values' range, above and below
LARGEST: Final = 1e15  # of a number that is drawn
FAR: Final = 0.8  # of it: bounds of the first few samples end here, or they would hide the rest
BAND: Final = ("#f2f3f5", "#ffffff")  # stages, in turn
HUES: Final = {"GO": GREEN, "HOLD": COLORS[Verdict.INCONCLUSIVE], "NO_GO": VERMILION,
               "INVALID": INK}  # fmt: skip
TINTS: Final = {"NO_GO": "#fbeee7", "INVALID": "#eceef1"}


class _Series(NamedTuple):
    """The reviews that are drawn, oldest first, and the gates that they have."""

    pasts: tuple[Past, ...]
    gates: tuple[PastGate, ...]


def in_order(pasts: Iterable[Past]) -> tuple[Past, ...]:
    """Return reviews by their data's time, those of the same data and rules once: the last one."""

    def age(past: Past) -> tuple[float, int, float, str]:
        moments = (past.until or past.made, past.made)
        data, made = (0.0 if at is None else at.timestamp() for at in moments)
        return data, past.look.number, made, past.where

    def same(past: Past) -> tuple[object, ...]:
        limits = tuple((gate.id, gate.limit, gate.proof_limit) for gate in past.gates)
        return past.stage, past.data_sha256 or past.sha256, past.word, limits

    newest = {same(past): past for past in sorted(pasts, key=age)}
    return tuple(sorted(newest.values(), key=age))


def over_time(pasts: Sequence[Past], caption: Sentence, lang: str) -> Figure:
    """Draw the gates of a series of reviews.

    Args:
        pasts: of the same two arms, in their order; at least one gate is `drawable`.
        caption: what to see and what it means.
        lang: language of the chart.
    """
    drawn = tuple(pasts[-MOST:])
    series = _Series(drawn, drawable(drawn)[:GATES])
    with speaking(lang):
        rows = [_told(series, gate) for gate in series.gates]
        alt = say("{reviews} reviews, the oldest data first: {words}. {gates}",
                  reviews=len(drawn), gates=" ".join(rows),
                  words=", ".join(_recommended(past) for past in drawn))  # fmt: skip
        return figure(lambda width: _chart(series, width), alt, caption, zoom=())


def drawable(pasts: Iterable[Past]) -> tuple[PastGate, ...]:
    """Return each gate that can be drawn, as the last of some reviews has it."""
    return tuple({gate.id: gate for past in pasts for gate in past.gates if _drawn(gate)}.values())


def _told(series: _Series, gate: PastGate) -> str:
    verdicts = (str(verdict_word(Verdict(match.evidence.verdict))) if match else "–"
                for match in _of(series, gate))  # fmt: skip
    return f"{translate(gate.title)}: {', '.join(verdicts)}."


def _recommended(past: Past) -> str:
    word = recommendation_word(Recommendation(past.word))
    return str(say("stage {stage} {word}", stage=past.stage, word=word))


def _of(series: _Series, gate: PastGate) -> list[PastGate | None]:
    """Return a gate review by review, where its numbers are of the same kind."""
    kind = (gate.id, gate.evidence_unit, gate.signed)
    return [
        next((each for each in past.gates
              if (each.id, each.evidence_unit, each.signed) == kind and _drawn(each)), None)
        for past in series.pasts
    ]  # fmt: skip


def _drawn(gate: PastGate) -> bool:
    """Whether a gate's verdict is one, and its numbers leave room for others on an axis."""
    evidence = gate.evidence
    numbers = (gate.proof_limit, evidence.point or 0, evidence.lower or 0, evidence.upper or 0)
    return evidence.verdict in [*Verdict] and all(abs(value) < LARGEST for value in numbers)


def _chart(series: _Series, width: int) -> Drawn:
    import altair as alt

    columns = 1 if width < WIDE else 2
    wide = (width - GAP * (columns - 1)) // columns - LABELS - EDGE
    deep = -(-len(series.gates) // columns)
    parts = [series.gates[k : k + deep] for k in range(0, len(series.gates), deep)]
    drawn = [
        alt.VConcatChart(
            vconcat=[_strip(series, wide), *_panels(series, part, wide, deep)], spacing=24
        )
        for part in parts
    ]
    return alt.HConcatChart(hconcat=drawn, spacing=GAP)


def _panels(
    series: _Series, gates: Sequence[PastGate], width: int, deep: int
) -> Iterator[alt.LayerChart]:
    for k, gate in enumerate(gates, 1):
        yield _panel(series, gate, width, last=k == min(len(gates), deep))


def _axis_of_reviews(series: _Series, width: int, *, labels: bool) -> object:
    most = len(series.pasts)
    days = ", ".join(f"'{_day(past)}'" for past in series.pasts)
    step = max(1, -(-most // max(2, min(TICKS, width // NAME))))
    values = [*range(most - 1, -1, -step)][::-1]
    return axis("X", "x", (-0.5, most - 0.5), title=None, values=values, grid=False, labels=labels,
                labelExpr=f"[{days}][datum.value]", ticks=labels)  # fmt: skip


def _day(past: Past) -> str:
    return f"{past.until:%m-%d}" if past.until else "–"


# --- stages and recommendations -------------------------------------------------------------------


def _strip(series: _Series, width: int) -> alt.LayerChart:
    """Name each stage above its reviews, and below it what each review recommends."""
    slot = width / len(series.pasts)
    stages = list(_stages(series))
    names = [
        band | {"text": str(say("stage {stage}", stage=band["stage"]))
                if (band["end"] - band["x"]) * slot >= NAME else str(band["stage"])}
        for band in stages
    ]  # fmt: skip
    signs = [
        {"x": k, "text": SIGNS[Recommendation(past.word)], "color": HUES[past.word]}
        | _about(past)
        for k, past in enumerate(series.pasts)
    ]  # fmt: skip
    x = _axis_of_reviews(series, width, labels=False)
    heads = [{"text": str(say("Stage")), "y": 10}, {"text": str(say("Says")), "y": 30}]
    tip = _tip() | {"word": say("Recommendation")}
    return plot([
        *_bands(series, x, STRIP),
        mark("text", {"x": "middle:Q", "y": 10, "text": "text:N"}, names, align="center",
             color=SOFT, fontSize=11, fontWeight=600),
        mark("text", {"x": x, "y": 30, "text": "text:N", "color": "color"}, signs, tip=tip,
             align="center", fontSize=15, fontWeight=700),
        *(mark("text", {"x": -8, "y": head["y"], "text": "text:N"}, [head], align="right",
               color=SOFT, fontSize=11, limit=LABELS) for head in heads),
    ], width, STRIP)  # fmt: skip


def _stages(series: _Series) -> Iterator[Spec]:
    """Yield each run of reviews of one stage."""
    for stage, group in groupby(enumerate(series.pasts), key=lambda at: at[1].stage):
        places = [k for k, _ in group]
        first, last = places[0], places[-1]
        yield {"stage": stage, "x": first - 0.5, "end": last + 0.5, "middle": (first + last) / 2}


def _bands(series: _Series, x: object, height: int) -> list[alt.Chart]:
    """Shade stages in turn, and whole columns where something is broken."""
    stages = [band | {"color": BAND[k % 2]} for k, band in enumerate(_stages(series))]
    broken = [
        {"x": k - 0.5, "end": k + 0.5, "color": TINTS[past.word]}
        for k, past in enumerate(series.pasts)
        if past.word in TINTS
    ]
    at = {"x": x, "x2": "end", "y": 0, "y2": height, "color": "color"}
    return [mark("rect", at, rows, opacity=1) for rows in (stages, broken) if rows]


def _about(past: Past) -> Spec:
    """Return what the tooltip says of a review."""
    word = recommendation_word(Recommendation(past.word))
    day = f"{past.until:%Y-%m-%d}" if past.until else "–"
    return {"report": plain(past.where, LABEL), "day": day, "of": past.stage, "word": str(word)}


def _tip() -> dict[str, object]:
    return {"report": say("Report"), "day": say("Data until"), "of": say("Stage")}


# --- a gate ---------------------------------------------------------------------------------------


def _panel(series: _Series, gate: PastGate, width: int, *, last: bool) -> alt.LayerChart:
    matches = _of(series, gate)
    low, high = _ends(matches)
    x = _axis_of_reviews(series, width, labels=last)
    look: Spec = {"format": AXES.get(gate.evidence_unit, ".2f")}
    if gate.signed and gate.evidence_unit == "proportion":
        look = {"labelExpr": POINTS}
    y = axis("Y", "y", (low, high), title=None, tickCount=3, minExtent=LABELS, maxExtent=LABELS,
             labelLimit=LABELS - 8, **look)  # fmt: skip
    limits = list(_limits(matches))
    rows = [_point(past, match, k, (low, high))
            for k, (past, match) in enumerate(zip(series.pasts, matches, strict=True))
            if match and match.evidence.point is not None]  # fmt: skip
    at, own = {"x": x, "y": y}, {"color": "color"}
    tip = _tip() | {"told": say("Estimate [bounds]"), "limit": say("Limit"),
                    "verdict": say("Verdict")}  # fmt: skip
    return plot([
        *_bands(series, x, HEIGHT),
        mark("rule", at | {"x2": "end"}, limits, color=INK, strokeDash=[4, 2], strokeWidth=1.2),
        mark("rule", at | {"y": "low:Q", "y2": "high"} | own, rows, strokeWidth=2.2),
        mark("point", at | {"shape": "shape"}, rows, color="white", size=110),
        mark("point", at | {"shape": "shape"} | own, rows, tip=tip, size=52),
        *_heads(gate, matches, width),
    ], width, HEIGHT)  # fmt: skip


def _ends(matches: Sequence[PastGate | None]) -> tuple[float, float]:
    """Return the axis' ends: every estimate and limit is between them, a wide bound may leave."""
    gates = [gate for gate in matches if gate]
    points = [gate.evidence.point for gate in gates if gate.evidence.point is not None]
    core = [*points, *(gate.proof_limit for gate in gates)]
    low, high = min(core), max(core)
    span = (high - low) or abs(high) or 1.0
    ends = [end for gate in gates for end in (gate.evidence.lower, gate.evidence.upper)
            if end is not None]  # fmt: skip
    low = min([low, *(max(end, low - FAR * span) for end in ends)])
    high = max([high, *(min(end, high + FAR * span) for end in ends)])
    room = ROOM * (high - low or span)
    return low - room, high + room


def _limits(matches: Sequence[PastGate | None]) -> Iterator[Spec]:
    """Yield the stage's limit, as far as it stays the same."""
    for limit, group in groupby(enumerate(matches), key=lambda at: at[1] and at[1].proof_limit):
        places = [k for k, _ in group]
        if limit is not None:
            yield {"x": places[0] - 0.5, "end": places[-1] + 0.5, "y": limit}


def _point(past: Past, gate: PastGate, place: int, ends: tuple[float, float]) -> Spec:
    evidence, verdict = gate.evidence, Verdict(gate.evidence.verdict)
    lower, upper = (bound(end, gate.evidence_unit, signed=gate.signed)
                    for end in (evidence.lower, evidence.upper))  # fmt: skip
    low, high = ends
    sides = (low if evidence.lower is None else evidence.lower,
             high if evidence.upper is None else evidence.upper)  # fmt: skip
    return _about(past) | {
        "x": place, "y": evidence.point, "low": max(low, sides[0]), "high": min(high, sides[1]),
        "color": COLORS[verdict], "shape": SHAPES[verdict],
        "verdict": f"{SYMBOLS[verdict]} {verdict_word(verdict)}",
        "told": f"{show(evidence.point, gate.evidence_unit, signed=gate.signed)} "
                f"[{lower}, {upper}]",
        "limit": str(show(gate.proof_limit, gate.evidence_unit, signed=gate.signed)),
    }  # fmt: skip


def _heads(gate: PastGate, matches: Sequence[PastGate | None], width: int) -> list[alt.Chart]:
    """Name the gate, and what its newest review says of it."""
    newest = matches[-1]
    side = "≥" if gate.harm == "lower" else "≤"
    limit = f"{side} {show(gate.proof_limit, gate.evidence_unit, signed=gate.signed)}"
    title, hue = translate(gate.title), SOFT
    verdict_text = limit
    if newest is not None:
        verdict = Verdict(newest.evidence.verdict)
        verdict_text, hue = f"{SYMBOLS[verdict]} {verdict_word(verdict)}  {limit}", COLORS[verdict]
    heads = ((title, INK, 0, "left", 600), (verdict_text, hue, width, "right", 600))
    return [
        mark("text", {"x": place, "y": -9, "text": "text:N"}, [{"text": text}], align=align,
             color=color, fontSize=12.5, fontWeight=weight, limit=width * 0.6)
        for text, color, place, align, weight in heads
    ]  # fmt: skip


def encoded(pasts: Sequence[Past], lang: str) -> bytes:
    """Return what a series' picture depends on."""
    return msgspec.json.encode([lang, pasts])
