"""A flat table read as columns says what the careful reader says, row by row."""

from __future__ import annotations

import csv
import json
import random
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs, reading
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.samples import from_runs
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs import Runs

pytestmark = pytest.mark.slow  # tables are read and reviewed, one after the other

SOURCE = """title: t
files: "*.{kind}"
columns:
  arm: arm
  run_id: run
  sample_id: sid
  prompt_id: prompt
  user_id: user
  status: outcome
  score: {{column: rating, scale: [1, 5]}}
  latency_ms: {{column: seconds, unit: s}}
  issues: {{column: tags, separator: ";"}}
  suggested_tags: {{column: sug, separator: ";"}}
  confirmed_tags: {{column: conf, separator: ";"}}
  difficulty: level
  seed: seed
  style_violations: style
  started_at: "at"
  covariate: {{column: prior, none: [-1, n/a]}}
  cost: {{column: usd, none: -1}}
  tokens_in: asked
  tokens_out: told
  cached: hit
  human_passed: review
  human_score: {{column: liked, scale: [1, 5]}}
statuses: {{ok: passed, bad: failed, veto: vetoed, crash: error, true: passed, 2: failed}}
constants: {{profile: default, category: qa}}
timezone: Asia/Seoul
segments:
  platform: device
  user: {{column: nation, none: [n/a, -1]}}
  order: rating
scores:
  faithful: {{column: faithful, scale: [0, 1], none: n/a}}
  helpful: helpful
texts: {{prompt: question, answer: reply}}
"""
GOOD = {
    "arm": ["a", "b"],
    "run": ["r1", "r2", "r3", ""],
    "sid": ["007", "NA", "1e5", "s1", "s2", ""],
    "prompt": ["p1", "p2", "", "null"],
    "user": ["u1", "9007199254740993", ""],
    "outcome": ["ok", "bad", "veto", "crash", "TRUE", "yes", "1.0", "2.0", " True"],
    "rating": ["1", "5", "3.3", "2e0", "", "5.0000000000000009", "0.9999999999999999"],
    "seconds": ["0", "1.5", "2.05", "0.0001", "", "-1e-12"],
    "tags": ["", "x", "x; y", " z ;x", "x;;", "n/a", "OK", "X", '["x", "y;z"]', "[]", "['Y']"],
    "sug": ["", "a;b", "a", "none", "A ; b", '["a", "n/a"]'],
    "conf": ["", "b;a", "a", "c", "-", "[]", "B;A", "a  ; b", "['b', 'a']"],
    "prior": ["", "-1", "-1.0", "N/A", " n/a ", "3", "-10"],
    "usd": ["", "0", "0.0031", "-1", "-0.0", "-1e-12", "12", "1e-6"],
    "asked": ["", "0", "12", "12.0", "007", "1000000000000"],
    "told": ["", "3", "3.000"],
    "hit": ["", "false", "No", "0", "0.0", "true", "1", " TRUE"],
    "review": ["", "ok", "bad", "veto", "true", "No", "1.0", "passed", "Failed"],
    "liked": ["", "1", "5", "3.3"],
    "faithful": ["", "0", "1", "0.7", "N/A", "1.0000000000000002"],
    "helpful": ["", "0", "10", "7.5"],
    "level": ["easy", "hard", ""],
    "seed": ["3", ""],
    "style": ["0", "2", ""],
    "device": ["web", " Web", "WEB", "true", "1.0", "", "\u202eios\x1b[0m", "null"],
    "nation": ["", "n/a", "N/A ", "-1", "-1.0", "kr", "2.50", "1e3", "007"],
    "question": ["", "why?", "a:b", "1.50"],
    "reply": ["", "because", 'he said ""no""', "two\nlines"],
    "at": [
        "2026-10-20",
        "2026-10-20T10:00:00+09:00",
        "2026-10-20 10:00",
        "2026-10-20T01:00Z",
        "2026-10-20 01:00:00+00",
        "",
    ],
}
ODD = {
    "rating": ["5.1", "2,5", "1_0", "NaN", " 2 "],
    "seconds": ["-1", "inf", "1e400", "٣"],
    "outcome": ["OK", "", "passed", "2.5", "false"],
    "level": ["Hard"],
    "style": ["1.5", "-1"],
    "at": [
        "20.10.2026",
        "1970-01-01",
        "2026-02-30",
        "20261020T1000",
        "2026-10-20-09",
        "2026-10-20Z",
    ],
    "tags": ["\ty;x", "['a' 'b']", "{x,y}", '["a", 1]', '[{"a": 1}]', "[x] y", "[x]", "\u3000none"],
    "conf": ["['it''s']", "(a)", '["a\\u0041"]', "b\u00a0;\u00a0a"],
    "prior": ["none", "1e400", "\u0661"],
    "arm": [""],
    "usd": ["-0.1", "nan", "1e13", "0,01", "$1"],
    "asked": ["-1", "1.5", "1e3", "1000000000001", "many"],
    "hit": ["maybe", "2", "hit"],
    "review": ["crash", "good", "2.0", "OK"],
    "liked": ["0", "6", "x"],
    "faithful": ["1.1", "-0.1", "yes"],
    "helpful": ["11", "NaN"],
}


def row(*, odd: bool) -> st.SearchStrategy[dict[str, str]]:
    """Draw a row; where asked for, some cells are what readers stumble over."""
    cells = {
        name: st.one_of(
            *[st.sampled_from(values)] * 12,
            *([st.sampled_from(ODD[name])] if odd and name in ODD else []),
        )
        for name, values in GOOD.items()
    }
    return st.fixed_dictionaries(cells)


def write_csv(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV, quoted where the csv module thinks so."""
    (folder / "source.yaml").write_text(SOURCE.format(kind="csv"))
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(GOOD))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as Parquet: texts, and an empty text as null."""
    (folder / "source.yaml").write_text(SOURCE.format(kind="parquet"))
    columns = {name: [r[name] or None for r in rows] for name in GOOD}
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    pq.write_table(table, folder / "t.parquet", row_group_size=3)


def write_lines(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as JSON Lines: an empty text as null or not at all, numbers as such."""
    (folder / "source.yaml").write_text(SOURCE.format(kind="jsonl"))
    lines: list[str] = []
    for place, cells in enumerate(rows):
        filled = {name: cell or None for name, cell in cells.items() if cell or place % 2}
        lines.append(json.dumps(filled, ensure_ascii=False))
    text = "\n".join(lines)
    for name in ("rating", "seconds", "nation", "question"):
        text = re.sub(rf'("{name}": )"([0-9.]+)"', r"\1\2", text)
    (folder / "t.jsonl").write_text(text + "\n", encoding="utf-8")


def said(folder: Path) -> Any:  # noqa: ANN401 -- samples, runs, account, or the refusal
    """Return everything that a read says of a folder."""
    try:
        runs: Runs = reading.read_runs(folder, texts=True)
    except RunsError as error:
        return str(error)
    rows = runs.relation.order("run_id, sample_id").to_arrow_table()
    assert rows.column_names == [*SCHEMA.names, *runs.extras, *runs.texts]
    samples = rows.to_pylist()
    bad = sorted(
        (q.file, q.line, q.field, q.value, q.expectation, q.rows) for q in runs.quarantined
    )
    return samples, sorted(runs.runs, key=str), runs.inputs, bad, runs.warnings


def row_by_row(*_: object, **__: object) -> None:
    """Decline every file, so that the careful reader reads it."""


def both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Read a folder as columns and row by row."""
    fast = said(folder)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "read_columns", row_by_row)
        return fast, said(folder)


@pytest.mark.slow
@pytest.mark.parametrize("writer", [write_csv, write_parquet, write_lines])
@pytest.mark.parametrize("odd", [False, True])
def test_columns_say_what_rows_say(
    writer: Any,  # noqa: ANN401
    odd: bool,  # noqa: FBT001
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Samples, runs, account, quarantine and refusals are equal.

    With good cells and with odd ones.
    """

    @settings(max_examples=60 if EXHAUSTIVE else 8, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(row(odd=odd), min_size=1, max_size=8))
    def check(rows: list[dict[str, str]]) -> None:
        folder = tmp_path_factory.mktemp("t")
        for place, cells in enumerate(rows):  # mostly different ids, and runs of one arm
            cells["sid"] = cells["sid"] and f"{cells['sid']}{place % 7}"
            cells["run"] = cells["run"] and f"{cells['run']}{cells['arm']}"
        writer(folder, rows)
        fast, careful = both(folder, monkeypatch)
        assert fast == careful

    check()


@pytest.mark.parametrize(
    "text",
    [
        'arm,outcome\na,ok\nb,"ok"\n',
        'arm,outcome\r\na,"x,y"\r\n\r\nb,ok',
        'arm,outcome\na,"two\nlines"\nb,ok\n',
        'arm,outcome\na,"he said ""no"""\nb,bad\n',
        "arm,outcome\na, ok\nb,ok\n",
        'arm,outcome\na,o"k\nb,ok\n',
        "arm,outcome\na,ok\nb\n",
        "arm,outcome\na,ok,x\nb,ok\n",
        "arm,outcome\ra,ok\rb,ok\r",
        "arm,outcome\na,ok\0\nb,ok\n",
        'arm,outcome\na,"ok" \nb,ok\n',
        "arm,outcome\na,ok,\nb,ok,\n",
        "arm,outcome\r\na,ok,\r\nb,ok\r\n",
        "arm,outcome\n" + "a" * 200_000 + ",ok\nb,ok\n",
        'arm,outcome,t\na,ok,"x\nb,ok,y\nb,bad,z"\na,ok,1\n',
        'arm,outcome,t\na,ok,"x\nand, more, words\nthe end"\na,ok,1\n',
        'arm,outcome,t\na,ok,"x \\"y\\" z"\na,ok,1\n',
        'arm,outcome,t\na,ok,"x\na,ok,1\n',
        'arm,outcome,t\na,ok,"x\r\nb,ok,y\r\n"\r\na,ok,1\r\n',
    ],
)
def test_csv_dialects(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, line ends, blank lines and ragged rows mean the same to both readers."""
    (tmp_path / "source.yaml").write_text(
        "columns: {arm: arm, status: outcome}\nstatuses: {ok: passed, bad: failed}\n"
    )
    (tmp_path / "t.csv").write_bytes(text.encode())
    fast, careful = both(tmp_path, monkeypatch)
    assert fast == careful


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    """A thousand bad rows are told one by one, the others in one number: nothing is lost."""
    n = 2_500
    table = {"arm": ["a"] * n, "status": ["passed"] * n, "latency_ms": [-1.0] * (n - 1) + [1.0]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    runs = reading.read_runs(tmp_path)
    assert (runs.read, runs.kept, runs.rows_quarantined) == (n, 1, n - 1)
    assert len(runs.quarantined) == 1_001
    assert runs.quarantined[-1].message == (
        "t.parquet: 1,499 further bad rows; expected as in the 1,000 rows told one by one."
    )


LINES = {
    "plain": '{"arm": "a", "status": "passed", "id": 7}',
    "a key twice": '{"arm": "a", "status": "passed", "status": "failed"}',
    "keys of two spellings": '{"arm": "a", "status": "passed", "Arm": "b"}',
    "NaN": '{"arm": "a", "status": "passed", "score": NaN}',
    "infinite": '{"arm": "a", "status": "passed", "covariate": 1e400}',
    "many digits": f'{{"arm": "a", "status": "passed", "covariate": {"1" * 60}}}',
    "large id": '{"arm": "a", "status": "passed", "id": 9007199254740993}',
    "larger id": '{"arm": "a", "status": "passed", "id": 90071992547409930000}',
    "mixed id": '{"arm": "a", "status": "passed", "id": "07"}',
    "half a character": r'{"arm": "a\ud800", "status": "passed"}',
    "low half": r'{"arm": "a\udc00", "status": "passed"}',
    "a pair": r'{"arm": "\ud83d\ude00", "status": "passed"}',
    "escaped NUL": r'{"arm": "a\u0000", "status": "passed"}',
    "nested": '{"arm": "a", "status": "passed", "more": {"x": 1, "x": 2}}',
    "list": '{"arm": "a", "status": "passed", "issues": ["x", "y"]}',
    "list with null": '{"arm": "a", "status": "passed", "issues": ["x", null]}',
    "empty list": '{"arm": "a", "status": "passed", "issues": []}',
    "word for a list": '{"arm": "a", "status": "passed", "issues": "x;y"}',
    "two objects": '{"arm": "a", "status": "passed"}{"arm": "a", "status": "failed"}',
    "cut": '{"arm": "a", "sta',
    "blank": "",
    "no object": "[1]",
    "time in an id": '{"arm": "a", "status": "passed", "id": "2026-03-02"}',
    "a time": '{"arm": "a", "status": "passed", "startedAt": "2026-03-02T10:00:00+09:00"}',
    "true for a text": '{"arm": true, "status": "passed"}',
    "CR": '{"arm": "a",\r"status": "passed"}',
    "NUL": '{"arm": "a\0", "status": "passed"}',
    "no UTF-8": '{"arm": "a\udcff", "status": "passed"}',
}


@pytest.mark.parametrize("name", LINES)
def test_odd_lines_are_answered_as_row_by_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON Lines with an odd line, first or last, say the same as columns and row by row."""
    good = [f'{{"arm": "b", "status": "failed", "id": {i}, "score": {i}.5}}' for i in range(3)]
    for place, lines in enumerate(([LINES[name], *good], [*good, LINES[name]])):
        folder = tmp_path / str(place)
        folder.mkdir()
        text = "\n".join(lines).encode("utf-8", "surrogateescape")
        (folder / "t.jsonl").write_bytes(text)
        fast, careful = both(folder, monkeypatch)
        assert fast == careful


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_plain_files_never_become_rows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain file of each kind is read as columns alone."""
    table = pa.table({"arm": ["a", "b"], "status": ["passed", "failed"], "score": [1.5, 2.5]})
    path = tmp_path / name
    if name == "t.csv":
        path.write_text("arm,status,score\na,passed,1.5\nb,failed,2.5\n", encoding="utf-8")
    elif name == "t.jsonl":
        path.write_text("\n".join(map(json.dumps, table.to_pylist())), encoding="utf-8")
    else:
        pq.write_table(table, path)
    monkeypatch.setattr(reading, "read_flat", row_by_row)
    assert reading.read_runs(path).table["score"].to_pylist() == [1.5, 2.5]


def test_envelopes_beside_a_flat_table_are_kept(tmp_path: Path) -> None:
    """Runs of files before a flat Parquet file, the last by name, are not forgotten."""
    sample = {"id": "s", "status": "passed", "score": 8.0, "latencyMs": 100}
    metrics = {"passRate": 1.0, "avgScore": 8.0, "avgLatency": 100, "vetoedPct": 0.0}
    result = {"metrics": metrics, "issuesTop3": [], "samples": [sample]}
    run = {"runId": "r", "arm": "control", "result": result}
    (tmp_path / "a.json").write_text(json.dumps(run))
    pq.write_table(pa.table({"arm": ["b"], "status": ["passed"]}), tmp_path / "z.parquet")
    runs = reading.read_runs(tmp_path)
    assert sorted(info.run_id for info in runs.runs) == ["all", "r"]
    assert (runs.read, runs.kept) == (2, 2)


def test_a_column_with_the_name_of_the_line(tmp_path: Path) -> None:
    """A source's own column is no number of a line, whatever it is called."""
    table = {"arm": ["a", "b"], "status": ["passed", "passed"], "__line": [9, 8]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert reading.read_runs(tmp_path).table["sample_id"].to_pylist() == ["1", "2"]


def test_lines_that_say_nothing_are_refused_in_words(tmp_path: Path) -> None:
    """`{}` has no column: a sentence says so, with the name of the file."""
    (tmp_path / "empty.jsonl").write_text("{}\n{}\n", encoding="utf-8")
    with pytest.raises(RunsError, match=r"empty\.jsonl has the columns none; say which"):
        read_runs(tmp_path)


def test_lists_in_lists_are_for_the_careful_reader(tmp_path: Path) -> None:
    """A line that is nested too deep is set apart, and the process lives."""
    deep = '{"arm": "a", "status": "passed", "issues": ' + "[" * 100_000 + "]" * 100_000 + "}"
    plain = '{"arm": "b", "status": "passed", "issues": ["x"]}'
    (tmp_path / "t.jsonl").write_text(f"{deep}\n{plain}\n")
    runs = reading.read_runs(tmp_path)
    assert (runs.read, runs.kept) == (2, 1)


@pytest.mark.slow  # seconds
def test_flipped_bits_end_in_a_sentence(tmp_path: Path) -> None:
    """Whatever bit of a Parquet file flips, it is read or refused, in whichever column it is."""
    n, chance = 2_000, random.Random(5)  # noqa: S311
    table = {
        "arm": ["a", "b"] * (n // 2),
        "status": ["passed"] * n,
        "user_id": [str(chance.random()) for _ in range(n)],
        "score": [10 * chance.random() for _ in range(n)],
    }
    path, refused, times = tmp_path / "t.parquet", 0, 60 if EXHAUSTIVE else 20
    pq.write_table(pa.table(table), path, compression="snappy")
    whole = path.read_bytes()
    for _ in range(times):
        place = chance.randrange(len(whole))
        flipped = whole[place] ^ (1 << chance.randrange(8))
        path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        try:
            from_runs(reading.read_runs(tmp_path)).digest()
        except RunsError:
            refused += 1
    assert 0 < refused < times
