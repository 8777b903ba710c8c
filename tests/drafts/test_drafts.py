"""Drafts of source.yaml: what is recognised by names and values, what is left out, what is told."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from rolloutlib.cli import main
from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.missing import missing_for
from rolloutlib.drafts.written import text_of
from rolloutlib.errors import RunsError, UsageError
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from rolloutlib.runs.reading import read_runs
from rolloutlib.runs.sources import SourceSpec, load_source

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
HEADER = ["번호", "질문", "결과", "점수", "응답시간(초)"]


def write_table(path: Path, seed: int, header: list[str] = HEADER) -> Path:
    """Write a small table of one arm, in Korean words."""
    draw = random.Random(seed)  # noqa: S311 -- no secret
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        for number in range(40):
            right = "정답" if draw.random() < 0.8 else "오답"
            took = round(draw.uniform(0.3, 3), 2)
            rows.writerow([number + 1, f"질문 {number}", right, draw.randint(1, 5), took])
    return path


def test_two_tables_in_korean_are_two_arms(tmp_path: Path) -> None:
    """Names and values in Korean become fields, and every row is read as the draft says."""
    files = [write_table(tmp_path / f"{name}.csv", seed) for seed, name in enumerate(("v1", "v2"))]
    drafted = draft(files)
    source = drafted.peek.folder / "source.yaml"
    missing = missing_for(drafted.spec, load_eval_plan(SHIPPED).gates)
    source.write_text(text_of(drafted.draft, missing), encoding="utf-8")
    shown = (ROOT / "docs" / "source.md").read_text("utf-8").partition("```yaml\nfiles: '*.csv'")[2]
    lines = shown.partition("```")[0].splitlines()
    assert [line for line in lines if line not in source.read_text("utf-8").splitlines()] == []
    assert load_source(source) == drafted.spec == SourceSpec.model_validate(drafted.draft.mapping)
    runs = read_runs(tmp_path)
    assert (runs.kept, runs.rows_quarantined) == (80, 0)
    assert {info.arm for info in runs.runs} == {"control", "treatment"}
    rows = runs.table.select(["prompt_id", "status", "score", "latency_ms"]).to_pylist()
    assert all(cell is not None for row in rows for cell in row.values())
    assert max(row["score"] for row in rows) == 10
    assert min(row["latency_ms"] for row in rows) >= 300


def test_what_may_be_several_things_is_left_out(tmp_path: Path) -> None:
    """Scores of an open scale and times of an open unit are told, not guessed."""
    path = tmp_path / "v1.csv"
    path.write_text("id,verdict,score,latency\n" + "".join(
        f"{n},{'so so' if n else 'pass'},{2 + n % 2},{40 + n}\n" for n in range(9)
    ) + "10,pass,3,41\n")  # fmt: skip
    with pytest.raises(RunsError, match="verdict: called like an outcome"):
        draft([path])
    path.write_text(path.read_text().replace("verdict", "passed").replace("so so", "fail"))
    left = draft([path]).draft.left
    assert left["score"].code == "draft.scale_open"
    assert left["latency"].code == "draft.unit_open"


def test_the_command_writes_beside_the_files_and_over_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same draft again is no fault, another file in its place is."""
    files = [str(write_table(tmp_path / f"{name}.csv", 1)) for name in ("a", "b")]
    assert main(["source", *files]) == 0
    assert main(["source", *files]) == 0
    assert main(["source", *files, "--lang", "ko"]) == 2
    assert "이미 있고 초안과 다릅니다" in capsys.readouterr().err
    assert main(["source", *files, "--lang", "ko", "--out", "-"]) == 0
    assert "짝을 이룹니다" in capsys.readouterr().out


def test_the_same_files_twice_are_no_two_arms(tmp_path: Path) -> None:
    """A file beside itself, or a folder beside a file in it, is refused before it is read."""
    path = write_table(tmp_path / "a.csv", 1)
    with pytest.raises(UsageError, match="hold the same files"):
        draft([path, path])
    with pytest.raises(UsageError, match="hold the same files"):
        draft([tmp_path, path])


def as_korean_excel(path: Path, text: str) -> None:
    """Write what Excel saves as CSV in Korean, with semicolons and decimal commas."""
    path.write_bytes(text.replace(",", ";").replace(".", ",").encode("cp949"))


def as_workbook(path: Path, text: str) -> None:
    """Write a workbook with numbers in its cells."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in text.splitlines():
        sheet.append([float(c) if c.replace(".", "").isdigit() else c for c in line.split(",")])
    book.save(path)


WRITTEN: dict[str, Callable[[Path, str], object]] = {
    "xlsx": as_workbook,
    "csv": as_korean_excel,
    "csv.gz": lambda path, text: path.write_bytes(gzip.compress(text.encode())),
    "tsv": lambda path, text: path.write_text(text.replace(",", "\t"), encoding="utf-16"),
    "json": lambda path, text: path.write_text(as_json(text), encoding="utf-8"),
}


def as_json(text: str) -> str:
    """Return a document with the rows somewhere inside, and NaN where a cell is empty."""
    header, *rows = [line.split(",") for line in text.splitlines()]
    records = [dict(zip(header, row, strict=True)) for row in rows]
    return json.dumps({"run": {"id": 7}, "out": {"rows": records}}, ensure_ascii=False)


@pytest.mark.parametrize("kind", WRITTEN)
def test_however_a_table_is_written(kind: str, tmp_path: Path) -> None:
    """The draft says what opens the file, in what it is written, and reads the same samples."""
    files: list[Path] = []
    for seed, name in enumerate(("v1", "v2")):
        plain = write_table(tmp_path / "plain", seed).read_text("utf-8")
        files.append(tmp_path / f"{name}.{kind}")
        WRITTEN[kind](files[-1], plain)
    (tmp_path / "plain").unlink()
    drafted = draft(files)
    (tmp_path / "source.yaml").write_text(text_of(drafted.draft), encoding="utf-8")
    runs = read_runs(tmp_path)
    assert (runs.kept, runs.rows_quarantined) == (80, 0)
    rows = runs.table.select(["prompt_id", "status", "score", "latency_ms"]).to_pylist()
    assert all(cell is not None for row in rows for cell in row.values())
    assert 300 <= min(row["latency_ms"] for row in rows) < 3000


def test_neighbours_are_no_data(tmp_path: Path) -> None:
    """Two files of a folder of three are read alone, and so is one of two."""
    files = [write_table(tmp_path / f"{name}.csv", 1) for name in ("a", "b", "c")]
    for paths, rows in ((files[:2], 80), (files[2:], 40)):
        drafted = draft(paths)
        assert drafted.draft.mapping["others"] == "ignored"
        (tmp_path / "source.yaml").write_text(text_of(drafted.draft), encoding="utf-8")
        assert read_runs(tmp_path).kept == rows


def test_check_shows_what_will_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row that is none is set apart and told, and the exit code says so."""
    path, other = (write_table(tmp_path / f"{name}.csv", seed) for seed, name in enumerate("ab"))
    with path.open("a", encoding="utf-8") as file:
        file.write("41,cut off\n")
    assert main(["source", str(path), str(other), "--check", "--rows", "2"]) == 10
    out = capsys.readouterr().out
    assert "81 rows read = 80 kept (control 40, treatment 40) + 1 set apart + 0 copies" in out
    assert "a.csv:42: the row has 2 values; expected 5 as in the header." in out
    assert out.count("\ncontrol ") == out.count("\ntreatment ") == 2


def test_a_row_of_both_arms_is_two_samples(tmp_path: Path) -> None:
    """Columns in Korean of what was and what is new become the arms of each row."""
    path = tmp_path / "둘.csv"
    rows = "".join(f"{n},{'정답' if n % 3 else '오답'},정답\n" for n in range(30))
    path.write_text(f"번호,기존 결과,신규 결과\n{rows}", encoding="utf-8")
    (tmp_path / "source.yaml").write_text(text_of(draft([path]).draft), encoding="utf-8")
    runs = read_runs(path)
    passed = runs.relation.filter("passed").project("arm").fetchall()
    assert Counter(arm for (arm,) in passed) == {"control": 20, "treatment": 30}


ODD: dict[str, tuple[str, str]] = {
    "names that are YAML": (
        "csv",
        "id,\"pass: {x}\",\"# x\",passed,'q',\n"
        + "".join(f"{n},1,2,{n % 2},3,4\n" for n in range(9)),
    ),
    "numbers that no float holds": (
        "jsonl", "".join(f'{{"passed": true, "score": 1{"0" * 400}}}\n' for _ in range(9))
    ),
}  # fmt: skip
NONE: dict[str, tuple[str, str]] = {
    "a list of no objects": ("json", "[[1, 2], [3, 4]]"),
    "no JSON": ("json", "[" * 5000),
    "no text": ("csv", "\0\1,\2\n" * 20),
    "nothing": ("csv", ""),
}


@pytest.mark.parametrize("named", ODD)
def test_odd_files_have_a_draft_that_loads(named: str, tmp_path: Path) -> None:
    """Whatever stands in a file, the text of its draft means the draft."""
    kind, text = ODD[named]
    path = tmp_path / f"a.{kind}"
    path.write_text(text)
    drafted = draft([path])
    (tmp_path / "source.yaml").write_text(text_of(drafted.draft))
    assert load_source(tmp_path / "source.yaml") == drafted.spec
    assert read_runs(path).kept == 9


@pytest.mark.parametrize("named", NONE)
def test_files_without_samples_are_a_sentence(named: str, tmp_path: Path) -> None:
    """A file that holds no records ends as one sentence that says what was expected."""
    kind, text = NONE[named]
    path = tmp_path / f"a.{kind}"
    path.write_text(text)
    with pytest.raises(RunsError, match=r"; (expected|write source\.yaml)"):
        draft([path])
