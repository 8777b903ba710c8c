"""Any column of a source may tell samples apart, and texts of prompts and answers may be shown."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import PlanError, RunsError, UsageError
from rolloutlib.plan.gates import Evidence
from rolloutlib.plan.segments import OWN, TAKEN
from rolloutlib.runs import read_runs, reading
from rolloutlib.runs.columns import SCHEMA, TEXTS
from rolloutlib.runs.samples import Samples, from_runs
from tests.runs.test_columnar import row_by_row
from tests.tables import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs import Runs

SPEC = """columns: {arm: arm, status: outcome, sample_id: id}
segments:
  platform: device_type
  country: {column: geo, none: [n/a, -1]}
texts: {prompt: question, answer: output}
statuses: {ok: passed, bad: failed}
"""
TABLE = '''arm,outcome,id,device_type,geo,question,output
a,ok,1,web,kr,Why?,Because
a,bad,2, Web,N/A,"Two
lines: ""yes""",
b,ok,1,ios,-1,Why?,No
b,ok,2,,us,,Yes
'''
TYPES: dict[str, pa.Array] = {
    "integers": pa.array([1, None, -4]),
    "unsigned": pa.array([1, 2**63, 3], pa.uint64()),
    "floats": pa.array([2.0, 0.1, float("nan")]),
    "odd floats": pa.array([1e20, -0.0, float("inf")]),
    "narrow floats": pa.array([0.1, 1, None], pa.float32()),
    "booleans": pa.array([True, False, None]),
    "dates": pa.array([date(2026, 1, 2)] * 3),
    "times": pa.array([datetime(2026, 1, 2, 3, 4, 5)] * 3),  # noqa: DTZ001 -- without a zone
    "decimals": pa.array([Decimal("1.50")] * 3),
    "words": pa.array(["a", "", None]).dictionary_encode(),
    "lists": pa.array([["a"], [], None]),
}


def read(folder: Path, spec: str = SPEC, *, texts: bool = False, **files: str) -> Runs:
    """Read files beside a source.yaml."""
    (folder / "source.yaml").write_text(spec, encoding="utf-8")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return read_runs(folder, texts=texts)


def column(runs: Runs, name: str) -> list[str | None]:
    """Return a column, rows by arm and id."""
    rows = runs.relation.order("arm, run_id, sample_id").to_arrow_table()
    return rows[name].to_pylist()


def test_columns_become_segments_and_texts(tmp_path: Path) -> None:
    """Values stay as they are written; empty cells and words for nothing are null."""
    runs = read(tmp_path, texts=True, t_csv=TABLE)
    assert (runs.extras, runs.texts) == (("country", "platform"), TEXTS)
    assert column(runs, "platform") == ["web", " Web", "ios", None]
    assert column(runs, "country") == ["kr", None, None, "us"]
    assert column(runs, "prompt_text") == ["Why?", 'Two\nlines: "yes"', "Why?", None]
    assert column(runs, "answer_text") == ["Because", None, "No", "Yes"]
    assert runs.table.column_names == [*SCHEMA.names, "country", "platform"]


def test_texts_are_not_read_unless_asked_for(tmp_path: Path) -> None:
    """Nobody pays for answers of megabytes who does not look at them."""
    runs = read(tmp_path, t_csv=TABLE)
    assert runs.texts == ()
    assert not {*TEXTS} & {*runs.relation.columns}


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_the_same_to_both_readers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels and texts of Parquet's types are those that the careful reader writes."""
    rows = {"arm": ["a", "a", "b"], "status": ["passed"] * 3, "x": TYPES[name]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")

    def outcome() -> Any:  # noqa: ANN401
        runs = read(tmp_path, "segments: {seg: x}\ntexts: {prompt: x}\n", texts=True)
        bad = [row.message for row in runs.quarantined]
        texts = column(runs, "prompt_text") if runs.texts else None
        return column(runs, "seg"), texts, bad

    fast = outcome()
    monkeypatch.setattr(reading, "read_columns", row_by_row)
    assert outcome() == fast
    expectation = "expected text, a number, or true or false."
    assert all(message.endswith(expectation) for message in fast[2])
    assert bool(fast[2]) == (name == "lists")


def test_numbers_lose_their_empty_fraction(tmp_path: Path) -> None:
    """What a program writes as 2.0 because a neighbour is missing is the segment 2."""
    lines = [f'{{"arm": "a", "status": "passed", "v": {number}}}' for number in ("2", "2.0")]
    runs = read(tmp_path, "segments: {version: v}\n", t_jsonl="\n".join(lines))
    assert column(runs, "version") == ["2", "2"]


def test_paths_reach_into_records(tmp_path: Path) -> None:
    """A dotted name is a path, in JSON Lines and in lists of records; texts may be objects."""
    record = {"who": "a", "ok": True, "geo": {"country": "kr"}, "in": [{"role": "user"}]}
    spec = """columns: {arm: who, passed: ok}
segments: {country: geo.country}
texts: {prompt: in}
"""
    runs = read(tmp_path, spec, texts=True, t_jsonl=json.dumps(record))
    assert column(runs, "country") == ["kr"]
    assert column(runs, "prompt_text") == ['[{"role":"user"}]']
    (tmp_path / "t.jsonl").unlink()
    runs = read(tmp_path, spec + "records: .\n", texts=True, t_json=json.dumps([record]))
    assert column(runs, "country") == ["kr"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("segments: {Platform: x}", "'Platform' is no name of a segment; expected a plain word"),
        ("segments: {score: x}", "'score' is a column of ours already; expected another"),
        ("segments: {category: x}", "'category' is a field of its own; map it under columns:"),
        (f"segments: {{{'a' * 41}: x}}", "is no name of a segment"),
        ("segments: {platform: {column: x, unit: s}}", "platform has a unit; expected column"),
        ("segments: [platform]", "expected keys with values"),
        ("texts: {promt: x}", "Did you mean 'prompt'?"),
        ("texts: {prompt: 3}", "expected text"),
        ("segments: {" + ", ".join(f"s{n}: x" for n in range(31)) + "}", "names 31 segments"),
    ],
)
def test_wrong_names_are_told(spec: str, message: str, tmp_path: Path) -> None:
    """A sentence names the key, what was got, and what is expected."""
    with pytest.raises(PlanError, match=r"source\.yaml: (segments|texts)") as raised:
        read(tmp_path, f"columns: {{arm: arm, status: outcome}}\n{spec}\n", t_csv=TABLE)
    assert message in str(raised.value)


@pytest.mark.parametrize("key", ["segments: {platform: devicetype}", "texts: {answer: ouput}"])
@pytest.mark.parametrize("columns", ["columns: {arm: arm, status: outcome}\n", ""])
def test_a_column_that_is_not_there_is_told(key: str, columns: str, tmp_path: Path) -> None:
    """Also where the table has our own names and source.yaml maps nothing else."""
    statuses = "statuses: {ok: passed, bad: failed}\n" if columns else ""
    table = TABLE if columns else TABLE.replace("outcome", "status")
    with pytest.raises(RunsError, match=r"which t\.csv lacks; its columns are .* Did you mean"):
        read(tmp_path, columns + statuses + key, t_csv=table)


def test_tables_in_our_own_columns_have_segments(tmp_path: Path) -> None:
    """A table of samples as `Runs.table` gives it, with a column more."""
    table = read(tmp_path, t_csv=TABLE).table
    (tmp_path / "t.csv").unlink()
    pq.write_table(table.rename_columns({"platform": "where"}), tmp_path / "t.parquet")
    runs = read(tmp_path, "segments: {platform: where}\n")
    assert column(runs, "platform") == ["web", " Web", "ios", None]
    assert runs.extras == ("platform",)


def envelope(run: str, arm: str, **more: Any) -> str:  # noqa: ANN401
    """Return a run of one sample with further keys."""
    sample = {"id": run, "status": "passed", "score": 8.0, "latencyMs": 100, **more}
    metrics = {"passRate": 1.0, "avgScore": 8.0, "avgLatency": 100, "vetoedPct": 0.0}
    result = {"metrics": metrics, "issuesTop3": [], "samples": [sample]}
    return json.dumps({"runId": run, "arm": arm, "result": result})


def test_run_envelopes_tell_segments_and_texts(tmp_path: Path) -> None:
    """Samples carry `segments`, `prompt` and `answer`; runs without them are as before."""
    runs = [
        envelope("r1", "control", segments={"platform": "web", "tier": 2.0}, prompt="a: b"),
        envelope("r2", "treatment", segments={"platform": ""}, answer=[{"x": {"y": ":"}}]),
        envelope("r3", "treatment"),
    ]
    checked = read(tmp_path, "envelopes: {unit: ms}\n", texts=True, t_jsonl="\n".join(runs))
    assert not checked.quarantined
    assert checked.extras == ("platform", "tier")
    assert column(checked, "platform") == ["web", None, None]
    assert column(checked, "tier") == ["2", None, None]
    assert column(checked, "prompt_text") == ["a: b", None, None]
    assert column(checked, "answer_text") == [None, '[{"x":{"y":":"}}]', None]


@pytest.mark.parametrize(
    "segments", [{"Platform": "x"}, {"score": "x"}, {"a b": 1}, {"x": [1]}, ["x"], "x",
                 {f"s{n}": 1 for n in range(31)}],
)  # fmt: skip
def test_wrong_segments_of_an_envelope_cost_the_sample(segments: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """What is no name, or no scalar, goes to the quarantine with what is expected."""
    runs = [envelope("r1", "control", segments=segments), envelope("r2", "control")]
    checked = read(tmp_path, "envelopes: {unit: ms}\n", t_jsonl="\n".join(runs))
    (bad,) = checked.quarantined
    assert "segments" in bad.message
    assert "expected 30 plain names at most" in bad.message
    assert (checked.kept, checked.extras) == (1, ())


def test_envelopes_together_have_thirty_names(tmp_path: Path) -> None:
    """A run that names a thirty-first segment is refused, whatever is in its samples."""
    runs = [envelope(f"r{n}", "control", segments={f"s{n}": n}) for n in range(31)]
    checked = read(tmp_path, "envelopes: {unit: ms}\n", t_jsonl="\n".join(runs))
    assert (len(checked.extras), checked.kept) == (30, 30)
    assert "at most 30 names of segments in all runs together" in checked.quarantined[0].message


def test_texts_hide_no_key(tmp_path: Path) -> None:
    """A provider's mark and a key written twice are seen beside texts full of colons."""
    mock = envelope("r1", "control", prompt="x:y", note={"provider": "MOCK"})
    twice = envelope("r2", "control", segments={"a": 1}, prompt=":").replace(
        '"a": 1', '"a": 1, "a": 2'
    )
    escaped = envelope("r3", "control", prompt="x:").replace('"x:"', r'"x\u003a"')
    escaped = escaped.replace('"score": 8.0', '"score": 8.0, "provider": "MOCK"')
    for run in (mock, twice, escaped):
        runs = read(tmp_path, "envelopes: {unit: ms}\n", t_jsonl=run)
        assert (runs.kept, len(runs.quarantined)) == (0, 1), run


def test_names_may_be_words_of_sql(tmp_path: Path) -> None:
    """A run in two files, whose rows are compared, with columns that SQL has another use for."""
    names = ("order", "user", "group", "select", "end", "desc", "null", "from", "id", "own", "twin")
    named = ", ".join(f'"{name}": {{column: "{name} x"}}' for name in names)
    spec = f"columns: {{arm: arm, passed: ok, sample_id: s}}\nsegments: {{{named}}}\n"
    head, cells = ",".join(f"{name} x" for name in names), ",".join(names)
    rows = [f"arm,ok,s,{head}\na,true,{n},{cells}\na,true,same,{cells}\n" for n in range(2)]
    runs = read(tmp_path, spec, t_csv=rows[0], u_csv=rows[1])
    assert (runs.kept, dict(runs.copies)) == (3, {"a": 1})
    assert [{*column(runs, name)} for name in names] == [{name} for name in names]
    assert from_runs(runs).digest()


def test_labels_tell_rows_apart_and_texts_do_not(tmp_path: Path) -> None:
    """Two rows of one id that differ in a segment are twins; in a text alone they are copies."""
    other = TABLE.replace("a,ok,1,web", "a,ok,1,ios").partition("\n")[2].splitlines()[0]
    runs = read(tmp_path, t_csv=f"{TABLE}{other}\n")
    assert (runs.rows_quarantined, dict(runs.copies)) == (2, {})
    same = TABLE.splitlines()[1].replace("Because", "Another answer")
    runs = read(tmp_path, t_csv=f"{TABLE}{same}\n")
    assert (runs.rows_quarantined, dict(runs.copies)) == (0, {"a": 1})


def digest(folder: Path, spec: str, table: str = TABLE) -> str:
    """Return the digest of a table's samples."""
    return from_runs(read(folder, spec, t_csv=table)).digest()


@pytest.mark.slow
def test_a_digest_counts_segments_that_are_told(tmp_path: Path) -> None:
    """Segments are evidence, texts are not; a segment that no row tells changes nothing."""
    plain = SPEC.partition("segments")[0] + "statuses: {ok: passed, bad: failed}\n"
    without = digest(tmp_path, plain)
    assert digest(tmp_path, plain + "texts: {prompt: question}\n") == without
    empty = TABLE.replace("question", "blank").replace("Why?", "").replace("Two", "")
    empty = empty.replace("\nlines: ", "").replace('""yes""', "")
    assert digest(tmp_path, plain + "segments: {nothing: blank}\n", empty) == without
    digests = {
        digest(tmp_path, SPEC),
        digest(tmp_path, SPEC, TABLE.replace("ios", "iOS")),
        digest(tmp_path, SPEC.replace("platform:", "device:")),
        digest(tmp_path, plain + "segments: {platform: geo, country: device_type}\n"),
        without,
    }
    assert len(digests) == 5
    assert digest(tmp_path, SPEC, TABLE.replace("Because", "Or not")) in digests


def test_many_rows_have_other_digests_with_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums of large data see a segment, its name, and which row has it."""
    monkeypatch.setattr("rolloutlib.runs.digests.EXACT_ROWS", 0)
    swapped = SPEC.replace("platform: device_type", "platform: geo").replace(
        "country: {column: geo, none: [n/a, -1]}", "country: device_type"
    )
    other = SPEC.replace("{column: geo, none: [n/a, -1]}", "geo")
    assert len({digest(tmp_path, spec) for spec in (SPEC, swapped, other)}) == 3


@pytest.mark.parametrize("kind", ["duckdb", "polars"])
def test_frames_name_their_further_columns(kind: str, tmp_path: Path) -> None:
    """A frame or a Parquet file of samples has segments and texts where an argument says so."""
    table = read(tmp_path, texts=True, t_csv=TABLE).relation.to_arrow_table()
    path = tmp_path / "own.parquet"
    pq.write_table(table, path)
    if kind == "duckdb":
        samples = Samples.from_parquet(path, extras=["platform"], texts=["answer_text"])
    else:
        frame = nw.scan_parquet(str(path), backend="polars")
        samples = Samples.from_frame(frame, extras=["platform"], texts=["answer_text"])
    names = samples.frame().collect_schema().names()
    assert names == [*SCHEMA.names, "platform", "answer_text"]
    assert samples.without_texts().frame().collect_schema().names() == names[:-1]
    with pytest.raises(RunsError, match="has no column 'platfrom'"):
        Samples.from_parquet(path, extras=["platfrom"])
    with pytest.raises(UsageError, match="'score' is a column of ours already"):
        Samples.from_parquet(path, extras=["score"])
    with pytest.raises(UsageError, match="Did you mean 'answer_text'"):
        Samples.from_parquet(path, texts=["answer"])


def test_the_names_that_are_taken_are_those_of_the_table() -> None:
    """The plan's list of names that no segment may have is the table's own."""
    assert {*SCHEMA.names} | {*TEXTS} <= TAKEN | {*OWN}


def test_a_plan_names_any_segment(tmp_path: Path) -> None:
    """evidence.segments takes plain words, each once; others are told in a sentence."""
    del tmp_path
    rules = {
        "confidence": 0.95, "runs_averaged": 3, "min_clusters": 5, "icc_floor": 0.05, "power": 0.8,
        "sample_ratio_p": 0.001, "timeout_cap_ms": 1e4,
    }  # fmt: skip
    evidence = Evidence.model_validate(rules | {"segments": ("category", "platform")})
    assert evidence.segments == ("category", "platform")
    for names, expectation in {
        ("platform", "platform"): "names platform twice",
        ("Category",): "Did you mean 'category'?",
        ("score",): "'score' is a column of ours already",
    }.items():
        with pytest.raises(ValueError, match=expectation.replace("?", r"\?")):
            Evidence.model_validate(rules | {"segments": names})


def test_the_documented_segments_are_read(tmp_path: Path) -> None:
    """The example of docs/source.md reads a table of its columns."""
    text = (ROOT / "docs" / "source.md").read_text(encoding="utf-8")
    spec = text.partition("## Segments and texts")[2].partition("```yaml\n")[2].partition("```")[0]
    record = {"variant": "old", "outcome": True, "device_type": "web", "geo": {"country": "kr"},
              "app_version": 3, "question": "Why?", "output": {"text": "Because"}}  # fmt: skip
    runs = read(tmp_path, spec, texts=True, t_jsonl=json.dumps(record))
    (row,) = runs.relation.to_arrow_table().to_pylist()
    assert [row[name] for name in runs.extras] == ["kr", "web", "3"]
    assert [row[name] for name in runs.texts] == ["Why?", "Because"]
