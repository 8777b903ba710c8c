"""What stands beside the fields of a sample: labels, the scores of further scorers, and texts.

Both readers of flat tables and the reader of run envelopes follow the rules of this module: a label
is the text of any scalar, and an empty text is none; a scorer's column is named `score:NAME`.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from rolloutlib.plan.metrics import SCORER
from rolloutlib.runs.columns import SCHEMA, TEXTS, between
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.runs.columns import Sample

__all__ = [
    "NUMBERS",
    "columns_beside",
    "is_scorer",
    "kind_beside",
    "label",
    "label_cast",
    "labels_in",
]
__all__ += ["schema_with", "text", "texts_of"]

_WORDS: Final = {"BOOLEAN", "DATE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT",
                 "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}  # fmt: skip
_WHOLE = 1e15  # below, a number without a fraction is written without one
NUMBERS: Final = pa.float64()  # of a scorer
_TEXT = pa.large_string()  # answers of one file may be more than an array of texts can hold


def schema_with(labels: Iterable[str], texts: Iterable[str] = ()) -> pa.Schema:
    """Return the one table's columns with those beside them: labels, scorers' numbers, texts."""
    further = [(name, kind_beside(name)) for name in labels] + [(name, _TEXT) for name in texts]
    return pa.schema([*SCHEMA, *further])


def is_scorer(column: str) -> bool:
    """Return whether a column beside the fields holds a scorer's numbers."""
    return column.startswith(SCORER)


def labels_in(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns beside the fields that are labels, in their order."""
    return tuple(name for name in columns if not is_scorer(name))


def kind_beside(column: str) -> pa.DataType:
    """Return the type of a column beside the fields that is no text to show."""
    return NUMBERS if is_scorer(column) else pa.string()


def label(cell: object) -> object:
    """Return a cell as a label; what is no scalar comes back as it is, for the rule to refuse.

    >>> label(2.0), label("2.50"), label(True), label(""), label([1])
    ('2', '2.50', 'true', None, [1])
    """
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, float):
        return _number(cell)
    return cell if isinstance(cell, dict | list | bytes) else word(cell)


def _number(cell: float) -> str | None:
    if cell != cell:  # noqa: PLR0124 -- NaN
        return None
    return str(int(cell)) if abs(cell) < _WHOLE and cell == int(cell) else str(cell)


def text(cell: object) -> object:
    """Return a cell as a text; what is no scalar is written as JSON.

    >>> text([{"role": "user", "content": "안녕"}])
    '[{"role":"user","content":"안녕"}]'
    """
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False, separators=(",", ":"), default=str)
    return None if isinstance(cell, bytes) else label(cell)


def label_cast(cell: str, kind: str) -> str | None:
    """Return `label` as SQL; None of a type that only the careful reader knows.

    Args:
        cell: SQL of the cell.
        kind: the engine's type of its column.
    """
    if kind == "VARCHAR":
        return f"nullif({cell}, '')"
    if kind in _WORDS:
        return f"{cell}::VARCHAR"
    if kind in {"DOUBLE", "FLOAT"}:
        number = f"({cell})::DOUBLE"
        whole = f"abs({number}) < {_WHOLE!r} AND {number} = trunc({number})"
        return (
            f"CASE WHEN isnan({number}) THEN NULL "
            f"WHEN {whole} THEN TRY_CAST({number} AS BIGINT)::VARCHAR ELSE {number}::VARCHAR END"
        )
    return None


def columns_beside(samples: Sequence[Sample], names: Iterable[str] = ()) -> dict[str, pa.Array]:
    """Return a column for each label and scorer of a sample, and for each of these names."""
    own, requested = [sample.segments or {} for sample in samples], tuple(names)
    every = sorted({*labels_in(requested), *(name for of in own for name in of)})
    labels = {name: pa.array([label_of(of, name) for of in own], pa.string()) for name in every}
    return labels | _scores_of(samples, filter(is_scorer, requested))


def _scores_of(samples: Sequence[Sample], names: Iterable[str]) -> dict[str, pa.Array]:
    own = [sample.scores or {} for sample in samples]
    every = sorted({*names, *(SCORER + name for of in own for name in of)})
    scorers = {name: name.removeprefix(SCORER) for name in every}
    return {column: between(pa.array([of.get(name) for of in own], NUMBERS), 0.0, 10.0)
            for column, name in scorers.items()}  # fmt: skip


def label_of(labels: dict[str, Any], name: str) -> object:
    """Return one label of a sample; None where it does not tell."""
    cell = labels.get(name)
    return None if cell is None else label(cell)


def texts_of(samples: Sequence[Sample], names: Iterable[str]) -> dict[str, pa.Array]:
    """Return the columns of these texts."""
    cells = {
        "prompt_text": [sample.prompt for sample in samples],
        "answer_text": [sample.answer for sample in samples],
    }
    return {name: pa.array(map(_shown, cells[name]), _TEXT) for name in TEXTS if name in names}


def _shown(cell: object) -> object:
    return None if cell is None or cell is msgspec.UNSET else text(cell)
