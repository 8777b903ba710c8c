"""What promptfoo writes is read: both arms in one file, or one in each."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from rolloutlib.cli import main
from rolloutlib.plan.offline import SHIPPED
from tests.drafts.reading import read_as_drafted
from tests.tools import world
from tests.tools.expected import check_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


def test_two_outputs_are_compared(written: Callable[[str], Path], tmp_path: Path) -> None:
    """One command: GO where the treatment is better, no GO the other way round.

    How long the calls took is the machine's that runs the test, so no gate asks it here.
    """
    paths = [str(written("promptfoo") / arm / "output.json") for arm in world.EVERY]
    shipped = yaml.safe_load(SHIPPED.read_text("utf-8"))
    gates = {key: gate for key, gate in shipped["gates"].items() if gate["metric"] != "latency_ms"}
    plan = tmp_path / "eval.yaml"
    plan.write_text(yaml.safe_dump({**shipped, "gates": gates}, sort_keys=False), "utf-8")
    command = ["compare", "--plan", str(plan), "--out"]
    assert main([*command, str(tmp_path / "there"), *paths]) == 0
    assert main([*command, str(tmp_path / "back"), *reversed(paths)]) in {10, 20}
