"""Shapes of records that people have: nested, in lists, both arms in a row, said by a path."""

# ruff: noqa: E501 -- a case a line

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import PlanError, RunsError
from rolloutlib.runs import read_runs
from rolloutlib.words.reasons import sentence
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs import Runs

Cells = dict[str, Any]


def read(folder: Path, spec: str, files: dict[str, object]) -> Runs:
    """Read files beside a source.yaml: texts as they are, lists as JSON Lines, the rest as JSON."""
    (folder / "source.yaml").write_text(spec, "utf-8")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        if path.suffix == ".jsonl" and isinstance(content, list):
            text = "".join(json.dumps(item) + "\n" for item in cast("list[object]", content))
        path.write_text(text, "utf-8")
    runs = read_runs(folder)
    assert runs.kept + runs.rows_quarantined + sum(runs.copies.values()) == runs.read
    return runs


def rows_of(runs: Runs, *names: str) -> list[tuple[Any, ...]]:
    """Return these columns of each sample, in the order of arm and prompt."""
    rows = [tuple(row[name] for name in names) for row in runs.table.to_pylist()]
    return sorted(rows, key=repr)


def told(runs: Runs) -> str:
    """Return the warnings as one text."""
    return " ".join(map(sentence, runs.warnings))


JUDGED = [
    {"arm": "a", "doc": {"id": "p1"}, "scores": [{"name": "x", "value": 1}, {"name": "y", "value": 0}]},
    {"arm": "b", "doc": {"id": "p1"}, "scores": [{"name": "y", "value": 1}]},
]  # fmt: skip


_OK = [{"arm": "a", "ok": True}, {"arm": "b", "ok": False}]
_EXPECTED = "expected a list of one item or more, as records in source.yaml says."


@pytest.mark.parametrize(
    ("records", "name", "content", "messages"),
    [
        ("suites.*.results", "t.json", {"suites": [{"results": _OK}, {"error": "crashed"}, {"results": []}]},
         [f"t.json:3: suites.* (item 2).results is null; {_EXPECTED}", f"t.json:4: suites.* (item 3).results is []; {_EXPECTED}"]),
        ("s.*.t.*.r", "t.json", {"s": {"x": {"t": [{"r": _OK}, {}]}, "y": {"t": []}}},
         [f"t.json:3: s.* (item 1).t.* (item 2).r is null; {_EXPECTED}", f"t.json:4: s.* (item 2).t.* is null; {_EXPECTED}"]),
        ("s[k=x].r", "t.json", {"s": [{"k": "x", "r": _OK}, {"k": "x"}]}, [f"t.json:3: s[k=x] (item 2).r is null; {_EXPECTED}"]),
        ("rows", "t.jsonl", [{"rows": _OK}, {"rows": []}], [f"t.jsonl:2: rows is []; {_EXPECTED}"]),
        ("s.*.rows", "t.jsonl", [{"s": [{"rows": _OK}, {}]}, {"s": []}],
         [f"t.jsonl:1: s.* (item 2).rows is null; {_EXPECTED}", f"t.jsonl:2: s.*.rows is []; {_EXPECTED}"]),
    ],
)  # fmt: skip
def test_a_place_without_records_is_a_bad_row(
    tmp_path: Path, records: str, name: str, content: object, messages: list[str]
) -> None:
    """Of several lists one that is missing or empty is told, as nobody knows how many rows it had."""
    spec = f'files: {name}\nrecords: "{records}"\ncolumns: {{arm: arm, passed: ok}}'
    runs = read(tmp_path, spec, {name: content})
    assert runs.kept == 2
    assert [row.message for row in runs.quarantined] == messages


def test_an_item_by_its_key(tmp_path: Path) -> None:
    """A score is picked by its name out of a list; a record without it has none."""
    spec = "columns: {arm: arm, prompt_id: doc.id, score: {column: 'scores[name=x].value', scale: [0, 1]}}"
    runs = read(tmp_path, spec, {"t.jsonl": JUDGED})
    assert rows_of(runs, "arm", "prompt_id", "score") == [("a", "p1", 10.0), ("b", "p1", None)]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([{"ms": 1}, {"ms": "2.5"}], 3.5),
        ([{"ms": 1}, {}], None),  # a step that does not say
        ([{"ms": 1}, {"ms": None}], None),  # one that is unknown
        ([], None),
    ],
)
def test_several_numbers_add_up(tmp_path: Path, calls: list[Cells], expected: float | None) -> None:
    """A latency of several calls is their sum, unless one of them is unknown."""
    spec = "columns: {arm: arm, latency_ms: {column: calls.*.ms, unit: ms}, issues: calls.*.tag}"
    runs = read(
        tmp_path,
        spec,
        {"t.jsonl": [{"arm": "a", "calls": calls}, {"arm": "a", "calls": [{"ms": 9}]}]},
    )
    assert runs.table["latency_ms"].to_pylist() == [expected, 9.0]
    assert runs.table["issues"].to_pylist() in ([[], []], [None, None])


def test_two_items_of_one_key_are_no_sum(tmp_path: Path) -> None:
    """Where a path wants one item and two have the key, the row is set apart."""
    spec = "columns: {arm: arm, latency_ms: {column: 'steps[name=\"a [b].c\"].ms', unit: ms}}"
    rows = [
        {"arm": "a", "steps": [{"name": "a [b].c", "ms": ms} for ms in times]}
        for times in ((1, 2), (3,), (4, 4))
    ]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert runs.table["latency_ms"].to_pylist() == [3.0, 4.0]
    assert "is [1, 2]" in runs.quarantined[0].message


def test_two_winners_are_a_score(tmp_path: Path) -> None:
    """A judgment in both orders is one score, where source.yaml says what each pair means."""
    spec = "columns: {arm: arm, score: {column: [one, two], values: {a/a: 1, a/b: 0.5, b/b: 0}, scale: [0, 1]}}"
    rows = [{"arm": "a", "one": first, "two": second} for first, second in ("aa", "ab", "ba")]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert runs.table["score"].to_pylist() == [10.0, 5.0]
    assert "one/two is 'b/a'" in runs.quarantined[0].message


def test_one_metric_of_many_is_chosen(tmp_path: Path) -> None:
    """A table of a metric a row is read where `where` keeps one metric alone."""
    spec = "where: {metric_name: took}\ncolumns: {arm: arm, latency_ms: {column: metric_value, unit: ms}}"
    text = "arm,metric_name,metric_value\na,took,5\na,sent,9\n"
    runs = read(tmp_path, spec, {"t.csv": text})
    assert runs.table["latency_ms"].to_pylist() == [5.0]
    with pytest.raises(RunsError, match="each row is one metric"):
        read(tmp_path, spec.replace("took", "[took, sent]"), {"t.csv": text})


def test_several_words_are_a_list_or_refused(tmp_path: Path) -> None:
    """Tags of several places are a list; of another field they have to be equal."""
    spec = "columns: {arm: arm, category: checks.*.kind, passed: ok, issues: checks.*.tag}"
    rows = [
        {"arm": "a", "ok": True, "checks": [{"kind": "k", "tag": "t"}, {"kind": "k", "tag": "u"}]},
        {"arm": "a", "ok": True, "checks": [{"kind": "k"}, {"kind": "l"}]},
    ]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert rows_of(runs, "category", "issues") == [("k", ["t", "u"])]
    assert 'checks.*.kind is ["k", "l"]' in runs.quarantined[0].message


def test_a_path_from_the_root(tmp_path: Path) -> None:
    """`$.` begins at the file, whatever the record."""
    spec = "records: results\ncolumns: {arm: $.config.model, passed: ok}\n"
    runs = read(tmp_path, spec, {"t.json": {"config": {"model": "m"}, "results": [{"ok": True}]}})
    assert rows_of(runs, "arm", "passed") == [("m", True)]


def test_ids_of_several_parts(tmp_path: Path) -> None:
    """Parts are joined by a slash, of which none can be forged by a part."""
    spec = "columns: {arm: arm, prompt_id: [task, doc.id], passed: ok}"
    rows = [
        {"arm": "a", "task": task, "doc": {"id": name}, "ok": True}
        for task, name in (("t/1", "x"), ("t", "1/x"), ("t", 7.0), ("t", None))
    ]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    ids = sorted(runs.table["prompt_id"].to_pylist())
    assert ids == ["t/", "t/1\\/x", "t/7", "t\\/1/x"]


LETTERS = "{column: grade, values: {C: 1, P: 0.5, I: 0, true: 1}, scale: [0, 1]}"


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        (LETTERS, "P", 5.0),
        (LETTERS, "True", 10.0),
        (LETTERS, "0.25", 2.5),
        ("{column: grade, scale: [2, 1]}", "1.25", 7.5),
        ("{column: grade, scale: [-1, 1]}", "0", 5.0),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl"] if EXHAUSTIVE else ["csv"])
def test_scores_of_other_scales(
    tmp_path: Path, column: str, cell: str, expected: float, kind: str
) -> None:
    """Letters stand for numbers, and a scale runs from its worst to its best."""
    text = f"arm,grade\na,{cell}\n" if kind == "csv" else [{"arm": "a", "grade": cell}]
    runs = read(tmp_path, f"columns: {{arm: arm, score: {column}}}", {f"t.{kind}": text})
    assert runs.table["score"].to_pylist() == [expected]


def test_an_unknown_letter_is_refused(tmp_path: Path) -> None:
    """A word that is no score says which words are, and which key would name it."""
    spec = "columns: {arm: arm, score: " + LETTERS + "}"
    runs = read(tmp_path, spec, {"t.csv": "arm,grade\na,N\na,C\n"})
    assert (
        "grade is 'N'; expected one of C, P, I, true, or a number from 0 to 1"
        in runs.quarantined[0].message
    )
    plain = read(tmp_path, "columns: {arm: arm, score: grade}", {"t.csv": "arm,grade\na,N\na,9\n"})
    assert "say values: {'N': …} of score" in plain.quarantined[0].message


@pytest.mark.parametrize(
    ("unit", "cell"),
    [("s", 1700000000), ("s", "1700000000.25"), ("ms", 1700000000123), ("us", 1700000000123456),
     ("ns", 1700000000123456789), ("ns", "1700000000123456001")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"] if EXHAUSTIVE else ["parquet"])
def test_times_counted_from_1970(tmp_path: Path, unit: str, cell: object, kind: str) -> None:
    """A count of a unit is the moment that it is, to the microsecond, in every format."""
    spec = f"columns: {{arm: arm, passed: ok, started_at: {{column: at, unit: {unit}}}}}"
    row = {"arm": "a", "ok": True, "at": cell}
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "t.parquet")  # pyright: ignore[reportUnknownMemberType]
        runs = read(tmp_path, spec, {})
    else:
        runs = read(
            tmp_path, spec, {f"t.{kind}": f"arm,ok,at\na,true,{cell}\n" if kind == "csv" else [row]}
        )
    (moment,) = runs.table["started_at"].to_pylist()
    fraction = {"s": 250_000 if "." in str(cell) else 0, "ms": 123_000}.get(unit, 123_456)
    assert (moment.isoformat()[:19], moment.microsecond) == ("2023-11-14T22:13:20", fraction)
    assert [info.run_id for info in runs.runs] == ["2023-11-14"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_plain_number_is_no_time(tmp_path: Path, unit: str) -> None:
    """Without its unit a count is refused, with the unit that would make it a time of today."""
    cell = 1_700_000_000 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    runs = read(
        tmp_path, "columns: {arm: arm, passed: ok, started_at: at}",
        {"t.jsonl": [{"arm": "a", "ok": True, "at": cell}, {"arm": "a", "ok": True}]},
    )  # fmt: skip
    assert f"say unit: {unit} of started_at" in runs.quarantined[0].message


@pytest.mark.parametrize(
    ("start", "end", "unit", "expected"),
    [
        ("1700000000000000000", "1700000000250000001", "ns", 250.000001),
        (10.5, 12, "s", 1500.0),
        ("2026-01-01T00:00:00Z", "2026-01-01T09:00:01+09:00", "ms", 1000.0),
        ("2026-01-01 00:00:00", "2026-01-01 00:00:00.25", "ms", 250.0),
        (None, 12, "s", None),
    ],
)
def test_latency_from_start_to_end(
    tmp_path: Path, start: object, end: object, unit: str, expected: float | None
) -> None:
    """The time between two columns, numbers or moments; nothing where one is missing."""
    spec = f"columns: {{arm: arm, latency_ms: {{column: end, since: start, unit: {unit}}}}}"
    rows = [{"arm": "a", "start": start, "end": end}, {"arm": "a", "start": 0, "end": 0}]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert runs.table["latency_ms"].to_pylist() == [expected, 0.0]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (2, 1),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01"),
        (1, "2026-01-01T00:00:00Z"),
        (True, 2),
    ],
)
def test_a_start_after_its_end_is_refused(tmp_path: Path, start: object, end: object) -> None:
    """A negative time, or two ends that cannot be compared, cost the row and name `since`."""
    spec = "columns: {arm: arm, latency_ms: {column: end, since: start, unit: s}}"
    rows = [{"arm": "a", "start": start, "end": end}, {"arm": "a", "start": 0, "end": 1}]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert "(since)" in runs.quarantined[0].message


def test_a_path_that_nobody_fills_is_told(tmp_path: Path) -> None:
    """It stays unknown: an issue that stands nowhere is not "no issue"."""
    spec = "columns: {arm: arm, passed: ok, issues: review.tags.*.name, score: review.stars}"
    rows = [{"arm": "a", "ok": True, "review": {"stars": 3}}] * 2
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert runs.table["issues"].to_pylist() == [None, None]
    assert "issues (review.tags.*.name)" in told(runs)
    with pytest.raises(
        RunsError, match=r"no record of t\.jsonl has judge\.ok; correct columns\.passed"
    ):
        read(tmp_path, "columns: {arm: arm, passed: judge.ok}", {"t.jsonl": rows})


TABLES = {
    "split": {"columns": ["arm", "ok"], "index": [0, 1], "data": [["a", True], ["b", False]]},
    "list": [{"arm": "a", "ok": True}, {"arm": "b", "ok": False}],
    "map": {"x": {"arm": "a", "ok": True}, "y": {"arm": "b", "ok": False}},
    "lists": [[{"arm": "a", "ok": True}], [{"arm": "b", "ok": False}]],
}


@pytest.mark.parametrize(
    ("shape", "records"),
    [("split", "in.x"), ("list", "in.x"), ("map", "in.x.*"), ("lists", "in.x.*")],
)
@pytest.mark.parametrize("kind", ["json", "jsonl"] if EXHAUSTIVE else ["jsonl"])
def test_records_in_many_shapes(tmp_path: Path, shape: str, records: str, kind: str) -> None:
    """A list, lists in a list, a map and a table of columns and data hold the same records."""
    tree = {"in": {"x": TABLES[shape]}}
    spec = f"records: {records}\ncolumns: {{arm: arm, passed: ok}}"
    runs = read(tmp_path, spec, {f"t.{kind}": [tree] if kind == "jsonl" else tree})
    assert rows_of(runs, "arm", "passed") == [("a", True), ("b", False)]


TURNS = [
    {"id": "p1", "m": "a", "turns": [{"score": 1}, {"score": 2}]},
    {"id": "p1", "m": "b", "turns": [{"score": 3}]},
    {"id": "p2", "m": "b", "turns": []},
]
EXPLODED = "explode: turns\ncolumns: {arm: m, prompt_id: id, sample_id: [id, turns.#], score: turns.score}\n"


def test_a_row_an_item(tmp_path: Path) -> None:
    """Each item is a sample of its record's prompt, and a record without one is missing."""
    runs = read(tmp_path, EXPLODED, {"t.jsonl": TURNS})
    assert rows_of(runs, "arm", "prompt_id", "sample_id", "score") == [
        ("a", "p1", "p1/1", 1.0), ("a", "p1", "p1/2", 2.0), ("b", "p1", "p1/1", 3.0),
    ]  # fmt: skip
    assert "turns is []; expected a list or map of one item or more" in runs.quarantined[0].message


def test_a_row_a_key(tmp_path: Path) -> None:
    """Of a map the key and the value are columns too."""
    spec = "explode: by\ncolumns: {arm: 'by.#key', prompt_id: id, score: by.#value}\n"
    runs = read(tmp_path, spec, {"t.jsonl": [{"id": "p", "by": {"a": 1, "b": 2}}]})
    assert rows_of(runs, "arm", "score") == [("a", 1.0), ("b", 2.0)]


def test_items_of_one_id_that_differ_are_refused(tmp_path: Path) -> None:
    """Two turns under the id of their record are two samples under one id."""
    runs = read(tmp_path, EXPLODED.replace("[id, turns.#]", "id"), {"t.jsonl": TURNS[:2]})
    assert [str(row.field) for row in runs.quarantined] == ["sample id"] * 2


def test_where_leaves_rows_out_and_tells(tmp_path: Path) -> None:
    """Rows of other words are no rows; how many, and which words, is told."""
    spec = "where: {filter: strict, n: [1, '2', true]}\ncolumns: {arm: m, passed: ok}\n"
    rows = [
        {"m": "a", "ok": True, "filter": word, "n": n}
        for word, n in (("strict", 1), ("strict", 2), ("strict", True), ("loose", 1), ("strict", 3))
    ]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert (runs.read, runs.rows_quarantined) == (3, 0)
    assert "filter is there: 'loose' (1)" in told(runs)
    assert "n is there: 3 (1)" in told(runs)
    with pytest.raises(
        RunsError, match=r"where in source.yaml leaves no row of t\.jsonl: filter is 'strict' in 4"
    ):
        read(tmp_path, spec.replace("strict", "exact"), {"t.jsonl": rows})


WIDE = """
wide:
  control: {score: {column: a, scale: [1, 5]}, latency_ms: {column: ms_a, unit: ms}}
  treatment: {score: {column: b, scale: [1, 5]}, latency_ms: {column: ms_b, unit: ms}}
columns: {prompt_id: q}
"""


def test_both_arms_in_a_row(tmp_path: Path) -> None:
    """A row is a sample of each arm; what one of them lacks is missing there alone."""
    runs = read(tmp_path, WIDE, {"t.csv": "q,a,b,ms_a,ms_b\n1,5,1,10,20\n2,3,,10,x\n"})
    assert rows_of(runs, "arm", "prompt_id", "score", "latency_ms") == [
        ("control", "1", 10.0, 10.0), ("control", "2", 5.0, 10.0), ("treatment", "1", 0.0, 20.0),
    ]  # fmt: skip
    assert (runs.read, [row.arm for row in runs.quarantined]) == (4, ["treatment"])


def test_a_row_of_both_arms_is_a_pair(tmp_path: Path) -> None:
    """Where nobody names prompts, the samples of a row share one of their own."""
    spec = WIDE.replace("columns: {prompt_id: q}", "")
    runs = read(tmp_path, spec, {"t.csv": "q,a,b,ms_a,ms_b\n1,5,1,10,20\n1,3,2,10,30\n"})
    names = ["t.csv:2", "t.csv:3"]
    assert sorted(runs.table["prompt_id"].to_pylist()) == sorted(names * 2)


def test_a_preference_is_a_score_of_each(tmp_path: Path) -> None:
    """1.25 of 1 and 2 is three quarters for the first and one quarter for the second."""
    spec = (
        "wide: {control: {score: {column: preference, scale: [2, 1]}},\n"
        "       treatment: {score: {column: preference, scale: [1, 2]}}}\n"
        "records: .\ncolumns: {prompt_id: instruction}\n"
    )
    runs = read(tmp_path, spec, {"t.json": [{"instruction": "i", "preference": 1.25}]})
    assert rows_of(runs, "arm", "score") == [("control", 7.5), ("treatment", 2.5)]


NAMED = """
named: "{arm}/samples_{category}_{started_at}.jsonl"
arms: {control: "gpt-4*", treatment: llama}
timezone: UTC
columns: {prompt_id: id, passed: ok}
"""


def test_a_path_says_the_arm(tmp_path: Path) -> None:
    """Folder, task and time come from the file's path."""
    names = (
        "gpt-4o/samples_arc_easy_2026-01-02T03-04-05.678.jsonl",
        "llama/samples_arc_easy_20260102.jsonl",
    )
    runs = read(tmp_path, NAMED, {name: [{"id": 1, "ok": True}] for name in names})
    assert rows_of(runs, "arm", "category") == [("control", "arc_easy"), ("treatment", "arc_easy")]
    assert sorted(str(time)[:23] for time in runs.table["started_at"].to_pylist()) == [
        "2026-01-02 00:00:00+00:", "2026-01-02 03:04:05.678",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "name", "message"),
    [
        (NAMED, "gpt-4o/x.jsonl", r"gpt-4o/x\.jsonl does not match named in source\.yaml; .*correct named"),
        (NAMED, "claude/samples_a_20260102.jsonl", r"is a file of no arm \('claude' in its path\)"),
        (NAMED.replace("timezone: UTC\n", ""), "llama/samples_a_20260102.jsonl", "say timezone: in source"),
        ('named: "{arm}_{_}.jsonl"\ncolumns: {passed: ok}', "a_b_c.jsonl", "can mean arm a or a_b in a_b_c"),
        ('named: "{difficulty}.jsonl"\nconstants: {arm: a}\ncolumns: {passed: ok}', "x.jsonl", "difficulty is 'x'"),
    ],
)  # fmt: skip
def test_a_path_that_says_nothing_is_refused(
    tmp_path: Path, spec: str, name: str, message: str
) -> None:
    """The message has the pattern, or what it can mean, and the key to correct."""
    with pytest.raises(RunsError, match=message):
        read(tmp_path, spec, {name: [{"id": 1, "ok": True}]})


WRONG = {
    'named: "{arm}{_}"\ncolumns: {passed: ok}': r"named: has \{arm\}\{_\}; expected text between",
    'named: "{model}.csv"\ncolumns: {passed: ok}': r"named: has \{model\}; expected one of arm, run_id",
    'named: "x.csv"\ncolumns: {arm: a, passed: ok}': "named: names no field",
    'named: "{arm}.csv"\ncolumns: {arm: a, passed: ok}': "named is there beside columns.arm",
    "explode: turns\ncolumns: {arm: a, passed: ok}": "explode makes several rows .* prompt_id, user_id, cluster",
    "where: {ok: true}\ncolumns: {arm: a, passed: ok}": "where chooses rows by ok, which columns.passed maps",
    "where: {'r[0]': true}\ncolumns: {arm: a, passed: r.0}": r"where chooses rows by r\[0\], which columns.passed",
    "where: {'r.*.ok': true}\ncolumns: {arm: a, passed: 'r[k=x].ok'}": r"where chooses rows by r\.\*\.ok",
    "wide: {a: {score: x}}\ncolumns: {prompt_id: q}": "wide has arm a alone",
    "wide: {a: {score: x}, b: {passed: y}}\ncolumns: {prompt_id: q}": r"wide\.a lacks passed, which wide\.b has",
    "wide: {a: {score: x}, b: {score: y}}\ncolumns: {score: z}": r"wide\.a\.score is in columns too",
    "wide: {a: {score: x}, b: {score: y}}\ncolumns: {arm: z}": r"wide is there beside columns\.arm",
    "wide: {a: {score: x}, b: {score: x}}\ncolumns: {prompt_id: q}": r"wide\.a and wide\.b have the same score",
    "columns: {arm: a, score: [x, y]}": "score is a list of columns; expected that only of arm",
    "columns: {arm: a, passed: ok, started_at: {column: t, unit: min}}": "started_at has unit min; expected one of s",
    "columns: {arm: a, score: {column: x, since: y}}": "score has a since; expected that only of latency_ms",
    "columns: {arm: a, score: {column: x, values: {C: true}}}": "score has values that are no numbers",
    "columns: {arm: a, passed: ok, prompt_id: []}": "prompt_id",
}  # fmt: skip


@pytest.mark.parametrize("spec", WRONG)
def test_a_wrong_key_is_named(tmp_path: Path, spec: str) -> None:
    """A source.yaml that cannot be meant is refused, with the key and what is expected there."""
    with pytest.raises(PlanError, match=WRONG[spec]):
        read(tmp_path, spec, {"t.csv": "a,ok\nx,true\n"})


def test_a_file_of_a_template_is_no_measurement(tmp_path: Path) -> None:
    """What the whole file says of its provider holds for each record in it."""
    spec = "records: r\ncolumns: {arm: arm, passed: ok}\n"
    tree = {"provider": "MOCK", "r": [{"arm": "a", "ok": True}]}
    runs = read(tmp_path, spec, {"t.json": tree})
    assert (runs.kept, runs.quarantined[0].field) == (0, "provider")


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("constants: {arm: a, started_at: 2099-01-01T00:00:00Z}\ncolumns: {passed: ok}", "t.csv"),
        (
            'named: "{arm}_{started_at}.csv"\ntimezone: UTC\ncolumns: {passed: ok}',
            "a_2099-01-01.csv",
        ),
    ],
)
def test_no_file_begins_in_the_future(tmp_path: Path, spec: str, name: str) -> None:
    """A start that source.yaml or a path says is held to what any start is."""
    with pytest.raises(RunsError, match="as constants or named in source"):
        read(tmp_path, spec, {name: "ok\ntrue\n"})


def test_lists_of_words_in_a_list_are_one(tmp_path: Path) -> None:
    """Tags that each check names as a list are the tags of the sample."""
    spec = "columns: {arm: arm, passed: ok, issues: checks.*.tags}"
    rows = [{"arm": "a", "ok": True, "checks": [{"tags": ["x", "y"]}, {"tags": []}, {"tags": "z"}]}]
    assert read(tmp_path, spec, {"t.jsonl": rows}).table["issues"].to_pylist() == [["x", "y", "z"]]


def test_fractions_on_a_scale_of_percent_are_doubted(tmp_path: Path) -> None:
    """A named scale of which no score reaches a hundredth hides every loss: it is doubted."""
    spec = "columns: {arm: arm, score: {column: s, scale: [0, 100]}}"
    rows = [{"arm": "a", "s": k / 10} for k in range(11)]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert "which source.yaml says is [0, 100]" in sentence(runs.doubts["score"])
    rows.append({"arm": "a", "s": 1.5})
    assert read(tmp_path, spec, {"t.jsonl": rows}).doubts == {}
