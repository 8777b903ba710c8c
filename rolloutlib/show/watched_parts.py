"""What features' risks demand, as pictures of counts and shares; and the plan's weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.show.charts import OCHRE
from rolloutlib.show.curves import CONTROL, TREATMENT
from rolloutlib.show.figure import (
    HAIR,
    HALF,
    INK,
    SOFT,
    WIDE,
    Figure,
    Figures,
    Note,
    figure,
    layer,
    plot,
)  # fmt: skip
from rolloutlib.show.tables import width_of
from rolloutlib.show.watched import signal_title
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from rolloutlib.show.figure import Spec
    from rolloutlib.watch.record import FeatureSignal, Watch

__all__ = ["schedule", "signal_charts"]

HUES: Final = (TREATMENT, CONTROL, OCHRE, INK, "#7b4fa3", "#0b7285")
COUNTED: Final = {"veto_reasons"}  # signals whose parts are how many
BAR, BETWEEN = 15, 14  # pixels of a bar, and between the groups
MOST: Final = 12  # labels that are drawn; the table names the rest
STRIP: Final = 92  # pixels of the strip's height, or of a week's row on a phone
WHOLE, COLUMNS = (
    48,
    25,
)  # of a week's note on a phone, and beside the others; a Korean syllable is two
HERE: Final = "#eaf1f8"


@spoken
def signal_charts(watch: Watch) -> Figures | Note:
    """Draw every signal that has parts: a mix against its plan, reasons by profile, tags."""
    drawn = [_chart(signal) for signal in watch.signals if signal.parts]
    none = say("No signal has parts that could be drawn.")
    return Figures(tuple(drawn)) if drawn else Note(str(none))


def _chart(signal: FeatureSignal) -> Figure:
    title = f"{signal.feature}  {signal_title(signal.signal)}"
    rows = "; ".join(
        f"{label}, {kind}: {_told(value, signal)}" for label, kind, value in signal.parts
    )
    alt = say("{title}: {rows}.", title=title, rows=rows)
    return figure(lambda width: _bars(signal, title, width), alt, sentence(signal.says), wide=HALF)


def _told(value: float, signal: FeatureSignal) -> str:
    """Return a number of a part: how many, how many a sample, or a share."""
    if signal.signal in COUNTED:
        return f"{value:,.0f}"
    if signal.measure == "count":
        return str(show(value, "count"))
    return str(show(value, "proportion"))


def _bars(signal: FeatureSignal, title: str, width: int) -> Spec:
    """Draw bars: a group a label, a bar a series, the value beside each."""
    labels = list(dict.fromkeys(label for label, _, _ in signal.parts))[:MOST]
    kinds = list(dict.fromkeys(kind for _, kind, _ in signal.parts))
    pitch = len(kinds) * BAR + BETWEEN
    top = max((value for _, _, value in signal.parts), default=1.0) or 1.0
    rows = [
        {
            "x": 0, "end": value, "text": _told(value, signal), "color": HUES[k % len(HUES)],
            "y": labels.index(label) * pitch + k * BAR + BAR / 2, "thick": BAR - 3,
        }
        for label, kind, value in signal.parts
        if label in labels
        for k in (kinds.index(kind),)
    ]  # fmt: skip
    names = [
        {"text": plain(str(_named(label)), LABEL), "y": k * pitch + len(kinds) * BAR / 2}
        for k, label in enumerate(labels)
    ]
    legend = [
        {"text": f"■ {plain(str(_named(kind)), LABEL)}", "color": HUES[k % len(HUES)],
         "y": -18 - 17 * (len(kinds) - 1 - k)}
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    side = 110
    scale = {"domain": [0, top * 1.25], "nice": False, "range": [side, width - 75]}
    x = {"field": "x", "type": "quantitative", "scale": scale, "axis": None}
    y = {"field": "y", "type": "quantitative", "scale": None, "axis": None}
    strong = {"baseline": "middle", "fontWeight": 600, "align": "left"}
    return plot([
        layer(rows, "rule", at={"x": x, "x2": {"field": "end"}, "y": y, "color": "color"},
              strokeWidth=BAR - 3),
        layer(rows, "text", at={"x": x | {"field": "end"}, "y": y, "text": "text"}, align="left",
              baseline="middle", dx=5, fontSize=12, color=INK),
        layer(names, "text", at={"x": side - 8, "y": y, "text": "text"}, align="right",
              baseline="middle", fontSize=12, color=INK, limit=side),
        layer([{"text": title}], "text",
              at={"x": 0, "y": -18 - 17 * len(kinds) - 4, "text": "text"}, fontSize=14, color=INK,
              **strong),
        layer(legend, "text", at={"x": 0, "y": y, "text": "text", "color": "color"}, fontSize=12,
              **strong),
    ], width, len(labels) * pitch)  # fmt: skip


def _named(name: str) -> object:
    """Return what a part is called: the watch's own names are words, the data's stay."""
    words = {
        "seen": say("seen"), "planned": say("planned"), "window": say("days watched"),
        "today": say("today"), "control": say("Control"), "treatment": say("Treatment"),
        "more than allowed": say("more than allowed"), "contradictory": say("contradictory"),
        "edited": say("edited"), "copies": say("copies"), "violations": say("violations"),
        "passed": say("Pass rate"),
    }  # fmt: skip
    return words.get(name) or translate(name)


# --- the plan's weeks -----------------------------------------------------------------------------


@spoken
def schedule(watch: Watch) -> Figure | Note:
    """Draw the plan's weeks and where the rollout is."""
    here = watch.here
    if not here.weeks:
        return Note(str(say("The plan has no schedule.")))
    rows = "; ".join(f"{week}: {_stages(stages)}" for week, stages, _ in here.weeks)
    alt = say("The plan's weeks: {rows}. {here}", rows=rows, here=sentence(here.says))
    return figure(lambda width: _strip(watch, width), alt, sentence(here.says))


def _stages(stages: tuple[int, ...]) -> str:
    numbers = ", ".join(map(str, stages))
    return str(say("stage {number}", number=numbers))


def _strip(watch: Watch, width: int) -> Spec:
    """Draw a box a week: beside each other on a page, below each other on a phone."""
    weeks, small = watch.here.weeks, width < WIDE
    pitch = STRIP + 8 if small else (width - 75) / len(weeks)
    boxes: list[Spec] = []
    for k, (week, stages, note) in enumerate(weeks):
        now = week == watch.here.week
        left, top = (0.0, k * pitch) if small else (k * pitch, 0.0)
        boxes.append({
            "x": left, "end": width - 75 if small else left + pitch - 8, "y": top,
            "bottom": top + STRIP, "week": f"{week} · {_stages(stages)}",
            "here": f"▶ {say('you are here')}" if now else "",
            "note": _lines(translate(note), WHOLE if small else COLUMNS),
            "fill": HERE if now else "#ffffff", "edge": TREATMENT if now else HAIR,
            "text_x": left + 10, "week_y": top + 17, "here_y": top + 78, "note_y": top + 38,
        })  # fmt: skip
    pixels = {"type": "quantitative", "scale": None, "axis": None}

    def at(x: str, y: str, text: str) -> Spec:
        return {"x": {"field": x} | pixels, "y": {"field": y} | pixels, "text": text}

    room = (width - 95) if small else pitch - 28
    usual = {"align": "left", "baseline": "middle", "limit": room, "lineHeight": 14}
    area = {
        "x": {"field": "x"} | pixels, "x2": {"field": "end"}, "y": {"field": "y"} | pixels,
        "y2": {"field": "bottom"}, "color": "fill", "stroke": "edge",
    }  # fmt: skip
    return plot([
        layer(boxes, "rect", at=area, strokeWidth=1.5, opacity=1),
        layer(boxes, "text", at=at("text_x", "week_y", "week"), fontWeight=600, fontSize=13,
              color=INK, **usual),
        layer(boxes, "text", at=at("text_x", "note_y", "note"), fontSize=11, color=SOFT, **usual),
        layer(boxes, "text", at=at("text_x", "here_y", "here"), fontWeight=600, fontSize=12,
              color=TREATMENT, **usual),
    ], width, int(pitch * len(weeks)) if small else STRIP)  # fmt: skip


def _lines(words: str, columns: int) -> list[str]:
    """Break a note into lines of so many columns; what is no word's end is not broken."""
    lines, line = list[str](), ""
    for word in plain(words, LABEL).split(" "):
        longer = f"{line} {word}".strip()
        if line and width_of(longer) > columns:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


__dir__ = __all__.copy  # what completion lists
