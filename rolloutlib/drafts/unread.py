"""What a draft left although it seems to measure something, and columns that name a candidate.

Two files without a draft of their pass rate look like files without a pass rate: whoever compares
them has to know that a column was left, and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.names import fields_of, folded
from rolloutlib.drafts.peek import flat
from rolloutlib.reason import because
from rolloutlib.runs.column_spec import ColumnSpec, Texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.reason import Reason
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["TABLE", "as_compared", "unread"]

TABLE: Final = "table"  # the tool of files that no preset knows
# A field by its name → the field of source.yaml that it would be.
MEASURED: Final = {
    "passed": "passed", "failed": "passed", "status": "passed", "score": "score",
    "latency_ms": "latency_ms", "issues": "issues", "cost": "cost", "tokens_in": "tokens_in",
    "tokens_out": "tokens_out",
}  # fmt: skip
CANDIDATE: Final = {"arm": "candidate", "model": "model"}  # a field by its name → a segment
EMPTY: Final = "draft.empty"
TEMPLATES: Final = frozenset({"prompt", "instruction", "request", "프롬프트", "지시문"})


def unread(drafted: Drafted) -> tuple[Reason, ...]:
    """Return which columns are called like a measurement that the draft does not have.

    A preset knows what it leaves; of other tables nobody does.
    """
    if drafted.draft.tool != TABLE:
        return ()
    mapped = {*drafted.spec.columns.mapped, *(["passed"] if drafted.spec.outcome else [])}
    reasons: dict[str, Reason] = {}
    for column in _columns(drafted):
        why = drafted.draft.left.get(column)
        if why is not None and why.code == EMPTY:
            continue
        for field, _ in fields_of(column):
            due = MEASURED.get(field)
            if due and due not in mapped:
                told = why or because("draft.only", file=_file_with(drafted, column))
                reasons.setdefault(due, because("pair.unread", field=due, column=column, why=told))
    return tuple(reasons.values())


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


def _columns(drafted: Drafted) -> Iterator[str]:
    """Yield every column of any file once."""
    yield from dict.fromkeys(c for file in drafted.peek.files for c in file.columns)


def _file_with(drafted: Drafted, column: str) -> str:
    return next(file.name for file in drafted.peek.files if column in file.columns)


def _is_plain(drafted: Drafted, column: str) -> bool:
    cells = (flat(record).get(column) for file in drafted.peek.files for record in file.records)
    return all(cell is None or isinstance(cell, str | int) for cell in cells)
