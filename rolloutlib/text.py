r"""Text that others wrote → what one medium may show: it is read, and never obeyed.

Labels, names, notes and reasons come from data, file names and the command line. Each goes through
the function of its medium here, once, where it leaves the package. Nothing is lost without a
trace: a character that acts or hides is written as Python writes it (`\u202e`), a long text ends in
`…`. Records, review.json and quarantine/ keep every text as it was.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LABEL",
    "SENTENCE",
    "chart",
    "exact",
    "link",
    "listed",
    "markdown",
    "plain",
    "prose",
    "terminal",
]

LABEL: Final = 120  # characters of a name: an arm, a tag, a file
_VALUE: Final = 80  # characters of a value in a message about it
SENTENCE: Final = 2_000  # characters of a sentence, a note, a reason

# Ranges are spelled out, not asked of `unicodedata`: a card has the same bytes under every Python.
# Controls (C0, DEL, C1), lone surrogates, noncharacters, private use, separators of lines.
_ACTS: Final = (
    r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\uffff"
    r"\U000e0000-\U000e00ff\U000e01f0-\U000e0fff\U000f0000-\U0010ffff"
    + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 15))
)
# Direction marks, overrides and isolates; what has no width or no ink: fillers, blanks, tags.
_HIDES: Final = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a"
)
_REPLACEMENT: Final = r"\ufffd"  # the replacement sign is there to be seen
# Joiners stay where writing needs them: inside emoji, Arabic, Persian and the scripts of India.
_JOINED: Final = (
    r"\u0600-\u10ff\u1780-\u18af\u2190-\u2bff\ua840-\uabff\ufe0f\U00011000-\U00011fff"
    r"\U0001f000-\U0001faff"
)
_SELECTS: Final = r"\ufe0e\ufe0f\U000e0100-\U000e01ef"  # the form of an emoji or ideograph
_MARKS: Final = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a"
    r"\u0e47-\u0e4e\u0f71-\u0f84\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_SHOWN: Final = re.compile(
    rf"(?!{_REPLACEMENT})[{_ACTS}{_HIDES}]"
    rf"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
    rf"|(?<=[{_SELECTS}])[{_SELECTS}]"
    rf"|(?<=[{_MARKS}]{{8}})[{_MARKS}]+"  # no script stacks more; a flood covers its neighbours
)
_BREAKS: Final = re.compile(r"[\t\n\v\f\r]+")
_SPACES: Final = re.compile(r"[\t\n\v\f\r\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_FOLLOWS: Final = re.compile(rf"[{_MARKS}{_SELECTS}\u200c\u200d]")
_HALF: Final = re.compile(r"\\(u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?\Z")  # of an escape that was cut
_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_MARKUP: Final = re.compile(
    r"([<>&\\`*_{}\[\]()#+!|~$^]"
    r"|:(?=//)|(?<=[Ww]{3})\.|@(?=\w)"  # addresses and mentions
    r"|\A[-=:](?=[-=:\s]|\Z)|(?<=\A\d)[.)](?=\s|\Z)|(?<=\A\d\d)[.)](?=\s|\Z)"  # lists, rules
    r"|=(?==))"
)
_INLINE: Final = re.compile(
    r"([<>&\\`*_\[\]|~$]|:(?=//)|(?<=[Ww]{3})\.|@(?=\w)|#(?=\d)"
    r"|\A[-+=:#](?=[-=:#\s]|\Z)|(?<=\A\d)[.)](?=\s|\Z)|(?<=\A\d\d)[.)](?=\s|\Z))"
)


def plain(text: str, most: int = SENTENCE) -> str:
    r"""Return a text as one line that hides nothing: for cells, captions, sentences and names.

    >>> plain("GO\u202e\x1b[31m\nnext")
    'GO\\u202e\\u001b[31m next'
    >>> plain("높음 👩‍👩‍👧 café می‌شود") == "높음 👩‍👩‍👧 café می‌شود"
    True
    >>> plain("abcdef", most=3)
    'abc…'

    Args:
        text: whatever came.
        most: how many characters are shown before `…`.
    """
    if len(text) <= most and text.isascii() and text.isprintable():
        return text
    line = _SHOWN.sub(_escaped, _BREAKS.sub(" ", text[: most + 1]))
    return line if len(line) <= most else _cut(line, most)


def exact(text: str) -> str:
    r"""Return a value for a message about it: like `plain`, but every odd space is shown, too.

    >>> exact("7.0\u00a0\n")
    '7.0\\u00a0\\u000a'
    """
    return plain(_SPACES.sub(_escaped, text[: _VALUE + 1]), _VALUE)


def chart(text: str, most: int = LABEL) -> str:
    r"""Return a text that a chart can draw.

    SVG is XML 1.0, which has no way to write a control character: the renderer would end the whole
    process at one.

    >>> chart("slow\x07")
    'slow\\u0007'
    """
    return plain(text, most)


def terminal(text: str, most: int = SENTENCE) -> str:
    r"""Return lines that a terminal prints and does not obey; each at most so many characters.

    >>> terminal("a\x1b[2J\nb")
    'a\\u001b[2J\nb'
    """
    return "\n".join(plain(line, most) for line in text.split("\n"))


def markdown(text: str, most: int = SENTENCE) -> str:
    r"""Return a text as words inside a line of Markdown: no markup, no HTML, no address, no list.

    >>> markdown("a_b <img src=x>\n\n## GO")
    'a\\_b &lt;img src=x&gt; \\#\\# GO'
    >>> markdown("1. https://x.y")
    '1\\. https\\://x.y'
    """
    return _MARKUP.sub(_as_words, " ".join(plain(text, most).split()))


def prose(text: str, most: int = SENTENCE) -> str:
    r"""Return a text as words of a paragraph or a cell of Markdown that people also read raw.

    Unlike `markdown` it leaves alone what is no markup inside a line: brackets of sentences, signs.

    >>> prose("NO-GO (a_b) +3.1 [-1, 2] <b> @me | #1")
    'NO-GO (a\\_b) +3.1 \\[-1, 2\\] &lt;b&gt; \\@me \\| \\#1'
    """
    return _INLINE.sub(_as_words, " ".join(plain(text, most).split()))


def link(name: str, path: str) -> str:
    r"""Return a link of Markdown to a file beside it, whatever the file is called.

    >>> link("a](x", "notes/a](x")
    '[a\\]\\(x](notes/a%5D%28x)'
    """
    return f"[{markdown(name, LABEL)}]({quote(path.lstrip('/'), errors='replace')})"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names as a list that stays short, however many there are.

    >>> listed(["a", "b", "c"]), listed(map(str, range(1000)), most=2)
    ('a, b, c', '0, 1 and 998 more')
    """
    rest = iter(names)
    first = ", ".join(plain(name, LABEL) for name in islice(rest, most))
    left_out = sum(1 for _ in rest)
    return f"{first} and {left_out:,} more" if left_out else first


def _as_words(match: re.Match[str]) -> str:
    """Write HTML's own signs as entities: some renderers' links swallow the backslash before."""
    return _ENTITIES.get(match[0]) or f"\\{match[0]}"


def _escaped(match: re.Match[str]) -> str:
    if len(match[0]) > 1:  # a flood of marks
        return "…"
    code = ord(match[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 -- the last code of four digits


def _cut(line: str, most: int) -> str:
    """Cut before a whole character: never between a letter and its marks, or within an escape."""
    end = most
    while end and _FOLLOWS.match(line, end):
        end -= 1
    return _HALF.sub("", line[:end]) + "…"
