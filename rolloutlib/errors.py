"""One family of errors.

Every message says what was got, what was expected, where, and what to do next.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from rolloutlib.phrase import Phrase, phrase
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "FileError",
    "LooksError",
    "NoEvidenceError",
    "PlanError",
    "RolloutError",
    "RunsError",
    "UsageError",
    "did_you_mean",
]

_COMPARED = 500  # characters, and words: to compare more takes seconds


class RolloutError(Exception):
    """Something a person has to know, in one sentence without a traceback.

    Whatever it quotes, it is one line of bounded length, which no terminal or page obeys.

    Attributes:
        exit_code: what the command line ends with: 1 failure, 2 usage, 30 data that are no
            evidence.
        phrase: its sentence before anybody knows in which language; `str` of the error is English.
    """

    exit_code = 1

    def __init__(self, message: object = "", /, **values: object) -> None:
        """Make it of its sentence: a phrase, or a literal template and the values that fill it."""
        self.phrase = message if isinstance(message, Phrase) else phrase(str(message), **values)
        super().__init__(plain(str(self.phrase)))


class UsageError(RolloutError):
    """The call is wrong.

    An unknown parameter, a path that does not exist, a stage that the plan lacks.
    """

    exit_code = 2


class FileError(UsageError):
    """A file cannot be read: missing, no regular file, larger than its budget, or changing.

    Attributes:
        why: the sentence without the path and without a full stop, such as "is a named pipe; …".
        missing: there is nothing under this path.
    """

    def __init__(
        self, text: str | Phrase, *, why: str | Phrase = "", missing: bool = False
    ) -> None:
        """Keep the sentence, and its part without the path."""
        super().__init__(text)
        self.why, self.missing = why or text, missing

    @classmethod
    def at(cls, path: str, why: str | Phrase, *, missing: bool = False) -> FileError:
        """Name the file and say why it is not read."""
        return cls(phrase("{path} {why}.", path=path, why=why), why=why, missing=missing)


class PlanError(UsageError):
    """A file under params/ is wrong.

    The message names the file, the key and what is allowed there.
    """


class RunsError(RolloutError):
    """A source of runs cannot be read as a whole (single bad rows are quarantined instead)."""

    exit_code = 30


class NoEvidenceError(RolloutError):
    """What was read holds nothing to judge: no rows, no arm, or only refused runs. Never a GO."""

    exit_code = 30


class LooksError(RolloutError):
    """A look cannot be counted: the file of looks is damaged or cannot be written."""


def did_you_mean(got: str, allowed: Iterable[str]) -> Phrase | str:
    """Return `` Did you mean 'x'?`` for the closest allowed word, or an empty string."""
    likely = sorted(allowed, key=lambda word: (word[:1] != got[:1], word))
    close = get_close_matches(got[:_COMPARED], likely[:_COMPARED], n=1)
    return phrase(" Did you mean {word!r}?", word=close[0]) if close else ""
