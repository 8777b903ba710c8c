"""The text gate: what others wrote is read in every medium, and obeyed in none."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree as ET

import pytest

from rolloutlib.errors import RolloutError
from rolloutlib.text import chart, exact, link, listed, markdown, plain, terminal

READABLE = (
    "높음 · 결과가 느립니다", "각", "é ñ", "तेलुगु క్ష్మ", "می‌شود", "مرحبا", "שָׁלוֹם", "น้ำ",
    "👩‍👩‍👧 🏳️‍🌈 ❤️ 👍🏽 🇰🇷", "葛\U000e0100", "日本　語", "a\xa0b", "→ ≥ ✓", "\ufffd",
)  # fmt: skip


@pytest.mark.parametrize("text", READABLE)
def test_what_people_write_stays(text: str) -> None:
    """Korean, Arabic, Persian, Indic, Thai, emoji and their joiners and marks are left alone."""
    assert plain(text) == text


@pytest.mark.slow
def test_nothing_that_acts_or_hides_is_left() -> None:
    """Of all characters, each that controls, reorders, hides or breaks XML is shown as its code."""
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    shown = {c for c in every if plain(c) != c}
    acting = [*range(32), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF, 0x1FFFE]
    hiding = [0xAD, 0x61C, 0x115F, 0x200B, 0x200E, 0x202E, 0x2028, 0x2066, 0x3164, 0xFEFF, 0xE0041]
    assert {chr(code) for code in (*acting, *hiding)} <= shown
    drawn = "".join(chart(c) for c in every)
    assert ET.fromstring(f"<t>{drawn.replace('&', '').replace('<', '')}</t>").text  # noqa: S314 -- our own text
    assert drawn.encode()  # no lone surrogate


@pytest.mark.parametrize("gate", [plain, exact, chart, terminal])
def test_a_gate_that_is_passed_twice_changes_nothing(gate: object) -> None:
    """Sinks lie behind each other: the second leaves what the first made, cut or not."""
    assert callable(gate)
    for text in ("\x1b[31m", "\u202e" * 400, "é" * 3000, "a" * 1990 + "\x07" * 9, *READABLE):
        assert gate(gate(text)) == gate(text)


def test_every_text_is_bounded() -> None:
    """A text of 100 kB, of escapes, or with 10,000 marks on one letter, is cut at whole letters."""
    assert plain("x" * 100_000, most=5) == "xxxxx…"
    assert len(chart("\u202e" * 100_000)) <= 121
    assert not re.search(r"\\u[0-9a-f]{0,3}…", chart("\u202e" * 100_000))
    assert plain("abe\u0301f", most=3) == "ab…"
    assert plain("a" + "\u0301" * 10_000, most=40).count("\u0301") == 8
    assert len(str(RolloutError("x" * 7_000_000))) == 2_001
    assert listed(map(str, range(10**6))) == "0, 1, 2, 3, 4, 5, 6, 7 and 999,992 more"


def test_errors_are_one_line() -> None:
    """An error that quotes data forges no second line and moves no cursor."""
    assert str(RolloutError("a\nIn force: b\x1b[2J")) == "a In force: b\\u001b[2J"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- x", r"\- x"), ("12) x", r"12\) x"), ("---", r"\---"), ("=== ", r"\=\=="),
        ("-3 %", "-3 %"), ("2.5 s", "2.5 s"), ("a = b", "a = b"), ("www.x.y", r"www\.x.y"),
        ("cc @team", r"cc \@team"), ("a\n\n# b", r"a \# b"), ("  x ", "x"),
    ],
)  # fmt: skip
def test_markdown_words(text: str, shown: str) -> None:
    """What would start a list, a rule, a heading, a link or a mention is a word; numbers stay."""
    assert markdown(text) == shown


def test_links_lead_to_files_beside() -> None:
    """A file's name cannot leave its link, name a scheme or another host."""
    assert link("a", "//evil.example/x") == "[a](evil.example/x)"
    assert link("b", "javascript:x) [y](z") == "[b](javascript%3Ax%29%20%5By%5D%28z)"
