"""Samples as a notebook shows them: a plain table, sortable and searchable in a live notebook.

The script and sheet of DataTables come from the package itables and stand in the notebook once; no
address is asked for them. Where scripts do not run (in a notebook that is not trusted, on a page)
the same table stands as it is.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from rolloutlib.show.tables import Html, aligned, render, sheet
from rolloutlib.text import plain
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Answered", "answered", "bundle"]

CUT: Final = 300  # characters of a text in a notebook
TEXT_CUT: Final = 32  # … and in a terminal
TEXT_ROWS: Final = 8
TEXT_COLUMNS: Final = 6


class Answered(NamedTuple):
    """Rows to show.

    Attributes:
        notes: what a reader has to know of them, the first of all first.
        columns: name, and whether it holds numbers; the most telling ones first.
        total: how many rows there are in the data, of which these are the first.
    """

    title: str
    notes: Sequence[str]
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[object]]
    total: int


@cache
def bundle() -> dict[str, str]:
    """Return script and sheet of DataTables in base64, as itables brings them."""
    from itables import options

    script = Path(options.dt_bundle)
    parts = {"js": script, "css": script.with_suffix(".css")}
    return {name: b64encode(path.read_bytes()).decode() for name, path in parts.items()}


def answered(shown: Answered, *, live: bool = False, first: bool = False) -> Html:
    """Show rows, in the language that is spoken.

    Args:
        shown: the rows.
        live: whether a script may make the table sortable.
        first: whether the script has to be brought along: nobody did before.
    """
    size = str(
        say("{shown} of {total} rows", shown=f"{len(shown.rows):,}", total=f"{shown.total:,}")
    )
    more = str(say("Whole texts and all columns: .to_pandas(); what the columns mean: .columns"))
    rows = [[(_cell(value, CUT), _order(value)) for value in row] for row in shown.rows]
    html = render(
        "answers.html.j2", title=shown.title, size=size, notes=[*shown.notes], rows=rows,
        columns=shown.columns, more=more, style=sheet("face.css"),
        place=f"rl-{uuid4().hex}" if live and rows else "",
        bundle=bundle() if live and first else None,
    )  # fmt: skip
    names = tuple(name for name, _ in shown.columns[:TEXT_COLUMNS])
    cells = [tuple(_cell(value, TEXT_CUT) for value in row[:TEXT_COLUMNS])
             for row in shown.rows[:TEXT_ROWS]]  # fmt: skip
    right = frozenset(k for k, (_, number) in enumerate(shown.columns[:TEXT_COLUMNS]) if number)
    lines = aligned([names, *cells], right) if cells else []
    return Html(html, "\n".join([f"{shown.title} · {size}", *shown.notes, *lines, more]))


def _cell(value: object, most: int) -> str:
    """Return a value as it is shown; frames hold all of it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(say("yes") if value else say("no"))
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"  # noqa: PLR2004 -- no digit after the point of thousands
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M %Z}".strip()
    return plain(str(value), most)


def _order(value: object) -> str | None:
    """Return what a number is sorted by; None of everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return repr(value) if isfinite(value) else None
