"""Costs in several currencies are refused, never added up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import RunsError
from rolloutlib.measure.store import ingest, load
from rolloutlib.measure.stored import read_store
from rolloutlib.runs import Runs, read_runs
from rolloutlib.runs.currencies import check_currencies
from tests.measure.store_runs import PLAN
from tests.runs.test_runs import run, sample

if TYPE_CHECKING:
    from pathlib import Path

COSTS = "columns: {arm: arm, passed: ok, cost: cost}\n"
NESTED = COSTS.replace("cost: cost", "cost: usage.cost")
WIDE = """columns: {prompt_id: q}
wide:
  old: {passed: ok_a, cost: cost_usd}
  new: {passed: ok_b, cost: costKRW}
"""
HEAD = "arm,ok,cost,currency\n"
CHOSEN = "where: {kind: x}\n"  # which only the careful reader knows
PAIRS = ("old", "new"), ("a", "b"), ("control", "treatment")


def nested(arm: str, currency: str) -> str:
    """Return a record whose cost and currency stand side by side."""
    return json.dumps({"arm": arm, "ok": True, "usage": {"cost": 1, "currency": currency}})


SEVERAL = {  # source.yaml, files
    "a column": (COSTS, {"t.csv": f"{HEAD}old,true,1,USD\nnew,true,27,KRW\n"}),
    "signs": (COSTS, {"t.csv": f"{HEAD}old,true,1,$\nnew,true,27,₩\n"}),
    "two files": (COSTS, {"a.csv": f"{HEAD}old,true,1,USD\n", "b.csv": f"{HEAD}new,true,27,won\n"}),
    "our own names": ("", {"t.csv": "arm,passed,cost,Currency Code\na,true,1,USD\nb,true,2,KRW\n"}),
    "beside a path": (NESTED, {"t.jsonl": f"{nested('old', 'USD')}\n{nested('new', 'KRW')}\n"}),
    "names of columns": (WIDE, {"t.csv": "q,ok_a,ok_b,cost_usd,costKRW\n1,true,true,1,27\n"}),
    "run envelopes": ("", {"t.jsonl": "\n".join(
        json.dumps(run(f"r{n}", sample(n, cost=1.0), arm=arm, currency=currency))
        for n, (arm, currency) in enumerate([("control", "USD"), ("treatment", "KRW")])
    )}),
    "the column that is named": (f"currency: billed\n{COSTS}", {
        "t.csv": "arm,ok,cost,billed,currency\nold,true,1,USD,EUR\nnew,true,27,KRW,EUR\n"}),
    "none beside a column of costs": (f"currency: none\n{COSTS}", {
        "t.csv": "arm,ok,cost,cost_currency\nold,true,1,USD\nnew,true,27,KRW\n"}),
    "none beside names of columns": (f"currency: none\n{WIDE}", {
        "t.csv": "q,ok_a,ok_b,cost_usd,costKRW\n1,true,true,1,27\n"}),
    "calls of one answer": (COSTS.replace("cost: cost", "cost: calls.*.cost"), {
        "t.jsonl": "\n".join(json.dumps({"arm": arm, "ok": True, "calls": [
            {"cost": 1, "currency": "USD"}, {"cost": 27, "currency": "KRW"}]})
            for arm in ("old", "new"))}),
    "their samples": ("", {"t.jsonl": json.dumps(run(
        "r", sample(1, cost=1.0, currency="USD"), sample(2, cost=2.0, currency="KRW"),
        sample(3, cost="2 won"),
    ))}),
}  # fmt: skip
SINGLE = {
    "spellings of one": (COSTS, f"{HEAD}old,true,1,USD\nnew,true,27,usd\nnew,true,27,\n"),
    "one that is chosen": (f"{COSTS}where: {{currency: KRW}}\n",
                           f"{HEAD}old,true,1,USD\nold,true,1,KRW\nnew,true,27,KRW\n"),
    "no cost is mapped": ("columns: {arm: arm, passed: ok}\n",
                          f"{HEAD}old,true,1,USD\nnew,true,27,KRW\n"),
    "the column says it": (COSTS.replace("cost: cost", "cost: cost_usd"),
                           "arm,ok,cost_usd,currency\nold,true,1,USD\nnew,true,2,KRW\n"),
    "cents of one": (COSTS.replace("cost: cost", "cost: cost_usd_cents"),
                     "arm,ok,cost_usd_cents\nold,true,1\nnew,true,2\n"),
    "a name with two": (COSTS.replace("cost: cost", "cost: cost_usd_krw"),
                        "arm,ok,cost_usd_krw\nold,true,1\nnew,true,2\n"),
    "words for none": (COSTS, f"{HEAD}old,true,1,USD\nold,true,1,N/A\nnew,true,2,-\nnew,true,2,x"),
    "words for one": (COSTS, f"{HEAD}old,true,1,RMB\nold,true,1,CN¥\nnew,true,2,Yuan (CNY)\n"),
    "an arm that nobody compares": (COSTS, f"{HEAD}old,true,1,USD\nnew,true,2,USD\nc,true,9,KRW\n"),
    "rows without a cost": (COSTS, f"{HEAD}old,true,1,USD\nnew,true,2,USD\nnew,true,,KRW\n"),
    "what the data are about": (f"currency: none\n{COSTS}",
                                f"{HEAD}old,true,1,USD\nold,true,1,KRW\nnew,true,2,EUR\n"),
    "another column": (f"currency: billed\n{COSTS}",
                       "arm,ok,cost,billed,currency\nold,true,1,$,EUR\nnew,true,2,USD,KRW\n"),
    "that of the cost": (COSTS, "arm,ok,cost,ccy,cost_unit\nold,true,1,USD,$\nnew,true,2,KRW,$\n"),
}  # fmt: skip


def read(folder: Path, spec: str, files: dict[str, str]) -> Runs:
    """Read files with what source.yaml says of them, and check their costs for every pair."""
    if spec:
        (folder / "source.yaml").write_text(spec, "utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    runs = read_runs(folder)
    for pair in PAIRS:
        check_currencies(runs.currencies, pair)
    return runs


def every(table: str) -> str:
    """Return a table with a column of which all rows are chosen."""
    head, *rows = table.splitlines()
    return "\n".join([f"{head},kind", *(f"{row},x" for row in rows)])


@pytest.mark.parametrize("name", SEVERAL)
def test_several_currencies_are_refused(tmp_path: Path, name: str) -> None:
    """Whoever tells them, a column, its name, a file or a run: the sentence names both."""
    with pytest.raises(RunsError, match=r"several currencies: KRW \([abt]\.\w+\), USD"):
        read(tmp_path, *SEVERAL[name])


@pytest.mark.parametrize("name", SINGLE)
def test_one_currency_is_read(tmp_path: Path, name: str) -> None:
    """Its spellings are one, and what is no cost or is not chosen is not looked at."""
    spec, text = SINGLE[name]
    assert read(tmp_path, spec, {"t.csv": text}).kept >= 2


@pytest.mark.parametrize("name", [name for name in SINGLE if "where" not in SINGLE[name][0]])
def test_one_currency_is_read_row_by_row(tmp_path: Path, name: str) -> None:
    """The careful reader says the same as the one by columns."""
    spec, text = SINGLE[name]
    assert read(tmp_path, f"{spec}{CHOSEN}", {"t.csv": every(text)}).kept >= 2


def test_several_currencies_are_refused_row_by_row(tmp_path: Path) -> None:
    """Either reader tells them by the rows that it keeps."""
    spec, files = SEVERAL["a column"]
    with pytest.raises(RunsError, match="several currencies"):
        read(tmp_path, f"{spec}{CHOSEN}", {"t.csv": every(files["t.csv"])})


def test_the_refusal_names_the_line_that_settles_it(tmp_path: Path) -> None:
    """Where the column is what questions are about, its owner adds one line, and it is read."""
    text = f"{HEAD}old,true,1,EUR\nold,true,1,KRW\nnew,true,2,EUR\nnew,true,2,KRW\n"
    with pytest.raises(RunsError, match=r"add the line currency: none to source\.yaml"):
        read(tmp_path, COSTS, {"t.csv": text})
    assert read(tmp_path, f"{COSTS}currency: none\n", {"t.csv": text}).kept == len("EKEK")


def test_the_line_settles_run_envelopes(tmp_path: Path) -> None:
    """What the refusal advises is read by every reader."""
    _, files = SEVERAL["run envelopes"]
    assert read(tmp_path, "currency: none\n", files).kept == len(files["t.jsonl"].splitlines())


def test_a_table_in_our_own_names_takes_the_line_alone(tmp_path: Path) -> None:
    """Nothing else has to be mapped for it."""
    table = {"t.csv": "arm,passed,cost,currency\na,true,1,USD\nb,true,2,KRW\n"}
    assert read(tmp_path, "currency: none\n", table).kept == len("ab")


@pytest.mark.parametrize(("file", "text"), [
    ("t.csv", "arm,ok,cost,biled\nold,true,1,USD\nnew,true,27,KRW\n"),
    ("t.jsonl", "\n".join(json.dumps({"arm": arm, "ok": True, "cost": 1, "biled": "USD"})
                          for arm in ("old", "new"))),
])  # fmt: skip
@pytest.mark.parametrize("path", ["billed", "meta.billed"])
def test_a_column_of_currencies_that_is_not_there_is_refused(
    tmp_path: Path, file: str, text: str, path: str
) -> None:
    """A name that nobody fills would hide what it was to tell."""
    with pytest.raises(RunsError, match=f"maps currency to column '{path}', which {file} lacks"):
        read(tmp_path, f"currency: {path}\n{COSTS}", {file: text})


def test_words_of_the_named_column_are_currencies(tmp_path: Path) -> None:
    """There even what no list knows is one: credits beside dollars are no sum."""
    text = "arm,ok,cost,unit\nold,true,1,USD\nnew,true,27,credits\n"
    with pytest.raises(RunsError, match=r"several currencies: USD \(t.csv\), credits"):
        read(tmp_path, f"currency: unit\n{COSTS}", {"t.csv": text})


@pytest.mark.slow
def test_a_store_of_two_currencies_is_refused(tmp_path: Path) -> None:
    """Files that came one after the other are told apart by what they said."""
    (folder := tmp_path / "runs").mkdir()
    for name, currency, day in (("a.csv", "USD", 20), ("b.csv", "KRW", 21)):
        row = f"arm,ok,cost,currency,day\nold,true,1,{currency},2026-10-{day}T10:00:00Z\n"
        (folder / "source.yaml").write_text(
            COSTS.replace("arm: arm", "arm: arm, started_at: day"), "utf-8"
        )
        (folder / name).write_text(row, "utf-8")
        ingest(folder, tmp_path / "store", PLAN)
        (folder / name).unlink()
    store = load(tmp_path / "store")
    assert store is not None
    currencies = read_store(tmp_path / "store", store).runs.currencies
    with pytest.raises(RunsError, match="several currencies"):
        check_currencies(currencies, ("old", "new"))
