"""The same scan on another engine: Sail, which speaks Spark Connect without Java."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.scan import measure
from rolloutlib.plan.params import review_params
from rolloutlib.runs import read_runs
from rolloutlib.runs import samples as samples_module
from rolloutlib.runs.engines import read_on, spark_session
from rolloutlib.runs.samples import SCHEMA, Samples, from_runs
from tests.engines import CLOSE, same_measured, same_numbers
from tests.tables import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.measure.scan import Measured

RUNS = ROOT / "data" / "examples" / "story" / "stage-2"
RAW = read_runs(RUNS, stage=2)
WHOLE = RAW.table
ARMS = ("control", "treatment")


def measured(samples: Samples) -> Measured:
    """Measure both arms with the story's limits."""
    return measure(samples, ARMS, timeout_cap_ms=30_000.0, slow_above_ms=2_200.0)


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    """Serve Spark Connect on a free port of loopback; return its address."""
    os.environ["RUST_LOG"] = "off"
    spark = pytest.importorskip("pysail.spark")  # of the extra `test`

    server = spark.SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    address = server.listening_address
    assert address is not None
    port = address[1]
    engine = f"sc://127.0.0.1:{port}"
    yield engine
    spark_session(engine).stop()
    server.stop()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the story's stage 2 as two Parquet files of samples."""
    folder = tmp_path_factory.mktemp("samples")
    table = WHOLE
    half = len(table) // 2
    pq.write_table(table.slice(0, half), folder / "a.parquet")
    pq.write_table(table.slice(half), folder / "b.parquet")
    return folder


def test_measured_is_the_same_on_sail(sail: str, stored: Path) -> None:
    """Counts are equal, sums to 1e-9, of every group, histogram, tag and stratum."""
    here = from_runs(RAW)
    _, there = read_on(sail, stored)
    same_measured(measured(here), measured(there))
    assert measured(here).strata  # the story has categories to compare


def test_a_whole_review_is_the_same_on_sail(sail: str, stored: Path) -> None:
    """Verdicts, reasons and runs are equal, numbers to 1e-9."""
    evidence = str(RUNS / "evidence")
    shared: dict[str, Any] = {"stage": 2, "evidence": evidence}
    here = review_stage(review_params({**shared, "runs": str(RUNS)}))
    there = review_stage(review_params({**shared, "runs": str(stored), "engine": sail}))
    both = [msgspec.to_builtins(review.record) for review in (here, there)]
    for review in both:
        for name in (
            "inputs",
            "data_sha256",
            "source_title",
            "warnings",
            "set_aside",
            "quarantine",
        ):
            review.pop(name)
    same_numbers(*both)


def test_runs_after_the_review_are_left_out(sail: str, stored: Path) -> None:
    """as_of keeps the runs that DuckDB keeps, and before all of them there is no evidence."""
    starts = sorted(run.started_at for run in RAW.runs if run.started_at)
    moment = starts[len(starts) // 2]
    kept, samples = read_on(sail, stored, as_of=moment)
    expected = read_runs(RUNS, stage=2, as_of=moment)
    assert {run.run_id for run in samples.runs} == {run.run_id for run in expected.runs if run.n}
    assert kept.after_as_of == expected.after_as_of
    assert kept.read == expected.kept
    with pytest.raises(NoEvidenceError, match=r"no run of .* is left as evidence"):
        read_on(sail, stored, as_of=starts[0].replace(year=2000))


def test_the_digest_is_computed_there_and_sees_everything(
    sail: str, stored: Path, tmp_path: Path
) -> None:
    """Order and files leave no trace; a changed value, a null, and a swap of two values do."""
    table = WHOLE
    digests = [read_on(sail, stored)[1].digest()]
    assert digests[0].startswith("sums:spark:")
    reverse = pa.array(np.arange(len(table))[::-1].copy())
    for place, changed in enumerate((table.take(reverse), *_changed(table))):
        pq.write_table(changed, tmp_path / f"{place}.parquet")
        digests.append(read_on(sail, tmp_path / f"{place}.parquet")[1].digest())
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(digests) - 1


def _changed(table: Any) -> Iterator[Any]:
    """Change one value of each column, and swap two users' latencies."""
    for place, field in enumerate(SCHEMA):
        cells = table[field.name].to_pylist()
        others: dict[pa.DataType, object] = {
            pa.string(): f"{cells[0]}x", pa.bool_(): not cells[0], pa.list_(pa.string()): ["x"],
        }  # fmt: skip
        cells[0] = others.get(field.type, 12345)
        yield table.set_column(place, field, pa.array(cells, field.type))
    cells = table["latency_ms"].to_pylist()
    second = next(i for i, value in enumerate(cells) if value != cells[0])
    cells[0], cells[second] = cells[second], cells[0]
    place = SCHEMA.names.index("latency_ms")
    yield table.set_column(place, SCHEMA.field(place), pa.array(cells, pa.float64()))


def large(table: Any) -> Samples:
    """Return samples whose runs say that they are many."""
    many = replace(RAW.runs[0], n=samples_module.EXACT_ROWS + 1)
    connection = duckdb.connect(":memory:")
    connection.register("samples", table)
    return Samples(nw.from_native(connection.table("samples")), (many,))


def test_large_data_have_a_digest_of_sums() -> None:
    """Its kind stands in front; one changed value of any column, or a swap, is another digest."""
    table = WHOLE
    digests = [large(changed).digest() for changed in (table, *_changed(table))]
    assert digests[0].startswith("sums:duckdb-")
    assert len(set(digests)) == len(digests)


TABLE = WHOLE.slice(0, 60)


@settings(max_examples=30)
@given(st.permutations(range(len(TABLE))), st.integers(1, 60))
def test_sums_ignore_the_order_of_rows_and_batches(order: list[int], size: int) -> None:
    """However rows are shuffled and cut into batches, the digest is the same."""
    shuffled = TABLE.take(pa.array(order))
    again = pa.Table.from_batches(shuffled.combine_chunks().to_batches(max_chunksize=size))
    assert large(again).digest() == large(TABLE).digest()


def test_a_frame_of_another_engine_is_samples() -> None:
    """Dictionary text and narrow numbers are cast."""
    table = WHOLE
    place = SCHEMA.names.index
    odd = table.set_column(place("arm"), "arm", table["arm"].dictionary_encode())
    odd = odd.set_column(place("seed"), "seed", odd["seed"].cast(pa.int16()))
    connection = duckdb.connect(":memory:")
    connection.register("odd", odd)
    samples = Samples.from_frame(nw.from_native(connection.table("odd")))
    same_measured(measured(samples), measured(from_runs(RAW)))


def test_a_frame_of_another_shape_is_refused() -> None:
    """A missing column and a text where a number belongs are one sentence each."""
    table = WHOLE
    connection = duckdb.connect(":memory:")
    renamed = table.rename_columns(["run" if n == "run_id" else n for n in SCHEMA.names])
    connection.register("renamed", renamed)
    with pytest.raises(RunsError, match=r"no column 'run_id'.*Did you mean 'run'"):
        Samples.from_frame(nw.from_native(connection.table("renamed")))
    texts = table.set_column(SCHEMA.names.index("score"), "score", table["score"].cast(pa.string()))
    connection.register("texts", texts)
    with pytest.raises(RunsError, match="column 'score' is of type String; expected double"):
        Samples.from_frame(nw.from_native(connection.table("texts")))


def test_an_engine_that_is_not_there_is_said(sail: str, tmp_path: Path) -> None:
    """No Parquet, no whole Spark and no such engine each say what to do."""
    (tmp_path / "no.parquet").write_text("run_id,arm", encoding="utf-8")
    with pytest.raises(RunsError, match=r"cannot read .* as Parquet"):
        read_on(sail, tmp_path / "no.parquet")
    with pytest.raises(UsageError, match=r"pip install 'rolloutlib\[spark\]'"):
        read_on("local[2]", tmp_path)
    with pytest.raises(UsageError, match="engine"):
        review_params({"stage": 2, "runs": "x", "engine": "sqlite"})


def test_close_is_close() -> None:
    """The comparison of this file can fail."""
    with pytest.raises(AssertionError):
        same_numbers({"a": 1.0}, {"a": 1 + 10 * CLOSE})
