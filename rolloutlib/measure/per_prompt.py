"""What two arms tell of each prompt, compared as it is meant and not as it is written.

The name of a judge may be missing in some rows. A judge's prompt or rubric may hold the question
and the answer that it judged: what is around them has to be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.runs.columns import TEXTS
from rolloutlib.runs.database import quoted
from rolloutlib.runs.spellings import SPACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.runs import Runs

__all__ = ["by_prompt", "row_of"]

PROMPT_TEXT, ANSWER_TEXT = TEXTS
JUDGE, RUBRIC = "judge", "judge_version"  # segments: who judged, by which prompt or rubric
# A number and a whole one without zeros in front, which are part of ids.
NUMBER: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"
WHOLE: Final = r"-?(0|[1-9][0-9]*)(\.0)?"
DIGITS: Final = 15  # that a float holds exactly
SHORT: Final = 20  # characters of an answer that stands in other words too: "1" in 2013


def by_prompt(
    runs: Runs, pair: tuple[str, str], column: str, name: str | None = None
) -> tuple[int, int, str]:
    """Count the prompts of which both arms tell a column, and those of which they tell another.

    Args:
        runs: the samples of both arms, with the texts that are known.
        pair: their names.
        column: of what is compared.
        name: of what that is in `differs`, to see one value in its spellings.

    Returns:
        both counts, and one of the second.
    """
    value = f'"{column}"::VARCHAR'
    written = "value" if name is None else _written("value", name)
    if name == JUDGE:  # who judged all other answers of an arm judged those too that say nothing
        written = f"coalesce({written}, {_only_one(written)})"
    around, is_around = "NULL", name == RUBRIC and ANSWER_TEXT in runs.texts
    if is_around:
        around = _around(value, questions=PROMPT_TEXT in runs.texts)
    old, new = (_listed("value", arm) for arm in pair)
    alike = " = ".join(_listed("around", arm) for arm in pair) if is_around else "false"
    cells = f"SELECT prompt_id, arm, {value} AS value, {around} AS around FROM samples"
    rest = _written("around", RUBRIC) if is_around else "NULL"
    rest = f"coalesce(nullif({rest}, ''), value)"  # of what is nothing else, the whole
    values = f"SELECT prompt_id, arm, {written} AS value, {rest} AS around FROM ({cells})"
    prompts = f"""SELECT prompt_id, {old} AS old, {new} AS new, {alike} AS alike FROM ({values})
        WHERE value IS NOT NULL AND prompt_id IS NOT NULL GROUP BY prompt_id"""
    unlike_ones = "FILTER (old <> new AND NOT alike)"
    query = f"""SELECT count(*), count(*) {unlike_ones}, min(prompt_id) {unlike_ones}
        FROM ({prompts}) WHERE len(old) > 0 AND len(new) > 0"""
    both, unlike, example = row_of(runs, query)
    return both, unlike, example or ""


def _listed(column: str, arm: str) -> str:
    """Return the SQL of the different values that an arm tells."""
    return f"list_sort(list_distinct(list({column}) FILTER (arm = {quoted(arm)})))"


def _written(value: str, name: str) -> str:
    """Return the SQL of what two spellings of one value have in common.

    Programs write 4 as 4.0, true as True, ends of lines and accents each in their own way. Of
    versions 1.10 is another one than 1.1. What judges are called has no case.
    """
    text = f"nfc_normalize(replace({value}, chr(13) || chr(10), chr(10)))"
    if name in {JUDGE, RUBRIC}:
        text = f"lower(regexp_replace({text}, '{SPACES}+', ' ', 'g'))"
    text = f"regexp_replace({text}, '^{SPACES}+|{SPACES}+$', '', 'g')"
    number = WHOLE if name.endswith(("version", "hash")) else NUMBER
    return f"""CASE WHEN lower({text}) IN ('true', 'false') THEN lower({text})
        WHEN regexp_full_match({text}, '{number}') AND length({text}) <= {DIGITS}
        THEN {text}::DOUBLE::VARCHAR ELSE {text} END"""


def _only_one(written: str) -> str:
    """Return the SQL of the one value that an arm has; NULL where it has several."""
    least, most = (f"{of}({written}) OVER (PARTITION BY arm)" for of in ("min", "max"))
    return f"CASE WHEN {least} = {most} THEN {least} END"


def _around(value: str, *, questions: bool) -> str:
    """Return the SQL of a text without the question and the answer that were filled into it.

    A short answer is one only as a word of its own.
    """
    answer = f"trim({ANSWER_TEXT})"
    text = f"replace({value}, coalesce(trim({PROMPT_TEXT}), ''), '')" if questions else value
    word = f"'(^|\\W)' || regexp_escape({answer}) || '($|\\W)'"
    return f"""CASE WHEN length({answer}) > {SHORT} THEN replace({text}, {answer}, '')
        WHEN {answer} <> '' THEN regexp_replace({text}, {word}, '\\1\\2', 'g') ELSE {text} END"""


def row_of(runs: Runs, query: str) -> Sequence[Any]:
    """Return the one row of a query over the samples."""
    row = runs.relation.query("samples", query).fetchone()
    return row or ()
