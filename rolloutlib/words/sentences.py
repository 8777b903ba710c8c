"""Sentences that people read, in their language: English msgids, gettext catalogues under locale/."""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final, cast

from rolloutlib.errors import UsageError, did_you_mean

__all__ = ["LANGUAGES", "Sentence", "say", "translate"]

LANGUAGES: Final = ("en", "ko")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence to be said in any language: an English template and the values that fill it."""

    template: str
    values: tuple[tuple[str, object], ...] = ()

    def text(self, lang: str = "en") -> str:
        """Return the sentence in a language; values that are sentences are translated too, several are listed.

        Without values nothing is filled in: titles of the plan are templates too, and may hold braces.
        """
        text = translate(self.template, lang)
        if not self.values:
            return text
        return text.format(**{key: _said(value, lang) for key, value in self.values})

    def __str__(self) -> str:
        """Return the English sentence."""
        return self.text()


def _said(value: object, lang: str) -> object:
    if isinstance(value, tuple):
        return ", ".join(str(_said(part, lang)) for part in cast("tuple[object, ...]", value))
    return value.text(lang) if isinstance(value, Sentence) else value


def say(template: str, **values: object) -> Sentence:
    """Make a sentence; `template` is a literal, so that the catalogues can be checked against the sources."""
    return Sentence(template, tuple(values.items()))


def translate(text: str, lang: str) -> str:
    """Return the translation of an English text; a text that the catalogue lacks stays English.

    Raises:
        UsageError: there is no catalogue for the language.
    """
    return _catalogue(lang).gettext(text) if text else text


@cache
def _catalogue(lang: str) -> gettext.NullTranslations:
    if lang not in LANGUAGES:
        raise UsageError(
            f"lang is {lang!r}; expected one of {', '.join(LANGUAGES)}.{did_you_mean(lang, LANGUAGES)}"
        )
    if lang == "en":
        return gettext.NullTranslations()
    # Compiled here, so that no binary .mo file can lag behind the .po file that people edit.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with (files("rolloutlib") / "locale" / lang / "LC_MESSAGES" / "rolloutlib.po").open(
        "rb"
    ) as source:
        write_mo(compiled, read_po(source, locale=lang))
    return gettext.GNUTranslations(BytesIO(compiled.getvalue()))
