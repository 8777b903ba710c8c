"""Placeholders: what stands in a draft until somebody puts in what is true.

`rollout evidence init` writes them; evidence that holds one is open, whatever else it says.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["WAITING", "lines_unfilled", "placeholder", "says_something"]

_MARK: Final = re.compile(r"\bTODO\s?\(\s?(?:pm|engine|qa|owner)\s?\)", re.IGNORECASE)
_BEGUN: Final = re.compile(r"(todo|tbd|tba|wip|fixme)\s*[:(\[–—-]")  # what follows is still to do
# Where words belong: a name in brackets; a link and an address are none.
_SLOT: Final = re.compile(
    r"<(?!\w+:|[^<>\s]+@)[^<>]*>|\{+[^{}]*\}+|\[[^\[\]]*\](?![(\[:])"
    "|\u2039[^\u203a]*\u203a|\u00ab[^\u00bb]*\u00bb"
    "|[\u3008\u300a\u3010][^\u3009\u300b\u3011]*[\u3009\u300b\u3011]"
)
_FILLER: Final = "lorem ipsum"
_LISTED: Final = 5  # lines that a sentence names
_SIGNS: Final = " \t.-–—…:*_>#?!()[]|"
WAITING: Final = frozenset({
    "tbd", "todo", "tba", "wip", "fixme", "xxx", "later", "pending", "to be done",
    "to be determined", "미정", "추후", "추후 작성", "작성 예정", "작성 중", "나중에",
    "n/a", "na", "not applicable", "해당 없음", "해당없음", "해당 사항 없음",
    "해당사항 없음", "없음",
})  # fmt: skip
"""What promises words and says none, as a whole line."""


def placeholder(role: str, wording: object) -> str:
    """Return what a draft holds until this role puts in what is asked for.

    >>> placeholder("pm", "what changed")
    'TODO(pm): what changed'
    """
    return f"TODO({role}): {wording}"


def lines_unfilled(text: str) -> tuple[int, ...]:
    """Return the numbers of the first lines that hold a placeholder.

    >>> lines_unfilled("reflected: TODO(qa): true or false")
    (1,)
    """
    numbers = (n for n, line in enumerate(text.splitlines(), 1) if _MARK.search(_narrow(line)))
    return tuple(n for n, _ in zip(numbers, range(_LISTED), strict=False))


def says_something(text: str) -> bool:
    """Return whether a line of a text says more than that words will follow.

    >>> [says_something(text) for text in ("TBD.", "TODO: ask QA", "{{what}}", "Tags come.")]
    [False, False, False, True]
    """
    narrowed = _narrow(text).casefold()
    if _FILLER in narrowed:
        return False
    lines = (_SLOT.sub("", line).strip(_SIGNS) for line in narrowed.splitlines())
    return any(line and line not in WAITING and not _BEGUN.match(line) for line in lines)


def _narrow(text: str) -> str:
    """Return a text whose full-width letters and brackets are those of ASCII."""
    return unicodedata.normalize("NFKC", text)
