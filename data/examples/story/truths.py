# /// script
# requires-python = ">=3.11"
# ///
"""What is true in the simulated story: the effects, who took part, and when. The rest is drawn from this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

__all__ = ["BROKEN", "CATEGORIES", "DIFFICULTIES", "OTHER_ISSUES", "STAGES", "Stage", "Truth"]

CATEGORIES = {
    "everyday": 0.10,
    "history": 0.05,
    "science": 0.0,
    "finance": -0.05,
    "law": -0.10,
}  # score + this
DIFFICULTIES = {"easy": 0.10, "medium": 0.0, "hard": -0.10}  # score + this
OTHER_ISSUES = {  # share of samples, the same in every arm
    "ambiguous": 0.030,
    "factual_error": 0.026,
    "style_mismatch": 0.026,
    "format_issue": 0.022,
    "unclear": 0.020,
    "overuse_jargon": 0.018,
    "too_hard": 0.014,
    "too_easy": 0.012,
    "length_too_long": 0.010,
    "length_too_short": 0.009,
    "too_long": 0.008,
    "bias": 0.003,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What holds for one set of flags. Shares are 0–1 of all samples.

    Attributes:
        on: the features that are on; F is `exploit` throughout.
        score: mean score (0–10) before issues lower it.
        hallucination: share of samples with the issue.
        vetoed: share that the guardian refuses.
        failing: share that ends as an error or a timeout, half each.
        latency_ms: mean latency of the samples that answer.
        style: style violations a sample.
        edited: share of the reviewed tag suggestions that a person changes.
    """

    on: str
    score: float
    hallucination: float
    vetoed: float
    failing: float
    latency_ms: float
    style: float
    edited: float


BEFORE = Truth(
    on="BE",
    score=7.99,
    hallucination=0.180,
    vetoed=0.060,
    failing=0.0012,
    latency_ms=1480,
    style=0.36,
    edited=0.15,
)
STEERED = Truth(
    on="BCDE",
    score=8.02,
    hallucination=0.085,
    vetoed=0.032,
    failing=0.0010,
    latency_ms=1500,
    style=0.31,
    edited=0.15,
)
SEARCH = Truth(
    on="ABCDE",
    score=8.18,
    hallucination=0.032,
    vetoed=0.018,
    failing=0.0010,
    latency_ms=1570,
    style=0.29,
    edited=0.15,
)
BROKEN = Truth(
    on="ABCDE",
    score=7.86,
    hallucination=0.140,
    vetoed=0.045,
    failing=0.0020,
    latency_ms=1830,
    style=0.33,
    edited=0.22,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One folder of the story.

    Attributes:
        truths: of the control arm and of the treatment.
        green: the decision that was in force when the runs were made.
        prompts: the least and the most prompts that a user has in one run.
        breaks: the run from which on the treatment has the regression, counted from 0.
        reviewed: whether the stage's exit is reviewed, for which it has evidence.
    """

    folder: str
    number: int
    cohort: str
    users: int
    starts: date
    truths: tuple[Truth, Truth]
    green: str
    layout: Literal["json", "jsonl", "parquet"]
    runs: int = 3
    prompts: tuple[int, int] = (6, 8)
    breaks: int | None = None
    reviewed: bool = True

    def truth(self, arm: int, run: int) -> Truth:
        """What holds for an arm in one of its runs."""
        broken = arm == 1 and self.breaks is not None and run >= self.breaks
        return BROKEN if broken else self.truths[arm]

    @property
    def broken(self) -> bool:
        """Whether the candidate has the regression."""
        return self.truths[1] is BROKEN


_C_AND_D, _A, _A_BROKEN = (BEFORE, STEERED), (STEERED, SEARCH), (STEERED, BROKEN)
STAGES = (
    Stage("stage-0", 0, "internal", 10, date(2026, 10, 5), _C_AND_D, "dec-20260930-001", "json"),
    Stage("stage-1", 1, "dogfood", 30, date(2026, 10, 12), _C_AND_D, "dec-20261008-001", "jsonl"),
    Stage(
        "stage-2-regression", 2, "beta_optin", 100, date(2026, 10, 16), _A_BROKEN, "dec-20261015-001", "jsonl"
    ),
    Stage("stage-2", 2, "beta_optin", 100, date(2026, 10, 21), _A, "dec-20261015-001", "jsonl"),
    Stage("stage-3", 3, "new_sessions", 300, date(2026, 10, 26), _A, "dec-20261024-001", "parquet"),
    Stage("stage-4", 4, "everyone", 400, date(2026, 11, 2), _A, "dec-20261029-001", "parquet", 5, (3, 5)),
    Stage(
        "stage-2-daily", 2, "beta_optin", 60, date(2026, 10, 19), _A, "dec-20261015-001", "parquet", 14,
        (3, 5), breaks=8, reviewed=False,
    ),
)
