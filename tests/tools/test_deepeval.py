"""What deepeval writes is read: a test run an arm."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.drafts.reading import read_as_drafted
from tests.tools import world
from tests.tools.expected import check_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_run_an_arm(written: Callable[[str], Path], tmp_path: Path) -> None:
    """A case passed if its metrics did; a metric that broke is an error; times are in seconds."""
    for arm in world.EVERY:
        shutil.copytree(written("deepeval") / arm, tmp_path / arm)
    _, rows = read_as_drafted([tmp_path / arm for arm in world.EVERY])
    check_outcomes(rows, ("control", "treatment"), 1)
    slowest = max(row["latency_ms"] for row in rows if row["arm"] == "control")
    assert slowest == pytest.approx(500 + world.SIZE - 1 + 0.1 * world.EVERY["v1"])
    assert {row["cost"] for row in rows} == {0.002}
