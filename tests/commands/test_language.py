"""In which language a command speaks, and in which it writes."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.commands import review as reviewing
from rolloutlib.commands import watch as watching
from rolloutlib.commands.history import renewing
from rolloutlib.commands.language import Asked, asked, of_reports, spoken_in
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rolloutlib.plan.params import DailyParams, ReviewParams

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
        (["--lang", "ko", "review", "--lang", "en"], {}, Asked("ko", "ko", "", "ko")),
        (["--lang=en", "review", "2"], KOREAN, Asked("en", "en", "", "en")),
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


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        (["review", "0", "--runs", "runs"], "ko", "en"),
        (["review", "0"], "ko", "en"),
        (["--lang", "ko", "review", "0"], "en", "ko"),
        (["--lang", "ko", "review", "0", "--runs", "runs"], "en", "ko"),
        (["--lang", "ko", "review", "0", "--lang", "en"], "en", "en"),
        (["review", "1", "--runs", "runs"], "ko", "ko"),
    ],
)
def test_a_report_is_in_the_language_of_the_call_then_of_its_parameters(
    argv: list[str], environ: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A --lang comes before params/stage-N.yaml, read with --runs too; the environment after it."""
    (tmp_path / "params").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "params" / "plan.yaml").write_text("")
    (tmp_path / "params" / "stage-0.yaml").write_text("stage: 0\nruns: runs\nlang: en\n")
    (tmp_path / "params" / "stage-1.yaml").write_text("nothing: 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROLLOUT_LANG", environ)
    written: list[str] = []

    def reviewed(params: ReviewParams, *_: object, **__: object) -> str:
        written.append(params.lang)
        return "GO"

    monkeypatch.setattr(reviewing, "_reviewed", reviewed)
    assert main(argv) == 0
    assert written == [expected]


def test_a_watch_is_in_the_language_of_the_call_then_of_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A --lang before the command comes before params/daily.yaml, the environment after it."""
    plan = (workbook_root() / "params" / "plan.yaml").read_bytes()
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").write_bytes(plan)
    (tmp_path / "params" / "daily.yaml").write_text("stage: 2\nruns: params\nlang: en\n")
    monkeypatch.chdir(tmp_path)
    written: list[str] = []

    def watched(params: DailyParams, *_: object, **__: object) -> int:
        written.append(params.lang)
        return 0

    monkeypatch.setattr(watching, "_one", watched)
    monkeypatch.setenv("ROLLOUT_LANG", "ko")
    assert main(["watch"]) == 0
    monkeypatch.setenv("ROLLOUT_LANG", "en")
    assert main(["--lang", "ko", "watch"]) == 0
    assert written == ["en", "ko"]


def test_a_renewed_index_keeps_its_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first index is in the report's language, and `rollout history` alone changes it."""
    reports = tmp_path / "reports"
    reports.mkdir()
    for named in ("ko", "en"):
        with renewing(tmp_path, named) as made:
            made(reports / "w1" / "review.html")
        assert '<html lang="ko"' in (reports / "index.html").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["history", "reports", "--lang", "en"]) == 0
    assert '<html lang="en"' in (reports / "index.html").read_text("utf-8")
