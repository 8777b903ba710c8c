"""Parameters of a review: a slip is an error that names it, never a default."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.plan.params import daily_params, review_params, stage_params

ROOT = Path(__file__).resolve().parents[2]
REVIEW = {"stage": 2, "runs": "runs"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"engine": "dukdb"}, "is 'dukdb'; expected duckdb, local, local[N]"),
        (
            {"treatmnt": "x"},
            "treatmnt is not a known key; known there: stage, runs, control, treatment",
        ),
        ({"treatmnt": "x"}, "Did you mean 'treatment'?"),
        ({"stage": 5}, "stage is 5; expected 0, 1, 2, 3 or 4."),
        ({"stage": "2"}, "stage is '2'; expected 0, 1, 2, 3 or 4."),
        ({"runs": None}, "runs is 'None'; expected text; put it in quotes"),
        ({"runs": ""}, "runs is ''; string should have at least 1 character"),
        ({"control": 3}, "control is '3'; expected text; put it in quotes"),
        ({"lang": "de"}, "lang is 'de'; expected 'en' or 'ko'."),
        (
            {"as_of": "2026-11-20T09:00"},
            "as_of is '2026-11-20T09:00'; expected ISO 8601 with offset",
        ),
        ({"as_of": "2026-11-20"}, "as_of is '2026-11-20'; expected ISO 8601 with offset"),
        ({"as_of": "yesterday"}, "as_of is 'yesterday'; expected ISO 8601"),
        ({"as_of": 20261120}, "as_of: 20261120 is no moment; expected ISO 8601 with offset"),
        ({"as_of": "20261120"}, "as_of: 20261120 is no moment; expected ISO 8601 with offset"),
    ],
)
def test_wrong_parameters(wrong: dict[str, Any], sentence: str) -> None:
    """A misspelt name, a wrong type and a moment without offset: a sentence says what may be."""
    with pytest.raises(UsageError) as caught:
        review_params(REVIEW | wrong, where="here")
    assert str(caught.value).startswith("here: ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_given() -> None:
    """Stage and runs have no default."""
    with pytest.raises(UsageError, match="stage is missing; runs is missing"):
        review_params({})


def test_moment_keeps_its_offset() -> None:
    """A moment is compared in absolute time and written back with its offset."""
    params = review_params(REVIEW | {"as_of": "2026-11-20T09:00+09:00"})
    assert params.as_of == datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
    assert params.model_dump(mode="json")["as_of"] == "2026-11-20T09:00:00+09:00"


def test_written_parameters_are_read_back() -> None:
    """What a review writes as its parameters gives the same parameters again."""
    params = review_params(REVIEW | {"as_of": "2026-11-20T09:00+09:00", "profile": "strict"})
    assert review_params(params.model_dump(mode="json")) == params


def test_paths_start_at_the_workbook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Relative paths resolve from the workbook's root wherever a notebook runs.

    Absolute ones stay.
    """
    monkeypatch.chdir(ROOT / "notebooks")
    params = review_params(REVIEW | {"runs": "data/examples/bfcl", "source": str(tmp_path)})
    assert params.path("runs") == ROOT / "data" / "examples" / "bfcl"
    assert params.path("source") == tmp_path
    assert params.path("evidence") is None


@pytest.mark.parametrize("stage", range(5))
def test_stage_files(stage: int) -> None:
    """Each params/stage-N.yaml is valid, is for its own stage, and names runs that are shipped."""
    values = stage_params(ROOT / "params" / f"stage-{stage}.yaml")
    assert values["stage"] == stage
    assert (ROOT / values["runs"]).exists()
    assert values["control"] != values["treatment"]


def test_misspelt_stage_file(tmp_path: Path) -> None:
    """A slip in a parameter file is reported with the file's path."""
    file = tmp_path / "stage-2.yaml"
    file.write_text("stage: 2\nrun: x\n", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"stage-2\.yaml: runs is missing; run is not a known key.*'runs'"
    ):
        stage_params(file)


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        ("2026-10-18", "2026-10-18T23:59:59+09:00"),
        (date(2026, 10, 18), "2026-10-18T23:59:59+09:00"),
        ("2026-10-18T09:00+02:00", "2026-10-18T09:00:00+02:00"),
    ],
)
def test_a_date_alone_is_the_end_of_that_day(day: object, moment: str) -> None:
    """A day is one of the plan's clock, whatever the machine's is."""
    params = daily_params({"as_of": day})
    assert params.until(ZoneInfo("Asia/Seoul")).isoformat() == moment


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"as_of": "2026-10-18T09:00"}, "expected a date such as 2026-11-20, or ISO 8601 with"),
        ({"as_of": 20261018}, "as_of: is '20261018'; expected a date"),
        ({"as_of": "2026-02-30"}, "as_of: is '2026-02-30'; expected a date"),
        ({"as_of": "9999-12-31T23:59-12:00"}, "beyond the calendar's last day in UTC"),
        ({"since": 5}, "since: is '5'; expected a date"),
        ({"stag": 2}, "Did you mean 'stage'?"),
        ({"days": 0}, "days is '0'"),
        ({"engine": "dukdb"}, "is 'dukdb'; expected duckdb"),
    ],
)
def test_a_slip_in_a_daily_parameter_is_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    """No number is taken for a moment, no misspelt key for a default."""
    with pytest.raises(UsageError) as caught:
        daily_params(wrong)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("values", "missing"), [({}, "stage"), ({"stage": 2}, "runs")])
def test_a_watch_needs_a_stage_and_its_runs(values: dict[str, Any], missing: str) -> None:
    """Parameters that leave them open are refused where runs are to be read."""
    with pytest.raises(UsageError, match=f"{missing} is not set"):
        daily_params(values).reading(datetime(2026, 10, 18, tzinfo=UTC))
