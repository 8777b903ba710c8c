"""What a process costs: each measurement is a process of its own, and the kernel counts its use.

This module stays light: a child's peak memory starts at its parent's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parents[1]
RESULTS = (0, 10, 20, 30, 40)  # exit codes of reviews and watches


class Size(NamedTuple):
    """How much is measured: `big` adds 100 M rows, `quick` leaves out 10 M and repeats nothing."""

    big: bool = False
    quick: bool = False

    @property
    def repeats(self) -> int:
        """How often each process runs."""
        return 1 if self.quick else 3


class Cost(NamedTuple):
    """CPU (user and system) and wall in seconds, peak resident memory in MB, what was printed."""

    cpu: float
    wall: float
    peak: float
    printed: str = ""


class Goal(NamedTuple):
    """A promise: a figure and the most that it may be."""

    sentence: str
    figure: float
    most: float
    unit: str = "×"


class Section(NamedTuple):
    """One question's part of the page, and the goals that it measured."""

    title: str
    body: str
    goals: tuple[Goal, ...] = ()


def python(*arguments: object) -> list[str]:
    """Return the command that runs this interpreter."""
    return [sys.executable, *map(str, arguments)]


def measure(command: Sequence[str], *, repeats: int = 3) -> Cost:
    """Run a command so often and return the median of each figure (of memory the highest).

    Raises:
        SystemExit: the command failed; its last lines are shown.
    """
    costs = [_run(command) for _ in range(repeats)]
    cpu, wall = median(cost.cpu for cost in costs), median(cost.wall for cost in costs)
    cost = Cost(cpu, wall, max(cost.peak for cost in costs), costs[-1].printed)
    named = " ".join(Path(word.splitlines()[0] if word else "").name for word in command[1:])
    print(
        f"  {cost.cpu:8.2f} s CPU  {cost.peak:6.0f} MB  {named[:90]}", file=sys.stderr, flush=True
    )
    return cost


def _run(command: Sequence[str]) -> Cost:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in RESULTS:
            err.seek(0)
            last = err.read().decode(errors="replace").splitlines()[-15:]
            sys.exit("\n".join([f"{' '.join(command)} gave {process.returncode}:", *last]))
        out.seek(0)
        printed = out.read().decode(errors="replace")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, printed)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def cells(cost: Cost) -> tuple[str, str, str]:
    """Return a cost as the cells of a table."""
    return f"{cost.cpu:.2f} s", f"{cost.wall:.2f} s", f"{cost.peak:,.0f} MB"
