"""`rollout watch` as people call it: the day's folder, exit codes, and the kill switch."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutlib.cli import main
from rolloutlib.flags.document import FLAGS, read_flags
from tests.ledger.workbooks import keys
from tests.often import EXHAUSTIVE
from tests.rollback import books

pytestmark = pytest.mark.slow  # notebooks

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "data" / "examples" / "story"
PARTS = {"params.yaml", "seal.sha256", "watch.html", "watch.ipynb", "watch.json"}


def rollout(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a workbook."""
    command = [sys.executable, "-m", "rolloutlib", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def that_pulls(root: Path) -> Path:
    """Let the plan pull the switch for metrics that get worse; no page can be made at `taken`."""
    plan = root / "params" / "plan.yaml"
    text = plan.read_text("utf-8")
    assert "alarms: [harm], pulls: false" in text
    plan.write_text(text.replace("alarms: [harm], pulls: false", "alarms: [harm], pulls: true"))
    (root / "taken").write_text("")
    return root


REGRESSION = ("watch", "2", "--as-of", "2026-10-18", "--runs", str(STORY / "stage-2-regression"))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Return a workbook at stage 2 with its notebook and four people's keys."""
    root = books.workbook(tmp_path / "book", stage=2)
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "daily_monitor.ipynb", root / "notebooks")
    return root


def test_an_alarm_is_answered_by_the_printed_command(book: Path) -> None:
    """The regression ends with 40; the command as printed turns A off, and its records hold."""
    done = rollout(book, *REGRESSION, "--rollback")
    assert done.returncode == 40, done.stderr
    assert "The kill switch was not pulled: the plan lets none" in done.stdout
    assert read_flags(book / FLAGS).state.off == ()
    day = book / "reports" / "daily" / "2026-10-18"
    assert {path.name for path in day.iterdir()} == PARTS
    answer = json.loads((day / "watch.json").read_text("utf-8"))["answer"]
    (printed,) = (line for line in done.stdout.splitlines() if "rollout rollback" in line)
    assert shlex.split(printed)[1:] == answer
    back = rollout(book, *answer)
    assert back.returncode == 0, back.stdout + back.stderr
    assert "A" in read_flags(book / FLAGS).state.off
    (card,) = (book / "docs" / "LEDGER").glob("dec-*-rollback-001.md")
    if EXHAUSTIVE:  # the rollback's own tests sign and verify
        for role, who in (("engine", "eng_choi"), ("pm", "pm_kim")):
            signed = rollout(book, "sign", card.stem, "--as", role, "--key", str(keys() / who))
            assert signed.returncode == 0, signed.stderr
        verified = rollout(book, "verify")
        assert verified.returncode == 0, verified.stdout


def test_a_page_that_cannot_be_made_keeps_no_switch_from_being_pulled(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the plan lets the alarm pull, flags are off although the day has no folder."""
    monkeypatch.chdir(that_pulls(book))
    code = main([*REGRESSION, "--rollback", "--out", "taken/below"])
    printed = capsys.readouterr()
    assert code == 2
    assert "where no report can be written" in printed.err
    assert "OFF: feature.searchLite" in printed.out
    assert read_flags(book / FLAGS).state.off == ("A",)


@pytest.mark.skipif(not EXHAUSTIVE, reason="takes a whole watch")
def test_data_of_another_stage_pull_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alarm of stage 2 is told, but the flags of stage 3 are in force and stay."""
    root = that_pulls(books.workbook(tmp_path / "book", stage=3))
    monkeypatch.chdir(root)
    main([*REGRESSION, "--rollback", "--out", "taken/below"])
    assert "stage 3 is in force, and these data are of stage 2" in capsys.readouterr().out
    assert read_flags(root / FLAGS).state.off == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("watch", "--as-of", "2026-10-40"), "expected a date such as 2026-11-20"),
        (("watch", "--since", "yesterday"), "since: is 'yesterday'; expected a date"),
        (("watch", "2", "--runs", "nowhere"), "there is no such file or folder"),
    ],
)
def test_wrong_usage_is_a_sentence(
    book: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Exit code 2, and no folder of a day."""
    monkeypatch.chdir(book)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (book / "reports" / "daily").exists()
