"""What is measured, a record a metric: whatever names, counts, draws or shows one reads this."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

__all__ = ["BEYOND", "METRICS", "SCORER", "Metric", "MetricName", "is_binary", "metric_record"]

BEYOND: Final = "beyond:"  # begins the share of latencies beyond their own arm's quantile
SCORER: Final = "score:"  # begins the name of a further scorer's metric, and of its column

MetricName = Literal[
    "passed",
    "score",
    "latency_ms",
    "vetoed",
    "error",
    "edited",
    "issue",
    "style_violations",
    "cost",
    "tokens_in",
    "tokens_out",
]
LevelUnit = Literal["proportion", "score", "ms", "ratio", "cost", "tokens"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that every sample has, or that its source does not tell.

    Attributes:
        name: in the plan's gates and in the moments; an issue tag is the metric `issue:<tag>`, a
            further scorer `score:<name>`.
        title: heading of its column or chart.
        kind: of a sample's value: 0 or 1, a measurement, or how many.
        unit: of an arm's mean, and so of a difference of two; shares are 0–1, scores 0–10,
            latencies in ms, costs in the source's currency, and a count shows as a plain factor
            ("×1.20").
        field: what of a sample tells it, in its source's words; named where it is missing.
        reported: under which name a run reports its own mean; None where runs report none.
        drawn: whether forecasts simulate it.
    """

    name: str
    title: str
    kind: Literal["binary", "continuous", "count"]
    unit: LevelUnit
    field: str
    reported: Literal["pass_rate", "avg_score", "avg_latency_ms", "vetoed"] | None = None
    drawn: bool = True


# The order is that in which forecasts draw them: another one gives other random numbers.
_TABLE = (
    Metric("passed", "Pass rate", "binary", "proportion", "status", "pass_rate"),
    Metric("score", "Average score", "continuous", "score", "score", "avg_score"),
    Metric("issue", "Issue rate", "binary", "proportion", "issues"),
    Metric("vetoed", "Vetoed share", "binary", "proportion", "status: vetoed", "vetoed"),
    Metric("error", "Errors and timeouts", "binary", "proportion", "status: error | timeout"),
    Metric(
        "edited", "Manually edited tags", "binary", "proportion", "suggestedTags + confirmedTags"
    ),
    Metric("latency_ms", "Average latency", "continuous", "ms", "latencyMs", "avg_latency_ms"),
    Metric("slow", "Slow samples", "binary", "proportion", "latencyMs"),
    Metric(
        "style_violations", "Style violations", "count", "ratio", "styleViolations", drawn=False
    ),
    Metric("any_issue", "Any issue", "binary", "proportion", "issues", drawn=False),
    Metric("suggested", "Suggested tags", "binary", "proportion", "suggestedTags", drawn=False),
    Metric("covariate", "Covariate", "continuous", "ratio", "covariate", drawn=False),
    Metric("cost", "Cost per sample", "continuous", "cost", "cost", drawn=False),
    Metric("tokens_in", "Tokens in", "continuous", "tokens", "tokensIn", drawn=False),
    Metric("tokens_out", "Tokens out", "continuous", "tokens", "tokensOut", drawn=False),
)  # fmt: skip
METRICS: Final = {record.name: record for record in _TABLE}


def metric_record(name: str) -> Metric:
    """Return what a metric of the plan or of the moments is.

    >>> metric_record("issue:hallucination").title, metric_record("latency_ms").unit
    ('Issue rate', 'ms')
    """
    kind, _, of = name.partition(":")
    if kind == "score" and of:
        return replace(METRICS[kind], name=name, field=f"scores.{of}", reported=None, drawn=False)
    if kind == "beyond":
        return replace(METRICS["slow"], name=name)
    return METRICS[kind]


def is_binary(metric: str) -> bool:
    """Return whether a sample's value of the metric is 0 or 1: its mean tells its spread."""
    return metric_record(metric).kind == "binary"
