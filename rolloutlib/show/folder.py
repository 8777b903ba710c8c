"""What a review leaves behind: review.json, the parameters that run it again, what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from rolloutlib.judge.record import encode
from rolloutlib.judge.review import invalid_review
from rolloutlib.runs import write_quarantine
from rolloutlib.words.reasons import worded

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.plan.params import ReviewParams

__all__ = ["save", "save_invalid"]


def save(review: Reviewed, folder: Path, params: ReviewParams) -> None:
    """Write review.json, quarantine/ and params.yaml, which runs the same look again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "review.json").write_bytes(encode(worded(review.record)))
    used = params.model_copy(update={"look": review.look.number})
    plain = used.model_dump(mode="json", exclude_none=True)
    text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    write_quarantine(review.refused, review.inputs, folder)


def save_invalid(params: ReviewParams, folder: Path, message: str) -> None:
    """Write the review.json of data that are no evidence at all, with the reason why."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "review.json").write_bytes(encode(worded(invalid_review(params, message))))
