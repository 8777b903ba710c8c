"""Every benchmark in turn: `make bench` (QUICK=1: shorter, printed only; BIG=1: 100 M rows too)."""

from __future__ import annotations

import os
import sys

from benchmarks import command, days, formats, page, read_runs, rows
from benchmarks.harness import Size

size = Size(big=bool(os.environ.get("BIG")), quick=bool(os.environ.get("QUICK")))
of_rows, costs = rows.measured(size)
sections = [
    of_rows,
    formats.measured(size),
    days.measured(size),
    command.measured(size),
    command.watch(size),
    read_runs.measured(size),
]
if not size.quick:
    sections.append(command.ledger())
print(page.markdown(sections))
if not size.quick:
    page.write(sections, costs)
missed = [
    goal.sentence for section in sections for goal in section.goals if goal.figure > goal.most
]
if missed:
    print("missed:", *missed, sep="\n  ", file=sys.stderr)
