"""`others: ignored`: what a tool writes beside its samples is no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import RunsError
from rolloutlib.measure.store import ingest
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.runs.reading import read_runs

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
files: "*.csv"
others: ignored
arms: {control: a.csv, treatment: b.csv}
columns: {prompt_id: id, passed: right}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tables, one of a third arm, and a tool's own files."""
    for name in "abc":
        rows = "".join(f"{row},{row % 2}\n" for row in range(6))
        (tmp_path / f"{name}.csv").write_text(f"id,right\n{rows}")
    (tmp_path / "run.json").write_text('[{"name": "settings"}]')
    (tmp_path / "logs.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "source.yaml").write_text(SOURCE)
    return tmp_path


def test_other_files_are_no_data(folder: Path) -> None:
    """Neither a table that no arm names nor a file of settings is read, or counts as refused."""
    runs = read_runs(folder)
    assert (runs.kept, runs.rows_quarantined) == (12, 0)
    assert set(runs.ignored) >= {"c.csv", "run.json", "logs.gz"}


def test_a_store_takes_the_same_files(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is stored is what would be read; the second ingest finds nothing new."""
    into, plan = tmp_path_factory.mktemp("store"), load_plan(workbook_root() / "params/plan.yaml")
    assert [file.name for file in ingest(folder, into, plan).inputs] == ["a.csv", "b.csv"]
    assert ingest(folder, into, plan).known == 2


def test_a_source_that_names_no_file_is_told(folder: Path) -> None:
    """With every file ignored there is nothing to read: the message names the keys."""
    (folder / "source.yaml").write_text(SOURCE.replace("*.csv", "*.tsv"))
    with pytest.raises(RunsError, match=r"expected files and arms of source\.yaml to name one"):
        read_runs(folder)
