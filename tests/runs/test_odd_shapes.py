"""What paths, words and keys of source.yaml must not make of records: evidence that is none."""

# ruff: noqa: E501 -- a case a line

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.errors import PlanError, RunsError
from tests.runs.test_shapes import read

if TYPE_CHECKING:
    from pathlib import Path

HUGE = 10**399


@pytest.mark.parametrize(
    ("values", "cell", "expected"),
    [
        ("{yes: 5, no: 1}", 1, 0.0),
        ("{yes: 5, no: 1}", "yes", 10.0),
        ("{yes: 5, no: 1}", True, 10.0),
        ("{A: 5, F: 1}", 0, None),
        ("{1: 5, 5: 1}", "1.0", 10.0),  # a number that is named
    ],
)
def test_numbers_beside_words_are_numbers(
    tmp_path: Path, values: str, cell: object, expected: float | None
) -> None:
    """A number is no spelling of a word for a boolean; a number that is named is that word."""
    spec = f"columns: {{arm: a, score: {{column: s, scale: [1, 5], values: {values}}}}}"
    rows = [{"a": "x", "s": cell}, {"a": "x", "s": 3}]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert runs.table["score"].to_pylist() == ([5.0] if expected is None else [expected, 5.0])


@pytest.mark.parametrize(
    ("field", "values", "items", "expected"),
    [
        ("cost", "", [{"v": 1}, {}], [None]),
        ("cost", "", [{"v": 1}, {"v": 2}], [3.0]),
        ("passed", "", [{"v": True}, {"v": None}, {}], []),
        ("passed", "", [{"v": True}, {"v": True}], [True]),
        ("error", '{"null": true, OK: false}', [{"v": None}, {"v": "OK"}], [True]),
        ("error", "{ERROR: true, OK: false}", [{"v": "OK"}, {}], [None]),
        ("error", "{ERROR: true, OK: false}", [{"v": "OK"}, {"v": "OK"}], [False]),
    ],
)
def test_an_item_that_lacks_it_is_unknown(
    tmp_path: Path, field: str, values: str, items: list[Any], expected: list[object]
) -> None:
    """Of every item, one that says nothing neither costs nothing nor agrees with the others."""
    column = f"{{column: t.*.v, values: {values}}}" if values else "t.*.v"
    spec = f"columns: {{arm: a, category: k, {field}: {column}}}"
    rows = [{"a": "x", "k": "one", "t": items}, {"a": "x", "k": "other", "t": [{"v": 1}]}]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    records = runs.table.select(["category", field]).to_pylist()
    assert [row[field] for row in records if row["category"] == "one"] == expected


ARMS = "wide: {{a: {{score: {}}}, b: {{score: {}}}}}\ncolumns: {{prompt_id: q}}"
REFUSED = {
    ARMS.format("x", "y").replace("q}", "q, latency_ms: ms}"): r"columns\.latency_ms would be the same in every arm",
    ARMS.format("x", "y") + "\nscores: {tone: z}": r"scores\.tone would be the same in every arm",
    ARMS.format("a.0", "'a[0]'"): "have the same score",
    ARMS.format("{column: x, scale: [0, 10]}", "{column: x, scale: [0, 5]}"): "have the same score",
    ARMS.format("{column: x, values: {A: 9, B: 1}}", "{column: x, values: {A: 8, B: 1}}"): "have the same score",
    "where: {$.ok: true}\ncolumns: {arm: a, passed: ok}": "where chooses rows by .*ok, which columns.passed",
    "explode: t\nwhere: {t.#value: true}\ncolumns: {arm: a, prompt_id: q, passed: t}": "where chooses rows by t",
    "where: {tags.0: x}\ncolumns: {arm: a, passed: ok, issues: tags}": r"where chooses rows by tags\.0",
    "where: {r: x}\ncolumns: {arm: a, passed: r.ok}": "where chooses rows by r, which columns.passed",
    "encoding: utf-8\nwhere: {ok: true}": "where is there without columns",
    "segments: {team: t}\nstatuses: {fine: passed}": "statuses is there without columns",
    "segments: {team: t}\nconstants: {arm: a}": "constants is there without columns",
    "timezone: UTC\nexplode: t": "explode is there without columns",
    "timezone: UTC\nrecords: r": "records is there without columns",
}  # fmt: skip


@pytest.mark.parametrize("spec", REFUSED)
def test_a_key_that_would_mislead_is_refused(tmp_path: Path, spec: str) -> None:
    """A key that would choose by the outcome, pair an arm with itself, or do nothing is named."""
    with pytest.raises(PlanError, match=REFUSED[spec]):
        read(tmp_path, spec, {"t.csv": "a,b\n1,2\n"})


@pytest.mark.parametrize(
    "scores",
    [
        ("{column: x, scale: [2, 1]}", "{column: x, scale: [1, 2]}"),
        ("{column: x, values: {A: 1, B: 0}, scale: [0, 1]}", "{column: x, values: {A: 0, B: 1}, scale: [0, 1]}"),
        ("'s[k=x].v'", "'s[k=y].v'"),
    ],
)  # fmt: skip
def test_a_preference_is_no_arm_against_itself(tmp_path: Path, scores: tuple[str, str]) -> None:
    """One column may be of both arms where the best of one is the worst of the other."""
    row = {"q": 1, "x": 1, "s": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]}
    assert read(tmp_path, ARMS.format(*scores), {"t.jsonl": [row]}).read == 2


def test_items_of_one_record_are_no_copies(tmp_path: Path) -> None:
    """Items that share the latency of their record are told apart by their place in it."""
    spec = (
        "explode: t\ncolumns: {arm: a, prompt_id: q, passed: t, latency_ms: {column: ms, unit: ms}}"
    )
    rows = [
        {"a": arm, "q": number, "ms": 1000 + (number * 7919 + place) % 997 / 7, "t": [True, True]}
        for place, arm in enumerate("xy")
        for number in range(200)
    ]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert (runs.kept, runs.copies) == (800, {})
    again = read(tmp_path, spec, {"t.jsonl": rows + rows})
    assert sum(again.copies.values()) == 800


def test_items_of_nobody_are_refused(tmp_path: Path) -> None:
    """Where no record fills the path of the unit, items would be evidence of their own."""
    spec = "explode: t\ncolumns: {arm: a, prompt_id: q.id, passed: t}"
    with pytest.raises(RunsError, match=r"q\.id, which explode needs; correct columns\.prompt_id"):
        read(tmp_path, spec, {"t.jsonl": [{"a": "x", "q": {}, "t": [True, False]}]})


def test_a_key_that_stands_twice_says_nothing(tmp_path: Path) -> None:
    """Of two values of one key in a cell's JSON none is taken."""
    spec = "columns: {arm: a, score: j.s, prompt_id: q}"
    table = 'a,q,j\nx,1,"{""s"": 1, ""s"": 9}"\nx,2,"{""s"": 4}"\n'
    runs = read(tmp_path, spec, {"t.csv": table})
    assert runs.table["score"].to_pylist() == [None, 4.0]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("score: v", HUGE),
        ("cost: v", HUGE),
        ("latency_ms: {column: v, unit: ms}", HUGE),
        ("latency_ms: {column: v, unit: ms}", f"P{HUGE}D"),
        ("latency_ms: {column: v, unit: ms}", f"PT{HUGE}S"),
        ("latency_ms: {column: v, unit: ms}", f"{HUGE} days 00:00:01"),
        ("started_at: {column: v, unit: s}", -200_000_000_000),
        ("started_at: v", -200_000_000_000),
    ],
)
def test_a_number_beyond_all_bounds_costs_its_row(
    tmp_path: Path, column: str, cell: object
) -> None:
    """A number that no float and no calendar holds is a row that cannot be read, and no more."""
    spec = f"columns: {{arm: a, passed: ok, {column}}}"
    rows = [{"a": "x", "ok": True, "v": cell}, {"a": "x", "ok": True}]
    runs = read(tmp_path, spec, {"t.jsonl": rows})
    assert (runs.kept, runs.rows_quarantined) == (1, 1)
