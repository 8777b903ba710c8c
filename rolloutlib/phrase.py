"""What is said to a person, before anybody knows in which language: a template and its values.

Errors, refusals and the names of methods arise far below `words`. Their English template is a
literal, so that catalogues can be checked against the sources; `words.sentences.translated` says
them in the reader's language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Phrase", "Value", "filled", "phrase"]

Plain = bool | int | float | str | None
Value = Union[Plain, "Phrase", tuple[Union[Plain, "Phrase"], ...]]


class Phrase(msgspec.Struct, frozen=True):
    """A sentence, or a part of one.

    `str` of it is its English. Without values nothing is filled in: the template may hold braces.

    Attributes:
        template: English, with `{name}` where a value stands, as `str.format` takes it.
        values: what stands there; phrases among them are said in the same language.
    """

    template: str
    values: dict[str, Value] = {}

    def __str__(self) -> str:
        """Return it in English."""
        return self.said(lambda template: template)

    def said(self, translate: Callable[[str], str]) -> str:
        """Return it in a language, given what translates a template.

        >>> phrase("{n:,} rows in {of}", n=1200, of=phrase("the {arm} arm", arm="old")).said(str)
        '1,200 rows in the old arm'
        """
        template = translate(self.template) if self.template else ""
        if not self.values:
            return template
        values = {name: _said(value, translate) for name, value in self.values.items()}
        return filled(template, self.template, values)


def filled(text: str, template: str, values: dict[str, object]) -> str:
    """Fill a translation; one that cannot take these values leaves its English template.

    >>> filled("{m}행", "{n} rows", {"n": 3})
    '3 rows'
    """
    try:
        return text.format(**values)
    except (LookupError, ValueError, TypeError, AttributeError):
        if text == template:
            raise
        return template.format(**values)


def phrase(template: str, /, **values: object) -> Phrase:
    """Make a phrase; `template` is a literal. What is neither a number nor a phrase becomes text.

    An error of ours is said as its own phrase, the system's as what the system says of it
    (`words.system_templates` has those that are translated).

    >>> str(phrase("{name!r} holds {n:,} rows", name="a.csv", n=1200))
    "'a.csv' holds 1,200 rows"
    """
    return Phrase(template, {name: _value(value) for name, value in values.items()})


def _value(value: object) -> Value:
    if value is None or isinstance(value, (bool, int, float, str, Phrase)):
        return value
    if isinstance(own := getattr(value, "phrase", None), Phrase):
        return own
    if isinstance(value, OSError):
        return Phrase(value.strerror or str(value))
    if isinstance(value, (tuple, list)):
        parts = (_value(part) for part in cast("tuple[object, ...]", value))
        return tuple(str(part) if isinstance(part, tuple) else part for part in parts)
    return str(value)


def _said(value: Value, translate: Callable[[str], str]) -> object:
    if isinstance(value, Phrase):
        return value.said(translate)
    if isinstance(value, tuple):
        return ", ".join(str(_said(part, translate)) for part in value)
    return value
