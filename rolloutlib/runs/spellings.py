"""How people and programs write the same thing: booleans, whole numbers, nothing, lists of words.

Both readers of flat tables (`flat` row by row, `casts` as SQL) follow the tables of this module.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from math import nan
from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "INTEGER",
    "NOTHING",
    "SPACES",
    "WHOLE",
    "Nothing",
    "folded",
    "listed",
    "meant",
    "status_of",
]
__all__ += ["truths", "word"]

_Meaning = TypeVar("_Meaning")

# Booleans as YAML, JSON, pandas, SQL and people write them; 1.0 is read as 1.
_BOOLEANS: Final = (("true", "t", "yes", "y", "1", "on"), ("false", "f", "no", "n", "0", "off"))
WHOLE: Final = r"(-?[0-9]+)\.0+"  # a whole number as programs write one that has no gaps to spare
INTEGER: Final = r"-?[0-9]{1,19}"
NOTHING: Final = (
    "", "-", "--", "–", "—", ".", "#n/a", "n/a", "n.a.", "na", "<na>", "nan", "nil", "none",
    "(none)", "<none>", "null", "\\n", "undefined", "nothing", "no", "false", "no issue",
    "no issues", "ok", "[]", "{}", "()", "set()", "없음", "해당 없음", "해당없음",
)  # fmt: skip
# What Python strips around a word, as a class of both regular expression engines.
SPACES: Final = (
    r"[ \t-\r\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}"
    r"\x{3000}]"
)
_CLOSING: Final = {"[": "]", "{": "}", "(": ")"}
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*,?\s*""", re.DOTALL)
_BARE = re.compile(r"""\s*([^,"'\[\](){}:]+?)\s*(?:,\s*|$)""")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def word(value: object) -> str:
    """Return a value as the word that a source.yaml would name it by.

    >>> word(True), word(None), word(3)
    ('true', 'null', '3')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def truths(statuses: Mapping[str, _Meaning]) -> dict[str, _Meaning]:
    """Return what the usual spellings of the map's booleans mean; unclear ones mean nothing.

    >>> truths({"true": "passed"})["yes"], truths({"1": "passed", "true": "error"})
    ('passed', {})
    """
    spelled: dict[str, _Meaning] = {}
    for group in _BOOLEANS:
        meanings = {status for name, status in statuses.items() if name.lower() in group}
        if len(meanings) == 1:
            spelled |= dict.fromkeys(group, meanings.pop())
    return spelled


def status_of(
    cell: object, statuses: Mapping[str, _Meaning], spelled: Mapping[str, _Meaning]
) -> _Meaning | None:
    """Return what a cell means: by its exact word, else by the boolean that it spells.

    Args:
        cell: the outcome as the source wrote it.
        statuses: the source's words, each with its status or number.
        spelled: their `truths`.
    """
    exact = word(cell)
    if exact in statuses:
        return statuses[exact]
    whole = re.fullmatch(WHOLE, exact)
    plain = whole[1] if whole else exact.strip(" ").lower()
    return statuses.get(plain) if whole and plain in statuses else spelled.get(plain)


def folded(tag: str) -> str:
    """Return what two spellings of one tag have in common.

    >>> folded("  Hallucination  of a Name")
    'hallucination of a name'
    """
    return "".join(map(str.lower, " ".join(tag.split())))


@lru_cache(maxsize=4096)
def meant(tags: tuple[str, ...], none: Collection[str] = frozenset(NOTHING)) -> frozenset[str]:
    """Return the tags that a list means, each folded; words for nothing are none.

    >>> sorted(meant(("Bias", "bias ", "n/a", "")))
    ['bias']
    """
    return frozenset(map(folded, tags)) - {*none}


def listed(cell: str) -> object:
    """Return the list that a text writes as JSON, Python, numpy or SQL do; None where it is none.

    What is a list, but not of words, comes back as it is, for the rule to refuse.

    >>> listed('["a", "b"]'), listed("['a' 'b']"), listed("{a,b}"), listed("[]"), listed("[a] b")
    (['a', 'b'], ['a', 'b'], ['a', 'b'], [], None)
    """
    text = cell.strip()
    if len(text) < 2 or _CLOSING.get(text[0]) != text[-1]:  # noqa: PLR2004 -- two brackets
        return None
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        return _items(text)
    if isinstance(parsed, list):
        items = cast("list[object]", parsed)
        return [str(item) if _plain(item) else item for item in items]
    return parsed or []


def _plain(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def _items(text: str) -> list[str] | None:
    inner, place = text[1:-1], 0
    items: list[str] = []
    while inner[place:].strip():
        item = _QUOTED.match(inner, place) or _BARE.match(inner, place)
        bare = item is not None and item.re is _BARE
        if item is None or (bare and text[0] == "("):
            return None
        quoted = next((part for part in item.groups() if part is not None), "")
        items.append(quoted if bare else _ESCAPED.sub(r"\1", quoted))
        place = item.end()
    return items


class Nothing:
    """What a column writes where there is no value: words (without case) and numbers.

    >>> nothing = Nothing(("-1", "n/a"))
    >>> nothing("-1.0"), nothing(-1), nothing("N/A"), nothing("-10")
    (True, True, True, False)
    """

    def __init__(self, written: Collection[str]) -> None:
        """Sort numbers from words."""
        self.words = frozenset(folded(text) for text in written)
        self.numbers = frozenset(float(text) for text in self.words if _NUMBER.fullmatch(text))

    def __call__(self, cell: object) -> bool:
        """Whether a cell is one of them."""
        if isinstance(cell, str):
            text = folded(cell)
            return text in self.words or (
                bool(_NUMBER.fullmatch(text)) and float(text) in self.numbers
            )
        if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
            return _float_of(cell) in self.numbers
        return word(cell) in self.words


def _float_of(number: float | Decimal) -> float:
    """Return a number as a float; NaN for a whole number that no float holds."""
    try:
        return float(number)
    except OverflowError:
        return nan


NUMBER: Final = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"
_NUMBER = re.compile(NUMBER)
