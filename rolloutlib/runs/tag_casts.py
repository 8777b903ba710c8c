"""Lists of tags as SQL: their words, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.runs.database import quoted
from rolloutlib.runs.spellings import SPACES

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["folded_text", "meant_tags", "tags_cast"]

# A list of plain words as JSON or Python write it; other lists the careful reader knows.
_JSON = r'\[ *("[^"\\]*"( *, *"[^"\\]*")*)? *\]'
_PYTHON = r"\[ *('[^'\\]*'( *, *'[^'\\]*')*)? *\]"
_ODD_SPACES = SPACES.replace("[ ", "[")  # which the engine's trim() leaves
_BRACKETS = r"[\[{(]"


def folded_text(text: str) -> str:
    """Return what two spellings of a word have in common, as `spellings.folded` does."""
    return f"lower(trim(regexp_replace({text}, '{SPACES}+', ' ', 'g')))"


def meant_tags(tags: str, none: Collection[str]) -> str:
    """Return the tags that a list means, in one order, as `spellings.meant` does."""
    folded = f"list_distinct(list_transform({tags}, w -> {folded_text('w')}))"
    words = ", ".join(map(quoted, sorted(none))) or "NULL"
    return f"list_sort(list_filter({folded}, w -> w NOT IN ({words})))"


def tags_cast(
    cell: str, kind: str, separator: str | None, *, absent_is_empty: bool
) -> tuple[str, str] | None:
    """Return a cell's list of words as SQL, and when the careful reader would say the same.

    Args:
        cell: SQL of the cell.
        kind: the engine's type of its column; None comes back of one that it cannot read.
        separator: between the words of a list that is one text.
        absent_is_empty: whether no word in a column of words means that there is none.
    """
    if kind == "VARCHAR[]":
        return cell, f"len({cell}) = list_count({cell})"
    if kind != "VARCHAR":
        return None
    words, plain = f"[{cell}]", f"NOT regexp_matches({cell}, '{_ODD_SPACES}')"
    if separator:
        words = f"list_transform(string_split({cell}, {quoted(separator)}), w -> trim(w))"
    cases = " ".join(
        f"WHEN regexp_full_match({cell}, {quoted(form)}) "
        f"THEN regexp_extract_all({cell}, {quoted(mark + '([^' + mark + ']*)' + mark)}, 1)"
        for form, mark in ((_JSON, '"'), (_PYTHON, "'"))
    )
    inside = " OR ".join(f"regexp_full_match({cell}, {quoted(form)})" for form in (_JSON, _PYTHON))
    listed = f"CASE WHEN {cell} IS NULL THEN NULL {cases} ELSE {words} END"
    value = f"coalesce({listed}, []::VARCHAR[])" if absent_is_empty else listed
    return value, (f"{plain} AND (NOT regexp_matches({cell}, '^ *{_BRACKETS}') OR {inside})")
