"""MLflow: the table of an evaluation, a row a sample.

`mlflow.evaluate` logs eval_results_table.json, an object of `columns` and `data`, with
`latency` (seconds), `token_count` and a `NAME/v1/score` a metric. `mlflow.genai.evaluate` gives a
frame of its traces (`result_df`), with `NAME/value` a scorer and `execution_duration` (ms).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.tool import Scorer, ToolDraft, glob_of
from rolloutlib.drafts.values import is_worse, numbers_of, outcomes_of
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_SCORE: Final = re.compile(r"(?P<name>[\w .-]+)/v\d+/score")
_VALUE: Final = re.compile(r"(?P<name>[\w .-]+)/value")
_TRACE: Final = frozenset({"trace_id", "state", "execution_duration"})
# Metrics that their prompts grade from 1 to 5; the first that a table has is the score.
_GRADED: Final = (
    "answer_correctness", "answer_relevance", "relevance", "faithfulness", "answer_similarity",
)  # fmt: skip
_SHARES: Final = {"exact_match": (0, 1), "toxicity": (1, 0)}
# Scorers that judge an answer as a whole, before those that judge one side of it.
_WHOLE: Final = ("correctness", "equivalence", "expectations_guidelines", "guidelines")
_BAD: Final = re.compile(r"(?:^|_)(?:pii|leaks?|jailbreak)(?:_|$)")
_INPUTS: Final = ("inputs", "question", "request")
_TEXTS: Final = frozenset(
    {"inputs", "outputs", "output", "predictions", "question", "request", "response", "trace",
     "ground_truth", "targets", "spans", "assessments", "context", "justification", "rationale"}
)  # fmt: skip


def _recognises(peek: Peek) -> bool:
    columns = {*peek.columns}
    traced = columns >= _TRACE and any(map(_VALUE.fullmatch, columns))
    return traced or any(map(_SCORE.fullmatch, columns))


def _drafts(peek: Peek) -> Draft:
    making = ToolDraft(peek, PRESET.name, PRESET.title)
    if prompt := next((name for name in _INPUTS if making.has(name)), None):
        making.take("prompt_id", prompt)
    further = _traced(making) if {*peek.columns} >= _TRACE else _table(making)
    if peek.first.place:
        further["records"] = peek.first.place
    return making.draft(glob_of(peek), texts=_TEXTS, **further)


def _table(making: ToolDraft) -> dict[str, object]:
    """Map a table of `mlflow.evaluate`."""
    columns = making.peek.columns
    if "latency" in columns:
        making.take("latency_ms", "latency", unit="s")
    if "token_count" in columns:
        making.take("tokens_out", "token_count")
    named = {match["name"]: match.string for match in map(_SCORE.fullmatch, columns) if match}
    graded = [Scorer(name, named[name], (1, 5)) for name in _GRADED if name in named]
    shares = [Scorer(name, named[name], scale) for name, scale in _SHARES.items() if name in named]
    making.score_by(graded + shares)
    for name in named.keys() - {scorer.name for scorer in graded + shares}:
        _leave_scorer(making, named[name])
    return {}


def _traced(making: ToolDraft) -> dict[str, object]:
    """Map a frame of traces: yes and no of the scorer that judges the whole are the outcome."""
    making.take("sample_id", "trace_id")
    making.take("latency_ms", "execution_duration", unit="ms")
    named = {m["name"]: m.string for m in map(_VALUE.fullmatch, making.peek.columns) if m}
    meant = {name: outcomes_of(making.cells(column)) for name, column in named.items()}
    yes_or_no = {name: words for name, words in meant.items() if words}
    worse = {name for name in yes_or_no if is_worse(name) or _BAD.search(name)}
    judged = {name: words for name, words in yes_or_no.items() if name not in worse}
    for name in sorted(worse):  # a yes of contains_pii is no praise
        making.left[named[name]] = because("draft.less_is_better")
    whole = next((name for name in _WHOLE if name in judged), None)
    if whole is None and len(judged) == 1:
        whole = next(iter(judged))
    for name, words in judged.items():
        if name == whole:
            making.take("passed", named[name], because("draft.scorer", name=name))
        else:
            values = {word: int(status == "passed") for word, status in words.items()}
            making.scorer(name, named[name], scale=[0, 1], values=values)
    for name in named.keys() - yes_or_no.keys():
        _leave_scorer(making, named[name])
    return {"statuses": judged[whole]} if whole else {}


def _leave_scorer(making: ToolDraft, column: str) -> None:
    """Leave a scorer whose scale no file tells; what is no number is what was expected."""
    numbers = numbers_of(making.cells(column))
    if numbers:
        low, high = min(numbers), max(numbers)
        making.left[column] = because("draft.scorer_open", low=low, high=high)
    else:
        making.left[column] = because("draft.text")


PRESET: Final = Preset("mlflow", "MLflow", _recognises, _drafts)
