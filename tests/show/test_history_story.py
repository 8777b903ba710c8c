"""The index over a dozen reviews of the shipped story shows the week of the regression."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

import rolloutlib
from rolloutlib.show.gates_over_time import in_order
from rolloutlib.show.history import write_index
from rolloutlib.show.past_store import Known, gather
from tests.often import EXHAUSTIVE
from tests.sealed_reports import sealed_review

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.plan.workbook import StageId

pytestmark = pytest.mark.skipif(not EXHAUSTIVE, reason="run by `make faults`")
STORY: Final = "data/examples/story"
# Stage, runs, and the days on which the data so far were reviewed; None is all of them.
REVIEWS: Final[tuple[tuple[StageId, str, str | None], ...]] = (
    (0, "stage-0", "2026-10-07"), (0, "stage-0", None), (1, "stage-1", "2026-10-14"),
    (1, "stage-1", None), (2, "stage-2-regression", "2026-10-17"),
    (2, "stage-2-regression", "2026-10-18"), (2, "stage-2-regression", None),
    (2, "stage-2", "2026-10-22"), (2, "stage-2", "2026-10-23"), (2, "stage-2", None),
    (3, "stage-3", None), (4, "stage-4", None),
)  # fmt: skip


def test_the_regression_week_is_seen(tmp_path: Path) -> None:
    """Of twelve columns those of the regression are shaded, and its broken gates are crosses."""
    for number, (stage, runs, until) in enumerate(REVIEWS):
        review = rolloutlib.review(
            stage=stage, runs=f"{STORY}/{runs}", looks="",
            as_of=None if until is None else f"{until}T00:00+00:00",
        )  # fmt: skip
        made = datetime(2026, 10, 6, 9, tzinfo=UTC) + timedelta(days=number)
        sealed_review(tmp_path / f"review-{number:02}", review.judged.review.record, made)
    ordered = in_order(gather(tmp_path, Known()))
    assert len(ordered) == len(REVIEWS)
    words = [past.word for past in ordered]
    assert words[4:7] == ["NO_GO"] * 3
    assert "NO_GO" not in words[:4] + words[7:]
    for lang in ("en", "ko"):
        html = write_index(tmp_path, lang).path.read_text("utf-8")
        assert html.count("<figure") == 1
