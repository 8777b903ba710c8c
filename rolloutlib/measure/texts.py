"""Texts of prompts and answers, added to the rows that are shown: they are never measured."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from rolloutlib.measure.moments import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["with_texts"]


def with_texts(
    table: pa.Table, frame: nw.LazyFrame[Any], texts: Sequence[str], pair: tuple[str, str]
) -> pa.Table:
    """Add what was asked and what was answered to rows of `side_by_side` or `singles`.

    Args:
        table: the rows.
        frame: the samples with their texts; only those of the rows come here.
        texts: which there are, of `prompt_text` and `answer_text`.
        pair: names of the control and the treatment.
    """
    if not texts or not table.num_rows:
        return table
    alone = "arm" in table.column_names
    places = [("", "arm")] if alone else [(f"{arm}_", arm) for arm in ("control", "treatment")]
    rows = table.to_pylist()
    ids = [{row[f"{prefix}{name}"] for row in rows for prefix, _ in places}
           for name in ("run_id", "sample_id")]  # fmt: skip
    shown_texts = _texts_of(frame, texts, ids)
    names: dict[str, str] = dict(zip(("control", "treatment"), pair, strict=True))
    shown = [
        [shown_texts.get((row["arm"] if alone else names[arm], row[f"{prefix}run_id"],
                   row[f"{prefix}sample_id"]), {}) for prefix, arm in places]
        for row in rows
    ]  # fmt: skip
    if "prompt_text" in texts:
        prompts = [
            next((t for row in reversed(of) if (t := row.get("prompt_text"))), None) for of in shown
        ]
        table = table.append_column("prompt_text", pa.array(prompts, pa.string()))
    for place, (prefix, _) in enumerate(places if "answer_text" in texts else ()):
        answered = [of[place].get("answer_text") for of in shown]
        name = f"{prefix}answer" if prefix else "answer_text"
        table = table.append_column(name, pa.array(answered, pa.string()))
    return table


def _texts_of(
    frame: nw.LazyFrame[Any], texts: Sequence[str], ids: Iterable[set[str]]
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return the texts of samples, by arm, run and sample."""
    key = ("arm", "run_id", "sample_id")
    for name, values in zip(key[1:], ids, strict=True):
        frame = frame.filter(nw.col(name).is_in(sorted(value for value in values if value)))
    rows = collect(frame.select(*key, *texts)).to_pylist()
    return {(row["arm"], row["run_id"], row["sample_id"]): row for row in rows}
