"""Colours in the dark: of charts and of pages, on every ground that stands behind a text."""

from __future__ import annotations

import re

import pytest

from rolloutlib.show.charts import GREEN, OCHRE, VERMILION
from rolloutlib.show.dark import DARK, with_dark
from rolloutlib.show.figure import HAIR, INK, SOFT
from rolloutlib.show.marks import CONTROL, TREATMENT
from rolloutlib.show.tables import style
from rolloutlib.show.watched_parts import HUES

TEXTS = {INK, SOFT, GREEN, VERMILION, OCHRE, CONTROL, TREATMENT}
GROUNDS = DARK.keys() - TEXTS - {HAIR} - {*HUES}
VERDICTS = ("go", "no-go", "hold", "invalid")
PAIRS = (
    ("ink", "paper"), ("soft", "paper"), ("link", "paper"), ("ink", "well"), ("note", "hold-tint"),
    *((name, f"{name}-tint") for name in VERDICTS), *((name, "paper") for name in VERDICTS),
)  # fmt: skip


def contrast(color: str, other: str) -> float:
    """Return the contrast ratio of two colours in hexadecimal (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(color), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    values = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("text", sorted(TEXTS | {*HUES}))
def test_a_charts_text_is_readable_in_the_dark(text: str) -> None:
    """Texts and marks of charts reach 4.5 : 1 on every ground of a chart."""
    assert {ground: contrast(DARK[text], DARK[ground]) for ground in GROUNDS if
            contrast(DARK[text], DARK[ground]) < 4.5} == {}  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_a_pages_text_is_readable(scheme: str, text: str, ground: str) -> None:
    """The colours of pages reach 4.5 : 1, in light and in dark."""
    light, _, dark = style().partition("@media")
    colors = dict(re.findall(r"--rl-([a-z-]+): (#[0-9a-f]+)", light if scheme == "light" else dark))
    assert contrast(colors[text], colors[ground]) >= 4.5


def test_only_colours_of_ours_are_turned() -> None:
    """A picture gets a rule for each colour in it that has a dark one, and nothing else changes."""
    svg = '<svg width="1"><path fill="#1c2430" stroke="none"/><path stroke="#abcdef"/></svg>'
    turned = with_dark(svg)
    sheet = turned[len('<svg width="1">') : turned.index("</style>") + len("</style>")]
    assert sheet.count("{") == 2
    assert f'[fill="#1c2430"]{{fill:{DARK["#1c2430"]}}}' in sheet
    assert turned.replace(sheet, "") == svg
    assert with_dark("<svg></svg>") == "<svg></svg>"
