"""The command line's parser: a mistake is told with the sub-command's usage and what was meant."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from rolloutlib.commands.helping import HelpForm
from rolloutlib.commands.worded import worded
from rolloutlib.errors import did_you_mean
from rolloutlib.phrase import phrase
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.phrase import Phrase

__all__ = ["Parser"]

_NAMED = re.compile(r"argument (?P<name>[^:]*): (?P<what>.*)", re.DOTALL)
_CHOICE = re.compile(r"invalid choice: (?P<got>.*) \(choose from (?P<known>.*)\)", re.DOTALL)
_TYPE = re.compile(r"invalid (?P<type>\w+) value: (?P<got>.*)", re.DOTALL)
_REQUIRED = re.compile(r"the following arguments are required: (?P<names>.*)", re.DOTALL)
_IGNORED = re.compile(r"ignored explicit argument (?P<got>.*)", re.DOTALL)
TYPES = {
    "int": phrase("{got} is not a whole number"),
    "float": phrase("{got} is not a number"),
    "Path": phrase("{got} is not a path"),
}
OTHER = phrase("{got} is not another value")
COUNTS = {
    "expected one argument": phrase("expected one argument"),
    "expected at least one argument": phrase("expected at least one argument"),
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors belong to the sub-command in which they are."""

    def __init__(self, **settings: Any) -> None:
        """Show help as it is written, in the language spoken; take no option for another."""
        super().__init__(allow_abbrev=False, formatter_class=HelpForm, add_help=False, **settings)
        self._positionals.title = worded("positional arguments")
        self._optionals.title = worded("options")
        shown = worded("show this help message and exit")
        self.add_argument("-h", "--help", action="help", help=shown)

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
        self._end(phrase("unrecognized arguments: {got}.{hint}", got=got, hint=hint))

    def error(self, message: str) -> NoReturn:
        """Print the usage and argparse's sentence as ours, and end with exit code 2."""
        named = _NAMED.fullmatch(message)
        if named is None:
            self._end(_of_the_call(message))
        what = _of_argument(named["what"])
        self._end(phrase("argument {name}: {what}", name=named["name"], what=what))

    def _end(self, message: Phrase | str) -> NoReturn:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {plain(worded(message))}\n")
        raise SystemExit(2)


def _of_the_call(message: str) -> Phrase | str:
    if (match := _REQUIRED.fullmatch(message)) is not None:
        return phrase("the following arguments are required: {names}", names=match["names"])
    return message


def _of_argument(message: str) -> Phrase | str:
    """Say what is wrong with an argument, add what was meant, and name types as people do."""
    if (match := _CHOICE.fullmatch(message)) is not None:
        choices = [word.strip("'") for word in match["known"].split(", ")]
        return phrase(
            "invalid choice: {got} (choose from {known}).{hint}", got=match["got"],
            known=match["known"], hint=_hint(match["got"].strip("'"), choices),
        )  # fmt: skip
    if (match := _TYPE.fullmatch(message)) is not None:
        expected = TYPES.get(match["type"], OTHER)
        return phrase(expected.template, got=plain(match["got"], 80))
    if (match := _IGNORED.fullmatch(message)) is not None:
        return phrase("ignored explicit argument {got}", got=match["got"])
    return COUNTS.get(message, message)


def _hint(word: str, choices: Iterable[str]) -> Phrase | str:
    begun = [name for name in choices if name.startswith(word)] if word.strip("-") else []
    return did_you_mean(begun[0], begun) if begun else did_you_mean(word, choices)
