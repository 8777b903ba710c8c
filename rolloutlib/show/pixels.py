"""Charts whose pixels are the design, as plain Vega-Lite: gates' forest, calibration's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rolloutlib.show.figure import CONFIG, HAIR, INK, SCHEMA, Spec
from rolloutlib.text import chart

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Grid", "dots", "layer", "text"]


def layer(rows: Sequence[Spec], kind: str, *, at: Spec, **mark: Any) -> Spec:  # noqa: ANN401
    """Return one layer.

    Args:
        rows: its data.
        kind: Vega-Lite's mark type.
        at: channel → a field's name, a number of pixels, or a whole channel definition.
        mark: properties of the mark.
    """
    encoding = {name: _channel(name, value) for name, value in at.items()}
    values = [_labelled(row) for row in rows]
    return {"data": {"values": values}, "mark": {"type": kind} | mark, "encoding": encoding}


def _labelled(row: Spec) -> Spec:
    return {name: chart(value) if isinstance(value, str) else value for name, value in row.items()}


def _channel(name: str, value: str | float | Spec) -> Spec:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        return {"value": value}
    if name in {"x", "y"}:
        return {"field": value, "type": "quantitative"}
    if name in {"x2", "y2", "text"}:
        return {"field": value}
    return {"field": value, "type": "nominal", "scale": None}


def dots(rows: Sequence[Spec], at: Spec, **mark: Any) -> Spec:  # noqa: ANN401
    """Return a layer of opaque points, filled unless told otherwise."""
    return layer(rows, "point", at=at, **({"filled": True, "opacity": 1} | mark))


def text(
    rows: Sequence[Spec], name: str, x: str | float, y: str = "row", *, hue: str = "",
    **style: Any,  # noqa: ANN401
) -> Spec:  # fmt: skip
    """Return a layer of texts, without empty ones; `hue` names the field of their colours."""
    at: Spec = {"x": x, "y": y, "text": name} | ({"color": hue} if hue else {})
    usual = {"align": "left", "baseline": "middle", "fontSize": 13, "color": INK}
    return layer([row for row in rows if row[name]], "text", at=at, **(usual | style))


@dataclass(frozen=True, slots=True)
class Grid:
    """A chart of rows beside texts: data from `left` to `right` pixels, row k's middle at y = k."""

    rows: int
    width: int
    row_height: int
    header: int
    left: int
    right: int

    @property
    def bottom(self) -> int:
        """The plot's lower edge in pixels."""
        return self.header + self.rows * self.row_height

    def y(self, row: int, pixels: int) -> float:
        """Return the y of something so many pixels below a row's middle."""
        return row + pixels / self.row_height

    def spec(self, layers: list[Spec], domain: tuple[float, float], axis: Spec | None) -> Spec:
        """Put layers together over hairlines between the rows, all with the same x and y."""
        lines = [{"row": k - 0.5} for k in range(self.rows + 1)]
        hairlines = layer(lines, "rule", at={"y": "row", "x": 0, "x2": self.width}, color=HAIR)
        layers = [*layers, hairlines]
        across = {"domain": [*domain], "nice": False, "range": [self.left, self.right]}
        rows, pixels = [-0.5, self.rows - 0.5], [self.header, self.bottom]
        down = {"domain": rows, "range": pixels, "nice": False}
        x, y = {"scale": across, "axis": axis}, {"scale": down, "axis": None}
        for channel, common in (("x", x), ("y", y)):
            for drawn in layers:
                if "field" in drawn["encoding"].get(channel, {}):
                    drawn["encoding"][channel] |= common
        return _spec(layers, self.width, self.bottom)


def _spec(layers: list[Spec], width: int, height: int) -> Spec:
    size = {"padding": 4, "width": width, "height": height}
    return {"$schema": SCHEMA, **size, "layer": layers, "config": CONFIG}
