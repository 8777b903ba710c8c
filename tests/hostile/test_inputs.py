"""Hostile inputs beside good runs: each has its answer, and the good runs are as they were."""

from __future__ import annotations

import re
import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import RolloutError, RunsError
from rolloutlib.runs import Runs, read_runs
from tests.hostile.documents import data_sets, sources
from tests.hostile.entries import BUDGETS, entries, parquet, parquet_damage
from tests.hostile.inputs import (
    FILE,
    GOOD,
    REFUSED,
    ROW,
    TAKEN,
    Case,
    flat_values,
    good,
    sample_values,
    tables,
    text_damage,
    written,
)
from tests.often import EXHAUSTIVE
from tests.runs.test_runs import check_account

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PATIENCE = 20.0  # seconds, where a review of six samples takes hundredths: machines are shared
LONGEST = 2_000  # characters of a sentence
INTERNAL = re.compile(
    r"Traceback|\bArrow\w+|duckdb|msgspec|pyarrow|NoneType|object at 0x|\w+Exception|\w+Error\b"
)
FAMILIES = (
    sample_values, flat_values, text_damage, tables, data_sets, sources, entries, parquet_damage,
)  # fmt: skip
CASES = list(chain.from_iterable(family() for family in FAMILIES))


def told(message: str, says: str = "") -> None:
    """Hold a message to what people can read."""
    assert message
    assert len(message) <= LONGEST
    assert "\n" not in message
    assert not INTERNAL.search(message), message
    assert says in message, message


def answer_of(folder: Path, case: Case) -> str:
    """Read the folder and return the class of the answer, having looked at its promises."""
    try:
        runs = read_runs(folder)
    except RolloutError as error:
        told(str(error), case.says)
        return REFUSED if error.exit_code in {2, 30} else f"exit code {error.exit_code}"
    check_account(runs)
    assert runs.kept == GOOD + case.kept
    _good_runs_stay(runs)
    for row in runs.quarantined:
        told(row.message)
    runs.write_quarantine(folder.parent / "out")
    if not runs.quarantined:
        return TAKEN
    assert any(case.says in row.message for row in runs.quarantined)
    whole = any(not row.line and "further" not in str(row.field) for row in runs.quarantined)
    return FILE if whole else ROW


def _good_runs_stay(runs: Runs) -> None:
    rows = Counter(runs.table["run_id"].to_pylist())
    assert rows["good-control"] == rows["good-treatment"] == GOOD // 2


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: case.name.encode("unicode_escape").decode()
)
def test_a_hostile_input_has_its_answer(tmp_path: Path, case: Case) -> None:
    """Kept, one row or one file set apart, or all refused: in time, in words, in the account."""
    folder = tmp_path / "runs"
    good(folder)
    case.put(folder)
    began = time.process_time()  # of this process: other tests may take the machine
    assert answer_of(folder, case) == case.answer
    assert time.process_time() - began < PATIENCE


def test_there_are_enough_of_them() -> None:
    """At least 240 different inputs, of each class of answer several."""
    assert len({case.name for case in CASES}) == len(CASES) >= 240
    assert min(Counter(case.answer for case in CASES).values()) >= 20


@pytest.mark.parametrize("variable", BUDGETS)
def test_a_budget_that_is_exceeded_says_where_to_raise_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The message names what was got, the limit and the variable; with the default all is read."""
    value, name, data = BUDGETS[variable]
    folder = tmp_path / "runs"
    good(folder)
    written(name, data)(folder)
    check_account(read_runs(folder))
    monkeypatch.setenv(variable, value)
    with pytest.raises(RolloutError) as refused:
        read_runs(folder)
    told(str(refused.value), f"(raise it with {variable}, see docs/limits.md)")


@pytest.mark.parametrize("step", range(3 if EXHAUSTIVE else 1))
def test_no_flipped_byte_of_parquet_crashes_or_is_believed(tmp_path: Path, step: int) -> None:
    """Whatever byte is flipped: kept or refused in words, and never more rows than there were."""
    whole, path = parquet(60), tmp_path / "h.parquet"
    for place in range(step, len(whole), 47):
        for bit in (0, 7):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(bytes(data))
            try:
                runs = read_runs(path)
                check_account(runs)
            except RolloutError as error:
                told(str(error))
            else:
                assert runs.read <= 60


@pytest.mark.parametrize("place", range(0, 4000, 197 if EXHAUSTIVE else 394))
def test_no_flipped_byte_under_a_checksum_is_believed(tmp_path: Path, place: int) -> None:
    """A page that has a checksum is what it was, or the file is refused."""
    whole = parquet(60, write_page_checksum=True)
    data = bytearray(whole)
    data[place % len(data)] ^= 4
    path = tmp_path / "h.parquet"
    path.write_bytes(whole)
    before = read_runs(path).table
    path.write_bytes(bytes(data))
    try:
        table = read_runs(path).table
    except RolloutError as error:
        told(str(error))
    else:
        assert table.equals(before)


def test_a_file_that_is_written_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was digested is what was read: a file that changes between is refused by name."""
    from rolloutlib.runs import reading

    for name, data in (("h.parquet", parquet()), ("h.csv", b"arm,status\ncontrol,passed\n")):
        folder = tmp_path / name.replace(".", "-")
        good(folder)
        path = folder / name
        path.write_bytes(data)
        whole = reading.check_columns

        def meddling(*arguments: object, path: Path = path, whole: object = whole) -> None:
            with path.open("ab") as file:
                file.write(b"control,passed\n")
            whole(*arguments)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]

        monkeypatch.setattr(reading, "check_columns", meddling)
        with pytest.raises(RunsError, match=rf"{name} (changed while|cannot be read)"):
            read_runs(folder)
        monkeypatch.undo()


def test_rows_that_are_asked_for_later_are_those_that_were_digested(tmp_path: Path) -> None:
    """Parquet is scanned where it lies, so a review looks at its end whether it is the same."""
    path = tmp_path / "h.parquet"
    path.write_bytes(parquet())
    runs = read_runs(path)
    runs.check_unchanged()
    path.write_bytes(parquet(401))
    with pytest.raises(RunsError, match="changed while it was read"):
        runs.check_unchanged()
    path.unlink()
    with pytest.raises(RunsError, match="cannot be read any more"):
        runs.check_unchanged()


def test_time_that_is_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that would take longer than it may ends, also inside of one long query."""
    from rolloutlib.runs.budget import Budget
    from rolloutlib.runs.database import connect

    connection, budget = connect(), Budget(seconds=0)
    began = time.monotonic()
    with pytest.raises(RunsError, match="ROLLOUT_MAX_SECONDS"), budget.over(connection):
        connection.execute("SELECT count(*) FROM range(10000000) a, range(10000000) b").fetchall()
    assert time.monotonic() - began < PATIENCE
    good(tmp_path / "runs")
    monkeypatch.setattr("rolloutlib.runs.budget.monotonic", lambda: time.monotonic() * 1e9)
    with pytest.raises(RunsError, match=r"more than 3,600 seconds; .* it was at good\.jsonl"):
        read_runs(tmp_path / "runs")


@pytest.mark.parametrize("answer", [TAKEN, ROW, FILE, REFUSED])
def test_alone_it_is_no_evidence_of_anything(tmp_path: Path, answer: str) -> None:
    """Without good runs beside them, none of the inputs adds a sample that was not kept before."""
    for number, case in enumerate(case for case in CASES[::19] if case.answer == answer):
        folder = tmp_path / str(number)
        folder.mkdir()
        case.put(folder)
        try:
            runs = read_runs(folder)
        except RolloutError as error:
            told(str(error))
        else:
            check_account(runs)
            assert runs.kept <= case.kept
