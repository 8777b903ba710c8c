"""How often the shipped policy errs: simulated worlds → docs/calibration.md, .csv and a chart.

Run by `make calibrate` (2,000 repetitions; REPETITIONS=300: half an hour on two busy cores). The
worlds are those of benchmarks/worlds; the reviews' own policy judges them, thousands at once.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.calibration_harm import Harm, harm
from benchmarks.calibration_judge import judged
from benchmarks.calibration_page import Results, Row, write
from benchmarks.calibration_worlds import World, grid
from rolloutlib.errors import RolloutError
from rolloutlib.plan.model import load_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
SEED = 20261122
FEWEST = 100  # repetitions of a world


def row(place: int, repetitions: int) -> Row:
    """Simulate a world of the grid at its stage's limit and at the design alternative."""
    world, plan = grid()[place], load_plan(ROOT / "params" / "plan.yaml")
    gate, limits = plan.gates[world.gate], plan.profile("default")
    times = max(round(repetitions * world.share), min(FEWEST, repetitions))
    truths = (gate.proof_limit(world.stage, limits), gate.design_alternative(limits))
    started = time.process_time()
    at_limit, designed = (
        judged(world, plan, truth, np.random.default_rng((SEED, place, k)), times)
        for k, truth in enumerate(truths)
    )
    return Row(
        world.family, world.title, world.gate, world.stage, times,
        false_go=float(at_limit.passed.mean()), false_no_go=float(at_limit.failed.mean()),
        power=float(designed.passed.mean()), seconds=time.process_time() - started,
    )  # fmt: skip


def run(worlds: Sequence[World], repetitions: int, workers: int) -> tuple[list[Row], list[Harm]]:
    """Return every world's row in the grid's order, and the harm tests; say how far it is."""
    days = [(kind, users, icc) for kind in ("nested", "crossed") for users in (10, 30, 100)
            for icc in (0.0, 0.05, 0.2)]  # fmt: skip
    with ProcessPoolExecutor(workers) as pool:
        tasks = {pool.submit(row, place, repetitions): place for place in range(len(worlds))}
        harms = [pool.submit(harm, *which, repetitions, (SEED + 1, k))
                 for k, which in enumerate(days)]  # fmt: skip
        rows: dict[int, Row] = {}
        for task in as_completed(tasks):
            rows[tasks[task]] = task.result()
            print(f"\r{len(rows)} of {len(worlds)} worlds", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return [rows[place] for place in sorted(rows)], [task.result() for task in harms]


def main() -> int:
    """Simulate the grid and write the pages."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "--repetitions", type=int, default=2000, metavar="N",
        help="of a world; costly ones get a share of them (default: 2000)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="processes (default: 2)"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs", metavar="DIR",
        help="folder of calibration.md, calibration.csv and images/ (default: docs)",
    )  # fmt: skip
    arguments = parser.parse_args()
    started = time.perf_counter()
    try:
        rows, harms = run(grid(), arguments.repetitions, arguments.workers)
    except RolloutError as error:
        print(error, file=sys.stderr)
        return 1
    (arguments.out / "images").mkdir(parents=True, exist_ok=True)
    write(Results(rows, harms, time.perf_counter() - started), arguments.out)
    beyond = [each for each in rows if each.is_beyond]
    print(f"{len(rows)} worlds, {len(beyond)} beyond 7 %; {time.perf_counter() - started:.0f} s")
    for each in sorted(beyond, key=lambda row: -row.false_go):
        print(f"  {each.false_go:.1%}  {each.gate}, stage {each.stage}: {each.world}")
    print(f"see {arguments.out / 'calibration.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
