"""What Altair charts are built of: marks that tell their numbers, arms with a legend, zoom, rows.

Altair takes a third of a second to import, so only what draws does. Charts carry no configuration
of their own, so that `alt.layer`, `|` and `&` take them; `rolloutlib.show.figure` adds the look.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings, simplefilter
from zlib import crc32

from rolloutlib.show.optional import FORMATS, without
from rolloutlib.text import chart

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    import altair as alt

    Drawn = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart

__all__ = [
    "Beside", "arm_color", "axis", "building", "distinct", "mark", "plot", "table",
    "zoomed",
]  # fmt: skip

HAIR: Final = "#dfe3e8"
INK: Final = "#1c2430"
CONTROL, TREATMENT = "#6b7280", "#1d5fa8"
AXES_WIDE: Final = 75  # pixels that a y axis and its title take of a chart's width
POINTS: Final = "datum.value ? format(100 * datum.value, '+.1~f') : '0'"  # percents
IDENTITY: Final = {"color", "fill", "stroke", "shape"}  # channels whose strings are the look itself
# Where scales zoom, Vega-Lite clips every mark that does not say otherwise.
USUAL: Final[dict[str, dict[str, Any]]] = {
    "text": {"baseline": "middle", "align": "left", "fontSize": 13, "color": INK, "clip": False},
    "point": {"filled": True, "opacity": 1},
}


@contextmanager
def building() -> Generator[None]:
    """Build charts: Altair does not hold each part against its schema here, the tests do."""
    with without(*FORMATS):
        from altair.utils.schemapi import debug_mode
    with debug_mode(False):  # noqa: FBT003 -- Altair's own signature
        yield


def table(rows: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Return rows as a chart's data: every text of them has passed the gate of charts."""
    import altair as alt

    shown = (
        {name: chart(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    )
    # Altair copies its parts a dozen times, lists to their last cell; a tuple it takes as it is.
    return alt.InlineData(values=tuple(shown))  # pyright: ignore[reportArgumentType]


def mark(
    kind: str, at: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] | None = None, *,
    tip: Mapping[str, object] | None = None, **style: Any,  # noqa: ANN401
) -> alt.Chart:  # fmt: skip
    """Return a layer of marks of a kind.

    Args:
        kind: Vega-Lite's type of mark.
        at: channel → a shorthand (`low:Q`), a number of pixels, or a channel of Altair. A string
            at color, fill, stroke or shape is the field that holds the look itself.
        rows: its own data; None takes those of the chart that it stands in.
        tip: field → its title in the tooltip; the field is shown as it is.
        style: properties of the mark.
    """
    import altair as alt

    channels = {name: _channel(name, value) for name, value in at.items()}
    if tip:
        channels["tooltip"] = [
            alt.Tooltip(field=name, type="nominal", title=str(title)) for name, title in tip.items()
        ]
    usual = USUAL.get(kind, {})
    look: dict[str, Any] = {"type": kind} | usual | style
    drawn = alt.Chart(mark=alt.MarkDef(**look), encoding=alt.FacetedEncoding(**channels))
    if rows is not None:
        drawn.data = table(rows)
    return drawn


def _channel(name: str, value: Any) -> Any:  # noqa: ANN401 -- what Altair takes
    import altair as alt

    if isinstance(value, int | float):
        return alt.value(value)
    if not isinstance(value, str):
        return value
    kind = getattr(alt, name[0].upper() + name[1:])
    if name in IDENTITY:
        return kind(field=value, type="nominal", scale=None)
    field, _, letter = value.partition(":")
    kinds = {"Q": "quantitative", "N": "nominal", "O": "ordinal", "T": "temporal"}
    return kind(field=field, type=kinds[letter]) if letter else kind(field=field)


def axis(channel: str, field: str, domain: Sequence[float], **look: Any) -> Any:  # noqa: ANN401
    """Return a position on a scale of numbers from one end of the domain to the other.

    Args:
        channel: `X` or `Y`.
        field: what stands there.
        domain: both ends, kept as they are.
        look: properties of the axis; `type="log"` is the scale's.
    """
    import altair as alt

    scale: dict[str, Any] = {"domain": [*domain], "nice": False}
    scale |= {"type": look.pop("type")} if "type" in look else {"zero": False}
    kind = alt.X if channel == "X" else alt.Y
    return kind(field=field, type="quantitative", scale=scale, axis=look)


def distinct(names: Sequence[str]) -> list[str]:
    """Return names as they are drawn, cut, and numbered where they would be the same then.

    >>> distinct(["on", "off", "on"])
    ['on', 'off', 'on (2)']
    """
    shown: list[str] = []
    for name in map(chart, names):
        again = shown.count(name) + 1
        shown.append(name if again == 1 else f"{name} ({again})")
    return shown


def arm_color(names: Sequence[str], width: int, channel: str = "Color") -> Any:  # noqa: ANN401
    """Return the colours of the field `arm`, with a legend above the plot.

    Args:
        names: what the legend calls the arms, the control first.
        width: of the whole chart.
        channel: `Color`, `Stroke`.
    """
    import altair as alt

    look = {"title": None, "symbolType": "circle", "symbolOpacity": 1, "symbolFillColor": "white"}
    look |= {"orient": "top", "direction": "vertical", "labelLimit": width - AXES_WIDE - 20,
             "labelFontSize": 13, "labelFontWeight": 600}  # fmt: skip
    if width < AXES_WIDE * 6:  # a phone: flush with the axis' title, not with the plot
        look |= {"orient": "none", "legendX": -44, "legendY": -58, "labelLimit": width - 60,
                 "labelFontSize": 11}  # fmt: skip
    scale = {"domain": [*names], "range": [CONTROL, TREATMENT][: len(names)]}
    return getattr(alt, channel)(field="arm", type="nominal", scale=scale, legend=look)


def plot(
    layers: Sequence[alt.Chart], width: int, height: int, *,
    rows: Sequence[Mapping[str, Any]] | None = None,
) -> alt.LayerChart:  # fmt: skip
    """Lay marks over each other.

    Args:
        layers: the marks; those without data take `rows`.
        width: of the plot between its axes, in pixels.
        height: likewise.
        rows: data of the layers that have none.
    """
    import altair as alt

    whole = alt.LayerChart(layer=[*layers], width=width, height=height)
    if rows is not None:
        whole.data = table(rows)
    return whole


def zoomed(drawn: Drawn, channels: Sequence[str], about: str) -> Drawn:
    """Let wheel and drag move scales, and double click set them back.

    Args:
        drawn: the chart.
        channels: `x`, `y`, both, or none where no axis is a quantity.
        about: what it shows; charts of other things zoom by themselves when they are composed.
    """
    import altair as alt

    if not channels:
        return drawn
    name = f"zoom_{crc32(about.encode(errors='replace')):08x}"
    ranges = alt.selection_interval(name=name, bind="scales", encodings=[*channels])  # pyright: ignore[reportArgumentType] -- names of channels
    with catch_warnings():
        simplefilter("ignore", UserWarning)  # panels below each other are meant to zoom as one
        return drawn.add_params(ranges)


@dataclass(frozen=True, slots=True)
class Beside:
    """A chart of rows with texts beside its marks: how many pixels each part takes.

    Attributes:
        left: texts left of the marks.
        width: the marks.
        right: texts right of them.
        step: a row's height.
    """

    left: int
    width: int
    right: int
    step: int

    def y(self, **more: Any) -> alt.Y:  # noqa: ANN401
        """Return a row's place, the middle unless `bandPosition` says otherwise."""
        import altair as alt

        return alt.Y(field="row", type="ordinal", axis=None, scale={"padding": 0}, **more)

    def text(self, name: str, x: float, **style: Any) -> alt.Chart:  # noqa: ANN401
        """Return a column of texts, `x` pixels from the marks' left edge; `hue` is their colour."""
        look = {"color": style.pop("hue")} if "hue" in style else {}
        tip = style.pop("tip", None)
        return mark("text", {"x": x, "y": self.y(), "text": f"{name}:N"} | look, tip=tip, **style)

    def plot(
        self, layers: Sequence[alt.Chart], rows: Sequence[Mapping[str, Any]],
        tip: Mapping[str, object] | None = None,
    ) -> alt.LayerChart:  # fmt: skip
        """Lay marks and texts over hairlines between the rows; `tip` is each whole row's.

        The first layer is the one that zooms, so it has to stand on the scale of x.
        """
        across = {"x": -self.left, "x2": self.width + self.right}
        area = mark("rect", across | {"y": self.y()}, tip=tip, opacity=0, clip=False)
        lines = [
            mark("rule", across | {"y": self.y(bandPosition=1)}, color=HAIR, clip=False),
            mark("rule", across | {"y": 0}, [{}], color=HAIR, clip=False),
        ]
        first, *rest = layers
        drawn = [first, *([area] if tip else []), *rest, *lines]
        return plot(drawn, self.width, len(rows) * self.step, rows=rows)
