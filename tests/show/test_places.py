"""An output never goes among a workbook's own records, into its hidden folders, or into git's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.errors import UsageError
from rolloutlib.show.bundle import new_report
from rolloutlib.show.owned import refuse_inner
from tests.ledger.workbooks import workbook

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = (
    "keys/x", "params", "params/stage-2.yaml", "docs/LEDGER/x", "docs/RELEASE_NOTES/x",
    "docs/ROLLBACKS", "docs/RUN_LOGS/x.md", "reports/looks.jsonl", "data/incidents.jsonl",
    ".git/hooks", ".venv/x", "reports/.kept/x", "linked/x", "reports/../params/x",
)  # fmt: skip
PLACES = ("reports/w3", "out", "docs/w3", "docs/PLAN.md", "data/x", ".", "keys2", "a.b/x",
          "reports/keys/x", "../x", "../.cache/x", "../params/x")  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workbook in which the caller stands, in a hidden folder, with a linked folder."""
    made = workbook(tmp_path / ".ci" / "w")
    (made / "linked").symlink_to("params")
    monkeypatch.chdir(made)
    return made


@pytest.mark.parametrize("place", RECORDS)
def test_what_is_kept_there_is_no_output(root: Path, place: str) -> None:
    """By name, by a link, by a way round: named with what was got and with what to write."""
    with pytest.raises(UsageError, match=r"--out is '.*', which lies in .*: .* such as data/\w+"):
        refuse_inner(root / place, "--out", "data")


@pytest.mark.parametrize(
    ("place", "home", "instead"),
    [
        ("reports/looks.jsonl", "reports", "reports/new.jsonl"),
        ("reports/.looks.jsonl", "reports", "reports/new.jsonl"),
        ("data/incidents.jsonl", "data", "data/new.jsonl"),
        ("params", ".", "./new"),
        ("keys/keys", ".", "./new"),
        ("keys/x.json", "reports", "reports/x.json"),
    ],
)
def test_what_is_advised_is_no_record_itself(
    root: Path, place: str, home: str, instead: str
) -> None:
    """The same name in its proper place, or another one where that is a record as well."""
    with pytest.raises(UsageError, match=rf"such as {re.escape(instead)}$"):
        refuse_inner(root / place, "--out", home)
    refuse_inner(root / instead)


@pytest.mark.parametrize("place", PLACES)
def test_any_other_place_is_fine(root: Path, place: str) -> None:
    """Below a workbook or beside it, hidden or not; only its own folders are its own."""
    refuse_inner(root / place)


@pytest.mark.parametrize(
    "line",
    [
        "review 2 --out keys/x",
        "watch --out .git/x",
        "compare a b --out params/x",
        "compare a b --junit params/flags.json",
        "compare a b --markdown docs/LEDGER/x.md",
        "plan --stage 2 --out params",
        "plan-page --out params/plan.yaml",
        "source a --out params/source.yaml",
        "ingest a --into keys",
        "retrospective --out docs/LEDGER",
        "slides reports/x --out .git/x.pdf",
        "bench --prompts p --engine e --control c --treatment t --out .git/hooks",
        "publish .site",
    ],
)
def test_every_command_refuses_it_before_anything_else(
    root: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """Exit code 2 and the sentence, though runs and reports are not there either."""
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert main(line.split()) == 2
    assert "what is kept there is no output" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == files


def test_a_report_of_parameters_is_refused_too(root: Path) -> None:
    """What a file of parameters, or Python, names is held to the same."""
    with (
        pytest.raises(UsageError, match=r"out is .*which lies in params:"),
        new_report(root / "params" / "report"),
    ):
        pass
