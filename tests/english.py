"""What stands on a page in the other language: English sentences on a Korean page, and Hangul.

`texts_of` reads a page (HTML, also the charts inside it), `texts_of_chart` a chart's specification
and `texts_of_markdown` a card or a page in Markdown; `english_in` then names the English in a text.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "english_in", "english_on", "hangul_in", "names_in", "texts_of", "texts_of_chart",
    "texts_of_markdown",
]  # fmt: skip

ROW: Final = 3  # Latin words in a row: a sentence, or a part of one
GONE: Final = " \N{FULL BLOCK} "  # where code or data stood: no sentence goes on across it
WORD: Final = re.compile(r"[A-Za-z]?[a-z]+(?:[-'\u2019][a-z]+)*")
MARKS: Final = ".,;:()[]{}\"'“”\u2018\u2019…·—–!?"
NUMBER: Final = re.compile(r"[\d.,:%×+−±≥≤<>=/-]*")
CODE: Final = re.compile(r"(`+).+?\1", re.DOTALL)
NAME: Final = r"[A-Z][\w\u2019'.–-]+"
CITATION: Final = re.compile(  # "Rao & Scott 1992", "Deng et al. (2013)", "Clopper–Pearson (1934)"
    rf"{NAME}(?:,? (?:&|and) {NAME}|,? et al\.?|, {NAME})*,? \(?(?:1[89]|20)\d\d[a-z]?\)?"
)
HANGUL: Final = re.compile(r"[가-힣][가-힣\s]*")
DATA: Final = {  # fields of records that hold what people named
    "control", "treatment", "value", "subject", "arm", "run_id", "tag", "source_title", "veto",
    "name", "first", "second", "shape", "columns",
}  # fmt: skip
INLINE: Final = {"span", "strong", "em", "small", "b", "i", "a", "sup", "sub", "wbr", "tspan"}
UNSEEN: Final = {"style", "script"}
SKIPPED: Final = {*UNSEEN, "code", "pre", "kbd", "samp"}
SPOKEN_ATTRIBUTES: Final = {"alt", "aria-label", "title", "data-label", "placeholder"}
SVG: Final = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
VOID: Final = {"br", "img", "source", "meta", "link", "input", "hr", "col", "wbr", "base"}


def english_in(text: str, data: Iterable[str] = ()) -> list[str]:
    """Return the English of a Korean text: three or more Latin words in a row.

    A text without any Hangul is English already with two. Code in backticks, citations, numbers,
    abbreviations (GO, CUPED, p95) and data are none.

    Args:
        text: one text of a page: a paragraph, a table's cell, a label of a chart.
        data: what stands there as people named it: arms, tags, files, flags, users.
    """
    bare = CITATION.sub(GONE, _without(CODE.sub(GONE, text), data))
    least = ROW if HANGUL.search(bare) else ROW - 1
    tokens = [token.strip(MARKS) for token in bare.split()]
    tokens = [token for token in tokens if not NUMBER.fullmatch(token)]
    rows = (list(row) for is_word, row in groupby(tokens, _is_word) if is_word)
    return [" ".join(row) for row in rows if len(row) >= least]


def english_on(texts: Iterable[str], data: Iterable[str] = ()) -> list[str]:
    """Return the texts with English in them; arguments as `english_in`."""
    data = {*data}
    return [text for text in texts if english_in(text, data)]


def names_in(record: bytes) -> set[str]:
    """Return what data are called in a review.json or watch.json: arms, tags, segments, files."""
    return {*_names(json.loads(record), "")}


def _names(part: object, key: str) -> Iterator[str]:
    if isinstance(part, dict):
        for name, inner in cast("dict[str, object]", part).items():
            yield from _names(inner, name)
    elif isinstance(part, list):
        for inner in cast("list[object]", part):
            yield from _names(inner, key)
    elif isinstance(part, str) and key in DATA:
        yield part


def hangul_in(text: str, data: Iterable[str] = ()) -> list[str]:
    """Return the Korean of an English text; arguments as `english_in`."""
    return [words.strip() for words in HANGUL.findall(_without(CODE.sub(GONE, text), data))]


def _without(text: str, data: Iterable[str]) -> str:
    for name in sorted({name for name in data if name}, key=len, reverse=True):
        text = text.replace(name, GONE)
    return text


def _is_word(token: str) -> bool:
    return len(token) > 1 and bool(WORD.fullmatch(token))


def texts_of(html: str) -> list[str]:
    """Return what a page says: its texts, block by block, its alternative texts, its charts'.

    Code, styles and scripts are left out.
    """
    page = _Page()
    page.feed(html)
    page.close()
    return page.said


def texts_of_markdown(text: str) -> list[str]:
    """Return what a page in Markdown says, line by line, without its code."""
    import mistune

    return texts_of(str(mistune.create_markdown(escape=False, plugins=["table"])(text)))


def texts_of_chart(spec: object) -> list[str]:
    """Return what a chart's Vega-Lite specification says: titles, tooltips, words in its data."""
    return [text for text in _strings(spec, "") if text.strip()]


def _strings(part: object, name: str) -> Iterator[str]:
    """Yield a specification's strings that are shown."""
    if isinstance(part, dict):
        named = cast("dict[str, Any]", part)
        for key, inner in named.items():
            is_data = name in {"datasets", "values"} or key in {"title", "subtitle", "text", "name"}
            if isinstance(inner, str):
                yield from [inner] if is_data or key == "description" or name == "row" else []
            else:
                yield from _strings(inner, "row" if name in {"datasets", "values", "row"} else key)
    elif isinstance(part, list):
        for inner in cast("list[object]", part):
            if isinstance(inner, str):
                yield from [inner] if name in {"title", "subtitle", "text", "row", "domain"} else []
            else:
                yield from _strings(inner, "row" if name == "values" else name)


class _Page(HTMLParser):
    """Reads a page's texts."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._open: list[str] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SKIPPED:
            self._text += "" if tag in UNSEEN else GONE
        elif tag not in INLINE:
            self._flush()
        if tag not in VOID:
            self._open.append(tag)
        for name, value in attrs:
            if value and name in SPOKEN_ATTRIBUTES:
                self.said.append(value)
            for picture in SVG.findall(value or ""):
                self.said += texts_of(b64decode(picture).decode())

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag not in INLINE and tag not in SKIPPED:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not SKIPPED & set(self._open):
            self._text += data

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        if text := " ".join(self._text.split()):
            self.said.append(text)
        self._text = ""
