"""Costs, tokens, further scorers, people's verdicts and cached answers, through every door."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import PlanError, RunsError, UsageError
from rolloutlib.measure.days import load
from rolloutlib.measure.store import ingest
from rolloutlib.measure.stored import read_store
from rolloutlib.runs import read_runs
from rolloutlib.runs.columns import BILLED, SCHEMA
from rolloutlib.runs.samples import Samples, from_runs
from tests.measure.store_runs import PLAN
from tests.runs.test_runs import run, sample, write
from tests.tables import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs import Runs

# Of four rows without these columns, by the version before they were there.
BEFORE = "5736b8f3e133fe49ae4935489b54c2d2a332b73c7e2418bea7f9308f98b73313"
FIELDS = (*BILLED, "cached", "human_passed", "human_score", "score:helpful")
MAPPING = """columns:
  {{arm: arm, run_id: run, sample_id: id, passed: ok, cost: usage.cost, tokens_in: usage.in,
    tokens_out: usage.out, cached: hit, human_passed: person.ok,
    human_score: {{column: person.stars, scale: [1, 5]}}}}
scores: {{helpful: {{column: helpful, scale: [0, 1]}}}}
files: "*.{kind}"
"""


def rows(**cells: list[Any]) -> list[dict[str, Any]]:
    """Return three rows of each of two arms; cells are given row by row."""
    return [
        {"arm": arm, "run": "r1", "id": f"s{n}", "ok": True}
        | {name: values[n] for name, values in cells.items()}
        for arm in ("a", "b") for n in range(3)
    ]  # fmt: skip


ROWS = rows(
    **{"usage.cost": [0.5, 0.0, None], "usage.in": [12, 0, None], "usage.out": [3, 4, None]},
    hit=[False, None, True], helpful=[0.25, 1.0, None],
    **{"person.ok": [True, False, None], "person.stars": [3, 5, None]},
)  # fmt: skip


def read(folder: Path, kind: str, records: list[dict[str, Any]]) -> Runs:
    """Read rows from a file of this kind."""
    (folder / "source.yaml").write_text(MAPPING.format(kind=kind))
    path = folder / f"t.{kind}"
    if kind == "csv":
        lines = [
            ",".join("" if cell is None else str(cell) for cell in r.values()) for r in records
        ]
        path.write_text("\n".join([",".join(records[0]), *lines]))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif kind == "json":  # nested, as tools write it
        path.write_text(json.dumps([_nested(record) for record in records]))
    else:
        path.write_text("\n".join(map(json.dumps, records)))
    return read_runs(folder)


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, cell in row.items():
        first, _, last = name.partition(".")
        if last:
            nested.setdefault(first, {})[last] = cell
        else:
            nested[name] = cell
    return nested


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
def test_every_kind_of_table_tells_the_same(tmp_path: Path, kind: str) -> None:
    """All fields arrive on our scales, and what came from a cache is counted as a copy."""
    runs = read(tmp_path, kind, ROWS)
    table = runs.table.select(FIELDS).to_pylist()
    assert table == 2 * [
        {"cost": 0.5, "tokens_in": 12, "tokens_out": 3, "cached": False, "human_passed": True,
         "human_score": 5.0, "score:helpful": 2.5},
        {"cost": 0.0, "tokens_in": 0, "tokens_out": 4, "cached": None, "human_passed": False,
         "human_score": 10.0, "score:helpful": 10.0},
    ]  # fmt: skip
    assert runs.copies == runs.cached == {"a": 1, "b": 1}
    assert [(file.read, file.kept, file.copies) for file in runs.inputs] == [(6, 4, 2)]


WRONG = (  # column, cell, what is said of it
    ("usage.cost", -0.5, "a number, 0 or more"),
    ("usage.cost", 1e13, "a number from 0 to 1e+12"),
    ("usage.in", 1.5, "a count, 0 or more"),
    ("usage.out", -1, "if that stands for no value, say none: [-1] of tokens_out"),
    ("hit", "maybe", "true or false"),
    ("person.ok", "great", "true or false"),
    ("person.stars", 0, "a number from 1 to 5"),
    ("helpful", 80, "if the source writes percent, say scale: [0, 100]"),
)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_no_field_can_be_costs_its_row(tmp_path: Path, kind: str) -> None:
    """A cell beyond its range goes to the quarantine, with its column and what was expected."""
    plain = {"arm": "a", "run": "r1", "ok": True}
    records = [plain | {"id": f"s{n}", column: cell} for n, (column, cell, _) in enumerate(WRONG)]
    names = dict.fromkeys(ROWS[0])
    records = [names | row for row in (*records, plain | {"id": "fine"})]
    for row in records:  # a column of words and truths is one of words
        row |= {name: row[name] and str(row[name]) for name in ("hit", "person.ok")}
    runs = read(tmp_path, kind, records)
    assert [(row.field, row.arm) for row in runs.quarantined] == [(c, "a") for c, *_ in WRONG]
    for row, (_, _, expectation) in zip(runs.quarantined, WRONG, strict=True):
        assert expectation in row.message
    assert runs.table["sample_id"].to_pylist() == ["fine"]


def test_an_envelope_whose_answers_are_cached_leaves_the_evidence(tmp_path: Path) -> None:
    """Cached samples of run envelopes are copies; a run of nothing else is no run."""
    cached = [sample(n, cached=True, latencyMs=100.0 + n) for n in range(3)]
    mixed = [sample(n, cached=n > 1, latencyMs=200.0 + n, scores={"helpful": n}) for n in range(3)]
    runs = read_runs(write(tmp_path, run("r1", *cached), run("r2", *mixed)))
    assert [(info.run_id, info.n) for info in runs.runs] == [("r2", 2)]
    assert runs.cached == runs.copies == {"control": 4}
    assert runs.table["score:helpful"].to_pylist() == [0.0, 1.0]


def test_digests_of_before_stay(tmp_path: Path) -> None:
    """Data without these columns have the digest that they had; a told value has another."""
    plain = [{"arm": arm, "run": "r1", "id": f"s{n}", "ok": n < 1} for arm in "ab" for n in (0, 1)]
    text = "columns: {arm: arm, run_id: run, sample_id: id, passed: ok, cost: usd}\n"
    digests: list[str] = []
    for usd in (None, 0.0):
        (folder := tmp_path / str(usd)).mkdir()
        (folder / "source.yaml").write_text(text)
        pq.write_table(
            pa.table({
                name: pa.array([row[name] for row in plain]) for name in plain[0]
            }).append_column("usd", pa.array([usd] * 4, pa.float64())), folder / "t.parquet",
        )  # fmt: skip
        digests.append(from_runs(read_runs(folder)).digest())
    assert digests[0] == BEFORE
    assert digests[1] != digests[0]


@pytest.mark.slow
def test_a_store_keeps_them(tmp_path: Path) -> None:
    """Stored days have every column, their sums, and what was left out as cached."""
    (folder := tmp_path / "runs").mkdir()
    runs = read(folder, "csv", ROWS)
    ingest(folder, tmp_path / "store", PLAN)
    store = load(tmp_path / "store")
    assert store is not None
    stored = read_store(tmp_path / "store", store)
    assert stored.runs.cached == runs.cached
    assert stored.runs.copies == runs.copies
    assert stored.runs.extras == ("score:helpful",)
    names = [*SCHEMA.names, "score:helpful"]
    order = [("arm", "ascending"), ("sample_id", "ascending")]
    direct, from_days = (
        source.table.select(names).sort_by(order) for source in (runs, stored.runs)
    )
    assert direct.equals(from_days)


def test_a_frame_of_another_engine_is_checked(tmp_path: Path) -> None:
    """Cached rows of a frame are left out; a scorer beyond its scale is refused."""
    table = read(tmp_path, "csv", ROWS).table
    frame = nw.from_native(table).lazy()
    cached = frame.with_columns(cached=nw.col("sample_id") == "s1")
    fresh = Samples.from_frame(cached, extras=["score:helpful"]).frame().collect()
    assert fresh["sample_id"].to_list() == ["s0", "s0"]
    beyond = frame.with_columns((nw.col("score:helpful") + 5).alias("score:helpful"))
    with pytest.raises(RunsError, match=r"2 values of score:helpful are none"):
        Samples.from_frame(beyond, extras=["score:helpful"])
    with pytest.raises(UsageError, match="'Helpful' is no name of a scorer"):
        Samples.from_frame(frame, extras=["score:Helpful"])


def test_fractions_read_as_points_are_doubted(tmp_path: Path) -> None:
    """A scorer whose scale nobody says, and whose scores are all below 1, may be misread."""
    records = rows(helpful=[0.5, 0.9, 1.0])
    text = (
        "columns: {arm: arm, run_id: run, sample_id: id, passed: ok}\nscores: {helpful: helpful}\n"
    )
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    (tmp_path / "source.yaml").write_text(text)
    doubt = read_runs(tmp_path).doubts["score:helpful"]
    assert doubt.facts["confirm"] == "scores: {helpful: {column: helpful, scale: [0, 10]}}"
    (tmp_path / "source.yaml").write_text(
        text.replace("helpful}", "{column: helpful, scale: [0, 1]}}")
    )
    assert not read_runs(tmp_path).doubts


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ("{Helpful: h}", "'Helpful' is no name of a scorer"),
        (
            "{helpful: {column: h, unit: s}}",
            "helpful has a unit; expected column, none, scale and values",
        ),
        ("{" + ", ".join(f"s{n}: h" for n in range(31)) + "}", "names 31 scorers"),
    ],
)
def test_scorers_that_are_none(tmp_path: Path, scores: str, why: str) -> None:
    """A name that no column can have, another option, and too many are refused by their key."""
    (tmp_path / "t.csv").write_text("arm,ok\na,1\n")
    (tmp_path / "source.yaml").write_text(f"columns: {{arm: arm, passed: ok}}\nscores: {scores}\n")
    with pytest.raises(PlanError, match=why):
        read_runs(tmp_path)


def test_columns_of_ours_need_no_mapping(tmp_path: Path) -> None:
    """A table that names its columns as we do, score:NAME among them, tells them all."""
    (tmp_path / "t.csv").write_text(
        "arm,id,passed,cost,tokensIn,tokens_out,humanPassed,score:helpful\nb,1,1,2.5,3,4,no,7.5\n"
    )
    row = read_runs(tmp_path).table.to_pylist()[0]
    assert [row[name] for name in FIELDS] == [2.5, 3, 4, None, False, None, 7.5]


def test_the_documented_mapping_is_read(tmp_path: Path) -> None:
    """The example of docs/source.md reads a table of its columns."""
    text = (ROOT / "docs" / "source.md").read_text(encoding="utf-8")
    part = text.partition("## Costs, further scorers")[2]
    (tmp_path / "source.yaml").write_text(part.partition("```yaml\n")[2].partition("```")[0])
    record = {
        "variant": "old", "id": 1, "success": True, "response": {"cached": False},
        "usage": {"cost": 0.01, "prompt_tokens": 5, "completion_tokens": 6},
        "review": {"ok": "no", "stars": 4}, "scores": {"faithfulness": 0.5, "relevance": -1},
    }  # fmt: skip
    (tmp_path / "t.jsonl").write_text(json.dumps(record))
    row = read_runs(tmp_path).table.to_pylist()[0]
    cells = [row[name] for name in (*FIELDS[:6], "score:faithfulness", "score:relevance")]
    assert cells == [0.01, 5, 6, False, False, 7.5, 5.0, None]
