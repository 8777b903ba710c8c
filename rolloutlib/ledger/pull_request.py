"""A pull request's description: does every section that the plan wants say something?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

from rolloutlib.judge.unfilled import WAITING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Lack", "lacking"]

_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_OPEN_BOX: Final = re.compile(r"\A\[ \]\s")  # an open box: nothing is said to be done
_DONE_BOX: Final = re.compile(r"\A\[[xX]\]\s+")
# What stands in a template's place without saying anything, as whole lines.
_NOTHING: Final = frozenset({
    "n/a", "na", "none", "nothing", "not applicable", "same as above", "see above", "no", "yes",
    "ok", "없음", "해당 없음", "해당없음",
}) | WAITING  # fmt: skip


class Lack(NamedTuple):
    """A section that says nothing: it is `missing`, `empty`, or holds a `placeholder` alone."""

    section: str
    why: Literal["missing", "empty", "placeholder"]
    text: str = ""


def lacking(text: str, sections: Iterable[str]) -> tuple[Lack, ...]:
    """Return the sections that a description lacks, in the order in which they are wanted.

    A section is a heading of any level, with everything up to the next one of its level or above.
    Comments, open boxes and what says nothing ("TBD", "N/A") are no words of it; code is.

    Args:
        text: Markdown.
        sections: their names, as the plan lists them.
    """
    written = [*_sections(_UNSEEN.sub("", _COMMENT.sub("", text)))]
    return tuple(lack for name in sections if (lack := _lack(name, written)) is not None)


def _lack(name: str, written: list[tuple[str, list[str]]]) -> Lack | None:
    bodies = [body for heading, body in written if _is(heading, name)]
    if not bodies:
        return Lack(name, "missing")
    lines = [line for body in bodies for line in body if line]
    if any(_says(line) for line in lines):
        return None
    return Lack(name, "placeholder", lines[0]) if lines else Lack(name, "empty")


def _is(heading: str, name: str) -> bool:
    """Whether a heading begins with a name as words: "Tests: unit" is Tests, "Testsuite" is not."""
    rest = heading.casefold().lstrip("0123456789.) #*").removeprefix(name.casefold())
    return rest != heading.casefold().lstrip("0123456789.) #*") and not rest[:1].isalnum()


def _says(line: str) -> bool:
    if _OPEN_BOX.match(line):
        return False
    words = _DONE_BOX.sub("", line).strip(" \t.-–—…:*_?!()[]").casefold()
    return bool(words) and words not in _NOTHING


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each heading with the lines below it, those of its own sub-headings among them."""
    import mistune

    tokens = cast("list[dict[str, Any]]", mistune.create_markdown(renderer=None)(text))
    open_: list[tuple[int, str, list[str]]] = []
    for token in tokens:
        if token["type"] == "heading":
            level = int(token["attrs"]["level"])
            yield from ((name, body) for depth, name, body in open_ if depth >= level)
            open_ = [section for section in open_ if section[0] < level]
            open_.append((level, _text(token), []))
        else:
            for *_, body in open_:
                body.extend(_lines(token))
    yield from ((name, body) for _, name, body in open_)


def _lines(token: dict[str, Any]) -> list[str]:
    """Return the lines of a block: of a list, a line an entry."""
    if token["type"] in {"list", "list_item", "block_quote"}:
        return [line for child in token["children"] for line in _lines(child)]
    return [line.strip() for line in _text(token).splitlines()]


def _text(token: dict[str, Any]) -> str:
    if "children" in token:
        return "".join(map(_text, token["children"]))
    return "\n" if token["type"] in {"softbreak", "linebreak"} else str(token.get("raw", ""))
