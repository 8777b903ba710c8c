"""The draft for a table of a tool that nobody knows: by the names of its columns and their values.

A name suggests a field, its values have to agree. What may be several things is left out with the
reason; whoever knows better adds a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.drafts.both_arms import put_back, sides_of, told_apart
from rolloutlib.drafts.looking import Table
from rolloutlib.drafts.measured import (
    take_issues,
    take_latency,
    take_numbers,
    take_outcome,
    take_people,
    take_score,
)
from rolloutlib.drafts.names import fields_of
from rolloutlib.drafts.record import Draft
from rolloutlib.drafts.tool import glob_of
from rolloutlib.drafts.whose import take_arm, take_plain, take_prompt, take_segments, take_start
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek

__all__ = ["draft_table"]

# What is surer takes its column first.
_STEPS: Final = (
    take_arm, take_prompt, take_outcome, take_score, take_latency, take_issues, take_numbers,
    take_people, take_start, take_plain, take_segments,
)  # fmt: skip
_MEASURED: Final = frozenset(
    {"passed", "score", "latency_ms", "cost", "tokens_in", "tokens_out", "issues", "error"}
)
_READ_AS: Final = {"failed": "passed", "status": "passed"}  # one of them is enough


def draft_table(peek: Peek) -> Draft:
    """Draft a mapping for files with a row a sample, or a row of both arms."""
    sides = None if peek.arms else sides_of(peek.columns)
    if sides is not None:
        return put_back(draft_table(told_apart(peek, sides)), sides)
    table = Table(peek)
    for step in _STEPS:
        step(table)
    return _drafted(table)


def _drafted(table: Table) -> Draft:
    """Return what was found; columns of which nothing was said are unknown."""
    for column in table.cells:
        if column not in table.taken:
            empty = not table.cells[column]
            table.leave(column, because("draft.empty") if empty else because("draft.unknown"))
    for file in table.peek.files:
        for column in file.columns:
            if column not in table.cells:
                table.leave(column, because("draft.only", file=file.name))
    return Draft("table", _mapping(table), table.notes, table.left, _unread(table))


def _mapping(table: Table) -> dict[str, Any]:
    mapping: dict[str, Any] = {"files": glob_of(table.peek)}
    table.notes["files"] = because("draft.read")
    if table.arms:
        mapping["arms"] = table.arms
    if table.decimal == ",":
        mapping["decimal"] = ","
        table.notes["decimal"] = because("draft.decimal")
    mapping["columns"] = table.columns
    if table.statuses:
        booleans = {"true": True, "false": False}  # as people write them in YAML
        words = table.statuses.items()
        mapping["statuses"] = {booleans.get(written, written): status for written, status in words}
    if table.segments:
        mapping["segments"] = table.segments
    first = table.peek.first
    if first.kind == ".json" and first.place:
        mapping["records"] = first.place
        table.notes["records"] = because("draft.records")
    return mapping


def _unread(table: Table) -> dict[str, str]:
    """Return the measurements that a name tells and nothing reads."""
    mapped = {"passed" if field == "status" else field for field in table.columns}
    unread: dict[str, str] = {}
    for column, why in table.left.items():
        for name, _ in fields_of(column):
            field = _READ_AS.get(name, name)
            if field in _MEASURED - mapped and why.code != "draft.empty":
                unread.setdefault(field, column)
    return unread
