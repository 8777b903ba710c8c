"""One odd value is one row set apart: fields × values × kinds of source, never an exception.

Each row of a file has one odd value, so that a file tells the fate of all of them in one read:
either the value is kept as it is, or its row is quarantined with line, field and value.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
# (pyarrow carries no types)
from __future__ import annotations

import csv
import json
import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import RunsError
from rolloutlib.measure.days import load
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.runs import read_runs
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.ranges import MOST_COVARIATE, MOST_LATENCY_MS, latest_start
from rolloutlib.runs.samples import Samples
from rolloutlib.runs.spellings import NUMBER
from tests.runs.test_runs import check_account, messages, result, run, sample, write
from tests.tables import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from rolloutlib.runs import Runs

pytestmark = pytest.mark.slow  # together they take seconds

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NUMBERS = (
    "1e308", "-1e308", "1e400", "5e-324", "1.5e-320", "-0.0", "NaN", "nan", "-nan", "Infinity",
    "-inf", "+Inf", "1e999", "9" * 30, "-" + "9" * 30, "9" * 5000, "0x10", "\uff11\uff12", "1_000",
    " 7", "7.0 ", "2,050", "7,0", "true", "1e15", "1e10", "9223372036854775808",
    "18446744073709551616", "2147483648", "-1", "\u0663", "1e", "7.", ".5", "+7", "--1", "\u221e",
)  # fmt: skip
RANGE = {
    "score": (0.0, 10.0), "latency_ms": (0.0, MOST_LATENCY_MS),
    "covariate": (-MOST_COVARIATE, MOST_COVARIATE),
}  # fmt: skip
WHOLE = {"seed": (-(2**63), 2**63 - 1), "style_violations": (0, 2**31 - 1)}
KEPT_TIMES = {
    "2026-10-20T10:00:00+09:00": "2026-10-20T01:00:00+00:00",
    "20261020T100000Z": "2026-10-20T10:00:00+00:00",
    "2026-10-20T10:00:00.123456789Z": "2026-10-20T10:00:00.123456+00:00",
    "2026-10-20T10:00:00-00:00": "2026-10-20T10:00:00+00:00",
    "2026-10-20T10:00:00+05:45": "2026-10-20T04:15:00+00:00",
    "2026-10-20 10:00:00-12:00": "2026-10-20T22:00:00+00:00",
    "2026-10-20T10:00:00+14:00": "2026-10-19T20:00:00+00:00",
    "2026-11-29T12:09:59Z": "2026-11-29T12:09:59+00:00",
}
REFUSED_TIMES = (
    "2999-01-01T00:00:00Z", "2026-11-29T12:11:00Z", "2027-01-01T00:00:00+09:00",
    "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00+05:00", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "0", "1760000000",
    "1760000000000", "2026-06-30T23:59:60Z", "2026-10-20T24:00:00Z", "2026-10-20T25:00:00Z",
    "2026-10-20T10:60:00Z", "2026-10-20T10:00:00+24:00", "2026-10-20T10:00:00-24:00",
    "2026-10-20T10:00:00+23:59", "2026-10-20T10:00:00+14:30", "2026-10-20T10:00:00-12:30",
    "2026-10-20T10:00:00+99:99", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
    "10000-01-01T00:00:00Z", "290000-01-01T00:00:00Z", "infinity", "-infinity", "epoch", "now",
    "today", "NaT", "2026-10-20 10:00:00 UTC", "2026-10-20T10:00:00 America/New_York",
    "\uff12\uff10\uff12\uff16-10-20T10:00:00Z", "1e308", "NaN",
)  # fmt: skip
LOCAL_TIMES = ("2026-10-20", "2026-10-20T10:00", "2026-W43-2")  # without an offset
HEAD: tuple[str, ...] = (
    "arm", "run_id", "sample_id", "status", "score", "latency_ms", "covariate", "seed",
    "style_violations", "started_at",
)  # fmt: skip
GOOD: dict[str, Any] = {"status": "passed", "score": 7.5, "latency_ms": 1500.0}


def rows(odd: Iterable[tuple[str, object]]) -> list[dict[str, Any]]:
    """Return a row for each odd value, each of a run of its own, with good ones in between."""
    made: list[dict[str, Any]] = []
    for number, (field, value) in enumerate(odd):
        for name, more in ((f"odd{number}.", {field: value}), (f"good{number}.", {})):
            made.append({"arm": "ab"[number % 2], "run_id": name, "sample_id": name} | GOOD | more)
    return made


def number_of(field: str, text: str) -> float | None:
    """Return what a text says as a number of a field; None where it has to be refused."""
    if not re.fullmatch(NUMBER, text):
        return None
    value, (low, high) = float(text), RANGE[field]
    return value if low <= value <= high else None


def count_of(field: str, text: str) -> int | None:
    """Return the same of a count."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        return None
    low, high = WHOLE[field]
    return int(text) if low <= int(text) <= high else None


def all_fates() -> list[tuple[str, str, object]]:
    """Return every field with every odd text, and the value that it is kept with, or None."""
    fates: list[tuple[str, str, object]] = []
    fates += [(f, text, number_of(f, text)) for f in RANGE for text in NUMBERS]
    fates += [(f, text, count_of(f, text)) for f in WHOLE for text in NUMBERS]
    fates += [("started_at", text, iso) for text, iso in KEPT_TIMES.items()]
    return fates + [("started_at", text, None) for text in REFUSED_TIMES]


def hold(runs: Runs, fates: list[tuple[str, Any, object]]) -> None:
    """Hold what was read against the fates: kept with this value, or refused with line and field.

    Values that are kept are compared by their bits, so that -0.0 does not pass for 0.0.
    """
    check_account(runs)
    table = runs.table
    by_name = dict(zip(table["sample_id"].to_pylist(), table.to_pylist(), strict=True))
    refused = {refusal.line: refusal for refusal in runs.quarantined}
    assert {name for name in by_name if name.startswith("good")} == {
        f"good{number}." for number in range(len(fates))
    }
    for number, (field, value, fate) in enumerate(fates):
        row = by_name.get(f"odd{number}.")
        if fate is None:
            assert row is None, (field, value)
            (refusal,) = [
                refusal for refusal in refused.values() if f"odd{number}." in refusal.text
            ] or [None]
            assert refusal is not None, (field, value)
            assert field in str(refusal.field), (field, value, refusal.field)
            assert str(refusal.expectation).startswith("expected "), refusal
        else:
            assert row is not None, (field, value)
            cell = row[field].isoformat() if isinstance(row[field], datetime) else row[field]
            assert cell == fate, (field, value, cell)
            assert not isinstance(cell, float) or math.copysign(1, cell) == (
                math.copysign(1, float(str(fate))) if fate else 1
            ), (field, value)


def put_csv(folder: Path, made: Iterable[dict[str, Any]], spec: str = "") -> Path:
    """Write rows as CSV, with a source.yaml where one is given."""
    path = folder / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, HEAD)
        writer.writeheader()
        writer.writerows(made)
    if spec:
        columns = "".join(f"  {name}: {name}\n" for name in HEAD)
        (folder / "source.yaml").write_text(f"columns:\n{columns}{spec}", encoding="utf-8")
    return path


@pytest.mark.parametrize("zone", ["", "Asia/Seoul", "America/New_York"])
def test_texts_of_a_csv(tmp_path: Path, zone: str) -> None:
    """Every field with every odd text; a zone that names one reads what tells none."""
    fates = all_fates()
    hours = {"Asia/Seoul": ("2026-10-19T15", "2026-10-20T01"),
             "America/New_York": ("2026-10-20T04", "2026-10-20T14")}.get(zone)  # fmt: skip
    day, hour = (f"{at}:00:00+00:00" if hours else None for at in hours or ("", ""))
    local = zip(LOCAL_TIMES, (day, hour, day), strict=True)
    fates += [("started_at", text, iso) for text, iso in local]
    named = f"timezone: {zone}\n" if zone else ""
    put_csv(tmp_path, rows((field, text) for field, text, _ in fates), named)
    hold(read_runs(tmp_path, now=NOW), fates)


def test_clocks_that_jump(tmp_path: Path) -> None:
    """A time that the zone's clocks skipped is none; one that they showed twice is the first."""
    fates: list[tuple[str, str, object]] = [
        ("started_at", "2026-03-08T02:30:00", None),
        ("started_at", "2026-03-08T03:00:00", "2026-03-08T07:00:00+00:00"),
        ("started_at", "2026-11-01T01:30:00", "2026-11-01T05:30:00+00:00"),
        ("started_at", "9999-12-31T23:59:59", None),
    ]
    put_csv(tmp_path, rows(fate[:2] for fate in fates), "timezone: America/New_York\n")
    runs = read_runs(tmp_path, now=NOW)
    hold(runs, fates)
    assert messages(runs)[0] == (
        "t.csv:2: started_at is '2026-03-08T02:30:00'; expected a time that the clocks of "
        "America/New_York showed, which skipped this one."
    )


def test_times_that_all_lack_an_offset_are_one_error(tmp_path: Path) -> None:
    """One such row is set apart; where no row can be read it is source.yaml that lacks a zone."""
    put_csv(tmp_path, rows([("started_at", "2026-10-20T10:00")]))
    (message,) = messages(read_runs(tmp_path, now=NOW))
    assert message == (
        "t.csv:2: started_at is '2026-10-20T10:00'; expected an offset, such as +09:00 or Z; if "
        "all times are of one zone, say timezone: in source.yaml."
    )
    put_csv(tmp_path, rows([("started_at", "2026-10-20T10:00")])[:1])
    with pytest.raises(RunsError, match=r"t\.csv: a time is '2026-10-20T10:00', without an offset"):
        read_runs(tmp_path, now=NOW)


@pytest.mark.parametrize("literal", [True, False])
def test_json_lines(tmp_path: Path, literal: bool) -> None:  # noqa: FBT001
    """Numbers as JSON writes them, and as texts, which some programs do."""
    fates = [fate for fate in all_fates() if not literal or re.fullmatch(NUMBER, fate[1])
              or fate[1] in {"NaN", "Infinity", "true"}]  # fmt: skip
    fates = [fate for fate in fates if not literal or fate[0] != "started_at"]
    if literal:  # a number with a point is no count, and is not made one
        fates = [(f, t, None if f in WHOLE and not re.fullmatch(r"-?\d+", t) else v)
                  for f, t, v in fates]  # fmt: skip
    lines = [json.dumps(row) for row in rows((field, "@" if literal else text)
             for field, text, _ in fates)]  # fmt: skip
    for number, (_, text, _) in enumerate(fates):
        lines[2 * number] = lines[2 * number].replace('"@"', text)
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mapped = HEAD[:-1] if literal else HEAD
    columns = "".join(f"  {name}: {name}\n" for name in mapped)
    (tmp_path / "source.yaml").write_text(f"columns:\n{columns}", encoding="utf-8")
    hold(read_runs(tmp_path, now=NOW), fates)


def test_samples_of_an_envelope(tmp_path: Path) -> None:
    """A bad value costs its sample; what the decoder takes is the number that was written."""
    wire = {"score": "score", "latency_ms": "latencyMs", "covariate": "covariate",
            "style_violations": "styleViolations"}  # fmt: skip
    literals = [text for text in NUMBERS if re.fullmatch(NUMBER, text)] + ["NaN", "-Infinity"]
    odd = [(field, text) for field in wire for text in literals]
    samples = [sample(number, **{wire[field]: "@"}) for number, (field, _) in enumerate(odd)]
    whole = run("r", *samples, *map(sample, range(1000, 1100)))
    text = json.dumps(result(whole, metrics={"passRate": 1}))
    for _, value in odd:
        text = text.replace('"@"', value, 1)
    runs = read_runs(write(tmp_path, text), now=NOW)
    check_account(runs)
    by_id = dict(zip(runs.table["sample_id"].to_pylist(), runs.table.to_pylist(), strict=True))
    for number, (field, value) in enumerate(odd):
        whole = field in WHOLE
        expected = count_of(field, value) if whole else number_of(field, value)
        row = by_id.get(f"s{number}")
        assert (row and row[field]) == expected, (field, value)
    assert all(refusal.field in wire.values() for refusal in runs.quarantined)
    assert "latencyMs is 1e+308; expected at most 2,592,000,000 ms (30 days)." in {
        message.partition(": ")[2] for message in messages(runs)
    }


def test_starts_of_envelopes(tmp_path: Path) -> None:
    """A run whose start is none, or lies in the future, is no evidence; the others stand."""
    texts = [*KEPT_TIMES, *REFUSED_TIMES, *LOCAL_TIMES]
    envelopes = [run(f"r{n}", sample(n), startedAt=text) for n, text in enumerate(texts)]
    runs = read_runs(write(tmp_path, *envelopes), now=NOW)
    check_account(runs)
    starts = {info.run_id: info.started_at for info in runs.runs}
    moments = [str(starts[f"r{n}"]).replace(" ", "T") for n in range(len(KEPT_TIMES))]
    assert len(starts) == len(KEPT_TIMES)
    assert moments == list(KEPT_TIMES.values())
    assert messages(runs)[0] == (
        "runs.jsonl:9: startedAt is '2999-01-01T00:00:00Z'; expected a start that is not in the "
        "future."
    )


def test_the_future_begins_where_the_review_says(tmp_path: Path) -> None:
    """What is later than as_of is of another review; what no clock has shown yet is refused."""
    starts = ("2026-10-20T10:00:00Z", "2026-11-01T10:00:00Z", "2999-01-01T00:00:00Z")
    path = write(tmp_path, *(run(f"r{n}", sample(n), startedAt=at) for n, at in enumerate(starts)))
    runs = read_runs(path, as_of=datetime(2026, 10, 21, tzinfo=UTC), now=NOW)
    assert [info.run_id for info in runs.runs] == ["r0"]
    assert runs.after_as_of == 1
    assert len(runs.quarantined) == 1
    runs = read_runs(path, as_of=NOW, now=datetime(2020, 1, 1, tzinfo=UTC))  # a clock not set
    assert [info.run_id for info in runs.runs] == ["r0", "r1"]
    assert latest_start(None) - datetime.now(UTC) < timedelta(minutes=11)


G = 1_792_400_000  # seconds of a good start
_SPECIAL: list[Any] = [
    (field, kind, [math.nan, math.inf, -math.inf, -0.0], [None, None, None, 0.0])
    for field in RANGE for kind in (pa.float32(), pa.float64())
]  # fmt: skip
_TYPES: list[Any] = [
    ("latency_ms", pa.float64(), [1e308, 5e-324, -1e-12, 3e9], [None, 5e-324, 0.0, None]),
    ("latency_ms", pa.float32(), [3e38, 1.5], [None, 1.5]),
    ("latency_ms", pa.decimal128(38, 10), [Decimal(10) ** 27, Decimal("1.5")], [None, 1.5]),
    ("latency_ms", pa.decimal256(76, 20), [Decimal(10) ** 50, Decimal(-1)], [None, None]),
    ("latency_ms", pa.uint64(), [2**64 - 1, 7], [None, 7.0]),
    ("latency_ms", pa.int64(), [-(2**63), 2**63 - 1], [None, None]),
    ("latency_ms", pa.duration("s"), [2**62, -5, 2], [None, None, 2000.0]),
    ("latency_ms", pa.duration("ns"), [2**62, 1500], [None, 0.0015]),
    ("latency_ms", pa.large_string(), ["1e308", "NaN", "5"], [None, None, 5.0]),
    ("latency_ms", pa.dictionary(pa.int8(), pa.float64()), [math.nan, 4.0], [None, 4.0]),
    ("latency_ms", pa.binary(), [b"1", b"\xff"], [None, None]),
    ("latency_ms", pa.list_(pa.float64()), [[1.0], [math.nan]], [None, None]),
    ("latency_ms", pa.struct([("a", pa.float64())]), [{"a": 1.0}], [None]),
    ("latency_ms", pa.date32(), [20000], [None]),
    ("score", pa.bool_(), [True], [None]),
    ("covariate", pa.float64(), [1e308, -1e16, 1e15], [None, None, 1e15]),
    ("seed", pa.uint64(), [2**64 - 1, 5], [None, 5]),
    ("seed", pa.float64(), [3.0, math.nan], [None, None]),
    ("style_violations", pa.int64(), [-1, 2**31, 2], [None, None, 2]),
]


def starts() -> list[Any]:
    """Return columns of times beyond the calendar, before 2000 and after today."""
    made: list[Any] = []
    for unit, factor in (("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        beyond = [2**63 - 1, -(2**63) + 1, 0, -1]
        if unit != "ns":
            beyond += [253_402_300_800 * factor, 32_503_680_000 * factor]
        cells, fate = [*beyond, G * factor], [*[None] * len(beyond), G]
        zones = ("UTC", "Asia/Seoul", "America/New_York")
        made += [("started_at", pa.timestamp(unit, zone), cells, fate) for zone in zones]
    return made


PARQUET = _SPECIAL + _TYPES + starts()


@pytest.mark.parametrize(("field", "kind", "cells", "fate"), PARQUET, ids=str)
def test_cells_of_parquet(
    tmp_path: Path, field: str, kind: pa.DataType, cells: list[object], fate: list[object]
) -> None:
    """Whatever type the column has: numbers beyond their range, and times beyond the calendar."""
    made = rows([(field, None)] * len(cells))
    named = [row for row in made if row["run_id"].startswith("odd")]
    columns = {name: pa.array([row.get(name) for row in named]) for name in
               ("arm", "run_id", "sample_id", "status", "score")}  # fmt: skip
    pq.write_table(pa.table({**columns, field: pa.array(cells, kind)}), tmp_path / "t.parquet")
    runs = read_runs(tmp_path, now=NOW)
    check_account(runs)
    table = runs.table
    by_id = dict(zip(table["sample_id"].to_pylist(), table[field].to_pylist(), strict=True))
    at = [value and datetime.fromtimestamp(G, UTC) if field == "started_at" else value
          for value in fate]  # fmt: skip
    assert [by_id.get(row["sample_id"]) for row in named] == at
    refused = [number for number, value in enumerate(fate, 1) if value is None]
    assert sorted(refusal.line for refusal in runs.quarantined) == refused
    assert all(refusal.field == field and refusal.value for refusal in runs.quarantined)


def test_dates_and_times_without_a_zone(tmp_path: Path) -> None:
    """A date beyond the calendar is a row, in a zone of its own or in one whose clocks change."""
    since = pa.array([20742, 2**31 - 1, -(2**31) + 1, 2_932_897, 99_999], pa.int32())
    days = since.cast(pa.date32())
    plain = pa.array([G, 253_402_300_800, 0, 32_503_680_000, G], pa.timestamp("s"))
    names = [f"s{n}" for n in range(5)]
    for zone, cells, good in (
        ("Asia/Seoul", days, 1), ("America/New_York", days, 1), ("Asia/Seoul", plain, 2),
        ("America/New_York", plain, 2),
    ):  # fmt: skip
        columns = {"arm": ["a"] * 5, "sample_id": names, "status": ["passed"] * 5}
        pq.write_table(pa.table({**columns, "started_at": cells}), tmp_path / "t.parquet")
        (tmp_path / "source.yaml").write_text(
            "columns: {arm: arm, sample_id: sample_id, status: status, started_at: started_at}\n"
            f"timezone: {zone}\n", encoding="utf-8",
        )  # fmt: skip
        runs = read_runs(tmp_path, now=NOW)
        check_account(runs)
        assert (runs.kept, runs.rows_quarantined) == (good, 5 - good)


@pytest.mark.parametrize("kind", [
    pa.string_view(), pa.binary(), pa.float64(), pa.list_(pa.string()),
    pa.struct([("a", pa.string())]), pa.decimal128(5, 2),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("field", ["arm", "run_id", "sample_id", "status", "category"])
def test_labels_of_other_types(tmp_path: Path, field: str, kind: pa.DataType) -> None:
    """A label that is no text is no label: kept as text, or a row set apart."""
    cell: Any = {"string_view": "passed", "binary": b"\xff", "double": math.nan}.get(str(kind))
    if cell is None:
        cell = ["x"] if pa.types.is_list(kind) else {"a": "x"} if pa.types.is_struct(kind) else 1
    columns: dict[str, Any] = {
        "arm": ["a", "b"], "run_id": ["r", "r"], "sample_id": ["1", "2"],
        "status": ["passed", "passed"], field: pa.array([cell, cell], kind),
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    runs = read_runs(tmp_path, now=NOW)
    check_account(runs)
    assert runs.kept == (2 if kind == pa.string_view() else 0)


def own_table(field: str, value: object) -> pa.Table:
    """Return a table with exactly our columns, in which one value is odd."""
    made: dict[str, Any] = {name: [None] * 3 for name in SCHEMA.names}
    made |= {"arm": ["a"] * 3, "run_id": ["r"] * 3, "sample_id": list("123"),
             "status": ["passed"] * 3, "passed": [True] * 3, "score": [7.0] * 3}  # fmt: skip
    made[field] = [made[field][0], value, made[field][2]]
    return pa.table({f.name: pa.array(made[f.name], f.type) for f in SCHEMA}, schema=SCHEMA)


OWN: list[tuple[str, object]] = [
    *((field, value) for field in RANGE for value in (math.nan, math.inf, -math.inf, 1e308)),
    ("style_violations", -1), ("started_at", 2**63 - 1), ("started_at", 0),
    ("started_at", 32_503_680_000_000_000), ("started_at", 253_402_300_800_000_000),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), OWN)
def test_our_own_table(tmp_path: Path, field: str, value: object) -> None:
    """A stored table with our columns obeys the same rules; Parquet's statistics leave NaN out."""
    path = tmp_path / "t.parquet"
    pq.write_table(own_table(field, value), path)
    runs = read_runs(path, now=NOW)
    check_account(runs)
    assert runs.table["sample_id"].to_pylist() == ["1", "3"]
    assert [(refusal.line, refusal.field) for refusal in runs.quarantined] == [(2, field)]
    with pytest.raises(RunsError, match=rf"1 values of {field} are none; expected"):
        Samples.from_parquet(path)


@pytest.mark.parametrize(("field", "value"), OWN[:-1])
@pytest.mark.parametrize("make", [
    lambda table: nw.from_native(table).lazy(),
    lambda table: nw.from_native(duckdb.connect(":memory:").from_arrow(table)),
], ids=["arrow", "duckdb"])  # fmt: skip
def test_frames_of_other_engines(
    make: Callable[[pa.Table], nw.LazyFrame[Any]], field: str, value: object
) -> None:
    """A frame is taken as it is or refused: its column, how many values, and what is due there."""
    with pytest.raises(RunsError, match=rf"1 values of {field} are none; expected"):
        Samples.from_frame(make(own_table(field, value)))
    assert Samples.from_frame(make(own_table(field, None))).frame() is not None


def test_a_frame_whose_times_tell_no_zone() -> None:
    """Without a zone nobody knows when it was."""
    table = own_table("score", 1.0)
    plain = table.set_column(2, "started_at", table["started_at"].cast(pa.timestamp("us")))
    with pytest.raises(RunsError, match="column 'started_at' has times without a zone"):
        Samples.from_frame(nw.from_native(plain).lazy())


def test_stored_days(tmp_path: Path) -> None:
    """`rollout ingest` stores what a review would keep, and keeps what it refused."""
    samples = [sample(1, latencyMs=1e308), sample(2, covariate=-1e308), *map(sample, range(3, 40))]
    whole = result(run("r", *samples), metrics={"passRate": 1, "avgLatency": 1500})
    envelopes = [whole, run("late", sample(1), startedAt="2999-01-01T00:00:00Z")]
    (tmp_path / "in").mkdir()
    done = ingest(write(tmp_path / "in", *envelopes), tmp_path / "store", PLAN)
    assert done.account == (40, 37, 3, 0)
    assert list(done.days) == ["2026-03-02"]
    store = load(tmp_path / "store")
    assert store is not None
    stored = read_store(tmp_path / "store", store).runs
    assert stored.kept == 37
    assert stored.rows_quarantined == 3


def test_a_mean_of_what_is_kept_is_a_number(tmp_path: Path) -> None:
    """The largest and the smallest numbers that are kept have sums of squares."""
    extremes = [("latency_ms", MOST_LATENCY_MS), ("latency_ms", 5e-324), ("covariate", 1e15),
                ("covariate", -1e15), ("score", 0.0)] * 40  # fmt: skip
    put_csv(tmp_path, rows((field, repr(value)) for field, value in extremes))
    table = read_runs(tmp_path, now=NOW).relation
    for name in RANGE:
        (sums,) = table.aggregate(f"var_pop({name}), regr_sxy({name}, {name})").fetchall()
        assert all(math.isfinite(value) for value in sums)


TEMPLATES: dict[str, dict[str, Any]] = {
    "a provider's name": run(provider="mock-provider"),
    "spaces": run(provider=" MOCK "),
    "camel case": run(provider="MockProvider"),
    "full-width": run(provider="\uff2d\uff2f\uff23\uff2b"),
    "an invisible character": run(provider="MO\u200bCK"),
    "underscores": run(provider="my_mock_v2"),
    "the result's provider": result(run(), provider="Mock"),
    "a note": result(run(), providerNote="CLI fallback used"),
    "lower case": result(run(), providerNote="cli_fallback"),
    "a dash": result(run(), providerNote="note: CLI-Fallback"),
    "a note of the run": run(providerNote="CLIFallback"),
    "the data set": run(datasetMeta={"version": 1, "provider": "MOCK"}),
    "the data set's note": run(datasetMeta={"provider_note": "cli fallback"}),
    "a record": run(provider_info={"provider": {"id": "mock", "model": "m"}}),
    "the session": run(session={"seed": 1, "provider": "mock"}),
    "one sample": run("r1", sample(1), sample(2, provider="MOCK")),
    "one sample's note": run("r1", sample(1), sample(2, providerNote="CLI_FALLBACK")),
    "a mock as a note": result(run(), providerNote="mock"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_are_no_measurement(tmp_path: Path, name: str) -> None:
    """In any case, spelling and place: the run is refused, and the other one stands."""
    runs = read_runs(write(tmp_path, TEMPLATES[name], run("fine", sample(9))), now=NOW)
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["fine"]
    assert messages(runs)[0].endswith("expected measured metrics, these are a template.")


@pytest.mark.parametrize("name", ["hammock-7b", "smocking", "mockingbird", "CLI", "openai",
                                  "fallback to haiku", "no fall, back again"])  # fmt: skip
def test_models_that_only_sound_like_it(tmp_path: Path, name: str) -> None:
    """A model may be called hammock, and a router may fall back to another model."""
    written = result(run("r", sample(1, provider=name), provider=name), providerNote=name)
    assert read_runs(write(tmp_path, written), now=NOW).kept == 1


@pytest.mark.parametrize("column", ["provider", "providerNote", "PROVIDER_NOTE", "llm provider"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_templates_in_a_flat_table(tmp_path: Path, column: str, kind: str) -> None:
    """A column about the provider is looked at, mapped or not; a hammock is none."""
    providers = ["MOCK", "hammock", "cli_fallback", None]
    table = pa.table({"arm": ["a"] * 4, "sample_id": list("1234"), "status": ["passed"] * 4,
                      column: providers})  # fmt: skip
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, table.to_pylist())), encoding="utf-8")
    else:
        table.to_pandas().to_csv(path, index=False)
    runs = read_runs(path, now=NOW)
    check_account(runs)
    assert runs.table["sample_id"].to_pylist() == ["2", "4"]
    assert [(refusal.field, refusal.value) for refusal in runs.quarantined] == [
        (column, "'MOCK'"), (column, "'cli_fallback'")
    ]  # fmt: skip


def summed(**metrics: object) -> dict[str, Any]:
    """Return a run of 40 samples (7.5 points, 1,500.5 ms, 30 passed) with these metrics beside."""
    samples = [sample(n, status="passed" if n < 30 else "failed") for n in range(40)]
    whole = run("r", *samples)
    return result(whole, metrics={**whole["result"]["metrics"], **metrics})


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"avgScore": 9.9}, "avgScore is 9.9; expected 7.5 as in the run's 40 samples."),
        ({"avgLatency": 1.0}, "avgLatency is 1.0; expected 1500 as in the run's 40 samples."),
        ({"avgLatency": 1.5005}, "avgLatency is 1.5005; expected 1500 as in"),
        ({"vetoedPct": 0.2}, "vetoedPct is 0.2; expected 0 as in the run's 40 samples."),
        ({"p95": 900}, "p95 is 900; expected 1500 as in the run's 40 samples."),
        ({"p95LatencyMs": 3000}, "p95 is 3000; expected 1500 as in the run's 40 samples."),
        ({"count": 100}, "count is 100; expected 40 as in the run's 40 samples."),
        ({"sampleCount": 39}, "count is 39; expected 40 as in the run's 40 samples."),
        ({"passed": 40}, "passed is 40; expected 30 as in the run's 40 samples."),
        ({"errors": 3}, "errors is 3; expected 0 as in the run's 40 samples."),
        ({"passRate": 0.7, "vetoedPct": 0.4}, "passRate + vetoedPct is 1.1; expected at most 1,"),
        ({"avgLatency": 1e308}, "avgLatency is 1e+308; expected at most 2,592,000,000 ms (30"),
    ],
)  # fmt: skip
def test_a_summary_that_contradicts_its_samples(
    tmp_path: Path, metrics: dict[str, object], message: str
) -> None:
    """The run is refused, and the sentence names both numbers."""
    runs = read_runs(write(tmp_path, summed(**metrics)), now=NOW)
    check_account(runs)
    assert runs.kept == 0
    assert messages(runs)[0].startswith(f"runs.jsonl:1: {message}")


@pytest.mark.parametrize("metrics", [
    {}, {"avgScore": 7.54}, {"avgLatency": 1501}, {"avgLatency": 1500.0}, {"passRate": 0.75},
    {"p95": 1500.5, "count": 40, "passed": 30, "failed": 10, "errors": 0}, {"p95": "n/a"},
    {"passed": 0.75, "count": None, "errors": [1]},
])  # fmt: skip
def test_a_summary_within_rounding(tmp_path: Path, metrics: dict[str, object]) -> None:
    """What agrees as far as it was rounded stands, and what is no number is not asked."""
    assert read_runs(write(tmp_path, summed(**metrics)), now=NOW).kept == 40


def test_metrics_that_are_not_there(tmp_path: Path) -> None:
    """Samples speak for themselves; a run without samples needs all four numbers."""
    bare = run("r", sample(1))
    del bare["result"]["metrics"]
    some = result(run("s", sample(2)), metrics={"avgScore": 7.5})
    empty = result(run("t"), metrics={"avgScore": 7.5}, samples=[])
    runs = read_runs(write(tmp_path, bare, some, empty), now=NOW)
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["r", "s"]
    (message,) = messages(runs)
    assert message == (
        "runs.jsonl:3: metrics; expected passRate, avgScore, avgLatency and vetoedPct of a run "
        "without samples."
    )


def test_averages_of_what_was_judged(tmp_path: Path) -> None:
    """An engine may leave failed calls or vetoed samples out of its averages."""
    plain = [sample(n) for n in range(20)]
    late = [sample(n, status="timeout", latencyMs=9000) for n in range(20, 30)]
    vetoed = [sample(n, status="vetoed", score=1) for n in range(30, 40)]
    samples = [*plain, *late, *vetoed]
    rates = {"passRate": 0.5, "vetoedPct": 0.25}
    means = [(7.5, 1500.5), (4.9, 3375.4), (5.875, 3375.375), (5.333, 1500.5)]
    counts = [
        read_runs(write(tmp_path, result(run("r", *samples), metrics=rates | {
            "avgScore": score, "avgLatency": latency})), now=NOW).kept
        for score, latency in means
    ]  # fmt: skip
    assert counts == [40, 0, 40, 40]


def test_flags_in_two_spellings(tmp_path: Path) -> None:
    """A disagreement does not hide behind another spelling of the key or of the value."""
    both = [
        ({"feature.searchLite": True}, {"search_lite": False}),
        ({"searchLite": True}, {"Feature.SearchLite": "false"}),
        ({"mode": "explore"}, {"features.MODE": "exploit"}),
        ({"feature.searchLite": True}, {"searchlite": "True "}),
    ]
    envelopes = [run(f"r{n}", sample(n), flags=flags, datasetMeta={"featureFlags": noted})
                 for n, (flags, noted) in enumerate(both)]  # fmt: skip
    runs = read_runs(write(tmp_path, *envelopes), now=NOW)
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["r3"]
    assert messages(runs)[0] == (
        "runs.jsonl:1: flags searchLite is true; expected false as in datasetMeta.featureFlags."
    )


def test_profiles_in_two_places(tmp_path: Path) -> None:
    """A second profile is found under a key that the reader does not know, too."""
    mixed = [
        run("a", sample(1), session={"guardianProfileId": "fast"}, guardian_profile="strict"),
        run("b", sample(2, guardian_profile_id="fast"), session={"guardianProfileId": "strict"}),
        run("c", sample(3), session={"guardianProfileId": "fast"}, guardianProfile="fast"),
    ]
    runs = read_runs(write(tmp_path, *mixed), now=NOW)
    check_account(runs)
    assert [info.run_id for info in runs.runs] == ["c"]
    assert messages(runs)[0] == (
        "runs.jsonl:1: guardianProfileId is 'fast and strict'; expected one profile in a run."
    )
