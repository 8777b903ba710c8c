"""Who climbs the plan's ladder, stage 0 to 3: simulated rollouts → the table of docs/statistics.md.

Run by `make ladder` (1,000 rollouts a candidate: some minutes on two cores). Users, samples, runs,
looks, proof limits and what is carried are those of params/plan.yaml.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.rollouts import PORTION, Ladder, planned, portion
from benchmarks.statistics_page import ROOT, arguments, write
from rolloutlib.plan.model import load_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Climbed = dict[str, NDArray[np.int64]]

SPREADS: Final = (0.0, 0.005, 0.01)
MARKS: Final = ("<!-- ladder: written by `make ladder` -->", "<!-- ladder: end -->")
NAMES: Final = {
    "better": "clearly better", "equal": "equal, faster, a third of the issues",
    "design": "exactly as designed",
}  # fmt: skip


def climbed(
    ladders: dict[str, Ladder], rollouts: int, workers: int
) -> Iterator[tuple[str, Climbed]]:
    """Yield each ladder's candidates with the stages that every rollout climbed.

    Args:
        ladders: by name.
        rollouts: of each candidate.
        workers: processes.
    """
    plan = load_plan(ROOT / "params" / "plan.yaml")
    portions = max(round(rollouts / PORTION), 1)
    size = min(rollouts, PORTION)
    with ProcessPoolExecutor(workers) as pool:
        for name, ladder in ladders.items():
            tasks = [pool.submit(portion, ladder, plan, k, size) for k in range(portions)]
            for done, _ in enumerate(as_completed(tasks), 1):
                print(f"\r{name}: {done} of {portions}  ", end="", file=sys.stderr, flush=True)
            parts = [task.result() for task in tasks]
            yield name, {who: np.concatenate([part[who] for part in parts]) for who in parts[0]}
    print(file=sys.stderr)


def table(name: str, stages_by_candidate: Climbed) -> str:
    """Return a ladder's table: who has climbed how many stages, in percent."""
    titles = load_plan(ROOT / "params" / "plan.yaml").gates
    lines = [f"| {name}: the candidate is … | 0 | 0 → 1 | 0 → 2 | 0 → 3 |",
             "| --- | --: | --: | --: | --: |"]  # fmt: skip
    for who, stages in stages_by_candidate.items():
        gate = who.partition(":")[2]
        title = NAMES.get(who) or f"at the plan's limit: {titles[gate].title.lower()}"
        shares = (f"{100 * np.mean(stages >= k):.1f}" for k in range(1, 5))
        lines.append(f"| {title} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> int:
    """Simulate, print the tables, and put them into the page."""
    options = arguments(
        "python -m benchmarks.ladder", __doc__, rollouts=1000, of="of each candidate"
    )
    plan, started = load_plan(ROOT / "params" / "plan.yaml"), time.perf_counter()
    ladders = {f"runs differ by {100 * sd:g} pp": planned(plan, run_sd=sd) for sd in SPREADS}
    ladders["same flags throughout"] = planned(plan, same=True)
    ladders["three looks at stage 3"] = planned(plan, looks=3)
    tables: list[str] = []
    for name, stages_by_candidate in climbed(ladders, options.rollouts, options.workers):
        tables.append(table(name, stages_by_candidate))
        print(f"\n{tables[-1]}\n", flush=True)
    print(f"{options.rollouts:,} rollouts a candidate; {time.perf_counter() - started:.0f} s")
    if not options.dry:
        write(tables, MARKS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
