"""Scripts: in which legacy encodings a text may be, and whether a character is of its script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LATIN_ONE", "SCRIPTS"]

LATIN_ONE: Final = "cp1252"
_LATIN: Final = (  # letters; signs; quotes, dashes and the euro
    ("\xc0", "\xff"), ("\xa0", "\xbf"), ("\u0152", "\u017e"), ("\u2013", "\u2026"),
    ("\u20ac", "\u20ac"),
)  # fmt: skip


def _hangul(char: str) -> bool:
    """Whether it is one of the 2,350 syllables that Korean is written with."""
    return "가" <= char <= "힣" and len(char.encode("euc_kr", "ignore")) == 2  # noqa: PLR2004 -- bytes


def _japanese(char: str) -> bool:
    return "\u3040" <= char <= "\u30ff"


def _simplified(char: str) -> bool:
    """Whether it is one of GB 2312's common characters, or its punctuation."""
    return b"\xa1" <= char.encode("gb2312", "ignore") < b"\xd8"


def _traditional(char: str) -> bool:
    """Whether it is one of Big5's common characters, or its punctuation."""
    return b"\xa1" <= char.encode("big5", "ignore") < b"\xc7"


def _cyrillic(char: str) -> bool:
    return "\u0410" <= char <= "\u044f" or char in "ёЁ"


def _latin(char: str) -> bool:
    return any(low <= char <= high for low, high in _LATIN)


# Encoding, whether a character is of its script, and how many of a text have to be.
SCRIPTS: Final[tuple[tuple[str, Callable[[str], bool], float], ...]] = (
    ("cp949", _hangul, 0.75), ("cp932", _japanese, 0.3), ("gb18030", _simplified, 0.9),
    ("big5", _traditional, 0.9), ("cp1251", _cyrillic, 0.9), (LATIN_ONE, _latin, 0.9),
)  # fmt: skip
