"""rl.compare: two reviews as tables, and the samples that only one of them has or that turned."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

import rolloutlib as rl
from rolloutlib.errors import UsageError
from rolloutlib.explore.review import Review
from rolloutlib.plan.params import review_params
from tests.sample_review import earlier, hostile, story

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.explore.pairs import Pair, Which

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def later(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Review:
    """Review the same prompts again: p1 fails now, p0 passes, p39 is gone, p40 is new."""
    folder = tmp_path_factory.mktemp("later")
    lines = (runs / "samples.csv").read_text("utf-8").splitlines()
    lines = [line.replace("r1,", "r2,", 1) for line in lines if ",p39," not in line]
    swap = {"new,new1,": ("passed", "failed"), "new,new0,": ("failed", "passed")}
    for begin, (was, now) in swap.items():
        lines = [line.replace(was, now) if begin in line else line for line in lines]
    lines += [line.replace("38,p38,", "40,p40,") for line in lines if ",p38," in line]
    (folder / "samples.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "source.yaml").write_text((runs / "source.yaml").read_text("utf-8"), "utf-8")
    return rl.review(2, str(folder), "old", "new", looks="")


@pytest.fixture(scope="module")
def pair(small: Review, later: Review) -> Pair:
    """Compare the two."""
    return rl.compare(small, later)


def test_samples_of_one_review_only(pair: Pair) -> None:
    """By arm, run and id: other runs hold other samples, at most n, with the whole count."""
    new = pair.samples("new", n=3)
    assert [(row.arm, row.run_id, row.sample_id) for row in new] == [
        ("new", "r2", "new0"), ("new", "r2", "new1"), ("new", "r2", "new10"),
    ]  # fmt: skip
    assert "3 of 80." in repr(new)
    assert len(pair.samples("gone")) == 80


def test_prompts_whose_treatment_turned(pair: Pair) -> None:
    """The same prompt, both treatments: one is worse, one better; gone and new ones neither."""
    rows = {row.prompt_id: row.change for row in pair.samples("turned")}
    assert rows == {"p1": -1.0, "p0": 1.0}
    assert [row.prompt_id for row in pair.samples("worse")] == ["p1"]
    assert [row.prompt_id for row in pair.samples("better")] == ["p0"]
    assert "39 prompts are answered in both: 1 worse, 1 better. No test." in repr(
        pair.samples("turned")
    )


def test_a_number_for_which_more_is_harm_is_turned_round(pair: Pair) -> None:
    """The latencies are the same, so no prompt turned by them."""
    assert len(pair.samples("turned", gate="avg_latency")) == 0


def test_a_review_against_itself_has_nothing_new(small: Review) -> None:
    """Same data, every run the same, no sample of one only."""
    pair = rl.compare(small, small)
    assert pair.same_data
    assert [row.state for row in pair.runs] == ["same", "same"]
    assert [len(pair.samples(which)) for which in ("new", "gone", "turned")] == [0, 0, 0]


def test_gates_come_as_a_tidy_frame() -> None:
    """Then and now, limits, bounds and the change, null where it is of another quantity."""
    pair = rl.compare(Review(earlier(story().record)), Review(story().record))
    frame = pair.gates.to_pandas().set_index("id")
    assert frame.loc["pass_rate", "change"] == pytest.approx(-0.00147)
    assert frame["change_lower"].isna().all()
    assert frame.loc["avg_score", "evidence_after"] == "pass"
    assert pair.reasons[0].state == "came"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_glance_is_short_and_escaped(lang: str) -> None:
    """Twelve lines in a terminal; in a cell no label of data opens a tag."""
    params = review_params({"stage": 2, "runs": "runs", "lang": lang})
    after = Review(hostile().record, params=params)
    pair = rl.compare(Review(earlier(hostile().record)), after)
    assert len(repr(pair).splitlines()) <= 12
    html = pair._repr_html_()
    assert "<img" not in html
    assert len(html) < 40_000


SLIPS: dict[str, Callable[[Pair], object]] = {
    "a is a int; expected a review": lambda pair: rl.compare(cast("str", 3), pair.after),
    "there is no report 'nope'": lambda pair: rl.compare(pair.after, "nope"),
    "Did you mean 'new'": lambda pair: pair.samples(cast("Which", "nwe")),
    "n is 0; expected a whole number": lambda pair: pair.samples(n=0),
    "Did you mean 'pass_rate'": lambda pair: pair.samples("worse", gate="pas_rate"),
    "made without its data": lambda pair: rl.compare(Review(story().record), pair.after).samples(),
}


@pytest.mark.parametrize("refusal", SLIPS)
def test_what_cannot_be_asked_is_said(pair: Pair, refusal: str) -> None:
    """A slip is answered with what was got and what is expected."""
    with pytest.raises(UsageError) as caught:
        SLIPS[refusal](pair)
    assert refusal in str(caught.value)
