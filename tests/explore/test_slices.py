"""Slices and samples in an analyst's hands: counted, marked, bounded, and safe to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.explore import slices
from rolloutlib.explore.review import Review
from rolloutlib.show.answers import Answered, answered
from tests.sample_judged import bfcl, story
from tests.sample_review import ATTACK, Tags

if TYPE_CHECKING:
    from rolloutlib.explore.slices import Slice


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch) -> Review:
    """Return the shipped example's review, on whose data nothing was tried yet."""
    monkeypatch.setattr(slices, "_TRIED", {})
    return made_again()


def made_again() -> Review:
    """Return another object of the same review."""
    judged = bfcl()
    return Review(judged.review.record, params=judged.params, judge=lambda: judged)


def p_of(sliced: Slice) -> tuple[float, float]:
    """Return the pass rate's p of a slice, and the same after Holm."""
    row = sliced.gates.to_pandas().iloc[0]
    return float(row["p"]), float(row["p_holm"])


@pytest.mark.slow
def test_slices_are_counted_and_earlier_ones_pay_for_later_ones(review: Review) -> None:
    """The same slice twice is one, whatever object and order asks; a slice of a slice counts."""
    both = review.where(category=["rest", "java"])
    p, before = p_of(both)
    listed = sum(part.p_holm is not None for part in review.record.segments)
    assert before == pytest.approx((listed + 1) * p)  # the table of segments was seen before
    again = made_again()
    assert p_of(again.where(category=["java", "rest", "java"]))[1] == before
    rest = again.where(category=["rest", "java"]).where(category="rest")
    assert len(set(review.tried.to_pandas()["slice"])) == 2
    assert p_of(both)[1] == pytest.approx(before)  # the larger p of two stays
    assert p_of(rest)[1] == pytest.approx((listed + 2) * p_of(rest)[0])
    own = next(part.p_holm for part in review.record.segments if part.value == "rest")
    assert p_of(rest)[1] >= (own or 1)
    gates = rest.gates.to_pandas()
    assert not gates["planned"].any()
    assert set(gates["slices_tried"]) == {2}
    for shown in (repr(rest), rest._repr_html_(), repr(review.tried)):
        assert "A look that nobody planned" in shown
        assert "tried here so far: 2" in shown
        assert not {"✓ pass", "GO"} & set(shown.split())


@pytest.mark.slow
def test_the_shipped_loss_leads_to_seventy_prompts(review: Review) -> None:
    """Three lines from the hidden loss to a data frame of the prompts behind it."""
    frame = review.where(category="rest").samples().to_pandas()
    assert len(frame) == 70
    assert (frame["change"] < 0).sum() == 18
    few = review.samples(gate="pass_rate", outcome="worse", n=20)
    assert (len(few), few.total) == (20, 57)
    assert len(review.samples(slowest=1)) == 1
    assert few.columns[0].name == "prompt_id"
    assert all(column.doc for column in few.columns)


@pytest.mark.slow
def test_what_is_doubtful_of_a_slice_stands_with_it() -> None:
    """Difficulty is what a feature of the story steers, so its slices hold other prompts."""
    judged = story()
    review = Review(judged.review.record, params=judged.params, judge=lambda: judged)
    hard = review.where(category="law", difficulty="hard")
    assert "The arms ran different prompts" in hard.note
    assert "The arms ran different prompts" in repr(hard)
    assert "what is missing may be what is bad" in hard.gates.to_pandas()["why"][0]
    assert "different prompts" not in review.where(category="law").note


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"gate": "pass"}, "Did you mean 'pass_rate'"),
        ({"gate": "avg_score"}, "No sample tells what"),
        ({"outcome": "worst"}, "Did you mean 'worse'"),
        ({"gate": "avg_latency", "outcome": "both failed"}, "no answer passes or fails"),
        ({"slowest": 0}, "got 0 rows"),
        ({"n": "3"}, "got '3' rows"),
        ({"slowest": 2, "issue": "x"}, "one of them at a time"),
        ({"issue": "ast_decoder:failed"}, "Did you mean 'ast_decoder:"),
        ({"status": "fail"}, "Did you mean 'failed'"),
        ({"worst": "usr"}, "Did you mean 'user'"),
        ({"arm": "treatmnt", "status": "failed"}, "Did you mean 'treatment'"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_what_can(
    arguments: dict[str, Any], refusal: str
) -> None:
    """Each wrong argument is one sentence that says what is there."""
    with pytest.raises(UsageError, match=refusal):
        made_again().samples(**arguments)


def test_a_live_table_is_the_plain_one_and_a_script() -> None:
    """The script is brought along once, and nothing of the data can end its tag or become one."""
    shown = Answered("Samples", ["note"], [("prompt", False), ("ms", True)],
                     [[f"{ATTACK}\u202e", 3.5], ["x" * 999, None]], 70)  # fmt: skip
    plain, live, later = (
        answered(shown), answered(shown, live=True, first=True), answered(shown, live=True)
    )  # fmt: skip
    assert "script" not in Tags(plain.html).tags
    assert "img" not in Tags(live.html).tags
    assert len(live.html) > 900_000
    assert len(later.html) < 20_000
    assert live.html.count("</script>") == later.html.count("</script>") == 1
    assert "://" not in later.html
    for html in (plain.html, later.html):
        assert "\u202e" not in html
        assert f"{'x' * 300}…" in html
    assert "2 of 70 rows" in plain.text
