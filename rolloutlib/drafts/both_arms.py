"""Tables with both arms in a row: score_control beside score_treatment, or 기존 점수 and 신규 점수.

Such a table is looked at as if each arm had a file of its own; what was found is then put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rolloutlib.drafts.names import fields_of
from rolloutlib.drafts.peek import flat
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.drafts.peek import Peek, PeekFile
    from rolloutlib.drafts.record import Draft

__all__ = ["Sides", "put_back", "sides_of", "told_apart"]

# The words of the two arms; what was chosen or rejected afterwards names no arm.
_SIDES: Final = (
    ("control", "treatment"), ("baseline", "candidate"), ("base", "test"), ("old", "new"),
    ("before", "after"), ("대조군", "처치군"), ("대조", "처치"), ("기존", "신규"), ("이전", "이후"),
    ("a", "b"), ("1", "2"), ("left", "right"),
)  # fmt: skip
_CLEAR: Final = 9  # of these the first is the control beyond doubt
_MEASURED: Final = {"passed", "failed", "status", "score", "latency_ms"}
_MARKS: Final = "_-. "


class Sides(NamedTuple):
    """Columns that are there once for each arm.

    Attributes:
        arms: the names of the two arms.
        columns: what both columns have in common → the first arm's column, the second's.
    """

    arms: tuple[str, str]
    columns: dict[str, tuple[str, str]]


def sides_of(columns: tuple[str, ...]) -> Sides | None:
    """Return the columns of both arms, where one of them is called like a measurement.

    >>> sides_of(("id", "score_old", "score_new"))
    Sides(arms=('control', 'treatment'), columns={'score': ('score_old', 'score_new')})
    >>> sides_of(("id", "output_1", "output_2"))
    """
    for place, words in enumerate(_SIDES):
        left, right = (dict(_stems(columns, word)) for word in words)
        both = {stem: (left[stem], right[stem]) for stem in left if stem in right}
        if any(_MEASURED & dict(fields_of(stem)).keys() for stem in both):
            arms = ("control", "treatment") if place < _CLEAR else words
            return Sides(arms, both)
    return None


def _stems(columns: tuple[str, ...], side: str) -> Iterator[tuple[str, str]]:
    """Yield what is left of each column without the word of a side, and the column."""
    for column in columns:
        plain = column.casefold()
        if plain.endswith(side) and plain.removesuffix(side)[-1:] in _MARKS:
            stem = column[: -len(side)].rstrip(_MARKS)
        elif plain.startswith(side) and plain.removeprefix(side)[:1] in _MARKS:
            stem = column[len(side) :].lstrip(_MARKS)
        else:
            continue
        if stem:
            yield stem, column


def told_apart(peek: Peek, sides: Sides) -> Peek:
    """Return the same as if each arm had a file of its own."""
    files = [file for place in (0, 1) for file in _files_of(peek, sides, place)]
    return peek._replace(files=tuple(files), arms={arm: f"{arm}/*" for arm in sides.arms})


def _files_of(peek: Peek, sides: Sides, place: int) -> Iterator[PeekFile]:
    own = {pair[place]: stem for stem, pair in sides.columns.items()}
    other = {pair[1 - place] for pair in sides.columns.values()}
    for file in peek.files:
        records = tuple(
            {own.get(name, name): cell for name, cell in flat(record).items() if name not in other}
            for record in file.every
        )
        columns = tuple(own.get(name, name) for name in file.columns if name not in other)
        name = f"{sides.arms[place]}/{file.name}"
        yield file._replace(name=name, columns=columns, records=records[:200], every=records)


def put_back(draft: Draft, sides: Sides) -> Draft:
    """Return a draft for the rows of both arms: their own columns stand under `wide`."""
    columns = cast("dict[str, Any]", draft.mapping["columns"])
    wide: dict[str, dict[str, Any]] = {arm: {} for arm in sides.arms}
    common: dict[str, Any] = {}
    for field, spec in columns.items():
        stem = str(cast("dict[str, Any]", spec)["column"] if isinstance(spec, dict) else spec)
        if stem not in sides.columns:
            common[field] = spec
            continue
        for arm, column in zip(sides.arms, sides.columns[stem], strict=True):
            wide[arm][field] = {**spec, "column": column} if isinstance(spec, dict) else column
    mapping = {k: v for k, v in draft.mapping.items() if k not in {"arms", "columns"}}
    mapping = {"files": mapping.pop("files"), "columns": common, "wide": wide, **mapping}
    segments = mapping.pop("segments", {})
    if common_to_both := {n: c for n, c in segments.items() if c not in sides.columns}:
        mapping["segments"] = common_to_both
    notes = {key: why for key, why in draft.notes.items() if key != "arms"}
    notes["wide"] = because("draft.wide")
    left = {column: why for column, why in draft.left.items() if column not in sides.columns}
    for stem, why in draft.left.items():
        left |= dict.fromkeys(sides.columns.get(stem, ()), why)
    return draft._replace(mapping=mapping, notes=notes, left=left)
