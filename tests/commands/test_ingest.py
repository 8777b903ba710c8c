"""rollout ingest: what it says, and how it refuses."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from rolloutlib.cli import main
from rolloutlib.errors import UsageError
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params

ROOT = Path(__file__).resolve().parents[2]
RAGTRUTH = str(ROOT / "data" / "examples" / "ragtruth")


@pytest.fixture(autouse=True)
def _in_the_workbook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the plan is."""
    monkeypatch.chdir(ROOT)


def test_ingest_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Days, the account of rows, and the second time that nothing was to do."""
    into = str(tmp_path / "store")
    assert main(["ingest", RAGTRUTH, "--into", into]) == 0
    first = capsys.readouterr().out
    assert "undated" in first
    assert "2,967 rows read = 2,967 kept + 0 quarantined" in first
    assert main(["ingest", RAGTRUTH, "--into", into]) == 0
    assert "1 files were already stored and not read again" in capsys.readouterr().out


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """Help has examples, the layout and the exit codes."""
    with pytest.raises(SystemExit) as ended:
        main(["ingest", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("examples:", "date=YYYY-MM-DD/", "Exit code: 0 stored"))


def test_refusals_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No path, no source.yaml, a second ingest at once: exit 2 and one sentence."""
    into = tmp_path / "store"
    into.mkdir()
    missing = str(tmp_path / "none")
    assert main(["ingest", missing, "--into", str(into)]) == 2
    assert main(["ingest", RAGTRUTH, "--source", missing, "--into", str(into)]) == 2
    with (into / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["ingest", RAGTRUTH, "--into", str(into)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert ["does not exist" in errors[0], "no such file" in errors[1]] == [True, True]
    assert "another ingest writes to" in errors[2]


def test_a_store_needs_no_engine(tmp_path: Path) -> None:
    """An engine that would read nothing is refused, not ignored."""
    into = str(tmp_path / "store")
    assert main(["ingest", RAGTRUTH, "--into", into]) == 0
    arms = {"control": "llama-2-7b-chat", "treatment": "llama-2-70b-chat"}
    params = review_params({"stage": 2, "runs": into, "engine": "local[2]", **arms})
    with pytest.raises(UsageError, match="a store, whose sums need none"):
        review_stage(params)
