"""Rows that nobody can tell from copies are counted, and prove nothing."""

from __future__ import annotations

import csv
import gzip
import io
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.judge.review import review_stage
from rolloutlib.measure.store import ingest, load
from rolloutlib.measure.stored import read_store
from rolloutlib.plan.params import review_params
from rolloutlib.runs import Runs, read_runs
from tests.measure.store_runs import PLAN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROWS = 200  # of each arm
FIELDS = {"arm": "arm", "ok": "passed", "q": "prompt_id", "u": "user_id", "ms": "latency_ms",
          "s": "score", "id": "sample_id"}  # fmt: skip


def made(*columns: str) -> list[dict[str, Any]]:
    """Return rows of two arms with these columns, always the same ones."""
    drawn, rows = random.Random(7), list[dict[str, Any]]()  # noqa: S311 -- no secret
    for arm in ("control", "treatment"):
        for n in range(ROWS):
            row = {"ok": "true" if drawn.random() < 0.7 else "false", "q": f"q{n}", "u": f"u{n}",
                   "ms": drawn.randint(300, 9000), "s": drawn.random() * 10, "id": n}  # fmt: skip
            rows.append({"arm": arm, **{name: row[name] for name in columns}})
    return rows


def put(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows in the form that a name says: CSV, packed CSV or Parquet."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    packed = text.getvalue().encode()
    path.write_bytes(gzip.compress(packed) if path.suffix == ".gz" else packed)


def source(folder: Path, *columns: str) -> None:
    """Write a source.yaml that maps these columns and the arm's."""
    mapped = ", ".join(f"{FIELDS[name]}: {name}" for name in ("arm", *columns))
    (folder / "source.yaml").write_text(f'files: "[tu]*"\ncolumns: {{{mapped}}}\n')


def read(folder: Path, *columns: str, rows: Sequence[dict[str, Any]] = ()) -> Runs:
    """Read a table of these columns, or other rows of it."""
    put(folder / "t.csv", rows or made(*columns))
    source(folder, *columns)
    return read_runs(folder)


def test_rows_with_an_outcome_alone_are_all_alike(tmp_path: Path) -> None:
    """All but one of each outcome could be a copy, in each arm."""
    assert read(tmp_path, "ok").nameless == {"control": ROWS - 2, "treatment": ROWS - 2}


@pytest.mark.parametrize("own", ["q", "u", "id", "ms", "s"])
def test_what_tells_rows_apart_is_enough(tmp_path: Path, own: str) -> None:
    """A prompt, a user, an id, a fine latency or a fine score."""
    assert sum(read(tmp_path, "ok", own).nameless.values()) <= 0.05 * ROWS


@pytest.mark.parametrize("name", ["u.csv", "u.csv.gz", "u.parquet"])
def test_a_table_under_another_name_or_in_another_form(tmp_path: Path, name: str) -> None:
    """Its rows are those of the first table, shuffled or not, with a column more or not."""
    rows = made("ok", "s")
    more = [row | {"note": "x"} for row in rows]
    random.Random(3).shuffle(more)  # noqa: S311 -- no secret
    put(tmp_path / name, more)
    assert read(tmp_path, "ok", "s", rows=rows).nameless == {"control": ROWS, "treatment": ROWS}


def test_rows_that_stand_twice_or_in_part(tmp_path: Path) -> None:
    """Of an arm whose first half stands twice, half an arm may be copies."""
    rows = made("ok", "s")
    assert read(tmp_path, "ok", "s", rows=[*rows, *rows[: ROWS // 2]]).nameless == {
        "control": ROWS // 2
    }


def test_lines_of_both_arms_are_told_apart_by_both(tmp_path: Path) -> None:
    """A line is a prompt where none is named; the same line again may be the same one."""
    spec = "wide: {old: {score: a, latency_ms: x}, new: {score: b, latency_ms: y}}\n"
    drawn = random.Random(5)  # noqa: S311 -- no secret
    rows = [{"a": n % 5, "b": n % 3, "x": drawn.randint(300, 900), "y": drawn.randint(300, 900)}
            for n in range(ROWS)]  # fmt: skip
    (tmp_path / "source.yaml").write_text(spec)
    put(tmp_path / "t.csv", rows)
    assert sum(read_runs(tmp_path).nameless.values()) <= 0.05 * ROWS
    put(tmp_path / "u.csv", [row | {"note": "x"} for row in reversed(rows)])
    nameless = read_runs(tmp_path).nameless
    assert set(nameless) == {"old", "new"}
    assert all(ROWS <= count <= 1.05 * ROWS for count in nameless.values())


@pytest.mark.slow
def test_the_same_table_twice_is_no_more_evidence(tmp_path: Path) -> None:
    """No gate passes on rows without anything of their own, and the review says what is missing."""
    rows = made("ok")
    put(tmp_path / "u.csv", rows)
    read(tmp_path, "ok", rows=rows)
    review = review_stage(review_params({"stage": 2, "runs": str(tmp_path), "looks": ""}))
    reasons = [reason for reason in review.reasons if reason.code == "data.nameless"]
    assert [reason.facts["arm"] for reason in reasons] == ["control", "treatment"]
    assert "pass" not in {gate.evidence.verdict.value for gate in review.gates}


@pytest.mark.slow
def test_a_store_keeps_the_count(tmp_path: Path) -> None:
    """Stored days have no lines of their own: the sources' notes say how many rows are alike."""
    (folder := tmp_path / "runs").mkdir()
    runs = read(folder, "ok")
    ingest(folder, tmp_path / "store", PLAN)
    store = load(tmp_path / "store")
    assert store is not None
    assert read_store(tmp_path / "store", store).runs.nameless == runs.nameless
