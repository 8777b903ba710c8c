"""Where the records of a JSON document are: a list, lists of lists, a map, or a table in it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rolloutlib.doors.paths import ROOT, Several, value_at
from rolloutlib.errors import RunsError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOTHING_THERE", "Missing", "records_at"]

DOCUMENT = "."  # the document itself
NOTHING_THERE: Final = phrase("expected a list of one item or more, as records in source.yaml says")
_SEVERAL = re.compile(  # a step that may lead to more than one place: * or [key=word]
    r"""(?:^|\.|(?<=\]))\*(?=[.\[]|$)|\[[^\[\]=]+=(?:"[^"]*"|'[^']*'|[^\[\]]*)\]"""
)


class Missing(NamedTuple):
    """A place that has no records: where it is, and what stands there instead."""

    place: str
    found: object


def records_at(tree: object, path: str) -> list[object] | None:
    """Return the records that stand at a path of a document.

    Args:
        tree: the document: a .json file, or a line of .jsonl.
        path: of a list; of several lists (``resourceSpans.*.spans``), which are joined; of an
            object of ``columns`` and ``data``, which is a table; of records themselves
            (``results.*``).

    Returns:
        The records, whatever they are; `Missing` for each of several places that has none; None
        where there is no list.

    Raises:
        RunsError: a table names a column twice.

    >>> records_at({"a": [{"b": [1, 2]}, {"b": [3]}]}, "a.*.b")
    [1, 2, 3]
    >>> records_at({"columns": ["x", "y"], "data": [[1, 2]]}, ".")
    [{'x': 1, 'y': 2}]
    >>> records_at({"a": [{"b": [1]}, {}]}, "a.*.b")
    [1, Missing(place='a.* (item 2).b', found=None)]
    """
    inner = path.removeprefix(ROOT)
    node: Any = tree if path == DOCUMENT else _value(tree, inner)
    if not isinstance(node, list) and not _is_table(node):
        return None
    if path != DOCUMENT and _SEVERAL.search(inner):
        return list(_along(tree, inner, ""))
    return list(_records_of(cast("object", node)))


def _value(start: object, path: str) -> Any:  # noqa: ANN401 -- whatever stands there
    return value_at({"file": start}, f"file.{path}") if path else start


def _along(start: object, path: str, before: str) -> Iterator[object]:
    """Yield the records at the end of a path, and each place on its way that leads to none."""
    step = _SEVERAL.search(path)
    if step is None:
        yield from _records_or_missing(_value(start, path), before + path)
        return
    so_far, rest = path[: step.end()], path[step.end() :]
    nodes = _value(start, so_far)
    if not isinstance(nodes, Several):
        nodes = [] if nodes is None else [nodes]
    if not nodes and before:
        yield Missing(before + so_far, None)
    for number, part in enumerate(nodes, start=1):
        yield from _along(part, rest.removeprefix("."), f"{before}{so_far} (item {number})"
                          f"{'.' * rest.startswith('.')}")  # fmt: skip


def _records_or_missing(part: object, place: str) -> Iterator[object]:
    records = [] if part is None else list(_records_of(part))
    yield from records or [Missing(place, part)]


def _records_of(part: object) -> Iterator[object]:
    """Yield the items of a list, the rows of a table, or else the one record that it is."""
    if _is_table(part):
        yield from _rows_of(cast("dict[str, list[Any]]", part))
    elif isinstance(part, list):
        yield from cast("list[object]", part)
    else:
        yield part


def _is_table(part: object) -> bool:
    """Whether it is what pandas calls split: names of columns beside rows of cells."""
    if not isinstance(part, dict):
        return False
    table = cast("dict[str, object]", part)
    return isinstance(table.get("columns"), list) and isinstance(table.get("data"), list)


def _rows_of(table: dict[str, list[Any]]) -> Iterator[object]:
    names = [str(name) for name in table["columns"]]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise RunsError(
            "a table of columns and data names {name!r} twice; expected each column once.",
            name=twice[0][:80],
        )
    for row in table["data"]:
        cells = cast("list[object]", row) if isinstance(row, list) else []
        yield dict(zip(names, cells, strict=True)) if len(cells) == len(names) else row
