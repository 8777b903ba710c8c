"""Where the time of one review goes: imports, the notebook's kernel, the work itself, rendering.

Usage: python -m benchmarks.review [--repeats 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
REVIEW = (
    "import sys; from rolloutlib.cli import main; main(["
    "'review', '2', '--runs', 'data/examples/bfcl', '--control',"
    "'gpt-4o-2024-05-13-FC', '--treatment', 'gpt-4o-2024-08-06-FC',"
    "'--out', sys.argv[1], '--looks', sys.argv[1] + '/looks'])"
)
WORK = """
from time import perf_counter as now
from rolloutlib.show import breakdowns, charts, curves, report
from rolloutlib.plan.params import review_params
from rolloutlib.judge.review import review_stage
import narwhals, duckdb, vl_convert
start = now()
review = review_stage(review_params({"stage": 2, "runs": "data/examples/bfcl", "control": "gpt-4o-2024-05-13-FC",
                                     "treatment": "gpt-4o-2024-08-06-FC"}))
judged = now()
for chart in (charts.forest, curves.pass_rate_by_run, curves.latency_ecdf,
              breakdowns.issues_before_after, breakdowns.segments):
    figure = chart(review, "en")
    figure.svg(), figure.svg(narrow=True)
print(judged - start, now() - judged)
"""
KERNEL = """
import nbformat, tempfile
from nbclient import NotebookClient
from time import perf_counter as now
start = now()
NotebookClient(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), kernel_name="python3").execute()
print(now() - start)
"""
IMPORTS = {
    "bare Python": "",
    "import rolloutlib": "import rolloutlib",
    "imports of the command": (
        "import sys; sys.modules['rfc3987_syntax'] = None; import papermill, rolloutlib.show.notebooks, rolloutlib.plan.params"
    ),
    "imports of the notebook": "import rolloutlib.show.charts, rolloutlib.show.report, rolloutlib.judge.review, duckdb, narwhals",
}


def main(argv: list[str] | None = None) -> None:
    """Print the wall time of a review and of its parts, each measured on its own in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args(argv).repeats
    with tempfile.TemporaryDirectory() as out:
        whole = median(_seconds(REVIEW, out) for _ in range(repeats))
    parts = {name: median(_seconds(code) for _ in range(repeats)) for name, code in IMPORTS.items()}
    judged, drawn = (
        median(times) for times in zip(*(_printed(WORK) for _ in range(repeats)), strict=True)
    )
    kernel = median(_printed(KERNEL)[0] for _ in range(repeats))
    rows = parts | {
        "kernel: start and stop": kernel,
        "work: read, scan, judge": judged,
        "work: draw": drawn,
    }
    print(
        f"one review of the shipped example: {whole:.2f} s wall, median of {repeats}; its parts, each on its own:"
    )
    for name, seconds in rows.items():
        print(f"{name:<30} {seconds:6.2f} s   {seconds / whole:5.0%}")


def _seconds(code: str, *arguments: str) -> float:
    start = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, capture_output=True
    )
    return perf_counter() - start


def _printed(code: str) -> list[float]:
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [float(word) for word in ran.stdout.split()]


if __name__ == "__main__":
    main()
