"""In which language a command speaks, and in which it writes."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.commands.language import Asked, asked, of_reports, spoken_in
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Sequence

KOREAN = {"LANG": "ko_KR.UTF-8"}


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        ([], {}, Asked("en", "en")),
        ([], KOREAN, Asked("ko", "ko")),
        ([], {"LANG": "fr_FR.UTF-8"}, Asked("en", "en")),
        ([], {"LANG": "kok_IN"}, Asked("en", "en")),
        ([], {"LC_MESSAGES": "ko", "LANG": "en_US.UTF-8"}, Asked("ko", "ko")),
        ([], {"LC_ALL": "C.UTF-8", "LC_MESSAGES": "ko", **KOREAN}, Asked("en", "en")),
        ([], {"LC_ALL": "", **KOREAN}, Asked("ko", "ko")),
        ([], {"ROLLOUT_LANG": "en", "LC_ALL": "ko_KR.UTF-8"}, Asked("en", "en")),
        ([], {"ROLLOUT_LANG": "KO"}, Asked("ko", "ko")),
        ([], {"ROLLOUT_LANG": "kr", **KOREAN}, Asked("ko", "ko", "kr")),
        (["review", "2", "--lang", "ko"], {"ROLLOUT_LANG": "en"}, Asked("ko", "en")),
        (["review", "2", "--lang=en"], KOREAN, Asked("en", "ko")),
        (["--lang", "ko", "review", "--lang", "en"], {}, Asked("ko", "ko")),
        (["--lang=en", "review", "2"], KOREAN, Asked("en", "en")),
        (["--lang", "kr", "review", "2"], KOREAN, Asked("ko", "ko")),
        (["source", "--", "--lang", "ko"], {}, Asked("en", "en")),
    ],
)
def test_the_first_that_says_one_decides(
    argv: Sequence[str], environ: dict[str, str], expected: Asked
) -> None:
    """The call before the environment, and of that ROLLOUT_LANG, LC_ALL, LC_MESSAGES, LANG."""
    assert asked(argv, environ) == expected


def test_a_misspelt_language_is_said_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill switch works whatever somebody wrote into ROLLOUT_LANG."""
    monkeypatch.setenv("ROLLOUT_LANG", "kr")
    assert main(["flags", "show"]) == 0
    out, err = capsys.readouterr()
    assert "feature.searchLite" in out
    assert err == "rollout: ROLLOUT_LANG is 'kr'; expected one of en, ko; it decides nothing.\n"


def test_a_misspelt_option_is_a_mistake_in_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    """What somebody typed is never taken for another."""
    for argv in (["--lang", "kr", "verify"], ["verify", "--lang", "kr"]):
        with pytest.raises(SystemExit, match="2"):
            main(argv)
        assert "'kr'" in capsys.readouterr().err


def test_a_terminal_without_hangul_is_spoken_to_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of escapes help nobody; what is written is Korean nevertheless."""
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    with spoken_in([]):
        assert re.search("[가-힣]", str(say("Why")))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    with spoken_in([]):
        assert (str(say("Why")), of_reports()) == ("Why", "ko")


def test_nothing_is_left_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls `main` as a function speaks English before and after."""
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert main(["flags", "show"]) == 0
    assert (str(say("Why")), of_reports()) == ("Why", "en")
