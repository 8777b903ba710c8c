"""A record that holds a list of what was measured, as one record an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rolloutlib.doors.paths import Several, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["KEY", "PLACE", "VALUE", "exploded"]

PLACE, KEY, VALUE = ".#", ".#key", ".#value"


def exploded(
    record: Mapping[str, Any], path: str, root: object = None
) -> list[dict[str, Any]] | None:
    """Return a record for each item of the list or map at a path.

    Args:
        record: a row.
        path: of a list; of several lists, which are joined; of a map.
        root: what the whole file is.

    Returns:
        Records with all that the parent has, in which the path names the one item, ``path.#`` its
        place from 1, and of a map ``path.#key`` and ``path.#value`` its key and value. None where
        neither a list nor a map stands there.

    >>> exploded({"id": "a", "turns": [7, 8]}, "turns")
    [{'id': 'a', 'turns': 7, 'turns.#': 1}, {'id': 'a', 'turns': 8, 'turns.#': 2}]
    """
    node = value_at(record, path, root)
    if isinstance(node, dict):
        pairs = list(cast("dict[str, object]", node).items())
        return [
            {**record, path: value, path + PLACE: place, path + KEY: key, path + VALUE: value}
            for place, (key, value) in enumerate(pairs, start=1)
        ]
    if not isinstance(node, list):
        return None
    items = _joined(node) if isinstance(node, Several) else cast("list[object]", node)
    return [
        {**record, path: item, path + PLACE: place} for place, item in enumerate(items, start=1)
    ]


def _joined(parts: Several) -> Iterator[object]:
    for part in parts:
        yield from cast("list[object]", part) if isinstance(part, list) else (part,)
