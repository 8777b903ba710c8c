"""The command line's parser: a mistake is told with the sub-command's usage and what was meant."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from rolloutlib.errors import did_you_mean
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Parser"]

_CHOICE = re.compile(r"invalid choice: (?P<got>.*) \(choose from (?P<known>.*)\)", re.DOTALL)
_TYPE = re.compile(r"invalid (?P<type>\w+) value: (?P<got>.*)", re.DOTALL)
TYPES = {"int": "a whole number", "float": "a number", "Path": "a path"}


class Parser(argparse.ArgumentParser):
    """A parser whose errors belong to the sub-command in which they are."""

    def __init__(self, **settings: Any) -> None:
        """Show help as it is written, and take no option for another."""
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=form, **settings)

    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride] -- it has overloads
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parse; what nothing knows is an error of the sub-command that was called."""
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: Parser = getattr(arguments, "parser", self)
            parser.refuse(unknown)
        return arguments

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Say which words have no meaning here, and which would have one."""
        options = [name for action in self._actions for name in action.option_strings]
        word = next((word for word in unknown if word.startswith("-")), unknown[0])
        hint = _hint(word.partition("=")[0], options) if word.startswith("-") else ""
        got = plain(" ".join(unknown), 200)
        self.error(f"unrecognized arguments: {got}.{hint}")

    def error(self, message: str) -> NoReturn:
        """Print the usage and the sentence, and end with exit code 2."""
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {plain(_worded(message))}\n")
        raise SystemExit(2)


def _worded(message: str) -> str:
    """Add what was meant, and name types as people do."""
    if (match := _CHOICE.search(message)) is not None:
        known = [word.strip("'") for word in match["known"].split(", ")]
        return message + "." + _hint(match["got"].strip("'"), known)
    if (match := _TYPE.search(message)) is not None:
        expected = TYPES.get(match["type"], "another value")
        return f"{message[: match.start()]}{plain(match['got'], 80)} is not {expected}"
    return message


def _hint(word: str, known: Iterable[str]) -> str:
    begun = [name for name in known if name.startswith(word)] if word.strip("-") else []
    return str(did_you_mean(begun[0], begun) if begun else did_you_mean(word, known))
