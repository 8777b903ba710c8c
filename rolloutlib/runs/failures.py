"""Whether a call failed, where a source says that beside, or instead of, what came of it.

Load tools and traces know which calls failed, and nobody judged the others: neither passed nor
failed, but no error either. `error` of source.yaml's columns says so.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import pyarrow as pa

from rolloutlib.runs.spellings import status_of, truths, word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolloutlib.runs.column_spec import ColumnSpec
    from rolloutlib.runs.columns import Sample

__all__ = ["ABSENT", "FAILED", "failed_of", "failure_columns", "failure_words"]

ABSENT, _ANY = "null", "*"
FAILED: Final = {True: "true", False: "false"}  # as a sample holds it, in its text of errors
_BOTH: Final = {"true": True, "false": False}


def failure_words(column: ColumnSpec) -> dict[str, bool]:
    """Return what the words of a column of failures mean: those of `values`, or true and false."""
    words = {name: bool(failed) for name, failed in column.values.items()}
    return words or _BOTH


def failed_of(column: ColumnSpec) -> Callable[[object], object]:
    """Return what reads a cell as true (the call failed), false or None; else it is as it was.

    Of `values` the word `null` is an absent cell, and `*` every word that is not named. Several
    cells failed if one of them did.

    >>> from rolloutlib.runs.column_spec import ColumnSpec
    >>> read = failed_of(ColumnSpec(column="status", values={"ERROR": True, "null": False}))
    >>> read("ERROR"), read(None), read("odd"), read(["ERROR", None])
    (True, False, 'odd', True)
    """
    words = failure_words(column)
    meanings = {name: str(failed) for name, failed in words.items()}
    spelled = truths(meanings)
    absent, others = words.get(ABSENT), words.get(_ANY)

    def judged(cell: object) -> object:
        if cell is None or cell == "":
            return absent
        meaning = status_of(cell, meanings, spelled)
        if meaning is not None:
            return meaning == "True"
        return word(cell) if others is None else others

    def read(cell: object) -> object:
        if not isinstance(cell, list):
            return judged(cell)
        several = [judged(item) for item in cast("list[object]", cell)]
        odd = next((item for item in several if isinstance(item, str)), None)
        if odd is not None:
            return odd
        if not several or True in several:
            return True if several else absent
        return None if None in several else False

    return read


def failure_columns(samples: Sequence[Sample]) -> dict[str, pa.Array]:
    """Return the columns of samples whose failures are known, and whose outcomes nobody judged."""
    meant = {text: failed for failed, text in FAILED.items()}
    texts = (sample.error if isinstance(sample.error, str) else "" for sample in samples)
    nothing = {name: pa.nulls(len(samples), pa.bool_()) for name in ("passed", "vetoed")}
    return {
        "error": pa.array([meant.get(text) for text in texts], pa.bool_()),
        "status": pa.nulls(len(samples), pa.string()),
        **nothing,
    }
