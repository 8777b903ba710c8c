"""The `rollout` command: parse, call one function, print, exit code."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rolloutlib import __version__
from rolloutlib.commands import engine, flags, ingest, ledger, plan, plan_page, review
from rolloutlib.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    arguments = _parser().parse_args(argv)
    try:
        return arguments.call(arguments)
    except RolloutError as error:
        print(f"rollout: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("rollout: interrupted; nothing was decided", file=sys.stderr)
        return 1


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
