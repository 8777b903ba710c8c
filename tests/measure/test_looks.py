"""Repeated looks: the same data are the same look, retrying spends what is left.

The error holds over all looks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import norm

from rolloutlib.errors import LooksError
from rolloutlib.measure.looks import (
    Arm,
    Configuration,
    Data,
    Series,
    count,
    data_of,
    look_at,
    number_of,
)
from rolloutlib.runs.quarantine import InputFile

if TYPE_CHECKING:
    from pathlib import Path

SERIES = Series(2, Arm("control"), Arm("treatment"))
OTHER = Series(3, Arm("control"), Arm("treatment"))


def look(file: Path, series: Series, data: str) -> int:
    """Number a look and count it, as a review does."""
    number = number_of(file, series, Data(data))
    assert count(file, series, Data(data), number)
    return number


def test_a_review_of_the_same_data_is_the_same_look(tmp_path: Path) -> None:
    """Looks are counted by distinct data, within their series only."""
    file = tmp_path / "reports" / "looks.jsonl"
    assert [look(file, SERIES, data) for data in ("a", "b", "a")] == [1, 2, 1]
    assert look(file, OTHER, "c") == 1
    assert [number_of(file, SERIES, Data(data)) for data in ("a", "b", "new")] == [1, 2, 3]
    assert number_of(file, OTHER, Data("new")) == 2
    assert len(file.read_bytes().splitlines()) == 3


def ran(name: str, *configurations: tuple[str, str]) -> Arm:
    """Return an arm whose runs tell these flags and strategies."""
    return Arm(name, tuple(Configuration(*flag_and_hash) for flag_and_hash in configurations))


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (ran("treatment", ("a=True", "h1")), True),
        (ran("renamed", ("a=True", "h1")), True),
        (ran("treatment", ("a=True", "h2")), False),
        (ran("treatment", ("a=False", "h1")), False),
        (ran("treatment", ("a=True", "h1"), ("a=True", "h2")), True),  # one run of another hash
        (ran("renamed", ("", "h1")), True),
        (ran("renamed", ("a=True", "")), True),
        (ran("treatment"), True),  # not told any more: by name
        (ran("renamed"), False),
    ],
)
def test_a_candidate_is_what_ran_else_its_name(tmp_path: Path, now: Arm, *, same: bool) -> None:
    """Names, folders and mixed runs make no new candidate where flags or hash say that it is old.

    Either arm's do.
    """
    arm, other = ran("treatment", ("a=True", "h1")), Arm("other")
    for place, (before, after) in enumerate(
        [
            (Series(3, other, arm), Series(3, other, now)),
            (Series(3, arm, other), Series(3, now, other)),
        ]
    ):
        file = tmp_path / f"{place}.jsonl"
        assert look(file, before, "a") == 1
        assert look(file, after, "b") == (2 if same else 1)


def test_entries_of_an_earlier_version_count(tmp_path: Path) -> None:
    """They hold a path and two names, and no number; the same data at two paths were one look."""
    file = tmp_path / "looks.jsonl"
    file.write_text(
        "".join(
            f'{{"series":{{"stage":2,"runs":"{runs}","control":"control","treatment":"treatment"}},'
            f'"data":"{data}"}}\n'
            for runs, data in (("runs", "a"), ("copy", "a"), ("copy", "b"))
        )
    )
    series = Series(2, Arm("control"), ran("treatment", ("a=True", "h1")))
    assert [number_of(file, series, Data(data)) for data in "abc"] == [1, 2, 3]
    assert [look(file, series, data) for data in "cd"] == [3, 4]
    assert number_of(file, OTHER, Data("a")) == 1


def test_the_same_files_are_the_same_data(tmp_path: Path) -> None:
    """Another engine or version digests samples otherwise; bytes stay what they are.

    A copy and a new name change nothing; a byte, a moment and a file do.
    """

    def files(*digests: str, cut: str = "") -> Data:
        inputs = [InputFile(f"{n}.csv", each, "CSV", 1, 1, 0) for n, each in enumerate(digests)]
        return data_of(f"samples {digests} {cut}", inputs, cut)

    file = tmp_path / "looks.jsonl"
    assert count(file, SERIES, Data("by another version", files("x", "y").files), 1)
    assert number_of(file, SERIES, files("y", "x")) == 1
    assert number_of(file, SERIES, files("x", "y", "x")) == 1
    assert number_of(file, SERIES, files("x", "y", "z")) == 2
    assert number_of(file, SERIES, files("x", "y", cut="2026-11-20")) == 2
    assert number_of(file, SERIES, files("x", "")) == 2
    assert number_of(file, SERIES, files()) == 2


def test_a_known_number_is_not_lost(tmp_path: Path) -> None:
    """A look that is known as the third is followed by a fourth, although the file is new."""
    file = tmp_path / "looks.jsonl"
    assert count(file, SERIES, Data("c"), 3)
    assert number_of(file, SERIES, Data("d")) == 4
    assert number_of(file, SERIES, Data("c")) == 3


def test_a_number_that_is_taken_is_not_given_again(tmp_path: Path) -> None:
    """Who comes second with other data is told so, and nothing is added."""
    file = tmp_path / "looks.jsonl"
    assert count(file, SERIES, Data("a"), 1)
    assert not count(file, SERIES, Data("b"), 1)
    assert len(file.read_bytes().splitlines()) == 1
    assert count(file, SERIES, Data("b"), 2)


def take(file: Path, data: str) -> int:
    """Take a number as a review does that others overtake."""
    number = number_of(file, SERIES, Data(data))
    while not count(file, SERIES, Data(data), number):
        number = number_of(file, SERIES, Data(data))
    return number


@pytest.mark.slow
def test_reviews_at_once_never_share_a_number(tmp_path: Path) -> None:
    """Four processes, forty looks at once: each data a number of its own, none left out."""
    file = tmp_path / "looks.jsonl"
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        numbers = list(pool.map(partial(take, file), map(str, range(40))))
    assert sorted(numbers) == list(range(1, 41))
    assert len(file.read_bytes().splitlines()) == 40


def test_one_planned_look_has_the_whole_error_and_a_second_has_none() -> None:
    """The single look keeps the stage's confidence; beyond the plan nothing is left."""
    assert look_at(1, planned=1, confidence=0.95).confidence == 0.95
    assert look_at(2, planned=1, confidence=0.95).confidence is None
    assert look_at(4, planned=3, confidence=0.95).spent == pytest.approx(0.05)


@pytest.mark.parametrize("planned", [2, 3, 5])
def test_error_over_all_planned_looks_is_the_stages(planned: int) -> None:
    """100,000 null paths cross the looks' limits with 5 % (± 4 Monte Carlo errors)."""
    rng = np.random.default_rng(planned)
    paths = np.cumsum(rng.normal(size=(100_000, planned)), axis=1) / np.sqrt(
        np.arange(1, planned + 1)
    )
    looks = [look_at(k, planned=planned, confidence=0.95) for k in range(1, planned + 1)]
    limits = norm.ppf(np.array([look.confidence or 1.0 for look in looks]))
    crossed = (paths > limits).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 100_000) ** 0.5)


def test_spent_error_rises_to_the_stages() -> None:
    """Each look has spent more than the one before, the last all of it."""
    spent = [look_at(k, planned=4, confidence=0.95).spent for k in range(1, 5)]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(0.05)


def test_a_damaged_file_of_looks_is_an_error(tmp_path: Path) -> None:
    """A line that cannot be read is named: forgetting a look would spend its error twice."""
    file = tmp_path / "looks.jsonl"
    look(file, SERIES, "a")
    file.write_text(file.read_text() + '{"series": {"stage"', encoding="utf-8")
    with pytest.raises(LooksError, match=r"looks\.jsonl:2: .* restore the file"):
        number_of(file, SERIES, Data("b"))


def test_what_forgets_looks_is_no_file_of_them(tmp_path: Path) -> None:
    """A device and a folder are refused."""
    for place in (tmp_path, type(tmp_path)(os.devnull)):
        with pytest.raises(LooksError, match=r"is no file of looks .*: it is a (folder|device)"):
            number_of(place, SERIES, Data("a"))


def test_a_look_that_cannot_be_written_down_is_an_error(tmp_path: Path) -> None:
    """The sentence names the file and what to do; /proc takes no file from anybody, root or not."""
    unwritable = type(tmp_path)("/proc/self/looks.jsonl")
    with pytest.raises(LooksError, match=r"looks\.jsonl: this look cannot be counted .*--looks"):
        count(unwritable, SERIES, Data("a"), 1)


def test_a_look_on_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """The system takes a part of the line: the part is gone again, and the sentence says why."""
    file = tmp_path / "looks.jsonl"
    look(file, SERIES, "a")
    before = file.read_bytes()
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from rolloutlib.measure.looks import Arm, Data, Series, count\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 9},) * 2)\n"
        "count(Path(sys.argv[1]), Series(2, Arm('control'), Arm('treatment')), Data('b'), 2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )
    assert "this look cannot be counted" in done.stderr.splitlines()[-1]
    assert file.read_bytes() == before


def test_a_file_without_its_last_line_end_is_whole(tmp_path: Path) -> None:
    """An editor that takes the last line's end damages nothing."""
    file = tmp_path / "looks.jsonl"
    look(file, SERIES, "a")
    file.write_bytes(file.read_bytes().rstrip())
    assert look(file, SERIES, "b") == 2
    assert number_of(file, SERIES, Data("c")) == 3


def test_files_of_two_machines_put_together_count_both(tmp_path: Path) -> None:
    """Two looks each are four; the same data on both are one."""
    file = tmp_path / "looks.jsonl"
    for name, data in (("here", "ab"), ("there", "acd")):
        assert [look(tmp_path / name, SERIES, letter) for letter in data] == list(
            range(1, len(data) + 1)
        )
    file.write_bytes(b"".join((tmp_path / name).read_bytes() for name in ("here", "there")))
    assert [number_of(file, SERIES, Data(data)) for data in "abcde"] == [1, 2, 3, 4, 5]
