"""Arms by file, records inside of records, scores alone, broken quotes, layouts of no samples."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
# (pyarrow carries no types)
from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import PlanError, RunsError
from rolloutlib.measure.expressions import metric_expressions
from rolloutlib.measure.moments import scan
from rolloutlib.runs import Runs, read_runs, reading
from rolloutlib.runs.layouts import layout_of
from rolloutlib.runs.samples import from_runs
from tests.runs.test_runs import check_account, messages
from tests.tables import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, spec: str, **files: str) -> Runs:
    """Read files with a source.yaml; double underscores stand for a folder, the last for a dot."""
    (folder / "source.yaml").write_text(spec, encoding="utf-8")
    for name, text in files.items():
        path = folder / "/".join(name.split("__")).replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    runs = read_runs(folder)
    check_account(runs)
    return runs


def arms(runs: Runs) -> dict[str, int]:
    """Return how many samples each arm has."""
    rows = runs.table["arm"].value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in rows}


OK = "columns: {passed: ok}\n"
TWO_ROWS, ONE_ROW = "ok,x\ntrue,1\nfalse,2\n", "ok,x\ntrue,1\n"


def test_the_arm_is_told_by_the_file(tmp_path: Path) -> None:
    """Two versions in two files without a column of arms."""
    spec = OK + "arms: {control: v1.csv, treatment: v2.csv}\n"
    runs = read(tmp_path, spec, v1_csv=TWO_ROWS, v2_csv=ONE_ROW)
    assert arms(runs) == {"control": 2, "treatment": 1}


def test_the_arm_is_told_by_the_folder(tmp_path: Path) -> None:
    """Patterns are relative to the folder that is read, and an arm may have several."""
    spec = OK + 'arms: {control: [v1/*.csv, "*/old.csv"], treatment: "v2/*.csv"}\n'
    runs = read(tmp_path, spec, v1__a_csv=TWO_ROWS, v2__a_csv=ONE_ROW, v3__old_csv=ONE_ROW)
    assert arms(runs) == {"control": 3, "treatment": 1}


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("{control: v1.csv}", r"v2\.csv is a file of no arm; expected one pattern of arms"),
        (
            '{control: "*.csv", treatment: v2.csv}',
            r"v2\.csv is a file of arms control and treatment",
        ),
    ],
)
def test_a_file_has_one_arm(tmp_path: Path, patterns: str, message: str) -> None:
    """A file that no pattern names, or two, is an error that names it."""
    with pytest.raises(RunsError, match=message):
        read(tmp_path, OK + f"arms: {patterns}\n", v1_csv=TWO_ROWS, v2_csv=ONE_ROW)


WRONG = {
    "columns: {arm: a, passed: ok}\narms: {b: v1.csv}\n": r"arms is there beside columns\.arm",
    "columns: {passed: ok}\n": "columns.arm is missing",
    "columns: {arm: a, passed: {column: ok, none: [x]}}\n": "passed has a none; expected it only",
    "columns: {arm: a, passed: ok}\nescape: x\n": "escape",
    "envelopes: {unit: s}\n": "envelopes.unit",
}


@pytest.mark.parametrize("spec", WRONG)
def test_a_wrong_key_is_named(tmp_path: Path, spec: str) -> None:
    """What the new keys do not allow is an error that names the key."""
    with pytest.raises(PlanError, match=WRONG[spec]):
        read(tmp_path, spec, v1_csv=TWO_ROWS)


RECORDS: list[dict[str, Any]] = [
    {"provider": {"id": "old"}, "ok": True, "gradingResult": {"score": 0.5}, "latencyMs": 900},
    {"provider": {"id": "new"}, "ok": False, "gradingResult": {"score": 1}, "latencyMs": 800},
    {"provider": {"id": "new"}, "ok": True, "gradingResult": None, "latencyMs": 700},
]
NESTED = """columns:
  arm: provider.id
  passed: ok
  score: {column: gradingResult.score, scale: [0, 1]}
  latency_ms: latencyMs
"""


def nested(runs: Runs) -> list[tuple[Any, ...]]:
    """Return what the nested records say."""
    rows = sorted(runs.table.to_pylist(), key=lambda row: -row["latency_ms"])
    return [(row["arm"], row["passed"], row["score"]) for row in rows]


EXPECTED = [("old", True, 5.0), ("new", False, 10.0), ("new", True, None)]


def test_names_with_dots_reach_inside_of_json_lines(tmp_path: Path) -> None:
    """provider.id is the id inside of provider; what is null there is null."""
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS)
    assert nested(read(tmp_path, NESTED, t_jsonl=lines)) == EXPECTED


def test_names_with_dots_reach_inside_of_parquet(tmp_path: Path) -> None:
    """Structs of Parquet are records too."""
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "t.parquet")
    assert nested(read(tmp_path, NESTED)) == EXPECTED


@pytest.mark.parametrize(
    ("records", "tree"),
    [
        ("records: results.results\n", {"version": 3, "results": {"results": RECORDS}}),
        ("records: 1.all\n", [{}, {"all": RECORDS}]),
        ('records: "."\n', RECORDS),
        ("", RECORDS),
    ],
)
def test_a_json_file_holds_a_list_of_records(tmp_path: Path, records: str, tree: Any) -> None:  # noqa: ANN401
    """Somewhere inside, or as the file itself."""
    assert nested(read(tmp_path, NESTED + records, t_json=json.dumps(tree))) == EXPECTED


def test_a_place_in_a_list_is_a_name(tmp_path: Path) -> None:
    """Lists inside of records are reached by place; a column with a dot of its own comes first."""
    record = {"a.b": "x", "a": {"b": "y"}, "scores": [{"v": 1}, {"v": 7}]}
    runs = read(tmp_path, "columns: {arm: a.b, score: scores.1.v}\n", t_jsonl=json.dumps(record))
    assert runs.table.select(["arm", "score"]).to_pylist() == [{"arm": "x", "score": 7.0}]


@pytest.mark.parametrize(
    ("records", "text", "message"),
    [
        ("results", '{"result": []}', r"t\.json has no list at results; .*its keys are result"),
        ("results", '{"results": 3}', r"t\.json has no list at results"),
        ("results", '{"results": [1,]}', r"t\.json:1: .*expected JSON"),
        ("r", '{"r": [], "r": [{}]}', r"t\.json:1: .*expected each key once"),
        ("results", '{"results": []}', r"t\.json has 0 rows"),
        (
            "r",
            '{"r": [{"provider": {"name": "x"}, "ok": true, "latencyMs": 1}]}',
            r"no record of t\.json has provider\.id; correct columns\.arm",
        ),
    ],
)
def test_records_that_are_not_there_are_an_error(
    tmp_path: Path, records: str, text: str, message: str
) -> None:
    """The message names the key of source.yaml, or the place in the file."""
    with pytest.raises(RunsError, match=message):
        read(tmp_path, f"{NESTED}records: {records}\n", t_json=text)


def test_a_record_that_is_none_costs_itself(tmp_path: Path) -> None:
    """A number in the list of records is one bad row."""
    text = json.dumps({"results": [*RECORDS, 7]})
    runs = read(tmp_path, NESTED + "records: results\n", t_json=text)
    assert messages(runs) == ["t.json:4: record 4 is 7; expected an object."]
    assert nested(runs) == EXPECTED


@pytest.mark.parametrize("careful", [False, True])
def test_scores_alone_are_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, careful: bool
) -> None:
    """Without an outcome it is unknown, never failed; what is measured is measured."""
    if careful:
        monkeypatch.setattr(reading, "read_columns", lambda *_, **__: None)
    runs = read(tmp_path, "columns: {arm: a, score: s}\n", t_csv="a,s\nx,7\nx,\ny,8\n")
    table = runs.table
    for name in ("status", "passed", "vetoed", "error"):
        assert table[name].null_count == 3
    assert sorted(table["score"].drop_null().to_pylist()) == [7.0, 8.0]
    assert from_runs(runs).digest()


def test_no_outcome_is_no_failure(tmp_path: Path) -> None:
    """Moments of an unknown outcome have no sample, so that a gate on it says what is missing."""
    runs = read(tmp_path, "columns: {arm: a, score: s}\n", t_csv="a,s\nx,7\ny,8\n")
    made = metric_expressions(
        timeout_cap_ms=60_000, slow_above_ms=2_500, latency_cap_ms=6_000, tags=()
    )
    table = scan(from_runs(runs).frame(), made, by={"arm": "arm"})
    assert sum(table.all("passed").n) == 0
    assert sum(table.all("score").n) == 2


ESCAPED = 'arm,ok,text\na,true,"he said \\"hi\\" twice"\na,true,"fine, really"\na,false,plain\n'


def test_a_row_with_escaped_quotes_costs_itself_only(tmp_path: Path) -> None:
    """The others are read, and the message names the option."""
    runs = read(tmp_path, "columns: {arm: arm, passed: ok}\n", t_csv=ESCAPED)
    assert (runs.read, runs.kept) == (3, 2)
    (message,) = messages(runs)
    assert message.startswith(
        "t.csv:2: text follows a quote that closes its cell; expected a quote"
    )
    assert message.endswith('or escape: "\\\\" in source.yaml, since it is written \\".')


def test_an_escape_may_be_named(tmp_path: Path) -> None:
    """Then backslashes before quotes are no fault, and doubled quotes still are none either."""
    spec = 'columns: {arm: arm, passed: ok, category: text}\nescape: "\\\\"\n'
    runs = read(tmp_path, spec, t_csv=ESCAPED + 'a,true,"a ""b"" c"\n')
    assert runs.rows_quarantined == 0
    texts = runs.table.sort_by("sample_id")["category"].to_pylist()
    assert texts == ['he said "hi" twice', "fine, really", "plain", 'a "b" c']


def test_a_text_over_lines_is_one_bad_row(tmp_path: Path) -> None:
    """What follows a broken quote, and is no row itself, belongs to it."""
    text = 'arm,ok,text\na,true,"say \\"hi\\"\nand more\nand the end"\na,false,x\n'
    runs = read(tmp_path, "columns: {arm: arm, passed: ok}\n", t_csv=text)
    assert (runs.read, runs.kept, [row.line for row in runs.quarantined]) == (2, 1, [2])
    assert runs.quarantined[0].text == 'a,true,"say \\"hi\\"\nand more\nand the end"'


def test_a_quote_that_is_never_closed_costs_its_row(tmp_path: Path) -> None:
    """The rows after it are read; it does not swallow them to the end of the file."""
    rows = "".join(f"a,true,t{n}\n" for n in range(500))
    runs = read(
        tmp_path, "columns: {arm: arm, passed: ok}\n", t_csv=f'arm,ok,text\na,true,"x\n{rows}'
    )
    assert (runs.read, runs.kept) == (501, 500)
    assert messages(runs)[0].startswith("t.csv:2: a quote is not closed; expected every quote")


def test_a_quote_that_is_closed_far_away_loses_the_rows_between(tmp_path: Path) -> None:
    """A cell that holds whole rows is refused with their number: none is lost in silence."""
    rows = "".join(f"a,true,t{n}\n" for n in range(20))
    text = f'arm,ok,text\na,true,"x\n{rows}a,true,y"\na,false,z\n'
    runs = read(tmp_path, "columns: {arm: arm, passed: ok}\n", t_csv=text)
    assert (runs.read, runs.kept, runs.rows_quarantined) == (23, 1, 22)
    (message,) = messages(runs)
    assert message.startswith("t.csv:2: a quoted cell swallows 21 rows, from line 3 on; expected")


def test_a_text_that_holds_a_table_is_a_text(tmp_path: Path) -> None:
    """Lines with as many commas as the header that are no rows stay in their cell."""
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("arm", "ok", "text"), ("a", "true", "one\nx,y,z\n1,2,3")])
    runs = read(tmp_path, "columns: {arm: arm, passed: ok}\n")
    assert (runs.kept, runs.rows_quarantined) == (1, 0)


def test_every_row_with_escaped_quotes_is_one_error(tmp_path: Path) -> None:
    """Where no row can be read the file is refused, with the option in the message."""
    text = "arm,ok,text\n" + 'a,true,"\\"x\\" y"\n' * 3
    with pytest.raises(RunsError, match=r't\.csv:2: .*escape: "\\\\" in source\.yaml'):
        read(tmp_path, "columns: {arm: arm, passed: ok}\n", t_csv=text)


WIDE = [
    ["instruction", "output_1", "generator_1", "output_2", "generator_2", "preference"],
    ["question_id", "model_a", "model_b", "winner"],
    ["prompt", "chosen", "rejected", "label"],
    ["question", "answer_control", "answer_treatment", "score_control", "score_treatment"],
]


@pytest.mark.parametrize("columns", WIDE)
@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_both_arms_in_one_row_are_refused_by_name(
    tmp_path: Path, columns: list[str], kind: str
) -> None:
    """Tables of preferences are told what a sample is, not that a column lacks."""
    row = dict.fromkeys(columns, "x")
    text = f"{','.join(columns)}\n{','.join(row.values())}\n"
    if kind != "csv":
        text = json.dumps([row] if kind == "json" else row)
    (tmp_path / f"t.{kind}").write_text(text)
    with pytest.raises(RunsError, match="both arms stand in one row"):
        read_runs(tmp_path / f"t.{kind}")


K6 = "metric_name,timestamp,metric_value,status\nhttp_req_duration,1700000000,12.5,200\n"


@pytest.mark.parametrize("spec", ["", "columns: {latency_ms: metric_value}\nconstants: {arm: a}\n"])
def test_one_metric_a_row_is_refused_by_name(tmp_path: Path, spec: str) -> None:
    """Also where source.yaml maps the values, which are of all metrics at once."""
    (tmp_path / "t.csv").write_text(K6)
    if spec:
        (tmp_path / "source.yaml").write_text(spec)
    with pytest.raises(RunsError, match=r"each row is one metric \(metric_name and metric_value\)"):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    "columns", [["arm", "status", "score"], ["output_1", "arm"], ["a", "b"], ["value", "score"]]
)
def test_usual_tables_are_no_odd_layout(columns: list[str]) -> None:
    """One numbered column, or short names, are no pair of arms."""
    assert not layout_of(columns)


def test_the_documented_source_is_read(tmp_path: Path) -> None:
    """The example of docs/source.md reads a table of its columns."""
    text = (ROOT / "docs" / "source.md").read_text(encoding="utf-8")
    spec = text.partition("```yaml\n")[2].partition("```")[0]
    header = "variant,question_id,user,team,outcome,rating,seconds,tags,day\n"
    runs = read(tmp_path, spec, t_csv=header + "old,q1,u1,t1,ok,5,1.5,bias;none,2026-11-02\n")
    (row,) = runs.table.to_pylist()
    assert (row["score"], row["latency_ms"], row["issues"]) == (10.0, 1500.0, ["bias"])
    assert (row["user_id"], row["cluster"]) == ("u1", "t1")
    assert not runs.doubts
