"""What the commands share: how a command and its options are declared, and how it speaks."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from rolloutlib.commands.exits import told
from rolloutlib.commands.helping import in_lines
from rolloutlib.commands.language import LANGUAGES, OPTION, before_command, of_reports
from rolloutlib.commands.worded import worded
from rolloutlib.phrase import phrase
from rolloutlib.text import plain, terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rolloutlib.commands.worded import Sayable
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.model import Plan


LINE = 10_000  # characters of a line; a record with many findings has long ones
OUTPUTS = ("out", "into", "junit", "markdown")  # options that name what a command writes
DATA = frozenset({"bench", "ingest", "source"})  # commands that write what others read
MOST = 2**53  # the largest whole number up to which JSON keeps each


class Option(NamedTuple):
    """One option or argument, as argparse takes it."""

    name: str
    settings: dict[str, Any]


def option(spec: str, help_: str | Phrase = "", **settings: Any) -> Option:
    """Declare an option by name and metavar, such as `--out DIR`; its help tells its default.

    Its help is said when the command is added: in the language of that call.
    """
    name, _, metavar = spec.partition(" ")
    if metavar:
        settings["metavar"] = metavar
    if settings.get("default") and "default" not in str(help_):
        text = phrase(help_) if isinstance(help_, str) else help_
        default = str(settings["default"])
        help_ = phrase("{help} (default: {default})", help=text, default=default.replace("%", "%%"))
        if not str(text):
            help_ = phrase("default: {default}", default=default)
    return Option(name, {"help": help_ or None, **settings})


def lang(of: str) -> Option:
    """Declare --lang: the language of something, and of what is printed meanwhile."""
    help_ = phrase("language of {of}", of=phrase(of))
    return option(OPTION, help_, choices=LANGUAGES, default=of_reports())


def lang_unless_told(of: str) -> Option:
    """Declare --lang of what has parameters in a file, which name its language else."""
    default = of_reports()
    help_ = phrase(
        "language of {of} (default: as its parameters say, else {lang})",
        of=phrase(of), lang=default,
    )  # fmt: skip
    if before_command():
        help_ = phrase("language of {of} (default: {lang})", of=phrase(of), lang=default)
    return option(OPTION, help_, choices=LANGUAGES)


def command(
    commands: Any,
    name: str,
    call: Callable[[argparse.Namespace], int],
    summary: str,
    *options: Option,
    description: str = "",
    epilog: str = "",
) -> None:
    """Add a command to the parser's sub-commands; all its help is in the language of this call.

    Args:
        commands: what `add_subparsers` returned.
        name: the command's name.
        call: what it does; returns the exit code.
        summary: one line for the list of commands; also the description where there is no other.
        options: its options and arguments.
        description: what it does, in lines as they are to be shown.
        epilog: examples and exit codes, likewise.
    """
    short = worded(summary)
    about = in_lines(description) if description else f"{short[0].upper()}{short[1:]}."
    codes = "" if "Exit code" in description + epilog else told(name)
    ends = "\n\n".join(filter(None, (in_lines(epilog), codes)))
    parser = commands.add_parser(name, help=short, description=about, epilog=ends)
    for argument in _with_language(options):
        help_ = argument.settings["help"]
        parser.add_argument(argument.name, **{**argument.settings, "help": help_ and worded(help_)})
    parser.set_defaults(call=call, parser=parser)


def group(
    commands: Any, name: str, summary: str, *, of: str = "commands", each: str = "COMMAND"
) -> Any:
    """Add a command that has commands itself; return what takes them.

    Args:
        commands: what `add_subparsers` returned.
        name: the command's name.
        summary: one line for the list of commands.
        of: the heading of its own list.
        each: what one of them is called in the usage.
    """
    parser = commands.add_parser(name, help=worded(summary))
    return parser.add_subparsers(title=worded(of), required=True, metavar=each)


def _with_language(options: tuple[Option, ...]) -> tuple[Option, ...]:
    """Let every command be told in which language it speaks."""
    if any(each.name == OPTION for each in options):
        return options
    return (*options, option(OPTION, "language of what it prints", choices=LANGUAGES))


def whole(least: int, most: int = MOST) -> Callable[[str], int]:
    """Return a reader of whole numbers, by default up to what every format holds exactly."""

    def read(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(MOST))
        if not digits or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(_no_whole_number(text[:80], least, most))
        return int(text)

    return read


def _no_whole_number(got: str, least: int, most: int) -> str:
    if most < MOST:
        return worded(
            "{got!r} is no whole number from {least} to {most:,}", got=got, least=least, most=most
        )
    return worded("{got!r} is no whole number of at least {least}", got=got, least=least)


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers within a range."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            outside = worded(
                "{got!r} is no number from {low:g} to {high:g}", got=text, low=low, high=high
            )
            raise argparse.ArgumentTypeError(outside)
        return value

    return read


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options of these names that were given."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def refuse_outputs(arguments: argparse.Namespace) -> None:
    """Refuse an output that would lie among the workbook's own records, before anything is done."""
    of = arguments.parser.prog.split()[-1]
    for name in OUTPUTS:
        path = getattr(arguments, name, None)
        if path and str(path) != "-" and of != "publish":  # which has OUT, and a stricter rule
            from pathlib import Path

            from rolloutlib.show.owned import refuse_inner

            refuse_inner(Path(path), f"--{name}", "data" if of in DATA else "reports")


def say(text: Sayable, /, **values: object) -> None:
    """Print one line, whatever names and values it holds: none of them ends it or moves on.

    Args:
        text: a literal template, or what was worded before.
        values: what fills the template.
    """
    sys.stdout.write(f"{plain(worded(text, **values), most=LINE)}\n")


def say_lines(text: str) -> None:
    """Print lines: a table, or what else was cleaned part by part."""
    sys.stdout.write(f"{terminal(text, most=LINE)}\n")


def complain(text: Sayable, /, **values: object) -> None:
    """Print what a person has to know on standard error; what hides or acts in it is escaped."""
    sys.stderr.write(f"rollout: {terminal(worded(text, **values))}\n")


def now() -> datetime:
    """Return the clock's reading."""
    return datetime.now(UTC).replace(microsecond=0)


def from_here(path: str, root: Path) -> str:
    """Return a path as parameters hold it: those of the command line are the caller's."""
    absolute = (type(root).cwd() / path).resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)


def workbook() -> tuple[Path, Plan]:
    """Return the root of the workbook that the caller stands in, and its plan."""
    from rolloutlib.plan.model import load_plan
    from rolloutlib.plan.workbook import workbook_root

    root = workbook_root()
    return root, load_plan(root / "params" / "plan.yaml")
