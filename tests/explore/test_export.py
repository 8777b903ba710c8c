"""A review handed on: what a spreadsheet opens runs nothing, and nothing of anybody is lost."""

from __future__ import annotations

import csv
import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.explore import export
from rolloutlib.explore.csv_cells import disarmed
from rolloutlib.explore.review import Review as Explored
from rolloutlib.files import file_sha256
from tests.sample_review import hostile, story

if TYPE_CHECKING:
    from rolloutlib import Review

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
BEFORE = ("", " ", "  ", "\t", "\r", "\n", "\u00a0", "\u3000", "\ufeff", "\u200b", '"', "'",
          "\u201c", '" ', "\t\r\n")  # fmt: skip


def cells(*texts: str) -> list[str]:
    """Return texts as CSV has them."""
    return disarmed(pa.array(texts, pa.string())).to_pylist()


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
def test_no_text_begins_a_formula(before: str) -> None:
    """Each sign, behind whatever a spreadsheet skips: an apostrophe stands first."""
    assert [cell[0] for cell in cells(*(f"{before}{sign}1+1" for sign in SIGNS))] == ["'"] * 13
    assert [cell[0] for cell in cells("\tx", "\rx", "\nx")] == ["'"] * 3


def test_no_part_of_a_text_begins_one() -> None:
    """Where a semicolon or a tab parts cells, and behind a line break, a sign is disarmed too."""
    assert cells("a;=1", "a\t@x", "a\n\uff1d1", 'a;"=1', "a\n-cmd|x") == [
        "a;'=1", "a\t'@x", "a\n'\uff1d1", "a;\"'=1", "a\n'-cmd|x"]  # fmt: skip


def test_other_texts_stay() -> None:
    """What is no formula is as it was: sums in a sentence, lists, addresses, Korean, nothing."""
    texts = ["", "a = b", "1-2", "me@example.com", "a\n- one\n- two", "한국어", "x;y", "E=mc2"]
    assert cells(*texts) == texts


def test_everything_is_there_twice(small: Review, tmp_path: Path) -> None:
    """Each table and the samples, as Parquet and CSV, with the same cells and described columns."""
    written = small.export(tmp_path / "out")
    assert {path.name for path in written.folder.iterdir()} == {
        *(file.name for file in written), "export.sha256"}  # fmt: skip
    assert {file.name: file.bytes for file in written} == {
        path.name: path.stat().st_size for path in written.folder.iterdir()
        if path.name != "export.sha256"}  # fmt: skip
    columns = pd.read_csv(written.folder / "columns.csv", encoding="utf-8-sig")
    for name in (*export.TABLES, "samples"):
        table = parquet.read_table(written.folder / f"{name}.parquet")
        described = columns[columns["table"] == name]
        assert described["name"].to_list() == table.column_names
        assert described["meaning"].notna().all()
        assert table.schema.field(0).metadata[b"meaning"]
        if name != "samples":
            assert table.to_pylist() == getattr(small, name).to_arrow().to_pylist()
        with (written.folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            head, *rows = csv.reader(file)
        assert head == table.column_names
        assert len(rows) == table.num_rows
    samples = pd.read_csv(written.folder / "samples.csv", encoding="utf-8-sig")
    assert len(samples) == 80
    assert samples["latency_ms"].sum() == sum(
        900 + 10 * n + 7 * k for k in (0, 1) for n in range(40)
    )
    assert set(samples["platform"]) == {"web", "app"}
    assert samples["prompt_text"].str.startswith("'@ask").all()
    assert set(samples["category"]) == {"'=SUM(A1)", "rest"}
    assert set(pd.read_parquet(written.folder / "samples.parquet")["category"]) == {
        "=SUM(A1)", "rest"}  # fmt: skip


def test_a_spreadsheet_meets_no_formula(tmp_path: Path) -> None:
    """Labels that attack: no cell of text in any CSV begins one, and numbers are numbers."""
    folder = Explored(hostile().record).export(tmp_path / "out", samples=False).folder
    for path in folder.glob("*.csv"):
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *rows = csv.reader(file)
        for cell in (cell for row in (head, *rows) for cell in row if cell):
            try:
                assert math.isfinite(float(cell))
            except ValueError:
                assert cell.strip()[0] not in SIGNS
    gates = pd.read_csv(folder / "gates.csv", encoding="utf-8-sig")
    assert gates["point"].dtype == gates["lower"].dtype == "float64"
    assert (gates["lower"] < 0).any()


def test_an_earlier_export_gives_way(small: Review, tmp_path: Path) -> None:
    """The same folder again: the new export is there, whole, and nothing of the old one."""
    folder = small.export(tmp_path / "out").folder
    small.export(tmp_path / "out", samples=False)
    assert not (folder / "samples.csv").exists()
    lines = (folder / "export.sha256").read_text("utf-8").splitlines()
    assert {name: digest for digest, name in (line.split("  ") for line in lines)} == {
        path.name: file_sha256(path) for path in folder.iterdir() if path.name != "export.sha256"
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("what", ["another file", "a changed file", "a folder", "a link"])
def test_what_others_put_there_stays(tmp_path: Path, what: str) -> None:
    """A folder that holds anything but an export as it was written is refused, and named."""
    review = Explored(story().record)
    folder = review.export(tmp_path / "out", samples=False).folder
    theirs = folder / {"a changed file": "gates.csv"}.get(what, "notes")
    if what == "a folder":
        theirs.mkdir()
    elif what == "a link":
        theirs.symlink_to(folder / "gates.csv")
    else:
        theirs.write_text("mine", encoding="utf-8")
    before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()}
    with pytest.raises(UsageError, match=f"what no export wrote.*{theirs.name}.*another folder"):
        review.export(folder, samples=False)
    assert {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, at whichever file: the earlier export is whole, and nothing is beside it."""
    review = Explored(story().record)
    folder = review.export(tmp_path / "out", samples=False).folder
    before = {path.name: file_sha256(path) for path in folder.iterdir()}
    real = export.written
    for left in (0, 5, 16):
        count = iter(range(left))

        def full(*arguments: object, count: object = count) -> object:
            if next(count, None) is None:  # type: ignore[call-overload]
                raise OSError(28, "No space left on device")
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(export, "written", full)
        with pytest.raises(RolloutError, match=r"could not be written \(No space left on device\)"):
            review.export(folder, samples=False)
        assert {path.name: file_sha256(path) for path in folder.iterdir()} == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_samples_the_tables_are_there(
    small: Review, copied: Path, tmp_path: Path
) -> None:  # fmt: skip
    """Samples that are gone keep nothing back: what is written says why they are not there."""
    params = small.params.model_copy(update={"runs": str(copied)})
    shutil.rmtree(copied)
    review = Explored(small.record, params=params)
    written = review.export(tmp_path / "out")
    assert "made without its data" in repr(written)
    assert "made without its data" in (written.folder / "README.md").read_text("utf-8")
    assert not [file for file in written if file.name.startswith("samples")]


@pytest.mark.parametrize(
    ("folder", "refusal"), [("", "expected a folder"), (3, "expected a folder")]
)
def test_what_is_no_folder_is_told(folder: str, refusal: str) -> None:
    """A value of another type, an empty name: one sentence."""
    with pytest.raises(UsageError, match=refusal):
        Explored(story().record).export(folder)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A file in its place stays, and is named."""
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file"):
        Explored(story().record).export(tmp_path / "out")
    assert (tmp_path / "out").read_text("utf-8") == "mine"


def test_relative_paths_start_where_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """As other programs write; what is returned has the whole path."""
    monkeypatch.chdir(tmp_path)
    written = Explored(story().record).export("out", samples=False)
    assert written.folder == Path(os.path.realpath(tmp_path / "out"))


def test_an_export_is_not_written_among_the_runs(small: Review, runs: Path) -> None:
    """The next review would read it as runs: the folder is refused, and nothing is written."""
    before = sorted(runs.iterdir())
    for place in (runs / "out", runs / "a" / "b", runs):
        with pytest.raises(UsageError, match="lies among the runs of"):
            small.export(place)
    assert sorted(runs.iterdir()) == before
