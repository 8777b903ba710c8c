"""Against the last review: which report that is, and what the page says of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from rolloutlib.cli import main
from rolloutlib.errors import UsageError
from rolloutlib.judge.moved import moved
from rolloutlib.judge.pair_record import PairReview
from rolloutlib.judge.record import Recommendation, encode
from rolloutlib.ledger.seal import REVIEW, SEAL, seal_of
from rolloutlib.measure.looks import look_at
from rolloutlib.plan.params import ReviewParams
from rolloutlib.show.last_review import MOST, LastReview, last_review, record_at
from rolloutlib.show.moved import against_last, side_by_side
from rolloutlib.words.reasons import worded
from rolloutlib.words.sentences import speaking
from tests.sample_review import Tags, earlier, hostile, story
from tests.sealed_reports import sealed_watch

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Review

NOW = replace(story(), data_sha256="a" * 64, look=look_at(2, planned=3, confidence=0.95))
GO = Recommendation.GO
WEEK = timedelta(days=7)


@pytest.fixture
def workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of an empty workbook, in which the caller stands."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").touch()
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sealed(folder: Path, review: Review) -> Path:
    """Leave a sealed report."""
    folder.mkdir(parents=True)
    data = encode(worded(review.record if hasattr(review, "record") else review))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    (folder / REVIEW).write_bytes(data)
    (folder / SEAL).write_bytes(seal_of({REVIEW: data}))
    return folder


def of_week(number: int) -> Review:
    """Return the review of an earlier week: other data, and a window that ends before."""
    shift = (2 - number) * WEEK
    runs = tuple(
        replace(run, started_at=run.started_at - shift if run.started_at else None,
                last_at=run.last_at - shift if run.last_at else None)
        for run in NOW.runs
    )  # fmt: skip
    return replace(earlier(NOW), runs=runs, data_sha256=f"{number:064x}")


def params(**values: object) -> ReviewParams:
    """Return parameters of the review of now."""
    return ReviewParams.model_validate({"stage": 2, "runs": "runs"} | values)


def found(**values: object) -> str:
    """Return where the last review is."""
    return last_review(NOW, params(**values)).where


def test_the_last_report_of_the_series_is_found(workbook: Path) -> None:
    """The newest data before these, whatever the folders are called and when they were written."""
    assert found() == ""
    first = replace(of_week(1), look=look_at(1, planned=3, confidence=0.95))
    sealed(workbook / "reports" / "b", first)
    sealed(workbook / "reports" / "z", of_week(0))
    sealed(workbook / "reports" / "a", of_week(1))
    assert found() == "reports/a"  # of equal windows the one with the higher look


@pytest.mark.parametrize(
    "change",
    [
        {"stage": 1}, {"control": "old"}, {"treatment": "new"}, {"gates": ()},
        {"data_sha256": NOW.data_sha256},
    ],
)  # fmt: skip
def test_what_is_of_another_series_or_the_same_data_is_none(
    workbook: Path, change: dict[str, object]
) -> None:
    """Another stage or arm, a review without gates, and this very review are not the last one."""
    sealed(workbook / "reports" / "w1", replace(of_week(1), **change))  # pyright: ignore[reportArgumentType]
    assert found() == ""


def test_a_later_report_is_not_the_last_one(workbook: Path) -> None:
    """Who repeats an old review finds what was the last one then: it stays the same page."""
    sealed(workbook / "reports" / "w1", of_week(1))
    sealed(workbook / "reports" / "w3", of_week(3))
    assert found() == "reports/w1"
    again = replace(of_week(2), look=look_at(3, planned=3, confidence=0.95))
    sealed(workbook / "reports" / "w2-again", again)  # the same window, looked at later
    assert found() == "reports/w1"


def test_reports_beside_the_new_one_are_looked_at_too(workbook: Path) -> None:
    """A series elsewhere has its own last review; the one that is replaced is among them."""
    sealed(workbook / "weekly" / "w1", of_week(1))
    assert found() == ""
    assert found(out="weekly/w2") == "weekly/w1"
    assert found(out="weekly/w1") == "weekly/w1"
    assert found(out="weekly/w2", against="none") == ""


def test_what_is_not_sealed_or_not_as_sealed_is_passed_over(workbook: Path) -> None:
    """A draft is no report; a damaged report is named and the one before it is taken."""
    reports = workbook / "reports"
    sealed(reports / "w0", of_week(0))
    edited = sealed(reports / "w1", of_week(1)) / REVIEW
    edited.write_bytes(edited.read_bytes().replace(b'"HOLD"', b'"GO"'))
    (sealed(reports / "w2", of_week(1)) / SEAL).unlink()
    (sealed(reports / "w3", of_week(1)) / REVIEW).write_bytes(b"{")
    last = last_review(NOW, params())
    assert last.where == "reports/w0"
    assert set(last.damaged) == {"reports/w1", "reports/w3"}
    text = against_last(NOW, last).text
    assert text.count("Passed over, since its review.json is not as it was sealed: reports/w") == 2


def test_what_is_sealed_and_no_review_is_passed_over_in_silence(workbook: Path) -> None:
    """A comparison and a watch are as they were sealed; one that was changed is named."""
    reports = workbook / "reports"
    sealed(reports / "w1", of_week(1))
    record = encode(PairReview(control="a", treatment="b", recommendation=GO, reasons=()))
    changed = record.replace(b'"GO"', b'"HOLD"')
    for name, written in (("files", record), ("other", changed)):
        (reports / name).mkdir()
        (reports / name / REVIEW).write_bytes(written)
        (reports / name / SEAL).write_bytes(seal_of({REVIEW: record}))
    sealed_watch(reports / "2026-03-20")
    last = last_review(NOW, params())
    assert (last.where, last.damaged) == ("reports/w1", ("reports/other",))


@pytest.mark.slow
def test_the_search_is_bounded(workbook: Path) -> None:
    """Of very many reports only the last ones by name are read."""
    for number in range(MOST + 3):
        sealed(workbook / "reports" / f"w{number:03}", replace(of_week(1), gates=()))
    (workbook / "reports" / "w000" / REVIEW).write_bytes(b"{")
    assert last_review(NOW, params()).damaged == ()


def test_a_named_report_is_taken_whatever_it_is_of(workbook: Path) -> None:
    """Another stage and the same data are allowed, and told; its seal has to fit."""
    folder = sealed(workbook / "old", replace(of_week(1), stage=1))
    last = last_review(NOW, params(against="old"))
    assert last.where == "old"
    assert "The stage was 1 and is 2." in against_last(NOW, last).text
    assert record_at(folder / REVIEW).stage == 1
    (folder / REVIEW).write_bytes((folder / REVIEW).read_bytes() + b"\n")
    with pytest.raises(UsageError, match="was changed after the review"):
        record_at(folder)


@pytest.mark.parametrize(
    ("against", "refusal"),
    [("nope", "nope is no folder of a report, nor its review.json: it does not exist"),
     ("", "--against is empty"), ("params/plan.yaml", "is no review")],
)  # fmt: skip
def test_what_is_no_report_is_refused_before_anything_runs(
    workbook: Path, against: str, refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip costs no review: exit code 2 and a sentence."""
    assert main(["review", "2", "--runs", str(workbook), "--against", against]) == 2
    assert refusal in capsys.readouterr().err


def test_the_page_says_what_moved() -> None:
    """Both recommendations, how much is shared, each gate then and now, marked verdicts."""
    last = LastReview("reports/w46", earlier(NOW))
    text = against_last(NOW, last).text.replace("\u00a0", " ")
    for part in (
        "Last time, in reports/w46: ? HOLD. Now: ? HOLD.", "5 of 10 runs are new (610 samples).",
        "610 of the 1,220 samples of now (50%) were in the review before too.",
        "−1.32 pp, [−3.69 pp, +1.01 pp]", "−0.15 pp, ▼ towards harm", "? inconclusive → ✓ pass",
        "New reason: Pass rate:",
    ):  # fmt: skip
        assert part in text
    assert "지난번(reports/w46)" in against_last(NOW, last, "ko").text


def test_without_an_earlier_report_there_is_one_sentence() -> None:
    """The first review of a stage has nothing to compare with; who asked for none is told so."""
    first = against_last(NOW, LastReview("", None))
    assert first.text == "- No earlier report of this stage and these arms was found."
    assert "against: none" in against_last(NOW, LastReview("", None, asked="none")).text


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_labels_stay_text(lang: str) -> None:
    """Names of reports, issues, runs and reasons open no tag, in either review."""
    attack = "<img src=x onerror=alert(1)>\u202e"
    last = LastReview(
        attack, replace(earlier(hostile()), profile=attack, control=attack), (attack,)
    )
    piece = against_last(hostile(), last, lang)
    shown = Tags(piece.html)
    assert not shown.tags & {"img", "script", "a", "svg"}
    assert "onerror" not in shown.names
    assert "\u202e" not in piece.html + piece.text


def test_two_named_reviews_are_both_named() -> None:
    """Compared by hand, neither is "now"."""
    with speaking("en"):
        text = side_by_side(moved(earlier(NOW), NOW), "reports/a", "reports/b").text
    assert text.startswith("- Before, in reports/a: ? HOLD. After, in reports/b: ? HOLD.")
