"""Where the records of a JSON document are: a list, lists of lists, a map, or a table in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from rolloutlib.doors.paths import ROOT, Several, value_at
from rolloutlib.errors import RunsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["records_at"]

HERE = "."  # the document itself


def records_at(tree: object, path: str) -> list[object] | None:
    """Return the records that stand at a path of a document.

    Args:
        tree: the document: a .json file, or a line of .jsonl.
        path: of a list; of several lists (``resourceSpans.*.spans``), which are joined; of an
            object of ``columns`` and ``data``, which is a table; of records themselves
            (``results.*``).

    Returns:
        The records, whatever they are; None where there is no list.

    Raises:
        RunsError: a table names a column twice.

    >>> records_at({"a": [{"b": [1, 2]}, {"b": [3]}]}, "a.*.b")
    [1, 2, 3]
    >>> records_at({"columns": ["x", "y"], "data": [[1, 2]]}, ".")
    [{'x': 1, 'y': 2}]
    """
    inner = path.removeprefix(ROOT)
    found: Any = tree if path == HERE else value_at({"file": tree}, f"file.{inner}")
    if isinstance(found, Several):
        return [record for part in found for record in _records_of(part)]
    if isinstance(found, list) or _is_table(found):
        return list(_records_of(cast("object", found)))
    return None


def _records_of(part: object) -> Iterator[object]:
    """Yield the items of a list, the rows of a table, or else the one record that it is."""
    if _is_table(part):
        yield from _rows_of(cast("dict[str, list[Any]]", part))
    elif isinstance(part, list):
        yield from cast("list[object]", part)
    elif part is not None:
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
        got = f"a table of columns and data names {twice[0][:80]!r} twice"
        raise RunsError(f"{got}; expected each column once.")
    for row in table["data"]:
        cells = cast("list[object]", row) if isinstance(row, list) else []
        yield dict(zip(names, cells, strict=True)) if len(cells) == len(names) else row
