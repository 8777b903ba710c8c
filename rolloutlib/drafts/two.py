"""A draft of two files that are compared: what may hold a GO back, and what tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.names import fields_of, folded
from rolloutlib.drafts.peek import flat
from rolloutlib.reason import because
from rolloutlib.runs.column_spec import ColumnSpec, Texts

if TYPE_CHECKING:
    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.reason import Reason
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["TABLE", "as_compared", "unread"]

TABLE: Final = "table"  # the tool of files that no preset knows
CANDIDATE: Final = {"arm": "candidate", "model": "model"}  # a field by its name → a segment
TEMPLATES: Final = frozenset({"prompt", "instruction", "request", "프롬프트", "지시문"})


def unread(drafted: Drafted) -> tuple[Reason, ...]:
    """Return why what is called like a measurement is none in the draft.

    Two files without a draft of their pass rate look like files without a pass rate.
    """
    left = drafted.draft.left
    return tuple(
        because("pair.unread", field=field, column=column, why=left[column])
        for field, column in drafted.draft.unread.items()
    )


def as_compared(drafted: Drafted) -> SourceSpec:
    """Return a draft with what tells two files apart: who is evaluated, what was asked, answered.

    No comparison shows that; a review that shows it has to be told so by a person.
    """
    spec = drafted.spec
    named = {name: ColumnSpec(column=column) for name, column in _candidates(drafted).items()}
    changed: dict[str, object] = {"segments": {**spec.segments, **named}}
    if drafted.draft.tool == TABLE and spec.texts == Texts():
        prompt, answer = (_text(drafted, field) for field in ("prompt", "answer"))
        changed["texts"] = Texts(prompt=prompt, answer=answer)
    return spec.model_copy(update=changed)


def _text(drafted: Drafted, field: str) -> str | None:
    """Return the column of a text; what was asked before the template that asked it."""
    columns = [c for c in drafted.peek.columns if field in dict(fields_of(c))]
    columns.sort(key=lambda column: folded(column.rpartition(".")[2]) in TEMPLATES)
    return columns[0] if columns else None


def _candidates(drafted: Drafted) -> dict[str, str]:
    """Return the columns that name what is evaluated, by the segment that they are.

    Only those of plain words: a cell with a list would cost its row.
    """
    taken = {*drafted.spec.segments}
    found: dict[str, str] = {}
    for column in drafted.peek.columns:
        label = next((CANDIDATE[field] for field, _ in fields_of(column) if field in CANDIDATE), "")
        if label and label not in taken | found.keys() and _is_plain(drafted, column):
            found[label] = column
    return found


def _is_plain(drafted: Drafted, column: str) -> bool:
    cells = (flat(record).get(column) for file in drafted.peek.files for record in file.records)
    return all(cell is None or isinstance(cell, str | int) for cell in cells)
