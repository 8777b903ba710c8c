"""Whoever typed an option reads of the option, whoever set a parameter of the parameter."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.commands.typed import as_typed
from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.words.sentences import speaking, translated

if TYPE_CHECKING:
    from pathlib import Path

ARMS = "{parameter} is {arm!r}; the runs have the arms {arms}.{hint}"


@pytest.mark.parametrize(
    ("typed", "parameter", "sentence"),
    [
        ({"control": "x"}, "control", "--control is 'x'"),
        ({"as_of": "x"}, "as_of", "--as-of is 'x'"),
        ({"carry": ["a"]}, "carry", "--carry is 'x'"),
        ({"control": None}, "control", "control is 'x'"),
        ({"carry": []}, "carry", "carry is 'x'"),
        ({}, "control", "control is 'x'"),
    ],
)
def test_an_option_that_was_typed(typed: dict[str, object], parameter: str, sentence: str) -> None:
    """What a file of parameters or a notebook set keeps its name, in both languages."""
    with pytest.raises(UsageError) as refused, as_typed(Namespace(**typed)):
        raise UsageError(ARMS, parameter=parameter, arm="x", arms=("a",), hint="")
    assert str(refused.value) == f"{sentence}; the runs have the arms a."
    with speaking("ko"):
        assert translated(refused.value).startswith(sentence.partition(" ")[0] + "이(가) 'x'")


def test_other_sentences_stay_as_they_are() -> None:
    """A sentence without a parameter, and one whose value is no name, say what they said."""
    for error in (UsageError("no such file"), RolloutError("{parameter} is 2", parameter=2)):
        before = error.phrase
        with pytest.raises(RolloutError) as refused, as_typed(Namespace(parameter=1)):
            raise error
        assert refused.value.phrase == before


def test_the_command_line_says_what_was_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be written is that of --out, before anything is read."""
    (tmp_path / "taken").write_text("")
    line = ["review", "2", "--runs", "data/examples/bfcl", "--out", str(tmp_path / "taken" / "x")]
    assert main(line) == 2
    assert capsys.readouterr().err.startswith("rollout: --out is '")
