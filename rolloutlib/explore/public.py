"""What completion lists: public names and no others; a typo is answered with the nearest one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from rolloutlib.errors import did_you_mean

__all__ = ["Public"]


class Public:
    """A class whose instances list only what is public.

    >>> class Answer(Public):
    ...     def number(self) -> int:
    ...         return 42
    >>> dir(Answer())
    ['number']
    >>> Answer().numbr
    Traceback (most recent call last):
        ...
    AttributeError: Answer has no attribute 'numbr'. Did you mean 'number'?
    """

    def __dir__(self) -> list[str]:
        """Return the public names, methods of subclasses among them."""
        return sorted(name for name in object.__dir__(self) if not name.startswith("_"))

    if not TYPE_CHECKING:  # for a type checker every name would be there

        def __getattr__(self, name: str) -> NoReturn:
            """Say which name may be meant; only what is nowhere to be found comes here."""
            hint = "" if name.startswith("_") else did_you_mean(name, dir(self))
            # The name alone: with the object, a traceback would add a second suggestion.
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}.{hint}", name=name
            )
