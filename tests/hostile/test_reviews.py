"""Whole reviews of a folder with hostile entries: a page, an account, and a decision on it."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.ledger.test_walkthrough import BY, rollout
from tests.ledger.workbooks import ROOT, workbook

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]
RUNS = "data/examples/story/stage-2"
REFUSED = {
    "a.json": "not a link",
    "b.json.zip": "an unpacked file",
    "c.json": "not a named pipe",
    "d": "not a link",
    "\\xff.json": "a name in UTF-8",
    "e\\nf.json": "a name in UTF-8",
}  # fmt: skip


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workbook whose runs lie between links, pipes, archives and odd names, reviewed."""
    root = workbook(tmp_path_factory.mktemp("hostile") / "workbook")
    for folder in ("notebooks", RUNS):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "params" / "stage-2.yaml", root / "params")
    shutil.copy(ROOT / "requirements.lock", root)
    runs = root / RUNS
    (runs / "a.json").symlink_to("/etc/passwd")
    (runs / "b.json.zip").write_bytes(b"PK\x03\x04")
    os.mkfifo(runs / "c.json")
    (runs / "d").symlink_to("..")
    for name in (b"\xff.json", b"e\nf.json"):
        (runs / os.fsdecode(name)).write_bytes(b"{}")
    made = rollout(root, "review", "2", "--runs", RUNS, "--out", "reports/w3")
    # were all six refused entries errors, their share would be within what stage 2 proves
    assert (made.returncode, made.stderr.count("Traceback")) == (0, 0), made.stderr
    return root


def test_refused_entries_have_their_place_in_the_account(reviewed: Path) -> None:
    """Each is named with its reason in review.json, on the page and in quarantine/."""
    out = reviewed / "reports" / "w3"
    review = json.loads((out / "review.json").read_text("utf-8"))
    inputs = {source["name"]: source for source in review["inputs"]}
    assert REFUSED.keys() < inputs.keys()
    assert all(
        source["read"] == source["kept"] + source["quarantined"] for source in inputs.values()
    )
    lines = (out / "quarantine" / "unread.jsonl").read_text("utf-8").splitlines()
    expectations = {row["file"]: row["expectation"] for row in map(json.loads, lines)}
    assert expectations.keys() == REFUSED.keys()
    assert all(says in expectations[name] for name, says in REFUSED.items())
    assert "b.json.zip" in (out / "review.html").read_text("utf-8")


def test_a_decision_on_them_is_taken_or_refused_in_words(reviewed: Path) -> None:
    """`decide` pins the good runs, and notices when a refused entry became a file of runs."""
    arguments = ("decide", "reports/w3", "--verdict", "GO", "--by", BY, "--note", "All of W3.")
    link = reviewed / RUNS / "a.json"
    link.unlink()
    link.write_text("{}", encoding="utf-8")
    changed = rollout(reviewed, *arguments)
    assert changed.returncode != 0
    assert "a.json" in changed.stderr
    assert "Traceback" not in changed.stderr
    link.unlink()
    link.symlink_to("/etc/passwd")
    made = rollout(reviewed, *arguments)
    assert made.returncode == 0, made.stderr
