"""The decision page: what is decided, every gate with both limits, who owes what, who signs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from rolloutlib.judge.owed import OpenItem
from rolloutlib.judge.record import Recommendation, decode, encode
from rolloutlib.plan.params import ReviewParams, review_params
from rolloutlib.reason import because
from rolloutlib.show.decision import decision_page
from rolloutlib.show.next_step import OPTIONS, UNSAID, again, next_steps
from rolloutlib.show.pages import sanitised
from rolloutlib.show.report import title_of
from rolloutlib.show.signoffs import Standing
from rolloutlib.words.reasons import worded
from tests.english import english_in, texts_of
from tests.sample_review import bfcl, hostile, story, told

if TYPE_CHECKING:
    from rolloutlib.judge.record import Review, Reviewed

PARAMS = review_params({"stage": 2, "runs": "runs/w 47", "out": "reports/w47", "days": 3})
GO = structs.replace(story(), recommendation=Recommendation.GO)


def plain_of(review: Review, lang: str = "en") -> str:
    """Return the page's text with plain spaces."""
    return decision_page(review, lang, params=PARAMS).text.replace("\u00a0", " ")


@pytest.mark.parametrize("review", [bfcl(), story(), hostile()])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_review_json_alone_draws_the_page(review: Reviewed, lang: str) -> None:
    """What was written and read again shows the same, in either language."""
    again_read = decode(encode(worded(review.record)))
    assert decision_page(again_read, lang) == decision_page(review, lang)


def test_what_is_decided_is_named_and_never_the_arm_treatment() -> None:
    """The feature, its flag before and after, for whom and how many, and what a GO opens."""
    plain_arms = structs.replace(story(), control="control", treatment="treatment")
    assert title_of(plain_arms) == "HOLD · stage 2, Opt-in beta · A Search summaries"
    assert title_of(bfcl()).endswith("A Search summaries · gpt-4o-2024-08-06-FC")
    text = plain_of(bfcl())
    assert "A Search summaries off → on; for users who opted in, at most 100" in text
    assert "opens stage 3, which has no cap: A Search summaries off → on for everyone but" in text
    before = structs.replace(bfcl(), decided=None, open_items=())  # a record of another day
    assert title_of(before) == "NO-GO · stage 2, Opt-in beta · gpt-4o-2024-08-06-FC"
    assert "Under review" not in plain_of(before)


def test_every_gate_stands_there_with_both_limits_and_verdicts() -> None:
    """Each limit has its side, and p95 is the share that its verdict is about."""
    text = plain_of(bfcl())
    row = next(line for line in text.splitlines() if line.startswith("95th percentile latency"))
    cells = " ".join(row.split())
    assert cells == (
        "95th percentile latency slower than 2,200 ms: 12.9% [11.6%, 14.3%] ≤ 5.00% ✕ fail "
        "3,780 ms ≤ 2,200 ms ? inconclusive"
    )
    rows = re.findall(r"<tr>\n<td>", decision_page(bfcl()).html)
    assert len(rows) == len(bfcl().gates)
    assert "≥ −3.00 pp" in text
    assert "≥ −2.00 pp" in text


def test_three_reasons_and_a_link_to_the_others() -> None:
    """The rest is one section below, which paper names; a link elsewhere does not survive."""
    many = structs.replace(bfcl(), reasons=tuple(told(f"Reason {k}.") for k in range(9)))
    html = decision_page(many).html
    assert "Reason 2." in html
    assert "Reason 3." not in html
    link = '<li class="rl-more" data-label="Every reason"><a href="#rl-reasons">and 6 more</a></li>'
    assert link in sanitised(html)
    elsewhere = (
        '<a href="#rl-reasons">x</a><a href="//evil">y</a><div id="top" onclick="z()"></div>'
    )
    assert sanitised(elsewhere) == '<a href="#rl-reasons">x</a><a>y</a><div></div>'


def test_what_is_open_has_its_role_and_many_are_counted() -> None:
    """An item is told with who owes it, the role in the reader's language."""
    owed = tuple(OpenItem("owner", told(f"Item {k}.")) for k in range(8))
    html = decision_page(structs.replace(bfcl(), open_items=owed), "ko").html
    assert "<strong>오너:</strong> Item 0." in html
    label = 'class="rl-more" data-label="결정과 서명"'
    assert f'<li {label}><a href="#rl-owed">외 2건</a></li>' in sanitised(html)


@pytest.mark.parametrize(
    ("review", "commands"),
    [(GO, ["rollout decide reports/w47 --verdict GO"]),
     (bfcl(), ["rollout decide reports/w47 --verdict NO_GO"]),
     (story(), ["rollout decide reports/w47 --verdict HOLD",
                "rollout review 2 --runs 'runs/w 47' --days 3"]),
     (structs.replace(bfcl(), recommendation=Recommendation.INVALID),
      ["rollout review 2 --runs 'runs/w 47' --days 3"])],
)  # fmt: skip
def test_the_next_command_is_exact(review: Reviewed, commands: list[str]) -> None:
    """As a shell takes it, with this report's folder; after INVALID nothing is decided."""
    html = decision_page(review, params=PARAMS).html
    assert re.findall("<code>(.*?)</code>", html.replace("&#39;", "'")) == commands


def test_an_exploration_is_told_how_to_get_a_report() -> None:
    """Without a folder there is nothing to decide on, but the command that makes a report."""
    exploring = PARAMS.model_copy(update={"out": None, "lang": "ko", "carry": ("runs/1",)})
    html = decision_page(bfcl(), params=exploring).html
    assert "decide" not in re.findall("<code>(.*?)</code>", html)[0]
    spent = structs.replace(GO, look=structs.replace(GO.look, counting="exploration"))
    assert "rollout decide" not in decision_page(spent, params=PARAMS).html
    assert again(exploring).endswith("--days 3 --lang ko --carry runs/1")


def test_the_same_review_again_says_every_parameter_or_nothing() -> None:
    """Looks (none, too) and the report compared with are named; what no option says is left out."""
    params = PARAMS.model_copy(update={"looks": "", "against": "none"})
    assert again(params).endswith("--days 3 --looks '' --against none")
    names = {*OPTIONS, *UNSAID, "stage", "runs", "carry", "adjust", "out"}
    assert names == {*ReviewParams.model_fields}
    numbered = PARAMS.model_copy(update={"look": 2})
    assert again(numbered) == ""
    assert "rollout review" not in decision_page(story(), params=numbered).html


def test_a_page_without_gates_says_so_and_who_saw_it() -> None:
    """Data that are no evidence leave no gate; paper still has lines for who owes the mending."""
    owed = (OpenItem("engine", because("open.data")),)
    invalid = structs.replace(
        bfcl(), recommendation=Recommendation.INVALID, gates=(), arms=(), open_items=owed
    )
    html = decision_page(invalid).html
    assert "No gate was judged." in html
    assert "nothing is decided" in html
    assert "<tr><td>Engine</td><td></td><td></td><td></td></tr>" in html


def test_the_korean_page_is_korean() -> None:
    """No sentence of ours is left in English."""
    review = structs.replace(story(), reasons=(), open_items=(), source_title=None)
    english = [english_in(text) for text in texts_of(decision_page(review, "ko").html)]
    assert [row for rows in english for row in rows] == []


def test_an_exploration_names_the_command_that_counts() -> None:
    """An exploration repeated by its own command would be one again, and decide nothing."""
    exploring = structs.replace(GO, look=structs.replace(GO.look, counting="exploration"))
    params = review_params({"stage": 2, "runs": "r", "looks": "", "out": "reports/w"})
    steps = next_steps(exploring, Standing(None, (), None), params)
    assert [step.command for step in steps] == ["rollout review 2 --runs r"]
