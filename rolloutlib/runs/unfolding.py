"""Rows as source.yaml wants them: one for each item of a list, and only those that it is about."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from rolloutlib.doors.exploding import exploded
from rolloutlib.doors.paths import value_at
from rolloutlib.errors import RunsError
from rolloutlib.limits import PATIENT_ROWS
from rolloutlib.phrase import either, phrase
from rolloutlib.reason import Reason, because
from rolloutlib.runs.picked import as_one
from rolloutlib.runs.quarantine import Quarantined, shown
from rolloutlib.runs.spellings import status_of, truths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.runs.files import RunFile
    from rolloutlib.runs.rows import Row, Rows
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["left_out", "unfolded"]

_WORDS = 5  # that a sentence names


def unfolded(file: RunFile, rows: Rows, spec: SourceSpec | None) -> Rows:
    """Return the rows that a source.yaml makes of those of a file.

    Raises:
        RunsError: they are too many, or none is left.
    """
    if spec is None:
        return rows
    if spec.explode:
        rows = _items(file, rows, spec.explode)
    return _chosen(file, rows, spec.where) if spec.where else rows


def _items(file: RunFile, rows: Rows, path: str) -> Rows:
    """Return a row an item; a record without one is missing."""
    items: list[Row] = []
    bad = [*rows.bad]
    for row in rows.rows:
        records = exploded(row.cells, path, row.root)
        if not records:
            bad.append(_without_item(file, row, path))
        for place, record in enumerate(records or (), start=1):
            item = f"{row.item}.{place}" if row.item else str(place)
            items.append(row._replace(cells=record, text="", item=item))
        if len(items) > PATIENT_ROWS.value:
            raise RunsError(
                "{file}: explode gives {refusal}.",
                file=file.name, refusal=PATIENT_ROWS.refusal(len(items)),
            )  # fmt: skip
    columns = dict.fromkeys((*rows.columns, *(name for row in items for name in row.cells)))
    return rows._replace(columns=tuple(columns), rows=items, bad=bad, inside={})


def _without_item(file: RunFile, row: Row, path: str) -> Quarantined:
    """Refuse a record that has nothing to be a row: what was to be measured there is missing."""
    cell = value_at(row.cells, path, row.root)
    text = row.text or json.dumps(row.cells, ensure_ascii=False, default=str)
    expectation = phrase(
        "expected a list or map of one item or more, as explode in source.yaml says"
    )
    return Quarantined(file.name, row.line, path, shown(cell), expectation, text)


def _chosen(file: RunFile, rows: Rows, where: Mapping[str, tuple[str, ...]]) -> Rows:
    """Return the rows that `where` is about, and count the others by the word that stood there."""
    left: Counter[tuple[str, str]] = Counter()
    chosen: list[Row] = []
    allowed = {path: dict.fromkeys(words, "") for path, words in where.items()}
    spelled = {path: truths(words) for path, words in allowed.items()}
    for row in rows.rows:
        cells = {path: as_one(value_at(row.cells, path, row.root), path) for path in allowed}
        other = next(
            (
                path for path, words in allowed.items()
                if status_of(cells[path], words, spelled[path]) is None
            ),
            None,
        )  # fmt: skip
        if other is None:
            chosen.append(row)
        else:
            left[other, shown(cells[other])] += 1
    if left and not chosen:
        (path, word), count = left.most_common(1)[0]
        raise RunsError(
            "where in source.yaml leaves no row of {file}: {column} is {word} in {n:,}; expected "
            "{words} there.",
            file=file.name, column=path, word=word, n=count, words=either(where[path]),
        )  # fmt: skip
    return rows._replace(rows=chosen, left=left)


def left_out(file: str, rows: Rows) -> tuple[Reason, ...]:
    """Tell the rows that `where` leaves out, by the words that stood there."""
    reasons: list[Reason] = []
    for path in dict.fromkeys(path for path, _ in rows.left):
        words = Counter({word: count for (of, word), count in rows.left.items() if of == path})
        more = ("…",) if len(words) > _WORDS else ()
        counted = tuple(f"{word} ({count:,})" for word, count in words.most_common(_WORDS))
        reasons.append(
            because(
                "source.where", file=file, column=path, rows=words.total(), words=(*counted, *more)
            )
        )
    return tuple(reasons)
