"""What is wrong with files, rows and source.yaml is said in Korean, with every value it names."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from rolloutlib.drafts.drafting import draft
from rolloutlib.errors import RolloutError
from rolloutlib.judge.beside import groups_of
from rolloutlib.judge.record import QuarantineGroup
from rolloutlib.phrase import phrase
from rolloutlib.runs import Runs, read_runs
from rolloutlib.runs.quarantine import Quarantined
from rolloutlib.runs.source_columns import Columns
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import speaking, translated
from tests.english import english_in

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "columns: {arm: arm, passed: ok, score: score, latency_ms: ms}\n"
ROWS = "arm,ok,score,ms\ncontrol,yes,7,100\ntreatment,yes,8,90\n"
GOOD = '{"id": 0, "status": "passed", "score": 5, "latencyMs": 100}'
OWN = '{"runId": "r", "arm": "control", "result": {"samples": [' + GOOD + '%s], "metrics": {}}}'
# What stands in the messages as it is: names of columns and fields, and what libraries say.
NAMES = {"ok", "points", "ms", *Columns.model_fields}
QUOTED = re.compile("“.*?”")

# Files of a folder, and what the Korean of its faults has to name.
BAD: list[tuple[dict[str, str | bytes], list[str]]] = [
    ({"source.yaml": TABLE, "a.csv": ROWS + "control,yes,11,100\n"}, ["a.csv:4", "'11'"]),
    ({"source.yaml": TABLE, "a.csv": ROWS + "control,maybe,7,1\n"}, ["a.csv:4", "'maybe'", "true"]),
    ({"source.yaml": TABLE, "a.csv": ROWS + "control,yes,7,n/a\n"}, ["'n/a'", "none: [n/a]"]),
    ({"source.yaml": TABLE, "a.csv": ROWS + "control,yes\n"}, ["a.csv:4", "2개", "4개"]),
    ({"source.yaml": TABLE, "a.csv": ROWS + 'control,"yes,7,1\n'}, ["a.csv:4", "따옴표"]),
    ({"source.yaml": TABLE, "a.csv": ROWS.replace("score", "points")}, ["'score'", "points"]),
    ({"source.yaml": TABLE, "a.csv": ROWS.replace(",", ";")}, ["a.csv", 'delimiter: ";"']),
    ({"source.yaml": TABLE, "a.csv": ROWS.replace("yes", "맞음").encode("cp949") * 3}, ["cp949"]),
    ({"source.yaml": TABLE, "a.csv": gzip.compress(ROWS.encode())}, ["a.csv.gz", "gzip"]),
    ({"source.yaml": TABLE, "a.csv": "arm,ok,score,ms\n"}, ["a.csv"]),
    ({"source.yaml": "columns: {arm: arm, pased: ok}\n", "a.csv": ROWS},
     ["columns.pased", "'passed'"]),
    ({"source.yaml": TABLE + "timezone: Asia/Soul\n", "a.csv": ROWS}, ["timezone", "'Asia/Seoul'"]),
    ({"source.yaml": "columns: [\n", "a.csv": ROWS}, ["source.yaml", "2행"]),
    ({"source.yaml": TABLE + "scores: {B1: b, c: [x, y]}\n", "a.csv": ROWS}, ["'B1'", "40자"]),
    ({"a.csv": ROWS}, ["a.csv", "arm, ok, score, ms", "columns:"]),
    ({"a.zip": b"PK"}, ["a.zip", "압축을 푼"]),
    ({"a.parquet": b"PAR1 and no more PAR1"}, ["a.parquet", "Parquet"]),
    ({"a.json": OWN % ', {"id": 1, "status": "ok"}'},
     ["a.json:1", "'ok'", "passed, failed, vetoed"]),
    ({"a.json": OWN % ', {"id": 1, "status": "passed", "score": 70}'}, ["score", "70", "0에서 10"]),
    ({"a.json": OWN % ', {"id": 1, "stats": "passed"}'}, ["status", "passed, failed"]),
    ({"a.json": OWN % ', {"id": 1, "id": 2, "status": "passed"}'}, ["a.json:1", "한 번씩"]),
    ({"a.json": '{"runId": "r", "result": {"samples": [}'}, ["a.json:1", "값이 와야"]),
    ({"a.json": OWN.replace("control", "third") % ""}, ["'third'", "control", "treatment"]),
    ({"a.json": OWN.replace('"r"', '"../r"') % ""}, ["'../r'", "id"]),
]  # fmt: skip


def faults(folder: Path) -> list[str]:
    """Return what is wrong with a folder of runs, in Korean: refused rows, or why none is read."""
    with speaking("ko"):
        try:
            runs = read_runs(folder)
        except RolloutError as error:
            return [translated(error)]
        return [translated(row.said) for row in runs.quarantined]


@pytest.mark.parametrize(("files", "named"), BAD)
def test_faults_are_said_in_korean(
    tmp_path: Path, files: dict[str, str | bytes], named: list[str]
) -> None:
    """No English sentence stands in what is said, and no value that the English names is lost."""
    for name, text in files.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    sentences = faults(tmp_path)
    assert sentences
    for korean in sentences:
        assert not english_in(QUOTED.sub("", korean), [str(tmp_path), *NAMES]), korean
    for name in named:
        assert any(name in korean for korean in sentences), (name, sentences)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n1,2\n", ["a.csv", "docs/source.md"]),
        ("", ["a.csv", "CSV, JSON Lines, JSON, Parquet"]),
    ],
)
def test_a_draft_says_in_korean_why_there_is_none(
    tmp_path: Path, text: str, named: list[str]
) -> None:
    """A table without an outcome, and one without rows."""
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with speaking("ko"), pytest.raises(RolloutError) as caught:
        draft([tmp_path / "a.csv"])
    with speaking("ko"):
        korean = translated(caught.value)
    assert not english_in(korean, [str(tmp_path)])
    assert all(name in korean for name in named), korean


def refused(folder: Path) -> Runs:
    """Read a table with rows of two faults."""
    (folder / "source.yaml").write_text(TABLE, encoding="utf-8")
    (folder / "a.csv").write_text(ROWS + "control,yes,11,1\n" * 2 + "x,y\n", encoding="utf-8")
    return read_runs(folder)


def test_a_review_says_its_quarantine_from_its_record_alone(tmp_path: Path) -> None:
    """Groups have both languages after a round trip through JSON; English stays what it was."""
    groups = groups_of(refused(tmp_path).quarantined)
    again = msgspec.json.decode(msgspec.json.encode(groups), type=tuple[QuarantineGroup, ...])
    assert len(again) == 2
    for group in again:
        assert group.due is not None
        assert group.shown is not None
        assert sentence(group.due, "en") == group.expectation
        assert sentence(group.shown, "en") == group.example
        for korean in (sentence(group.due, "ko"), sentence(group.shown, "ko")):
            assert not english_in(korean)


def test_a_line_of_quarantine_is_the_row_again(tmp_path: Path) -> None:
    """English for whoever reads the file, and phrases for a report that is made of it later."""
    runs = refused(tmp_path)
    (path,) = runs.write_quarantine(tmp_path)
    lines = path.read_text("utf-8").splitlines()
    assert [Quarantined.of_json(line) for line in lines] == list(runs.quarantined)
    entries = [json.loads(line) for line in lines]
    assert [entry["message"] for entry in entries] == [
        str(entry.said) for entry in runs.quarantined
    ]
    assert {type(entry["expectation"]) for entry in entries} == {str}


def test_phrases_that_many_rows_share_are_hashed_as_they_are_equal() -> None:
    """The order of values is none of a phrase's content."""
    first, other = phrase("{a} {b}", a=1, b=phrase("x")), phrase("{a} {b}", b=phrase("x"), a=1)
    assert first == other
    assert len({first, other, phrase("{a} {b}", a=2, b=phrase("x"))}) == 2
