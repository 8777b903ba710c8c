"""How charts are shown: layouts for page and phone, their look, the figure that a report stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from rolloutlib.show.marks import building, zoomed
from rolloutlib.text import SENTENCE, chart, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolloutlib.show.marks import Drawn
    from rolloutlib.words.sentences import Sentence

__all__ = [
    "CONFIG", "FIGURE_MIME", "HAIR", "HALF", "INK", "NARROW", "SCHEMA", "SOFT", "VEGA_MIME", "WIDE",
    "Figure", "Figures", "Note", "Spec", "figure", "own_look", "spec",
]  # fmt: skip

Spec = dict[str, Any]
WIDE: Final = 900
HALF: Final = 440  # two of them stand beside each other on a page
NARROW: Final = 342
FIGURE_MIME: Final = "application/vnd.rolloutlib.figure+json"
# JupyterLab prefers text/html to Vega, and Altair's own v6 type is refused by nbformat, so: this
# type, and no HTML.
VEGA_MIME: Final = "application/vnd.vegalite.v5+json"
LATIN: Final = "Inter, Helvetica Neue, Arial"
HANGUL: Final = "Noto Sans KR, Noto Sans CJK KR, Apple SD Gothic Neo, Malgun Gothic, NanumGothic"
FONT: Final = f"{LATIN}, {HANGUL}, sans-serif"
INK, SOFT, HAIR = "#1c2430", "#586271", "#dfe3e8"
AXIS: Final = {
    "labelFlush": False, "labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": 400,
    "labelFontSize": 12, "titleFontSize": 12, "gridColor": HAIR, "domainColor": HAIR,
    "tickColor": HAIR,
}  # fmt: skip
CONFIG: Final[dict[str, Any]] = {
    "font": FONT, "view": {"stroke": None}, "axis": AXIS, "background": "white",
    "title": {"color": INK, "subtitleColor": SOFT},  # JupyterLab's dark theme has white ones
    "legend": {
        "labelColor": INK, "symbolStrokeWidth": 3, "symbolSize": 60, "rowPadding": 4,
    },
}  # fmt: skip
# The page names a picture by its own alternative text, so what is inside needs no names.
MUTE: Final = {"aria": False}
PICTURE: Final = CONFIG | MUTE | {
    "font": "sans-serif", "axis": AXIS | MUTE, "legend": CONFIG["legend"] | MUTE,
}  # fmt: skip
PADDING: Final = {"left": 4, "right": 6, "top": 6, "bottom": 4}
# What JupyterLab draws; Vega-Lite 6 does, too.
SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart that shows itself in JupyterLab and in the report.

    Attributes:
        wide: Vega-Lite specification for a page.
        narrow: the same for a phone.
        alt: what is seen, for who cannot see it.
        caption: what to see and what it means for the decision.
        live: the page's chart as an object of Altair, where it was built as one.
    """

    wide: Spec = field(repr=False)
    narrow: Spec = field(repr=False)
    alt: str
    caption: str
    live: Drawn | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Leave no text that SVG cannot hold, whoever wrote it."""
        for name in ("wide", "narrow"):
            object.__setattr__(self, name, _drawable(getattr(self, name)))
        for name in ("alt", "caption"):
            object.__setattr__(self, name, plain(getattr(self, name)))

    def altair(self) -> Drawn:
        """Return the chart as an object of Altair, to change, layer or lay beside another.

        It has tooltips and zoom. Shown in JupyterLab it looks as in the report, unless another
        renderer or theme of Altair's is enabled.
        """
        with building():
            import altair as alt

            own_look()
            return alt.Chart.from_dict(self.wide) if self.live is None else self.live

    def svg(self, *, narrow: bool = False) -> str:
        """Return the chart as SVG; nothing is fetched."""
        import vl_convert  # starts a JavaScript engine

        still = _still(self.narrow if narrow else self.wide) | {"config": PICTURE}
        svg = vl_convert.vegalite_to_svg(still, allowed_base_urls=[])
        # Text measured in one font takes two thirds of the time of a search through the stack.
        return svg.replace('font-family="sans-serif"', f'font-family="{FONT}"')

    def bundle(self) -> dict[str, Any]:
        """Return what a notebook stores: Vega for JupyterLab, an image, both layouts."""
        wide, narrow = self.svg(), self.svg(narrow=True)
        parts = {"alt": self.alt, "caption": self.caption, "wide": wide, "narrow": narrow}
        plain = {"image/svg+xml": wide, "text/plain": self.alt}
        return {VEGA_MIME: self.wide, FIGURE_MIME: parts, **plain}

    def _ipython_display_(self) -> None:
        self.show()

    def show(self) -> None:
        """Show the chart, then its caption (JupyterLab shows only one of a bundle's types)."""
        display = import_module("IPython.display").display  # only where there is a notebook
        display(self.bundle(), raw=True)
        below = {"text/html": f"<p>{escape(self.caption)}</p>", "text/plain": self.caption}
        display(below, raw=True, metadata={"rolloutlib_caption": True})


@dataclass(frozen=True, slots=True)
class Figures:
    """Several charts, shown one after the other."""

    charts: tuple[Figure, ...]

    def _ipython_display_(self) -> None:
        for drawing in self.charts:
            drawing.show()


@dataclass(frozen=True, slots=True)
class Note:
    """Stands where there is nothing to draw, and says why."""

    text: str

    def __post_init__(self) -> None:
        """Leave no text that a page or a terminal obeys."""
        object.__setattr__(self, "text", plain(self.text))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.text}


def figure(
    draw: Callable[[int], Drawn | Spec], alt: Sentence, caption: Sentence | str, *,
    wide: int = WIDE, zoom: Sequence[str] = ("x",),
) -> Figure:  # fmt: skip
    """Draw both layouts.

    Args:
        draw: is given the width in pixels.
        alt: what is seen, for who cannot see it.
        caption: what to see and what it means for the decision.
        wide: the width on a page.
        zoom: the channels that wheel and drag move, if any.
    """
    with building():
        page, phone = draw(wide), draw(NARROW)
        live = None if isinstance(page, dict) else zoomed(page, zoom, str(alt))
        return Figure(spec(live or page), spec(phone), str(alt), str(caption), live)


def spec(drawn: Drawn | Spec) -> Spec:
    """Return a chart as Vega-Lite in the report's look; its data are named in their order."""
    if isinstance(drawn, dict):
        return drawn
    whole = drawn.to_dict(validate=False)
    names = {name: f"rows {k}" for k, name in enumerate(whole.get("datasets", {}))}
    data = {names[name]: [*rows] for name, rows in whole.pop("datasets", {}).items()}
    look = {"$schema": SCHEMA, "padding": PADDING, "config": CONFIG, "datasets": data}
    return _renamed(whole, names) | look


def _renamed(part: Spec, names: dict[str, str]) -> Spec:
    """Call data by their order: Altair's names are digests of what is in them."""
    if "data" in part:
        part = part | {"data": {"name": names[part["data"]["name"]]}}
    inner = {
        name: [_renamed(layer, names) for layer in part[name]]
        for name in ("layer", "hconcat", "vconcat")
        if name in part
    }
    return part | inner


def _still(part: Any) -> Any:  # noqa: ANN401 -- any part of a specification
    """Return a specification without what only a pointer reaches: tooltips, zoom, hidden marks."""
    if isinstance(part, list):
        return [
            _still(element) for element in cast("list[Any]", part) if not _for_pointers(element)
        ]
    if not isinstance(part, dict):
        return part
    return {
        name: inner if name in {"datasets", "values"} else _still(inner)
        for name, inner in cast("Spec", part).items()
        if name != "tooltip"
    }


def _for_pointers(part: Any) -> bool:  # noqa: ANN401
    """Whether a layer has no ink, or a parameter moves scales."""
    if not isinstance(part, dict):
        return False
    named = cast("Spec", part)
    return named.get("bind") == "scales" or (
        isinstance(named.get("mark"), dict) and named["mark"].get("opacity") == 0
    )


def own_look() -> None:
    """Let Altair's charts look as in the report and draw offline, where nobody chose otherwise."""
    import altair as alt

    if alt.theme.active == "default":
        alt.theme.register("rolloutlib", enable=True)(_look)
    if alt.renderers.active == "default":  # it loads its scripts from elsewhere
        alt.renderers.register("rolloutlib", _shown)
        alt.renderers.enable("rolloutlib")


def _look() -> Any:  # noqa: ANN401 -- Altair's own type of it
    return {"config": CONFIG}


def _shown(whole: Spec, **_: object) -> Spec:
    """Return what a cell shows of a chart: Vega for JupyterLab, an image elsewhere."""
    drawn = Figure(whole | {"$schema": SCHEMA}, {}, "", "")
    return {VEGA_MIME: drawn.wide, "image/svg+xml": drawn.svg()}


def _drawable(part: Any) -> Any:  # noqa: ANN401 -- any part of a specification
    """Return a specification in which every text passed the gate of charts."""
    if isinstance(part, str):
        return chart(part, SENTENCE)
    if isinstance(part, dict):
        return {name: _drawable(inner) for name, inner in cast("Spec", part).items()}
    if isinstance(part, list):
        return [_drawable(inner) for inner in cast("list[Any]", part)]
    return part
