"""Counts and truths as SQL: their values, and when the careful reader would say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.runs.database import quoted
from rolloutlib.runs.ranges import COUNTED, COUNTS, within
from rolloutlib.runs.spellings import INTEGER, WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INTEGERS", "count_cast", "token_cast", "truth_cast", "word_case"]

INTEGERS: Final = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
                   "UBIGINT", "HUGEINT"}  # fmt: skip
_BROKEN: Final = {"DOUBLE", "FLOAT"}


def count_cast(cell: str, kind: str, most: str) -> tuple[str, str] | None:
    """Return a whole number; None of a type that only the careful reader knows.

    Args:
        cell: SQL of the cell.
        kind: the engine's type of its column.
        most: the engine's type of what comes out.
    """
    if kind not in {"VARCHAR", *INTEGERS}:
        return None
    value = f"TRY_CAST({cell} AS {most})"
    low, high = COUNTS[most]
    if kind == "VARCHAR":
        whole = f"regexp_full_match({cell}, '{INTEGER}')"
        return value, f"{whole} AND {value} BETWEEN {low} AND {high}"
    # Of the cell itself: the engine takes a cast in a comparison for one that cannot fail.
    return value, f"{cell} BETWEEN {low} AND {high}"


def token_cast(cell: str, kind: str) -> tuple[str, str] | None:
    """Return a count of tokens, also as a column with gaps has it: 12.0 is 12."""
    most, to = COUNTED["tokens_in"]
    if kind in _BROKEN:
        return f"TRY_CAST({cell} AS {to})", f"{cell} = trunc({cell}) AND {within(cell, 0, most)}"
    whole = f"regexp_replace({cell}, '^{WHOLE}$', '\\1')" if kind == "VARCHAR" else cell
    cast = count_cast(whole, kind, to)
    return cast and (cast[0], f"{cast[1]} AND {cast[0]} BETWEEN 0 AND {most}")


def truth_cast(cell: str, kind: str, words: Mapping[str, bool]) -> tuple[str, str] | None:
    """Return what is true or false by the words of `truths`."""
    if kind not in {"VARCHAR", "BOOLEAN", *_BROKEN, *INTEGERS}:
        return None
    spelled, exact = {name: str(true) for name, true in words.items()}, f"{cell}::VARCHAR"
    plain = f"lower(trim(regexp_replace({exact}, '^{WHOLE}$', '\\1')))"
    value = f"coalesce({word_case(exact, spelled)}, {word_case(plain, spelled)})::BOOLEAN"
    return value, f"{value} IS NOT NULL"


def word_case(cell: str, words: Mapping[str, str]) -> str:
    """Return what a word means; null of one that means nothing."""
    cases = " ".join(f"WHEN {quoted(word)} THEN {quoted(to)}" for word, to in words.items())
    return f"CASE {cell} {cases} END" if words else "NULL"
