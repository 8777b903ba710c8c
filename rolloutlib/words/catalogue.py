"""A gettext catalogue as it is edited: the .po file itself, behind which nothing compiled can lag.

Babel takes 0.1 s and more for ours; a command that prints one line does not wait for that. Ours
holds pairs alone, without plurals, contexts and doubtful ones, and tests hold it against Babel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["pairs", "read"]

_TEXT: Final = r'((?:"(?:[^"\\\n]|\\.)*"\s*)+)'
_PAIR: Final = re.compile(rf"^msgid {_TEXT}^msgstr {_TEXT}", re.MULTILINE)
_PART: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_MEANT: Final = {"n": "\n", "t": "\t", "r": "\r"}


def read(catalogue: Traversable) -> dict[str, str]:
    """Read a file; one that is missing or broken translates nothing, and stops no command."""
    try:
        return pairs(catalogue.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def pairs(catalogue: str) -> dict[str, str]:
    r"""Return the translations of a catalogue: English → the other language.

    >>> pairs('msgid "Stage"\nmsgstr ""\n"스테"\n"이지"\n')
    {'Stage': '스테이지'}
    """
    return {
        english: other
        for msgid, msgstr in _PAIR.findall(catalogue)
        if (english := _joined(msgid)) and (other := _joined(msgstr))
    }


def _joined(quoted: str) -> str:
    text = "".join(_PART.findall(quoted))
    return _ESCAPED.sub(lambda match: _MEANT.get(match[1], match[1]), text)
