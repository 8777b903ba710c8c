"""The `rollout` command: parse, call one function, print, exit code."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from rolloutlib import __version__
from rolloutlib.commands import engine, flags, ingest, ledger, plan, plan_page, review
from rolloutlib.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

STORY = """\
a rollout, step by step:
  rollout plan      what a stage can prove, in advance   rollout bench     the paired mini benchmark
  rollout ingest    store runs by day, with their sums   rollout risks     which risk signals fire
  rollout review    judge a stage's runs, report
  rollout decide    draft the decision and its card      rollout sign      by role; rollout verify
  rollout promote   move the flags of a verified GO      rollout rollback  take it all back, at once

rollout COMMAND --help teaches each of them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a known error is a sentence on stderr."""
    with _whoever_listens():
        try:
            arguments = _parser().parse_args(argv)
            code = arguments.call(arguments)
            sys.stdout.flush()
        except RolloutError as error:
            print(f"rollout: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("rollout: interrupted; nothing was decided", file=sys.stderr)
            return 1
    return code


class _Patient:
    """A stream whose reader may leave (`rollout … | head`): what is left to do is still done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._unless_broken(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._unless_broken(self._stream.flush)

    def _unless_broken(self, speak: Callable[[], object]) -> None:
        try:
            speak()
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # for what Python flushes when it ends, too
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                what = f"{self._stream.name} cannot be written: {error.strerror}"
                raise RolloutError(what) from None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


@contextmanager
def _whoever_listens() -> Generator[None]:
    """Let both streams lose their reader, from the first word (`--help`) to the last flush."""
    out, err = (cast("TextIO", _Patient(stream)) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            for stream in (out, err):
                with suppress(RolloutError):
                    stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rollout", description="Decide staged rollouts of AI features, and prove why.",
        epilog=STORY, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"rollout {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in (plan, plan_page, ingest, review, ledger, flags, engine):
        group.add(commands)
    return parser
