"""A run is (arm, run id), and a file or an envelope is a part of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.runs import read_runs
from tests.runs.test_runs import check_account, messages, result, run, sample, write

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs import Runs

HEAD = "arm,run_id,sample_id,status,score,started_at"


def table(folder: Path, name: str, *rows: str, head: str = HEAD) -> None:
    """Write a flat table, as CSV or as Parquet with the same texts."""
    if name.endswith(".csv"):
        (folder / name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        return
    cells = [[cell or None for cell in row.split(",")] for row in rows]
    columns = dict(zip(head.split(","), zip(*cells, strict=True), strict=True))
    numbers = {"score": [float(cell) for cell in columns.get("score", ())]}
    pq.write_table(pa.table({**columns, **(numbers if numbers["score"] else {})}), folder / name)


def named(runs: Runs) -> dict[tuple[str, str], int]:
    """Return each run's samples."""
    return {(info.arm, info.run_id): info.n for info in runs.runs}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_both_arms_may_use_the_same_run_ids(tmp_path: Path, kind: str) -> None:
    """Two arms that call their runs r1, with the same sample ids, are two runs."""
    table(tmp_path, f"t.{kind}", *(f"{arm},r1,s{n},passed,7,2026-03-0{n}T00:00:00Z"
                                   for arm in "ab" for n in (1, 2)))  # fmt: skip
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {("a", "r1"): 2, ("b", "r1"): 2}
    assert not runs.quarantined


def test_envelopes_of_both_arms_with_one_id(tmp_path: Path) -> None:
    """The envelope's arm is part of the run's name too."""
    runs = read_runs(write(tmp_path, run("r1"), run("r1", arm="treatment")))
    assert named(runs) == {("control", "r1"): 2, ("treatment", "r1"): 2}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_shards_are_one_run(tmp_path: Path, kind: str) -> None:
    """Files with one run id and other samples: rows added, the earliest start, the latest last."""
    for shard in (3, 1, 2):
        table(tmp_path, f"part-{shard}.{kind}", *(
            f"a,r1,s{shard}{n},passed,7,2026-03-0{shard}T0{n}:00:00Z" for n in range(5)
        ))  # fmt: skip
    runs = read_runs(tmp_path)
    check_account(runs)
    (info,) = runs.runs
    assert (info.n, info.file) == (15, f"part-1.{kind}")
    assert info.files == tuple(f"part-{shard}.{kind}" for shard in (1, 2, 3))
    assert info.started_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert info.last_at == datetime(2026, 3, 3, 4, tzinfo=UTC)


def test_shards_without_ids_of_samples_keep_their_rows_apart(tmp_path: Path) -> None:
    """Lines stand in for ids: the same line of two files is no sample twice."""
    for name in ("x.csv", "y.csv"):
        table(tmp_path, name, "a,r1,passed", "a,r1,failed", head="arm,run_id,status")
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {("a", "r1"): 4}
    assert sorted(runs.table["sample_id"].to_pylist()) == ["x:2", "x:3", "y:2", "y:3"]


def test_envelopes_are_parts_of_a_run_too(tmp_path: Path) -> None:
    """One run in two envelopes, whatever their starts; it has no metrics of its own then."""
    later = run("r2", sample(7), startedAt="2026-03-02T11:00:00Z")
    runs = read_runs(write(tmp_path, later, run("r2", sample(8))))
    check_account(runs)
    (info,) = runs.runs
    assert (info.n, info.files, info.reported) == (2, (), None)
    assert info.started_at == datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_one_id_with_other_content_in_two_parts_is_refused_by_name(
    tmp_path: Path, kind: str
) -> None:
    """Nobody can tell which is right, so both go; the samples around them stay."""
    table(tmp_path, f"x.{kind}", "a,r1,s1,passed,7,", "a,r1,s2,passed,7,")
    table(tmp_path, f"y.{kind}", "a,r1,s2,failed,3,", "a,r1,s3,passed,7,")
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {("a", "r1"): 2}
    both = f"sample id is 's2' in x.{kind} and y.{kind}; expected each id once in a run."
    assert messages(runs) == [f"x.{kind}: {both}", f"y.{kind}: {both}"]
    assert runs.unreadable == {"a": 2}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_sample_that_two_parts_have_alike_counts_once(tmp_path: Path, kind: str) -> None:
    """The second day's file holds the first day's rows again: they are copies, the first stays."""
    table(tmp_path, f"x.{kind}", "a,r1,s1,passed,7,", "a,r1,s2,passed,7,")
    table(tmp_path, f"y.{kind}", "a,r1,s1,passed,7,", "a,r1,s2,passed,7,", "a,r1,s3,passed,7,")
    runs = read_runs(tmp_path)
    check_account(runs)
    assert (named(runs), runs.copies) == ({("a", "r1"): 3}, {"a": 2})
    assert [(file.kept, file.copies) for file in runs.inputs] == [(2, 0), (1, 2)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_row_pasted_twice_into_one_file_counts_once(tmp_path: Path, kind: str) -> None:
    """Same run, same id, same content but the start; with other content both are refused."""
    table(tmp_path, f"t.{kind}", "a,r,s1,passed,7,2026-03-02T00:00:00Z",
          "a,r,s1,passed,7,2026-03-01T00:00:00Z", "a,r,s2,passed,7,", "a,r,s2,failed,7,",
          "a,r,s2,failed,7,")  # fmt: skip
    runs = read_runs(tmp_path)
    check_account(runs)
    assert (named(runs), runs.copies, runs.unreadable) == ({("a", "r"): 1}, {"a": 2}, {"a": 2})
    assert runs.table["started_at"].to_pylist() == [datetime(2026, 3, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"session": {"seed": 2}}, "seed"), ({"session": {"guardianProfileId": "fast"}}, "profile"),
        ({"flags": {"mode": "explore"}}, "flags"),
        ({"datasetMeta": {"strategyHash": "b"}}, "strategy hash"),
    ],
)  # fmt: skip
def test_one_id_of_runs_that_differ_is_refused(
    tmp_path: Path, fields: dict[str, object], what: str
) -> None:
    """A run has one seed, profile, set of flags and strategy."""
    same = {
        "session": {"seed": 1, "guardianProfileId": "strict"}, "flags": {"mode": "exploit"},
        "datasetMeta": {"strategyHash": "a"},
    }  # fmt: skip
    runs = read_runs(write(tmp_path, run("r", sample(1), **same), run("r", sample(2), **fields)))
    check_account(runs)
    assert not runs.runs
    assert messages(runs)[1] == (
        "runs.jsonl:2: run r is the id of different runs in runs.jsonl:1 and runs.jsonl:2; "
        f"expected one {what} in a run, or another run id."
    )
    assert runs.unreadable == {"control": 2}


def test_an_envelope_under_another_id_is_a_copy(tmp_path: Path) -> None:
    """Everything but the id agrees, so its rows count once; with another start it is a new run."""
    moved = run("r3", startedAt="2026-03-02T11:00:00Z")
    runs = read_runs(write(tmp_path, run("r1"), run("copy"), moved))
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["r1", "r3"]
    assert (runs.copies, messages(runs)) == ({"control": 2}, [])


def test_metrics_alone_are_told_when_they_repeat(tmp_path: Path) -> None:
    """A run without samples has no row to count as a copy; the sentence names both."""
    bare = [result(run(name), samples=[]) for name in ("r1", "r2")]
    runs = read_runs(write(tmp_path, *bare))
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["r1"]
    assert messages(runs) == [
        "runs.jsonl:2: run r2 is the content of run r1 in runs.jsonl:1; expected each run once."
    ]
