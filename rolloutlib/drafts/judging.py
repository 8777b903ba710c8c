"""Whether a column called like a judge names who judged, or holds what the judge said."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rolloutlib.drafts.peek import flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.drafts.peek import PeekFile

    Both = Sequence[tuple[str, Sequence[PeekFile]]]  # of each arm: its column, its files

__all__ = ["GAPS", "is_material", "is_other"]

REPEATED: Final = 5  # rows of one name on average, of texts hardly two are the same
LONGEST: Final = 80  # characters of a name
MOVED: Final = 0.5  # share of rows that another of the same names has
# Where nobody judged, or nobody says who did.
GAPS: Final = ("", "-", "--", "–", "—", ".", "#n/a", "n/a", "n.a.", "na", "<na>", "nan", "nil",
               "none", "(none)", "<none>", "null", "undefined", "없음")  # fmt: skip
_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?( ?%| ?/ ?[0-9]+)?")
_SCORED = re.compile(r"rubric|채점 ?기준")  # what criteria and their score are both called
# Of which verdicts consist, in English and Korean.
_VERDICTS: Final = frozenset({
    "pass", "passed", "fail", "failed", "true", "false", "yes", "no", "y", "n", "ok", "good",
    "bad", "great", "fair", "poor", "better", "worse", "best", "correct", "incorrect", "right",
    "wrong", "valid", "invalid", "win", "wins", "won", "lose", "loss", "lost", "tie", "draw",
    "equal", "same", "partial", "partially", "mostly", "fully", "very", "not", "answer",
    "acceptable", "unacceptable", "accept", "accepted", "reject", "rejected", "excellent",
    "satisfactory", "unsatisfactory", "safe", "unsafe", "relevant", "irrelevant", "helpful",
    "unhelpful", "harmful", "harmless", "positive", "negative", "neutral", "high", "medium", "low",
    "met", "unmet", "faithful", "unfaithful", "hallucination", "hallucinated", "supported",
    "unsupported", "agree", "disagree", "error", "unknown", "unsure", "unclear", "skipped",
    "complete", "incomplete", "average", "a", "b", "c", "d", "e", "f", "a+", "a-", "b+", "b-",
    "통과", "실패", "합격", "불합격", "정답", "오답", "좋음", "나쁨", "보통", "우수", "미흡", "예",
    "아니오", "맞음", "틀림", "적절", "부적절", "참", "거짓", "부분", "상", "중", "하", "양호",
    "불량", "승", "패", "무승부", "오류",
})  # fmt: skip


class _Cells(NamedTuple):
    """What a column of one arm holds.

    Attributes:
        words: how many rows have each.
        outcomes: of each word.
        gaps: rows that have none.
        singular: whether every file has one word, and it in every record.
        plain: whether all are texts or numbers.
    """

    words: Counter[str]
    outcomes: dict[str, set[str]]
    gaps: int
    singular: bool
    plain: bool


def is_material(both: Both, outcome: str | None, *, by_prompt: bool) -> bool:
    """Whether a column tells by whom or what answers were judged, which has to be the same.

    Where several judges share the work of each file and both have the same, nothing differs.

    Args:
        both: of each arm its column and its files.
        outcome: the column that says whether an answer passed.
        by_prompt: whether it may be another text for each prompt, as rubrics are.
    """
    arms = [_cells_of(column, files, outcome, numbers=by_prompt) for column, files in both]
    if not all(arm.plain for arm in arms) or not any(arm.words for arm in arms):
        return False
    if all(arm.singular for arm in arms):
        return True
    if by_prompt:
        scored = any(
            _SCORED.fullmatch(column.rpartition(".")[2].strip().lower()) for column, _ in both
        )
        return not any(_are_verdicts(arm, numbers=scored) for arm in arms)
    if any(_are_verdicts(arm, numbers=True) or not _are_names(arm.words) for arm in arms):
        return False
    return _differ(arms) or all(len(arm.words) <= 1 for arm in arms)


def is_other(both: Both) -> tuple[bool, bool]:
    """Whether the files have one name each and not the same, or at least not the same texts."""
    arms = [_cells_of(column, files, None, numbers=True) for column, files in both]
    differ = _differ(arms)
    return differ and all(len(arm.words) <= 1 for arm in arms), differ


def _cells_of(
    column: str, files: Sequence[PeekFile], outcome: str | None, *, numbers: bool
) -> _Cells:
    """Read a column of one arm, with the outcome beside it."""
    words, outcomes = Counter[str](), defaultdict[str, set[str]](set)
    gaps, singular, plain = 0, True, True
    kinds = (str, int, float) if numbers else (str, int)
    for file in files:
        in_file = Counter[str]()
        for record in file.every or file.records:
            cell = _cell(record, column)
            word = "" if cell is None else " ".join(str(cell).lower().split())
            word = "" if word in GAPS else word
            plain = plain and (not word or isinstance(cell, kinds))
            in_file[word] += 1
            if outcome is not None and word:
                outcomes[word].add(str(_cell(record, outcome)))
        singular = singular and len(in_file) <= 1 and "" not in in_file
        gaps += in_file.pop("", 0)
        words += in_file
    return _Cells(words, outcomes, gaps, singular, plain)


def _cell(record: dict[str, Any], column: str) -> object:
    nested = "." in column and column not in record
    return flat(record).get(column) if nested else record.get(column)


def _are_verdicts(arm: _Cells, *, numbers: bool) -> bool:
    """Whether most words are a verdict's, or each goes with one outcome and is there often."""
    spelled = sum(_is_verdict(word, numbers=numbers) for word in arm.words)
    if arm.words and 2 * spelled >= len(arm.words):
        return True
    outcomes = arm.outcomes.values()
    repeats = (len(arm.words) > 1 or arm.gaps > 0) and _are_names(arm.words)
    return repeats and len(set[str]().union(*outcomes)) > 1 and all(len(of) == 1 for of in outcomes)


def _is_verdict(word: str, *, numbers: bool) -> bool:
    if _NUMBER.fullmatch(word):
        return numbers
    if len(word) > LONGEST:
        return False
    return {*re.split(r"[\s_:;,.!()/-]+", word)} - {""} <= _VERDICTS


def _are_names(words: Counter[str]) -> bool:
    """Whether words are as short and as often there as names are, not texts about an answer."""
    rows = sum(words.values())
    return len(words) * REPEATED <= rows and all(len(word) <= LONGEST for word in words)


def _differ(arms: Iterable[_Cells]) -> bool:
    """Whether one arm has a word that the other has not, or half of the rows have another."""
    control, treatment = (arm.words for arm in arms)
    if control.keys() != treatment.keys():
        return True
    shares = [{word: n / words.total() for word, n in words.items()}
              for words in (control, treatment)]  # fmt: skip
    moved = sum(max(share - shares[1][word], 0) for word, share in shares[0].items())
    return moved >= MOVED
