"""A workbook from its sheet to a decision that replays, and by stored days."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from rolloutlib.runs import read_runs
from tests.ledger.test_walkthrough import BY, ROLES, ROOT, rollout
from tests.ledger.workbooks import keys
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EXHAUSTIVE, reason="a notebook a review: ROLLOUT_EXHAUSTIVE=1"),
]


def workbook_of(runs: Path, into: Path) -> None:
    """Write runs as a sheet in our own names, two lines below a title."""
    into.mkdir(parents=True)
    table = read_runs(runs).table.select(
        ["arm", "run_id", "sample_id", "prompt_id", "user_id", "status", "score", "latency_ms",
         "started_at"]
    )  # fmt: skip
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["주간 평가"])
    sheet.append([])
    sheet.append(table.column_names)
    for row in table.to_pylist():
        started = row["started_at"]
        sheet.append([*list(row.values())[:-1], started and started.isoformat()])
    book.save(into / "평가.xlsx")


def test_a_decision_over_a_workbook_replays(tmp_path: Path) -> None:
    """Its pins are the digest of the .xlsx; a changed cell is a changed file."""
    root = tmp_path / "workbook"
    for folder in ("params", "notebooks", "docs/LEDGER"):
        without = shutil.ignore_patterns("dec-*", ".ipynb_checkpoints")
        shutil.copytree(ROOT / folder, root / folder, ignore=without)
    shutil.copy(ROOT / "requirements.lock", root)
    workbook_of(ROOT / "data/examples/story/stage-2", root / "data/sheets")
    made = rollout(root, "review", "2", "--runs", "data/sheets", "--out", "reports/x")
    assert made.returncode == 10, made.stderr  # HOLD: no checks lie beside it
    for role, who in ROLES:
        key = ("--key", f"{keys() / who}.pub", "--by", BY)
        rollout(root, "keys", "add", f"{who}@ex.com", "--name", who, "--role", role, *key)
    decided = rollout(
        root, "decide", "reports/x", "--verdict", "HOLD", "--by", BY, "--note", "A sheet."
    )
    assert decided.returncode == 0, decided.stderr
    name = decided.stdout.partition(":")[0]
    replayed = rollout(root, "replay", name)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    stored = rollout(root, "ingest", "data/sheets", "--into", "data/days")
    assert stored.returncode == 0, stored.stderr
    again = rollout(root, "ingest", "data/sheets", "--into", "data/days")
    assert "1" in again.stdout
    (root / "data/sheets/평가.xlsx").write_bytes(b"PK")
    assert rollout(root, "replay", name).returncode != 0
