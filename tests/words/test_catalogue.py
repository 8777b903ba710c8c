"""The catalogue is read as Babel reads it, and a broken one leaves English."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po

from rolloutlib.errors import UsageError
from rolloutlib.phrase import phrase
from rolloutlib.words.catalogue import pairs, read
from rolloutlib.words.sentences import speaking
from tests.words.test_sentences import CATALOGUE

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_read_as_babel_reads_it() -> None:
    """A quicker reader that lost an entry would leave English on a Korean page."""
    with CATALOGUE.open("rb") as file:
        babel = {
            str(message.id): str(message.string)
            for message in read_po(file, locale="ko")
            if message.id and message.string
        }
    assert pairs(CATALOGUE.read_text("utf-8")) == babel


def test_a_catalogue_that_cannot_be_read_leaves_english(tmp_path: Path) -> None:
    """Neither a missing file nor one of other bytes stops who speaks."""
    file = tmp_path / "rolloutlib.po"
    assert read(file) == {}
    for broken in (b"\xff\xfe", b'msgid "Why\nmsgstr "'):
        file.write_bytes(broken)
        assert read(file) == {}


def test_a_translation_that_takes_other_values_leaves_english() -> None:
    """A mistake in a translation hides no number and ends no command."""
    assert phrase("{n} rows", n=3).said(lambda _: "{m}행 {n:%d}") == "3 rows"


def test_an_error_carries_its_translation() -> None:
    """Whoever explores in Korean reads it below the English sentence, which programs know."""
    with pytest.raises(UsageError) as raised, speaking("ko"):
        raise UsageError("{path}: there is no such file", path="a.csv")
    assert str(raised.value) == "a.csv: there is no such file"
    assert raised.value.__notes__ == ["a.csv: 그런 파일이 없습니다."]


def test_an_english_error_needs_no_note() -> None:
    """The same sentence twice says nothing more."""
    with pytest.raises(UsageError) as raised, speaking("en"):
        raise UsageError("{path}: there is no such file", path="a.csv")
    assert not hasattr(raised.value, "__notes__")
