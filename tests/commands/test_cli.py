"""The command line as a process.

Exit codes, one sentence for every mistake, and never a traceback.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutlib.errors import RolloutError
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
from tests.often import EXHAUSTIVE

pytestmark = pytest.mark.slow  # starts a process a test

ROOT = Path(__file__).resolve().parents[2]
MAIN = "import sys; from rolloutlib.cli import main; sys.exit(main())"
BFCL = (
    "--runs",
    "data/examples/bfcl",
    "--control",
    "gpt-4o-2024-05-13-FC",
    "--treatment",
    "gpt-4o-2024-08-06-FC",
)


def rollout(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def unheard(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command into a pipe whose reader has left, as `| head -n 0` does."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-c", MAIN, *arguments], cwd=ROOT, stdout=writer, text=True,
            stderr=subprocess.PIPE, timeout=120, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)


def sentence(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one sentence on standard error that goes with an exit code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("rollout")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def test_help_names_every_exit_code() -> None:
    """Help is there for the command and its parts, with examples and the exit codes."""
    done = rollout("review", "--help")
    assert done.returncode == 0
    for word in ("--as-of", "examples:", "0 GO, 10 HOLD, 20 NO_GO, 30 INVALID", "2 wrong usage"):
        assert word in done.stdout


@pytest.mark.parametrize(
    "line", ["--help", "--version", "flags show", "flags diff", "flags check", "ledger"]
)
def test_a_reader_who_leaves_is_no_failure(line: str) -> None:
    """A command ends quietly, with its own exit code, when nobody reads what it prints."""
    done, heard = unheard(*line.split()), rollout(*line.split())
    assert (done.returncode, done.stderr) == (heard.returncode, heard.stderr)


def test_every_command_may_lose_its_reader() -> None:
    """Whichever command it is: its first words may find nobody."""
    commands = re.findall(r"^    ([a-z-]+)(?: |$)", rollout("--help").stdout, re.MULTILINE)
    assert {"review", "decide", "rollback"} <= {*commands}
    for command in commands:
        done = unheard(command, "--help")
        assert (done.returncode, done.stderr) == (0, ""), command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told() -> None:
    """What cannot be printed for another reason is a failure, in a sentence."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 -- a device
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "flags", "show"], cwd=ROOT, stdout=full, text=True,
            stderr=subprocess.PIPE, timeout=120, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be written: No space left" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: COMMAND"),
        (("revew", "2"), "invalid choice: 'revew'"),
        (("review",), "required: STAGE"),
        (("review", "9"), "invalid choice: 9"),
        (("review", "two"), "'two' is not a whole number"),
        (("review", "2", "--tretment", "x"), "unrecognized arguments: --tretment x"),
        (("review", "2", "--run", "x"), "unrecognized arguments: --run x"),
        (("review", "2", "--lang", "de"), "invalid choice: 'de'"),
        (("review", "2", "--runs", "none"), "--runs none: there is no such file or folder"),
        (
            ("review", "2", *BFCL, "--source", "none.yaml"),
            "--source none.yaml: there is no such file or folder",
        ),
        (
            ("review", "2", *BFCL, "--evidence", "none"),
            "--evidence none: there is no such file or folder",
        ),
        (
            ("review", "2", *BFCL, "--as-of", "2026-11-20T09:00"),
            "--as-of is '2026-11-20T09:00'; expected ISO 8601 with offset, such as",
        ),
        (
            ("review", "2", *BFCL, "--as-of", "yesterday"),
            "--as-of is 'yesterday'; expected ISO 8601 with offset, such as",
        ),
        (
            ("review", "2", *BFCL, "--as-of", "20261120"),
            "--as-of: 20261120 is no moment; expected ISO 8601 with offset",
        ),
        (("review", "2", "--runs", ""), "runs is ''"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """A mistake in the call ends with exit code 2 and a sentence, before any notebook starts."""
    out = tmp_path / "out"
    done = rollout(*arguments, *(("--out", str(out)) if arguments[:1] == ("review",) else ()))
    assert message in sentence(done, 2)
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.notebooks
def test_review_of_the_example(tmp_path: Path) -> None:
    """The shipped upgrade is a NO_GO (20).

    A table on standard output, and the four files in the folder.
    """
    done = rollout("review", "2", *BFCL, "--out", str(tmp_path / "out"))
    assert done.returncode == 20, done.stderr
    assert "Traceback" not in done.stderr
    assert "NO-GO" in done.stdout
    assert str(tmp_path / "out" / "review.html") in done.stdout
    assert {"review.ipynb", "review.html", "review.json", "params.yaml"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    written = json.loads((tmp_path / "out" / "review.json").read_text("utf-8"))
    pass_rate = next(gate for gate in written["gates"] if gate["id"] == "pass_rate")
    assert (written["schema"], written["stage"], written["recommendation"]) == (
        "rolloutlib/review@2",
        2,
        "NO_GO",
    )
    assert pass_rate["evidence"]["pairs"] == 1700
    assert pass_rate["evidence"]["point"] == pytest.approx(0.0147, abs=5e-5)
    assert pass_rate["plan"]["verdict"] == "inconclusive"
    assert [
        s["value"] for s in written["segments"] if s["p_holm"] is not None and s["p_holm"] < 0.05
    ] == ["rest"]


NO_EVIDENCE = {
    "runs.jsonl": ("", "runs.jsonl"),
    "runs.json": ("{", "runs.json"),
    "runs.csv": ("a,b\ncontrol,true\n", "source.yaml"),
}


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("name", NO_EVIDENCE if EXHAUSTIVE else ["runs.csv"])
def test_files_that_are_no_evidence(tmp_path: Path, name: str) -> None:
    """An empty file, half a file, a table without source.yaml: 30, and a sentence that names it."""
    text, message = NO_EVIDENCE[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert message in sentence(
        rollout("review", "2", "--runs", str(tmp_path), "--out", str(tmp_path / "out")), 30
    )


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_what_the_notebook_raises_of_them(tmp_path: Path, name: str) -> None:
    """The error that the command above ends with, whatever the file."""
    text, message = NO_EVIDENCE[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(RolloutError, match=re.escape(message)) as caught:
        review_stage(review_params({"stage": 2, "runs": str(tmp_path)}))
    assert caught.value.exit_code == 30


@pytest.mark.slow
@pytest.mark.notebooks
def test_misspelt_arm_and_folder_of_the_caller(tmp_path: Path) -> None:
    """Paths are the caller's; a misspelt arm, found only in the notebook.

    Is still exit code 2 and one sentence.
    """
    done = rollout("review", "2", "--runs", "bfcl", "--control", "gpt-4o-2024-05-13-F",
                   "--treatment", "x",
                   "--out", str(tmp_path / "out"), cwd=ROOT / "data" / "examples")  # fmt: skip
    assert "--control is 'gpt-4o-2024-05-13-F'; the runs have the arms" in sentence(done, 2)
