"""Rows that cannot be read, counted by arm, and words for outcomes that nobody knows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rolloutlib.runs import read_runs
from rolloutlib.runs.columnar import DETAILED
from rolloutlib.runs.quarantine import UnknownWord
from tests.runs.test_parts import table
from tests.runs.test_runs import check_account, run, sample, write

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "arm,run_id,sample_id,status,score"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_bad_row_counts_to_its_arm(tmp_path: Path, kind: str) -> None:
    """Beyond the rows that are told one by one too; a row without an arm counts to nobody."""
    bad = [
        f"{arm},r,s{n},{'aborted' if n % 3 else 'lost'},5"
        for arm, of in (("a", 2000), ("b", 700))
        for n in range(of)
    ]
    good = [f"{arm},r,g{n},passed,5" for arm in "ab" for n in range(10)]
    table(tmp_path, f"t.{kind}", *good, *bad, ",r,x,passed,5", "a,r,y,passed,11", head=HEAD)
    runs = read_runs(tmp_path)
    check_account(runs)
    assert runs.unreadable == {"a": 2001, "b": 700, None: 1}
    assert len(runs.quarantined) <= DETAILED + 3
    assert Counter({word[:2]: word.rows for word in runs.unknown_words}) == {
        ("aborted", "a"): 1333, ("lost", "a"): 667, ("aborted", "b"): 466, ("lost", "b"): 234,
    }  # fmt: skip
    assert runs.unknown_words[0] == UnknownWord("aborted", "a", 1333)


def test_words_of_envelopes_are_told_too(tmp_path: Path) -> None:
    """A sample of a run is set apart for its word; the run's arm is its arm."""
    odd = [sample(n, status="aborted") for n in range(3)]
    good = [sample(n) for n in range(10, 20)]
    runs = read_runs(write(tmp_path, run("r", *good, *odd, arm="treatment")))
    check_account(runs)
    assert runs.unknown_words == (UnknownWord("aborted", "treatment", 3),)
    assert runs.unreadable == {"treatment": 3}


def test_an_arm_that_the_flags_imply_counts(tmp_path: Path) -> None:
    """A run that names no arm, but has one by its flags, is refused to that arm."""
    arms = {"control": {"searchLite": False}, "treatment": {"searchLite": True}}
    mock = run("r", flags={"feature.searchLite": True}, arm=None, provider="MOCK")
    runs = read_runs(write(tmp_path, mock), flags_arms=arms)
    check_account(runs)
    assert runs.unreadable == {"treatment": 2}


def test_a_refused_run_counts_to_its_arm(tmp_path: Path) -> None:
    """A flat run with two seeds is refused whole, whichever arm uses its id too."""
    rows = [f"{arm},r,s{n},passed,{n if arm == 'a' else 1}" for arm in "ab" for n in range(4)]
    table(tmp_path, "t.csv", *rows, head="arm,run_id,sample_id,status,seed")
    runs = read_runs(tmp_path)
    check_account(runs)
    assert runs.unreadable == {"a": 4}
    assert [(info.arm, info.seed) for info in runs.runs] == [("b", 1)]
