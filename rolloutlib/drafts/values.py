"""What the values of a column say about it: outcomes, the scale of a score, the unit of a time."""

from __future__ import annotations

import re
from datetime import datetime
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.runs.decimals import dotted
from rolloutlib.runs.spellings import NUMBER, Nothing, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "OUTCOMES", "counts_rows", "filled", "is_worse", "numbers_of", "of_calls", "outcomes_of",
    "scale_of", "time_unit", "unit_by",
]  # fmt: skip

# The word of an outcome, folded → the status. Words that may mean several things are not here.
OUTCOMES: Final = {
    **dict.fromkeys(
        ("passed", "pass", "success", "succeeded", "successful", "correct", "true", "t", "yes",
         "y", "1", "ok", "right", "solved", "통과", "합격", "정답", "성공", "양호", "예"),
        "passed",
    ),
    **dict.fromkeys(
        ("failed", "fail", "failure", "incorrect", "wrong", "false", "f", "no", "n", "0", "bad",
         "unsolved", "실패", "불합격", "오답", "불통과", "미통과", "아니오"),
        "failed",
    ),
    **dict.fromkeys(("error", "errored", "exception", "crash", "crashed", "오류", "에러"), "error"),
    **dict.fromkeys(("timeout", "timedout", "timed out", "시간초과", "시간 초과"), "timeout"),
    **dict.fromkeys(("vetoed", "veto", "blocked", "차단"), "vetoed"),
}  # fmt: skip
_MARKS: Final = {"o": "passed", "○": "passed", "◯": "passed", "x": "failed", "×": "failed"}
# Words of names of which less is better.
_WORSE: Final = re.compile(
    r"toxic|hallucinat|loss|bias|perplex|risk|distance|error|harm|severity|violat|rmse|regret"
    r"|penalty|refus|rank|unsafe|leak|jailbreak|profan|(?<![a-z])(wer|cer|m[as]e|pii)(?![a-z])"
    r"|독성|환각|오류|위험|순위",
    re.IGNORECASE,
)
_NUMBER = re.compile(NUMBER)
_NOTHING = Nothing(("", "n/a", "na", "nan", "none", "null", "-"))
_LEAST = 3  # values at the very top of a scale, and their share, that show where it ends
_SHARE = 0.05
_FRACTIONS = 10  # different fractions below 1: nobody writes them on a scale to ten
_SLOWEST = 600_000  # ms: ten minutes; what is larger may be a moment, or nanoseconds
_CALLS = frozenset({"success", "succeeded", "successful", "ok", "true", "completed", "done"})
_WITHIN = {"s": (946_684_800, 4_102_444_800)}  # 2000 to 2100 in seconds
_STEPS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def filled(cells: Iterable[Any]) -> list[Any]:
    """Return the cells that hold a value; NaN is none."""
    return [cell for cell in cells if cell is not None and cell == cell and not _NOTHING(cell)]  # noqa: PLR0124 -- only NaN differs from itself


def numbers_of(cells: Sequence[Any], decimal: str = ".") -> list[float] | None:
    """Return the cells as numbers; None where one of them is none, or there are none.

    Args:
        cells: the values.
        decimal: the mark of numbers that are text.

    >>> numbers_of(["0,5", "1.234,5"], ","), numbers_of(["0,5"])
    ([0.5, 1234.5], None)
    """
    if decimal == ",":
        cells = [dotted(cell) for cell in cells]
    plain = all(
        not isinstance(cell, bool)
        and (isinstance(cell, int | float) or _NUMBER.fullmatch(str(cell)))
        for cell in cells
    )
    try:
        numbers = [float(cell) for cell in cells] if plain else []
    except OverflowError:  # a whole number that no float holds
        return None
    return numbers if numbers and all(map(isfinite, numbers)) else None


def outcomes_of(cells: Sequence[Any], *, korean: bool = False) -> dict[str, str] | None:
    """Return what each word of a column of outcomes means; None where one is none that we know.

    Args:
        cells: the values.
        korean: whether O is right and X is wrong, as marks are given in Korea.

    >>> outcomes_of(["Pass", "FAIL", "Pass"])
    {'Pass': 'passed', 'FAIL': 'failed'}
    """
    meanings: dict[str, str] = {}
    for cell in cells:
        if not isinstance(cell, str | bool | int | float):
            return None
        written = word(cell)
        plain = written.strip().casefold()
        plain = {"1.0": "1", "0.0": "0"}.get(plain, plain)
        meaning = OUTCOMES.get(plain) or (_MARKS.get(plain) if korean else None)
        if meaning is None:
            return None
        meanings.setdefault(written, meaning)
    return meanings or None


def of_calls(words: dict[str, str]) -> bool:
    """Whether words tell of calls that came back, not of answers that were right.

    >>> of_calls({"success": "passed", "error": "error"}), of_calls({"true": "passed"})
    (True, True)
    >>> of_calls({"ok": "passed", "bad": "failed"})
    False
    """
    good = {written.strip().casefold() for written, status in words.items() if status == "passed"}
    return "failed" not in words.values() and good <= _CALLS


def is_worse(name: str) -> bool:
    """Whether more of what a name tells of is worse, as of an error.

    >>> is_worse("Hallucination"), is_worse("contains_pii"), is_worse("faithfulness")
    (True, True, False)
    """
    return bool(_WORSE.search(name))


def counts_rows(numbers: Sequence[float]) -> bool:
    """Whether numbers are those of rows, or ranks: each once, without a gap.

    >>> counts_rows([*range(1, 41)]), counts_rows([7, 8, 8, 9] * 10)
    (True, False)
    """
    distinct = len({*numbers}) == len(numbers) >= _FRACTIONS
    return distinct and all(number % 1 == 0 for number in numbers) and (
        max(numbers) - min(numbers) == len(numbers) - 1
    )  # fmt: skip


def scale_of(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Return the scale that numbers themselves show, or None where they leave it open.

    Of the usual scales only the narrowest that holds all numbers is ever named, so that a wrong
    guess makes every difference of arms look larger than it is: a loss is never made small. Where
    nothing lies at its end, it is not named either, but for fractions below 1 and percentages.

    >>> scale_of([1, 5, 5, 4, 5]), scale_of([0.5, 1, 1, 1]), scale_of([88.5, 12, 97])
    ((1.0, 5.0), (0.0, 1.0), (0.0, 100.0))
    >>> scale_of([2, 3, 3, 2])
    """
    low, high = min(numbers), max(numbers)
    whole = all(number % 1 == 0 for number in numbers)
    top = next((top for top in (1.0, 5.0, 10.0, 100.0) if high <= top), None)
    if low < 0 or top is None:
        return None
    at_top = sum(number == top for number in numbers)
    ends = at_top >= _LEAST and (top >= 10 or at_top >= _SHARE * len(numbers))  # noqa: PLR2004 -- no usual scale goes on
    fractions = len({number for number in numbers if 0 < number < 1})
    if top == 1:
        return (0.0, 1.0) if (ends and not whole) or fractions >= _FRACTIONS else None
    if top == 100:  # noqa: PLR2004 -- percent
        return (0.0, 100.0) if ends or high > 50 else None  # noqa: PLR2004
    if not ends:
        return None
    return (1.0 if whole and low >= 1 else 0.0), top


def unit_by(numbers: Sequence[float]) -> str:
    """Return the unit of latencies that their size leaves no doubt about; else an empty text.

    A median of a second or more, read as seconds, would be a quarter of an hour. Fractions below
    20 are seconds: if they were milliseconds, the wrong guess would look slow, never fast.

    >>> unit_by([1523, 980, 2210]), unit_by([1.52, 0.98, 2.21]), unit_by([45, 81, 60])
    ('ms', 's', '')
    """
    middle = median(numbers)
    if 1000 <= middle <= _SLOWEST:  # noqa: PLR2004 -- above
        return "ms"
    broken = any(number % 1 for number in numbers)
    return "s" if middle < 20 and broken else ""  # noqa: PLR2004 -- as runs.doubts has it


def time_unit(cells: Sequence[Any]) -> str | None:
    """Return how a column writes moments: "iso", an epoch's unit, "local"; None where it does not.

    >>> time_unit(["2026-11-20T09:00:00+09:00"]), time_unit([1795132800]), time_unit(["2026-11-20"])
    ('iso', 's', 'local')
    """
    numbers = numbers_of(cells)
    if numbers:
        low, high = _WITHIN["s"]
        fits = (
            unit for unit, step in _STEPS.items() if low <= min(numbers) / step
            and max(numbers) / step <= high
        )  # fmt: skip
        return next(fits, None)
    offsets: list[bool] = []
    for cell in cells:
        try:
            moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
        except ValueError:
            return None
        offsets.append(moment.tzinfo is not None)
    return ("iso" if all(offsets) else "local") if offsets else None
