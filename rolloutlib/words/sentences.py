"""Sentences that people read, in their language: English msgids, gettext catalogues under locale/.

Whoever starts to speak says in which language (`speaking`); nobody below hands it on.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from importlib.resources import files
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

from rolloutlib.errors import RolloutError, UsageError, did_you_mean
from rolloutlib.phrase import Phrase, filled
from rolloutlib.text import plain
from rolloutlib.words.catalogue import read

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from importlib.resources.abc import Traversable

__all__ = [
    "LANGUAGES",
    "Sentence",
    "Spoken",
    "catalogues",
    "enumerated",
    "language",
    "say",
    "speaking",
    "spoken",
    "translate",
    "translated",
]

LANGUAGES: Final = ("en", "ko")
_LANGUAGE: ContextVar[str] = ContextVar("language", default="en")

Told_contra = TypeVar("Told_contra", contravariant=True)
Shown_co = TypeVar("Shown_co", covariant=True)


@contextmanager
def speaking(lang: str) -> Generator[None]:
    """Speak a language: every sentence that is not told otherwise comes out in it.

    An error of ours that passes stays English, for programs, and has its translation as a note,
    which Python and IPython show below it.

    >>> with speaking("ko"):
    ...     str(say("Why"))
    '이유'
    """
    token = _LANGUAGE.set(lang)
    try:
        yield
    except RolloutError as error:
        if (note := translated(error)) != str(error) and not getattr(error, "__notes__", ()):
            error.add_note(note)
        raise
    finally:
        _LANGUAGE.reset(token)


def language() -> str:
    """Return the language that is spoken."""
    return _LANGUAGE.get()


class Spoken(Protocol[Told_contra, Shown_co]):
    """A piece of a report: shows something in a language."""

    def __call__(self, shown: Told_contra, /, lang: str = "en") -> Shown_co:
        """Show it."""
        ...


def spoken(piece: Callable[[Told_contra], Shown_co]) -> Spoken[Told_contra, Shown_co]:
    """Let a piece take its language from whoever calls it; all that it says is in it."""

    @wraps(piece)
    def in_language(shown: Told_contra, /, lang: str = "en") -> Shown_co:
        with speaking(lang):
            return piece(shown)

    return in_language


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence to be said in any language: an English template and the values that fill it."""

    template: str
    values: tuple[tuple[str, object], ...] = ()

    def text(self, lang: str | None = None) -> str:
        """Return the sentence, in the language that is spoken unless one is named.

        Values that are sentences are translated too, several are listed. Without values nothing is
        filled in: titles of the plan are templates too, and may hold braces.
        """
        if lang is not None:
            with speaking(lang):
                return self.text()
        text = translate(self.template)
        if not self.values:
            return text
        return filled(text, self.template, {name: _filled(value) for name, value in self.values})

    def __str__(self) -> str:
        """Return the sentence in the language that is spoken."""
        return self.text()


def _filled(value: object) -> object:
    if isinstance(value, tuple):
        return enumerated([str(_filled(part)) for part in cast("tuple[object, ...]", value)])
    if isinstance(value, Phrase):
        return translated(value)
    return str(value) if isinstance(value, Sentence) else value


def enumerated(parts: Sequence[str], most: int = 20) -> str:
    """List names, at most so many of them, and how many more there are.

    >>> enumerated(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    first, left_out = ", ".join(parts[:most]), len(parts) - most
    return str(say("{names} and {n:,} more", names=first, n=left_out)) if left_out > 0 else first


def say(template: str, **values: object) -> Sentence:
    """Make a sentence; `template` is a literal, so that catalogues can be checked."""
    return Sentence(template, tuple(values.items()))


def translated(text: Phrase | RolloutError | Sentence | str) -> str:
    """Return a phrase, or an error's, in the language that is spoken; a text is as it is.

    An error stays one line that no terminal or page obeys.
    """
    if isinstance(text, Sentence):
        return text.text()
    if isinstance(text, RolloutError):
        return plain(translated(text.phrase))
    return text.said(translate) if isinstance(text, Phrase) else text


def translate(text: str, lang: str | None = None) -> str:
    """Return the translation of an English text; a text that the catalogue lacks stays English.

    Raises:
        UsageError: there is no catalogue for the language.
    """
    return _catalogue(lang or _LANGUAGE.get()).get(text, text) if text else text


@cache
def _catalogue(lang: str) -> dict[str, str]:
    if lang not in LANGUAGES:
        hint = did_you_mean(lang, LANGUAGES)
        raise UsageError(
            "lang is {lang!r}; expected one of {languages}.{hint}",
            lang=lang, languages=LANGUAGES, hint=hint,
        )  # fmt: skip
    return {} if lang == "en" else read(_file(lang))


def _file(lang: str) -> Traversable:
    return files("rolloutlib") / "locale" / lang / "LC_MESSAGES" / "rolloutlib.po"


def catalogues() -> bytes:
    """Return all that tells whether sentences would be worded otherwise."""
    contents = b""
    for lang in LANGUAGES[1:]:
        with suppress(OSError):
            contents += _file(lang).read_bytes()
    return contents
