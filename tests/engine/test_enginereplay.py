"""Engine replay: a seeded engine agrees exactly, another one within its bounds or not.

The result is pinned.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from rolloutlib.engine.replay import EngineReplay, replay_engine, replay_params
from rolloutlib.errors import NoEvidenceError, UsageError
from rolloutlib.show.replays import replay_table

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workbook with the plan, the simulator, its prompts, and its green run."""
    (tmp_path / "params").mkdir()
    shutil.copy(ROOT / "params" / "plan.yaml", tmp_path / "params")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def _replay(root: Path, options: str = "", **changed: str) -> EngineReplay:
    engine = f"{shlex.quote(sys.executable)} examples/engine/engine.py {options}"
    files = {
        "green": "examples/engine/green.jsonl",
        "prompts": "examples/engine/prompts.jsonl",
        "out": "out",
    }
    params = replay_params(files | {"engine": engine, "stage": 2} | changed)
    return replay_engine(root, params, now=NOW, rng=np.random.default_rng(0))


def test_a_seeded_engine_agrees_exactly(root: Path) -> None:
    """Same flags, profile, seed and prompts.

    Every gate that has data is equal, sample for sample; replay.json carries the record's id and
    digest, and the digests of both runs.
    """
    record = root / "docs" / "LEDGER" / "dec-20261122-rollback-001.record"
    record.parent.mkdir(parents=True)
    record.write_bytes(b"{}\n")
    replayed = _replay(root, record=record.stem)
    assert replayed.agreement == "exact"
    assert {gate.agreement for gate in replayed.gates} <= {"exact", "no data"}
    green, again = (
        [json.loads(line)["result"]["samples"] for line in path.read_text().splitlines()]
        for path in (
            root / "examples" / "engine" / "green.jsonl",
            next((root / "out").glob("bench-*.jsonl")),
        )
    )
    assert green == again
    assert "exactly equal" in replay_table(replayed).text
    written = json.loads((root / "out" / "replay.json").read_text())
    assert written["record_sha256"] == replayed.record_sha256 == sha256(b"{}\n").hexdigest()
    assert (
        written["green_sha256"]
        == sha256((root / "examples" / "engine" / "green.jsonl").read_bytes()).hexdigest()
    )


def test_another_engine_differs(root: Path) -> None:
    """The broken engine does not bring the green state back, and the gates say where."""
    replayed = _replay(root, "--broken")
    assert replayed.agreement == "differs"
    differing = {gate.id for gate in replayed.gates if gate.agreement == "differs"}
    assert {"avg_score", "avg_latency"} <= differing


def test_an_unseeded_engine_agrees_within_the_bounds(root: Path) -> None:
    """Another seed stands for an engine without one.

    Points differ, and lie within the green run's bounds or do not.
    """
    green = root / "examples" / "engine" / "green.jsonl"
    green.write_text(green.read_text().replace('"seed":7', '"seed":8'))
    replayed = _replay(root)
    latency = next(gate for gate in replayed.gates if gate.id == "avg_latency")
    assert latency.green is not None
    assert latency.replay is not None
    assert latency.lower is not None
    assert latency.upper is not None
    assert latency.green != latency.replay
    assert latency.agreement == (
        "within" if latency.lower <= latency.replay <= latency.upper else "differs"
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"record": "dec-20261122-rollback-009"}, "there is no record dec-20261122-rollback-009"),
        ({"record": "../x"}, "record is '../x'"),
        ({"green": "none.jsonl"}, r"none\.jsonl: there is no such file"),
        ({"greens": "x"}, "greens is not a known key"),
    ],
)
def test_wrong_parameters_are_sentences(root: Path, changed: dict[str, str], sentence: str) -> None:
    """A record that is not there, a path as an id, a missing file, a misspelt name."""
    with pytest.raises(UsageError, match=sentence):
        _replay(root, **changed)


def test_a_prompt_that_is_gone_is_named(root: Path) -> None:
    """The replay does not shrink in silence.

    A prompt of the green run that the file lacks stops it.
    """
    prompts = root / "examples" / "engine" / "prompts.jsonl"
    envelope = json.loads(
        (root / "examples" / "engine" / "green.jsonl").read_text().splitlines()[0]
    )
    first = envelope["result"]["samples"][0]["promptId"]
    prompts.write_text(
        "\n".join(line for line in prompts.read_text().splitlines() if first not in line)
    )
    with pytest.raises(UsageError, match=f"lacks {first}, which the green run was asked"):
        _replay(root)


def test_a_green_file_without_a_pair_is_no_evidence(root: Path) -> None:
    """One arm alone compares nothing."""
    green = root / "examples" / "engine" / "green.jsonl"
    green.write_text(green.read_text().splitlines()[0] + "\n")
    with pytest.raises(NoEvidenceError, match="holds no pair of arms"):
        _replay(root)
