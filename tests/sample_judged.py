"""Reviews with what they were made of, each made once a process: explorations, no looks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rolloutlib.judge.review import Judged, judge_stage
from rolloutlib.plan.params import review_params

if TYPE_CHECKING:
    from pathlib import Path

CONTROL, TREATMENT = "gpt-4o-2024-05-13-FC", "gpt-4o-2024-08-06-FC"


def judged_of(runs: str | Path, stage: int = 2, **more: object) -> Judged:
    """Review runs; `more` are further parameters."""
    return judge_stage(review_params({"stage": stage, "runs": str(runs), "looks": "", **more}))


@cache
def bfcl() -> Judged:
    """Review the shipped example: pairs of prompts, no scores, one run an arm."""
    return judged_of("data/examples/bfcl", control=CONTROL, treatment=TREATMENT)


@cache
def story() -> Judged:
    """Review the story's stage 2: crossed users, three runs an arm, every field."""
    return judged_of("data/examples/story/stage-2")
