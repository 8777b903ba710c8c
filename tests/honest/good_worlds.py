"""Worlds that are as good as the base, however they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from tests.honest.worlds import World, base, one, put, treated

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.honest.worlds import Kind


def _good(rows: pd.DataFrame, why: str, **more: Any) -> World:  # noqa: ANN401
    return one(rows, why, expected=frozenset({"GO"}), **more)


def _wordy(word: object, kind: Kind) -> World:
    rows = base()
    rows = rows.assign(tags=pd.Series([tags or word for tags in rows["tags"]]))
    return _good(rows, f"nothing is written as {word!r}", kind=kind)


def _as_strings(word: str) -> World:
    """A Parquet column of text, one tag a cell."""
    rows = base()
    rows = rows.assign(tags=[tags[0] if tags else word for tags in rows["tags"]])
    return _good(rows, f"nothing is the text {word!r}", kind="parquet")


def _shards() -> World:
    rows = base()
    parts = {f"part-{k}": rows[rows.index % 4 == k] for k in range(4)}
    return World(parts, "each run in four files, with its id", expected=frozenset({"GO"}))


def _days() -> World:
    rows = base().drop(columns=["run"])
    return _good(rows, "no run id: a day is a run")


def _few_missing() -> World:
    """What is missing stays below a hundredth, and the worst case holds."""
    rows = base()
    rows.loc[rows.index[treated(rows)][::300], "score"] = np.nan
    return _good(rows, "five scores of 1,500 are missing")


def _no_issues() -> World:
    rows = base()
    rows = put(rows, "tags", [True] * len(rows), [])
    return _good(rows, "no issue in either arm: nothing to reduce", kind="jsonl")


def _coarse() -> World:
    """Marks of whole points and latencies of tens of milliseconds repeat, and are no copies."""
    rows = base().drop(columns=["sid"])
    rows["score"], rows["ms"] = rows["score"].round(0), (rows["ms"] / 10).round(0) * 10
    return _good(rows, "coarse numbers")


GOOD: Final[dict[str, Callable[[], World]]] = {
    "base": lambda: _good(base(), "every gate passes"),
    "base_jsonl": lambda: _good(base(), "every gate passes", kind="jsonl"),
    "base_parquet": lambda: _good(base(), "every gate passes", kind="parquet"),
    **{f"csv {word}": lambda word=word: _wordy([word], "csv") for word in ("-", "none", "n/a")},
    **{f"csv text {word}": lambda word=word: _wordy([word], "csv") for word in ("OK", "[]")},
    "jsonl empty word": lambda: _wordy([""], "jsonl"),
    "jsonl none": lambda: _wordy(["None"], "jsonl"),
    "parquet empty text": lambda: _as_strings(""),
    "parquet list text": lambda: _as_strings("[]"),
    "shards": _shards,
    "days": _days,
    "few missing": _few_missing,
    "no issues": _no_issues,
    "coarse": _coarse,
}
