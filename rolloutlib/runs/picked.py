"""What a row holds of a field: at one path, at several that add up, or as the parts of an id."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from rolloutlib.doors.paths import Ambiguous, Several, value_at
from rolloutlib.runs.sources import TAGS
from rolloutlib.runs.spellings import word
from rolloutlib.runs.stamps import Span, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.runs.sources import ColumnSpec

__all__ = ["ADDING", "as_json", "as_one", "cell_of"]

# Fields of which a path to several places means their sum.
ADDING = ("latency_ms", "style_violations", "cost", "tokens_in", "tokens_out")


def cell_of(row: Mapping[str, Any], name: str, column: ColumnSpec, root: object = None) -> Any:  # noqa: ANN401
    """Return what a row holds of a field, before it is read.

    Args:
        row: its cells by column.
        name: of the field: several numbers of one place add up, several words of tags are a list;
            of any other field they are one only if they are equal.
        column: where it stands.
        root: what the whole file is.

    Returns:
        None where nothing stands; the parts of an id joined by "/"; a `Span`, if a start is named.
    """
    first, *others = column.paths
    if others:
        return _joined([as_one(value_at(row, path, root), name) for path in column.paths])
    cell = value_at(row, first, root)
    if column.since is not None:
        start, end = as_one(value_at(row, column.since, root), name), as_one(cell, name)
        return None if start is None or end is None else Span(start, end)
    return as_one(cell, name) if isinstance(cell, Several) else cell


def as_one(cell: object, name: str) -> object:
    """Return what several places hold as the one cell of a field, if they can be one."""
    if not isinstance(cell, Several):
        return cell
    filled = [item for item in cell if item is not None]
    if name in TAGS:
        lists: list[list[object]] = [item if isinstance(item, list) else [item] for item in filled]
        return [*chain.from_iterable(lists)]
    if name == "error":
        return [*cell] or None  # whose absent ones source.yaml may name
    if name in ADDING and not isinstance(cell, Ambiguous):
        return _sum(cell) if filled else None
    different = {word(item) for item in cell}
    return filled[0] if filled and len(different) == 1 else [*cell] if filled else None


def _sum(cells: Several) -> object:
    """Return the sum of numbers; None where one of them is unknown, the cells where one is none."""
    counts = [count_of(cell) for cell in cells if cell is not None]
    if None in counts:
        return [*cells]
    numbers = [count for count in counts if count is not None]
    total = sum(numbers, Decimal(0))
    whole = total == total.to_integral_value()
    return None if None in cells else int(total) if whole else float(total)


def _joined(parts: Sequence[object]) -> str | None:
    r"""Return the parts of an id as one text; a part that is missing is empty.

    >>> _joined(["a", 1]), _joined(["a/1", None]), _joined([None, None])
    ('a/1', 'a\\/1/', None)
    """
    if not any(part is not None for part in parts):
        return None
    filled = ("" if part is None else part for part in parts)
    texts = (part if isinstance(part, str) else as_json(_whole(part)) for part in filled)
    return "/".join(text.replace("\\", "\\\\").replace("/", "\\/") for text in texts)


def _whole(part: object) -> object:
    return int(part) if isinstance(part, float) and part.is_integer() else part


def as_json(value: object) -> str:
    """Return a value as the one JSON text that equal ones have.

    >>> as_json({"b": 1, "a": ["x"]})
    '{"a":["x"],"b":1}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
