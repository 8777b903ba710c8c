"""A source that names no run: an arm's days are its runs, or the arm is one; and as-of by row."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs
from rolloutlib.words.reasons import texts
from tests.runs.test_parts import named, table
from tests.runs.test_runs import check_account, run, sample, write

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "arm,status,started_at"
MAPPED = "columns: {arm: arm, status: status, started_at: started_at}\n"


def source(folder: Path, text: str) -> None:
    """Write a source.yaml."""
    (folder / "source.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("more", [[], ["too,few"]], ids=["columns", "row by row"])
@pytest.mark.parametrize(
    ("zone", "days"),
    [(None, {"2026-10-20": 2, "2026-10-19": 1}), ("Asia/Seoul", {"2026-10-20": 3}),
     ("America/New_York", {"2026-10-19": 3})],
)  # fmt: skip
def test_a_day_is_the_source_s_own(
    tmp_path: Path, more: list[str], zone: str | None, days: dict[str, int]
) -> None:
    """The date is the written one; a time zone in source.yaml decides where it is given.

    Both readers agree: a row with too few cells sends the file to the careful one.
    """
    times = ("2026-10-20T00:30:00+09:00", "2026-10-20T01:30:00+09:00", "2026-10-19T16:00:00Z")
    table(tmp_path, "t.csv", *(f"a,passed,{time}" for time in times), *more, head=HEAD)
    source(tmp_path, MAPPED + (f"timezone: {zone}\n" if zone else ""))
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {("a", day): n for day, n in days.items()}
    assert runs.by_day


def test_days_of_both_arms_and_several_files(tmp_path: Path) -> None:
    """A day is one run wherever its rows lie; rows without a time are a run of their own."""
    for name, day in (("x.csv", 20), ("y.csv", 20), ("z.csv", 21)):
        rows = [f"{arm},passed,2026-10-{day}T0{n}:00:00Z" for arm in "ab" for n in range(3)]
        table(tmp_path, name, *rows, "b,failed,", head=HEAD)
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {
        ("a", "2026-10-20"): 6, ("b", "2026-10-20"): 6, ("b", "undated"): 3,
        ("a", "2026-10-21"): 3, ("b", "2026-10-21"): 3,
    }  # fmt: skip
    assert texts(runs.warnings)[0] == (
        "The source names no runs, so each day of an arm is a run (5 in all); map run_id in "
        "source.yaml where runs are known."
    )


def test_neither_run_nor_time_is_one_run_an_arm(tmp_path: Path) -> None:
    """Two files without runs and times do not make two runs, and the sentence names run_id."""
    for name in ("x.csv", "y.csv"):
        table(tmp_path, name, "a,passed", "b,failed", "b,failed", head="arm,status")
    runs = read_runs(tmp_path)
    check_account(runs)
    assert named(runs) == {("a", "all"): 2, ("b", "all"): 4}
    assert [reason.code for reason in runs.warnings] == ["source.one_run", "runs.no_start"]
    assert "map run_id or started_at" in texts(runs.warnings)[0]
    assert not runs.by_day


def test_a_source_that_names_its_runs_is_told_nothing(tmp_path: Path) -> None:
    """Run ids are taken as they are."""
    table(tmp_path, "t.csv", "a,r1,passed,2026-10-20T00:00:00Z", head=f"arm,run_id,{HEAD[4:]}")
    runs = read_runs(tmp_path)
    assert (runs.warnings, runs.by_day) == ((), False)


@pytest.mark.parametrize("kind", [pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.date32()])
def test_typed_times_have_days_too(tmp_path: Path, kind: Any) -> None:  # noqa: ANN401
    """Parquet's times and dates, with the source's time zone where they have none."""
    day = datetime(2026, 10, 20)  # noqa: DTZ001 -- the column's type says what it is
    columns = {
        "arm": ["a", "a"],
        "status": ["passed", "failed"],
        "started_at": pa.array([day] * 2, kind),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    source(tmp_path, MAPPED + "timezone: UTC\n")
    assert named(read_runs(tmp_path)) == {("a", "2026-10-20"): 2}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_that_started_later_are_left_out_one_by_one(tmp_path: Path, kind: str) -> None:
    """What a review at that moment would have read; runs without a row left are set aside."""
    head = "arm,run_id,sample_id,status,started_at"
    table(tmp_path, f"t.{kind}", *(f"a,r{day},s{n},passed,2026-10-2{day + n}T00:00:00Z"
                                   for day in (0, 1, 3) for n in range(3)), head=head)  # fmt: skip
    runs = read_runs(tmp_path, as_of=datetime(2026, 10, 21, 12, tzinfo=UTC))
    check_account(runs)
    assert named(runs) == {("a", "r0"): 2, ("a", "r1"): 1}
    assert (runs.after_as_of, runs.inputs[0].set_aside) == (1, 6)
    assert texts(runs.warnings) == [
        "3 rows of these runs started after 2026-10-21 12:00 +0000 and are left out."
    ]
    assert max(info.last_at or datetime.min.replace(tzinfo=UTC) for info in runs.runs) == datetime(
        2026, 10, 21, tzinfo=UTC
    )


def test_a_later_part_does_not_set_its_run_aside(tmp_path: Path) -> None:
    """A run of which one file is later stays with the other file's rows."""
    head = "arm,run_id,sample_id,status,started_at"
    for day in (1, 2):
        table(tmp_path, f"{day}.csv", f"a,r,s{day},passed,2026-10-2{day}T00:00:00Z", head=head)
    runs = read_runs(tmp_path, as_of=datetime(2026, 10, 21, tzinfo=UTC))
    check_account(runs)
    assert (named(runs), runs.after_as_of) == ({("a", "r"): 1}, 0)
    assert [reason.code for reason in runs.warnings] == ["source.later"]


@pytest.mark.parametrize("name", ["b.tsv", "part-3.ndjson", "c.xlsx", "deep/d.csv.gz", "e.csv"])
def test_files_that_nothing_read_are_named(tmp_path: Path, name: str) -> None:
    """Data beside data, in another ending or outside of `files:`, are not silently absent."""
    table(tmp_path, "a.csv", "a,passed,2026-10-20T00:00:00Z", head=HEAD)
    source(tmp_path, MAPPED + "files: a*.csv\n")
    for other in ("README.md", "LICENSE", "notes.md", "evidence/junit.xml", name):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text(HEAD + "\na,passed,2026-10-20T00:00:00Z\n", encoding="utf-8")
    runs = read_runs(tmp_path)
    assert texts(runs.warnings)[1:] == [f"Nothing read these files: {name}."]
    assert runs.kept == 1


def test_many_unread_files_are_counted(tmp_path: Path) -> None:
    """A sentence names five and says how many there are."""
    table(tmp_path, "a.csv", "a,passed,2026-10-20T00:00:00Z", head=HEAD)
    for number in range(7):
        (tmp_path / f"{number}.log").write_text("x")
    assert texts(read_runs(tmp_path).warnings)[1] == (
        "Nothing read these files: 0.log, 1.log, 2.log, 3.log, 4.log, … (7)."
    )


def test_runs_beside_a_mapped_table_are_read(tmp_path: Path) -> None:
    """Envelopes need no match of `files:`; a JSON file without a sign of a run is named."""
    table(tmp_path, "a.csv", "a,passed,2026-10-20T00:00:00Z", head=HEAD)
    source(tmp_path, MAPPED + "files: a.csv\n")
    write(tmp_path, run("r1", sample(1)))
    (tmp_path / "expect.json").write_text('{"recommendation": ["GO"]}')
    runs = read_runs(tmp_path)
    check_account(runs)
    assert sorted(named(runs)) == [("a", "2026-10-20"), ("control", "r1")]
    assert (runs.ignored, runs.quarantined) == (("expect.json", "source.yaml"), ())


def test_a_pattern_that_fits_no_file_is_an_error(tmp_path: Path) -> None:
    """Nothing would be read, so the message names the pattern and the files."""
    table(tmp_path, "a.csv", "a,passed,2026-10-20T00:00:00Z", head=HEAD)
    source(tmp_path, MAPPED + 'files: "*.parquet"\n')
    with pytest.raises(RunsError, match=r"is about files '\*\.parquet', but .* holds a\.csv"):
        read_runs(tmp_path)


@pytest.mark.parametrize("more", [[], ["too,few"]], ids=["columns", "row by row"])
def test_ids_that_nobody_has_are_not_there(tmp_path: Path, more: list[str]) -> None:
    """Columns that are mapped and empty in every row name no run, and hide no copy."""
    chance = Random(3)  # noqa: S311 -- no secret
    lines = [f"a,passed,2026-10-20T0{n % 9}:00:00Z,,,{chance.uniform(900, 1900):.1f}"
             for n in range(200)]  # fmt: skip
    table(tmp_path, "t.csv", *lines, *lines, *more, head=f"{HEAD},run,id,ms")
    source(tmp_path, "columns: {arm: arm, status: status, started_at: started_at, run_id: run, "
                     "sample_id: id, latency_ms: ms}\n")  # fmt: skip
    runs = read_runs(tmp_path)
    check_account(runs)
    assert runs.by_day
    assert (runs.kept, dict(runs.copies)) == (200, {"a": 200})
