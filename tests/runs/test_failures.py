"""`error` of source.yaml: calls that failed, whether or not anybody judged the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.errors import PlanError, RunsError
from rolloutlib.runs.reading import read_runs

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.runs.reading import Runs


def read(folder: Path, error: object, rows: list[dict[str, Any]], **columns: object) -> Runs:
    """Read rows of one arm by a mapping of `error`."""
    every = {"latency_ms": "ms", "error": error, **columns}
    source = {"files": "*.jsonl", "columns": every, "constants": {"arm": "a"}}
    (folder / "source.yaml").write_text(json.dumps(source), encoding="utf-8")
    lines = (json.dumps({"ms": 900 + n, **row}) for n, row in enumerate(rows))
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return read_runs(folder)


def errors(runs: Runs) -> list[bool | None]:
    """Return the errors of samples in the order of their rows."""
    return runs.table.sort_by("latency_ms")["error"].to_pylist()


def test_a_call_that_did_not_fail_is_no_pass(tmp_path: Path) -> None:
    """Without an outcome the failures are known, and what passed is not."""
    runs = read(tmp_path, "failed", [{"failed": False}, {"failed": True}, {"failed": None}])
    assert errors(runs) == [False, True, None]
    for name in ("status", "passed", "vetoed"):
        assert runs.table[name].null_count == 3


@pytest.mark.parametrize(
    ("values", "cells", "meant"),
    [
        ({"true": False, "false": True}, ["true", "False", "1", 0], [False, True, False, True]),
        ({"*": True, "null": False}, ["timeout", None, ""], [True, False, False]),
        ({"2": True, "null": False}, [2, "2", 2.0, None], [True, True, True, False]),
        ({"ERROR": True}, ["ERROR", None], [True, None]),
        ({"*": True, "null": False}, [["x", None], []], [True, False]),
    ],
)
def test_words_say_what_failed(
    tmp_path: Path, values: dict[str, bool], cells: list[object], meant: list[bool]
) -> None:
    """`null` is an absent cell, `*` every other word; of several cells one that failed counts."""
    column = {"column": "state", "values": values}
    assert errors(read(tmp_path, column, [{"state": cell} for cell in cells])) == meant


def test_a_word_that_nobody_named_costs_its_row(tmp_path: Path) -> None:
    """What is neither failed nor not is no measurement; the message names the words."""
    column = {"column": "state", "values": {"ERROR": True, "OK": False}}
    runs = read(tmp_path, column, [{"state": "OK"}, {"state": "odd"}])
    assert (runs.kept, runs.rows_quarantined) == (1, 1)
    assert "expected one of ERROR, OK" in runs.quarantined[0].message


def test_an_error_wins_over_an_outcome(tmp_path: Path) -> None:
    """A row whose call failed is an error, whatever else it says; others keep their outcome."""
    rows = [{"ok": True, "why": "timeout"}, {"ok": True, "why": None}, {"ok": False, "why": ""}]
    column = {"column": "why", "values": {"*": True}}
    runs = read(tmp_path, column, rows, passed="ok")
    assert runs.table.sort_by("latency_ms")["status"].to_pylist() == ["error", "passed", "failed"]
    assert errors(runs) == [True, False, False]


def test_absence_says_nothing_of_a_path_that_is_not_there(tmp_path: Path) -> None:
    """`null: false` is read where the record could say it, not where the path is another's."""
    column = {"column": "status.code", "values": {"2": True, "null": False}}
    assert errors(read(tmp_path, column, [{"status": {}}, {"status": {}}])) == [False, False]
    runs = read(tmp_path, column, [{"state": {}}, {"state": {}}])
    assert errors(runs) == [None, None]


def test_where_may_not_choose_by_failures(tmp_path: Path) -> None:
    """What failed is measured, so it may not choose which rows are."""
    source = "columns: {error: failed, latency_ms: ms}\nconstants: {arm: a}\nwhere: {failed: false}"
    (tmp_path / "source.yaml").write_text(source, encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"failed": false, "ms": 1}', encoding="utf-8")
    with pytest.raises(PlanError, match="chooses rows by failed"):
        read_runs(tmp_path)


def test_values_are_truths(tmp_path: Path) -> None:
    """A number says nothing of a failure, and a text names no field that is missing."""
    with pytest.raises(PlanError, match="values that are no truths"):
        read(tmp_path, {"column": "state", "values": {"a": 0.5}}, [{"state": "a"}])
    with pytest.raises(RunsError, match="maps error to column 'nope'"):
        read(tmp_path, "nope", [{"state": "a"}])
