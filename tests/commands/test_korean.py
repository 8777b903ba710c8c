"""Under a Korean environment the terminal speaks Korean: results, mistakes, failures and --help."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rolloutlib.cli import main
from rolloutlib.commands.failures import failure_of
from rolloutlib.words.sentences import speaking
from tests.english import english_in
from tests.words.helped import helps

ROOT = Path(__file__).resolve().parents[2]
# Of --help: what is typed, and what argparse makes of the names of options.
TYPED = re.compile(r"\s*(rollout|gh|env:|run:|--treatment gpt|\[|사용법:)")
# Names: of tools and schedulers, audiences, profiles, and what flags and knobs may be.
NAMES = (
    "promptfoo", "Inspect", "lm-eval", "cron", "systemd", "internal", "dogfood", "opted_in",
    "exploit", "default", "strict", "fast", "allow", "forbid",
)  # fmt: skip
SILENT = {"plan-page", "verify"}  # a path, and nothing where a ledger is empty
PATHS = re.compile(r"\S*/\S*|--?\w[\w-]*")


def english(text: str) -> list[str]:
    """Return the English of what was printed, but for paths, options and usage."""
    lines = (PATHS.sub("", line) for line in text.splitlines() if not TYPED.match(line))
    return [words for line in lines for words in english_in(line, NAMES)]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workbook of a Korean team, in which the test stands."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "docs" / "LEDGER").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.mark.parametrize("prog", sorted(helps("en")))
def test_help_is_korean(prog: str) -> None:
    """Every command teaches in the reader's language; English keeps its own."""
    korean, in_english = helps_of("ko")[prog], helps_of("en")[prog]
    assert re.search("[가-힣]", korean)
    assert english(korean) == []
    assert not re.search("[가-힣]", in_english)


def helps_of(lang: str, made: dict[str, dict[str, str]] = {}) -> dict[str, str]:  # noqa: B006 -- made once
    """Return --help of every command."""
    if lang not in made:
        made[lang] = helps(lang)
    return made[lang]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("flags show", 0), ("flags diff", 0), ("flags check", 0), ("knobs list", 0), ("runlogs", 0),
        ("incident list", 0), ("incident cover", 0), ("notify", 0), ("ledger", 0), ("verify", 0),
        ("incident open --title 검색 --severity S2 --blocking", 0), ("schedule cron", 0),
        ("knobs set styleStrictness -0.05 --because over_formal", 0), ("plan-page", 0),
        ("reviw", 2), ("review", 2), ("review 9", 2), ("review 2 --days x", 2),
        ("review 2 --das 3", 2), ("review 2 --runs /nope", 2), ("review 2 --carry /nope", 2),
        ("review 2 --lang", 2), ("plan --stage 2 --run-sd 9", 2),
        ("knobs set nope 1 --because over_formal", 2), ("knobs set maxTags 1 --because nope", 2),
        ("schedule cron --zone Asia/Soul", 2), ("schedule cron --at 25", 2),
        ("incident open --title x --severity S9", 2), ("incident cover --until now", 2),
        ("compare a b --control x", 2), ("compare a", 2),
        ("compare nope.json nope2.json", 2), ("source /nope", 2), ("history /nope", 2),
        ("risks .", 2), ("check-pr /nope", 2), ("ingest /nope --source /nope", 2),
        ("decide /nope --verdict GO --waive x", 2), ("flags init", 0),
    ],
)  # fmt: skip
def test_what_is_printed_is_korean(
    line: str, code: int, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results and mistakes alike: Hangul, and no English sentence."""
    assert (book / "params").is_dir()
    try:
        ended = main(line.split())
    except SystemExit as mistake:
        ended = int(mistake.code or 0)
    out, err = capsys.readouterr()
    printed = err if line.startswith("schedule") else out + err  # files for cron are for cron
    assert english(printed) == []
    assert ended == code, printed
    assert re.search("[가-힣]", printed) or line in SILENT


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(), MemoryError(), RecursionError(), ValueError("x"), ImportError("y"),
        PermissionError(13, "Permission denied", "/a/b"), FileNotFoundError(2, "?", "git"),
        OSError(28, "No space left on device", "/a"), "\udcff".encode,
    ],
)  # fmt: skip
def test_failures_are_korean(error: BaseException | object) -> None:
    """What the system refuses, and what nobody foresaw, is said in the reader's language."""
    if callable(error):
        try:
            error()
        except UnicodeEncodeError as unwritten:
            error = unwritten
    assert isinstance(error, BaseException)
    with speaking("ko"):
        sentence = failure_of(error).sentence
    assert re.search("[가-힣]", sentence)
    assert english(sentence) == []
