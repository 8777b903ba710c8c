"""Traces and load tests: what Langfuse, OpenTelemetry, JMeter, k6 and locust write, read whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rolloutlib.cli import main
from rolloutlib.commands.compare import EXIT
from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.presets import PRESETS
from rolloutlib.drafts.two import meaning_of
from rolloutlib.drafts.written import text_of
from rolloutlib.errors import RunsError
from rolloutlib.runs.places import two_places
from rolloutlib.runs.reading import read_runs
from rolloutlib.runs.sources import load_source

if TYPE_CHECKING:
    from rolloutlib.drafts.drafting import Drafted
    from rolloutlib.runs.reading import Runs

FILES = Path(__file__).with_name("files")


def drafted(folder: Path, *names: str) -> Drafted:
    """Copy files of a tool and draft their source.yaml beside them."""
    paths = [Path(shutil.copy(FILES / name, folder / Path(name).name)) for name in names]
    made = draft(paths)
    (folder / "source.yaml").write_text(text_of(made.draft), encoding="utf-8")
    assert load_source(folder / "source.yaml") == made.spec
    return made


def read(folder: Path, *names: str) -> tuple[Drafted, Runs, list[dict[str, Any]]]:
    """Draft, and read by the draft without an edit; no row may be set apart."""
    made = drafted(folder, *names)
    runs = read_runs(folder)
    assert runs.rows_quarantined == 0, [bad.message for bad in runs.quarantined][:3]
    rows = runs.table.sort_by([("arm", "ascending"), ("started_at", "ascending")]).to_pylist()
    return made, runs, rows


def arms_of(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many samples each arm has."""
    arms = [row["arm"] for row in rows]
    return {arm: arms.count(arm) for arm in sorted(set(arms))}


@pytest.mark.parametrize("name", ["traces.json", "traces.jsonl", "traces.csv"])
def test_langfuse_exports_are_the_same_traces_in_every_format(tmp_path: Path, name: str) -> None:
    """JSON, JSON Lines and CSV of the interface give the same samples, of which none passed."""
    made, _, rows = read(tmp_path, f"langfuse/{name}")
    written = json.loads((FILES / "langfuse/traces.json").read_text("utf-8"))
    assert made.draft.tool == "langfuse"
    assert arms_of(rows) == {"v1": 10, "v2": 10}
    by_id = {row["sample_id"]: row for row in rows}
    for trace in written:
        row = by_id[trace["id"]]
        assert row["latency_ms"] == pytest.approx(1000 * trace["latency"])
        assert row["cost"] == trace["totalCost"]
        assert (row["tokens_in"], row["user_id"]) == (trace["inputTokens"], trace["userId"])
        assert row["error"] is (trace["level"] == "ERROR")
        assert (
            row["score"] == pytest.approx(10 * trace["correctness"][0])
            if trace["correctness"]
            else row["score"] is None
        )
        assert (row["passed"], row["status"]) == (None, None)
    assert "tone" in made.draft.left


def test_langfuse_pages_of_the_api_have_scores_by_name(tmp_path: Path) -> None:
    """Scores with objects of their own are scorers by name; a score in words is left."""
    made, _, rows = read(tmp_path, "langfuse/api.json")
    assert [*made.draft.mapping["scores"]] == ["helpfulness", "correct"]
    assert "score" not in made.draft.mapping["columns"]
    page = json.loads((FILES / "langfuse/api.json").read_text("utf-8"))["data"]
    by_id = {row["sample_id"]: row for row in rows}
    for trace in page:
        scores = {score["name"]: score["value"] for score in trace["scores"]}
        helpfulness = by_id[trace["id"]]["score:helpfulness"]
        assert (
            helpfulness is None
            if not scores
            else helpfulness == pytest.approx(10 * scores["helpfulness"])
        )


def test_langfuse_gives_no_price_where_none_is_known(tmp_path: Path) -> None:
    """A cost of 0, and the -1 of what was not asked for, are no measurement."""
    page = json.loads((FILES / "langfuse/api.json").read_text("utf-8"))
    for place, trace in enumerate(page["data"]):
        trace |= {"totalCost": 0 if place % 2 else -1, "latency": -1 if place < 3 else 1.5}
    page["data"][4]["totalCost"] = 0.5
    (tmp_path / "page.json").write_text(json.dumps(page), encoding="utf-8")
    made = draft([tmp_path / "page.json"])
    (tmp_path / "source.yaml").write_text(text_of(made.draft), encoding="utf-8")
    rows = read_runs(tmp_path).table.to_pylist()
    assert sorted(row["cost"] or 0 for row in rows) == [0] * 11 + [0.5]
    assert sum(row["latency_ms"] is None for row in rows) == 3


@pytest.mark.parametrize("name", ["Hallucination", "Toxicity"])
def test_langfuse_scores_of_which_less_is_better_are_left(tmp_path: Path, name: str) -> None:
    """By its name alone no file tells how such a score runs, so that it decides nothing."""
    traces = json.loads((FILES / "langfuse/traces.json").read_text("utf-8"))
    for trace in traces:
        trace[name] = trace.pop("correctness")
    (tmp_path / "traces.json").write_text(json.dumps(traces), encoding="utf-8")
    made = draft([tmp_path / "traces.json"]).draft
    assert made.left[name].code == "draft.less_is_better"
    assert "score" not in made.mapping["columns"]


@pytest.mark.parametrize("name", ["spans.json", "collector.jsonl"])
def test_spans_are_model_calls_alone(tmp_path: Path, name: str) -> None:
    """Of agents, tools and calls the calls count; start and end give the latency, to the ns."""
    made, _, rows = read(tmp_path, f"otel/{name}")
    assert made.draft.tool == "otel"
    assert arms_of(rows) == {"small-1": 6, "small-2": 12}
    spans = [
        span
        for line in (FILES / "otel/collector.jsonl").read_text("utf-8").splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
        if span["name"].startswith("chat")
    ]
    took = sorted(int(s["endTimeUnixNano"]) - int(s["startTimeUnixNano"]) for s in spans)
    assert sorted(row["latency_ms"] for row in rows) == pytest.approx([t / 1e6 for t in took])
    assert sum(row["error"] for row in rows) == sum(s["status"] != {} for s in spans) == 2
    assert {row["passed"] for row in rows} == {None}
    assert len({row["user_id"] for row in rows}) == 4


def columns_of(span: dict[str, Any]) -> dict[str, Any]:
    """Return a span as tables have it: attributes under their names."""
    kinds = [*span["attributes"]]
    attributes = {item["key"]: next(iter(item["value"].values())) for item in kinds}
    return {
        "trace_id": span["traceId"], "span_id": span["spanId"], "parent_span_id":
        span["parentSpanId"], "name": span["name"], "status_code": "ERROR" if span["status"] else
        "UNSET", "start_time": pa.scalar(int(span["startTimeUnixNano"]), pa.timestamp("ns", "UTC")),
        "end_time": pa.scalar(int(span["endTimeUnixNano"]), pa.timestamp("ns", "UTC")),
        "attributes": attributes,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["flat", "map"])
def test_spans_in_parquet(tmp_path: Path, form: str) -> None:
    """Attributes that are columns of their own, or one map, say the same as OTLP."""
    lines = (FILES / "otel/collector.jsonl").read_text("utf-8").splitlines()
    spans = [
        columns_of(span)
        for line in lines
        for scope in json.loads(line)["resourceSpans"][0]["scopeSpans"]
        for span in scope["spans"]
    ]
    plain = {n: pa.array([s[n].as_py() if isinstance(s[n], pa.Scalar) else s[n] for s in spans])
             for n in spans[0] if n not in {"attributes", "start_time", "end_time"}}  # fmt: skip
    for name in ("start_time", "end_time"):
        values = [span[name].value for span in spans]
        plain[name] = pa.array(values, pa.timestamp("ns", "UTC"))
    names = sorted({key for span in spans for key in span["attributes"]})
    if form == "flat":
        plain |= {f"attributes.{n}": pa.array([s["attributes"].get(n) for s in spans])
                  for n in names}  # fmt: skip
    else:
        texts = [[(k, str(v)) for k, v in span["attributes"].items()] for span in spans]
        plain["attributes"] = pa.array(texts, pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table(plain), tmp_path / "spans.parquet")
    made = draft([tmp_path / "spans.parquet"])
    (tmp_path / "source.yaml").write_text(text_of(made.draft), encoding="utf-8")
    runs = read_runs(tmp_path)
    rows = runs.table.to_pylist()
    assert (made.draft.tool, runs.rows_quarantined) == ("otel", 0)
    assert arms_of(rows) == {"small-1": 6, "small-2": 12}
    assert sum(row["error"] for row in rows) == 2
    assert {row["tokens_in"] for row in rows} >= {200, 201}


def test_calls_within_calls_are_told(tmp_path: Path) -> None:
    """Where two instrumentations tell one call, the draft says that some are told twice."""
    lines = (FILES / "otel/collector.jsonl").read_text("utf-8").splitlines()
    first = json.loads(lines[0])
    spans = first["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], "spanId": "00aa", "parentSpanId": spans[0]["spanId"]})
    (tmp_path / "spans.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]), "utf-8")
    assert "parent calls" in draft([tmp_path / "spans.jsonl"]).draft.left


@pytest.mark.parametrize(
    ("tool", "ending", "n_rows"),
    [("jmeter", "jtl", 60), ("k6", "csv", 28), ("k6", "jsonl", 28), ("locust", "jsonl", 40)],
)
def test_load_tests_are_requests_of_virtual_users(
    tmp_path: Path, tool: str, ending: str, n_rows: int
) -> None:
    """Latency, failures and users are read; nothing is taken for passed or failed."""
    made, _, rows = read(tmp_path, f"{tool}/v1.{ending}", f"{tool}/v2.{ending}")
    assert made.draft.tool == tool
    assert arms_of(rows) == {"control": n_rows // 2, "treatment": n_rows // 2}
    for row in rows:
        assert row["latency_ms"] > 1
        assert row["error"] in {True, False}
        assert row["started_at"] is not None
        assert row["passed"] is row["status"] is row["score"] is None
    assert any(row["error"] for row in rows)
    people = {row["user_id"] for row in rows}
    assert len(people) == (1 if ending == "csv" else 5 if tool == "k6" else 3)


def test_what_k6_calls_json_is_read_line_by_line(tmp_path: Path) -> None:
    """`--out json=results.json` has an object a line, whatever its name says."""
    for version in ("v1", "v2"):
        shutil.copy(FILES / f"k6/{version}.jsonl", tmp_path / f"{version}.json")
    made = draft([tmp_path / "v1.json", tmp_path / "v2.json"])
    (tmp_path / "source.yaml").write_text(text_of(made.draft), encoding="utf-8")
    runs = read_runs(tmp_path)
    assert (made.draft.tool, runs.kept, runs.rows_quarantined) == ("k6", 28, 0)


def test_spans_without_calls_of_a_model_are_refused(tmp_path: Path) -> None:
    """Spans of a web server alone are no samples; the message says what would be."""
    tree = json.loads((FILES / "otel/spans.json").read_text("utf-8"))
    for resource in tree["resourceSpans"]:
        for span in resource["scopeSpans"][0]["spans"]:
            span["attributes"] = []
    (tmp_path / "spans.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(RunsError, match="no span that is a call of a model"):
        draft([tmp_path / "spans.json"])


@pytest.mark.slow
@pytest.mark.parametrize(("tool", "ending"), [("locust", "jsonl"), ("k6", "csv"), ("k6", "jsonl")])
def test_speed_alone_is_no_go(
    tmp_path: Path, tool: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comparison of two load tests reads them without a word of help, and holds."""
    arms = [str(FILES / tool / f"{version}.{ending}") for version in ("v1", "v2")]
    assert main(["compare", *arms, "--out", str(tmp_path / "report")]) == EXIT["HOLD"]
    out = capsys.readouterr().out
    assert "Average latency" in out
    assert "Errors and timeouts" in out


def test_transactions_of_jmeter_are_not_counted_twice(tmp_path: Path) -> None:
    """A transaction's row adds up requests that have rows of their own, so it is no sample."""
    head, *rows = (FILES / "jmeter/v1.jtl").read_text("utf-8").splitlines()
    message = '"Number of samples in transaction : 2, number of failing samples : 0"'
    total = f"1796032818000,90,whole,,{message},users 1-1,,true,,10,3,3,0,0,0"
    (tmp_path / "v1.jtl").write_text("\n".join([head, *rows, total]) + "\n", encoding="utf-8")
    made = draft([tmp_path / "v1.jtl"])
    assert made.draft.mapping["where"] == {"label": ["ask"]}


def test_words_after_the_first_records_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a list of labels is of the first rows alone, the draft and a comparison say so."""
    head, *rows = (FILES / "jmeter/v1.jtl").read_text("utf-8").splitlines()
    message = '"Number of samples in transaction : 2, number of failing samples : 0"'
    total = f"1796032818000,90,whole,,{message},users 1-1,,true,,10,3,3,0,0,0"
    text = "\n".join([head, total, *rows]) + "\n"
    for name in ("v1.jtl", "v2.jtl"):
        (tmp_path / name).write_text(text.replace(",90,", f",9{name[1]},"), encoding="utf-8")
    paths = [tmp_path / "v1.jtl", tmp_path / "v2.jtl"]
    assert "v1.jtl" not in draft(paths).draft.left
    monkeypatch.setattr("rolloutlib.drafts.peek.MOST_RECORDS", 20)
    assert draft(paths).draft.left["v1.jtl"].facts == {"records": 20}
    meaning = meaning_of(paths, None, two_places(*paths))
    assert [why.code for why in meaning.doubts] == ["pair.bounded"] * 2


@pytest.mark.parametrize(
    ("cell", "unit"),
    [("1796032818", "s"), ("1796032818123", "ms"), ("2026-11-30T09:00:00+09:00", None)],
)
def test_moments_of_k6_are_in_the_unit_of_their_numbers(
    tmp_path: Path, cell: str, unit: str | None
) -> None:
    """`--out csv` writes seconds unless it is told to write something finer, or RFC 3339."""
    head = "metric_name,timestamp,metric_value,expected_response"
    row = f"http_req_duration,{cell},81.5,true"
    (tmp_path / "a.csv").write_text("\n".join([head, *[row] * 5]) + "\n", encoding="utf-8")
    moment = draft([tmp_path / "a.csv"]).draft.mapping["columns"]["started_at"]
    assert moment == ({"column": "timestamp", "unit": unit} if unit else "timestamp")


@pytest.mark.parametrize(
    "attributes", [["chat"], [{"a": 1, "b": 2, "c": 3}], [{"key": 1, "value": 2}]]
)
def test_odd_spans_are_a_sentence(tmp_path: Path, attributes: list[Any]) -> None:
    """Attributes that are no map, and ids that are lists, end in a message."""
    record = {"trace_id": "t", "span_id": ["s"], "start_time": "2026-11-30T09:00:00Z",
              "attributes": attributes}  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps(record)] * 3), encoding="utf-8")
    with pytest.raises(RunsError, match="no span that is a call of a model"):
        draft([tmp_path / "a.jsonl"])


def test_a_file_that_a_preset_cannot_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a tool never writes ends in a message with the tool, the file and what to do."""

    def broken(_: object) -> None:
        raise KeyError("odd")

    shutil.copy(FILES / "k6/v1.csv", tmp_path / "v1.csv")
    presets = tuple(preset._replace(drafts=broken) for preset in PRESETS)
    monkeypatch.setattr("rolloutlib.drafts.drafting.PRESETS", presets)
    with pytest.raises(RunsError, match=r"v1\.csv looks like a file of k6.*write source\.yaml by"):
        draft([tmp_path / "v1.csv"])


@pytest.mark.parametrize("name", ["run_stats.csv", "run.json"])
def test_totals_of_locust_are_refused(tmp_path: Path, name: str) -> None:
    """Percentiles and counts are no samples; the message says what to log instead."""
    shutil.copy(FILES / "locust/run_stats.csv", tmp_path / "run_stats.csv")
    (tmp_path / "run.json").write_text(json.dumps([{
        "name": "/ask", "method": "GET", "num_requests": 30, "num_failures": 3,
        "total_response_time": 2256.3, "response_times": {"32": 1, "74": 29},
    }]), encoding="utf-8")  # fmt: skip
    with pytest.raises(RunsError, match="log the request event"):
        draft([tmp_path / name])


def test_an_xml_of_jmeter_says_how_to_write_a_table(tmp_path: Path) -> None:
    """JMeter's XML is no table; the message names the property that makes it one."""
    shutil.copy(FILES / "jmeter/xml.jtl", tmp_path / "run.jtl")
    with pytest.raises(RunsError, match=r"jmeter\.save\.saveservice\.output_format=csv"):
        draft([tmp_path / "run.jtl"])
