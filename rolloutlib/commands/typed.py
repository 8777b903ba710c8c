"""What is refused, in the words of whoever called: a parameter by the option that was typed.

Errors arise below the command line, also for notebooks, where a parameter is called by its name.
What stands in their sentence under `parameter` is such a name.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rolloutlib.errors import RolloutError
from rolloutlib.phrase import Phrase
from rolloutlib.text import plain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Generator

__all__ = ["as_typed"]

PARAMETER: Final = "parameter"  # the value of a sentence that is a parameter's name


@contextmanager
def as_typed(arguments: argparse.Namespace) -> Generator[None]:
    """Call parameters that were options of this call by them; others keep their names."""
    try:
        yield
    except RolloutError as error:
        options = {name for name, value in vars(arguments).items() if value not in (None, [])}
        error.phrase = _reworded(error.phrase, options)
        error.args = (plain(str(error.phrase)),)
        raise


def _reworded(phrase: Phrase, options: Collection[str]) -> Phrase:
    name = phrase.values.get(PARAMETER)
    if not isinstance(name, str) or name not in options:
        return phrase
    return Phrase(phrase.template, phrase.values | {PARAMETER: f"--{name.replace('_', '-')}"})
