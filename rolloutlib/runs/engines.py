"""Where else than in DuckDB here the one scan runs: in Spark, which reads the data itself."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingImports=false
# pyright: reportUnknownArgumentType=false
# (Spark is an extra, and comes in two packages that cannot stand in one environment)
from __future__ import annotations

import os
import shutil
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError
from rolloutlib.runs.quarantine import InputFile
from rolloutlib.runs.reading import Runs
from rolloutlib.runs.run_info import RunInfo
from rolloutlib.runs.samples import Samples, by_time

if TYPE_CHECKING:
    from datetime import datetime

# As in `samples`: runs of one arm, seed and prompts are one run; without a seed nobody can tell.
_REPLICATE = """left(sha2(CASE WHEN min(seed) IS NULL OR count(prompt_id) < count(*) THEN run_id
    ELSE concat_ws(chr(31), min(arm), cast(min(seed) AS string),
        array_join(sort_array(collect_list(if(seed IS NULL, NULL, prompt_id))), chr(31)))
    END, 256), 16)"""
_RUN_SQL = (
    "min(arm) AS arm", "min(started_at) AS started_at", "min(profile) AS profile",
    "min(seed) AS seed", "count(*) AS n", f"{_REPLICATE} AS replicate",
)  # fmt: skip


def read_on(engine: str, path: Path, *, as_of: datetime | None = None) -> tuple[Runs, Samples]:
    """Open samples that a Spark engine reads where they lie; none of them comes here.

    Args:
        engine: `local[N]`, `spark://HOST:PORT`, or `sc://HOST:PORT` (Spark Connect).
        path: a Parquet file, or a folder of them, with the columns of the table of samples; the
            engine must see it under the same path.
        as_of: runs that started later are left out; runs that do not tell their time stay.

    Raises:
        UsageError: Spark is not installed, or Java is missing.
        RunsError: the engine cannot be reached, or the data are not samples.
        NoEvidenceError: no run is left.
    """
    session = spark_session(engine)
    try:
        table = session.read.parquet(str(path))
        lazy = Samples.from_frame(nw.from_native(table)).frame()
        infos = _runs_in(nw.to_native(lazy), path.name)
    except (RunsError, UsageError):
        raise
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise RunsError(
            f"{engine} cannot read {path} as Parquet: {first}; expected a file or folder that the "
            "engine sees under this path, with the columns of the table of samples"
        ) from error
    kept = [info for info in infos if not (as_of and info.started_at and info.started_at > as_of)]
    if not kept:
        raise NoEvidenceError(f"no run of {path} is left as evidence ({len(infos)} runs read)")
    if len(kept) < len(infos):
        lazy = lazy.filter(nw.col("run_id").is_in([info.run_id for info in kept]))
    samples = Samples(lazy, by_time(kept))
    samples = Samples(lazy, samples.runs, samples.digest())
    digest = sha256(
        samples.known.encode()
    ).hexdigest()  # the files may be out of this machine's reach
    rows, left = sum(info.n for info in infos), sum(info.n for info in kept)
    account = InputFile(path.name, digest, f"samples, by {engine}", left, left, 0, rows - left)
    runs = Runs(
        nw.to_native(lazy), samples.runs, (account,), (), after_as_of=len(infos) - len(kept)
    )
    return runs, samples


def spark_session(engine: str) -> Any:  # noqa: ANN401 -- an extra's type
    """Return the session of an engine; the same one for every call.

    Raises:
        UsageError: Spark is not installed or too old for the engine, or Java is missing.
        RunsError: nobody answers there.
    """
    if find_spec("pyspark") is None:
        raise UsageError(
            f"engine {engine} needs Spark, which is not installed; expected the extra: "
            "pip install 'rolloutlib[spark]'"
        )
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder.appName("rolloutlib")
    if engine.startswith("sc://"):
        builder = builder.remote(engine)
    else:
        _require_java(engine)
        builder = builder.master(engine).config("spark.ui.enabled", "false")
    try:
        session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
        session.range(1).count()
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise RunsError(
            f"engine {engine} does not answer: {first}; check that it runs and can be reached"
        ) from error
    return session


def _require_java(engine: str) -> None:
    """Only Spark Connect works without a Java machine of its own."""
    if find_spec("py4j") is None:
        raise UsageError(
            f"engine {engine} needs the whole of Spark, but only its Connect client is installed; "
            "use sc://HOST:PORT, or another environment with: pip install 'rolloutlib[spark]'"
        )
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").is_file())):
        raise UsageError(
            f"engine {engine} needs Java 17 or newer, but there is no java on the path and no "
            "JAVA_HOME; install it (Debian: apt-get install default-jre-headless)"
        )


def _runs_in(table: Any, file: str) -> list[RunInfo]:  # noqa: ANN401
    """One entry a run, computed there; what only a run's own file tells is None."""
    from pyspark.sql import functions

    expressions = [functions.expr(sql) for sql in _RUN_SQL]
    rows = table.groupBy("run_id").agg(*expressions).toArrow().to_pylist()
    return [RunInfo(**row, stage=None, reported=None, file=file, line=0) for row in rows]
