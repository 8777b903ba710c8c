"""A small review of users' answers, made once: its samples lie in a folder that a test may copy."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

import pytest

import rolloutlib

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib import Review


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two arms of 40 prompts as a flat table."""
    folder = tmp_path_factory.mktemp("small") / "runs"
    folder.mkdir()
    rows = [
        ("r1", arm, f"{arm}{n}", f"p{n}", ("=SUM(A1)", "rest")[n % 2],
         ("passed", "failed")[n % (3 + k) == 0], 900 + 10 * n + 7 * k, ("web", "app")[n % 2],
         f"@ask {n}")
        for k, arm in enumerate(("old", "new")) for n in range(40)
    ]  # fmt: skip
    with (folder / "samples.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("run", "arm", "id", "prompt", "topic", "result", "ms", "device", "question")
        )
        writer.writerows(rows)
    (folder / "source.yaml").write_text(
        "columns: {run_id: run, arm: arm, sample_id: id, prompt_id: prompt, category: topic, "
        "status: result, latency_ms: ms}\n"
        "segments: {platform: device}\ntexts: {prompt: question}\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="session")
def small(runs: Path) -> Review:
    """Review them, as an exploration."""
    return rolloutlib.review(2, runs, "old", "new", looks="")


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Path:
    """Return a copy of the runs that a test may change."""
    return shutil.copytree(runs, tmp_path / "runs")
