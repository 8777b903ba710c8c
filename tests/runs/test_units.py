"""Numbers at the edge: booleans, roundings, units, sentinels, and units that are doubted."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
# (pyarrow carries no types)
from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.measure.days import load
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.runs import Runs, read_runs, reading
from rolloutlib.words.reasons import sentence
from tests.runs.test_runs import messages, run, sample, write
from tests.tables import PLAN

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # tables are read and reviewed, one after the other

ARM = "constants: {arm: a}\n"
READERS = pytest.mark.parametrize("careful", [False, True])


@pytest.fixture
def careful(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Read row by row where the test says so."""
    if request.param:
        monkeypatch.setattr(reading, "read_columns", lambda *_, **__: None)
    return request.param


def read_csv(folder: Path, spec: str, *rows: str) -> Runs:
    """Read lines of CSV, the header first."""
    (folder / "source.yaml").write_text(spec, encoding="utf-8")
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return read_runs(folder)


def read_parquet(folder: Path, spec: str, **columns: pa.Array) -> Runs:
    """Read a Parquet table."""
    (folder / "source.yaml").write_text(spec, encoding="utf-8")
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return read_runs(folder)


def column(runs: Runs, name: str) -> list[Any]:
    """Return a column in the order of the file; no row may be refused."""
    assert not runs.quarantined, messages(runs)
    order = sorted(runs.table.to_pylist(), key=lambda row: int(row["sample_id"]))
    return [row[name] for row in order]


BOOLEANS = {
    "pandas": ("True", "False"),
    "pandas with gaps": ("1.0", "0.0"),
    "SQL": ("TRUE", "FALSE"),
    "Postgres": ("t", "f"),
    "integers": ("1", "0"),
    "YAML": ("yes", "no"),
    "people": ("Y", "N"),
    "switches": ("on", "off"),
}
WORDS = [
    "true: passed, false: failed",
    "True: passed, False: failed",
    "1: passed, 0: failed",
    "yes: passed, no: failed",
    "t: passed, f: failed",
    "'Y': passed, 'N': failed",
]


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("words", WORDS)
def test_booleans_are_read_in_every_spelling(tmp_path: Path, words: str) -> None:
    """Whichever spelling source.yaml uses, every usual one of the table means the same."""
    spec = f"columns: {{passed: ok}}\nstatuses: {{{words}}}\n{ARM}"
    cells = [cell for pair in BOOLEANS.values() for cell in pair]
    assert column(read_csv(tmp_path, spec, "ok,x", *(f"{cell},1" for cell in cells)), "passed") == [
        True,
        False,
    ] * len(BOOLEANS)


TYPED = {
    "boolean": pa.array([True, False]),
    "double": pa.array([1.0, 0.0]),
    "float": pa.array([1.0, 0.0], pa.float32()),
    "integer": pa.array([1, 0], pa.int8()),
    "text": pa.array(["True", "False"]),
}


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.parametrize("words", WORDS[:3])
def test_typed_booleans_are_read(tmp_path: Path, kind: str, words: str) -> None:
    """A column of numbers is a column of booleans where source.yaml maps booleans."""
    spec = f"columns: {{passed: ok}}\nstatuses: {{{words}}}\n{ARM}"
    assert column(read_parquet(tmp_path, spec, ok=TYPED[kind]), "passed") == [True, False]


@READERS
@pytest.mark.usefixtures("careful")
def test_exact_words_win_over_spellings(tmp_path: Path) -> None:
    """A word that source.yaml names is never read as another boolean; unclear ones are refused."""
    spec = (
        f"columns: {{status: ok}}\nstatuses: {{1: passed, 0: failed, t: timeout, 2: error}}\n{ARM}"
    )
    runs = read_csv(tmp_path, spec, "ok,x", "1,", "t,", "0.0,", "2.0,", "yes,", "no,")
    statuses = sorted(runs.table["status"].to_pylist())
    assert statuses == ["error", "failed", "failed", "passed", "timeout"]
    expectation = "expected one of 1, 0, t, 2; name others under statuses: in source.yaml."
    assert messages(runs) == [f"t.csv:6: ok is 'yes'; {expectation}"]


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize(
    ("scale", "cell", "score"),
    [
        ("[0, 1]", "1.0000000000000002", 10.0),
        ("[0, 1]", "-1e-16", 0.0),
        ("[1, 5]", "5.000000000000001", 10.0),
        ("[-1, 1]", "-1.0000000000000002", 0.0),
        ("[0, 100]", "100.00000001", 10.0),
    ],
)
def test_a_rounding_beyond_a_scale_is_on_it(
    tmp_path: Path, scale: str, cell: str, score: float
) -> None:
    """Similarities that add up to a hair more than 1 are 1."""
    spec = f"columns: {{passed: ok, score: {{column: s, scale: {scale}}}}}\n{ARM}"
    assert column(read_csv(tmp_path, spec, "ok,s", f"true,{cell}"), "score") == [score]


@READERS
@pytest.mark.usefixtures("careful")
def test_more_than_a_rounding_is_refused(tmp_path: Path) -> None:
    """A part in a million beyond the scale is another scale, and so is a latency of -1."""
    columns = "passed: ok, score: {column: s, scale: [0, 1]}, latency_ms: {column: l, unit: s}"
    spec = f"columns: {{{columns}}}\n{ARM}"
    rows = ("true,1.000001,1", "true,1,-1", "true,1,-1e-12", "true,1,0.001")
    runs = read_csv(tmp_path, spec, "ok,s,l", *rows)
    assert [row.line for row in runs.quarantined] == [2, 3]
    assert sorted(runs.table["latency_ms"].to_pylist()) == [0.0, 1.0]


def test_a_rounding_in_an_envelope_is_on_the_scale(tmp_path: Path) -> None:
    """The engine's own scores and latencies are read by the same rule."""
    samples = [sample(1, score=10.000000000000002), sample(2, score=-1e-16, latencyMs=-1e-12)]
    table = read_runs(write(tmp_path, run("r1", *samples))).table
    assert table["score"].to_pylist() == [10.0, 0.0]
    assert table["latency_ms"].to_pylist()[1] == 0.0


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize(
    ("unit", "cell"),
    [("ns", "1500000000"), ("us", "1500000"), ("ms", "1500"), ("s", "1.5"), ("min", "0.025")],
)
def test_every_unit_becomes_milliseconds(tmp_path: Path, unit: str, cell: str) -> None:
    """Nanoseconds join the others."""
    spec = f"columns: {{passed: ok, latency_ms: {{column: l, unit: {unit}}}}}\n{ARM}"
    assert column(read_csv(tmp_path, spec, "ok,l", f"true,{cell}"), "latency_ms") == [
        pytest.approx(1500)
    ]


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("option", ["", ", unit: s"])
def test_a_duration_knows_its_own_unit(tmp_path: Path, unit: str, option: str) -> None:
    """Durations of Parquet are read by their own unit, whatever source.yaml says."""
    cells = pa.array([timedelta(seconds=2), None], pa.duration(unit))
    spec = f"columns: {{passed: ok, latency_ms: {{column: l{option}}}}}\n{ARM}"
    runs = read_parquet(tmp_path, spec, ok=pa.array([True, True]), l=cells)
    assert column(runs, "latency_ms") == [2000.0, None]


@READERS
@pytest.mark.usefixtures("careful")
def test_an_interval_of_parquet_is_read(tmp_path: Path) -> None:
    """The engine's own interval too."""
    path = tmp_path / "t.parquet"
    query = f"COPY (SELECT true AS ok, INTERVAL '1500 milliseconds' AS l) TO '{path}'"
    duckdb.sql(query)
    (tmp_path / "source.yaml").write_text(f"columns: {{passed: ok, latency_ms: l}}\n{ARM}")
    assert column(read_runs(tmp_path), "latency_ms") == [1500.0]


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("cell", ["PT1.5S", "0 days 00:00:01.500000", "00:00:01.5", "P0DT1.5S"])
def test_a_duration_as_text_is_read(tmp_path: Path, cell: str) -> None:
    """As ISO 8601, pandas and SQL write one."""
    spec = f"columns: {{passed: ok, latency_ms: l}}\n{ARM}"
    assert column(read_csv(tmp_path, spec, "ok,l", f"true,{cell}"), "latency_ms") == [1500.0]


@pytest.mark.parametrize("cell", ["-PT1S", "P", "PT", "-00:00:01", "1 day"])
def test_what_is_no_duration_is_refused(tmp_path: Path, cell: str) -> None:
    """Negative ones are no latency; others are shown as they are written."""
    spec = f"columns: {{passed: ok, latency_ms: l}}\n{ARM}"
    runs = read_csv(tmp_path, spec, "ok,l", f"true,{cell}")
    assert messages(runs) == [f"t.csv:2: l is '{cell}'; expected a number of ms, 0 or more."]


def test_a_time_of_day_is_no_duration(tmp_path: Path) -> None:
    """A typed time of day is refused, not guessed to be a latency."""
    spec = f"columns: {{passed: ok, latency_ms: l}}\n{ARM}"
    runs = read_parquet(tmp_path, spec, ok=pa.array([True]), l=pa.array([time(0, 0, 1)]))
    assert (runs.kept, runs.rows_quarantined) == (0, 1)


@READERS
@pytest.mark.usefixtures("careful")
def test_a_sentinel_is_no_value(tmp_path: Path) -> None:
    """-1 is unknown where source.yaml says so; the row stays, and other values too."""
    score, latency = "{column: s, scale: [1, 10], none: [-1, n/a]}", "{column: l, none: -1}"
    spec = f"columns: {{passed: ok, score: {score}, latency_ms: {latency}}}\n{ARM}"
    rows = ("true,-1,-1", "true,-1.0,5", "true,N/A,-1.00", "true,10,5", "true,,")
    runs = read_csv(tmp_path, spec, "ok,s,l", *rows)
    assert column(runs, "score") == [None, None, None, 10.0, None]
    assert column(runs, "latency_ms") == [None, 5.0, None, 5.0, None]


@READERS
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("kind", [pa.float64(), pa.int64(), pa.float32()])
def test_a_typed_sentinel_is_no_value(tmp_path: Path, kind: pa.DataType) -> None:
    """Numbers of Parquet are compared as numbers."""
    spec = f"columns: {{passed: ok, score: {{column: s, none: [-1]}}}}\n{ARM}"
    scores = pa.array([-1, 3], kind)
    runs = read_parquet(tmp_path, spec, ok=pa.array([True, True]), s=scores)
    assert column(runs, "score") == [None, 3.0]


def test_an_unsaid_sentinel_is_refused_with_the_key_that_mends_it(tmp_path: Path) -> None:
    """A -1 outside of the scale is a bad row; the message names none."""
    spec = f"columns: {{passed: ok, score: {{column: s, scale: [1, 10]}}}}\n{ARM}"
    runs = read_csv(tmp_path, spec, "ok,s", "true,-1", "true,5")
    (message,) = messages(runs)
    assert "s is '-1'; expected a number from 1 to 10; if that stands for no value" in message
    assert message.endswith("say none: [-1] of score.")


def latencies(folder: Path, option: str, *values: float) -> Runs:
    """Read latencies of one arm, with what source.yaml says of their unit."""
    spec = f"columns: {{passed: ok, latency_ms: {{column: l{option}}}}}\n{ARM}"
    return read_csv(folder, spec, "ok,l", *(f"true,{value}" for value in values))


def test_seconds_read_as_milliseconds_are_doubted(tmp_path: Path) -> None:
    """More than half below 20 ms without a unit; the sentence says what to write."""
    runs = latencies(tmp_path, "", 1.5, 2.05, 900)
    assert runs.doubts.keys() == {"latency_ms", "slow"}
    assert sentence(runs.doubts["latency_ms"]) == (
        "67% of the latencies of arm a are below 20 ms, as seconds read as milliseconds are; name "
        "their unit in source.yaml (latency_ms: {column: l, unit: ms}, if they are milliseconds)."
    )


@pytest.mark.parametrize(
    ("option", "values"),
    [
        (", unit: ms", (1.5, 2.05, 900)),
        (", unit: s", (0.0015, 0.002, 900)),
        ("", (1.5, 900)),
        ("", (0, 0, 0, 900)),
        ("", (20, 30)),
    ],
)
def test_a_unit_that_is_said_or_usual_is_believed(
    tmp_path: Path, option: str, values: tuple[float, ...]
) -> None:
    """A named unit, half of the latencies, and latencies of 0 raise no doubt."""
    assert not latencies(tmp_path, option, *values).doubts


def test_microseconds_read_as_milliseconds_are_doubted(tmp_path: Path) -> None:
    """More than half above ten minutes."""
    assert latencies(tmp_path, "", 1.5e6, 2e6).doubts["slow"].code == "units.latency_long"
    assert not latencies(tmp_path, ", unit: us", 1.5e6, 2e6).doubts


def test_one_arm_alone_is_doubted(tmp_path: Path) -> None:
    """An arm in seconds beside one in milliseconds is seen, although half of all are usual."""
    spec = "columns: {arm: arm, passed: ok, latency_ms: l, score: s}\n"
    rows = ["old,true,1500,7", "old,true,1400,8", "new,true,1.5,0.7", "new,true,1.4,0.8"]
    runs = read_csv(tmp_path, spec, "arm,ok,l,s", *rows)
    assert {reason.facts["arm"] for reason in runs.doubts.values()} == {"new"}
    assert runs.doubts.keys() == {"latency_ms", "slow", "score"}


def test_fractions_read_as_points_are_doubted(tmp_path: Path) -> None:
    """All scores within 0 and 1 without a scale; a scale that is said is believed."""
    for option, doubted in (("", True), (", scale: [0, 1]", False), (", scale: [0, 10]", False)):
        spec = f"columns: {{passed: ok, score: {{column: s{option}}}}}\n{ARM}"
        runs = read_csv(tmp_path, spec, "ok,s", "true,0.2", "true,1.0")
        assert ("score" in runs.doubts) is doubted
    zero = read_csv(tmp_path, f"columns: {{passed: ok, score: s}}\n{ARM}", "ok,s", "true,0")
    assert not zero.doubts


def test_envelopes_are_doubted_too(tmp_path: Path) -> None:
    """Until source.yaml says that the engine's numbers are what they are taken for."""
    path = write(tmp_path, run("r1", sample(1, latencyMs=2.05, score=0.5)))
    runs = read_runs(path)
    assert runs.table["latency_ms"].to_pylist() == [2.05]
    assert runs.doubts["latency_ms"].facts["confirm"] == "envelopes: {unit: ms}"
    assert runs.doubts["score"].facts["confirm"] == "envelopes: {scale: [0, 10]}"
    (tmp_path / "source.yaml").write_text("envelopes: {unit: ms, scale: [0, 10]}\n")
    assert not read_runs(path).doubts


def test_a_store_keeps_its_doubts(tmp_path: Path) -> None:
    """Stored days are doubted as the files were."""
    envelope = run("r1", sample(1, latencyMs=2.05), startedAt="2026-10-20T10:00:00Z")
    ingest(write(tmp_path, envelope), tmp_path / "store", PLAN)
    folder = tmp_path / "store"
    store = load(folder)
    assert store is not None
    assert read_store(folder, store).runs.doubts.keys() == {"latency_ms", "slow"}
