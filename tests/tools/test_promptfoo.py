"""What promptfoo writes is read: both arms in one file, or one in each."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from tests.drafts.reading import read_as_drafted
from tests.tools import world
from tests.tools.expected import check_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SECONDS = 6.0  # of one core, the imports of the first command among them


@pytest.mark.parametrize("name", ["both.json", "both.jsonl"])
def test_two_providers_in_one_file(
    written: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """A provider is an arm, a test a prompt that was asked twice; costs and tokens are read."""
    shutil.copy2(written("promptfoo") / name, tmp_path)
    _, rows = read_as_drafted([tmp_path / name])
    check_outcomes(rows, ("v1", "v2"), world.REPEATS)
    answered = [row for row in rows if row["status"] != "error"]
    assert {row["tokens_out"] for row in answered} == {5}
    assert {round(row["cost"], 6) for row in answered} == {0.001, 0.002, 0.003}
    assert all(row["latency_ms"] is not None for row in answered)


def test_a_file_an_arm(written: Callable[[str], Path], tmp_path: Path) -> None:
    """Two outputs are the control and the treatment, whatever their providers are called."""
    for arm in world.EVERY:
        shutil.copytree(written("promptfoo") / arm, tmp_path / arm)
    _, rows = read_as_drafted([tmp_path / arm / "output.json" for arm in world.EVERY])
    check_outcomes(rows, ("control", "treatment"), world.REPEATS)


def test_two_outputs_are_compared_from_nothing(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    """One command, a few seconds: GO where the treatment is better, no GO the other way round."""
    paths = [str(written("promptfoo") / arm / "output.json") for arm in world.EVERY]
    began = time.process_time()
    answer = main(["compare", *paths, "--out", str(tmp_path / "there")])
    assert time.process_time() - began < SECONDS
    assert answer == 0
    assert main(["compare", *reversed(paths), "--out", str(tmp_path / "back")]) in {10, 20}
