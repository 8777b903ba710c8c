"""Flat tables: source.yaml maps columns, and nothing that it does not map is guessed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import PlanError, RunsError
from rolloutlib.runs import Runs, read_runs

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "name others under statuses: in source.yaml"
PARTS = "if a part of it stands in another column, list both as sample_id in source.yaml"
MINIMAL = "columns: {arm: arm, passed: pass}\n"


def read_csv(folder: Path, text: str, spec: str = MINIMAL) -> Runs:
    """Read a CSV file with a source.yaml beside it, and check its account."""
    (folder / "source.yaml").write_text(spec, encoding="utf-8")
    (folder / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    runs = read_runs(folder)
    assert [(file.read, file.read - file.kept) for file in runs.inputs] == [
        (runs.read, runs.rows_quarantined)
    ]
    assert runs.kept == runs.read - runs.rows_quarantined == sum(info.n for info in runs.runs)
    return runs


def messages(runs: Runs) -> list[str]:
    """Return what people read about the quarantined rows."""
    return [row.message for row in runs.quarantined]


def test_a_row_becomes_a_sample_in_our_units(tmp_path: Path) -> None:
    """Seconds become milliseconds, a score of 1 to 5 becomes 0 to 10, words split.

    Times get their zone.
    """
    spec = """
title: A study
licence: MIT
columns:
  arm: model
  prompt_id: task
  status: outcome
  score: {column: stars, scale: [1, 5]}
  latency_ms: {column: wait, unit: s}
  issues: {column: tags, separator: "|"}
  started_at: day
  style_violations: style
  covariate: words
  cost: usd
  tokens_in: prompt_tokens
  tokens_out: answer_tokens
  cached: hit
  human_passed: review
  human_score: {column: liked, scale: [1, 5]}
scores: {faithfulness: {column: faithful, scale: [0, 1]}}
statuses: {ok: passed, bad: failed, stop: vetoed}
constants: {profile: strict}
timezone: Asia/Seoul
"""
    rows = ["x,007,ok,5,2.5,bias|unclear,2026-03-02,3,41.5,0.003,12.0,7,no,bad,2,0.75",
            "x,008,stop,,,,2026-03-02,,,,,,,,,"]  # fmt: skip
    header = "model,task,outcome,stars,wait,tags,day,style,words,usd,prompt_tokens,answer_tokens"
    text = "\n".join([f"{header},hit,review,liked,faithful", *rows])
    runs = read_csv(tmp_path, text, spec)
    first, second = runs.table.to_pylist()
    assert first == {
        "run_id": "2026-03-02", "arm": "x", "started_at": datetime(2026, 3, 1, 15, tzinfo=UTC), "seed": None,
        "profile": "strict", "sample_id": "2", "prompt_id": "007", "user_id": None, "session_id": None,
        "category": None, "difficulty": None, "status": "passed", "passed": True, "vetoed": False, "error": None,
        "score": 10.0, "latency_ms": 2500.0, "issues": ["bias", "unclear"], "veto_reason": None,
        "style_violations": 3, "edited": None, "covariate": 41.5, "suggested": None,
        "cluster": None, "suggested_tags": None, "cost": 0.003, "tokens_in": 12, "tokens_out": 7,
        "cached": False, "human_passed": False, "human_score": 2.5, "score:faithfulness": 7.5,
    }  # fmt: skip
    assert (second["vetoed"], second["score"], second["latency_ms"], second["issues"]) == (
        True,
        None,
        None,
        [],
    )
    assert (runs.title, runs.runs[0].reported, runs.runs[0].profile) == ("A study", None, "strict")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_every_format_gives_the_same_table(tmp_path: Path, name: str) -> None:
    """CSV, JSON Lines and Parquet of the same rows are one table."""
    rows: list[dict[str, Any]] = [
        {
            "arm": arm,
            "id": f"{arm}{i}",
            "pass": i % 2 == 0,
            "score": i + 0.5,
            "issue": "bias" if i else None,
        }
        for arm in ("x", "y")
        for i in range(3)
    ]
    if name == "t.csv":
        cells = [
            [
                str(v).lower() if isinstance(v, bool) else "" if v is None else str(v)
                for v in row.values()
            ]
            for row in rows
        ]
        text = "\n".join(",".join(line) for line in [list(rows[0]), *cells])
        (tmp_path / name).write_text(text, encoding="utf-8")
    elif name == "t.jsonl":
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    spec = "columns: {arm: arm, sample_id: id, passed: pass, score: score, issues: issue}"
    (tmp_path / "source.yaml").write_text(spec, encoding="utf-8")
    table = read_runs(tmp_path).table
    assert table["sample_id"].to_pylist() == [row["id"] for row in rows]
    assert table["passed"].to_pylist() == [row["pass"] for row in rows]
    assert table["score"].to_pylist() == [row["score"] for row in rows]
    assert table["issues"].to_pylist() == [["bias"] if row["issue"] else [] for row in rows]
    assert set(table["vetoed"].to_pylist() + table["error"].to_pylist()) == {None}
    assert set(table["run_id"].to_pylist()) == {"all"}


def test_engine_names_need_no_source(tmp_path: Path) -> None:
    """A CSV with the engine's column names, or ours, is read without a source.yaml."""
    path = tmp_path / "t.csv"
    text = "runId,arm,startedAt,id,status,latencyMs\nr1,control,2026-03-02T10:00:00Z,a,timeout,\nr1,control,,b,passed,12\n"
    path.write_text(text, encoding="utf-8")
    runs = read_runs(path)
    assert runs.runs[0].run_id == "r1"
    assert runs.runs[0].started_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert runs.table["latency_ms"].to_pylist() == [None, 12.0]
    assert runs.table["error"].to_pylist() == [True, False]
    path.write_text("model,pass\nx,true\n", encoding="utf-8")
    with pytest.raises(
        RunsError, match=r"t\.csv has the columns model, pass; say which are arm and status"
    ):
        read_runs(path)


CELLS = {
    "2,050": "expected a number of ms, 0 or more.",
    "7_0": "expected a number of ms, 0 or more.",
    " 7.0 ": "expected a number of ms, 0 or more.",
    "\u0667": "expected a number of ms, 0 or more.",
    "nan": "expected a number of ms, 0 or more; if that stands for no value, say none: [nan] of "
    "latency_ms.",
    "-3": "expected a number of ms, 0 or more.",
    "1e999": "expected a number of ms, 0 or more.",
}


@pytest.mark.parametrize("cell", CELLS)
def test_numbers_are_read_strictly(tmp_path: Path, cell: str) -> None:
    """Group marks, decimal commas, other digits and blanks are never guessed to be a number."""
    spec = "columns: {arm: arm, passed: pass, latency_ms: wait}"
    runs = read_csv(tmp_path, f'arm,pass,wait\nx,true,"{cell}"\nx,true,1e3\n', spec)
    assert messages(runs) == [f"t.csv:2: wait is '{cell}'; {CELLS[cell]}"]
    assert runs.quarantined[0].text == f'x,true,"{cell}"'
    assert runs.table["latency_ms"].to_pylist() == [1000.0]


def test_a_score_is_held_against_the_source_s_own_scale(tmp_path: Path) -> None:
    """A score outside the declared scale is quarantined in the source's terms."""
    spec = "columns: {arm: arm, passed: pass, score: {column: s, scale: [0, 1]}}"
    runs = read_csv(tmp_path, "arm,pass,s\nx,true,76\nx,true,0.76\n", spec)
    assert messages(runs) == [
        "t.csv:2: s is '76'; expected a number from 0 to 1; if the source writes percent, say scale: [0, 100]."
    ]
    assert runs.table["score"].to_pylist() == pytest.approx([7.6])


def test_outcomes_need_an_explicit_word(tmp_path: Path) -> None:
    """Only the words of the map and spellings of its booleans are outcomes; an empty cell is not."""
    runs = read_csv(tmp_path, "arm,pass\nx,true\nx,TRUE\nx,okay\nx,\nx,false\n")
    assert runs.table["passed"].to_pylist() == [True, True, False]
    assert messages(runs) == [
        f"t.csv:4: pass is 'okay'; expected one of true, false; {WORDS}.",
        f"t.csv:5: pass is null; expected one of true, false; {WORDS}.",
    ]
    mapped = MINIMAL + "statuses: {true: passed, 'TRUE': passed, '0': error}\n"
    again = read_csv(tmp_path, "arm,pass\nx,true\nx,TRUE\nx,0\n", mapped)
    assert again.table["error"].to_pylist() == [False, False, True]
    assert set(again.table["vetoed"].to_pylist()) == {None}


def test_parquet_s_own_nan_and_dates(tmp_path: Path) -> None:
    """A NaN in Parquet is a bad number, and a typed date takes the declared zone."""
    rows = [
        {"arm": "x", "ok": True, "ms": value, "day": date(2026, 3, 2)}
        for value in (float("nan"), 5.0, None)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    spec = "columns: {arm: arm, passed: ok, latency_ms: ms, started_at: day}\ntimezone: UTC\n"
    (tmp_path / "source.yaml").write_text(spec, encoding="utf-8")
    runs = read_runs(tmp_path)
    assert messages(runs) == ["t.parquet:1: ms is NaN; expected a number of ms, 0 or more."]
    assert runs.table["latency_ms"].to_pylist() == [5.0, None]
    assert runs.runs[0].started_at == datetime(2026, 3, 2, tzinfo=UTC)


RAGGED = {
    "x,true,9": "t.csv:3: the row has 3 values; expected 2 as in the header.",
    "x": "t.csv:3: the row has 1 values; expected 2 as in the header.",
    "x,tr\0ue": "t.csv:3: the row has a NUL byte; expected text.",
    "x,tr\udcffue": "t.csv:3: byte 4 of the row is no UTF-8; expected UTF-8, or the file's encoding: in source.yaml.",
    '"x\ny",maybe': f"t.csv:3: pass is 'maybe'; expected one of true, false; {WORDS}.",
    '"\u202ex",m\x07': rf"t.csv:3: pass is 'm\u0007'; expected one of true, false; {WORDS}.",
}


@pytest.mark.parametrize("row", RAGGED)
def test_a_bad_row_costs_itself_only(tmp_path: Path, row: str) -> None:
    """Rows too long, too short or undecodable are quarantined verbatim.

    The rows around them stay.
    """
    runs = read_csv(tmp_path, f"arm,pass\nx,true\n{row}\nx,false\n")
    assert messages(runs) == [RAGGED[row]]
    assert runs.quarantined[0].text == row
    assert runs.table["passed"].to_pylist() == [True, False]


BROKEN = {
    "arm,pass,arm\nx,true,y\n": r"t\.csv:1: the header names 'arm' twice; expected each column once\.",
    "arm,pass\nx,true,1\nx,true,2\n": r"every row has more values than the header's 2 columns; name the extra",
    'arm,pass\n"x,true\n"x,false\n': r"t\.csv:2: .*expected a quote inside of quotes to be doubled\.",
    "arm,pass\n": r"t\.csv has 0 rows",
    "": r"t\.csv has 0 rows",
    "arm,passed\nx,true\n": r"maps passed to column 'pass', which t\.csv lacks; its columns .*Did you mean 'passed'\?",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_table_whose_shape_is_wrong_is_an_error(tmp_path: Path, text: str) -> None:
    """What makes every row doubtful stops the read with one sentence."""
    with pytest.raises(RunsError, match=BROKEN[text]):
        read_csv(tmp_path, text)


WRONG = {
    "columns: {arm: arm}": "columns maps no outcome, score or other field",
    "columns: {passed: p}": "columns.arm is missing; expected the column that names the arm",
    "columns: {arm: a, passed: p, latency: l}": r"columns\.latency is not a known key; .*Did you mean 'latency_ms'",
    "columns: {arm: a, passed: {column: p, unit: d}}": r"unit is 'd'; expected 'ms', 's', 'us', 'ns', 'min' or 'h'",
    "columns: {arm: a, passed: p}\nstatuses: {yes: okay}": "expected 'passed', 'failed', 'vetoed', ",
    "columns: {arm: a, passed: p}\ntimezone: KST": "timezone: is 'KST'; expected a name such as Asia/Seoul or UTC",
    "columns: {arm: a, arm: b, passed: p}": "the key 'arm' is there twice",
    "columns: {arm: a, passed: p, score: {column: s, scale: [5, 5]}}": "goes from 5 to 5; expected the worst",
    "columns: {arm: a, passed: {column: p, unit: s}}": "passed has a unit; expected that only of latency_ms",
}


@pytest.mark.parametrize("spec", WRONG)
def test_a_wrong_source_says_which_key(tmp_path: Path, spec: str) -> None:
    """An unknown key, a word that is not allowed or a missing one is an error that names it."""
    with pytest.raises(PlanError, match=WRONG[spec]):
        read_csv(tmp_path, "a,p\nx,true\n", spec)


def test_a_time_without_offset_needs_a_zone(tmp_path: Path) -> None:
    """A day alone is no moment, so without a timezone in source.yaml it is an error."""
    spec = "columns: {arm: arm, passed: pass, started_at: day}\n"
    with pytest.raises(
        RunsError, match=r"a time is '2026-03-02', without an offset; source\.yaml needs a timezone"
    ):
        read_csv(tmp_path, "arm,pass,day\nx,true,2026-03-02\n", spec)
    early = read_csv(
        tmp_path, "arm,pass,day\nx,true,1970-01-01\nx,true,soon\n", spec + "timezone: UTC\n"
    )
    expectation = "expected an ISO 8601 time with offset, from the year 2000 on."
    assert messages(early) == [
        f"t.csv:2: day is '1970-01-01'; {expectation}",
        f"t.csv:3: day is 'soon'; {expectation}",
    ]


def test_one_run_has_one_profile_and_each_sample_once(tmp_path: Path) -> None:
    """Rows of one run that name two profiles are refused together.

    A repeated sample id takes both rows.
    """
    spec = "columns: {arm: arm, passed: pass, run_id: run, profile: p, sample_id: id}\n"
    text = "arm,pass,run,p,id\nx,true,r1,fast,1\nx,true,r1,strict,2\nx,true,r2,,1\nx,true,r2,fast,1\nx,true,r2,fast,3\n"
    runs = read_csv(tmp_path, text, spec)
    assert [(info.run_id, info.profile, info.n) for info in runs.runs] == [("r2", "fast", 1)]
    assert messages(runs) == [
        "t.csv:2: profile of run r1 is 'fast and strict'; expected one in a run.",
        f"t.csv:4: sample id is '1' on lines 4 and 5; expected each id once in a run; {PARTS}.",
        f"t.csv:5: sample id is '1' on lines 4 and 5; expected each id once in a run; {PARTS}.",
    ]
    assert [row.rows for row in runs.quarantined] == [2, 1, 1]


def test_flat_json_lines_with_a_bad_line(tmp_path: Path) -> None:
    """A cut line, a key twice and a wrong value each cost one row of a flat JSON Lines file."""
    lines = [
        '{"arm": "x", "passed": true}',
        '{"arm": "x", "passed": true, "passed": false}',
        '{"arm": "x", "pas',
    ]
    (tmp_path / "t.jsonl").write_text(
        "\n".join([*lines, '{"arm": 5, "passed": true}']), encoding="utf-8"
    )
    runs = read_runs(tmp_path)
    assert runs.kept == 2
    assert [row.line for row in runs.quarantined] == [2, 3]
    assert [info.arm for info in runs.runs] == ["x", "5"]


def test_source_yaml_leaves_other_files_to_the_engine(tmp_path: Path) -> None:
    """Files that the glob does not name are read as run envelopes beside the table."""
    metrics = {"passRate": 1, "avgScore": 0, "avgLatency": 0, "vetoedPct": 0}
    result = {"metrics": metrics, "samples": [{"id": 1, "status": "passed"}]}
    envelope = {"runId": "r", "arm": "control", "result": result}
    (tmp_path / "run.jsonl").write_text(json.dumps(envelope), encoding="utf-8")
    (tmp_path / "source.yaml").write_text(
        "files: t.csv\ndialect: study\n" + MINIMAL, encoding="utf-8"
    )
    (tmp_path / "t.csv").write_text("arm,pass\nx,true\n", encoding="utf-8")
    runs = read_runs(tmp_path)
    assert [(file.name, file.dialect) for file in runs.inputs] == [
        ("run.jsonl", "run envelopes"),
        ("t.csv", "study"),
    ]
    assert sorted(info.arm for info in runs.runs) == ["control", "x"]
    assert sorted(map(str, runs.table["vetoed"].to_pylist())) == ["False", "None"]


@pytest.mark.parametrize("status", ["true", "false"])
def test_a_table_says_that_nobody_measured_it(status: str, tmp_path: Path) -> None:
    """`simulated` of source.yaml holds for every run, by columns and row by row alike."""
    spec = f"{MINIMAL}simulated: {status}\n"
    runs = read_csv(tmp_path, "arm,pass\nold,true\nnew,false\n", spec)
    assert [info.simulated for info in runs.runs] == [status == "true"] * 2
    with pytest.raises(PlanError, match="simulated"):
        read_csv(tmp_path, "arm,pass\nold,true\n", f"{MINIMAL}simulated: perhaps\n")
