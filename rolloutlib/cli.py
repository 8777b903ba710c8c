"""The `rollout` command: parse, call one function, print, exit code.

Nothing is imported up here, so that an interruption during the imports is told like any other.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.commands.parsing import Parser

SPOKEN: Final = (
    "language of what is printed and written (default: ROLLOUT_LANG, LC_ALL, LC_MESSAGES or LANG, "
    "else en)"
)
FILES: Final = (
    ("rollout compare", "is B as good as A? one report"),
    ("rollout source", "what their columns mean"),
)
STEPS: Final = (
    ("rollout plan", "what a stage can prove, in advance"),
    ("rollout bench", "the paired mini benchmark"),
    ("rollout ingest", "store runs by day, with their sums"),
    ("rollout risks", "which risk signals fire"),
    ("rollout review", "judge a stage's runs, report"),
    ("rollout watch", "day by day, alarms first"),
    ("rollout slides", "the report's page as a PDF"),
    ("rollout history", "every review, over time"),
    ("rollout decide", "draft the decision and its card"),
    ("rollout sign", "by role; rollout verify"),
    ("rollout promote", "move the flags of a verified GO"),
    ("rollout rollback", "take it all back, at once"),
    ("rollout incident", "what went wrong, and until when"),
    ("rollout knobs", "turn what a risk names"),
    ("rollout schedule", "files for cron, Airflow …"),
    ("rollout notify", "who is told; try it"),
    ("rollout publish", "pages for a static host, a feed"),
)
COMMON: Final = """\
rollout COMMAND --help teaches each of them, with its exit codes. All have in common:
0 done, 1 failure, 2 wrong usage, 130 interrupted. ROLLOUT_TRACEBACK=1 tells more of a failure."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; whatever stops it is a sentence on stderr.

    Args:
        argv: the arguments. Without them they are the process's own, and so are its signals,
            warnings and streams.

    Raises:
        SystemExit: after help, or after a mistake in the call (exit code 2).
    """
    try:
        if argv is not None:
            return _run(argv)
        from rolloutlib.commands.process import own_process

        with own_process():
            return _run(sys.argv[1:])
    except KeyboardInterrupt as error:  # before what says it better was there, or while it spoke
        sys.stderr.write("rollout: interrupted before all was done; run the same command again\n")
        return 128 + getattr(error, "number", 2)


def _run(argv: Sequence[str]) -> int:
    from rolloutlib.commands.language import spoken_in
    from rolloutlib.commands.options import refuse_outputs
    from rolloutlib.commands.streams import patient_streams
    from rolloutlib.commands.typed import as_typed

    with patient_streams() as (out, _), spoken_in(argv):
        try:
            arguments = _parser().parse_args(argv)
            with as_typed(arguments):
                refuse_outputs(arguments)
                code: int = arguments.call(arguments)
        except SystemExit as ended:
            out.flush()
            if out.failure is None:
                raise
            code = int(ended.code or 0)
        except BaseException as error:  # noqa: BLE001 -- the one place below which nothing may pass
            code = _fail(error)
        out.flush()
        return code if out.failure is None else _unread(out.failure, code)


def _fail(error: BaseException) -> int:
    """Say what stopped the command; return the exit code."""
    import os

    from rolloutlib.commands.failures import SHOW, failure_of
    from rolloutlib.commands.options import complain

    sys.stdout.flush()
    failure = failure_of(error)
    complain(failure.sentence)
    if SHOW in os.environ:
        from traceback import print_exception

        print_exception(error)
    return failure.code


def _unread(failure: OSError, code: int) -> int:
    """Say that what the command printed is lost, and how it ended; return the exit code."""
    from rolloutlib.commands.options import complain

    complain(
        "standard output cannot be written: {why}; the command itself ended with exit code {code}, "
        "and what it did stands", why=failure, code=code,
    )  # fmt: skip
    return code if code not in {0, 10, 20, 30, 40} else 1


def _story() -> str:
    """Return which commands there are, in the order in which a rollout needs them."""
    from rolloutlib.commands.helping import in_lines, side_by_side
    from rolloutlib.commands.worded import worded

    return "\n".join(
        (
            worded("two files of an eval tool, and nothing else:"),
            *side_by_side(FILES, head=18, cell=55),
            "",
            worded("a rollout, step by step:"),
            *side_by_side(STEPS, head=18, cell=55),
            "",
            in_lines(COMMON),
        )
    )


def _groups() -> tuple[Any, ...]:
    """Return the modules of the commands, in the order in which help lists them."""
    from rolloutlib.commands import (
        check_pr,
        compare,
        engine,
        evidence,
        flags,
        history,
        incident,
        ingest,
        keys,
        knobs,
        ledger,
        notify,
        plan,
        plan_page,
        publish,
        retrospective,
        review,
        runlogs,
        schedule,
        slides,
        source,
        watch,
    )

    return (
        plan, plan_page, source, compare, ingest, evidence, review, slides, watch, ledger, keys,
        flags, engine, notify, incident, runlogs, knobs, schedule, check_pr, retrospective, history,
        publish,
    )  # fmt: skip


def _parser() -> Parser:
    from rolloutlib import __version__
    from rolloutlib.commands.language import LANGUAGES
    from rolloutlib.commands.parsing import Parser
    from rolloutlib.commands.worded import worded

    about = worded("Decide staged rollouts of AI features, and prove why.")
    parser = Parser(prog="rollout", description=about, epilog=_story())
    shown = worded("show program's version number and exit")
    version = f"rollout {__version__}"
    parser.add_argument("--version", action="version", version=version, help=shown)
    parser.add_argument("--lang", choices=LANGUAGES, dest="spoken", help=worded(SPOKEN))
    title = worded("commands")
    commands = parser.add_subparsers(title=title, required=True, metavar="COMMAND")
    for group in _groups():
        group.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
