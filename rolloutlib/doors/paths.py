"""Paths into records that somebody else wrote: which value of a record a name of source.yaml means.

A column's exact name comes first. Else a path is names and places that are joined by dots:

    provider.id             a name inside of a name; names with dots in them are found too
    results.0.score         a place in a list, from 0
    turns.*.cost            every item of a list, or every value of a map
    scores[name=correct].value   the item of a list whose key is the word; "…" around odd ones
    correctness.*           of a cell of a CSV too, if it holds JSON: [0.9]
    $.eval.model            from the root of the file, whatever the record
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ROOT", "Ambiguous", "Several", "is_path", "overlap", "value_at"]

ROOT = "$."
_OF_ITEM = (".#", ".#key")  # of which item a row of `explode` is
_MOST_STEPS = 64  # as deep as JSON may be nested
_STEP = re.compile(
    r"""\[(?P<key>[^\[\]=]+)=(?:"(?P<quoted>[^"]*)"|'(?P<marked>[^']*)'|(?P<word>[^\[\]]*))\]"""
    r"|\[(?P<place>[0-9]{1,9})\]|(?P<name>[^.\[\]]+)"
)
_PAIR = 2  # a key of a map and its value


class Several(list[Any]):
    """What stands at several places that one path names."""


class Ambiguous(Several):
    """What stands at several places of which a path wants one: two items have the same key."""


class _Pick(NamedTuple):
    """The items of a list whose key is a word."""

    key: str
    word: str


_Steps = tuple["str | _Pick", ...]
_REACHED = object()  # a list or map of which a path asks every item, and which may be empty


def is_path(column: str) -> bool:
    """Whether a name may lead into a record: anything but a plain column.

    >>> is_path("score"), is_path("provider.id"), is_path("tags[0]")
    (False, True, True)
    """
    return column.startswith(ROOT) or "." in column or "[" in column or column == "*"


def overlap(left: str, right: str) -> bool:
    """Whether two paths may lead to the same place, or one of them into what the other leads to.

    The key and the place of an item of `explode` are nothing that stands in it.

    >>> overlap("r.0", "r[0]"), overlap("r.*.ok", "r[k=a].ok"), overlap("r[k=a].v", "r[k=b].v")
    (True, True, False)
    >>> overlap("$.ok", "ok"), overlap("t.#value", "t"), overlap("t.#key", "t")
    (True, True, False)
    """
    if left != right and (left.endswith(_OF_ITEM) or right.endswith(_OF_ITEM)):
        return False
    bare = (path.removeprefix(ROOT).removesuffix(".#value") for path in (left, right))
    pairs = list(zip(*map(_steps, bare), strict=False))
    return all(
        (left_step == right_step or _is_open(left_step) or _is_open(right_step))
        and not _are_other_items(left_step, right_step)
        for left_step, right_step in pairs
    )


def _is_open(step: str | _Pick) -> bool:
    return step == "*" or isinstance(step, _Pick)


def _are_other_items(left: str | _Pick, right: str | _Pick) -> bool:
    both = isinstance(left, _Pick) and isinstance(right, _Pick)
    return both and left[0] == right[0] and left != right


def value_at(record: Mapping[str, Any], path: str, root: object = None) -> Any:  # noqa: ANN401
    """Return what stands at a path of a record.

    Args:
        record: a row, or an object inside of a file.
        path: a column's name, or a path.
        root: what the whole file is, for paths that begin with ``$.``.

    Returns:
        The value; None where there is none; `Several` where the path names more than one place.

    >>> value_at({"provider": {"id": "a"}, "b.c": [1], "d": [{"e": 2}]}, "provider.id")
    'a'
    >>> value_at({"s": [{"name": "a", "by": 1}, {"name": "b", "by": 2}]}, "s[name=b].by")
    2
    >>> value_at({"turns": [{"cost": 1}, {"cost": 2}]}, "turns.*.cost")
    [1, 2]
    """
    if path in record:
        return record[path]
    if path.startswith(ROOT):
        return _value(root, _steps(path.removeprefix(ROOT)))
    for cut in _cuts(path):  # the longest name that is a column
        if path[:cut] in record:
            return _value(record[path[:cut]], _steps(path[cut:].removeprefix(".")))
    return _value(record, _steps(path)) if path.startswith("*") else None


@lru_cache(maxsize=1024)
def _cuts(path: str) -> tuple[int, ...]:
    ends = [place for place, mark in enumerate(path) if mark in ".["]
    return tuple(reversed(ends[:_MOST_STEPS]))


@lru_cache(maxsize=1024)
def _steps(path: str) -> _Steps:
    """Return a path's steps; one that is none leads to nothing."""
    steps: list[str | _Pick] = []
    place = 0
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None:
            return (path,)
        if step["key"]:
            words = step["quoted"], step["marked"], step["word"]
            steps.append(_Pick(step["key"], next(word for word in words if word is not None)))
        else:
            steps.append(step["place"] or step["name"])
        place = step.end()
        place += path[place : place + 1] == "."
    return tuple(steps) if len(steps) <= _MOST_STEPS else (path,)


def _value(start: object, steps: _Steps) -> Any:  # noqa: ANN401
    every = list(_along(start, steps))
    values = [value for value in every if value is not _REACHED]
    if len(values) < len(every):
        return Several(values)
    if len(values) > 1:
        return Ambiguous(values)
    return values[0] if values else None


def _along(value: object, steps: _Steps) -> Iterator[object]:
    """Yield what stands at the end of steps; nothing where a name, place or item is not there."""
    value = _inside(_plain(value)) if steps else _plain(value)
    if not steps or value is None:
        yield value
    elif isinstance(steps[0], _Pick):
        for item in _picked(value, steps[0]):
            yield from _along(item, steps[1:])
    elif steps[0] == "*" and isinstance(value, dict | list):
        yield _REACHED
        items = cast("dict[str, object] | list[object]", value)
        for item in items.values() if isinstance(items, dict) else items:
            yield from list(_along(item, steps[1:])) or (None,)  # an item that lacks it
    elif isinstance(value, dict):
        yield from _named(cast("dict[str, object]", value), steps)
    elif isinstance(value, list):
        items, place = cast("list[object]", value), steps[0]
        if place.isdecimal() and int(place) < len(items):
            yield from _along(items[int(place)], steps[1:])


def _named(record: dict[str, object], steps: _Steps) -> Iterator[object]:
    """Follow the longest name: a map may have a key such as gen_ai.usage.input_tokens."""
    names: list[str] = []
    for step in steps:
        if isinstance(step, _Pick) or step == "*":
            break
        names.append(step)
    for count in range(len(names), 0, -1):
        name = ".".join(names[:count])
        if name in record:
            yield from _along(record[name], steps[count:])
            return


def _picked(value: object, pick: _Pick) -> Iterator[object]:
    for item in cast("list[object]", value) if isinstance(value, list) else ():
        plain = _plain(item)
        if isinstance(plain, dict):
            actual = value_at(cast("dict[str, object]", plain), pick.key)
            if actual is not None and _word(actual) == pick.word:
                yield item


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inside(value: object) -> object:
    """Return what a text holds that is JSON itself, as a CSV has lists and objects in its cells."""
    if not isinstance(value, str) or value.strip()[:1] not in {"[", "{"}:
        return value
    try:
        return json.loads(value, object_pairs_hook=_map_of)
    except (ValueError, RecursionError):
        return value


def _map_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; which of two values a key has, nobody can say."""
    if len(mapping := dict(pairs)) < len(pairs):
        msg = "a key is there twice"
        raise ValueError(msg)
    return mapping


def _plain(value: object) -> Any:  # noqa: ANN401
    """Return a map of Parquet, which Python gets as pairs, as the map that it is."""
    if isinstance(value, list) and value:
        items = cast("list[Any]", value)
        if all(isinstance(item, tuple) and len(item) == _PAIR for item in items):  # pyright: ignore[reportUnknownArgumentType]
            return {str(key): inner for key, inner in items}
    return cast("Any", value)
