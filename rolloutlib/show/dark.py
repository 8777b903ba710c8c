"""Charts for readers whose system is dark: a picture carries the rule that turns its colours."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DARK", "with_dark"]

# Every colour that a chart is drawn in → what it is in the dark. Grounds become the page's, and
# texts keep a contrast of 4.5 : 1 on them, which tests/show/test_dark.py computes.
DARK: Final = {
    "white": "#14181f", "#ffffff": "#14181f",  # paper
    "#1c2430": "#e6e9ee", "#586271": "#a7b1be", "#dfe3e8": "#323a46",  # ink, soft, hair
    "#00735c": "#4cc4a2", "#b93c00": "#ff9466", "#7a5b00": "#e2ba4d",  # pass, fail, open
    "#6b7280": "#98a2b0", "#1d5fa8": "#82b7f2",  # control, treatment
    "#7b4fa3": "#c39ae6", "#0b7285": "#59c3d6",  # further series
    "#fbeee7": "#33211a", "#eaf4f0": "#16302a", "#eaf1f8": "#1b2c40",  # grounds of sides, of today
    "#f2f3f5": "#20262f", "#eceef1": "#262d37",  # grounds of what is empty
}  # fmt: skip
_COLOR: Final = re.compile(r'(fill|stroke)="(white|#[0-9a-f]{6})"')
_OPENING: Final = re.compile(r"<svg\b[^>]*>")


def with_dark(svg: str) -> str:
    """Return a picture that shows itself in dark colours where its reader's system is dark.

    A rule of a stylesheet weighs more than the attributes that it matches. On paper, in notebooks
    and in what does not know such rules the picture is as it was.
    """
    colors = sorted({match for match in _COLOR.findall(svg) if match[1] in DARK})
    opening = _OPENING.search(svg)
    if not colors or opening is None:
        return svg
    rules = "".join(f'[{what}="{color}"]{{{what}:{DARK[color]}}}' for what, color in colors)
    sheet = f"<style>@media screen and (prefers-color-scheme:dark){{{rules}}}</style>"
    return svg[: opening.end()] + sheet + svg[opening.end() :]
