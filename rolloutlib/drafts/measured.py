"""What was measured of a sample: its outcome, score, latency, issues, cost and tokens.

Whatever is taken for a measurement may make a GO, so each has to be sure: of the answer and not of
the question or the call, on a scale and in a unit that names or numbers leave no doubt about.
"""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.names import FIELDS, folded, unit_of
from rolloutlib.drafts.values import (
    counts_rows,
    is_worse,
    numbers_of,
    of_calls,
    outcomes_of,
    scale_of,
    unit_by,
)
from rolloutlib.reason import because
from rolloutlib.runs.columns import STATUSES
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.looking import Table
    from rolloutlib.reason import Reason

__all__ = [
    "take_issues",
    "take_latency",
    "take_numbers",
    "take_outcome",
    "take_people",
    "take_score",
]

# Names that may be the key to the question as well as the verdict on an answer.
_OF_EITHER: Final = {"correct", "match", "result", "outcome", "정답", "결과"}
_KEYS: Final = {
    *FIELDS["answer"], "expected", "expectedanswer", "label", "target", "reference", "gold",
    "truth", "groundtruth", "predicted", "choice", "예측", "예측값", "기대", "기대값",
    "정답값", "라벨",
}  # fmt: skip
# Names of a verdict on an answer, or of a call that came back.
_OF_CALLS: Final = ("success", "succeeded", "ok", "isok", "성공")
_FEWEST: Final = 10  # prompts that both arms have, before equal outcomes say anything
_HANGUL: Final = re.compile("[가-힣]")
_SLOW: Final = 600.0  # seconds: a median that says that they are none


def take_outcome(table: Table) -> None:
    """Find the outcome: a column whose every word means one."""
    for column in table.named("passed", "failed", "status"):
        korean = bool(_HANGUL.search(column))
        words = outcomes_of(table.cells[column], korean=korean)
        if words is None:
            if "score" not in table.told[column]:
                table.leave(column, because("draft.words_unknown", words=table.some(column)))
        elif table.columns.keys() & {"passed", "status"}:
            table.leave(column, because("draft.another", field="passed"))
        elif why := _no_outcome(table, column, words):
            table.leave(column, why)
        else:
            _take_words(table, column, words)
    for column in table.named("error"):
        table.leave(column, because("draft.error"))


def _no_outcome(table: Table, column: str, words: dict[str, str]) -> Reason | None:
    """Say why words of outcomes are none of an answer: they are of its call, or of the question."""
    last = folded(column.rpartition(".")[2])
    of_call = "status" in table.told[column] or last.startswith(_OF_CALLS)
    if of_call and of_calls(words):
        return because("draft.of_call", words=table.some(column))
    if last not in _OF_EITHER or len(words) == 1:
        return None
    for other in table.cells:
        is_key = folded(other.rpartition(".")[2]) in _KEYS and other != column
        if is_key and table.has(other) and {*words} & {*table.words(other)}:
            return because("draft.of_question", other=other)
    return because("draft.same_outcomes") if _same_everywhere(table, column) else None


def _same_everywhere(table: Table, column: str) -> bool:
    """Whether both arms have the same value for each prompt: then it may be the prompt's own."""
    prompt = table.columns.get("prompt_id")
    if prompt is None:
        return False
    values: dict[str, dict[str, set[str]]] = {}
    for file, row in table.rows:
        arms = values.setdefault(word(row.get(str(prompt))), {})
        arms.setdefault(table.arm_of(file, row), set()).add(word(row.get(column)))
    shared = [[*arms.values()] for arms in values.values() if len(arms) > 1]
    return len(shared) >= _FEWEST and all(each[0] == each[1] for each in shared)


def _take_words(table: Table, column: str, words: dict[str, str]) -> None:
    """Map the outcome; of a column of failures the words mean the opposite."""
    if "failed" in table.told[column]:
        opposite = {"passed": "failed", "failed": "passed"}
        words = {written: opposite.get(status, status) for written, status in words.items()}
    words = dict(sorted(words.items(), key=lambda item: STATUSES.index(item[1])))
    two = {*words.values()} <= {"passed", "failed"}
    shown = tuple(f"{written}: {status}" for written, status in words.items())
    is_asked = folded(column.rpartition(".")[2]).startswith(_OF_CALLS)
    why = because("draft.words", words=shown)
    if is_asked:
        why = because("draft.words_asked", words=shown)
    table.take("passed" if two else "status", column, why)
    table.statuses = words


def take_score(table: Table) -> None:
    """Find the score: numbers that show their scale, of which more is better."""
    for column in table.named("score"):
        numbers = table.numbers(column)
        if numbers is None:
            table.leave(column, because("draft.no_numbers", words=table.some(column)[:5]))
            continue
        absent = {"none": [-1]} if -1 in numbers else {}
        numbers = [number for number in numbers if number != -1] or numbers
        span = {"low": min(numbers), "high": max(numbers)}
        scale = scale_of(numbers)
        if is_worse(column):
            table.leave(column, because("draft.less_is_better"))
        elif _of_rows(table, column):
            table.leave(column, because("draft.rows", **span))
        elif scale is None:
            table.leave(column, because("draft.scale_open", **span))
        elif "score" in table.columns:
            table.leave(column, because("draft.another", field="score"))
        else:
            ends = [int(end) for end in scale]
            table.take("score", column, because("draft.scale", **span), scale=ends, **absent)


def _of_rows(table: Table, column: str) -> bool:
    """Whether the numbers of an arm are those of its rows."""
    arms = table.by_arm(column).values()
    every = [
        numbers_of([cell for cell in cells if cell is not None], table.decimal) or []
        for cells in arms
    ]
    return any(counts_rows(numbers) for numbers in every)


def take_latency(table: Table) -> None:
    """Find the latency: numbers whose unit the name tells, or their size; both may not disagree."""
    for column in table.named("latency_ms"):
        numbers = table.numbers(column)
        if numbers is None or min(numbers) < 0:
            table.leave(column, because("draft.no_numbers", words=table.some(column)[:5]))
            continue
        middle, unit = median(numbers), unit_of(column.rpartition(".")[2])
        why = because("draft.unit_named", unit=unit)
        if unit and _contradicts(unit, numbers):
            why = because("draft.unit_doubted", middle=middle, unit=unit)
            table.leave(column, why)
            continue
        if not unit:
            unit = unit_by(numbers)
            why = because("draft.unit_by", middle=middle, unit=unit)
        if not unit:
            table.leave(column, because("draft.unit_open", middle=middle))
        elif "latency_ms" in table.columns:
            table.leave(column, because("draft.another", field="latency_ms"))
        else:
            table.take("latency_ms", column, why, unit=unit)


def _contradicts(unit: str, numbers: Sequence[float]) -> bool:
    """Whether numbers are too small, or too large, for the unit that a name tells."""
    seconds = unit == "s" and median(numbers) > _SLOW
    return seconds or (unit == "ms" and unit_by(numbers) == "s")


def take_numbers(table: Table) -> None:
    """Find cost and tokens, which need no scale, and whether an answer came from a cache."""
    for field in ("cost", "tokens_in", "tokens_out"):
        for column in table.named(field):
            numbers = table.numbers(column)
            whole = field == "cost" or all(number % 1 == 0 for number in numbers or ())
            if numbers is None or min(numbers) < 0 or not whole:
                table.leave(column, because("draft.no_numbers", words=table.some(column)[:5]))
            elif field in table.columns:
                table.leave(column, because("draft.another", field=field))
            else:
                table.take(field, column, because("draft.named"))
    for column in table.named("cached"):
        if {*map(str.lower, table.words(column))} <= {"true", "false"}:
            table.take("cached", column, because("draft.named"))


def take_people(table: Table) -> None:
    """Find what people said beside the judge, in the same words."""
    for column in table.named("human_passed"):
        words = outcomes_of(table.cells[column])
        statuses = table.statuses | {"true": "passed", "false": "failed"}
        if words and all(statuses.get(written) == status for written, status in words.items()):
            table.take("human_passed", column, because("draft.named"))
    for column in table.named("human_score"):
        numbers = table.numbers(column)
        scale = scale_of(numbers) if numbers else None
        if numbers and scale:
            why = because("draft.scale", low=min(numbers), high=max(numbers))
            table.take("human_score", column, why, scale=[int(end) for end in scale])


def take_issues(table: Table) -> None:
    """Find the issues of a sample: a list, a text with separators, or one word."""
    for column, ranks in table.told.items():
        cells = table.cells[column]
        if "issues" not in ranks or not cells or "issues" in table.columns:
            continue
        texts = [cell for cell in cells if isinstance(cell, str)]
        if len(texts) == len(cells):
            split = next((mark for mark in ";|," if any(mark in text for text in texts)), None)
            options = {"separator": split} if split else {}
            table.take("issues", column, because("draft.named"), **options)
        elif all(isinstance(cell, list) for cell in cells):
            table.take("issues", column, because("draft.named"))
