"""Whose a row is and when it was measured: its arm, its prompt, its user, its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.arms import arms_of
from rolloutlib.drafts.looking import MOST_WORDS
from rolloutlib.drafts.names import SEGMENTS, folded
from rolloutlib.drafts.values import time_unit
from rolloutlib.reason import because
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.looking import Table

__all__ = ["take_arm", "take_plain", "take_prompt", "take_segments", "take_start"]

_ARMS_AT_MOST: Final = 20
_OVERLAP, _AGREEING = 0.5, 0.95
_REPEATS: Final = 20  # rows of one prompt in an arm; more are no repeats, but a label
_LEVELS: Final = {"easy", "medium", "hard"}
_PEOPLE: Final = ("user_id", "session_id")
_SENTENCE: Final = 4  # words; a name has fewer


def take_arm(table: Table) -> None:
    """Find what tells the arm: a column, else the files. Models of two paths are a segment."""
    if table.peek.arms:
        for column in table.named("model"):
            if len(table.words(column)) <= _ARMS_AT_MOST and "model" not in table.segments:
                table.segment("model", column)
        return
    for column in table.named("arm", "model"):
        words = table.words(column)
        facts = {"count": len(words), "values": tuple(words[:MOST_WORDS])}
        if not 1 < len(words) <= _ARMS_AT_MOST:
            table.leave(column, because("draft.no_arm", **facts))
        elif "arm" not in table.columns:
            table.take("arm", column, because("draft.arm", **facts))
    if "arm" not in table.columns:
        table.arms = arms_of(table.peek.names or [file.name for file in table.peek.files])
        is_single = len(table.arms) == 1
        table.notes["arms"] = because("draft.one_arm") if is_single else because("draft.files")


def take_prompt(table: Table) -> None:
    """Find what tells the prompts: an id that means the same in both arms, else the text."""
    texts = table.named("prompt")
    ids = table.named("prompt_id", "id")
    for column in [*ids, *texts]:
        share = _overlap(table, column)
        if share >= _OVERLAP and _agrees(table, column, texts) and _tells_apart(table, column):
            table.take("prompt_id", column, because("draft.same_prompts", share=share))
            break
        if "prompt_id" in table.told[column]:
            table.leave(column, because("draft.other_prompts", share=share))
    for column in table.named("sample_id", "id"):
        if len({*table.words(column)}) == len(table.cells[column]) == len(table.rows):
            table.take("sample_id", column, because("draft.unique"))
            break
    for column in table.named("prompt", "answer"):
        table.leave(column, because("draft.text"))


def _tells_apart(table: Table, column: str) -> bool:
    """Whether values are many enough to be prompts: rows that share one are taken for repeats."""
    distinct, arms = len(table.words(column)), len(table.by_arm(column))
    return distinct > 1 and len(table.cells[column]) <= _REPEATS * arms * distinct


def _overlap(table: Table, column: str) -> float:
    """Return the share of the smaller arm's values that the other arm has too."""
    arms = [{word(cell) for cell in cells if cell is not None} for cells in _largest(table, column)]
    return len(arms[0] & arms[1]) / max(1, len(arms[1])) if len(arms) > 1 else 0.0


def _largest(table: Table, column: str) -> list[list[object]]:
    return sorted(table.by_arm(column).values(), key=len, reverse=True)


def _agrees(table: Table, column: str, texts: Sequence[str]) -> bool:
    """Whether an id stands for one prompt in all arms: the number of a row stands for none."""
    if not texts or column == texts[0]:
        return True
    meant: dict[str, set[str]] = {}
    for _, row in table.rows:
        if row.get(column) is not None and row.get(texts[0]) is not None:
            meant.setdefault(word(row[column]), set()).add(word(row[texts[0]]))
    single = sum(len(meanings) == 1 for meanings in meant.values())
    return not meant or single >= _AGREEING * len(meant)


def take_start(table: Table) -> None:
    """Find when it was asked: moments that tell their offset, or seconds and their parts."""
    for column in table.named("started_at"):
        how = time_unit(table.cells[column])
        if "started_at" in table.columns:
            table.leave(column, because("draft.another", field="started_at"))
        elif how == "iso":
            table.take("started_at", column, because("draft.moments"))
        elif how == "local":
            table.leave(column, because("draft.no_offset"))
        elif how is None:
            table.leave(column, because("draft.no_moments"))
        else:
            table.take("started_at", column, because("draft.epoch", unit=how), unit=how)


def take_plain(table: Table) -> None:
    """Take what is text, as it is."""
    for field in ("run_id", "category"):
        for column in table.named(field):
            if len(table.words(column)) * 2 > len(table.cells[column]):
                table.leave(column, because("draft.no_run"))
            else:
                _take_one(table, field, column)
    _take_people(table)
    for column in table.named("veto_reason"):
        _take_one(table, "veto_reason", column)
    for column in table.named("difficulty"):
        if {*table.words(column)} <= _LEVELS:
            _take_one(table, "difficulty", column)


def _take_people(table: Table) -> None:
    """Take who asked; a role, or what was asked, is nobody."""
    for field in _PEOPLE:
        for column in table.named(field):
            words = table.words(column)
            if len(words) == 1 or any(map(_is_text, words)):
                table.leave(column, because("draft.nobody", words=tuple(words[:3])))
            else:
                _take_one(table, field, column)


def _is_text(words: str) -> bool:
    """Whether words are a sentence, and nobody's name."""
    return len(words.split()) > _SENTENCE or words.rstrip().endswith(("?", "."))


def _take_one(table: Table, field: str, column: str) -> None:
    if field in table.columns:
        table.leave(column, because("draft.another", field=field))
    else:
        table.take(field, column, because("draft.named"))


def take_segments(table: Table) -> None:
    """Take what samples are usually told apart by."""
    for segment, names in SEGMENTS.items():
        for column in table.cells:
            is_segment = folded(column.rpartition(".")[2]) in names and column not in table.taken
            if is_segment and segment not in table.segments and table.has(column):
                several = len(table.words(column)) > 1
                if several:
                    table.segment(segment, column)
