"""What a review leaves behind: review.json, the parameters that run it again, what was refused."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import yaml

from rolloutlib.judge.record import encode
from rolloutlib.ledger.seal import OF_REVIEW, PAGE, PARAMS, REVIEW, SEAL, first_line
from rolloutlib.runs import write_quarantine
from rolloutlib.show.bundle import new_report
from rolloutlib.words.reasons import worded

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.plan.params import ReviewParams

__all__ = ["save", "save_beside_reports"]


def save(review: Reviewed, folder: Path, params: ReviewParams) -> None:
    """Write review.json, quarantine/ and params.yaml, which runs the same look again.

    Both others name the review.json that they are of. The parameters name no folder to write to:
    running them again leaves this report alone.
    """
    written = encode(worded(review.record))
    digest = sha256(written).hexdigest()
    (folder / REVIEW).write_bytes(written)
    used = params.model_copy(update={"look": review.look.number or params.look, "out": None})
    plain = used.model_dump(mode="json", exclude_none=True)
    text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
    (folder / PARAMS).write_text(first_line(digest) + text, encoding="utf-8")
    if write_quarantine(review.refused, review.inputs, folder):
        (folder / OF_REVIEW).write_text(f"{digest}  ../{REVIEW}\n", encoding="utf-8")


def save_beside_reports(review: Reviewed, folder: Path, params: ReviewParams) -> Path:
    """Write what a notebook found that was run by itself: into the folder, or a draft beside it.

    A report of `rollout review` is never written over; the draft has no page and no seal, and
    nothing is decided on it.

    Returns:
        The folder that was written.

    Raises:
        RolloutError: it cannot be written.
    """
    place = folder
    while any((place / name).exists() for name in (SEAL, PAGE)):
        place = place.with_name(f"{place.name}-draft")
    with new_report(place) as report:
        save(review, report.folder, params)
        return report.publish()
