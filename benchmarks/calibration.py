"""How often the shipped policy errs: simulated worlds → docs/calibration.md, .csv and a chart.

Run by `make calibrate` (2,000 repetitions take a few minutes on two cores). The worlds are judged
by the reviews' own policy (rolloutlib.measure.methods), thousands of repetitions at once.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from benchmarks.calibration_page import BALANCED, HARD, MORE, TRUTHS, Harm, Results, Row, write
from rolloutlib.forecast.chances import CONTROL, judge_many, truths_of
from rolloutlib.forecast.worlds import Truth, layout, simulate
from rolloutlib.plan.model import load_plan
from rolloutlib.stats import clusters, sequential

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.forecast.chances import Judged
    from rolloutlib.forecast.worlds import Layout
    from rolloutlib.plan.model import Plan, StageId

ROOT = Path(__file__).resolve().parents[1]
SEED = 20261122
DAYS, DAILY = 14, 5  # looks of the harm test, and a user's samples a day


@dataclass(frozen=True, slots=True)
class World:
    """One layout of the grid with the stage whose limits apply.

    `hard` is below 10 or unbalanced clusters.
    """

    name: str
    study: Layout
    stage: StageId
    hard: bool


def grid() -> list[World]:
    """Return every layout: four designs, 5–100 users, correlation 0–.2, unequal sizes, 2 .

    1, missing rows.
    """
    worlds: list[World] = []
    stage_of: dict[int, StageId] = {5: 0, 10: 0, 30: 1, 90: 0, 100: 2, 300: 1, 1000: 2}
    for users in (5, 10, 30, 100):
        for icc in (0.0, 0.05, 0.2):
            small, base = users < 10, f"{users} users, correlation {icc:g}"  # noqa: PLR2004
            own = partial(layout, icc=icc)
            variants = {
                "nested": own("nested", users, 20),
                "nested, unequal sizes": own("nested", users, 20, spread=0.5),
                "nested, control 2 : 1": own("nested", users, 20, ratio=2),
                "crossed": own("crossed", users, 20),
                "crossed, unequal sizes, 10 % missing": own(
                    "crossed", users, 20, spread=0.5, missing=0.1
                ),
            }
            if not small:
                variants["nested, treatment 2 : 1"] = own("nested", users, 20, ratio=0.5)
            worlds += [
                World(f"{kind}: {base}", study, stage_of[users], small or "," in kind)
                for kind, study in variants.items()
            ]
    for n in (30, 90, 300, 1000):
        for kind, study in {
            "independent": layout("independent", n),
            "independent, control 2 : 1": layout("independent", n, ratio=2),
            "paired": layout("paired", n),
            "paired, 3 % missing": layout("paired", n, missing=0.03),
        }.items():
            worlds.append(World(f"{kind}: {n}", study, stage_of[n], "2 : 1" in kind))
    return worlds


def truths(plan: Plan, stage: StageId) -> tuple[Truth, ...]:
    """Return all gates clearly better, all at their limit, all a quarter beyond it."""
    found = truths_of(plan, stage, plan.profile("default"), CONTROL)
    limit, worse = found["limit"].treatment, found["worse"].treatment
    beyond = {metric: limit[metric] + (worse[metric] - limit[metric]) / 4 for metric in limit}
    return found["better"], found["limit"], Truth(CONTROL, beyond)


def judge(world: World, repetitions: int, seed: Sequence[int]) -> list[Row]:
    """Simulate one layout under the three truths and judge every gate."""
    plan = load_plan(ROOT / "params" / "plan.yaml")
    profile, rng = plan.profile("default"), np.random.default_rng(seed)
    parts: dict[tuple[str, str], list[Judged]] = {}
    for seen in simulate(world.study, truths(plan, world.stage), rng, repetitions):
        for truth, one in zip(TRUTHS, seen, strict=True):
            for key, gate in plan.gates.items():
                literal = (
                    1 - gate.quantile if gate.quantile is not None else gate.plan_limit(profile)
                )
                proof = gate.proof_limit(world.stage, profile)
                found = judge_many(
                    gate, one, world.study, plan.evidence, proof=proof, literal=literal
                )
                parts.setdefault((truth, key), []).append(found)
    whole = {
        where: type(some[0])(*map(np.concatenate, zip(*some, strict=True)))
        for where, some in parts.items()
    }
    return [_row(world, plan, whole, key, repetitions) for key in plan.gates]


def _row(
    world: World, plan: Plan, found: dict[tuple[str, str], Judged], key: str, repetitions: int
) -> Row:
    limit, others = (
        found["limit", key],
        [found["better", other] for other in plan.gates if other != key],
    )
    proof = plan.gates[key].proof_limit(world.stage, plan.profile("default"))
    told = ~np.isnan(limit.point)
    literal = np.all([limit.literal, *(other.literal for other in others)], axis=0)
    go = np.all([limit.passed, *(other.passed for other in others)], axis=0) & literal
    rate = float(limit.passed.mean())
    return Row(
        world.name, world.stage, key, repetitions, rate,
        (max(rate, 1 / repetitions) * (1 - rate) / repetitions) ** 0.5,
        HARD if world.hard else BALANCED, float(found["beyond", key].passed.mean()),
        float(limit.failed.mean()),
        float((limit.lower <= proof)[told].mean()), float((limit.upper >= proof)[told].mean()),
        float(limit.literal.mean()), float(go.mean()), float(literal.mean()),
    )  # fmt: skip


# --- daily harm test ------------------------------------------------------------------------------


def harm(kind: str, users: int, icc: float, repetitions: int, seed: Sequence[int]) -> Harm:
    """Simulate persistent users, DAILY samples a day, without harm and with a loss of 10 pp."""
    rng = np.random.default_rng(seed)
    none, loss = (_looks(kind, users, icc, change, repetitions, rng) for change in (0.0, -0.1))
    rate, days = float(none[0].any(axis=1).mean()), loss[0].argmax(axis=1)[loss[0].any(axis=1)] + 1
    return Harm(
        f"{kind}: {users} users, correlation {icc:g}", rate,
        (rate * (1 - rate) / repetitions) ** 0.5,
        float(none[1].any(axis=1).mean()), float(none[2].any(axis=1).mean()),
        float(loss[0].any(axis=1).mean()),
        float(np.median(days)) if days.size else float("nan"),
    )  # fmt: skip


def _looks(
    kind: str, users: int, icc: float, change: float, repetitions: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rollbacks a day: by the boundary, by an uncorrected test, by "any day below −2 pp"."""
    rates = [_rates(rng, mean, icc, (repetitions, users)) for mean in (0.9 + change, 0.9)]
    if kind == "crossed":  # half of a user's bent shows in both arms
        rates[1] = np.clip((rates[0] - change + rates[1]) / 2, 0, 1)
    daily = [
        rng.binomial(DAILY, np.repeat(rate[None], DAYS, 0)).astype(np.float64) for rate in rates
    ]
    total = [np.cumsum(x, axis=0) for x in daily]
    n = np.arange(1, DAYS + 1)[:, None, None] * np.full((1, 1, users), float(DAILY))
    seen = np.broadcast_to(n, total[0].shape)
    arms = seen, total[0], seen, total[1]
    if kind == "nested":
        arms = clusters.side_by_side(*arms)
    found = clusters.cluster_contrast(*arms)
    known = np.asarray(found.se) > 0
    se, df = np.where(known, found.se, 1.0), np.where(np.asarray(found.df) > 0, found.df, 1.0)
    z = special.ndtri(special.stdtr(df, np.where(known, -np.asarray(found.point) / se, -9.0)))
    information = np.maximum.accumulate(1 / np.mean(se**2, axis=1))
    limits = sequential.lan_demets_boundaries(
        list(information / information[-1]), alpha=0.05, spending="pocock"
    )
    shares = [x.sum(axis=2) / (DAILY * users) for x in daily]
    p1, p0 = (x.sum(axis=2) / (n[..., 0] * users) for x in total)
    plain = (p0 - p1) / np.sqrt(
        np.maximum(p1 * (1 - p1) + p0 * (1 - p0), 1e-9) / (n[..., 0] * users)
    )
    literal = shares[0] - shares[1] < -0.02  # noqa: PLR2004
    return (z > limits[:, None]).T, (plain > special.ndtri(0.95)).T, literal.T


def _rates(rng: np.random.Generator, mean: float, icc: float, shape: tuple[int, int]) -> np.ndarray:
    return (
        rng.beta(mean * (1 / icc - 1), (1 - mean) * (1 / icc - 1), shape)
        if icc
        else np.full(shape, mean)
    )


def run(repetitions: int, workers: int) -> tuple[list[Row], list[Row], list[Harm]]:
    """Return the grid, what was flagged and simulated again, and the harm tests."""
    worlds = grid()
    days = [
        (kind, users, icc)
        for kind in ("nested", "crossed")
        for users in (10, 30, 100)
        for icc in (0.0, 0.05, 0.2)
    ]
    with ProcessPoolExecutor(workers) as pool:
        tasks = [
            pool.submit(judge, world, repetitions, (SEED, k)) for k, world in enumerate(worlds)
        ]
        harms = [
            pool.submit(harm, *which, repetitions, (SEED + 1, k)) for k, which in enumerate(days)
        ]
        rows = [row for task in tasks for row in task.result()]
        flagged = {
            row.world: {one.gate for one in rows if one.world == row.world and one.missed}
            for row in rows
            if row.missed
        }
        tasks = [
            pool.submit(judge, world, MORE * repetitions, (SEED + 2, k))
            for k, world in enumerate(worlds) if world.name in flagged
        ]  # fmt: skip
        again = [row for task in tasks for row in task.result() if row.gate in flagged[row.world]]
        return rows, again, [task.result() for task in harms]


def main() -> int:
    """Run the grid and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--repetitions", type=int, default=2000, metavar="N", help="of every world (default: 2000)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="processes (default: 2)"
    )
    arguments = parser.parse_args()
    started = time.perf_counter()
    found = run(arguments.repetitions, arguments.workers)
    seconds = time.perf_counter() - started
    write(Results(*found, seconds), ROOT / "docs")
    misses = [row for row in found[1] if row.missed]
    print(
        f"{len(found[0])} gates in worlds, {len(found[1])} simulated again, "
        f"{len(misses)} above target; {seconds:.0f} s"
    )
    for row in misses:
        print(f"  {row.gate}: {row.false_go:.1%} ± {row.error:.1%} ({row.world})")
    print("see docs/calibration.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
