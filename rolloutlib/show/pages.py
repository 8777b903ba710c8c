"""One HTML page of sections: prose, tables and figures; offline, sanitised, loading nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import nh3
from markupsafe import Markup

from rolloutlib import __version__
from rolloutlib.show.dark import with_dark
from rolloutlib.show.figure import WIDE
from rolloutlib.show.tables import render
from rolloutlib.text import SENTENCE, plain
from rolloutlib.words.sentences import say, translate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "POLICY",
    "Block",
    "Section",
    "add_prose",
    "address",
    "css_text",
    "drawn",
    "page",
    "sanitised",
]

# Everything that the pieces of a report are made of, and nothing that loads, runs or leads
# elsewhere.
TAGS: Final = {
    "section", "div", "p", "span", "strong", "em", "small", "code", "pre", "ul", "ol", "li", "dl",
    "dt", "dd", "br", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "h1",
    "h2", "h3", "h4",
}  # fmt: skip
ATTRIBUTES: Final = {
    "*": {"class", "aria-label", "aria-hidden", "data-label"},
    "a": {"href"},
    "div": {"id"},
    "td": {"colspan"},
    "th": {"scope"},
}
POLICY: Final = Markup(
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    "style-src 'unsafe-inline'\">"
)
WHOLE: Final = '<figure class="rl rl-figure">'  # as figure.html.j2 begins one as wide as the page


LINK: Final = re.compile(r'<a href="#rl-[a-z]+">')
PLACES: Final = {"href": re.compile(r"#rl-[a-z]+"), "id": re.compile(r"rl-[a-z]+")}


class Block(NamedTuple):
    """Parts of a section that paper keeps together.

    Attributes:
        kind: `together`, prose and its chart; `lead`, prose that needs room for what follows it;
            empty for anything else.
        parts: in their order.
    """

    kind: str
    parts: list[Markup]


class Section(NamedTuple):
    """A heading of the report with everything up to the next one."""

    anchor: str
    title: str
    parts: list[Markup]

    def blocks(self) -> list[Block]:
        """Return the parts in their order; the heading belongs to the first block.

        Prose goes with the chart right after it, unless charts stand beside each other in a line.
        """
        blocks: list[Block] = []
        for part in self.parts:
            if blocks and blocks[-1].kind == "lead" and part.startswith(WHOLE):
                blocks[-1] = Block("together", [*blocks[-1].parts, part])
            else:
                blocks.append(Block("lead" if part.startswith("<p>") else "", [part]))
        if blocks and blocks[-1].kind == "lead":
            blocks[-1] = Block("", blocks[-1].parts)  # nothing follows
        return blocks


def page(
    sections: Sequence[Section],
    *,
    title: str,
    lang: str,
    review: str,
    bare: Collection[str] = frozenset(),
    index: str = "",
) -> str:
    """Return the page of these sections, the first without a title.

    Args:
        sections: in their order.
        title: of the browser's tab.
        lang: language of what the page says of itself.
        review: digest of the review.json that it shows; empty where there is none.
        bare: anchors of sections that only say that there is nothing: the contents leave them out.
        index: address of the index that lists the page; empty where none does.
    """
    made = say(
        "Made by rolloutlib {version}. The numbers recommend; people decide.", version=__version__
    )
    return render(
        "page.html.j2", lang=lang, title=title, sections=sections, made=made.text(lang),
        contents=[section for section in sections if section.title and section.anchor not in bare],
        contents_word=translate("Contents", lang), review=review, foot=css_text(title),
        policy=POLICY, index=index, all_word=say("All reports: reports/index.html").text(lang),
    )  # fmt: skip


def css_text(text: str) -> Markup:
    """Return a text as a string of a stylesheet holds it: nothing in it ends string or sheet."""
    escaped = "".join(
        c if c.isalnum() or c == " " else f"\\{ord(c):x} " for c in plain(text, SENTENCE)
    )
    return Markup(escaped)  # noqa: S704 -- letters, digits, spaces and escapes


def add_prose(sections: list[Section], source: str) -> None:
    """Add Markdown; a second-level heading starts a section."""
    import mistune

    heading, _, rest = source.partition("\n")
    if heading.startswith("## "):
        sections.append(Section(f"part-{len(sections)}", heading.removeprefix("## ").strip(), []))
        source = rest
    html = str(mistune.html(source))
    sections[-1].parts.append(sanitised(html))


def drawn(parts: Mapping[str, str]) -> Markup:
    """Return a figure's parts, in both layouts, as HTML."""
    return Markup(render("figure.html.j2", **_figure(parts)))  # noqa: S704


def _figure(parts: Mapping[str, str]) -> dict[str, Any]:
    pictures: dict[str, str] = {}
    sizes: dict[str, tuple[str, ...]] = {}
    for layout in ("wide", "narrow"):
        svg = parts[layout]
        size = re.search(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"', svg)
        pictures[layout] = address(svg)
        sizes[layout] = size.groups() if size else ("", "")
    half = 0 < float(sizes["wide"][0] or 0) < WIDE / 2 + 10
    return {"alt": parts["alt"], "caption": parts["caption"], "picture": pictures, "size": sizes,
            "half": half}  # fmt: skip


def address(svg: str) -> str:
    """Return a picture as an address that holds it; a browser runs nothing in such a one."""
    return "data:image/svg+xml;base64," + b64encode(with_dark(svg).encode()).decode()


def sanitised(html: str) -> Markup:
    """Return HTML with nothing in it that loads, runs or leads elsewhere."""
    tags = {*TAGS, "a"} if LINK.search(html) else TAGS
    return Markup(  # noqa: S704
        nh3.clean(html, tags=tags, attributes=ATTRIBUTES, attribute_filter=_on_this_page,
                  url_schemes=set(), link_rel=None)
    )  # fmt: skip


def _on_this_page(_tag: str, name: str, value: str) -> str | None:
    """Keep a link only to a place of ours on the same page, and only such a place's name."""
    allowed = PLACES.get(name)
    return value if allowed is None or allowed.fullmatch(value) else None
