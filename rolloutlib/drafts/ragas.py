"""Ragas: `EvaluationResult.to_pandas()` as CSV, JSON Lines, JSON or Parquet, a row a sample.

The columns of the data set (`user_input`, `response`, …; before version 0.2 `question`, `answer`)
stand beside one number a metric; a metric whose judge failed is NaN: an empty cell, or null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.names import measures_beside
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.tool import Scorer, ToolDraft, glob_of

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

# What each metric runs from worst to best, as its module documents it. The first that a file has is
# the score: what says most of an answer as a whole stands first.
_METRICS: Final[dict[str, tuple[int, int]]] = {
    **dict.fromkeys(
        ("answer_correctness", "factual_correctness", "nv_accuracy", "exact_match",
         "agent_goal_accuracy", "llm_sql_equivalence_with_reference", "faithfulness",
         "faithfulness_with_hhem", "answer_relevancy", "semantic_similarity", "answer_similarity",
         "nv_response_groundedness", "nv_context_relevance", "context_precision", "context_recall",
         "llm_context_precision_with_reference", "llm_context_precision_without_reference",
         "non_llm_context_precision_with_reference", "non_llm_context_recall",
         "id_based_context_precision", "id_based_context_recall", "context_utilization",
         "context_entity_recall", "summary_score", "tool_call_accuracy", "tool_call_f1",
         "topic_adherence", "faithful_rate", "relevance_rate", "string_present",
         "non_llm_string_similarity", "bleu_score", "rouge_score", "chrf_score",
         "data_compare_score"),
        (0, 1),
    ),
    "noise_sensitivity": (1, 0),  # the share of wrong claims: less is better
    "domain_specific_rubrics": (1, 5), "instance_rubrics": (1, 5),
}  # fmt: skip
_INPUTS: Final = ("user_input", "question")
_BESIDE: Final = frozenset(
    {"response", "retrieved_contexts", "reference", "answer", "contexts", "ground_truth"}
)
_TEXTS: Final = _BESIDE | {*_INPUTS, "reference_contexts", "rubrics", "ground_truths"}


def _metric(column: str) -> str:
    """Return the metric of a column without its mode, as in `factual_correctness(mode=f1)`."""
    return column.partition("(")[0]


def _recognises(peek: Peek) -> bool:
    columns = {*peek.columns}
    metrics = {column for column in columns if _metric(column) in _METRICS}
    shaped = bool(metrics and columns & {*_INPUTS} and columns & _BESIDE)
    every = {column for file in peek.files for column in file.columns}
    return shaped and not measures_beside(every, metrics | _TEXTS)


def _drafts(peek: Peek) -> Draft:
    making = ToolDraft(peek, PRESET.name, PRESET.title)
    making.take("prompt_id", next(column for column in _INPUTS if column in peek.columns))
    metrics = [column for column in peek.columns if _metric(column) in _METRICS]
    order = [*_METRICS]
    metrics.sort(key=lambda column: order.index(_metric(column)))
    making.score_by(
        Scorer(_metric(column), column, _METRICS[_metric(column)]) for column in metrics
    )
    further = {"records": peek.first.place} if peek.first.place else {}
    return making.draft(glob_of(peek), texts=_TEXTS, **further)


PRESET: Final = Preset("ragas", "ragas", _recognises, _drafts)
