"""The same scan on a real Spark cluster: a master and two workers on loopback, Java below them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pyspark
import pytest

from rolloutlib.errors import RunsError
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.scan import measure
from rolloutlib.plan.params import review_params
from rolloutlib.runs import read_runs
from rolloutlib.runs.engines import read_on, spark_session
from rolloutlib.runs.samples import from_runs
from tests.engines import not_read, real_evidence, same_measured, same_review
from tests.tables import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.measure.scan import Measured
    from rolloutlib.runs.samples import Samples

RUNS = ROOT / "data" / "examples" / "story" / "stage-2"
HOME = Path(pyspark.__file__).parent
DEPLOY = "org.apache.spark.deploy"
WORKERS = 2
PATIENCE = 60.0  # seconds until a process says that it is there


def _started(log: Path, cls: str, *options: str) -> subprocess.Popen[bytes]:
    """Start one of Spark's own processes, which tells its log what it does."""
    place = {"SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": "127.0.0.1"}
    folder = {"SPARK_WORKER_DIR": str(log.parent / log.stem)}
    command = [str(HOME / "bin" / "spark-class"), f"{DEPLOY}.{cls}", *options]
    with log.open("wb") as out:
        return subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | place | folder, cwd=log.parent
        )


def _wait_for(log: Path, text: str, times: int = 1) -> None:
    """Wait until a log says something often enough."""
    end = time.monotonic() + PATIENCE
    while log.read_text("utf-8").count(text) < times:
        assert time.monotonic() < end, log.read_text("utf-8")
        time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start the cluster, give its address and the folder of its logs, and stop what was started."""
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"  # the driver's, which is this process
    engine, web = f"spark://127.0.0.1:{port}", ("--webui-port", "0")
    master = folder / "master.log"
    processes = [_started(master, "master.Master", "--host", "127.0.0.1", "--port", port, *web)]
    try:
        _wait_for(master, "I have been elected leader")
        for number in range(WORKERS):
            share = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", *web)
            log = folder / f"worker{number}.log"
            processes.append(_started(log, "worker.Worker", *share, engine))
        _wait_for(master, "Registering worker", WORKERS)
        yield engine, folder
        spark_session(engine).stop()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the story's stage 2 as four Parquet files of samples."""
    folder = tmp_path_factory.mktemp("samples")
    table = read_runs(RUNS, stage=2).table
    size = len(table) // 4 + 1
    for place in range(4):
        pq.write_table(table.slice(place * size, size), folder / f"{place}.parquet")
    return folder


def _measured(samples: Samples) -> Measured:
    """Measure both arms with the story's limits."""
    arms = ("control", "treatment")
    return measure(
        samples, arms, timeout_cap_ms=30_000.0, slow_above_ms=2_200.0, latency_cap_ms=6_000.0
    )


def test_measured_is_the_same_on_a_cluster(cluster: tuple[str, Path], stored: Path) -> None:
    """Counts are equal, sums to 1e-9, and both workers took part."""
    engine, logs = cluster
    _, on_cluster = read_on(engine, stored, as_of=None, read=not_read)
    local = from_runs(read_runs(RUNS, stage=2))
    same_measured(_measured(local), _measured(on_cluster))
    for number in range(WORKERS):
        assert "Asked to launch executor" in (logs / f"worker{number}.log").read_text("utf-8")


def test_a_whole_review_is_the_same_on_a_cluster(
    cluster: tuple[str, Path], stored: Path, tmp_path: Path
) -> None:
    """Verdicts, reasons and runs are equal, numbers to 1e-9."""
    engine, _ = cluster
    evidence = real_evidence(RUNS / "evidence", tmp_path / "evidence")
    shared = {"stage": 2, "evidence": evidence, "looks": ""}
    local = review_stage(review_params({**shared, "runs": str(RUNS)}))
    on_cluster = review_stage(review_params({**shared, "runs": str(stored), "engine": engine}))
    same_review(local, on_cluster)


def test_the_digest_does_not_know_the_files(
    cluster: tuple[str, Path], stored: Path, tmp_path: Path
) -> None:
    """One file or four: the digest that the workers compute is the same; another value is not."""
    engine, _ = cluster
    table = read_runs(RUNS, stage=2).table
    pq.write_table(table, tmp_path / "one.parquet")
    pq.write_table(table.slice(1), tmp_path / "less.parquet")
    paths = (stored, tmp_path / "one.parquet", tmp_path / "less.parquet")
    digests = [read_on(engine, path, as_of=None, read=not_read)[1].digest() for path in paths]
    assert digests[0] == digests[1] != digests[2]


def test_envelopes_are_handed_over_to_a_cluster(cluster: tuple[str, Path]) -> None:
    """Run files are read and checked here; the workers measure the same of the rows they get."""
    raw = read_runs(RUNS, stage=2)
    runs, on_cluster = read_on(cluster[0], RUNS, as_of=None, read=lambda: raw)
    assert runs is raw
    assert on_cluster.frame().implementation.is_spark_like()
    same_measured(*(_measured(samples) for samples in (from_runs(raw), on_cluster)))


def test_data_that_no_engine_reads_are_refused(cluster: tuple[str, Path], tmp_path: Path) -> None:
    """A file that is no Parquet among others is one sentence with the path and what is expected."""
    pq.write_table(read_runs(RUNS, stage=2).table, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("run_id,arm", encoding="utf-8")
    with pytest.raises(RunsError, match=r"cannot read .* as Parquet"):
        read_on(cluster[0], tmp_path, as_of=None, read=not_read)
