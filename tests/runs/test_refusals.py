"""What is refused of a table says which key of source.yaml would mend it."""

# ruff: noqa: E501 -- a case a line
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import RunsError
from rolloutlib.runs import read_runs

if TYPE_CHECKING:
    from pathlib import Path

ARM = "columns: {arm: arm, passed: ok}"
SCORED = "columns: {arm: arm, score: s}"
TIMED = "columns: {arm: arm, passed: ok, started_at: t}"
# File, source.yaml (empty: none), text → the key that the refusal names, with a value where one follows.
CASES: dict[str, tuple[str, str, str, str]] = {
    "no mapping": ("t.csv", "", "who,ok\na,true\n", "columns: in a source.yaml"),
    "an eval tool's file": ("t.json", "", '{"results": {"results": []}}', "source.yaml that says records:"),
    "both arms in a row": ("t.csv", "", "q,score_a,score_b,ms_a,ms_b\n1,2,3,4,5\n", "wide: {control: {score: score_a}"),
    "a metric a row": ("t.csv", "", "metric_name,metric_value,t\nx,1,2\n", "where: {metric_name: …}"),
    "another column": ("t.csv", ARM, "arm,okay\na,true\n", "maps passed to column 'ok'"),
    "no list there": ("t.json", f"records: results\n{ARM}", '{"rows": []}', "expected records in source.yaml"),
    "a list that is not there": ("t.json", ARM, '{"rows": []}', "expected records in source.yaml"),
    "a path to nothing": ("t.jsonl", "columns: {arm: a.b, passed: ok}", '{"arm": "a", "ok": true}\n', "correct columns.arm"),
    "no item": ("t.jsonl", "explode: x\ncolumns: {arm: arm, prompt_id: arm, passed: x}", '{"arm": "a"}\n', "as explode in source.yaml"),
    "no row left": ("t.csv", f"where: {{k: z}}\n{ARM}", "arm,ok,k\na,true,y\n", "where in source.yaml leaves no row"),
    "a word": ("t.csv", ARM, "arm,ok\na,fine\n", "under statuses:"),
    "a letter for a score": ("t.csv", SCORED, "arm,s\na,C\n", "values: {'C': …} of score"),
    "a boolean for a score": ("t.jsonl", SCORED, '{"arm": "a", "s": true}\n', "values: {true: …} of score"),
    "a sentinel": ("t.csv", SCORED, "arm,s\na,-1\n", "none: [-1] of score"),
    "percent": ("t.csv", "columns: {arm: arm, score: {column: s, scale: [0, 1]}}", "arm,s\na,85\n", "scale: [0, 100]"),
    "seconds from 1970": ("t.csv", TIMED, "arm,ok,t\na,true,1700000000\n", "unit: s of started_at"),
    "a time without offset": ("t.csv", TIMED, "arm,ok,t\na,true,2026-01-02\n", "timezone: Asia/Seoul"),
    "a start after its end": ("t.csv", "columns: {arm: arm, latency_ms: {column: e, since: b}}", "arm,b,e\na,2,1\n", "(since)"),
    "more than a month": ("t.csv", "columns: {arm: arm, latency_ms: ms}", "arm,ms\na,9e12\n", "unit: in source.yaml"),
    "one id twice": ("t.csv", "columns: {arm: arm, passed: ok, sample_id: i}", "arm,ok,i\na,true,1\na,false,1\n", "as sample_id in source.yaml"),
    "a hard word": ("t.csv", "columns: {arm: arm, passed: ok, difficulty: d}", "arm,ok,d\na,true,3\n", "segments:"),
    "a quote": ("t.csv", ARM, 'arm,ok,x\na,true,"say \\"hi\\", twice"\n', 'escape: "\\\\" in source.yaml'),
    "no arm": ("t.csv", "arms: {control: v1.csv}\ncolumns: {passed: ok}", "ok\ntrue\n", "pattern of arms in source.yaml"),
    "another name": ("t.csv", 'named: "{arm}_{_}.csv"\ncolumns: {passed: ok}', "ok\ntrue\n", "correct named: (or files:)"),
    "other files": ("t.csv", f'files: "*.jsonl"\n{ARM}', "arm,ok\na,true\n", "correct `files:` in source.yaml"),
    "semicolons": ("t.csv", ARM, "arm;ok\na;true\n", "delimiter"),
    "a decimal comma": ("t.csv", SCORED, 'arm,s\na,"0,87"\n', 'decimal: ","'),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_names_its_key(tmp_path: Path, case: str) -> None:
    """Whatever is refused, the file or its row, the sentence has the key to write."""
    name, spec, text, key = CASES[case]
    (tmp_path / name).write_text(text, "utf-8")
    if spec:
        (tmp_path / "source.yaml").write_text(spec, "utf-8")
    try:
        messages = " ".join(row.message for row in read_runs(tmp_path).quarantined)
    except RunsError as error:
        messages = str(error)
    assert key in messages
