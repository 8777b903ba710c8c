"""How often the daily watch rings: simulated rollouts of 14 days, healthy ones and ones with harm.

Rollouts come from `benchmarks/worlds/daily.py`, which shares nothing with the policy; what rings is
decided by the shipped plan and `rolloutlib.watch`. docs/statistics.md has the tables.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.statistics_page import ROOT, arguments, write
from benchmarks.worlds.daily import DailyWorld, draw
from rolloutlib.plan.model import load_plan
from rolloutlib.stats.daily import DayArm
from rolloutlib.watch.boundary import Calendar
from rolloutlib.watch.harm import OF_ERRORS, harm_tests, judged
from rolloutlib.watch.surge import people, risen, surges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.plan.model import Plan

LARGE = 300 * 14  # users times days, above which half as many rollouts are drawn
MARKS = ("<!-- watch: written by `make watch-worlds` -->", "<!-- watch: end -->")
PART = 100  # rollouts at once: what fits into memory

HEALTHY = (
    *(DailyWorld(f"{users} users an arm, correlation {icc:g}", users=users, icc=icc)
      for users in (10, 30, 100, 300) for icc in (0.05, 0.3)),
    *(DailyWorld(f"{users} users in both arms, correlation .3", users=users, icc=0.3, crossed=True)
      for users in (10, 100)),
    DailyWorld("days differ by 2 pp, both arms alike", day_sd=0.067),
    DailyWorld("days differ by 1 pp in each arm", arm_sd=0.033),
    DailyWorld("days differ by 2 pp in each arm", arm_sd=0.067),
    DailyWorld("days differ by 2 pp in each arm, 300 users", users=300, arm_sd=0.067),
    DailyWorld("a third of the samples on weekends", weekend=0.33, day_sd=0.067),
    DailyWorld("users who come and go (40 % on a day)", users=150, stay=0.4, icc=0.2),
    DailyWorld("users who join over the two weeks (20 % at first)", growth=0.2, icc=0.2),
    DailyWorld("heavy latencies (Pareto 2.2)", heavy=True),
    DailyWorld("errors .5 %, correlation .3", icc=0.3, rates={"error": 0.005}),
    DailyWorld("one treated user for nine of the control", users=30, ratio=9.0),
    DailyWorld("better: +3 pp, +.3, ×.8",
               changes={"passed": 0.03, "score": 0.3, "latency_ms": 0.8}),
)  # fmt: skip
HURTS = (
    DailyWorld("days differ by 4 pp in each arm, 300 users", users=300, arm_sd=0.133),
    DailyWorld("errors 1 %, at the plan's limit, correlation .3", icc=0.3, rates={"error": 0.01}),
    DailyWorld("20 users an arm, vetoed .5 %, correlation .5", users=20, icc=0.5,
               rates={"vetoed": 0.005}),
    DailyWorld("3 treated users for 27 of the control, 20 a day", users=6, ratio=9.0, samples=20.0),
)  # fmt: skip
LONG = (DailyWorld("60 days, 30 users an arm, correlation .2", users=30, icc=0.2, days=60),)
HARM = (
    *(DailyWorld(f"pass rate −10 pp, {users} users an arm", users=users, changes={"passed": -0.1})
      for users in (10, 30, 50, 100)),
    DailyWorld("pass rate −10 pp, 100 users an arm, correlation .3", icc=0.3,
               changes={"passed": -0.1}),
    DailyWorld("pass rate −10 pp, 100 users in both arms", crossed=True, changes={"passed": -0.1}),
    DailyWorld("pass rate −10 pp, days differ by 2 pp in each arm", arm_sd=0.067,
               changes={"passed": -0.1}),
    DailyWorld("pass rate −5 pp, 100 users an arm", changes={"passed": -0.05}),
    DailyWorld("pass rate −5 pp, 300 users an arm", users=300, changes={"passed": -0.05}),
    DailyWorld("pass rate −10 pp from day 8 on", changes={"passed": -0.1}, starts=7),
    DailyWorld("pass rate → 20 % from day 8 on", changes={"passed": -0.7}, starts=7),
    DailyWorld("pass rate → 20 % from day 8 on, 30 users an arm", users=30,
               changes={"passed": -0.7}, starts=7),
    DailyWorld("latency ×3 from day 8 on, 30 users an arm", users=30, changes={"latency_ms": 3.0},
               starts=7),
    DailyWorld("vetoed +40 pp from day 8 on, 30 users an arm", users=30, changes={"vetoed": 0.4},
               starts=7),
    DailyWorld("score −1", changes={"score": -1.0}),
    DailyWorld("score −1, 10 users an arm", users=10, changes={"score": -1.0}),
    DailyWorld("latency ×1.3", changes={"latency_ms": 1.3}),
    DailyWorld("latency ×1.3, 10 users an arm", users=10, changes={"latency_ms": 1.3}),
    DailyWorld("vetoed +10 pp", changes={"vetoed": 0.1}),
    DailyWorld("errors .2 % → 2 %", changes={"error": 10.0}),
    DailyWorld("errors .5 % → 5 %", changes={"error": 10.0}, rates={"error": 0.005}),
    DailyWorld("errors .2 % → 8 % from day 8 on, 30 users an arm", users=30,
               changes={"error": 40.0}, starts=7),
    DailyWorld("errors .2 % → 20 % from day 8 on", changes={"error": 100.0}, starts=7),
)  # fmt: skip
QUIET = "| {kind} | any alarm, % | ± |"
TABLES = (
    (QUIET.format(kind="worlds that hurt"), HURTS),
    (QUIET.format(kind="two weeks without harm"), (*HEALTHY, *LONG)),
    ("| with harm | found, % | on day (median) | 80 % by day |", HARM),
)
ALL = ("passed", "score", "vetoed", "latency_ms", "any_issue", "issue:hallucination", "error")


class Rang(NamedTuple):
    """The first day on which each rollout rang, 1 …; inf where none did."""

    world: DailyWorld
    first: np.ndarray

    @property
    def share(self) -> float:
        """Share of rollouts that rang."""
        return float(np.isfinite(self.first).mean())

    @property
    def error(self) -> float:
        """Monte Carlo error of the share."""
        return float(np.sqrt(self.share * (1 - self.share) / len(self.first)))


def watched(
    plan: Plan, world: DailyWorld, repetitions: int, seed: int, metrics: Sequence[str] = ALL
) -> Rang:
    """Draw rollouts and hold each day against the plan's tests."""
    parts = [
        _part(plan, world, min(PART, repetitions - done), [seed, done], metrics)
        for done in range(0, repetitions, PART)
    ]
    return Rang(world, np.concatenate(parts))


def _part(
    plan: Plan, world: DailyWorld, repetitions: int, seed: list[int], metrics: Sequence[str]
) -> np.ndarray:
    drawn = draw(world, tuple(metrics), repetitions, np.random.default_rng(seed))
    watch, rules = plan.monitoring, plan.evidence
    calendar = Calendar(watch.harm_test_days, False, watch.day_spread, rules.min_clusters, False)  # noqa: FBT003
    rang = np.zeros((repetitions, world.days), dtype=bool)
    for test in harm_tests(plan, plan.profile("default")):
        if test.metric in metrics:
            treatment, control = (DayArm(*arm) for arm in drawn[test.metric])
            for looks in judged(test, treatment, control, calendar):
                rang |= looks.beyond
    if "error" in metrics:
        treatment, control = (DayArm(*arm) for arm in drawn["error"])
        for looks in risen(treatment, control, calendar, error=_of_errors(plan)):
            rang |= looks.beyond
        rang |= _surged(plan, treatment, control, calendar)
    return np.where(rang.any(axis=1), rang.argmax(axis=1) + 1.0, np.inf)


def _of_errors(plan: Plan) -> float:
    return (1 - plan.evidence.confidence) * OF_ERRORS


def _surged(plan: Plan, treatment: DayArm, control: DayArm, calendar: Calendar) -> np.ndarray:
    limit = plan.gates["error_rate"].plan_limit(plan.profile("default"))
    error, floor = _of_errors(plan), plan.evidence.icc_floor
    rows: list[np.ndarray] = []
    for treated_rollout, control_rollout in zip(
        zip(*treatment, strict=True), zip(*control, strict=True), strict=True
    ):
        arm = DayArm(*treated_rollout)
        crossed = surges(arm, calendar, limit=limit, error=error, icc_floor=floor)
        hit = people((arm, DayArm(*control_rollout)), calendar, limit=limit, error=error)
        rows.append(crossed.whole | crossed.alone | hit)
    return np.array(rows)


def line(rang: Rang) -> str:
    """Return a row of a table."""
    days = np.quantile(rang.first, (0.5, 0.8), method="inverted_cdf")
    middle, most = ("–" if np.isinf(day) else f"{day:.0f}" for day in days)
    if rang.world in HARM:
        return f"| {rang.world.name} | {100 * rang.share:.1f} | {middle} | {most} |"
    return f"| {rang.world.name} | {100 * rang.share:.1f} | {100 * rang.error:.1f} |"


def main() -> int:
    """Simulate, print the tables, and put them into the page."""
    options = arguments(
        "python -m benchmarks.watch", None, rollouts=500, of="of each kind, half of large ones"
    )
    plan, tables = load_plan(ROOT / "params" / "plan.yaml"), list[str]()
    with ProcessPoolExecutor(options.workers) as pool:
        for head, worlds in TABLES:
            rows = list(pool.map(partial(_row, plan, options.rollouts), worlds))
            rule = "| --- |" + " --: |" * (head.count("|") - 2)
            tables.append("\n".join((head, rule, *rows)))
            print(f"\n{tables[-1]}\n", flush=True)
    if not options.dry:
        write(tables, MARKS)
    return 0


def _row(plan: Plan, rollouts: int, world: DailyWorld) -> str:
    large = world.users * world.days >= LARGE
    metrics = tuple(world.changes) if world in HARM else ALL
    return line(
        watched(plan, world, rollouts // 2 if large else rollouts, len(world.name), metrics)
    )


if __name__ == "__main__":
    sys.exit(main())
