"""Drafted evidence: what is known stands in it, what is not keeps its check open."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.drafts.evidence import draft_evidence
from rolloutlib.errors import FileError
from rolloutlib.judge.checks import newest_run, run_checks
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.model import Check, load_plan
from rolloutlib.plan.params import review_params
from rolloutlib.words.sentences import speaking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.drafts.evidence import Drafted
    from rolloutlib.judge.record import CheckResult, Reviewed
    from rolloutlib.plan.model import Plan

ROOT = Path(__file__).parents[2]
ANSWERS = ROOT / "data/examples/answers"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FILES = ("incidents.jsonl", "changes.yaml", "release-notes.md")


@cache
def plan() -> Plan:
    """Read the shipped plan."""
    return load_plan(ROOT / "params/plan.yaml")


@cache
def review() -> Reviewed:
    """Measure the example's table once."""
    arms = {"control": "old", "treatment": "new"}
    return review_stage(review_params({"stage": 0, "runs": str(ANSWERS), "looks": ""} | arms))


def drafted(folder: Path, root: Path | None = None) -> tuple[Drafted, ...]:
    """Draft what a folder lacks."""
    return draft_evidence(plan(), review(), folder, root or folder)


def looked_at(folder: Path) -> Sequence[CheckResult]:
    """Let the plan's checks look at a folder."""
    newest = newest_run(review().runs, "new")
    return run_checks(plan().checks, folder, now=newest, newest=newest, root=folder, simulated=True)


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_draft_is_no_evidence(tmp_path: Path, lang: str) -> None:
    """Every file of the plan's checks is there; every check is open, because it is a draft."""
    with speaking(lang):
        files = drafted(tmp_path)
    assert {file.name for file in files} == {
        *FILES, *(f"junit/TEST-{suite}.xml" for suite in plan().checks["test_suites"].items)
    }  # fmt: skip
    assert all(file.fresh and (tmp_path / file.name).is_file() for file in files)
    assert {file.role for file in files} == {"qa", "engine", "pm"}
    assert {check.holds for check in looked_at(tmp_path)} == {None}
    assert {check.why.code for check in looked_at(tmp_path)} == {
        "suites.unfilled", "evidence.unfilled"
    }  # fmt: skip


@pytest.mark.slow
def test_what_the_runs_and_the_plan_tell_stands_in_the_notes(tmp_path: Path) -> None:
    """Flags that a GO moves, who gets them, and both arms' numbers; simulated runs say so."""
    drafted(tmp_path)
    notes = (tmp_path / "release-notes.md").read_text("utf-8")
    rows = [run for run in review().runs if run.arm == "new" and run.averaged]
    rate = sum(run.pass_rate or 0 for run in rows) / len(rows)
    assert f"{rate:.1%}" in notes
    assert "`feature.autoTagging` off → on" in notes
    assert "feature.searchLite" not in notes
    assert "Dogfood: at most 30 users" in notes
    for name in FILES:
        assert "simulated" in (tmp_path / name).read_text("utf-8"), name


@pytest.mark.slow
def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A file that is there keeps its bytes, whatever it holds; the others are drafted."""
    (tmp_path / "changes.yaml").write_bytes(b"\xff mine")
    files = {file.name: file.fresh for file in drafted(tmp_path)}
    assert (files["changes.yaml"], files["incidents.jsonl"]) == (False, True)
    assert (tmp_path / "changes.yaml").read_bytes() == b"\xff mine"
    assert not any(file.fresh for file in drafted(tmp_path))


@pytest.mark.slow
def test_documents_are_found_and_git_tells_of_them(tmp_path: Path) -> None:
    """A document of the folder or the workbook is named by its path, with its last commit."""
    folder = tmp_path / "evidence"
    odd = "HITL a, b}: #.md"
    for path in (tmp_path / "docs" / odd, folder / "docs/PLAN_super.md"):
        path.parent.mkdir(parents=True)
        path.write_text("# Said\n", encoding="utf-8")
    who = ("-c", "user.name=A Test", "-c", "user.email=a@test.invalid")
    for command in (("init", "-q"), ("add", "docs"), ("commit", "-qm", "Say: what -->\x1b[0m")):
        subprocess.run(["git", *who, *command], cwd=tmp_path, check=True)
    drafted(folder, tmp_path)
    changes = (folder / "changes.yaml").read_text("utf-8")
    assert f'path: "docs/{odd}"' in changes
    assert "path: docs/PLAN_super.md" in changes
    assert "Say: what" in changes
    assert "\x1b" not in changes
    filled = {"updated": "2026-11-20T18:00:00+09:00", "reflected": "true", "path": "docs/no.md"}
    for key, value in filled.items():
        changes = re.sub(rf'{key}: "TODO[^"]*"', f"{key}: {value}", changes)
    (folder / "changes.yaml").write_text(changes, encoding="utf-8")
    newest = newest_run(review().runs, "new")
    checks = run_checks(plan().checks, folder, now=newest, newest=newest, root=tmp_path)
    documents = next(check for check in checks if check.id == "documents")
    assert documents.why.code == "documents.no_path"
    assert len(documents.evidence) == 3  # changes.yaml and the two that are found


@pytest.mark.slow
def test_notes_that_a_program_could_write_are_no_evidence_either(tmp_path: Path) -> None:
    """A plan that asks only for what is known still wants somebody to have read it."""
    notes = Check(title="Notes", kind="release_notes", items=("Metrics summary", "Who is impacted"))
    named = Check(title="Documents", kind="documents", items=("no",))
    of = plan().model_copy(update={"checks": {"notes": notes, "documents": named}})
    draft_evidence(of, review(), tmp_path, tmp_path)
    results = run_checks(of.checks, tmp_path, now=NOW, root=tmp_path)
    assert [check.why.code for check in results] == ["evidence.unfilled"] * 2
    assert '{document: "no", ' in (tmp_path / "changes.yaml").read_text("utf-8")


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file in the folder's place is a sentence."""
    (tmp_path / "junit").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="junit is there and is no folder"):
        drafted(tmp_path)


@pytest.mark.slow
def test_the_command_says_what_is_open_and_who_owes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check writes nothing and ends with 10; a missing path is wrong usage."""
    call = ["evidence", "init", str(ANSWERS), "--control", "old", "--treatment", "new"]
    folder = ["--evidence", str(tmp_path / "evidence"), "--stage", "0"]
    assert main([*call, *folder, "--check"]) == 10
    assert not (tmp_path / "evidence").exists()
    out = capsys.readouterr().out
    assert "? Test suites pass (QA): There is no evidence folder." in out
    assert "? Release notes are ready (PM): " in out
    assert main(["evidence", "init", str(tmp_path / "none")]) == 2
    assert "none: there is no such file or folder" in capsys.readouterr().err
