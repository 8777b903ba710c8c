"""Each gate over the looks at a stage: which reports are looks, and what the report draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from rolloutlib.plan.params import ReviewParams
from rolloutlib.show.figure import Figure, Note
from rolloutlib.show.trend import earlier_looks, gates_over_looks
from rolloutlib.words.sentences import translate
from tests.english import english_in, texts_of_chart
from tests.often import EXHAUSTIVE
from tests.sealed_reports import sealed_review, week

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of an empty workbook, in which the caller stands."""
    (tmp_path / "book" / "params").mkdir(parents=True)
    (tmp_path / "book" / "params" / "plan.yaml").touch()
    monkeypatch.chdir(tmp_path / "book")
    return tmp_path / "book"


def found(**values: object) -> list[str]:
    """Return the reports that are looks before the third week's."""
    params = ReviewParams.model_validate({"stage": 2, "runs": "runs"} | values)
    return [past.where for past in earlier_looks(week(3), params)]


def test_looks_are_sealed_reviews_of_this_stage_and_these_arms(workbook: Path) -> None:
    """Other stages, arms, later data, the same data and what is not as sealed are no looks."""
    reports = workbook / "reports"
    assert found() == []
    sealed_review(reports / "b", week(1))
    sealed_review(reports / "deep" / "a", week(2))
    sealed_review(reports / "stage", replace(week(0), stage=1))
    sealed_review(reports / "arms", replace(week(0), control="another"))
    sealed_review(reports / "later", week(4))
    sealed_review(reports / "now", week(3))
    (sealed_review(reports / "broken", week(0)) / "params.yaml").write_bytes(b"")
    assert found() == ["b", "deep/a"]
    assert found(against="none") == []


def test_looks_beside_a_report_elsewhere_count(workbook: Path) -> None:
    """Who writes reports to a folder outside finds those beside it, and goes no deeper."""
    outside = workbook.parent / "elsewhere"
    sealed_review(outside / "w1", week(1))
    sealed_review(outside / "deep" / "w2", week(2))
    assert found(out=str(outside / "w3")) == ["w1"]


def test_a_single_review_says_that_it_is_the_first() -> None:
    """There is no trend of one look, in either language."""
    for lang in ("en", "ko"):
        note = gates_over_looks(week(1), (), lang)
        assert isinstance(note, Note)
        first = "This is the first look: a trend begins with the second."
        assert note.text == translate(first, lang)


@pytest.mark.skipif(not EXHAUSTIVE, reason="run by `make faults`")
def test_every_gate_has_a_panel_and_this_review_is_last(workbook: Path) -> None:
    """The chart is told in words, too; the Korean one has no English."""
    sealed_review(workbook / "reports" / "w1", week(1))
    params = ReviewParams.model_validate({"stage": 2, "runs": "runs"})
    before = earlier_looks(week(2), params)
    drawn = gates_over_looks(week(2), before, "ko")
    assert isinstance(drawn, Figure)
    titles = [translate(gate.title, "ko") for gate in week(2).gates]
    shown = texts_of_chart(drawn.wide)
    assert [title for title in titles if title not in shown or title not in drawn.alt] == []
    assert [text for text in shown if english_in(text, [week(1).control, week(1).treatment])] == []
