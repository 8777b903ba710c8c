"""The same scan on another engine: Sail, which speaks Spark Connect without Java."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.scan import collect, measure
from rolloutlib.plan.params import review_params
from rolloutlib.runs import digests as digests_module
from rolloutlib.runs import engines as engines_module
from rolloutlib.runs import read_runs
from rolloutlib.runs.engines import is_table, read_on, spark_session
from rolloutlib.runs.samples import SCHEMA, Samples, from_runs
from tests.engines import CLOSE, not_read, real_evidence, same_measured, same_numbers, same_review
from tests.tables import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rolloutlib.measure.scan import Measured

pytestmark = pytest.mark.slow  # whole reviews

RUNS = ROOT / "data" / "examples" / "story" / "stage-2"
RAW = read_runs(RUNS, stage=2)
WHOLE = RAW.table
ARMS = ("control", "treatment")


def measured(samples: Samples, segments: Sequence[str] = ()) -> Measured:
    """Measure both arms with the story's limits."""
    return measure(
        samples, ARMS, timeout_cap_ms=30_000.0, slow_above_ms=2_200.0, latency_cap_ms=6_000.0,
        segments=segments,
    )  # fmt: skip


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
    local = from_runs(RAW)
    _, remote = read_on(sail, stored, as_of=None, read=not_read)
    same_measured(measured(local), measured(remote))
    assert measured(local).strata  # the story has categories to compare


def test_segments_and_texts_are_the_same_on_sail(sail: str, tmp_path: Path) -> None:
    """Labels of every type, words for nothing, and a digest that counts them: as read here."""
    table, some = WHOLE, np.arange(len(WHOLE)) % 5
    devices, versions = ["web", "", " Web", "n/a", "tv"], [2.0, 0.5, np.nan, -1.0, 1e3]
    table = table.append_column("device", pa.array([devices[n] for n in some]))
    table = table.append_column("version", pa.array([versions[n] for n in some]))
    table = table.append_column("reply", pa.array([f"answer {n}" for n in some]))
    pq.write_table(table, tmp_path / "samples.parquet")
    (tmp_path / "source.yaml").write_text(
        "segments:\n  platform: {column: device, none: [N/A]}\n"
        "  version: {column: version, none: -1}\ntexts: {answer: reply}\n"
    )
    local = from_runs(read_runs(tmp_path, texts=True))
    runs, remote = read_on(sail, tmp_path, as_of=None, read=not_read)
    assert (local.extras, local.texts) == (remote.extras, remote.texts) == (runs.extras, runs.texts)
    names = ("sample_id", "run_id", "platform", "version", "answer_text")
    order = [(name, "ascending") for name in names]
    rows = [collect(samples.frame().select(*names)).sort_by(order) for samples in (local, remote)]
    assert rows[0].to_pydict() == rows[1].to_pydict()
    assert set(rows[0]["version"].to_pylist()) == {"2", "0.5", None, "1000"}
    assert set(rows[0]["platform"].to_pylist()) == {"web", None, " Web", "tv"}
    both = [measured(samples, segments=("platform", "version")) for samples in (local, remote)]
    same_measured(*both)
    assert {"platform", "version"} <= both[0].strata.keys()
    assert remote.digest() != digest_on(sail, _without_source(tmp_path))


def _without_source(folder: Path) -> Path:
    (folder / "source.yaml").unlink()
    return folder


def test_a_whole_review_is_the_same_on_sail(sail: str, stored: Path, tmp_path: Path) -> None:
    """Verdicts, reasons and runs are equal, numbers to 1e-9."""
    evidence = real_evidence(RUNS / "evidence", tmp_path / "evidence")
    shared: dict[str, Any] = {"stage": 2, "evidence": evidence, "looks": ""}
    local = review_stage(review_params({**shared, "runs": str(RUNS)}))
    remote = review_stage(review_params({**shared, "runs": str(stored), "engine": sail}))
    same_review(local, remote)


def test_runs_after_the_review_are_left_out(sail: str, stored: Path) -> None:
    """as_of keeps the runs that DuckDB keeps, and before all of them there is no evidence."""
    starts = sorted(run.started_at for run in RAW.runs if run.started_at)
    moment = starts[len(starts) // 2]
    runs, samples = read_on(sail, stored, as_of=moment, read=not_read)
    expected = read_runs(RUNS, stage=2, as_of=moment)
    assert {run.run_id for run in samples.runs} == {run.run_id for run in expected.runs if run.n}
    assert runs.after_as_of == expected.after_as_of
    assert runs.read == expected.kept
    with pytest.raises(NoEvidenceError, match=r"no run of .* is left as evidence"):
        read_on(sail, stored, as_of=starts[0].replace(year=2000), read=not_read)


def digest_on(engine: str, path: Path) -> str:
    """Return the digest that an engine computes of Parquet samples."""
    return read_on(engine, path, as_of=None, read=not_read)[1].digest()


def test_the_digest_is_computed_there_and_sees_everything(
    sail: str, stored: Path, tmp_path: Path
) -> None:
    """Order and files leave no trace; a changed value, a null, and a swap of two values do."""
    digests = [digest_on(sail, stored)]
    assert digests[0].startswith("sums:spark:")
    reverse = pa.array(np.arange(len(WHOLE))[::-1].copy())
    for place, changed in enumerate((WHOLE.take(reverse), *_changed(WHOLE))):
        if changed["arm"].null_count + changed["status"].null_count:
            continue
        path = tmp_path / f"{place}.parquet"
        pq.write_table(changed, path)
        native = spark_session(sail).read.parquet(str(path))
        digests.append(Samples.from_frame(nw.from_native(native), checked=True).digest())
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(digests) - 1


def test_a_partitioned_folder_with_its_evidence_is_the_same_samples(
    sail: str, stored: Path, tmp_path: Path
) -> None:
    """A key in the folders' names is a column, and files that are no Parquet are left alone."""
    for arm in ARMS:
        folder = tmp_path / "date=2026-03-01" / f"arm={arm}"
        folder.mkdir(parents=True)
        part = WHOLE.filter(pc.field("arm") == arm).drop_columns(["arm"])
        pq.write_table(part, folder / "part.parquet")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "canary.json").write_text("{}", encoding="utf-8")
    assert digest_on(sail, tmp_path) == digest_on(sail, stored)


def test_other_sources_are_checked_here_and_handed_over(sail: str) -> None:
    """Run envelopes keep their account, and what the engine then measures is the same."""
    assert not is_table(RUNS)
    runs, remote = read_on(sail, RUNS, as_of=None, read=lambda: RAW)
    assert runs is RAW
    assert remote.frame().implementation.is_spark_like()
    same_measured(measured(from_runs(RAW)), measured(remote))


def test_scorers_and_cached_answers_are_the_same_on_sail(sail: str, tmp_path: Path) -> None:
    """A column named score:NAME is a scorer there too, and rows of a cache are counted and left."""
    table, cached = WHOLE, pa.array([n % 10 == 0 for n in range(len(WHOLE))])
    table = table.set_column(table.schema.get_field_index("cached"), "cached", cached)
    table = table.append_column("score:helpful", table["score"])
    pq.write_table(table, tmp_path / "t.parquet")
    remote, samples = read_on(sail, tmp_path / "t.parquet", as_of=None, read=not_read)
    local = read_runs(tmp_path / "t.parquet")
    assert sum(remote.cached.values()) == len(cached) // 10 + bool(len(cached) % 10)
    assert (remote.cached, remote.copies, remote.extras) == (
        local.cached,
        local.copies,
        local.extras,
    )
    same_measured(measured(from_runs(local)), measured(samples))
    high = pa.array([10.5] * len(table))
    beyond = table.set_column(len(table.schema) - 1, "score:helpful", high)
    pq.write_table(beyond, tmp_path / "t.parquet")
    with pytest.raises(RunsError, match="expected score:helpful from 0 to 10"):
        digest_on(sail, tmp_path / "t.parquet")


def with_costs(**columns: Sequence[object]) -> Any:  # noqa: ANN401
    """Return the first samples with what they cost, and further columns."""
    table = WHOLE.slice(0, 60).set_column(
        SCHEMA.names.index("cost"), "cost", pa.array([0.5] * 59 + [None])
    )
    for name, cells in columns.items():
        table = table.append_column(name, pa.array(cells))
    return table


CURRENCIES = {  # source.yaml, columns: what they tell
    "a column": ("", {"currency": ["USD", "₩"] * 30}),
    "that of costs": ("", {"currency": ["USD", "₩"] * 30, "cost_unit": ["$"] * 60}),
    "what the data are about": ("currency: none\n", {"ccy": ["USD", "KRW"] * 30}),
    "one that is named": ("currency: unit\n", {"unit": ["credits", "USD"] * 30, "ccy": ["x"] * 60}),
    "of rows without a cost": ("", {"currency": ["USD"] * 59 + ["KRW"]}),
    "words for none": ("", {"currency": ["USD", "n/a", "other", ""] * 15}),
    "none": ("", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CURRENCIES)
def test_currencies_are_the_same_on_sail(sail: str, tmp_path: Path, name: str) -> None:
    """Both engines tell the same currencies of the same rows, or none."""
    spec, columns = CURRENCIES[name]
    (tmp_path / "source.yaml").write_text(f"{spec}envelopes: {{unit: ms}}\n", "utf-8")
    pq.write_table(with_costs(**columns), tmp_path / "t.parquet")
    remote = read_on(sail, tmp_path / "t.parquet", as_of=None, read=not_read)[0].currencies
    local = read_runs(tmp_path).currencies
    assert {*remote["t.parquet"]} == {*local["t.parquet"]}
    assert bool(remote["t.parquet"]) == ("are about" not in name and name != "none")


def test_currencies_of_rows_that_are_left_out_do_not_count_on_sail(
    sail: str, tmp_path: Path
) -> None:
    """What came from a cache or later is no evidence there, whatever it cost."""
    starts = sorted({run.started_at for run in RAW.runs if run.started_at})
    table = WHOLE.set_column(SCHEMA.names.index("cost"), "cost", pa.array([0.5] * len(WHOLE)))
    units = ["EUR" if start > starts[0] else "USD" for start in table["started_at"].to_pylist()]
    cached = pa.array([n == 0 for n in range(len(table))])
    table = table.set_column(SCHEMA.names.index("cached"), "cached", cached)
    table = table.append_column("currency", pa.array(["KRW", *units[1:]]))
    pq.write_table(table, tmp_path / "t.parquet")
    for moment, expected in ((None, {"EUR", "USD"}), (starts[0], {"USD"})):
        runs, _ = read_on(sail, tmp_path / "t.parquet", as_of=moment, read=not_read)
        local = read_runs(tmp_path / "t.parquet", as_of=moment)
        assert {unit for _, unit in runs.currencies["t.parquet"]} == expected
        assert {*runs.currencies["t.parquet"]} == {*local.currencies["t.parquet"]}


def test_a_review_of_several_currencies_is_refused_on_sail(sail: str, tmp_path: Path) -> None:
    """Costs of two currencies are no sum there either; a named column has to be there."""
    units = ["USD" if arm == "control" else "KRW" for arm in WHOLE["arm"].to_pylist()]
    table = WHOLE.set_column(SCHEMA.names.index("cost"), "cost", pa.array([0.5] * len(WHOLE)))
    pq.write_table(table.append_column("currency", pa.array(units)), tmp_path / "t.parquet")
    shared: dict[str, Any] = {"stage": 2, "looks": "", "runs": str(tmp_path), "engine": sail}
    with pytest.raises(RunsError, match="several currencies: KRW"):
        review_stage(review_params(shared))
    (tmp_path / "source.yaml").write_text("currency: billed\n", "utf-8")
    with pytest.raises(RunsError, match=r"maps currency to column 'billed', which .* lacks"):
        digest_on(sail, tmp_path)


def test_rows_that_stand_twice_are_refused_on_sail(sail: str, tmp_path: Path) -> None:
    """There each row needs an id of its own: the same table twice is not twice the evidence."""
    pq.write_table(WHOLE, tmp_path / "a.parquet")
    pq.write_table(WHOLE.slice(0, 7), tmp_path / "b.parquet")
    with pytest.raises(RunsError, match=r"has \d rows whose sample_id another row has"):
        digest_on(sail, tmp_path)


def test_a_whole_review_of_envelopes_is_the_same_on_sail(sail: str) -> None:
    """All of the record but the digest's kind is equal, warnings and quarantine too."""
    shared = {"stage": 2, "runs": str(RUNS), "looks": ""}
    local, remote = (
        review_stage(review_params({**shared, "engine": engine})) for engine in ("duckdb", sail)
    )
    same_review(local, remote, but=("data_sha256",))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("status", "gone", "a status of passed, failed"),
        ("latency_ms", -1.0, "latency_ms of 0 or more"),
        ("sample_id", None, "an arm and a sample_id in each row"),
        ("passed", None, "a status and passed or neither"),
        ("run_id", None, "1 rows have no run_id"),
    ],
)
def test_rows_that_are_no_samples_are_refused_there(
    sail: str, tmp_path: Path, name: str, value: object, expected: str
) -> None:
    """One wrong value in Parquet that never comes here is an error with its run."""
    cells = [value, *WHOLE[name].to_pylist()[1:]]
    kind, place = SCHEMA.field(name).type, SCHEMA.names.index(name)
    table = WHOLE.set_column(place, pa.field(name, kind), pa.array(cells, kind))
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(RunsError, match=expected):
        digest_on(sail, tmp_path / "t.parquet")


def test_tags_and_units_are_read_there_as_here(sail: str, tmp_path: Path) -> None:
    """Words for nothing, spellings of one tag, and latencies in seconds."""
    tags = [["Bias", "bias "], [""], None, ["n/a", "Made up"], *[["BIAS"]] * (len(TABLE) - 4)]
    table = TABLE
    for name, cells in (("issues", tags), ("latency_ms", [2.05] * len(TABLE))):
        place = SCHEMA.names.index(name)
        table = table.set_column(
            place, SCHEMA.field(place), pa.array(cells, SCHEMA.field(place).type)
        )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    runs, samples = read_on(sail, path, as_of=None, read=not_read)
    remote = nw.to_native(samples.frame()).select("sample_id", "run_id", "issues").toArrow()
    local = read_runs(path)
    order = [("run_id", "ascending"), ("sample_id", "ascending")]
    spelled = pa.table(remote).sort_by(order)["issues"].to_pylist()
    assert spelled == local.table.sort_by(order)["issues"].to_pylist()
    assert {tag for listed in spelled for tag in listed or ()} == {"bias", "Made up"}
    assert runs.doubts == local.doubts
    assert runs.doubts.keys() == {"latency_ms", "slow"}
    (tmp_path / "source.yaml").write_text("envelopes: {unit: ms}\n")
    assert not read_on(sail, path, as_of=None, read=not_read)[0].doubts


def _changed(table: Any) -> Iterator[Any]:  # noqa: ANN401
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


def large(table: Any) -> Samples:  # noqa: ANN401
    """Return samples whose runs say that they are many."""
    many = replace(RAW.runs[0], n=digests_module.EXACT_ROWS + 1)
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


def test_a_source_that_the_engine_cannot_read_is_said(sail: str, tmp_path: Path) -> None:
    """A folder whose second file is no Parquet is one sentence."""
    pq.write_table(WHOLE, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("run_id,arm", encoding="utf-8")
    with pytest.raises(RunsError, match=r"cannot read .* as Parquet"):
        digest_on(sail, tmp_path)


def test_an_engine_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No extra, no Java, no whole Spark, no server and no such engine each say what to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = free.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(RunsError, match=r"does not answer.*check that it runs"):
            spark_session(f"sc://127.0.0.1:{port}")
        assert time.monotonic() - start < engines_module.PATIENCE
    with pytest.raises(UsageError, match="'x' is no port"):
        spark_session("sc://127.0.0.1:x")
    with pytest.raises(UsageError, match=r"only its Connect client.*rolloutlib\[spark\]"):
        spark_session("local[2]")
    with pytest.raises(UsageError, match="engine"):
        review_params({"stage": 2, "runs": "x", "engine": "sqlite"})
    monkeypatch.setattr(engines_module, "find_spec", {}.get)
    with pytest.raises(UsageError, match=r"not installed.*pip install 'rolloutlib\[spark\]'"):
        spark_session("local[2]")
    monkeypatch.setattr(engines_module, "find_spec", len)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UsageError, match=r"needs Java 17 or newer.*default-jre-headless"):
        spark_session("local[2]")


def test_close_is_close() -> None:
    """The comparison of this file can fail."""
    with pytest.raises(AssertionError):
        same_numbers({"a": 1.0}, {"a": 1 + 10 * CLOSE})
