"""docs/tutorial.md, run as it stands: every command, in order, prints what the page says.

Its Korean page has the same commands and is run by `make faults`. `ROLLOUT_WRITE_TUTORIAL=en pytest
tests/tutorial` (or `ko`) writes what the commands print into the page instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rolloutlib
from tests.often import EXHAUSTIVE

ROOT = Path(__file__).parents[2]
PAGES = {"en": ROOT / "docs" / "tutorial.md", "ko": ROOT / "docs" / "tutorial.ko.md"}
WRITES = os.environ.get("ROLLOUT_WRITE_TUTORIAL", "")
PLAYED = [WRITES] if WRITES else [*PAGES] if EXHAUSTIVE else ["en"]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
WRITTEN_ON = "20261122"  # the day in the page's names


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook as a clone has it, with the commands `rollout` and `papermill` on the path."""
    root = tmp_path / "book"
    for name in ("params", "notebooks", "examples", "data/examples/story"):
        shutil.copytree(ROOT / name, root / name)
    (root / "docs" / "LEDGER").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    main = "import sys; from rolloutlib.cli import main; sys.exit(main())"
    for name, code in (("rollout", f'-c "{main}"'), ("papermill", "-m papermill"), ("python3", "")):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\n"{sys.executable}" {code} "$@"\n{ENDED[name]}')
        script.chmod(0o755)
    return root


ENDED = dict.fromkeys(("papermill", "python3"), "") | {
    "rollout": 'code=$?\necho "$code $*" >> "$(dirname "$0")/ended"\nexit $code\n'
}


def _run(command: str, book: Path, lang: str) -> str:
    """Return what a command prints on standard output, as on the page's day and without digests."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ROLLOUT_"))
    }
    environment["ROLLOUT_LANG"] = lang
    environment["PATH"] = f"{book.parent / 'bin'}:{environment['PATH']}"
    environment["PYTHONPATH"] = str(Path(rolloutlib.__file__).parents[1])
    today = f"{datetime.now(UTC):%Y%m%d}"
    done = subprocess.run(
        ["bash", "-c", command.replace(WRITTEN_ON, today)],
        cwd=book, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    text = done.stdout.replace(today, WRITTEN_ON).replace(
        f"{today[:4]}-{today[4:6]}-{today[6:]}", "2026-11-22"
    )
    assert "Traceback" not in done.stdout + done.stderr
    return re.sub(r"\b[0-9a-f]{12,64}\b", "…", text)


def _played(block: str, book: Path, heard: set[str], lang: str) -> str:
    """Run a block's commands; those that may be repeated are, the first of each name in part."""
    shown = ""
    for command in _commands(block):
        shown += f"$ {command}\n{_run(command, book, lang)}"
        name = next((name for name in REPEATABLE if command.startswith(f"rollout {name}")), None)
        if name and (EXHAUSTIVE or name not in heard):
            heard.add(name)
            _is_heard_in_part(command.partition(" | ")[0].removesuffix(" 2>&1"), book, lang)
    return shown


def _commands(text: str) -> list[str]:
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


# The page itself pipes the others into `head`.
REPEATABLE = ("flags", "risks", "rollback", "verify", "promote")


def _is_heard_in_part(command: str, book: Path, lang: str) -> None:
    """Assert that a command ends as before, and quietly, when its reader leaves after a line."""
    ended = book.parent / "bin" / "ended"
    before, _, arguments = ended.read_text().splitlines()[-1].partition(" ")
    again = _run(f"{command} 2>&1 | head -n 1; echo ${{PIPESTATUS[0]}}", book, lang)
    assert again.splitlines()[-1] == before, arguments


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("lang", PLAYED)
def test_the_tutorial_is_true(book: Path, lang: str) -> None:
    """Stage 0 to 4 with signed GOs, a regression, its rollback.

    The replay and the repaired candidate.
    """
    page = PAGES[lang].read_text("utf-8")
    heard: set[str] = set()
    played = BLOCK.sub(lambda match: f"```console\n{_played(match[1], book, heard, lang)}```", page)
    if WRITES:
        PAGES[lang].write_text(played, encoding="utf-8")
    assert played == page
    ended = [line.split() for line in (book.parent / "bin" / "ended").read_text().splitlines()]
    codes = {name: {code for code, first, *_ in ended if first == name} for _, name, *_ in ended}
    other = {"promote": {"0", "1"}, "review": {"0", "20"}, "verify": {"0", "10"}}
    assert codes == {name: {"0"} for name in codes} | other
    assert {"review", "decide", "sign", "rollback", "replay", "bench"} <= codes.keys()


def test_the_tutorial_shows_every_command_of_the_story() -> None:
    """The page has the commands that the story needs, each with its output below it."""
    blocks = "".join(BLOCK.findall(PAGES["en"].read_text("utf-8")))
    for command in (
        "review",
        "decide",
        "sign",
        "verify",
        "promote",
        "flags show",
        "risks",
        "rollback",
        "replay",
        "bench",
    ):
        assert f"rollout {command}" in blocks, command
    for line in ("✓ GO · stage 0", "✕ NO-GO · stage 2", "OFF: feature.searchLite", "stage 3 → 4"):
        assert line in blocks


# What the Korean page asks in Korean: a word of the output, and reasons that people give.
KOREAN = {
    "스테이지": "Stage",
    "검색 요약이 느리고 틀립니다": "Search summaries are slow and wrong",
    "지연 시간": "latency",
}


def test_both_languages_give_the_same_commands() -> None:
    """In the same blocks, under as many headings; what follows each command is its own."""
    commands: dict[str, tuple[int, list[list[str]]]] = {}
    for lang, path in PAGES.items():
        page = path.read_text("utf-8")
        blocks = [_commands(block) for block in BLOCK.findall(page)]
        commands[lang] = page.count("\n## "), [[*map(_in_english, block)] for block in blocks]
    assert commands["ko"] == commands["en"]


def _in_english(command: str) -> str:
    for korean, english in KOREAN.items():
        command = command.replace(korean, english)
    return command
