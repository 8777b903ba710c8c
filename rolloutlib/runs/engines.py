"""Where else than in DuckDB here the one scan runs: in Spark, which reads the data itself."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingImports=false
# pyright: reportUnknownArgumentType=false
# (Spark is an extra, and comes in two packages that cannot stand in one environment)
from __future__ import annotations

import os
import shutil
import socket
from dataclasses import replace
from datetime import UTC
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError
from rolloutlib.phrase import Phrase, foreign, phrase
from rolloutlib.runs.account import later_rows
from rolloutlib.runs.columns import LATER, SCHEMA, STATUSES
from rolloutlib.runs.currencies import currencies_on_spark
from rolloutlib.runs.doubts import by_metric, doubts_on_spark
from rolloutlib.runs.further import is_scorer
from rolloutlib.runs.quarantine import InputFile
from rolloutlib.runs.ranges import COUNTED, FIRST_YEAR, ON_SCALE, RANGES, latest_start
from rolloutlib.runs.reading import Runs
from rolloutlib.runs.run_info import RunInfo
from rolloutlib.runs.samples import Samples, by_time
from rolloutlib.runs.sources import load_source
from rolloutlib.runs.spark_rows import cached_rows, uncached, until
from rolloutlib.runs.spark_samples import samples_on_spark
from rolloutlib.runs.tags import one_spelling_on_spark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from rolloutlib.runs.currencies import Billed
    from rolloutlib.runs.sources import SourceSpec

PATIENCE = 10.0  # seconds for an engine's host to take a connection
_CONNECT_PORT = 15002  # of Spark Connect, where the address names none
# As in `samples`: runs of one arm, seed and prompts are one run; without a seed nobody can tell.
_REPLICATE = """left(sha2(CASE WHEN min(seed) IS NULL OR count(prompt_id) < count(*) THEN run_id
    ELSE concat_ws(chr(31), arm, cast(min(seed) AS string),
        array_join(sort_array(collect_list(if(seed IS NULL, NULL, prompt_id))), chr(31)))
    END, 256), 16)"""
_RUN_SQL = (
    "min(started_at) AS started_at", "max(started_at) AS last_at",
    "min(profile) AS profile",
    "min(seed) AS seed", "count(*) AS n", f"{_REPLICATE} AS replicate",
)  # fmt: skip


def _between(field: str, low: float, high: float) -> Phrase:
    return phrase("{field} from {low} to {high}", field=field, low=f"{low:g}", high=f"{high:g}")


# What the reader refuses in other sources, a sum over each run's rows here: what is expected, and
# SQL of what is not so.
_WRONG = [
    (phrase("an arm and a sample_id in each row, a status and passed or neither"),
     "arm IS NULL OR sample_id IS NULL OR (status IS NULL) <> (passed IS NULL)"),
    (phrase("a status of {words}", words=STATUSES), f"status NOT IN {STATUSES}"),
    (phrase("{field} of 0 or more", field="latency_ms"), "latency_ms < 0"),
    *((_between(name, low, high), f"NOT {name} BETWEEN {low!r} AND {high!r}")
      for name, (low, high) in RANGES.items()),  # NaN is beyond every number there
    *((phrase("{field} of 0 or more", field=name), f"NOT {name} BETWEEN 0 AND {most}")
      for name, (most, _) in COUNTED.items()),
]  # fmt: skip


def read_on(
    engine: str, path: Path, *, as_of: datetime | None, read: Callable[[], Runs]
) -> tuple[Runs, Samples]:
    """Open samples on a Spark engine.

    Parquet with the columns of the table of samples is read by the engine where it lies, and none
    of it comes here. Everything else is read and checked here, and the kept rows are handed over.

    Args:
        engine: `local[N]`, `spark://HOST:PORT`, or `sc://HOST:PORT` (Spark Connect).
        path: a file or folder of runs; Parquet must be seen by the engine under the same path.
        as_of: rows that started later are left out; rows that do not tell their time stay.
        read: reads and checks the runs here.

    Raises:
        UsageError: Spark is not installed, or Java is missing.
        RunsError: the engine cannot be reached, or the data are not samples.
        NoEvidenceError: no run is left.
    """
    if is_table(path):
        return _open(engine, path, as_of)
    runs = read()
    frame = nw.from_native(spark_session(engine).createDataFrame(runs.table))
    samples = Samples.from_frame(frame, checked=True, extras=runs.extras)
    return runs, replace(samples, runs=by_time(runs.runs))


def is_table(path: Path) -> bool:
    """Whether a file, or the first of a (partitioned) folder, is Parquet in `SCHEMA`'s columns."""
    files = path.rglob("*.parquet") if path.is_dir() else iter([path])
    first = min(files, default=None)
    if first is None or first.suffix != ".parquet" or not first.is_file():
        return False
    try:
        names = pq.read_schema(first).names
    except (pa.ArrowInvalid, OSError):
        return False
    parts = first.relative_to(path).parts[:-1]
    return {*SCHEMA.names} - {*LATER} <= {*names, *(part.partition("=")[0] for part in parts)}


class _Table(NamedTuple):
    """A table that Spark reads and checks.

    Attributes:
        samples: without the rows that started later; neither digested nor sorted into runs yet.
        infos: their runs.
        later: the rows that started after the review's moment, by arm and run.
        cached: the rows whose answers came from a cache, by arm; they are left out.
        billed: the currencies that the others tell of their costs.
        spec: what source.yaml says.
    """

    samples: Samples
    infos: list[RunInfo]
    later: dict[tuple[str, str], int]
    cached: dict[str, int]
    billed: set[Billed]
    spec: SourceSpec | None


def _table(engine: str, path: Path, as_of: datetime | None) -> _Table:
    session, folder = spark_session(engine), path if path.is_dir() else path.parent
    beside = folder / "source.yaml"
    spec = load_source(beside) if beside.is_file() else None
    try:
        table = session.read.option("pathGlobFilter", "*.parquet").parquet(str(path))
        samples = samples_on_spark(table, path, spec)
        spelled = nw.from_native(one_spelling_on_spark(nw.to_native(samples.frame())))
        lazy, later = until(spelled, as_of)
        infos = _runs_in(nw.to_native(lazy), path, latest_start(as_of))
        measured = until(nw.from_native(uncached(table)), as_of)[0]
        billed = currencies_on_spark(nw.to_native(measured), spec, path.name)
        return _Table(replace(samples, lazy=lazy), infos, later, cached_rows(table), billed, spec)
    except (RunsError, UsageError):
        raise
    except Exception as error:
        raise RunsError(
            "{engine} cannot read {path} as Parquet: {why}; expected a file or folder that the "
            "engine sees under this path, with the columns of the table of samples",
            engine=engine, path=path, why=foreign(_first_line(error)),
        ) from error  # fmt: skip


def _open(engine: str, path: Path, as_of: datetime | None) -> tuple[Runs, Samples]:
    samples, infos, later, cached, billed, spec = _table(engine, path, as_of)
    names = {(info.arm, info.run_id) for info in infos}
    after = later.keys() - names
    if not infos:
        raise NoEvidenceError(
            "no run of {path} is left as evidence ({runs} runs read, {cached:,} answers of a cache "
            "left out)",
            path=path, runs=len(after), cached=sum(cached.values()),
        )  # fmt: skip
    samples = replace(samples, runs=by_time(infos), known=samples.digest())
    notes = later_rows(sum(rows for name, rows in later.items() if name in names), as_of)
    native = nw.to_native(samples.lazy)
    runs = Runs(
        native, samples.runs, (_account(engine, path, samples, later, cached),), (), 0, len(after),
        notes, doubts=by_metric(doubts_on_spark(native, spec)), extras=samples.extras,
        texts=samples.texts, copies=cached, cached=cached,
        currencies={path.name: sorted(billed)},
    )  # fmt: skip
    return runs, samples


def _account(
    engine: str, path: Path, samples: Samples, later: Mapping[tuple[str, str], int],
    cached: Mapping[str, int],
) -> InputFile:  # fmt: skip
    """Draw up what the table gave; its files may be out of reach, so its digest stands for them."""
    content = sha256(samples.digest().encode()).hexdigest()
    left, copies = sum(info.n for info in samples.runs), sum(cached.values())
    aside, dialect = sum(later.values()), f"samples, by {engine}"
    return InputFile(path.name, content, dialect, left + copies, left, 0, aside, copies)


def spark_session(engine: str) -> Any:  # noqa: ANN401 -- an extra's type
    """Return the session of an engine; the same one for every call.

    Raises:
        UsageError: Spark is not installed or too old for the engine, or Java is missing.
        RunsError: nobody answers there.
    """
    if find_spec("pyspark") is None:
        raise UsageError(
            "engine {engine} needs Spark, which is not installed; expected the extra: "
            "pip install 'rolloutlib[spark]'",
            engine=engine,
        )
    if not engine.startswith("sc://"):
        _require_java(engine)
    _require_answer(engine)
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder.appName("rolloutlib")
    if engine.startswith("sc://"):
        builder = builder.remote(engine)
    else:
        builder = builder.master(engine).config("spark.ui.enabled", "false")
    try:
        session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
        session.range(1).count()
    except Exception as error:
        raise _silent(engine, error) from error
    return session


def _require_java(engine: str) -> None:
    """Only Spark Connect works without a Java machine of its own."""
    if find_spec("py4j") is None:
        raise UsageError(
            "engine {engine} needs the whole of Spark, but only its Connect client is installed; "
            "use sc://HOST:PORT, or another environment with: pip install 'rolloutlib[spark]'",
            engine=engine,
        )
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").is_file())):
        raise UsageError(
            "engine {engine} needs Java 17 or newer, but there is no java on the path and no "
            "JAVA_HOME; install it (Debian: apt-get install default-jre-headless)",
            engine=engine,
        )


def _require_answer(engine: str) -> None:
    """Knock at the engine's door first: Spark itself tries for minutes where nobody is."""
    _, remote, address = engine.partition("://")
    if not remote:
        return
    failed: OSError | None = None
    for server in address.partition("/")[0].split(","):  # a cluster may have spare masters
        host, _, port = server.rpartition(":") if ":" in server else (server, "", "")
        try:
            number = int(port or _CONNECT_PORT)
            socket.create_connection((host.strip("[]"), number), PATIENCE).close()
        except ValueError:
            raise UsageError(
                "engine {engine}: {port!r} is no port; expected a number",
                engine=engine, port=port,
            ) from None  # fmt: skip
        except OSError as error:
            failed = error
        else:
            return
    raise _silent(engine, failed) from failed


def _silent(engine: str, error: Exception | None) -> RunsError:
    return RunsError(
        "engine {engine} does not answer: {why}; check that it runs and can be reached",
        engine=engine, why=error if isinstance(error, OSError) else foreign(_first_line(error)),
    )  # fmt: skip


def _first_line(error: Exception | None) -> str:
    return str(error).strip().partition("\n")[0]


def _runs_in(table: Any, path: Path, latest: datetime) -> list[RunInfo]:  # noqa: ANN401
    """One entry a run, computed and checked there; what only a run's own file tells is None."""
    from pyspark.sql import functions

    moment = f"TIMESTAMP '{latest.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"  # its session is in UTC
    first = f"TIMESTAMP '{FIRST_YEAR}-01-01 00:00:00'"
    expectation = phrase("started_at from {year} on, and not in the future", year=FIRST_YEAR)
    rules = [*_WRONG, (expectation, f"started_at < {first} OR started_at > {moment}")]
    low, high = ON_SCALE
    rules += [(_between(name, low, high), f"NOT `{name}` BETWEEN {low!r} AND {high!r}")
              for name in filter(is_scorer, table.columns)]  # fmt: skip
    wrong = [f"count_if({sql}) AS wrong_{place}" for place, (_, sql) in enumerate(rules)]
    ids = "count(DISTINCT sample_id) AS ids"
    expressions = [functions.expr(sql) for sql in (*_RUN_SQL, ids, *wrong)]
    infos: list[RunInfo] = []
    for row in table.groupBy("arm", "run_id").agg(*expressions).toArrow().to_pylist():
        counts = [row.pop(f"wrong_{place}") for place in range(len(rules))]
        if row["run_id"] is None:
            raise RunsError(
                "{path}: {n} rows have no run_id; expected one in each row", path=path, n=row["n"]
            )
        for (expectation, _), rows in zip(rules, counts, strict=True):
            if rows:
                raise RunsError(
                    "{path}: run {run!r} has {n} rows that are no samples; expected {due}",
                    path=path, run=row["run_id"], n=rows, due=expectation,
                )  # fmt: skip
        if repeated := row["n"] - row.pop("ids"):
            raise RunsError(
                "{path}: run {run!r} has {n} rows whose sample_id another row has; expected each "
                "id once in a run, so that nobody takes copies for samples",
                path=path, run=row["run_id"], n=repeated,
            )  # fmt: skip
        infos.append(RunInfo(**row, stage=None, reported=None, file=path.name, line=0))
    return infos
