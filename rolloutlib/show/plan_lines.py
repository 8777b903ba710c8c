"""What sections of the plan's page share: Markdown tables, and the names of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.plan.metrics import metric_record
from rolloutlib.words.sentences import translate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["metric_title", "table_lines"]


def metric_title(name: str) -> str:
    """Return a metric's title; an issue's with its tag."""
    tag = name.partition(":")[2]
    return translate(metric_record(name).title) + (f" ({tag})" if tag else "")


def table_lines(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a table, line by line."""
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"
