"""A store keeps runs as wholes: their parts, days, copies and unknown words, and as-of by row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from rolloutlib.measure.days import load
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import Stored, read_store
from rolloutlib.plan.model import load_plan
from rolloutlib.runs import read_runs
from rolloutlib.runs.quarantine import UnknownWord

PLAN = load_plan(Path("params/plan.yaml"))
HEAD = "arm,run_id,sample_id,status,started_at"


def table(folder: Path, name: str, *rows: str, head: str = HEAD) -> None:
    """Write a flat table."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def stored(folder: Path, as_of: datetime | None = None) -> Stored:
    """Read a store."""
    store = load(folder)
    assert store is not None
    return read_store(folder, store, as_of=as_of)


@pytest.mark.slow
def test_a_part_that_comes_later_adds_to_its_run(tmp_path: Path) -> None:
    """The files with a run's other parts are read again, or half of the run would be lost."""
    source, into = tmp_path / "runs", tmp_path / "store"
    for part in range(3):
        rows = [
            f"{arm},r,s{part}{n},passed,2026-10-20T0{part}:00:00Z" for arm in "ab" for n in (0, 1)
        ]
        table(source, f"{part}.csv", *rows)
        ingest(source, into, PLAN)
        runs = stored(into).runs
        assert {info.arm: info.n for info in runs.runs} == dict.fromkeys("ab", 2 * part + 2)
        assert runs.kept == runs.relation.aggregate("count(*)").fetchall()[0][0]


@pytest.mark.slow
def test_what_a_mapping_left_out_is_told_of_a_store(tmp_path: Path) -> None:
    """A store has no rows that `where` left out, but says how many there were."""
    source, into = tmp_path / "runs", tmp_path / "store"
    rows = (f"{arm},r,s{n},{'passed' if n else 'failed'},2026-10-20T0{n}:00:00Z"
            for arm in "ab" for n in range(3))  # fmt: skip
    table(source, "t.csv", *rows)
    columns = {name: name for name in ("arm", "run_id", "sample_id", "status", "started_at")}
    spec = yaml.safe_dump({"where": {"sample_id": ["s1", "s2"]}, "columns": columns})
    (source / "source.yaml").write_text(spec, "utf-8")
    ingest(source, into, PLAN)
    from_files, from_store = read_runs(source), stored(into).runs
    assert [warning.code for warning in from_store.warnings] == [
        warning.code for warning in from_files.warnings
    ]
    assert from_store.warnings[0].facts["rows"] == 2


def test_later_rows_of_a_run_are_left_out(tmp_path: Path) -> None:
    """A stored run that began before the moment and went on after it is cut, as in its files."""
    source, into = tmp_path / "runs", tmp_path / "store"
    table(source, "t.csv", *(
        f"{arm},r,s{n},{'passed' if n % 2 else 'failed'},2026-10-20T0{n}:00:00Z"
        for arm in "ab" for n in range(6)
    ))  # fmt: skip
    ingest(source, into, PLAN)
    moment = datetime(2026, 10, 20, 3, tzinfo=UTC)
    from_files, from_store = read_runs(source, as_of=moment), stored(into, moment)
    assert (
        [info.n for info in from_store.runs.runs] == [info.n for info in from_files.runs] == [4, 4]
    )
    assert from_store.runs.warnings == from_files.warnings
    assert [(file.kept, file.set_aside) for file in from_store.runs.inputs] == [(8, 4)]
    measured = from_store.measure(
        ("a", "b"), timeout_cap_ms=1e4, slow_above_ms=2e3, latency_cap_ms=6e3
    )
    assert measured.counts["a"].samples == 4
    assert from_store.digest() != stored(into).digest()


@pytest.mark.parametrize("head", [HEAD, "arm,status,started_at"])
def test_what_is_told_of_a_source_is_told_of_its_store(tmp_path: Path, head: str) -> None:
    """Days as runs, copies and unknown words come with the store."""
    source, into = tmp_path / "runs", tmp_path / "store"
    times = "2026-10-20T00:00:00Z"
    rows = [f"a,r,s{n},passed,{times}" for n in (1, 2, 2)] + [f"b,r,s3,aborted,{times}"]
    if head != HEAD:
        rows = [",".join(row.split(",")[at] for at in (0, 3, 4)) for row in rows]
    table(source, "t.csv", *rows, head=head)
    ingested = ingest(source, into, PLAN)
    from_files, from_store = read_runs(source), stored(into).runs
    for name in ("copies", "unknown_words", "by_day", "warnings", "unreadable", "inputs"):
        assert getattr(from_store, name) == getattr(from_files, name), name
    assert from_store.unknown_words == (UnknownWord("aborted", "b", 1),)
    assert ingested.account == (4, 2 if head == HEAD else 3, 1, 1 if head == HEAD else 0)
