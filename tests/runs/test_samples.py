"""The table of samples behind its lazy frame, its digest, and its Parquet form."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import RunsError, UsageError
from rolloutlib.runs import Runs, read_runs
from rolloutlib.runs.database import connect
from rolloutlib.runs.samples import SCHEMA, Samples, from_runs

if TYPE_CHECKING:
    from pathlib import Path


def write_runs(folder: Path, runs: int = 3) -> Path:
    """Write runs of both arms with every kind of column, and null in each that may be."""
    for number in range(runs):
        samples: list[dict[str, Any]] = [
            {
                "id": f"s{i}",
                "status": "passed",
                "score": 7 + i / 8,
                "latencyMs": 1000.5 * i,
                "promptId": f"q{i}",
            }
            for i in range(5)
        ]
        samples[1] |= {"issues": ["new", "bias"], "styleViolations": 2, "category": "한국어"}
        samples[2] |= {
            "issues": [],
            "suggestedTags": ["a"],
            "confirmedTags": ["b"],
            "status": "vetoed",
            "vetoReason": "x",
        }
        metrics = {"passRate": 0.8, "avgScore": 7.25, "avgLatency": 2001, "vetoedPct": 0.2}
        run: dict[str, Any] = {
            "runId": f"r{number}",
            "startedAt": f"2026-03-0{9 - number}T10:00:00Z",
            "arm": ("control", "treatment")[number % 2],
            "session": {"seed": 4 + number // 2},
            "result": {"metrics": metrics, "samples": samples},
        }
        (folder / f"{number}.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Return three checked runs."""
    return read_runs(write_runs(tmp_path))


def test_the_frame_is_lazy_and_engine_neutral(runs: Runs) -> None:
    """One Narwhals expression gives each arm's counts, computed by DuckDB."""
    frame = from_runs(runs).frame()
    assert isinstance(frame, nw.LazyFrame)
    summary = frame.group_by("arm").agg(
        n=nw.len(),
        score=nw.col("score").mean(),
        biased=nw.col("issues").list.contains("bias").cast(nw.Int64).sum(),
    )
    rows = summary.sort("arm").collect("pyarrow").to_native().to_pylist()
    assert [(row["arm"], row["n"], float(row["biased"])) for row in rows] == [
        ("control", 10, 2),
        ("treatment", 5, 1),
    ]
    assert [row["score"] for row in rows] == pytest.approx([7.25, 7.25])


def test_runs_are_listed_in_order(runs: Runs) -> None:
    """Runs come by start time, those without a time last."""
    timeless = replace(runs, runs=(replace(runs.runs[2], started_at=None), *runs.runs[:2]))
    assert [info.run_id for info in from_runs(runs).runs] == ["r2", "r1", "r0"]
    assert [info.run_id for info in from_runs(timeless).runs] == ["r1", "r0", "r2"]


def test_parquet_is_the_same_table(runs: Runs, tmp_path: Path) -> None:
    """Opened from Parquet, samples, runs and digest are the same.

    Only what the run files told is not known.
    """
    path = tmp_path / "it's.parquet"
    pq.write_table(runs.table, path, row_group_size=4)
    memory, disk = from_runs(runs), Samples.from_parquet(path)
    assert disk.digest() == memory.digest()
    assert (
        disk.frame()
        .collect("pyarrow")
        .to_native()
        .equals(memory.frame().collect("pyarrow").to_native())
    )
    expected = [
        replace(info, stage=None, reported=None, file=path.name, line=0) for info in memory.runs
    ]
    assert list(disk.runs) == expected


def test_runs_without_seed_have_the_same_replicate_from_parquet(tmp_path: Path) -> None:
    """The digest that SQL computes for runs without seed is the one that the reader computes."""
    path = write_runs(tmp_path, 1) / "0.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"seed": 4', '"seed": null'), encoding="utf-8"
    )
    runs = read_runs(path)
    pq.write_table(runs.table, tmp_path / "t.parquet")
    assert Samples.from_parquet(tmp_path / "t.parquet").runs[0].replicate == runs.runs[0].replicate


def test_the_digest_ignores_order_and_batches(runs: Runs) -> None:
    """Rows shuffled and cut into other batches have the same digest."""
    ordered = runs.table.sort_by([("sample_id", "descending"), ("arm", "ascending")])
    shuffled = pa.Table.from_batches(ordered.to_batches(max_chunksize=2))
    assert (
        from_runs(replace(runs, relation=connect().from_arrow(shuffled))).digest()
        == from_runs(runs).digest()
    )


@pytest.mark.parametrize("name", SCHEMA.names)
def test_the_digest_sees_every_column(runs: Runs, name: str) -> None:
    """Another value in one cell of any column, or a null where there was none.

    Is another digest.
    """
    digests = {from_runs(runs).digest()}
    kind, column = SCHEMA.field(name).type, runs.table[name].to_pylist()
    others: dict[pa.DataType, object] = {
        pa.string(): "other",
        pa.bool_(): not column[0],
        pa.list_(pa.string()): ["x"],
    }
    changed = [[others.get(kind, 12345), *column[1:]]]
    if SCHEMA.field(name).nullable:
        changed.append([None if cell is not None else others.get(kind, 1) for cell in column])
    for cells in changed:
        table = runs.table.set_column(
            SCHEMA.names.index(name), SCHEMA.field(name), pa.array(cells, kind)
        )
        digests.add(from_runs(replace(runs, relation=connect().from_arrow(table))).digest())
    assert len(digests) == 1 + len(changed)


def test_the_digest_sees_the_last_bit_of_a_float(runs: Runs) -> None:
    """The next representable score is another digest.

    Text cannot slide from one cell to its neighbour.
    """
    column = runs.table["score"].to_pylist()
    digests = {from_runs(runs).digest()}
    for name, cells in (
        ("score", [7.000000000000001, *column[1:]]),
        ("veto_reason", ["ab", "c", *[None] * 13]),
        ("veto_reason", ["a", "bc", *[None] * 13]),
    ):
        table = runs.table.set_column(
            SCHEMA.names.index(name), SCHEMA.field(name), pa.array(cells, SCHEMA.field(name).type)
        )
        digests.add(from_runs(replace(runs, relation=connect().from_arrow(table))).digest())
    assert len(digests) == 4


def test_parquet_of_another_shape_is_refused(runs: Runs, tmp_path: Path) -> None:
    """A missing file, no Parquet, a missing column and another type are one sentence each."""
    path = tmp_path / "t.parquet"
    with pytest.raises(UsageError, match=r"t\.parquet does not exist"):
        Samples.from_parquet(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(RunsError, match=r"is no Parquet file"):
        Samples.from_parquet(path)
    pq.write_table(
        runs.table.rename_columns(["run" if n == "run_id" else n for n in SCHEMA.names]), path
    )
    with pytest.raises(
        RunsError, match=r"has no column 'run_id', only run, arm, .*Did you mean 'run'"
    ):
        Samples.from_parquet(path)
    pq.write_table(runs.table.set_column(3, "seed", runs.table["seed"].cast(pa.string())), path)
    with pytest.raises(RunsError, match=r"column 'seed' is of type String; expected int64\."):
        Samples.from_parquet(path)


def test_tables_written_before_a_column_was_there_are_read(runs: Runs, tmp_path: Path) -> None:
    """Parquet without `suggested` is read with nulls there, as samples and as a source."""
    path = tmp_path / "t.parquet"
    pq.write_table(runs.table.drop_columns(["suggested"]), path)
    empty = pa.nulls(runs.table.num_rows, pa.bool_()).to_pylist()
    for samples in (Samples.from_parquet(path), from_runs(read_runs(path))):
        table = samples.frame().collect("pyarrow").to_arrow()
        assert table["suggested"].to_pylist() == empty
        assert table.column_names == SCHEMA.names


def test_the_engine_reaches_no_other_file(runs: Runs, tmp_path: Path) -> None:
    """SQL on the connection can neither read nor write files, whatever a label says."""
    path = tmp_path / "t.parquet"
    pq.write_table(runs.table, path)
    for samples in (from_runs(runs), Samples.from_parquet(path)):
        with pytest.raises(Exception, match="disabled by configuration"):
            samples.frame().to_native().query(
                "t", f"SELECT * FROM read_text('{tmp_path / '0.json'}')"
            )


def test_nothing_is_printed_at_exit(tmp_path: Path) -> None:
    """A process that still holds samples when it ends prints no leak notes."""
    write_runs(tmp_path)
    code = (
        "from pathlib import Path; from rolloutlib.runs import read_runs; from rolloutlib.runs.samples import from_runs\n"
        f"samples = from_runs(read_runs(Path({str(tmp_path)!r}))); frame = samples.frame()\n"
        "frame.collect('pyarrow'); samples.digest()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
