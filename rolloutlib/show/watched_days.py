"""Each metric day by day: both arms, the treatment's band, the light's limits, gaps and alarms.

A series is a small chart of its own; what it means today is its caption.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rolloutlib.show.charts import GREEN, OCHRE, VERMILION
from rolloutlib.show.figure import HALF, INK, SOFT, Figure, Figures, Note, figure
from rolloutlib.show.marks import AXES_WIDE, CONTROL, TREATMENT, axis, mark, plot
from rolloutlib.show.tables import width_of
from rolloutlib.show.watched import SHAPES, light_word, series_title
from rolloutlib.show.watched_arms import arm_heads, latest, shortened
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, spoken

if TYPE_CHECKING:
    import altair as alt

    from rolloutlib.show.figure import Spec
    from rolloutlib.show.marks import Drawn
    from rolloutlib.watch.record import DailySeries, Point, Watch

__all__ = ["daily_series"]

AXES: Final = {"proportion": ".0%", "ms": ",d", "score": ".1f", "ratio": ".2f", "count": ".2f"}
HUES: Final = {"green": GREEN, "amber": OCHRE, "red": VERMILION, None: SOFT}
HEIGHT: Final = 150
HEAD: Final = 46  # pixels above the plot: the title and the arms
BELOW: Final = 16  # more of them, where the arms stand below each other
PLACE: Final = 0.52  # of a letter's size: how wide it is
RULER: Final = 31  # days that have a tick each, at most
ROOM: Final = 0.06  # of the values' range, above and below
NAMED: Final = 0.12  # of it, above: the alarm's name
MARGIN: Final = 0.14  # of the days' width, right of them: there the limits have their names
EMPTY: Final = "#eceef1"
RIGHT: Final = {"value": {"expr": "width"}}  # the plot's edge


@spoken
def daily_series(watch: Watch) -> Figures | Note:
    """Draw every series that has a value."""
    drawn = [_chart(watch, line) for line in watch.series if latest(line)]
    return Figures(tuple(drawn)) if drawn else Note(str(say("No day has data.")))


def _chart(watch: Watch, line: DailySeries) -> Figure:
    title = series_title(line.metric)
    values = ((point.day.isoformat(), show(point.treatment, line.measure)) for point in line.points)
    rows = "; ".join(f"{day}: {value}" for day, value in values)
    light = str(light_word(line.light)) if line.light else ""
    alt = say("{title} day by day, {arm}: {rows}. {light}", title=title, rows=rows, light=light,
              arm=arm_heads(watch)[1])  # fmt: skip
    return figure(lambda width: _drawn(watch, line, width), alt, sentence(line.says), wide=HALF)


def _drawn(watch: Watch, line: DailySeries, width: int) -> Drawn:
    """Lay the days over each other; what zooms is inside the plot, heads stand above it."""
    alarmed = _alarmed(watch, line)
    x, y = _days_axis(line), _values_axis(line, alarmed=bool(alarmed))
    return plot([
        *_gaps(watch, line, x),
        *_limits(line, y),
        *_arms(watch, line, x, y),
        *_alarms(watch, line, alarmed, x),
        *_heads(watch, line, width - AXES_WIDE),
    ], width - AXES_WIDE, HEIGHT)  # fmt: skip


def _heads(watch: Watch, line: DailySeries, wide: int) -> list[alt.Chart]:
    """Name the series and its light, and below them the arms, beside each other if they fit."""
    light = "" if line.light is None else f"{SHAPES[line.light]} {light_word(line.light)}"
    control, treatment = arm_heads(watch)
    control, treatment = f"┄ {control}", f"━ {treatment}"
    fit = width_of(f"{control}   {treatment}") <= _places(wide, 12)
    down = 0 if fit else BELOW
    names = (
        (_title(line, wide - 14 * width_of(light) * PLACE), INK, 14, -HEAD - down, "left"),
        (light, HUES[line.light], 13, -HEAD - down, "right"),
        (shortened(treatment, _places(wide, 12)), TREATMENT, 12, 18 - HEAD - down, "left"),
        (shortened(control, _places(wide, 12)), CONTROL, 12, 18 - HEAD, "right" if fit else "left"),
    )  # fmt: skip
    return [
        mark("text", {"x": RIGHT if side == "right" else 0, "y": y, "text": "text:N"},
             [{"text": name}], align=side, color=hue, fontSize=size, fontWeight=600, limit=wide)
        for name, hue, size, y, side in names
        if name
    ]  # fmt: skip


def _title(line: DailySeries, wide: float) -> str:
    """Name the series and its newest value, which a long name leaves room for."""
    newest = latest(line)
    value = "" if newest is None else str(show(newest.treatment, line.measure))
    name = series_title(line.metric)
    return f"{shortened(name, _places(wide, 14) - width_of(value) - 2)}  {value}"


def _places(wide: float, size: int) -> int:
    """Return how many letters of a size stand in so many pixels."""
    return int(wide / (size * PLACE))


def _days_axis(line: DailySeries) -> object:
    """Lay days out one beside the other, whether they have data or not."""
    most = len(line.points)
    names = ", ".join(f"'{point.day:%m-%d}'" for point in line.points)
    margin = most * (MARGIN if line.green is not None or line.amber is not None else 0)
    return axis("X", "x", (-0.5, most - 0.5 + margin), title=None, values=[*range(most)],
                labelExpr=f"[{names}][datum.value]", labelOverlap=True, labelSeparation=4,
                ticks=most <= RULER, grid=False)  # fmt: skip


def _values_axis(line: DailySeries, *, alarmed: bool) -> object:
    values = [
        value
        for point in line.points
        for value in (point.control, point.treatment, point.lower, point.upper)
        if value is not None
    ]
    values += [limit for limit in (line.green, line.amber) if limit is not None]
    low, high = min(values), max(values)
    room = max((high - low) * ROOM, 1e-3 * max(1.0, abs(high)))
    floor = max(low - room, 0.0) if low >= 0 else low - room
    form = AXES.get(line.measure, ".2f")
    if line.measure == "proportion" and high - low < 0.1:  # noqa: PLR2004 -- ten points of percent
        form = ".1%"
    top = high + room + (high - low) * NAMED * alarmed
    return axis("Y", "y", (floor, top), title=None, format=form, tickCount=4)


def _about(line: DailySeries, point: Point) -> Spec:
    """Return what the tooltip says of a day."""
    treatment = str(show(point.treatment, line.measure))
    if point.treatment is not None:
        lower, upper = (bound(end, line.measure) for end in (point.lower, point.upper))
        treatment += f" [{lower}, {upper}]"
    return {
        "day": point.day.isoformat(), "n": f"{point.n_control:,} + {point.n_treatment:,}",
        "control": str(show(point.control, line.measure)), "treatment": treatment,
    }  # fmt: skip


def _tip(watch: Watch) -> dict[str, object]:
    control, treatment = arm_heads(watch, say("Treatment [bounds]"))
    return {"day": say("Day"), "n": say("Samples"), "control": control, "treatment": treatment}


def _gaps(watch: Watch, line: DailySeries, x: object) -> list[alt.Chart]:
    """Shade days on which the treatment has no value, and name them by a cross."""
    rows = [
        _about(line, point) | {"x": k - 0.5, "end": k + 0.5, "middle": k, "text": "✕"}
        for k, point in enumerate(line.points)
        if point.treatment is None
    ]
    tip = _tip(watch)
    whole = {"x": x, "x2": "end", "y": 0, "y2": HEIGHT}
    cross = {"x": "middle:Q", "y": HEIGHT - 9, "text": "text:N"}
    return [
        mark("rect", whole, rows, tip=tip, color=EMPTY, opacity=1, clip=True),
        mark("text", cross, rows, tip=tip, align="center", color=SOFT, fontSize=11, clip=True),
    ]


def _limits(line: DailySeries, y: object) -> list[alt.Chart]:
    """Draw the light's limits: green a long dash, amber a short one, each with its word."""
    parts = ((line.green, GREEN, [7, 3], say("green")), (line.amber, OCHRE, [2, 3], say("amber")))
    drawn: list[alt.Chart] = []
    for limit, hue, dash, word in parts:
        if limit is None:
            continue
        rows = [{"y": limit, "text": str(word), "limit": str(show(limit, line.measure))}]
        tip = {"text": say("Light"), "limit": say("Limit")}
        drawn += [
            mark("rule", {"y": y}, rows, tip=tip, color=hue, strokeDash=dash, clip=True),
            mark("text", {"x": RIGHT, "y": y, "text": "text:N"}, rows, tip=tip, align="right",
                 baseline="bottom", dy=-1, color=hue, fontSize=11),
        ]  # fmt: skip
    return drawn


def _arms(watch: Watch, line: DailySeries, x: object, y: object) -> list[alt.Chart]:
    """Draw the band of each day and both arms; a line joins only days that follow each other."""
    bands = [
        _about(line, point) | {"x": k, "y": point.lower, "high": point.upper}
        for k, point in enumerate(line.points)
        if point.lower is not None and point.upper is not None
    ]
    at, tip = {"x": x, "y": y}, _tip(watch)
    arms = (("control", CONTROL, [4, 3], "square"), ("treatment", TREATMENT, [1, 0], "circle"))
    drawn = [
        mark("rule", at | {"y2": "high"}, bands, tip=tip, strokeWidth=9, opacity=0.22,
             color=TREATMENT, clip=True),
    ]  # fmt: skip
    for arm, hue, dash, shape in arms:
        rows = _run(line, arm)
        drawn += [
            mark("line", at | {"detail": "part:N"}, rows, strokeWidth=1.8, color=hue,
                 strokeDash=dash, clip=True),
            mark("point", at, rows, tip=tip, size=34, color=hue, shape=shape, clip=True),
        ]  # fmt: skip
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
            rows.append(_about(line, point) | {"x": k, "y": value, "part": part})
    return rows


def _alarmed(watch: Watch, line: DailySeries) -> list[int]:
    """Return the days on which alarms about this metric began, counted from the first point's."""
    first = line.points[0].day
    zone = watch.as_of.tzinfo
    days = {
        (alarm.since.astimezone(zone).date() - first) // timedelta(days=1)
        for alarm in watch.alarms
        if alarm.metric == line.metric
    }
    return sorted(day for day in days if 0 <= day < len(line.points))


def _alarms(watch: Watch, line: DailySeries, days: list[int], x: object) -> list[alt.Chart]:
    """Mark the day on which an alarm about this metric began."""
    if not days:
        return []
    rows = [
        _about(line, line.points[day]) | {"x": day, "text": f"▼ {say('alarm')}"} for day in days
    ]
    tip = _tip(watch)
    side = "right" if days[0] > len(line.points) / 2 else "left"
    return [
        mark("rule", {"x": x}, rows, tip=tip, color=VERMILION, strokeWidth=1.5, clip=True),
        mark("text", {"x": x, "y": 7, "text": "text:N"}, rows, tip=tip, align=side, fontSize=12,
             fontWeight=600, dx=-4 if side == "right" else 4, color=VERMILION, clip=True),
    ]  # fmt: skip


__dir__ = __all__.copy  # what completion lists
