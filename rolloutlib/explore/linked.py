"""Segments beside a distribution: the samples are counted where they lie, a click selects counts.

What is handed to the chart is bounded: segments × arms × steps, however many samples there are.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types, Altair's are partial)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal
from zlib import crc32

import numpy as np

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.judge.sources import sample_frame
from rolloutlib.phrase import either, phrase, several
from rolloutlib.runs.database import readable
from rolloutlib.runs.further import labels_in
from rolloutlib.show.charts import VERMILION
from rolloutlib.show.figure import INK, SOFT, own_look
from rolloutlib.show.marks import (
    POINTS,
    Beside,
    arm_color,
    axis,
    building,
    distinct,
    mark,
    plot,
    table,
    zoomed,
)
from rolloutlib.text import LABEL, chart
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    import altair as alt
    import narwhals as nw
    from numpy.typing import NDArray

    from rolloutlib.judge.review import Judged
    from rolloutlib.measure.segments import Segment
    from rolloutlib.show.figure import Spec

__all__ = ["linked"]

Metric = Literal["latency_ms", "score"]
PLANNED: Final = ("category", "difficulty", "profile")
MOST: Final = 24  # segments by themselves; the rest is one
STEPS: Final = 60  # of a distribution
TAIL: Final = (0.975, 0.99, 0.995)  # shares at which the slow end has steps of its own
ROOM: Final = Beside(190, 170, 80, 24)
WIDE, LEAST = 330, 220  # pixels of the distribution: its width, and its height at least


def linked(judged: Judged, metric: Metric | None, by: str | None, lang: str) -> alt.HConcatChart:
    """Return both panels, as `rolloutlib.explore.charts.Charts.linked` says."""
    with speaking(lang), readable(), building():
        samples = sample_frame(judged.source)
        columns = (*PLANNED, *labels_in(samples.extras))
        metric = _metric(judged, metric)
        edges = _edges(judged, metric)
        import narwhals as nw

        frame = samples.frame().filter(nw.col("arm").is_in(judged.pair))
        by = _column(frame, by, columns)
        own_look()
        return _panels(judged, _counted(frame, by, metric, edges), by, metric, edges)


def _metric(judged: Judged, metric: str | None) -> Metric:
    drawable = {each.metric for each in judged.review.distributions}
    metrics: tuple[Metric, ...] = ("score", "latency_ms")
    for each in metrics:
        if each in drawable and metric in {None, each}:
            return each
    raise UsageError(
        "no sample tells {wanted}; expected {drawable}",
        wanted=metric or either(metrics),
        drawable=several(sorted(drawable)) or phrase("values to draw"),
    )  # fmt: skip


def _edges(judged: Judged, metric: Metric) -> NDArray[np.float64]:
    """Return steps at which about as many samples lie between any two; the last holds them all."""
    curves = [each for each in judged.review.distributions if each.metric == metric]
    body = np.linspace(0, 1, STEPS // len(curves) - len(TAIL) + 1)[1:]
    shares = np.concatenate([body, TAIL])
    ends = [each.values[np.searchsorted(each.share, shares - 1e-12)] for each in curves]
    return np.unique(np.concatenate(ends))


def _column(frame: nw.LazyFrame[Any], by: str | None, columns: tuple[str, ...]) -> str:
    import narwhals as nw

    if by is not None and by not in columns:
        hint = did_you_mean(by, columns)
        raise UsageError(
            "by is {by!r}; the samples have {known}.{hint}",
            by=by,
            known=several(columns),
            hint=hint,
        )
    apart = frame.select(*(nw.col(name).n_unique().alias(name) for name in columns))
    counts = apart.collect("pyarrow").to_arrow().to_pylist()[0]
    for name in columns if by is None else (by,):
        if counts[name] > 1 or by is not None:
            return name
    raise UsageError("no column tells the samples apart; looked at {known}", known=several(columns))


def _counted(
    frame: nw.LazyFrame[Any], by: str, metric: Metric, edges: NDArray[np.float64]
) -> list[Spec]:
    """Count samples and passes by arm, segment and step, in the engine."""
    import narwhals as nw

    column = nw.col(by)
    sizes = frame.filter(~column.is_null()).group_by(by).agg(nw.len().alias("n"))
    largest = sizes.sort("n", by, descending=[True, False]).head(MOST).collect("pyarrow")
    largest_segments = largest.to_arrow().column(by).to_pylist()
    value = nw.col(metric)
    above = [(value > float(edge)).cast(nw.Int64) for edge in edges[:-1]]
    step = above[0] if len(above) == 1 else nw.sum_horizontal(*above) if above else nw.lit(0)
    stepped = frame.with_columns(
        nw.when(column.is_in(largest_segments)).then(column).alias("segment"),
        column.is_null().alias("untold"),
        nw.when(~value.is_null()).then(step).alias("step"),
    )
    counts = stepped.group_by("arm", "segment", "untold", "step").agg(
        nw.len().alias("n"),
        nw.col("passed").cast(nw.Int64).sum().alias("passes"),
        nw.col("passed").count().alias("judged"),
    )
    return counts.collect("pyarrow").to_arrow().to_pylist()


def _panels(
    judged: Judged, counts: list[Spec], by: str, metric: Metric, edges: NDArray[np.float64]
) -> alt.HConcatChart:
    import altair as alt

    arms = judged.pair
    shown = dict(zip(arms, distinct(arms), strict=True))
    labels = _labels(counts)
    steps = [
        {"segment": labels[row["segment"], row["untold"]], "arm": shown[row["arm"]],
         "step": row["step"], "x": float(edges[row["step"]]), "n": row["n"]}
        for row in counts if row["step"] is not None
    ]  # fmt: skip
    about = crc32(f"{judged.review.data_sha256} {by} {metric}".encode())
    chosen = alt.selection_point(name=f"segment_{about:08x}", fields=["segment"])
    left = _segments(_rows(judged, counts, labels, by), by, chosen)
    right = _distribution(steps, list(shown.values()), metric, chosen, max(LEAST, left.height))
    right = zoomed(right, ("x",), chosen.name)
    apart = {"scale": {"color": "independent"}}  # else the arms' legend stands above the segments
    return alt.HConcatChart(hconcat=[left, right], spacing=24, resolve=apart)


def _labels(counts: list[Spec]) -> dict[tuple[str | None, bool], str]:
    """Name the segments as they are drawn, each differently."""
    keys = sorted({(row["segment"], row["untold"]) for row in counts}, key=str)
    words = {(None, True): str(say("not told")), (None, False): str(say("all others"))}
    names = [words.get(key) or chart(str(key[0]), LABEL) for key in keys]
    return dict(zip(keys, distinct(names), strict=True))


def _rows(
    judged: Judged, counts: list[Spec], labels: dict[tuple[str | None, bool], str], by: str
) -> list[Spec]:
    """Lay out each segment's change of the pass rate, with bounds where the review tested it."""
    tested = {s.value: s for s in judged.review.segments if s.by == by and s.gate == "pass_rate"}
    rows = [
        _row(label, [row for row in counts if (row["segment"], row["untold"]) == key],
             judged, tested.get(key[0] or ""))
        for key, label in labels.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["point"] is None, row["point"] or 0.0))
    return [row | {"row": k} for k, row in enumerate(rows)]


def _row(label: str, counts: list[Spec], judged: Judged, tested: Segment | None) -> Spec:
    sizes, rates = dict[str, int](), dict[str, float | None]()
    for name, arm in (("control", judged.params.control), ("treatment", judged.params.treatment)):
        own = [row for row in counts if row["arm"] == arm]
        sizes[name], rated = sum(row["n"] for row in own), sum(row["judged"] for row in own)
        rates[name] = sum(int(row["passes"] or 0) for row in own) / rated if rated else None
    control, treatment = rates["control"], rates["treatment"]
    point = None if control is None or treatment is None else treatment - control
    low, high = (tested.lower, tested.upper) if tested else (None, None)
    if tested:
        point = tested.point
        bounds = ", ".join(str(bound(b, "proportion", signed=True)) for b in (low, high))
    else:
        bounds = str(say("not tested"))
    return {
        "segment": label, "point": point, "low": low, "high": high,
        "color": VERMILION if tested and tested.loss else SOFT,
        "fill": (VERMILION if tested.loss else SOFT) if tested else "white",
        "text": str(show(point, "proportion", signed=True)), "bounds": bounds,
        "n": f"{sizes['control']:,} + {sizes['treatment']:,}",
        "control": str(show(control, "proportion")),
        "treatment": str(show(treatment, "proportion")),
    }  # fmt: skip


def _segments(rows: list[Spec], by: str, chosen: alt.Parameter) -> alt.LayerChart:
    """Draw a row a segment; a click anywhere in it selects it."""
    import altair as alt

    ends = [row[end] for row in rows for end in ("point", "low", "high") if row[end] is not None]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    edge = (high - low) * 0.05 or 0.01
    x = axis("X", "point", (low - edge, high + edge), title=str(say("pass rate: change in pp")),
             labelExpr=POINTS, grid=False, tickCount=5)  # fmt: skip
    at = {"x": x, "y": ROOM.y()}
    tip = {"segment": by, "text": say("change"), "bounds": say("Bounds"), "n": say("Samples"),
           "control": say("Control"), "treatment": say("Treatment")}  # fmt: skip
    tested = [row for row in rows if row["low"] is not None and row["high"] is not None]
    lit = alt.when(chosen, empty=False).then(alt.value(0.16)).otherwise(alt.value(0.001))
    faded = {"opacity": alt.when(chosen).then(alt.value(1)).otherwise(alt.value(0.3))}
    ends_of_row = {"x": -ROOM.left, "x2": ROOM.width + ROOM.right}
    area = mark("rect", ends_of_row | {"y": ROOM.y(), "opacity": lit}, tip=tip, color="#1d5fa8",
                cursor="pointer")  # fmt: skip
    drawn: alt.LayerChart = ROOM.plot([
        mark("rule", {"x": x}, [{"point": 0.0}], color=INK, strokeWidth=1, clip=True),
        mark("rule", at | faded | {"x": _at(x, "low"), "x2": "high", "color": "color"}, tested,
             strokeWidth=3, clip=True),
        mark("point", at | faded | {"fill": "fill", "stroke": "color"}, size=70, clip=True),
        ROOM.text("segment", -ROOM.left + 4, fontSize=12, limit=ROOM.left - 12),
        ROOM.text("text", ROOM.width + ROOM.right - 4, align="right", fontSize=12),
        area,
    ], rows)  # fmt: skip
    return drawn.add_params(chosen).properties(
        title=alt.Title(chart(by), anchor="start", fontSize=13, offset=8)
    )


def _at(x: Any, field: str) -> Any:  # noqa: ANN401 -- a channel of Altair
    moved = x.copy(deep=False)
    moved.field = field
    return moved


def _values_axis(steps: list[Spec], metric: Metric, title: str) -> object:
    """Return the axis of the values: of latencies far apart a logarithmic one."""
    ends = sorted(row["x"] for row in steps)
    wide = metric == "latency_ms" and ends[0] > 0 and ends[-1] / ends[0] > 4  # noqa: PLR2004
    look: Spec = {"title": title, "grid": False, "tickCount": 5}
    return axis("X", "x", (ends[0], ends[-1]), format=",d" if wide else "~g",
                **look | ({"type": "log"} if wide else {}))  # fmt: skip


def _step_tips(title: str) -> list[alt.Tooltip]:
    """Return what a step tells at the pointer: its share is computed in the browser."""
    import altair as alt

    return [
        alt.Tooltip(field="arm", type="nominal", title=str(say("Arm"))),
        alt.Tooltip(field="x", type="quantitative", title=title, format=",.4~g"),
        alt.Tooltip(field="share", type="quantitative", title=str(say("share of samples")),
                    format=".1%"),
        alt.Tooltip(field="below", type="quantitative", title=str(say("Samples")), format=",d"),
        alt.Tooltip(field="all", type="quantitative", title=str(say("of samples")), format=",d"),
    ]  # fmt: skip


def _distribution(
    steps: list[Spec], arms: list[str], metric: Metric, chosen: alt.Parameter, height: int
) -> alt.LayerChart:
    """Draw both arms' distribution functions of what is selected; nothing selected is the whole."""
    import altair as alt

    title = str(say("latency, ms") if metric == "latency_ms" else say("score"))
    x = _values_axis(steps, metric, title)
    y = axis("Y", "share", (0, 1), title=str(say("share of samples")), format=".0%", tickCount=5)
    arm = alt.selection_point(name=f"arm_{chosen.name}", fields=["arm"], bind="legend")
    faint = alt.when(arm).then(alt.value(1)).otherwise(alt.value(0.15))
    at = {"x": x, "y": y, "color": arm_color(arms, 2 * WIDE)}
    drawn = plot([
        mark("line", at | {"opacity": faint}, interpolate="step-after", strokeWidth=2.2, clip=True),
        mark("point", at | {"tooltip": _step_tips(title)}, opacity=0, size=200, clip=True),
    ], WIDE, height)  # fmt: skip
    drawn.data = table(steps)
    return (
        drawn.add_params(arm)
        .transform_filter(chosen)
        .transform_aggregate(n="sum(n)", groupby=["arm", "step", "x"])
        .transform_window(
            below="sum(n)", frame=[None, 0], groupby=["arm"], sort=[alt.SortField("step")]
        )
        .transform_joinaggregate(all="sum(n)", groupby=["arm"])
        .transform_calculate(share="datum.below / datum.all")
    )
