"""What a run says of itself reaches its entry: flags, strategy, simulation, its last sample."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rolloutlib.runs import read_runs
from tests.runs.test_runs import check_account, messages, run, sample, write

if TYPE_CHECKING:
    from pathlib import Path

META = {"version": "v1", "createdAt": "2026-03-02T00:00:00Z"}


def test_flags_have_their_short_keys_in_order(tmp_path: Path) -> None:
    """Both spellings of a key are one; the data set's flags speak where the envelope is silent."""
    spoken = run("r1", sample(1), flags={"mode": "exploit", "feature.searchLite": True})
    noted = run("r2", sample(2), datasetMeta=META | {"featureFlags": {"feature.styleGuard": False}})
    runs = read_runs(write(tmp_path, spoken, noted, run("r3", sample(3))))
    assert [info.flags for info in runs.runs] == [
        (("mode", "exploit"), ("searchLite", True)), (("styleGuard", False),), None,
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["envelope", "datasetMeta"])
def test_a_simulated_run_is_known(tmp_path: Path, where: str) -> None:
    """Either place of the word counts; a run without it counts as measured."""
    fields = {"simulated": True}
    marked = run("r1", sample(1), **(fields if where == "envelope" else {"datasetMeta": fields}))
    runs = read_runs(write(tmp_path, marked, run("r2", sample(2), simulated=False)))
    assert [info.simulated for info in runs.runs] == [True, False]


def test_a_word_for_simulated_is_refused_with_its_arm(tmp_path: Path) -> None:
    """Nobody guesses whether 'yes' means true; the refused rows count to the run's arm."""
    runs = read_runs(write(tmp_path, run("r1", sample(1), sample(2), simulated="yes"), run("r2")))
    assert messages(runs) == ["runs.jsonl:1: simulated is 'yes'; expected true or false."]
    assert runs.unreadable == {"control": 2}
    check_account(runs)


def test_strategy_and_last_start(tmp_path: Path) -> None:
    """An envelope's samples start with it; a flat run's last sample is later."""
    (tmp_path / "t.csv").write_text(
        "arm,run_id,status,started_at\na,r,passed,2026-03-02T10:00:00Z\n"
        "a,r,failed,2026-03-04T10:00:00Z\na,r,failed,\n",
        encoding="utf-8",
    )
    write(tmp_path, run("e", sample(1), datasetMeta=META | {"strategyHash": "abc"}))
    envelope, flat = sorted(read_runs(tmp_path).runs, key=lambda info: info.run_id)
    assert (envelope.strategy_hash, envelope.last_at) == ("abc", envelope.started_at)
    assert (flat.strategy_hash, flat.started_at, flat.last_at) == (
        None, datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 4, 10, tzinfo=UTC),
    )  # fmt: skip
