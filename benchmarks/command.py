"""Whole commands: `rollout review` on the shipped example and its parts; a watch; a ledger."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Goal, Section, cells, measure, python, table

if TYPE_CHECKING:
    from benchmarks.harness import Size

WATCH_MOST = 1.5  # times the CPU of a review of the same runs
DAILY = ("2", "--runs", "data/examples/story/stage-2-daily", "--as-of")
FIRST_VERSION = 4.1  # seconds of CPU of the same command before there were columns
REVIEW = (
    Path(sys.executable).with_name("rollout"), "review", "2", "--runs", "data/examples/bfcl",
    "--control", "gpt-4o-2024-05-13-FC", "--treatment", "gpt-4o-2024-08-06-FC",
)  # fmt: skip
KERNEL = """
import nbformat
from nbclient import NotebookClient
cell = nbformat.v4.new_code_cell("1")
NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute()"""
WORK = """
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params
review_stage(review_params({"stage": 2, "runs": "data/examples/bfcl", "looks": "",
    "control": "gpt-4o-2024-05-13-FC", "treatment": "gpt-4o-2024-08-06-FC"}))"""
WORKED = "read, scan and judge, without notebook"
EXPLORED = "`rl.review`, a glance at it and a frame of pandas"
FACE_MOST = 1.2  # times the CPU of reading, scanning and judging alone
FACE = """
import rolloutlib as rl
arms = ("gpt-4o-2024-05-13-FC", "gpt-4o-2024-08-06-FC")
review = rl.review(2, "data/examples/bfcl", *arms, looks="")
review._repr_html_(), review.segments.to_pandas()"""
PARTS = {
    "bare Python": "",
    "import rolloutlib": "import rolloutlib",
    "a notebook's kernel, started and stopped": KERNEL,
    WORKED: WORK,
    EXPLORED: FACE,
}


def measured(size: Size) -> Section:
    """Measure the command and its parts, each as a process of its own."""
    with tempfile.TemporaryDirectory() as out:
        whole = measure(
            [*map(str, REVIEW), "--out", f"{out}/report", "--looks", f"{out}/looks.jsonl"],
            repeats=size.repeats,
        )
    parts = {
        name: measure(python("-c", code), repeats=size.repeats) for name, code in PARTS.items()
    }
    lines = [
        ("`rollout review` with its report", *cells(whole)),
        *((name, *cells(cost)) for name, cost in parts.items()),
    ]
    face = parts[EXPLORED].cpu / parts[WORKED].cpu
    goals = (
        Goal("CPU of the review of the shipped example", whole.cpu, FIRST_VERSION, "s"),
        Goal("CPU of `rl.review` against reading, scanning and judging alone", face, FACE_MOST),
    )
    body = (
        "Stage 2 on `data/examples/bfcl`, 1,700 rows an arm: the command as a user gives it, and\n"
        "what parts of it cost when each stands alone.\n\n"
        + table(("process", "CPU", "wall", "peak memory"), lines)
    )
    return Section("The whole command", body, goals)


def watch(size: Size) -> Section:
    """Measure a day's watch beside a review of the same runs."""
    rollout = str(Path(sys.executable).with_name("rollout"))
    with tempfile.TemporaryDirectory() as out:
        review = [rollout, "review", *DAILY, "2026-11-01T23:59+09:00", "--looks", ""]
        costs = [
            measure([*review, "--out", f"{out}/report"], repeats=size.repeats),
            measure([rollout, "watch", *DAILY, "2026-11-01", "--out", out], repeats=size.repeats),
        ]
    ratio = costs[1].cpu / costs[0].cpu
    goal = Goal("CPU of a watch against a review of the same runs", ratio, WATCH_MOST)
    names = ("`rollout review` of the fortnight", "`rollout watch` of its last day")
    lines = [(name, *cells(cost)) for name, cost in zip(names, costs, strict=True)]
    text = "Fourteen days of 60 people, about 240 samples an arm and day; both with their pages."
    body = table(("process", "CPU", "wall", "peak memory"), lines)
    return Section("A day's watch", f"{text}\n\n{body}", (goal,))


def ledger() -> Section:
    """Time a ledger; what it prints are wall seconds of single steps in one process."""
    cost = measure(python("-m", "benchmarks.ledger"), repeats=1)
    return Section("The ledger", f"```text\n{cost.printed.strip()}\n```")
