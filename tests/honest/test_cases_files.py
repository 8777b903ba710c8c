"""Cases of `cases.jsonl` about files: parts, neighbours that nobody read, formats, real layouts."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from rolloutlib.errors import RolloutError
from rolloutlib.judge.record import Recommendation
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
from tests.honest.reviews import gate, review, said
from tests.honest.worlds import World, base, one, treated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.slow

GO = Recommendation.GO


def refusal(runs: Path, **more: Any) -> str:  # noqa: ANN401
    """Return the sentence with which runs are refused, or all that a review of them says."""
    values = {"stage": 3, "runs": str(runs), "looks": ""}
    try:
        return said(review_stage(review_params(values | more)))
    except RolloutError as error:
        return str(error)


def test_case_20_shards_of_one_run(tmp_path: Path) -> None:
    """Three shards that name their common run are one run, with all 1,800 rows."""
    rows = base(n=900, runs=1)
    parts = {f"part-{k}": rows[rows.index % 3 == k] for k in range(3)}
    reviewed = review(World(parts, "shards").write(tmp_path / "w"))
    assert [(arm.runs, arm.samples) for arm in reviewed.arms] == [(1, 900), (1, 900)]
    assert reviewed.quarantine == ()


@pytest.mark.parametrize("names", [("part-2.tsv", "part-3.ndjson"), ("more.csv.gz", "old.xlsx")])
def test_case_21_what_nobody_read_is_named(tmp_path: Path, names: tuple[str, str]) -> None:
    """A neighbour with another ending is named: a third of the data may be in it."""
    rows = base()
    parts = {f"part-{k}": rows[rows["run"].str[1] == str(k)] for k in range(2)}
    folder = World(parts, "two of four files").write(tmp_path / "w")
    for name in names:
        (folder / name).write_text("arm\trun\n", encoding="utf-8")
    text = said(review(folder))
    assert [name for name in names if name not in text] == []


def test_case_40_one_row_with_backslashes(tmp_path: Path) -> None:
    """One row in Spark's quoting is set apart, or read where `escape` says how; 119 stay."""
    lines = ["arm,run,prompt,sid,status,note"]
    lines += [f"{arm},{arm[0]}0,p{k},s{k},passed,fine" for k in range(60) for arm in _ARMS]
    lines[9] = lines[9].replace("fine", r'"he said \"no\", and left"')
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = "columns: {arm: arm, run_id: run, prompt_id: prompt, sample_id: sid, status: status}\n"
    (tmp_path / "source.yaml").write_text(f'files: "*.csv"\n{source}', encoding="utf-8")
    reviewed = review(tmp_path)
    assert sum(arm.samples for arm in reviewed.arms) == 119
    assert sum(group.rows for group in reviewed.quarantine) == 1
    (tmp_path / "source.yaml").write_text(
        f'files: "*.csv"\nescape: "\\\\"\n{source}', encoding="utf-8"
    )
    assert sum(arm.samples for arm in review(tmp_path).arms) == 120


_ARMS = ("control", "treatment")


def test_case_r1_judgments_with_a_sentinel(tmp_path: Path) -> None:
    """Scores alone can be reviewed; −1 for an unparsable judgment is missing, and its share told.

    The shape of a public file: two turns a question, 120 of 160 judgments unparsable, times in
    seconds since 1970.
    """
    rows = [
        {"question_id": 81 + k, "model": arm, "judge": ["gpt-4", "single-v1"], "turn": turn,
         "score": -1 if (k + turn) % 4 else 8, "tstamp": 1700000000.5 + k}
        for k in range(40) for turn in (1, 2) for arm in _ARMS
    ]  # fmt: skip
    _lines(tmp_path / "judgments.jsonl", rows)
    (tmp_path / "source.yaml").write_text(
        'files: "*.jsonl"\ncolumns:\n  arm: model\n  prompt_id: question_id\n'
        "  score: {column: score, scale: [1, 10], none: [-1]}\n",
        encoding="utf-8",
    )
    reviewed = review(tmp_path)
    score = gate(reviewed, "avg_score")
    assert (score.control, reviewed.recommendation is GO) == (pytest.approx(70 / 9), False)
    assert "75" in said(reviewed) or "120" in said(reviewed) or "60" in said(reviewed)


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_case_r3_the_arm_is_the_file(tmp_path: Path) -> None:
    """Two versions are two files without a column that says so; ten rows are no GO."""
    for name in ("v1", "v2"):
        rows = pd.DataFrame({"q": [f"q{k}" for k in range(10)], "ok": ["true"] * 9 + ["false"]})
        rows["faithfulness"] = [0.9] + [None] * 9
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "source.yaml").write_text(
        'files: "*.csv"\narms: {control: v1.csv, treatment: v2.csv}\ncolumns:\n  prompt_id: q\n'
        "  passed: ok\n  score: {column: faithfulness, scale: [0, 1]}\n",
        encoding="utf-8",
    )
    reviewed = review(tmp_path)
    assert [(arm.arm, arm.samples) for arm in reviewed.arms] == [("control", 10), ("treatment", 10)]
    assert reviewed.recommendation is not GO


@pytest.mark.parametrize("nested", [True, False])
def test_case_r6_nested_names(tmp_path: Path, nested: bool) -> None:  # noqa: FBT001
    """Promptfoo's provider.id and gradingResult.score map, in its JSON and as JSON Lines."""
    rows = [
        {"provider": {"id": arm}, "success": k % 5 > 0, "vars": {"q": f"q{k}"},
         "gradingResult": {"score": 0.8}, "latencyMs": 900 + k}
        for k in range(6) for arm in _ARMS
    ]  # fmt: skip
    columns = (
        "columns:\n  arm: provider.id\n  prompt_id: vars.q\n  passed: success\n"
        "  score: {column: gradingResult.score, scale: [0, 1]}\n"
        "  latency_ms: {column: latencyMs, unit: ms}\n"
    )
    if nested:
        whole = {"evalId": "e", "results": {"version": 3, "results": rows}}
        (tmp_path / "output.json").write_text(json.dumps(whole), encoding="utf-8")
        columns = 'files: "*.json"\nrecords: results.results\n' + columns
    else:
        _lines(tmp_path / "results.jsonl", rows)
        columns = 'files: "*.jsonl"\n' + columns
    (tmp_path / "source.yaml").write_text(columns, encoding="utf-8")
    reviewed = review(tmp_path)
    assert [arm.samples for arm in reviewed.arms] == [6, 6]
    assert gate(reviewed, "avg_score").treatment == pytest.approx(8)


def test_case_r8_both_arms_in_a_row(tmp_path: Path) -> None:
    """A table of preferences is refused with a sentence on the layout."""
    row = {"instruction": "i", "output_1": "a", "output_2": "b", "preference": 1.5}
    (tmp_path / "annotations.json").write_text(json.dumps([row] * 20), encoding="utf-8")
    (tmp_path / "source.yaml").write_text(
        'files: "*.json"\nrecords: "."\ncolumns: {arm: generator_1, score: preference}\n',
        encoding="utf-8",
    )
    assert "generator_1" in refusal(tmp_path)


def test_case_r8_one_metric_a_row(tmp_path: Path) -> None:
    """A table of measurements is refused with a sentence on the layout."""
    rows = pd.DataFrame({"metric_name": ["http_req_duration"] * 9, "metric_value": [1.5] * 9})
    rows.to_csv(tmp_path / "k6.csv", index=False)
    (tmp_path / "source.yaml").write_text(
        'files: "*.csv"\ncolumns: {arm: arm, latency_ms: metric_value}\n', encoding="utf-8"
    )
    text = refusal(tmp_path)
    assert "metric_name" in text
    assert "row" in text


def test_case_ok4_parquet_as_pandas_writes_it(tmp_path: Path) -> None:
    """Categories, ns stamps, float32, lists and an index column: a GO, with the CSV's numbers."""
    rows = base()
    stamps = pd.to_datetime(rows["at"]).astype("datetime64[ns, UTC]")
    rich = rows.assign(
        arm=rows["arm"].astype("category"), status=rows["status"].astype("category"),
        ms=rows["ms"].astype(np.float32), at=stamps,
    ).set_index(pd.Index(rows.index + 7, name="__index_level_0__"))  # fmt: skip
    folder = one(rich.head(0).astype(rich.dtypes), "rich", kind="parquet").write(tmp_path / "p")
    rich.to_parquet(folder / "samples.parquet", index=True)
    plain, reviewed = review(one(rows, "plain").write(tmp_path / "c")), review(folder)
    assert (plain.recommendation, reviewed.recommendation) == (GO, GO)
    for name in ("pass_rate", "avg_score", "manual_edit_rate"):
        assert gate(reviewed, name).treatment == gate(plain, name).treatment
    assert gate(reviewed, "avg_latency").treatment == pytest.approx(
        rows.loc[treated(rows), "ms"].mean(), rel=1e-6
    )


def test_case_ok7_other_encodings_are_read_or_refused(tmp_path: Path) -> None:
    """What says itself how it is written is read as the plain table; else one key is named."""
    text = one(base(n=20), "x").write(tmp_path / "x") / "samples.csv"
    plain = text.read_text(encoding="utf-8")
    odd = {
        "utf16.csv": (plain.encode("utf-16"), ""),
        "sep.csv": (b"sep=,\n" + plain.encode(), ""),
        "packed.csv.gz": (gzip.compress(plain.encode()), ""),
        "tabs.tsv": (plain.replace(",", "\t").encode(), ""),
        "semicolon.csv": (plain.replace(",", ";").replace(".", ",").encode(), 'delimiter: ";"'),
        "book.xlsx": (b"PK\x03\x04" + plain.encode(), "a whole workbook"),
    }
    source = (tmp_path / "x" / "source.yaml").read_text(encoding="utf-8")
    expected = review(tmp_path / "x")
    for name, (data, refused_for) in odd.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).write_bytes(data)
        (folder / "source.yaml").write_text(source.replace("*.csv", name), encoding="utf-8")
        reviewed = review(folder)
        if refused_for:
            assert refused_for in refusal(folder), name
            assert reviewed.recommendation is Recommendation.INVALID, name
        else:
            assert reviewed.gates == expected.gates, name
