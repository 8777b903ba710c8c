"""Tables and lists as HTML for notebooks and pages and, beside it, as text for terminals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import category, east_asian_width

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from rolloutlib.text import LABEL, plain, terminal
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.words.sentences import Sentence

__all__ = [
    "EMPTY", "LONGEST", "Cell", "Html", "Row", "aligned", "bullets", "joined", "label", "number",
    "render", "sheet", "style", "table", "width_of",
]  # fmt: skip

EMPTY = "rolloutlib_empty"  # in the metadata of an output with nothing to show
LONGEST = 50  # rows of a table of files or runs; review.json holds all


# Only commands of ours: names and texts of data may hold backticks, too, and are shown as they are.
_TYPED: Final = re.compile("`(rollout [^`]+)`")
_LINE = 10_000  # characters of a line of text: several cells, each cut at a sentence's length


class Cell(NamedTuple):
    """A table's cell: its text, smaller lines below it, a CSS class, and what opens on a click."""

    text: str
    lines: tuple[str, ...] = ()
    kind: str = ""
    more: str = ""


class Row(NamedTuple):
    """A table's row and a remark that stands out below it."""

    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Html:
    """A piece of a report: notebooks show `html`, terminals `text`; a page has a title.

    `empty` is one that only says that there is nothing to show: a section of such pieces is not
    among a page's contents.
    All of it may be shown as it is: `html` comes from a template, the others are cleaned here.
    """

    html: str
    text: str
    title: str = ""
    empty: bool = False

    def __post_init__(self) -> None:
        """Leave nothing in text and title that a terminal or a tab obeys."""
        object.__setattr__(self, "text", terminal(self.text, most=_LINE))
        object.__setattr__(self, "title", plain(self.title))

    def bundle(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what Jupyter shows, by type, and what it is called."""
        about = {"rolloutlib_title": self.title} if self.title else {}
        about |= {EMPTY: "yes"} if self.empty else {}
        return {"text/html": self.html, "text/plain": self.text}, about

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, str]]:
        return self.bundle()


def label(text: str, *lines: str) -> Cell:
    """Return a cell of names that come from data, each cut at a label's length."""
    name, *smaller = (plain(part, LABEL) for part in (text, *lines))
    return Cell(name, tuple(smaller))


def number(text: object) -> Cell:
    """Return a cell that holds a number."""
    return Cell(str(text), kind="number")


def table(
    head: Sequence[Sentence | str], rows: Sequence[Row], *, kind: str = "", none: str = "–"
) -> Html:
    """Lay rows out, at most LONGEST of them; without any, say so."""
    if not rows:
        return bullets((), none)
    names, shown, rest = [str(name) for name in head], rows[:LONGEST], len(rows) - LONGEST
    left_out = str(say("{n} more rows are in review.json.", n=f"{rest:,}")) if rest > 0 else ""
    cells = [tuple(", ".join((cell.text, *cell.lines)) for cell in row.cells) for row in shown]
    lines = aligned([tuple(names), *cells])
    for place, row in reversed(list(enumerate(shown, 2))):
        if row.note:
            lines.insert(place + 1, f"  ! {plain(row.note)}")
    html = render("table.html.j2", head=names, rows=shown, kind=kind, left_out=left_out)
    return Html(html, "\n".join([*lines, *filter(None, [left_out])]))


def bullets(sentences: Sequence[object], none: object = "–") -> Html:
    """List sentences; without any, say so."""
    lines, nothing = [plain(str(sentence)) for sentence in sentences], str(none)
    html = render("list.html.j2", sentences=lines, nothing=nothing)
    text = "\n".join(f"- {line}" for line in lines) if lines else nothing
    return Html(html, text, empty=not lines)


def joined(*pieces: Html) -> Html:
    """Return pieces as one, below each other."""
    html, text = ("\n".join(getattr(piece, part) for piece in pieces) for part in ("html", "text"))
    return Html(html, text, empty=all(piece.empty for piece in pieces))


def aligned(rows: Sequence[tuple[str, ...]], right: frozenset[int] = frozenset()) -> list[str]:
    """Align columns of text, a Korean syllable as two places; a rule follows the first row."""
    rows = [tuple(plain(cell) for cell in row) for row in rows]
    widths = [max(width_of(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines: list[str] = []
    for row in rows:
        cells: list[str] = []
        for k, (text, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - width_of(text))
            cells.append(space + text if k in right else text + space)
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def width_of(text: str) -> int:
    """Return how many places of a terminal a text takes: a Korean syllable two, a mark none."""
    widths = (
        0 if category(c) in {"Mn", "Me", "Cf"} else 2 if east_asian_width(c) in {"W", "F"} else 1
        for c in text
    )
    return sum(widths)


def render(template: str, **values: object) -> str:
    """Fill one of the package's templates; every value is escaped, hides nothing, and is cut."""
    return _environment().get_template(template).render(values)


def style() -> str:
    """Return the stylesheet of the pieces: JupyterLab needs it once, in the headline."""
    return sheet("pieces.css")


def sheet(name: str) -> str:
    """Return one of the package's stylesheets."""
    return _environment().get_template(name).render()


@cache
def _environment() -> Environment:
    """Make the environment of all templates: all is escaped, a missing value is an error."""
    loader = PackageLoader("rolloutlib", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=_readable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["commands"] = _commands
    return environment


def _commands(sentence: str) -> Markup:
    """Show a sentence with what stands between backticks, to be typed, as code."""
    escaped = str(escape(terminal(sentence)))  # a Markup would escape the tags, too
    return Markup(_TYPED.sub(r"<code>\1</code>", escaped))  # noqa: S704 -- escaped above


def _readable(value: object) -> object:
    """Clean what a template shows; what is HTML already came from a template."""
    return terminal(value) if isinstance(value, str) and not isinstance(value, Markup) else value
