"""Whether numbers are a template instead of a measurement: one rule for runs, tables and engines.

The engine says so by the provider MOCK or the note CLI_FALLBACK, in whatever case, spelling and
place a version of it writes them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import msgspec

from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["NO_MEASUREMENT", "is_template", "names_provider", "template_in", "values_named"]

NO_MEASUREMENT: Final = phrase("expected measured metrics, these are a template")
_ANY = msgspec.json.Decoder()
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # of MockProvider
_MARK: Final = re.compile(  # as words: a model may be called hammock
    r"(?<![a-z])mock(ed|s)?(?![a-z])|(?<![a-z])cli[^a-z0-9]*fall[^a-z0-9]*back(?![a-z])"
    r"|^[^a-z0-9]*fall[^a-z0-9]*back[^a-z0-9]*$"
)


@lru_cache(maxsize=4096)
def is_template(text: str) -> bool:
    """Return whether a provider, or a provider's note, says that nothing was measured.

    >>> [is_template(name) for name in ("MOCK", " mock-provider", "MockOne", "CLI fallback used")]
    [True, True, True, True]
    >>> is_template("hammock-7b"), is_template("claude, fallback to haiku")
    (False, False)
    """
    plain = unicodedata.normalize("NFKC", text)
    visible = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return _MARK.search(_WORDS.sub(" ", visible).lower()) is not None


@lru_cache(maxsize=4096)
def names_provider(key: str) -> bool:
    """Return whether a key or column is about the provider.

    >>> names_provider("providerNote"), names_provider("Provider"), names_provider("score")
    (True, True, False)
    """
    return "provider" in _folded(key)


def _folded(key: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", key).casefold()))


def template_in(value: object) -> str | None:
    """Return the text in a provider's value (it may be a record) that says template, if any."""
    return next((text for text in _texts(value) if is_template(text)), None)


def values_named(data: bytes, parts: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Yield keys and values, wherever in a JSON text, whose key has one of these parts.

    Args:
        data: JSON.
        parts: of keys, in lower case and of letters alone.
    """
    all_parts = tuple(parts)
    try:
        waiting: list[object] = [_ANY.decode(data)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in cast("dict[str, object]", value).items():
                if any(part in _folded(key) for part in all_parts):
                    yield key, inner
                waiting.append(inner)
        elif isinstance(value, list):
            waiting.extend(cast("list[object]", value))


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, dict):
            waiting.extend(cast("dict[str, object]", inner).values())
        elif isinstance(inner, list):
            waiting.extend(cast("list[object]", inner))
