"""The lines of --help, in the language that is spoken: paragraphs are said, commands stay."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from rolloutlib.commands.worded import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

__all__ = ["HelpForm", "columns", "in_lines", "side_by_side", "to_the_right"]

WIDTH: Final = 100  # columns of a line
COMMAND, EXPLAINED = "  ", "      "  # how lines begin that are commands, and what those do


class HelpForm(argparse.RawDescriptionHelpFormatter):
    """Help as it is written, with lines that end where wide letters do."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """Say "usage:" as everything else is said."""
        super().add_usage(usage, actions, groups, worded("usage: ") if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)


def in_lines(text: str) -> str:
    """Return a description or an epilog: its paragraphs and explanations said, its commands kept.

    A line that begins with two blanks is a command, with six what the one above it does. English
    keeps the lines in which it was written.
    """
    return "\n".join(
        line for kind, lines in groupby(text.splitlines(), _kind) for line in _said(kind, [*lines])
    )


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if line.startswith(" ") and line.lstrip().startswith(
        "--"
    ):  # the end of a command that takes two lines
        return COMMAND
    return next((kind for kind in (EXPLAINED, COMMAND) if line.startswith(kind)), "")


def _said(kind: str, lines: list[str]) -> list[str]:
    if kind in {"blank", COMMAND}:
        return lines
    paragraph = " ".join(line.strip() for line in lines)
    translated = worded(paragraph)
    if translated == paragraph:
        return lines
    return [kind + line for line in wrapped(translated, WIDTH - len(kind))]


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of at most so many columns; a wide letter takes two.

    >>> wrapped("가나 다라 마바", 9)
    ['가나 다라', '마바']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if columns(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def to_the_right(text: str, width: int) -> str:
    """Return a text with blanks before it, so that it takes so many columns."""
    return " " * (width - columns(text)) + text


def side_by_side(cells: Sequence[tuple[str, str]], head: int, cell: int) -> Iterable[str]:
    """Yield lines of two commands each, with what they do.

    Args:
        cells: commands, and what each does.
        head: columns of a command.
        cell: columns of the first command of a line and what it does.
    """
    texts = [f"{command:<{head}}{worded(what)}" for command, what in cells]
    for first, second in zip(texts[::2], [*texts[1::2], ""], strict=False):
        yield f"  {first}{' ' * max(cell - columns(first), 1)}{second}".rstrip()
