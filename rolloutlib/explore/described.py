"""What a column of records says: its name, its unit, what it means, and where its value is.

A value lies where its path leads: `evidence.point` is the point of a gate's evidence, and null
where there is no evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.explore.tables import Column
from rolloutlib.reason import Reason
from rolloutlib.words.reasons import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["at", "flag", "moment", "number", "said", "text", "whole"]


def at(path: str) -> Callable[[Any], object]:
    """Return what takes the value at a path of attributes; None ends the path, too.

    >>> at("real.imag")(3)
    0
    """
    names = path.split(".")

    def get(row: object) -> object:
        value: Any = row
        for name in names:
            if value is None:
                return None
            value = getattr(value, name)
        return value

    return get


def said(path: str) -> Callable[[Any], object]:
    """Return what says the reason at a path, or several, in the language that is spoken."""
    get = at(path)

    def tell(row: object) -> object:
        reasons: Any = get(row)
        if reasons is None or isinstance(reasons, Reason):
            return reasons and sentence(reasons)
        return " ".join(map(sentence, reasons)) or None

    return tell


def text(
    name: str, doc: str, at_: str | Callable[[Any], object] = "", *, brief: bool = False
) -> Column[Any]:
    """Describe a column of text."""
    return Column(name, _get(name, at_), doc, "", "text", brief)


def number(
    name: str, doc: str, unit: str, at_: str | Callable[[Any], object] = "", *, brief: bool = False
) -> Column[Any]:
    """Describe a column of numbers in a unit, or in that which another column names."""
    return Column(name, _get(name, at_), doc, unit, "number", brief)


def whole(
    name: str, doc: str, at_: str | Callable[[Any], object] = "", *, brief: bool = False
) -> Column[Any]:
    """Describe a column of whole numbers: counts, ranks, ordinals."""
    return Column(name, _get(name, at_), doc, "", "whole", brief)


def flag(
    name: str, doc: str, at_: str | Callable[[Any], object] = "", *, brief: bool = False
) -> Column[Any]:
    """Describe a column of yes or no; null is not known."""
    return Column(name, _get(name, at_), doc, "", "flag", brief)


def moment(
    name: str, doc: str, at_: str | Callable[[Any], object] = "", *, brief: bool = False
) -> Column[Any]:
    """Describe a column of moments, in UTC."""
    return Column(name, _get(name, at_), doc, "", "moment", brief)


def _get(name: str, at_: str | Callable[[Any], object]) -> Callable[[Any], object]:
    return at(at_ or name) if isinstance(at_, str) else at_
