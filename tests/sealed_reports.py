"""Sealed reports as a review or a watch leaves them, made in a moment: their parts are stubs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolloutlib.judge.record import Recommendation, Review, encode
from rolloutlib.ledger.seal import (
    NOTEBOOK,
    PAGE,
    PARAMS,
    REVIEW,
    SEAL,
    WATCH,
    WATCH_NOTEBOOK,
    WATCH_PAGE,
    first_line,
    seal_of,
)
from rolloutlib.watch.record import encode as encode_watch
from rolloutlib.words.reasons import worded
from tests.sample_review import story
from tests.sample_watch import sample_watch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NOW", "sealed_review", "sealed_watch", "week"]

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)


def week(number: int, recommendation: Recommendation = Recommendation.HOLD) -> Review:
    """Return the story's review as of a week: other data, later runs."""
    shift = number * timedelta(days=7)
    review = story().record
    runs = tuple(
        replace(
            run,
            started_at=run.started_at + shift if run.started_at else None,
            last_at=run.last_at + shift if run.last_at else None,
        )
        for run in review.runs
    )
    digest = sha256(str(number).encode()).hexdigest()
    return replace(review, runs=runs, data_sha256=digest, recommendation=recommendation)


def sealed_review(folder: Path, review: Review, made: datetime = NOW, body: str = "") -> Path:
    """Leave a sealed report of a review, whose page has this body; return its folder."""
    data = encode(worded(review))
    digest = sha256(data).hexdigest()
    about = {"papermill": {"end_time": made.isoformat()}, "rolloutlib": {"review": digest}}
    notebook = json.dumps({"cells": [], "metadata": about}).encode()
    page = f'<head><meta name="rollout-review" content="sha256:{digest}"></head>{body}'.encode()
    parts = {REVIEW: data, PAGE: page, PARAMS: first_line(digest).encode()}
    if review.recommendation is not Recommendation.INVALID:
        parts[NOTEBOOK] = notebook
    return _sealed(folder, parts)


def sealed_watch(folder: Path, made: datetime = NOW) -> Path:
    """Leave a sealed report of a day; return its folder."""
    notebook = json.dumps({"metadata": {"papermill": {"end_time": made.isoformat()}}}).encode()
    watch = encode_watch(sample_watch())
    parts = {WATCH: watch, WATCH_PAGE: b"<p>", WATCH_NOTEBOOK: notebook, PARAMS: b"stage: 2\n"}
    return _sealed(folder, parts)


def _sealed(folder: Path, parts: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    (folder / SEAL).write_bytes(seal_of(parts))
    return folder
