"""`rollout ingest`: runs → stored days, which reviews read instead of rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.helping import columns, to_the_right
from rolloutlib.commands.options import command, option, say, workbook
from rolloutlib.commands.worded import worded
from rolloutlib.errors import RunsError, UsageError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from rolloutlib.measure.store import Ingested

INGEST = """\
Store runs by the day of their start (UTC): each day's samples as Parquet, and their sums beside
them. A review of the store reads sums, a tenth of the work; it gives what a review of the runs
gives. What comes again replaces what it touches; what is stored already is not read again; an
ingest that was killed is run again."""
EXAMPLES = """\
examples:
  rollout ingest runs/
      new and changed files of runs/ into data/store
  rollout ingest export.parquet --source export.yaml --into data/beta
      a flat table that a source.yaml explains, into a store of its own
  rollout review 3 --runs data/store --days 7
      then: the last seven days of the store

The store holds date=YYYY-MM-DD/ (runs without a time: date=undated/), quarantine/ with the rows
that were refused, and store.json. Every row that is read is kept or quarantined.

Exit code: 0 stored, or stored already; 2 wrong usage; 1 failure, and the store is as it was."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "ingest", _ingest, "store runs by day, with their sums, for quick reviews",
        option("runs RUNS", "file or folder of runs", type=Path),
        option("--source FILE", "source.yaml that explains flat tables (default: beside the runs)",
               type=Path),
        option("--into DIR", "the store", type=Path, default="data/store"),
        option("--stage STAGE", "for runs that tell their arm by their flags only: leave out runs "
               "of other stages", type=int, choices=range(5)),
        description=INGEST, epilog=EXAMPLES,
    )  # fmt: skip


def _ingest(arguments: argparse.Namespace) -> int:
    import duckdb

    from rolloutlib.measure.store import ingest

    if arguments.source is not None and not arguments.source.is_file():
        raise UsageError("--source {path}: there is no such file", path=arguments.source)
    plan, stage = workbook()[1], arguments.stage
    try:
        ingested = ingest(
            arguments.runs, arguments.into, plan, source=arguments.source, stage=stage,
            flags_arms=None if stage is None else plan.flags_of_arms(stage),
            on_progress=_progress(),
        )  # fmt: skip
    except duckdb.Error as error:  # a cell that nothing had read before
        why = str(error).splitlines()[0]
        raise RunsError(
            "the samples cannot be read: {why}; write the file again", why=why
        ) from None
    for line in _summary(ingested, arguments.into):
        say(line)
    return 0


def _progress() -> Callable[[str, int, int], None]:
    """Return what tells the progress, where a person looks on."""

    def tell(what: str, done: int, among: int) -> None:
        end = "\n" if done == among else ""
        counted = worded("{what}: {done:,} of {all:,}", what=phrase(what), done=done, all=among)
        sys.stderr.write(f"\r{counted}{end}")
        sys.stderr.flush()

    return tell if sys.stderr.isatty() else lambda _what, _done, _among: None


def _summary(ingested: Ingested, into: Path) -> list[str]:
    read, usable, refused, copies = ingested.account
    day, of_runs, samples = worded("day"), worded("runs"), worded("samples")
    head = day + to_the_right(of_runs, 20 - columns(day)) + to_the_right(samples, 12)
    lines = [head] if ingested.days else []
    lines += [f"{date:12}{runs:>8,}{rows:>12,}" for date, (runs, rows) in ingested.days.items()]
    if ingested.known:
        already_stored = worded(
            "{n:,} files were already stored and not read again", n=ingested.known
        )
        lines.append(already_stored)
    if ingested.inputs:
        repeated = phrase(" + {n:,} copies", n=copies) if copies else ""
        account = worded(
            "{read:,} rows read = {kept:,} kept + {refused:,} quarantined{copies}",
            read=read, kept=usable, refused=refused, copies=repeated,
        )  # fmt: skip
        lines.append(account)
    if refused:
        lines.append(worded("the refused rows and why: {folder}", folder=into / "quarantine"))
    if ingested.replaced:
        replaced = worded("{n:,} runs replaced what was stored of them", n=ingested.replaced)
        lines.append(replaced)
    command = f"rollout review STAGE --runs {into}"
    return [*lines, worded("{command} reads the sums", command=command)]
