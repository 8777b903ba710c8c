"""What features' risks demand, as pictures of counts and shares; and the plan's weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.show.charts import OCHRE
from rolloutlib.show.figure import HAIR, HALF, INK, SOFT, WIDE, Figure, Figures, Note, figure
from rolloutlib.show.marks import AXES_WIDE, CONTROL, TREATMENT, mark, plot
from rolloutlib.show.tables import width_of
from rolloutlib.show.watched import signal_title, signal_value
from rolloutlib.show.watched_arms import arm_heads
from rolloutlib.text import chart
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import altair as alt

    from rolloutlib.show.figure import Spec
    from rolloutlib.show.marks import Drawn
    from rolloutlib.watch.record import FeatureSignal, Watch

__all__ = ["schedule", "signal_charts"]

HUES: Final = (TREATMENT, CONTROL, OCHRE, INK, "#7b4fa3", "#0b7285")
COUNTED: Final = {"veto_reasons"}  # signals whose parts are how many
BAR, BETWEEN = 15, 14  # pixels of a bar, and between the groups
SIDE: Final = 110  # pixels left of the bars: their labels
MARGIN, DIGIT = 16, 7  # pixels that the padding takes, and a digit beside a bar
MOST: Final = 12  # labels that are drawn; the table names the rest
STRIP: Final = 92  # pixels of the strip's height, or of a week's row on a phone
WHOLE, COLUMNS = (
    48,
    25,
)  # of a week's note on a phone, and beside the others; a Korean syllable is two
NOW_FILL: Final = "#eaf1f8"


@spoken
def signal_charts(watch: Watch) -> Figures | Note:
    """Draw every signal that has parts: a mix against its plan, reasons by profile, tags."""
    arms = dict(zip((watch.control, watch.treatment), arm_heads(watch), strict=True))
    drawn = [_chart(signal, arms) for signal in watch.signals if signal.parts]
    none = say("No signal has parts that could be drawn.")
    return Figures(tuple(drawn)) if drawn else Note(str(none))


def _chart(signal: FeatureSignal, arms: Mapping[str, str]) -> Figure:
    title = f"{signal.feature}  {signal_title(signal.signal)}"
    rows = "; ".join(
        f"{_named(label)}, {_series(kind, arms)}: {_told(value, signal)}"
        for label, kind, value in signal.parts
    )
    alt = say("{title}: {rows}.", title=title, rows=rows)
    return figure(
        lambda width: _bars(signal, title, arms, width), alt, sentence(signal.says), wide=HALF
    )


def _told(value: float, signal: FeatureSignal) -> str:
    """Return a number of a part: how many, how many a sample, or a share."""
    if signal.signal in COUNTED:
        return f"{value:,.0f}"
    if signal.measure == "count":
        return str(show(value, "count"))
    return str(show(value, "proportion"))


def _bars(signal: FeatureSignal, title: str, arms: Mapping[str, str], width: int) -> Drawn:
    """Draw bars: a group a label, a bar a series, the value beside each."""
    labels = list(dict.fromkeys(label for label, _, _ in signal.parts))[:MOST]
    kinds = list(dict.fromkeys(kind for _, kind, _ in signal.parts))
    pitch = len(kinds) * BAR + BETWEEN
    top = max((value for _, _, value in signal.parts), default=1.0) or 1.0
    rows = [
        {
            "x": 0, "end": value, "text": _told(value, signal), "color": HUES[k % len(HUES)],
            "y": labels.index(label) * pitch + k * BAR + BAR / 2,
            "label": str(_named(label)), "kind": _series(kind, arms),
            "whole": signal_value(signal), "limit": str(show(signal.limit, signal.measure)),
        }
        for label, kind, value in signal.parts
        if label in labels
        for k in (kinds.index(kind),)
    ]  # fmt: skip
    wide = width - MARGIN - SIDE
    beside = DIGIT * (2 + max(len(str(row["text"])) for row in rows))
    start, end = (_across(field, top * wide / (wide - beside)) for field in ("x", "end"))
    y, tip = _pixels("Y", "y"), _tip(signal)
    return plot([
        mark("rule", {"x": start, "x2": "end", "y": y, "color": "color"}, rows, tip=tip,
             strokeWidth=BAR - 3, clip=True),
        mark("text", {"x": end, "y": y, "text": "text:N"}, rows, tip=tip, dx=5, fontSize=12,
             clip=True),
        *_sides(title, labels, [_series(kind, arms) for kind in kinds], pitch, y),
    ], wide, len(labels) * pitch)  # fmt: skip


def _tip(signal: FeatureSignal) -> Mapping[str, object]:
    """Return what a bar's tooltip tells: the part, and the whole signal with bounds and limit."""
    part = {"label": say("Label"), "kind": say("Series"), "text": say("Value")}
    if signal.value is None:
        return part
    return part | {"whole": signal_title(signal.signal), "limit": say("Limit")}


def _sides(
    title: str, labels: list[str], kinds: list[str], pitch: int, y: object
) -> list[alt.Chart]:
    """Name the groups left of the bars, and the series above them, under the title."""
    names = [
        {"text": str(_named(label)), "y": k * pitch + len(kinds) * BAR / 2}
        for k, label in enumerate(labels)
    ]
    legend = [
        {"text": f"■ {kind}", "color": HUES[k % len(HUES)],
         "y": -18 - 17 * (len(kinds) - 1 - k)}
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    head = {"x": -SIDE, "y": -18 - 17 * len(kinds) - 4, "text": "text:N"}
    return [
        mark("text", {"x": -8, "y": y, "text": "text:N"}, names, align="right", fontSize=12,
             limit=SIDE),
        mark("text", head, [{"text": title}], fontSize=14, fontWeight=600),
        mark("text", {"x": -SIDE, "y": y, "text": "text:N", "color": "color"}, legend,
             fontSize=12, fontWeight=600),
    ]  # fmt: skip


def _across(field: str, end: float) -> alt.X:
    """Return a place on the bars' scale, which has no axis: each bar tells its number."""
    import altair as alt

    scale = alt.Scale(domain=[0, end], nice=False)
    return alt.X(field=field, type="quantitative", scale=scale, axis=None)


def _pixels(channel: str, field: str) -> alt.X | alt.Y:
    """Return a position that a field tells in pixels."""
    import altair as alt

    kind = alt.X if channel == "X" else alt.Y
    return kind(field=field, type="quantitative", scale=None, axis=None)


def _series(kind: str, arms: Mapping[str, str]) -> str:
    """Return what a series of parts is called: an arm as the tables head its column."""
    return arms.get(kind) or str(_named(kind))


def _named(name: str) -> object:
    """Return what a part is called: the watch's own names are words, the data's stay."""
    words = {
        "seen": say("seen"), "planned": say("planned"), "window": say("days watched"),
        "today": say("today"), "more than allowed": say("more than allowed"),
        "contradictory": say("contradictory"), "edited": say("edited"), "copies": say("copies"),
        "violations": say("violations"), "passed": say("Pass rate"), "easy": say("easy"),
        "medium": say("medium"), "hard": say("hard"),
    }  # fmt: skip
    return words.get(name, name)


# --- the plan's weeks -----------------------------------------------------------------------------


@spoken
def schedule(watch: Watch) -> Figure | Note:
    """Draw the plan's weeks and where the rollout is."""
    position = watch.here
    if not position.weeks:
        return Note(str(say("The plan has no schedule.")))
    rows = "; ".join(f"{week}: {_stages(stages)}" for week, stages, _ in position.weeks)
    alt = say("The plan's weeks: {rows}. {here}", rows=rows, here=sentence(position.says))
    return figure(lambda width: _strip(watch, width), alt, sentence(position.says), zoom=())


def _stages(stages: tuple[int, ...]) -> str:
    numbers = ", ".join(map(str, stages))
    return str(say("stage {number}", number=numbers))


def _strip(watch: Watch, width: int) -> Drawn:
    """Draw a box a week: beside each other on a page, below each other on a phone."""
    weeks, small = watch.here.weeks, width < WIDE
    pitch = STRIP + 8 if small else (width - AXES_WIDE) / len(weeks)
    boxes: list[Spec] = []
    for k, (week, stages, note) in enumerate(weeks):
        now = week == watch.here.week
        left, top = (0.0, k * pitch) if small else (k * pitch, 0.0)
        boxes.append({
            "x": left, "end": width - AXES_WIDE if small else left + pitch - 8, "y": top,
            "bottom": top + STRIP, "head": f"{week} · {_stages(stages)}",
            "here": f"▶ {say('you are here')}" if now else "",
            "note": _lines(translate(note), WHOLE if small else COLUMNS),
            "fill": NOW_FILL if now else "#ffffff", "edge": TREATMENT if now else HAIR,
            "text_x": left + 10, "head_y": top + 17, "here_y": top + 78, "note_y": top + 38,
            "week": week, "stages": ", ".join(map(str, stages)), "whole": translate(note),
        })  # fmt: skip
    tip = {"week": say("Week"), "stages": say("Stages"), "whole": say("Note")}

    def told(part: str, **style: Any) -> alt.Chart:  # noqa: ANN401
        at = {"x": _pixels("X", "text_x"), "y": _pixels("Y", f"{part}_y"), "text": f"{part}:N"}
        room = (width - 95) if small else pitch - 28
        return mark("text", at, tip=tip, limit=room, lineHeight=14, **style)

    area = {"x": _pixels("X", "x"), "x2": "end", "y": _pixels("Y", "y"), "y2": "bottom",
            "fill": "fill", "stroke": "edge"}  # fmt: skip
    return plot([
        mark("rect", area, tip=tip, strokeWidth=1.5, opacity=1),
        told("head", fontWeight=600),
        told("note", fontSize=11, color=SOFT),
        told("here", fontWeight=600, fontSize=12, color=TREATMENT),
    ], width - AXES_WIDE, int(pitch * len(weeks)) if small else STRIP, rows=boxes)  # fmt: skip


def _lines(words: str, columns: int) -> list[str]:
    """Break a note into lines of so many columns; what is no word's end is not broken."""
    lines, line = list[str](), ""
    for word in chart(words).split(" "):
        longer = f"{line} {word}".strip()
        if line and width_of(longer) > columns:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


__dir__ = __all__.copy  # what completion lists
