"""What lm-evaluation-harness writes is read: a folder an arm, two tasks, two filters."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rolloutlib.cli import main
from tests.drafts.reading import read_as_drafted
from tests.tools import world
from tests.tools.expected import check_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_two_folders_of_samples(written: Callable[[str], Path], tmp_path: Path) -> None:
    """One filter is read of two, so that each document counts once; the task is the category."""
    for arm in world.EVERY:
        shutil.copytree(written("lm_eval") / arm, tmp_path / arm)
    drafted, rows = read_as_drafted([tmp_path / arm for arm in world.EVERY])
    assert drafted.draft.mapping["where"] == {"filter": "strict-match"}
    check_outcomes(rows, ("control", "treatment"), 1, errors=False)
    assert {row["category"] for row in rows} == {"cities_geography", "cities_writing"}


def test_two_folders_are_compared_from_nothing(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    """One command: GO where the treatment is better, no GO the other way round."""
    paths = [str(written("lm_eval") / arm) for arm in world.EVERY]
    assert main(["compare", *paths, "--out", str(tmp_path / "there")]) == 0
    assert main(["compare", *reversed(paths), "--out", str(tmp_path / "back")]) in {10, 20}
