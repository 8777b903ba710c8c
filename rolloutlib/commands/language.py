"""In which language a call speaks: as it says itself, else as its user's environment does.

`rollout --lang ko COMMAND`, a command's own --lang, ROLLOUT_LANG, LC_ALL, LC_MESSAGES, LANG: the
first of them that says one decides, and English where none does. What a command writes (reports,
pages, cards) is in the language of its own --lang, else of the one before the command, else of its
file of parameters, else of the environment.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

__all__ = ["LANGUAGES", "OPTION", "OWN", "Asked", "asked", "before_command", "of_reports"]
__all__ += ["shows_hangul", "spoken_in"]

LANGUAGES: Final = ("en", "ko")
OPTION: Final = "--lang"
OWN: Final = "ROLLOUT_LANG"
VARIABLES: Final = (OWN, "LC_ALL", "LC_MESSAGES", "LANG")
_OF_REPORTS: ContextVar[str] = ContextVar("of_reports", default="en")
_BEFORE: ContextVar[str] = ContextVar("before_command", default="")
_LOCALE: Final = re.compile(r"(?P<name>ko|en)([_.@-].*)?", re.IGNORECASE)
_PLAIN: Final = re.compile(r"(C|POSIX)([.@].*)?")  # no language: what programs say as they are


class Asked(NamedTuple):
    """What a call asks for.

    Attributes:
        terminal: the language of what it prints.
        reports: the language of what it writes, where its own parameters name none.
        odd: a value of ROLLOUT_LANG that names no language; empty where it names one.
        before: the language that is named before the command, which its parameters do not change.
    """

    terminal: str
    reports: str
    odd: str = ""
    before: str = ""


def of_reports() -> str:
    """Return the language of what a command writes, where its own parameters name none."""
    return _OF_REPORTS.get()


def before_command() -> dict[str, str]:
    """Return the parameter `lang` where the call names it before its command; else nothing."""
    return {"lang": named} if (named := _BEFORE.get()) else {}


def asked(argv: Sequence[str], environ: Mapping[str, str]) -> Asked:
    """Return which language a call asks for; a word that is none decides nothing.

    >>> asked(["--lang", "ko", "review", "2", "--lang", "en"], {})
    Asked(terminal='ko', reports='ko', odd='', before='ko')
    >>> asked(["verify"], {"LC_ALL": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}).terminal
    'ko'
    """
    before, own = _told(argv)
    around, odd = _of_environment(environ)
    return Asked(before or own or around, before or around, odd, before)


def _told(argv: Sequence[str]) -> tuple[str, str]:
    """Return the language that is named before the command, and the command's own."""
    languages, place, words = ["", ""], 0, iter(argv)
    for word in words:
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name == OPTION:
            value = value if equals else next(words, "")
            languages[place] = value if value in LANGUAGES else languages[place]
        elif not word.startswith("-"):
            place = 1  # of the command
    return languages[0], languages[1]


def _of_environment(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the environment's language, and what of ROLLOUT_LANG names none."""
    odd = ""
    for variable in VARIABLES:
        value = environ.get(variable, "").strip()
        locale = _LOCALE.fullmatch(value)
        if locale is not None:
            return locale["name"].lower(), odd
        if variable == OWN and value and not _PLAIN.fullmatch(value):
            odd = value  # ours, and misspelt: said, and the next ones decide
        elif value:
            return "en", odd
    return "en", odd


@contextmanager
def spoken_in(argv: Sequence[str]) -> Generator[None]:
    """Speak the language of a call, for the whole of it.

    A terminal that cannot show Hangul is spoken to in English. Nothing here stops a command: where
    no other language can be spoken, it is English.
    """
    wish = asked(argv, os.environ)
    with ExitStack() as stack:
        stack.callback(_OF_REPORTS.reset, _OF_REPORTS.set(wish.reports))
        stack.callback(_BEFORE.reset, _BEFORE.set(wish.before))
        if wish.terminal != "en" and shows_hangul():
            try:
                from rolloutlib.words.sentences import speaking

                stack.enter_context(speaking(wish.terminal))
            except (ImportError, OSError):
                pass
        if wish.odd:
            _complain_of(wish.odd)
        yield


def _complain_of(odd: str) -> None:
    from rolloutlib.commands.options import complain

    complain(
        "{variable} is {got!r}; expected one of {known}; it decides nothing.",
        variable=OWN, got=odd, known=LANGUAGES,
    )  # fmt: skip


def shows_hangul() -> bool:
    """Whether both streams have letters for Korean: others would get rows of escapes."""
    try:
        for stream in (sys.stdout, sys.stderr):
            "한".encode(getattr(stream, "encoding", None) or "utf-8")
    except (LookupError, UnicodeError):
        return False
    return True
