"""What OpenAI evals writes is read: a file of events an arm."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.drafts.reading import read_as_drafted
from tests.tools import world
from tests.tools.expected import check_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_events_of_two_runs(written: Callable[[str], Path], tmp_path: Path) -> None:
    """Matches are outcomes, errors are errors, and what was sampled is no second answer."""
    for arm in world.EVERY:
        shutil.copytree(written("openai_evals") / arm, tmp_path / arm)
    drafted, rows = read_as_drafted([tmp_path / arm for arm in world.EVERY])
    assert list(drafted.draft.left) == ["type: sampling"]
    check_outcomes(rows, ("control", "treatment"), 1)
