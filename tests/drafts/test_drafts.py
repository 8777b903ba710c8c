"""Drafts of source.yaml: what is recognised by names and values, what is left out, what is told."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.written import text_of
from rolloutlib.errors import RunsError, UsageError
from rolloutlib.runs.reading import read_runs
from rolloutlib.runs.sources import SourceSpec, load_source

if TYPE_CHECKING:
    from pathlib import Path

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
    files = [write_table(tmp_path / f"{name}.csv", seed) for seed, name in enumerate(("a", "b"))]
    drafted = draft(files)
    source = drafted.peek.folder / "source.yaml"
    source.write_text(text_of(drafted.draft), encoding="utf-8")
    assert load_source(source) == drafted.spec == SourceSpec.model_validate(drafted.draft.mapping)
    runs = read_runs(tmp_path)
    assert (runs.kept, runs.rows_quarantined) == (80, 0)
    assert {info.arm for info in runs.runs} == {"control", "treatment"}
    told = runs.table.select(["prompt_id", "status", "score", "latency_ms"]).to_pylist()
    assert all(cell is not None for row in told for cell in row.values())
    assert max(row["score"] for row in told) == 10
    assert min(row["latency_ms"] for row in told) >= 300


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
    assert "is there already" in capsys.readouterr().err
    assert main(["source", *files, "--lang", "ko", "--out", "-"]) == 0
    assert "짝을 이룹니다" in capsys.readouterr().out


def test_the_same_files_twice_are_no_two_arms(tmp_path: Path) -> None:
    """A file beside itself, or a folder beside a file in it, is refused before it is read."""
    path = write_table(tmp_path / "a.csv", 1)
    with pytest.raises(UsageError, match="hold the same files"):
        draft([path, path])
    with pytest.raises(UsageError, match="hold the same files"):
        draft([tmp_path, path])
