"""Each metric day by day: both arms, the treatment's band, the light's limits, gaps and alarms.

A series is a small chart of its own; what it means today is its caption.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rolloutlib.show.charts import GREEN, OCHRE, VERMILION
from rolloutlib.show.curves import CONTROL, TREATMENT
from rolloutlib.show.figure import HALF, INK, SOFT, Figure, Figures, Note, dots, figure, layer, plot
from rolloutlib.show.watched import SHAPES, latest, light_word, series_title
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, spoken

if TYPE_CHECKING:
    from rolloutlib.show.figure import Spec
    from rolloutlib.watch.record import DailySeries, Watch

__all__ = ["daily_series"]

AXES: Final = {"proportion": ".0%", "ms": ",d", "score": ".1f", "ratio": ".2f", "count": ".2f"}
HUES: Final = {"green": GREEN, "amber": OCHRE, "red": VERMILION, None: SOFT}
HEIGHT: Final = 150
HEAD: Final = 46  # pixels above the plot: the title and the arms
TICKS: Final = 6  # labels of days, at most
ROOM: Final = 0.06  # of the values' range, above and below
MARGIN: Final = 0.14  # of the days' width, right of them: there the limits have their names
EMPTY: Final = "#eceef1"


@spoken
def daily_series(watch: Watch) -> Figures | Note:
    """Draw every series that has a value."""
    drawn = [_chart(watch, line) for line in watch.series if latest(line)]
    return Figures(tuple(drawn)) if drawn else Note(str(say("No day has data.")))


def _chart(watch: Watch, line: DailySeries) -> Figure:
    title, newest = series_title(line.metric), latest(line)
    values = ((point.day.isoformat(), show(point.treatment, line.measure)) for point in line.points)
    rows = "; ".join(f"{day}: {value}" for day, value in values)
    light = str(light_word(line.light)) if line.light else ""
    alt = say("{title} day by day, treatment: {rows}. {light}", title=title, rows=rows, light=light)
    value = "" if newest is None else str(show(newest.treatment, line.measure))
    head = f"{title}  {value}"
    return figure(
        lambda width: _spec(watch, line, head, width), alt, sentence(line.says), wide=HALF
    )


def _spec(watch: Watch, line: DailySeries, head: str, width: int) -> Spec:
    x, y = _days_axis(line), _values_axis(line)
    at: Spec = {"x": x, "y": y}
    right: Spec = {"value": {"expr": "width"}}
    light = "" if line.light is None else f"{SHAPES[line.light]} {light_word(line.light)}"
    hue, top = HUES[line.light], {"baseline": "middle", "fontWeight": 600}
    names = [
        {"text": f"━ {watch.treatment}", "color": TREATMENT, "y": 0},
        {"text": f"┄ {watch.control}", "color": CONTROL, "y": 1},
    ]
    return plot([
        *_gaps(line, x),
        *_limits(line, y),
        *_arms(line, at),
        *_alarms(watch, line, x),
        layer([{"text": head}], "text", at={"x": 0, "y": -HEAD, "text": "text"}, align="left",
              fontSize=14, color=INK, **top),
        layer([{"text": light}], "text", at={"x": right, "y": -HEAD, "text": "text"},
              align="right", fontSize=13, color=hue, **top),
        *(
            layer([name], "text", at={"x": 0 if not k else right, "y": -HEAD + 18, "text": "text",
                                      "color": "color"}, align="right" if k else "left",
                  fontSize=12, limit=width / 2 - 60, **top)
            for k, name in enumerate(names)
        ),
    ], width, HEIGHT)  # fmt: skip


def _days_axis(line: DailySeries) -> Spec:
    """Lay days out one beside the other, whether they have data or not."""
    most = len(line.points)
    step = max(1, -(-most // TICKS))
    shown = list(range(0, most, step))
    names = ", ".join(f"'{line.points[k].day:%m-%d}'" for k in range(most))
    axis = {"title": None, "values": shown, "labelExpr": f"[{names}][datum.value]",
            "grid": False}  # fmt: skip
    margin = most * (MARGIN if line.green is not None or line.amber is not None else 0)
    scale = {"domain": [-0.5, most - 0.5 + margin], "nice": False}
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis}


def _values_axis(line: DailySeries) -> Spec:
    known = [
        value
        for point in line.points
        for value in (point.control, point.treatment, point.lower, point.upper)
        if value is not None
    ]
    known += [limit for limit in (line.green, line.amber) if limit is not None]
    low, high = min(known), max(known)
    room = max((high - low) * ROOM, 1e-3 * max(1.0, abs(high)))
    floor = max(low - room, 0.0) if low >= 0 else low - room
    form = AXES.get(line.measure, ".2f")
    if line.measure == "proportion" and high - low < 0.1:  # noqa: PLR2004 -- ten points of percent
        form = ".1%"
    axis = {"title": None, "format": form, "tickCount": 4}
    scale = {"domain": [floor, high + room], "nice": False, "zero": False}
    return {"field": "y", "type": "quantitative", "scale": scale, "axis": axis}


def _gaps(line: DailySeries, x: Spec) -> list[Spec]:
    """Shade days on which the treatment has no value, and name them by a cross."""
    rows = [
        {"x": k - 0.5, "end": k + 0.5, "middle": k, "text": "✕"}
        for k, point in enumerate(line.points)
        if point.treatment is None
    ]
    whole = {"x": x, "x2": {"field": "end"}, "y": 0, "y2": HEIGHT}
    return [
        layer(rows, "rect", at=whole, color=EMPTY, opacity=1),
        layer(rows, "text", at={"x": x | {"field": "middle"}, "y": HEIGHT - 9, "text": "text"},
              color=SOFT, fontSize=11),
    ]  # fmt: skip


def _limits(line: DailySeries, y: Spec) -> list[Spec]:
    """Draw the light's limits: green a long dash, amber a short one, each with its word."""
    parts = ((line.green, GREEN, [7, 3], say("green")), (line.amber, OCHRE, [2, 3], say("amber")))
    drawn: list[Spec] = []
    for limit, hue, dash, word in parts:
        if limit is None:
            continue
        rows = [{"y": limit, "text": str(word)}]
        drawn += [
            layer(rows, "rule", at={"y": y}, color=hue, strokeDash=dash),
            layer(rows, "text", at={"x": {"value": {"expr": "width"}}, "y": y, "text": "text"},
                  align="right", baseline="bottom", dy=-1, color=hue, fontSize=11),
        ]  # fmt: skip
    return drawn


def _arms(line: DailySeries, at: Spec) -> list[Spec]:
    """Draw the band of each day and both arms; a line joins only days that follow each other."""
    bands = [
        {"x": k, "y": point.lower, "high": point.upper}
        for k, point in enumerate(line.points)
        if point.lower is not None and point.upper is not None
    ]
    arms = [("control", CONTROL, [4, 3]), ("treatment", TREATMENT, [1, 0])]
    drawn = [
        layer(bands, "rule", at=at | {"y2": {"field": "high"}}, strokeWidth=9, opacity=0.22,
              color=TREATMENT),
    ]  # fmt: skip
    for arm, hue, dash in arms:
        rows = _run(line, arm)
        path = at | {"detail": {"field": "part", "type": "nominal"}}
        drawn.append(layer(rows, "line", at=path, strokeWidth=1.8, color=hue, strokeDash=dash))
        drawn.append(dots(rows, at, size=34, color=hue,
                          shape="circle" if arm == "treatment" else "square"))  # fmt: skip
    return drawn


def _run(line: DailySeries, arm: str) -> list[Spec]:
    """Return an arm's values, each with the number of the unbroken part that it is in."""
    rows: list[Spec] = []
    part = 0
    for k, point in enumerate(line.points):
        value = point.treatment if arm == "treatment" else point.control
        if value is None:
            part += 1
        else:
            rows.append({"x": k, "y": value, "part": part})
    return rows


def _alarms(watch: Watch, line: DailySeries, x: Spec) -> list[Spec]:
    """Mark the day on which an alarm about this metric began."""
    first = line.points[0].day
    zone = watch.as_of.tzinfo
    days = {
        (alarm.since.astimezone(zone).date() - first) // timedelta(days=1)
        for alarm in watch.alarms
        if alarm.metric == line.metric
    }
    shown = sorted(day for day in days if 0 <= day < len(line.points))
    rows = [{"x": day, "text": f"▼ {say('alarm')}"} for day in shown]
    side = "right" if shown and shown[0] > len(line.points) / 2 else "left"
    return [
        layer(rows, "rule", at={"x": x}, color=VERMILION, strokeWidth=1.5),
        layer(rows, "text", at={"x": x, "y": -8, "text": "text"}, align=side, fontSize=12,
              fontWeight=600, dx=-4 if side == "right" else 4, color=VERMILION),
    ]  # fmt: skip


__dir__ = __all__.copy  # what completion lists
