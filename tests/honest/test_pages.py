"""A world through the command line and the store: the same recommendation, and a page that says it.

The first screen says what was measured and what is missing, in both languages.
"""

from __future__ import annotations

import contextlib
import html
import io
import re
from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from tests.english import english_on, names_in, texts_of
from tests.honest.bad_worlds import WORLDS
from tests.honest.good_worlds import GOOD
from tests.honest.reviews import ROOT, STORY, review
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.notebooks]


def rollout(*words: str) -> int:
    """Run the command in the workbook, in this process; return its exit code."""
    with (
        contextlib.chdir(ROOT), contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):  # fmt: skip
        return main([*words])


def page(runs: Path, stage: int, lang: str, out: Path) -> tuple[int, str]:
    """Review runs; return the exit code and the page's text up to its first table of gates."""
    evidence = str(STORY / f"stage-{stage}" / "evidence")
    code = rollout(
        "review", str(stage), "--runs", str(runs), "--evidence", evidence, "--looks", "",
        "--lang", lang, "--out", str(out),
    )  # fmt: skip
    whole = (out / "review.html").read_text(encoding="utf-8")
    body = re.sub(r"<(script|style).*?</\1>", "", whole, flags=re.DOTALL)
    return code, html.unescape(re.sub(r"<[^>]+>", " ", body))


@pytest.mark.parametrize("lang", ["en", "ko"] if EXHAUSTIVE else ["ko"])
def test_the_page_says_what_is_missing(tmp_path: Path, lang: str) -> None:
    """63.9 % of the scores are missing: HOLD, and the share stands before anything else does."""
    world = WORLDS["score_missing"]()
    out = tmp_path / "out"
    code, text = page(world.write(tmp_path / "w"), 3, lang, out)
    assert code == 10
    if lang == "ko":
        named = names_in((out / "review.json").read_bytes())
        assert english_on(texts_of((out / "review.html").read_text("utf-8")), named) == []
    assert re.search(world.causes[-1], text[: len(text) // 4])


@pytest.mark.parametrize("lang", ["en", "ko"] if EXHAUSTIVE else ["en"])
def test_the_page_says_what_was_measured(tmp_path: Path, lang: str) -> None:
    """Flags, profile, strategy, users, samples, first and last start of both arms."""
    code, text = page(STORY / "stage-0", 0, lang, tmp_path / "out")
    assert code == 0
    first = text[: len(text) // 4]
    for fact in ("searchLite", "a5935f71d29104cb"[:8], "2026-10-05", "2026-10-07", "200", "10"):
        assert fact in first, fact


STORED = ("score_missing", "rows_absent", "other_prompts", "rows_twice", "new_issue", "aborted")


@pytest.mark.parametrize("name", [*STORED, "base"])
def test_a_store_says_the_same(tmp_path: Path, name: str) -> None:
    """Days of sums lead to the recommendation of the rows that they are made of."""
    world = (WORLDS | GOOD)[name]()
    runs, store = world.write(tmp_path / "w"), tmp_path / "store"
    assert rollout("ingest", str(runs), "--into", str(store)) == 0
    stored, direct = review(store), review(runs)
    assert stored.recommendation is direct.recommendation
    assert [reason.code for reason in stored.reasons] == [reason.code for reason in direct.reasons]
