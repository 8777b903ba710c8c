"""Korean pages hold no English sentence, English pages no Hangul: what people named is data.

A review, a comparison, a HOLD and a look back are read where other tests make them anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rolloutlib.cli import main
from rolloutlib.show.plan_page import plan_page
from tests.english import english_on, hangul_in, names_in, texts_of, texts_of_markdown
from tests.often import EXHAUSTIVE
from tests.sample_review import PLAN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

STORY = "data/examples/story"
IDS = {  # of the plan: no words
    *PLAN.roles, *PLAN.profiles, "mon, tue, wed, thu, fri, sat, sun", "allow", "forbid",
    *(suite for check in PLAN.checks.values() for suite in check.items), "blocked", "incident",
    "Tests, Impact, Rollback",
}  # fmt: skip


def test_the_plan_is_korean() -> None:
    """Every gate, duty, risk and rule of the shipped plan is in words of the reader's language."""
    assert english_on(texts_of_markdown(plan_page(PLAN, "ko")), IDS) == []
    assert [text for text in texts_of_markdown(plan_page(PLAN, "en")) if hangul_in(text)] == []


PAGES = {
    "go": (0, "review", "2", "--looks", ""),
    "regression": (20, "review", "2", "--runs", f"{STORY}/stage-2-regression", "--looks", ""),
    "internal": (0, "review", "0", "--looks", ""),
    "invalid": (30, "review", "2", "--runs", "{bad}", "--control", "old", "--treatment", "new"),
}


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.skipif(not EXHAUSTIVE, reason="a review each; others are read where they are made")
@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_one_language(
    name: str, lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GO, NO_GO, no users, no evidence: texts, alternative texts, charts and what a lens reads."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "r.csv").write_text("arm,prompt_id,passed\nold,1,perhaps\nnew,1,maybe\n")
    code, *words = PAGES[name]
    call = [str(word).format(bad=tmp_path) for word in words]
    out = tmp_path / "out"
    assert main([*call, "--lang", lang, "--out", str(out)]) == code
    texts = texts_of((out / "review.html").read_text("utf-8"))
    if lang == "ko":
        assert english_on(texts, names_in((out / "review.json").read_bytes())) == []
    else:
        assert [text for text in texts if hangul_in(text)] == []


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.skipif(not EXHAUSTIVE, reason="a watch")
def test_a_watch_is_korean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alarms, lights, series and what each feature's risk demands."""
    monkeypatch.chdir(ROOT)
    runs = ("--runs", f"{STORY}/stage-2-daily", "--as-of", "2026-10-30")
    main(["watch", "2", *runs, "--lang", "ko", "--out", str(tmp_path)])
    (day,) = (path for path in tmp_path.iterdir() if (path / "watch.html").is_file())
    named = names_in((day / "watch.json").read_bytes())
    assert english_on(texts_of((day / "watch.html").read_text("utf-8")), named) == []
