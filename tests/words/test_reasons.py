"""Reasons in words: every code has its sentence, every sentence its code, in both languages."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from rolloutlib.judge.record import Recommendation, Review
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.reason import Reason, because, said
from rolloutlib.words.reasons import sentence, worded
from rolloutlib.words.sentences import say, speaking
from rolloutlib.words.share_templates import SHARES
from rolloutlib.words.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.reason import Fact

SOURCES = Path(__file__).resolve().parents[2] / "rolloutlib"


def codes_of(path: Path) -> Iterator[str]:
    """Yield the code of every `because(...)` of a source file; a code that is no literal fails."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "because":
            assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"
            yield str(node.args[0].value)


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    """A code without words would show as a code; words without a code mislead who edits them."""
    codes = {code for path in SOURCES.rglob("*.py") for code in codes_of(path)}
    assert codes == set(TEMPLATES)


def test_the_page_lists_every_code() -> None:
    """docs/review.md is what programs are written against: it has each code with its sentence."""
    page = (SOURCES.parent / "docs" / "review.md").read_text("utf-8")
    rows = [line.split(" | ", 1) for line in page.splitlines() if line.startswith("| `")]
    listed = {code.strip("| `"): text.removesuffix(" |") for code, text in rows}
    assert listed == TEMPLATES
    assert {f"- `{code}`: {text}" for code, text in SHARES.items()} <= {*page.splitlines()}


def test_a_share_of_latencies_is_said_as_one() -> None:
    """How many are slower, and how many may be; never a percentage alone, in either language."""
    facts = {"gate": "95th percentile latency", "point": 0.129, "best": 0.112, "worst": None}
    facts |= {"limit": 0.05, "measure": "proportion", "signed": False, "slower_than": 2200.0}
    broken = sentence(because("gate.broken", **facts))
    assert "12.9% are slower than 2,200 ms, at best 11.2%; at most 5.00% may be" in broken
    assert "2,200ms보다 느린 샘플이 12.9%" in sentence(because("gate.broken", **facts), "ko")
    assert {*SHARES} <= {*TEMPLATES}
    assert all("{slower_than}" in template for template in SHARES.values())


def test_numbers_are_in_the_unit_of_their_reason() -> None:
    """The same fact is a difference in pp, a factor or milliseconds; None is no bound."""
    facts = {"gate": "Pass rate", "point": -0.01, "worst": None, "limit": -0.02}
    doubt = because("gate.unproven", **facts, measure="proportion", signed=True)
    assert sentence(doubt) == (
        "Pass rate: −1.00 pp, but it could be as bad as no bound; the limit −2.00 pp is not proven."
    )
    slow = because(
        "gate.refused", gate="Latency", value=2100.4, limit=2e3, measure="ms", signed=False
    )
    assert "2,100 ms against a limit of 2,000 ms" in sentence(slow)


def test_words_of_the_plan_are_translated_and_data_are_not() -> None:
    """A gate's title has a Korean name.

    A label of the data that is called the same stays as it is.
    """
    named = because("gate.subject", gate="Pass rate", subject="Pass rate")
    assert sentence(named, "ko") == "통과율 (Pass rate)"


def test_braces_in_facts_stay_as_they_are() -> None:
    """A label from the data that looks like a placeholder is shown, not filled."""
    assert sentence(because("source.refused", message="{x} {0}")) == "{x} {0}"


def test_a_code_of_another_version_keeps_its_text() -> None:
    """A record that a newer version wrote is still readable."""
    assert sentence(Reason("gate.novel", {}, "Something new.")) == "Something new."
    assert sentence(Reason("gate.novel")) == "gate.novel"


@pytest.mark.parametrize(
    "template",
    ["{n:>900000000}", "{n:.999f}", "{n.__class__.__mro__}", "{n[0]}", "{n!a}", "{n:{n}}", "{0}",
     "{", "{n}" * 41, "{m}", None, 3],
)  # fmt: skip
def test_a_template_of_a_record_that_is_none_is_not_filled(template: str | int | None) -> None:
    """Whoever writes a record can ask for no memory, no attribute and no failure of its reader."""
    facts: dict[str, Fact] = {"n": "a"}
    facts |= {} if template is None else {"template": template}
    assert sentence(Reason("said", facts, "It says so."), "ko") == "It says so."
    assert sentence(Reason("said", facts)) == "said"
    if isinstance(template, str):
        assert str(Phrase(template, {"n": "a"})) == template


def test_phrases_in_phrases_do_not_multiply() -> None:
    """Twice the same part, forty deep, stays short instead of taking all memory."""
    part = phrase("{a}{a}", a="x" * 99)
    for _ in range(40):
        part = Phrase("{a}{a}", {"a": part})
    assert len(str(part)) <= 20_000


def test_a_record_without_the_facts_of_its_sentence_keeps_its_text() -> None:
    """A sentence of ours whose facts somebody took away is said as the record says it."""
    assert sentence(Reason("runs.few", {"wanted": 3}, "Too few runs.")) == "Too few runs."
    with pytest.raises(KeyError):
        sentence(Reason("runs.few", {"wanted": 3}))


def test_a_worded_record_carries_english_everywhere() -> None:
    """Reasons within reasons have their text too, whatever language is spoken."""
    why = because("clusters.few", clusters=3, unit="user", least=5)
    blocked = because("gates.blocked", gate=("Pass rate",), why=why)
    review = Review(stage=2, control="a", treatment="b", recommendation=Recommendation.HOLD,
                    reasons=(blocked,))  # fmt: skip
    with speaking("ko"):
        reason = worded(review).reasons[0]
    assert reason.text == "Pass rate: Only 3 users an arm; a bound needs at least 5."
    inner = reason.facts["why"]
    assert isinstance(inner, Reason)
    assert inner.text == "Only 3 users an arm; a bound needs at least 5."


@pytest.mark.parametrize(("lang", "word"), [("en", "Why"), ("ko", "이유")])
def test_what_is_said_is_in_the_language_that_is_spoken(lang: str, word: str) -> None:
    """Nobody hands the language on: whoever speaks has set it, and it ends with the speech."""
    with speaking(lang):
        assert str(say("Why")) == word
    assert str(say("Why")) == "Why"


def test_a_record_carries_what_an_error_says() -> None:
    """A phrase becomes a reason, which says it in the reader's language, also after decoding."""
    reason = said(phrase("{path} {why}.", path="a.csv", why=phrase("Why")))
    again = msgspec.json.decode(msgspec.json.encode(worded(reason)), type=Reason)
    assert (again.text, sentence(again)) == ("a.csv Why.", "a.csv Why.")
    assert sentence(again, "ko") == "a.csv: 이유."


def test_a_fact_of_a_record_that_is_no_number_is_said_plainly() -> None:
    """A text where the template wants a number is shown as it is, and nothing fails."""
    assert sentence(Reason("said", {"n": "a", "template": "{n:,}"}, "It says so."), "ko") == "a"
