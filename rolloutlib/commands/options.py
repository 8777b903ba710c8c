"""What the commands share: how a command and its options are declared, and how it speaks."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.commands.exits import told
from rolloutlib.text import plain, terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.plan.model import Plan


LINE = 10_000  # characters of a line; a record with many findings has long ones
MOST = 2**53  # the largest whole number up to which JSON keeps each


class Option(NamedTuple):
    """One option or argument, as argparse takes it."""

    name: str
    settings: dict[str, Any]


def option(spec: str, help_: str = "", **settings: Any) -> Option:
    """Declare an option by name and metavar, such as `--out DIR`; its help tells its default."""
    name, _, metavar = spec.partition(" ")
    if metavar:
        settings["metavar"] = metavar
    if settings.get("default") and "default" not in help_:
        help_ = f"{help_} (default: {settings['default']})".lstrip()
    return Option(name, {"help": help_ or None, **settings})


def lang(of: str) -> Option:
    """Declare --lang: the language of something."""
    return option("--lang", f"language of {of}", choices=("en", "ko"), default="en")


def command(
    commands: Any,
    name: str,
    call: Callable[[argparse.Namespace], int],
    summary: str,
    *options: Option,
    description: str = "",
    epilog: str = "",
) -> None:
    """Add a command to the parser's sub-commands.

    Args:
        commands: what `add_subparsers` returned.
        name: the command's name.
        call: what it does; returns the exit code.
        summary: one line for the list of commands; also the description where there is no other.
        options: its options and arguments.
        description: what it does, in lines as they are to be shown.
        epilog: examples and exit codes, likewise.
    """
    about = description or f"{summary[0].upper()}{summary[1:]}."
    codes = "" if "Exit code" in about + epilog else told(name)
    ends = "\n\n".join(filter(None, (epilog, codes)))
    parser = commands.add_parser(name, help=summary, description=about, epilog=ends)
    for argument in options:
        parser.add_argument(argument.name, **argument.settings)
    parser.set_defaults(call=call, parser=parser)


def whole(least: int, most: int = MOST) -> Callable[[str], int]:
    """Return a reader of whole numbers, by default up to what every format holds exactly."""

    def read(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(MOST))
        if not digits or not least <= int(text) <= most:
            range_ = f"from {least} to {most:,}" if most < MOST else f"of at least {least}"
            raise argparse.ArgumentTypeError(f"{text[:80]!r} is no whole number {range_}")
        return int(text)

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers within a range."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return value

    return read


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options of these names that were given."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def say(text: str) -> None:
    """Print one line, whatever names and values it holds: none of them ends it or moves on."""
    sys.stdout.write(f"{plain(text, most=LINE)}\n")


def say_lines(text: str) -> None:
    """Print lines: a table, or what else was cleaned part by part."""
    sys.stdout.write(f"{terminal(text, most=LINE)}\n")


def complain(sentence: str) -> None:
    """Print what a person has to know on standard error; what hides or acts in it is escaped."""
    sys.stderr.write(f"rollout: {terminal(sentence)}\n")


def now() -> datetime:
    """Return the clock's reading."""
    return datetime.now(UTC).replace(microsecond=0)


def from_here(path: str, root: Path) -> str:
    """Return a path as parameters hold it: those of the command line are the caller's."""
    absolute = (type(root).cwd() / path).resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)


def workbook() -> tuple[Path, Plan]:
    """Return the root of the workbook that the caller stands in, and its plan."""
    from rolloutlib.plan.model import load_plan, workbook_root

    root = workbook_root()
    return root, load_plan(root / "params" / "plan.yaml")
