"""Words for nothing are no issue, lists as text are lists, and spelling makes no new tag."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
# (pyarrow carries no types)
from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.measure.days import load
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.runs import Runs, read_runs, reading
from rolloutlib.runs.spellings import NOTHING, listed, meant
from tests.runs.test_runs import messages, run, sample, write
from tests.tables import PLAN

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # tables are read and reviewed, one after the other

SOURCE = "columns: {{arm: arm, passed: ok, {columns}}}\n"
KINDS = ("csv", "jsonl", "parquet")


def read_cells(folder: Path, kind: str, columns: str, **cells: list[Any]) -> Runs:
    """Read a table of one arm with these columns, in one of the formats."""
    (folder / "source.yaml").write_text(SOURCE.format(columns=columns), encoding="utf-8")
    n = len(next(iter(cells.values())))
    table = {"arm": ["a"] * n, "ok": ["true"] * n, **cells}
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    path = folder / f"t.{kind}"
    if kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table))
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "jsonl":
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_text(lines, encoding="utf-8")
    else:
        pq.write_table(pa.table(table), path)
    return read_runs(folder)


def issues(runs: Runs) -> list[list[str] | None]:
    """Return the issues of each row, in the order of the file."""
    assert not runs.quarantined, messages(runs)
    return runs.table.sort_by("sample_id")["issues"].to_pylist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separator", ["", ', separator: ";"'])
def test_a_word_for_nothing_is_no_issue(tmp_path: Path, kind: str, separator: str) -> None:
    """In a column of texts, in any case and between spaces, with a separator or without."""
    words = [*NOTHING, "OK", " None ", "N/A", "NULL"]
    columns = f"issues: {{column: tags{separator}}}"
    runs = read_cells(tmp_path, kind, columns, tags=[*words, "bias"])
    cells = issues(runs)
    assert sorted(tuple(tags or ()) for tags in cells) == [()] * len(words) + [("bias",)]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_nothing_inside_of_a_list_is_no_issue(tmp_path: Path, kind: str) -> None:
    """An empty text in a list is nothing; null stays unknown and an empty list known."""
    cells = [[""], ["none", "bias"], [], None, ["n/a", "-"]]
    assert issues(read_cells(tmp_path, kind, "issues: tags", tags=cells)) == [
        [],
        ["bias"],
        [],
        None,
        [],
    ]


def test_nothing_in_an_envelope_is_no_issue(tmp_path: Path) -> None:
    """Run envelopes are read by the same words."""
    samples = [sample(1, issues=[""]), sample(2, issues=["None", "bias"]), sample(3, issues=[])]
    table = read_runs(write(tmp_path, run("r1", *samples))).table
    assert table["issues"].to_pylist() == [[], ["bias"], []]


LISTS = {
    '["a", "b"]': ["a", "b"],
    "[]": [],
    " [ ] ": [],
    "['a', 'b']": ["a", "b"],
    "['a' 'b']": ["a", "b"],
    "('a',)": ["a"],
    "{'a', 'b'}": ["a", "b"],
    "{a,b}": ["a", "b"],
    "[a, b c]": ["a", "b c"],
    r'["a\u0062", "x;y"]': ["ab", "x;y"],
    r"['it\'s']": ["it's"],
    "[a] and b": ["[a] and b"],
    "(see below)": ["(see below)"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separator", ["", ', separator: "|"'])
@pytest.mark.parametrize("cell", LISTS)
def test_a_list_that_is_text_is_a_list(
    tmp_path: Path, kind: str, separator: str, cell: str
) -> None:
    """As JSON, Python, numpy and SQL write it; what only begins with a bracket is a word."""
    columns = f"issues: {{column: tags{separator}}}"
    assert issues(read_cells(tmp_path, kind, columns, tags=[cell])) == [LISTS[cell]]


@pytest.mark.parametrize("cell", ['[{"a": 1}]', '[["a"]]', '{"bias": true}', "[1.5]"])
def test_a_list_of_other_things_is_refused(tmp_path: Path, cell: str) -> None:
    """A list that holds no words is no tag with brackets."""
    assert not isinstance(listed(cell), str)
    runs = read_cells(tmp_path, "csv", "issues: tags", tags=[cell, "x"])
    assert [row.field for row in runs.quarantined] == ["tags"]
    assert "expected a list of words" in messages(runs)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_case_and_spaces_make_no_second_tag(tmp_path: Path, kind: str) -> None:
    """Several spellings become the lower-case one; a single spelling keeps its name."""
    cells = ["Made up", "made  up", " MADE UP ", "Evident Conflict", "Evident Conflict"]
    assert issues(read_cells(tmp_path, kind, "issues: tags", tags=cells)) == [
        *[["made up"]] * 3,
        *[["Evident Conflict"]] * 2,
    ]


def test_one_sample_has_a_tag_once(tmp_path: Path) -> None:
    """Two spellings in one list are one tag; spellings of other files count too."""
    write(tmp_path, run("r1", sample(1, issues=["Bias", "bias "])), name="a.jsonl")
    write(tmp_path, run("r2", sample(1, issues=["BIAS", "x"])), name="b.jsonl")
    tags = read_runs(tmp_path).table.sort_by("run_id")["issues"].to_pylist()
    assert [sorted(cell) for cell in tags] == [["bias"], ["bias", "x"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_names_its_own_words_for_nothing(tmp_path: Path, kind: str) -> None:
    """Then others are tags: here ok is one, and 0 and an empty cell are none."""
    cells = ["0", "OK", "bias"]
    runs = read_cells(tmp_path, kind, "issues: {column: tags, none: [0]}", tags=cells)
    assert issues(runs) == [[], ["OK"], ["bias"]]


EDITED = [
    ('["a", "b"]', '["B ", "a"]', False),
    ("a", "none", None),
    ("a", "[]", True),
    ("a", "A", False),
    ("none", "a", None),
    ("a", "", None),
    ("a", '["n/a", "a"]', False),
]


@pytest.mark.parametrize("careful", [False, True])
def test_edits_are_of_meanings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, careful: bool
) -> None:
    """Case and spaces are no edit; a word for nothing does not confirm, an empty list does."""
    if careful:
        monkeypatch.setattr(reading, "read_columns", lambda *_, **__: None)
    suggested, confirmed, edited = map(list, zip(*EDITED, strict=True))
    columns = "suggested_tags: s, confirmed_tags: c"
    unsorted = read_cells(tmp_path, "csv", columns, s=suggested, c=confirmed).table
    table = unsorted.sort_by("sample_id")
    assert table["edited"].to_pylist() == edited
    assert table["suggested"].to_pylist() == [cell != "none" for cell in suggested]
    assert table["suggested_tags"].to_pylist() == [["a", "b"], *[["a"]] * 3, [], ["a"], ["a"]]


def test_edits_of_envelopes_are_of_meanings(tmp_path: Path) -> None:
    """The engine's own lists follow the same rules."""
    pairs = [(["A", "b"], ["b ", "a"]), (["a"], ["n/a"]), (["a"], []), ([""], ["a"])]
    samples = [
        sample(n, suggestedTags=suggested, confirmedTags=confirmed)
        for n, (suggested, confirmed) in enumerate(pairs)
    ]
    table = read_runs(write(tmp_path, run("r1", *samples))).table
    assert table["edited"].to_pylist() == [False, None, True, None]
    assert table["suggested"].to_pylist() == [True, True, True, False]
    assert table["suggested_tags"].to_pylist() == [["a", "b"], ["a"], ["a"], []]


def test_korean_tags_are_kept() -> None:
    """Scripts without case are compared as they are."""
    assert meant(("환각", " 환각 ", "없음")) == {"환각"}


def test_a_store_spells_a_tag_once(tmp_path: Path) -> None:
    """What comes later is spelled as what the store has: days can be summed."""
    for day, tag in (("20", "Made up"), ("21", "made  up"), ("22", "MADE UP")):
        envelope = run(f"r{day}", sample(1, issues=[tag]), startedAt=f"2026-10-{day}T10:00:00Z")
        ingest(write(tmp_path, envelope, name=f"{day}.jsonl"), tmp_path / "store", PLAN)
    stored = load(tmp_path / "store")
    assert stored is not None
    days = read_store(tmp_path / "store", stored)
    assert days.runs.table["issues"].to_pylist() == [["Made up"]] * 3
    assert {tag for day in days.kept for tag in day.tags} == {"Made up"}
