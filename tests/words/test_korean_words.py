"""docs/language.md has one Korean word for one thing, and the Korean keeps to it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

import pytest

from rolloutlib.words.catalogue import pairs
from tests.words.test_sentences import CATALOGUE, ROOT

ROW: Final = re.compile(r"^\| (?P<cells>.+) \|$", re.MULTILINE)
PAGES: Final = (ROOT / "README.ko.md", *sorted((ROOT / "docs").glob("*.ko.md")))


class Word(NamedTuple):
    """A row of the table.

    Attributes:
        english: the term.
        korean: its words.
        excluded: words that say the same.
        allowed: what may hold an excluded word.
    """

    english: str
    korean: tuple[str, ...]
    excluded: tuple[str, ...]
    allowed: tuple[str, ...]


def words() -> list[Word]:
    """Return the table, without its heading."""
    _, _, table = (ROOT / "docs" / "language.md").read_text("utf-8").partition("| English |")
    rows = [match["cells"].split(" |") for match in ROW.finditer(table)][1:]
    return [
        Word(english, *(tuple(filter(None, cell.strip().split(", "))) for cell in cells[:3]))
        for english, *cells in rows
    ]


def spoken_texts() -> dict[str, str]:
    """Return all Korean that is printed, by where it stands."""
    texts = {repr(msgid): text for msgid, text in pairs(CATALOGUE.read_text("utf-8")).items()}
    return texts | {page.name: page.read_text("utf-8") for page in PAGES}


def breaches(text: str, table: list[Word]) -> list[str]:
    """Return the excluded words that a text holds outside of what is allowed."""
    return [
        f"{excluded} (say {', '.join(word.korean)})"
        for word in table
        for excluded in word.excluded
        if excluded in re.sub("|".join(map(re.escape, word.allowed)) or "$^", "", text)
    ]


def test_one_thing_has_one_word() -> None:
    """Somebody who meets two words looks for two things."""
    table = words()
    all_breaches = {place: breaches(text, table) for place, text in spoken_texts().items()}
    assert {place: excluded for place, excluded in all_breaches.items() if excluded} == {}


def test_the_table_is_about_words_that_are_said() -> None:
    """A word that nobody prints is no rule; the imperative is an ending."""
    everything = "\n".join(spoken_texts().values())
    korean_words = [word for row in words() for word in row.korean]
    assert len(korean_words) > 50
    assert [word for word in korean_words if word.removeprefix("…") not in everything] == []


# A value, what may close it, and a particle that is right after some values alone.
OPEN: Final = re.compile(
    r"\{[^{}]*\}[`\"'”\u2019…]?(?:을|를|이|가|은|는|과|와|로|으로)(?=[\s.,;)]|$)"
)
OF_CARDS: Final = "{id}.record"  # a card's, which keeps its bytes


def test_a_particle_after_a_value_is_open() -> None:
    """What a value ends in is not known when the sentence is written."""
    texts = spoken_texts()
    templates = {text.replace("{{", "").replace("}}", "") for text in texts.values()}
    assert [text for text in templates if OPEN.search(text) and OF_CARDS not in text] == []
    assert OPEN.search("`rollout replay {record}`를 실행하세요")
    assert not OPEN.search("`rollout replay {record}`을(를) 실행하세요")


@pytest.mark.parametrize(
    ("text", "excluded"),
    [
        ("검토 보고서를 엽니다.", []),
        ("리뷰 리포트를 엽니다.", ["리뷰 (say 검토)", "리포트 (say 보고서)"]),
        ("사용자 블로킹 리포트", []),
        ("근거 판정, 근거", ["근거 (say 증거)"]),
    ],
)
def test_an_excluded_word_is_seen(text: str, excluded: list[str]) -> None:
    """Beside a compound that may hold it, too."""
    assert breaches(text, words()) == excluded


def test_a_text_stands_once_in_the_catalogue() -> None:
    """Of two translations of one text, one would be edited and the other shown."""
    msgid = re.compile(r'^msgid ((?:"(?:[^"\\\n]|\\.)*"\s*)+)', re.MULTILINE)
    texts = msgid.findall(CATALOGUE.read_text("utf-8"))
    counts = Counter("".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)) for text in texts)
    assert sorted(text for text, times in counts.items() if times > 1) == []
