"""A patient JSON reader for text that the strict decoder refused.

It knows where each key stands and what is odd.

Slow on purpose (it looks at every value in Python) and called only for what is already known to be
bad or suspect.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (JSON of any shape)
from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rolloutlib.limits import NESTING
from rolloutlib.phrase import Clause, Phrase, foreign, phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Fault",
    "MalformedError",
    "Object",
    "all_faults",
    "keys_match",
    "line_of",
    "parse",
    "read_object",
    "read_value",
]
__all__ += ["text_keys", "tree_keys"]

_MAX_DIGITS = 40
_ANY = msgspec.json.Decoder()
_BLANK = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_SAID_OF_JSON: Final = {
    str(sentence): sentence
    for sentence in (
        phrase("expecting value"), phrase("expecting a key in double quotes"),
        phrase("expecting ','"), phrase("expecting ':'"), phrase("invalid control character at"),
        phrase("invalid \\escape"), phrase("unterminated string starting at"),
    )
}  # fmt: skip
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


class MalformedError(ValueError):
    """Text that is no JSON at all: nothing in it can be trusted, so the whole unit goes."""

    def __init__(
        self, position: int, value: str, expectation: Clause, field: Clause = "JSON"
    ) -> None:
        """Keep what a message needs."""
        super().__init__(str(expectation))
        self.position, self.value, self.expectation = position, value, expectation
        self.field = field


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that JSON readers let pass silently.

    A key written twice, NaN, 1e400, a lone surrogate.
    """

    position: int
    field: Clause
    value: Any
    expectation: Clause


@dataclass(frozen=True, slots=True)
class _Odd:
    text: str
    due: Phrase


class Object(dict[str, Any]):
    """A JSON object that knows where it and its keys stand in the text, and its own faults."""

    def __init__(self, start: int) -> None:
        """Begin an object at its opening brace."""
        super().__init__()
        self.start = start
        self.end = start
        self.at: dict[str, int] = {}
        self.folded: dict[str, str] = {}
        self.faults: list[Fault] = []

    def put(self, key: str, position: int, value: object) -> None:
        """Add one member, noting what is odd about it."""
        folded = key.casefold()
        twin = self.folded.get(folded)
        self.folded.setdefault(folded, key)
        if twin is not None:
            expectation = (
                phrase("expected each key once") if twin == key
                else phrase("expected one spelling, beside {key!r}", key=twin)
            )  # fmt: skip
            self.faults.append(Fault(position, key, value, expectation))
        odd = _odd_in(value)
        if odd:
            expectation = phrase("expected {due}", due=odd.due)
            self.faults.append(Fault(position, key, odd.text, expectation))
        self[key] = value
        self.at[key] = position


def line_of(text: str, position: int) -> int:
    """Return the 1-based line of a position; CRLF, LF and CR alone each end a line."""
    before = text[:position]
    return 1 + before.count("\n") + before.count("\r") - before.count("\r\n")


def parse(text: str) -> Any:  # noqa: ANN401
    """Read one JSON value that fills the text.

    Nesting deeper than the limit is refused before anything is read.

    Raises:
        MalformedError: the text is not one JSON value.
    """
    _check_depth(text)
    try:
        value, end = _value(text, _skip(text, 0))
    except json.JSONDecodeError as error:
        excerpt = _around(text, error.pos)
        field = "JSON" if excerpt.strip() else phrase("the text ends early")
        complaint = error.msg.lower()
        expectation = phrase(
            "expected JSON ({why})", why=_SAID_OF_JSON.get(complaint) or foreign(complaint)
        )
        raise MalformedError(error.pos, excerpt.strip() and excerpt, expectation, field) from None
    if end != len(text):
        expectation = phrase("expected the end of the JSON value")
        raise MalformedError(end, _around(text, end), expectation)
    return value


def read_object(line: bytes) -> dict[str, Any]:
    """Read one JSON object in which nothing is odd.

    Raises:
        MalformedError: it is none, or a key is there twice, or a number is out of range.
        UnicodeDecodeError: it is not UTF-8.
    """
    value = read_value(line)
    if not isinstance(value, dict):
        raise MalformedError(0, _around(line.decode(), 0), phrase("expected an object"))
    return value  # pyright: ignore[reportUnknownVariableType]


def read_value(line: bytes) -> Any:  # noqa: ANN401
    """Read one JSON value in which nothing is odd.

    Raises:
        MalformedError: it is none, or a key is there twice, or a number is out of range.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        quick = _ANY.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        quick = None
    adds_up = text_keys(line) == tree_keys(quick) == tree_keys(quick, fold=True)
    if isinstance(quick, dict | list) and adds_up:
        return quick  # pyright: ignore[reportUnknownVariableType]
    tree = parse(line.decode())
    for fault in all_faults(tree):
        raise MalformedError(fault.position, str(fault.value), fault.expectation, fault.field)
    return tree


def all_faults(tree: object) -> Iterator[Fault]:
    """Yield what is odd anywhere in a parsed value."""
    if isinstance(tree, Object):
        yield from tree.faults
    inner: Iterable[Any] = (
        tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    )
    for value in inner:
        yield from all_faults(value)


def keys_match(data: bytes) -> bool:
    """Return False when a key may be there twice, or in two spellings that differ by case only."""
    try:
        tree = _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return text_keys(data) == tree_keys(tree) == tree_keys(tree, fold=True)


def text_keys(data: bytes) -> int:
    """Count keys in JSON text.

    Text that holds an escaped quote before a colon counts too many, never too few.
    """
    return data.translate(None, b" \t\r\n").count(b'":')


def tree_keys(tree: object, *, fold: bool = False) -> int:
    """Count the keys of a decoded value; -1 where it is nested deeper than the limit.

    With `fold`, spellings that differ by case only count once.
    """
    most, keys = NESTING.value, 0
    waiting = [(tree, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            keys += len({key.casefold() for key in value} if fold else value)
            inner = value.values()
        elif isinstance(value, list):
            inner = value
        else:
            continue
        if depth > most:
            return -1
        waiting += [(child, depth + 1) for child in inner if isinstance(child, dict | list)]
    return keys


def _check_depth(text: str) -> None:
    depth, most = 0, NESTING.value
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > most:
            expectation = phrase("expected at most {most} levels", most=most)
            raise MalformedError(token.start(), "", expectation, phrase("nesting is deeper"))


def _around(text: str, position: int) -> str:
    return text[position : position + 40]


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _value(text: str, start: int) -> tuple[Any, int]:
    opening = text[start : start + 1]
    if opening == "{":
        value, end = _object(text, start)
    elif opening == "[":
        value, end = _array(text, start)
    else:
        value, end = _SCALARS.raw_decode(text, start)
        if isinstance(value, str) and _LONE_SURROGATE.search(value):
            value = _Odd(value, phrase("text without a lone surrogate"))
    return value, _skip(text, end)


def _object(text: str, start: int) -> tuple[Object, int]:
    parsed = Object(start)
    position = _skip(text, start + 1)
    while text[position : position + 1] != "}":
        if parsed.at:
            position = _expect(text, position, ",")
        if text[position : position + 1] != '"':
            raise json.JSONDecodeError("expecting a key in double quotes", text, position)
        key, after = _SCALARS.raw_decode(text, position)
        value, end = _value(text, _expect(text, _skip(text, after), ":"))
        parsed.put(key, position, value)
        position = end
    parsed.end = position + 1
    return parsed, position + 1


def _array(text: str, start: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    position = _skip(text, start + 1)
    while text[position : position + 1] != "]":
        if items:
            position = _expect(text, position, ",")
        value, position = _value(text, position)
        items.append(value)
    return items, position + 1


def _expect(text: str, position: int, mark: str) -> int:
    if text[position : position + 1] != mark:
        raise json.JSONDecodeError(f"expecting {mark!r}", text, position)
    return _skip(text, position + 1)


def _odd_in(value: object) -> _Odd | None:
    """The first odd scalar of a value; objects inside it report their own."""
    if isinstance(value, list):
        return next(filter(None, map(_odd_in, value)), None)
    return value if isinstance(value, _Odd) else None


def _float(text: str) -> float | _Odd:
    number = float(text)
    expectation = phrase("a number that fits a 64-bit float")
    return number if math.isfinite(number) else _Odd(text, expectation)


def _integer(text: str) -> int | _Odd:
    return (
        int(text)
        if len(text) <= _MAX_DIGITS
        else _Odd(text, phrase("an integer of at most {most} digits", most=_MAX_DIGITS))
    )


def _constant(text: str) -> _Odd:
    return _Odd(text, phrase("a finite number"))


_SCALARS = json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=_constant)  # pyright: ignore[reportArgumentType]  marks odd numbers
