"""A page for people outside: without single rows, addresses of people, places on a machine."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from markupsafe import escape

from rolloutlib.words.sentences import LANGUAGES, say, speaking

__all__ = ["for_others", "in_site", "without_addresses", "without_places", "without_rows"]

ROWS: Final = ("answers", "quarantine")  # classes of tables whose rows are somebody's
_AT: Final = r"(?:\\?@|%40|&#64;|&commat;)"  # as Markdown, addresses and HTML write it, too
_ADDRESS: Final = re.compile(
    rf"(?<=[\w.+-]){_AT}(?:[\w-]+(?:\.[\w-]+)*\.(?:xn--[\w-]+|[^\W\d_]{{2,}})|localhost\b)"
)
# What stands before a folder in text: neither a tag's end, nor a host, nor a picture's base64.
_PLACE: Final = re.compile(
    r"(?<![\w/.<:+,=~…])(?:~?/|[A-Za-z]:\\)(?:[^\s/\\<>\"'&;()|]+[/\\])+(?=[^\s/\\<>\"'&;()|])"
)
_TO_INDEX: Final = re.compile(r'<a class="rl-index" href="[^"]*">[^<]*</a>')
_LANGUAGE: Final = re.compile(r'<html[^>]*\blang="(\w+)"')


class _Span(NamedTuple):
    """A section of the page: where what stands below its heading begins, and where it ends.

    `within`: how many blocks are open around the heading.
    """

    begin: int
    end: int
    within: int


class _Sections(HTMLParser):
    """Finds the sections of a page that hold rows of single answers."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.starts = [0]
        for line in page.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.depth, self.begin, self.rows = 0, 0, False
        self.blocks, self.within = 0, 0
        self.found: list[_Span] = []
        self.feed(page)

    def _here(self) -> int:
        line, column = self.getpos()
        return self.starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a section of the page begins, and whether it holds rows."""
        if tag == "section":
            self.depth += 1
            if self.depth == 1:
                self.begin, self.rows = self._here() + len(self.get_starttag_text() or ""), False
                self.blocks = self.within = 0
        self.blocks += tag == "div"
        kinds = (dict(attrs).get("class") or "").split()
        if tag == "table" and not set(kinds).isdisjoint(ROWS):
            self.rows = True

    def handle_endtag(self, tag: str) -> None:
        """Note where a section ends, and where its heading does."""
        self.blocks -= tag == "div"
        if tag == "h2" and self.depth == 1:
            self.begin, self.within = self._here() + len("</h2>"), self.blocks
        if tag == "section":
            if self.depth == 1 and self.rows:
                self.found.append(_Span(self.begin, self._here(), self.within))
            self.depth -= 1


def without_rows(page: str) -> str:
    """Return a page in which sections of single answers and refused rows say that they are cut.

    The heading stays. The note is in the page's language.
    """
    with speaking(_language_of(page)):
        note = escape(str(say("Single rows are not published; the report itself has them.")))
    for span in reversed(_Sections(page).found):
        closed = f"{'</div>' * span.within}\n<p>{note}</p>\n"
        page = page[: span.begin] + closed + page[span.end :]
    return page


def without_addresses(text: str) -> str:
    """Return a text in which the addresses of people end before the @.

    >>> without_addresses("Kim (pm_kim@ex.com)")
    'Kim (pm_kim@…)'
    >>> without_addresses("model@1.2")
    'model@1.2'
    """
    return _ADDRESS.sub("@…", text)


def without_places(text: str) -> str:
    """Return a text in which absolute paths of a machine keep their last part only.

    >>> without_places("rollout decide /home/kim/reports/w47 --verdict GO")
    'rollout decide …/w47 --verdict GO'
    >>> without_places("control / treatment, and/or </p> https://ex.com/a/b")
    'control / treatment, and/or </p> https://ex.com/a/b'
    """
    return _PLACE.sub("…/", text)


def _language_of(page: str) -> str:
    named = _LANGUAGE.search(page)
    return named[1] if named and named[1] in LANGUAGES else "en"


def in_site(page: str, where: str) -> str:
    """Return a report's page whose link leads to the index of the site, in the page's language.

    Args:
        page: of the report.
        where: its folder, as a path from the site's folder of reports.
    """
    address = "../" * (len(PurePosixPath(where).parts) + 1) + "index.html"
    word = escape(say("All reports and decisions").text(_language_of(page)))
    return _TO_INDEX.sub(f'<a class="rl-index" href="{address}">{word}</a>', page)


def for_others(text: str) -> str:
    """Return a page without what tells of people and of the machine it was made on."""
    return without_places(without_addresses(text))
