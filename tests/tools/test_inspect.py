"""What Inspect writes is read: a log as .json and one as .eval."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.drafts.reading import read_as_drafted
from tests.tools import world
from tests.tools.expected import check_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_log_an_arm(written: Callable[[str], Path], tmp_path: Path) -> None:
    """Epochs are samples of one prompt, errors are errors, and tokens and times are read."""
    for arm in world.EVERY:
        shutil.copytree(written("inspect") / arm, tmp_path / arm)
    _, rows = read_as_drafted([tmp_path / arm for arm in world.EVERY])
    check_outcomes(rows, ("control", "treatment"), world.REPEATS)
    answered = {row["prompt_id"]: row for row in rows if row["status"] != "error"}
    assert all(row["latency_ms"] > 0 for row in answered.values())
    assert {name: row["tokens_in"] for name, row in answered.items()} == {
        f"q{number}": world.tokens_in(number)
        for number in range(world.SIZE)
        if not world.is_down(number)
    }
